use crate::stage::{Stage, snapshot};

/// The smallest that is whole: ten networks, seven sets, all rows, of ten digits.
const SMALL: &str = "table1 --mnist mnist --scale 0.0001 --out table1";

/// Everything but the times.
fn results(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let is_timing = |name: &str| name.starts_with("timing.");
    stage.files("table1").into_iter().filter(|(name, _)| !is_timing(name)).collect()
}

#[test]
fn the_plan_says_what_will_be_done() {
    let stage = Stage::new();
    stage.mnist(100);
    snapshot!(stage.lots("table1 --mnist mnist --plan"));
    assert!(!stage.path("table1").exists());
}

#[test]
fn an_experiment_that_is_killed_again_and_again_ends_with_the_same_bytes() {
    let (whole, cut) = (Stage::new(), Stage::new());
    whole.mnist(100);
    cut.mnist(100);
    whole.run(&format!("{SMALL} --threads 1 --quiet"), 0);
    // Files that appear in the middle of a stage of each kind, or between two stages.
    let moments = [
        "networks/basic.checkpoint",
        "networks/infimnist.onnx",
        "sets/hot-cold/set.unfinished.json",
        "sets/toward-ip2/labels.npy",
        "networks/toward.checkpoint",
        "evaluations/basic.unfinished.json",
        "evaluations/toward-ip1.unfinished.json",
        "refinement.unfinished.json",
        "refinement.json",
    ];
    let mut killed = 0;
    for moment in moments {
        let file = format!("table1/seed-1/{moment}");
        killed += usize::from(cut.kill(&format!("{SMALL} --quiet"), &file));
    }
    // What a write that is cut off leaves behind, which the moments above meet only by chance.
    std::fs::write(cut.path("table1/seed-1/sets/hot-cold/.lots-cut0ff.tmp"), b"half").unwrap();
    cut.run(&format!("{SMALL} --quiet"), 0);
    assert!(killed >= moments.len() / 2, "only {killed} runs were killed before they ended");
    let (whole, cut) = (results(&whole), results(&cut));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&whole), names(&cut));
    for ((name, expected), (_, got)) in whole.iter().zip(&cut) {
        assert!(expected == got, "{name} differs");
    }
}

#[test]
fn what_a_finished_experiment_holds() {
    let stage = Stage::new();
    stage.mnist(100);
    let shown = stage.run(&format!("{SMALL} --json --quiet"), 0);
    let results: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let networks = results["seeds"][0]["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 10);
    for network in networks {
        let groups = &network["groups"];
        let right = network["images"].as_u64().unwrap() - network["errors"].as_u64().unwrap();
        assert_eq!(groups["fast-gradient-sign"]["attempts"], right);
        assert_eq!(groups["hot-cold"]["attempts"], 9 * right);
        assert_eq!(groups["toward"]["attempts"], 36 * right);
        let layers = ["conv1", "conv2", "ip1", "ip2"].map(|layer| {
            let group = &groups[format!("toward/{layer}").as_str()];
            assert_eq!(group["attempts"], 9 * right);
            group["reached"].as_u64().unwrap()
        });
        assert_eq!(groups["toward"]["reached"], layers.iter().sum::<u64>());
        assert!(network["followed"]["fast-gradient-sign"]["reached"].as_u64() > Some(0));
    }
    // Every image is labelled and changes what Basic LeNet reads, which is what it was formed with.
    let basic = std::fs::read(stage.path("table1/seed-1/networks/basic.onnx")).unwrap();
    let basic = lots_network::Network::from_onnx(&basic).unwrap();
    for (key, report) in results["seeds"][0]["sets"].as_array().unwrap().iter().map(|set| (&set[0], &set[1]))
    {
        let folder = stage.path("table1/seed-1/sets").join(key.as_str().unwrap());
        let set = lots::data::PerturbedSet::open(folder).unwrap();
        assert_eq!(report["images"], set.count());
        assert_eq!(report["reached"], set.count());
        let mut batch = lots::data::Batch::default();
        (0..set.count()).for_each(|index| set.append(index, &mut batch).unwrap());
        let logits = basic.classify(batch.pixels.as_slice()).unwrap();
        for (logits, &label) in logits.images().zip(&batch.labels) {
            assert_ne!(lots_network::class_of(logits), label, "{key}");
        }
    }
    let report = std::fs::read_to_string(stage.path("table1/report.md")).unwrap();
    assert!(report.contains("| Basic LeNet | training digits | 100 | "), "{report}");
    assert!(report.contains("| LOTS CONV2 |") && report.contains("54.86 %"), "{report}");
    let page = std::fs::read_to_string(stage.path("table1/report.html")).unwrap();
    assert!(page.contains("data:image/png;base64,") && !page.contains("<script"));
    // Done again, nothing is done.
    let shown_again = stage.run(&format!("{SMALL} --json --quiet"), 0);
    assert_eq!(shown, shown_again);
}

#[test]
fn an_experiment_is_not_mixed_with_another() {
    let stage = Stage::new();
    stage.mnist(100);
    std::fs::create_dir(stage.path("other")).unwrap();
    std::fs::write(stage.path("other/thesis.tex"), "").unwrap();
    snapshot!("folder_with_other_things", stage.lots("table1 --mnist mnist --out other"));
    std::fs::create_dir(stage.path("table1")).unwrap();
    std::fs::write(stage.path("table1/run.json"), "{\"scale\": 0.5, \"seeds\": [1]}").unwrap();
    snapshot!("experiment_of_another_scale", stage.lots(SMALL));
    snapshot!("scale_of_nothing", stage.lots("table1 --mnist mnist --scale 0"));
    snapshot!("table1_without_mnist", stage.lots("table1 --mnist nowhere"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_an_experiment_between_two_chunks() {
    let stage = Stage::new();
    stage.mnist(100);
    let message = stage.interrupt(SMALL, "table1/seed-1/networks/basic.checkpoint");
    assert!(
        message.contains("error: interrupted") && message.contains("the same command goes on"),
        "{message}"
    );
}
