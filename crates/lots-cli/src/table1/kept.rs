//! [`Kept`]: how far a stage has come, in a file beside the one that it makes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Result;
use crate::json_file;

/// What a stage makes, and where it keeps how far it has come until that is made.
pub(super) struct Kept {
    out: PathBuf,
    state: PathBuf,
}

impl Kept {
    /// - `out`: the JSON file that is written when everything else is.
    pub(super) fn beside(out: PathBuf) -> Self {
        let state = out.with_extension("unfinished.json");
        Self { out, state }
    }

    /// How far the stage has come; `fresh` if it has not begun, none if there is nothing left to do.
    pub(super) fn read<S: for<'de> Deserialize<'de>>(&self, fresh: impl FnOnce() -> S) -> Result<Option<S>> {
        match (self.state.exists(), self.out.exists()) {
            (true, _) => json_file::read(&self.state).map(Some),
            (false, true) => Ok(None),
            (false, false) => Ok(Some(fresh())),
        }
    }

    pub(super) fn keep(&self, state: &impl Serialize) -> Result<()> {
        json_file::write(&self.state, state)
    }

    /// Writes what the stage has come to.
    pub(super) fn finish(&self, report: &impl Serialize) -> Result<()> {
        json_file::write(&self.out, report)?;
        json_file::remove(&self.state)
    }
}
