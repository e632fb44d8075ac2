use std::collections::BTreeMap;

use serde_json::Value;

use crate::stage::{Stage, snapshot};

const THREE: &str = "compare lenet --origin digits[0..3] --layer ip2 --budget 120 --feature-radius 128";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn read(stage: &Stage, file: &str) -> String {
    std::fs::read_to_string(stage.path(file)).unwrap()
}

#[test]
fn methods_are_compared_on_the_same_pairs() {
    let stage = Stage::new();
    let report = json(&stage.run(&format!("{THREE} --json --quiet"), 0));
    assert_eq!(report, json(&read(&stage, "compare/comparison.json")));
    assert_eq!((&report["origins"]["attacked"], &report["origins"]["pairs"]), (&3.into(), &27.into()));
    let groups = report["groups"].as_array().unwrap();
    let names: Vec<&str> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "toward/ip2",
            "fast-gradient-sign",
            "fast-gradient-value",
            "hot-cold",
            "step-and-adjust/ip2",
            "l-bfgs",
            "feature-adversary/ip2",
            "projected-gradient"
        ]
    );
    for group in groups {
        assert_eq!(group["attempts"], 27, "{}", group["name"]);
        assert!(group["cost"].as_f64().unwrap() <= 120.0, "{}", group["name"]);
        let trail = group["trail"].as_array().unwrap();
        assert_eq!(trail.last().unwrap()["cost"], 120);
        assert_eq!(trail.last().unwrap()["l2"], group["l2"]["median"]);
        // What was found stays found, and only something with a smaller L2 takes its place.
        let numbers = |key: &str, missing: f64| -> Vec<f64> {
            trail.iter().map(|point| point[key].as_f64().unwrap_or(missing)).collect()
        };
        assert!(numbers("success_rate", 0.0).is_sorted());
        assert!(numbers("l2", f64::INFINITY).is_sorted_by(|a, b| a >= b));
    }
    let page = read(&stage, "compare/report.html");
    assert!(page.contains("Quality against cost") && !page.contains("<script"));
}

#[test]
fn no_attempt_exceeds_the_budget_and_the_attempts_say_what_ended_them() {
    let stage = Stage::new();
    let little = THREE.replace("--layer ip2 --budget 120", "--layer conv1 --layer ip2 --budget 60");
    stage.run(&format!("{little} --no-pass --quiet"), 0);
    let mut reader = csv::Reader::from_path(stage.path("compare/attempts.csv")).unwrap();
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    for row in &rows {
        assert!(row["spent"].parse::<usize>().unwrap() <= 60, "{row:?}");
        let ends = ["", "budget", "holds_at_origin", "saturated", "vanished_gradient", "converged"];
        assert!(ends.contains(&row["reason"].as_str()), "{row:?}");
        assert!(!row["cost"].is_empty() || !row["reason"].is_empty(), "{row:?}");
    }
    let stepping: Vec<_> =
        rows.iter().filter(|row| row["method"] == "step-and-adjust" && row["layer"] == "conv1").collect();
    assert!(stepping.iter().any(|row| row["reason"] == "budget"), "{stepping:?}");
}

#[test]
fn the_folder_is_the_same_for_any_number_of_threads_and_after_an_interruption() {
    let stage = Stage::new();
    let origins = THREE.replace("[0..3]", "[0..40]");
    let options =
        format!("{origins} --no-pass --quiet --method toward --method l-bfgs --method projected-gradient");
    let options = options.replace(" --feature-radius 128", "");
    stage.run(&format!("{options} --threads 1 --out one"), 0);
    stage.run(&format!("{options} --threads 3 --out three"), 0);
    assert!(stage.files("one") == stage.files("three"));
    stage.kill(&format!("{options} --out cut"), "cut.unfinished/progress.json");
    stage.run(&format!("{options} --out cut --resume"), 0);
    assert!(stage.files("one") == stage.files("cut"));
}

#[test]
fn sums_and_parts_of_layers_are_compared_like_layers() {
    let stage = Stage::new();
    let groups = |options: &str| {
        let plain = "compare lenet --origin digits[0..2] --budget 60 --no-pass --json --quiet --force";
        let text = stage.run(&format!("{plain} --method toward --method step-and-adjust {options}"), 0);
        json(&text)["groups"].clone()
    };
    let whole = groups("--layer conv2 --layer conv2*0.5+ip1*2");
    assert_eq!(whole[1]["name"], "toward/conv2*0.5+ip1*2");
    assert_ne!(whole[0]["l2"], whole[1]["l2"]);
    let part = groups("--layer conv2 --only-channels 3,7-12");
    assert_ne!(whole[0]["l2"], part[0]["l2"]);
    assert_eq!(groups("--layer conv2 --only-channels 0-49")[0]["l2"], whole[0]["l2"]);
}

#[test]
fn what_looks_at_whole_layers_only_is_left_out_where_parts_and_sums_are_asked_for() {
    let stage = Stage::new();
    for options in ["--layer conv2 --only-channels 3,7-12", "--layer conv2*0.5+ip1*2"] {
        let compare =
            format!("compare lenet --origin digits[0..2] --budget 40 --no-pass --force --json {options}");
        let output = stage.lots(&compare).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(
            message.starts_with("left out the method `feature-adversary`, which moves toward one"),
            "{message}"
        );
        let report = json(std::str::from_utf8(&output.stdout).unwrap());
        let methods: Vec<&str> = report["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["method"].as_str().unwrap())
            .collect();
        assert!(!methods.contains(&"feature-adversary") && methods.contains(&"toward"), "{methods:?}");
        assert!(methods.contains(&"hot-cold"), "those that look at no layer are compared with them");
    }
}

#[test]
fn a_comparison_fits_on_a_screen() {
    let stage = Stage::new();
    snapshot!("compare", stage.lots(THREE));
    snapshot!("compare_complete", stage.lots(&format!("{THREE} --resume --json")));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let stage = Stage::new();
    for (name, arguments) in [
        ("compare_about_representations", "--until distance<3"),
        ("compare_little", "--budget 10"),
        ("compare_vain", "--method hot-cold --method l-bfgs --feature-radius 20"),
        ("compare_vain_seed", "--method projected-gradient --seed 3"),
        ("compare_sum_of_layers", "--method feature-adversary --layer conv2*0.5+ip1*2"),
        ("compare_part_of_a_layer", "--method feature-adversary --layer conv2 --only-channels 3,7-12"),
        ("compare_vain_part", "--method hot-cold --only-channels 3"),
        ("compare_twice", "--method hot-cold --method hot-cold"),
    ] {
        snapshot!(name, stage.lots(&format!("compare lenet --origin digits[0..2] {arguments}")));
    }
    assert!(!stage.path("compare").exists());
}
