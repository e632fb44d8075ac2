//! [`Homography`]: a plane projective map of pixel coordinates, and the image that is seen through it.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use super::lanes::{LANE_COUNT, Lanes, with_widest_registers};
use super::plane::{FramedPlane, Plane};

/// A 3×3 matrix H that takes the pixel (x, y) of the origin to the point H·(x, y, 1) of the perturbed image.
///
/// x counts columns, y counts rows, both from 0 at the centre of the first pixel.
///
/// # Example
/// ```
/// use lots::measure::Homography;
/// let shift = Homography::new([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]]);
/// assert_eq!(shift.map(3.0, 3.0), (5.0, 2.0));
/// assert_eq!(Homography::IDENTITY.map(3.0, 3.0), (3.0, 3.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Homography {
    matrix: [[f64; 3]; 3],
}

impl Homography {
    /// Leaves every point where it is.
    pub const IDENTITY: Self = Self { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };

    /// From the rows of the matrix.
    pub const fn new(matrix: [[f64; 3]; 3]) -> Self {
        Self { matrix }
    }

    /// The rows of the matrix.
    pub const fn matrix(&self) -> [[f64; 3]; 3] {
        self.matrix
    }

    /// Where the point (x, y) goes; not finite if it goes to infinity.
    pub fn map(&self, x: f64, y: f64) -> (f64, f64) {
        let [to_x, to_y, to_scale] = self.matrix.map(|row| row[0] * x + row[1] * y + row[2]);
        (to_x / to_scale, to_y / to_scale)
    }

    /// The plane seen through the map: each pixel of `out` is what `plane` shows at the mapped point, bilinearly
    /// interpolated; beyond the border everything is 0.
    pub(crate) fn warp(&self, plane: &FramedPlane, out: &mut Plane) {
        out.resize(plane.height(), plane.width());
        with_widest_registers(
            #[inline(always)]
            || {
                for row in 0..plane.height() {
                    let row_lanes = Lanes::splat(row as f64);
                    for (index, lanes) in out.row_mut(row).iter_mut().enumerate() {
                        let (x, y, _) = self.map_lanes(Lanes::counting_from(index * LANE_COUNT), row_lanes);
                        *lanes = plane.look_up(x, y);
                    }
                }
            },
        );
    }

    /// Where eight points (x, y) go, and one over their denominators.
    #[inline(always)]
    pub(crate) fn map_lanes(&self, x: Lanes, y: Lanes) -> (Lanes, Lanes, Lanes) {
        let [to_x, to_y, to_scale] = self.matrix;
        let inverse = Lanes::splat(1.0) / line(to_scale, x, y);
        (line(to_x, x, y) * inverse, line(to_y, x, y) * inverse, inverse)
    }
}

/// a·x + b·y + c.
#[inline(always)]
fn line([a, b, c]: [f64; 3], x: Lanes, y: Lanes) -> Lanes {
    Lanes::splat(a) * x + Lanes::splat(b) * y + Lanes::splat(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Plane {
        let mut plane = Plane::default();
        plane.resize(3, 4);
        for row in 0..3 {
            for column in 0..4 {
                plane.row_mut(row)[0].0[column] = (10 * row + column + 1) as f64;
            }
        }
        plane
    }

    fn shift(x: f64, y: f64) -> Homography {
        Homography::new([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
    }

    fn values(plane: &Plane) -> Vec<Vec<f64>> {
        (0..3).map(|row| plane.row(row)[0].0[..4].to_vec()).collect()
    }

    fn rows(homography: Homography) -> Vec<Vec<f64>> {
        let (mut framed, mut out) = (FramedPlane::default(), Plane::default());
        framed.read(&ramp());
        homography.warp(&framed, &mut out);
        values(&out)
    }

    #[test]
    fn the_identity_changes_no_bit() {
        assert_eq!(rows(Homography::IDENTITY), values(&ramp()));
    }

    #[test]
    fn a_shift_takes_the_neighbour_and_black_from_outside() {
        assert_eq!(
            rows(shift(1.0, -1.0)),
            [[0.0, 0.0, 0.0, 0.0], [2.0, 3.0, 4.0, 0.0], [12.0, 13.0, 14.0, 0.0]]
        );
    }

    #[test]
    fn half_a_pixel_is_the_mean_of_two_and_fades_to_black_at_the_border() {
        assert_eq!(
            rows(shift(-0.5, 0.0)),
            [[0.5, 1.5, 2.5, 3.5], [5.5, 11.5, 12.5, 13.5], [10.5, 21.5, 22.5, 23.5]]
        );
    }

    #[test]
    fn points_at_infinity_are_black() {
        let horizon = Homography::new([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]);
        assert!(rows(horizon).iter().all(|row| row[1] == 0.0));
    }
}
