//! What every command waits for before it starts: the embedded LeNet, the embedded digits, a picture.

#![expect(clippy::unwrap_used, reason = "a bench that cannot read its data has failed")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lots::{Image, data::digits, embedded};

fn benches(criterion: &mut Criterion) {
    criterion.bench_function("the embedded lenet", |bencher| bencher.iter(|| black_box(embedded::lenet())));
    criterion.bench_function("1,000 embedded digits", |bencher| bencher.iter(|| black_box(digits::load())));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digit.png");
    digits::load().images()[4].save(&path).unwrap();
    criterion
        .bench_function("a digit as PNG", |bencher| bencher.iter(|| black_box(Image::open(&path).unwrap())));
}

criterion_group!(load, benches);
criterion_main!(load);
