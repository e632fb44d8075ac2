//! [`Outcome`]: what came of an attempt. Not reaching the criterion is a result with a reason, not an error.

use serde::{Deserialize, Serialize};

use crate::direction::NoDirection;
use crate::error::Result;
use crate::image::Image;
use crate::line_search::{Bracket, NoStep};
use crate::measure::{PassScore, PassScorer};
use crate::perturbation::{Perturbation, norms_between};

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The criterion holds for this image.
    Reached(Perturbed),
    /// It was not reached.
    NotReached(NotReached),
}

/// A perturbed image with what was measured on its 8-bit pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Perturbed {
    /// The image, the one that was classified.
    pub image: Image,
    /// What the network says of it.
    pub class: usize,
    /// The step that made it is `hi`; at `lo`, with the image before it on the ray, the criterion does not hold. If a
    /// budget ended the search, other images may lie between the two.
    pub bracket: Bracket,
    /// L2 norm of the perturbation, in grey levels.
    pub l2: f64,
    /// L∞ norm of the perturbation, in grey levels.
    pub linf: u8,
    /// PASS and SSIM, unless they were not asked for.
    pub pass_score: Option<Box<PassScore>>,
}

/// Why a criterion was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NotReached {
    /// There was no direction to go.
    NoDirection(NoDirection),
    /// The criterion holds for the origin itself, so that there is no smallest step.
    HoldsAtOrigin,
    /// All pixels that move have arrived at 0 or 255.
    Saturated,
    /// The longest step allowed was reached.
    StepLimit,
    /// The direction was computed again as often as allowed.
    IterationLimit,
    /// The objective is as small as it gets, and the criterion does not hold there.
    Converged,
    /// What the attempt may cost was spent.
    Budget,
}

/// Why an origin was not attacked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Skipped {
    /// The network gives it another class than its label before anything is done.
    MisclassifiedOrigin,
    /// It has no label, and the method needs one.
    OriginWithoutLabel,
}

impl Outcome {
    /// The perturbed image, if the criterion was reached.
    pub fn reached(&self) -> Option<&Perturbed> {
        match self {
            Self::Reached(perturbed) => Some(perturbed),
            Self::NotReached(_) => None,
        }
    }
}

impl Perturbed {
    /// Measures an image that was found.
    ///
    /// - `scorer`: computes PASS, which takes most of the time; none leaves it out.
    ///
    /// # Errors
    /// As [`PassScorer::score`].
    pub(crate) fn measure(
        origin: &Image,
        image: Image,
        class: usize,
        bracket: Bracket,
        scorer: Option<&mut PassScorer>,
    ) -> Result<Self> {
        let (l2, linf) = norms_between(origin, &image)?;
        let pass_score = scorer.map(|scorer| scorer.score(origin, &image)).transpose()?.map(Box::new);
        Ok(Self { image, class, bracket, l2, linf, pass_score })
    }

    /// The step along the direction, in grey levels of the pixel that moves fastest.
    pub fn step(&self) -> f64 {
        self.bracket.hi
    }

    /// The difference to the origin.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if `origin` is another one.
    pub fn perturbation(&self, origin: &Image) -> Result<Perturbation> {
        Perturbation::between(origin, &self.image)
    }
}

impl NotReached {
    /// The name in reports: `vanished_gradient`, `no_direction` for the other reasons why there is none,
    /// `holds_at_origin`, `saturated`, `step_limit`, `iteration_limit`, `converged`, `budget`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoDirection(NoDirection::VanishedGradient) => "vanished_gradient",
            Self::NoDirection(_) => "no_direction",
            Self::HoldsAtOrigin => "holds_at_origin",
            Self::Saturated => "saturated",
            Self::StepLimit => "step_limit",
            Self::IterationLimit => "iteration_limit",
            Self::Converged => "converged",
            Self::Budget => "budget",
        }
    }
}

impl Skipped {
    /// The name in reports: `misclassified_origin`, `origin_without_label`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MisclassifiedOrigin => "misclassified_origin",
            Self::OriginWithoutLabel => "origin_without_label",
        }
    }
}

impl From<NoStep> for NotReached {
    fn from(reason: NoStep) -> Self {
        match reason {
            NoStep::Saturated => Self::Saturated,
            NoStep::StepLimit => Self::StepLimit,
            NoStep::Budget => Self::Budget,
        }
    }
}

impl From<NoDirection> for NotReached {
    fn from(reason: NoDirection) -> Self {
        Self::NoDirection(reason)
    }
}
