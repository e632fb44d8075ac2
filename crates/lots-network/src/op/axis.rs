//! From the axes of a file, which count the batch, to those of one image, which do not.

use super::OpError;
use crate::load::{Axes, Node};
use crate::shape::Shape;

/// Axis `axis` of a tensor in a file, as one of the `rank` axes of an input of `node`. Negative axes count from the end.
///
/// # Errors
/// If there is no such axis, or it is the batch.
pub(crate) fn image_axis(node: &Node<'_>, axis: i64, rank: usize) -> Result<usize, OpError> {
    axis_or_batch(node, axis, rank)?
        .ok_or_else(|| OpError::new(format!("axis {axis} is the batch: the images would be mixed")))
}

/// Like [`image_axis`], and `None` for the batch.
///
/// # Errors
/// If there is no such axis.
pub(crate) fn axis_or_batch(node: &Node<'_>, axis: i64, rank: usize) -> Result<Option<usize>, OpError> {
    let in_front = node.axes_in_front();
    let count = rank + in_front;
    let from_front = if axis < 0 { axis.checked_add_unsigned(count as u64) } else { Some(axis) };
    from_front
        .and_then(|axis| usize::try_from(axis).ok())
        .filter(|&axis| axis < count)
        .map(|axis| axis.checked_sub(in_front))
        .ok_or_else(|| OpError::new(format!("axis {axis} does not exist, there are {count}")))
}

/// The axes of a file as [`image_axis`] gives them, in ascending order, none twice.
///
/// # Errors
/// Those of [`image_axis`]; if an axis comes twice.
pub(crate) fn image_axes(node: &Node<'_>, axes: &[i64], rank: usize) -> Result<Vec<usize>, OpError> {
    let mut own = axes.iter().map(|&axis| image_axis(node, axis, rank)).collect::<Result<Vec<_>, _>>()?;
    own.sort_unstable();
    if own.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(OpError::new(format!("an axis comes twice in {axes:?}")));
    }
    Ok(own)
}

/// Axis `axis` counted from the front; the one behind the last is allowed. Negative axes count from the end.
///
/// # Errors
/// If there is no such axis.
pub(crate) fn file_axis(axis: i64, rank: usize) -> Result<usize, OpError> {
    let from_front = if axis < 0 { axis.checked_add_unsigned(rank as u64 + 1) } else { Some(axis) };
    from_front
        .and_then(|axis| usize::try_from(axis).ok())
        .filter(|&axis| axis <= rank + 1)
        .ok_or_else(|| out_of_range(axis, rank))
}

/// How many leading axes of a constant stand for the batch, if it is matched from the last axis with tensors that have
/// `rank` axes in one image: 0 or 1.
///
/// # Errors
/// If it would differ from image to image, or push the batch from its place.
pub(crate) fn batch_axes(node: &Node<'_>, constant: &Shape, rank: usize) -> Result<usize, OpError> {
    if node.axes == Axes::All {
        return Ok(0);
    }
    match constant.rank().checked_sub(rank) {
        None | Some(0) => Ok(0),
        Some(1) if constant.extents()[0] == 1 => Ok(1),
        _ => Err(OpError::new(format!(
            "a constant of {constant} values against images with {rank} axes: expected 1 along the batch"
        ))),
    }
}

fn out_of_range(axis: i64, rank: usize) -> OpError {
    OpError::new(format!("axis {axis} does not exist, expected at most {rank}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_count_from_either_end_and_leave_the_batch_out() {
        for (axis, rank, expected) in [(1, 3, 0), (3, 3, 2), (-1, 3, 2), (-3, 3, 0), (1, 1, 0), (-1, 1, 0)] {
            assert_eq!(image_axis(&Node::default(), axis, rank).unwrap(), expected, "axis {axis} of {rank}");
        }
        for (axis, rank) in [(0, 3), (-4, 3), (0, 0), (-1, 0)] {
            assert!(
                image_axis(&Node::default(), axis, rank).unwrap_err().message.contains("batch"),
                "axis {axis} of {rank}"
            );
        }
        for (axis, rank) in [(4, 3), (-5, 3), (1, 0), (i64::MAX, 3), (i64::MIN, 3)] {
            assert!(
                image_axis(&Node::default(), axis, rank).unwrap_err().message.contains("exist"),
                "axis {axis} of {rank}"
            );
        }
    }
}
