//! Nodes of a file to nodes of a [`Graph`].

use std::collections::BTreeMap;

use super::constant::constant;
use super::input::{ImageInput, MOST_ELEMENTS};
use super::order::Producers;
use super::{Given, fold, node_name, registration};
use crate::error::{Error, OpError, Result};
use crate::graph::{Graph, TensorId};
use crate::load::{Attribute, Constant, ConstantValues, Input, Node};
use crate::onnx::{AttributeProto, NodeProto, attribute_kind};
use crate::op::Parsed;
use crate::shape::Shape;
use crate::unique_names::UniqueNames;

/// Builds the graph, node by node, operands first.
pub(crate) struct Builder<'a> {
    opset: i64,
    given: &'a Given<'a>,
    producers: &'a Producers<'a>,
    graph: Graph,
    values: BTreeMap<&'a str, Value>,
    /// Names of tensors that are in the graph and not in the file.
    made_up: UniqueNames,
    node_names: UniqueNames,
}

/// What is known of a tensor of the file.
enum Value {
    /// Depends on the image.
    Batched(TensorId),
    /// The image with its channels behind height and width, while nothing needs it like that.
    ChannelsLast,
    /// The same for all images, with the parameters that were made of it.
    Constant(Constant, Vec<TensorId>),
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        opset: i64,
        image: &ImageInput<'a>,
        given: &'a Given<'a>,
        producers: &'a Producers<'a>,
    ) -> Self {
        let value = if image.channels_last { Value::ChannelsLast } else { Value::Batched(Graph::INPUT) };
        Self {
            opset,
            given,
            producers,
            graph: Graph::new(image.name, image.shape.clone()),
            values: BTreeMap::from([(image.name, value)]),
            made_up: UniqueNames::default(),
            node_names: UniqueNames::default(),
        }
    }

    /// Adds a node whose operands are there already.
    pub(crate) fn add(&mut self, node: &'a NodeProto) -> Result<()> {
        let name = node_name(node);
        let value = self.value(node, &name)?;
        self.values.insert(&node.output[0], value);
        Ok(())
    }

    /// The finished graph and its outputs.
    pub(crate) fn finish(mut self, outputs: &[&'a str]) -> Result<(Graph, Vec<TensorId>)> {
        let mut tensors = Vec::with_capacity(outputs.len());
        for &output in outputs {
            self.resolve(output)?;
            match self.values.get(output) {
                Some(&Value::Batched(tensor)) if self.graph.producer(tensor).is_some() => {
                    tensors.push(tensor);
                }
                _ => return Err(Error::OutputNotComputed { output: output.to_owned() }),
            }
        }
        Ok((self.graph, tensors))
    }

    /// What a node computes.
    fn value(&mut self, proto: &'a NodeProto, name: &str) -> Result<Value> {
        let fault = |error: OpError| Error::Node {
            node: name.to_owned(),
            op: proto.op_type.clone(),
            message: error.message,
        };
        let attributes = attributes(proto, name)?;
        if proto.op_type == "Constant" {
            return fold::constant_node(&attributes).map(constant_value).map_err(fault);
        }
        let given = proto.input.iter().rposition(|input| !input.is_empty()).map_or(0, |last| last + 1);
        let input_names = &proto.input[..given];
        if self.undoes_channels_last(proto, input_names, &attributes) {
            return Ok(Value::Batched(Graph::INPUT));
        }
        for input in input_names {
            self.resolve(input)?;
        }
        let inputs: Vec<Input<'_>> = input_names.iter().map(|input| self.input(input)).collect();
        let node = Node { name, opset: self.opset, attributes: &attributes, inputs: &inputs };
        if !inputs.is_empty() && !inputs.iter().any(|input| matches!(input, Input::Batched(_))) {
            return match fold::constant_result(&proto.op_type, &node).map_err(fault)? {
                Some(constant) => Ok(constant_value(constant)),
                None => Err(Error::ConstantNode { node: node.name.to_owned(), op: proto.op_type.clone() }),
            };
        }
        let Some(registration) = registration(&proto.op_type) else {
            unreachable!("unsupported operators are refused before")
        };
        let parsed = (registration.parse)(&node).map_err(fault)?;
        let operands = self.operands(&parsed, input_names).map_err(fault)?;
        self.add_node(name, parsed, operands, &proto.output[0]).map(Value::Batched)
    }

    /// Whether the node only brings the channels of the image to the front, where they are in the graph anyway.
    fn undoes_channels_last(
        &self,
        proto: &NodeProto,
        inputs: &[String],
        attributes: &[(String, Attribute)],
    ) -> bool {
        proto.op_type == "Transpose"
            && inputs.len() == 1
            && matches!(self.values.get(inputs[0].as_str()), Some(Value::ChannelsLast))
            && matches!(attributes, [(name, Attribute::Ints(axes))] if name == "perm" && axes[..] == [0, 3, 1, 2])
    }

    /// Sees to it that the value of a tensor is there.
    fn resolve(&mut self, tensor: &'a str) -> Result<()> {
        if tensor.is_empty() {
            return Ok(());
        }
        match self.values.get(tensor) {
            Some(Value::ChannelsLast) => {
                let id = self.bring_channels_to_the_back(tensor)?;
                self.values.insert(tensor, Value::Batched(id));
            }
            Some(_) => {}
            None => {
                let Some(initializer) = self.given.dense.get(tensor) else {
                    let message = "it is sparse, expected a dense tensor".to_owned();
                    return Err(Error::Tensor { tensor: tensor.to_owned(), message });
                };
                self.values.insert(tensor, constant_value(constant(initializer, tensor)?));
            }
        }
        Ok(())
    }

    /// A node in front of the others that gives them the image as they want it.
    fn bring_channels_to_the_back(&mut self, tensor: &str) -> Result<TensorId> {
        let name = self.unused(&format!("{tensor}_channels_last"));
        let fault = |error: OpError| Error::Node {
            node: name.clone(),
            op: "Transpose".to_owned(),
            message: error.message,
        };
        let Some(transpose) = registration("Transpose") else {
            return Err(fault(OpError::new("channels behind height and width are not supported")));
        };
        let attributes = [("perm".to_owned(), Attribute::Ints(vec![0, 2, 3, 1]))];
        let inputs = [Input::Batched(&self.graph.tensors[Graph::INPUT].shape)];
        let node = Node { name: &name, opset: self.opset, attributes: &attributes, inputs: &inputs };
        let parsed = (transpose.parse)(&node).map_err(fault)?;
        self.add_node(&name, parsed, vec![Graph::INPUT], &name)
    }

    fn input(&self, tensor: &str) -> Input<'_> {
        match self.values.get(tensor) {
            Some(Value::Constant(constant, _)) => Input::Constant(constant),
            Some(&Value::Batched(id)) => Input::Batched(&self.graph.tensors[id].shape),
            Some(Value::ChannelsLast) | None => Input::Absent,
        }
    }

    /// The tensors of a node's operands; constants among them become parameters.
    fn operands(&mut self, parsed: &Parsed, inputs: &'a [String]) -> Result<Vec<TensorId>, OpError> {
        let mut operands = Vec::with_capacity(parsed.operands.len());
        for (position, &index) in parsed.operands.iter().enumerate() {
            let reshaped = parsed.reshaped.iter().find(|&&(known, _)| known == position);
            let input = inputs.get(index).map_or("", String::as_str);
            operands.push(match self.values.get(input) {
                Some(&Value::Batched(id)) => id,
                Some(Value::Constant(..)) => {
                    self.parameter(input, index, reshaped.map(|(_, shape)| shape))?
                }
                Some(Value::ChannelsLast) | None => {
                    return Err(OpError::new(format!("input {index} is left out")));
                }
            });
        }
        Ok(operands)
    }

    /// The parameter made of constant `tensor` in the file's shape or the given one; nodes that share the constant
    /// share the parameter.
    fn parameter(
        &mut self,
        tensor: &'a str,
        index: usize,
        shape: Option<&Shape>,
    ) -> Result<TensorId, OpError> {
        let Some(Value::Constant(constant, parameters)) = self.values.get(tensor) else {
            unreachable!("the caller has seen the constant")
        };
        let ConstantValues::F32(values) = &constant.values else {
            return Err(OpError::new(format!("input {index} must hold floating-point numbers")));
        };
        let shape = shape.unwrap_or(&constant.shape).clone();
        let same = parameters.iter().find(|&&id| self.graph.tensors[id].shape == shape);
        if let Some(&id) = same {
            return Ok(id);
        }
        if shape.count() != values.len() {
            return Err(OpError::new(format!("input {index} has {} values, expected {shape}", values.len())));
        }
        let values = values.clone();
        let name = if parameters.is_empty() { tensor.to_owned() } else { self.unused(tensor) };
        let id = self.graph.add_parameter(name, shape, values);
        if let Some(Value::Constant(_, parameters)) = self.values.get_mut(tensor) {
            parameters.push(id);
        }
        Ok(id)
    }

    fn add_node(
        &mut self,
        name: &str,
        parsed: Parsed,
        operands: Vec<TensorId>,
        output: &str,
    ) -> Result<TensorId> {
        let name = self.node_names.take(name, |_| false);
        let id = self.graph.add_node(name, parsed.op, operands, output)?;
        if !self.graph.tensors[id].shape.is_within(MOST_ELEMENTS) {
            return Err(Error::TooLarge { tensor: output.to_owned(), limit: MOST_ELEMENTS });
        }
        Ok(id)
    }

    /// A tensor name like `wanted` that neither the file nor the graph has.
    fn unused(&mut self, wanted: &str) -> String {
        self.made_up.take(wanted, |name| {
            self.values.contains_key(name) || self.given.contains(name) || self.producers.contains(name)
        })
    }
}

fn constant_value(constant: Constant) -> Value {
    Value::Constant(constant, Vec::new())
}

/// The attributes of a node.
fn attributes(proto: &NodeProto, node: &str) -> Result<Vec<(String, Attribute)>> {
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
