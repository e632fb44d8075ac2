//! Forward and backward of the ops that leave every value as it is: only the shape, if anything, changes.

use super::{Backward, Operand, vectorized};

/// Copies the operand.
pub(crate) fn forward(operands: &[Operand<'_>], output: &mut [f32]) {
    output.copy_from_slice(operands[0].values);
}

/// Adds the cotangent to the operand's gradient.
pub(crate) fn backward(pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
    let Some(gradient) = &mut gradients[0] else { return };
    vectorized(
        #[inline(always)]
        || {
            for (gradient, cotangent) in gradient.iter_mut().zip(pass.cotangent) {
                *gradient += cotangent;
            }
        },
    );
}
