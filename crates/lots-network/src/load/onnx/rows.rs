//! `Gemm` of many rows: where the rows are not the images of the batch, it is a `MatMul` and an `Add`.

use super::build::{Builder, Value};
use crate::error::{OpError, Result};
use crate::graph::TensorId;
use crate::load::{Axes, Constant, ConstantValues, Input, Node};
use crate::op::arithmetic::Arithmetic;
use crate::op::mat_mul::MatMul;
use crate::op::{Op, Parsed};
use crate::shape::Shape;

/// A product of rows with a matrix, and what is added.
pub(super) struct GemmOfRows {
    rows: TensorId,
    matrix: Constant,
    bias: Option<Constant>,
}

impl Builder<'_> {
    /// The node as a `Gemm` of rows; `None` if it is none.
    ///
    /// # Errors
    /// If what it computes does not fit together.
    pub(super) fn gemm_of_rows(
        &self,
        node: &Node<'_>,
        inputs: &[String],
    ) -> Result<Option<GemmOfRows>, OpError> {
        let Some(&Value::Varying(rows, Axes::All)) = inputs.first().and_then(|name| self.known(name)) else {
            return Ok(None);
        };
        if node.op != "Gemm" {
            return Ok(None);
        }
        if node.int("transA", 0)? != 0 {
            return Err(OpError::new("attribute `transA` of rows is not supported"));
        }
        let weights = node.constant(1)?.ok_or_else(|| OpError::new("the weights are left out"))?;
        let &[height, width] = weights.shape.extents() else {
            return Err(OpError::new(format!("expected weights with two axes, got {}", weights.shape)));
        };
        let values = node.constant_floats(1)?.unwrap_or_default();
        let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
        let (shape, values): (Shape, Vec<f32>) = if node.int("transB", 0)? == 0 {
            (weights.shape.clone(), values.iter().map(|&value| alpha * value).collect())
        } else {
            let places = (0..width).flat_map(|column| (0..height).map(move |row| row * width + column));
            (Shape::from([width, height]), places.map(|place| alpha * values[place]).collect())
        };
        let bias = match node.inputs.get(2) {
            None | Some(Input::Absent) => None,
            _ => {
                let shape = node.constant(2)?.map_or(Shape::from([]), |bias| bias.shape.clone());
                let values = node.constant_floats(2)?.unwrap_or_default();
                Some(floats(shape, values.iter().map(|&value| beta * value).collect()))
            }
        };
        let gemm = GemmOfRows { rows, matrix: floats(shape, values), bias };
        let product = MatMul.output_shape(&[self.shape(rows), &gemm.matrix.shape])?;
        if let Some(bias) = &gemm.bias {
            Arithmetic::Add.output_shape(&[&product, &bias.shape])?;
        }
        Ok(Some(gemm))
    }

    /// Adds its nodes to the graph; the last has the name and the output of the node in the file.
    pub(super) fn place_gemm_of_rows(&mut self, name: &str, gemm: GemmOfRows, output: &str) -> Result<Value> {
        let GemmOfRows { rows, matrix, bias } = gemm;
        let matrix = self.add_constant(&format!("{output}_matrix"), matrix);
        let Some(bias) = bias else {
            let product = self.add_node(name, Parsed::new(MatMul, [0, 1]), vec![rows, matrix], output)?;
            return Ok(Value::Varying(product, Axes::All));
        };
        let between = self.unused(&format!("{output}_product"));
        let product = self.add_node(name, Parsed::new(MatMul, [0, 1]), vec![rows, matrix], &between)?;
        let bias = self.add_constant(&format!("{output}_bias"), bias);
        let sum = Parsed::new(Arithmetic::Add, [0, 1]);
        Ok(Value::Varying(self.add_node(name, sum, vec![product, bias], output)?, Axes::All))
    }
}

fn floats(shape: Shape, values: Vec<f32>) -> Constant {
    Constant { shape, values: ConstantValues::F32(values.into()) }
}
