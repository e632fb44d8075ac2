//! Attempts a second: 36 on each of some embedded digits (nine targets at four layers of the embedded LeNet), without
//! and with PASS.

#![expect(clippy::unwrap_used, reason = "a bench that cannot read its data has failed")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lots::data::{ImageSet, digits};
use lots::experiment::{Attempt, Experiment, Group};
use lots::{Method, embedded};

fn benches(criterion: &mut Criterion) {
    let (network, targets) = (embedded::lenet(), digits::targets());
    let (images, labels, names) = digits::load().into_parts();
    let layers = ["conv1", "conv2", "ip1", "ip2"];
    for count in [1, 64] {
        let labels = labels.as_ref().map(|labels| labels[..count].to_vec());
        let origins = ImageSet::new(images[..count].to_vec(), labels, names[..count].to_vec()).unwrap();
        let mut group = criterion.benchmark_group(format!("lenet, 36 attempts on each of {count} digits"));
        group.throughput(Throughput::Elements(36 * count as u64));
        group.sample_size(10);
        for (name, with_pass_score) in [("without PASS", false), ("with PASS", true)] {
            let groups = layers.map(|layer| Group::at_layer(Method::Toward, layer)).to_vec();
            let experiment = Experiment { groups, with_pass_score, ..Experiment::default() };
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    experiment.run(&network, &origins, Some(&targets), &mut |_: Attempt| {}).unwrap()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(experiment, benches);
criterion_main!(experiment);
