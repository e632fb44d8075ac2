//! [`PlaneClasses`]: the classes of the images in the plane of two directions.

use lots_network::Network;

use super::{MAX_STEP, Reading, Signs, check, origin_class, read_all};
use crate::direction::Direction;
use crate::error::Result;
use crate::image::Image;
use crate::line_search::Ray;

/// Which images of a plane are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneExtent {
    /// The longest step along each direction, in grey levels of the pixel that moves fastest.
    pub max_step: f64,
    /// On which side of the origin.
    pub signs: Signs,
    /// So many steps of each direction are looked at, evenly spread, both ends among them.
    pub grid: usize,
}

impl Default for PlaneExtent {
    /// As far as the fastest pixel can move, along both directions, at 101 steps of each.
    fn default() -> Self {
        Self { max_step: MAX_STEP, signs: Signs::Plus, grid: 101 }
    }
}

/// The classes of the images in the plane of two directions.
///
/// The image at the steps s and t is clamp(round(x + s · η₁ / ‖η₁‖∞ + t · η₂ / ‖η₂‖∞), 0, 255): both directions are
/// scaled to the same L∞, so that steps along either are grey levels.
///
/// # Example
/// ```
/// use lots::class_map::{PlaneClasses, PlaneExtent};
/// use lots::{data::digits, direction, embedded};
/// let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
/// let (four, nine) = (&digits.images()[4], &targets.images()[9]);
/// let [conv1, ip2] = ["conv1", "ip2"].map(|layer| direction::toward(&network, layer, four, nine));
/// let extent = PlaneExtent { grid: 5, ..PlaneExtent::default() };
/// let plane = PlaneClasses::over(&network, four, [&conv1?, &ip2?], &extent, &mut |_| {})?;
/// assert_eq!(plane.steps, [0.0, 63.75, 127.5, 191.25, 255.0]);
/// assert_eq!(plane.at(0, 0).class, 4);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneClasses {
    /// What the network says of the origin.
    pub origin_class: usize,
    /// The steps along either direction, ascending.
    pub steps: Vec<f64>,
    /// What the network says at each pair of steps, `[second direction, first direction]`.
    pub readings: Vec<Reading>,
}

impl PlaneClasses {
    /// Classifies the images of a plane.
    ///
    /// - `origin`: an image of the size that the network takes.
    /// - `progress`: is told how many more images were classified.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if origin or directions do not have that size;
    /// [`Error::LineSearch`](crate::Error::LineSearch) if the extent makes no sense.
    pub fn over(
        network: &Network,
        origin: &Image,
        [first, second]: [&Direction; 2],
        extent: &PlaneExtent,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        check(extent.max_step, ("number of steps of a plane", extent.grid))?;
        let origin_class = origin_class(network, origin)?;
        let rays = [Ray::new(origin, first)?, Ray::new(origin, second)?];
        let grid = extent.grid;
        let steps: Vec<f64> = (0..grid).map(|index| extent.step(index)).collect();
        let write = |index: usize, pixels: &mut [u8]| {
            rays[0].write_in_plane(steps[index % grid], &rays[1], steps[index / grid], pixels);
        };
        let readings = read_all(network, origin_class, grid * grid, write, progress)?;
        Ok(Self { origin_class, steps, readings })
    }

    /// What the network says at a pair of steps.
    ///
    /// # Panics
    /// If there are not so many steps.
    pub fn at(&self, first: usize, second: usize) -> Reading {
        assert!(first < self.steps.len(), "a step of the first direction");
        self.readings[second * self.steps.len() + first]
    }

    /// The classes of the plane, those of most images first, with their share, 0–1.
    pub fn shares(&self) -> Vec<(usize, f64)> {
        let mut counts = std::collections::BTreeMap::<usize, usize>::new();
        for reading in &self.readings {
            *counts.entry(reading.class).or_default() += 1;
        }
        let all = self.readings.len() as f64;
        let mut shares: Vec<(usize, usize)> = counts.into_iter().collect();
        shares.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        shares.into_iter().map(|(class, count)| (class, count as f64 / all)).collect()
    }
}

impl PlaneExtent {
    fn step(&self, index: usize) -> f64 {
        let (index, last) = (index as f64, (self.grid - 1) as f64);
        match self.signs {
            Signs::Plus => self.max_step * index / last,
            Signs::Both => self.max_step * (2.0 * index - last) / last,
        }
    }
}

/// The image at a pair of steps.
///
/// - `steps`: along each direction, in grey levels of the pixel that moves fastest, of either sign.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize) if a direction has another shape than the origin.
pub fn image_in_plane(
    origin: &Image,
    [first, second]: [&Direction; 2],
    [step, other_step]: [f64; 2],
) -> Result<Image> {
    let mut pixels = vec![0; origin.pixels().len()];
    Ray::new(origin, first)?.write_in_plane(step, &Ray::new(origin, second)?, other_step, &mut pixels);
    let [channels, height, width] = origin.shape();
    Image::new(channels, height, width, pixels)
}
