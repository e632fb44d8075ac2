//! All methods on the same embedded digits.

use std::sync::atomic::AtomicBool;

use lots::Method;
use lots::data::digits;
use serde::Serialize;

use crate::attack::attempts;
use crate::attack::images::{Origin, Targets};
use crate::attack::plan::Plan;
use crate::attack::summary::Summary;
use crate::failure::Result;
use crate::images::FittedSet;
use crate::network::Loaded;
use crate::numbers::HEADER;
use crate::terminal::Terminal;

/// How many digits are moved step by step, which takes about a hundred times as long.
const STEPWISE: usize = 5;
/// And at which layer.
const STEPWISE_LAYER: &str = "conv2";
/// Origins at a time.
const CHUNK: usize = 25;

/// What each method came to.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Comparison {
    summary: Summary,
}

impl Comparison {
    /// The columns of [`Self::cells`].
    pub(super) const HEADER: [&'static str; 6] = {
        let [method, attempts, reached, pass_score, l2, linf, _] = HEADER;
        [method, attempts, reached, pass_score, l2, linf]
    };

    /// Attacks the first `count` embedded digits with every method, and the first of them step by step.
    pub(super) fn run(loaded: &Loaded, count: usize, terminal: Terminal) -> Result<Self> {
        let network = &loaded.network;
        let is_slow = |method: &Method| *method == Method::StepAndAdjust;
        // What is not the paper's is compared by `lots compare`.
        let own = Method::ALL.into_iter().filter(|method| !method.is_descent());
        let (slow, fast): (Vec<Method>, Vec<Method>) = own.partition(is_slow);
        let plans = [
            (Plan::of(&fast, loaded.weight_layers()), count),
            (Plan::of(&slow, std::iter::once(STEPWISE_LAYER)), count.min(STEPWISE)),
        ];
        let targets = Targets::new(&digits::targets(), None, network)?;
        let origins = Origin::of_set(&FittedSet::new(&digits::load(), "origin", network)?, None, 0, network)?;
        let mut summary = Summary::new(plans.iter().map(|(plan, _)| plan));
        let progress = terminal.progress(plans.iter().map(|(_, count)| *count as u64).sum(), "digits");
        for (plan, count) in &plans {
            for origins in origins[..*count].chunks(CHUNK) {
                let going = AtomicBool::new(false);
                let finished = attempts::run(network, plan, origins, Some(&targets), &going)?;
                finished.iter().flatten().for_each(|finished| summary.add(&finished.row));
                progress.inc(origins.len() as u64);
            }
        }
        progress.finish_and_clear();
        Ok(Self { summary })
    }

    pub(super) fn attempts(&self) -> usize {
        self.summary.attempts()
    }

    /// For the terminal.
    pub(super) fn table(&self) -> String {
        self.summary.table()
    }

    /// A row for each method and layer, without the reasons for what was not reached.
    pub(super) fn cells(&self) -> Vec<Vec<String>> {
        let mut rows = self.summary.cells();
        for row in &mut rows {
            row.truncate(Self::HEADER.len());
        }
        rows
    }
}
