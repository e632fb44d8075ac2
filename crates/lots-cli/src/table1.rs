//! `lots table1`: the paper's adversarial training on LeNet, from random weights to a report, in stages that can be
//! interrupted at any moment.

mod claims;
mod clock;
mod context;
mod disk;
mod evaluate;
mod folder;
mod form;
mod kept;
mod markdown;
mod paper;
mod plan;
mod progress;
mod refine;
mod report;
mod results;
mod run_file;
mod targets;
mod train;

use std::fs;

use lots::data::infimnist::Infimnist;
use serde::Serialize;

use self::clock::{Clock, duration};
use self::context::Context;
use self::folder::Folder;
use self::plan::{Extent, Kind, Stage, Task, stages};
use self::progress::StageProgress;
use self::results::Results;
use crate::Done;
use crate::args::Table1Args;
use crate::failure::{Failure, Result};
use crate::infimnist;
use crate::interrupt::Interrupt;
use crate::terminal::{Align, Terminal, grouped, table};

/// The displacement fields of InfiMNIST are the same for all seeds of the experiment.
const FIELDS_SEED: u64 = 1;

pub(crate) fn run(args: &Table1Args, terminal: Terminal) -> Result<Done> {
    let digits = infimnist::open(&args.mnist, args.infimnist_data.as_deref(), FIELDS_SEED)?;
    let extent = Extent {
        scale: args.scale,
        train_digits: digits.training_digits().len(),
        test_digits: digits.test_digits().len(),
    };
    let seeds = if args.seed.is_empty() { vec![1] } else { args.seed.clone() };
    let all: Vec<Stage> = seeds.iter().flat_map(|&seed| stages(seed, &extent)).collect();
    if args.plan {
        return tell_plan(&all, args, terminal);
    }
    fs::create_dir_all(&args.out).map_err(|reason| Failure::file("write", &args.out, &reason))?;
    run_file::start(&args.out, args, &seeds, &digits)?;
    lots::whole_file::remove_leftovers(&args.out)?;
    let mut left = Vec::new();
    for stage in &all {
        if !Folder::create(&args.out, stage.seed)?.is_done(stage)? {
            left.push(stage);
        }
    }
    disk::expect_room(&args.out, &left)?;
    let clock = Clock::open(&args.out)?;
    let mut job = Job { args, extent, all: &all, clock, terminal, interrupt: Interrupt::catch()?, digits };
    job.work(&left)?;
    job.report(&seeds)
}

/// The stages and what they need.
struct Job<'a> {
    args: &'a Table1Args,
    extent: Extent,
    all: &'a [Stage],
    clock: Clock,
    terminal: Terminal,
    interrupt: Interrupt,
    digits: Infimnist,
}

impl Job<'_> {
    /// All stages that are not done yet.
    fn work(&mut self, left: &[&Stage]) -> Result<()> {
        for (index, stage) in left.iter().enumerate() {
            let context = Context {
                infimnist: &self.digits,
                extent: self.extent,
                folder: Folder::create(&self.args.out, stage.seed)?,
                seed: stage.seed,
                interrupted: self.interrupt.flag(),
            };
            let rest = &left[index + 1..];
            let mut progress = StageProgress::start(self.terminal, &mut self.clock, self.all, stage, rest);
            let done = match stage.task {
                Task::Train(network) => train::run(&context, network, &mut progress),
                Task::ChooseTargets => targets::run(&context, &mut progress),
                Task::Form(set) => form::run(&context, set, &mut progress),
                Task::Evaluate(network) => evaluate::run(&context, network, &mut progress),
                Task::Refine => refine::run(&context, &mut progress),
            };
            progress.finish(&done)?;
            done?;
            context.folder.done(stage)?;
        }
        Ok(())
    }

    /// Writes the report from what is in the folder, and shows the table.
    fn report(self, seeds: &[u64]) -> Result<Done> {
        let results = Results::read(&self.args.out, seeds, &self.extent)?;
        report::write(&self.args.out, &results)?;
        let spent: Vec<(&str, f64)> = Kind::ALL
            .iter()
            .map(|&kind| {
                let own = self.all.iter().filter(|stage| stage.task.kind() == kind);
                (kind.gerund(), own.map(|stage| self.clock.spent(stage).secs).sum())
            })
            .collect();
        report::write_timing(&self.args.out, &self.clock, self.all, &spent)?;
        self.terminal.result(&results, || {
            let times: Vec<String> =
                spent.iter().map(|(what, secs)| format!("{what} {}", duration(*secs))).collect();
            format!(
                "{}\n{}\nwrote {}/report.html and report.md\n",
                report::table_text(&results),
                times.join(" · "),
                self.args.out.display()
            )
        })?;
        Ok(Done::Reached)
    }
}

/// What `--plan --json` prints.
#[derive(Serialize)]
struct PlannedStage<'a> {
    seed: u64,
    stage: &'a str,
    work: usize,
    unit: &'static str,
    bytes: u64,
    expected_secs: f64,
}

fn tell_plan(all: &[Stage], args: &Table1Args, terminal: Terminal) -> Result<Done> {
    // Times of the folder, if the experiment was begun.
    let clock = Clock::open(&args.out)?;
    let planned: Vec<PlannedStage<'_>> = all
        .iter()
        .map(|stage| PlannedStage {
            seed: stage.seed,
            stage: &stage.name,
            work: stage.work,
            unit: stage.task.kind().unit(),
            bytes: stage.bytes,
            expected_secs: clock.expected_secs(stage.task.kind(), stage.work, all),
        })
        .collect();
    terminal.result(&planned, || {
        let rows: Vec<Vec<String>> = planned
            .iter()
            .map(|stage| {
                vec![
                    stage.seed.to_string(),
                    stage.stage.to_owned(),
                    format!("{} {}", grouped(stage.work), stage.unit),
                    disk::size(stage.bytes),
                    duration(stage.expected_secs),
                ]
            })
            .collect();
        let header = [
            ("seed", Align::Right),
            ("stage", Align::Left),
            ("work", Align::Right),
            ("disk", Align::Right),
            ("about", Align::Right),
        ];
        let bytes = planned.iter().map(|stage| stage.bytes).sum();
        let secs = planned.iter().map(|stage| stage.expected_secs).sum();
        format!(
            "{}\nin all {} on the disk, about {}\n",
            table(&header, &rows),
            disk::size(bytes),
            duration(secs)
        )
    })?;
    Ok(Done::Reached)
}
