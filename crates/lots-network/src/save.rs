//! Writing networks: what an op says of itself ([`NodeWriter`]), and the file formats, one module each.

pub(crate) mod onnx;

use crate::load::{Attribute, Constant};

/// Collects what an op writes into a file besides its operands.
#[derive(Debug, Default)]
pub(crate) struct NodeWriter {
    /// Name and value of each attribute.
    pub(crate) attributes: Vec<(String, Attribute)>,
    /// Constant inputs behind the operands, as the ONNX operator (opset 13) wants them; `None` leaves one out.
    pub(crate) constants: Vec<Option<Constant>>,
    /// Whether the operator wants a batch axis, of 1, on operands that are the same for all images.
    pub(crate) parameters_have_batch_axis: bool,
    /// A constant of truth values in front of the operands, which `Where` wants.
    pub(crate) condition: Option<Constant>,
    /// The operator set that the file is written in.
    pub(crate) opset: i64,
}

impl NodeWriter {
    /// Adds an attribute.
    pub(crate) fn attribute(&mut self, name: &str, value: Attribute) {
        self.attributes.push((name.to_owned(), value));
    }

    /// Adds a constant input behind the operands.
    pub(crate) fn constant(&mut self, constant: Option<Constant>) {
        self.constants.push(constant);
    }
}
