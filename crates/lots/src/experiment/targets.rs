//! [`Targets`]: what origins are moved toward, images and templates, with their representations at all layers; and
//! [`TargetChoice`], what is made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use lots_network::{LayerId, Network};

use super::{Experiment, LANES, trace_bytes};
use crate::criterion::Until;
use crate::data::ImageSet;
use crate::direction::{Objective, OriginTrace};
use crate::error::{Error, Result};

/// Memory for the values that are kept of the targets' forward pass, in bytes; many large targets need not fit at once.
const TARGET_BYTES: usize = 256 << 20;

/// A target of which only the representation is at hand.
///
/// [`crate::data::templates`] reads them from files.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetTemplate {
    /// What it is called in reports.
    pub name: String,
    /// Its class, if it is known.
    pub class: Option<usize>,
    /// f⁽ˡ⁾ of the target, as many numbers as each layer of the experiment has.
    pub values: Arc<[f32]>,
}

/// What is made of the targets; images come first, then templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TargetChoice {
    /// Each is a target of its own.
    #[default]
    Each,
    /// The mean of the representations of each class is a target, classes in their order.
    Centroid,
    /// For each origin, the one of another class whose representation is nearest to its own, by the Euclidean distance
    /// at the layer; at that named last if there are several.
    Nearest,
    /// For each origin, the one of another class that is farthest.
    Farthest,
    /// The mean of all with these weights, which need not add up to 1. It has a class only if all that take part in it
    /// have the same.
    Mixture(Vec<f64>),
}

/// The targets: their classes, and what the network computes for them.
#[derive(Debug)]
pub(super) struct Targets {
    /// What they are labelled with.
    pub(super) labels: Vec<Option<usize>>,
    /// The label, or what the network says; of a template nobody may know.
    pub(super) classes: Vec<Option<usize>>,
    representations: BTreeMap<LayerId, Vec<Arc<[f32]>>>,
}

impl Targets {
    /// Passes all images forward to `layers`, once; so many at a time that they fill the lanes. The
    /// templates of the experiment follow.
    ///
    /// - Returns none if there are neither.
    pub(super) fn new(
        network: &Network,
        images: Option<&ImageSet>,
        experiment: &Experiment,
        layers: &[LayerId],
    ) -> Result<Option<Self>> {
        if images.is_none() && experiment.templates.is_empty() {
            return Ok(None);
        }
        let mut targets = Self { labels: Vec::new(), classes: Vec::new(), representations: BTreeMap::new() };
        if let Some(images) = images {
            targets.add_images(network, images, layers)?;
        }
        for template in &experiment.templates {
            targets.labels.push(template.class);
            targets.classes.push(template.class);
            for &layer in layers {
                targets.representations.entry(layer).or_default().push(Arc::clone(&template.values));
            }
        }
        match &experiment.target_choice {
            TargetChoice::Each | TargetChoice::Nearest | TargetChoice::Farthest => Ok(Some(targets)),
            TargetChoice::Centroid => targets.centroids().map(Some),
            TargetChoice::Mixture(weights) => {
                let mixture = targets.mixture(weights)?;
                if experiment.until == Until::Class && mixture.classes == [None] {
                    return Err(refused("a mixture of several classes has no class that could be reached"));
                }
                Ok(Some(mixture))
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn representation(&self, layer: LayerId, target: usize) -> &Arc<[f32]> {
        &self.representations[&layer][target]
    }

    /// Those at all layers of an objective.
    pub(super) fn representations(&self, objective: &Objective, target: usize) -> Vec<Arc<[f32]>> {
        objective.layers().into_iter().map(|layer| Arc::clone(self.representation(layer, target))).collect()
    }

    fn add_images(&mut self, network: &Network, images: &ImageSet, wanted: &[LayerId]) -> Result<()> {
        let at_once = TARGET_BYTES / trace_bytes(network);
        for chunk in images.images().chunks(at_once.clamp(1, LANES)) {
            let trace = OriginTrace::of_images(network, wanted, chunk)?;
            for &layer in wanted {
                let values = trace.representation(layer)?;
                self.representations.entry(layer).or_default().extend(values.images().map(Arc::from));
            }
            for target in 0..chunk.len() {
                let label = images.label(self.labels.len());
                self.labels.push(label);
                self.classes.push(label.or_else(|| Some(trace.class(target))));
            }
        }
        Ok(())
    }

    fn centroids(self) -> Result<Self> {
        let mut members: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
        for (target, class) in self.classes.iter().enumerate() {
            let class = class.ok_or_else(|| refused("a template without a class belongs to no centroid"))?;
            members.entry(class).or_default().push((target, 1.0));
        }
        let classes: Vec<Option<usize>> = members.keys().copied().map(Some).collect();
        Ok(self.means(&members.into_values().collect::<Vec<_>>(), classes.clone(), classes))
    }

    fn mixture(self, weights: &[f64]) -> Result<Self> {
        if weights.len() != self.len() {
            return Err(refused(format!("there are {} weights for {} of them", weights.len(), self.len())));
        }
        let sum: f64 = weights.iter().sum();
        if !(sum.is_finite() && sum > 0.0) {
            return Err(refused(format!("their weights add up to {sum}, expected a positive number")));
        }
        let mut classes = self.classes.iter().zip(weights).filter(|&(_, &weight)| weight != 0.0);
        let first = classes.next().and_then(|(class, _)| *class);
        let class = first.filter(|_| classes.all(|(class, _)| *class == first));
        let members = weights.iter().copied().enumerate().collect();
        // No label: a mixture is nobody's own class.
        Ok(self.means(&[members], vec![None], vec![class]))
    }

    /// Weighted means of some targets, in double precision, in their order.
    fn means(
        self,
        groups: &[Vec<(usize, f64)>],
        labels: Vec<Option<usize>>,
        classes: Vec<Option<usize>>,
    ) -> Self {
        let mean = |all: &[Arc<[f32]>], members: &[(usize, f64)]| -> Arc<[f32]> {
            let total: f64 = members.iter().map(|(_, weight)| weight).sum();
            let mut sum = vec![0.0_f64; all[members[0].0].len()];
            for &(target, weight) in members {
                sum.iter_mut()
                    .zip(all[target].iter())
                    .for_each(|(sum, &value)| *sum += weight * f64::from(value));
            }
            sum.into_iter().map(|sum| (sum / total) as f32).collect()
        };
        let representations = self.representations.iter();
        let representations = representations
            .map(|(&layer, all)| (layer, groups.iter().map(|members| mean(all, members)).collect()))
            .collect();
        Self { labels, classes, representations }
    }
}

impl Experiment {
    /// # Errors
    /// If templates and what is made of the targets do not fit the rest.
    pub(super) fn check_targets(&self, network: &Network, objectives: &[Option<Objective>]) -> Result<()> {
        let moves = |group: usize| self.groups[group].method.needs_target();
        let steered = (0..self.groups.len()).filter(|&group| moves(group));
        for layer in steered.filter_map(|group| objectives[group].as_ref()).flat_map(Objective::layers) {
            let expected = network.shape(layer).count();
            if let Some(template) = self.templates.iter().find(|template| template.values.len() != expected) {
                let layer = network.tensor_name(layer).to_owned();
                return Err(Error::RepresentationLength { layer, got: template.values.len(), expected });
            }
        }
        let class_count = network.class_count();
        if let Some(class) = self.templates.iter().filter_map(|it| it.class).find(|&it| it >= class_count) {
            return Err(Error::ClassRange { class, class_count });
        }
        let is_zip = self.pairing == super::Pairing::Zip;
        if is_zip && self.target_choice != TargetChoice::Each {
            return Err(refused(
                "origins are paired with each of them, one to one, or with what is made of all",
            ));
        }
        let needs_class = self.until == Until::Class;
        if needs_class && let Some(template) = self.templates.iter().find(|it| it.class.is_none()) {
            return Err(refused(format!("the class of template `{}` is not known", template.name)));
        }
        Ok(())
    }
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Targets { reason: reason.into() }
}

#[cfg(test)]
mod tests;
