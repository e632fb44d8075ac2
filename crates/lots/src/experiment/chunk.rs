//! [`Chunk`]: some origins that are passed forward, attacked and measured together.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lots_network::{Array, LayerId, Network};
use rayon::prelude::*;

use super::cases::{Case, Starting, cases_of, criterion, most_cases};
use super::targets::Targets;
use super::{Attempt, Experiment, LANES, MisclassifiedOrigins, Telling, ray_bytes, trace_bytes};
use crate::attack::{Found, Ready, Rules, search};
use crate::criterion::{Criterion, euclidean_distance};
use crate::data::ImageSet;
use crate::descent::{self, Descending};
use crate::direction::{Formed, Objective, OriginTrace};
use crate::error::Result;
use crate::image::Image;
use crate::line_search::Verdict;
use crate::measure::PassScorer;
use crate::method::Method;
use crate::outcome::{NotReached, Outcome, Perturbed, Skipped};
use crate::step_and_adjust::{self, Adjusting};
use crate::transformation::{Claim, require_copies};

/// So many rays are searched together at most: enough to fill the batches while some are finished long before others.
const RAYS: usize = 4096;

/// What does not change from chunk to chunk.
pub(super) struct Setting<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) network: &'a Network,
    /// One for each group.
    pub(super) objectives: Vec<Option<Objective>>,
    /// All that directions are formed at, and where criteria look if that is elsewhere.
    pub(super) layers: Vec<LayerId>,
    pub(super) criterion_layer: Option<LayerId>,
    pub(super) targets: Option<Targets>,
    pub(super) interrupted: &'a AtomicBool,
}

pub(super) struct Chunk<'a> {
    setting: &'a Setting<'a>,
    origins: &'a ImageSet,
    range: Range<usize>,
    /// Rows are the origins of the range, repeated until the lanes are full.
    trace: OriginTrace<'a>,
    /// What the network computes for the origins where criteria look.
    representations: BTreeMap<LayerId, Array>,
}

impl Setting<'_> {
    /// What holds for all searches.
    fn rules(&self) -> Rules<'_> {
        let Experiment { line_search, robust_to, budget, checkpoints, .. } = self.experiment;
        let budget = budget.unwrap_or(usize::MAX);
        // The rays have been searched when images are moved step by step.
        let memory = self.experiment.memory / 3;
        Rules { line_search, robust_to, budget, checkpoints, memory, interrupted: self.interrupted }
    }

    /// How many origins make a chunk.
    pub(super) fn origins_at_once(&self) -> usize {
        let network = self.network;
        let cases = most_cases(self.experiment, self.targets.as_ref(), network.class_count());
        let fit = self.experiment.memory / 3 * 2 / trace_bytes(network);
        (self.rays_at_once() / cases).min(fit).max(1)
    }

    fn rays_at_once(&self) -> usize {
        (self.experiment.memory / 3 / ray_bytes(self.network)).clamp(LANES, RAYS)
    }
}

impl<'a> Chunk<'a> {
    pub(super) fn new(setting: &'a Setting<'a>, origins: &'a ImageSet, range: Range<usize>) -> Result<Self> {
        let cases = most_cases(setting.experiment, setting.targets.as_ref(), setting.network.class_count());
        let repeats = (LANES / range.len()).clamp(1, cases);
        let rows: Vec<Image> = (0..repeats).flat_map(|_| &origins.images()[range.clone()]).cloned().collect();
        let trace = OriginTrace::of_images(setting.network, &setting.layers, &rows)?
            .with_relu_start(setting.experiment.relu_start);
        let mut chunk = Self { setting, origins, range, trace, representations: BTreeMap::new() };
        for &layer in &setting.layers {
            // Only criteria about representations look at other layers than the logits.
            if chunk.criteria_look_at(layer) {
                let representation = chunk.trace.representation(layer)?.into_owned();
                chunk.representations.insert(layer, representation);
            }
        }
        Ok(chunk)
    }

    /// Makes all attempts on these origins.
    pub(super) fn run(&self, telling: &mut Telling<'_>) -> Result<()> {
        let mut cases: Vec<Case> = Vec::new();
        for origin in 0..self.range.len() {
            if self.skipped(origin).is_none() {
                cases.extend(self.cases(origin));
            }
        }
        let mut next = 0;
        // An origin with more cases than rays fit into memory is alone in its chunk, so parts keep the order.
        for part in cases.chunks(self.setting.rays_at_once()) {
            for (case, attempt) in part.iter().zip(self.attempts(part)?) {
                self.tell_skipped(next..case.origin, telling);
                next = case.origin;
                telling.attempt(attempt);
            }
        }
        self.tell_skipped(next..self.range.len(), telling);
        Ok(())
    }

    /// What is tried on an origin.
    fn cases(&self, origin: usize) -> Vec<Case> {
        let targets = self.setting.targets.as_ref();
        let distance = |group: usize, target: usize| {
            let layer = self.setting.objectives[group].as_ref().map(Objective::last);
            let about = layer.zip(targets).and_then(|(layer, targets)| {
                let own = self.trace.representation(layer).ok()?;
                Some(euclidean_distance(own.image(origin), targets.representation(layer, target)))
            });
            about.expect("groups that move toward a target have a layer that was traced")
        };
        let (number, class) = (self.range.start + origin, self.trace.class(origin));
        let start = Starting { number, origin, class, distance: &distance };
        cases_of(self.setting.experiment, targets, self.setting.network.class_count(), &start)
    }

    fn tell_skipped(&self, origins: Range<usize>, telling: &mut Telling<'_>) {
        for origin in origins {
            if let Some(reason) = self.skipped(origin) {
                telling.skipped(self.range.start + origin, self.trace.class(origin), reason);
            }
        }
    }

    fn skipped(&self, origin: usize) -> Option<Skipped> {
        let label = self.origins.label(self.range.start + origin)?;
        let skips = self.setting.experiment.misclassified_origins == MisclassifiedOrigins::Skip;
        (skips && label != self.trace.class(origin)).then_some(Skipped::MisclassifiedOrigin)
    }

    fn criteria_look_at(&self, layer: LayerId) -> bool {
        let probe = Case { origin: 0, group: 0, target: Some(0), target_class: Some(0) };
        let targets = self.setting.targets.as_ref();
        let criterion = criterion(self.setting.experiment.until, probe, Some(layer), targets);
        criterion.layer(self.setting.network) == layer
    }

    fn origin(&self, case: Case) -> &'a Image {
        &self.origins.images()[self.range.start + case.origin]
    }

    fn objective(&self, case: Case) -> Option<&'a Objective> {
        self.setting.objectives[case.group].as_ref()
    }

    /// Where criteria about representations look.
    fn layer(&self, case: Case) -> Option<LayerId> {
        self.objective(case).map(Objective::last)
    }

    fn method(&self, case: Case) -> Method {
        self.setting.experiment.groups[case.group].method
    }

    fn attempts(&self, cases: &[Case]) -> Result<Vec<Attempt>> {
        let targets = self.setting.targets.as_ref();
        let until = self.setting.experiment.until;
        let layer = |case| self.setting.criterion_layer.or(self.layer(case));
        let criteria: Vec<Criterion> =
            cases.iter().map(|&case| criterion(until, case, layer(case), targets)).collect();
        let mut found = self.searched(cases, &criteria)?;
        found.extend(self.adjusted(cases, &criteria)?);
        found.extend(self.descended(cases, &criteria)?);
        found.sort_unstable_by_key(|found| found.case);
        let with_pass_score = self.setting.experiment.with_pass_score;
        found
            .into_par_iter()
            .map_init(PassScorer::default, |scorer, found| {
                self.measured(cases[found.case], found, with_pass_score.then_some(scorer))
            })
            .collect()
    }

    /// All cases with one direction: the directions are formed once, then the rays are searched.
    fn searched(&self, cases: &[Case], criteria: &[Criterion]) -> Result<Vec<Ended>> {
        let formed = self.directions(cases)?;
        let mut ended = Vec::with_capacity(cases.len());
        let (mut ready, mut own) = (Vec::new(), Vec::new());
        for (case, formed) in formed.iter().enumerate() {
            match formed {
                Some(Ok(direction)) => {
                    let criterion = &criteria[case];
                    ready.push(Ready {
                        origin: self.origin(cases[case]),
                        direction,
                        criterion,
                        origin_class: self.trace.class(cases[case].origin),
                        at_origin: self.at_origin(cases[case], criterion)?,
                        // Two passes for the gradient, and one for the target.
                        spent: 2 + usize::from(cases[case].target.is_some()),
                    });
                    own.push(case);
                }
                Some(Err(reason)) => {
                    let found = Found::nothing(NotReached::from(*reason));
                    ended.push(Ended { case, found, backpropagations: 0 });
                }
                None => {}
            }
        }
        let found = search(self.setting.network, &ready, self.setting.rules())?;
        ended.extend(own.into_iter().zip(found).map(|(case, found)| Ended {
            case,
            found,
            backpropagations: 1,
        }));
        Ok(ended)
    }

    fn adjusted(&self, cases: &[Case], criteria: &[Criterion]) -> Result<Vec<Ended>> {
        let mut adjusting = Vec::new();
        let mut own = Vec::new();
        for (index, &case) in cases.iter().enumerate() {
            let about = self.objective(case).zip(case.target).zip(self.setting.targets.as_ref());
            let Some(((objective, target), targets)) = about else { continue };
            if self.method(case) != Method::StepAndAdjust {
                continue;
            }
            adjusting.push(Adjusting {
                origin: self.origin(case),
                objective,
                targets: targets.representations(objective, target),
                criterion: &criteria[index],
                origin_class: self.trace.class(case.origin),
                at_origin: self.at_origin(case, &criteria[index])?,
            });
            own.push(index);
        }
        let experiment = self.setting.experiment;
        let found = step_and_adjust::search(
            self.setting.network,
            &adjusting,
            &experiment.step_and_adjust,
            experiment.relu_start,
            self.setting.rules(),
        )?;
        Ok(own
            .into_iter()
            .zip(found)
            .map(|(case, adjusted)| Ended {
                case,
                found: adjusted.found,
                backpropagations: adjusted.backpropagations,
            })
            .collect())
    }

    fn descended(&self, cases: &[Case], criteria: &[Criterion]) -> Result<Vec<Ended>> {
        let mut descending = Vec::new();
        let mut own = Vec::new();
        for (index, &case) in cases.iter().enumerate() {
            let (method, criterion, origin_class) =
                (self.method(case), &criteria[index], self.trace.class(case.origin));
            if !method.is_descent() {
                continue;
            }
            let about = self.layer(case).zip(case.target).zip(self.setting.targets.as_ref());
            let objective = match about {
                Some(((layer, target), targets)) => {
                    descent::Objective::Distance { layer, target: targets.representation(layer, target) }
                }
                None => descent::Objective::of(criterion, origin_class),
            };
            let at_origin = self.at_origin(case, criterion)?;
            let origin = self.origin(case);
            descending.push(Descending { method, origin, objective, criterion, origin_class, at_origin });
            own.push(index);
        }
        let experiment = self.setting.experiment;
        let found =
            descent::search(self.setting.network, &descending, &experiment.descents, self.setting.rules())?;
        Ok(own
            .into_iter()
            .zip(found)
            .map(|(case, (found, backpropagations))| Ended { case, found, backpropagations })
            .collect())
    }

    fn at_origin(&self, case: Case, criterion: &Criterion) -> Result<Verdict> {
        let layer = criterion.layer(self.setting.network);
        let representation = match self.representations.get(&layer) {
            Some(representations) => representations.image(case.origin),
            None => self.trace.logits(case.origin),
        };
        let origin_class = self.trace.class(case.origin);
        let mut verdict = [criterion.judge(origin_class, representation)];
        // Where it does not hold for the origin itself, it does not matter whether it does for its copies.
        if verdict[0].holds {
            let claim = Claim { image: self.origin(case), criterion, origin_class };
            require_copies(self.setting.network, &self.setting.experiment.robust_to, &[claim], &mut verdict)?;
        }
        Ok(verdict[0])
    }

    /// The direction of each case that has one, formed in waves: every wave takes as many cases of each origin as the
    /// trace has rows of it.
    fn directions(&self, cases: &[Case]) -> Result<Vec<Option<Formed>>> {
        let mut formed: Vec<Option<Formed>> = vec![None; cases.len()];
        for group in 0..self.setting.objectives.len() {
            let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); self.range.len()];
            // The last first, because waves take from the end.
            for (index, case) in cases.iter().enumerate().rev() {
                if case.group == group && self.method(*case).has_one_direction() {
                    waiting[case.origin].push(index);
                }
            }
            while waiting.iter().any(|cases| !cases.is_empty()) {
                let rows = 0..self.trace.count();
                let wave: Vec<Option<usize>> =
                    rows.map(|row| waiting[row % self.range.len()].pop()).collect();
                for (index, direction) in wave.iter().zip(self.wave(group, &wave, cases)?) {
                    if let Some(index) = *index {
                        formed[index] = Some(direction);
                    }
                }
            }
        }
        Ok(formed)
    }

    /// A direction for each row of the trace; rows without a case get any.
    fn wave(&self, group: usize, wave: &[Option<usize>], cases: &[Case]) -> Result<Vec<Formed>> {
        let (experiment, trace) = (self.setting.experiment, &self.trace);
        let case = |row: usize| wave[row].map(|index| cases[index]);
        let classes: Vec<usize> = (0..wave.len()).map(|row| trace.class(row)).collect();
        let method = experiment.groups[group].method;
        match (method, &self.setting.objectives[group], &self.setting.targets) {
            (Method::FastGradientSign, ..) => {
                trace.fast_gradient_sign(&classes, experiment.vanished_gradient)
            }
            (Method::FastGradientValue, ..) => {
                trace.fast_gradient_value(&classes, experiment.vanished_gradient)
            }
            (Method::Magnify, Some(objective), _) => trace.magnify_objective(objective),
            (Method::Reduce, Some(objective), _) => trace.reduce_objective(objective),
            (Method::Toward, Some(objective), Some(targets)) => {
                let target = |row| case(row).and_then(|case| case.target).unwrap_or_default();
                let own = (0..wave.len()).map(|row| targets.representations(objective, target(row)));
                let own: Vec<Vec<Arc<[f32]>>> = own.collect();
                trace.toward_objective(objective, &own.iter().map(Vec::as_slice).collect::<Vec<_>>())
            }
            _ => {
                let class_count = self.setting.network.class_count();
                let other = |row: usize| (classes[row] + 1) % class_count;
                let hot = |row| case(row).and_then(|case| case.target_class).unwrap_or_else(|| other(row));
                trace.hot_cold(&classes, &(0..wave.len()).map(hot).collect::<Vec<_>>())
            }
        }
    }

    fn measured(&self, case: Case, ended: Ended, mut scorer: Option<&mut PassScorer>) -> Result<Attempt> {
        let held = ended.found.held.iter();
        let trail = held
            .map(|held| held.measured(self.origin(case), scorer.as_deref_mut()))
            .collect::<Result<Vec<_>>>()?;
        let outcome = match ended.found.end {
            Ok(reached) => Outcome::Reached(Perturbed::measure(
                self.origin(case),
                reached.image,
                reached.class,
                reached.bracket,
                scorer,
            )?),
            Err(reason) => Outcome::NotReached(reason),
        };
        Ok(Attempt {
            origin: self.range.start + case.origin,
            origin_class: self.trace.class(case.origin),
            group: case.group,
            target: case.target,
            target_class: case.target_class,
            outcome,
            classifications: ended.found.classifications,
            backpropagations: ended.backpropagations,
            is_cut_short: ended.found.is_cut_short,
            trail,
        })
    }
}

/// A case whose search has ended.
struct Ended {
    /// Index among the cases.
    case: usize,
    found: Found,
    backpropagations: usize,
}
