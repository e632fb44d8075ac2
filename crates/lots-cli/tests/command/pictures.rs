use crate::stage::{Stage, snapshot};

#[test]
fn magnified_to_a_fixed_size() {
    let stage = Stage::new();
    snapshot!(
        stage.lots("visualize lenet --origin digits[4] --layer conv1 --layer conv2 --magnify --linf 128")
    );
    let sheet = lots::Image::open(stage.path("digits-4-magnify.png")).unwrap();
    assert!(sheet.width() > 600 && sheet.height() > 500, "{sheet:?}");
}

#[test]
fn the_norm_that_was_asked_for_is_that_of_the_image_even_where_the_fastest_pixel_is_clamped() {
    let stage = Stage::new();
    let plain =
        "visualize lenet --layer conv1 --layer conv2 --magnify --reduce --out sheet.png --json --origin";
    for linf in [1, 91, 128, 255] {
        let text = stage.run(&format!("{plain} digits[4] --linf {linf}"), 0);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        for layer in report["layers"].as_array().unwrap() {
            assert_eq!((&layer["linf"], &layer["short_of_linf"]), (&linf.into(), &().into()), "{layer}");
        }
    }
}

#[test]
fn a_norm_that_no_pixel_has_room_for_is_told() {
    let stage = Stage::new();
    lots::Image::new(1, 28, 28, vec![100; 784]).unwrap().save(stage.path("grey.png")).unwrap();
    let command =
        "visualize lenet --origin grey.png --layer conv1 --magnify --linf 200 --out sheet.png --json";
    let output = stage.lots(command).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let layer = &report["layers"][0];
    let linf = layer["linf"].as_u64().unwrap();
    assert!([100, 155].contains(&linf), "{linf}: as much as a pixel has room for");
    assert_eq!(layer["short_of_linf"], 200);
    let told = String::from_utf8(output.stderr).unwrap();
    let line = format!("conv1 (1): L∞ ends at {linf}, no pixel that moves has room for 200\n");
    assert_eq!((output.status.code(), told), (Some(0), line));
    let output = stage.lots(&command.replace("200", "99.5")).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("expected whole grey levels, 1 to 255"));
}

#[test]
fn reduced_until_misclassified() {
    let stage = Stage::new();
    snapshot!(
        stage.lots("visualize lenet --origin digits[4] --layer ip1 --layer ip2 --reduce --out sheet.png")
    );
}

#[test]
fn steered_to_a_class_as_json() {
    let stage = Stage::new();
    stage.digit(4, "four.png");
    snapshot!(stage.lots(
        "visualize lenet --origin four.png --target digits:targets[9] --layer conv2 --until class --json"
    ));
}

#[test]
fn mistakes_of_visualize() {
    let stage = Stage::new();
    snapshot!("many_origins", stage.lots("visualize lenet --origin digits --layer conv1 --magnify"));
    snapshot!("no_sign", stage.lots("visualize lenet --origin digits[4] --layer conv1"));
    snapshot!(
        "two_lengths",
        stage.lots("visualize lenet --origin digits[4] --layer conv1 --magnify --linf 9 --until class")
    );
    snapshot!(
        "class_of_nothing",
        stage.lots("visualize lenet --origin digits[4] --layer conv1 --reduce --until class")
    );
    snapshot!(
        "lossy_sheet",
        stage.lots("visualize lenet --origin digits[4] --layer conv1 --reduce --out sheet.jpg")
    );
}

#[test]
fn directions_are_an_array() {
    let stage = Stage::new();
    snapshot!(stage.lots(
        "direction lenet --method toward --layer conv2 --origin digits[4..6] --target digits:targets[9] --out eta.npy"
    ));
    let array = lots::data::array::read::<f32>(stage.path("eta.npy")).unwrap();
    let digits = lots::data::digits::load();
    let targets = lots::data::digits::targets();
    let target = &targets.images()[9];
    let direction =
        lots::direction::toward(&lots::embedded::lenet(), "conv2", &digits.images()[5], target).unwrap();
    assert_eq!(array.values[784..], *direction.values());
}

#[test]
fn an_origin_without_direction_has_zeros() {
    let stage = Stage::new();
    snapshot!(
        stage.lots("direction lenet --method toward --layer ip1 --origin digits[4] --target digits[4] --out eta.npy --json")
    );
    assert!(
        lots::data::array::read::<f32>(stage.path("eta.npy"))
            .unwrap()
            .values
            .iter()
            .all(|&value| value == 0.0)
    );
}

#[test]
fn the_demo_is_one_page_and_two_figures() {
    let stage = Stage::new();
    let report = stage.run("demo --digits 2 --json", 0);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let names: Vec<String> = stage.files("demo").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["index.html", "magnify-reduce.png", "toward.png"]);
    // Figure 1: magnified, the digit is still read as a 4; reduced, it is not. Figure 3: all are read as a 9.
    let classes = |figure: usize| -> Vec<u64> {
        let numbers = report["figures"][figure].as_array().unwrap();
        numbers.iter().map(|shown| shown["class"].as_u64().unwrap()).collect()
    };
    assert_eq!(classes(0)[..2], [4, 4]);
    assert!(!classes(0)[2..].contains(&4));
    assert_eq!(classes(1), [9, 9, 9, 9]);
    let page = std::fs::read_to_string(stage.path("demo/index.html")).unwrap();
    for external in ["http:", "https:", "<script", "<link"] {
        assert!(!page.contains(external), "{external}");
    }
}
