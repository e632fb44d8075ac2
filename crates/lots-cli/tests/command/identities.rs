//! Identities as classes: named, recorded by their names, and strangers among them.

use std::fs;

use lots_testing::face_networks;
use serde_json::Value;

use crate::stage::{Stage, snapshot};

const BEHIND: &str = "lenet --gallery people.safetensors";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn rows(stage: &Stage, run: &str) -> Vec<Value> {
    fs::read_to_string(stage.path(run).join("attempts.jsonl")).unwrap().lines().map(json).collect()
}

fn people() -> Stage {
    let stage = Stage::new();
    stage.people();
    stage
}

/// Two pictures of somebody whom the gallery does not know, beside those whom it knows.
fn with_a_stranger(stage: &Stage) {
    fs::create_dir(stage.path("people/dave")).unwrap();
    for digit in [61, 62] {
        stage.digit(digit, &format!("people/dave/{digit}.png"));
    }
}

#[test]
fn a_class_is_named_like_the_identity_or_numbered() {
    let stage = people();
    let attack = format!("attack {BEHIND} --method hot-cold --origin people/anna --no-pass --json --quiet");
    let named = stage.run(&format!("{attack} --target-class bob --out named"), 0);
    assert_eq!(named, stage.run(&format!("{attack} --target-class 1 --out numbered"), 0));
    assert_eq!(rows(&stage, "named"), rows(&stage, "numbered"));
    assert_eq!(
        json(&fs::read_to_string(stage.path("named/run.json")).unwrap())["options"]["target_class"],
        1
    );
    for row in rows(&stage, "named") {
        assert_eq!((&row["origin_class"], &row["origin_class_name"]), (&0.into(), &"anna".into()), "{row}");
        assert_eq!((&row["target_class"], &row["target_class_name"]), (&1.into(), &"bob".into()), "{row}");
        if row["status"] == "reached" {
            assert_eq!(row["class_name"], ["anna", "bob", "carol"][row["class"].as_u64().unwrap() as usize]);
        }
    }
    let direction = |class: &str| {
        let options = "--method hot-cold --origin people/anna --out d.npy --quiet";
        stage.run(&format!("direction {BEHIND} {options} --target-class {class}"), 0);
        fs::read(stage.path("d.npy")).unwrap()
    };
    assert_eq!(direction("carol"), direction("2"));
    let picture = fs::read_dir(stage.path("people/anna")).unwrap().next().unwrap().unwrap().file_name();
    let picture = picture.to_string_lossy();
    let ray = format!("ray {BEHIND} --method hot-cold --origin people/anna/{picture} --out ray.svg --json");
    let ray = json(&stage.run(&format!("{ray} --target-class carol"), 0));
    assert_eq!(ray["rays"][0]["direction"], "hot-cold → carol");
    assert_eq!((&ray["rays"][0]["target_class"], &ray["class_names"]["2"]), (&2.into(), &"carol".into()));
    assert_eq!(ray["class_names"]["0"], "anna");
    for (name, class) in [("identity_of_nobody", "karol"), ("identity_outside", "3")] {
        snapshot!(name, stage.lots(&format!("{attack} --target-class {class} --out no")));
    }
}

#[test]
fn a_number_is_a_name_where_identities_are_numbers() {
    let stage = Stage::new();
    // No digit of these is an eight, so that the identity 9 is the class 8.
    stage.run("gallery build digits[0..40] --network lenet --layer ip1 --out g.safetensors --quiet", 0);
    let attack = "attack lenet --gallery g.safetensors --method hot-cold --origin digits[40..42] --labels predicted --no-pass";
    stage.run(&format!("{attack} --target-class 9 --out run --quiet"), 0);
    for row in rows(&stage, "run") {
        assert_eq!((&row["target_class"], &row["target_class_name"]), (&8.into(), &"9".into()), "{row}");
    }
    snapshot!(
        "identity_that_is_no_number_of_them",
        stage.lots(&format!("{attack} --target-class 8 --out no"))
    );
}

#[test]
fn centroids_and_labels_have_the_names_of_identities() {
    let stage = people();
    let toward = format!("attack {BEHIND} --method toward --layer ip1 --target people --target-set centroid");
    stage.run(&format!("{toward} --origin people/anna --no-pass --out run --quiet"), 0);
    let rows = rows(&stage, "run");
    let targets: Vec<&str> = rows.iter().filter_map(|row| row["target"].as_str()).collect();
    assert!(targets.contains(&"centroid-bob") && targets.contains(&"centroid-carol"), "{targets:?}");
    assert!(rows.iter().all(|row| row["target_kind"] == "centroid" && row["target_class_name"].is_string()));

    fs::create_dir(stage.path("flat")).unwrap();
    let mut table = vec!["image,identity".to_owned()];
    for (number, identity) in ["anna", "bob", "carol"].into_iter().enumerate() {
        let picture = fs::read_dir(stage.path("people").join(identity)).unwrap().next().unwrap().unwrap();
        fs::copy(picture.path(), stage.path("flat").join(format!("{number}.png"))).unwrap();
        table.push(format!("{number}.png,{identity}"));
    }
    let table = table.join("\n");
    fs::write(stage.path("labels.csv"), &table).unwrap();
    let attack = format!("attack {BEHIND} --method hot-cold --origin flat --no-pass --out flat-run --json");
    let summary = json(&stage.run(&format!("{attack} --labels labels.csv"), 0));
    assert_eq!((&summary["attempts"], &summary["skipped"]["misclassified_origin"]), (&6.into(), &0.into()));
    fs::write(stage.path("labels.csv"), table.replace("carol", "karol")).unwrap();
    snapshot!("label_of_nobody", stage.lots(&format!("{attack} --labels labels.csv --force")));
}

#[test]
fn strangers_are_represented_and_read_like_all_others() {
    let stage = people();
    with_a_stranger(&stage);
    let represent = |origin: &str| {
        let options = format!("--layer ip1 --origin {origin} --out r.npy --json");
        json(&stage.run(&format!("represent {BEHIND} {options}"), 0))["shape"].clone()
    };
    assert_eq!(represent("people"), serde_json::json!([14, 500]));
    assert_eq!(represent("people/dave"), serde_json::json!([2, 500]));
    fs::create_dir(stage.path("others")).unwrap();
    fs::rename(stage.path("people/dave"), stage.path("others/dave")).unwrap();
    assert_eq!(represent("others"), serde_json::json!([2, 500]));
    stage.run("represent lenet --layer ip1 --origin others --out r.npy --quiet", 0);
    let hot = format!("attack {BEHIND} --method hot-cold --no-pass --json --quiet --origin others");
    let read = json(&stage.run(&format!("{hot} --labels predicted --out read"), 0));
    assert_eq!(read["attempts"], 2 * 2, "each has the class that is read");
    stage.run(
        &format!("direction {BEHIND} --method magnify --layer ip1 --origin others --out d.npy --quiet"),
        0,
    );
}

#[test]
fn pictures_that_are_left_out_are_counted_by_every_command_that_reads_labels() {
    let stage = people();
    with_a_stranger(&stage);
    let options = format!("{BEHIND} --origin people --no-pass --json --quiet");
    for command in [
        "evaluate",
        "stability --layer ip1",
        "compare --layer ip1 --method toward --method hot-cold --budget 40",
    ] {
        let report = json(&stage.run(&format!("{command} {options}"), 0));
        let left_out = &report["left_out"]["origin"];
        assert_eq!(
            (&left_out["pictures"], &left_out["folders"][0]),
            (&2.into(), &"dave".into()),
            "{command}"
        );
        let out = command.split(' ').next().unwrap();
        let told = format!("{command} {BEHIND} --origin people --no-pass --out told-{out}");
        let message = String::from_utf8(stage.lots(&told).output().unwrap().stderr).unwrap();
        assert!(message.contains("origin: left out 2 pictures in a folder"), "{command}: {message}");
    }
    let nearest = "--layer ip1 --target people --target-set nearest --origin people/dave/61.png --json";
    for command in [
        "visualize --linf 64 --out d.png",
        "ray --method toward --out r.svg",
        "direction --method toward --out d.npy",
    ] {
        let (command, more) = command.split_once(' ').unwrap();
        let report = json(&stage.run(&format!("{command} {BEHIND} {more} {nearest} --quiet"), 0));
        assert_eq!(report["left_out"]["target"]["pictures"], 2, "{command}");
    }
    let stability = json(&fs::read_to_string(stage.path("stability/stability.json")).unwrap());
    assert_eq!(stability["class_names"]["1"], "bob");
    assert_eq!(stability["left_out"]["origin"]["pictures"], 2);
}

#[cfg(unix)]
#[test]
fn a_gallery_says_what_lies_among_the_pictures_and_is_none() {
    let stage = people();
    fs::create_dir_all(stage.path("people/bob/raw")).unwrap();
    stage.digit(5, "people/bob/raw/5.png");
    fs::create_dir(stage.path("people/nobody")).unwrap();
    for (link, to) in [("anna/camera.png", "/dev/zero"), ("anna/gone.png", "nowhere.png")] {
        std::os::unix::fs::symlink(to, stage.path("people").join(link)).unwrap();
    }
    let build = "gallery build people --network lenet --layer ip1 --out again.safetensors";
    let report = json(&stage.run(&format!("{build} --json"), 0));
    assert_eq!(report["templates"], 12);
    let expected = serde_json::json!({
        "not_files": ["people/anna/camera.png", "people/anna/gone.png"],
        "nested": ["people/bob/raw"],
        "empty": ["people/nobody"],
    });
    assert_eq!(report["left_out"], expected);
    assert_eq!(
        fs::read(stage.path("again.safetensors")).unwrap(),
        fs::read(stage.path("people.safetensors")).unwrap()
    );
    snapshot!("gallery_among_other_things", stage.lots(build));
    let faces =
        "faces report lenet people --feature ip1 --far 0.1 --identities 2 --adjust-iterations 5 --no-pass";
    let faces = stage.lots(&format!("{faces} --method toward")).output().unwrap();
    let message = String::from_utf8(faces.stderr).unwrap();
    assert!(message.contains("left out 1 folder without a picture: `people/nobody`"), "{message}");
}

#[test]
fn a_network_of_features_is_described_as_one_that_may_be() {
    let stage = people();
    let points = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.4, 0.8], [0.6, 0.8]];
    fs::write(stage.path("points.onnx"), face_networks::landmark_network(&points)).unwrap();
    let described = stage.run("describe points.onnx --pixels 0-255", 0);
    assert!(described.contains("unless the output is features"), "{described}");
    let known =
        |network: &str| json(&stage.run(&format!("describe {network} --json"), 0))["classes_known"].clone();
    assert_eq!(known("points.onnx --pixels 0-255"), false);
    assert_eq!(known("lenet"), true, "it ends in a softmax");
    assert_eq!(known(BEHIND), true, "its classes have names");
}
