//! What users wait for with small images: LeNet on digits of 28×28 pixels, one, 64 and 1,000 of them.

#![expect(clippy::unwrap_used, reason = "a bench that cannot compute has failed")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lots_network::{Network, ReluStart};

fn benches(criterion: &mut Criterion) {
    let network = Network::lenet(0);
    let logits = network.logits();
    let all: Vec<u8> = (0..1000 * 28 * 28).map(|index| (index * 7919 % 256) as u8).collect();
    for count in [1, 64, 1000] {
        let pixels = &all[..count * 28 * 28];
        let cotangents = vec![0.5; count * network.class_count()];
        let mut group = criterion.benchmark_group(format!("lenet, {count} images"));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function("classify", |bencher| {
            bencher.iter(|| black_box(network.classify(pixels).unwrap()));
        });
        group.bench_function("logits and gradient to the pixels", |bencher| {
            bencher.iter(|| {
                let trace = network.trace(&[logits], pixels).unwrap();
                black_box(trace.representation(logits).unwrap());
                black_box(trace.backpropagate(logits, &cotangents, ReluStart::Caffe).unwrap());
            });
        });
        group.finish();
    }
    let labels: Vec<usize> = (0..64).map(|index| index % 10).collect();
    criterion.bench_function("lenet, gradient to the weights for 64 images", |bencher| {
        bencher.iter(|| black_box(network.loss_gradient(&all[..64 * 28 * 28], &labels).unwrap()));
    });
}

criterion_group!(small_images, benches);
criterion_main!(small_images);
