//! Weights and other numbers that a file holds, as initializers and as nodes.

use super::*;

/// The values of the first parameter, `w`, after its tensor in the file was replaced.
fn weights_of(tensor: TensorProto) -> Result<Vec<f32>> {
    let tensor = TensorProto { name: "w".to_owned(), ..tensor };
    let file = load_changed(|graph| graph.initializer[0] = tensor)?;
    match &file.graph.tensors[1].source {
        crate::graph::Source::Parameter(values) => Ok(values.to_vec()),
        other => panic!("{other:?}"),
    }
}

fn eighteen<T: Clone>(value: T) -> Vec<T> {
    vec![value; 18]
}

#[test]
fn numbers_of_all_types_are_read() {
    let half = half::f16::from_f32(0.375);
    let brain = half::bf16::from_f32(-1.5);
    let dims = [2, 1, 3, 3];
    let typed = |data_type| TensorProto { dims: dims.to_vec(), data_type, ..TensorProto::default() };
    let cases = [
        (floats("", &dims, &eighteen(0.1)), 0.1),
        (TensorProto { double_data: eighteen(0.1), ..typed(data_type::DOUBLE) }, 0.1),
        (TensorProto { int32_data: eighteen(half.to_bits().into()), ..typed(data_type::FLOAT16) }, 0.375),
        (TensorProto { int32_data: eighteen(brain.to_bits().into()), ..typed(data_type::BFLOAT16) }, -1.5),
        (raw(data_type::FLOAT, &dims, &eighteen(0.1_f32.to_le_bytes()).concat()), 0.1),
        (raw(data_type::DOUBLE, &dims, &eighteen(0.1_f64.to_le_bytes()).concat()), 0.1),
        (raw(data_type::FLOAT16, &dims, &eighteen(half.to_le_bytes()).concat()), 0.375),
        (raw(data_type::BFLOAT16, &dims, &eighteen(brain.to_le_bytes()).concat()), -1.5),
    ];
    for (tensor, expected) in cases {
        let kind = data_type::name(tensor.data_type);
        assert_eq!(weights_of(tensor).unwrap(), eighteen(expected), "{kind}");
    }
    let typed = |data_type| TensorProto { dims: vec![2], data_type, ..TensorProto::default() };
    let cases = [
        (TensorProto { int64_data: vec![-7, 1], ..typed(data_type::INT64) }, [-7, 1]),
        (TensorProto { int32_data: vec![-7, 1], ..typed(data_type::INT32) }, [-7, 1]),
        (TensorProto { int32_data: vec![-7, 1], ..typed(data_type::INT8) }, [-7, 1]),
        (TensorProto { int32_data: vec![7, 1], ..typed(data_type::UINT8) }, [7, 1]),
        (TensorProto { int32_data: vec![0, 5], ..typed(data_type::BOOL) }, [0, 1]),
        (raw(data_type::INT64, &[2], &[(-7_i64).to_le_bytes(), 1_i64.to_le_bytes()].concat()), [-7, 1]),
        (raw(data_type::INT32, &[2], &[(-7_i32).to_le_bytes(), 1_i32.to_le_bytes()].concat()), [-7, 1]),
        (raw(data_type::INT8, &[2], &[249, 1]), [-7, 1]),
        (raw(data_type::UINT8, &[2], &[249, 1]), [249, 1]),
        (raw(data_type::BOOL, &[2], &[0, 5]), [0, 1]),
    ];
    for (tensor, expected) in cases {
        let constant = constant::constant(&tensor, "t").unwrap();
        let expected = ConstantValues::I64(expected.to_vec().into());
        assert_eq!(constant, Constant { shape: Shape::from([2]), values: expected });
    }
}

#[test]
fn numbers_that_do_not_fit_their_shape_are_refused() {
    let message = |tensor| weights_of(tensor).unwrap_err().to_string();
    let dims = [2, 1, 3, 3];
    assert_eq!(
        message(floats("", &dims, &[1.0; 17])),
        "tensor `w`: it holds 17 numbers, expected 18 as its shape says"
    );
    assert_eq!(
        message(raw(data_type::FLOAT, &dims, &[0; 71])),
        "tensor `w`: 71 bytes are not a whole number of floats"
    );
    assert_eq!(
        message(raw(data_type::FLOAT, &[2, 1, 3, 1 << 60], &[0; 72])),
        "tensor `w`: it holds 18 numbers, expected 6917529027641081856 as its shape says"
    );
    assert_eq!(
        message(raw(data_type::FLOAT, &[0, 1 << 60, 1 << 60, 3], &[])),
        "tensor `w`: its shape has more elements than memory has bytes"
    );
    assert_eq!(message(floats("", &[-1, 18], &[1.0; 18])), "tensor `w`: an extent of its shape is -1");
    assert_eq!(
        message(raw(8, &dims, &[0; 18])),
        "tensor `w`: it holds string, expected float, float16, bfloat16, double, int8, uint8, int32, int64 or bool"
    );
    assert!(message(raw(99, &dims, &[0; 18])).starts_with("tensor `w`: it holds type number 99, expected"));
    assert!(message(raw(-1, &dims, &[0; 18])).starts_with("tensor `w`: it holds type number -1, expected"));
    let integers = raw(data_type::INT8, &dims, &[0; 18]);
    assert!(message(integers).starts_with("node `Conv_conv` (Conv): "));
}

#[test]
fn weights_in_other_files_or_sparse_ones_are_refused() {
    let location = StringStringEntryProto { key: "location".to_owned(), value: "weights.bin".to_owned() };
    let tensor = TensorProto {
        data_location: LOCATION_EXTERNAL,
        external_data: vec![location],
        ..raw(data_type::FLOAT, &[2, 1, 3, 3], &[])
    };
    let error = weights_of(tensor).unwrap_err();
    assert_eq!(error.to_string(), "the values of tensor `w` are in another file, `weights.bin`");
    assert!(error.hint().unwrap().contains("onnx.save"));
    let message = refusal(|graph| {
        let values = Some(Box::new(graph.initializer.remove(0)));
        graph.sparse_initializer.push(SparseTensorProto { values });
    });
    assert_eq!(message, "tensor `w`: it is sparse, expected a dense tensor");
}

#[test]
fn constants_may_be_nodes_and_go_through_others_on_their_way() {
    let file = load_changed(|graph| {
        let weights: Vec<f32> = (0..18).map(|index| index as f32).collect();
        let tensor = floats("", &[3, 3, 2], &weights);
        let shape = TensorProto {
            int64_data: vec![0, -1, 3],
            ..TensorProto { dims: vec![3], data_type: data_type::INT64, ..TensorProto::default() }
        };
        graph.initializer.remove(0);
        graph.node.extend([
            with_attribute(node("Constant", &[], &["c"]), tensor_attribute("value", tensor)),
            with_attribute(node("Transpose", &["c"], &["t"]), ints_attribute("perm", &[2, 1, 0])),
            with_attribute(node("Constant", &[], &["shape"]), tensor_attribute("value", shape)),
            node("Reshape", &["t", "shape"], &["r"]),
            with_attribute(node("Unsqueeze", &["r"], &["u"]), ints_attribute("axes", &[-3])),
            node("Identity", &["u"], &["w"]),
        ]);
    })
    .unwrap();
    let weights = &file.graph.tensors[1];
    assert_eq!((weights.name.as_str(), &weights.shape), ("w", &Shape::from([2, 1, 3, 3])));
    let crate::graph::Source::Parameter(values) = &weights.source else { panic!("{weights:?}") };
    assert_eq!(values[..6], [0.0, 6.0, 12.0, 2.0, 8.0, 14.0]);
    assert_eq!(values[9..12], [1.0, 7.0, 13.0]);
}

#[test]
fn other_nodes_without_an_image_are_refused() {
    let message = refusal(|graph| {
        graph.initializer[0].name = "v".to_owned();
        graph.node.push(node("MatMul", &["v", "v"], &["w"]));
    });
    assert_eq!(
        message,
        "node `MatMul_w` (MatMul) has only constant inputs, expected one that depends on the image"
    );
}

#[test]
fn constants_that_make_no_sense_are_refused() {
    let reshaped = |shape: &[i64]| {
        let shape =
            TensorProto { int64_data: shape.to_vec(), ..raw(data_type::INT64, &[shape.len() as i64], &[]) };
        let shape = TensorProto { raw_data: None, name: "shape".to_owned(), ..shape };
        refusal(|graph| {
            graph.initializer[0].name = "v".to_owned();
            graph.initializer.push(shape);
            graph.node.push(node("Reshape", &["v", "shape"], &["w"]));
        })
    };
    for shape in
        [&[2, 1, 3, 4][..], &[-1, -1], &[-2, 9], &[4, -1], &[1, 1, 1, 1, 0], &[i64::MAX, i64::MAX, -1]]
    {
        let expected = format!("node `Reshape_w` (Reshape): 2×1×3×3 cannot become {shape:?}");
        assert_eq!(reshaped(shape), expected);
    }
    for axes in [&[0, 0][..], &[6, 0], &[-7, 0], &[i64::MIN, i64::MAX]] {
        let message = refusal(|graph| {
            graph.initializer[0].name = "v".to_owned();
            graph.node.push(with_attribute(node("Unsqueeze", &["v"], &["w"]), ints_attribute("axes", axes)));
        });
        assert_eq!(message, format!("node `Unsqueeze_w` (Unsqueeze): 2×1×3×3 cannot get the axes {axes:?}"));
    }
    for axes in [&[0, 1, 2][..], &[0, 1, 2, 2], &[0, 1, 2, 4], &[-1, 0, 1, 2]] {
        let message = refusal(|graph| {
            graph.initializer[0].name = "v".to_owned();
            graph.node.push(with_attribute(node("Transpose", &["v"], &["w"]), ints_attribute("perm", axes)));
        });
        assert!(message.ends_with("does not order the 4 axes"), "{message}");
    }
    for attribute in [ints_attribute("value", &[1]), ints_attribute("sparse_value", &[])] {
        let constant = with_attribute(node("Constant", &[], &["w"]), attribute);
        let message = refusal(|graph| {
            graph.initializer.remove(0);
            graph.node.push(constant);
        });
        assert!(message.ends_with("is no dense tensor of numbers"), "{message}");
    }
}
