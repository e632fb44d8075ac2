//! Layers: the tensors of a network as a user addresses them, by name and with the paper's position index.

use std::cmp::Ordering;
use std::collections::BTreeSet;

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
        None => Err(Error::UnknownLayer { layer: name.to_owned(), nearest: nearest(&layers(graph), name) }),
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

/// Up to four names that are spelt like `name`, best first, with the positions of their layers. Each layer is there
/// once, by its own name or by that of its tensor, whichever is nearer.
fn nearest(layers: &[Layer], name: &str) -> Vec<String> {
    let mut known: Vec<Known<'_>> = layers
        .iter()
        .map(|layer| {
            let [own, tensor] = [&layer.name, &layer.tensor].map(|known| Known {
                name: known,
                position: layer.position,
                distance: Distance::between(known, name),
            });
            if tensor.distance.compare(&own.distance).is_lt() { tensor } else { own }
        })
        .collect();
    known.sort_by(|left, right| left.distance.compare(&right.distance));
    // The tensor behind a ReLU may be called like the layer before it, and means the same.
    let mut seen = BTreeSet::new();
    known.retain(|known| seen.insert(known.name));
    known.iter().take(4).map(Known::label).collect()
}

/// A name that the network has.
#[derive(Clone, Copy, Debug)]
struct Known<'l> {
    name: &'l str,
    position: Option<usize>,
    distance: Distance,
}

impl Known<'_> {
    fn label(&self) -> String {
        let position = self.position.map_or(String::new(), |position| format!(" ({position})"));
        format!("`{}`{position}", self.name)
    }
}

/// How little a name is like another; the nearest comes first.
#[derive(Clone, Copy, Debug)]
struct Distance {
    /// 0 for the same spelling, and for two bare numbers, of which the spelling says nothing.
    spelling: f64,
    /// How far the numbers at their ends are apart.
    numbers: u64,
}

impl Distance {
    fn between(known: &str, name: &str) -> Self {
        let (known, name) = (known.to_lowercase(), name.to_lowercase());
        let (stem, number) = at_the_end(&known);
        let (other_stem, other_number) = at_the_end(&name);
        let numbers = number.zip(other_number).map_or(u64::MAX, |(number, other)| number.abs_diff(other));
        let are_bare = numbers < u64::MAX && stem.is_empty() && other_stem.is_empty();
        let spelling = if are_bare { 0.0 } else { 1.0 - strsim::jaro_winkler(&known, &name) };
        Self { spelling, numbers }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.spelling.total_cmp(&other.spelling).then(self.numbers.cmp(&other.numbers))
    }
}

/// A name without the number at its end, and that number.
fn at_the_end(name: &str) -> (&str, Option<u64>) {
    let stem = name.trim_end_matches(|character: char| character.is_ascii_digit());
    (stem, name[stem.len()..].parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layers by name, tensor and position.
    fn layers<const COUNT: usize>(rows: [(&str, &str, Option<usize>); COUNT]) -> [Layer; COUNT] {
        rows.map(|(name, tensor, position)| Layer {
            name: name.to_owned(),
            tensor: tensor.to_owned(),
            op: "Conv",
            output_shape: Shape::from([1]),
            parameter_count: 0,
            position,
        })
    }

    #[test]
    fn the_nearest_of_bare_numbers_are_the_nearest_numbers() {
        let layers = layers([
            ("Conv_471", "471", Some(1)),
            ("Relu_472", "472", None),
            ("Conv_474", "474", Some(2)),
            ("Relu_475", "475", None),
            ("Conv_4733", "4733", Some(3)),
            ("Flatten_47", "47", None),
        ]);
        assert_eq!(nearest(&layers, "473"), ["`472`", "`474` (2)", "`471` (1)", "`475`"]);
        assert_eq!(nearest(&layers, "Relu_473")[..2], ["`Relu_472`", "`Relu_475`"]);
    }

    #[test]
    fn a_tensor_is_named_where_it_is_nearer() {
        let layers = layers([
            ("/conv1/Conv", "/conv1/Conv_output_0", Some(1)),
            ("/relu/Relu", "/relu/Relu_output_0", None),
        ]);
        assert_eq!(
            nearest(&layers, "/relu/Relu_output_1"),
            ["`/relu/Relu_output_0`", "`/conv1/Conv_output_0` (1)"]
        );
        assert_eq!(nearest(&layers, "/relu/Rleu"), ["`/relu/Relu`", "`/conv1/Conv` (1)"]);
    }

    #[test]
    fn a_name_that_a_layer_and_a_tensor_share_is_listed_once() {
        let layers =
            layers([("ip1", "ip1_before_relu", Some(3)), ("relu1", "ip1", None), ("ip2", "ip2", Some(4))]);
        assert_eq!(nearest(&layers, "ip3"), ["`ip2` (4)", "`ip1` (3)"]);
    }
}
