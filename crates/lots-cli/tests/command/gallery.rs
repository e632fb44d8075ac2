use std::fs;

use serde_json::Value;

use crate::stage::{Stage, snapshot};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A gallery of forty digits.
fn built(stage: &Stage, more: &str) {
    let images = "digits[0..40] --network lenet --layer ip1";
    stage.run(&format!("gallery build {images} --out gallery.safetensors --quiet{more}"), 0);
}

#[test]
fn a_gallery_tells_whom_it_knows() {
    let stage = Stage::new();
    built(&stage, "");
    snapshot!("gallery_show", stage.lots("gallery show gallery.safetensors"));
    let shown = json(&stage.run("gallery show gallery.safetensors --json", 0));
    assert_eq!(
        (&shown["layer"], &shown["templates"], &shown["length"]),
        (&"ip1".into(), &40.into(), &500.into())
    );
    let genuine = shown["genuine"]["pairs"].as_u64().unwrap();
    assert_eq!(genuine + shown["impostor"]["pairs"].as_u64().unwrap(), 40 * 39 / 2);
}

#[test]
fn a_network_with_a_gallery_is_attacked_surveyed_and_converted_like_any_other() {
    let stage = Stage::new();
    for metric in ["cosine", "euclidean"] {
        built(&stage, &format!(" --metric {metric}"));
        // No digit of these is an eight, so digits are not labels of this gallery.
        let options = "--method hot-cold --method fast-gradient-sign --origin digits[40..42] --labels predicted --no-pass --force";
        let with =
            stage.run(&format!("attack lenet --gallery gallery.safetensors {options} --out run --json"), 0);
        stage.run("survive run --transformations png,jpeg:90 --quiet", 0);
        stage.run("convert lenet --gallery gallery.safetensors --out recogniser.onnx --quiet", 0);
        let alone = stage.run(&format!("attack recogniser.onnx {options} --out alone --json"), 0);
        assert_eq!(json(&with), json(&alone), "{metric}");
    }
}

#[test]
fn what_lots_improves_behind_a_gallery_is_what_it_improves_of_the_network_with_it() {
    let stage = Stage::new();
    built(&stage, "");
    stage.run("convert lenet --gallery gallery.safetensors --out recogniser.onnx --quiet", 0);
    let options = "--method fast-gradient-sign --vanished-gradient follow --origin digits[40..46] --labels predicted \
                   --improve ip1 --improve gallery";
    let with = json(
        &stage.run(&format!("attack lenet --gallery gallery.safetensors {options} --out run --json"), 0),
    );
    let alone = json(&stage.run(&format!("attack recogniser.onnx {options} --out alone --json"), 0));
    assert_eq!(with, alone);

    let improvement = &with["improvement"]["fast-gradient-sign"];
    assert!(with["reached"].as_u64() > Some(0), "{with}");
    assert_eq!(improvement["attempts"], with["reached"]);
    assert_eq!(improvement["pass_score"]["with"], with["pass_score"]["mean"]);
    assert!(
        improvement["pass_score"]["with"].as_f64() > improvement["pass_score"]["without"].as_f64(),
        "{with}"
    );
    let run = json(&fs::read_to_string(stage.path("run/run.json")).unwrap());
    assert_eq!(run["network"]["gallery"]["layer"], "ip1");
    let attempts = fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap();
    let mut improved = 0;
    for row in attempts.lines().map(json).filter(|row| row["status"] == "reached") {
        let (with, without) = (&row["pass_score"], &row["improvement"]["without"]["pass_score"]);
        let is_improved = row["improvement"]["layer"].is_string();
        improved += usize::from(is_improved);
        assert!(if is_improved { with.as_f64() > without.as_f64() } else { with == without }, "{row}");
        assert_ne!(row["class"], row["origin_class"], "{row}");
    }
    assert!(improved > 0);
}

#[test]
fn pictures_in_folders_folders_and_a_folder_of_folders_are_the_same_gallery() {
    let stage = Stage::new();
    for (identity, digits) in [("anna", [0, 17]), ("bob", [1, 35])] {
        fs::create_dir_all(stage.path("people").join(identity)).unwrap();
        for digit in digits {
            stage.digit(digit, &format!("people/{identity}/{digit}.png"));
        }
    }
    let gallery = |images: &str| {
        stage.run(
            &format!("gallery build {images} --network lenet --layer ip1 --out g.safetensors --quiet"),
            0,
        );
        fs::read(stage.path("g.safetensors")).unwrap()
    };
    let whole = gallery("people");
    assert_eq!(gallery("people/bob people/anna"), whole);
    assert_eq!(gallery("people/anna/0.png people/bob/1.png people/bob/35.png people/anna/17.png"), whole);
    assert_eq!(gallery("people --threads 1"), whole);
    let attacked =
        "attack lenet --gallery g.safetensors --method hot-cold --origin people --no-pass --out run --json";
    assert_eq!(json(&stage.run(attacked, 0))["reached"], 4, "origins have the class of their folder");
    for (images, count) in [("people/anna", 2), ("people/anna/17.png", 1)] {
        let attacked = attacked.replace("--origin people", &format!("--force --origin {images}"));
        assert_eq!(
            json(&stage.run(&attacked, 0))["reached"],
            count,
            "the folder's name is the class of {images}"
        );
    }
    let drawn = "--layer gallery --target people/bob/1.png --origin people/anna/0.png --out sheet.png --json";
    let sheet = stage.run(&format!("visualize lenet --gallery g.safetensors {drawn}"), 0);
    assert!(sheet.contains("\"origin_class\": 0"), "{sheet}");
}

#[test]
fn galleries_that_do_not_fit_are_told() {
    let stage = Stage::new();
    built(&stage, "");
    stage.run("convert lenet --out lenet.onnx --quiet", 0);
    stage.run("describe lenet.onnx --pixels 0-1 --save other.onnx --quiet", 0);
    stage.digit(4, "4.png");
    snapshot!("gallery_of_another_network", stage.lots("describe other.onnx --gallery gallery.safetensors"));
    stage.run("describe other.onnx --gallery gallery.safetensors --other-network", 0);
    let two = "stability lenet other.onnx --gallery gallery.safetensors --layer ip1 --origin digits[0..9] --out two";
    let told = stage.refused(two);
    assert!(told.starts_with("error: the gallery was built with another network"), "{told}");
    assert!(told.contains("its own and `--baseline DIR`"), "{told}");
    let missing =
        "represent lenet --gallery gallery.safetensors --layer gallery_unit2 --origin digits[0] --out r.npy";
    let told = stage.refused(missing);
    assert!(told.contains("`lots layers lenet --gallery gallery.safetensors` lists them all"), "{told}");
    snapshot!("gallery_not_a_gallery", stage.lots("describe lenet --gallery 4.png"));
    let build = "--network lenet --layer ip1 --out one.safetensors";
    snapshot!("gallery_of_one_identity", stage.lots(&format!("gallery build digits[0] {build}")));
    snapshot!("gallery_unknown_layer", {
        stage.lots("gallery build digits[0..9] --network lenet --layer fc7 --out one.safetensors")
    });
    assert!(!stage.path("one.safetensors").exists());
}

#[test]
fn without_targets_the_first_picture_of_each_other_identity_is_moved_toward() {
    let stage = Stage::new();
    stage.people();
    let network = "lenet --gallery people.safetensors --origin people --no-pass --json --quiet";
    let stability = json(&stage.run(&format!("stability {network} --layer ip1"), 0));
    assert_eq!(stability["origins"]["attacked"], 12);
    let toward = |group: &&Value| group["method"] == "toward" && group["class"].is_null();
    let toward = stability["groups"].as_array().unwrap().iter().find(toward).unwrap();
    assert_eq!(toward["attempts"], 12 * 2, "two other identities");
    let page = fs::read_to_string(stage.path("stability/report.html")).unwrap();
    assert!(page.contains("carol") && page.contains("Targets are the first origins of each class"));
    let compare = format!("compare {network} --layer ip1 --method toward --method hot-cold --budget 40");
    assert_eq!(json(&stage.run(&compare, 0))["origins"]["pairs"], 12 * 2);
    let row = json(&stage.run(&format!("evaluate {network}"), 0));
    assert_eq!((&row["errors"], &row["groups"]["toward/ip1"]["attempts"]), (&0.into(), &24.into()));
    // The same pictures by name come to the same.
    fs::create_dir(stage.path("first")).unwrap();
    for identity in ["anna", "bob", "carol"] {
        let mut pictures: Vec<_> = fs::read_dir(stage.path("people").join(identity)).unwrap().collect();
        pictures.sort_by_key(|picture| picture.as_ref().unwrap().file_name());
        fs::create_dir(stage.path("first").join(identity)).unwrap();
        let first = pictures.remove(0).unwrap();
        fs::copy(first.path(), stage.path("first").join(identity).join(first.file_name())).unwrap();
    }
    let named = json(&stage.run(&format!("stability {network} --layer ip1 --target first --out named"), 0));
    assert_eq!(named["groups"], stability["groups"]);
}

#[test]
fn identities_that_are_no_digits_need_images_of_their_own() {
    let stage = Stage::new();
    stage.people();
    let network = "lenet --gallery people.safetensors";
    snapshot!("identities_are_no_digits", stage.lots(&format!("stability {network}")));
    snapshot!("identities_unlabelled", {
        stage.lots(&format!("compare {network} --origin people/anna --layer ip1 --budget 40"))
    });
    snapshot!("identities_without_targets", {
        stage.lots(&format!("evaluate {network} --origin people/anna --labels predicted"))
    });
}

#[test]
fn a_gallery_brings_the_pixels_that_it_was_made_with() {
    let stage = Stage::new();
    stage.run("convert lenet --out lenet.onnx --quiet", 0);
    let build = "--network lenet.onnx --layer ip1 --pixels 0-1 --crop 28 --out g.safetensors --quiet";
    stage.run(&format!("gallery build digits[0..40] {build}"), 0);
    let shown = json(&stage.run("gallery show g.safetensors --json", 0));
    assert_eq!((&shown["input"]["height"], &shown["input"]["crop"]), (&28.into(), &"28x28".into()));

    let described = json(&stage.run("describe lenet.onnx --gallery g.safetensors --json", 0));
    assert_eq!(described["input"], shown["input"], "what the arguments leave out is the gallery's");
    let same = "describe lenet.onnx --gallery g.safetensors --pixels 0-1 --crop 28";
    stage.run(same, 0);
    let other = "describe lenet.onnx --gallery g.safetensors --pixels 0-255";
    snapshot!("gallery_of_other_pixels", stage.lots(other));
    snapshot!("gallery_of_another_preprocessing", {
        stage.lots("describe lenet.onnx --gallery g.safetensors --resize 28x28")
    });
    stage.run(&format!("{other} --other-network"), 0);
}

#[test]
fn pictures_of_identities_that_a_gallery_does_not_know_are_counted() {
    let stage = Stage::new();
    for (identity, digits) in [("anna", [0, 17]), ("bob", [1, 35]), ("carol", [2, 3])] {
        fs::create_dir_all(stage.path("people").join(identity)).unwrap();
        for digit in digits {
            stage.digit(digit, &format!("people/{identity}/{digit}.png"));
        }
    }
    let build = "--network lenet --layer ip1 --out g.safetensors --quiet";
    stage.run(&format!("gallery build people/anna people/bob {build}"), 0);
    let attack = "attack lenet --gallery g.safetensors --method hot-cold --no-pass --json";
    let summary = json(&stage.run(&format!("{attack} --origin people --out run"), 0));
    assert_eq!(summary["left_out"]["origin"]["pictures"], 2);
    assert_eq!(summary["left_out"]["origin"]["folders"][0], "carol");
    let direction = "direction lenet --gallery g.safetensors --method fast-gradient-value --origin people";
    let output = stage.lots(&format!("{direction} --out d.npy --json")).output().unwrap();
    assert_eq!(
        json(std::str::from_utf8(&output.stdout).unwrap())["left_out"]["origin"]["folders"][0],
        "carol"
    );
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = "origin: left out 2 pictures in a folder that is named like no class: `carol`\n";
    assert_eq!(message, expected);
    fs::create_dir(stage.path("others")).unwrap();
    fs::rename(stage.path("people/carol"), stage.path("others/carol")).unwrap();
    snapshot!(
        "gallery_knows_none_of_the_folders",
        stage.lots(&format!("{attack} --origin others --out run"))
    );
}

#[test]
fn a_gallery_counts_a_picture_once_and_no_identity_of_two_folders() {
    let stage = Stage::new();
    for (place, digit) in [("a/anna", 0), ("a/bob", 1), ("b/anna", 2)] {
        fs::create_dir_all(stage.path(place)).unwrap();
        stage.digit(digit, &format!("{place}/{digit}.png"));
    }
    let build =
        |images: &str| format!("gallery build {images} --network lenet --layer ip1 --out g.safetensors");
    snapshot!("gallery_of_pictures_given_twice", stage.lots(&build("a a/anna/../anna/0.png a/bob")));
    let repeated = json(&stage.run(&format!("{} --json", build("a a/bob")), 0));
    assert_eq!((&repeated["templates"], &repeated["repeated"]), (&2.into(), &1.into()));
    snapshot!("gallery_identity_in_two_folders", stage.lots(&build("a b")));
}

#[test]
fn a_gallery_of_templates_has_the_classes_of_its_names_and_is_of_the_same_layer_and_network() {
    let stage = Stage::new();
    let build =
        "gallery build digits[0..10] digits[5..12] --network lenet --layer ip1 --out some.safetensors";
    let built = json(&stage.run(&format!("{build} --json"), 0));
    assert_eq!((&built["templates"], &built["repeated"]), (&12.into(), &5.into()));
    let identities: Vec<&str> =
        built["identities"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();

    let attack =
        "--method toward --template some.safetensors --origin digits[20..22] --until class --no-pass";
    let run =
        stage.run(&format!("attack lenet --layer ip1 {attack} --target-set centroid --out run --json"), 0);
    assert!(json(&run)["attempts"].as_u64().unwrap() > 0);
    let rows = fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap();
    for row in rows.lines().map(json) {
        let class = row["target_class"].to_string();
        assert!(identities.contains(&class.as_str()), "{row}");
        assert_ne!(row["target_class"], row["origin_class"], "{row}");
    }
    snapshot!(
        "gallery_templates_of_another_layer",
        stage.lots(&format!("attack lenet --layer ip2 {attack} --out no"))
    );
    stage.run("convert lenet --out lenet.onnx --quiet", 0);
    stage.run("describe lenet.onnx --pixels 0-1 --save other.onnx --quiet", 0);
    let message = stage.refused(&format!("attack other.onnx --layer ip1 {attack} --out no"));
    assert!(message.contains("the gallery was built with another network"), "{message}");
    stage.run(&format!("attack other.onnx --layer ip1 {attack} --other-network --out other"), 0);
}

#[cfg(unix)]
#[test]
fn endless_files_are_no_networks() {
    let stage = Stage::new();
    snapshot!("network_that_never_ends", stage.lots("layers /dev/zero"));
    snapshot!("class_names_that_never_end", {
        stage.lots(
            "ray lenet --origin digits[4] --method magnify --layer ip1 --class-names /dev/zero --out no.svg",
        )
    });
}
