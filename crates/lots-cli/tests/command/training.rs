use crate::stage::{Stage, snapshot};

#[test]
fn a_killed_training_goes_on_to_the_same_bytes() {
    let stage = Stage::new();
    stage.mnist(100);
    let options = "train --mnist mnist --seed 3 --iterations 40 --test-every 15 --checkpoint-every 4 --quiet";
    stage.run(&format!("{options} --threads 1 --out whole.onnx"), 0);
    stage.kill(&format!("{options} --out cut.onnx"), "cut.checkpoint");
    stage.run(&format!("{options} --out cut.onnx --resume"), 0);
    for extension in ["onnx", "training.json"] {
        let read = |name: &str| std::fs::read(stage.path(&format!("{name}.{extension}"))).unwrap();
        assert!(read("whole") == read("cut"), "{extension}");
    }
    assert!(!stage.path("cut.checkpoint").exists() && !stage.path("cut.checkpoint.json").exists());
}

#[test]
fn a_training_says_what_it_did_and_overwrites_nothing() {
    let stage = Stage::new();
    stage.mnist(64);
    snapshot!("train", stage.lots("train --mnist mnist --iterations 2 --out lenet.onnx"));
    snapshot!("train_again", stage.lots("train --mnist mnist --iterations 2 --out lenet.onnx"));
    snapshot!("train_complete", stage.lots("train --mnist mnist --iterations 2 --out lenet.onnx --resume"));
    snapshot!(
        "train_another",
        stage.lots("train --mnist mnist --seed 5 --iterations 2 --out lenet.onnx --resume")
    );
    std::fs::write(stage.path("other.checkpoint"), "half").unwrap();
    snapshot!("train_unfinished", stage.lots("train --mnist mnist --iterations 2 --out other.onnx"));
    std::fs::remove_file(stage.path("mnist/t10k-labels-idx1-ubyte")).unwrap();
    snapshot!("train_without_labels", stage.lots("train --mnist mnist --iterations 2 --out third.onnx"));
}

#[test]
fn fewer_iterations_than_were_done_are_refused() {
    let stage = Stage::new();
    stage.mnist(64);
    let options = "train --mnist mnist --checkpoint-every 3 --quiet --out lenet.onnx";
    stage.kill(&format!("{options} --iterations 1000"), "lenet.checkpoint");
    let output = stage.lots(&format!("{options} --iterations 2 --resume")).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("iterations are done already, expected at most the 2 asked for"), "{message}");
    assert!(!stage.path("lenet.onnx").exists());
}

#[test]
fn another_run_is_not_gone_on_with() {
    let stage = Stage::new();
    stage.mnist(64);
    let options = "train --mnist mnist --iterations 1000 --checkpoint-every 1 --quiet --out lenet.onnx";
    stage.kill(&format!("{options} --seed 1"), "lenet.checkpoint");
    snapshot!(stage.lots(&format!("{options} --seed 2 --resume")));
}

#[test]
fn a_network_is_fine_tuned_on_perturbed_images() {
    let stage = Stage::new();
    stage.mnist(100);
    for method in ["fast-gradient-sign", "hot-cold"] {
        stage.run(
            &format!("attack lenet --method {method} --origin digits[0..20] --no-pass --format npy --quiet --out {method}"),
            0,
        );
    }
    let options = "train --from lenet --data fast-gradient-sign --data hot-cold --mnist mnist --mix 0.25 --iterations 30 \
                   --checkpoint-every 3 --quiet";
    stage.run(&format!("{options} --threads 1 --out whole.onnx"), 0);
    stage.kill(&format!("{options} --out cut.onnx"), "cut.checkpoint");
    stage.run(&format!("{options} --out cut.onnx --resume"), 0);
    let read = |name: &str| std::fs::read(stage.path(name)).unwrap();
    assert!(
        read("whole.onnx") == read("cut.onnx") && read("whole.training.json") == read("cut.training.json")
    );
    // Without the clean images and with another order another network comes out; MNIST is not needed.
    for (name, changed) in [
        ("unmixed", options.replace("--mnist mnist --mix 0.25 ", "")),
        ("reordered", format!("{options} --seed 2")),
    ] {
        stage.run(&format!("{changed} --out {name}.onnx"), 0);
        assert!(read("whole.onnx") != read(&format!("{name}.onnx")), "{name}");
    }
    let log: serde_json::Value = serde_json::from_slice(&read("whole.training.json")).unwrap();
    let count = |folder: &str| lots::data::PerturbedSet::open(stage.path(folder)).unwrap().count();
    assert_eq!(log["data"]["train_images"], 100 + count("fast-gradient-sign") + count("hot-cold"));
    assert_eq!(log["from"]["name"], "lenet");
}

#[test]
fn fine_tuning_says_what_it_lacks() {
    let stage = Stage::new();
    snapshot!("tune_from_nothing", stage.lots("train --data run --out tuned.onnx"));
    snapshot!("tune_without_folder", stage.lots("train --from lenet --data run --out tuned.onnx"));
    snapshot!(
        "tune_mixed_with_nothing",
        stage.lots("train --from lenet --data run --mix 0.5 --out tuned.onnx")
    );
    snapshot!("train_in_vain", stage.lots("train --mnist mnist --pixels 0-1 --out tuned.onnx"));
}
