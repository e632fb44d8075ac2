//! [`Attempts`]: what was tried and what came of it, as `attempts.csv` keeps it: a row an attempt, in the layout that
//! programs for survival analysis read, with a magnitude in each row and whether it is one that flips the label.

use std::path::Path;

use lots::data::ImageSet;
use lots::experiment::{Attempt, Experiment};
use lots::{Method, Outcome};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// The directions that are tried at each layer, in the order of reports.
pub(super) const METHODS: [Method; 3] = [Method::Reduce, Method::Magnify, Method::Toward];

/// The end of each scale, where attempts that never flip the label are censored.
///
/// The search follows a direction until no pixel moves any more, so such an attempt has no magnitude that flips the
/// label, however far one goes: it is larger than all magnitudes there are, not only larger than that of the last image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    /// A pixel turns from black to white.
    pub(super) linf: f64,
    /// All pixels do.
    pub(super) l2: f64,
    /// The least that PASS can be.
    pub(super) pass_score: f64,
}

/// A line of `attempts.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The place of the origin among the images, counted from 0.
    number: usize,
    /// Its name.
    origin: String,
    origin_class: usize,
    layer: String,
    method: String,
    /// The name of the target, for `toward`.
    target: Option<String>,
    target_class: Option<usize>,
    flipped: bool,
    /// What the network reads then.
    class: Option<usize>,
    /// In grey levels; where it is not flipped, where it is censored.
    linf: f64,
    l2: f64,
    pass_score: Option<f64>,
    /// In grey levels of the pixel that moves fastest.
    step: Option<f64>,
    /// Why it does not flip.
    reason: Option<String>,
}

/// An attempt in short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) number: usize,
    pub(super) origin_class: usize,
    /// Place among the layers.
    pub(super) layer: usize,
    pub(super) method: Method,
    /// Place among the names of targets.
    pub(super) target: Option<usize>,
    pub(super) is_flipped: bool,
    pub(super) linf: f64,
    pub(super) l2: f64,
    pub(super) pass_score: Option<f64>,
}

/// All attempts on a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attempts {
    pub(super) layers: Vec<String>,
    pub(super) targets: Vec<String>,
    pub(super) records: Vec<Record>,
}

impl Scale {
    /// That of images of so many pixels, channels included.
    pub(super) fn of(pixels: usize) -> Self {
        Self { linf: 255.0, l2: 255.0 * (pixels as f64).sqrt(), pass_score: -1.0 }
    }
}

impl Row {
    /// The row of an attempt.
    ///
    /// - `origins`: the images that the experiment was given, of which the first has the number `first`.
    pub(super) fn new(
        experiment: &Experiment,
        (origins, first): (&ImageSet, usize),
        targets: &ImageSet,
        attempt: Attempt,
    ) -> Self {
        let group = &experiment.groups[attempt.group];
        let scale = Scale::of(origins.shape().iter().product());
        let mut row = Self {
            number: first + attempt.origin,
            origin: origins.names()[attempt.origin].clone(),
            origin_class: attempt.origin_class,
            layer: group.layer.clone().unwrap_or_default(),
            method: group.method.as_str().to_owned(),
            target: attempt.target.map(|target| targets.names()[target].clone()),
            target_class: attempt.target_class,
            flipped: false,
            class: None,
            linf: scale.linf,
            l2: scale.l2,
            pass_score: experiment.with_pass_score.then_some(scale.pass_score),
            step: None,
            reason: None,
        };
        match attempt.outcome {
            Outcome::NotReached(reason) => row.reason = Some(reason.as_str().to_owned()),
            Outcome::Reached(perturbed) => {
                row.flipped = true;
                row.class = Some(perturbed.class);
                row.linf = f64::from(perturbed.linf);
                row.l2 = perturbed.l2;
                row.pass_score = perturbed.pass_score.as_ref().map(|pass_score| pass_score.score);
                row.step = Some(perturbed.step());
            }
        }
        row
    }
}

impl Attempts {
    /// Reads `attempts.csv`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let damaged = |error: csv::Error| {
            if let csv::ErrorKind::Io(reason) = error.kind() {
                return Failure::file("read", path, reason);
            }
            Failure::new(format!("`{}` is damaged ({error})", path.display()))
        };
        let mut attempts = Self::default();
        for row in csv::Reader::from_path(path).map_err(damaged)?.deserialize() {
            let row: Row = row.map_err(damaged)?;
            let method = METHODS.into_iter().find(|method| method.as_str() == row.method);
            let numbers = [row.linf, row.l2, row.pass_score.unwrap_or(0.0)];
            let (Some(method), true) = (method, numbers.iter().all(|number| number.is_finite())) else {
                return Err(Failure::new(format!(
                    "`{}` has a row that is no attempt: origin {}, layer `{}`, method `{}`",
                    path.display(),
                    row.number,
                    row.layer,
                    row.method
                )));
            };
            attempts.records.push(Record {
                number: row.number,
                origin_class: row.origin_class,
                layer: place(&mut attempts.layers, row.layer),
                method,
                target: row.target.map(|target| place(&mut attempts.targets, target)),
                is_flipped: row.flipped,
                linf: row.linf,
                l2: row.l2,
                pass_score: row.pass_score,
            });
        }
        Ok(attempts)
    }

    /// The numbers of the origins, ascending.
    pub(super) fn origins(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.records.iter().map(|record| record.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The attempts on these origins.
    ///
    /// - `numbers`: ascending.
    #[must_use]
    pub(super) fn on(&self, numbers: &[usize]) -> Self {
        let is_meant = |record: &&Record| numbers.binary_search(&record.number).is_ok();
        Self { records: self.records.iter().filter(is_meant).copied().collect(), ..self.clone() }
    }
}

/// The place of a name among others, behind them if it is new.
fn place(names: &mut Vec<String>, name: String) -> usize {
    names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unfinished::lines;

    fn row(number: usize, flipped: bool) -> Row {
        Row {
            number,
            origin: format!("digits[{number}]"),
            origin_class: 7,
            layer: "conv, \"2\"".to_owned(),
            method: "toward".to_owned(),
            target: Some("digits:targets[9]".to_owned()),
            target_class: Some(9),
            flipped,
            class: flipped.then_some(9),
            linf: if flipped { 54.0 } else { 255.0 },
            l2: 1.0 / 3.0,
            pass_score: None,
            step: flipped.then_some(54.437_1),
            reason: (!flipped).then(|| "saturated".to_owned()),
        }
    }

    #[test]
    fn rows_are_read_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attempts.csv");
        let mut bytes = lines(&[row(0, true)], true).unwrap();
        bytes.extend(lines(&[row(3, false)], false).unwrap());
        std::fs::write(&path, bytes).unwrap();
        let attempts = Attempts::read(&path).unwrap();
        assert_eq!(attempts.layers, ["conv, \"2\""]);
        assert_eq!(attempts.origins(), [0, 3]);
        assert_eq!(attempts.records[0].l2.to_bits(), (1.0_f64 / 3.0).to_bits());
        assert_eq!(
            attempts.records.iter().map(|record| record.is_flipped).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(attempts.on(&[3]).records.len(), 1);
    }

    #[test]
    fn a_file_that_is_cut_off_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attempts.csv");
        let bytes = lines(&[row(0, true), row(1, false)], true).unwrap();
        for keep in [bytes.len() - 30, bytes.len() / 2] {
            std::fs::write(&path, &bytes[..keep]).unwrap();
            let failure = Attempts::read(&path).unwrap_err();
            assert!(failure.message().contains("attempts.csv` is damaged"), "{}", failure.message());
        }
    }
}
