//! How well the network verifies: the similarities of all pairs of images.

use lots::criterion::cosine_similarity;
use lots::verification::{DetPoint, PairSimilarities, threshold_at_far};
use lots_network::{LayerId, Network};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::identities::Identities;
use crate::faces::feature;
use crate::failure::Result;
use crate::terminal::{Align, counted, table};

/// Points of a curve that is drawn or written.
const POINTS: usize = 200;
/// The false-accept rates at which the false-reject rate is told, as far as there are pairs for them.
const RATES: [f64; 4] = [1e-1, 1e-2, 1e-3, 1e-4];

/// What the network computes for the images, and what came of it.
pub(super) struct Verified {
    pub(super) representations: Vec<Vec<f32>>,
    pub(super) scores: PairSimilarities,
    pub(super) summary: Verification,
}

/// In `run.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Verification {
    images: usize,
    identities: usize,
    genuine_pairs: usize,
    impostor_pairs: usize,
    pub(super) auc: f64,
    equal_error_rate: f64,
    /// The share of images, of identities with several, whose most similar other image is of their identity.
    rank_one: Option<f64>,
    /// At the false-accept rate that was asked for.
    pub(super) threshold: f64,
    /// The false-reject rate there.
    pub(super) frr: f64,
    mean_genuine: f64,
    mean_impostor: f64,
    rates: Vec<DetPoint>,
    pub(super) det: Vec<DetPoint>,
}

impl Verified {
    /// Compares all images with all others.
    pub(super) fn new(network: &Network, layer: LayerId, identities: &Identities, far: f64) -> Result<Self> {
        let representations = feature::representations(network, layer, &identities.images)?;
        let count = representations.len();
        let similarities: Vec<Vec<f64>> = (0..count)
            .into_par_iter()
            .map(|one| {
                let others = representations[..one].iter();
                others.map(|other| cosine_similarity(&representations[one], other)).collect()
            })
            .collect();
        let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
        let mut best: Vec<Option<(f64, bool)>> = vec![None; count];
        for (one, others) in similarities.iter().enumerate() {
            for (other, &similarity) in others.iter().enumerate() {
                let is_same = identities.of[one] == identities.of[other];
                if is_same {
                    genuine.push(similarity);
                } else {
                    impostor.push(similarity);
                }
                for image in [one, other] {
                    if best[image].is_none_or(|(known, _)| similarity > known) {
                        best[image] = Some((similarity, is_same));
                    }
                }
            }
        }
        let threshold = threshold_at_far(&impostor, far)?;
        let scores = PairSimilarities::new(genuine, impostor)?;
        let several = |image: &usize| {
            let own = identities.of[*image];
            identities.of.iter().filter(|&&identity| identity == own).count() > 1
        };
        let ranked: Vec<bool> =
            (0..count).filter(several).filter_map(|image| best[image].map(|(_, is_same)| is_same)).collect();
        let right = ranked.iter().filter(|&&is_same| is_same).count();
        let summary = Verification {
            images: count,
            identities: identities.names.len(),
            genuine_pairs: scores.genuine().len(),
            impostor_pairs: scores.impostor().len(),
            auc: scores.auc(),
            equal_error_rate: scores.equal_error_rate(),
            rank_one: (!ranked.is_empty()).then(|| right as f64 / ranked.len() as f64),
            threshold,
            frr: scores.frr(threshold),
            mean_genuine: mean(scores.genuine()),
            mean_impostor: mean(scores.impostor()),
            rates: RATES.iter().filter_map(|&far| point_at(&scores, far)).collect(),
            det: thinned(scores.det()),
        };
        Ok(Self { representations, scores, summary })
    }
}

impl Verification {
    /// For the terminal.
    pub(super) fn text(&self) -> String {
        let rank_one =
            self.rank_one.map_or_else(String::new, |rate| format!(" · rank-1 {:.2} %", 100.0 * rate));
        let rows: Vec<Vec<String>> = self.cells();
        format!(
            "{} of {}: {} and {}\nAUC {:.4} · equal error rate {:.2} %{rank_one}\n\n{}",
            counted(self.images, "image", "images"),
            counted(self.identities, "identity", "identities"),
            counted(self.genuine_pairs, "genuine pair", "genuine pairs"),
            counted(self.impostor_pairs, "impostor pair", "impostor pairs"),
            self.auc,
            100.0 * self.equal_error_rate,
            table(&HEADER.map(|name| (name, Align::Right)), &rows)
        )
    }

    /// A sentence or two.
    pub(super) fn sentence(&self) -> String {
        let rank_one = self.rank_one.map_or_else(String::new, |rate| {
            format!(
                " For {:.2} % of the images the most similar other image is of the same identity.",
                100.0 * rate
            )
        });
        format!(
            "{} of {} make {} with a mean similarity of {:.3} and {} with one \
             of {:.3}: AUC {:.4}, equal error rate {:.2} %.{rank_one}",
            counted(self.images, "image", "images"),
            counted(self.identities, "identity", "identities"),
            counted(self.genuine_pairs, "genuine pair", "genuine pairs"),
            self.mean_genuine,
            counted(self.impostor_pairs, "impostor pair", "impostor pairs"),
            self.mean_impostor,
            self.auc,
            100.0 * self.equal_error_rate
        )
    }

    /// A row for each false-accept rate.
    pub(super) fn cells(&self) -> Vec<Vec<String>> {
        let row = |point: &DetPoint| {
            vec![
                format!("{:.4} %", 100.0 * point.far),
                format!("{:.2} %", 100.0 * point.frr),
                format!("{:.4}", point.threshold),
            ]
        };
        self.rates.iter().map(row).collect()
    }
}

/// The columns of [`Verification::cells`].
pub(super) const HEADER: [&str; 3] = ["FAR", "FRR", "threshold"];

/// The errors at the threshold of a false-accept rate; none where there are too few pairs.
fn point_at(scores: &PairSimilarities, far: f64) -> Option<DetPoint> {
    let threshold = threshold_at_far(scores.impostor(), far).ok()?;
    Some(DetPoint { threshold, far: scores.far(threshold), frr: scores.frr(threshold) })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A curve with fewer points: the first and the last, and those between that differ enough to be seen on logarithmic axes.
pub(super) fn thinned(points: Vec<DetPoint>) -> Vec<DetPoint> {
    // Errors from 10⁻⁶ to 1 are six powers of ten on each axis.
    let place = |rate: f64| rate.max(1e-6).log10();
    let least = 2.0 * 6.0 / POINTS as f64;
    let last = points.len().saturating_sub(1);
    let mut kept: Vec<DetPoint> = Vec::new();
    for (index, point) in points.into_iter().enumerate() {
        let is_far = kept.last().is_none_or(|before| {
            (place(before.far) - place(point.far)).abs() + (place(before.frr) - place(point.frr)).abs()
                >= least
        });
        if is_far || index == last {
            kept.push(point);
        }
    }
    kept
}
