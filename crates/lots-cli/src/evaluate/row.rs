//! [`TableRow`]: a row of Table 1 while it is measured, and what it comes to.

use lots::data::ImageSet;
use lots::direction::VanishedGradient;
use lots::experiment::{Attempt, Experiment};
use lots::{Evaluation, Method};
use lots_network::Network;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;

use crate::attack::plan::groups;
use crate::failure::Result;
use crate::network::weight_layers;
use crate::numbers::Numbers;

/// Origins at a time at most, or a quarter of all; what is done is kept after each chunk. Sums are taken chunk by chunk,
/// so this is part of what the last bits of the means follow from.
const CHUNK: usize = 500;
const CHUNKS: usize = 4;

/// The methods of the table; the last one at each layer.
const METHODS: [Method; 4] =
    [Method::FastGradientSign, Method::FastGradientValue, Method::HotCold, Method::Toward];
/// Those whose gradient can vanish.
const FOLLOWED: [Method; 2] = [Method::FastGradientSign, Method::FastGradientValue];

/// What is measured, on what.
#[derive(Clone, Copy)]
pub(crate) struct Measured<'a> {
    pub(crate) network: &'a Network,
    /// With labels.
    pub(crate) origins: &'a ImageSet,
    /// With labels, mostly one a class.
    pub(crate) targets: &'a ImageSet,
    pub(crate) with_pass_score: bool,
    /// In bytes, for what is computed at a time.
    pub(crate) memory: usize,
}

/// How far a row has come. It can be kept as JSON and gone on with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TableRow {
    /// Origins that are done.
    pub(crate) origins: usize,
    groups: Vec<(String, Evaluation)>,
    /// The same with the vanished gradient followed.
    followed: Vec<(String, Evaluation)>,
}

/// A finished row: the error and what each method came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowReport {
    pub(crate) images: usize,
    pub(crate) errors: usize,
    /// Share of the images that the network misreads, 0–1.
    pub(crate) error: f64,
    /// Keyed `hot-cold`, `toward/conv2`; `toward` is all layers together, as the paper has it.
    #[serde(with = "crate::numbers::keyed")]
    pub(crate) groups: Vec<(String, Numbers)>,
    /// The fast gradient methods where the vanished gradient is followed in double precision.
    #[serde(with = "crate::numbers::keyed")]
    pub(crate) followed: Vec<(String, Numbers)>,
}

impl TableRow {
    /// Measures the next origins. Returns false if `interrupted` was set before they were done.
    pub(crate) fn go_on(&mut self, measured: Measured<'_>, interrupted: &AtomicBool) -> Result<bool> {
        let count = measured.origins.len();
        let end = count.min(self.origins + chunk(count, CHUNK, CHUNKS));
        let part = measured.origins.part(self.origins..end)?;
        let experiments = [
            experiment(measured, &METHODS, VanishedGradient::Fail),
            experiment(measured, &FOLLOWED, VanishedGradient::Follow),
        ];
        let mut results = Vec::new();
        for experiment in &experiments {
            let mut unwatched = |_: Attempt| {};
            let targets = Some(measured.targets);
            match experiment.run_until(measured.network, &part, targets, &mut unwatched, interrupted) {
                Err(lots::Error::Interrupted) => return Ok(false),
                result => results.push(result?.groups),
            }
        }
        let all = [&mut self.groups, &mut self.followed];
        for ((groups, experiment), results) in all.into_iter().zip(&experiments).zip(&results) {
            if groups.is_empty() {
                groups
                    .extend(experiment.groups.iter().map(|group| (group.to_string(), Evaluation::default())));
            }
            for ((_, evaluation), more) in groups.iter_mut().zip(results) {
                evaluation.merge(more);
            }
        }
        self.origins = end;
        Ok(true)
    }

    /// What it comes to.
    pub(crate) fn report(&self) -> RowReport {
        let mut groups: Vec<(String, Numbers)> = Vec::new();
        let mut toward = Evaluation::default();
        for (key, evaluation) in &self.groups {
            if key.starts_with(Method::Toward.as_str()) {
                toward.merge(evaluation);
            }
            groups.push((key.clone(), Numbers::from(evaluation)));
        }
        // Those that the network misreads. They were skipped once, not once a layer.
        toward.skipped = self.groups.first().map(|(_, first)| first.skipped.clone()).unwrap_or_default();
        let errors: usize = toward.skipped.values().sum();
        groups.push((Method::Toward.as_str().to_owned(), Numbers::from(&toward)));
        let followed = self.followed.iter().map(|(key, evaluation)| (key.clone(), evaluation.into()));
        RowReport {
            images: self.origins,
            errors,
            error: errors as f64 / self.origins.max(1) as f64,
            groups,
            followed: followed.collect(),
        }
    }
}

impl RowReport {
    /// What a method, at a layer or not, came to.
    pub(crate) fn group(&self, key: &str) -> Option<&Numbers> {
        self.groups.iter().find(|(name, _)| name == key).map(|(_, numbers)| numbers)
    }

    /// What it came to where the vanished gradient is followed.
    pub(crate) fn followed(&self, key: &str) -> Option<&Numbers> {
        self.followed.iter().find(|(name, _)| name == key).map(|(_, numbers)| numbers)
    }
}

/// How many of `count` origins are taken together: at most `most`, but in no fewer than `chunks` chunks of a few.
pub(crate) fn chunk(count: usize, most: usize, chunks: usize) -> usize {
    // Lanes of the registers stay empty in smaller ones.
    const FEW: usize = 5;
    count.div_ceil(chunks).max(FEW).min(most)
}

fn experiment(measured: Measured<'_>, methods: &[Method], vanished_gradient: VanishedGradient) -> Experiment {
    Experiment {
        groups: groups(methods.iter().copied(), weight_layers(measured.network)),
        vanished_gradient,
        with_pass_score: measured.with_pass_score,
        memory: measured.memory,
        ..Experiment::default()
    }
}
