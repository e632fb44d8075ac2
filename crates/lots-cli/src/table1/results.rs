//! [`Results`]: what all stages came to, read from the folder; and numbers over several seeds.

use std::path::Path;

use serde::Serialize;

use super::folder::Folder;
use super::form::SetReport;
use super::plan::{Extent, NETWORKS, SETS};
use super::refine::Refinement;
use super::targets::Chosen;
use crate::evaluate::row::RowReport;
use crate::failure::Result;
use crate::json_file;
use crate::numbers::Numbers;

/// Everything that the report shows.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) scale: f64,
    pub(super) seeds: Vec<SeedResults>,
}

/// What came of one seed.
#[derive(Debug, Serialize)]
pub(super) struct SeedResults {
    pub(super) seed: u64,
    pub(super) networks: Vec<NetworkResults>,
    pub(super) sets: Vec<(String, SetReport)>,
    pub(super) targets: Vec<Chosen>,
    pub(super) refinement: Refinement,
}

/// A row of the table.
#[derive(Debug, Serialize)]
pub(super) struct NetworkResults {
    pub(super) key: &'static str,
    pub(super) iterations: usize,
    #[serde(flatten)]
    pub(super) row: RowReport,
}

/// A column of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// 0–1
    SuccessRate,
    PassScore,
    L2,
    Linf,
}

/// Mean and, of several seeds, standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Over {
    pub(super) mean: f64,
    pub(super) std: Option<f64>,
}

impl Results {
    /// Reads what the stages made.
    pub(super) fn read(out: &Path, seeds: &[u64], extent: &Extent) -> Result<Self> {
        let read = |&seed: &u64| -> Result<SeedResults> {
            let folder = Folder::create(out, seed)?;
            let network = |plan: &'static super::plan::NetworkPlan| -> Result<NetworkResults> {
                let row = json_file::read(&folder.evaluation(plan.key))?;
                Ok(NetworkResults { key: plan.key, iterations: extent.iterations(plan), row })
            };
            let set = |plan: &super::plan::SetPlan| -> Result<(String, SetReport)> {
                Ok((plan.key.to_owned(), json_file::read(&folder.set_json(plan.key))?))
            };
            Ok(SeedResults {
                seed,
                networks: NETWORKS.iter().map(network).collect::<Result<_>>()?,
                sets: SETS.iter().map(set).collect::<Result<_>>()?,
                targets: json_file::read(&folder.targets_json())?,
                refinement: json_file::read(&folder.refinement())?,
            })
        };
        Ok(Self { scale: extent.scale, seeds: seeds.iter().map(read).collect::<Result<_>>()? })
    }

    /// A number of each seed.
    pub(super) fn over(&self, value: impl Fn(&SeedResults) -> Option<f64>) -> Option<Over> {
        Over::of(self.seeds.iter().map(value))
    }

    /// Error of a network, 0–1.
    pub(super) fn error(&self, network: &str) -> Option<Over> {
        self.over(|seed| seed.row(network).map(|row| row.error))
    }

    /// A number of a cell.
    pub(super) fn cell(&self, network: &str, group: &str, measure: Measure) -> Option<Over> {
        self.over(|seed| measure.of(seed.row(network)?.group(group)?))
    }
}

impl SeedResults {
    /// The row of a network.
    pub(super) fn row(&self, network: &str) -> Option<&RowReport> {
        self.networks.iter().find(|results| results.key == network).map(|results| &results.row)
    }
}

impl Measure {
    pub(super) const ALL: [Self; 4] = [Self::SuccessRate, Self::PassScore, Self::L2, Self::Linf];

    /// The number.
    pub(super) fn of(self, numbers: &Numbers) -> Option<f64> {
        match self {
            Self::SuccessRate => numbers.success_rate,
            Self::PassScore => numbers.pass_score.spread.mean,
            Self::L2 => numbers.l2.mean,
            Self::Linf => numbers.linf.mean,
        }
    }

    /// The standard deviation over the images; success rates have none.
    pub(super) fn std_of(self, numbers: &Numbers) -> Option<f64> {
        match self {
            Self::SuccessRate => None,
            Self::PassScore => numbers.pass_score.spread.std,
            Self::L2 => numbers.l2.std,
            Self::Linf => numbers.linf.std,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SuccessRate => "success",
            Self::PassScore => "PASS",
            Self::L2 => "L2",
            Self::Linf => "L∞",
        }
    }

    /// Over seeds, as [`Self::text`]; `–` where there is nothing.
    pub(super) fn over(self, over: Option<Over>) -> String {
        text(over, |value| self.text(value))
    }

    /// As the paper writes it: success in percent with two digits, PASS with four, norms with one.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::SuccessRate => format!("{:.2} %", 100.0 * value),
            Self::PassScore => format!("{value:.4}"),
            Self::L2 | Self::Linf => format!("{value:.1}"),
        }
    }
}

impl Over {
    /// Mean and standard deviation of the values that are there (of a sample, since seeds are one).
    pub(super) fn of(values: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.flatten().collect();
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let std = (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt());
        Some(Self { mean, std })
    }
}

/// The mean, of several seeds with the deviation.
pub(super) fn text(over: Option<Over>, write: impl Fn(f64) -> String) -> String {
    match over {
        None => "–".to_owned(),
        Some(Over { mean, std: None }) => write(mean),
        Some(Over { mean, std: Some(std) }) => {
            let (mean, std) = (write(mean), write(std));
            match (mean.strip_suffix(" %"), std.strip_suffix(" %")) {
                (Some(mean), Some(std)) => format!("{mean} ± {std} %"),
                _ => format!("{mean} ± {std}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_has_no_error_bar() {
        assert_eq!(Over::of([None, None].into_iter()), None);
        assert_eq!(Over::of([Some(2.0)].into_iter()), Some(Over { mean: 2.0, std: None }));
        let three = Over::of([Some(1.0), Some(2.0), None, Some(3.0)].into_iter()).unwrap();
        assert_eq!(three, Over { mean: 2.0, std: Some(1.0) });
    }

    #[test]
    fn numbers_are_written_as_in_the_paper() {
        let texts = Measure::ALL.map(|measure| measure.text(0.853_7));
        assert_eq!(texts, ["85.37 %", "0.8537", "0.9", "0.9"]);
    }

    #[test]
    fn several_seeds_are_written_with_their_deviation() {
        let over = |std| Some(Over { mean: 0.0091, std });
        assert_eq!(Measure::SuccessRate.over(over(None)), "0.91 %");
        assert_eq!(Measure::SuccessRate.over(over(Some(0.0005))), "0.91 ± 0.05 %");
        assert_eq!(Measure::SuccessRate.over(None), "–");
    }
}
