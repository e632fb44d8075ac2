//! Constants that nodes of a file make: `Constant`, and what exporters leave between weights and the layer they belong
//! to. Everything else that does not depend on the image is refused by the caller.

use std::sync::Arc;

use crate::error::OpError;
use crate::load::{Attribute, Constant, ConstantValues, Node};
use crate::shape::Shape;

/// The operators that are computed while loading.
pub(crate) const OPS: [&str; 5] = ["Constant", "Identity", "Reshape", "Transpose", "Unsqueeze"];

/// The value of a `Constant` node.
pub(crate) fn constant_node(attributes: &[(String, Attribute)]) -> Result<Constant, OpError> {
    let [(name, value)] = attributes else {
        return Err(OpError::new(format!("expected 1 attribute, got {}", attributes.len())));
    };
    Ok(match (name.as_str(), value) {
        ("value", Attribute::Constant(constant)) => constant.clone(),
        ("value_float", &Attribute::Float(value)) => floats(Shape::from([]), Arc::from([value])),
        ("value_floats", Attribute::Floats(values)) => {
            floats(Shape::from([values.len()]), values.as_slice().into())
        }
        ("value_int", &Attribute::Int(value)) => integers(Shape::from([]), Arc::from([value])),
        ("value_ints", Attribute::Ints(values)) => {
            integers(Shape::from([values.len()]), values.as_slice().into())
        }
        _ => return Err(OpError::new(format!("attribute `{name}` is no dense tensor of numbers"))),
    })
}

/// What a node computes from constants alone; `None` if its op is none of those that are computed while loading.
pub(crate) fn constant_result(op: &str, node: &Node<'_>) -> Result<Option<Constant>, OpError> {
    let input =
        |index| node.constant(index)?.ok_or_else(|| OpError::new(format!("input {index} is left out")));
    match op {
        "Identity" => Ok(Some(input(0)?.clone())),
        "Reshape" => reshape(node, input(0)?).map(Some),
        "Transpose" => transpose(node, input(0)?).map(Some),
        "Unsqueeze" => unsqueeze(node, input(0)?).map(Some),
        _ => Ok(None),
    }
}

fn floats(shape: Shape, values: Arc<[f32]>) -> Constant {
    Constant { shape, values: ConstantValues::F32(values) }
}

fn integers(shape: Shape, values: Arc<[i64]>) -> Constant {
    Constant { shape, values: ConstantValues::I64(values) }
}

/// The same numbers in another shape: 0 keeps an extent, −1 is what remains.
fn reshape(node: &Node<'_>, input: &Constant) -> Result<Constant, OpError> {
    let wanted = node.constant_ints(1)?.ok_or_else(|| OpError::new("the shape is left out"))?;
    let keeps_zero = node.int("allowzero", 0)? != 0;
    let count = input.shape.count();
    let fault = || OpError::new(format!("{} cannot become {wanted:?}", input.shape));
    let mut extents = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (axis, &extent) in wanted.iter().enumerate() {
        extents.push(match extent {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !keeps_zero => *input.shape.extents().get(axis).ok_or_else(fault)?,
            _ => usize::try_from(extent).ok().ok_or_else(fault)?,
        });
    }
    let shape = Shape::new(extents.clone());
    if !shape.is_within(isize::MAX as usize) {
        return Err(fault());
    }
    if let Some(axis) = open {
        extents[axis] = count.checked_div(shape.count()).ok_or_else(fault)?;
    }
    let shape = Shape::new(extents);
    if shape.count() != count {
        return Err(fault());
    }
    Ok(Constant { shape, values: input.values.clone() })
}

/// The same numbers with axes of extent 1 in between.
fn unsqueeze(node: &Node<'_>, input: &Constant) -> Result<Constant, OpError> {
    // Up to operator set 12 the axes are an attribute.
    let axes = match node.ints("axes")? {
        Some(axes) => axes,
        None => node.constant_ints(1)?.ok_or_else(|| OpError::new("the axes are left out"))?,
    };
    let rank = input.shape.rank() + axes.len();
    let mut is_new = vec![false; rank];
    for &axis in axes {
        let from_front = if axis < 0 { axis.checked_add_unsigned(rank as u64) } else { Some(axis) };
        let slot = from_front.and_then(|axis| is_new.get_mut(usize::try_from(axis).ok()?));
        match slot {
            Some(slot) if !*slot => *slot = true,
            _ => return Err(OpError::new(format!("{} cannot get the axes {axes:?}", input.shape))),
        }
    }
    let mut old = input.shape.extents().iter().copied();
    let extents: Vec<usize> =
        is_new.iter().map(|&is_new| if is_new { 1 } else { old.next().unwrap_or(1) }).collect();
    Ok(Constant { shape: Shape::new(extents), values: input.values.clone() })
}

fn transpose(node: &Node<'_>, input: &Constant) -> Result<Constant, OpError> {
    let rank = input.shape.rank();
    let axes = match node.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(axes) => axes.iter().filter_map(|&axis| usize::try_from(axis).ok()).collect::<Vec<_>>(),
    };
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Err(OpError::new(format!("attribute `perm` {axes:?} does not order the {rank} axes")));
    }
    let strides = input.shape.strides();
    let strides: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    let shape = Shape::new(axes.iter().map(|&axis| input.shape.extents()[axis]).collect::<Vec<_>>());
    let values = match &input.values {
        ConstantValues::F32(values) => ConstantValues::F32(gather(values, &shape, &strides)),
        ConstantValues::I64(values) => ConstantValues::I64(gather(values, &shape, &strides)),
    };
    Ok(Constant { shape, values })
}

/// The values in the order of `shape`, whose axes are `strides` apart.
fn gather<T: Copy>(values: &[T], shape: &Shape, strides: &[usize]) -> Arc<[T]> {
    let mut position = vec![0; shape.rank()];
    let mut offset = 0;
    let mut gathered = Vec::with_capacity(values.len());
    for _ in 0..shape.count() {
        gathered.push(values[offset]);
        for axis in (0..shape.rank()).rev() {
            position[axis] += 1;
            offset += strides[axis];
            if position[axis] < shape.extents()[axis] {
                break;
            }
            offset -= position[axis] * strides[axis];
            position[axis] = 0;
        }
    }
    gathered.into()
}
