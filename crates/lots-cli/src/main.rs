//! The command `lots`: parse, dispatch, tell what went wrong.
//!
//! Exit codes: 0 done or reached, 1 ran but nothing was reached or a condition failed it, 2 error.

mod args;
mod attack;
mod class_names;
mod compare;
mod convert;
mod demo;
mod describe;
mod digest;
mod direction;
mod evaluate;
mod faces;
mod failure;
mod fetch;
mod gallery;
mod heat_map;
mod images;
mod infimnist;
mod interrupt;
mod json_file;
mod layers;
mod measure;
mod network;
mod numbers;
mod panels;
mod ray;
mod represent;
mod run_folder;
mod settings;
mod stability;
mod survive;
mod table1;
mod terminal;
mod toward;
mod train;
mod unfinished;
mod visualize;
mod whole_folder;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::{Failure, Result};
use crate::terminal::Terminal;

/// What a command that ran came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It did what it was asked for.
    Reached,
    /// It ran well, but the criterion was not reached.
    NotReached,
    /// It ran well, and a condition holds that was to fail it.
    Failed,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(Done::Reached) => ExitCode::SUCCESS,
        Ok(Done::NotReached | Done::Failed) => ExitCode::from(1),
        Err(failure) => {
            terminal::tell(&failure);
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<Done> {
    let terminal = Terminal::new(&args.globals);
    if let Some(threads) = args.globals.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Failure::new(format!("cannot start {threads} threads ({error})")))?;
    }
    match args.command {
        Command::Demo(args) => demo::run(&args, terminal),
        Command::Layers(args) => layers::run(&args, terminal),
        Command::Describe(args) => describe::run(&args, terminal),
        Command::Convert(args) => convert::run(&args, terminal),
        Command::Represent(args) => represent::run(&args, terminal),
        Command::Attack(args) => attack::run(&args, terminal),
        Command::Visualize(args) => visualize::run(&args, terminal),
        Command::Gallery(args) => gallery::run(&args, terminal),
        Command::Ray(args) => ray::run(&args, terminal),
        Command::Compare(args) => compare::run(&args, terminal),
        Command::Survive(args) => survive::run(&args, terminal),
        Command::Direction(args) => direction::run(&args, terminal),
        Command::Fetch(args) => fetch::run(&args, terminal),
        Command::Evaluate(args) => evaluate::run(&args, terminal),
        Command::Stability(args) => stability::run(&args, terminal),
        Command::Faces(args) => faces::run(&args, terminal),
        Command::Train(args) => train::run(&args, terminal),
        Command::Infimnist(args) => infimnist::run(&args, terminal),
        Command::Table1(args) => table1::run(&args, terminal),
        Command::Measure(args) => measure::run(&args, terminal),
    }
}
