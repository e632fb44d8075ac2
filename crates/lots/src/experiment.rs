//! [`Experiment`]: many attempts, origins × methods and layers × targets, that share their work.
//!
//! Origins are taken in chunks. Each chunk is passed forward once; all directions are formed from that pass, all rays are
//! searched together, what was reached is measured, and the attempts are handed to an [`Observer`] in the order of
//! origins, groups and targets. Memory does not grow with the number of origins, and what comes out does not depend on
//! the size of a chunk.

mod cases;
mod chunk;
mod targets;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

use lots_network::{LayerId, Network, ReluStart};

use crate::criterion::Until;
use crate::data::ImageSet;
use crate::descent::Descents;
use crate::direction::{Objective, VanishedGradient, expect_size};
use crate::error::{Error, Result};
use crate::evaluation::Evaluation;
use crate::line_search::LineSearch;
use crate::mask::Mask;
use crate::method::Method;
use crate::outcome::{Outcome, Skipped};
use crate::step_and_adjust::StepAndAdjust;
use crate::trail::Sighting;
use crate::transformation::Transformation;
use chunk::{Chunk, Setting};
pub use targets::{TargetChoice, TargetFault, TargetTemplate, Targets};

/// So many images are passed forward or backward at the cost of one.
const LANES: usize = 16;

/// The smallest budget: the representation of a target, a gradient and a classification.
pub const LEAST_BUDGET: usize = 4;

/// As many bytes as an experiment takes by itself.
const MEMORY: usize = 768 << 20;

/// What is tried on each origin, and how.
///
/// # Example
/// ```
/// use lots::experiment::{Attempt, Experiment, Group};
/// use lots::{Method, data::digits, data::ImageSet, embedded};
/// let network = embedded::lenet();
/// let (images, labels, names) = digits::load().into_parts();
/// let (images, names) = (images[..4].to_vec(), names[..4].to_vec());
/// let origins = ImageSet::new(images, labels.map(|labels| labels[..4].to_vec()), names)?;
/// let experiment = Experiment {
///     groups: vec![Group::at_layer(Method::Toward, "conv2"), Group::of(Method::FastGradientSign)],
///     ..Experiment::default()
/// };
/// let mut attempts: Vec<Attempt> = Vec::new();
/// let results = experiment.run(&network, &origins, Some(&digits::targets()), &mut |attempt| attempts.push(attempt))?;
/// assert_eq!(results.all.attempts, attempts.len());
/// assert_eq!(results.groups[0].attempts, 4 * 9, "nine targets are of another class than the origin");
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Methods and layers, in the order of the attempts on one origin.
    pub groups: Vec<Group>,
    /// What ends each search.
    pub until: Until,
    /// The layer that a distance or a similarity is about; that of the direction if none.
    pub criterion_layer: Option<String>,
    /// It must hold for all that these make of an image, too: the search is led by the smallest margin of the image and
    /// its copies, and each of them counts as classified.
    pub robust_to: Vec<Transformation>,
    /// Which origin meets which target.
    pub pairing: Pairing,
    /// Targets of which there is no image, behind those that have one.
    pub templates: Vec<TargetTemplate>,
    /// What is made of the targets.
    pub target_choice: TargetChoice,
    /// Which part of the layers is steered. Criteria look at all of them.
    pub mask: Mask,
    /// The class to reach, for methods without target; hot/cold moves toward every other class if there is none.
    pub target_class: Option<usize>,
    /// What is done with an origin that the network gives another class than its label.
    pub misclassified_origins: MisclassifiedOrigins,
    /// How backpropagation starts at a ReLU.
    pub relu_start: ReluStart,
    /// What the fast gradient methods do where the gradient vanishes.
    pub vanished_gradient: VanishedGradient,
    /// How the smallest step is searched for.
    pub line_search: LineSearch,
    /// How [`Method::StepAndAdjust`] steps.
    pub step_and_adjust: StepAndAdjust,
    /// How the methods that make an objective small go on.
    pub descents: Descents,
    /// What an attempt may cost, in passes as [`Attempt::cost`] counts them, [`LEAST_BUDGET`] at least. It is never
    /// exceeded; what was found by then counts.
    pub budget: Option<usize>,
    /// Costs in passes, ascending, at which the best image of each attempt is measured, too: [`Attempt::trail`]. Mostly
    /// empty.
    pub checkpoints: Vec<usize>,
    /// Whether PASS and SSIM are measured; they take longer than the search.
    pub with_pass_score: bool,
    /// About so many bytes are taken for what is kept of the forward pass of the origins (two thirds) and for the rays
    /// that are searched together, or after them the images that are moved together step by step (one third), besides
    /// the weights; one image is moved at least. What comes out does not depend on it.
    pub memory: usize,
}

/// A method, at a layer if it looks at one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// How the direction is formed.
    pub method: Method,
    /// By a name that the network knows, or several with weights as [`Objective::parse`] reads them.
    pub layer: Option<String>,
}

/// Which origin meets which target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pairing {
    /// Every origin meets every target; those labelled with the origin's own class are left out.
    #[default]
    All,
    /// The first origin meets the first target, the second the second, and so on.
    Zip,
    /// As [`Self::Zip`], and where a method has no target, the class to reach or the hot class is that of the target.
    Same,
}

/// What is done with an origin that the network gives another class than its label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MisclassifiedOrigins {
    /// It is skipped and counted.
    #[default]
    Skip,
    /// It is attacked like any other, away from the class that the network gives it.
    Include,
}

/// One attempt: an origin, a group, a target or class.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Index of the origin.
    pub origin: usize,
    /// What the network says of the origin.
    pub origin_class: usize,
    /// Index of the group in [`Experiment::groups`].
    pub group: usize,
    /// Index of the target, for methods that have one: of the image, or, behind all images, of the template; of the
    /// centroid among those of all classes that there are; 0 for a mixture.
    pub target: Option<usize>,
    /// Its class, if it is known; or the class to reach, or the hot class.
    pub target_class: Option<usize>,
    /// What came of it.
    pub outcome: Outcome,
    /// How many images were classified for it.
    pub classifications: usize,
    /// How many gradients were carried back to the pixels for it.
    pub backpropagations: usize,
    /// Whether the budget ended it; what it has found may not be the smallest then.
    pub is_cut_short: bool,
    /// The best images that it had found by the checkpoints, without those that are the same as before.
    pub trail: Vec<Sighting>,
}

impl Attempt {
    /// What it cost, in passes through the network: one for each classification, two for each gradient, and one for the
    /// target's representation if there is a target.
    pub fn cost(&self) -> usize {
        self.classifications + 2 * self.backpropagations + usize::from(self.target.is_some())
    }
}

/// How far an experiment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Origins that are done, skipped ones included.
    pub origins: usize,
    /// Attempts that are done.
    pub attempts: usize,
    /// How many of them reached their criterion.
    pub reached: usize,
}

/// Is told what happens in an experiment, in the order of the origins. A closure that takes an [`Attempt`] is one.
pub trait Observer {
    /// An attempt is done.
    fn attempt(&mut self, attempt: Attempt);

    /// An origin is not attacked.
    ///
    /// - `origin`: its index; `class`: what the network says of it.
    fn skipped(&mut self, origin: usize, class: usize, reason: Skipped) {
        let _ = (origin, class, reason);
    }

    /// Some origins are done. Returns whether to go on.
    fn progress(&mut self, progress: Progress) -> bool {
        let _ = progress;
        true
    }
}

/// What an experiment came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Over all attempts.
    pub all: Evaluation,
    /// Over the attempts of each group; origins that were skipped count in every group.
    pub groups: Vec<Evaluation>,
}

impl Experiment {
    /// Makes all attempts.
    ///
    /// - `origins`: images of the size that the network takes, at most once passed forward and then attacked.
    /// - `targets`: for methods that have one.
    ///
    /// # Errors
    /// [`Error::ImageSize`]; [`Error::MethodNeeds`], [`Error::CriterionNeeds`], [`Error::Pairs`],
    /// [`Error::ClassRange`], [`Error::LineSearch`] if something is missing or does not fit; [`Error::Memory`];
    /// [`Error::Network`] if there is no such layer; [`Error::Objective`], [`Error::Mask`], [`Error::Targets`],
    /// [`Error::RepresentationLength`] if what is steered or the targets do not fit; [`Error::Interrupted`] if the observer does not want to go on.
    pub fn run(
        &self,
        network: &Network,
        origins: &ImageSet,
        targets: Option<&ImageSet>,
        observer: &mut dyn Observer,
    ) -> Result<Results> {
        self.run_until(network, origins, targets, observer, &AtomicBool::new(false))
    }

    /// As [`Self::run`], and stops soon after `interrupted` is set, by a signal or another thread.
    ///
    /// # Errors
    /// As [`Self::run`]; what the observer was told before holds.
    pub fn run_until(
        &self,
        network: &Network,
        origins: &ImageSet,
        targets: Option<&ImageSet>,
        observer: &mut dyn Observer,
        interrupted: &AtomicBool,
    ) -> Result<Results> {
        let objectives = self.check(network, origins, targets)?;
        let criterion_layer = self.criterion_layer.as_ref().map(|layer| network.layer(layer)).transpose()?;
        let mut layers: Vec<LayerId> = objectives.iter().flatten().flat_map(Objective::layers).collect();
        layers.extend(criterion_layer);
        layers.sort_unstable();
        layers.dedup();
        let targets = Targets::new(network, targets, &self.templates, &self.target_choice, &layers)?;
        self.check_class_of(targets.as_ref())?;
        let setting =
            Setting { experiment: self, network, objectives, layers, criterion_layer, targets, interrupted };
        let mut results =
            Results { all: Evaluation::default(), groups: vec![Evaluation::default(); self.groups.len()] };
        let mut progress = Progress::default();
        for start in (0..origins.len()).step_by(setting.origins_at_once()) {
            let end = origins.len().min(start + setting.origins_at_once());
            let chunk = Chunk::new(&setting, origins, start..end)?;
            chunk.run(&mut Telling { observer: &mut *observer, results: &mut results })?;
            progress.origins = end;
            (progress.attempts, progress.reached) = (results.all.attempts, results.all.reached);
            if !observer.progress(progress) || interrupted.load(Ordering::Relaxed) && end < origins.len() {
                return Err(Error::Interrupted);
            }
        }
        Ok(results)
    }

    /// What each group steers, if everything that is needed is there.
    fn check(
        &self,
        network: &Network,
        origins: &ImageSet,
        targets: Option<&ImageSet>,
    ) -> Result<Vec<Option<Objective>>> {
        self.line_search.check()?;
        self.step_and_adjust.check()?;
        self.descents.check()?;
        if let Some(budget) = self.budget.filter(|&budget| budget < LEAST_BUDGET) {
            return Err(Error::LineSearch { option: "budget", got: budget as f64, expected: "4 or more" });
        }
        // The least that can be done: one origin, and the rays of one batch.
        let needed = 3 * (trace_bytes(network) / 2).max(LANES * ray_bytes(network));
        if needed > self.memory {
            return Err(Error::Memory { needed, limit: self.memory });
        }
        expect_size(network, "origin", &origins.images()[0])?;
        if let Some(targets) = targets {
            expect_size(network, "target", &targets.images()[0])?;
        }
        let class_count = network.class_count();
        let sets = [Some(origins), targets];
        let labels = sets.into_iter().flatten().filter_map(ImageSet::labels).flatten();
        if let Some(&class) = labels.chain(&self.target_class).find(|&&class| class >= class_count) {
            return Err(Error::ClassRange { class, class_count });
        }
        let groups = self.groups.iter().map(|group| self.check_group(network, group, origins, targets));
        let objectives = groups.collect::<Result<Vec<_>>>()?;
        self.check_targets()?;
        Ok(objectives)
    }

    fn check_group(
        &self,
        network: &Network,
        group: &Group,
        origins: &ImageSet,
        targets: Option<&ImageSet>,
    ) -> Result<Option<Objective>> {
        let method = group.method;
        let skips = self.misclassified_origins == MisclassifiedOrigins::Skip;
        if method.needs_label() && skips && origins.labels().is_none() {
            return Err(Error::MethodNeeds { method, what: "the labels of the origins" });
        }
        let needs_pairs = match self.pairing {
            Pairing::All => false,
            Pairing::Zip => method.needs_target(),
            Pairing::Same => true,
        };
        let target_count = targets.map_or(0, ImageSet::len) + self.templates.len();
        match target_count {
            0 if method.needs_target() => return Err(Error::MethodNeeds { method, what: "targets" }),
            targets if needs_pairs && targets > 0 => {
                let origins = origins.len();
                if origins != targets {
                    return Err(Error::Pairs { origins, targets });
                }
            }
            _ => {}
        }
        let is_given = self.target_class.is_some() || self.pairing == Pairing::Same && targets.is_some();
        let has_class = method.needs_target() || method == Method::HotCold || is_given;
        let needs = match self.until {
            Until::Class if !has_class => Some("a class to reach"),
            Until::DistanceBelow(_) | Until::SimilarityAbove(_) if !method.needs_target() => Some("a target"),
            _ => None,
        };
        if let Some(what) = needs {
            return Err(Error::CriterionNeeds { criterion: self.until, what, method });
        }
        match &group.layer {
            Some(layer) if method == Method::FeatureAdversary => {
                let objective = Objective::parse(network, layer, &self.mask)?;
                if objective.layers().len() > 1 || !self.mask.is_empty() {
                    return Err(Error::MethodNeeds { method, what: "one layer, and all of it" });
                }
                Ok(Some(objective))
            }
            Some(layer) if method.needs_layer() => Ok(Some(Objective::parse(network, layer, &self.mask)?)),
            None if method.needs_layer() => Err(Error::MethodNeeds { method, what: "a layer" }),
            _ => Ok(None),
        }
    }
}

impl Default for Experiment {
    /// No groups; misclassification, all pairs, PASS, and the defaults of everything else.
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            until: Until::default(),
            criterion_layer: None,
            robust_to: Vec::new(),
            pairing: Pairing::default(),
            templates: Vec::new(),
            target_choice: TargetChoice::default(),
            mask: Mask::default(),
            target_class: None,
            misclassified_origins: MisclassifiedOrigins::default(),
            relu_start: ReluStart::default(),
            vanished_gradient: VanishedGradient::default(),
            line_search: LineSearch::default(),
            step_and_adjust: StepAndAdjust::default(),
            descents: Descents::default(),
            budget: None,
            checkpoints: Vec::new(),
            with_pass_score: true,
            memory: MEMORY,
        }
    }
}

impl Group {
    /// A method that looks at no layer.
    pub fn of(method: Method) -> Self {
        Self { method, layer: None }
    }

    /// A method at a layer.
    pub fn at_layer(method: Method, layer: impl Into<String>) -> Self {
        Self { method, layer: Some(layer.into()) }
    }
}

impl std::fmt::Display for Group {
    /// `toward/conv2`, `hot-cold`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.layer {
            Some(layer) => write!(formatter, "{}/{layer}", self.method),
            None => write!(formatter, "{}", self.method),
        }
    }
}

impl<F: FnMut(Attempt)> Observer for F {
    fn attempt(&mut self, attempt: Attempt) {
        self(attempt);
    }
}

/// What a forward pass keeps of one image, in bytes.
fn trace_bytes(network: &Network) -> usize {
    let kept: usize = network.layers().iter().map(|layer| layer.output_shape.count()).sum();
    size_of::<f32>() * kept.max(1)
}

/// A direction, the gradient that it was copied from, and an image, in bytes.
fn ray_bytes(network: &Network) -> usize {
    let pixels: usize = network.input_shape().iter().product();
    9 * pixels
}

/// Passes on what happens, and counts it.
struct Telling<'a> {
    observer: &'a mut dyn Observer,
    results: &'a mut Results,
}

impl Telling<'_> {
    fn attempt(&mut self, attempt: Attempt) {
        for evaluation in [&mut self.results.all, &mut self.results.groups[attempt.group]] {
            evaluation.add(&attempt.outcome, attempt.classifications, attempt.backpropagations);
        }
        self.observer.attempt(attempt);
    }

    fn skipped(&mut self, origin: usize, class: usize, reason: Skipped) {
        self.results.all.skip(reason);
        self.results.groups.iter_mut().for_each(|evaluation| evaluation.skip(reason));
        self.observer.skipped(origin, class, reason);
    }
}
