//! Direction × criterion × line search: the sentence that all methods have in common.
//!
//! [`along`] is one attempt. [`crate::experiment`] makes many and shares their work.

use std::sync::atomic::{AtomicBool, Ordering};

use lots_network::{LayerId, Network, class_of};

use crate::criterion::Criterion;
use crate::direction::{Direction, expect_size};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::line_search::{Bracket, LineSearch, Ray, Search, Verdict, search_together};
use crate::measure::PassScorer;
use crate::outcome::{NotReached, Outcome, Perturbed};

/// Memory for the images of one batch or for what the network says of them, in bytes.
const BATCH_BYTES: usize = 64 << 20;

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
    let attempt = Ready { origin, direction, criterion, origin_class, at_origin };
    let found = search(network, &[attempt], line_search, &AtomicBool::new(false))?.remove(0);
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
}

/// What the line search of one attempt found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) end: std::result::Result<Reached, NotReached>,
    pub(crate) classifications: usize,
}

/// An image for which the criterion holds.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) image: Image,
    pub(crate) class: usize,
    pub(crate) bracket: Bracket,
}

/// Searches all attempts together. Each finds what it would find alone.
///
/// # Errors
/// [`Error::Interrupted`] soon after `interrupted` was set.
pub(crate) fn search(
    network: &Network,
    attempts: &[Ready<'_>],
    line_search: &LineSearch,
    interrupted: &AtomicBool,
) -> Result<Vec<Found>> {
    let mut searches = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let ray = Ray::new(attempt.origin, attempt.direction)?;
        searches.push(Search::new(ray, *line_search, attempt.at_origin.margin));
    }
    finish(network, attempts, &mut searches, interrupted)
}

/// As [`search`], with searches that have begun.
pub(crate) fn finish(
    network: &Network,
    attempts: &[Ready<'_>],
    searches: &mut [Search<'_>],
    interrupted: &AtomicBool,
) -> Result<Vec<Found>> {
    let judges = Judges { network, attempts, interrupted };
    for (search, attempt) in searches.iter_mut().zip(attempts) {
        if attempt.at_origin.holds {
            search.give_up();
        }
    }
    let batch = judges.batch(network.logits());
    search_together(searches, batch, &mut |asking, pixels| judges.verdicts(asking, pixels))?;
    let findings: Vec<_> = searches.iter().map(Search::finding).collect();
    let reached: Vec<usize> = (0..findings.len()).filter(|&index| findings[index].end.is_ok()).collect();
    let mut classes = judges.verify(&reached, searches)?.into_iter();
    let found = findings.iter().zip(attempts).zip(searches).map(|((finding, attempt), search)| {
        let end = match finding.end {
            _ if attempt.at_origin.holds => Err(NotReached::HoldsAtOrigin),
            Err(reason) => Err(reason.into()),
            Ok(bracket) => {
                let image = search.ray().image(bracket.hi);
                let class = classes.next().expect("a class for each image that was reached");
                Ok(Reached { image, class, bracket })
            }
        };
        Found { classifications: finding.judged + usize::from(end.is_ok()), end }
    });
    Ok(found.collect())
}

/// Judges images by the network.
struct Judges<'a> {
    network: &'a Network,
    attempts: &'a [Ready<'a>],
    interrupted: &'a AtomicBool,
}

impl Judges<'_> {
    /// Verdicts on images that some attempts ask about, `[asking, pixels]`.
    fn verdicts(&self, asking: &[usize], pixels: &[u8]) -> Result<Vec<Verdict>> {
        let mut verdicts = vec![Verdict::from(false); asking.len()];
        let each = pixels.len() / asking.len().max(1);
        // Attempts that look at the same layer are passed forward together.
        for layer in self.layers(asking) {
            let own: Vec<usize> = (0..asking.len()).filter(|&at| self.layer(asking[at]) == layer).collect();
            for own in own.chunks(self.batch(layer)) {
                if self.interrupted.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted);
                }
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
                }
            }
        }
        Ok(verdicts)
    }

    /// Classifies the images that were reached once more, as they are returned, and judges them.
    ///
    /// # Errors
    /// [`Error::NotReproduced`] if the criterion does not hold any more, which would be a fault of the network.
    fn verify(&self, reached: &[usize], searches: &[Search<'_>]) -> Result<Vec<usize>> {
        let mut classes = Vec::with_capacity(reached.len());
        for reached in reached.chunks(self.batch(self.network.logits())) {
            let mut pixels = Vec::new();
            for &index in reached {
                let Ok(bracket) = searches[index].finding().end else { continue };
                pixels.extend_from_slice(searches[index].ray().image(bracket.hi).pixels());
            }
            let logits = self.network.classify(&pixels[..])?;
            classes.extend(logits.images().map(class_of));
            let verdicts = if self.layers(reached) == [self.network.logits()] {
                let judge = |(&index, logits): (&usize, &[f32])| {
                    let attempt = &self.attempts[index];
                    attempt.criterion.judge(attempt.origin_class, logits)
                };
                reached.iter().zip(logits.images()).map(judge).collect()
            } else {
                self.verdicts(reached, &pixels)?
            };
            if verdicts.iter().any(|verdict| !verdict.holds) {
                return Err(Error::NotReproduced);
            }
        }
        Ok(classes)
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

    /// How many images are passed to `layer` in one call at most.
    fn batch(&self, layer: LayerId) -> usize {
        let pixels: usize = self.network.input_shape().iter().product();
        let each = pixels.max(size_of::<f32>() * self.network.shape(layer).count());
        (BATCH_BYTES / each).clamp(16, 4096)
    }
}
