//! Writing ONNX files: IR version 8, operator set 13, one file with everything in it.
//!
//! The same graph gives the same bytes, and so does the graph that is read back from them.

use std::collections::BTreeMap;

use prost::Message;

use super::NodeWriter;
use crate::graph::{Graph, GraphNode, Source, Tensor, TensorId};
use crate::load::{Attribute, Constant, ConstantValues};
use crate::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    attribute_kind, data_type,
};
use crate::shape::Shape;
use crate::unique_names::UniqueNames;

/// ONNX 1.10, read by everything of the last years.
const IR_VERSION: i64 = 8;
/// ONNX 1.16, for the later operator set.
const LATER_IR_VERSION: i64 = 10;
/// The operator set in which files are written, unless an op of the network is from a later one.
pub(crate) const OPSET: i64 = 13;
/// The operator set in which all others are written: the last in which the ops mean what they write.
const LATER_OPSET: i64 = 21;
/// The symbol of the batch axis.
const BATCH: &str = "N";

/// The bytes of an ONNX file with the nodes that lead to `outputs`, and `metadata` as its properties.
pub(crate) fn write(graph: &Graph, outputs: &[TensorId], metadata: &[(String, String)]) -> Vec<u8> {
    let mut writer = GraphWriter::new(graph, outputs);
    for node in &graph.nodes {
        if writer.wanted[node.output] {
            writer.node(node);
        }
    }
    let opset = writer.opset;
    let model = ModelProto {
        ir_version: if opset == OPSET { IR_VERSION } else { LATER_IR_VERSION },
        producer_name: "lots".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        metadata_props: metadata
            .iter()
            .map(|(key, value)| StringStringEntryProto { key: key.clone(), value: value.clone() })
            .collect(),
        graph: Some(writer.finish(outputs)),
    };
    model.encode_to_vec()
}

struct GraphWriter<'a> {
    graph: &'a Graph,
    /// Which tensors the outputs need.
    wanted: Vec<bool>,
    /// The names in the file of those tensors that are in it already.
    names: BTreeMap<TensorId, String>,
    taken: UniqueNames,
    opset: i64,
    node: Vec<NodeProto>,
    initializer: Vec<TensorProto>,
}

impl<'a> GraphWriter<'a> {
    fn new(graph: &'a Graph, outputs: &[TensorId]) -> Self {
        let mut wanted = vec![false; graph.tensors.len()];
        for &output in outputs {
            wanted[output] = true;
        }
        for node in graph.nodes.iter().rev() {
            if wanted[node.output] {
                for &operand in &node.operands {
                    wanted[operand] = true;
                }
            }
        }
        let mut written = graph.nodes.iter().filter(|node| wanted[node.output]);
        let opset = if written.any(|node| node.op.opset() > OPSET) { LATER_OPSET } else { OPSET };
        let (names, taken) = (BTreeMap::new(), UniqueNames::default());
        let mut writer =
            Self { graph, wanted, names, taken, opset, node: Vec::new(), initializer: Vec::new() };
        // What people address by name keeps it; constants that nodes write besides give way.
        writer.name(Graph::INPUT);
        for tensor in 0..graph.tensors.len() {
            if writer.wanted[tensor] {
                writer.name(tensor);
            }
        }
        writer
    }

    /// The name of a tensor in the file.
    fn name(&mut self, tensor: TensorId) -> String {
        if let Some(name) = self.names.get(&tensor) {
            return name.clone();
        }
        // An empty name would mean that the tensor is left out.
        let wanted = Some(self.graph.tensors[tensor].name.as_str()).filter(|name| !name.is_empty());
        let name = self.taken.take(wanted.unwrap_or("tensor"), |_| false);
        self.names.insert(tensor, name.clone());
        name
    }

    fn node(&mut self, node: &GraphNode) {
        let mut description = NodeWriter { opset: self.opset, ..NodeWriter::default() };
        node.op.save(&mut description);
        let mut input = Vec::with_capacity(node.operands.len() + description.constants.len() + 1);
        if let Some(condition) = &description.condition {
            let name = self.taken.take(&format!("{}.condition", node.name), |_| false);
            let truths = bytes_of_truths(condition);
            self.initializer.push(TensorProto {
                data_type: data_type::BOOL,
                raw_data: Some(truths),
                ..tensor_proto(name.clone(), condition)
            });
            input.push(name);
        }
        for &operand in &node.operands {
            input.push(self.operand(operand, description.parameters_have_batch_axis));
        }
        for (index, constant) in description.constants.iter().enumerate() {
            input.push(constant.as_ref().map_or_else(String::new, |constant| {
                let name =
                    self.taken.take(&format!("{}.{}", node.name, node.operands.len() + index), |_| false);
                self.initializer.push(tensor_proto(name.clone(), constant));
                name
            }));
        }
        let output = vec![self.name(node.output)];
        self.node.push(NodeProto {
            input,
            output,
            name: node.name.clone(),
            op_type: node.op.name().to_owned(),
            attribute: description
                .attributes
                .iter()
                .map(|(name, value)| attribute_proto(name, value))
                .collect(),
            domain: String::new(),
        });
    }

    /// The name of an operand. A parameter is written when the first node reads it: the order in which it is read back.
    fn operand(&mut self, tensor: TensorId, has_batch_axis: bool) -> String {
        let name = self.name(tensor);
        let Tensor { shape, source, .. } = &self.graph.tensors[tensor];
        if let Source::Parameter(values) = source
            && std::mem::take(&mut self.wanted[tensor])
        {
            let batch = has_batch_axis.then_some(1);
            let shape =
                Shape::new(batch.into_iter().chain(shape.extents().iter().copied()).collect::<Vec<_>>());
            let constant = Constant { shape, values: ConstantValues::F32(values.clone()) };
            self.initializer.push(tensor_proto(name.clone(), &constant));
        }
        name
    }

    fn finish(mut self, outputs: &[TensorId]) -> GraphProto {
        let shape = |tensor: TensorId| &self.graph.tensors[tensor].shape;
        let input = value_info(self.names[&Graph::INPUT].clone(), shape(Graph::INPUT));
        let output =
            outputs.iter().map(|&tensor| value_info(self.names[&tensor].clone(), shape(tensor))).collect();
        GraphProto {
            node: std::mem::take(&mut self.node),
            name: "lots".to_owned(),
            initializer: self.initializer,
            input: vec![input],
            output,
            sparse_initializer: Vec::new(),
        }
    }
}

/// Name and shape of the input or an output, with the batch axis in front.
fn value_info(name: String, shape: &Shape) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some(BATCH.to_owned()) };
    let extent =
        |&extent: &usize| DimensionProto { dim_value: Some(extent.cast_signed() as i64), dim_param: None };
    let dim = std::iter::once(batch).chain(shape.extents().iter().map(extent)).collect();
    let tensor_type = TensorTypeProto { elem_type: data_type::FLOAT, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name, r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

fn tensor_proto(name: String, constant: &Constant) -> TensorProto {
    let (data_type, raw) = match &constant.values {
        ConstantValues::F32(values) => (data_type::FLOAT, bytes(values, f32::to_le_bytes)),
        ConstantValues::I64(values) => (data_type::INT64, bytes(values, i64::to_le_bytes)),
    };
    TensorProto {
        dims: constant.shape.extents().iter().map(|&extent| extent.cast_signed() as i64).collect(),
        data_type,
        name,
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}

/// One byte a truth value.
fn bytes_of_truths(condition: &Constant) -> Vec<u8> {
    match &condition.values {
        ConstantValues::I64(values) => values.iter().map(|&value| u8::from(value != 0)).collect(),
        ConstantValues::F32(_) => unreachable!("truth values are kept as integers"),
    }
}

fn bytes<T: Copy, const BYTES: usize>(values: &[T], to_bytes: impl Fn(T) -> [u8; BYTES]) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * BYTES];
    for (slot, &value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
        *slot = to_bytes(value);
    }
    bytes
}

fn attribute_proto(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    match value {
        Attribute::Int(value) => (proto.kind, proto.i) = (attribute_kind::INT, Some(*value)),
        Attribute::Ints(values) => (proto.kind, proto.ints) = (attribute_kind::INTS, values.clone()),
        Attribute::Float(value) => (proto.kind, proto.f) = (attribute_kind::FLOAT, Some(*value)),
        Attribute::Floats(values) => (proto.kind, proto.floats) = (attribute_kind::FLOATS, values.clone()),
        Attribute::String(text) => {
            let bytes = text.clone().into_bytes();
            (proto.kind, proto.s) = (attribute_kind::STRING, Some(bytes));
        }
        Attribute::Constant(constant) => {
            let tensor = tensor_proto(String::new(), constant);
            (proto.kind, proto.t) = (attribute_kind::TENSOR, Some(Box::new(tensor)));
        }
    }
    proto
}
