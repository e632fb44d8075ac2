use super::*;
use crate::onnx::*;
use crate::save::onnx::write;
use crate::shape::Shape;
use prost::Message;

/// A float or integer tensor as other tools write it.
fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    NodeProto { input: names(inputs), output: names(outputs), op_type: op.to_owned(), ..NodeProto::default() }
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim =
        dims.iter().map(|&extent| DimensionProto { dim_value: Some(extent), dim_param: None }).collect();
    let tensor_type = TensorTypeProto { elem_type: data_type::FLOAT, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

/// x `[1, 1, 4, 4]` → Conv 2×3×3 → Relu → Gemm-free output `y`.
fn small() -> ModelProto {
    let weights: Vec<f32> = (0..18).map(|index| index as f32 * 0.25 - 2.0).collect();
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        graph: Some(GraphProto {
            node: vec![node("Conv", &["x", "w", "b"], &["conv"]), node("Relu", &["conv"], &["y"])],
            initializer: vec![floats("w", &[2, 1, 3, 3], &weights), floats("b", &[2], &[0.5, -0.5])],
            input: vec![value("x", &[1, 1, 4, 4])],
            output: vec![value("y", &[1, 2, 2, 2])],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn load(model: &ModelProto) -> Result<OnnxFile> {
    read(&model.encode_to_vec())
}

#[test]
fn a_network_keeps_names_and_shapes() {
    let file = load(&small()).unwrap();
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
    let file = load(&small()).unwrap();
    let bytes = write(&file.graph, &file.outputs, &file.metadata);
    let again = read(&bytes).unwrap();
    assert_eq!(write(&again.graph, &again.outputs, &again.metadata), bytes);
}
