//! Constants that nodes of a file make of constants: the shapes that exporters compute, and what they leave between
//! weights and the layer they belong to.
//!
//! What is a matter of whole numbers (`integers`) or of truth is computed here; everything else by the op itself, which
//! is given the constant in place of an image.

mod integers;

use std::sync::Arc;

use super::registration;
use crate::error::OpError;
use crate::load::{Attribute, Axes, Constant, ConstantValues, Input, Node};
use crate::op::{Op, Operand, Parsed};
use crate::shape::Shape;

/// The operators that are computed while loading though no op computes them for an image.
pub(crate) const OPS: [&str; 15] = [
    "And",
    "Constant",
    "ConstantOfShape",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Mod",
    "Not",
    "Or",
    "Range",
    "ReduceProd",
    "Shape",
    "Size",
];

/// Ops whose work grows faster than their operands and results: what they compute from constants alone belongs to
/// whoever makes the file.
const TOO_MUCH_WORK: [&str; 3] = ["Einsum", "Gemm", "MatMul"];

/// The value of a `Constant` node.
pub(crate) fn constant_node(attributes: &[(String, Attribute)]) -> Result<Constant, OpError> {
    let [(name, value)] = attributes else {
        return Err(OpError::new(format!("expected 1 attribute, got {}", attributes.len())));
    };
    Ok(match (name.as_str(), value) {
        ("value", Attribute::Constant(constant)) => constant.clone(),
        ("value_float", &Attribute::Float(value)) => floats(Shape::from([]), vec![value]),
        ("value_floats", Attribute::Floats(values)) => floats(Shape::from([values.len()]), values.clone()),
        ("value_int", &Attribute::Int(value)) => integers(Shape::from([]), vec![value]),
        ("value_ints", Attribute::Ints(values)) => integers(Shape::from([values.len()]), values.clone()),
        _ => return Err(OpError::new(format!("attribute `{name}` is no dense tensor of numbers"))),
    })
}

/// What a node computes from constants alone; `None` if nothing computes that while loading.
///
/// - `room`: how many elements the result may have.
pub(crate) fn constant_result(node: &Node<'_>, room: usize) -> Result<Option<Constant>, OpError> {
    if let Some(constant) = integers::constant_result(node, room)? {
        return Ok(Some(constant));
    }
    if TOO_MUCH_WORK.contains(&node.op) {
        return Ok(None);
    }
    match registration(node.op) {
        Some(registration) => through_op(registration.parse, node, room),
        None => Ok(None),
    }
}

/// How many elements are read and written for a result.
pub(crate) fn work(node: &Node<'_>, result: &Constant) -> usize {
    let inputs = node.inputs.iter().filter_map(|input| match input {
        Input::Constant(constant) => Some(*constant),
        Input::Absent | Input::Batched(_) => None,
    });
    // Numbers that only get another shape are not copied.
    let is_shared = |input: &Constant| match (&input.values, &result.values) {
        (ConstantValues::F32(input), ConstantValues::F32(result)) => Arc::ptr_eq(input, result),
        (ConstantValues::I64(input), ConstantValues::I64(result)) => Arc::ptr_eq(input, result),
        _ => false,
    };
    if inputs.clone().any(is_shared) {
        return 1;
    }
    inputs.fold(result.shape.count(), |sum, input| sum.saturating_add(input.shape.count())).max(1)
}

/// The extents that `Shape` and `Size` see, as the constants they make of them.
pub(crate) fn shape_result(node: &Node<'_>, extents: &[usize]) -> Result<Constant, OpError> {
    let extents: Vec<i64> = extents.iter().map(|&extent| extent as i64).collect();
    if node.op == "Size" {
        return Ok(integers(Shape::from([]), vec![extents.iter().product()]));
    }
    let rank = extents.len() as i64;
    let place = |axis: i64| (if axis < 0 { axis.saturating_add(rank) } else { axis }).clamp(0, rank) as usize;
    let (start, end) = (place(node.int("start", 0)?), place(node.int("end", rank)?));
    let part = extents.get(start..end.max(start)).unwrap_or_default().to_vec();
    Ok(integers(Shape::from([part.len()]), part))
}

/// Lets the op compute, with the first input in place of an image.
fn through_op(
    parse: fn(&Node<'_>) -> Result<Parsed, OpError>,
    node: &Node<'_>,
    room: usize,
) -> Result<Option<Constant>, OpError> {
    let Some(Input::Constant(first)) = node.inputs.first() else { return Ok(None) };
    let mut inputs = node.inputs.to_vec();
    inputs[0] = Input::Batched(&first.shape);
    let parsed = parse(&Node { inputs: &inputs, axes: Axes::All, ..*node })?;
    let mut operands = Vec::with_capacity(parsed.operands.len());
    for &index in &parsed.operands {
        operands
            .push(node.constant(index)?.ok_or_else(|| OpError::new(format!("input {index} is left out")))?);
    }
    let shapes: Vec<&Shape> = operands.iter().map(|constant| &constant.shape).collect();
    let shape = parsed.op.output_shape(&shapes)?;
    let read = shapes.iter().fold(0_usize, |sum, shape| sum.saturating_add(shape.count()));
    if matches!(parsed.op.name(), "Reshape" | "Identity") {
        return Ok(Some(Constant { shape, values: first.values.clone() }));
    }
    expect_room(&shape, room.saturating_sub(read))?;
    if let Some(values) = all(&operands, |constant| match &constant.values {
        ConstantValues::F32(values) => Some(&values[..]),
        ConstantValues::I64(_) => None,
    }) {
        let values = forward(&*parsed.op, &shapes, &values, &shape);
        return Ok(Some(floats(shape, values)));
    }
    let values = all(&operands, |constant| match &constant.values {
        ConstantValues::I64(values) => Some(&values[..]),
        ConstantValues::F32(_) => None,
    });
    match values.filter(|_| parsed.op.only_moves()) {
        Some(values) => {
            let values = move_integers(&*parsed.op, &shapes, &values, &shape);
            Ok(Some(integers(shape, values)))
        }
        None => Err(OpError::new("it is not computed for integers")),
    }
}

fn all<'a, T: ?Sized>(
    constants: &[&'a Constant],
    values: impl Fn(&'a Constant) -> Option<&'a T>,
) -> Option<Vec<&'a T>> {
    constants.iter().map(|&constant| values(constant)).collect()
}

fn forward(op: &dyn Op, shapes: &[&Shape], values: &[&[f32]], result: &Shape) -> Vec<f32> {
    let operands: Vec<Operand<'_>> =
        shapes.iter().zip(values).map(|(shape, values)| Operand { shape, values, lanes: 1 }).collect();
    let mut output = vec![0.0; result.count()];
    op.forward(&operands, &mut output, 1);
    output
}

/// Integers go through an op that only moves values 16 bits at a time: these are exact as floats.
fn move_integers(op: &dyn Op, shapes: &[&Shape], values: &[&[i64]], result: &Shape) -> Vec<i64> {
    let mut moved = vec![0_i64; result.count()];
    for shift in [0, 16, 32, 48] {
        let part = |values: &&[i64]| -> Vec<f32> {
            values.iter().map(|value| f32::from((value >> shift) as u16)).collect()
        };
        let parts: Vec<Vec<f32>> = values.iter().map(part).collect();
        let parts: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
        for (moved, part) in moved.iter_mut().zip(forward(op, shapes, &parts, result)) {
            *moved |= (part as i64) << shift;
        }
    }
    moved
}

fn expect_room(shape: &Shape, room: usize) -> Result<(), OpError> {
    if shape.is_within(room) {
        return Ok(());
    }
    Err(OpError::new("constants that are computed while loading have too many elements"))
}

fn floats(shape: Shape, values: impl Into<Arc<[f32]>>) -> Constant {
    Constant { shape, values: ConstantValues::F32(values.into()) }
}

fn integers(shape: Shape, values: impl Into<Arc<[i64]>>) -> Constant {
    Constant { shape, values: ConstantValues::I64(values.into()) }
}
