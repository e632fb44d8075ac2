//! Attempts on some origins, as rows with their perturbed images.

use std::sync::atomic::AtomicBool;

use lots::data::ImageSet;
use lots::experiment::{Attempt, Group, Pairing, TargetChoice};
use lots::{Image, Method, Outcome};
use lots_network::Network;

use super::images::{Origin, Targets};
use super::improvement::improved;
use super::plan::Plan;
use super::row::{Reached, Reason, Row, Status, TargetKind};
use crate::failure::Result;

/// A row with the perturbed image, which has no file yet.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) row: Row,
    pub(crate) perturbed: Option<Image>,
    pub(crate) stem: String,
    /// Which of the origins it is about.
    pub(crate) origin: usize,
}

/// Attempts of all origins that are not skipped, and rows of those that are; in the order of the origins.
///
/// - Returns none if `interrupted` was set before all was done.
pub(crate) fn run(
    network: &Network,
    plan: &Plan,
    origins: &[Origin],
    targets: Option<&Targets>,
    interrupted: &AtomicBool,
) -> Result<Option<Vec<Finished>>> {
    let taken: Vec<&Origin> = origins.iter().filter(|origin| plan.takes(origin)).collect();
    let mut attempts: Vec<Attempt> = Vec::new();
    if !taken.is_empty() {
        let images = taken.iter().map(|origin| origin.image.clone()).collect();
        let set = ImageSet::new(images, None, taken.iter().map(|origin| origin.name.clone()).collect())?;
        let own = targets.map(|targets| targets.of(&taken, plan.experiment.pairing)).transpose()?;
        let mut keep = |attempt| attempts.push(attempt);
        match plan.experiment.run_until(network, &set, own.as_ref(), &mut keep, interrupted) {
            Err(lots::Error::Interrupted) => return Ok(None),
            result => result?,
        };
    }
    let Some(improved) = improved(network, plan, &taken, &attempts, interrupted)? else { return Ok(None) };
    let mut attempts = attempts.into_iter().zip(improved).peekable();
    let (mut rows, mut index) = (Vec::new(), 0);
    for (place, origin) in origins.iter().enumerate() {
        if !plan.takes(origin) {
            rows.push(Finished { origin: place, ..skipped(origin) });
            continue;
        }
        for (number, group) in plan.experiment.groups.iter().enumerate() {
            let before = rows.len();
            while let Some((attempt, improved)) =
                attempts.next_if(|(attempt, _)| (attempt.origin, attempt.group) == (index, number))
            {
                let mut finished = finish(plan, origin, targets, attempt);
                if let Some(improved) = improved {
                    improved.take_place(plan, &mut finished);
                }
                rows.push(Finished { origin: place, ..finished });
            }
            if rows.len() == before {
                rows.push(Finished { origin: place, ..without_aim(origin, group) });
            }
        }
        index += 1;
    }
    Ok(Some(rows))
}

/// How many attempts an origin has at most.
pub(crate) fn most_attempts(plan: &Plan, targets: Option<&Targets>, class_count: usize) -> usize {
    weighed(plan, targets, class_count, |_| 1)
}

/// How long an origin takes, in attempts with one direction.
pub(crate) fn work(plan: &Plan, targets: Option<&Targets>, class_count: usize) -> usize {
    // The others take dozens of steps, each with a direction of its own.
    weighed(plan, targets, class_count, |method| if method.has_one_direction() { 1 } else { 100 })
}

/// The attempts on an origin, each with its weight.
fn weighed(
    plan: &Plan,
    targets: Option<&Targets>,
    class_count: usize,
    weight: impl Fn(Method) -> usize,
) -> usize {
    let count = targets.map_or(0, |targets| targets.set.len()) + plan.experiment.templates.len();
    let targets = match (plan.experiment.pairing, &plan.experiment.target_choice) {
        // There are not more centroids than targets.
        (Pairing::All, TargetChoice::Each | TargetChoice::Centroid) => count,
        _ => count.min(1),
    };
    let each = |group: &Group| match group.method {
        Method::HotCold if plan.experiment.target_class.is_none() => class_count - 1,
        method if method.needs_target() => targets,
        _ => 1,
    };
    plan.experiment.groups.iter().map(|group| each(group) * weight(group.method)).sum::<usize>().max(1)
}

/// What a target is called.
struct Named {
    name: String,
    kind: Option<TargetKind>,
    /// In file names; no two targets of a run have the same.
    stem: String,
}

impl Named {
    fn new(plan: &Plan, targets: Option<&Targets>, target: usize, class: Option<usize>) -> Self {
        let images = targets.map_or(0, |targets| targets.set.len());
        match (&plan.experiment.target_choice, targets) {
            (TargetChoice::Centroid, _) => {
                let class = class.unwrap_or_default();
                let (name, stem) = (plan.class_names.centroid(class), format!("centroid-{class}"));
                Self { name, kind: Some(TargetKind::Centroid), stem }
            }
            (TargetChoice::Mixture(_), _) => {
                let name = "mixture".to_owned();
                Self { stem: name.clone(), name, kind: Some(TargetKind::Mixture) }
            }
            (_, Some(targets)) if target < images => Self {
                name: targets.set.names()[target].clone(),
                kind: None,
                stem: targets.stems[target].clone(),
            },
            _ => {
                let name = plan.experiment.templates[target - images].name.clone();
                let stem = format!("template-{}-{}", target - images, crate::images::file_stem(&name));
                Self { name, kind: Some(TargetKind::Template), stem }
            }
        }
    }
}

fn finish(plan: &Plan, origin: &Origin, targets: Option<&Targets>, attempt: Attempt) -> Finished {
    let group = &plan.experiment.groups[attempt.group];
    // Targets that go in pairs are numbered within the chunk.
    let target = attempt.target.map(|target| match plan.experiment.pairing {
        Pairing::All => target,
        Pairing::Zip | Pairing::Same => origin.number,
    });
    let named = target.map(|target| Named::new(plan, targets, target, attempt.target_class));
    let mut row = Row {
        method: Some(group.method.as_str().to_owned()),
        layer: group.layer.clone(),
        target: named.as_ref().map(|named| named.name.clone()),
        target_kind: named.as_ref().and_then(|named| named.kind),
        target_class: attempt.target_class,
        classifications: attempt.classifications,
        backpropagations: attempt.backpropagations,
        origin_preprocessed: origin.preprocessed,
        ..Row::new(&origin.name, attempt.origin_class, Status::NotReached)
    };
    let stem = stem(plan, origin, named.map(|named| named.stem), &attempt);
    let perturbed = match attempt.outcome {
        Outcome::NotReached(reason) => {
            row.reason = Some(reason.into());
            None
        }
        Outcome::Reached(perturbed) => {
            row.status = Status::Reached;
            row.class = Some(perturbed.class);
            row.reached = Some(Reached::from(&perturbed));
            Some(perturbed.image)
        }
    };
    Finished { row, perturbed, stem, origin: 0 }
}

/// An origin that the network misreads anyway.
fn skipped(origin: &Origin) -> Finished {
    skipped_for(Reason::MisclassifiedOrigin, origin)
}

/// An origin of which every target, or the class to reach, is of its own class.
fn without_aim(origin: &Origin, group: &Group) -> Finished {
    let mut finished = skipped_for(Reason::OwnClass, origin);
    finished.row.method = Some(group.method.as_str().to_owned());
    finished.row.layer.clone_from(&group.layer);
    finished
}

fn skipped_for(reason: Reason, origin: &Origin) -> Finished {
    let row = Row {
        reason: Some(reason),
        class: Some(origin.predicted),
        origin_preprocessed: origin.preprocessed,
        ..Row::new(&origin.name, origin.class, Status::Skipped)
    };
    Finished { row, perturbed: None, stem: String::new(), origin: 0 }
}

/// `00004_digits-4_toward_conv2_digits-targets-9`: number and name of the origin, method, layer, target or class.
fn stem(plan: &Plan, origin: &Origin, target: Option<String>, attempt: &Attempt) -> String {
    let name = crate::images::file_stem(&origin.name);
    let mut parts = vec![format!("{:05}", origin.number), name, plan.stems[attempt.group].clone()];
    parts.extend(target.or_else(|| attempt.target_class.map(|class| class.to_string())));
    parts.join("_")
}
