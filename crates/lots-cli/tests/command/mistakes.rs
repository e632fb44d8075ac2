use crate::stage::{Stage, snapshot};

#[test]
fn an_unknown_layer_is_answered_with_the_nearest_names() {
    snapshot!(Stage::new().lots("represent lenet --layer conv7 --origin digits[0] --out conv7.npy"));
}

#[test]
fn a_network_that_is_not_there() {
    snapshot!(Stage::new().lots("layers lennet"));
}

#[test]
fn a_network_that_does_not_say_its_pixels() {
    let stage = Stage::new();
    stage.silent_network("silent.onnx");
    snapshot!("silent_network", stage.lots("describe silent.onnx"));
    snapshot!("unknown_range", stage.lots("describe silent.onnx --pixels 0..1"));
    snapshot!("channels_alone", stage.lots("describe silent.onnx --channels grey"));
    snapshot!("pixels_of_lenet", stage.lots("describe lenet --pixels 0-1"));
    assert_eq!(
        stage.run("layers silent.onnx", 0),
        stage.run("layers lenet", 0),
        "no pixels are needed for a list"
    );
}

#[test]
fn truncated_files() {
    let stage = Stage::new();
    std::fs::write(stage.path("cut.onnx"), &lots::embedded::LENET_ONNX[..1_000_000]).unwrap();
    snapshot!("truncated_onnx", stage.lots("layers cut.onnx"));
    stage.digit(4, "cut.png");
    stage.truncate("cut.png", 150);
    snapshot!("truncated_png", stage.lots("measure cut.png cut.png"));
    stage.mnist(10);
    std::fs::rename(stage.path("mnist/t10k-images-idx3-ubyte"), stage.path("cut.idx")).unwrap();
    stage.truncate("cut.idx", 5_000);
    snapshot!("truncated_idx", stage.lots("represent lenet --layer ip1 --origin cut.idx --out out.npy"));
    lots::data::array::write(stage.path("cut.npy"), &[2, 28, 28], &[7_u8; 1568]).unwrap();
    stage.truncate("cut.npy", 1_000);
    snapshot!("truncated_npy", stage.lots("represent lenet --layer ip1 --origin cut.npy --out out.npy"));
    assert!(!stage.path("out.npy").exists());
}

#[cfg(unix)]
#[test]
fn files_that_never_end_are_neither_labels_nor_images() {
    let stage = Stage::new();
    let plain = "attack lenet --method fast-gradient-sign --no-pass --out run";
    for options in [
        "--origin digits --labels /dev/zero",
        "--origin /dev/zero",
        "--origin digits --target /dev/zero --method toward --layer ip1",
    ] {
        let told = stage.refused(&format!("{plain} {options}"));
        assert!(told.starts_with("error: not a regular file but a pipe or a device: `/dev/zero`"), "{told}");
    }
    std::fs::File::create(stage.path("labels")).unwrap().set_len(1 << 40).unwrap();
    let told = stage.refused(&format!("{plain} --origin digits --labels labels"));
    let sentence = "error: the label file has 1099511627776 bytes, expected at most 134217728: `labels`";
    assert!(told.starts_with(sentence), "{told}");
}

#[test]
fn a_folder_that_is_missing_is_told_without_the_name_of_the_time_between() {
    let stage = Stage::new();
    std::fs::write(stage.path("file"), "").unwrap();
    for options in [
        "represent lenet --layer ip1 --origin digits[0] --out no/out.npy",
        "visualize lenet --layer ip1 --origin digits[0] --reduce --out no/sheet.png",
        "attack lenet --method hot-cold --origin digits[0] --out file/run",
    ] {
        let told = stage.refused(options);
        assert!(!told.contains(".lots-") && !told.contains("unfinished"), "{told}");
    }
}

#[test]
fn images_of_the_wrong_size() {
    let stage = Stage::new();
    lots::Image::new(1, 20, 30, vec![9; 600]).unwrap().save(stage.path("wide.png")).unwrap();
    stage.digit(4, "four.png");
    snapshot!("wrong_size", stage.lots("represent lenet --layer ip1 --origin wide.png --out out.npy"));
    snapshot!("different_sizes", stage.lots("measure four.png wide.png"));
}

#[test]
fn a_picture_is_not_replaced_by_an_array() {
    let stage = Stage::new();
    stage.digit(4, "four.png");
    snapshot!("array_called_png", stage.lots("represent lenet --layer ip1 --origin four.png --out four.png"));
    snapshot!("network_called_txt", stage.lots("describe lenet --save lenet.txt"));
}

#[test]
fn a_range_outside() {
    let stage = Stage::new();
    snapshot!(stage.lots("represent lenet --layer ip1 --origin digits[990..1010] --out out.npy"));
    snapshot!(
        "reversed_range",
        stage.lots("represent lenet --layer ip1 --origin digits[7..3] --out out.npy")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    use std::fs::OpenOptions;
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Stage::new().lots("layers lenet").stdout(full).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(message, "error: cannot write to standard output (No space left on device (os error 28))\n");
}

/// `lots` on a disk with room for files of so many half kilobytes: the limit on their size stands for a disk that fills up
/// while they are written.
#[cfg(unix)]
fn on_a_small_disk(stage: &Stage, half_kilobytes: usize, arguments: &str) -> std::process::Output {
    let script = format!("trap '' XFSZ; ulimit -f {half_kilobytes}; exec \"$0\" \"$@\"");
    let lots = stage.lots(arguments);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).arg(lots.get_program()).args(lots.get_args());
    shell.current_dir(stage.path("")).env("NO_COLOR", "1").output().unwrap()
}

#[cfg(unix)]
#[test]
fn an_array_that_does_not_fit_on_the_disk_leaves_nothing() {
    let stage = Stage::new();
    for command in [
        "represent lenet --layer conv1 --origin digits[0..20] --out out.npy --quiet",
        "direction lenet --method fast-gradient-value --origin digits[0..20] --out out.npy --quiet",
    ] {
        let output = on_a_small_disk(&stage, 64, command);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert_eq!(
            message,
            "error: cannot write the file (File too large (os error 27)): `out.npy`\n\n\
             hint: free some space, or write to another disk\n"
        );
        assert!(stage.files("").is_empty(), "{:?}", stage.files(""));
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_filled_the_disk_goes_on_to_the_same_bytes() {
    let options = "attack lenet --method hot-cold --origin digits --no-pass --target-class 3 --format npy --quiet --out run";
    let (whole, cut) = (Stage::new(), Stage::new());
    whole.run(options, 0);
    let output = on_a_small_disk(&cut, 600, options);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.starts_with("error: cannot write `run.unfinished/"), "{message}");
    assert!(message.contains("what is done is kept in: run.unfinished"), "{message}");
    assert!(!cut.path("run").exists());
    cut.run(&format!("{options} --resume"), 0);
    assert!(whole.files("run") == cut.files("run"));
}
