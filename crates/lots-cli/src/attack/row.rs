//! [`Row`]: a line of `attempts.jsonl`.

use lots::direction::NoDirection;
use lots::line_search::Crossing;
use lots::outcome::{NotReached, Perturbed};
use serde::{Deserialize, Serialize};

use crate::class_names::ClassNames;
use crate::images::Preprocessed;

/// One attempt, or one origin that was skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The origin's name.
    pub(crate) origin: String,
    /// Its class.
    pub(crate) origin_class: usize,
    /// What that is called, where classes have names: the identity, behind a gallery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin_class_name: Option<String>,
    /// What was done to the origin before it was attacked, if its file has another size than the network takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin_preprocessed: Option<Preprocessed>,
    /// Where the origin is in the run folder as it was attacked, if that is not what its own file holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin_file: Option<String>,
    pub(crate) status: Status,
    /// Why it was skipped or not reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layer: Option<String>,
    /// The target's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// What the target is if it is no image: `template`, `centroid`, `mixture`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target_kind: Option<TargetKind>,
    /// The target's class, or the class that was to be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_class: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target_class_name: Option<String>,
    /// What the network reads: in the perturbed image, or in an origin that was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) class_name: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<Reached>,
    /// How many images were classified for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) classifications: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) backpropagations: usize,
    /// What LOTS toward the perturbed image came to, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) improvement: Option<Improvement>,
}

/// LOTS toward the image that a method had found. The measures of the row are those of the image that was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Improvement {
    /// Where an image with a higher PASS was found, which took the place of the other; none if nowhere.
    pub(crate) layer: Option<String>,
    /// What the method had found by itself.
    pub(crate) without: Reached,
    pub(crate) classifications: usize,
    pub(crate) backpropagations: usize,
}

/// The perturbed image and its measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// In grey levels of the pixel that moves fastest.
    pub(crate) step: f64,
    /// In grey levels.
    pub(crate) l2: f64,
    /// In grey levels.
    pub(crate) linf: u8,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) similarity: Option<Similarity>,
    /// What a scan saw before the step, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) crossing: Option<Crossed>,
    /// Where it is in the run folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
}

/// A target that is no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TargetKind {
    /// A stored representation.
    Template,
    /// The mean of a class.
    Centroid,
    /// The weighted mean of all.
    Mixture,
}

/// What takes most of the time to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Similarity {
    pub(crate) pass_score: f64,
    pub(crate) ssim: f64,
    /// How the alignment of PASS ended.
    pub(crate) alignment: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Crossed {
    /// The criterion holds at no image before that was looked at.
    First,
    /// A search without scan would have found a later step.
    Earlier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Reached,
    NotReached,
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The network reads another class than the origin's before anything is done.
    MisclassifiedOrigin,
    /// Every target, or the class to reach, is of the origin's own class.
    OwnClass,
    /// The criterion holds for the origin itself.
    HoldsAtOrigin,
    VanishedGradient,
    SameRepresentation,
    ZeroGradient,
    NotFinite,
    Saturated,
    StepLimit,
    IterationLimit,
    Converged,
    Budget,
}

impl From<NotReached> for Reason {
    fn from(reason: NotReached) -> Self {
        match reason {
            NotReached::NoDirection(NoDirection::SameRepresentation) => Self::SameRepresentation,
            NotReached::NoDirection(NoDirection::VanishedGradient) => Self::VanishedGradient,
            NotReached::NoDirection(NoDirection::ZeroGradient) => Self::ZeroGradient,
            NotReached::NoDirection(NoDirection::NotFinite) => Self::NotFinite,
            NotReached::HoldsAtOrigin => Self::HoldsAtOrigin,
            NotReached::Saturated => Self::Saturated,
            NotReached::StepLimit => Self::StepLimit,
            NotReached::IterationLimit => Self::IterationLimit,
            NotReached::Converged => Self::Converged,
            NotReached::Budget => Self::Budget,
        }
    }
}

impl From<&Perturbed> for Reached {
    fn from(perturbed: &Perturbed) -> Self {
        let similarity = perturbed.pass_score.as_deref().map(|pass_score| Similarity {
            pass_score: pass_score.score,
            ssim: pass_score.ssim,
            alignment: pass_score.alignment.status.as_str().to_owned(),
        });
        let crossing = match perturbed.bracket.crossing {
            Crossing::Assumed => None,
            Crossing::First => Some(Crossed::First),
            Crossing::Earlier { .. } => Some(Crossed::Earlier),
        };
        let (step, l2, linf) = (perturbed.step(), perturbed.l2, perturbed.linf);
        Self { step, l2, linf, similarity, crossing, file: None }
    }
}

impl Row {
    /// The same with what its classes are called.
    pub(crate) fn with_class_names(self, names: &ClassNames) -> Self {
        let called = |class: Option<usize>| class.and_then(|class| names.name(class)).map(str::to_owned);
        Self {
            origin_class_name: called(Some(self.origin_class)),
            target_class_name: called(self.target_class),
            class_name: called(self.class),
            ..self
        }
    }

    /// A row about an origin with nothing else yet.
    pub(crate) fn new(origin: &str, origin_class: usize, status: Status) -> Self {
        Self {
            origin: origin.to_owned(),
            origin_class,
            origin_class_name: None,
            origin_preprocessed: None,
            origin_file: None,
            status,
            reason: None,
            method: None,
            layer: None,
            target: None,
            target_kind: None,
            target_class: None,
            target_class_name: None,
            class: None,
            class_name: None,
            reached: None,
            classifications: 0,
            backpropagations: 0,
            improvement: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_zero(count: &usize) -> bool {
    *count == 0
}
