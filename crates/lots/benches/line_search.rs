//! Line searches a second: one attempt with its network, and the search itself, where judging an image costs nothing.
//!
//! The network is the embedded LeNet, the images its embedded digits (28×28); the large ray has the 3×224×224 pixels
//! of VGG-16.

#![expect(clippy::unwrap_used, reason = "a bench that cannot read its data has failed")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lots::line_search::{LineSearch, Verdict};
use lots::{Criterion as Until, Direction, Image, attack, data::digits, direction, embedded};

fn benches(criterion: &mut Criterion) {
    let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
    let (four, nine) = (&digits.images()[4], &targets.images()[9]);
    let conv2 = direction::toward(&network, "conv2", four, nine).unwrap();
    let search = LineSearch::default();
    criterion.bench_function("lenet, one attempt with PASS", |bencher| {
        bencher.iter(|| {
            black_box(attack::along(&network, four, &conv2, &Until::Misclassified, &search).unwrap())
        });
    });
    for (name, shape) in [("28x28", [1, 28, 28]), ("224x224x3", [3, 224, 224])] {
        let (origin, direction) = ray(shape);
        let count = origin.pixels().len();
        // The mean pixel crosses a level: smooth along the ray like the margin of a network.
        let judge = |image: &Image| {
            let sum: u64 = image.pixels().iter().map(|&pixel| u64::from(pixel)).sum();
            let margin = sum as f64 / count as f64 - 150.0;
            Verdict { holds: margin >= 0.0, margin }
        };
        let at_origin = judge(&origin);
        assert!(!at_origin.holds);
        criterion.bench_function(&format!("{name}, judged by the mean pixel"), |bencher| {
            bencher.iter(|| black_box(search.smallest_step(&origin, &direction, at_origin, judge).unwrap()));
        });
    }
}

/// A grey ramp that brightens, unevenly.
fn ray(shape: [usize; 3]) -> (Image, Direction) {
    let [channels, height, width] = shape;
    let count = channels * height * width;
    let origin = Image::new(channels, height, width, (0..count).map(|index| (index % 200) as u8).collect());
    let slopes = (0..count).map(|index| ((index * 7919) % 1000) as f32 / 1000.0 - 0.1).collect();
    (origin.unwrap(), Direction::new(shape, slopes).unwrap())
}

criterion_group!(line_search, benches);
criterion_main!(line_search);
