//! [`StageProgress`]: tells which stage is on, how long it and the whole will take, and stops the time.

use std::time::Instant;

use indicatif::ProgressBar;

use super::clock::{Clock, duration};
use super::context::Watch;
use super::plan::{Kind, Stage};
use crate::failure::Result;
use crate::terminal::{Terminal, grouped};

/// The times are written down, and the estimate is made anew, so often.
const EVERY_SECS: f64 = 2.0;
/// Where nobody watches a progress bar, a line is written so often.
const LINE_SECS: f64 = 60.0;

/// A stage that is on.
pub(super) struct StageProgress<'a> {
    terminal: Terminal,
    clock: &'a mut Clock,
    all: &'a [Stage],
    stage: &'a Stage,
    rest: &'a [&'a Stage],
    bar: ProgressBar,
    done: usize,
    /// Work that the clock does not know yet.
    new: usize,
    kept: Instant,
    told: Instant,
}

impl<'a> StageProgress<'a> {
    /// A stage begins.
    ///
    /// - `all`: all stages, for what is known of their speed; `rest`: those that come behind.
    pub(super) fn start(
        terminal: Terminal,
        clock: &'a mut Clock,
        all: &'a [Stage],
        stage: &'a Stage,
        rest: &'a [&'a Stage],
    ) -> Self {
        clock.start();
        let number = all.len() - rest.len();
        let place = format!("[{number}/{}] seed {} {}", all.len(), stage.seed, stage.name);
        let bar = terminal.progress(stage.work as u64, stage.task.kind().unit());
        let now = Instant::now();
        let progress = Self { terminal, clock, all, stage, rest, bar, done: 0, new: 0, kept: now, told: now };
        let whole = duration(progress.left_secs());
        let unit = stage.task.kind().unit();
        terminal.say(format!("{place}: {} {unit} · the whole takes about {whole}", grouped(stage.work)));
        progress
    }

    /// The stage has ended, well or not.
    pub(super) fn finish(mut self, done: &Result<()>) -> Result<()> {
        self.bar.finish_and_clear();
        self.keep()?;
        if done.is_ok() {
            let spent = self.clock.spent(self.stage);
            self.terminal.say(format!("    done in {}", duration(spent.secs)));
        }
        Ok(())
    }

    /// Seconds until everything is done.
    fn left_secs(&self) -> f64 {
        Kind::ALL
            .iter()
            .map(|&kind| {
                let stages = self.rest.iter().filter(|stage| stage.task.kind() == kind);
                let mut work: usize = stages.map(|stage| stage.work).sum();
                if self.stage.task.kind() == kind {
                    work += self.stage.work.saturating_sub(self.done);
                }
                self.clock.expected_secs(kind, work, self.all)
            })
            .sum()
    }

    fn keep(&mut self) -> Result<()> {
        self.clock.did(self.stage, std::mem::take(&mut self.new));
        self.kept = Instant::now();
        self.clock.keep()
    }

    fn tell(&mut self) {
        let whole = duration(self.left_secs());
        self.bar.set_message(format!(" · {} · whole: {whole} left", self.stage.name));
        if self.bar.is_hidden() && self.told.elapsed().as_secs_f64() >= LINE_SECS {
            self.told = Instant::now();
            let (done, work) = (grouped(self.done), grouped(self.stage.work));
            self.terminal.say(format!("    {}: {done} of {work} · whole: {whole} left", self.stage.name));
        }
    }
}

impl Watch for StageProgress<'_> {
    fn found(&mut self, work: usize) {
        self.done = work;
        self.bar.inc(work as u64);
        self.bar.reset_eta();
    }

    fn did(&mut self, work: usize) {
        self.done += work;
        self.new += work;
        self.bar.inc(work as u64);
        if self.kept.elapsed().as_secs_f64() >= EVERY_SECS {
            // A time that cannot be written is no reason to stop; the work itself will tell that the disk is full.
            let _ = self.keep();
            self.tell();
        }
    }
}
