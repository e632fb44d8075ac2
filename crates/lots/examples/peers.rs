//! The `lots` side of `benches/peers/run`, which tells it what to do line by line and compares the answers.
//!
//! Usage: `peers THREADS`, then lines on standard input: work, repeats, file for the result or `-`, arguments; separated
//! by tabs. Each is answered by a line of JSON with the seconds that the repeats took together.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use std::cell::RefCell;
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use lots::data::{ImageSet, array, digits};
use lots::experiment::{Attempt, Experiment, Group};
use lots::measure::PassScorer;
use lots::training::{Solver, Training, TrainingSet};
use lots::{Image, Method, embedded};
use lots_network::{Network, ReluStart};
use rayon::prelude::*;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Layers and what is computed between one and the next: their names, multiplications with additions an image.
const LENET_LAYERS: [(&str, usize); 6] = [
    ("conv1", 20 * 25 * 24 * 24),
    ("pool1", 0),
    ("conv2", 50 * 20 * 25 * 8 * 8),
    ("pool2", 0),
    ("ip1", 500 * 800),
    ("ip2", 10 * 500),
];

fn main() -> Result<()> {
    let threads = std::env::args().nth(1).ok_or("how many threads?")?.parse()?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let (mut lenet, mut files) = (Lenet::new()?, Files::default());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split('\t').collect();
        let [work, repeats, out, arguments @ ..] = words.as_slice() else {
            return Err(format!("expected work, repeats and a file, got `{line}`").into());
        };
        let task = Task { repeats: repeats.parse()?, out: (*out != "-").then(|| Path::new(*out)) };
        let answer = match (*work, arguments) {
            ("classify", [count]) => lenet.classify(&task, count.parse()?)?,
            ("gradient", [count]) => lenet.gradient(&task, count.parse()?)?,
            ("train", []) => lenet.train(&task)?,
            ("attempts", [count]) => lenet.attempts(&task, count.parse()?)?,
            ("layers", [count]) => lenet.layers(&task, count.parse()?)?,
            ("pass", [origins, perturbed]) => pass_scores(&task, Path::new(origins), Path::new(perturbed))?,
            ("forward_file", [network, image]) => forward(&task, files.network(network)?, &pixels(image)?)?,
            ("gradient_file", [network, image]) => gradient(&task, files.network(network)?, &pixels(image)?)?,
            ("peak", []) => json!({ "seconds": 0.0, "gflops": peak_gflops(threads) }),
            _ => return Err(format!("no such work: `{line}`").into()),
        };
        writeln!(std::io::stdout().lock(), "{answer}")?;
    }
    Ok(())
}

/// How often the work is done, and where its result goes.
struct Task<'a> {
    repeats: usize,
    out: Option<&'a Path>,
}

impl Task<'_> {
    /// Does the work, and returns the seconds with the last result.
    fn time<R>(&self, mut work: impl FnMut() -> Result<R>) -> Result<(f64, R)> {
        let start = Instant::now();
        for _ in 1..self.repeats {
            black_box(work()?);
        }
        let result = work()?;
        Ok((start.elapsed().as_secs_f64(), result))
    }

    fn store<T: array::Element>(&self, shape: &[usize], values: &[T]) -> Result<()> {
        Ok(self.out.map_or(Ok(()), |out| array::write(out, shape, values))?)
    }
}

/// The embedded network with the embedded digits.
struct Lenet {
    network: Network,
    digits: ImageSet,
    pixels: Vec<u8>,
    /// What `gradient` moves toward: the logits of the target of the class after the digit's.
    toward: Vec<f32>,
    training: Option<Training>,
}

impl Lenet {
    fn new() -> Result<Self> {
        let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
        let pixels = digits.images().iter().flat_map(Image::pixels).copied().collect();
        let mut toward = Vec::new();
        for &label in digits.labels().unwrap_or_default() {
            let target = &targets.images()[(label + 1) % 10];
            toward.extend(network.classify(target.pixels())?.values);
        }
        Ok(Self { network, digits, pixels, toward, training: None })
    }

    fn pixels(&self, count: usize) -> &[u8] {
        &self.pixels[..count * 784]
    }

    fn classify(&self, task: &Task<'_>, count: usize) -> Result<Value> {
        let (seconds, logits) = task.time(|| Ok(self.network.classify(self.pixels(count))?))?;
        task.store(&logits.shape, &logits.values)?;
        Ok(json!({ "seconds": seconds }))
    }

    /// The representations at ip2 and the direction toward the targets there.
    fn gradient(&self, task: &Task<'_>, count: usize) -> Result<Value> {
        let ip2 = self.network.layer("ip2")?;
        let (seconds, gradient) = task.time(|| {
            let trace = self.network.trace(&[ip2], self.pixels(count))?;
            let mut cotangents = trace.representation(ip2)?.values;
            for (origin, target) in cotangents.iter_mut().zip(&self.toward) {
                *origin = target - *origin;
            }
            Ok(trace.backpropagate(ip2, &cotangents, ReluStart::Caffe)?)
        })?;
        task.store(&gradient.shape, &gradient.values)?;
        Ok(json!({ "seconds": seconds }))
    }

    /// Iterations of 64 images; the losses go on from call to call, and anew where they are stored.
    fn train(&mut self, task: &Task<'_>) -> Result<Value> {
        let labels: Vec<u8> =
            self.digits.labels().unwrap_or_default().iter().map(|&label| label as u8).collect();
        let set = TrainingSet::new(&self.pixels, &labels)?;
        let fresh = || Training::new(embedded::lenet(), Solver::default());
        if task.out.is_some() {
            let mut training = fresh();
            let losses: Vec<f32> =
                (0..10).map(|_| Ok(training.step(set)?.loss)).collect::<Result<Vec<_>>>()?;
            task.store(&[losses.len()], &losses)?;
        }
        let training = self.training.get_or_insert_with(fresh);
        let (seconds, _) = task.time(|| Ok(training.step(set)?))?;
        Ok(json!({ "seconds": seconds }))
    }

    /// 36 attempts on each digit that the network reads as its label says; the smallest steps, NaN where there is none.
    fn attempts(&self, task: &Task<'_>, count: usize) -> Result<Value> {
        let origins = self.digits.part(0..count)?;
        let (targets, layers) = (digits::targets(), ["conv1", "conv2", "ip1", "ip2"]);
        let groups = layers.into_iter().map(|layer| Group::at_layer(Method::Toward, layer)).collect();
        let experiment = Experiment { groups, with_pass_score: false, ..Experiment::default() };
        let (seconds, (results, steps)) = task.time(|| {
            let mut steps = Vec::new();
            let mut keep = |attempt: Attempt| {
                steps.push(attempt.outcome.reached().map_or(f32::NAN, |reached| reached.step() as f32));
            };
            Ok((experiment.run(&self.network, &origins, Some(&targets), &mut keep)?.all, steps))
        })?;
        task.store(&[steps.len()], &steps)?;
        Ok(json!({
            "seconds": seconds,
            "attempts": results.attempts,
            "reached": results.reached,
            "l2": results.l2.mean(),
            "classifications": results.classifications,
        }))
    }

    /// The speed of each layer: what a pass to it takes longer than a pass to the layer before.
    fn layers(&self, task: &Task<'_>, count: usize) -> Result<Value> {
        let pixels = self.pixels(count);
        let mut rows = Vec::new();
        let (mut products, mut seconds) = (0, 0.0);
        for (name, own) in LENET_LAYERS {
            products += own;
            let layer = self.network.layer(name)?;
            let cotangents = vec![1.0; count * self.network.shape(layer).count()];
            let (forward, _) = task.time(|| Ok(self.network.represent(layer, pixels)?))?;
            let trace = self.network.trace(&[layer], pixels)?;
            let (backward, _) =
                task.time(|| Ok(trace.backpropagate(layer, &cotangents, ReluStart::Caffe)?))?;
            seconds += forward + backward;
            let microseconds = 1e6 / (task.repeats * count) as f64;
            rows.push(json!({
                "layer": name,
                "products": products,
                "forward_us": forward * microseconds,
                "backward_us": backward * microseconds,
            }));
        }
        Ok(json!({ "seconds": seconds, "layers": rows }))
    }
}

thread_local! {
    /// Lives on from call to call, as the processes of the peer do.
    static SCORER: RefCell<PassScorer> = RefCell::default();
}

/// PASS of pairs that lie in two arrays.
fn pass_scores(task: &Task<'_>, origins: &Path, perturbed: &Path) -> Result<Value> {
    let (origins, perturbed) = (images(origins)?, images(perturbed)?);
    let (seconds, scores) = task.time(|| {
        let score = |(origin, perturbed): (&Image, &Image)| {
            SCORER.with_borrow_mut(|scorer| Ok(scorer.score_alone(origin, perturbed)? as f32))
        };
        let scores: std::result::Result<Vec<f32>, lots::Error> =
            origins.par_iter().zip(&perturbed).with_max_len(1).map(score).collect();
        Ok(scores?)
    })?;
    task.store(&[scores.len()], &scores)?;
    Ok(json!({ "seconds": seconds }))
}

fn images(path: &Path) -> Result<Vec<Image>> {
    Ok(array::Images::open(path)?.collect::<std::result::Result<Vec<_>, _>>()?)
}

/// The network that was read last.
#[derive(Default)]
struct Files {
    last: Option<(String, Network)>,
}

impl Files {
    fn network(&mut self, path: &str) -> Result<&Network> {
        if self.last.as_ref().is_none_or(|(last, _)| last != path) {
            self.last = Some((path.to_owned(), Network::load(path)?));
        }
        self.last.as_ref().map(|(_, network)| network).ok_or_else(|| "no network".into())
    }
}

fn pixels(path: &str) -> Result<Vec<u8>> {
    Ok(images(Path::new(path))?.iter().flat_map(Image::pixels).copied().collect())
}

/// The logits of images.
fn forward(task: &Task<'_>, network: &Network, pixels: &[u8]) -> Result<Value> {
    let (seconds, logits) = task.time(|| Ok(network.classify(pixels)?))?;
    task.store(&logits.shape, &logits.values)?;
    Ok(json!({ "seconds": seconds }))
}

/// The gradient of the first logit of each image in its pixels.
fn gradient(task: &Task<'_>, network: &Network, pixels: &[u8]) -> Result<Value> {
    let (logits, classes) = (network.logits(), network.class_count());
    let mut cotangents = vec![0.0; classes * pixels.len() / network.input_shape().iter().product::<usize>()];
    cotangents.iter_mut().step_by(classes).for_each(|cotangent| *cotangent = 1.0);
    let (seconds, gradient) = task.time(|| {
        let trace = network.trace(&[logits], pixels)?;
        Ok(trace.backpropagate(logits, &cotangents, ReluStart::Caffe)?)
    })?;
    task.store(&gradient.shape, &gradient.values)?;
    Ok(json!({ "seconds": seconds }))
}

/// How many single-precision operations all threads do a second when nothing waits: fused multiply-adds in registers.
fn peak_gflops(threads: usize) -> f64 {
    let start = Instant::now();
    let operations: usize = (0..threads)
        .into_par_iter()
        .map(|thread| pulp::Arch::new().dispatch(MultiplyAdds { rounds: 20_000_000, start: thread as f32 }))
        .sum();
    operations as f64 / start.elapsed().as_secs_f64() / 1e9
}

/// Chains of fused multiply-adds that do not wait for each other.
struct MultiplyAdds {
    rounds: usize,
    start: f32,
}

/// Enough for two units with a latency of five cycles.
const CHAINS: usize = 12;

impl pulp::WithSimd for MultiplyAdds {
    /// How many operations were done.
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) -> usize {
        let (factor, term) = (simd.splat_f32s(0.999), simd.splat_f32s(0.001));
        let mut chains = [simd.splat_f32s(self.start); CHAINS];
        for _ in 0..self.rounds {
            for chain in &mut chains {
                *chain = simd.mul_add_f32s(*chain, factor, term);
            }
        }
        for chain in chains {
            black_box(simd.reduce_sum_f32s(chain));
        }
        2 * self.rounds * CHAINS * S::F32_LANES
    }
}
