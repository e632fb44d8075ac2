//! Run folders: `run.json`, `attempts.jsonl`, the perturbed images as pictures or as one array with its labels. A folder
//! appears whole or not at all.
//!
//! While a run is going, everything is in `DIR.unfinished` beside it. After each chunk of origins `progress.json` says
//! how far the files there are complete; what lies behind that is cut off when the run is gone on with, so that an
//! interrupted run ends with the same bytes as one that was not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use lots::Image;
use lots::data::perturbed_set::{IMAGES_FILE, LABELS_FILE, LabelledWriter};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::OutputArgs;
use crate::failure::{Failure, Result};
use crate::json_file;
use crate::settings::expect_same;
use crate::whole_folder::{self, Asked, WholeFolder};

pub(crate) const RUN: &str = "run.json";
pub(crate) const ATTEMPTS: &str = "attempts.jsonl";
const IMAGES: &str = "images";
const PROGRESS: &str = "progress.json";

/// How far an unfinished run has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Everything that the results follow from; a run is only gone on with if it is the same.
    settings: Value,
    /// Origins that are done.
    pub(crate) origins: usize,
    /// SHA-256 of the origins that are done.
    pub(crate) origins_sha256: String,
    attempts_bytes: u64,
    rows: usize,
}

/// What there was when the run started.
pub(crate) enum Start {
    /// Nothing, or an unfinished run.
    Going(Box<RunFolder>),
    /// A finished run with the same settings: its `run.json`.
    Complete(Value),
}

/// A run folder being written.
pub(crate) struct RunFolder {
    folder: WholeFolder,
    attempts: BufWriter<File>,
    images: LabelledWriter,
    progress: Progress,
}

impl RunFolder {
    /// Starts a run folder, or goes on with one.
    ///
    /// - `settings`: everything that the results follow from.
    /// - `shape`: `[channels, height, width]` of the images.
    pub(crate) fn start(args: &OutputArgs, settings: Value, shape: [usize; 3]) -> Result<Start> {
        let asked =
            Asked { out: &args.out, resume: args.resume, force: args.force, what: "run", marker: RUN };
        let (folder, progress) = match WholeFolder::start(asked)? {
            whole_folder::Start::Complete => return complete(&args.out, &settings).map(Start::Complete),
            whole_folder::Start::Unfinished(folder) => {
                let progress = gone_on_with(&folder, settings)?;
                (folder, progress)
            }
            whole_folder::Start::New(folder) => (folder, Progress { settings, ..Progress::default() }),
        };
        let pictures = folder.path(IMAGES);
        fs::create_dir_all(&pictures).map_err(|reason| Failure::file("write", &pictures, &reason))?;
        let attempts = open_at(&folder.path(ATTEMPTS), progress.attempts_bytes)?;
        let images = LabelledWriter::open(folder.unfinished(), shape, progress.rows)?;
        Ok(Start::Going(Box::new(Self { folder, attempts, images, progress })))
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The attempts that are in the folder already, a line of JSON each.
    pub(crate) fn attempts(&self) -> Result<impl Iterator<Item = Result<String>>> {
        let path = self.folder.path(ATTEMPTS);
        let file = File::open(&path).map_err(|reason| Failure::file("read", &path, &reason))?;
        let lines = io::BufRead::lines(BufReader::new(file.take(self.progress.attempts_bytes)));
        Ok(lines.map(move |line| line.map_err(|reason| Failure::file("read", &path, &reason))))
    }

    /// Adds a row to `attempts.jsonl`.
    pub(crate) fn attempt(&mut self, row: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(row).map_err(|error| Failure::new(error.to_string()))?;
        line.push(b'\n');
        self.progress.attempts_bytes += line.len() as u64;
        self.attempts.write_all(&line).map_err(|reason| self.failed(ATTEMPTS, &reason))
    }

    /// Writes a picture into `images/` and returns its path in the folder.
    pub(crate) fn picture(&self, stem: &str, image: &Image) -> Result<String> {
        let file = format!("{IMAGES}/{stem}.png");
        fs::write(self.folder.path(&file), lots::data::picture::to_png(image)?)
            .map_err(|reason| self.failed(&file, &reason))?;
        Ok(file)
    }

    /// Writes a file that belongs beside the attempts.
    pub(crate) fn document(&self, file: &str, bytes: &[u8]) -> Result<()> {
        fs::write(self.folder.path(file), bytes).map_err(|reason| self.failed(file, &reason))
    }

    /// Where a file of the folder is for now.
    pub(crate) fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path(file)
    }

    /// Adds an image of an origin of this class to `perturbed.npy` and returns its place there: `perturbed.npy[17]`.
    pub(crate) fn row(&mut self, image: &Image, origin_class: usize) -> Result<String> {
        let place = format!("{IMAGES_FILE}[{}]", self.progress.rows);
        self.images.append(image, origin_class as u16).map_err(|error| self.array_failed(error))?;
        self.progress.rows += 1;
        Ok(place)
    }

    /// Says that everything so far is complete.
    pub(crate) fn keep(&mut self, origins: usize, origins_sha256: String) -> Result<()> {
        self.attempts.flush().map_err(|reason| self.failed(ATTEMPTS, &reason))?;
        self.images.flush().map_err(|error| self.array_failed(error))?;
        self.progress.origins = origins;
        self.progress.origins_sha256 = origins_sha256;
        json_file::write(&self.folder.path(PROGRESS), &self.progress)
    }

    /// Leaves an unfinished run behind if anything of it is worth keeping.
    pub(crate) fn leave(&self) {
        if self.progress.origins == 0 {
            self.folder.abandon();
        }
    }

    /// Writes `run.json` and puts the folder in its place.
    pub(crate) fn finish(mut self, run: &impl Serialize) -> Result<()> {
        self.attempts.flush().map_err(|reason| self.failed(ATTEMPTS, &reason))?;
        let Self { folder, images, .. } = self;
        let without_images: &[&str] = if images.rows() == 0 { &[IMAGES_FILE, LABELS_FILE] } else { &[] };
        images.finish()?;
        let pictures = folder.path(IMAGES);
        if fs::read_dir(&pictures).is_ok_and(|mut files| files.next().is_none()) {
            fs::remove_dir(&pictures).map_err(|reason| Failure::file("remove", &pictures, &reason))?;
        }
        json_file::write(&folder.path(RUN), run)?;
        for file in [PROGRESS].iter().chain(without_images) {
            json_file::remove(&folder.path(file))?;
        }
        folder.finish()
    }

    /// What went wrong with an array that grows: mostly a full disk.
    fn array_failed(&self, error: lots::Error) -> Failure {
        match error {
            lots::Error::File { reason, path, .. } => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                self.failed(&file, &reason)
            }
            other => other.into(),
        }
    }

    /// With the folder that what is done is kept in, if there is something; a folder that will be gone is not named.
    fn failed(&self, file: &str, reason: &io::Error) -> Failure {
        match self.progress.origins {
            0 => Failure::file("write", &self.folder.place(file), reason),
            _ => Failure::file("write", &self.folder.path(file), reason)
                .about("what is done is kept in", self.folder.unfinished().display()),
        }
    }
}

/// The progress of an unfinished run with these settings.
fn gone_on_with(folder: &WholeFolder, settings: Value) -> Result<Progress> {
    let path = folder.path(PROGRESS);
    if !path.exists() {
        // Interrupted before the first chunk was done.
        return Ok(Progress { settings, ..Progress::default() });
    }
    let progress: Progress = json_file::read(&path)?;
    expect_same(&progress.settings, &settings, "run", folder.unfinished())?;
    Ok(progress)
}

/// The `run.json` of a finished run with these settings.
fn complete(out: &Path, settings: &Value) -> Result<Value> {
    let run: Value = json_file::read(&out.join(RUN))?;
    expect_same(&run, settings, "run", out)?;
    Ok(run)
}

/// Opens for writing behind the first `bytes` bytes, and cuts off what follows.
pub(crate) fn open_at(path: &Path, bytes: u64) -> Result<BufWriter<File>> {
    let open = || -> io::Result<File> {
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        if file.metadata()?.len() > bytes {
            file.set_len(bytes)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    };
    Ok(BufWriter::new(open().map_err(|reason| Failure::file("write", path, &reason))?))
}
