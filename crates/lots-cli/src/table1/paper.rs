//! The cells of the paper's Table 1 that can be read.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file of the cells, with their source.
const FILE: &str = include_str!("../../assets/paper-table1.json");

/// What the paper reports.
#[derive(Debug, Deserialize)]
pub(super) struct Paper {
    pub(super) source: String,
    pub(super) note: String,
    /// About how many images of each method were formed.
    pub(super) formed: BTreeMap<String, usize>,
    rows: Vec<PaperRow>,
}

#[derive(Debug, Deserialize)]
struct PaperRow {
    network: String,
    error: f64,
    cells: BTreeMap<String, PaperCell>,
}

/// A cell of the table: the success rate, 0–1, and means with standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(super) struct PaperCell {
    pub(super) success_rate: f64,
    pub(super) pass_score: [f64; 2],
    pub(super) l2: [f64; 2],
    pub(super) linf: [f64; 2],
}

impl Paper {
    /// All of it.
    pub(super) fn read() -> Self {
        serde_json::from_str(FILE).expect("the file is part of the program, a test reads it")
    }

    /// Share of the test digits that a network misreads, 0–1.
    pub(super) fn error(&self, network: &str) -> Option<f64> {
        self.row(network).map(|row| row.error)
    }

    /// What a method came to on a network, if it can be read.
    pub(super) fn cell(&self, network: &str, method: &str) -> Option<PaperCell> {
        self.row(network)?.cells.get(method).copied()
    }

    fn row(&self, network: &str) -> Option<&PaperRow> {
        self.rows.iter().find(|row| row.network == network)
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::NETWORKS;
    use super::*;

    #[test]
    fn the_file_has_a_row_for_each_network() {
        let paper = Paper::read();
        for network in &NETWORKS {
            let error = paper.error(network.key).unwrap_or_else(|| panic!("{}", network.key));
            assert!((0.005..0.011).contains(&error));
            assert!(paper.cell(network.key, "fast-gradient-value").is_some());
        }
        assert_eq!(paper.rows.len(), NETWORKS.len());
        let cell = paper.cell("toward", "toward").unwrap();
        assert_eq!((cell.success_rate, cell.l2), (0.9761, [1119.6, 422.9]));
        assert_eq!(paper.cell("basic", "toward"), None);
        for row in &paper.rows {
            for cell in row.cells.values() {
                assert!(cell.success_rate <= 1.0 && cell.pass_score[0] < 1.0 && cell.l2[0] > cell.linf[0]);
            }
        }
    }
}
