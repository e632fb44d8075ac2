//! From a photograph to an aligned face, and a perturbation back into the photograph.
//!
//! What is pasted is the perturbation, not the perturbed face: the face in the photograph often has many more pixels than
//! the aligned one, and an unperturbed face that is pasted would blur it. So a pixel that was not perturbed keeps its
//! value to the last bit, and a perturbation of zeros changes nothing.

use super::placement::{Placement, Point};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::perturbation::Perturbation;

/// Rows and columns of an aligned face, as networks of the ArcFace family take it.
pub const ALIGNED: usize = 112;

/// The aligned face of a photograph: bilinear between the four pixels around each place, black outside the photograph.
///
/// Arithmetic is in double precision and rounded once.
///
/// - `placement`: from the photograph to the aligned face; `side`: rows and columns of that, at least 1.
/// - Returns a square image in colour; a grey photograph becomes three equal channels.
///
/// # Example
/// ```
/// use lots::face::{ALIGNED, Placement, align};
/// use lots::Image;
/// let photo = Image::new(1, 200, 200, vec![90; 40_000])?;
/// let placement = Placement::new([0.5, 0.1, 10.0, 10.0]).expect("it has an inverse");
/// let face = align(&photo, &placement, ALIGNED);
/// assert_eq!(face.shape(), [3, 112, 112]);
/// # Ok::<(), lots::Error>(())
/// ```
#[expect(clippy::missing_panics_doc, reason = "an aligned face has the pixels of its shape")]
pub fn align(photo: &Image, placement: &Placement, side: usize) -> Image {
    let photo = photo.to_colour();
    let [channels, height, width] = photo.shape();
    let mut pixels = Vec::with_capacity(channels * side * side);
    for channel in 0..channels {
        let plane = photo.plane(channel);
        let at = |row: usize, column: usize| f64::from(plane[row * width + column]);
        for row in 0..side {
            for column in 0..side {
                let place = placement.undo(Point { x: column as f64, y: row as f64 });
                pixels.push(bilinear([height, width], place, at).round() as u8);
            }
        }
    }
    Image::new(channels, side, side, pixels).expect("an aligned face has its shape")
}

/// The photograph with the perturbation of its aligned face.
///
/// To each pixel is added what the perturbation is at its place in the aligned face, bilinear and fading to zero over one
/// pixel at the border; sums are clamped to 0–255 and rounded once.
///
/// - `perturbation`: of an aligned face, square and in colour.
/// - `placement`: from the photograph to the aligned face.
/// - Returns an image of the size of the photograph in colour; where nothing is perturbed, with its pixels.
///
/// # Errors
/// [`Error::ImageSize`] if the perturbation is not square or not in colour.
///
/// # Example
/// ```
/// use lots::face::{Placement, align, paste};
/// use lots::{Image, Perturbation};
/// let photo = Image::new(3, 150, 150, vec![90; 3 * 22_500])?;
/// let placement = Placement::new([1.0, 0.0, -20.0, -20.0]).expect("it has an inverse");
/// let face = align(&photo, &placement, 112);
/// let unchanged = paste(&photo, &Perturbation::between(&face, &face)?, &placement)?;
/// assert_eq!(unchanged, photo);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn paste(photo: &Image, perturbation: &Perturbation, placement: &Placement) -> Result<Image> {
    let [_, side, _] = perturbation.shape();
    let expected = [3, side, side];
    if perturbation.shape() != expected {
        return Err(Error::ImageSize { role: "perturbed face", got: perturbation.shape(), expected });
    }
    let photo = photo.to_colour();
    let [channels, height, width] = photo.shape();
    let mut pixels = photo.pixels().to_vec();
    for channel in 0..channels {
        let changes = &perturbation.values()[channel * side * side..][..side * side];
        let at = |row: usize, column: usize| f64::from(changes[row * side + column]);
        let plane = &mut pixels[channel * height * width..][..height * width];
        for (index, pixel) in plane.iter_mut().enumerate() {
            let photo_place = Point { x: (index % width) as f64, y: (index / width) as f64 };
            let change = bilinear([side, side], placement.apply(photo_place), at);
            *pixel = (f64::from(*pixel) + change).round().clamp(0.0, 255.0) as u8;
        }
    }
    Image::new(channels, height, width, pixels)
}

/// The value at a place between pixels, which are zero outside `[height, width]`.
fn bilinear([height, width]: [usize; 2], Point { x, y }: Point, at: impl Fn(usize, usize) -> f64) -> f64 {
    let is_near = |place: f64, count: usize| place > -1.0 && place < count as f64;
    if !is_near(x, width) || !is_near(y, height) {
        return 0.0;
    }
    let (left, top) = (x.floor(), y.floor());
    let (across, down) = (x - left, y - top);
    let value = |row: f64, column: f64| {
        let is_inside = row >= 0.0 && column >= 0.0 && row < height as f64 && column < width as f64;
        if is_inside { at(row as usize, column as usize) } else { 0.0 }
    };
    let [above, below] = [top, top + 1.0].map(|row| {
        let (first, second) = (value(row, left), value(row, left + 1.0));
        first + across * (second - first)
    });
    above + down * (below - above)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(height: usize, width: usize) -> Image {
        let count = 3 * height * width;
        Image::new(3, height, width, (0..count).map(|index| (index * 37 % 251) as u8).collect()).unwrap()
    }

    fn placement(numbers: [f64; 4]) -> Placement {
        Placement::new(numbers).unwrap()
    }

    #[test]
    fn a_shift_of_whole_pixels_copies_them() {
        let photo = numbered(130, 140);
        let face = align(&photo, &placement([1.0, 0.0, -7.0, -3.0]), ALIGNED);
        for (row, column) in [(0, 0), (50, 60), (111, 111)] {
            for channel in 0..3 {
                let expected = photo.plane(channel)[(row + 3) * 140 + column + 7];
                assert_eq!(face.plane(channel)[row * ALIGNED + column], expected);
            }
        }
    }

    #[test]
    fn outside_the_photograph_it_is_black() {
        let photo = Image::new(1, 10, 10, vec![200; 100]).unwrap();
        let face = align(&photo, &placement([1.0, 0.0, 40.0, 40.0]), ALIGNED);
        assert_eq!((face.plane(0)[0], face.plane(2)[45 * ALIGNED + 45]), (0, 200));
        assert_eq!(face.plane(0)[60 * ALIGNED + 45], 0);
    }

    #[test]
    fn between_pixels_it_is_bilinear() {
        let photo = Image::new(1, 2, 2, vec![10, 20, 30, 80]).unwrap();
        let at = |row: usize, column: usize| f64::from(photo.pixels()[row * 2 + column]);
        let value = bilinear([2, 2], Point { x: 0.25, y: 0.5 }, at);
        let expected = 0.5 * (0.75 * 10.0 + 0.25 * 20.0) + 0.5 * (0.75 * 30.0 + 0.25 * 80.0);
        assert!((value - expected).abs() < 1e-12);
    }

    #[test]
    fn a_perturbation_of_another_size_is_refused() {
        let small = numbered(4, 5);
        let none = Perturbation::between(&small, &small).unwrap();
        let refused = paste(&small, &none, &placement([1.0, 0.0, 0.0, 0.0])).unwrap_err();
        let message = "the perturbed face has 3×4×5 pixels, expected 3×4×4 (channels × height × width)";
        assert_eq!(refused.to_string(), message);
    }

    #[test]
    fn what_is_pasted_without_scaling_comes_back_when_it_is_aligned_again() {
        let photo = Image::new(3, 160, 170, vec![100; 3 * 160 * 170]).unwrap();
        let here = placement([1.0, 0.0, -20.0, -30.0]);
        let face = align(&photo, &here, ALIGNED);
        let perturbed = numbered(ALIGNED, ALIGNED);
        let pasted = paste(&photo, &Perturbation::between(&face, &perturbed).unwrap(), &here).unwrap();
        assert_eq!(align(&pasted, &here, ALIGNED), perturbed);
        assert_eq!(pasted.pixels()[0], 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_perturbation_of_zeros_keeps_every_byte(
            (a, b) in (0.2..2.0_f64, -1.0..1.0_f64),
            (right, down) in (-200.0..200.0_f64, -200.0..200.0_f64),
        ) {
            let photo = numbered(90, 70);
            let here = placement([a, b, right, down]);
            let face = align(&photo, &here, ALIGNED);
            let none = Perturbation::between(&face, &face).unwrap();
            prop_assert_eq!(paste(&photo, &none, &here).unwrap(), photo);
        }
    }
}
