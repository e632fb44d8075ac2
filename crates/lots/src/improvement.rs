//! [`toward_perturbed`]: perturbed images of any method as targets of the origins that they were made from.
//!
//! LOTS toward an image that already reaches the criterion often finds one that looks more like the origin: the
//! direction comes from a layer instead of from the loss. Whether that is so is measured, and the better of the two can
//! be kept.
//!
//! Source: Rozsa, Günther, Boult, "Exploring LOTS in Deep Neural Networks", section 5.1.

use std::sync::atomic::AtomicBool;

use lots_network::Network;

use crate::data::ImageSet;
use crate::error::Result;
use crate::experiment::{Attempt, Experiment, Group, MisclassifiedOrigins, Pairing, TargetChoice};
use crate::image::Image;
use crate::mask::Mask;
use crate::method::Method;
use crate::outcome::Perturbed;

/// An origin with an image that reaches the criterion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair<'a> {
    /// Where the search starts.
    pub origin: &'a Image,
    /// Its target.
    pub perturbed: &'a Image,
    /// What the network says of the target, which [`Until::Class`](crate::criterion::Until::Class) asks for.
    pub class: usize,
}

/// Moves each origin toward its perturbed image, at each layer.
///
/// - `experiment`: what ends the search, how directions are formed and searched, what is measured. Its methods, its
///   targets, which part of a layer they are about and what it does with origins that are misclassified do not matter:
///   the target is the perturbed image, as a whole.
/// - Returns an attempt for each pair and layer, in their order: [`Attempt::origin`] is the place of the pair and
///   [`Attempt::group`] that of the layer.
///
/// # Errors
/// As [`Experiment::run_until`].
///
/// # Example
/// ```
/// use lots::improvement::{self, Pair};
/// use lots::{Criterion, Experiment, LineSearch, attack, data::digits, direction, embedded};
/// use std::sync::atomic::AtomicBool;
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let origin = &digits.images()[4];
/// let direction = direction::fast_gradient_sign(&network, origin, 4, direction::VanishedGradient::Follow)?;
/// let outcome = attack::along(&network, origin, &direction, &Criterion::Misclassified, &LineSearch::default())?;
/// let found = outcome.reached().expect("a step is found");
/// let pair = Pair { origin, perturbed: &found.image, class: found.class };
/// let layers = ["ip1".to_owned()];
/// let going = AtomicBool::new(false);
/// let attempts = improvement::toward_perturbed(&network, &Experiment::default(), &layers, &[pair], &going)?;
/// let better = improvement::best(found, &attempts).expect("the sign of a gradient is easily improved");
/// assert!(better.pass_score > found.pass_score.as_ref().expect("it was measured").score);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn toward_perturbed(
    network: &Network,
    experiment: &Experiment,
    layers: &[String],
    pairs: &[Pair<'_>],
    interrupted: &AtomicBool,
) -> Result<Vec<Attempt>> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let set = |images: Vec<Image>, labels| ImageSet::new(images, labels, vec![String::new(); pairs.len()]);
    let origins = set(pairs.iter().map(|pair| pair.origin.clone()).collect(), None)?;
    let classes = pairs.iter().map(|pair| pair.class).collect();
    let targets = set(pairs.iter().map(|pair| pair.perturbed.clone()).collect(), Some(classes))?;
    let experiment = Experiment {
        groups: layers.iter().map(|layer| Group::at_layer(Method::Toward, layer)).collect(),
        pairing: Pairing::Zip,
        templates: Vec::new(),
        target_choice: TargetChoice::default(),
        mask: Mask::default(),
        target_class: None,
        misclassified_origins: MisclassifiedOrigins::Include,
        ..experiment.clone()
    };
    let mut attempts = Vec::with_capacity(layers.len() * pairs.len());
    let mut observer = |attempt| attempts.push(attempt);
    experiment.run_until(network, &origins, Some(&targets), &mut observer, interrupted)?;
    Ok(attempts)
}

/// An image with a higher PASS than that which it was made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Better<'a> {
    /// The place of the layer.
    pub layer: usize,
    /// The image with its measures.
    pub perturbed: &'a Perturbed,
    /// Its PASS.
    pub pass_score: f64,
}

/// The best of the attempts on a pair, if its PASS is higher than that of the image that was their target; of equal ones
/// that of the first layer.
///
/// - `found`: the target, with its PASS.
pub fn best<'a>(found: &Perturbed, attempts: &'a [Attempt]) -> Option<Better<'a>> {
    let mut least = found.pass_score.as_ref()?.score;
    let mut best = None;
    for attempt in attempts {
        let Some(perturbed) = attempt.outcome.reached() else { continue };
        let Some(pass_score) = perturbed.pass_score.as_ref().map(|pass_score| pass_score.score) else {
            continue;
        };
        if pass_score > least {
            least = pass_score;
            best = Some(Better { layer: attempt.group, perturbed, pass_score });
        }
    }
    best
}
