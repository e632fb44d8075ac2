//! Reading ONNX files.
//!
//! A file becomes a [`Graph`] in four steps: the messages are decoded (`crate::onnx`), the nodes that lead to an output
//! are put in order (`order`), operators that are not supported are refused all at once, and the nodes are given to
//! their ops (`build`), with constants computed on the way (`constant`, `fold`).
//!
//! What is refused here and why is one variant of [`Error`] each. Subgraphs are not read.

mod attributes;
mod build;
mod constant;
mod external;
mod fold;
mod input;
mod order;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::{Error, Result, UnsupportedOp};
use crate::graph::{Graph, TensorId};
use crate::load::Constant;
use crate::network_file::ReadOptions;
use crate::onnx::{GraphProto, ModelProto, NEWEST_OPSET, NodeProto, OLDEST_OPSET, TensorProto, decode};
use crate::op::{REGISTRY, Registration};
use build::Builder;
pub(crate) use input::MOST_ELEMENTS;
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
pub(crate) fn read(bytes: &[u8], options: &ReadOptions) -> Result<OnnxFile> {
    let model = decode(bytes).map_err(|reason| not_onnx(bytes, &reason))?;
    let graph = model.graph.as_ref().ok_or_else(|| not_onnx(bytes, "it holds no graph"))?;
    let opset = opset(&model)?;
    let given = Given::new(graph, options.folder.as_deref())?;
    let image = input::image(graph, &given, options.size)?;
    let is_given = |name: &str| name == image.name || given.contains(name);
    let producers = Producers::new(graph, is_given)?;
    let outputs = outputs(graph)?;
    let order = producers.order(&outputs, is_given)?;
    refuse_unsupported(order.iter().map(|&index| &graph.node[index]))?;
    // Weights may go through a few nodes; constants that are made of nothing have their limit.
    let room = input::MOST_ELEMENTS.saturating_add(bytes.len().saturating_mul(2));
    let mut builder = Builder::new(opset, &image, &given, &producers, room);
    let inputs = order.iter().flat_map(|&index| &graph.node[index].input).map(String::as_str);
    let used: BTreeSet<&str> = inputs.chain(outputs.iter().copied()).collect();
    for index in order {
        builder.add(&graph.node[index], |output| used.contains(output))?;
    }
    let (graph, outputs) = builder.finish(&outputs)?;
    let metadata = model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect();
    Ok(OnnxFile { graph, outputs, metadata })
}

/// The initializers by name, read when a node needs them.
struct Given<'a> {
    dense: BTreeMap<&'a str, &'a TensorProto>,
    sparse: BTreeSet<&'a str>,
    /// Where files with weights are.
    folder: Option<&'a Path>,
}

impl<'a> Given<'a> {
    fn new(graph: &'a GraphProto, folder: Option<&'a Path>) -> Result<Self> {
        let mut dense = BTreeMap::new();
        for tensor in &graph.initializer {
            if dense.insert(tensor.name.as_str(), tensor).is_some() {
                return Err(Error::DuplicateTensor { tensor: tensor.name.clone() });
            }
        }
        let values = graph.sparse_initializer.iter().filter_map(|tensor| tensor.values.as_ref());
        Ok(Self { dense, sparse: values.map(|values| values.name.as_str()).collect(), folder })
    }

    /// The numbers of initializer `name`, which must be there.
    fn constant(&self, name: &str) -> Result<Constant> {
        let Some(initializer) = self.dense.get(name) else {
            let message = "it is sparse, expected a dense tensor".to_owned();
            return Err(Error::Tensor { tensor: name.to_owned(), message });
        };
        match external::fetched(initializer, name, self.folder)? {
            Some(tensor) => constant::constant(&tensor, name),
            None => constant::constant(initializer, name),
        }
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
fn refuse_unsupported<'a>(nodes: impl Iterator<Item = &'a NodeProto>) -> Result<()> {
    let mut unsupported: BTreeMap<String, UnsupportedOp> = BTreeMap::new();
    for node in nodes {
        let op = node.op_type.as_str();
        let is_known = fold::OPS.contains(&op) || registration(op).is_some();
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
mod conformance;
#[cfg(test)]
mod tests;
