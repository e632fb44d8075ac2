//! `lots layers` of networks that are deeper than a screen is high.

use crate::deep_network::{Names, onnx};
use crate::stage::{Stage, snapshot};

/// A stage with `deep.onnx`.
fn deep(names: Names) -> Stage {
    let stage = Stage::new();
    std::fs::write(stage.path("deep.onnx"), onnx(names)).unwrap();
    stage
}

/// A stage with `vgg.onnx`, of 41 layers.
fn vgg() -> Stage {
    let stage = Stage::new();
    let vgg = lots_network::Vgg16 { extent: 32, channels: [4, 8, 8, 16, 16], features: 32, classes: 10 };
    std::fs::write(stage.path("vgg.onnx"), vgg.network(0).to_onnx()).unwrap();
    stage
}

#[test]
fn more_than_a_screenful_is_grouped() {
    snapshot!("grouped_by_height_and_width", deep(Names::Numbers).lots("layers deep.onnx"));
    snapshot!("grouped_by_names", deep(Names::Paths).lots("layers deep.onnx"));
}

#[test]
fn every_layer_is_listed_where_it_is_asked_for() {
    let stage = deep(Names::Paths);
    let all = stage.run("layers deep.onnx --all", 0);
    assert_eq!(all.lines().count(), 1 + 135 + 1, "{all}");
    let weights = stage.run("layers deep.onnx --weights-only", 0);
    assert_eq!(weights.lines().count(), 1 + 52 + 1, "{weights}");
}

#[test]
fn a_pattern_of_a_group_lists_its_layers() {
    let stage = deep(Names::Paths);
    snapshot!("one_group", stage.lots("layers deep.onnx --filter /layer3/layer3.1/*"));
    let either = stage.run("layers deep.onnx --filter maxpool --filter LAYER3.1/conv", 0);
    assert_eq!(either.lines().count(), 1 + 5 + 2 + 1, "{either}");
}

#[test]
fn json_has_every_layer_and_groups_where_they_are_asked_for() {
    let stage = deep(Names::Numbers);
    let all = stage.run("layers deep.onnx --json", 0);
    assert_eq!(all.matches("\"tensor\"").count(), 135);
    snapshot!("groups_as_json", stage.lots("layers deep.onnx --groups --json --filter 13?"));
}

#[test]
fn a_network_of_caffe_is_grouped() {
    snapshot!("grouped_vgg", vgg().lots("layers vgg.onnx --groups"));
}

#[test]
fn a_pattern_that_matches_nothing_is_answered_with_the_nearest_names() {
    let stage = deep(Names::Numbers);
    snapshot!("filter_of_nothing", stage.lots("layers deep.onnx --filter conv --filter 150"));
    snapshot!("filter_of_no_weights", stage.lots("layers deep.onnx --filter add --weights-only"));
    snapshot!("empty_filter", Stage::new().lots("layers lenet --filter="));
    snapshot!("all_in_groups", Stage::new().lots("layers lenet --all --groups"));
}

#[test]
fn a_layer_that_a_deep_network_lacks_is_answered_with_the_command_that_lists_all() {
    let stage = deep(Names::Numbers);
    snapshot!(
        "unknown_number",
        stage.lots("represent deep.onnx --pixels 0-1 --layer 150 --origin digits[0] --out out.npy")
    );
}
