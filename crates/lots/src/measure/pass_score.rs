//! PASS, the perceptual adversarial similarity score: align the perturbed image to its origin, then compare the two.
//!
//! Small shifts, rotations and changes of view do not count as visible, so a homography is found first that undoes them;
//! what remains is measured by the structural similarity.
//!
//! Source: Rozsa, Rudd, Boult, "Adversarial Diversity and Hard Positive Generation", section 3.

use super::alignment::{Aligner, Alignment, AlignmentParameters};
use super::plane::{FramedPlane, Plane};
use super::structural_similarity::{PlaneComparison, SimilarityParameters};
use crate::error::Result;
use crate::image::Image;
use crate::perturbation::require_same_shape;

/// The parameters of PASS; the defaults reproduce the PASS of the paper.
///
/// # Example
/// ```
/// use lots::measure::PassParameters;
/// let as_bytes = PassParameters { round_warp: true, ..Default::default() };
/// assert_eq!(as_bytes.alignment.max_iterations, 50);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PassParameters {
    /// How the perturbed image is aligned.
    pub alignment: AlignmentParameters,
    /// How it is compared with the origin after that.
    pub similarity: SimilarityParameters,
    /// Whether the aligned image is rounded to whole grey levels before it is compared, as if it were stored in between.
    pub round_warp: bool,
}

/// PASS of a perturbed image, and how it came about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassScore {
    /// PASS = SSIM(perturbed image after alignment, origin), 1 means the same to a human eye.
    pub score: f64,
    /// SSIM(perturbed image as it is, origin).
    pub ssim: f64,
    /// How the alignment went; if it failed, `score` equals `ssim`.
    pub alignment: Alignment,
}

/// PASS of one pair, with the default parameters. Use a [`PassScorer`] for many.
///
/// PASS(x̃, x) = SSIM(ψ(x̃, x), x), where ψ aligns x̃ to x.
///
/// - `origin`: x, the template of the alignment.
/// - `perturbed`: x̃, of the same shape; this one is warped.
/// - Returns the score, at most 1.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize) if the shapes differ.
///
/// # Example
/// ```
/// use lots::{Image, measure::pass_score::pass_score};
/// let origin = Image::new(1, 2, 2, vec![0, 80, 160, 240])?;
/// assert_eq!(pass_score(&origin, &origin)?.score, 1.0);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Rozsa, Rudd, Boult, "Adversarial Diversity and Hard Positive Generation", section 3.
pub fn pass_score(origin: &Image, perturbed: &Image) -> Result<PassScore> {
    PassScorer::default().score(origin, perturbed)
}

/// Scores many pairs: buffers are kept, and what depends on the origin alone is computed once for consecutive pairs of
/// the same origin. The scores do not depend on what was scored before.
///
/// # Example
/// ```
/// use lots::{Image, measure::{PassParameters, PassScorer}};
/// let mut scorer = PassScorer::new(PassParameters::default());
/// let origin = Image::new(1, 2, 2, vec![0, 80, 160, 240])?;
/// let darker = Image::new(1, 2, 2, vec![0, 70, 150, 230])?;
/// assert!(scorer.score(&origin, &darker)?.score < scorer.score(&origin, &origin)?.score);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PassScorer {
    parameters: PassParameters,
    origin: Option<Image>,
    aligner: Aligner,
    comparisons: Vec<PlaneComparison>,
    plane: Plane,
    framed: FramedPlane,
    warped: Plane,
}

impl PassScorer {
    /// A scorer with these parameters.
    pub fn new(parameters: PassParameters) -> Self {
        Self { parameters, ..Self::default() }
    }

    /// PASS, SSIM and alignment of one pair.
    ///
    /// - `origin`, `perturbed`: images of the same shape; the perturbed one is warped.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if the shapes differ;
    /// [`Error::ImageTooSmall`](crate::Error::ImageTooSmall) if only windows inside the image count and none is.
    pub fn score(&mut self, origin: &Image, perturbed: &Image) -> Result<PassScore> {
        let (alignment, score, unaligned) = self.measure(origin, perturbed, true)?;
        Ok(PassScore { score, ssim: unaligned.unwrap_or(score), alignment })
    }

    /// PASS of one pair, without the SSIM of the images as they are: what [`PassScore::score`] is, a third sooner.
    ///
    /// # Errors
    /// Those of [`PassScorer::score`].
    ///
    /// # Example
    /// ```
    /// use lots::{Image, measure::PassScorer};
    /// let origin = Image::new(1, 2, 2, vec![0, 80, 160, 240])?;
    /// let darker = Image::new(1, 2, 2, vec![0, 70, 150, 230])?;
    /// let mut scorer = PassScorer::default();
    /// assert_eq!(scorer.score_alone(&origin, &darker)?, scorer.score(&origin, &darker)?.score);
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn score_alone(&mut self, origin: &Image, perturbed: &Image) -> Result<f64> {
        Ok(self.measure(origin, perturbed, false)?.1)
    }

    /// The alignment, PASS, and the SSIM of the images as they are: if it is wanted, or is PASS.
    fn measure(
        &mut self,
        origin: &Image,
        perturbed: &Image,
        unaligned_too: bool,
    ) -> Result<(Alignment, f64, Option<f64>)> {
        require_same_shape(origin, perturbed)?;
        self.parameters.similarity.require_window(origin)?;
        self.set_origin(origin);
        self.plane.read_luma(perturbed);
        let alignment = self.aligner.align(&self.plane, &self.parameters.alignment);
        let is_aligned = alignment.status.is_aligned();
        let (mut aligned, mut unaligned) = (0.0, 0.0);
        for (index, comparison) in self.comparisons.iter_mut().enumerate() {
            let parameters = &self.parameters.similarity;
            parameters.colour.read(perturbed, index, &mut self.plane);
            if unaligned_too || !is_aligned {
                unaligned += comparison.similarity(&self.plane, parameters);
            }
            if is_aligned {
                self.framed.read(&self.plane);
                alignment.homography.warp(&self.framed, &mut self.warped);
                if self.parameters.round_warp {
                    self.warped.round();
                }
                aligned += comparison.similarity(&self.warped, parameters);
            }
        }
        let count = self.comparisons.len() as f64;
        let ssim = (unaligned_too || !is_aligned).then_some(unaligned / count);
        let score = ssim.filter(|_| !is_aligned).unwrap_or(aligned / count);
        Ok((alignment, score, ssim))
    }

    fn set_origin(&mut self, origin: &Image) {
        if self.origin.as_ref() == Some(origin) {
            return;
        }
        let colour = self.parameters.similarity.colour;
        self.comparisons.resize_with(colour.plane_count(origin), PlaneComparison::default);
        for (index, comparison) in self.comparisons.iter_mut().enumerate() {
            colour.read(origin, index, &mut self.plane);
            comparison.set_origin(&self.plane);
        }
        self.plane.read_luma(origin);
        self.aligner.set_origin(&self.plane);
        self.origin = Some(origin.clone());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::{AlignmentStatus, Border};

    fn image(channels: usize, height: usize, width: usize) -> impl Strategy<Value = Image> {
        prop::collection::vec(any::<u8>(), channels * height * width)
            .prop_map(move |pixels| Image::new(channels, height, width, pixels).unwrap())
    }

    fn pair() -> impl Strategy<Value = (Image, Image)> {
        (prop::sample::select(vec![1_usize, 3]), 1_usize..30, 1_usize..30).prop_flat_map(
            |(channels, height, width)| (image(channels, height, width), image(channels, height, width)),
        )
    }

    /// A bright smooth figure on black, moved to the right by `shift` pixels.
    fn figure(channels: usize, shift: f64) -> Image {
        let pixels = (0..channels * 40 * 40).map(|index| {
            let (x, y) = ((index % 40) as f64 - 20.0 - shift, (index / 40 % 40) as f64 - 20.0);
            (240.0 * (-(x * x + 2.0 * y * y - x * y) / 70.0).exp()) as u8
        });
        Image::new(channels, 40, 40, pixels.collect()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn an_image_has_pass_one_with_itself((image, _) in pair()) {
            let pass = pass_score(&image, &image).unwrap();
            prop_assert_eq!((pass.score.to_bits(), pass.ssim.to_bits()), (1.0_f64.to_bits(), 1.0_f64.to_bits()));
        }

        #[test]
        fn scores_do_not_depend_on_what_was_scored_before(pairs in prop::collection::vec(pair(), 1..4)) {
            let mut scorer = PassScorer::default();
            for (origin, perturbed) in &pairs {
                for perturbed in [perturbed, origin, perturbed] {
                    let pass = scorer.score(origin, perturbed).unwrap();
                    prop_assert_eq!(pass, pass_score(origin, perturbed).unwrap());
                    prop_assert!(pass.score <= 1.0 + 1e-12 && pass.score.is_finite());
                    prop_assert!(pass.alignment.status.is_aligned() || pass.score.to_bits() == pass.ssim.to_bits());
                }
            }
        }
    }

    #[test]
    fn a_shift_by_a_pixel_hardly_counts() {
        for channels in [1, 3] {
            let pass = pass_score(&figure(channels, 0.0), &figure(channels, 1.0)).unwrap();
            assert_eq!(pass.alignment.status, AlignmentStatus::Converged);
            assert!(pass.score > 0.999 && pass.ssim < 0.98, "{channels} channels: {pass:?}");
        }
    }

    #[test]
    fn black_has_pass_one_with_black_and_is_not_aligned() {
        let black = Image::new(1, 28, 28, vec![0; 784]).unwrap();
        let pass = pass_score(&black, &black).unwrap();
        assert_eq!(pass.score.to_bits(), 1.0_f64.to_bits());
        assert_eq!(pass.alignment.status, AlignmentStatus::NotDefined);
    }

    #[test]
    fn a_rounded_warp_differs_by_rounding_only() {
        let (origin, perturbed) = (figure(1, 0.0), figure(1, 0.5));
        let rounding = PassParameters { round_warp: true, ..Default::default() };
        let rounded = PassScorer::new(rounding).score(&origin, &perturbed).unwrap().score;
        let exact = pass_score(&origin, &perturbed).unwrap().score;
        assert!(0.0 < (rounded - exact).abs() && (rounded - exact).abs() < 1e-3, "{rounded} and {exact}");
    }

    #[test]
    fn sizes_that_do_not_fit_are_errors() {
        let (small, large) = (figure(1, 0.0), figure(3, 0.0));
        assert!(matches!(pass_score(&small, &large), Err(crate::Error::ImageSize { .. })));
        let mut parameters = PassParameters::default();
        parameters.similarity.border = Border::Valid;
        let tiny = Image::new(1, 3, 3, vec![0; 9]).unwrap();
        let result = PassScorer::new(parameters).score(&tiny, &tiny);
        assert!(matches!(result, Err(crate::Error::ImageTooSmall { .. })));
    }
}
