//! Constants of whole numbers and of truth values: arithmetic, comparisons and choices as shapes are computed with them.
#![expect(clippy::float_cmp, reason = "the operator compares exactly")]

use std::sync::Arc;

use super::{expect_room, floats, integers, shape_result};
use crate::error::OpError;
use crate::load::{Attribute, Constant, ConstantValues, Node};
use crate::onnx::data_type;
use crate::op::walk::{broadcast_shape, broadcast_strides};
use crate::shape::Shape;

/// What a node computes from constants alone, if it is one of those that are computed here.
pub(crate) fn constant_result(node: &Node<'_>, room: usize) -> Result<Option<Constant>, OpError> {
    Ok(Some(match node.op {
        "Shape" | "Size" => shape_result(node, input(node, 0)?.shape.extents())?,
        "ConstantOfShape" => filled(node, room)?,
        "Range" => range(node, room)?,
        "Cast" => cast(node)?,
        "Not" => not(input(node, 0)?)?,
        "Where" => choice(node, room)?,
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" => return reduced(node),
        "Equal" => compared(node, room, |a, b| a == b, |a, b| a == b)?,
        "Greater" => compared(node, room, |a, b| a > b, |a, b| a > b)?,
        "GreaterOrEqual" => compared(node, room, |a, b| a >= b, |a, b| a >= b)?,
        "Less" => compared(node, room, |a, b| a < b, |a, b| a < b)?,
        "LessOrEqual" => compared(node, room, |a, b| a <= b, |a, b| a <= b)?,
        _ => return arithmetic(node, room),
    }))
}

fn input<'a>(node: &Node<'a>, index: usize) -> Result<&'a Constant, OpError> {
    node.constant(index)?.ok_or_else(|| OpError::new(format!("input {index} is left out")))
}

/// Both operands as integers, if both are.
fn both_integers<'a>(node: &Node<'a>) -> Option<[(&'a Shape, &'a [i64]); 2]> {
    let of = |index| match node.constant(index).ok()?? {
        Constant { shape, values: ConstantValues::I64(values) } => Some((shape, &values[..])),
        Constant { .. } => None,
    };
    Some([of(0)?, of(1)?])
}

/// Integer arithmetic, which wraps; anything else is left to the op.
fn arithmetic(node: &Node<'_>, room: usize) -> Result<Option<Constant>, OpError> {
    let one = |compute: fn(i64) -> i64| match node.constant(0)? {
        Some(Constant { shape, values: ConstantValues::I64(values) }) => {
            Ok(Some(integers(shape.clone(), values.iter().map(|&value| compute(value)).collect::<Vec<_>>())))
        }
        _ => Ok(None),
    };
    let compute: fn(i64, i64) -> i64 = match node.op {
        "Neg" => return one(i64::wrapping_neg),
        "Abs" => return one(i64::wrapping_abs),
        "Floor" | "Ceil" | "Round" => return one(|value| value),
        "Add" | "Sum" => i64::wrapping_add,
        "Sub" => i64::wrapping_sub,
        "Mul" => i64::wrapping_mul,
        "Div" => |a, b| a.checked_div(b).unwrap_or(0),
        // The sign is that of the divisor, as in Python.
        "Mod" => |a, b| {
            a.checked_rem(b)
                .map_or(0, |rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        },
        "Min" => i64::min,
        "Max" => i64::max,
        "And" => |a, b| i64::from(a != 0 && b != 0),
        "Or" => |a, b| i64::from(a != 0 || b != 0),
        _ => return Ok(None),
    };
    if node.inputs.len() != 2 {
        return Ok(None);
    }
    match both_integers(node) {
        Some(_) if node.op == "Mod" && node.int("fmod", 0)? != 0 => {
            Err(OpError::new("attribute `fmod` 1 is not supported for integers"))
        }
        Some([left, right]) => {
            let (shape, values) = broadcast(left, right, room, compute)?;
            Ok(Some(integers(shape, values)))
        }
        None => Ok(None),
    }
}

fn compared(
    node: &Node<'_>,
    room: usize,
    of_integers: fn(&i64, &i64) -> bool,
    of_floats: fn(&f32, &f32) -> bool,
) -> Result<Constant, OpError> {
    let (left, right) = (input(node, 0)?, input(node, 1)?);
    let (shape, values) = match (&left.values, &right.values) {
        (ConstantValues::I64(a), ConstantValues::I64(b)) => {
            broadcast((&left.shape, a), (&right.shape, b), room, |a, b| i64::from(of_integers(&a, &b)))?
        }
        (ConstantValues::F32(a), ConstantValues::F32(b)) => {
            broadcast((&left.shape, a), (&right.shape, b), room, |a, b| i64::from(of_floats(&a, &b)))?
        }
        _ => return Err(OpError::new("integers cannot be compared with floating-point numbers")),
    };
    Ok(integers(shape, values))
}

fn not(constant: &Constant) -> Result<Constant, OpError> {
    match &constant.values {
        ConstantValues::I64(values) => {
            let values = values.iter().map(|&value| i64::from(value == 0)).collect::<Vec<_>>();
            Ok(integers(constant.shape.clone(), values))
        }
        ConstantValues::F32(_) => Err(OpError::new("expected truth values, got floating-point numbers")),
    }
}

/// `Where`: the one or the other, element by element.
fn choice(node: &Node<'_>, room: usize) -> Result<Constant, OpError> {
    let [condition, yes, no] = [input(node, 0)?, input(node, 1)?, input(node, 2)?];
    let ConstantValues::I64(truths) = &condition.values else {
        return Err(OpError::new("input 0 must hold truth values"));
    };
    let truths = (&condition.shape, &truths[..]);
    Ok(match (&yes.values, &no.values) {
        (ConstantValues::I64(yes_values), ConstantValues::I64(no_values)) => {
            let (shape, values) = chosen(truths, (&yes.shape, yes_values), (&no.shape, no_values), room)?;
            integers(shape, values)
        }
        (ConstantValues::F32(yes_values), ConstantValues::F32(no_values)) => {
            let (shape, values) = chosen(truths, (&yes.shape, yes_values), (&no.shape, no_values), room)?;
            floats(shape, values)
        }
        _ => return Err(OpError::new("inputs 1 and 2 must hold numbers of the same type")),
    })
}

fn chosen<T: Copy>(
    truths: (&Shape, &[i64]),
    yes: (&Shape, &[T]),
    no: (&Shape, &[T]),
    room: usize,
) -> Result<(Shape, Vec<T>), OpError> {
    let (shape, pairs) = broadcast(yes, no, room / 2, |yes, no| (yes, no))?;
    broadcast(truths, (&shape, &pairs), room, |truth, (yes, no)| if truth != 0 { yes } else { no })
}

/// `compute` for each pair of elements, broadcast as in NumPy.
fn broadcast<A: Copy, B: Copy, R>(
    (left_shape, left): (&Shape, &[A]),
    (right_shape, right): (&Shape, &[B]),
    room: usize,
    compute: impl Fn(A, B) -> R,
) -> Result<(Shape, Vec<R>), OpError> {
    let shape = broadcast_shape(left_shape, right_shape)
        .ok_or_else(|| OpError::new(format!("{left_shape} and {right_shape} do not fit")))?;
    expect_room(&shape, room)?;
    let strides = [left_shape, right_shape].map(|own| broadcast_strides(own, &shape));
    let result = shape.strides();
    let place = |element: usize, own: &[usize]| -> usize {
        let axes = result.iter().zip(shape.extents()).zip(own);
        axes.map(|((stride, extent), own)| element / stride % extent * own).sum()
    };
    let values = (0..shape.count())
        .map(|element| compute(left[place(element, &strides[0])], right[place(element, &strides[1])]))
        .collect();
    Ok((shape, values))
}

/// `ConstantOfShape`.
fn filled(node: &Node<'_>, room: usize) -> Result<Constant, OpError> {
    let wanted = node.constant_ints(0)?.ok_or_else(|| OpError::new("the shape is left out"))?;
    let extents: Option<Vec<usize>> = wanted.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let shape = Shape::new(extents.ok_or_else(|| OpError::new(format!("{wanted:?} is no shape")))?);
    expect_room(&shape, room)?;
    let count = shape.count();
    let repeated = |value: f32| std::iter::repeat_n(value, count).collect::<Arc<[f32]>>();
    match node.attribute("value") {
        None => Ok(floats(shape, repeated(0.0))),
        Some(Attribute::Constant(value)) => match &value.values {
            ConstantValues::F32(values) if values.len() == 1 => Ok(floats(shape, repeated(values[0]))),
            ConstantValues::I64(values) if values.len() == 1 => {
                expect_room(&shape, room / 16)?;
                Ok(integers(shape, vec![values[0]; count]))
            }
            _ => Err(OpError::new("attribute `value` must hold one number")),
        },
        Some(_) => Err(OpError::attribute("value", "a tensor with one number")),
    }
}

/// `Range`.
fn range(node: &Node<'_>, room: usize) -> Result<Constant, OpError> {
    let numbers = [input(node, 0)?, input(node, 1)?, input(node, 2)?];
    let fault = || OpError::new("start, limit and delta must be three numbers of the same type, delta not 0");
    if numbers.iter().any(|number| number.shape.count() != 1) {
        return Err(fault());
    }
    let count = |count: f64| {
        let count = if count > 0.0 { count.ceil() } else { 0.0 };
        let shape = Shape::from([if count < room as f64 { count as usize } else { usize::MAX }]);
        expect_room(&shape, room).map(|()| shape)
    };
    match numbers.map(|number| &number.values) {
        [ConstantValues::I64(start), ConstantValues::I64(limit), ConstantValues::I64(delta)]
            if delta[0] != 0 =>
        {
            let shape = count((limit[0] as f64 - start[0] as f64) / delta[0] as f64)?;
            let value = |index: usize| start[0].wrapping_add(delta[0].wrapping_mul(index as i64));
            let values = (0..shape.count()).map(value).collect::<Vec<_>>();
            Ok(integers(shape, values))
        }
        [ConstantValues::F32(start), ConstantValues::F32(limit), ConstantValues::F32(delta)]
            if delta[0] != 0.0 && !delta[0].is_nan() =>
        {
            let shape = count((f64::from(limit[0]) - f64::from(start[0])) / f64::from(delta[0]))?;
            let value = |index: usize| start[0] + delta[0] * index as f32;
            let values = (0..shape.count()).map(value).collect::<Vec<_>>();
            Ok(floats(shape, values))
        }
        _ => Err(fault()),
    }
}

/// `Cast` from and to the two types that constants have; a truth value is 0 or 1.
fn cast(node: &Node<'_>) -> Result<Constant, OpError> {
    let constant = input(node, 0)?;
    let shape = constant.shape.clone();
    let to = i32::try_from(node.int("to", 0)?).unwrap_or_default();
    let is_float =
        [data_type::FLOAT, data_type::FLOAT16, data_type::DOUBLE, data_type::BFLOAT16].contains(&to);
    let is_truth = to == data_type::BOOL;
    Ok(match &constant.values {
        ConstantValues::F32(_) if is_float => constant.clone(),
        ConstantValues::F32(values) if is_truth => {
            integers(shape, values.iter().map(|&value| i64::from(value != 0.0)).collect::<Vec<_>>())
        }
        // Towards zero; what is too large becomes the largest integer.
        ConstantValues::F32(values) => {
            integers(shape, values.iter().map(|&value| value as i64).collect::<Vec<_>>())
        }
        ConstantValues::I64(values) if is_float => {
            floats(shape, values.iter().map(|&value| value as f32).collect::<Vec<_>>())
        }
        ConstantValues::I64(values) if is_truth => {
            integers(shape, values.iter().map(|&value| i64::from(value != 0)).collect::<Vec<_>>())
        }
        ConstantValues::I64(_) => constant.clone(),
    })
}

/// A reduction of all elements of a list of integers, as sizes are computed from shapes.
fn reduced(node: &Node<'_>) -> Result<Option<Constant>, OpError> {
    let Constant { shape, values: ConstantValues::I64(values) } = input(node, 0)? else { return Ok(None) };
    if shape.rank() != 1 {
        return Err(OpError::new(format!("integers of {shape} are not reduced, expected one axis")));
    }
    let result = match node.op {
        "ReduceProd" => values.iter().fold(1, |product: i64, &value| product.wrapping_mul(value)),
        "ReduceSum" => values.iter().fold(0, |sum: i64, &value| sum.wrapping_add(value)),
        "ReduceMax" => values.iter().copied().max().unwrap_or(i64::MIN),
        _ => values.iter().copied().min().unwrap_or(i64::MAX),
    };
    let shape = if node.int("keepdims", 1)? == 0 { Shape::from([]) } else { Shape::from([1]) };
    Ok(Some(integers(shape, vec![result])))
}
