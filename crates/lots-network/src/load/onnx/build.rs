//! Nodes of a file to nodes of a [`Graph`].

use std::collections::BTreeMap;

use super::attributes::attributes;
use super::input::{ImageInput, MOST_ELEMENTS, MOST_TOGETHER};
use super::order::Producers;
use super::{Given, fold, node_name, registration};
use crate::error::{Error, OpError, Result};
use crate::graph::{Graph, TensorId};
use crate::load::{Attribute, Axes, Constant, ConstantValues, Input, Node};
use crate::onnx::NodeProto;
use crate::op::Parsed;
use crate::op::reshape::Reshape;
use crate::shape::Shape;
use crate::unique_names::UniqueNames;

/// Builds the graph, node by node, operands first.
pub(crate) struct Builder<'a> {
    opset: i64,
    /// The extent of the batch axis in the file; 1 where any number of images fits.
    batch: usize,
    given: &'a Given<'a>,
    producers: &'a Producers<'a>,
    pub(super) graph: Graph,
    pub(super) values: BTreeMap<&'a str, Value>,
    /// Tensors that were given all axes of the file, with the tensors without the batch that they were made of.
    with_all_axes: BTreeMap<TensorId, TensorId>,
    /// How many elements of constants may still be read and written to compute others.
    room: usize,
    /// How many elements the tensors of one image have so far.
    elements: usize,
    /// Names of tensors that are in the graph and not in the file.
    made_up: UniqueNames,
    node_names: UniqueNames,
}

/// What is known of a tensor of the file.
pub(super) enum Value {
    /// Depends on the image.
    Varying(TensorId, Axes),
    /// The image with its channels behind height and width, while nothing needs it like that.
    ChannelsLast,
    /// The same for all images, with the parameters that were made of it.
    Constant(Constant, Vec<TensorId>),
}

/// A node that its op has read, and the shape of what it computes.
struct Read {
    parsed: Parsed,
    shape: Shape,
    axes: Axes,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        opset: i64,
        image: &ImageInput<'a>,
        given: &'a Given<'a>,
        producers: &'a Producers<'a>,
        room: usize,
    ) -> Self {
        let value = if image.channels_last {
            Value::ChannelsLast
        } else {
            Value::Varying(Graph::INPUT, Axes::OfImage)
        };
        Self {
            opset,
            batch: image.batch.unwrap_or(1),
            given,
            producers,
            graph: Graph::new(image.name, image.shape.clone()),
            values: BTreeMap::from([(image.name, value)]),
            with_all_axes: BTreeMap::new(),
            room,
            elements: image.shape.count(),
            made_up: UniqueNames::default(),
            node_names: UniqueNames::default(),
        }
    }

    /// Adds what a node computes for those of its outputs that are `used`; its operands are there already.
    pub(crate) fn add(&mut self, node: &'a NodeProto, used: impl Fn(&str) -> bool) -> Result<()> {
        let name = node_name(node);
        for (index, output) in node.output.iter().enumerate() {
            if used(output) {
                let value = self.value(node, &name, index)?;
                self.values.insert(output, value);
            }
        }
        Ok(())
    }

    /// The finished graph and its outputs.
    pub(crate) fn finish(mut self, outputs: &[&'a str]) -> Result<(Graph, Vec<TensorId>)> {
        let mut tensors = Vec::with_capacity(outputs.len());
        for &output in outputs {
            self.resolve(output)?;
            match self.values.get(output) {
                Some(&Value::Varying(tensor, _)) if self.graph.producer(tensor).is_some() => {
                    tensors.push(tensor);
                }
                _ => return Err(Error::OutputNotComputed { output: output.to_owned() }),
            }
        }
        Ok((self.graph, tensors))
    }

    /// What a node computes as its output number `output`.
    fn value(&mut self, proto: &'a NodeProto, name: &str, output: usize) -> Result<Value> {
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
            return Ok(Value::Varying(Graph::INPUT, Axes::OfImage));
        }
        for input in input_names {
            self.resolve(input)?;
        }
        let inputs: Vec<Input<'_>> =
            input_names.iter().map(|input| self.input(input, Axes::OfImage, &[])).collect();
        let node = Node {
            op: &proto.op_type,
            opset: self.opset,
            attributes: &attributes,
            inputs: &inputs,
            axes: Axes::OfImage,
            batch: self.batch,
            output: [output, proto.output.len()],
        };
        if !inputs.is_empty() && !inputs.iter().any(|input| matches!(input, Input::Batched(_))) {
            let Some(constant) = fold::constant_result(&node, self.room).map_err(fault)? else {
                return Err(Error::ConstantNode { node: name.to_owned(), op: proto.op_type.clone() });
            };
            self.room = self.room.saturating_sub(fold::work(&node, &constant));
            return Ok(constant_value(constant));
        }
        if let ("Shape" | "Size", Some(extents)) = (node.op, self.file_extents(input_names)) {
            return fold::shape_result(&node, &extents).map(constant_value).map_err(fault);
        }
        match self.read(&node, input_names) {
            Ok(read) => self.place(name, read, input_names, &proto.output[output]),
            Err(error) => match self.gemm_of_rows(&node, input_names).map_err(fault)? {
                Some(gemm) => self.place_gemm_of_rows(name, gemm, &proto.output[output]),
                None => Err(fault(error)),
            },
        }
    }

    /// Lets the op read the node: without the batch where it can, otherwise as in a batch of one image.
    fn read(&self, node: &Node<'_>, input_names: &[String]) -> Result<Read, OpError> {
        let has_all_axes =
            |name: &String| matches!(self.values.get(name.as_str()), Some(Value::Varying(_, Axes::All)));
        let of_image = if input_names.iter().any(has_all_axes) {
            Err(OpError::new("the batch is not the first axis of its input"))
        } else {
            read_node(node)
        };
        if of_image.is_ok() || self.batch != 1 {
            return of_image;
        }
        let whole: Vec<Shape> = input_names.iter().map(|name| self.whole_shape(name)).collect();
        let inputs: Vec<Input<'_>> = input_names
            .iter()
            .enumerate()
            .map(|(index, name)| self.input(name, Axes::All, &whole[index..]))
            .collect();
        // What is wrong in the more common reading says more, unless there was none.
        let error = if input_names.iter().any(has_all_axes) { None } else { of_image.err() };
        read_node(&Node { inputs: &inputs, axes: Axes::All, ..*node })
            .map_err(|whole_error| error.unwrap_or(whole_error))
    }

    /// Adds the node to the graph.
    fn place(&mut self, name: &str, read: Read, input_names: &'a [String], output: &str) -> Result<Value> {
        let Read { parsed, shape, axes } = read;
        let fault = |op: &str, error: OpError| Error::Node {
            node: name.to_owned(),
            op: op.to_owned(),
            message: error.message,
        };
        let op = parsed.op.name();
        let mut operands = self.operands(&parsed, input_names).map_err(|error| fault(op, error))?;
        if axes == Axes::OfImage {
            return Ok(Value::Varying(self.add_node(name, parsed, operands, output)?, Axes::OfImage));
        }
        let inner = shape.extents().strip_prefix(&[1]).map(Shape::new);
        let only_reshapes = op == "Reshape";
        for (&index, operand) in parsed.operands.iter().zip(&mut operands) {
            if !only_reshapes
                && matches!(
                    self.values.get(input_names[index].as_str()),
                    Some(Value::Varying(_, Axes::OfImage))
                )
            {
                *operand = self.give_all_axes(*operand)?;
            }
        }
        let Some(inner) = inner else {
            return Ok(Value::Varying(self.add_node(name, parsed, operands, output)?, Axes::All));
        };
        // An axis of 1 in front is the batch again.
        if !only_reshapes {
            let with_all_axes = self.unused(&format!("{output}_all_axes"));
            operands = vec![self.add_node(name, parsed, operands, &with_all_axes)?];
        }
        let reshape = Parsed::new(Reshape { shape: inner }, [0]);
        Ok(Value::Varying(self.add_node(name, reshape, operands, output)?, Axes::OfImage))
    }

    /// The tensor with an axis of 1 in front, for its batch.
    fn give_all_axes(&mut self, tensor: TensorId) -> Result<TensorId> {
        if let Some(&known) = self.with_all_axes.get(&tensor) {
            return Ok(known);
        }
        let name = self.unused(&format!("{}_all_axes", self.graph.tensors[tensor].name));
        let reshape = Parsed::new(Reshape { shape: with_batch(1, &self.graph.tensors[tensor].shape) }, [0]);
        let id = self.add_node(&name, reshape, vec![tensor], &name)?;
        self.with_all_axes.insert(tensor, id);
        Ok(id)
    }

    /// The extents of the only input as the file means them, if it depends on the image.
    fn file_extents(&self, input_names: &[String]) -> Option<Vec<usize>> {
        let [name] = input_names else { return None };
        match self.values.get(name.as_str()) {
            Some(&Value::Varying(id, Axes::OfImage)) => {
                Some(with_batch(self.batch, &self.graph.tensors[id].shape).extents().to_vec())
            }
            Some(&Value::Varying(id, Axes::All)) => Some(self.graph.tensors[id].shape.extents().to_vec()),
            _ => None,
        }
    }

    /// The shape of a tensor that depends on the image with all axes, for a batch of one; of no use for others.
    fn whole_shape(&self, name: &str) -> Shape {
        match self.values.get(name) {
            Some(&Value::Varying(id, Axes::OfImage)) => with_batch(1, &self.graph.tensors[id].shape),
            Some(&Value::Varying(id, Axes::All)) => self.graph.tensors[id].shape.clone(),
            _ => Shape::from([]),
        }
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
                self.values.insert(tensor, Value::Varying(id, Axes::OfImage));
            }
            Some(_) => {}
            None => {
                self.values.insert(tensor, constant_value(self.given.constant(tensor)?));
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
        let node = Node {
            op: "Transpose",
            opset: self.opset,
            attributes: &attributes,
            inputs: &inputs,
            ..Node::default()
        };
        let parsed = (transpose.parse)(&node).map_err(fault)?;
        self.add_node(&name, parsed, vec![Graph::INPUT], &name)
    }

    /// An input as the op sees it; the first of `whole` is its shape with all axes.
    fn input<'s>(&'s self, tensor: &str, axes: Axes, whole: &'s [Shape]) -> Input<'s> {
        match (self.values.get(tensor), axes, whole.first()) {
            (Some(Value::Constant(constant, _)), ..) => Input::Constant(constant),
            (Some(&Value::Varying(..)), Axes::All, Some(shape)) => Input::Batched(shape),
            (Some(&Value::Varying(id, _)), ..) => Input::Batched(&self.graph.tensors[id].shape),
            (Some(Value::ChannelsLast) | None, ..) => Input::Absent,
        }
    }

    /// The tensors of a node's operands; constants among them become parameters.
    fn operands(&mut self, parsed: &Parsed, inputs: &'a [String]) -> Result<Vec<TensorId>, OpError> {
        let mut operands = Vec::with_capacity(parsed.operands.len());
        for (position, &index) in parsed.operands.iter().enumerate() {
            let reshaped = parsed.reshaped.iter().find(|&&(known, _)| known == position);
            let input = inputs.get(index).map_or("", String::as_str);
            operands.push(match self.values.get(input) {
                Some(&Value::Varying(id, _)) => id,
                Some(Value::Constant(..)) => {
                    let takes_integers = parsed.op.name() == "Pow" && index == 1;
                    self.parameter(input, (index, takes_integers), reshaped.map(|(_, shape)| shape))?
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
        (index, takes_integers): (usize, bool),
        shape: Option<&Shape>,
    ) -> Result<TensorId, OpError> {
        let Some(Value::Constant(constant, parameters)) = self.values.get(tensor) else {
            unreachable!("the caller has seen the constant")
        };
        let values = match &constant.values {
            ConstantValues::F32(values) => values.clone(),
            // Exponents may be whole numbers of any type.
            ConstantValues::I64(values) if takes_integers => {
                values.iter().map(|&value| value as f32).collect()
            }
            ConstantValues::I64(_) => {
                return Err(OpError::new(format!("input {index} must hold floating-point numbers")));
            }
        };
        let shape = shape.unwrap_or(&constant.shape).clone();
        let same = parameters.iter().find(|&&id| self.graph.tensors[id].shape == shape);
        if let Some(&id) = same {
            return Ok(id);
        }
        if shape.count() != values.len() {
            return Err(OpError::new(format!("input {index} has {} values, expected {shape}", values.len())));
        }
        let name = if parameters.is_empty() { tensor.to_owned() } else { self.unused(tensor) };
        let id = self.graph.add_parameter(name, shape, values);
        if let Some(Value::Constant(_, parameters)) = self.values.get_mut(tensor) {
            parameters.push(id);
        }
        Ok(id)
    }

    /// Adds a node and the tensor `output` that it computes.
    pub(super) fn add_node(
        &mut self,
        name: &str,
        parsed: Parsed,
        operands: Vec<TensorId>,
        output: &str,
    ) -> Result<TensorId> {
        let name = self.node_names.take(name, |_| false);
        let id = self.graph.add_node(name, parsed.op, operands, output)?;
        let shape = &self.graph.tensors[id].shape;
        if !shape.is_within(MOST_ELEMENTS) {
            return Err(Error::TooLarge { tensor: output.to_owned(), limit: MOST_ELEMENTS });
        }
        self.elements += shape.count();
        if self.elements > MOST_TOGETHER {
            return Err(Error::TooLargeTogether { limit: MOST_TOGETHER });
        }
        Ok(id)
    }

    /// Adds a parameter that is in no file, of floats.
    pub(super) fn add_constant(&mut self, name: &str, constant: Constant) -> TensorId {
        let name = self.unused(name);
        let ConstantValues::F32(values) = constant.values else { unreachable!("only floats are parameters") };
        self.graph.add_parameter(name, constant.shape, values)
    }

    /// What is known of a tensor.
    pub(super) fn known(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The shape of a tensor of the graph.
    pub(super) fn shape(&self, tensor: TensorId) -> &Shape {
        &self.graph.tensors[tensor].shape
    }

    /// A tensor name like `wanted` that neither the file nor the graph has.
    pub(super) fn unused(&mut self, wanted: &str) -> String {
        self.made_up.take(wanted, |name| {
            self.values.contains_key(name) || self.given.contains(name) || self.producers.contains(name)
        })
    }
}

/// What the op of the node makes of it, and the shape of the result.
fn read_node(node: &Node<'_>) -> Result<Read, OpError> {
    let Some(registration) = registration(node.op) else {
        return Err(OpError::new("it is computed from constants only"));
    };
    let parsed = (registration.parse)(node)?;
    let mut shapes = Vec::with_capacity(parsed.operands.len());
    for (position, &index) in parsed.operands.iter().enumerate() {
        let reshaped = parsed.reshaped.iter().find(|&&(known, _)| known == position);
        shapes.push(match (reshaped, node.inputs.get(index)) {
            (Some((_, shape)), _) | (None, Some(&Input::Batched(shape))) => shape,
            (None, Some(Input::Constant(constant))) => &constant.shape,
            (None, Some(Input::Absent) | None) => {
                return Err(OpError::new(format!("input {index} is left out")));
            }
        });
    }
    let shape = parsed.op.output_shape(&shapes)?;
    Ok(Read { parsed, shape, axes: node.axes })
}

/// The shape of one image with the batch in front.
pub(super) fn with_batch(batch: usize, image: &Shape) -> Shape {
    Shape::new(std::iter::once(batch).chain(image.extents().iter().copied()).collect::<Vec<_>>())
}

fn constant_value(constant: Constant) -> Value {
    Value::Constant(constant, Vec::new())
}
