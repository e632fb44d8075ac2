//! Layers: the tensors of a network as a user addresses them, by name and with the paper's position index.

use crate::error::{Error, Result};
use crate::graph::{Graph, GraphNode, TensorId};
use crate::shape::Shape;

/// A tensor of a network that representations can be taken from: what [`crate::Network::layer`] finds by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId(pub(crate) TensorId);

/// A row of the network's table of contents: one node and the tensor that it computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The node's name.
    pub name: String,
    /// The tensor's name; often the same.
    pub tensor: String,
    /// The ONNX operator.
    pub op: &'static str,
    /// Extents without the batch axis.
    pub output_shape: Shape,
    /// How many weights and biases the node has.
    pub parameter_count: usize,
    /// The paper's index: layers with weight matrices or kernels, counted from 1 at the input.
    pub position: Option<usize>,
}

/// The table of contents, in the order of computation.
pub(crate) fn layers(graph: &Graph) -> Vec<Layer> {
    let mut weight_layers = 0;
    graph
        .nodes
        .iter()
        .map(|node| {
            let parameters = node.operands.iter().filter(|&&operand| graph.is_parameter(operand));
            let position = has_weights(graph, node).then(|| {
                weight_layers += 1;
                weight_layers
            });
            Layer {
                name: node.name.clone(),
                tensor: graph.tensors[node.output].name.clone(),
                op: node.op.name(),
                output_shape: graph.tensors[node.output].shape.clone(),
                parameter_count: parameters.map(|&operand| graph.tensors[operand].shape.count()).sum(),
                position,
            }
        })
        .collect()
}

/// The layer that a name means.
///
/// A tensor's name means exactly that tensor. The name of a node with weights means what the layer sends on, as a
/// Caffe blob with an in-place ReLU does: the output of the ReLU behind it if that is all that reads it.
/// The name of any other node means its output.
pub(crate) fn find(graph: &Graph, name: &str) -> Result<LayerId> {
    let exact = graph.tensors.iter().position(|tensor| tensor.name == name);
    if let Some(tensor) = exact.filter(|&tensor| !graph.is_parameter(tensor)) {
        return Ok(LayerId(tensor));
    }
    match graph.nodes.iter().find(|node| node.name == name) {
        Some(node) => {
            Ok(LayerId(if has_weights(graph, node) { activated(graph, node) } else { node.output }))
        }
        None => Err(Error::UnknownLayer { layer: name.to_owned(), nearest: nearest(graph, name) }),
    }
}

/// The position index of a layer: its own, or that of the weight layer whose ReLU it is.
pub(crate) fn position(graph: &Graph, layers: &[Layer], LayerId(tensor): LayerId) -> Option<usize> {
    let own = |tensor| graph.nodes.iter().position(|node| node.output == tensor);
    let node = own(tensor)?;
    let rectified = is_rectifier(&graph.nodes[node]).then(|| graph.nodes[node].operands[0]);
    let node = rectified.and_then(own).unwrap_or(node);
    layers[node].position
}

/// Whether the node's output is zero wherever its operand is not positive.
pub(crate) fn is_rectifier(node: &GraphNode) -> bool {
    node.op.name() == "Relu"
}

fn has_weights(graph: &Graph, node: &GraphNode) -> bool {
    // Matrices and kernels count; scales, slopes and biases do not, not even those that an Add holds in three axes.
    !matches!(node.op.name(), "Add" | "PRelu")
        && node
            .op
            .trainable()
            .iter()
            .filter_map(|&index| node.operands.get(index))
            .any(|&operand| graph.is_parameter(operand) && graph.tensors[operand].shape.rank() >= 2)
}

/// The output of the ReLU behind `node`, or `node`'s own where there is none or others read it too.
fn activated(graph: &Graph, node: &GraphNode) -> TensorId {
    let mut consumers = graph.consumers(node.output);
    match (consumers.next(), consumers.next()) {
        (Some(only), None) if is_rectifier(only) => only.output,
        _ => node.output,
    }
}

/// Up to four names that are spelt like `name`, best first, with their positions.
fn nearest(graph: &Graph, name: &str) -> Vec<String> {
    let layers = layers(graph);
    let mut known: Vec<(f64, String)> = layers
        .iter()
        .map(|layer| {
            let similarity = strsim::jaro_winkler(&layer.name.to_lowercase(), &name.to_lowercase());
            let position = layer.position.map_or(String::new(), |position| format!(" ({position})"));
            (similarity, format!("`{}`{position}", layer.name))
        })
        .collect();
    known.sort_by(|left, right| right.0.total_cmp(&left.0));
    known.into_iter().take(4).map(|(_, label)| label).collect()
}
