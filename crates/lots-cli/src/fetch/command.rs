//! `lots fetch`: what [`fetch_mnist`] does, told on the terminal.

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use serde::Serialize;

use super::{FetchError, Fetched, Progress, fetch_mnist};
use crate::Done;
use crate::args::{DataSet, FetchArgs};
use crate::failure::{Failure, Result};
use crate::terminal::Terminal;

pub(crate) fn run(args: &FetchArgs, terminal: Terminal) -> Result<Done> {
    let DataSet::Mnist = args.data;
    let progress = terminal.progress(0, "bytes");
    let fetched = fetch_mnist(&args.out, &mut |now| tell(now, &progress, terminal))?;
    progress.finish_and_clear();
    let folder = args.out.display();
    let report = Report::of(&folder.to_string(), &fetched);
    terminal.result(&report, || {
        let (brought, kept) = (report.brought.len(), report.kept.len());
        format!("{folder} has the four files of MNIST, checked by SHA-256 ({brought} brought, {kept} were there)\n")
    })?;
    Ok(Done::Reached)
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    folder: String,
    /// Files that were there and right.
    kept: Vec<&'static str>,
    /// Files that were brought, and from where.
    brought: BTreeMap<&'static str, String>,
}

impl Report {
    fn of(folder: &str, fetched: &Fetched) -> Self {
        let brought = fetched.brought.iter().cloned().collect();
        Self { folder: folder.to_owned(), kept: fetched.kept.clone(), brought }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let failure = Self::new(error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

fn tell(now: Progress<'_>, progress: &ProgressBar, terminal: Terminal) {
    let say = |text: String| progress.suspend(|| terminal.say(text));
    match now {
        Progress::Receiving { bytes, total, .. } => {
            progress.set_length(total);
            progress.set_position(bytes);
        }
        Progress::Asking { name, .. } => {
            progress.reset();
            progress.set_message(format!(" · {name}"));
        }
        Progress::Kept { name } => say(format!("{name} is there")),
        Progress::Wrong { name } => say(format!("{name} is there but wrong, it is replaced")),
        Progress::Brought { name, place } => say(format!("{name} came from {place}")),
        Progress::Failed { name, place, reason } => say(format!("{place} did not give {name} ({reason})")),
    }
}
