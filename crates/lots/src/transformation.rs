//! [`Transformation`]: what happens to an image on its way through the world: it is stored, resized, moved, blurred.
//!
//! A perturbed image that no longer reaches its criterion behind one of them was perturbed in vain. All of them give
//! 8-bit images of the same shape, so that what is judged is again something real. Images of one or three channels are
//! transformed as one picture, of any others each channel is a grey picture.

mod verdicts;

#[cfg(test)]
mod tests;

pub use verdicts::{Claim, verdicts};
pub(crate) use verdicts::{copies, require_copies};

use std::path::Path;
use std::str::FromStr;

use half::f16;
use lots_network::Network;

use crate::data::picture;
use crate::error::{Error, Result};
use crate::image::Image;

/// The largest number of pixels by which an image is shifted or over which it is blurred: enough for any picture.
const MOST_PIXELS: usize = 1000;

/// Something that is done to an image.
///
/// # Example
/// ```
/// use lots::transformation::Transformation;
/// let image = lots::Image::new(1, 2, 2, vec![0, 80, 160, 255])?;
/// let png: Transformation = "png".parse()?;
/// assert_eq!(png.images(&image)?, [image.clone()]);
/// let shift: Transformation = "shift:1".parse()?;
/// assert_eq!(shift.images(&image)?.len(), 4, "one for each direction");
/// assert_eq!(shift.to_string(), "shift:1");
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transformation {
    /// Written as PNG and read again: nothing is lost.
    Png,
    /// Written as JPEG and read again, see [`jpeg`].
    Jpeg(u8),
    /// Written as WebP without loss and read again.
    Webp,
    /// Resized to a part of its height and width, 0–1, and back, see [`resized_and_back`].
    Resize(f64),
    /// Moved by so many pixels, see [`shifted`]; there is an image for each of four directions.
    Shift(usize),
    /// Blurred, see [`blurred`]; the standard deviation in pixels.
    Blur(f64),
    /// Reduced to so many bits a pixel, 1–8, see [`with_bits`].
    Bits(u8),
}

impl Transformation {
    /// One of each kind, and two of JPEG, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Png,
        Self::Jpeg(95),
        Self::Jpeg(75),
        Self::Webp,
        Self::Resize(0.5),
        Self::Shift(1),
        Self::Blur(1.0),
        Self::Bits(7),
    ];

    /// The images that this makes of an image; what is claimed of the image must hold for all of them.
    ///
    /// # Errors
    /// Those of the picture formats, for an image that is too large for them.
    pub fn images(self, image: &Image) -> Result<Vec<Image>> {
        let only = match self {
            Self::Png => png(image)?,
            Self::Jpeg(level) => jpeg(image, level)?,
            Self::Webp => webp(image)?,
            Self::Resize(share) => resized_and_back(image, share)?,
            Self::Blur(deviation) => blurred(image, deviation),
            Self::Bits(bits) => with_bits(image, bits),
            Self::Shift(count) => {
                let count = count as isize;
                return Ok([[0, count], [0, -count], [count, 0], [-count, 0]]
                    .map(|by| shifted(image, by))
                    .to_vec());
            }
        };
        Ok(vec![only])
    }

    /// How many images [`Self::images`] makes.
    pub fn image_count(self) -> usize {
        if matches!(self, Self::Shift(_)) { 4 } else { 1 }
    }
}

/// The image as a PNG file gives it back: the same.
///
/// # Errors
/// [`Error::File`] if it is too large for the format.
pub fn png(image: &Image) -> Result<Image> {
    each_picture(image, |picture| read_again(&picture::to_png(picture)?, picture))
}

/// The image as a WebP file without loss gives it back: the same.
///
/// # Errors
/// [`Error::File`] if it has more than 16,384 pixels a side.
pub fn webp(image: &Image) -> Result<Image> {
    each_picture(image, |picture| read_again(&picture::to_webp(picture)?, picture))
}

/// The image as a JPEG file gives it back, with colours at full resolution.
///
/// - `level`: what encoders call quality, 1–100; others are taken as the nearest of these.
///
/// # Errors
/// [`Error::File`] if it has more than 65,535 pixels a side.
///
/// Source: ITU-T T.81, its example tables scaled as by the Independent JPEG Group.
pub fn jpeg(image: &Image, level: u8) -> Result<Image> {
    each_picture(image, |picture| read_again(&picture::to_jpeg(picture, level.clamp(1, 100))?, picture))
}

/// The image resized to `share` of its height and width, rounded and at least 1, and back to what they were; bilinear
/// with antialiasing, see [`Image::resized`].
///
/// - `share`: 0–1.
///
/// # Errors
/// [`Error::ResizedSize`] if the image is far too large.
pub fn resized_and_back(image: &Image, share: f64) -> Result<Image> {
    let size = [image.height(), image.width()];
    let smaller = size.map(|side| ((side as f64 * share).round() as usize).clamp(1, side));
    image.resized(smaller)?.resized(size)
}

/// The image moved down and to the right, up and to the left where the numbers are negative; pixels at the edge are
/// repeated where nothing comes in.
///
/// - `[rows, columns]`: in pixels.
///
/// # Example
/// ```
/// use lots::{Image, transformation};
/// let image = Image::new(1, 2, 3, vec![1, 2, 3, 4, 5, 6])?;
/// assert_eq!(transformation::shifted(&image, [0, 1]).pixels(), [1, 1, 2, 4, 4, 5]);
/// assert_eq!(transformation::shifted(&image, [-1, 0]).pixels(), [4, 5, 6, 4, 5, 6]);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn shifted(image: &Image, [rows, columns]: [isize; 2]) -> Image {
    let [_, height, width] = image.shape();
    let from = |place: usize, by: isize, length: usize| place.saturating_add_signed(-by).min(length - 1);
    mapped(image, |plane| {
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        places
            .map(|(row, column)| plane[from(row, rows, height) * width + from(column, columns, width)])
            .collect()
    })
}

/// The image blurred by a Gaussian, first along rows and then along columns: each pixel becomes the mean of its
/// neighbours up to ⌈3σ⌉ pixels away with weights exp(−d²/2σ²), rounded to the nearest level. Pixels at the edge are
/// repeated outside.
///
/// - `deviation`: σ, in pixels, above 0 and at most 1000; the image is returned as it is for others.
///
/// It is done here rather than by the picture library, whose exponentials are not the same on every machine.
pub fn blurred(image: &Image, deviation: f64) -> Image {
    if !(deviation > 0.0 && deviation <= MOST_PIXELS as f64) {
        return image.clone();
    }
    let [_, height, width] = image.shape();
    let reach = (3.0 * deviation).ceil() as isize;
    let weight = |distance: isize| libm::exp(-((distance * distance) as f64) / (2.0 * deviation * deviation));
    let weights: Vec<f64> = (-reach..=reach).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let mean = |length: usize, place: usize, value: &dyn Fn(usize) -> f64| {
        let neighbour = |index: usize| place.saturating_add_signed(index as isize - reach).min(length - 1);
        let sum: f64 =
            weights.iter().enumerate().map(|(index, weight)| weight * value(neighbour(index))).sum();
        sum / total
    };
    mapped(image, |plane| {
        let mut rows = vec![0.0; plane.len()];
        for (row, values) in rows.chunks_exact_mut(width).enumerate() {
            for (column, value) in values.iter_mut().enumerate() {
                *value = mean(width, column, &|column| f64::from(plane[row * width + column]));
            }
        }
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let both = places.map(|(row, column)| mean(height, row, &|row| rows[row * width + column]));
        both.map(|value| (value + 0.5).floor().clamp(0.0, 255.0) as u8).collect()
    })
}

/// The image with 2ᵇ evenly spread levels: round(k · round(x · (2ᵇ − 1) / 255)), k = 255 / (2ᵇ − 1), halves upward.
///
/// - `bits`: b, 1–8; others are taken as the nearest of these. 8 changes nothing.
///
/// # Example
/// ```
/// use lots::{Image, transformation};
/// let image = Image::new(1, 1, 4, vec![0, 100, 200, 255])?;
/// assert_eq!(transformation::with_bits(&image, 1).pixels(), [0, 0, 255, 255]);
/// assert_eq!(transformation::with_bits(&image, 2).pixels(), [0, 85, 170, 255]);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Xu, Evans, Qi, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks", NDSS 2018.
pub fn with_bits(image: &Image, bits: u8) -> Image {
    let highest = (1_u32 << bits.clamp(1, 8)) - 1;
    let rounded = |value: u32, times: u32, over: u32| (2 * value * times + over) / (2 * over);
    let level = |pixel: &u8| rounded(rounded(u32::from(*pixel), highest, 255), 255, highest) as u8;
    mapped(image, |plane| plane.iter().map(level).collect())
}

/// Rounds the weights and biases of a network to half precision, to the nearest and ties to even; what is computed with
/// them stays in single precision. What is too large for it becomes the largest number that it has.
///
/// It rounds what [`Network::parameters`] lists, the numbers that training changes.
///
/// # Example
/// ```
/// let mut network = lots::embedded::lenet();
/// let before = network.parameters()[0].values[0];
/// lots::transformation::halve_weights(&mut network);
/// let behind = network.parameters()[0].values[0];
/// assert!((before - behind).abs() <= before.abs() / 2048.0);
/// ```
///
/// Source: IEEE 754-2008, binary16.
pub fn halve_weights(network: &mut Network) {
    let (least, most) = (f16::MIN.to_f32(), f16::MAX.to_f32());
    network.change_parameters(|_, values| {
        for value in values {
            *value = f16::from_f32(value.clamp(least, most)).to_f32();
        }
    });
}

/// The image whose planes are those of `image`, each changed alone.
fn mapped(image: &Image, change: impl Fn(&[u8]) -> Vec<u8>) -> Image {
    let [channels, height, width] = image.shape();
    let pixels = (0..channels).flat_map(|channel| change(image.plane(channel))).collect();
    Image::new(channels, height, width, pixels).expect("a plane keeps its shape")
}

/// The image whose pictures are those of `image`, each changed alone: itself if it is one, else its planes.
fn each_picture(image: &Image, change: impl Fn(&Image) -> Result<Image>) -> Result<Image> {
    let [channels, height, width] = image.shape();
    if matches!(channels, 1 | 3) {
        return change(image);
    }
    let mut pixels = Vec::with_capacity(image.pixels().len());
    for channel in 0..channels {
        let plane = Image::new(1, height, width, image.plane(channel).to_vec())?;
        pixels.extend_from_slice(change(&plane)?.pixels());
    }
    Image::new(channels, height, width, pixels)
}

/// The picture in a file that was just made, with as many channels as `picture` has.
fn read_again(bytes: &[u8], picture: &Image) -> Result<Image> {
    picture::decode(bytes, Path::new("picture"))?.with_channels(picture.channels())
}

impl FromStr for Transformation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::UnknownTransformation { transformation: text.to_owned() };
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let whole = |limits: std::ops::RangeInclusive<usize>| -> Option<usize> {
            number?.parse().ok().filter(|number| limits.contains(number))
        };
        let real = |most: f64| -> Option<f64> {
            number?.parse().ok().filter(|&number: &f64| number > 0.0 && number <= most)
        };
        let found = match name {
            "png" if number.is_none() => Some(Self::Png),
            "webp" if number.is_none() => Some(Self::Webp),
            "jpeg" => whole(1..=100).map(|level| Self::Jpeg(level as u8)),
            "resize" => real(1.0).map(Self::Resize),
            "shift" => whole(1..=MOST_PIXELS).map(Self::Shift),
            "blur" => real(MOST_PIXELS as f64).map(Self::Blur),
            "bits" => whole(1..=8).map(|bits| Self::Bits(bits as u8)),
            _ => None,
        };
        found.ok_or_else(unknown)
    }
}

impl std::fmt::Display for Transformation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Png => formatter.write_str("png"),
            Self::Webp => formatter.write_str("webp"),
            Self::Jpeg(level) => write!(formatter, "jpeg:{level}"),
            Self::Resize(share) => write!(formatter, "resize:{share}"),
            Self::Shift(count) => write!(formatter, "shift:{count}"),
            Self::Blur(deviation) => write!(formatter, "blur:{deviation}"),
            Self::Bits(bits) => write!(formatter, "bits:{bits}"),
        }
    }
}
