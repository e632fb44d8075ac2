//! Ctrl-C: long commands finish what they are at, keep it, and say how to go on. A second Ctrl-C ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, Result};
use crate::terminal::{counted, grouped};

/// Whether Ctrl-C was pressed.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches Ctrl-C from here on; once a process.
    pub(crate) fn catch() -> Result<Self> {
        let pressed = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&pressed);
        ctrlc::set_handler(move || {
            if noted.swap(true, Ordering::SeqCst) {
                // What a shell reports of a program that Ctrl-C has ended.
                std::process::exit(130);
            }
        })
        .map_err(|error| Failure::new(format!("cannot catch Ctrl-C ({error})")))?;
        Ok(Self(pressed))
    }

    /// Set when Ctrl-C is pressed.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_pressed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Ctrl-C after `done` of `count` origins of a run that is kept.
///
/// - `force`: whether the run was told to replace what was there, which must not be said again.
pub(crate) fn interrupted(done: usize, count: usize, force: bool) -> Failure {
    interrupted_among(done, &counted(count, "origin", "origins"), force)
}

/// As [`interrupted`], of what else there is.
///
/// - `all`: `30 photographs`.
pub(crate) fn interrupted_among(done: usize, all: &str, force: bool) -> Failure {
    let message = format!("interrupted after {} of {all}", grouped(done));
    match done {
        0 => Failure::new(message + ", nothing was kept"),
        _ => with_way_on(Failure::new(message), force),
    }
}

/// Says how to go on with what was kept.
pub(crate) fn with_way_on(failure: Failure, force: bool) -> Failure {
    failure.with_hint(if force {
        "the same command with `--resume` instead of `--force` goes on"
    } else {
        "the same command with `--resume` goes on"
    })
}
