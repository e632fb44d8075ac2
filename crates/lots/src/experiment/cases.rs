//! [`Case`]: what is tried on an origin, and the targets with their representations at all layers.

use std::collections::BTreeMap;
use std::sync::Arc;

use lots_network::{LayerId, Network};

use super::{Experiment, LANES, Pairing, trace_bytes};
use crate::criterion::{Criterion, Until};
use crate::data::ImageSet;
use crate::direction::OriginTrace;
use crate::error::Result;
use crate::method::Method;

/// Memory for the values that are kept of the targets' forward pass, in bytes; many large targets need not fit at once.
const TARGET_BYTES: usize = 256 << 20;

/// An attempt before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// Index in the chunk.
    pub(super) origin: usize,
    pub(super) group: usize,
    pub(super) target: Option<usize>,
    pub(super) target_class: Option<usize>,
}

/// The targets: their classes, and what the network computes for them.
#[derive(Debug)]
pub(super) struct Targets {
    /// What they are labelled with.
    labels: Vec<Option<usize>>,
    /// The label, or what the network says.
    classes: Vec<usize>,
    representations: BTreeMap<LayerId, Vec<Arc<[f32]>>>,
}

impl Targets {
    /// Passes all targets forward to the layers of all groups, once; so many at a time that they fill the lanes.
    pub(super) fn new(network: &Network, targets: &ImageSet, layers: &[Option<LayerId>]) -> Result<Self> {
        let mut wanted: Vec<LayerId> = layers.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut representations: BTreeMap<LayerId, Vec<Arc<[f32]>>> = BTreeMap::new();
        let mut said = Vec::with_capacity(targets.len());
        let at_once = TARGET_BYTES / trace_bytes(network);
        for images in targets.images().chunks(at_once.clamp(1, LANES)) {
            let trace = OriginTrace::of_images(network, &wanted, images)?;
            for &layer in &wanted {
                let values = trace.representation(layer)?;
                representations.entry(layer).or_default().extend(values.images().map(Arc::from));
            }
            said.extend((0..images.len()).map(|target| trace.class(target)));
        }
        let labels: Vec<Option<usize>> = (0..targets.len()).map(|target| targets.label(target)).collect();
        let classes = labels.iter().zip(said).map(|(label, said)| label.unwrap_or(said)).collect();
        Ok(Self { labels, classes, representations })
    }

    pub(super) fn representation(&self, layer: LayerId, target: usize) -> &Arc<[f32]> {
        &self.representations[&layer][target]
    }
}

/// What is tried on one origin of class `origin_class`, whose index in the set is `number` and in the chunk `origin`.
pub(super) fn cases_of(
    experiment: &Experiment,
    targets: Option<&Targets>,
    class_count: usize,
    (number, origin): (usize, usize),
    origin_class: usize,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, method) in experiment.groups.iter().map(|group| group.method).enumerate() {
        let case = |target, target_class| Case { origin, group, target, target_class };
        let wanted_class = match (experiment.pairing, targets) {
            (Pairing::Same, Some(targets)) => Some(targets.classes[number]),
            _ => experiment.target_class,
        };
        match (method, targets) {
            (method, Some(targets)) if method.needs_target() => {
                let toward = |target: usize| case(Some(target), Some(targets.classes[target]));
                match experiment.pairing {
                    Pairing::Zip | Pairing::Same => cases.push(toward(number)),
                    Pairing::All => {
                        let others = |&target: &usize| targets.labels[target] != Some(origin_class);
                        cases.extend((0..targets.labels.len()).filter(others).map(toward));
                    }
                }
            }
            (Method::HotCold, _) => {
                let wanted = |hot: &usize| wanted_class.is_none_or(|class| class == *hot);
                let hot = (0..class_count).filter(|&hot| hot != origin_class).filter(wanted);
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
            targets.map_or(1, |targets| targets.labels.len())
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
