//! [`Walk`]: through the elements of a result in their order, with the elements of other arrays alongside.
//!
//! Broadcasting and transposing are the same walk: each axis of the result is a number of steps in the other array,
//! 0 where that array is broadcast.
//! Steps may lead backward: they wrap around.

use crate::shape::Shape;

/// The way through a result and `ARRAYS` other arrays.
#[derive(Debug)]
pub(crate) struct Walk<const ARRAYS: usize> {
    /// How many elements are walked through in one go.
    pub(crate) run: usize,
    /// How far apart neighbours of a run are in each array; 1 in the result.
    pub(crate) steps: [usize; ARRAYS],
    /// The axes around the runs, outermost first.
    axes: Vec<Axis<ARRAYS>>,
}

#[derive(Clone, Copy, Debug)]
struct Axis<const ARRAYS: usize> {
    extent: usize,
    steps: [usize; ARRAYS],
}

impl<const ARRAYS: usize> Walk<ARRAYS> {
    /// The walk through a result of shape `result`.
    ///
    /// - `strides`: for each array, how far apart neighbours along each axis of the result are in it.
    pub(crate) fn new(result: &Shape, strides: [&[usize]; ARRAYS]) -> Self {
        let mut axes: Vec<Axis<ARRAYS>> = Vec::with_capacity(result.rank());
        for (axis, &extent) in result.extents().iter().enumerate() {
            let inner = Axis { extent, steps: strides.map(|strides| strides[axis]) };
            if extent == 1 {
                continue;
            }
            // Two axes are one where the outer continues what the inner has begun in every array.
            match axes.last_mut() {
                Some(outer)
                    if (0..ARRAYS)
                        .all(|array| outer.steps[array] == inner.steps[array].wrapping_mul(extent)) =>
                {
                    *outer = Axis { extent: outer.extent * extent, ..inner };
                }
                _ => axes.push(inner),
            }
        }
        let Axis { extent, steps } = axes.pop().unwrap_or(Axis { extent: 1, steps: [1; ARRAYS] });
        Self { run: extent, steps, axes }
    }

    /// Calls `visit` with the first element of each run: in the result, and in each array.
    #[inline(always)]
    pub(crate) fn for_each_run(&self, mut visit: impl FnMut(usize, [usize; ARRAYS])) {
        let runs: usize = self.axes.iter().map(|axis| axis.extent).product();
        let mut position = vec![0; self.axes.len()];
        let mut elements = [0; ARRAYS];
        for run in 0..if self.run == 0 { 0 } else { runs } {
            visit(run * self.run, elements);
            for (position, axis) in position.iter_mut().zip(&self.axes).rev() {
                *position += 1;
                for (element, step) in elements.iter_mut().zip(axis.steps) {
                    *element = element.wrapping_add(step);
                }
                if *position < axis.extent {
                    break;
                }
                for (element, step) in elements.iter_mut().zip(axis.steps) {
                    *element = element.wrapping_sub(step.wrapping_mul(axis.extent));
                }
                *position = 0;
            }
        }
    }
}

/// The strides of an array of shape `array` that is broadcast to `result`: 0 along the axes that it does not have.
pub(crate) fn broadcast_strides(array: &Shape, result: &Shape) -> Vec<usize> {
    let mut strides = vec![0; result.rank() - array.rank()];
    let own = array.extents().iter().zip(array.strides());
    strides.extend(own.map(|(&extent, stride)| if extent == 1 { 0 } else { stride }));
    strides
}

/// The shape to which two arrays are broadcast: axes are matched from the last, and 1 fits everything.
/// `None` if they do not fit.
pub(crate) fn broadcast_shape(left: &Shape, right: &Shape) -> Option<Shape> {
    let rank = left.rank().max(right.rank());
    let extent = |shape: &Shape, axis: usize| {
        (axis + shape.rank()).checked_sub(rank).map_or(1, |axis| shape.extents()[axis])
    };
    let extents: Option<Vec<usize>> = (0..rank)
        .map(|axis| match (extent(left, axis), extent(right, axis)) {
            (1, extent) | (extent, 1) => Some(extent),
            (left, right) => (left == right).then_some(left),
        })
        .collect();
    extents.map(Shape::new)
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::Random;
    use super::*;

    #[test]
    fn every_element_is_visited_once_and_in_order() {
        let mut random = Random::new(3);
        for _ in 0..300 {
            let result = random.shape(0..=4);
            let mut strides = || -> Vec<usize> { (0..result.rank()).map(|_| random.int(0..=7)).collect() };
            let (left, right) = (strides(), result.strides());
            let mut got = Vec::new();
            let walk = Walk::new(&result, [&left, &right]);
            walk.for_each_run(|first, [left, right]| {
                for e in 0..walk.run {
                    got.push([first + e, left + e * walk.steps[0], right + e * walk.steps[1]]);
                }
            });
            let expected: Vec<[usize; 3]> = (0..result.count())
                .map(|element| {
                    let position = right.iter().zip(result.extents()).map(|(s, e)| element / s % e);
                    [element, position.zip(&left).map(|(position, stride)| position * stride).sum(), element]
                })
                .collect();
            assert_eq!(got, expected, "{result}, strides {left:?}");
        }
        let empty = Shape::from([3, 0, 2]);
        Walk::new(&empty, [&[0, 0, 0]]).for_each_run(|_, _| panic!("there is nothing to visit"));
    }

    #[test]
    fn axes_that_continue_each_other_are_one_run() {
        let shape = Shape::from([3, 4, 5]);
        let same = Walk::new(&shape, [&shape.strides(), &shape.strides()]);
        assert_eq!((same.run, same.steps), (60, [1, 1]));
        let channels = broadcast_strides(&Shape::from([3, 1, 1]), &shape);
        let bias = Walk::new(&shape, [&shape.strides(), &channels]);
        assert_eq!((bias.run, bias.steps), (20, [1, 0]));
    }

    #[test]
    fn shapes_are_matched_from_the_last_axis() {
        type Extents = &'static [usize];
        let table: [(Extents, Extents, Option<Extents>); 7] = [
            (&[3, 4, 5], &[3, 4, 5], Some(&[3, 4, 5])),
            (&[3, 4, 5], &[], Some(&[3, 4, 5])),
            (&[5], &[3, 4, 1], Some(&[3, 4, 5])),
            (&[3, 1, 5], &[4, 1], Some(&[3, 4, 5])),
            (&[3, 4, 5], &[3], None),
            (&[2, 5], &[3, 5], None),
            (&[0, 5], &[1, 5], Some(&[0, 5])),
        ];
        for (left, right, expected) in table {
            let (left, right) = (Shape::new(left), Shape::new(right));
            let expected = expected.map(Shape::new);
            assert_eq!(broadcast_shape(&left, &right), expected, "{left} and {right}");
            assert_eq!(broadcast_shape(&right, &left), expected, "{right} and {left}");
        }
    }
}
