//! [`Attempts`]: what each attempt had found at which cost, as `attempts.csv` keeps it.

use std::path::Path;

use lots::experiment::{Attempt, Experiment};
use lots::outcome::{NotReached, Outcome};
use lots::trail::Sighting;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// An origin and a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    /// The place of the origin among the images, counted from 0.
    pub(super) number: usize,
    pub(super) origin: &'a str,
    pub(super) target: &'a str,
    pub(super) target_class: Option<usize>,
}

/// A line of `attempts.csv`: an image that an attempt had found, or that it found none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    number: usize,
    origin: String,
    origin_class: usize,
    target: String,
    target_class: Option<usize>,
    method: String,
    layer: Option<String>,
    /// What the attempt cost in all, in passes.
    spent: usize,
    /// Why nothing was found; `budget` also where something was, if the attempt ended because all was spent.
    reason: Option<String>,
    /// What the attempt had cost when the image was found.
    cost: Option<usize>,
    /// In grey levels.
    l2: Option<f64>,
    linf: Option<u8>,
    pass_score: Option<f64>,
}

/// An attempt with what it had found, in the order of the costs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    number: usize,
    target: String,
    /// `toward/conv2`
    pub(super) group: String,
    pub(super) spent: usize,
    pub(super) trail: Vec<Sighting>,
}

/// All attempts, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attempts {
    pub(super) records: Vec<Record>,
}

impl Row {
    /// The rows of an attempt.
    pub(super) fn of(experiment: &Experiment, pair: Pair<'_>, attempt: &Attempt) -> Vec<Self> {
        let group = &experiment.groups[attempt.group];
        let row = Self {
            number: pair.number,
            origin: pair.origin.to_owned(),
            origin_class: attempt.origin_class,
            target: pair.target.to_owned(),
            target_class: pair.target_class,
            method: group.method.to_string(),
            layer: group.layer.clone(),
            spent: attempt.cost(),
            reason: reason(attempt).map(str::to_owned),
            cost: None,
            l2: None,
            linf: None,
            pass_score: None,
        };
        if attempt.trail.is_empty() {
            return vec![row];
        }
        let found = |sighting: &Sighting| Self {
            cost: Some(sighting.cost),
            l2: Some(sighting.l2),
            linf: Some(sighting.linf),
            pass_score: sighting.pass_score,
            ..row.clone()
        };
        attempt.trail.iter().map(found).collect()
    }

    fn group(&self) -> String {
        match &self.layer {
            Some(layer) => format!("{}/{layer}", self.method),
            None => self.method.clone(),
        }
    }

    /// What was found, if something was.
    fn sighting(&self) -> Option<Sighting> {
        Some(Sighting { cost: self.cost?, l2: self.l2?, linf: self.linf?, pass_score: self.pass_score })
    }
}

impl Attempts {
    /// Reads `attempts.csv`.
    ///
    /// # Errors
    /// If it is not such a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let damaged = |error: csv::Error| Failure::new(format!("`{}` is damaged ({error})", path.display()));
        let mut reader = csv::Reader::from_path(path).map_err(damaged)?;
        let mut records: Vec<Record> = Vec::new();
        for row in reader.deserialize() {
            let row: Row = row.map_err(damaged)?;
            let (group, sighting) = (row.group(), row.sighting());
            let is_same =
                |last: &Record| last.number == row.number && last.target == row.target && last.group == group;
            match records.last_mut() {
                Some(last) if is_same(last) => last.trail.extend(sighting),
                _ => records.push(Record {
                    number: row.number,
                    target: row.target,
                    group,
                    spent: row.spent,
                    trail: sighting.into_iter().collect(),
                }),
            }
        }
        Ok(Self { records })
    }

    /// How many origins were attacked.
    pub(super) fn origins(&self) -> usize {
        self.records.chunk_by(|a, b| a.number == b.number).count()
    }

    /// How many pairs of origin and target.
    pub(super) fn pairs(&self) -> usize {
        self.records.chunk_by(|a, b| a.number == b.number && a.target == b.target).count()
    }
}

/// Why it ended, unless it has found all that there is to find.
fn reason(attempt: &Attempt) -> Option<&'static str> {
    match attempt.outcome {
        _ if attempt.is_cut_short => Some(NotReached::Budget.as_str()),
        Outcome::NotReached(reason) => Some(reason.as_str()),
        Outcome::Reached(_) => None,
    }
}

#[cfg(test)]
impl Record {
    /// A record of a pair that does not matter.
    pub(super) fn new(group: &str, spent: usize, trail: Vec<Sighting>) -> Self {
        Self { number: 0, target: String::new(), group: group.to_owned(), spent, trail }
    }
}
