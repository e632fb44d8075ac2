//! Directions a second: toward a target at each layer with weights, for one digit and for 64.
//!
//! The network is the embedded LeNet, the images its embedded digits (28×28).

#![expect(clippy::unwrap_used, reason = "a bench that cannot read its data has failed")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lots::direction::OriginTrace;
use lots::{data::digits, embedded};

fn benches(criterion: &mut Criterion) {
    let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
    let names = ["conv1", "conv2", "ip1", "ip2"];
    let layers = names.map(|name| network.layer(name).unwrap());
    for count in [1, 64] {
        let mut group = criterion.benchmark_group(format!("lenet, {count} digits"));
        group.throughput(Throughput::Elements(count as u64));
        let origins = &digits.images()[..count];
        group.bench_function("trace to all layers", |bencher| {
            bencher.iter(|| black_box(OriginTrace::of_images(&network, &layers, origins).unwrap()));
        });
        let trace = OriginTrace::of_images(&network, &layers, origins).unwrap();
        for (name, layer) in names.into_iter().zip(layers) {
            let target = network.represent(layer, targets.images()[3].pixels()).unwrap().values;
            let targets = vec![&target[..]; count];
            group.bench_function(format!("toward at {name}"), |bencher| {
                bencher.iter(|| black_box(trace.toward(layer, &targets).unwrap()));
            });
        }
        group.finish();
    }
}

criterion_group!(direction, benches);
criterion_main!(direction);
