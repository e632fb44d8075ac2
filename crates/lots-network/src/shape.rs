//! [`Shape`]: the extents of one image's tensor, without the batch axis.

use std::fmt;

/// The extents of a tensor, outermost axis first. For what a layer computes the batch axis is left out:
/// a convolution's output has `[channels, height, width]`.
///
/// ```
/// use lots_network::Shape;
/// let shape = Shape::from([20, 24, 24]);
/// assert_eq!(shape.count(), 11_520);
/// assert_eq!(shape.to_string(), "20×24×24");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape from its extents.
    pub fn new(extents: impl Into<Vec<usize>>) -> Self {
        Self(extents.into())
    }

    /// The extents, outermost first.
    pub fn extents(&self) -> &[usize] {
        &self.0
    }

    /// How many axes there are; 0 for a single number.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// How many elements there are: the product of the extents, 1 for a single number.
    pub fn count(&self) -> usize {
        self.0.iter().product()
    }

    /// Whether there are at most `limit` elements, an extent of 0 taken for 1: then neither [`Shape::count`] nor
    /// [`Shape::strides`] overflows. To be asked before them where the extents come from a file.
    pub(crate) fn is_within(&self, limit: usize) -> bool {
        let product = self.0.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent.max(1)));
        product.is_some_and(|product| product <= limit)
    }

    /// For each axis the distance, in elements, between neighbours along it (row-major order).
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Shape {
    fn from(extents: [usize; RANK]) -> Self {
        Self(extents.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("1");
        }
        for (axis, extent) in self.0.iter().enumerate() {
            if axis > 0 {
                formatter.write_str("×")?;
            }
            write!(formatter, "{extent}")?;
        }
        Ok(())
    }
}
