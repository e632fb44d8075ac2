//! [`Image`]: 8-bit pixels, the only thing a network of this project looks at and the only thing that is measured.
//!
//! Pixels are stored plane by plane (`[channels, height, width]`, the order of the networks). How a file becomes
//! pixels is told in [`crate::data::picture`]; many images at once come from [`crate::data::ImageSource`].

mod resizing;

use std::path::Path;

use crate::data::picture;
use crate::error::{Error, Result};

/// A picture of 8-bit pixels, 0–255, one channel (grey) or three (red, green, blue).
///
/// ```
/// use lots::Image;
/// let image = Image::new(1, 2, 3, vec![0, 50, 100, 150, 200, 255])?;
/// assert_eq!(image.shape(), [1, 2, 3]);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Image {
    channels: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// An image from its pixels in the order `[channels, height, width]`, values 0–255.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if `pixels` does not have `channels · height · width` elements or is empty.
    pub fn new(channels: usize, height: usize, width: usize, pixels: Vec<u8>) -> Result<Self> {
        let expected = channels.checked_mul(height).and_then(|count| count.checked_mul(width));
        if pixels.is_empty() || expected != Some(pixels.len()) {
            return Err(Error::PixelCount { channels, height, width, got: pixels.len() });
        }
        Ok(Self { channels, height, width, pixels })
    }

    /// An image from pixels in the order of pictures and of `NumPy`, `[height, width, channels]`.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if `pixels` does not have `height · width · channels` elements or is empty.
    ///
    /// # Example
    /// ```
    /// let two_pixels = lots::Image::from_interleaved(1, 2, 3, &[1, 2, 3, 4, 5, 6])?;
    /// assert_eq!(two_pixels.pixels(), [1, 4, 2, 5, 3, 6]);
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn from_interleaved(height: usize, width: usize, channels: usize, pixels: &[u8]) -> Result<Self> {
        if channels == 1 {
            return Self::new(1, height, width, pixels.to_vec());
        }
        let mut planes = Vec::with_capacity(pixels.len());
        for channel in 0..channels {
            planes.extend(pixels.iter().skip(channel).step_by(channels));
        }
        Self::new(channels, height, width, planes)
    }

    /// Reads one picture: PNG, JPEG, PGM/PPM, BMP or WebP; the contents decide, not the extension.
    ///
    /// What becomes of 16-bit, palette and transparent pictures is told in [`crate::data::picture`].
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::File`]; [`Error::UnknownFormat`] if it is no picture; [`Error::Damaged`] if it
    /// is cut short or corrupt; [`Error::TooLarge`]; [`Error::Unsupported`] if it is transparent.
    ///
    /// # Example
    /// ```no_run
    /// let origin = lots::Image::open("four.png")?;
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        picture::open(path.as_ref())
    }

    /// Writes the picture without loss, in the format of the extension: `.png`, `.pgm` (grey), `.ppm` (colour),
    /// `.pnm`, `.bmp`, `.webp`. The file appears whole or not at all.
    ///
    /// BMP and WebP know no grey: a grey image comes back from them as colour with three equal channels.
    ///
    /// # Errors
    /// [`Error::UnknownExtension`] for any other, JPEG among them: it would change the pixels that were measured.
    /// [`Error::Unsupported`] if the format cannot hold so many channels; [`Error::File`].
    ///
    /// # Example
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("ramp.png");
    /// let image = lots::Image::new(1, 1, 256, (0..=255).collect())?;
    /// image.save(&path)?;
    /// assert_eq!(lots::Image::open(&path)?, image);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        picture::save(self, path.as_ref())
    }

    /// The brightness of each pixel, 0.299 R + 0.587 G + 0.114 B rounded to the nearest level; a grey image as it is.
    ///
    /// A colour whose three values are equal keeps that value exactly.
    ///
    /// Source: ITU-R BT.601 weights, in the 16-bit fixed point of the Python Imaging Library.
    #[must_use]
    pub fn to_grey(&self) -> Self {
        if self.channels != 3 {
            return self.clone();
        }
        let brightness = |index: usize| {
            let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(self.plane(channel)[index]));
            ((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16) as u8
        };
        let pixels = (0..self.height * self.width).map(brightness).collect();
        Self { channels: 1, height: self.height, width: self.width, pixels }
    }

    /// Three equal channels; a colour image as it is.
    #[must_use]
    pub fn to_colour(&self) -> Self {
        if self.channels != 1 {
            return self.clone();
        }
        Self { channels: 3, height: self.height, width: self.width, pixels: self.pixels.repeat(3) }
    }

    /// The same picture with 1 or 3 channels, only where nothing is lost: grey becomes colour, and colour becomes
    /// grey if its three channels are equal in every pixel (a grey picture saved as RGB).
    ///
    /// # Errors
    /// [`Error::ImageSize`] otherwise; [`Image::to_grey`] is the explicit way to drop colour.
    pub fn with_channels(&self, channels: usize) -> Result<Self> {
        let is_grey = || self.plane(0) == self.plane(1) && self.plane(0) == self.plane(2);
        match (self.channels, channels) {
            (got, wanted) if got == wanted => Ok(self.clone()),
            (1, 3) => Ok(self.to_colour()),
            (3, 1) if is_grey() => Ok(self.to_grey()),
            _ => Err(Error::ImageSize {
                role: "image",
                got: self.shape(),
                expected: [channels, self.height, self.width],
            }),
        }
    }

    /// `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// 1 for grey, 3 for colour.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All pixels, 0–255, in the order `[channels, height, width]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All pixels, 0–255, in the order of pictures and of `NumPy`, `[height, width, channels]`.
    pub fn to_interleaved(&self) -> Vec<u8> {
        let area = self.height * self.width;
        (0..self.pixels.len())
            .map(|index| self.pixels[index % self.channels * area + index / self.channels])
            .collect()
    }

    /// The pixels of one channel, `[height, width]`.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn plane(&self, channel: usize) -> &[u8] {
        let area = self.height * self.width;
        &self.pixels[channel * area..(channel + 1) * area]
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Image({}×{}×{})", self.channels, self.height, self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaving_and_back_is_the_identity() {
        for (channels, height, width) in [(1, 2, 3), (3, 2, 3), (3, 1, 1), (1, 1, 7)] {
            let pixels: Vec<u8> = (0..(channels * height * width) as u8).map(|value| value * 3).collect();
            let image = Image::new(channels, height, width, pixels).unwrap();
            let interleaved = image.to_interleaved();
            for row in 0..height {
                for column in 0..width {
                    for channel in 0..channels {
                        assert_eq!(
                            interleaved[(row * width + column) * channels + channel],
                            image.plane(channel)[row * width + column]
                        );
                    }
                }
            }
            assert_eq!(Image::from_interleaved(height, width, channels, &interleaved).unwrap(), image);
        }
    }

    #[test]
    fn interleaved_pixels_of_the_wrong_number_are_refused() {
        for (height, width, channels, count) in [(2, 2, 3, 11), (2, 2, 3, 13), (0, 2, 1, 0), (2, 2, 0, 4)] {
            let result = Image::from_interleaved(height, width, channels, &vec![0; count]);
            assert!(matches!(result, Err(Error::PixelCount { .. })), "{height} {width} {channels} {count}");
        }
    }

    #[test]
    fn grey_keeps_equal_channels_and_weighs_others() {
        let ramp = Image::new(1, 16, 16, (0..=255).collect()).unwrap();
        assert_eq!(ramp.to_colour().to_grey(), ramp);
        assert_eq!(ramp.to_colour().with_channels(1).unwrap(), ramp);
        assert_eq!(ramp.with_channels(3).unwrap().shape(), [3, 16, 16]);
        let red_green_blue = Image::from_interleaved(1, 3, 3, &[255, 0, 0, 0, 255, 0, 0, 0, 255]).unwrap();
        assert_eq!(red_green_blue.to_grey().pixels(), [76, 150, 29]);
    }

    #[test]
    fn colour_is_never_dropped_silently() {
        let colour = Image::from_interleaved(1, 2, 3, &[7, 7, 7, 7, 8, 7]).unwrap();
        let message = colour.with_channels(1).unwrap_err().to_string();
        assert_eq!(message, "the image has 3×1×2 pixels, expected 1×1×2 (channels × height × width)");
    }
}
