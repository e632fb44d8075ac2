//! Step and adjust: the direction toward the target is computed again after each step.
//!
//! The paper proposes it in closing: costlier than one direction for the whole search, and able to reach more. Between
//! the steps the image is not rounded; what is judged, returned and measured is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lots_network::{Network, ReluStart, class_of};

use crate::attack::{Found, Ready, Rules, STEPPING_BYTES, attempts_at_once, finish};
use crate::criterion::Criterion;
use crate::direction::{Direction, NoDirection, Objective, OriginTrace, expect_size};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::line_search::{LineSearch, Ray, Search, Verdict, image_at};
use crate::measure::PassScorer;
use crate::outcome::{NotReached, Outcome, Perturbed};
use crate::trail::Trail;
use crate::transformation::{Claim, Transformation, copies, require_copies};

/// How the steps are taken. The default is what others who iterate use: one grey level, at most 500 times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepAndAdjust {
    /// How far the pixel that moves fastest moves in one step, in grey levels.
    pub step: f64,
    /// How often the direction is computed at most.
    pub max_iterations: usize,
}

impl Default for StepAndAdjust {
    fn default() -> Self {
        Self { step: 1.0, max_iterations: 500 }
    }
}

impl StepAndAdjust {
    /// Moves the origin toward a target until the criterion holds, then shrinks the whole perturbation as far as it does.
    ///
    /// `x ← clamp(x + step · η / ‖η‖∞)`, `η = B_l( f⁽ˡ⁾(x_t) − f⁽ˡ⁾(x) )` computed at each x; the shrinking is a line
    /// search along x − `x_o`.
    ///
    /// - `layer`: a name that [`Network::layer`] knows.
    /// - `origin`, `target`: images of the size that the network takes.
    ///
    /// # Errors
    /// [`Error::Network`] if there is no such layer; [`Error::ImageSize`]; [`Error::LineSearch`] if the step is not
    /// positive.
    ///
    /// # Example
    /// ```
    /// use lots::step_and_adjust::StepAndAdjust;
    /// use lots::{Criterion, data::digits, embedded};
    /// let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
    /// let (four, nine) = (&digits.images()[4], &targets.images()[9]);
    /// let outcome = StepAndAdjust::default().toward(&network, "ip2", four, nine, &Criterion::Class(9))?;
    /// assert_eq!(outcome.reached().map(|perturbed| perturbed.class), Some(9));
    /// # Ok::<(), lots::Error>(())
    /// ```
    ///
    /// Source: Rozsa, Günther, Boult, "Exploring LOTS in Deep Neural Networks", section 5.2.
    pub fn toward(
        &self,
        network: &Network,
        layer: &str,
        origin: &Image,
        target: &Image,
        criterion: &Criterion,
    ) -> Result<Outcome> {
        self.check()?;
        expect_size(network, "origin", origin)?;
        expect_size(network, "target", target)?;
        let layer = network.layer(layer)?;
        let target = network.represent(layer, target.pixels())?;
        let origin_class = class_of(network.classify(origin.pixels())?.image(0));
        let representation = network.represent(criterion.layer(network), origin.pixels())?;
        let at_origin = criterion.judge(origin_class, representation.image(0));
        let (objective, targets) = (&Objective::of_layer(layer), vec![Arc::from(target.image(0))]);
        let adjusting = Adjusting { origin, objective, targets, criterion, origin_class, at_origin };
        let interrupted = &AtomicBool::new(false);
        let rules = Rules {
            line_search: &LineSearch::default(),
            robust_to: &[],
            budget: usize::MAX,
            checkpoints: &[],
            memory: STEPPING_BYTES,
            interrupted,
        };
        match search(network, &[adjusting], self, ReluStart::default(), rules)?.remove(0).found.end {
            Ok(reached) => {
                let scorer = Some(&mut PassScorer::default());
                let (image, class) = (reached.image, reached.class);
                Ok(Outcome::Reached(Perturbed::measure(origin, image, class, reached.bracket, scorer)?))
            }
            Err(reason) => Ok(Outcome::NotReached(reason)),
        }
    }

    /// # Errors
    /// [`Error::LineSearch`] if the step is not positive.
    pub(crate) fn check(&self) -> Result<()> {
        if self.step > 0.0 && self.step.is_finite() {
            return Ok(());
        }
        Err(Error::LineSearch { option: "step of step-and-adjust", got: self.step, expected: "more than 0" })
    }
}

/// An attempt.
#[derive(Clone, Debug)]
pub(crate) struct Adjusting<'a> {
    pub(crate) origin: &'a Image,
    pub(crate) objective: &'a Objective,
    /// The target's representations at its layers.
    pub(crate) targets: Vec<Arc<[f32]>>,
    pub(crate) criterion: &'a Criterion,
    pub(crate) origin_class: usize,
    pub(crate) at_origin: Verdict,
}

/// What an attempt came to.
#[derive(Clone, Debug)]
pub(crate) struct Adjusted {
    pub(crate) found: Found,
    pub(crate) backpropagations: usize,
}

/// An attempt on its way.
struct Walk<'a> {
    attempt: Adjusting<'a>,
    /// x − `x_o`, not rounded; `x_o` + this is in 0–255.
    offset: Vec<f32>,
    /// Where the walk has ended: along which direction, or why.
    end: Option<std::result::Result<Whole, NotReached>>,
    classifications: usize,
    backpropagations: usize,
}

/// Where a walk has come to.
struct Whole {
    /// The whole perturbation.
    direction: Direction,
    image: Image,
    verdict: Verdict,
}

/// Makes all attempts together. Each comes to what it would come to alone.
///
/// # Errors
/// [`Error::Interrupted`] soon after it was asked for.
pub(crate) fn search(
    network: &Network,
    attempts: &[Adjusting<'_>],
    options: &StepAndAdjust,
    relu_start: ReluStart,
    rules: Rules<'_>,
) -> Result<Vec<Adjusted>> {
    let pixels: usize = network.input_shape().iter().product();
    // Pixels, gradient, direction and offset.
    let at_once = attempts_at_once(network, rules.memory, 4 * size_of::<f32>() * pixels);
    let mut walks: Vec<Walk<'_>> =
        attempts.iter().map(|attempt| Walk::new(attempt.clone(), pixels)).collect();
    // A step costs a gradient and a classification, and the class of what was found is read behind the line search.
    let most = 2 + 1 + copies(rules.robust_to) + 1;
    for walks in walks.chunks_mut(at_once) {
        for _ in 0..options.max_iterations {
            for walk in walks.iter_mut().filter(|walk| walk.end.is_none()) {
                if walk.cost().saturating_add(most) > rules.budget {
                    walk.end = Some(Err(NotReached::Budget));
                }
            }
            let mut walking: Vec<&mut Walk<'_>> =
                walks.iter_mut().filter(|walk| walk.end.is_none()).collect();
            if walking.is_empty() {
                break;
            }
            if rules.interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            step(network, &mut walking, options.step, relu_start)?;
            judge(network, &mut walking, rules.robust_to)?;
        }
    }
    shrink(network, &walks, rules)
}

/// One step of every walk.
fn step(network: &Network, walks: &mut [&mut Walk<'_>], step: f64, relu_start: ReluStart) -> Result<()> {
    // Attempts at the same layers share their passes.
    walks.sort_by_key(|walk| walk.attempt.objective.layers());
    for walks in walks.chunk_by_mut(|a, b| a.attempt.objective == b.attempt.objective) {
        let objective = walks[0].attempt.objective;
        let pixels: Vec<f32> = walks.iter().flat_map(|walk| walk.pixels()).collect();
        let trace = OriginTrace::of_pixels(network, &objective.layers(), &pixels[..])?;
        let trace = trace.with_relu_start(relu_start);
        let targets: Vec<&[Arc<[f32]>]> = walks.iter().map(|walk| &walk.attempt.targets[..]).collect();
        let formed = trace.toward_objective(objective, &targets)?;
        for (walk, formed) in walks.iter_mut().zip(formed) {
            walk.advance(formed, step);
        }
    }
    Ok(())
}

/// Ends the walks that have come to where the criterion holds for the rounded image.
fn judge(network: &Network, walks: &mut [&mut Walk<'_>], robust_to: &[Transformation]) -> Result<()> {
    let layer = |walk: &Walk<'_>| walk.attempt.criterion.layer(network);
    walks.sort_by_key(|walk| layer(walk));
    for walks in walks.chunk_by_mut(|a, b| layer(a) == layer(b)) {
        let mut moved: Vec<(usize, Direction, Image)> = Vec::with_capacity(walks.len());
        let mut pixels = Vec::new();
        for (index, walk) in walks.iter().enumerate().filter(|(_, walk)| walk.end.is_none()) {
            let Some(direction) = walk.whole() else { continue };
            let image = image_at(walk.attempt.origin, &direction, f64::from(direction.linf()))?;
            pixels.extend_from_slice(image.pixels());
            moved.push((index, direction, image));
        }
        let representations = network.represent(layer(walks[0]), &pixels[..])?;
        for ((index, direction, image), representation) in moved.into_iter().zip(representations.images()) {
            let walk = &mut *walks[index];
            walk.classifications += 1;
            let Adjusting { criterion, origin_class, .. } = walk.attempt;
            let mut verdict = [criterion.judge(origin_class, representation)];
            // A walk only ends where the criterion holds, so copies are asked of there and nowhere else.
            if verdict[0].holds {
                let claim = Claim { image: &image, criterion, origin_class };
                require_copies(network, robust_to, &[claim], &mut verdict)?;
                walk.classifications += copies(robust_to);
            }
            if verdict[0].holds {
                walk.end = Some(Ok(Whole { direction, image, verdict: verdict[0] }));
            }
        }
    }
    Ok(())
}

/// The smallest part of each whole perturbation for which the criterion still holds.
fn shrink(network: &Network, walks: &[Walk<'_>], rules: Rules<'_>) -> Result<Vec<Adjusted>> {
    let mut ready = Vec::new();
    let mut searches = Vec::new();
    for walk in walks {
        let Some(Ok(Whole { direction, verdict, .. })) = &walk.end else { continue };
        let Adjusting { origin, criterion, origin_class, at_origin, .. } = walk.attempt;
        ready.push(Ready { origin, direction, criterion, origin_class, at_origin, spent: walk.cost() });
        let whole = f64::from(direction.linf());
        let ray = Ray::new(origin, direction)?;
        searches.push(Search::below(ray, *rules.line_search, at_origin.margin, whole, *verdict));
    }
    let mut shrunk = finish(network, &ready, &mut searches, rules)?.into_iter();
    let adjusted = walks.iter().map(|walk| {
        let mut found = match &walk.end {
            Some(Ok(whole)) => {
                let shrunk = shrunk.next().expect("every walk that ended well was shrunk");
                let mut trail = Trail::new(walk.attempt.origin, rules.checkpoints);
                trail.see(walk.cost(), &whole.image);
                trail.extend(&shrunk.held);
                Found { held: trail.into_held(), ..shrunk }
            }
            Some(Err(reason)) => Found::nothing(*reason),
            None => Found::nothing(NotReached::IterationLimit),
        };
        found.classifications += walk.classifications;
        Adjusted { found, backpropagations: walk.backpropagations }
    });
    Ok(adjusted.collect())
}

impl<'a> Walk<'a> {
    fn new(attempt: Adjusting<'a>, pixels: usize) -> Self {
        let end = attempt.at_origin.holds.then_some(Err(NotReached::HoldsAtOrigin));
        Self { attempt, offset: vec![0.0; pixels], end, classifications: 0, backpropagations: 0 }
    }

    /// In passes: one for each classification, two for each gradient and one for the target.
    fn cost(&self) -> usize {
        self.classifications + 2 * self.backpropagations + 1
    }

    /// Where the walk is, not rounded.
    fn pixels(&self) -> impl Iterator<Item = f32> {
        self.attempt
            .origin
            .pixels()
            .iter()
            .zip(&self.offset)
            .map(|(&origin, offset)| f32::from(origin) + offset)
    }

    fn advance(&mut self, formed: std::result::Result<Direction, NoDirection>, step: f64) {
        let direction = match formed {
            Ok(direction) => direction,
            Err(reason) => {
                self.end = Some(Err(reason.into()));
                return;
            }
        };
        self.backpropagations += 1;
        let scale = step / f64::from(direction.linf());
        let mut moves = false;
        let pixels = self.attempt.origin.pixels().iter();
        for ((offset, &origin), &slope) in self.offset.iter_mut().zip(pixels).zip(direction.values()) {
            let origin = f32::from(origin);
            let moved = (f64::from(*offset) + scale * f64::from(slope)) as f32;
            let moved = moved.clamp(-origin, 255.0 - origin);
            moves |= moved.to_bits() != offset.to_bits();
            *offset = moved;
        }
        if !moves {
            self.end = Some(Err(NotReached::Saturated));
        }
    }

    /// The whole perturbation as a direction; none while it is zero.
    fn whole(&self) -> Option<Direction> {
        Direction::from_gradient(self.attempt.origin.shape(), self.offset.clone()).ok()
    }
}
