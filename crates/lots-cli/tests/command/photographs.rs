//! Pictures of another size than the network's: resized and cut out once, before anything else, and said.

use lots::Image;
use lots_network::{Preprocessing, Resize};
use serde_json::Value;

use crate::stage::{Stage, snapshot};

/// A network that takes 3×32×32, and a photograph of 3×60×80 pixels.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.small_vgg("small.onnx");
    stage.photograph("photo.png", 60, 80);
    stage
}

/// The same, and the network says itself what is done to photographs.
fn declared() -> Stage {
    let stage = stage();
    stage.run("describe small.onnx --resize 40 --crop 32 --save declared.onnx --quiet", 0);
    stage
}

/// The photograph as the network sees it.
fn fitted(stage: &Stage) -> Image {
    let preprocessing = Preprocessing::new(Some(Resize::ShorterSide(40)), Some([32, 32])).unwrap();
    Image::open(stage.path("photo.png")).unwrap().preprocessed(&preprocessing).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The rows of a run folder.
fn rows(stage: &Stage, folder: &str) -> Vec<Value> {
    let attempts = std::fs::read_to_string(stage.path(folder).join("attempts.jsonl")).unwrap();
    attempts.lines().map(json).collect()
}

const ATTACK: &str = "--method hot-cold --method fast-gradient-sign --labels predicted --quiet";

#[test]
fn what_is_said_of_other_sizes_is_written_into_the_file() {
    let stage = stage();
    snapshot!("describe_sizes", stage.lots("describe small.onnx --resize 40 --crop 32 --save declared.onnx"));
    snapshot!("describe_sizes_json", stage.lots("describe declared.onnx --json"));
    snapshot!("describe_other_sizes", stage.lots("describe declared.onnx --resize 32x32"));
}

#[test]
fn mistakes_about_sizes() {
    let stage = stage();
    stage.photograph("flat.png", 20, 80);
    let represent = "represent small.onnx --layer fc8 --out out.npy";
    snapshot!("size_undeclared", stage.lots(&format!("{represent} --origin photo.png")));
    snapshot!("size_smaller_than_crop", stage.lots(&format!("{represent} --origin flat.png --crop 32")));
    snapshot!("size_without_crop", stage.lots("describe small.onnx --resize 40"));
    snapshot!("size_of_another_crop", stage.lots("describe small.onnx --resize 40 --crop 28"));
    snapshot!("size_crop_outside", stage.lots("describe small.onnx --resize 20 --crop 32"));
    snapshot!("size_of_nothing", stage.lots("describe small.onnx --resize big"));
    snapshot!("size_of_lenet", stage.lots("describe lenet --resize 40 --crop 28"));
}

#[test]
fn a_picture_of_the_right_size_is_taken_as_it_is() {
    let stage = declared();
    fitted(&stage).save(stage.path("right.png")).unwrap();
    for picture in ["photo", "right"] {
        let command =
            format!("represent declared.onnx --layer fc8 --origin {picture}.png --out {picture}.npy");
        stage.run(&command, 0);
    }
    let bytes = |file: &str| std::fs::read(stage.path(file)).unwrap();
    assert!(bytes("photo.npy") == bytes("right.npy"));
}

#[test]
fn photographs_of_all_sizes_are_one_set() {
    let stage = declared();
    std::fs::create_dir(stage.path("photos")).unwrap();
    for (name, height, width) in [("a", 60, 80), ("b", 90, 50), ("c", 32, 32)] {
        stage.photograph(&format!("photos/{name}.png"), height, width);
    }
    stage.run("represent declared.onnx --layer fc8 --origin photos --out fc8.npy", 0);
    let array = lots::data::array::read::<f32>(stage.path("fc8.npy")).unwrap();
    assert_eq!(array.shape, [3, 10]);
}

#[test]
fn what_lies_in_the_folder_is_what_was_attacked_and_measured() {
    let stage = declared();
    stage.run(&format!("attack declared.onnx {ATTACK} --origin photo.png --out run"), 0);
    let origin_file = "images/00000_photo-origin.png";
    assert_eq!(Image::open(stage.path("run").join(origin_file)).unwrap(), fitted(&stage));
    let network = lots_network::Network::load(stage.path("declared.onnx")).unwrap();
    let mut reached = 0;
    for row in rows(&stage, "run") {
        assert_eq!(row["origin_file"], origin_file, "{row}");
        assert_eq!(row["origin_preprocessed"], json(r#"{"from":[60,80],"resize":[40,53],"crop":[32,32]}"#));
        let Some(file) = row["file"].as_str() else { continue };
        reached += 1;
        let measured = json(&stage.run(&format!("measure run/{origin_file} run/{file} --json"), 0));
        for key in ["l2", "linf", "ssim", "pass_score"] {
            assert_eq!(measured[key], row[key], "{key} of {file}");
        }
        // Read again, the perturbed image is not scaled again.
        let perturbed = Image::open(stage.path("run").join(file)).unwrap();
        let class = lots_network::class_of(network.classify(perturbed.pixels()).unwrap().image(0));
        assert_eq!(row["class"], class, "{file}");
    }
    assert!(reached > 0);
}

#[test]
fn a_run_says_what_was_done_and_is_not_gone_on_with_otherwise() {
    let stage = declared();
    fitted(&stage).save(stage.path("right.png")).unwrap();
    let run = |options: &str, folder: &str| {
        stage.run(&format!("attack declared.onnx {ATTACK} --no-pass {options} --out {folder}"), 0);
        json(&std::fs::read_to_string(stage.path(folder).join("run.json")).unwrap())
    };
    let (photo, right) = (run("--origin photo.png", "photo"), run("--origin right.png", "right"));
    // The digest is that of the image as it is attacked.
    assert_eq!(photo["data"]["origin_sha256"], right["data"]["origin_sha256"]);
    assert_eq!(photo["network"]["preprocessing"], json(r#"{"resize":"40","crop":"32x32"}"#));
    assert_eq!(photo["network"]["input"], json(r#"{"channels":3,"height":32,"width":32}"#));
    // Origins that are attacked as they are in their files are not written again.
    assert!(rows(&stage, "right").iter().all(|row| row["origin_file"].is_null()));
    assert!(!stage.path("right/images/00000_right-origin.png").exists());
    let options = format!("attack declared.onnx {ATTACK} --no-pass --origin photo.png --resume --out photo");
    snapshot!("run_of_another_size", stage.lots(&format!("{options} --resize 36 --crop 32")));
    stage.run(&options, 0);
}

#[test]
fn a_sheet_of_a_photograph_says_what_was_done() {
    let stage = declared();
    let names: Vec<String> = (0..10).map(|class| format!("person {class}")).collect();
    std::fs::write(stage.path("names.txt"), names.join("\n")).unwrap();
    let sheet =
        "visualize declared.onnx --origin photo.png --layer conv1_1 --layer conv3_3 --magnify --reduce";
    snapshot!("sheet_both_signs", stage.lots(&format!("{sheet} --linf 64")));
    let both = Image::open(stage.path("photo-magnify-reduce.png")).unwrap();
    assert_eq!(both.channels(), 3);
    let one = format!("{} --linf 64 --out one.png --quiet", sheet.replace(" --reduce", ""));
    stage.run(&one, 0);
    let one = Image::open(stage.path("one.png")).unwrap();
    assert!(both.height() > one.height() && both.width() == one.width(), "{both:?} {one:?}");
    snapshot!("sheet_json", stage.lots(&format!("{sheet} --linf 64 --class-names names.txt --json")));
    std::fs::write(stage.path("names.txt"), "one\n").unwrap();
    snapshot!("sheet_few_names", stage.lots(&format!("{sheet} --class-names names.txt")));
    snapshot!("sheet_three_signs", stage.lots(&format!("{sheet} --target photo.png")));
}
