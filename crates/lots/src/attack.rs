//! Direction × criterion × line search: the sentence that all methods have in common.
//!
//! [`along`] is one attempt. [`crate::experiment`] makes many and shares their work.

use std::sync::atomic::{AtomicBool, Ordering};

use lots_network::{LayerId, Network, class_of};
use rayon::prelude::*;

use crate::criterion::Criterion;
use crate::direction::{Direction, expect_size};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::line_search::{Bracket, Finding, LineSearch, Ray, Search, Verdict, search_together};
use crate::measure::PassScorer;
use crate::outcome::{NotReached, Outcome, Perturbed};
use crate::trail::{Held, Trail};
use crate::transformation::{Claim, Transformation, copies, require_copies};

/// Memory for the images of one batch or for what the network says of them, in bytes.
const BATCH_BYTES: usize = 64 << 20;

/// Memory for what is kept of images that are moved step by step, in bytes, where nothing else is asked for: a third of
/// what an experiment takes.
pub(crate) const STEPPING_BYTES: usize = 256 << 20;

/// So many images are transformed together: enough to fill the lanes, and few enough that their copies take little
/// memory.
const COPIED: usize = 128;

/// Finds the smallest step along a direction at which the criterion holds, and measures the image there.
///
/// - `origin`: an image of the size that the network takes.
/// - `criterion`: [`Criterion::Misclassified`] means another class than the network gives the origin.
/// - Returns the perturbed image, which the network has classified as it is, or why there is none.
///
/// # Errors
/// [`Error::ImageSize`] if origin and direction do not have the size that the network takes; [`Error::LineSearch`].
///
/// # Example
/// ```
/// use lots::{Criterion, LineSearch, attack, data::digits, direction, embedded};
/// let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
/// let (four, nine) = (&digits.images()[4], &targets.images()[9]);
/// let direction = direction::toward(&network, "conv2", four, nine)?;
/// let outcome = attack::along(&network, four, &direction, &Criterion::Misclassified, &LineSearch::default())?;
/// let perturbed = outcome.reached().expect("a step is found");
/// assert_ne!(perturbed.class, 4);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn along(
    network: &Network,
    origin: &Image,
    direction: &Direction,
    criterion: &Criterion,
    line_search: &LineSearch,
) -> Result<Outcome> {
    expect_size(network, "origin", origin)?;
    line_search.check()?;
    let origin_class = class_of(network.classify(origin.pixels())?.image(0));
    let representation = network.represent(criterion.layer(network), origin.pixels())?;
    let at_origin = criterion.judge(origin_class, representation.image(0));
    let attempt = Ready { origin, direction, criterion, origin_class, at_origin, spent: 0 };
    let interrupted = &AtomicBool::new(false);
    let memory = STEPPING_BYTES;
    let rules =
        Rules { line_search, robust_to: &[], budget: usize::MAX, checkpoints: &[], memory, interrupted };
    let found = search(network, &[attempt], rules)?.remove(0);
    match found.end {
        Ok(reached) => {
            let scorer = &mut PassScorer::default();
            let Reached { image, class, bracket } = reached;
            Ok(Outcome::Reached(Perturbed::measure(origin, image, class, bracket, Some(scorer))?))
        }
        Err(reason) => Ok(Outcome::NotReached(reason)),
    }
}

/// An attempt with everything that the line search needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready<'a> {
    pub(crate) origin: &'a Image,
    pub(crate) direction: &'a Direction,
    pub(crate) criterion: &'a Criterion,
    pub(crate) origin_class: usize,
    pub(crate) at_origin: Verdict,
    /// What the attempt has cost so far, in passes.
    pub(crate) spent: usize,
}

/// What holds for all attempts that are searched together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) line_search: &'a LineSearch,
    /// The criterion must hold for all that these make of an image, too.
    pub(crate) robust_to: &'a [Transformation],
    /// What an attempt may cost, in passes.
    pub(crate) budget: usize,
    /// The costs at which the best image is kept.
    pub(crate) checkpoints: &'a [usize],
    /// About so many bytes for what is kept of images that are moved step by step.
    pub(crate) memory: usize,
    /// Everything ends with [`Error::Interrupted`] soon after it was set.
    pub(crate) interrupted: &'a AtomicBool,
}

/// What the line search of one attempt found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) end: std::result::Result<Reached, NotReached>,
    pub(crate) classifications: usize,
    /// Whether the budget ended the attempt.
    pub(crate) is_cut_short: bool,
    /// The best images at the checkpoints.
    pub(crate) held: Vec<Held>,
}

/// An image for which the criterion holds.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) image: Image,
    pub(crate) class: usize,
    pub(crate) bracket: Bracket,
}

impl Found {
    /// Nothing, for this reason.
    pub(crate) fn nothing(reason: NotReached) -> Self {
        let is_cut_short = reason == NotReached::Budget;
        Self { end: Err(reason), classifications: 0, is_cut_short, held: Vec::new() }
    }
}

/// Searches all attempts together. Each finds what it would find alone.
///
/// # Errors
/// [`Error::Interrupted`] soon after it was asked for.
pub(crate) fn search(network: &Network, attempts: &[Ready<'_>], rules: Rules<'_>) -> Result<Vec<Found>> {
    let mut searches = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let ray = Ray::new(attempt.origin, attempt.direction)?;
        searches.push(Search::new(ray, *rules.line_search, attempt.at_origin.margin));
    }
    finish(network, attempts, &mut searches, rules)
}

/// As [`search`], with searches that have begun.
pub(crate) fn finish(
    network: &Network,
    attempts: &[Ready<'_>],
    searches: &mut [Search<'_>],
    rules: Rules<'_>,
) -> Result<Vec<Found>> {
    let mut judges = Judges { network, attempts, rules, classes: vec![None; attempts.len()] };
    let each = 1 + copies(rules.robust_to);
    for (index, (search, attempt)) in searches.iter_mut().zip(attempts).enumerate() {
        if attempt.at_origin.holds {
            search.give_up();
        }
        // Where no judge may have read the class of what is found, it is read behind the search.
        let reading = search.has_found() || judges.layer(index) != network.logits();
        let left = rules.budget.saturating_sub(attempt.spent + usize::from(reading));
        search.judge_at_most(left / each);
    }
    let batch = judges.batch(network.logits());
    search_together(searches, batch, &mut |asking, pixels| judges.verdicts(asking, pixels))?;
    let findings: Vec<_> = searches.iter().map(Search::finding).collect();
    let unread: Vec<usize> = (0..findings.len())
        .filter(|&index| findings[index].end.is_ok() && judges.classes[index].is_none())
        .collect();
    judges.classify(&unread, searches)?;
    let searches = &*searches;
    let found_by = |(index, finding): (usize, &Finding)| {
        let end = match (finding.end, judges.classes[index]) {
            _ if attempts[index].at_origin.holds => Err(NotReached::HoldsAtOrigin),
            (Err(reason), _) => Err(reason.into()),
            (Ok(bracket), class) => {
                let class = class.expect("what no judge has read was classified behind the search");
                Ok(Reached { image: searches[index].ray().image(bracket.hi), class, bracket })
            }
        };
        let mut trail = Trail::new(attempts[index].origin, rules.checkpoints);
        if !rules.checkpoints.is_empty() {
            for &(judged, step) in searches[index].held() {
                trail.see(attempts[index].spent + judged * each, &searches[index].ray().image(step));
            }
        }
        let is_cut_short = searches[index].is_cut_short();
        Found { end, classifications: finding.judged * each, is_cut_short, held: trail.into_held() }
    };
    let mut found: Vec<Found> = findings.par_iter().enumerate().map(found_by).collect();
    for index in unread {
        found[index].classifications += 1;
    }
    Ok(found)
}

/// Judges images by the network.
struct Judges<'a> {
    network: &'a Network,
    attempts: &'a [Ready<'a>],
    rules: Rules<'a>,
    /// What the network said of the last image for which the criterion of each attempt held. A search ends at the last
    /// image that held, so this is the class of what it found; none where the logits were not looked at.
    classes: Vec<Option<usize>>,
}

impl Judges<'_> {
    /// Verdicts on images that some attempts ask about, `[asking, pixels]`.
    fn verdicts(&mut self, asking: &[usize], pixels: &[u8]) -> Result<Vec<Verdict>> {
        let mut verdicts = vec![Verdict::from(false); asking.len()];
        let mut classes = vec![None; asking.len()];
        let each = pixels.len() / asking.len().max(1);
        // Attempts that look at the same layer are passed forward together.
        for layer in self.layers(asking) {
            let own: Vec<usize> = (0..asking.len()).filter(|&at| self.layer(asking[at]) == layer).collect();
            for own in own.chunks(self.batch(layer)) {
                self.go_on()?;
                let packed: Vec<u8>;
                let batch = if own.len() == asking.len() {
                    pixels
                } else {
                    packed =
                        own.iter().flat_map(|&at| &pixels[at * each..(at + 1) * each]).copied().collect();
                    &packed
                };
                let representations = self.network.represent(layer, batch)?;
                for (&at, representation) in own.iter().zip(representations.images()) {
                    let attempt = &self.attempts[asking[at]];
                    verdicts[at] = attempt.criterion.judge(attempt.origin_class, representation);
                    if layer == self.network.logits() {
                        classes[at] = Some(class_of(representation));
                    }
                }
            }
        }
        self.require_copies(asking, pixels, &mut verdicts)?;
        for ((&attempt, verdict), class) in asking.iter().zip(&verdicts).zip(classes) {
            if verdict.holds && class.is_some() {
                self.classes[attempt] = class;
            }
        }
        Ok(verdicts)
    }

    /// Asks of the transformed copies of the images as well, if there are any.
    fn require_copies(&self, asking: &[usize], pixels: &[u8], verdicts: &mut [Verdict]) -> Result<()> {
        if self.rules.robust_to.is_empty() {
            return Ok(());
        }
        let each = pixels.len() / asking.len().max(1);
        let parts = asking.chunks(COPIED).zip(pixels.chunks(COPIED * each.max(1)));
        for ((asking, pixels), verdicts) in parts.zip(verdicts.chunks_mut(COPIED)) {
            self.go_on()?;
            let [channels, height, width] = self.network.input_shape();
            let images = pixels.chunks(each).map(|image| Image::new(channels, height, width, image.to_vec()));
            let images: Vec<Image> = images.collect::<Result<_>>()?;
            let claims: Vec<Claim<'_>> = asking
                .iter()
                .zip(&images)
                .map(|(&attempt, image)| {
                    let Ready { criterion, origin_class, .. } = self.attempts[attempt];
                    Claim { image, criterion, origin_class }
                })
                .collect();
            require_copies(self.network, self.rules.robust_to, &claims, verdicts)?;
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::Interrupted`] if it was asked to stop.
    fn go_on(&self) -> Result<()> {
        if self.rules.interrupted.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Classifies the images that these searches have found, and judges them where the logits decide.
    ///
    /// # Errors
    /// [`Error::NotReproduced`] if the criterion does not hold any more, which would be a fault of the network.
    fn classify(&mut self, found: &[usize], searches: &[Search<'_>]) -> Result<()> {
        for found in found.chunks(self.batch(self.network.logits())) {
            let mut pixels = Vec::new();
            for &index in found {
                let Ok(bracket) = searches[index].finding().end else { continue };
                pixels.extend_from_slice(searches[index].ray().image(bracket.hi).pixels());
            }
            let logits = self.network.classify(&pixels[..])?;
            for (&index, logits) in found.iter().zip(logits.images()) {
                let attempt = &self.attempts[index];
                let is_judged = self.layer(index) == self.network.logits();
                if is_judged && !attempt.criterion.judge(attempt.origin_class, logits).holds {
                    return Err(Error::NotReproduced);
                }
                self.classes[index] = Some(class_of(logits));
            }
        }
        Ok(())
    }

    fn layer(&self, attempt: usize) -> LayerId {
        self.attempts[attempt].criterion.layer(self.network)
    }

    fn layers(&self, asking: &[usize]) -> Vec<LayerId> {
        let mut layers: Vec<LayerId> = asking.iter().map(|&attempt| self.layer(attempt)).collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }

    fn batch(&self, layer: LayerId) -> usize {
        images_at_once(self.network, layer)
    }
}

/// How many attempts are moved together, step by step, in so many bytes; one at least.
///
/// - `each`: what is kept of an attempt, besides the values of its forward pass, in bytes.
pub(crate) fn attempts_at_once(network: &Network, memory: usize, each: usize) -> usize {
    let kept: usize = network.layers().iter().map(|layer| layer.output_shape.count()).sum();
    let fit = memory / (size_of::<f32>() * kept + each).max(1);
    match network.images_side_by_side() {
        1 => fit.max(1),
        lanes if fit >= lanes => fit / lanes * lanes,
        // A few images are passed one by one; one more, and they take the memory of full lanes.
        _ => fit.clamp(1, network.images_one_by_one()),
    }
}

/// How many images are passed to `layer` in one call at most.
pub(crate) fn images_at_once(network: &Network, layer: LayerId) -> usize {
    let pixels: usize = network.input_shape().iter().product();
    let each = pixels.max(size_of::<f32>() * network.shape(layer).count());
    (BATCH_BYTES / each).clamp(16, 4096)
}

#[cfg(test)]
mod tests {
    use lots_network::Vgg16;

    use super::*;
    use crate::embedded;

    #[test]
    fn attempts_that_are_moved_together_fit_into_the_memory() {
        let large = Vgg16 { extent: 224, channels: [1; 5], features: 2, classes: 2 }.network(0);
        for (network, lanes) in [(embedded::lenet(), 16), (large, 1)] {
            let kept: usize = network.layers().iter().map(|layer| layer.output_shape.count()).sum();
            let each = 4 * kept + 1000;
            for (fit, count) in [
                (0, 1),
                (1, 1),
                (2, 2),
                (15, if lanes == 1 { 15 } else { 6 }),
                (35, if lanes == 1 { 35 } else { 32 }),
            ] {
                assert_eq!(attempts_at_once(&network, fit * each, 1000), count, "{lanes} {fit}");
            }
        }
    }
}
