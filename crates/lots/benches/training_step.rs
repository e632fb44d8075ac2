//! One step of training: LeNet, 64 digits, Caffe's solver.

#![expect(clippy::unwrap_used, reason = "a bench that cannot compute has failed")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lots::data::digits;
use lots::training::{Solver, Training, TrainingSet};
use lots_network::Network;

fn benches(criterion: &mut Criterion) {
    let digits = digits::load();
    let pixels: Vec<u8> = digits.images().iter().flat_map(|image| image.pixels().to_vec()).collect();
    let labels: Vec<u8> = digits.labels().unwrap().iter().map(|&label| label as u8).collect();
    let set = TrainingSet::new(&pixels, &labels).unwrap();
    let mut training = Training::new(Network::lenet(0), Solver::default());
    criterion.bench_function("lenet, 64 digits", |bencher| {
        bencher.iter(|| black_box(training.step(set).unwrap()));
    });
}

criterion_group!(training_step, benches);
criterion_main!(training_step);
