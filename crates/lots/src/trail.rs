//! `Trail`: the best images that an attempt had found by the time that it had cost so much.
//!
//! Cost is counted in passes: a classification is one, and a gradient two, one forward and one backward. The best image
//! is the one with the smallest L2: an attempt hands in one image, and the line search, by which every attempt ends,
//! makes its L2 smaller step by step.

use crate::error::Result;
use crate::image::Image;
use crate::measure::PassScorer;
use crate::perturbation::norms_between;

/// The best image that an attempt had found by a checkpoint, in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// What the attempt had cost when it was found, in passes.
    pub cost: usize,
    /// L2 norm of the perturbation, in grey levels.
    pub l2: f64,
    /// L∞ norm of the perturbation, in grey levels.
    pub linf: u8,
    /// PASS, unless it was not asked for.
    pub pass_score: Option<f64>,
}

/// An image for which the criterion holds.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) cost: usize,
    image: Image,
    l2: f64,
    linf: u8,
}

impl Held {
    /// Its measures.
    ///
    /// # Errors
    /// As [`PassScorer::score`].
    pub(crate) fn measured(&self, origin: &Image, scorer: Option<&mut PassScorer>) -> Result<Sighting> {
        let score = scorer.map(|scorer| scorer.score(origin, &self.image)).transpose()?;
        let pass_score = score.map(|pass_score| pass_score.score);
        Ok(Sighting { cost: self.cost, l2: self.l2, linf: self.linf, pass_score })
    }
}

/// What an attempt has found so far: of what came between two checkpoints, only the last improvement is kept.
#[derive(Clone, Debug)]
pub(crate) struct Trail<'a> {
    origin: &'a Image,
    /// Costs, ascending; what comes behind the last is forgotten.
    checkpoints: &'a [usize],
    held: Vec<Held>,
}

impl<'a> Trail<'a> {
    pub(crate) fn new(origin: &'a Image, checkpoints: &'a [usize]) -> Self {
        Self { origin, checkpoints, held: Vec::new() }
    }

    /// The criterion was seen to hold for an image.
    pub(crate) fn see(&mut self, cost: usize, image: &Image) {
        let place = self.place(cost);
        let Ok((l2, linf)) = norms_between(self.origin, image) else { return };
        let is_better = self.held.last().is_none_or(|last| l2 < last.l2);
        if place == self.checkpoints.len() || !is_better {
            return;
        }
        if self.held.last().is_some_and(|last| self.place(last.cost) == place) {
            self.held.pop();
        }
        self.held.push(Held { cost, image: image.clone(), l2, linf });
    }

    /// What was found later.
    pub(crate) fn extend(&mut self, held: &[Held]) {
        for held in held {
            self.see(held.cost, &held.image);
        }
    }

    /// What was found, in its order.
    pub(crate) fn into_held(self) -> Vec<Held> {
        self.held
    }

    /// The first checkpoint that is not before this cost.
    fn place(&self, cost: usize) -> usize {
        self.checkpoints.partition_point(|&checkpoint| checkpoint < cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_improvement_before_each_checkpoint_is_kept() {
        let image = |pixel: u8| Image::new(1, 1, 1, vec![pixel]).unwrap();
        let origin = image(0);
        let mut trail = Trail::new(&origin, &[4, 8, 16]);
        for (cost, pixel) in [(3, 90), (4, 80), (6, 85), (9, 70), (16, 60), (17, 10)] {
            trail.see(cost, &image(pixel));
        }
        let kept: Vec<_> = trail.into_held().iter().map(|held| (held.cost, held.image.pixels()[0])).collect();
        assert_eq!(kept, [(4, 80), (16, 60)]);
    }

    #[test]
    fn without_checkpoints_nothing_is_kept() {
        let image = Image::new(1, 1, 1, vec![7]).unwrap();
        let mut trail = Trail::new(&image, &[]);
        trail.see(1, &image);
        assert!(trail.into_held().is_empty());
    }
}
