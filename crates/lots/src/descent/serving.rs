//! Serving many courses together: what they ask for is computed in passes that fill the lanes, and each is told what it
//! would be told alone.

use std::sync::atomic::Ordering;

use lots_network::{LayerId, Network, ReluStart};
use rayon::prelude::*;

use super::course::{Course, Seen};
use super::feature_adversary::Approach;
use super::l_bfgs::Weighing;
use super::projected_gradient::Walk;
use super::{Descents, Objective};
use crate::attack::{Found, Ready, Rules, attempts_at_once, finish};
use crate::criterion::Criterion;
use crate::direction::{Direction, NoDirection};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::line_search::{Ray, Search, Verdict};
use crate::method::Method;
use crate::outcome::NotReached;
use crate::perturbation::norms_between;
use crate::trail::Trail;
use crate::transformation::{Claim, copies, require_copies};

/// An optimiser keeps so many numbers in double precision for each pixel: ten steps, their gradients and its own state.
const NUMBERS_A_PIXEL: usize = 32;

/// So much is left for the line search when a descent must end, in classifications; few searches take more.
const SHRINKING: usize = 16;

/// An attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descending<'a> {
    /// One that [is a descent](Method::is_descent).
    pub(crate) method: Method,
    pub(crate) origin: &'a Image,
    pub(crate) objective: Objective<'a>,
    pub(crate) criterion: &'a Criterion,
    pub(crate) origin_class: usize,
    pub(crate) at_origin: Verdict,
}

/// An attempt on its way.
struct Run<'a> {
    attempt: Descending<'a>,
    course: Box<dyn Course>,
    /// Why it has ended, other than that its course has.
    end: Option<NotReached>,
    best: Option<Best>,
    trail: Trail<'a>,
    classifications: usize,
    backpropagations: usize,
    /// What it may cost, and how much of that must be left for another question and the line search.
    budget: usize,
    reserve: usize,
}

/// The image with the smallest L2 of those for which the criterion holds.
struct Best {
    l2: f64,
    image: Image,
    verdict: Verdict,
}

/// What the network says of the pixels that a run asked about.
struct Answer<'r> {
    value: f64,
    gradient: &'r [f32],
    /// The rounded image, where the criterion holds before rounding.
    rounded: Option<Image>,
    verdict: Verdict,
}

/// Makes all attempts together. Each comes to what it would come to alone: what was found, and the number of gradients.
///
/// # Errors
/// [`Error::Interrupted`] soon after it was asked for.
pub(crate) fn search(
    network: &Network,
    attempts: &[Descending<'_>],
    options: &Descents,
    rules: Rules<'_>,
) -> Result<Vec<(Found, usize)>> {
    let pixels: usize = network.input_shape().iter().product();
    let at_once = attempts_at_once(network, rules.memory, size_of::<f64>() * NUMBERS_A_PIXEL * pixels);
    let mut found = Vec::with_capacity(attempts.len());
    for attempts in attempts.chunks(at_once) {
        let mut runs: Vec<Run<'_>> =
            attempts.iter().map(|attempt| Run::new(*attempt, options, rules)).collect();
        loop {
            let mut going: Vec<&mut Run<'_>> = runs.iter_mut().filter(|run| run.goes_on()).collect();
            if going.is_empty() {
                break;
            }
            if rules.interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            serve(network, &mut going, rules)?;
        }
        found.extend(shrink(network, runs, rules)?);
    }
    Ok(found)
}

/// One question of every run.
fn serve(network: &Network, runs: &mut [&mut Run<'_>], rules: Rules<'_>) -> Result<()> {
    runs.sort_by_key(|run| run.layers(network));
    for runs in runs.chunk_by_mut(|a, b| a.layers(network) == b.layers(network)) {
        let [layer, judged] = runs[0].layers(network);
        let asked: Vec<&[f64]> = runs.iter().filter_map(|run| run.course.ask()).collect();
        let pixels: Vec<f32> =
            asked.iter().flat_map(|asked| asked.iter().map(|&pixel| pixel as f32)).collect();
        let trace = network.trace(&[layer, judged], &pixels[..])?;
        let (representations, judged_representations) =
            (trace.representation(layer)?, trace.representation(judged)?);
        let (mut values, mut cotangents) = (Vec::new(), Vec::with_capacity(representations.values.len()));
        for (run, representation) in runs.iter().zip(representations.images()) {
            let (value, cotangent) = run.attempt.objective.at(representation);
            values.push(value);
            cotangents.extend(cotangent);
        }
        // An optimiser compares the gradient with differences of the values, so it must be exact.
        let gradients = trace.backpropagate(layer, &cotangents, ReluStart::Exact)?;
        drop(trace);
        let mut answers = Vec::with_capacity(runs.len());
        let seen = values.into_iter().zip(gradients.images()).zip(judged_representations.images());
        for ((run, asked), ((value, gradient), representation)) in runs.iter().zip(&asked).zip(seen) {
            let Descending { criterion, origin_class, origin, .. } = run.attempt;
            let verdict = criterion.judge(origin_class, representation);
            let rounded = verdict.holds.then(|| rounded(origin, asked)).transpose()?;
            answers.push(Answer { value, gradient, rounded, verdict });
        }
        drop(asked);
        judge(network, judged, runs, &mut answers, rules)?;
        runs.par_iter_mut().zip(answers).for_each(|(run, answer)| run.tell(answer, rules));
    }
    Ok(())
}

/// The image that pixels are after rounding.
fn rounded(origin: &Image, pixels: &[f64]) -> Result<Image> {
    let [channels, height, width] = origin.shape();
    let pixels = pixels.iter().map(|pixel| pixel.round().clamp(0.0, 255.0) as u8).collect();
    Image::new(channels, height, width, pixels)
}

/// Classifies the rounded images; their verdicts take the place of those before rounding.
fn judge(
    network: &Network,
    layer: LayerId,
    runs: &[&mut Run<'_>],
    answers: &mut [Answer<'_>],
    rules: Rules<'_>,
) -> Result<()> {
    let pixels: Vec<u8> = answers
        .iter()
        .filter_map(|answer| answer.rounded.as_ref())
        .flat_map(Image::pixels)
        .copied()
        .collect();
    if pixels.is_empty() {
        return Ok(());
    }
    let representations = network.represent(layer, &pixels[..])?;
    let asked = runs.iter().zip(answers).filter(|(_, answer)| answer.rounded.is_some());
    for ((run, answer), representation) in asked.zip(representations.images()) {
        let Descending { criterion, origin_class, .. } = run.attempt;
        let mut verdict = [criterion.judge(origin_class, representation)];
        if let (true, Some(image)) = (verdict[0].holds, &answer.rounded) {
            require_copies(
                network,
                rules.robust_to,
                &[Claim { image, criterion, origin_class }],
                &mut verdict,
            )?;
        }
        answer.verdict = verdict[0];
    }
    Ok(())
}

/// The smallest part of the perturbation of each best image for which the criterion still holds.
fn shrink(network: &Network, runs: Vec<Run<'_>>, rules: Rules<'_>) -> Result<Vec<(Found, usize)>> {
    let mut whole = Vec::new();
    for run in &runs {
        if let Some(best) = &run.best {
            let pixels = best.image.pixels().iter().zip(run.attempt.origin.pixels());
            let moved = pixels.map(|(&best, &origin)| f32::from(best) - f32::from(origin)).collect();
            let direction = Direction::from_gradient(run.attempt.origin.shape(), moved)
                .map_err(|_reason| Error::NotReproduced)?;
            whole.push((run, direction, best.verdict));
        }
    }
    let (mut ready, mut searches) = (Vec::new(), Vec::new());
    for (run, direction, verdict) in &whole {
        let Descending { origin, criterion, origin_class, at_origin, .. } = run.attempt;
        ready.push(Ready { origin, direction, criterion, origin_class, at_origin, spent: run.cost() });
        let ray = Ray::new(origin, direction)?;
        let step = f64::from(direction.linf());
        searches.push(Search::below(ray, *rules.line_search, at_origin.margin, step, *verdict));
    }
    let mut shrunk = finish(network, &ready, &mut searches, rules)?.into_iter();
    let found = runs.into_iter().map(|run| {
        let mut found = match &run.best {
            Some(_) => shrunk.next().expect("every run that found an image was shrunk"),
            None => Found::nothing(run.reason()),
        };
        found.classifications += run.classifications;
        found.is_cut_short |= run.is_cut_short();
        let mut trail = run.trail;
        trail.extend(&found.held);
        found.held = trail.into_held();
        (found, run.backpropagations)
    });
    Ok(found.collect())
}

impl<'a> Run<'a> {
    fn new(attempt: Descending<'a>, options: &Descents, rules: Rules<'a>) -> Self {
        let course: Box<dyn Course> = match attempt.method {
            Method::FeatureAdversary => Box::new(Approach::new(options.feature_adversary, attempt.origin)),
            Method::ProjectedGradient => Box::new(Walk::new(options.projected_gradient, attempt.origin)),
            _ => Box::new(Weighing::new(options.l_bfgs, attempt.origin)),
        };
        Self {
            course,
            end: attempt.at_origin.holds.then_some(NotReached::HoldsAtOrigin),
            best: None,
            trail: Trail::new(attempt.origin, rules.checkpoints),
            classifications: 0,
            backpropagations: 0,
            budget: rules.budget,
            // A question costs a gradient and the classification of the rounded pixels.
            reserve: 2 + 1 + copies(rules.robust_to) + SHRINKING,
            attempt,
        }
    }

    /// Where its objective is, and where its criterion looks.
    fn layers(&self, network: &Network) -> [LayerId; 2] {
        [self.attempt.objective.layer(network), self.attempt.criterion.layer(network)]
    }

    fn goes_on(&self) -> bool {
        self.wants_more() && !self.is_spent()
    }

    /// Whether it would have gone on with a larger budget.
    fn is_cut_short(&self) -> bool {
        self.wants_more() && self.is_spent()
    }

    fn wants_more(&self) -> bool {
        self.end.is_none() && self.course.ask().is_some()
    }

    fn is_spent(&self) -> bool {
        self.cost().saturating_add(self.reserve) > self.budget
    }

    /// In passes: one for each classification, two for each gradient, one for the target if there is one.
    fn cost(&self) -> usize {
        let has_target = matches!(self.attempt.objective, Objective::Distance { .. });
        self.classifications + 2 * self.backpropagations + usize::from(has_target)
    }

    fn tell(&mut self, answer: Answer<'_>, rules: Rules<'_>) {
        let Answer { value, gradient, rounded, verdict } = answer;
        let is_first = self.backpropagations == 0;
        self.backpropagations += 1;
        let is_finite = value.is_finite() && gradient.iter().all(|slope| slope.is_finite());
        if !is_finite {
            self.end = Some(NoDirection::NotFinite.into());
            return;
        }
        if is_first && gradient.iter().all(|slope| *slope == 0.0) {
            let is_there = value == 0.0 && matches!(self.attempt.objective, Objective::Distance { .. });
            let reason = if is_there { NoDirection::SameRepresentation } else { NoDirection::ZeroGradient };
            self.end = Some(reason.into());
            return;
        }
        let holds = verdict.holds && rounded.is_some();
        if let Some(image) = rounded {
            self.classifications += 1 + if holds { copies(rules.robust_to) } else { 0 };
            if holds {
                self.keep(image, verdict);
            }
        }
        self.course.tell(&Seen { value, gradient, holds });
    }

    fn keep(&mut self, image: Image, verdict: Verdict) {
        let Ok((l2, _)) = norms_between(self.attempt.origin, &image) else { return };
        if self.best.as_ref().is_none_or(|best| l2 < best.l2) {
            self.trail.see(self.cost(), &image);
            self.best = Some(Best { l2, image, verdict });
        }
    }

    /// Why it has found nothing.
    fn reason(&self) -> NotReached {
        match self.end {
            Some(reason) => reason,
            None if self.is_cut_short() => NotReached::Budget,
            None => self.course.reason(),
        }
    }
}
