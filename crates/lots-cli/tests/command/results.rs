use crate::stage::{Stage, snapshot};

#[test]
fn layers_are_listed() {
    snapshot!(Stage::new().lots("layers lenet"));
}

#[test]
fn layers_with_weights_as_json() {
    snapshot!(Stage::new().lots("layers lenet --weights-only --json"));
}

#[test]
fn a_network_is_described() {
    snapshot!(Stage::new().lots("describe lenet"));
}

#[test]
fn what_is_said_of_the_pixels_once_need_not_be_said_again() {
    let stage = Stage::new();
    stage.silent_network("silent.onnx");
    snapshot!(stage.lots("describe silent.onnx --mean 33.3 --std 78.6 --save speaking.onnx"));
    snapshot!(stage.lots("describe speaking.onnx --json"));
}

#[test]
fn images_are_measured() {
    let stage = Stage::new();
    stage.digit(4, "four.png");
    stage.digit(6, "other.png");
    snapshot!(stage.lots("measure four.png other.png"));
    snapshot!(stage.lots("measure four.png other.png --json"));
    assert_eq!(stage.run("measure digits[4] digits[6]", 0), stage.run("measure four.png other.png", 0));
}

#[test]
fn representations_are_an_array() {
    let stage = Stage::new();
    snapshot!(stage.lots("represent lenet --layer conv2 --origin digits[0..3] --out conv2.npy"));
    let array = lots::data::array::read::<f32>(stage.path("conv2.npy")).unwrap();
    assert_eq!(array.shape, [3, 50, 8, 8]);
    let network = lots_network::Network::from_onnx(lots::embedded::LENET_ONNX).unwrap();
    let digits = lots::data::digits::load();
    let third = network.represent(network.layer("conv2").unwrap(), digits.images()[2].pixels()).unwrap();
    assert_eq!(array.values[2 * 3200..], third.values);
}

#[test]
fn quiet_says_nothing_and_threads_change_nothing() {
    let stage = Stage::new();
    for threads in 1..=2 {
        let out = stage.run(&format!("represent lenet --layer ip1 --origin digits[0..40] --out {threads}.npy --threads {threads} --quiet"), 0);
        assert_eq!(out, "");
    }
    assert_eq!(std::fs::read(stage.path("1.npy")).unwrap(), std::fs::read(stage.path("2.npy")).unwrap());
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let stage = Stage::new();
    let mut command = stage.lots("layers lenet");
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
