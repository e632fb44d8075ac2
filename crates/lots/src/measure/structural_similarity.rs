//! Structural similarity (SSIM): how alike two images of the same size look, window by window.
//!
//! The window is an 11×11 Gaussian with a standard deviation of 1.5 pixels, variances are those of a population, and
//! the map has the size of the image. Those are the settings under which the PASS of the paper is reproduced.
//!
//! Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
//! similarity", 2004; settings of Rozsa, Rudd, Boult, "Adversarial Diversity and Hard Positive Generation", section 3.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use super::lanes::{LANE_COUNT, Lanes, with_widest_registers};
use super::plane::{Continuation, Filter, Plane};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::perturbation::require_same_shape;

/// Rows and columns of the window.
pub const WINDOW: usize = 11;

// (0.01 · 255)² and (0.03 · 255)², the constants of Wang et al. for 8-bit pixels.
const C1: f64 = 6.5025;
const C2: f64 = 58.5225;
// With C3 = C2 / 2 contrast · structure is a single fraction.
const C3: f64 = C2 / 2.0;

const HALF_WINDOW: usize = WINDOW / 2;

/// What happens at the border, to colours, and to the three factors.
///
/// # Example
/// ```
/// use lots::measure::structural_similarity::{Border, SimilarityParameters};
/// let parameters = SimilarityParameters { border: Border::Valid, ..Default::default() };
/// assert_eq!(parameters.exponents.contrast, 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SimilarityParameters {
    /// Which windows count.
    pub border: Border,
    /// How colours are compared.
    pub colour: Colour,
    /// The exponents of the three factors.
    pub exponents: Exponents,
}

/// Which windows count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Border {
    /// One window around every pixel; the image continues beyond its border as its mirror image, border pixel
    /// included.
    #[default]
    Full,
    /// Only windows that lie inside the image, which must have at least 11×11 pixels.
    Valid,
}

/// How colours are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Every channel for itself, then the mean.
    #[default]
    PerChannel,
    /// Only the luma, 0.299 R + 0.587 G + 0.114 B.
    Luma,
}

/// The exponents α, β, γ of luminance, contrast and structure; 1 by default.
///
/// A structure below zero (windows that are negatives of each other) stays below zero whatever γ is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponents {
    /// α of the luminance L.
    pub luminance: f64,
    /// β of the contrast C.
    pub contrast: f64,
    /// γ of the structure S.
    pub structure: f64,
}

impl Default for Exponents {
    fn default() -> Self {
        Self { luminance: 1.0, contrast: 1.0, structure: 1.0 }
    }
}

/// The mean structural similarity of two images, −1 to 1, where 1 means the same.
///
/// SSIM(x, y) = 1/m Σ Lᵅ · Cᵝ · Sᵞ over all windows, with weighted means μ, deviations σ and covariance σₓᵧ of a window
/// and L = (2 μₓ μᵧ + C₁) / (μₓ² + μᵧ² + C₁), C = (2 σₓ σᵧ + C₂) / (σₓ² + σᵧ² + C₂), S = (σₓᵧ + C₃) / (σₓ σᵧ + C₃),
/// C₁ = 6.5025, C₂ = 58.5225, C₃ = C₂ / 2.
///
/// - `origin`, `perturbed`: images of the same shape; the order does not matter.
/// - Returns the mean over all windows, and over the channels of a colour image.
///
/// # Errors
/// [`Error::ImageSize`] if the shapes differ; [`Error::ImageTooSmall`] if no window lies inside the image and only
/// such windows count ([`Border::Valid`]).
///
/// # Example
/// ```
/// use lots::Image;
/// use lots::measure::structural_similarity::structural_similarity;
/// let origin = Image::new(1, 2, 2, vec![0, 80, 160, 240])?;
/// let perturbed = Image::new(1, 2, 2, vec![10, 70, 170, 230])?;
/// let ssim = structural_similarity(&origin, &perturbed, &Default::default())?;
/// assert!(0.98 < ssim && ssim < 1.0);
/// assert_eq!(structural_similarity(&origin, &origin, &Default::default())?, 1.0);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Wang et al. 2004, equations (6), (9), (10), (12).
pub fn structural_similarity(
    origin: &Image,
    perturbed: &Image,
    parameters: &SimilarityParameters,
) -> Result<f64> {
    require_same_shape(origin, perturbed)?;
    parameters.require_window(origin)?;
    let mut comparison = PlaneComparison::default();
    let mut plane = Plane::default();
    let count = parameters.colour.plane_count(origin);
    let mut sum = 0.0;
    for channel in 0..count {
        parameters.colour.read(origin, channel, &mut plane);
        comparison.set_origin(&plane);
        parameters.colour.read(perturbed, channel, &mut plane);
        sum += comparison.similarity(&plane, parameters);
    }
    Ok(sum / count as f64)
}

impl SimilarityParameters {
    /// # Errors
    /// [`Error::ImageTooSmall`] if no window counts.
    pub(crate) fn require_window(&self, image: &Image) -> Result<()> {
        let (height, width) = (image.height(), image.width());
        match self.border {
            Border::Valid if height < WINDOW || width < WINDOW => {
                Err(Error::ImageTooSmall { height, width, minimum: WINDOW })
            }
            Border::Valid | Border::Full => Ok(()),
        }
    }
}

impl Colour {
    /// How many planes of `image` are compared.
    pub(crate) fn plane_count(self, image: &Image) -> usize {
        match self {
            Self::PerChannel => image.channels(),
            Self::Luma => 1,
        }
    }

    /// Reads one of these planes.
    pub(crate) fn read(self, image: &Image, index: usize, plane: &mut Plane) {
        match self {
            Self::PerChannel => plane.read_channel(image, index),
            Self::Luma => plane.read_luma(image),
        }
    }
}

/// Compares one plane of the origin with many: what depends on the origin alone is computed once, buffers are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaneComparison {
    origin: Plane,
    origin_mean: Plane,
    // E[x²], computed only if some exponent is not 1.
    origin_square_mean: Plane,
    // x² + y². One map serves both variances, because the usual exponents need only their sum.
    squares: Plane,
    // x · y.
    product: Plane,
    // A row of the perturbed plane, of the squares and of the product between the passes of the filter, and behind.
    scratch: [Vec<f64>; 3],
    filtered: [Vec<Lanes>; 3],
}

impl PlaneComparison {
    /// Prepares for comparisons with `origin`.
    pub(crate) fn set_origin(&mut self, origin: &Plane) {
        self.origin.clone_from(origin);
        GAUSSIAN_WINDOW.apply(origin, &mut self.scratch[0], &mut self.origin_mean);
    }

    /// The mean structural similarity of the origin and `perturbed`, a plane of the same size.
    pub(crate) fn similarity(&mut self, perturbed: &Plane, parameters: &SimilarityParameters) -> f64 {
        if parameters.exponents == Exponents::default() {
            return self.mean_over_windows(
                perturbed,
                parameters.border,
                #[inline(always)]
                |moments, _| moments.similarity(),
            );
        }
        let mut squares = Plane::default();
        squares.combine(
            &self.origin,
            &self.origin,
            #[inline(always)]
            |x, y| x * y,
        );
        let mut origin_square_mean = std::mem::take(&mut self.origin_square_mean);
        GAUSSIAN_WINDOW.apply(&squares, &mut self.scratch[0], &mut origin_square_mean);
        let mean = self.mean_over_windows(
            perturbed,
            parameters.border,
            #[inline(always)]
            |moments, at| moments.similarity_with(origin_square_mean.values()[at], parameters.exponents),
        );
        self.origin_square_mean = origin_square_mean;
        mean
    }

    /// The mean of `similarity(moments, position)` over the windows that count. One sweep over the rows computes
    /// products, filters and similarities, so that each row is still at hand when it is needed next.
    fn mean_over_windows(
        &mut self,
        perturbed: &Plane,
        border: Border,
        similarity: impl Fn(&Moments, usize) -> Lanes,
    ) -> f64 {
        let inset = if border == Border::Valid { HALF_WINDOW } else { 0 };
        let (height, width) = (self.origin.height(), self.origin.width());
        let columns = inset..width - inset;
        self.squares.resize_to_last(WINDOW.next_power_of_two(), height, width);
        self.product.resize_to_last(WINDOW.next_power_of_two(), height, width);
        for (scratch, filtered) in self.scratch.iter_mut().zip(&mut self.filtered) {
            GAUSSIAN_WINDOW.resize_scratch(perturbed, scratch);
            filtered.resize(perturbed.lanes_per_row(), Lanes::ZERO);
        }
        let sum: f64 = with_widest_registers(
            #[inline(always)]
            || {
                let (mut total, mut multiplied) = (0.0, 0);
                for row in inset..height - inset {
                    while multiplied < height.min(row + HALF_WINDOW + 1) {
                        self.multiply(perturbed, multiplied);
                        multiplied += 1;
                    }
                    self.filter(perturbed, row);
                    let [mean, square_mean, product_mean] = &self.filtered;
                    let rows =
                        self.origin_mean.row(row).iter().zip(mean).zip(square_mean.iter().zip(product_mean));
                    let mut sum = Lanes::ZERO;
                    for (index, ((&x, &y), (&squares, &product))) in rows.enumerate() {
                        let moments = Moments { x, y, squares, product };
                        let value = similarity(&moments, row * self.origin.lanes_per_row() + index);
                        let start = index * LANE_COUNT;
                        // Changes nothing but the first and the last lanes of a row.
                        let (first, end) =
                            (columns.start.saturating_sub(start), columns.end.saturating_sub(start));
                        let is_inside = first == 0 && end >= LANE_COUNT;
                        sum += if is_inside { value } else { value.keep(first, end) };
                    }
                    total += sum.sum();
                }
                total
            },
        );
        sum / ((height - 2 * inset) * columns.len()) as f64
    }

    /// One row of the perturbed plane, of the squares and of the product through the window.
    ///
    /// Nothing else happens in its loops, so that they fill the registers.
    #[inline(always)]
    fn filter(&mut self, perturbed: &Plane, row: usize) {
        let planes = [perturbed, &self.squares, &self.product];
        for ((plane, scratch), filtered) in planes.into_iter().zip(&mut self.scratch).zip(&mut self.filtered)
        {
            GAUSSIAN_WINDOW.vertically(plane, row, scratch);
            for (index, lanes) in filtered.iter_mut().enumerate() {
                *lanes = GAUSSIAN_WINDOW.horizontally(scratch, index);
            }
        }
    }

    /// One row of the squares and of the product.
    #[inline(always)]
    fn multiply(&mut self, perturbed: &Plane, row: usize) {
        let products = self.squares.row_mut(row).iter_mut().zip(self.product.row_mut(row));
        let factors = self.origin.row(row).iter().zip(perturbed.row(row));
        for ((square, product), (&x, &y)) in products.zip(factors) {
            *square = x * x + y * y;
            *product = x * y;
        }
    }
}

/// Weighted moments of eight windows.
struct Moments {
    /// `E[x]`.
    x: Lanes,
    /// `E[y]`.
    y: Lanes,
    /// `E[x² + y²]`.
    squares: Lanes,
    /// `E[x y]`.
    product: Lanes,
}

impl Moments {
    /// L · C · S, where C · S = (2 σₓᵧ + C₂) / (σₓ² + σᵧ² + C₂) because C₃ = C₂ / 2.
    ///
    /// For equal windows numerator and denominator are the same bits, so the similarity is exactly 1.
    #[inline(always)]
    fn similarity(&self) -> Lanes {
        let two = Lanes::splat(2.0);
        let mean_product = two * self.x * self.y;
        let mean_squares = self.x * self.x + self.y * self.y;
        let covariance = two * self.product - mean_product;
        // Rounding may leave this a little below zero, which C₂ outweighs.
        let variances = self.squares - mean_squares;
        let (c1, c2) = (Lanes::splat(C1), Lanes::splat(C2));
        ((mean_product + c1) * (covariance + c2)) / ((mean_squares + c1) * (variances + c2))
    }

    /// Lᵅ · Cᵝ · Sᵞ.
    #[inline(always)]
    fn similarity_with(&self, x_squared: Lanes, exponents: Exponents) -> Lanes {
        let mut similarity = Lanes::ZERO;
        for (lane, value) in similarity.0.iter_mut().enumerate() {
            let (mean_x, mean_y) = (self.x.0[lane], self.y.0[lane]);
            let square_x = x_squared.0[lane];
            let square_y = self.squares.0[lane] - square_x;
            let deviation_x = (square_x - mean_x * mean_x).max(0.0).sqrt();
            let deviation_y = (square_y - mean_y * mean_y).max(0.0).sqrt();
            let covariance = self.product.0[lane] - mean_x * mean_y;
            *value = factors(mean_x, mean_y, deviation_x, deviation_y, covariance, exponents);
        }
        similarity
    }
}

/// Lᵅ · Cᵝ · Sᵞ of one window.
fn factors(
    mean_x: f64,
    mean_y: f64,
    deviation_x: f64,
    deviation_y: f64,
    covariance: f64,
    to: Exponents,
) -> f64 {
    let luminance = (2.0 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1);
    let contrast = (2.0 * deviation_x * deviation_y + C2) / (deviation_x.powi(2) + deviation_y.powi(2) + C2);
    let structure = (covariance + C3) / (deviation_x * deviation_y + C3);
    luminance.powf(to.luminance)
        * contrast.powf(to.contrast)
        * structure.abs().powf(to.structure).copysign(structure)
}

/// The 11×11 Gaussian with a standard deviation of 1.5 pixels: exp(−d² / (2 · 1.5²)), normalised to a sum of 1.
///
/// Written out, because `exp` may differ in its last bit from platform to platform.
const GAUSSIAN_WINDOW: Filter<{ HALF_WINDOW + 1 }> = Filter {
    taps: [
        0.266_011_724_861_794_36,
        0.213_005_537_711_253_7,
        0.109_360_689_509_700_02,
        0.036_000_772_128_430_82,
        0.007_598_758_135_239_184,
        0.001_028_380_084_479_109_9,
    ],
    continuation: Continuation::Symmetric,
};

#[cfg(test)]
mod tests;
