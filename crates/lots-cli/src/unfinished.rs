//! [`Unfinished`]: tables of attempts while they are made, one a network, and how far they are complete. What lies behind
//! that is cut off when a command goes on with them, so that it ends with the same bytes as one that was not interrupted.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::json_file;
use crate::run_folder::open_at;
use crate::settings::expect_same;
use crate::whole_folder::{Asked, Start, WholeFolder};

const PROGRESS: &str = "progress.json";

/// A folder that is being filled.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) folder: WholeFolder,
    /// Where the attempts of each network go.
    files: Vec<String>,
    progress: Progress,
}

/// How far the folder is complete.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    /// Everything that the attempts follow from.
    settings: Value,
    /// For each network.
    done: Vec<Done>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Done {
    origins: usize,
    bytes: u64,
}

impl Unfinished {
    /// Starts a folder, or goes on with one; none if it is complete, with the same settings: its marker has them.
    ///
    /// - `files`: where the attempts of each network go.
    pub(crate) fn start(asked: Asked<'_>, settings: &Value, files: &[String]) -> Result<Option<Self>> {
        let fresh = || Progress { settings: settings.clone(), done: vec![Done::default(); files.len()] };
        let (folder, progress) = match WholeFolder::start(asked)? {
            Start::New(folder) => (folder, fresh()),
            Start::Unfinished(folder) => {
                let path = folder.path(PROGRESS);
                // It may have been interrupted before the first origins were done.
                let progress: Progress = if path.exists() { json_file::read(&path)? } else { fresh() };
                expect_same(&progress.settings, settings, asked.what, folder.unfinished())?;
                if progress.done.len() != files.len() {
                    return Err(Failure::new(format!("`{}` is damaged", path.display()))
                        .with_hint("start anew with `--force`"));
                }
                (folder, progress)
            }
            Start::Complete => {
                let report: Value = json_file::read(&asked.out.join(asked.marker))?;
                expect_same(&report, settings, asked.what, asked.out)?;
                return Ok(None);
            }
        };
        Ok(Some(Self { folder, files: files.to_vec(), progress }))
    }

    /// How many origins are done with this network.
    pub(crate) fn origins(&self, network: usize) -> usize {
        self.progress.done[network].origins
    }

    /// Adds rows, with which so many origins are done.
    pub(crate) fn add(&mut self, network: usize, rows: &[impl Serialize], origins: usize) -> Result<()> {
        let path = self.folder.path(&self.files[network]);
        let done = &mut self.progress.done[network];
        let lines = lines(rows, done.bytes == 0)?;
        write_at(&path, done.bytes, &lines)?;
        *done = Done { origins, bytes: done.bytes + lines.len() as u64 };
        json_file::write(&self.folder.path(PROGRESS), &self.progress)
    }

    /// Leaves the folder behind if anything in it is worth keeping.
    pub(crate) fn leave(&self) {
        if self.progress.done.iter().all(|done| done.origins == 0) {
            self.folder.abandon();
        }
    }

    /// Puts the folder in its place.
    pub(crate) fn finish(self) -> Result<()> {
        json_file::remove(&self.folder.path(PROGRESS))?;
        self.folder.finish()
    }
}

/// Rows as lines of CSV, below their header if they are the first.
pub(crate) fn lines(rows: &[impl Serialize], with_header: bool) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().has_headers(with_header).from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(|error| Failure::new(error.to_string()))?;
    writer.into_inner().map_err(|error| Failure::new(error.to_string()))
}

/// Writes behind the first `bytes` bytes, and nothing else.
fn write_at(path: &Path, bytes: u64, lines: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|reason| Failure::file("write", folder, &reason))?;
    }
    let mut file = open_at(path, bytes)?;
    file.write_all(lines).and_then(|()| file.flush()).map_err(|reason| Failure::file("write", path, &reason))
}
