//! [`Folder`]: where everything of one seed lies, and which stages are done.
//!
//! ```text
//! DIR/run.json                 what everything follows from
//! DIR/report.html, report.md   the results beside the paper's
//! DIR/timing.json              how long it took; the only file that differs from run to run
//! DIR/seed-1/stages/…          a record of each finished stage, with the SHA-256 of what it made
//! DIR/seed-1/networks/…        trained networks, and checkpoints on the way
//! DIR/seed-1/targets.npy       a digit of each class
//! DIR/seed-1/sets/…            perturbed images, with labels and where they come from
//! DIR/seed-1/evaluations/…     rows of the table
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lots::Image;
use lots::data::array;
use lots_network::Network;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plan::{Stage, Task};
use crate::digest;
use crate::failure::{About, Failure, Result};
use crate::json_file;

/// The folder of one seed.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// What a finished stage made.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    stage: String,
    work: usize,
    /// By path in the folder.
    outputs: BTreeMap<String, Output>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Output {
    bytes: u64,
    sha256: String,
}

impl Folder {
    /// The folder of `seed` under the folder of the experiment, with the folders in it.
    pub(super) fn create(out: &Path, seed: u64) -> Result<Self> {
        let folder = Self(out.join(format!("seed-{seed}")));
        for name in ["stages/train", "stages/form", "stages/evaluate", "networks", "sets", "evaluations"] {
            let path = folder.0.join(name);
            fs::create_dir_all(&path).map_err(|reason| Failure::file("write", &path, &reason))?;
        }
        Ok(folder)
    }

    pub(super) fn network(&self, key: &str) -> PathBuf {
        self.0.join(format!("networks/{key}.onnx"))
    }

    pub(super) fn checkpoint(&self, key: &str) -> PathBuf {
        self.0.join(format!("networks/{key}.checkpoint"))
    }

    pub(super) fn targets(&self) -> PathBuf {
        self.0.join("targets.npy")
    }

    /// Reads a trained network.
    pub(super) fn load_network(&self, key: &str) -> Result<Network> {
        let path = self.network(key);
        let bytes = fs::read(&path).map_err(|reason| Failure::file("read", &path, &reason))?;
        Network::from_onnx(&bytes).about("network", path.display())
    }

    /// Reads the targets, one of each class.
    pub(super) fn load_targets(&self) -> Result<Vec<Image>> {
        Ok(array::Images::open(self.targets())?.collect::<std::result::Result<_, _>>()?)
    }

    pub(super) fn targets_json(&self) -> PathBuf {
        self.0.join("targets.json")
    }

    /// The folder of a set, which is made if it is not there.
    pub(super) fn set(&self, key: &str) -> Result<PathBuf> {
        let path = self.0.join(format!("sets/{key}"));
        fs::create_dir_all(&path).map_err(|reason| Failure::file("write", &path, &reason))?;
        Ok(path)
    }

    pub(super) fn set_json(&self, key: &str) -> PathBuf {
        self.0.join(format!("sets/{key}/set.json"))
    }

    pub(super) fn evaluation(&self, key: &str) -> PathBuf {
        self.0.join(format!("evaluations/{key}.json"))
    }

    pub(super) fn refinement(&self) -> PathBuf {
        self.0.join("refinement.json")
    }

    /// Whether a stage is done and what it made is still there. If only some of it is, all of it is taken away.
    pub(super) fn is_done(&self, stage: &Stage) -> Result<bool> {
        let path = self.record(stage);
        if !path.exists() {
            return Ok(false);
        }
        let record: Record = json_file::read(&path)?;
        let is_there = |(path, output): (&String, &Output)| {
            fs::metadata(self.0.join(path)).is_ok_and(|file| file.len() == output.bytes)
        };
        let is_done = record.outputs.iter().all(is_there);
        if !is_done {
            for output in record.outputs.keys() {
                json_file::remove(&self.0.join(output))?;
            }
            json_file::remove(&path)?;
        }
        Ok(is_done)
    }

    /// Writes down that a stage is done.
    pub(super) fn done(&self, stage: &Stage) -> Result<()> {
        let mut outputs = BTreeMap::new();
        for path in self.outputs(stage.task)? {
            let name = path.strip_prefix(&self.0).unwrap_or(&path);
            // The same text on every system.
            let name = name.to_string_lossy().replace('\\', "/");
            outputs.insert(name, output(&path)?);
        }
        json_file::write(
            &self.record(stage),
            &Record { stage: stage.name.clone(), work: stage.work, outputs },
        )
    }

    fn record(&self, stage: &Stage) -> PathBuf {
        self.0.join(format!("stages/{}.json", stage.name))
    }

    fn outputs(&self, task: Task) -> Result<Vec<PathBuf>> {
        use lots::data::perturbed_set::{IMAGES_FILE, LABELS_FILE, PROVENANCE_FILE};
        Ok(match task {
            Task::Train(network) => vec![self.network(network.key)],
            Task::ChooseTargets => vec![self.targets(), self.targets_json()],
            Task::Form(set) => {
                let folder = self.set(set.key)?;
                let mut files = vec![self.set_json(set.key)];
                files.extend([IMAGES_FILE, LABELS_FILE, PROVENANCE_FILE].map(|file| folder.join(file)));
                files
            }
            Task::Evaluate(network) => vec![self.evaluation(network.key)],
            Task::Refine => vec![self.refinement()],
        })
    }
}

/// Length and checksum of a file of any size.
fn output(path: &Path) -> Result<Output> {
    let read = || -> io::Result<Output> {
        let mut file = File::open(path)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut piece = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut piece)?;
            if count == 0 {
                return Ok(Output { bytes, sha256: digest::hex(hash) });
            }
            hash.update(&piece[..count]);
            bytes += count as u64;
        }
    };
    read().map_err(|reason| Failure::file("read", path, &reason))
}
