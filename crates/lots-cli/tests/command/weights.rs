//! Networks that are built in, with weights from a file.

use crate::stage::{Stage, snapshot};

#[test]
fn weights_become_a_network_that_says_its_pixels() {
    let stage = Stage::new();
    stage.vgg_face_weights("face.safetensors");
    snapshot!("describe_weights", stage.lots("describe vgg-face --weights face.safetensors"));
    snapshot!("convert_weights", stage.lots("convert vgg-face --weights face.safetensors --out face.onnx"));
    let [from_weights, from_file] = ["vgg-face --weights face.safetensors", "face.onnx"].map(|network| {
        stage.photograph("photo.png", 32, 32);
        stage.run(&format!("represent {network} --layer fc7 --origin photo.png --out fc7.npy"), 0);
        std::fs::read(stage.path("fc7.npy")).unwrap()
    });
    assert_eq!(from_weights, from_file);
}

#[test]
fn what_is_said_of_the_pixels_overrides_what_goes_with_the_weights() {
    let stage = Stage::new();
    stage.vgg_face_weights("face.safetensors");
    let options = "--channels bgr --mean 1,2,3";
    let shown = stage.run(&format!("describe vgg-face --weights face.safetensors {options} --json"), 0);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["input"]["channel_order"], "bgr");
    assert_eq!(shown["input"]["mean"], serde_json::json!([1.0, 2.0, 3.0]));
}

#[test]
fn layers_are_listed_without_weights() {
    let stage = Stage::new();
    snapshot!("layers_without_weights", stage.lots("layers vgg-face --weights-only"));
}

#[test]
fn weights_in_the_wrong_place_are_answered() {
    let stage = Stage::new();
    stage.vgg_face_weights("face.safetensors");
    stage.small_vgg("small.onnx");
    std::fs::write(stage.path("face.pth"), b"\x80\x02}q\x00.").unwrap();
    snapshot!("weights_missing", stage.lots("describe vgg-face"));
    snapshot!("weights_as_network", stage.lots("describe face.safetensors"));
    snapshot!("weights_of_network", stage.lots("describe small.onnx --weights face.safetensors"));
    snapshot!("weights_of_another", stage.lots("describe lenet --weights face.safetensors"));
    snapshot!("weights_pickled", stage.lots("describe vgg-face --weights face.pth"));
    snapshot!("weights_not_there", stage.lots("describe vgg-face --weights none.npz"));
}
