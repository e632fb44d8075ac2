use std::collections::BTreeMap;

use serde_json::Value;

use crate::stage::{Stage, snapshot};

const EIGHT: &str = "stability lenet --origin digits[0..8] --quiet";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn read_json(stage: &Stage, file: &str) -> Value {
    json(&std::fs::read_to_string(stage.path(file)).unwrap())
}

/// The rows of a CSV file without quotes, by the names of the columns.
fn rows(stage: &Stage, file: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(stage.path(file)).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<String>>());
    let header = lines.next().unwrap();
    lines
        .map(|cells| {
            assert_eq!(cells.len(), header.len(), "{cells:?}");
            header.iter().cloned().zip(cells).collect()
        })
        .collect()
}

fn group<'a>(report: &'a Value, layer: &str, method: &str, class: &Value) -> &'a Value {
    let is_meant =
        |group: &&Value| group["layer"] == layer && group["method"] == method && group["class"] == *class;
    report["groups"].as_array().unwrap().iter().find(is_meant).unwrap()
}

#[test]
fn an_atlas_is_a_folder_of_numbers_and_a_page() {
    let stage = Stage::new();
    let printed = stage.run(&format!("{EIGHT} --json"), 0);
    let report = read_json(&stage, "stability/stability.json");
    assert_eq!(json(&printed), report);
    assert_eq!(report["origins"]["attacked"], 8);
    let attempts = rows(&stage, "stability/attempts.csv");
    // Reduced, magnified, and moved toward nine other classes at four layers.
    assert_eq!(attempts.len(), 8 * 4 * 11);
    for layer in ["conv1", "conv2", "ip1", "ip2"] {
        for method in ["reduce", "magnify", "toward"] {
            let own: Vec<_> =
                attempts.iter().filter(|row| row["layer"] == layer && row["method"] == method).collect();
            let group = group(&report, layer, method, &Value::Null);
            let flipped = own.iter().filter(|row| row["flipped"] == "true").count();
            assert_eq!((&group["attempts"], &group["flipped"]), (&own.len().into(), &flipped.into()));
            assert_eq!(group["censored"], own.len() - flipped);
            // All that are censored are so at the end of the scale, so the median is that of the sorted column.
            let mut linf: Vec<f64> = own.iter().map(|row| row["linf"].parse().unwrap()).collect();
            linf.sort_by(f64::total_cmp);
            let half = own.len().div_ceil(2);
            let expected = if flipped >= half { linf[half - 1].into() } else { Value::Null };
            assert_eq!(group["linf"]["median"], expected, "{layer} {method}");
        }
    }
    let any = group(&report, "ip2", "any", &Value::Null);
    assert_eq!((&any["attempts"], &any["origins"]), (&8.into(), &8.into()));
    let page = std::fs::read_to_string(stage.path("stability/report.html")).unwrap();
    assert!(page.matches("data:image/svg+xml;base64,").count() >= 6 && page.contains("data:image/png"));
    assert!(!page.contains("<script"));
    assert!(!stage.path("stability.unfinished").exists() && !stage.path("stability/progress.json").exists());
}

#[test]
fn what_never_flips_is_censored_and_not_dropped() {
    let stage = Stage::new();
    stage.run(&format!("{EIGHT} --no-pass"), 0);
    let attempts = rows(&stage, "stability/attempts.csv");
    let censored: Vec<_> = attempts.iter().filter(|row| row["flipped"] == "false").collect();
    assert!(!censored.is_empty(), "magnified digits mostly keep their class");
    for row in censored {
        assert_eq!((row["linf"].as_str(), row["l2"].as_str()), ("255.0", "7140.0"));
        assert!(row["step"].is_empty() && row["pass_score"].is_empty() && row["class"].is_empty());
        assert!(matches!(row["reason"].as_str(), "saturated" | "no_direction"), "{row:?}");
    }
    let report = read_json(&stage, "stability/stability.json");
    assert!(report["groups"][0]["pass_score"].is_null());
}

#[test]
fn the_terminal_has_one_screen() {
    let stage = Stage::new();
    let shown = stage.run("stability lenet --origin digits[0..4] --layer ip1 --layer ip2 --no-pass", 0);
    assert!(shown.lines().count() <= 24, "{shown}");
    for word in ["ip1", "ip2", "reduce", "magnify", "toward", "any", "median L∞ [95 %]"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let stages = [1, 2].map(|threads| {
        let stage = Stage::new();
        stage.run(&format!("{EIGHT} --threads {threads}"), 0);
        stage.files("stability")
    });
    assert!(stages[0] == stages[1]);
}

#[test]
fn a_killed_measurement_goes_on_to_the_same_bytes() {
    let (whole, cut) = (Stage::new(), Stage::new());
    let options = "stability lenet --origin digits[0..200] --no-pass --quiet";
    whole.run(options, 0);
    cut.kill(options, "stability.unfinished/progress.json");
    if cut.path("stability.unfinished").exists() {
        let message = cut.lots(options).output().unwrap();
        assert_eq!(message.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&message.stderr).contains("there is an unfinished stability run"));
        // What a write that is cut off leaves behind.
        std::fs::write(cut.path("stability.unfinished/.lots-cut0ff.tmp"), b"half").unwrap();
    }
    let other = cut.lots(&format!("{options} --resume --seed 2")).output().unwrap();
    assert_eq!(other.status.code(), Some(2), "other settings");
    cut.run(&format!("{options} --resume"), 0);
    assert!(whole.files("stability") == cut.files("stability"));
}

#[test]
fn what_is_complete_is_looked_at_again() {
    let stage = Stage::new();
    let options = "stability lenet --origin digits[0..4] --layer ip1 --no-pass";
    let first = stage.run(options, 0);
    let files = stage.files("stability");
    assert_eq!(stage.run(&format!("{options} --resume"), 0), first);
    stage.lots(options).args(["--resume", "--fail-if", "ip1.median < 256"]).output().unwrap();
    assert!(stage.files("stability") == files);
    snapshot!("stability_exists", stage.lots(options));
    stage.run(&format!("{options} --force"), 0);
    std::fs::remove_file(stage.path("stability/stability.json")).unwrap();
    let stranger = stage.lots(&format!("{options} --force")).output().unwrap();
    assert_eq!(stranger.status.code(), Some(2));
}

#[test]
fn a_condition_that_holds_fails_a_build() {
    let stage = Stage::new();
    let judged = |condition: &str, code| {
        let mut command =
            stage.lots("stability lenet --origin digits[0..4] --layer ip1 --no-pass --force --json");
        command.args(["--fail-if", condition, "--fail-if", "ip1.any.flipped < 0", "--junit", "verdicts.xml"]);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{condition}\n{errors}");
        json(&String::from_utf8(output.stdout).unwrap())
    };
    let report = judged("ip1.median <= 255", 1);
    assert_eq!(report["conditions"][0]["holds"], true);
    assert_eq!(report["conditions"][1]["holds"], false);
    let xml = std::fs::read_to_string(stage.path("verdicts.xml")).unwrap();
    assert!(xml.contains("failures=\"1\"") && xml.contains("ip1.median &lt;= 255"), "{xml}");
    let report = judged("ip1.toward.l2.q1 < 0.5", 0);
    assert_eq!(report["conditions"][0]["condition"], "ip1.toward.l2.q1 < 0.5");
    // The folder says what was measured; what is asked of it changes from call to call.
    assert!(read_json(&stage, "stability/stability.json")["conditions"].is_null());
}

#[test]
fn a_condition_that_cannot_be_judged_is_refused_before_anything_is_measured() {
    let stage = Stage::new();
    for (name, condition) in [
        ("stability_no_relation", "ip1.median"),
        ("stability_no_quantity", "ip1.mean < 3"),
        ("stability_no_number", "ip1.median < few"),
        ("stability_no_layer", "ip7.median < 3"),
        ("stability_other_layer", "conv1.median < 3"),
        ("stability_no_baseline", "ip1.median < 0.9 * baseline"),
        ("stability_no_pass", "ip1.pass_score.median < 0.5"),
    ] {
        let mut command = stage.lots("stability lenet --origin digits[0..2] --layer ip1 --no-pass");
        command.args(["--fail-if", condition]);
        snapshot!(name, command);
    }
    assert!(stage.files("").is_empty());
}

#[test]
fn a_network_is_as_stable_as_itself() {
    let stage = Stage::new();
    std::fs::write(stage.path("same.onnx"), lots::embedded::LENET_ONNX).unwrap();
    let both = "stability lenet same.onnx --origin digits[0..6] --no-pass --json --out both";
    let report = json(&stage.run(both, 0));
    let comparison = &report["comparison"];
    assert_eq!((&comparison["origins"], &comparison["baseline"]["name"]), (&6.into(), &"lenet".into()));
    for group in comparison["groups"].as_array().unwrap() {
        assert_eq!(group["linf"]["baseline"], group["linf"]["network"], "{group}");
        if !group["linf"]["ratio"].is_null() {
            assert_eq!(group["linf"]["ratio"], 1.0, "{group}");
        }
    }
    let [baseline, tested] = ["both/baseline/attempts.csv", "both/attempts.csv"]
        .map(|file| std::fs::read(stage.path(file)).unwrap());
    assert!(baseline == tested);
    // The folder of the baseline is what is measured of that network alone, and can be compared with.
    stage.run("stability lenet --origin digits[0..6] --no-pass --quiet --out alone", 0);
    let alone = read_json(&stage, "alone/stability.json");
    assert_eq!(read_json(&stage, "both/baseline/stability.json"), alone);
    let mut stored =
        stage.lots("stability same.onnx --origin digits[0..6] --no-pass --json --baseline alone");
    stored.args(["--fail-if", "ip1.median < baseline", "--fail-if", "ip1.median >= 1.0 * baseline"]);
    let output = stored.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let stored = json(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(stored["comparison"], *comparison);
    assert_eq!(stored["conditions"][0]["holds"], false);
    assert_eq!(stored["conditions"][1]["holds"], true);
}

#[test]
fn a_baseline_of_other_images_is_refused() {
    let stage = Stage::new();
    stage.run("stability lenet --origin digits[0..2] --layer ip1 --no-pass --quiet --out before", 0);
    let after = "stability lenet --layer ip1 --no-pass --baseline before --out after";
    snapshot!("stability_other_origins", stage.lots(&format!("{after} --origin digits[0..3]")));
    snapshot!("stability_more_layers", stage.lots(&format!("{after} --origin digits[0..2] --layer ip2")));
    snapshot!("stability_no_folder", stage.lots(&after.replace("before", "nowhere")));
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done() {
    let stage = Stage::new();
    let options = "stability lenet --no-pass --out atlas";
    let message = stage.interrupt(options, "atlas.unfinished/progress.json");
    assert!(message.contains("interrupted after ") && message.contains("`--resume` goes on"), "{message}");
    assert!(stage.path("atlas.unfinished/progress.json").exists() && !stage.path("atlas").exists());
}
