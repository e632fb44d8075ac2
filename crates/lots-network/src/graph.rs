//! [`Graph`]: tensors and the nodes that compute them, in an order in which they can be computed.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::forward::ImageSize;
use crate::kernel::windows::Windows;
use crate::op::Op;
use crate::shape::Shape;

/// All weights that ops lay out a second time together: 64 MiB, however many of them share the same ones.
const MOST_LAID_OUT: usize = 1 << 24;

/// Index of a tensor in [`Graph::tensors`].
pub(crate) type TensorId = usize;

/// Tensors and nodes. Nodes are in topological order by construction: operands exist before the node is added.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) nodes: Vec<GraphNode>,
}

/// A tensor and where its values come from.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    /// Without the batch axis, but whole for parameters.
    pub(crate) shape: Shape,
    pub(crate) source: Source,
}

/// Where the values of a tensor come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The image, after the pixel encoding.
    Image,
    /// The output of node number `.0`.
    Node(usize),
    /// The same for all images: weights and other constants.
    Parameter(Arc<[f32]>),
}

/// A node: an op, its operands, the one tensor it computes.
#[derive(Debug)]
pub(crate) struct GraphNode {
    pub(crate) name: String,
    pub(crate) op: Box<dyn Op>,
    pub(crate) operands: Vec<TensorId>,
    pub(crate) output: TensorId,
}

impl Graph {
    /// Tensor 0, the input: what the pixel encoding makes of an image.
    pub(crate) const INPUT: TensorId = 0;

    /// A graph with nothing but its input of `shape`, `[channels, height, width]`.
    pub(crate) fn new(input_name: impl Into<String>, shape: Shape) -> Self {
        Self {
            tensors: vec![Tensor { name: input_name.into(), shape, source: Source::Image }],
            nodes: Vec::new(),
        }
    }

    /// Adds a tensor that is the same for all images.
    ///
    /// # Panics
    /// If the number of values is not that of the shape; the caller has checked it.
    pub(crate) fn add_parameter(
        &mut self,
        name: impl Into<String>,
        shape: Shape,
        values: impl Into<Arc<[f32]>>,
    ) -> TensorId {
        let values = values.into();
        assert_eq!(values.len(), shape.count(), "a parameter has as many values as its shape says");
        self.tensors.push(Tensor { name: name.into(), shape, source: Source::Parameter(values) });
        self.tensors.len() - 1
    }

    /// Adds a node and the tensor `output_name` that it computes.
    ///
    /// # Errors
    /// [`Error::Node`] if the operands' shapes do not fit the op.
    pub(crate) fn add_node(
        &mut self,
        name: impl Into<String>,
        op: Box<dyn Op>,
        operands: Vec<TensorId>,
        output_name: impl Into<String>,
    ) -> Result<TensorId> {
        let name = name.into();
        let shapes: Vec<&Shape> = operands.iter().map(|&operand| &self.tensors[operand].shape).collect();
        let shape = op.output_shape(&shapes).map_err(|error| Error::Node {
            node: name.clone(),
            op: op.name().to_owned(),
            message: error.message,
        })?;
        let output = self.tensors.len();
        self.tensors.push(Tensor { name: output_name.into(), shape, source: Source::Node(self.nodes.len()) });
        self.nodes.push(GraphNode { name, op, operands, output });
        Ok(output)
    }

    /// Tells every op how large the images are, see [`Op::expect_images`].
    pub(crate) fn expect_images(&mut self, images: ImageSize) {
        // Of each tensor, the windows of a maximum that it goes to, as it is or without what is below zero.
        let mut pooled: Vec<Option<Windows>> = vec![None; self.tensors.len()];
        for node in self.nodes.iter().rev() {
            let &[operand] = node.operands.as_slice() else { continue };
            let windows = match node.op.name() {
                "Relu" => pooled[node.output].clone(),
                _ => node.op.maximum_windows(&self.tensors[operand].shape),
            };
            pooled[operand] = windows.or_else(|| pooled[operand].take());
        }
        let mut room = MOST_LAID_OUT;
        for node in &mut self.nodes {
            let shapes: Vec<&Shape> = node.operands.iter().map(|&id| &self.tensors[id].shape).collect();
            node.op.expect_images(images, &shapes, pooled[node.output].take());
            room -= node.op.lay_out_weights(images, &shapes, room);
        }
    }

    /// The part of the graph that computes `output`, and the place of `output` in it.
    pub(crate) fn leading_to(self, output: TensorId) -> (Self, TensorId) {
        let mut is_kept = vec![false; self.tensors.len()];
        (is_kept[Self::INPUT], is_kept[output]) = (true, true);
        for node in self.nodes.iter().rev() {
            if is_kept[node.output] {
                node.operands.iter().for_each(|&operand| is_kept[operand] = true);
            }
        }
        let places = |is_kept: &[bool]| -> Vec<usize> {
            let mut next = 0;
            let place = |&is_kept: &bool| {
                next += usize::from(is_kept);
                next - usize::from(is_kept)
            };
            is_kept.iter().map(place).collect()
        };
        let places_of_tensors = places(&is_kept);
        let nodes_kept: Vec<bool> = self.nodes.iter().map(|node| is_kept[node.output]).collect();
        let places_of_nodes = places(&nodes_kept);
        let tensors = self.tensors.into_iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
        let tensors = tensors.map(|(tensor, _)| match tensor.source {
            Source::Node(node) => Tensor { source: Source::Node(places_of_nodes[node]), ..tensor },
            Source::Image | Source::Parameter(_) => tensor,
        });
        let nodes = self.nodes.into_iter().zip(&nodes_kept).filter(|(_, is_kept)| **is_kept);
        let nodes = nodes.map(|(node, _)| GraphNode {
            operands: node.operands.iter().map(|&operand| places_of_tensors[operand]).collect(),
            output: places_of_tensors[node.output],
            ..node
        });
        (Self { tensors: tensors.collect(), nodes: nodes.collect() }, places_of_tensors[output])
    }

    /// `[channels, height, width]` of the input.
    pub(crate) fn input_shape(&self) -> [usize; 3] {
        self.tensors[Self::INPUT].shape.extents().try_into().expect("an image has three axes")
    }

    /// The node that computes `tensor`; `None` for the input and parameters.
    pub(crate) fn producer(&self, tensor: TensorId) -> Option<&GraphNode> {
        match self.tensors[tensor].source {
            Source::Node(node) => Some(&self.nodes[node]),
            Source::Image | Source::Parameter(_) => None,
        }
    }

    /// Whether the tensor is the same for all images.
    pub(crate) fn is_parameter(&self, tensor: TensorId) -> bool {
        matches!(self.tensors[tensor].source, Source::Parameter(_))
    }

    /// The nodes that read `tensor`.
    pub(crate) fn consumers(&self, tensor: TensorId) -> impl Iterator<Item = &GraphNode> {
        self.nodes.iter().filter(move |node| node.operands.contains(&tensor))
    }
}
