//! Another size for an image: resized, its centre cut out, or both as a network's preprocessing declares.
//!
//! Resizing is bilinear with antialiasing: each pixel is a mean of those that it covers, weighted by a triangle that is
//! as wide as the scale demands, which is what Pillow calls `BILINEAR`. Pillow rounds to whole grey levels twice,
//! between rows and columns too; here it is done once, so that some pixels differ by one grey level
//! (`crates/lots/tests/reference_resizing.rs`).
//! Arithmetic is in single precision in a fixed order: the same image gives the same pixels on every machine.

use ::image::imageops::{self, FilterType};
use ::image::{ImageBuffer, Luma, Pixel, Rgb};
use lots_network::Preprocessing;

use super::Image;
use crate::error::{Error, Result};

/// No image is resized to more pixels, nor has more on the way there: enough for any network, and little enough memory
/// for a picture that is thousands of times as long as it is wide.
const MOST_PIXELS: usize = 1 << 25;

impl Image {
    /// The image with another height and width, bilinear with antialiasing; unchanged if it has them already.
    ///
    /// - `[height, width]`: at least 1 each. The aspect ratio is not kept; [`lots_network::Resize::of`] computes a size
    ///   that keeps it.
    ///
    /// # Errors
    /// [`Error::ResizedSize`] if there are no pixels in an image of this size, or far too many.
    ///
    /// # Example
    /// ```
    /// use lots::Image;
    /// let image = Image::new(1, 2, 4, vec![0, 100, 200, 200, 0, 100, 200, 200])?;
    /// assert_eq!(image.resized([1, 2])?.pixels(), [71, 186]);
    /// assert_eq!(image.resized([2, 4])?, image);
    /// # Ok::<(), lots::Error>(())
    /// ```
    ///
    /// Source: Pillow, `Image.resize` with `Resampling.BILINEAR`.
    pub fn resized(&self, [height, width]: [usize; 2]) -> Result<Self> {
        if [height, width] == [self.height, self.width] {
            return Ok(self.clone());
        }
        let is_possible = |height: usize, width: usize| {
            height.checked_mul(width).is_some_and(|count| (1..=MOST_PIXELS).contains(&count))
        };
        // Rows come first: in between, there are as many of them as in the end and as many columns as before.
        let steps = [(height, width), (height, self.width), (1, self.height)];
        if !steps.into_iter().all(|(height, width)| is_possible(height, width)) {
            return Err(Error::ResizedSize { got: [self.height, self.width], height, width });
        }
        if self.channels == 3 {
            let pixels = resampled::<Rgb<u8>>(self.to_interleaved(), self, [height, width]);
            return Self::from_interleaved(height, width, 3, &pixels);
        }
        let planes = (0..self.channels).map(|channel| self.plane(channel).to_vec());
        let pixels = planes.flat_map(|plane| resampled::<Luma<u8>>(plane, self, [height, width])).collect();
        Self::new(self.channels, height, width, pixels)
    }

    /// The middle of the image; where rows or columns that are left over cannot be halved, see
    /// [`Preprocessing::corner`].
    ///
    /// - `[height, width]`: at least 1 each, and at most those of the image.
    ///
    /// # Errors
    /// [`Error::CropSize`] if the image is smaller, or nothing would be left.
    ///
    /// # Example
    /// ```
    /// use lots::Image;
    /// let image = Image::new(1, 3, 4, (0..12).collect())?;
    /// assert_eq!(image.centre_crop([1, 2])?.pixels(), [5, 6]);
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn centre_crop(&self, [height, width]: [usize; 2]) -> Result<Self> {
        if height > self.height || width > self.width || height * width == 0 {
            return Err(Error::CropSize { got: [self.height, self.width], height, width });
        }
        let [first_row, first_column] = Preprocessing::corner([self.height, self.width], [height, width]);
        let mut pixels = Vec::with_capacity(self.channels * height * width);
        for channel in 0..self.channels {
            let rows = self.plane(channel).chunks_exact(self.width).skip(first_row).take(height);
            pixels.extend(rows.flat_map(|row| &row[first_column..first_column + width]));
        }
        Self::new(self.channels, height, width, pixels)
    }

    /// The image as a network's preprocessing leaves it: resized, then its centre cut out.
    ///
    /// # Errors
    /// Those of [`Image::resized`] and [`Image::centre_crop`].
    ///
    /// # Example
    /// ```
    /// use lots::Image;
    /// use lots_network::{Preprocessing, Resize};
    /// let photograph = Image::new(3, 60, 80, vec![90; 14_400])?;
    /// let preprocessing = Preprocessing::new(Some(Resize::ShorterSide(40)), Some([32, 32]))?;
    /// assert_eq!(photograph.preprocessed(&preprocessing)?.shape(), [3, 32, 32]);
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn preprocessed(&self, preprocessing: &Preprocessing) -> Result<Self> {
        let resized = match preprocessing.resize() {
            Some(resize) => self.resized(resize.of([self.height, self.width]))?,
            None => self.clone(),
        };
        match preprocessing.crop() {
            Some(crop) => resized.centre_crop(crop),
            None => Ok(resized),
        }
    }
}

/// The pixels of a picture of the size of `image` in another size; no side is longer than [`MOST_PIXELS`].
fn resampled<P: Pixel<Subpixel = u8> + 'static>(
    pixels: Vec<u8>,
    image: &Image,
    [height, width]: [usize; 2],
) -> Vec<u8> {
    let side = |side: usize| u32::try_from(side).expect("sides were compared with the most pixels");
    let picture = ImageBuffer::<P, _>::from_raw(side(image.width), side(image.height), pixels)
        .expect("an image has the pixels of its shape");
    imageops::resize(&picture, side(width), side(height), FilterType::Triangle).into_raw()
}

#[cfg(test)]
mod tests {
    use lots_network::Resize;

    use super::*;

    /// A different value in each pixel, as far as bytes go.
    fn numbered(channels: usize, height: usize, width: usize) -> Image {
        let count = channels * height * width;
        Image::new(channels, height, width, (0..count).map(|index| (index * 37 % 251) as u8).collect())
            .unwrap()
    }

    /// The mean under a triangle, in double precision, one pixel after the other.
    fn resized_reference(image: &Image, [height, width]: [usize; 2]) -> Vec<f64> {
        let weights = |old: usize, new: usize, place: usize| -> Vec<f64> {
            let ratio = old as f64 / new as f64;
            let scale = ratio.max(1.0);
            let centre = (place as f64 + 0.5) * ratio - 0.5;
            let weights: Vec<f64> =
                (0..old).map(|at| (1.0 - (at as f64 - centre).abs() / scale).max(0.0)).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / sum).collect()
        };
        let mut values = Vec::new();
        for channel in 0..image.channels() {
            let plane = image.plane(channel);
            for row in 0..height {
                let down = weights(image.height(), height, row);
                for column in 0..width {
                    let across = weights(image.width(), width, column);
                    let pixels = plane.iter().enumerate();
                    values.push(
                        pixels
                            .map(|(index, &pixel)| {
                                let (row, column) = (index / image.width(), index % image.width());
                                f64::from(pixel) * down[row] * across[column]
                            })
                            .sum(),
                    );
                }
            }
        }
        values
    }

    #[test]
    fn resizing_takes_means_under_a_triangle() {
        for channels in [1, 3] {
            let image = numbered(channels, 9, 14);
            for extents in [[4, 5], [9, 5], [18, 14], [20, 31], [1, 1], [3, 40]] {
                let resized = image.resized(extents).unwrap();
                assert_eq!(resized.shape(), [channels, extents[0], extents[1]]);
                for (got, expected) in resized.pixels().iter().zip(resized_reference(&image, extents)) {
                    // Rounding to whole levels, and a little for single precision.
                    assert!((f64::from(*got) - expected).abs() < 0.501, "{extents:?}: {got}, {expected}");
                }
            }
        }
    }

    #[test]
    fn an_image_of_the_size_that_is_asked_for_stays_as_it_is() {
        for image in [numbered(1, 7, 5), numbered(3, 4, 4)] {
            let extents = [image.height(), image.width()];
            assert_eq!(image.resized(extents).unwrap(), image);
            assert_eq!(image.centre_crop(extents).unwrap(), image);
            assert_eq!(image.preprocessed(&Preprocessing::default()).unwrap(), image);
        }
    }

    #[test]
    fn the_centre_is_cut_out_of_every_channel() {
        let image = numbered(3, 9, 8);
        let crop = image.centre_crop([2, 5]).unwrap();
        for channel in 0..3 {
            for row in 0..2 {
                // 7 rows and 3 columns are left over: 3.5 and 1.5, which Python rounds to 4 and 2.
                let start = (row + 4) * 8 + 2;
                assert_eq!(crop.plane(channel)[row * 5..][..5], image.plane(channel)[start..start + 5]);
            }
        }
    }

    #[test]
    fn preprocessing_resizes_first() {
        let image = numbered(3, 60, 80);
        let preprocessing = Preprocessing::new(Some(Resize::ShorterSide(40)), Some([32, 32])).unwrap();
        let expected = image.resized([40, 53]).unwrap().centre_crop([32, 32]).unwrap();
        assert_eq!(image.preprocessed(&preprocessing).unwrap(), expected);
    }

    #[test]
    fn sizes_that_no_image_has_are_refused() {
        let image = numbered(1, 3, 2);
        for extents in [[0, 5], [5, 0], [1 << 20, 1 << 20], [usize::MAX, 2]] {
            assert!(matches!(image.resized(extents), Err(Error::ResizedSize { .. })), "{extents:?}");
        }
        // A thread of pixels whose shorter side becomes long would take gigabytes in between.
        let thread = Image::new(1, 1, 100_000, vec![7; 100_000]).unwrap();
        assert!(matches!(thread.resized([1000, 10]), Err(Error::ResizedSize { .. })));
        let message = image.centre_crop([4, 2]).unwrap_err().to_string();
        assert_eq!(message, "an image of 3×2 pixels does not hold a crop of 4×2 pixels");
        assert!(matches!(image.centre_crop([0, 2]), Err(Error::CropSize { .. })));
    }
}
