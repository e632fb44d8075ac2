//! [`Case`]: what is tried on an origin.

use std::cmp::Ordering;

use lots_network::LayerId;

use super::targets::{TargetChoice, Targets};
use super::{Experiment, Pairing};
use crate::criterion::{Criterion, Until};
use crate::method::Method;

/// An attempt before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// Index in the chunk.
    pub(super) origin: usize,
    pub(super) group: usize,
    pub(super) target: Option<usize>,
    pub(super) target_class: Option<usize>,
}

/// An origin before it is known what is tried on it.
pub(super) struct Starting<'a> {
    /// Index in the set.
    pub(super) number: usize,
    /// Index in the chunk.
    pub(super) origin: usize,
    pub(super) class: usize,
    /// The distance of its representation to that of a target, for a group.
    pub(super) distance: &'a dyn Fn(usize, usize) -> f64,
}

/// What is tried on one origin.
pub(super) fn cases_of(
    experiment: &Experiment,
    targets: Option<&Targets>,
    class_count: usize,
    start: &Starting<'_>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    let origin = start.origin;
    for (group, method) in experiment.groups.iter().map(|group| group.method).enumerate() {
        let case = |target, target_class| Case { origin, group, target, target_class };
        let wanted_class = match (experiment.pairing, targets) {
            (Pairing::Same, Some(targets)) => targets.classes[start.number],
            _ => experiment.target_class,
        };
        let distance = |target: usize| (start.distance)(group, target);
        let extreme = |targets: &Targets, wanted| targets.extreme(start.class, &distance, wanted);
        match (method, targets) {
            (method, Some(targets)) if method.needs_target() => {
                let toward = |target: usize| case(Some(target), targets.classes[target]);
                match (experiment.pairing, &experiment.target_choice) {
                    (Pairing::Zip | Pairing::Same, _) => cases.push(toward(start.number)),
                    (Pairing::All, TargetChoice::Nearest) => {
                        cases.extend(extreme(targets, Ordering::Less).map(toward));
                    }
                    (Pairing::All, TargetChoice::Farthest) => {
                        cases.extend(extreme(targets, Ordering::Greater).map(toward));
                    }
                    (Pairing::All, _) => {
                        let others = |&target: &usize| targets.labels[target] != Some(start.class);
                        cases.extend((0..targets.len()).filter(others).map(toward));
                    }
                }
            }
            (Method::HotCold, _) => {
                let wanted = |hot: &usize| wanted_class.is_none_or(|class| class == *hot);
                let hot = (0..class_count).filter(|&hot| hot != start.class).filter(wanted);
                cases.extend(hot.map(|hot| case(None, Some(hot))));
            }
            _ => cases.push(case(None, wanted_class)),
        }
    }
    cases
}

/// How many cases an origin has at most.
pub(super) fn most_cases(experiment: &Experiment, targets: Option<&Targets>, class_count: usize) -> usize {
    let each = |method: Method| match method {
        method if method.needs_target() && experiment.pairing == Pairing::All => {
            match experiment.target_choice {
                TargetChoice::Nearest | TargetChoice::Farthest => 1,
                _ => targets.map_or(1, Targets::len),
            }
        }
        Method::HotCold if experiment.target_class.is_none() => class_count,
        _ => 1,
    };
    experiment.groups.iter().map(|group| each(group.method)).sum::<usize>().max(1)
}

/// The criterion of a case.
pub(super) fn criterion(
    until: Until,
    case: Case,
    layer: Option<LayerId>,
    targets: Option<&Targets>,
) -> Criterion {
    let about = layer.zip(case.target).zip(targets);
    match (until, case.target_class, about) {
        (Until::Class, Some(class), _) => Criterion::Class(class),
        (Until::DistanceBelow(threshold), _, Some(((layer, target), targets))) => {
            let target = targets.representation(layer, target).clone();
            Criterion::DistanceBelow { layer, target, threshold }
        }
        (Until::SimilarityAbove(threshold), _, Some(((layer, target), targets))) => {
            let target = targets.representation(layer, target).clone();
            Criterion::SimilarityAbove { layer, target, threshold }
        }
        // What a criterion needs was checked when the experiment began.
        _ => Criterion::Misclassified,
    }
}
