//! The ONNX file format: the protobuf messages and fields that this crate reads or writes, and nothing else.
//!
//! Fields that are left out here are skipped by the decoder. Subgraphs (`If`, `Loop`) are among them, so no file can
//! make the decoder recurse.
//!
//! Source: ONNX specification, `onnx.proto`, IR version 8 (<https://onnx.ai/onnx/repo-docs/IR.html>).

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The oldest operator set that is read.
pub(crate) const OLDEST_OPSET: i64 = 7;
/// The newest operator set that is read.
pub(crate) const NEWEST_OPSET: i64 = 22;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(crate) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(crate) producer_name: String,
    #[prost(string, tag = "3")]
    pub(crate) producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<StringStringEntryProto>,
}

/// The operator set of one domain.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, tag = "2")]
    pub(crate) version: i64,
}

/// A key and its value.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// Nodes, constants, inputs and outputs.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "15")]
    pub(crate) sparse_initializer: Vec<SparseTensorProto>,
}

/// A node. An empty name among the inputs or outputs means that it is left out.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub(crate) domain: String,
}

/// An attribute; `kind` says which of the fields holds its value.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(float, optional, tag = "2")]
    pub(crate) f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub(crate) i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(crate) s: Option<Vec<u8>>,
    #[prost(message, optional, boxed, tag = "5")]
    pub(crate) t: Option<Box<TensorProto>>,
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub(crate) floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(crate) ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub(crate) kind: i32,
}

/// The values of [`AttributeProto::kind`].
pub(crate) mod attribute_kind {
    pub(crate) const UNDEFINED: i32 = 0;
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT: i32 = 2;
    pub(crate) const STRING: i32 = 3;
    pub(crate) const TENSOR: i32 = 4;
    pub(crate) const FLOATS: i32 = 6;
    pub(crate) const INTS: i32 = 7;
}

/// Numbers with a shape, in `raw_data` (little endian) or in the field of their type.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(crate) float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub(crate) int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub(crate) int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(crate) raw_data: Option<Vec<u8>>,
    #[prost(double, repeated, tag = "10")]
    pub(crate) double_data: Vec<f64>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) external_data: Vec<StringStringEntryProto>,
    #[prost(int32, tag = "14")]
    pub(crate) data_location: i32,
}

/// The values of [`TensorProto::data_type`] and [`TensorTypeProto::elem_type`].
pub(crate) mod data_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const UINT8: i32 = 2;
    pub(crate) const INT8: i32 = 3;
    pub(crate) const INT32: i32 = 6;
    pub(crate) const INT64: i32 = 7;
    pub(crate) const BOOL: i32 = 9;
    pub(crate) const FLOAT16: i32 = 10;
    pub(crate) const DOUBLE: i32 = 11;
    pub(crate) const BFLOAT16: i32 = 16;

    /// The word for a type in messages.
    pub(crate) fn name(data_type: i32) -> String {
        const NAMES: [&str; 17] = [
            "no type",
            "float",
            "uint8",
            "int8",
            "uint16",
            "int16",
            "int32",
            "int64",
            "string",
            "bool",
            "float16",
            "double",
            "uint32",
            "uint64",
            "complex64",
            "complex128",
            "bfloat16",
        ];
        let known = usize::try_from(data_type).ok().and_then(|index| NAMES.get(index));
        known.map_or_else(|| format!("type number {data_type}"), |&name| name.to_owned())
    }
}

/// The value of [`TensorProto::data_location`] that says the numbers are in another file.
pub(crate) const LOCATION_EXTERNAL: i32 = 1;

/// A tensor that lists its non-zero elements; only its name is read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SparseTensorProto {
    #[prost(message, optional, boxed, tag = "1")]
    pub(crate) values: Option<Box<TensorProto>>,
}

/// Name and type of an input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) r#type: Option<TypeProto>,
}

/// A type; only tensors are read, the others leave `tensor_type` empty.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorTypeProto>,
}

/// Element type and shape.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub(crate) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<TensorShapeProto>,
}

/// The axes of a tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<DimensionProto>,
}

/// One axis: a number, a symbol, or neither.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    pub(crate) dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) dim_param: Option<String>,
}

/// Decodes a file.
///
/// # Errors
/// A phrase about what is wrong with the bytes, to follow "not an ONNX file: ".
pub(crate) fn decode(bytes: &[u8]) -> Result<ModelProto, String> {
    let mut entries = 0;
    count_entries(bytes, MODEL, &mut entries)?;
    ModelProto::decode(bytes).map_err(|error| error.to_string())
}

/// An empty message takes 2 bytes in a file and over 100 in memory. Real networks have a few thousand messages;
/// with this limit a file of nothing but empty ones cannot take more than some 100 MB.
const MOST_ENTRIES: usize = 1 << 19;

/// The fields of a message that hold messages, as (tag, what is in them).
struct Nesting(&'static [(u32, &'static Nesting)]);

static LEAF: Nesting = Nesting(&[]);
static TENSOR: Nesting = Nesting(&[(13, &LEAF)]);
static NODE: Nesting = Nesting(&[(1, &LEAF), (2, &LEAF), (5, &Nesting(&[(5, &TENSOR)]))]);
static VALUE: Nesting = Nesting(&[(2, &Nesting(&[(1, &Nesting(&[(2, &Nesting(&[(1, &LEAF)]))]))]))]);
static GRAPH: Nesting =
    Nesting(&[(1, &NODE), (5, &TENSOR), (11, &VALUE), (12, &VALUE), (15, &Nesting(&[(1, &TENSOR)]))]);
static MODEL: &Nesting = &Nesting(&[(7, &GRAPH), (8, &LEAF), (14, &LEAF)]);

/// Counts the messages in `bytes` without decoding them. The recursion is as deep as [`MODEL`] is.
fn count_entries(mut bytes: &[u8], nesting: &Nesting, entries: &mut usize) -> Result<(), String> {
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes).map_err(|error| error.to_string())?;
        let inner = nesting.0.iter().find(|&&(known, _)| known == tag);
        if let (Some((_, inner)), WireType::LengthDelimited) = (inner, wire_type) {
            let length = decode_varint(&mut bytes).map_err(|error| error.to_string())?;
            let length = usize::try_from(length).ok().filter(|&length| length <= bytes.len());
            let Some(length) = length else { return Err("it ends in the middle".to_owned()) };
            let (message, rest) = bytes.split_at(length);
            *entries += 1;
            if *entries > MOST_ENTRIES {
                return Err(format!("it has more than {MOST_ENTRIES} nodes, attributes and tensors"));
            }
            // Strings and the like are counted and not looked into.
            if !inner.0.is_empty() {
                count_entries(message, inner, entries)?;
            }
            bytes = rest;
        } else {
            skip_field(wire_type, tag, &mut bytes, DecodeContext::default())
                .map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
