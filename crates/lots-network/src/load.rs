//! Reading networks: what an op sees of a node in a file ([`Node`]), and the file formats, one module each.
//!
//! Loading executes nothing and allocates no more than the file justifies.

pub(crate) mod onnx;
pub(crate) mod weights;

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::OpError;
use crate::shape::Shape;

/// A node of a file as an op's `parse` sees it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Node<'a> {
    /// The ONNX operator, `"Conv"`.
    pub(crate) op: &'a str,
    /// The version of the ONNX operator set the node is written in.
    pub(crate) opset: i64,
    /// Name and value of each attribute.
    pub(crate) attributes: &'a [(String, Attribute)],
    /// The inputs in order, trailing omitted ones left out.
    pub(crate) inputs: &'a [Input<'a>],
    /// Which axes the inputs that depend on the image have.
    pub(crate) axes: Axes,
    /// The extent of the batch axis in the file; 1 where any number of images fits, 0 where nothing is known of it.
    pub(crate) batch: usize,
    /// Which of the node's outputs is wanted, of how many: an op computes one of them.
    pub(crate) output: [usize; 2],
}

/// Which axes of the file a tensor that depends on the image has in the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Axes {
    /// All but the first, which is the batch.
    #[default]
    OfImage,
    /// All of them, with the extents of a batch of one image: the batch is another axis than the first, or one with
    /// others (attention that has the sequence in front, windows of an image as a batch of their own).
    All,
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Floats(Vec<f32>),
    String(String),
    Constant(Constant),
}

/// An input of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// An optional input that is left out.
    Absent,
    /// Depends on the image; the extents leave the batch axis out.
    Batched(&'a Shape),
    /// The same for all images.
    Constant(&'a Constant),
}

/// A tensor that does not depend on the image, with all its axes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) shape: Shape,
    pub(crate) values: ConstantValues,
}

/// The numbers of a [`Constant`]: all float types become f32, all integer types and booleans i64.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConstantValues {
    F32(Arc<[f32]>),
    I64(Arc<[i64]>),
}

impl<'a> Node<'a> {
    /// Checks how many inputs there are.
    pub(crate) fn expect_inputs(&self, expected: RangeInclusive<usize>) -> Result<(), OpError> {
        if expected.contains(&self.inputs.len()) {
            return Ok(());
        }
        Err(OpError::new(format!(
            "expected {}–{} inputs, got {}",
            expected.start(),
            expected.end(),
            self.inputs.len()
        )))
    }

    /// The attribute `name`, or `default`.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64, OpError> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(OpError::attribute(name, "an integer")),
        }
    }

    /// The attribute `name`, or `default`.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, OpError> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(OpError::attribute(name, "a number")),
        }
    }

    /// The attribute `name`, if given.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, OpError> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(OpError::attribute(name, "a list of integers")),
        }
    }

    /// The attribute `name`, or `default`.
    pub(crate) fn string<'s>(&'s self, name: &str, default: &'s str) -> Result<&'s str, OpError> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::String(value)) => Ok(value),
            Some(_) => Err(OpError::attribute(name, "a string")),
        }
    }

    /// The attribute `name`, if given.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The extents of input `index` that depends on the image, batch axis left out.
    pub(crate) fn batched(&self, index: usize) -> Result<&'a Shape, OpError> {
        match self.axes {
            Axes::OfImage => self.varying(index),
            Axes::All => Err(OpError::new(format!("input {index} must have the batch as its first axis"))),
        }
    }

    /// The extents of input `index` that depends on the image, with the axes that [`Node::axes`] says.
    pub(crate) fn varying(&self, index: usize) -> Result<&'a Shape, OpError> {
        match self.inputs.get(index) {
            Some(Input::Batched(shape)) => Ok(shape),
            _ => Err(OpError::new(format!("input {index} must depend on the image"))),
        }
    }

    /// How many axes of the file stand in front of those of an input that depends on the image: 1, the batch, or 0.
    pub(crate) fn axes_in_front(&self) -> usize {
        match self.axes {
            Axes::OfImage => 1,
            Axes::All => 0,
        }
    }

    /// Input `index`, a constant; `None` if it is left out.
    pub(crate) fn constant(&self, index: usize) -> Result<Option<&'a Constant>, OpError> {
        match self.inputs.get(index) {
            None | Some(Input::Absent) => Ok(None),
            Some(Input::Constant(constant)) => Ok(Some(constant)),
            Some(Input::Batched(_)) => {
                Err(OpError::new(format!("input {index} must not depend on the image")))
            }
        }
    }

    /// The integers of constant input `index`; `None` if it is left out.
    pub(crate) fn constant_ints(&self, index: usize) -> Result<Option<&'a [i64]>, OpError> {
        match self.constant(index)?.map(|constant| &constant.values) {
            None => Ok(None),
            Some(ConstantValues::I64(values)) => Ok(Some(values)),
            Some(ConstantValues::F32(_)) => Err(OpError::new(format!("input {index} must hold integers"))),
        }
    }

    /// The numbers of constant input `index`; `None` if it is left out.
    pub(crate) fn constant_floats(&self, index: usize) -> Result<Option<&'a [f32]>, OpError> {
        match self.constant(index)?.map(|constant| &constant.values) {
            None => Ok(None),
            Some(ConstantValues::F32(values)) => Ok(Some(values)),
            Some(ConstantValues::I64(_)) => {
                Err(OpError::new(format!("input {index} must hold floating-point numbers")))
            }
        }
    }
}
