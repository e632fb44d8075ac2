//! Graphs whose batch is not always the first axis, sizes that are computed, and nodes that become others.

use super::*;

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// x `[batch, 3, 4, 2]` through `nodes` to y.
fn graph(batch: DimensionProto, nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> GraphProto {
    let dims = vec![batch, dimension(3), dimension(4), dimension(2)];
    GraphProto {
        node: nodes,
        initializer,
        input: vec![value("x", data_type::FLOAT, dims)],
        output: vec![value("y", data_type::FLOAT, Vec::new())],
        ..GraphProto::default()
    }
}

fn shape_of<'a>(file: &'a OnnxFile, name: &str) -> &'a Shape {
    &file.graph.tensors.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no {name}")).shape
}

fn transpose(input: &str, axes: &[i64], output: &str) -> NodeProto {
    with_attribute(node("Transpose", &[input], &[output]), ints_attribute("perm", axes))
}

/// What the network computes for numbers counted from 0.
fn computed(file: &OnnxFile) -> Vec<f32> {
    let count = file.graph.tensors[Graph::INPUT].shape.count();
    let pixels: Vec<f32> = (0..count).map(|value| value as f32).collect();
    let order = crate::ChannelOrder::Rgb;
    let encoding = crate::PixelEncoding::from_word("0-255", order).unwrap();
    let bytes = write(&file.graph, &file.outputs, &[]);
    let network = crate::NetworkFile::read(&bytes).unwrap().into_network(encoding).unwrap();
    network.represent(network.layer("y").unwrap(), &pixels[..]).unwrap().values
}

#[test]
fn a_sequence_in_front_of_the_batch_is_computed_as_for_one_image() {
    let nodes = |rows: &str| {
        vec![
            node("Reshape", &["x", "tokens"], &["t"]),
            transpose("t", &[1, 0, 2], "s"),
            node("Reshape", &["s", rows], &["rows_of_s"]),
            with_attribute(node("Gemm", &["rows_of_s", "w", "b"], &["g"]), int_attribute("transB", 1)),
            node("Reshape", &["g", "sequence"], &["q"]),
            transpose("q", &[1, 0, 2], "y"),
        ]
    };
    let initializers = || {
        vec![
            integers("tokens", &[1, 6, 4]),
            integers("rows", &[6, 4]),
            integers("sequence", &[6, 1, 2]),
            floats("w", &[2, 4], &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
            floats("b", &[2], &[0.5, 0.25]),
        ]
    };
    for batch in [symbol("N"), dimension(1)] {
        let file = load(graph(batch, nodes("rows"), initializers())).unwrap();
        let shapes =
            ["t", "s", "rows_of_s", "g", "q", "y"].map(|name| shape_of(&file, name).extents().to_vec());
        let expected: [&[usize]; 6] = [&[6, 4], &[6, 1, 4], &[6, 4], &[6, 2], &[6, 1, 2], &[6, 2]];
        assert_eq!(shapes, expected);
        let firsts_and_lasts: Vec<f32> =
            (0..6).flat_map(|token| [token as f32 * 4.0 + 0.5, token as f32 * 4.0 + 3.25]).collect();
        assert_eq!(computed(&file), firsts_and_lasts);
        // What is read back from the saved file is the same, with the batch in front of everything.
        let bytes = write(&file.graph, &file.outputs, &[]);
        let again = read(&bytes).unwrap();
        assert_eq!(write(&again.graph, &again.outputs, &[]), bytes);
    }
    // A file for batches of several images would need another meaning.
    let message = load(graph(dimension(2), nodes("rows"), initializers())).unwrap_err().to_string();
    assert!(message.starts_with("node `Reshape_t` (Reshape)") || message.contains("batch"), "{message}");
}

#[test]
fn sizes_are_computed_from_sizes_whatever_the_batch_is() {
    let nodes = vec![
        node("Shape", &["x"], &["shape"]),
        with_attribute(node("Gather", &["shape", "zero"], &["n"]), int_attribute("axis", 0)),
        with_attribute(node("Gather", &["shape", "one"], &["c"]), int_attribute("axis", 0)),
        node("Mul", &["c", "two"], &["double"]),
        with_attribute(node("Concat", &["n", "double", "open"], &["wanted"]), int_attribute("axis", 0)),
        node("Reshape", &["x", "wanted"], &["y"]),
    ];
    let initializers =
        vec![integers("zero", &[0]), integers("one", &[1]), integers("two", &[2]), integers("open", &[-1])];
    for batch in [symbol("N"), dimension(1), dimension(7)] {
        let file = load(graph(batch, nodes.clone(), initializers.clone()));
        match file {
            Ok(file) => assert_eq!(shape_of(&file, "y"), &Shape::from([6, 4])),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn each_part_of_a_split_is_a_node() {
    let nodes = vec![
        with_attribute(node("Split", &["x", "lengths"], &["a", "unused", "b"]), int_attribute("axis", 2)),
        node("Add", &["a", "b"], &["y"]),
    ];
    let file = load(graph(symbol("N"), nodes, vec![integers("lengths", &[1, 2, 1])])).unwrap();
    let names: Vec<&str> = file.graph.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["x", "a", "b", "y"]);
    let expected: Vec<f32> = (0..3).flat_map(|c| (0..2).map(move |x| (16 * c + 2 * x + 6) as f32)).collect();
    assert_eq!(computed(&file), expected);
}

#[test]
fn constants_are_computed_with_every_bit_of_their_integers() {
    let nodes = vec![
        node("Concat", &["large", "small"], &["both"]),
        node("Slice", &["both", "from", "to"], &["part"]),
        node("Cast", &["part"], &["floats"]),
        node("Mul", &["x", "floats"], &["y"]),
    ];
    let mut nodes = nodes;
    nodes[0].attribute.push(int_attribute("axis", 0));
    nodes[2].attribute.push(int_attribute("to", 1));
    let large = i64::from(u32::MAX) * 7 + 12_345;
    let initializers = vec![
        integers("large", &[large, -large]),
        integers("small", &[-1]),
        integers("from", &[1]),
        integers("to", &[i64::MAX]),
    ];
    let file = load(graph(symbol("N"), nodes, initializers)).unwrap();
    let parameter = file.graph.tensors.iter().find(|tensor| tensor.name == "floats").unwrap();
    let crate::graph::Source::Parameter(values) = &parameter.source else { panic!("{parameter:?}") };
    assert_eq!(values[..], [-large as f32, -1.0]);
}

#[test]
fn constants_that_would_fill_the_memory_are_refused() {
    let filled = |extents: &[i64]| {
        let nodes = vec![
            node("ConstantOfShape", &["shape"], &["c"]),
            node("Exp", &["c"], &["e"]),
            node("Mul", &["x", "e"], &["y"]),
        ];
        load(graph(symbol("N"), nodes, vec![integers("shape", extents)]))
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(filled(&[1, 3, 4, 2]), Ok(()));
    for extents in [&[100_000, 100_000][..], &[1 << 62, 1 << 62], &[1 << 28, 2]] {
        let message = filled(extents).unwrap_err();
        assert!(message.contains("too many elements"), "{message}");
    }
    assert!(filled(&[-1]).unwrap_err().contains("is no shape"));
}

#[test]
fn weights_are_read_from_the_folder_of_the_network_and_nowhere_else() {
    let folder = std::env::temp_dir().join(format!("lots-external-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("inner")).unwrap();
    let bytes: Vec<u8> = (0..20).flat_map(|value| (value as f32).to_le_bytes()).collect();
    std::fs::write(folder.join("inner/weights.bin"), bytes).unwrap();
    std::fs::write(folder.join("beside.bin"), [0; 80]).unwrap();
    let answer = |folder: Option<std::path::PathBuf>, entries: &[(&str, &str)]| {
        let tensor = TensorProto {
            name: "w".to_owned(),
            dims: vec![2, 1, 3, 3],
            data_type: data_type::FLOAT,
            data_location: LOCATION_EXTERNAL,
            external_data: entries
                .iter()
                .map(|&(key, value)| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() })
                .collect(),
            ..TensorProto::default()
        };
        let mut graph = small();
        graph.initializer[0] = tensor;
        let options = ReadOptions { folder, ..ReadOptions::default() };
        match super::super::read(&model(graph).encode_to_vec(), &options) {
            Ok(file) => match &file.graph.tensors[1].source {
                crate::graph::Source::Parameter(values) => Ok(values.to_vec()),
                other => panic!("{other:?}"),
            },
            Err(error) => Err(error.to_string()),
        }
    };
    let at = |location, offset, length| [("location", location), ("offset", offset), ("length", length)];
    let own = Some(folder.clone());
    let values: Vec<f32> = (2..20).map(|value| value as f32).collect();
    assert_eq!(answer(own.clone(), &at("inner/weights.bin", "8", "72")), Ok(values.clone()));
    assert_eq!(answer(own.clone(), &at("./inner/weights.bin", "8", "72")[..2]), Ok(values));
    let inner = Some(folder.join("inner"));
    for location in ["../beside.bin", "/etc/passwd", "", "inner", "nothing.bin"] {
        let message = answer(inner.clone(), &at(location, "0", "72")).unwrap_err();
        assert!(message.contains("expected a file in the folder of the network"), "{location}: {message}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../beside.bin", folder.join("inner/link.bin")).unwrap();
        assert!(answer(inner, &at("link.bin", "0", "72")).unwrap_err().contains("in the folder"));
    }
    for (offset, length, expected) in [
        ("9", "72", "ends before its values do"),
        ("8", "18446744073709551615", "ends before its values do"),
        ("0", "40", "it holds 10 numbers"),
        ("0", "-1", "expected a number"),
    ] {
        let message = answer(own.clone(), &at("inner/weights.bin", offset, length)).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    assert!(answer(None, &at("inner/weights.bin", "8", "72")).unwrap_err().contains("in another file"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_size_of_the_images_may_be_said() {
    let dims = |height, width| vec![symbol("N"), dimension(1), height, width];
    let read_sized = |dims: Vec<DimensionProto>, size| {
        let mut graph = small();
        graph.input[0] = value("x", data_type::FLOAT, dims);
        let options = ReadOptions { size, ..ReadOptions::default() };
        super::super::read(&model(graph).encode_to_vec(), &options).map(|file| file.graph.input_shape())
    };
    let open = || dims(symbol("height"), dimension(-1));
    assert_eq!(read_sized(open(), Some([5, 6])).unwrap(), [1, 5, 6]);
    assert_eq!(read_sized(dims(dimension(4), dimension(4)), Some([5, 6])).unwrap(), [1, 5, 6]);
    assert!(read_sized(open(), None).unwrap_err().hint().unwrap().contains("--size"));
    assert!(read_sized(open(), Some([0, 6])).is_err());
    let last = vec![symbol("N"), symbol("height"), symbol("width"), dimension(3)];
    let mut graph = small();
    graph.input[0] = value("x", data_type::FLOAT, last);
    graph.node = vec![node("Relu", &["x"], &["y"])];
    let options = ReadOptions { size: Some([5, 6]), ..ReadOptions::default() };
    let file = super::super::read(&model(graph).encode_to_vec(), &options).unwrap();
    assert_eq!(file.graph.input_shape(), [3, 5, 6]);
    assert_eq!(file.graph.tensors[file.outputs[0]].shape, Shape::from([5, 6, 3]));
}

fn int_attribute(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        kind: attribute_kind::INT,
        i: Some(value),
        ..AttributeProto::default()
    }
}
