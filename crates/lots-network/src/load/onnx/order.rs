//! Which nodes of a file lead to its outputs, and an order in which they can be computed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::node_name;
use crate::error::{Error, Result};
use crate::onnx::{GraphProto, NodeProto};

/// The operators of which more than the first output can be used.
const HAVE_SEVERAL_OUTPUTS: [&str; 1] = ["Split"];

/// Who computes the tensors of a graph.
pub(crate) struct Producers<'a> {
    nodes: &'a [NodeProto],
    /// Tensor name to node index.
    by_tensor: BTreeMap<&'a str, usize>,
}

impl<'a> Producers<'a> {
    /// Lists the outputs of all nodes.
    ///
    /// # Errors
    /// [`Error::DuplicateTensor`] if two nodes, or a node and one of `given` (inputs and initializers), have the same
    /// name.
    pub(crate) fn new(graph: &'a GraphProto, is_given: impl Fn(&str) -> bool) -> Result<Self> {
        let mut by_tensor = BTreeMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                if is_given(output) || by_tensor.insert(output.as_str(), index).is_some() {
                    return Err(Error::DuplicateTensor { tensor: output.clone() });
                }
            }
        }
        Ok(Self { nodes: &graph.node, by_tensor })
    }

    /// Whether a node computes `tensor`.
    pub(crate) fn contains(&self, tensor: &str) -> bool {
        self.by_tensor.contains_key(tensor)
    }

    /// The node that computes `tensor`.
    fn of(&self, tensor: &str) -> Option<usize> {
        self.by_tensor.get(tensor).copied()
    }

    /// The nodes that lead to `outputs`, operands first, otherwise in the order of the file.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] if nothing computes what a node reads, [`Error::SecondOutput`] if it is not the first
    /// output of its node, [`Error::Cycle`] if a node needs its own output.
    pub(crate) fn order(&self, outputs: &[&'a str], is_given: impl Fn(&str) -> bool) -> Result<Vec<usize>> {
        let mut wanted = vec![false; self.nodes.len()];
        let mut to_visit = Vec::new();
        for output in outputs {
            self.visit(output, None, &is_given, &mut wanted, &mut to_visit)?;
        }
        // How many inputs of each wanted node are still to be computed, and who waits for a node.
        let mut missing = vec![0_usize; self.nodes.len()];
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        while let Some(index) = to_visit.pop() {
            let node = &self.nodes[index];
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                if let Some(producer) =
                    self.visit(input, Some(node), &is_given, &mut wanted, &mut to_visit)?
                {
                    missing[index] += 1;
                    waiting[producer].push(index);
                }
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> = (0..self.nodes.len())
            .filter(|&index| wanted[index] && missing[index] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::new();
        while let Some(Reverse(index)) = ready.pop() {
            order.push(index);
            for &waits in &waiting[index] {
                missing[waits] -= 1;
                if missing[waits] == 0 {
                    ready.push(Reverse(waits));
                }
            }
        }
        match (0..self.nodes.len()).find(|&index| wanted[index] && missing[index] > 0) {
            Some(stuck) => Err(self.cycle(stuck, &missing)),
            None => Ok(order),
        }
    }

    /// Marks the node that computes `tensor` as wanted; `None` if the tensor is given.
    fn visit(
        &self,
        tensor: &str,
        reader: Option<&NodeProto>,
        is_given: impl Fn(&str) -> bool,
        wanted: &mut [bool],
        to_visit: &mut Vec<usize>,
    ) -> Result<Option<usize>> {
        if is_given(tensor) {
            return Ok(None);
        }
        let Some(producer) = self.of(tensor) else {
            return Err(Error::MissingTensor { tensor: tensor.to_owned(), node: reader.map(node_name) });
        };
        let node = &self.nodes[producer];
        if node.output[0] != tensor && !HAVE_SEVERAL_OUTPUTS.contains(&node.op_type.as_str()) {
            return Err(Error::SecondOutput {
                tensor: tensor.to_owned(),
                node: node_name(node),
                op: node.op_type.clone(),
            });
        }
        if !wanted[producer] {
            wanted[producer] = true;
            to_visit.push(producer);
        }
        Ok(Some(producer))
    }

    /// Walks back from a node that waits for ever until a node comes twice: that one needs its own output.
    fn cycle(&self, stuck: usize, missing: &[usize]) -> Error {
        let mut seen = vec![false; self.nodes.len()];
        let mut index = stuck;
        while !seen[index] {
            seen[index] = true;
            let waits_for = self.nodes[index].input.iter().filter_map(|input| self.of(input));
            let Some(next) = waits_for.filter(|&producer| missing[producer] > 0).min() else { break };
            index = next;
        }
        Error::Cycle { node: node_name(&self.nodes[index]), tensor: self.nodes[index].output[0].clone() }
    }
}
