//! [`FeatureAdversary`]: as near to a target's representation at a layer as a box around the origin allows.

use super::course::{Course, Seen, bounds, real};
use super::minimiser::{End, Minimiser};
use crate::image::Image;
use crate::outcome::NotReached;

/// How near the image stays to the origin, and how long it is moved.
///
/// `min ‖f⁽ˡ⁾(x) − f⁽ˡ⁾(x_t)‖²` such that `‖x − x_o‖∞ ≤ δ` and 0 ≤ x ≤ 255, by L-BFGS within the box, from the origin on,
/// until the criterion holds.
///
/// Source: Sabour, Cao, Faghri, Fleet, "Adversarial manipulation of deep representations", section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureAdversary {
    /// δ, in grey levels.
    pub radius: u8,
    /// How many steps the optimiser takes at most.
    pub max_iterations: usize,
}

impl Default for FeatureAdversary {
    /// Ten grey levels, as in the paper, and two hundred steps.
    fn default() -> Self {
        Self { radius: 10, max_iterations: 200 }
    }
}

pub(super) struct Approach {
    minimiser: Minimiser,
    has_arrived: bool,
}

impl Approach {
    pub(super) fn new(options: FeatureAdversary, origin: &Image) -> Self {
        let origin = real(origin);
        let (lower, upper) = bounds(&origin, f64::from(options.radius));
        let minimiser = Minimiser::new(origin, lower, upper, options.max_iterations);
        Self { minimiser, has_arrived: false }
    }
}

impl Course for Approach {
    fn ask(&self) -> Option<&[f64]> {
        self.minimiser.ask().filter(|_| !self.has_arrived)
    }

    fn tell(&mut self, seen: &Seen<'_>) {
        self.has_arrived |= seen.holds;
        self.minimiser.tell(seen.value, seen.gradient.iter().copied().map(f64::from).collect());
    }

    fn reason(&self) -> NotReached {
        match self.minimiser.end() {
            Some(End::Converged) => NotReached::Converged,
            _ => NotReached::IterationLimit,
        }
    }
}
