//! [`Row`]: a line of `faces.jsonl`, and the folder that it is in, which grows photograph by photograph.

use std::io::Write;
use std::path::Path;

use lots::Image;
use lots::face::{Face, FaceBox, FivePoints, Placement};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::AlignArgs;
use crate::failure::{Failure, Result};
use crate::json_file;
use crate::network::read_whole;
use crate::run_folder::open_at;
use crate::settings::expect_same;
use crate::whole_folder::{Asked, Start, WholeFolder};

/// A row a face, and one for each photograph without.
pub(super) const FACES: &str = "faces.jsonl";
const PROGRESS: &str = "progress.json";
/// What the folder holds, in messages: "is not a face alignment folder".
const WHAT: &str = "face alignment";

/// A face, or why a photograph has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// As it was named.
    pub(super) photo: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<Found>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// A face of a photograph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Its place among the faces of the photograph, the highest score first.
    pub(super) face: usize,
    /// The aligned face, in the folder.
    pub(super) image: String,
    /// The probability that it is a face, 0–1.
    pub(super) score: f64,
    /// Where it is, in pixels of the photograph.
    pub(super) area: FaceBox,
    /// Eyes, nose, corners of the mouth.
    pub(super) points: FivePoints,
    /// From the photograph to the aligned face: a, b, right, down.
    pub(super) placement: [f64; 4],
}

/// A folder that is being filled.
pub(super) struct AlignedFolder {
    folder: WholeFolder,
    progress: Progress,
}

/// How far it is complete.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    settings: Value,
    photos: usize,
    bytes: u64,
}

impl Found {
    pub(super) fn new(number: usize, image: String, face: &Face) -> Self {
        Self {
            face: number,
            image,
            score: face.detection.score,
            area: face.detection.area,
            points: face.points,
            placement: face.placement.numbers(),
        }
    }

    /// # Errors
    /// If the numbers of the row are no placement.
    pub(super) fn placement(&self) -> Result<Placement> {
        Placement::new(self.placement).ok_or_else(|| {
            Failure::new(format!("the placement of `{}` has no inverse", self.image))
                .with_hint("align the photograph again")
        })
    }
}

impl AlignedFolder {
    /// Starts a folder, or goes on with one; none if it is complete, with the same settings.
    pub(super) fn start(args: &AlignArgs, settings: &Value) -> Result<Option<Self>> {
        let asked =
            Asked { out: &args.out, resume: args.resume, force: args.force, what: WHAT, marker: FACES };
        let fresh = || Progress { settings: settings.clone(), photos: 0, bytes: 0 };
        match WholeFolder::start(asked)? {
            Start::New(folder) => Ok(Some(Self { folder, progress: fresh() })),
            Start::Unfinished(folder) => {
                let path = folder.path(PROGRESS);
                let progress: Progress = if path.exists() { json_file::read(&path)? } else { fresh() };
                expect_same(&progress.settings, settings, WHAT, folder.unfinished())?;
                Ok(Some(Self { folder, progress }))
            }
            Start::Complete => Ok(None),
        }
    }

    /// How many photographs are done.
    pub(super) fn photos(&self) -> usize {
        self.progress.photos
    }

    /// Writes an aligned face.
    pub(super) fn picture(&self, file: &str, image: &Image) -> Result<()> {
        let path = self.folder.path(file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|reason| Failure::file("write", folder, &reason))?;
        }
        Ok(image.save(path)?)
    }

    /// Adds the rows of a photograph, with which it is done.
    pub(super) fn add(&mut self, rows: &[Row]) -> Result<()> {
        let mut lines = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut lines, row).map_err(|error| Failure::new(error.to_string()))?;
            lines.push(b'\n');
        }
        let path = self.folder.path(FACES);
        let mut file = open_at(&path, self.progress.bytes)?;
        file.write_all(&lines)
            .and_then(|()| file.flush())
            .map_err(|reason| Failure::file("write", &path, &reason))?;
        self.progress.photos += 1;
        self.progress.bytes += lines.len() as u64;
        json_file::write(&self.folder.path(PROGRESS), &self.progress)
    }

    /// Leaves the folder behind if anything in it is worth keeping.
    pub(super) fn leave(&self) {
        if self.progress.photos == 0 {
            self.folder.abandon();
        }
    }

    /// Puts the folder in its place.
    pub(super) fn finish(self) -> Result<()> {
        json_file::remove(&self.folder.path(PROGRESS))?;
        self.folder.finish()
    }
}

/// The rows of a finished folder.
pub(super) fn rows(folder: &Path) -> Result<Vec<Row>> {
    let path = folder.join(FACES);
    let bytes = read_whole(&path, "record of faces")?;
    let text = String::from_utf8_lossy(&bytes);
    let read = |line| {
        serde_json::from_str(line)
            .map_err(|error| Failure::new(format!("`{}` is damaged ({error})", path.display())))
    };
    text.lines().map(read).collect()
}
