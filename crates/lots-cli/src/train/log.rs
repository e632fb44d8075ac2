//! The log of a training, which stands beside the network: what it was made from, so that it can be made again.

use std::collections::BTreeMap;
use std::path::Path;

use lots::data::ImageSet;
use lots::training::Solver;
use serde::{Deserialize, Serialize};

use super::Data;
use crate::args::TrainArgs;
use crate::failure::{Failure, Result};
use crate::json_file;
use crate::network::Loaded;
use crate::terminal::grouped;

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 1;

/// `lenet.training.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Log {
    format_version: u32,
    lots_version: String,
    command: String,
    /// The network that it started from, if not from random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<FromLog>,
    seed: u64,
    iterations: usize,
    solver: SolverLog,
    data: DataLog,
    /// SHA-256 of all weights and biases after so many iterations.
    parameters_sha256: BTreeMap<usize, String>,
    pub(super) tests: Vec<TestResult>,
    /// Share of the test images that the trained network misreads, 0–1.
    test_error: Option<f64>,
}

/// The constants of the descent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SolverLog {
    base_rate: f64,
    gamma: f64,
    power: f64,
    momentum: f32,
    weight_decay: f32,
    bias_rate: f32,
    batch: usize,
}

/// The network that a training started from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FromLog {
    name: String,
    sha256: String,
}

/// SHA-256 of all pixels followed by all labels; of perturbed images, each followed by its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct DataLog {
    train_images: usize,
    train_sha256: String,
    /// Share of clean images in each batch of perturbed ones, 0–1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mix: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test_images: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test_sha256: Option<String>,
}

/// A look at the test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TestResult {
    pub(super) iteration: usize,
    pub(super) images: usize,
    pub(super) errors: usize,
    /// Share, 0–1.
    pub(super) error: f64,
}

impl TestResult {
    /// `after 10,000 iterations: test error 0.94 % (94 of 10,000)`
    pub(super) fn text(&self) -> String {
        let Self { iteration, images, errors, error } = self;
        let (iteration, errors, images) = (grouped(*iteration), grouped(*errors), grouped(*images));
        format!("after {iteration} iterations: test error {:.2} % ({errors} of {images})", 100.0 * error)
    }
}

impl Log {
    /// A log with nothing done yet.
    pub(super) fn new(args: &TrainArgs, solver: &Solver, data: &Data, from: Option<&Loaded>) -> Self {
        let Solver { base_rate, gamma, power, momentum, weight_decay, bias_rate, batch } = *solver;
        Self {
            format_version: FORMAT_VERSION,
            lots_version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command(args),
            from: from.map(|from| FromLog { name: from.name.clone(), sha256: from.sha256.clone() }),
            seed: args.seed,
            iterations: args.iterations,
            solver: SolverLog { base_rate, gamma, power, momentum, weight_decay, bias_rate, batch },
            data: DataLog {
                train_images: data.train_images,
                train_sha256: data.train_sha256.clone(),
                mix: args.mix,
                test_images: data.test.as_ref().map(ImageSet::len),
                test_sha256: data.test_sha256.clone(),
            },
            parameters_sha256: BTreeMap::new(),
            tests: Vec::new(),
            test_error: None,
        }
    }

    /// What a checkpoint must have been started with to be gone on with; the number of iterations may change.
    pub(super) fn run(&self) -> String {
        let from = self.from.as_ref().map(|from| format!(", from the network {}", from.sha256));
        let mix = self.data.mix.map(|mix| format!(", mixed with {mix} clean images"));
        format!(
            "seed {}, training data {}{}{}",
            self.seed,
            self.data.train_sha256,
            from.unwrap_or_default(),
            mix.unwrap_or_default()
        )
    }

    /// This log with what had been noted when the checkpoint of `iteration` was written.
    pub(super) fn continued(mut self, path: &Path, iteration: usize) -> Result<Self> {
        let before = Self::read(path)?;
        self.parameters_sha256 =
            before.parameters_sha256.into_iter().filter(|&(done, _)| done <= iteration).collect();
        self.tests = before.tests.into_iter().filter(|test| test.iteration <= iteration).collect();
        Ok(self)
    }

    /// # Errors
    /// If the finished training whose log is at `path` was another one.
    pub(super) fn expect_finished(&self, path: &Path) -> Result<()> {
        let finished = Self::read(path)?;
        let [got, expected] =
            [&finished, self].map(|log| format!("{} iterations, {}", log.iterations, log.run()));
        if got == expected {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the training that is there is another one, expected {expected}, got {got}"
        ))
        .about("log", path.display())
        .with_hint("choose another name, or replace it with `--force`"))
    }

    fn read(path: &Path) -> Result<Self> {
        serde_json::from_slice(&json_file::bytes(path)?).map_err(|error| {
            Failure::new(format!("the log of a training is damaged ({error}): `{}`", path.display()))
                .with_hint("start anew with `--force`")
        })
    }

    /// Notes the parameters after `done` iterations.
    pub(super) fn note_parameters(&mut self, done: usize, sha256: String) {
        self.parameters_sha256.insert(done, sha256);
    }

    /// Adds the last test.
    pub(super) fn finish(&mut self, result: TestResult) {
        self.test_error = Some(result.error);
        self.tests.push(result);
    }
}

/// The command without the names of files.
fn command(args: &TrainArgs) -> String {
    let mut words = vec!["lots train".to_owned()];
    words.extend(args.from.as_ref().map(|_| "--from NETWORK".to_owned()));
    words.extend(args.data.iter().map(|_| "--data DIR".to_owned()));
    words.extend(args.mix.map(|mix| format!("--mix {mix}")));
    words.extend(args.mnist.as_ref().map(|_| "--mnist DIR".to_owned()));
    words.push(format!("--seed {} --iterations {}", args.seed, args.iterations));
    words.extend(args.test_every.map(|every| format!("--test-every {every}")));
    words.push("--out FILE.onnx".to_owned());
    words.join(" ")
}
