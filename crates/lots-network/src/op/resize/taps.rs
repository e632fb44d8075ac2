//! Where the elements of a resized axis come from: coordinates, filters, and the table of [`Taps`] they make.
#![expect(clippy::float_cmp, reason = "whole numbers and exactly 1 are meant")]

use crate::error::OpError;
use crate::op::window::LARGEST;

/// How an axis changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// New divided by old; not always `to / from`, which is rounded.
    pub(crate) scale: f32,
}

impl Scaling {
    pub(crate) fn unchanged(extent: usize) -> Self {
        Self { from: extent, to: extent, scale: 1.0 }
    }

    /// The extent times `scale`, rounded down.
    pub(crate) fn by(from: usize, scale: f32) -> Result<Self, OpError> {
        let to = (from as f32 * scale).floor();
        // NaN fails both comparisons.
        if !(scale > 0.0 && to <= LARGEST as f32) {
            return Err(OpError::new(format!("{from} elements times {scale}, expected at most {LARGEST}")));
        }
        Ok(Self { from, to: to as usize, scale })
    }

    pub(crate) fn to(from: usize, to: i64) -> Result<Self, OpError> {
        let to = usize::try_from(to).ok().filter(|to| (1..=LARGEST).contains(to));
        let to = to.ok_or_else(|| {
            OpError::new(format!("an extent is resized to something else than 1–{LARGEST}"))
        })?;
        // Rounded so that the extent times the scale is the new one again.
        let scale = to as f32 / from as f32;
        let fits = (from as f32 * scale).floor() == to as f32;
        Ok(Self { from, to, scale: if fits { scale } else { scale.next_up() } })
    }

    pub(crate) fn changes(&self) -> bool {
        self.from != self.to || self.scale != 1.0
    }
}

/// Which coordinate of the operand is that of an element of the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Coordinates {
    /// (x + 0.5) / scale − 0.5.
    HalfPixel,
    /// The same, with what rounding of the extent has lost on both sides alike.
    HalfPixelSymmetric,
    /// The same, and 0 where there is only one element.
    PytorchHalfPixel,
    /// The first and the last elements lie upon each other.
    AlignCorners,
    /// x / scale.
    Asymmetric,
}

impl Coordinates {
    /// The word for it in ONNX.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::HalfPixel => "half_pixel",
            Self::HalfPixelSymmetric => "half_pixel_symmetric",
            Self::PytorchHalfPixel => "pytorch_half_pixel",
            Self::AlignCorners => "align_corners",
            Self::Asymmetric => "asymmetric",
        }
    }

    fn of(self, position: usize, axis: Scaling) -> f32 {
        let (x, scale) = (position as f32, axis.scale);
        match self {
            Self::HalfPixel => (x + 0.5) / scale - 0.5,
            Self::HalfPixelSymmetric => {
                let adjustment = axis.to as f32 / (scale * axis.from as f32);
                let centre = axis.from as f32 / 2.0;
                centre * (1.0 - adjustment) + (x + 0.5) / scale - 0.5
            }
            Self::PytorchHalfPixel => {
                if axis.to > 1 {
                    (x + 0.5) / scale - 0.5
                } else {
                    0.0
                }
            }
            Self::AlignCorners if axis.to == 1 => 0.0,
            Self::AlignCorners => x * (axis.from as f32 - 1.0) / (axis.to as f32 - 1.0),
            Self::Asymmetric => x / scale,
        }
    }
}

/// What an element is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Filter {
    Nearest(Nearest),
    /// The two neighbours; with `antialias`, as many more as the axis is made smaller.
    Linear {
        antialias: bool,
    },
    /// Four neighbours by Keys' cubic; `exclude_outside` leaves those beyond the edge out, which otherwise are the
    /// element at the edge.
    Cubic {
        coefficient: f32,
        antialias: bool,
        exclude_outside: bool,
    },
}

/// Which neighbour is the nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

impl Nearest {
    /// The word for it in ONNX.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::RoundPreferFloor => "round_prefer_floor",
            Self::RoundPreferCeil => "round_prefer_ceil",
            Self::Floor => "floor",
            Self::Ceil => "ceil",
        }
    }

    fn of(self, coordinate: f32) -> f32 {
        match self {
            Self::RoundPreferFloor => (coordinate - 0.5).ceil(),
            Self::RoundPreferCeil => (coordinate + 0.5).floor(),
            Self::Floor => coordinate.floor(),
            Self::Ceil => coordinate.ceil(),
        }
    }
}

/// An element of the operand and how much of it there is in one of the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tap {
    pub(crate) element: usize,
    pub(crate) weight: f32,
}

/// The taps of every element along an axis.
#[derive(Debug)]
pub(crate) struct Taps {
    taps: Vec<Tap>,
    /// Where those of each element end.
    ends: Vec<usize>,
}

impl Taps {
    pub(crate) fn new(axis: Scaling, coordinates: Coordinates, filter: Filter) -> Self {
        let mut table = Self { taps: Vec::new(), ends: Vec::with_capacity(axis.to) };
        for position in 0..axis.to {
            if axis.changes() {
                table.add(coordinates.of(position, axis), axis, filter);
            } else {
                table.taps.push(Tap { element: position, weight: 1.0 });
            }
            table.ends.push(table.taps.len());
        }
        table
    }

    /// Those of element `position`.
    pub(crate) fn of(&self, position: usize) -> &[Tap] {
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.taps[start..self.ends[position]]
    }

    fn add(&mut self, coordinate: f32, axis: Scaling, filter: Filter) {
        let last = axis.from as isize - 1;
        let inside = |element: isize| element.clamp(0, last) as usize;
        match filter {
            Filter::Nearest(nearest) => {
                self.taps.push(Tap { element: inside(nearest.of(coordinate) as isize), weight: 1.0 });
            }
            Filter::Linear { antialias } => {
                let shrink = if antialias { axis.scale.min(1.0) } else { 1.0 };
                let weigh = |distance: f32| (1.0 - (distance * shrink).abs()).max(0.0);
                self.add_around(coordinate, 1.0 / shrink, weigh, (antialias, inside, last));
            }
            Filter::Cubic { coefficient, antialias, exclude_outside } => {
                let shrink = if antialias { axis.scale.min(1.0) } else { 1.0 };
                let weigh = |distance: f32| cubic((distance * shrink).abs(), coefficient);
                self.add_around(
                    coordinate,
                    2.0 / shrink,
                    weigh,
                    (antialias || exclude_outside, inside, last),
                );
            }
        }
    }

    /// Adds the elements nearer than `reach`, with weights that add up to 1.
    fn add_around(
        &mut self,
        coordinate: f32,
        reach: f32,
        weigh: impl Fn(f32) -> f32,
        (exclude_outside, inside, last): (bool, impl Fn(isize) -> usize, isize),
    ) {
        let first = (coordinate - reach).floor() as isize + 1;
        let end = (coordinate + reach).ceil() as isize;
        let start = self.taps.len();
        let mut sum = 0.0;
        for element in first..end {
            let weight = weigh(element as f32 - coordinate);
            if weight == 0.0 || (exclude_outside && !(0..=last).contains(&element)) {
                continue;
            }
            sum += weight;
            self.taps.push(Tap { element: inside(element), weight });
        }
        if exclude_outside {
            self.taps[start..].iter_mut().for_each(|tap| tap.weight /= sum);
        }
    }
}

/// Keys' cubic with coefficient `a`, at distance `x` ≥ 0.
fn cubic(x: f32, a: f32) -> f32 {
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one() {
        let filters = [
            Filter::Linear { antialias: false },
            Filter::Linear { antialias: true },
            Filter::Cubic { coefficient: -0.75, antialias: false, exclude_outside: false },
            Filter::Cubic { coefficient: -0.5, antialias: true, exclude_outside: true },
        ];
        for (from, scale) in [(1, 3.0), (5, 0.4), (7, 1.3), (4, 2.0)] {
            for filter in filters {
                let axis = Scaling::by(from, scale).unwrap();
                let taps = Taps::new(axis, Coordinates::HalfPixel, filter);
                for position in 0..axis.to {
                    let sum: f32 = taps.of(position).iter().map(|tap| tap.weight).sum();
                    assert!((sum - 1.0).abs() < 1e-5, "{filter:?} from {from} by {scale}: {sum}");
                    assert!(taps.of(position).iter().all(|tap| tap.element < from));
                }
            }
        }
    }

    #[test]
    fn half_way_goes_where_it_is_said_to() {
        let table = [
            (Nearest::RoundPreferFloor, 1.0),
            (Nearest::RoundPreferCeil, 2.0),
            (Nearest::Floor, 1.0),
            (Nearest::Ceil, 2.0),
        ];
        for (nearest, expected) in table {
            assert_eq!(nearest.of(1.5), expected, "{nearest:?}");
        }
        assert_eq!(Nearest::RoundPreferFloor.of(1.51), 2.0);
        assert_eq!(Nearest::RoundPreferCeil.of(1.49), 1.0);
    }

    #[test]
    fn sizes_that_are_none_are_refused() {
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e9] {
            assert!(Scaling::by(4, scale).is_err(), "{scale}");
        }
        for size in [0, -1, i64::MAX] {
            assert!(Scaling::to(4, size).is_err(), "{size}");
        }
    }
}
