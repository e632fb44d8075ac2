//! The smallest step of each attempt: directions, criteria, line search.

use std::sync::Arc;

use lots::criterion::Until;
use lots::direction::{Formed, OriginTrace};
use lots::line_search::{Verdict, image_at};
use lots::{Criterion, Image, Method};
use lots_network::{Network, class_of};
use rayon::prelude::*;

use super::attempts::Attempt;
use super::images::{Origin, Targets};
use super::plan::Plan;
use super::row::Reason;
use crate::failure::{Failure, Result};

/// What an attempt came to.
#[derive(Debug)]
pub(super) struct Found {
    /// The perturbed image, the step, what the network reads in it; or why the criterion was not reached.
    pub(super) end: Result<(Image, f64, usize), Reason>,
    pub(super) classifications: usize,
    pub(super) backpropagations: usize,
}

/// Searches all attempts. Each finds what it would find alone.
pub(super) fn search(
    network: &Network,
    plan: &Plan,
    origins: &[Origin],
    targets: Option<&Targets>,
    attempts: &[Attempt],
) -> Result<Vec<Found>> {
    attempts
        .par_iter()
        .map(|attempt| one(network, plan, &origins[attempt.origin], targets, attempt))
        .collect()
}

fn one(
    network: &Network,
    plan: &Plan,
    origin: &Origin,
    targets: Option<&Targets>,
    attempt: &Attempt,
) -> Result<Found> {
    let group = &plan.groups[attempt.group];
    let layer = group.layer.as_ref().map_or(network.logits(), |(_, layer)| *layer);
    let target: Arc<[f32]> = match (attempt.target, targets) {
        (Some(target), Some(targets)) => {
            network.represent(layer, targets.images[target].pixels())?.values.into()
        }
        _ => Arc::default(),
    };
    let formed = form(network, plan, origin, &target, attempt)?;
    let direction = match formed {
        Ok(direction) => direction,
        Err(reason) => return Ok(Found { end: Err(reason.into()), classifications: 1, backpropagations: 1 }),
    };
    let class = attempt.target_class.unwrap_or_default();
    let criterion = match plan.until {
        Until::Misclassified => Criterion::Misclassified,
        Until::Class => Criterion::Class(class),
        Until::DistanceBelow(threshold) => Criterion::DistanceBelow { layer, target, threshold },
        Until::SimilarityAbove(threshold) => Criterion::SimilarityAbove { layer, target, threshold },
    };
    let mut failed = None;
    let mut judge = |image: &Image| {
        let representation = network.represent(criterion.layer(network), image.pixels());
        let verdict = representation.map(|values| criterion.judge(origin.predicted, values.image(0)));
        verdict.unwrap_or_else(|error| {
            failed = Some(error);
            Verdict::from(true)
        })
    };
    let at_origin = judge(&origin.image);
    if at_origin.holds {
        return Ok(Found { end: Err(Reason::HoldsAtOrigin), classifications: 1, backpropagations: 1 });
    }
    let finding = plan.line_search.smallest_step(&origin.image, &direction, at_origin, judge)?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let end = match finding.end {
        Ok(bracket) => {
            let image = image_at(&origin.image, &direction, bracket.hi)?;
            let class = class_of(network.classify(image.pixels())?.image(0));
            Ok((image, bracket.hi, class))
        }
        Err(reason) => Err(reason.into()),
    };
    Ok(Found { end, classifications: finding.judged + 1, backpropagations: 1 })
}

fn form(
    network: &Network,
    plan: &Plan,
    origin: &Origin,
    target: &[f32],
    attempt: &Attempt,
) -> Result<Formed> {
    let group = &plan.groups[attempt.group];
    let layer = group.layer.as_ref().map_or(network.logits(), |(_, layer)| *layer);
    let trace = OriginTrace::of_images(network, &[layer], std::slice::from_ref(&origin.image))?
        .with_relu_start(plan.relu_start);
    let class = [origin.predicted];
    let formed = match group.method {
        Method::Toward | Method::StepAndAdjust => trace.toward(layer, &[target])?,
        Method::Magnify => trace.magnify(layer)?,
        Method::Reduce => trace.reduce(layer)?,
        Method::FastGradientSign => trace.fast_gradient_sign(&class, plan.vanished_gradient)?,
        Method::FastGradientValue => trace.fast_gradient_value(&class, plan.vanished_gradient)?,
        Method::HotCold => trace.hot_cold(&class, &[attempt.target_class.unwrap_or_default()])?,
    };
    formed.into_iter().next().ok_or_else(|| Failure::new("there is no origin"))
}
