//! [`Image`]: 8-bit pixels, the only thing a network of this project looks at and the only thing that is measured.
//!
//! Pixels are stored plane by plane (`[channels, height, width]`, the order of the networks); codecs and folders
//! live in [`crate::data`].

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
