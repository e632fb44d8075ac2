//! `--improve`: LOTS toward the perturbed images that other methods have found, and the better of both.

use std::sync::atomic::AtomicBool;

use lots::experiment::Attempt;
use lots::improvement::{self, Pair};
use lots::outcome::Perturbed;
use lots_network::Network;

use super::attempts::Finished;
use super::images::Origin;
use super::plan::Plan;
use super::row::{Improvement, Reached};
use crate::failure::Result;

/// So many origins are moved at a time.
const PAIRS: usize = 256;

/// What LOTS toward a perturbed image came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Improved {
    /// The place of the layer and the image, if its PASS is higher.
    better: Option<(usize, Perturbed)>,
    classifications: usize,
    backpropagations: usize,
}

/// For each attempt that has found an image, what LOTS toward it came to; for all others, and without `--improve`, none.
///
/// - `origins`: those that [`Attempt::origin`] counts.
/// - Returns none if `interrupted` was set before all was done.
pub(super) fn improved(
    network: &Network,
    plan: &Plan,
    origins: &[&Origin],
    attempts: &[Attempt],
    interrupted: &AtomicBool,
) -> Result<Option<Vec<Option<Improved>>>> {
    let mut improved = vec![None; attempts.len()];
    if plan.improve.is_empty() {
        return Ok(Some(improved));
    }
    let found: Vec<(usize, &Perturbed)> = attempts
        .iter()
        .enumerate()
        .filter_map(|(index, attempt)| Some((index, attempt.outcome.reached()?)))
        .collect();
    for found in found.chunks(PAIRS) {
        let pairs: Vec<Pair<'_>> = found
            .iter()
            .map(|&(index, perturbed)| Pair {
                origin: &origins[attempts[index].origin].image,
                perturbed: &perturbed.image,
                class: perturbed.class,
            })
            .collect();
        let experiment = &plan.experiment;
        let moved =
            match improvement::toward_perturbed(network, experiment, &plan.improve, &pairs, interrupted) {
                Err(lots::Error::Interrupted) => return Ok(None),
                moved => moved?,
            };
        for (own, &(index, perturbed)) in moved.chunks(plan.improve.len()).zip(found) {
            let better = improvement::best(perturbed, own);
            improved[index] = Some(Improved {
                better: better.map(|better| (better.layer, better.perturbed.clone())),
                classifications: own.iter().map(|attempt| attempt.classifications).sum(),
                backpropagations: own.iter().map(|attempt| attempt.backpropagations).sum(),
            });
        }
    }
    Ok(Some(improved))
}

impl Improved {
    /// Puts the better image in the place of the one that was found without, and says what that was.
    pub(super) fn take_place(self, plan: &Plan, finished: &mut Finished) {
        let Some(without) = finished.row.reached.clone() else { return };
        finished.row.improvement = Some(Improvement {
            layer: self.better.as_ref().map(|(layer, _)| plan.improve[*layer].clone()),
            without,
            classifications: self.classifications,
            backpropagations: self.backpropagations,
        });
        if let Some((_, perturbed)) = self.better {
            finished.row.class = Some(perturbed.class);
            finished.row.reached = Some(Reached::from(&perturbed));
            finished.perturbed = Some(perturbed.image);
        }
    }
}
