//! Training: Caffe's schedule, the same bytes everywhere, and the first iterations of the embedded network's own run.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare itself has failed")]

use lots::data::idx;
use lots::training::{Solver, Training, TrainingSet, parameters_sha256};
use lots_network::Network;

/// The parameters of LeNet after ten iterations with seed 1, as `crates/lots/assets/lenet.training.json` has them.
const LOG: &str = include_str!("../assets/lenet.training.json");

fn digits() -> (Vec<u8>, Vec<u8>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/training");
    let images = idx::Images::open(format!("{folder}/digits-images-idx3-ubyte.gz")).unwrap();
    let pixels = images.flat_map(|image| image.unwrap().pixels().to_vec()).collect();
    let labels = idx::read_labels(format!("{folder}/digits-labels-idx1-ubyte.gz")).unwrap();
    (pixels, labels.into_iter().map(|label| u8::try_from(label).unwrap()).collect())
}

fn train(seed: u64, iterations: usize, threads: usize) -> Training {
    let (pixels, labels) = digits();
    let set = TrainingSet::new(&pixels, &labels).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut training = Training::new(Network::lenet(seed), Solver::default());
        for _ in 0..iterations {
            training.step(set).unwrap();
        }
        training
    })
}

#[test]
fn the_learning_rates_are_those_that_caffe_prints() {
    let solver = Solver::default();
    for (iteration, expected) in [
        (0, 0.01),
        (100, 0.009_925_65),
        (10_000, 0.005_946_04),
        (50_000, 0.002_608_47),
        (100_000, 0.001_655_60),
    ] {
        let got = solver.learning_rate(iteration);
        assert!((got - expected).abs() < 5e-9, "iteration {iteration}: got {got}, expected {expected}");
    }
}

#[test]
fn the_first_iterations_of_the_embedded_network_reproduce_bit_for_bit() {
    let log: serde_json::Value = serde_json::from_str(LOG).unwrap();
    let seed = log["seed"].as_u64().unwrap();
    for iterations in [1, 10] {
        let expected = log["parameters_sha256"][iterations.to_string()].as_str().unwrap();
        assert_eq!(
            parameters_sha256(train(seed, iterations, 2).network()),
            expected,
            "after {iterations} iterations"
        );
    }
}

#[test]
fn one_and_two_threads_train_the_same_network() {
    assert_eq!(parameters_sha256(train(7, 3, 1).network()), parameters_sha256(train(7, 3, 2).network()));
}

#[test]
fn training_goes_on_from_a_checkpoint_with_the_same_bytes() {
    let (pixels, labels) = digits();
    let set = TrainingSet::new(&pixels, &labels).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    std::fs::write(&path, train(7, 2, 2).checkpoint("seed 7")).unwrap();

    // The weights of another seed: everything must come from the checkpoint.
    let mut resumed = Training::restore(&path, Network::lenet(8), Solver::default(), "seed 7").unwrap();
    assert_eq!(resumed.iteration(), 2);
    for _ in 0..2 {
        resumed.step(set).unwrap();
    }
    assert_eq!(parameters_sha256(resumed.network()), parameters_sha256(train(7, 4, 2).network()));
}

#[test]
fn a_checkpoint_of_another_run_or_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let bytes = Training::new(Network::lenet(0), Solver::default()).checkpoint("seed 0");
    std::fs::write(&path, &bytes).unwrap();
    let restore = |run: &str, solver: Solver| {
        Training::restore(&path, Network::lenet(0), solver, run).unwrap_err().to_string()
    };
    assert!(restore("seed 1", Solver::default()).contains("another run"));
    assert!(restore("seed 0", Solver { batch: 32, ..Solver::default() }).contains("another solver"));
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let message = restore("seed 0", Solver::default());
        assert!(message.starts_with("the checkpoint does not fit"), "{length} bytes: {message}");
    }
}

#[test]
fn a_step_follows_the_formula() {
    let (pixels, labels) = digits();
    let set = TrainingSet::new(&pixels, &labels).unwrap();
    let mut training = Training::new(Network::lenet(3), Solver::default());
    let mut weights: Vec<Vec<f64>> = Vec::new();
    let mut last: Vec<Vec<f64>> = Vec::new();
    for parameter in training.network().parameters() {
        weights.push(parameter.values.iter().map(|&value| f64::from(value)).collect());
        last.push(vec![0.0; parameter.values.len()]);
    }
    for iteration in 0..3 {
        let batch = iteration * 64..(iteration + 1) * 64;
        let own: Vec<usize> = labels[batch.clone()].iter().map(|&label| usize::from(label)).collect();
        let gradient =
            training.network().loss_gradient(&pixels[batch.start * 784..batch.end * 784], &own).unwrap();
        training.step(set).unwrap();
        let rate = 0.01 * (1.0 + 1e-4 * f64::from(u32::try_from(iteration).unwrap())).powf(-0.75);
        for (index, parameter) in training.network().parameters().iter().enumerate() {
            let rate = if parameter.is_bias { 2.0 * rate } else { rate };
            for (element, &got) in parameter.values.iter().enumerate() {
                let decayed =
                    f64::from(gradient.gradients[index][element]) + 0.0005 * weights[index][element];
                last[index][element] = rate * decayed + 0.9 * last[index][element];
                weights[index][element] -= last[index][element];
                let expected = weights[index][element];
                assert!(
                    (f64::from(got) - expected).abs() < 1e-6,
                    "{}: got {got}, expected {expected}",
                    parameter.name
                );
            }
        }
    }
}
