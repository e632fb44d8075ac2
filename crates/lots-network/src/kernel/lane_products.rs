//! Products of matrices that both differ from lane to lane:
//! `out[row][column] += Σ_k left[row][k] · right[column][k]`, each lane for itself.

use pulp::{Simd, WithSimd};

use super::weighted_sum::{load, store};

/// Two matrices, each with any distances between neighbours: a transposed matrix is just other distances.
pub(crate) struct LaneProducts<'a> {
    /// `[elements][lanes]`.
    pub(crate) left: &'a [f32],
    /// Distances in `left` from one row, and from one term, to the next.
    pub(crate) left_steps: [usize; 2],
    /// `[elements][lanes]`.
    pub(crate) right: &'a [f32],
    /// Distances in `right` from one column, and from one term, to the next.
    pub(crate) right_steps: [usize; 2],
    /// Rows, columns, terms.
    pub(crate) extents: [usize; 3],
    pub(crate) lanes: usize,
}

impl LaneProducts<'_> {
    /// Adds the products to `output`, `[rows][columns][lanes]`: one chain of multiply-adds that starts from what is
    /// there.
    pub(crate) fn add_to(&self, output: &mut [f32]) {
        super::architecture().dispatch(Run { products: self, output });
    }

    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, output: &mut [f32]) {
        let ([rows, columns, terms], lanes) = (self.extents, self.lanes);
        for row in 0..rows {
            for column in 0..columns {
                for part in (0..lanes).step_by(S::F32_LANES) {
                    let target = &mut output[(row * columns + column) * lanes + part..];
                    let mut sum = load::<S>(target);
                    for term in 0..terms {
                        let left = row * self.left_steps[0] + term * self.left_steps[1];
                        let right = column * self.right_steps[0] + term * self.right_steps[1];
                        let left = load::<S>(&self.left[left * lanes + part..]);
                        let right = load::<S>(&self.right[right * lanes + part..]);
                        sum = simd.mul_add_f32s(left, right, sum);
                    }
                    store::<S>(target, sum);
                }
            }
        }
    }
}

struct Run<'a, 'b> {
    products: &'a LaneProducts<'a>,
    output: &'b mut [f32],
}

impl WithSimd for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.products.lanes.is_multiple_of(S::F32_LANES) {
            self.products.run(simd, self.output);
        } else {
            self.products.run(pulp::Scalar, self.output);
        }
    }
}
