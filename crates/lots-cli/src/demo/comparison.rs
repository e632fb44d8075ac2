//! All methods on the same embedded digits.

use lots::data::digits;
use serde::Serialize;

use crate::attack::attempts;
use crate::attack::images::{Origin, Targets};
use crate::attack::plan::Plan;
use crate::attack::summary::Summary;
use crate::failure::Result;
use crate::network::Loaded;
use crate::terminal::Terminal;

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
        let [method, attempts, reached, pass_score, l2, linf, _] = Summary::HEADER;
        [method, attempts, reached, pass_score, l2, linf]
    };

    /// Attacks the first `count` embedded digits with every method.
    pub(super) fn run(loaded: &Loaded, count: usize, terminal: Terminal) -> Result<Self> {
        let network = &loaded.network;
        let plan = Plan::of_all_methods(loaded)?;
        let targets = Targets::new(&digits::targets(), None, network)?;
        let origins = Origin::of_set(&digits::load(), None, 0, network)?;
        let mut summary = Summary::new(&plan);
        let progress = terminal.progress(count as u64, "digits");
        for origins in origins[..count].chunks(CHUNK) {
            for finished in attempts::run(network, &plan, origins, Some(&targets))? {
                summary.add(&finished.row);
            }
            progress.inc(origins.len() as u64);
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
