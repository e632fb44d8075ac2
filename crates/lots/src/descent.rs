//! [`Descents`]: the methods of others that make an objective small, gradient after gradient, to the same criterion as
//! every method here.
//!
//! An objective is a number that the network computes for pixels, whole or not. Each method is a machine that asks for
//! the objective and its gradient at some pixels and is told them; it knows no network. Many machines are served
//! together, so that their passes fill the lanes. The gradients are exact, past no ReLU, since an optimiser trusts them.
//!
//! Whole pixels are classified where the criterion holds before they are rounded, and only what was classified counts.
//! Of the images that were found the one with the smallest L2 is kept, and a line search shrinks its perturbation as far
//! as the criterion holds, as it does for every other method.

mod course;
mod feature_adversary;
mod l_bfgs;
mod minimiser;
mod objective;
mod projected_gradient;
mod serving;

#[cfg(test)]
mod tests;

pub use feature_adversary::FeatureAdversary;
pub use l_bfgs::LBfgs;
pub use objective::Objective;
pub use projected_gradient::ProjectedGradient;
pub(crate) use serving::{Descending, search};

use crate::error::{Error, Result};

/// How each of them goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Descents {
    /// How [`Method::LBfgs`](crate::Method::LBfgs) does.
    pub l_bfgs: LBfgs,
    /// How [`Method::FeatureAdversary`](crate::Method::FeatureAdversary) does.
    pub feature_adversary: FeatureAdversary,
    /// How [`Method::ProjectedGradient`](crate::Method::ProjectedGradient) does.
    pub projected_gradient: ProjectedGradient,
}

impl Descents {
    /// # Errors
    /// [`Error::LineSearch`] names the first option that makes no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let got = self.l_bfgs.first_weight;
        if !(got > 0.0 && got.is_finite()) {
            return Err(Error::LineSearch { option: "first weight of l-bfgs", got, expected: "more than 0" });
        }
        let counts = [
            ("number of iterations of l-bfgs", self.l_bfgs.max_iterations),
            ("radius of feature-adversary", usize::from(self.feature_adversary.radius)),
            ("number of iterations of feature-adversary", self.feature_adversary.max_iterations),
            ("radius of projected-gradient", usize::from(self.projected_gradient.max_radius)),
            ("number of iterations of projected-gradient", self.projected_gradient.iterations),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((option, _)) => Err(Error::LineSearch { option, got: 0.0, expected: "1 or more" }),
            None => Ok(()),
        }
    }
}
