//! [`Targets`]: what origins are moved toward, images and templates, with their representations at all layers; and
//! [`TargetChoice`], what is made of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use lots_network::{LayerId, Network};

use super::{Experiment, LANES, trace_bytes};
use crate::criterion::{Until, euclidean_distance};
use crate::data::ImageSet;
use crate::direction::{Objective, OriginTrace};
use crate::error::{Error, Result, counted};

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

/// Why targets cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetFault {
    /// A template without a class, where there is to be a centroid for each class.
    NoCentroid {
        /// The template.
        template: String,
    },
    /// A template without a class, whose class is to be reached.
    UnknownClass {
        /// The template.
        template: String,
    },
    /// A mixture with more or fewer weights than there are targets.
    WeightCount {
        /// How many weights there are.
        weights: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// Weights of a mixture of which no mean can be taken.
    WeightSum {
        /// What they add up to.
        sum: f64,
    },
    /// A mixture of several classes, whose class is to be reached.
    ManyClasses,
    /// Targets that go in pairs with origins, and that something is to be made of.
    Paired,
}

/// The targets: their classes, and what the network computes for them.
///
/// An [`Experiment`] makes its own; this is for those who form single directions.
///
/// # Example
/// ```
/// use lots::direction::{Objective, OriginTrace};
/// use lots::experiment::{TargetChoice, Targets};
/// let (network, digits) = (lots::embedded::lenet(), lots::data::digits::load());
/// let (layer, origin) = (network.layer("ip1")?, &digits.images()[4]);
/// let objective = Objective::of_layer(layer);
/// let images = lots::data::digits::targets();
/// let targets = Targets::new(&network, Some(&images), &[], &TargetChoice::Nearest, &[layer])?.expect("there are ten");
/// let own = network.represent(layer, origin.pixels())?;
/// let nearest = targets.chosen(layer, &own.values, 4);
/// assert!(nearest.len() == 1 && nearest[0] != 4);
/// let target = targets.representations(&objective, nearest[0]);
/// let trace = OriginTrace::of_images(&network, &[layer], std::slice::from_ref(origin))?;
/// assert!(trace.toward_objective(&objective, &[&target[..]])?[0].is_ok());
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Debug)]
pub struct Targets {
    /// What they are labelled with.
    pub(super) labels: Vec<Option<usize>>,
    /// The label, or what the network says; of a template nobody may know.
    pub(super) classes: Vec<Option<usize>>,
    representations: BTreeMap<LayerId, Vec<Arc<[f32]>>>,
    choice: TargetChoice,
}

impl Targets {
    /// Passes all images forward to `layers`, once; so many at a time that they fill the lanes. The templates follow.
    ///
    /// - Returns none if there are neither.
    ///
    /// # Errors
    /// [`Error::RepresentationLength`] if a template has not as many numbers as a layer; [`Error::ClassRange`];
    /// [`Error::Targets`] if they do not fit what is made of them.
    pub fn new(
        network: &Network,
        images: Option<&ImageSet>,
        templates: &[TargetTemplate],
        choice: &TargetChoice,
        layers: &[LayerId],
    ) -> Result<Option<Self>> {
        if images.is_none() && templates.is_empty() {
            return Ok(None);
        }
        for (template, &layer) in templates.iter().flat_map(|it| layers.iter().map(move |layer| (it, layer)))
        {
            let (got, expected) = (template.values.len(), network.shape(layer).count());
            if got != expected {
                let layer = network.tensor_name(layer).to_owned();
                return Err(Error::RepresentationLength { layer, got, expected });
            }
        }
        let class_count = network.class_count();
        if let Some(class) = templates.iter().filter_map(|it| it.class).find(|&it| it >= class_count) {
            return Err(Error::ClassRange { class, class_count });
        }
        let mut targets = Self {
            labels: Vec::new(),
            classes: Vec::new(),
            representations: BTreeMap::new(),
            choice: choice.clone(),
        };
        if let Some(images) = images {
            targets.add_images(network, images, layers)?;
        }
        for template in templates {
            targets.labels.push(template.class);
            targets.classes.push(template.class);
            for &layer in layers {
                targets.representations.entry(layer).or_default().push(Arc::clone(&template.values));
            }
        }
        match choice {
            TargetChoice::Each | TargetChoice::Nearest | TargetChoice::Farthest => Ok(Some(targets)),
            TargetChoice::Centroid => targets.centroids(templates).map(Some),
            TargetChoice::Mixture(weights) => targets.mixture(weights).map(Some),
        }
    }

    /// How many there are, once something was made of them; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The label of a target, or what the network says of it; none of a template of which nobody knows it.
    ///
    /// # Panics
    /// If there is no such target.
    pub fn class(&self, target: usize) -> Option<usize> {
        self.classes[target]
    }

    /// Which targets an origin is moved toward: the nearest or the farthest of another class, the centroids of other
    /// classes, or all.
    ///
    /// - `layer`: one of those that were asked for.
    /// - `representation`, `class`: of the origin at the layer.
    ///
    /// # Panics
    /// If the layer was not asked for.
    pub fn chosen(&self, layer: LayerId, representation: &[f32], class: usize) -> Vec<usize> {
        let distance = |target| euclidean_distance(representation, self.representation(layer, target));
        match self.choice {
            TargetChoice::Nearest => self.extreme(class, &distance, Ordering::Less).into_iter().collect(),
            TargetChoice::Farthest => self.extreme(class, &distance, Ordering::Greater).into_iter().collect(),
            TargetChoice::Centroid => {
                (0..self.len()).filter(|&target| self.classes[target] != Some(class)).collect()
            }
            TargetChoice::Each | TargetChoice::Mixture(_) => (0..self.len()).collect(),
        }
    }

    /// The target of another class whose distance to the origin is the least, or the greatest; the first of equals.
    pub(super) fn extreme(
        &self,
        class: usize,
        distance: &dyn Fn(usize) -> f64,
        wanted: Ordering,
    ) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for target in (0..self.len()).filter(|&target| self.classes[target] != Some(class)) {
            let distance = distance(target);
            if best.is_none_or(|(_, best)| distance.total_cmp(&best) == wanted) {
                best = Some((target, distance));
            }
        }
        best.map(|(target, _)| target)
    }

    pub(super) fn representation(&self, layer: LayerId, target: usize) -> &Arc<[f32]> {
        &self.representations[&layer][target]
    }

    /// What the network computes for a target at all layers of an objective, in their order.
    ///
    /// # Panics
    /// If there is no such target, or a layer was not asked for.
    pub fn representations(&self, objective: &Objective, target: usize) -> Vec<Arc<[f32]>> {
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

    fn centroids(self, templates: &[TargetTemplate]) -> Result<Self> {
        let mut members: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
        for (target, class) in self.classes.iter().enumerate() {
            let class = class.ok_or_else(|| {
                // Only templates may have none, and they come last.
                let place = templates.len() + target - self.classes.len();
                refused(TargetFault::NoCentroid { template: templates[place].name.clone() })
            })?;
            members.entry(class).or_default().push((target, 1.0));
        }
        let classes: Vec<Option<usize>> = members.keys().copied().map(Some).collect();
        Ok(self.means(&members.into_values().collect::<Vec<_>>(), classes.clone(), classes))
    }

    fn mixture(self, weights: &[f64]) -> Result<Self> {
        if weights.len() != self.len() {
            let (weights, targets) = (weights.len(), self.len());
            return Err(refused(TargetFault::WeightCount { weights, targets }));
        }
        let sum: f64 = weights.iter().sum();
        if !(sum.is_finite() && sum > 0.0) {
            return Err(refused(TargetFault::WeightSum { sum }));
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
        Self { labels, classes, representations, choice: self.choice }
    }
}

impl Experiment {
    /// # Errors
    /// If templates and what is made of the targets do not fit the rest.
    pub(super) fn check_targets(&self) -> Result<()> {
        let is_zip = self.pairing == super::Pairing::Zip;
        if is_zip && self.target_choice != TargetChoice::Each {
            return Err(refused(TargetFault::Paired));
        }
        let needs_class = self.until == Until::Class;
        if needs_class && let Some(template) = self.templates.iter().find(|it| it.class.is_none()) {
            return Err(refused(TargetFault::UnknownClass { template: template.name.clone() }));
        }
        Ok(())
    }

    /// # Errors
    /// If the class of what was made of the targets is wanted, and it has none.
    pub(super) fn check_class_of(&self, targets: Option<&Targets>) -> Result<()> {
        let is_mixture = matches!(self.target_choice, TargetChoice::Mixture(_));
        if self.until == Until::Class && is_mixture && targets.is_some_and(|it| it.classes == [None]) {
            return Err(refused(TargetFault::ManyClasses));
        }
        Ok(())
    }
}

impl TargetFault {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::NoCentroid { .. } | Self::UnknownClass { .. } => {
                "a class stands in JSON, `{\"class\": 3, \"values\": […]}`, and those of a gallery are known \
                 behind `--gallery FILE`; without one, move toward each or the nearest until it is misclassified"
            }
            Self::WeightCount { .. } => "give a weight for each target, images first, then templates",
            Self::WeightSum { .. } => "weights need not add up to 1, but to more than 0: `0.5,0.3,0.2`",
            Self::ManyClasses => {
                "until it is misclassified, or near enough to the mixture, no class is needed; or mix targets of one class"
            }
            Self::Paired => "pair all with all, or take each target as it is",
        }
    }
}

impl fmt::Display for TargetFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCentroid { template } => {
                write!(
                    formatter,
                    "the class of template `{template}` is not known, it belongs to no centroid"
                )
            }
            Self::UnknownClass { template } => {
                write!(formatter, "the class of template `{template}` is not known")
            }
            Self::WeightCount { weights, targets } => {
                write!(formatter, "there are {} for {targets} of them", counted(*weights, "weight"))
            }
            Self::WeightSum { sum } => {
                write!(formatter, "their weights add up to {sum}, expected a positive number")
            }
            Self::ManyClasses => {
                formatter.write_str("a mixture of several classes has no class that could be reached")
            }
            Self::Paired => formatter
                .write_str("origins are paired with each of them, one to one, or with what is made of all"),
        }
    }
}

fn refused(fault: TargetFault) -> Error {
    Error::Targets { fault }
}

#[cfg(test)]
mod tests;
