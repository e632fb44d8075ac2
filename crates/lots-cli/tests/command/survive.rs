use serde_json::Value;

use crate::stage::Stage;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Digits that are attacked toward each other class.
fn attacked(stage: &Stage, more: &str) {
    let options =
        "--method toward --layer conv2 --method hot-cold --origin digits[0..4] --target digits:targets";
    stage.run(&format!("attack lenet {options} --no-pass --quiet --out run{more}"), 0);
}

#[test]
fn a_run_is_looked_at_behind_each_transformation() {
    let stage = Stage::new();
    attacked(&stage, "");
    let report = json(&stage.run("survive run --out survive.json --json", 0));
    let written = json(&std::fs::read_to_string(stage.path("survive.json")).unwrap());
    assert_eq!(report, written);
    let names = report["transformations"].as_array().unwrap();
    let expected =
        ["png", "jpeg:95", "jpeg:75", "webp", "resize:0.5", "shift:1", "blur:1", "bits:7", "half-weights"];
    assert_eq!(names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>(), expected);
    let groups = report["groups"].as_object().unwrap();
    assert_eq!(groups.keys().collect::<Vec<_>>(), ["toward/conv2", "hot-cold"]);
    let images = |counts: &Value| counts["images"].as_u64().unwrap();
    assert_eq!(images(&report["all"]), groups.values().map(images).sum::<u64>());
    for counts in groups.values().chain([&report["all"]]) {
        assert_eq!(counts["origins"], 4);
        for name in expected {
            let trial = &counts["transformations"][name];
            let rate = trial["survived"].as_f64().unwrap() / images(counts) as f64;
            assert_eq!(trial["survival_rate"].as_f64(), Some(rate), "{name}");
            assert!(trial["of_kept"]["survived"].as_u64() <= trial["survived"].as_u64());
        }
        // What loses nothing leaves everything as it was.
        for name in ["png", "webp"] {
            assert_eq!(counts["transformations"][name]["survival_rate"], 1.0);
            assert_eq!(counts["transformations"][name]["origins_kept_rate"], 1.0);
        }
    }
    let table = stage.run("survive run --transformations jpeg:90,shift:2", 0);
    assert!(table.contains("jpeg:90") && table.contains("origins that keep their class"), "{table}");
}

#[test]
fn an_array_of_images_survives_like_pictures() {
    let stage = Stage::new();
    attacked(&stage, "");
    let of_pictures = json(&stage.run("survive run --json", 0));
    attacked(&stage, " --format npy --force");
    assert_eq!(json(&stage.run("survive run --threads 1 --json", 0)), of_pictures);
}

#[test]
fn what_was_searched_robustly_survives() {
    let stage = Stage::new();
    attacked(&stage, " --robust-to jpeg:90,shift:1");
    let run = json(&std::fs::read_to_string(stage.path("run/run.json")).unwrap());
    assert_eq!(run["options"]["robust_to"], json(r#"["jpeg:90","shift:1"]"#));
    let report = json(&stage.run("survive run --transformations shift:1,png,jpeg:90 --json", 0));
    assert!(report["all"]["images"].as_u64() > Some(0));
    for name in ["shift:1", "png", "jpeg:90"] {
        assert_eq!(report["all"]["transformations"][name]["survival_rate"], 1.0, "{name}");
    }
}

#[test]
fn criteria_about_representations_are_looked_at_again() {
    let stage = Stage::new();
    stage.run(
        "attack lenet --method toward --layer ip1 --until similarity>0.6 --origin digits[0..4] --target digits:targets \
         --no-pass --quiet --out run",
        0,
    );
    let report = json(&stage.run("survive run --transformations png --json", 0));
    assert_eq!(report["until"], "similarity>0.6");
    assert!(report["all"]["images"].as_u64() > Some(0));
    assert_eq!(report["all"]["transformations"]["png"]["survival_rate"], 1.0);
}

#[test]
fn templates_and_what_is_made_of_targets_are_found_again() {
    let stage = Stage::new();
    stage.run("represent lenet --origin digits:targets[2..5] --layer ip1 --out three.npy --quiet", 0);
    let images = "--target digits:targets";
    let cases = [
        "--template three.npy".to_owned(),
        format!("{images} --template three.npy --target-set mixture --mixture 0,0,0,0,0,1,0,1,0,0,1,2,0"),
        format!("{images} --target-set centroid"),
        format!("{images} --target-labels predicted --template three.npy --target-set nearest"),
        format!("{images} --target-set farthest"),
    ];
    for (index, case) in cases.iter().enumerate() {
        let attack = format!("attack lenet --method toward --layer ip1 --until similarity>0.6 {case}");
        stage.run(&format!("{attack} --origin digits[0..4] --no-pass --quiet --out run{index}"), 0);
        let report = json(&stage.run(&format!("survive run{index} --transformations png,shift:1 --json"), 0));
        assert!(report["all"]["images"].as_u64() > Some(0), "{case}");
        // The image lies just above the threshold: with another target it would not.
        assert_eq!(report["all"]["transformations"]["png"]["survival_rate"], 1.0, "{case}");
    }
    stage.run("represent lenet --origin digits:targets[1..4] --layer ip1 --out three.npy --quiet", 0);
    let told = stage.refused("survive run0");
    assert!(told.starts_with("error: the templates are not those of the run"), "{told}");
}

#[test]
fn a_run_that_cannot_be_looked_at_is_told_with_a_hint() {
    let stage = Stage::new();
    let told = |arguments: &str| -> String {
        let output = stage.lots(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let nothing = told("survive nowhere");
    assert!(nothing.starts_with("error: there is no run in `nowhere`") && nothing.contains("hint:"));
    let word = told("survive nowhere --transformations jpg");
    assert!(word.contains("`jpg` is no transformation") && word.contains("half-weights"), "{word}");
    attacked(&stage, "");
    stage.silent_network("other.onnx");
    let other = told("survive run --network other.onnx");
    assert!(
        other.contains("the network is not the one that the run attacked") && other.contains("--network")
    );
    let origins = told("survive run --origin digits[4..8]");
    assert!(origins.contains("is not where the run found it") && origins.contains("--origin"), "{origins}");
    let run = std::fs::read_to_string(stage.path("run/run.json")).unwrap();
    std::fs::write(stage.path("run/run.json"), &run[..200]).unwrap();
    let cut = told("survive run");
    assert!(cut.contains("is not the record of a run") && cut.contains("hint:"), "{cut}");
    std::fs::write(stage.path("run/run.json"), r#"{"format_version": 1, "verification": {}}"#).unwrap();
    let report = told("survive run");
    assert!(report.contains("hint: it is another command's"), "{report}");
    let long = |file: &str, length: u64| {
        let path = stage.path("run").join(file);
        std::fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
    };
    std::fs::write(stage.path("run/run.json"), run).unwrap();
    long("attempts.jsonl", 1 << 40);
    let endless = told("survive run");
    assert!(endless.contains("`run/attempts.jsonl` is damaged") && endless.contains("hint:"), "{endless}");
    long("run.json", 1 << 40);
    let endless = told("survive run");
    assert!(
        endless.contains("the JSON file has 1099511627776 bytes, expected at most 268435456"),
        "{endless}"
    );
    attacked(&stage, " --format none --force");
    assert!(told("survive run").contains("has kept no images"));
}
