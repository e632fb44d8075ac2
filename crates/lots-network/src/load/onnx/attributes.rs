//! The attributes of a node in an ONNX file.

use super::constant::constant;
use crate::error::{Error, Result};
use crate::load::Attribute;
use crate::onnx::{AttributeProto, NodeProto, attribute_kind};

/// The attributes of a node.
pub(crate) fn attributes(proto: &NodeProto, node: &str) -> Result<Vec<(String, Attribute)>> {
    let fault = |attribute: &AttributeProto, expected: &str| Error::Node {
        node: node.to_owned(),
        op: proto.op_type.clone(),
        message: format!("attribute `{}` {expected}", attribute.name),
    };
    let mut attributes = Vec::with_capacity(proto.attribute.len());
    for attribute in &proto.attribute {
        let value = match kind(attribute) {
            attribute_kind::FLOAT => Attribute::Float(attribute.f.unwrap_or_default()),
            attribute_kind::INT => Attribute::Int(attribute.i.unwrap_or_default()),
            attribute_kind::FLOATS => Attribute::Floats(attribute.floats.clone()),
            attribute_kind::INTS => Attribute::Ints(attribute.ints.clone()),
            attribute_kind::STRING => {
                let text = attribute.s.clone().unwrap_or_default();
                Attribute::String(
                    String::from_utf8(text).ok().ok_or_else(|| fault(attribute, "is not text in UTF-8"))?,
                )
            }
            attribute_kind::TENSOR => {
                let tensor = attribute.t.as_ref().ok_or_else(|| fault(attribute, "has no value"))?;
                let name = proto.output.first().map_or(node, String::as_str);
                Attribute::Constant(constant(tensor, name)?)
            }
            _ => return Err(fault(attribute, "is neither a number, nor text, nor a dense tensor")),
        };
        attributes.push((attribute.name.clone(), value));
    }
    Ok(attributes)
}

/// The kind of an attribute, guessed from its value where old files do not say it.
fn kind(attribute: &AttributeProto) -> i32 {
    if attribute.kind != attribute_kind::UNDEFINED {
        return attribute.kind;
    }
    let present = [
        (attribute.f.is_some(), attribute_kind::FLOAT),
        (attribute.i.is_some(), attribute_kind::INT),
        (attribute.s.is_some(), attribute_kind::STRING),
        (attribute.t.is_some(), attribute_kind::TENSOR),
        (!attribute.floats.is_empty(), attribute_kind::FLOATS),
        (!attribute.ints.is_empty(), attribute_kind::INTS),
    ];
    present.iter().find(|(is_present, _)| *is_present).map_or(attribute_kind::UNDEFINED, |&(_, kind)| kind)
}
