//! Reading ONNX files.
//!
//! A file becomes a [`Graph`] in four steps: the messages are decoded (`crate::onnx`), the nodes that lead to an output
//! are put in order (`order`), operators that are not supported are refused all at once, and the nodes are given to
//! their ops (`build`), with constants computed on the way (`constant`, `fold`).
//!
//! What is refused here and why is one variant of [`Error`] each. Weights in other files, subgraphs and values that are
//! computed from shapes are not read.

mod build;
mod constant;
mod fold;
mod input;
mod order;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result, UnsupportedOp};
use crate::graph::{Graph, TensorId};
use crate::onnx::{GraphProto, ModelProto, NEWEST_OPSET, NodeProto, OLDEST_OPSET, TensorProto, decode};
use crate::op::{REGISTRY, Registration};
use build::Builder;
use order::Producers;

/// What a file holds.
#[derive(Debug)]
pub(crate) struct OnnxFile {
    pub(crate) graph: Graph,
    /// The outputs in the order of the file, at least one; all of them are computed by a node.
    pub(crate) outputs: Vec<TensorId>,
    /// The metadata properties in the order of the file.
    pub(crate) metadata: Vec<(String, String)>,
}

/// Reads the bytes of an ONNX file.
///
/// # Errors
/// What in the file is broken or not supported; one error lists all operators that are not.
pub(crate) fn read(bytes: &[u8]) -> Result<OnnxFile> {
    let model = decode(bytes).map_err(|reason| not_onnx(bytes, &reason))?;
    let graph = model.graph.as_ref().ok_or_else(|| not_onnx(bytes, "it holds no graph"))?;
    let opset = opset(&model)?;
    let given = Given::new(graph)?;
    let image = input::image(graph, &given)?;
    let is_given = |name: &str| name == image.name || given.contains(name);
    let producers = Producers::new(graph, is_given)?;
    let outputs = outputs(graph)?;
    let order = producers.order(&outputs, is_given)?;
    refuse_unsupported(image.name, order.iter().map(|&index| &graph.node[index]))?;
    let mut builder = Builder::new(opset, &image, &given, &producers);
    for index in order {
        builder.add(&graph.node[index])?;
    }
    let (graph, outputs) = builder.finish(&outputs)?;
    let metadata = model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect();
    Ok(OnnxFile { graph, outputs, metadata })
}

/// The initializers by name, read when a node needs them.
struct Given<'a> {
    dense: BTreeMap<&'a str, &'a TensorProto>,
    sparse: BTreeSet<&'a str>,
}

impl<'a> Given<'a> {
    fn new(graph: &'a GraphProto) -> Result<Self> {
        let mut dense = BTreeMap::new();
        for tensor in &graph.initializer {
            if dense.insert(tensor.name.as_str(), tensor).is_some() {
                return Err(Error::DuplicateTensor { tensor: tensor.name.clone() });
            }
        }
        let values = graph.sparse_initializer.iter().filter_map(|tensor| tensor.values.as_ref());
        Ok(Self { dense, sparse: values.map(|values| values.name.as_str()).collect() })
    }

    fn contains(&self, name: &str) -> bool {
        self.dense.contains_key(name) || self.sparse.contains(name)
    }
}

/// The op that registered itself under the name of an ONNX operator.
fn registration(op: &str) -> Option<&'static Registration> {
    REGISTRY.iter().find(|registration| registration.name == op)
}

/// The node's name, or one made from its op and output.
fn node_name(node: &NodeProto) -> String {
    if !node.name.is_empty() {
        return node.name.clone();
    }
    format!("{}_{}", node.op_type, node.output.first().map_or("", String::as_str))
}

fn is_default_domain(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn not_onnx(bytes: &[u8], reason: &str) -> Error {
    let is_pointer = bytes.starts_with(b"version https://git-lfs");
    let reason = if bytes.is_empty() {
        "it is empty"
    } else if is_pointer {
        "it is a Git LFS pointer to the network"
    } else {
        reason
    };
    Error::NotOnnx { reason: reason.to_owned(), is_pointer }
}

fn opset(model: &ModelProto) -> Result<i64> {
    let import = model.opset_import.iter().find(|import| is_default_domain(&import.domain));
    // Files from before operator sets had versions are in version 1.
    let got = import.map_or(1, |import| import.version);
    if (OLDEST_OPSET..=NEWEST_OPSET).contains(&got) {
        return Ok(got);
    }
    Err(Error::Opset { got, oldest: OLDEST_OPSET, newest: NEWEST_OPSET })
}

/// The names of the outputs, each once.
fn outputs(graph: &GraphProto) -> Result<Vec<&str>> {
    let mut seen = BTreeSet::new();
    let outputs = graph.output.iter().map(|output| output.name.as_str());
    let outputs: Vec<&str> = outputs.filter(|&name| seen.insert(name)).collect();
    if outputs.is_empty() { Err(Error::NoOutput) } else { Ok(outputs) }
}

/// Refuses, in one error, all operators that are in no op's registration. `nodes` come operands first.
fn refuse_unsupported<'a>(image: &'a str, nodes: impl Iterator<Item = &'a NodeProto>) -> Result<()> {
    let mut batched = BTreeSet::from([image]);
    let mut unsupported: BTreeMap<String, UnsupportedOp> = BTreeMap::new();
    for node in nodes {
        let is_known = if node.input.iter().any(|input| batched.contains(input.as_str())) {
            batched.extend(node.output.iter().map(String::as_str));
            registration(&node.op_type).is_some()
        } else {
            fold::OPS.contains(&node.op_type.as_str()) || registration(&node.op_type).is_some()
        };
        if is_known && is_default_domain(&node.domain) {
            continue;
        }
        let op = if is_default_domain(&node.domain) {
            node.op_type.clone()
        } else {
            format!("{}.{}", node.domain, node.op_type)
        };
        let entry = UnsupportedOp { op: op.clone(), count: 0, example: node_name(node) };
        unsupported.entry(op).or_insert(entry).count += 1;
    }
    if unsupported.is_empty() {
        return Ok(());
    }
    Err(Error::UnsupportedOps { ops: unsupported.into_values().collect() })
}

#[cfg(test)]
mod tests;
