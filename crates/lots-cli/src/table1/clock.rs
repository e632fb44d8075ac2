//! [`Clock`]: how long stages have taken, and how long the rest will take. It survives interruptions, and is the only
//! thing in the folder that differs from run to run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::plan::{Kind, Stage};
use crate::failure::Result;
use crate::json_file;

const FILE: &str = "timing.json";
/// Work that was measured for less than this says little about the rest.
const TRUSTED_SECS: f64 = 2.0;

/// Times by stage.
#[derive(Debug)]
pub(super) struct Clock {
    path: PathBuf,
    spent: BTreeMap<String, Spent>,
    since: Instant,
}

/// How long a stage was worked on, and how much was done in that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spent {
    pub(super) secs: f64,
    pub(super) work: usize,
}

impl Clock {
    /// The clock of a folder.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let spent = if path.exists() { json_file::read(&path)? } else { BTreeMap::new() };
        Ok(Self { path, spent, since: Instant::now() })
    }

    /// A stage begins, or is gone on with.
    pub(super) fn start(&mut self) {
        self.since = Instant::now();
    }

    /// Some work of a stage was done since the last call.
    pub(super) fn did(&mut self, stage: &Stage, work: usize) {
        let spent = self.spent.entry(key(stage)).or_default();
        spent.secs += self.since.elapsed().as_secs_f64();
        spent.work += work;
        self.since = Instant::now();
    }

    /// Writes the times down.
    pub(super) fn keep(&self) -> Result<()> {
        json_file::write(&self.path, &self.spent)
    }

    /// What was spent on a stage.
    pub(super) fn spent(&self, stage: &Stage) -> Spent {
        self.spent.get(&key(stage)).copied().unwrap_or_default()
    }

    /// Seconds that `work` of a kind will take, by what was measured of that kind in `stages`.
    pub(super) fn expected_secs(&self, kind: Kind, work: usize, stages: &[Stage]) -> f64 {
        let mut measured = Spent::default();
        for stage in stages.iter().filter(|stage| stage.task.kind() == kind) {
            let spent = self.spent(stage);
            measured.secs += spent.secs;
            measured.work += spent.work;
        }
        let each = if measured.secs >= TRUSTED_SECS && measured.work > 0 {
            measured.secs / measured.work as f64
        } else {
            kind.expected_secs()
        };
        each * work as f64
    }
}

fn key(stage: &Stage) -> String {
    format!("seed-{}/{}", stage.seed, stage.name)
}

/// `1 h 05 min`, `3 min 20 s`, `12 s`.
pub(super) fn duration(secs: f64) -> String {
    let secs = secs.round().max(0.0) as u64;
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs} s"),
        (0, minutes, secs) => format!("{minutes} min {secs:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Extent, stages};
    use super::*;

    #[test]
    fn what_was_measured_counts_more_than_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let stages = stages(1, &Extent { scale: 1.0, train_digits: 60_000, test_digits: 10_000 });
        let mut clock = Clock::open(folder.path()).unwrap();
        let expected = clock.expected_secs(Kind::Train, 1000, &stages);
        assert!((expected - 1000.0 * Kind::Train.expected_secs()).abs() < 1e-9);
        clock.spent.insert("seed-1/train/basic".to_owned(), Spent { secs: 30.0, work: 10_000 });
        clock.spent.insert("seed-1/form/hot-cold".to_owned(), Spent { secs: 1.0, work: 10 });
        clock.keep().unwrap();
        let clock = Clock::open(folder.path()).unwrap();
        assert!((clock.expected_secs(Kind::Train, 1000, &stages) - 3.0).abs() < 1e-9);
        let too_short = clock.expected_secs(Kind::Form, 1000, &stages);
        assert!((too_short - 1000.0 * Kind::Form.expected_secs()).abs() < 1e-9);
    }

    #[test]
    fn durations_are_as_people_say_them() {
        for (secs, text) in
            [(0.2, "0 s"), (59.6, "1 min 00 s"), (200.0, "3 min 20 s"), (3900.0, "1 h 05 min")]
        {
            assert_eq!(duration(secs), text);
        }
    }
}
