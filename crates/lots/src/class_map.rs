//! What the network reads around an origin: its class at every image of a ray, and over the plane of two directions.
//!
//! The image at step s along η is that of [`crate::line_search`]: clamp(round(x + s · η / ‖η‖∞), 0, 255). Nothing is
//! searched for here: images are looked at in a fixed pattern, so that it can be seen what a search walks through.
//!
//! Per-image arithmetic never depends on the batch, so maps are the same bytes for any number of threads.

mod plane;
mod ray;

#[cfg(test)]
mod tests;

pub use plane::{PlaneClasses, PlaneExtent, image_in_plane};
pub use ray::{ClassChange, Coverage, Interval, Point, RayClasses, RayExtent, image_on_ray};

use lots_network::{Network, class_of};
use rayon::prelude::*;

use crate::attack::images_at_once;
use crate::criterion::lead;
use crate::direction::{Direction, expect_size};
use crate::error::{Error, Result};
use crate::image::Image;

/// What the network says of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The class with the highest logit.
    pub class: usize,
    /// The logit of the origin's class less the highest of the others: positive where the class is the origin's,
    /// negative where it is not.
    pub margin: f64,
}

/// On which side of the origin images are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signs {
    /// Steps from 0 on: along the direction.
    #[default]
    Plus,
    /// Steps of both signs: along the direction and against it.
    Both,
}

/// As far as the pixel that moves fastest can move.
pub const MAX_STEP: f64 = 255.0;

impl Reading {
    fn of(logits: &[f32], origin_class: usize) -> Self {
        Self { class: class_of(logits), margin: lead(logits, origin_class) }
    }
}

/// What the network says of `count` images that are made some at a time.
///
/// - `write`: makes the pixels of one of them.
/// - `progress`: is told how many more were classified.
fn read_all(
    network: &Network,
    origin_class: usize,
    count: usize,
    write: impl Fn(usize, &mut [u8]) + Sync,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Reading>> {
    let each: usize = network.input_shape().iter().product();
    let at_once = images_at_once(network, network.logits());
    let mut readings = Vec::with_capacity(count);
    let mut pixels = Vec::new();
    for first in (0..count).step_by(at_once) {
        let here = at_once.min(count - first);
        pixels.resize(here * each, 0);
        pixels.par_chunks_mut(each).enumerate().for_each(|(index, image)| write(first + index, image));
        let logits = network.classify(pixels.as_slice())?;
        readings.extend(logits.images().map(|logits| Reading::of(logits, origin_class)));
        progress(here);
    }
    Ok(readings)
}

/// The class of the origin.
///
/// # Errors
/// [`Error::ImageSize`] if it does not have the size that the network takes.
fn origin_class(network: &Network, origin: &Image) -> Result<usize> {
    expect_size(network, "origin", origin)?;
    Ok(class_of(network.classify(origin.pixels())?.image(0)))
}

/// η with the other sign.
fn reversed(direction: &Direction) -> Result<Direction> {
    Direction::new(direction.shape(), direction.values().iter().map(|value| -value).collect())
}

/// # Errors
/// [`Error::LineSearch`] if the longest step is not positive and finite, or so few images would be looked at that there
/// is nothing to compare.
fn check(max_step: f64, images: (&'static str, usize)) -> Result<()> {
    if !(max_step > 0.0 && max_step.is_finite()) {
        return Err(Error::LineSearch { option: "longest step", got: max_step, expected: "more than 0" });
    }
    match images {
        (option, count) if count < 2 => {
            Err(Error::LineSearch { option, got: count as f64, expected: "2 or more" })
        }
        _ => Ok(()),
    }
}
