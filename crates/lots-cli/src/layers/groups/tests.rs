use lots_network::Shape;

use super::*;

fn layer(name: impl Into<String>, op: &'static str, extents: &[usize]) -> Layer {
    let name = name.into();
    let tensor = format!("{name}_output_0");
    let output_shape = Shape::new(extents);
    Layer { name, tensor, op, output_shape, parameter_count: 0, position: None }
}

fn names(layers: &[Layer]) -> Vec<String> {
    let layers: Vec<&Layer> = layers.iter().collect();
    let groups = groups(&layers);
    let together: Vec<&Layer> = groups.iter().flat_map(|group| group.layers.iter().copied()).collect();
    assert!(together == layers, "every layer once, in order");
    groups.iter().map(Group::name).collect()
}

/// As PyTorch's exporter names the layers of ResNet-50.
fn resnet_50() -> Vec<Layer> {
    let mut layers = vec![
        layer("/conv1/Conv", "Conv", &[64, 112, 112]),
        layer("/relu/Relu", "Relu", &[64, 112, 112]),
        layer("/maxpool/MaxPool", "MaxPool", &[64, 56, 56]),
    ];
    for (stage, blocks) in [(1, 3), (2, 4), (3, 6), (4, 3)] {
        for block in 0..blocks {
            let prefix = format!("/layer{stage}/layer{stage}.{block}");
            for (part, op) in [
                ("conv1/Conv", "Conv"),
                ("relu/Relu", "Relu"),
                ("conv2/Conv", "Conv"),
                ("relu_1/Relu", "Relu"),
                ("conv3/Conv", "Conv"),
                ("Add", "Add"),
                ("relu_2/Relu", "Relu"),
            ] {
                // The first convolution of a stage has the extent of the stage before; the second halves it.
                let is_before = stage > 1 && block == 0 && ["conv1/Conv", "relu/Relu"].contains(&part);
                let extent = if is_before { 112 } else { 56 } >> (stage - 1);
                layers.push(layer(format!("{prefix}/{part}"), op, &[64, extent, extent]));
            }
        }
    }
    layers.push(layer("/avgpool/GlobalAveragePool", "GlobalAveragePool", &[2048, 1, 1]));
    layers.push(layer("/Flatten", "Flatten", &[2048]));
    layers.push(layer("/fc/Gemm", "Gemm", &[1000]));
    layers
}

#[test]
fn modules_make_groups_as_small_as_a_screen_allows() {
    let names = names(&resnet_50());
    assert_eq!(names[..4], ["/conv1/Conv", "/relu/Relu", "/maxpool/MaxPool", "/layer1/layer1.0/*"]);
    assert_eq!(
        names[17..],
        ["/layer4/layer4.1/*", "/layer4/layer4.2/*", "/avgpool/GlobalAveragePool … /Flatten", "/fc/Gemm"]
    );
    assert_eq!(names.len(), 21);
}

#[test]
fn the_same_network_with_bare_numbers_is_divided_by_height_and_width() {
    let mut layers = resnet_50();
    for (index, layer) in layers.iter_mut().enumerate() {
        layer.name = (471 + index).to_string();
    }
    let bare = names(&layers);
    assert_eq!(bare.len(), 6, "{bare:?}");
    assert_eq!(bare[0], "471 … 472");
    assert_eq!(bare[5], "586 … 588");
    for layer in &mut layers {
        layer.name = format!("{}_{}", layer.op, layer.name);
    }
    let with_ops = names(&layers);
    assert_eq!(with_ops.len(), 6, "{with_ops:?}");
    assert_eq!(with_ops[0], "Conv_471 … Relu_472");
}

#[test]
fn names_of_caffe_are_divided_by_height_and_width() {
    let mut layers = Vec::new();
    for (stage, convolutions) in [(1, 2), (2, 2), (3, 3)] {
        for convolution in 1..=convolutions {
            let extents = [64, 64 >> stage, 64 >> stage];
            layers.push(layer(format!("conv{stage}_{convolution}"), "Conv", &extents));
            layers.push(layer(format!("relu{stage}_{convolution}"), "Relu", &extents));
        }
        layers.push(layer(format!("pool{stage}"), "MaxPool", &[64, 32 >> stage, 32 >> stage]));
    }
    assert_eq!(names(&layers), ["conv1_1 … relu1_2", "pool1 … relu2_2", "pool2 … relu3_3", "pool3"]);
}

#[test]
fn attention_is_divided_by_its_names_and_is_one_run_without_them() {
    let mut layers = vec![layer("/conv_proj/Conv", "Conv", &[768, 14, 14])];
    for name in ["/Reshape", "/Transpose", "/Concat", "/encoder/Add"] {
        layers.push(layer(name, "Concat", &[197, 768]));
    }
    for block in 0..12 {
        let prefix = format!("/encoder/layers.{block}");
        for (part, extents) in [
            ("norm1/LayerNormalization", [197, 768].as_slice()),
            ("attn/q/MatMul", &[197, 768]),
            ("attn/Reshape", &[197, 12, 64]),
            ("attn/Transpose", &[12, 197, 64]),
            ("attn/MatMul", &[12, 197, 197]),
            ("attn/Softmax", &[12, 197, 197]),
            ("attn/MatMul_1", &[12, 197, 64]),
            ("attn/Transpose_1", &[197, 12, 64]),
            ("attn/Reshape_1", &[197, 768]),
            ("Add", &[197, 768]),
            ("norm2/LayerNormalization", &[197, 768]),
            ("mlp/fc1/MatMul", &[197, 3072]),
            ("mlp/fc2/MatMul", &[197, 768]),
            ("Add_1", &[197, 768]),
        ] {
            layers.push(layer(format!("{prefix}/{part}"), "MatMul", extents));
        }
    }
    layers.push(layer("/heads/Gemm", "Gemm", &[1000]));
    let named = names(&layers);
    assert_eq!(named.len(), 16, "{named:?}");
    assert_eq!(named[..4], ["/conv_proj/Conv", "/Reshape … /Concat", "/encoder/Add", "/encoder/layers.0/*"]);
    for (index, layer) in layers.iter_mut().enumerate() {
        layer.name = index.to_string();
    }
    assert_eq!(names(&layers), ["0", "1 … 173"]);
}

#[test]
fn squeeze_and_excitation_does_not_divide_a_run() {
    let at = |name: &str, extent| layer(name, "Conv", &[64, extent, extent]);
    let layers = [at("1", 56), at("2", 1), at("3", 1), at("4", 56), at("5", 28), at("6", 1), at("7", 14)];
    assert_eq!(names(&layers), ["1 … 4", "5", "6", "7"]);
}

#[test]
fn a_beginning_that_all_names_share_divides_nothing() {
    let mut layers = Vec::new();
    for (index, extent) in [32, 32, 32, 16, 16, 16, 8, 8, 8].into_iter().enumerate() {
        layers.push(layer(format!("model/conv{index}/Conv2D"), "Conv", &[4, extent, extent]));
    }
    assert_eq!(
        names(&layers),
        [
            "model/conv0/Conv2D … conv2/Conv2D",
            "model/conv3/Conv2D … conv5/Conv2D",
            "model/conv6/Conv2D … conv8/Conv2D"
        ]
    );
}

#[test]
fn a_layer_without_a_module_stays_where_height_and_width_stay() {
    let mut layers = Vec::new();
    for unit in 0..4 {
        for part in ["conv1", "relu", "conv2"] {
            layers.push(layer(format!("stage{unit}_{part}"), "Conv", &[4, 8 >> (unit / 2), 8 >> (unit / 2)]));
        }
        layers.push(layer(format!("_plus{unit}"), "Add", &[4, 8 >> (unit / 2), 8 >> (unit / 2)]));
    }
    assert_eq!(
        names(&layers),
        ["stage0_conv1 … _plus0", "stage1_conv1 … _plus1", "stage2_conv1 … _plus2", "stage3_conv1 … _plus3"]
    );
}

#[test]
fn modules_are_the_first_parts_of_a_name() {
    let table = [
        ("/layer1/layer1.0/conv1/Conv", 0, None),
        ("/layer1/layer1.0/conv1/Conv", 1, Some("/layer1/")),
        ("/layer1/layer1.0/conv1/Conv", 3, Some("/layer1/layer1.0/")),
        ("/layer1/layer1.0/conv1/Conv", 9, Some("/layer1/layer1.0/conv1/")),
        ("conv3_1", 2, Some("conv3_")),
        ("471", 2, None),
        ("/Flatten", 2, None),
        ("größe/é", 1, Some("größe/")),
        ("", 1, None),
        ("__", 1, None),
    ];
    for (name, parts, expected) in table {
        assert_eq!(module(name, parts), expected, "{name}, {parts}");
    }
}

#[test]
fn a_group_counts_what_is_in_it() {
    let mut layers =
        [layer("1", "Conv", &[4, 8, 8]), layer("2", "Relu", &[4, 8, 8]), layer("3", "Conv", &[4, 8, 8])];
    for (index, parameters) in [(0, 36), (2, 144)] {
        layers[index].parameter_count = parameters;
        layers[index].position = Some(index + 5);
    }
    let layers: Vec<&Layer> = layers.iter().collect();
    let groups = groups(&layers);
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].ops(), BTreeMap::from([("Conv", 2), ("Relu", 1)]));
    assert_eq!(groups[0].positions(), [5, 7]);
    assert_eq!(groups[0].parameter_count(), 180);
}

#[test]
fn no_layers_make_no_groups() {
    assert!(groups(&[]).is_empty());
}
