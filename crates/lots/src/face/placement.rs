//! [`Placement`]: how the points of a photograph become those of an aligned face.

use serde::{Deserialize, Serialize};

/// A place in a picture: `x` to the right and `y` down, in pixels whose centres have whole coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// A turn, a scale and a shift, without mirroring: `x′ = a x − b y + right`, `y′ = b x + a y + down`.
///
/// # Example
/// ```
/// use lots::face::{Placement, Point};
/// let point = |x, y| Point { x, y };
/// let [from, to] = [[point(0.0, 0.0), point(1.0, 0.0)], [point(5.0, 5.0), point(5.0, 7.0)]];
/// let placement = Placement::between(&from, &to).expect("two points apart have a placement");
/// assert_eq!((placement.scale(), placement.apply(point(0.0, 1.0))), (2.0, point(3.0, 5.0)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    a: f64,
    b: f64,
    right: f64,
    down: f64,
}

impl Placement {
    /// The placement that brings points as near to others as possible, in the sum of the squared distances.
    ///
    /// With points as complex numbers less their means, p and q: `a + i b = Σ p̄ q / Σ |p|²`
    ///
    /// - Returns `None` if all points of one side are in one place, or a coordinate is not finite.
    ///
    /// Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", in the plane.
    pub fn between<const COUNT: usize>(from: &[Point; COUNT], to: &[Point; COUNT]) -> Option<Self> {
        let (centre, other) = (mean(from), mean(to));
        let (mut a, mut b, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (p.x - centre.x, p.y - centre.y);
            let (qx, qy) = (q.x - other.x, q.y - other.y);
            a += px * qx + py * qy;
            b += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (a, b) = (a / spread, b / spread);
        Self::new([a, b, other.x - a * centre.x + b * centre.y, other.y - b * centre.x - a * centre.y])
    }

    /// The placement of these four numbers `a`, `b`, `right`, `down`.
    ///
    /// - Returns `None` if it would bring everything to one place, or has no inverse in finite numbers.
    pub fn new([a, b, right, down]: [f64; 4]) -> Option<Self> {
        let placement = Self { a, b, right, down };
        let numbers = [a, b, right, down, 1.0 / placement.determinant()];
        numbers.iter().all(|number| number.is_finite()).then_some(placement)
    }

    /// `a`, `b`, `right`, `down`.
    pub fn numbers(&self) -> [f64; 4] {
        [self.a, self.b, self.right, self.down]
    }

    /// Where a point goes.
    #[must_use]
    pub fn apply(&self, Point { x, y }: Point) -> Point {
        Point { x: self.a * x - self.b * y + self.right, y: self.b * x + self.a * y + self.down }
    }

    /// Where a point comes from.
    #[must_use]
    pub fn undo(&self, Point { x, y }: Point) -> Point {
        let (x, y, square) = (x - self.right, y - self.down, self.determinant());
        Point { x: (self.a * x + self.b * y) / square, y: (self.a * y - self.b * x) / square }
    }

    /// How many pixels of the aligned face one pixel of the photograph becomes, along a side.
    pub fn scale(&self) -> f64 {
        self.determinant().sqrt()
    }

    fn determinant(&self) -> f64 {
        self.a * self.a + self.b * self.b
    }
}

impl Point {
    /// How far it is to another point.
    pub fn distance(self, other: Self) -> f64 {
        ((self.x - other.x).powi(2) + (self.y - other.y).powi(2)).sqrt()
    }
}

fn mean(points: &[Point]) -> Point {
    let count = points.len() as f64;
    let sum = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / count;
    Point { x: sum(|point| point.x), y: sum(|point| point.y) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::REFERENCE_POINTS;
    use super::*;

    #[test]
    fn points_in_one_place_have_no_placement() {
        let here = [Point { x: 3.0, y: 4.0 }; 5];
        assert_eq!(Placement::between(&here, &REFERENCE_POINTS), None);
        assert_eq!(Placement::between(&REFERENCE_POINTS, &here), None);
        let lost = [Point { x: f64::NAN, y: 4.0 }; 5];
        assert_eq!(Placement::between(&lost, &REFERENCE_POINTS), None);
        assert_eq!(Placement::new([1e-200, 0.0, 0.0, 0.0]), None);
    }

    proptest! {
        #[test]
        fn a_known_placement_is_found_again(
            (a, b) in (-3.0..3.0_f64, -3.0..3.0_f64).prop_filter("a face has a size", |(a, b)| a.abs() + b.abs() > 0.01),
            (right, down) in (-500.0..500.0_f64, -500.0..500.0_f64),
        ) {
            let known = Placement::new([a, b, right, down]).unwrap();
            let moved = REFERENCE_POINTS.map(|point| known.apply(point));
            let found = Placement::between(&REFERENCE_POINTS, &moved).unwrap();
            for (found, known) in found.numbers().iter().zip(known.numbers()) {
                prop_assert!((found - known).abs() < 1e-9, "{found}, expected {known}");
            }
        }

        #[test]
        fn undoing_comes_back(
            (a, b) in (-3.0..3.0_f64, 0.1..3.0_f64),
            (x, y) in (-500.0..500.0_f64, -500.0..500.0_f64),
        ) {
            let placement = Placement::new([a, b, 7.0, -9.0]).unwrap();
            let point = Point { x, y };
            prop_assert!(placement.undo(placement.apply(point)).distance(point) < 1e-8);
        }

        #[test]
        fn no_neighbour_is_nearer(
            shifts in prop::array::uniform5((-6.0..6.0_f64, -6.0..6.0_f64)),
            change in prop::array::uniform4(-0.01..0.01_f64),
        ) {
            let mut from = REFERENCE_POINTS;
            for (point, (x, y)) in from.iter_mut().zip(shifts) {
                *point = Point { x: point.x + x, y: point.y + y };
            }
            let squares = |placement: Placement| -> f64 {
                from.iter().zip(&REFERENCE_POINTS).map(|(p, q)| placement.apply(*p).distance(*q).powi(2)).sum()
            };
            let best = Placement::between(&from, &REFERENCE_POINTS).unwrap();
            let mut numbers = best.numbers();
            for (number, change) in numbers.iter_mut().zip(change) {
                *number += change;
            }
            prop_assert!(squares(best) <= squares(Placement::new(numbers).unwrap()) + 1e-9);
        }
    }
}
