//! How near each layer of LeNet comes to what the machine can do: GFLOP/s against the peak of one core, measured here.
//!
//! One JSON object a line. First the peak of a core: fused multiply-adds in registers, two operations each. Then, for
//! one image and for 64, on one thread and on all, each layer with weights forward and backward to its input; what a
//! layer takes is the time to it less the time to the layer below, so pooling and ReLU count for the layer above them.
//! Every time is the shortest of many.
//!
//! `cargo bench -p lots-network --bench layer_speed`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints what it measured, or has failed"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use lots_network::{LayerId, Network, ReluStart};
use pulp::{Simd, WithSimd};

fn main() {
    let network = Network::lenet(0);
    let peak = pulp::Arch::new().dispatch(Peak);
    println!("{{\"peak_gflops_of_a_core\": {peak:.1}}}");
    for threads in [1, std::thread::available_parallelism().map_or(1, usize::from)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for images in [1, 64] {
            let machine = Machine { threads, images, peak: peak * threads as f64 };
            pool.install(|| machine.measure(&network));
        }
    }
}

struct Machine {
    threads: usize,
    images: usize,
    /// Of all threads.
    peak: f64,
}

impl Machine {
    fn measure(&self, network: &Network) {
        let [channels, height, width] = network.input_shape();
        let count = self.images * channels * height * width;
        let pixels: Vec<u8> = (0..count).map(|index| (index * 7919 % 256) as u8).collect();
        let trace = network.trace(&[network.logits()], &*pixels).unwrap();
        let mut below = [0.0; 2];
        for (name, multiply_adds) in weight_layers(network) {
            // What the node itself computes, before a ReLU.
            let layer = tensor(network, &name);
            let forward = shortest(|| drop(black_box(network.trace(&[layer], &*pixels).unwrap())));
            let cotangents: Vec<f32> = (0..network.shape(layer).count() * self.images)
                .map(|index| (index % 17) as f32 - 8.0)
                .collect();
            let backward = shortest(|| {
                black_box(trace.backpropagate(layer, &cotangents, ReluStart::Exact).unwrap());
            });
            let operations = (2 * multiply_adds * self.images) as f64;
            for (pass, [time, below]) in
                [("forward", [forward, below[0]]), ("backward", [backward, below[1]])]
            {
                let own = time - below;
                let gflops = operations / own / 1e9;
                println!(
                    "{{\"layer\": \"{name}\", \"pass\": \"{pass}\", \"images\": {}, \"threads\": {}, \
                     \"us_an_image\": {:.2}, \"gflops\": {gflops:.1}, \"of_peak\": {:.3}}}",
                    self.images,
                    self.threads,
                    own * 1e6 / self.images as f64,
                    gflops / self.peak,
                );
            }
            below = [forward, backward];
        }
    }
}

/// The layers with weights and how many multiply-adds an image takes, borders without what lies outside.
fn weight_layers(network: &Network) -> Vec<(String, usize)> {
    network
        .layers()
        .iter()
        .filter(|layer| layer.position.is_some())
        .map(|layer| {
            let outputs = layer.output_shape.extents()[0];
            let places = layer.output_shape.count() / outputs;
            (layer.name.clone(), (layer.parameter_count - outputs) * places)
        })
        .collect()
}

fn tensor(network: &Network, name: &str) -> LayerId {
    let layer = network.layers().iter().find(|layer| layer.name == name).unwrap();
    network.layer(&layer.tensor).unwrap()
}

/// Seconds.
fn shortest(mut work: impl FnMut()) -> f64 {
    let (mut best, start) = (f64::INFINITY, Instant::now());
    while start.elapsed() < Duration::from_millis(400) {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// Fused multiply-adds in registers, enough chains at a time to hide how long each takes; GFLOP/s.
struct Peak;

impl WithSimd for Peak {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        const CHAINS: usize = 12;
        const ROUNDS: usize = 1 << 20;
        let (factor, addend) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(0.001)));
        let mut sums = [simd.splat_f32s(black_box(1.0)); CHAINS];
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = simd.mul_add_f32s(factor, *sum, addend);
                }
            }
            best = best.min(start.elapsed().as_secs_f64());
            black_box(&sums);
        }
        (2 * CHAINS * ROUNDS * S::F32_LANES) as f64 / best / 1e9
    }
}
