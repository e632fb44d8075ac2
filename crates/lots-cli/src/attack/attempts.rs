//! Attempts: which there are for an origin, searching them, measuring what was reached.

use lots::Image;
use lots::measure::{PassScorer, compare_with};
use lots_network::Network;
use rayon::prelude::*;

use super::images::{Origin, Targets};
use super::plan::{Group, Plan};
use super::row::{Reached, Reason, Row, Similarity, Status};
use super::search::{Found, search};
use crate::args::Pairing;
use crate::failure::Result;
use lots::Method;

/// What is tried: one origin, one method at one layer, one target or class to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Index in the chunk of origins.
    pub(crate) origin: usize,
    /// Index in the plan's groups.
    pub(crate) group: usize,
    pub(crate) target: Option<usize>,
    /// The target's class, the hot class, or the class that was asked for.
    pub(crate) target_class: Option<usize>,
}

/// A row with the perturbed image, which has no file yet.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) row: Row,
    pub(crate) perturbed: Option<Image>,
    pub(crate) stem: String,
}

/// Attempts of all origins that are not skipped, and rows of those that are; in the order of the origins.
pub(crate) fn run(
    network: &Network,
    plan: &Plan,
    origins: &[Origin],
    targets: Option<&Targets>,
) -> Result<Vec<Finished>> {
    let attempts: Vec<Attempt> = origins
        .iter()
        .enumerate()
        .filter(|(_, origin)| plan.takes(origin))
        .flat_map(|(index, origin)| attempts_of(index, origin, plan, targets, network.class_count()))
        .collect();
    let found = search(network, plan, origins, targets, &attempts)?;
    let mut finished: Vec<Result<Finished>> = attempts
        .par_iter()
        .zip(found)
        .map_init(PassScorer::default, |scorer, (attempt, found)| {
            finish(plan, &origins[attempt.origin], targets, *attempt, found, scorer)
        })
        .collect();
    let mut rows = Vec::with_capacity(finished.len());
    let mut done = finished.drain(..).zip(&attempts).peekable();
    for (index, origin) in origins.iter().enumerate() {
        if !plan.takes(origin) {
            rows.push(skipped(origin));
        }
        while let Some((row, _)) = done.next_if(|(_, attempt)| attempt.origin == index) {
            rows.push(row?);
        }
    }
    Ok(rows)
}

/// How many attempts an origin has at most.
pub(crate) fn most_attempts(plan: &Plan, targets: Option<&Targets>, class_count: usize) -> usize {
    let targets = match plan.pairing {
        Pairing::All => targets.map_or(0, |targets| targets.images.len()),
        Pairing::Zip => 1,
    };
    let each = |group: &Group| match group.method {
        Method::HotCold if plan.target_class.is_none() => class_count - 1,
        method if method.needs_target() => targets,
        _ => 1,
    };
    plan.groups.iter().map(each).sum::<usize>().max(1)
}

fn attempts_of(
    index: usize,
    origin: &Origin,
    plan: &Plan,
    targets: Option<&Targets>,
    class_count: usize,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let class = origin.predicted;
    for (group, Group { method, .. }) in plan.groups.iter().enumerate() {
        let attempt = |target, target_class| Attempt { origin: index, group, target, target_class };
        match (method, targets) {
            (Method::Toward | Method::StepAndAdjust, Some(targets)) if plan.pairing == Pairing::Zip => {
                attempts.push(attempt(Some(origin.number), targets.class(origin.number)));
            }
            (Method::Toward | Method::StepAndAdjust, Some(targets)) => {
                let others = (0..targets.images.len()).filter(|&target| targets.class(target) != Some(class));
                attempts.extend(others.map(|target| attempt(Some(target), targets.class(target))));
            }
            (Method::HotCold, _) => {
                let hot =
                    (0..class_count).filter(|&hot| plan.target_class.is_none_or(|wanted| hot == wanted));
                attempts.extend(hot.filter(|&hot| hot != class).map(|hot| attempt(None, Some(hot))));
            }
            _ => attempts.push(attempt(None, plan.target_class)),
        }
    }
    attempts
}

fn finish(
    plan: &Plan,
    origin: &Origin,
    targets: Option<&Targets>,
    attempt: Attempt,
    found: Found,
    scorer: &mut PassScorer,
) -> Result<Finished> {
    let group = &plan.groups[attempt.group];
    let mut row = Row {
        method: Some(group.method.as_str().to_owned()),
        layer: group.layer.as_ref().map(|(name, _)| name.clone()),
        target: attempt.target.and_then(|target| targets.map(|targets| targets.names[target].clone())),
        target_class: attempt.target_class,
        classifications: found.classifications,
        backpropagations: found.backpropagations,
        ..Row::new(&origin.name, origin.predicted, Status::NotReached)
    };
    let stem = stem(plan, origin, targets, attempt);
    match found.end {
        Err(reason) => {
            row.reason = Some(reason);
            Ok(Finished { row, perturbed: None, stem })
        }
        Ok((perturbed, step, class)) => {
            row.status = Status::Reached;
            row.class = Some(class);
            row.reached = Some(measured(&origin.image, &perturbed, step, plan.with_pass.then_some(scorer))?);
            Ok(Finished { row, perturbed: Some(perturbed), stem })
        }
    }
}

fn measured(
    origin: &Image,
    perturbed: &Image,
    step: f64,
    scorer: Option<&mut PassScorer>,
) -> Result<Reached> {
    let Some(scorer) = scorer else {
        let perturbation = lots::Perturbation::between(origin, perturbed)?;
        let (l2, linf) = (perturbation.l2(), perturbation.linf());
        return Ok(Reached { step, l2, linf, similarity: None, file: None });
    };
    let measures = compare_with(scorer, origin, perturbed)?;
    let similarity = Similarity {
        pass_score: measures.pass_score,
        ssim: measures.ssim,
        alignment: measures.alignment.status.as_str().to_owned(),
    };
    Ok(Reached { step, l2: measures.l2, linf: measures.linf, similarity: Some(similarity), file: None })
}

fn skipped(origin: &Origin) -> Finished {
    let row = Row {
        reason: Some(Reason::MisclassifiedOrigin),
        class: Some(origin.predicted),
        ..Row::new(&origin.name, origin.class, Status::Skipped)
    };
    Finished { row, perturbed: None, stem: String::new() }
}

/// `00004_digits-4_toward_conv2_digits-targets-9`: number and name of the origin, method, layer, target or class.
fn stem(plan: &Plan, origin: &Origin, targets: Option<&Targets>, attempt: Attempt) -> String {
    let name = crate::images::file_stem(&origin.name);
    let mut parts = vec![format!("{:05}", origin.number), name, plan.stems[attempt.group].clone()];
    match (attempt.target, targets, attempt.target_class) {
        (Some(target), Some(targets), _) => parts.push(targets.stems[target].clone()),
        (_, _, Some(class)) => parts.push(class.to_string()),
        _ => {}
    }
    parts.join("_")
}
