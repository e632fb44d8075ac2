//! `lots train`: a LeNet by Caffe's recipe, or any network fine-tuned on perturbed images, with checkpoints, a log, and
//! the test error at the end.

mod data;
mod log;

use std::path::{Path, PathBuf};

use lots::data::ImageSet;
use lots::training::{Solver, Training, parameters_sha256};
use lots_network::{Network, class_of};

use self::data::Data;
use self::log::{Log, TestResult};
use crate::Done;
use crate::args::{NetworkArgs, TrainArgs};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::json_file;
use crate::network::Loaded;
use crate::terminal::{Terminal, grouped};

/// Iterations after which the SHA-256 of the parameters is noted, besides the last: early enough for a test.
const NOTED: [usize; 2] = [1, 10];
/// Test images at a time.
const TEST_CHUNK: usize = 1000;

pub(crate) fn run(args: &TrainArgs, terminal: Terminal) -> Result<Done> {
    let files = Files::beside(&args.out);
    files.refuse_to_overwrite(args)?;
    let data = Data::load(args)?;
    let mut session = Session::start(args, &files, &data)?;
    if args.resume && args.out.exists() && !files.checkpoint.exists() {
        session.log.expect_finished(&files.log)?;
        terminal.say(format!("{} is complete, there is nothing to go on with", args.out.display()));
        return Ok(Done::Reached);
    }
    let examples = data.examples(args, session.training.solver())?;
    let interrupt = Interrupt::catch()?;
    let batch = session.training.solver().batch;
    let progress = terminal.progress((args.iterations * batch) as u64, "images");
    progress.inc((session.training.iteration() * batch) as u64);
    // The time that is left follows from what is done now, not from what was done before.
    progress.reset_eta();
    while session.training.iteration() < args.iterations {
        if interrupt.is_pressed() {
            session.keep(&files)?;
            return Err(Failure::new(format!(
                "interrupted after {} iterations",
                session.training.iteration()
            ))
            .with_hint("the same command with `--resume` goes on"));
        }
        let step = session.training.step(&*examples)?;
        let error = step.errors as f64 / batch as f64;
        progress.inc(batch as u64);
        progress.set_message(format!(" · loss {:.3} · error {:.1} %", step.loss, 100.0 * error));
        session.after_step(args, &files, &data, |text| progress.suspend(|| terminal.say(text)))?;
    }
    progress.finish_and_clear();
    session.finish(&files, &data, terminal)?;
    Ok(Done::Reached)
}

/// Where everything goes.
struct Files {
    network: PathBuf,
    log: PathBuf,
    checkpoint: PathBuf,
    checkpoint_log: PathBuf,
}

impl Files {
    fn beside(network: &Path) -> Self {
        Self {
            network: network.to_owned(),
            log: network.with_extension("training.json"),
            checkpoint: network.with_extension("checkpoint"),
            checkpoint_log: network.with_extension("checkpoint.json"),
        }
    }

    fn refuse_to_overwrite(&self, args: &TrainArgs) -> Result<()> {
        if args.force || args.resume {
            return Ok(());
        }
        if self.checkpoint.exists() {
            return Err(Failure::new(format!(
                "there is an unfinished training: `{}`",
                self.checkpoint.display()
            ))
            .with_hint("`--resume` goes on with it, `--force` starts anew"));
        }
        if self.network.exists() {
            return Err(Failure::new(format!("`{}` exists already", self.network.display()))
                .with_hint("choose another name, or replace it with `--force`"));
        }
        Ok(())
    }
}

/// A training with its log.
struct Session {
    training: Training,
    log: Log,
}

impl Session {
    fn start(args: &TrainArgs, files: &Files, data: &Data) -> Result<Self> {
        let solver = Solver::default();
        let from = args.from.as_ref().map(|network| {
            let pixels = args.pixels.clone();
            Loaded::open(&NetworkArgs { network: network.clone(), pixels, ..NetworkArgs::built_in() })
        });
        let from = from.transpose()?;
        if from.is_none() && !args.pixels.is_empty() {
            return Err(Failure::new("what is said of the pixels has no effect without `--from NETWORK`"));
        }
        let fresh = Log::new(args, &solver, data, from.as_ref());
        let network = from.map_or_else(|| Network::lenet(args.seed), |from| from.network);
        if args.resume && files.checkpoint.exists() {
            let training = Training::restore(&files.checkpoint, network, solver, &fresh.run())?;
            if training.iteration() > args.iterations {
                return Err(Failure::new(format!(
                    "{} iterations are done already, expected at most the {} asked for",
                    training.iteration(),
                    args.iterations
                ))
                .about("checkpoint", files.checkpoint.display())
                .with_hint("ask for more iterations, or start anew with `--force`"));
            }
            let log = fresh.continued(&files.checkpoint_log, training.iteration())?;
            return Ok(Self { training, log });
        }
        Ok(Self { training: Training::new(network, solver), log: fresh })
    }

    /// Notes, tests and keeps what is due after an iteration.
    fn after_step(
        &mut self,
        args: &TrainArgs,
        files: &Files,
        data: &Data,
        say: impl Fn(String),
    ) -> Result<()> {
        let done = self.training.iteration();
        if NOTED.contains(&done) || done == args.iterations {
            self.log.note_parameters(done, parameters_sha256(self.training.network()));
        }
        if done == args.iterations {
            return Ok(());
        }
        if let Some(set) = &data.test
            && args.test_every.is_some_and(|every| done.is_multiple_of(every))
        {
            let result = test(self.training.network(), set, done)?;
            say(result.text());
            self.log.tests.push(result);
        }
        if done.is_multiple_of(args.checkpoint_every) {
            self.keep(files)?;
        }
        Ok(())
    }

    /// Writes the checkpoint; the log first, so that it never knows less than the checkpoint.
    fn keep(&self, files: &Files) -> Result<()> {
        json_file::write(&files.checkpoint_log, &self.log)?;
        lots::whole_file::write(&files.checkpoint, &self.training.checkpoint(&self.log.run()))?;
        Ok(())
    }

    /// Tests, writes network and log, and takes the checkpoint away.
    fn finish(mut self, files: &Files, data: &Data, terminal: Terminal) -> Result<()> {
        let done = self.training.iteration();
        let mut text = format!("{} iterations done", grouped(done));
        if let Some(set) = &data.test {
            let result = test(self.training.network(), set, done)?;
            text = result.text();
            self.log.finish(result);
        }
        json_file::write(&files.log, &self.log)?;
        lots::whole_file::write(&files.network, &self.training.network().to_onnx())?;
        for path in [&files.checkpoint, &files.checkpoint_log] {
            json_file::remove(path)?;
        }
        terminal.result(&self.log, || {
            format!("{text}\nwrote {} and {}\n", files.network.display(), files.log.display())
        })
    }
}

/// How many test images the network misreads.
fn test(network: &Network, set: &ImageSet, iteration: usize) -> Result<TestResult> {
    let (images, labels) = (set.images(), set.labels().unwrap_or_default());
    let mut errors = 0;
    for (images, labels) in images.chunks(TEST_CHUNK).zip(labels.chunks(TEST_CHUNK)) {
        let pixels: Vec<u8> = images.iter().flat_map(lots::Image::pixels).copied().collect();
        let logits = network.classify(pixels.as_slice())?;
        errors += logits.images().zip(labels).filter(|&(logits, &label)| class_of(logits) != label).count();
    }
    Ok(TestResult { iteration, errors, images: set.len(), error: errors as f64 / set.len() as f64 })
}
