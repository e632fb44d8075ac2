//! One large image through VGG-16 (224×224×3, random weights): forward, and forward with the gradient to the pixels.
//!
//! Prints the shortest and the middle time of several runs, the rate in GFLOP/s that the textbook's multiplications and
//! additions would need for it (30.9 GFLOP forward, twice that with the gradient), and the most memory the process has
//! held. `cargo bench -p lots-network --bench large_image -- layers` times every prefix of the network as well;
//! `-- save FILE.onnx` writes the network, so that other programs can be timed on the same one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints what it measured, or has failed"
)]

use std::hint::black_box;
use std::time::Instant;

use lots_network::{Network, ReluStart, Vgg16};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let network = Vgg16::default().network(0);
    if let ["save", path] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        std::fs::write(path, network.to_onnx()).unwrap();
        return;
    }
    println!("{} threads; after building the network: {}", rayon::current_num_threads(), memory());
    let count: usize = network.input_shape().iter().product();
    let pixels: Vec<u8> = (0..count).map(|index| (index * 7919 % 251) as u8).collect();
    let flop = 2.0 * multiplications(&network) as f64;

    let forward = times(15, || drop(black_box(network.classify(&*pixels).unwrap())));
    report("forward", &forward, flop);
    let (layer, classes) = (network.logits(), network.class_count());
    let cotangent: Vec<f32> = (0..classes).map(|class| if class == 3 { 1.0 } else { 0.0 }).collect();
    let both = times(10, || {
        let trace = network.trace(&[layer], &*pixels).unwrap();
        black_box(trace.backpropagate(layer, &cotangent, ReluStart::Exact).unwrap());
    });
    report("forward and gradient", &both, 2.0 * flop);
    if arguments.first().is_some_and(|argument| argument == "layers") {
        let mut before = 0.0;
        for layer in network.layers() {
            let id = network.layer(&layer.tensor).unwrap();
            let times = times(7, || drop(black_box(network.represent(id, &*pixels).unwrap())));
            println!("{:22} {:8.2} ms, + {:6.2}", layer.tensor, times[0], times[0] - before);
            before = times[0];
        }
    }
}

/// Multiplications of the convolutions and fully connected layers for one image.
fn multiplications(network: &Network) -> usize {
    let weights = network.parameters();
    let layers = network.layers().iter().filter(|layer| layer.position.is_some());
    let matrices = weights.iter().filter(|parameter| !parameter.is_bias);
    layers
        .zip(matrices)
        .map(|(layer, matrix)| {
            layer.output_shape.extents()[1..].iter().product::<usize>() * matrix.values.len()
        })
        .sum()
}

/// Milliseconds of `count` runs, sorted, after one that is not counted.
fn times(count: usize, mut run: impl FnMut()) -> Vec<f64> {
    run();
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn report(what: &str, times: &[f64], flop: f64) {
    println!(
        "{what:22} {:8.2} ms ({:.2} in the middle), {:.0} GFLOP/s; {}",
        times[0],
        times[times.len() / 2],
        flop / times[0] * 1e-6,
        memory()
    );
}

/// What the system says of the process's memory, where it does.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find(|line| line.starts_with(name)).map(|line| line[name.len()..].trim());
    match (line("VmHWM:"), line("VmRSS:")) {
        (Some(peak), Some(now)) => format!("memory {now}, at most {peak}"),
        _ => "memory unknown".to_owned(),
    }
}
