//! [`LBfgs`]: the smallest perturbation by which a class is read, by box-constrained optimisation.

use super::course::{Course, Seen, bounds, real};
use super::minimiser::{End, Minimiser};
use crate::image::Image;
use crate::outcome::NotReached;

/// The weight of the norm grows or shrinks by this factor until one is too large and another small enough.
const DECADE: f64 = 10.0;
/// Below this the norm of no perturbation of a picture counts any more.
const LEAST_WEIGHT: f64 = 1e-15;

/// How the smallest perturbation is searched for.
///
/// min ‖r‖ such that the criterion holds for x + r, 0 ≤ x + r ≤ 255, approximated by min c·‖r‖² + loss(x + r) for the
/// largest weight c of the norm at whose minimum the criterion holds. The loss is −log p of what the criterion asks for:
/// of the class, or of any other class than the origin's.
///
/// The paper writes c·|r|, and for the smallest c, while its codes put the constant in front of the loss; the squared norm
/// is that of the codes, and can be differentiated at the origin. Each weight starts from the origin.
///
/// Source: Szegedy, Zaremba, Sutskever, Bruna, Erhan, Goodfellow, Fergus, "Intriguing properties of neural networks",
/// section 4.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LBfgs {
    /// The first c, for a perturbation in grey levels.
    pub first_weight: f64,
    /// How often the ratio of a weight that is too large and one that is not is halved, in logarithms.
    pub bisections: usize,
    /// How many steps the optimiser takes for each weight at most.
    pub max_iterations: usize,
}

impl Default for LBfgs {
    /// From 10⁻⁴, five bisections, a hundred steps.
    fn default() -> Self {
        Self { first_weight: 1e-4, bisections: 5, max_iterations: 100 }
    }
}

pub(super) struct Weighing {
    options: LBfgs,
    origin: Vec<f64>,
    weight: f64,
    minimiser: Minimiser,
    /// Whether the criterion holds at the point that the minimiser goes on from.
    holds: bool,
    /// The largest weight at whose minimum the criterion holds, and the smallest one at whose minimum it does not.
    held: Option<f64>,
    failed: Option<f64>,
    bisections: usize,
    /// Whether one of the failures ran out of steps.
    is_cut_short: bool,
}

impl Weighing {
    pub(super) fn new(options: LBfgs, origin: &Image) -> Self {
        let origin = real(origin);
        Self {
            options,
            weight: options.first_weight,
            minimiser: minimiser(&options, &origin),
            origin,
            holds: false,
            held: None,
            failed: None,
            bisections: 0,
            is_cut_short: false,
        }
    }

    /// The next weight, unless the last one was good enough.
    fn reweigh(&mut self) {
        if self.holds {
            self.held = Some(self.weight);
        } else {
            self.failed = Some(self.weight);
            self.is_cut_short = self.minimiser.end() == Some(End::IterationLimit);
        }
        let next = match (self.held, self.failed) {
            (Some(_), Some(_)) if self.bisections >= self.options.bisections => return,
            (Some(held), Some(failed)) => {
                self.bisections += 1;
                libm::sqrt(held) * libm::sqrt(failed)
            }
            (Some(held), None) => held * DECADE,
            (None, failed) => failed.unwrap_or(self.weight) / DECADE,
        };
        if next < LEAST_WEIGHT || !next.is_finite() {
            return;
        }
        self.weight = next;
        self.holds = false;
        self.minimiser = minimiser(&self.options, &self.origin);
    }
}

impl Course for Weighing {
    fn ask(&self) -> Option<&[f64]> {
        self.minimiser.ask()
    }

    fn tell(&mut self, seen: &Seen<'_>) {
        let Some(point) = self.minimiser.ask() else { return };
        let moved = || point.iter().zip(&self.origin).map(|(point, origin)| point - origin);
        let value = seen.value + self.weight * moved().map(|moved| moved * moved).sum::<f64>();
        let slopes = moved().zip(seen.gradient);
        let gradient = slopes.map(|(moved, slope)| f64::from(*slope) + 2.0 * self.weight * moved).collect();
        if self.minimiser.tell(value, gradient) {
            self.holds = seen.holds;
        }
        if self.minimiser.end().is_some() {
            self.reweigh();
        }
    }

    fn reason(&self) -> NotReached {
        if self.is_cut_short { NotReached::IterationLimit } else { NotReached::Converged }
    }
}

fn minimiser(options: &LBfgs, origin: &[f64]) -> Minimiser {
    let (lower, upper) = bounds(origin, 255.0);
    Minimiser::new(origin.to_vec(), lower, upper, options.max_iterations)
}
