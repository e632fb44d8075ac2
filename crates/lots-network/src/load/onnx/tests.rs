mod axes;
mod constants;

use prost::Message;

use super::*;
use crate::load::ConstantValues;
use crate::onnx::*;
use crate::save::onnx::write;
use crate::shape::Shape;

/// Without options, as most tests want it.
fn read(bytes: &[u8]) -> Result<OnnxFile> {
    super::read(bytes, &ReadOptions::default())
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn raw(data_type: i32, dims: &[i64], bytes: &[u8]) -> TensorProto {
    TensorProto { dims: dims.to_vec(), data_type, raw_data: Some(bytes.to_vec()), ..TensorProto::default() }
}

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    NodeProto { input: names(inputs), output: names(outputs), op_type: op.to_owned(), ..NodeProto::default() }
}

fn with_attribute(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

fn tensor_attribute(name: &str, tensor: TensorProto) -> AttributeProto {
    let (name, t) = (name.to_owned(), Some(Box::new(tensor)));
    AttributeProto { name, kind: attribute_kind::TENSOR, t, ..AttributeProto::default() }
}

fn ints_attribute(name: &str, ints: &[i64]) -> AttributeProto {
    let (name, ints) = (name.to_owned(), ints.to_vec());
    AttributeProto { name, kind: attribute_kind::INTS, ints, ..AttributeProto::default() }
}

fn dimension(extent: i64) -> DimensionProto {
    DimensionProto { dim_value: Some(extent), dim_param: None }
}

fn symbol(name: &str) -> DimensionProto {
    DimensionProto { dim_value: None, dim_param: Some(name.to_owned()) }
}

fn value(name: &str, elem_type: i32, dim: Vec<DimensionProto>) -> ValueInfoProto {
    let tensor_type = TensorTypeProto { elem_type, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

fn image(dims: &[i64]) -> ValueInfoProto {
    value("x", data_type::FLOAT, dims.iter().map(|&extent| dimension(extent)).collect())
}

/// x `[1, 1, 4, 4]` → Conv, 2 kernels of 3×3 → conv → Relu → y.
fn small() -> GraphProto {
    let weights: Vec<f32> = (0..18).map(|index| index as f32 * 0.25 - 2.0).collect();
    GraphProto {
        node: vec![node("Conv", &["x", "w", "b"], &["conv"]), node("Relu", &["conv"], &["y"])],
        initializer: vec![floats("w", &[2, 1, 3, 3], &weights), floats("b", &[2], &[0.5, -0.5])],
        input: vec![image(&[1, 1, 4, 4])],
        output: vec![value("y", data_type::FLOAT, Vec::new())],
        ..GraphProto::default()
    }
}

fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

fn load(graph: GraphProto) -> Result<OnnxFile> {
    read(&model(graph).encode_to_vec())
}

/// Loads [`small`] after `change`.
fn load_changed(change: impl FnOnce(&mut GraphProto)) -> Result<OnnxFile> {
    let mut graph = small();
    change(&mut graph);
    load(graph)
}

/// The message for [`small`] after `change`.
#[track_caller]
fn refusal(change: impl FnOnce(&mut GraphProto)) -> String {
    load_changed(change).unwrap_err().to_string()
}

#[test]
fn a_network_keeps_names_and_shapes() {
    let file = load(small()).unwrap();
    let graph = &file.graph;
    assert_eq!(graph.input_shape(), [1, 4, 4]);
    let nodes: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(nodes, ["Conv_conv", "Relu_y"]);
    let tensors: Vec<&str> = graph.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(tensors, ["x", "w", "b", "conv", "y"]);
    assert_eq!(graph.tensors[file.outputs[0]].shape, Shape::from([2, 2, 2]));
}

#[test]
fn a_saved_network_gives_the_same_bytes_again() {
    // Two nodes share a weight, nodes share a name, and a parameter has the name that a node would give another one.
    let file = load_changed(|graph| {
        graph.node.push(node("Conv", &["x", "w", "y_bias"], &["second"]));
        graph.node.push(node("Relu", &["second"], &["y2"]));
        graph.initializer.push(floats("y_bias", &[2], &[1.0, 2.0]));
        graph.output.push(value("y2", data_type::FLOAT, Vec::new()));
        graph.node.iter_mut().for_each(|node| node.name = "same".to_owned());
    })
    .unwrap();
    let metadata = [("key".to_owned(), "value".to_owned())];
    let bytes = write(&file.graph, &file.outputs, &metadata);
    let again = read(&bytes).unwrap();
    assert_eq!(again.metadata, metadata);
    assert_eq!(again.outputs.len(), 2);
    assert_eq!(write(&again.graph, &again.outputs, &again.metadata), bytes);
    let names: Vec<&str> = again.graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["same", "same_2", "same_3", "same_4"]);
}

#[test]
fn nodes_may_come_in_any_order_and_those_that_lead_nowhere_are_left_out() {
    let file = load_changed(|graph| {
        graph.node.push(node("Frobnicate", &["conv", "nothing"], &["nowhere"]));
        graph.node.reverse();
    })
    .unwrap();
    let ops: Vec<&str> = file.graph.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(ops, ["Conv", "Relu"]);
}

#[test]
fn a_long_chain_takes_no_stack_and_little_time() {
    let file = load_changed(|graph| {
        graph.node[1].output[0] = "r0".to_owned();
        for index in 0..30_000 {
            let mut relu = node("Relu", &[&format!("r{index}")], &[&format!("r{}", index + 1)]);
            "the same name".clone_into(&mut relu.name);
            graph.node.push(relu);
        }
        graph.node.reverse();
        graph.output[0].name = "r30000".to_owned();
    })
    .unwrap();
    assert_eq!(file.graph.nodes.len(), 30_002);
}

#[test]
fn any_batch_is_the_batch_axis() {
    for batch in [dimension(1), dimension(64), dimension(-1), symbol("batch_size"), DimensionProto::default()]
    {
        let dims = vec![batch, dimension(1), dimension(4), dimension(4)];
        let file = load_changed(|graph| graph.input[0] = value("x", data_type::FLOAT, dims)).unwrap();
        assert_eq!(file.graph.input_shape(), [1, 4, 4]);
    }
}

#[test]
fn an_image_with_its_channels_last_is_turned_for_those_who_need_it_like_that() {
    let load_nodes = |nodes: Vec<NodeProto>| {
        load_changed(|graph| {
            graph.input[0] = image(&[1, 5, 6, 3]);
            graph.node = nodes;
        })
        .unwrap()
    };
    let transpose = |axes: &[i64], output| {
        with_attribute(node("Transpose", &["x"], &[output]), ints_attribute("perm", axes))
    };
    let ops = |file: &OnnxFile| {
        let ops = file.graph.nodes.iter().map(|node| (node.op.name(), node.operands.clone()));
        ops.collect::<Vec<_>>()
    };
    // The file's own Transpose makes [3, 5, 6] of it, which it is in the graph anyway.
    let file = load_nodes(vec![transpose(&[0, 3, 1, 2], "t"), node("Relu", &["t"], &["y"])]);
    assert_eq!(file.graph.input_shape(), [3, 5, 6]);
    assert_eq!(ops(&file), [("Relu", vec![Graph::INPUT])]);
    // Whatever else reads it gets [5, 6, 3].
    let file = load_nodes(vec![transpose(&[0, 3, 1, 2], "t"), node("Relu", &["x"], &["y"])]);
    assert_eq!(ops(&file), [("Transpose", vec![Graph::INPUT]), ("Relu", vec![1])]);
    assert_eq!(file.graph.tensors[1].name, "x_channels_last");
    assert_eq!(file.graph.tensors[file.outputs[0]].shape, Shape::from([5, 6, 3]));
    let file = load_nodes(vec![transpose(&[0, 2, 1, 3], "y")]);
    assert_eq!(ops(&file), [("Transpose", vec![Graph::INPUT]), ("Transpose", vec![1])]);
    assert_eq!(file.graph.tensors[file.outputs[0]].shape, Shape::from([6, 5, 3]));
    let bytes = write(&file.graph, &file.outputs, &[]);
    let again = read(&bytes).unwrap();
    assert_eq!(again.graph.input_shape(), [3, 5, 6]);
    assert_eq!(ops(&again), ops(&file));
}

#[test]
fn initializers_may_be_listed_as_inputs() {
    let file = load_changed(|graph| {
        graph.input.insert(0, value("w", data_type::FLOAT, Vec::new()));
        graph.input.push(value("b", data_type::FLOAT, Vec::new()));
    })
    .unwrap();
    assert_eq!(file.graph.nodes.len(), 2);
}

#[test]
fn inputs_that_are_no_image_are_refused() {
    assert_eq!(refusal(|graph| graph.input.clear()), "the network has 0 inputs, expected one, an image");
    assert_eq!(
        refusal(|graph| graph.input.push(value("mask", data_type::FLOAT, Vec::new()))),
        "the network has 2 inputs (`x`, `mask`), expected one, an image"
    );
    assert_eq!(
        refusal(|graph| graph.input[0] = image(&[1, 784])),
        "the input `x` has shape [1, 784], expected `[N, channels, height, width]`"
    );
    assert_eq!(
        refusal(|graph| graph.input[0] = image(&[])),
        "the input `x` has shape [], expected `[N, channels, height, width]`"
    );
    let dims = vec![symbol("N"), dimension(1), symbol("height"), DimensionProto::default()];
    assert_eq!(
        refusal(|graph| graph.input[0] = value("x", data_type::FLOAT, dims)),
        "the input `x` has shape [N, 1, height, ?], expected numbers for all axes but the first"
    );
    assert_eq!(
        refusal(|graph| graph.input[0] = image(&[1, 3, 1 << 60, 1 << 60])),
        "tensor `x` has more than 268435456 elements an image"
    );
    assert_eq!(
        refusal(|graph| graph.input[0] = value("x", data_type::UINT8, Vec::new())),
        "the input `x` holds uint8, expected float"
    );
    assert_eq!(refusal(|graph| graph.input[0].r#type = None), "the input `x` holds no type, expected float");
}

#[test]
fn outputs_must_be_computed_from_the_image() {
    assert_eq!(refusal(|graph| graph.output.clear()), "the network has no output");
    for name in ["w", "x"] {
        let message = refusal(|graph| graph.output[0].name = name.to_owned());
        assert_eq!(message, format!("the output `{name}` is not computed from the image"));
    }
    assert_eq!(
        refusal(|graph| graph.output[0].name = "z".to_owned()),
        "the network's output reads tensor `z`, which nothing computes"
    );
}

#[test]
fn names_that_do_not_fit_together_are_refused() {
    assert_eq!(
        refusal(|graph| graph.node[0].input[2] = "bias".to_owned()),
        "node `Conv_conv` reads tensor `bias`, which nothing computes"
    );
    for name in ["conv", "x", "w"] {
        let message = refusal(|graph| graph.node[1].output[0] = name.to_owned());
        assert_eq!(message, format!("the network has two tensors `{name}`"));
    }
    let twice = |graph: &mut GraphProto| graph.initializer.push(floats("w", &[0], &[]));
    assert_eq!(refusal(twice), "the network has two tensors `w`");
    assert_eq!(
        refusal(|graph| graph.node[0].input[0] = "y".to_owned()),
        "node `Conv_conv` needs its own output `conv`"
    );
    assert_eq!(
        refusal(|graph| graph.node[1].input[0] = "y".to_owned()),
        "node `Relu_y` needs its own output `y`"
    );
}

#[test]
fn other_outputs_of_a_node_may_exist_but_not_be_used() {
    let second = |graph: &mut GraphProto| graph.node[0].output.push("mask".to_owned());
    assert_eq!(load_changed(second).unwrap().graph.nodes.len(), 2);
    let message = refusal(|graph| {
        second(graph);
        graph.node[1].input[0] = "mask".to_owned();
    });
    assert_eq!(
        message,
        "node `Conv_conv` (Conv): its output `mask` is used, expected only the first output to be"
    );
}

#[test]
fn all_operators_that_are_not_supported_are_in_one_message() {
    let error = load_changed(|graph| {
        for (index, op) in ["Loop", "If", "Loop", "Relu"].iter().enumerate() {
            let mut node = node(op, &[&format!("r{index}")], &[&format!("r{}", index + 1)]);
            node.name = format!("node {index}");
            graph.node.push(node);
        }
        graph.node[1].output[0] = "r0".to_owned();
        graph.node[5].domain = "com.microsoft".to_owned();
        graph.output[0].name = "r4".to_owned();
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 operators are not supported: `If` (1 node, `node 1`), `Loop` (2 nodes, the first is `node 0`), \
         `com.microsoft.Relu` (1 node, `node 3`)"
    );
    assert!(error.hint().unwrap().contains("onnxsim"));
}

#[test]
fn files_that_are_not_onnx_are_refused() {
    let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert_eq!(message(b""), "not an ONNX file: it is empty");
    assert_eq!(message(&ModelProto::default().encode_to_vec()), "not an ONNX file: it is empty");
    let no_graph = ModelProto { graph: None, ..model(small()) };
    assert_eq!(message(&no_graph.encode_to_vec()), "not an ONNX file: it holds no graph");
    assert!(message(b"\x89PNG\r\n\x1a\n").starts_with("not an ONNX file: "));
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let error = read(pointer).unwrap_err();
    assert_eq!(error.to_string(), "not an ONNX file: it is a Git LFS pointer to the network");
    assert_eq!(error.hint().unwrap(), "fetch the network itself with `git lfs pull`");
}

#[test]
fn a_file_of_empty_messages_is_refused_before_it_fills_the_memory() {
    // 1,000,000 nodes of 2 bytes each.
    let mut bytes = vec![0x3a];
    prost::encode_length_delimiter(2_000_000, &mut bytes).unwrap();
    bytes.extend(std::iter::repeat_n([0x0a, 0x00], 1_000_000).flatten());
    let message = read(&bytes).unwrap_err().to_string();
    assert_eq!(message, "not an ONNX file: it has more than 524288 nodes, attributes and tensors");
}

#[test]
fn operator_sets_that_are_not_known_are_refused() {
    for (version, is_read) in [(6, false), (7, true), (22, true), (23, false)] {
        let mut model = model(small());
        model.opset_import.insert(0, OperatorSetIdProto { domain: "com.microsoft".to_owned(), version: 1 });
        model.opset_import[1].version = version;
        let result = read(&model.encode_to_vec());
        assert_eq!(result.is_ok(), is_read, "{version}");
        if let Err(error) = result {
            let expected = format!("the network is written in ONNX operator set {version}, expected 7–22");
            assert_eq!(error.to_string(), expected);
        }
    }
    let model = ModelProto { opset_import: Vec::new(), ..model(small()) };
    let message = read(&model.encode_to_vec()).unwrap_err().to_string();
    assert_eq!(message, "the network is written in ONNX operator set 1, expected 7–22");
}

#[test]
fn attributes_without_a_kind_are_understood_and_others_refused() {
    let strides = AttributeProto { kind: attribute_kind::UNDEFINED, ..ints_attribute("strides", &[2, 2]) };
    let file = load_changed(|graph| graph.node[0].attribute.push(strides.clone())).unwrap();
    assert_eq!(file.graph.tensors[file.outputs[0]].shape, Shape::from([2, 1, 1]));
    for kind in [5, 8, 14, 99] {
        let attribute = AttributeProto { kind, ..strides.clone() };
        assert_eq!(
            refusal(|graph| graph.node[0].attribute.push(attribute)),
            "node `Conv_conv` (Conv): attribute `strides` is neither a number, nor text, nor a dense tensor"
        );
    }
    let text = AttributeProto {
        name: "auto_pad".to_owned(),
        kind: attribute_kind::STRING,
        s: Some(vec![0xff]),
        ..AttributeProto::default()
    };
    assert_eq!(
        refusal(|graph| graph.node[0].attribute.push(text)),
        "node `Conv_conv` (Conv): attribute `auto_pad` is not text in UTF-8"
    );
}

#[test]
fn tensors_that_no_memory_holds_are_refused() {
    let message = refusal(|graph| {
        graph.node[0].attribute.push(ints_attribute("pads", &[1 << 15; 4]));
    });
    assert_eq!(
        message,
        "node `Conv_conv` (Conv): the image with its padding is 1×65540×65540, expected less"
    );
}
