//! [`RayClasses`]: the classes of the images along a ray.

use lots_network::Network;

use super::{MAX_STEP, Reading, Signs, check, origin_class, read_all, reversed};
use crate::direction::Direction;
use crate::error::Result;
use crate::image::Image;
use crate::line_search::{LineSearch, Ray, image_at};
use crate::perturbation::norms_between;

/// A ray is enumerated in so many parts, so that one with too many images is seen to be one before all are known.
const PARTS: u32 = 256;

/// Which images of a ray are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RayExtent {
    /// The longest step, in grey levels of the pixel that moves fastest.
    pub max_step: f64,
    /// On which side of the origin.
    pub signs: Signs,
    /// No more images than this are looked at on each side, the origin among them.
    pub limit: usize,
}

impl Default for RayExtent {
    /// As far as the fastest pixel can move, along the direction, as many images as a scan of the line search.
    fn default() -> Self {
        Self { max_step: MAX_STEP, signs: Signs::Plus, limit: LineSearch::default().scan_limit }
    }
}

/// The classes of the images along a ray.
///
/// # Example
/// ```
/// use lots::class_map::{RayClasses, RayExtent};
/// use lots::{data::digits, direction, embedded};
/// let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
/// let (four, nine) = (&digits.images()[4], &targets.images()[9]);
/// let direction = direction::toward(&network, "conv2", four, nine)?;
/// let extent = RayExtent { limit: 64, ..RayExtent::default() };
/// let ray = RayClasses::along(&network, four, &direction, &extent, &mut |_| {})?;
/// assert_eq!((ray.origin_class, ray.points[0].reading.class), (4, 4));
/// assert_eq!(ray.intervals().len(), ray.changes(four, &direction)?.len() + 1);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RayClasses {
    /// What the network says of the origin.
    pub origin_class: usize,
    /// The images that were looked at, by ascending step; the origin is the one at 0.
    pub points: Vec<Point>,
    /// Whether there are others between them.
    pub coverage: Coverage,
}

/// An image of a ray.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// In grey levels of the pixel that moves fastest, negative against the direction. It is the smallest step of this
    /// image where each image was looked at.
    pub step: f64,
    /// What the network says of it.
    pub reading: Reading,
}

/// Whether each image of a ray was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Each one up to the longest step, or to where the ray ends.
    EachImage,
    /// As many as allowed, at steps that are evenly spread.
    EvenlySpread,
}

/// Neighbouring images of a ray that have the same class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The step of the first.
    pub from: f64,
    /// The step of the last.
    pub to: f64,
    /// The class of all.
    pub class: usize,
    /// The smallest margin of any, see [`Reading::margin`].
    pub smallest_margin: f64,
    /// The largest margin of any.
    pub largest_margin: f64,
}

/// Two neighbouring images of a ray that have different classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassChange {
    /// The step of the last image of the class before.
    pub lo: f64,
    /// The step of the first image of the class behind.
    pub hi: f64,
    /// The class at `lo`.
    pub from_class: usize,
    /// The class at `hi`.
    pub to_class: usize,
    /// L2 norm of the perturbation of that one of the two which is farther from the origin, in grey levels.
    pub l2: f64,
    /// Its L∞ norm, in grey levels.
    pub linf: u8,
}

impl RayClasses {
    /// Classifies the images of a ray.
    ///
    /// - `origin`: an image of the size that the network takes.
    /// - `progress`: is told how many more images were classified.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if origin or direction do not have that size;
    /// [`Error::LineSearch`](crate::Error::LineSearch) if the extent makes no sense.
    pub fn along(
        network: &Network,
        origin: &Image,
        direction: &Direction,
        extent: &RayExtent,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        check(extent.max_step, ("number of images", extent.limit))?;
        let origin_class = origin_class(network, origin)?;
        let against = reversed(direction)?;
        let ray = Ray::new(origin, direction)?;
        let (mut steps, mut coverage) = steps(&ray, extent);
        if extent.signs == Signs::Both {
            let (negative, of_negative) = self::steps(&Ray::new(origin, &against)?, extent);
            steps = negative.iter().rev().map(|step| -step).chain([0.0]).chain(steps).collect();
            if of_negative == Coverage::EvenlySpread {
                coverage = of_negative;
            }
        } else {
            steps.insert(0, 0.0);
        }
        let against = Ray::new(origin, &against)?;
        let write = |index: usize, pixels: &mut [u8]| {
            let step: f64 = steps[index];
            if step < 0.0 { against.write(-step, pixels) } else { ray.write(step, pixels) }
        };
        let readings = read_all(network, origin_class, steps.len(), write, progress)?;
        let points = steps.into_iter().zip(readings).map(|(step, reading)| Point { step, reading }).collect();
        Ok(Self { origin_class, points, coverage })
    }

    /// The points in runs of the same class, ascending.
    pub fn intervals(&self) -> Vec<Interval> {
        let runs = self.points.chunk_by(|a, b| a.reading.class == b.reading.class);
        let margins = |run: &[Point]| run.iter().map(|point| point.reading.margin).collect::<Vec<_>>();
        runs.map(|run| Interval {
            from: run[0].step,
            to: run[run.len() - 1].step,
            class: run[0].reading.class,
            smallest_margin: margins(run).into_iter().fold(f64::INFINITY, f64::min),
            largest_margin: margins(run).into_iter().fold(f64::NEG_INFINITY, f64::max),
        })
        .collect()
    }

    /// Where the class changes, ascending.
    ///
    /// - `origin`, `direction`: those of the ray.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if they are others.
    pub fn changes(&self, origin: &Image, direction: &Direction) -> Result<Vec<ClassChange>> {
        let changing = self.points.windows(2).filter(|pair| pair[0].reading.class != pair[1].reading.class);
        changing
            .map(|pair| {
                let (lo, hi) = (pair[0], pair[1]);
                // The origin is one of the points, so that no pair has steps of both signs.
                let farther = if lo.step < 0.0 { lo.step } else { hi.step };
                let (l2, linf) = norms_between(origin, &image_on_ray(origin, direction, farther)?)?;
                let (from_class, to_class) = (lo.reading.class, hi.reading.class);
                Ok(ClassChange { lo: lo.step, hi: hi.step, from_class, to_class, l2, linf })
            })
            .collect()
    }
}

/// The image at a step, against the direction if it is negative.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize) if the direction has another shape than the origin;
/// [`Error::LineSearch`](crate::Error::LineSearch) if the step is not finite.
///
/// # Example
/// ```
/// use lots::{Direction, Image, class_map};
/// let origin = Image::new(1, 1, 2, vec![100, 100])?;
/// let direction = Direction::new([1, 1, 2], vec![1.0, -0.5])?;
/// assert_eq!(class_map::image_on_ray(&origin, &direction, 8.0)?.pixels(), [108, 96]);
/// assert_eq!(class_map::image_on_ray(&origin, &direction, -8.0)?.pixels(), [92, 104]);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn image_on_ray(origin: &Image, direction: &Direction, step: f64) -> Result<Image> {
    if step < 0.0 {
        image_at(origin, &reversed(direction)?, -step)
    } else {
        image_at(origin, direction, step)
    }
}

/// The steps at which images are looked at, ascending and without the origin.
fn steps(ray: &Ray<'_>, extent: &RayExtent) -> (Vec<f64>, Coverage) {
    let end = ray.last_step().min(extent.max_step);
    let most = extent.limit - 1;
    let mut each = Vec::new();
    for part in 0..PARTS {
        let at = |part: u32| end * f64::from(part) / f64::from(PARTS);
        each.extend(ray.switching_steps(at(part), at(part + 1)));
        if each.len() > most {
            return (evenly_spread(ray, end, most), Coverage::EvenlySpread);
        }
    }
    (each, Coverage::EachImage)
}

/// At most so many steps, at equal distances and with different images.
fn evenly_spread(ray: &Ray<'_>, end: f64, count: usize) -> Vec<f64> {
    let mut steps: Vec<f64> = Vec::with_capacity(count);
    for index in 1..=count {
        let step = end * index as f64 / count as f64;
        if ray.level_changes(steps.last().copied().unwrap_or(0.0), step) > 0 {
            steps.push(step);
        }
    }
    steps
}
