//! [`WholeFolder`]: a folder of results that appears whole or not at all. While it grows it lies beside its place as
//! `DIR.unfinished`, where an interrupted command finds it again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// What is asked of a folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) out: &'a Path,
    /// Go on with what is unfinished.
    pub(crate) resume: bool,
    /// Replace what is there.
    pub(crate) force: bool,
    /// What the folder holds, in messages: `run`.
    pub(crate) what: &'static str,
    /// A file that every finished folder of this kind has.
    pub(crate) marker: &'static str,
}

/// What there was.
#[derive(Debug)]
pub(crate) enum Start {
    /// Nothing, or something that is to be replaced: an empty folder.
    New(WholeFolder),
    /// An unfinished one that is to be gone on with.
    Unfinished(WholeFolder),
    /// A finished one, and nothing else was asked for than to go on with it.
    Complete,
}

/// A folder that is being filled.
#[derive(Debug)]
pub(crate) struct WholeFolder {
    out: PathBuf,
    unfinished: PathBuf,
    replaces: bool,
}

impl WholeFolder {
    /// Starts a folder, or goes on with one.
    ///
    /// # Errors
    /// If something is there that was not wished away, or is of another kind; if no folder can be made.
    pub(crate) fn start(asked: Asked<'_>) -> Result<Start> {
        let out = asked.out.to_owned();
        if out.file_name().is_none() {
            return Err(Failure::new(format!("`{}` does not name a folder", out.display()))
                .with_hint("give the name of a new folder"));
        }
        let unfinished = lots::whole_file::unfinished(&out);
        if asked.resume && out.exists() && !unfinished.exists() {
            return Ok(Start::Complete);
        }
        refuse_to_overwrite(asked, &unfinished)?;
        let folder = Self { replaces: out.exists(), out, unfinished };
        let unfinished = &folder.unfinished;
        if asked.resume && unfinished.exists() {
            lots::whole_file::remove_leftovers(unfinished)?;
            return Ok(Start::Unfinished(folder));
        }
        // Nobody has seen the other name yet.
        let failed = |reason| Failure::file("write", &folder.out, &reason);
        if unfinished.exists() {
            fs::remove_dir_all(unfinished).map_err(failed)?;
        }
        fs::create_dir_all(unfinished).map_err(failed)?;
        Ok(Start::New(folder))
    }

    /// Where a file of the folder is for now.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.unfinished.join(file)
    }

    /// Where a file of the folder will be.
    pub(crate) fn place(&self, file: &str) -> PathBuf {
        self.out.join(file)
    }

    /// Where the folder is for now.
    pub(crate) fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Takes an unfinished folder away of which nothing is worth keeping.
    pub(crate) fn abandon(&self) {
        // What failed is told anyway; a folder that stays is told by the next command.
        let _ = fs::remove_dir_all(&self.unfinished);
    }

    /// Puts the folder in its place.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { out, unfinished, replaces } = self;
        if replaces {
            fs::remove_dir_all(&out).map_err(|reason| Failure::file("replace", &out, &reason))?;
        }
        fs::rename(&unfinished, &out).map_err(|reason| Failure::file("write", &out, &reason))
    }
}

/// What is there must be wished away, and only what is of the same kind is taken away.
fn refuse_to_overwrite(asked: Asked<'_>, unfinished: &Path) -> Result<()> {
    let Asked { out, what, .. } = asked;
    let goes_on = asked.resume && unfinished.exists();
    if unfinished.exists() && !asked.resume && !asked.force {
        return Err(Failure::new(format!("there is an unfinished {what}: `{}`", unfinished.display()))
            .with_hint("`--resume` goes on with it, `--force` starts anew"));
    }
    if !out.exists() {
        return Ok(());
    }
    let is_empty = || fs::read_dir(out).is_ok_and(|mut files| files.next().is_none());
    // What goes on was allowed to replace the folder when it began.
    if !asked.force && !goes_on {
        return Err(Failure::new(format!("`{}` exists already", out.display()))
            .with_hint(format!("choose another folder, or replace the {what} in it with `--force`")));
    }
    if out.join(asked.marker).exists() || is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` is not a {what} folder, it is not replaced", out.display()))
        .with_hint("choose another folder"))
}
