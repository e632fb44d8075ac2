use crate::stage::{Stage, snapshot};

const STEERED: &str = "attack lenet --method toward --layer conv2 --layer ip2 --origin digits[0..6] \
                       --target digits:targets --out run";

#[test]
fn an_attack_fills_a_run_folder() {
    let stage = Stage::new();
    snapshot!("attack", stage.lots(STEERED));
    let files = stage.files("run");
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    // Nine other classes at two layers for each of six origins.
    let attempts = std::fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap();
    assert_eq!(attempts.lines().count(), 6 * 9 * 2);
    // An image for each that was reached, and the two files that say so.
    let reached = attempts.lines().filter(|row| row.contains(r#""status":"reached""#)).count();
    assert_eq!(names.len(), reached + 2);
    assert!(names.contains(&"images/00004_digits-4_toward_conv2_digits-targets-9.png"));
    insta::assert_snapshot!("attempts", attempts.lines().take(2).collect::<Vec<_>>().join("\n"));
    let run = std::fs::read_to_string(stage.path("run/run.json")).unwrap();
    insta::with_settings!({ filters => [("[0-9a-f]{64}", "[SHA-256]")] }, { insta::assert_snapshot!("run", run) });
}

#[test]
fn what_is_written_is_what_was_measured() {
    let stage = Stage::new();
    stage.run(STEERED, 0);
    let digits = lots::data::digits::load();
    let network = lots::embedded::lenet();
    let attempts = std::fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap();
    let mut written = 0;
    for line in attempts.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        if row["status"] != "reached" {
            assert!(row["file"].is_null(), "{line}");
            continue;
        }
        written += 1;
        let origin = digits.names().iter().position(|name| row["origin"] == name.as_str()).unwrap();
        let perturbed = lots::Image::open(stage.path("run").join(row["file"].as_str().unwrap())).unwrap();
        let measures = lots::measure::compare(&digits.images()[origin], &perturbed).unwrap();
        let class = lots_network::class_of(network.classify(perturbed.pixels()).unwrap().image(0));
        assert_eq!(row["class"], class, "{line}");
        assert_ne!(row["origin_class"], class, "{line}");
        assert_eq!(row["l2"], measures.l2, "{line}");
        assert_eq!(row["linf"], measures.linf, "{line}");
        assert_eq!(row["pass_score"], measures.pass_score, "{line}");
    }
    assert!(written > 100, "only {written} images");
}

#[test]
fn the_bytes_of_a_run_folder_do_not_depend_on_threads() {
    let stages = [1, 2].map(|threads| {
        let stage = Stage::new();
        stage.run(
            &format!("{STEERED} --method hot-cold --method fast-gradient-sign --threads {threads} --quiet"),
            0,
        );
        stage.files("run")
    });
    assert!(stages[0] == stages[1]);
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    for format in ["png", "npy"] {
        let options = format!(
            "attack lenet --method hot-cold --origin digits --no-pass --target-class 3 --format {format} --quiet"
        );
        let (whole, cut) = (Stage::new(), Stage::new());
        whole.run(&format!("{options} --out run"), 0);
        cut.kill(&format!("{options} --out run"), "run.unfinished/progress.json");
        // What a write that is cut off leaves behind.
        std::fs::write(cut.path("run.unfinished/.lots-cut0ff.tmp"), b"half").unwrap();
        cut.run(&format!("{options} --out run --resume"), 0);
        assert!(whole.files("run") == cut.files("run"), "{format}");
        assert!(!cut.path("run.unfinished").exists());
    }
}

#[test]
fn a_run_folder_is_not_overwritten() {
    let stage = Stage::new();
    let options = "attack lenet --method fast-gradient-sign --origin digits[0..2] --quiet --out run";
    stage.run(options, 0);
    snapshot!("folder_exists", stage.lots(options));
    snapshot!("folder_complete", stage.lots(&format!("{options} --resume").replace(" --quiet", "")));
    snapshot!("folder_of_another_run", stage.lots(&options.replace("sign", "value --resume")));
    stage.run(&format!("{options} --force"), 0);
    std::fs::remove_file(stage.path("run/run.json")).unwrap();
    snapshot!("folder_of_a_stranger", stage.lots(&format!("{options} --force")));
    std::fs::create_dir(stage.path("other.unfinished")).unwrap();
    snapshot!("folder_unfinished", stage.lots(&options.replace("run", "other")));
}

#[cfg(unix)]
#[test]
fn a_forced_run_that_was_interrupted_goes_on_and_replaces_the_old_one() {
    let stage = Stage::new();
    stage
        .run("attack lenet --method fast-gradient-sign --origin digits[0..2] --no-pass --quiet --out run", 0);
    let options =
        "attack lenet --method hot-cold --origin digits --no-pass --target-class 3 --format none --out run";
    stage.kill(&format!("{options} --quiet --force"), "run.unfinished/progress.json");
    stage.run(&format!("{options} --quiet --resume"), 0);
    let run = std::fs::read_to_string(stage.path("run/run.json")).unwrap();
    assert!(run.contains("hot-cold") && !stage.path("run.unfinished").exists());
}

#[test]
fn what_is_missing_is_asked_for() {
    let stage = Stage::new();
    stage.digit(4, "four.png");
    let cases = [
        ("no_layer", "--method toward --origin digits --target digits:targets"),
        ("no_target", "--method toward --layer conv2 --origin digits"),
        ("no_label", "--method magnify --layer conv2 --origin four.png"),
        ("no_class", "--method fast-gradient-sign --until class --origin digits"),
        ("no_target_label", "--method toward --layer ip1 --until class --origin digits[0] --target four.png"),
        ("no_such_class", "--method hot-cold --target-class 10 --origin digits"),
        ("no_such_method", "--method fgsm --origin digits"),
        ("no_such_criterion", "--method hot-cold --origin digits --until distance"),
        (
            "no_pairs",
            "--method toward --layer ip1 --origin digits[0..3] --target digits:targets --pairing zip",
        ),
    ];
    for (name, arguments) in cases {
        snapshot!(name, stage.lots(&format!("attack lenet {arguments} --out run")));
    }
    assert!(!stage.path("run").exists() && !stage.path("run.unfinished").exists());
}

#[test]
fn an_argument_without_effect_is_an_error() {
    let stage = Stage::new();
    let cases = [
        ("vain_layer", "--method fast-gradient-sign --layer conv1"),
        ("vain_parts", "--method fast-gradient-sign --layer conv1 --only-channels 0-3 --only-units 5"),
        ("vain_target", "--method reduce --layer conv1 --target digits:targets"),
        ("vain_class", "--method fast-gradient-value --target-class 3"),
        ("vain_start", "--method hot-cold --backpropagation exact"),
        ("vain_gradient", "--method hot-cold --vanished-gradient follow"),
        ("vain_steps", "--method hot-cold --adjust-step 2"),
        ("vain_weight", "--method hot-cold --lbfgs-weight 2"),
        ("vain_radius", "--method l-bfgs --feature-radius 20"),
        ("vain_draw", "--method l-bfgs --projected-random"),
        ("twice", "--method hot-cold --method hot-cold"),
    ];
    for (name, arguments) in cases {
        snapshot!(name, stage.lots(&format!("attack lenet {arguments} --origin digits[0] --out run")));
    }
}

#[test]
fn nothing_reached_is_exit_code_one() {
    let stage = Stage::new();
    // Digit 0 is read with a probability of exactly 1 in single precision: this search takes one grey level at most.
    snapshot!(stage.lots(
        "attack lenet --method hot-cold --max-step 1 --origin digits[0] --no-pass --format none --out run"
    ));
}

#[test]
fn an_attack_as_json() {
    let stage = Stage::new();
    snapshot!(stage.lots("attack lenet --method reduce --layer ip1 --origin digits[0..10] --out run --json"));
}

#[test]
fn step_and_adjust_reaches_a_class() {
    let stage = Stage::new();
    snapshot!(stage.lots(
        "attack lenet --method step-and-adjust --layer ip2 --until class --origin digits[4] --target digits:targets[9] \
         --adjust-iterations 100 --out run"
    ));
}

#[test]
fn a_scan_says_what_it_saw() {
    let stage = Stage::new();
    let options = "attack lenet --method toward --layer conv2 --origin digits[0..20] --target digits:targets --no-pass --format none --out run";
    let report = stage.run(&format!("{options} --scan 1 --json"), 0);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let rows = std::fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap();
    let count = |word: &str| rows.matches(&format!("\"crossing\":\"{word}\"")).count();
    assert_eq!(report["scanned"]["rays"], count("first") + count("earlier"));
    assert_eq!(report["scanned"]["rays"], report["reached"]);
    assert_eq!(report["scanned"]["crossed_earlier"], count("earlier"));
    let unscanned = stage.run(&format!("{options} --force --json"), 0);
    assert!(!unscanned.contains("scanned"), "{unscanned}");
}

#[test]
fn labels_that_are_no_class_are_refused() {
    let stage = Stage::new();
    std::fs::write(stage.path("labels.txt"), "3\n99\n").unwrap();
    stage.digit(4, "four.png");
    let array: Vec<u8> =
        lots::data::digits::load().images()[..2].iter().flat_map(|it| it.pixels().to_vec()).collect();
    lots::data::array::write(stage.path("two.npy"), &[2, 28, 28], &array).unwrap();
    snapshot!(stage.lots("attack lenet --method hot-cold --origin two.npy --labels labels.txt --out run"));
}

#[test]
fn pairs_meet_in_their_order() {
    let stage = Stage::new();
    stage.run(
        "attack lenet --method toward --layer ip1 --pairing zip --origin digits[0..10] --target digits:targets \
         --no-pass --quiet --out run",
        0,
    );
    let attempts = std::fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap();
    for (index, line) in attempts.lines().enumerate() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["origin"], format!("digits[{index}]"));
        assert_eq!(row["target"], format!("digits:targets[{index}]"));
    }
    assert_eq!(attempts.lines().count(), 10);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done_and_says_how_to_go_on() {
    let stage = Stage::new();
    let options = "attack lenet --method hot-cold --origin digits --format none --out run";
    let message = stage.interrupt(options, "run.unfinished/progress.json");
    assert!(
        message.starts_with("error: interrupted after ") && message.contains("`--resume` goes on"),
        "{message}"
    );
    assert!(stage.path("run.unfinished/progress.json").exists() && !stage.path("run").exists());
}

#[test]
fn methods_of_others_reach_the_same_criteria() {
    let stage = Stage::new();
    let methods = "--method l-bfgs --method projected-gradient --method feature-adversary --layer ip1";
    let options = "--target digits:targets --feature-radius 128 --until class --target-class 3 --no-pass";
    snapshot!(
        "attack_of_others",
        stage.lots(&format!("attack lenet {methods} {options} --origin digits[0..2] --out run"))
    );
    let run: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(stage.path("run/run.json")).unwrap()).unwrap();
    assert_eq!(run["options"]["descents"]["feature-adversary"]["radius"], 128);
}

#[test]
fn what_lots_improves_is_reported_with_and_without() {
    let stage = Stage::new();
    let options = "attack lenet --method fast-gradient-sign --vanished-gradient follow --origin digits[0..4]";
    let summary: serde_json::Value =
        serde_json::from_str(&stage.run(&format!("{options} --improve ip1 --out run --json"), 0)).unwrap();
    let improvement = &summary["improvement"]["fast-gradient-sign"];
    assert_eq!(improvement["attempts"], summary["reached"]);
    assert_eq!(improvement["pass_score"]["with"], summary["pass_score"]["mean"]);
    assert!(improvement["pass_score"]["with"].as_f64() > improvement["pass_score"]["without"].as_f64());
    let attempts = std::fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap();
    for line in attempts.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (with, without) = (&row["pass_score"], &row["improvement"]["without"]["pass_score"]);
        let is_improved = row["improvement"]["layer"] == "ip1";
        assert!(if is_improved { with.as_f64() > without.as_f64() } else { with == without }, "{line}");
    }
    snapshot!("attack_improve", stage.lots(&format!("{options} --out again --improve")));
    snapshot!(
        "improve_two_targets",
        stage.lots(
            "attack lenet --method toward --layer ip1 --target digits:targets --origin digits[0] \
             --until distance<9 --improve ip1 --out run2"
        )
    );
}

#[test]
fn lots_improves_whatever_the_targets_and_the_part_of_the_layer_are() {
    let stage = Stage::new();
    let target = "--target digits:targets";
    stage.run("represent lenet --origin digits:targets[7] --layer ip1 --out seven.npy --quiet", 0);
    let cases = [
        "--layer ip1 --template seven.npy".to_owned(),
        format!("--layer ip1 {target} --target-set nearest"),
        format!("--layer ip1 {target} --target-set centroid"),
        format!("--layer conv2 {target} --only-channels 0-20"),
    ];
    for (index, case) in cases.iter().enumerate() {
        let attack =
            format!("attack lenet --method toward {case} --origin digits[0..2] --format none --json --quiet");
        let summary: serde_json::Value = serde_json::from_str(
            &stage.run(&format!("{attack} --improve ip1 --improve conv2 --out run{index}"), 0),
        )
        .unwrap();
        assert!(summary["reached"].as_u64() > Some(0), "{case}: {summary}");
        assert_eq!(summary["improvement"].as_object().unwrap().len(), 1, "{case}");
    }
}
