//! [`Course`]: a method as a machine that asks for an objective and its gradient at some pixels.

use crate::image::Image;
use crate::outcome::NotReached;

/// An attempt of a method on its way.
pub(super) trait Course: Send {
    /// The pixels where it wants the objective next, 0–255, whole or not; none once it has ended.
    fn ask(&self) -> Option<&[f64]>;

    /// What was seen at the pixels that it asked for.
    fn tell(&mut self, seen: &Seen<'_>);

    /// Why it has ended, should nothing have been found.
    fn reason(&self) -> NotReached;
}

/// What the network says of some pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// The objective.
    pub(super) value: f64,
    /// How it changes with each pixel.
    pub(super) gradient: &'a [f32],
    /// Whether the criterion holds for these pixels after rounding.
    pub(super) holds: bool,
}

/// The pixels of an image as numbers that an optimiser moves.
pub(super) fn real(image: &Image) -> Vec<f64> {
    image.pixels().iter().copied().map(f64::from).collect()
}

/// How far each pixel may move, `radius` grey levels at most, and never below 0 or above 255.
pub(super) fn bounds(origin: &[f64], radius: f64) -> (Vec<f64>, Vec<f64>) {
    let lower = origin.iter().map(|pixel| (pixel - radius).max(0.0)).collect();
    let upper = origin.iter().map(|pixel| (pixel + radius).min(255.0)).collect();
    (lower, upper)
}
