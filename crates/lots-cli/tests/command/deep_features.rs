use serde_json::Value;

use crate::stage::{Stage, snapshot};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn rows(stage: &Stage, run: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(stage.path(run).join("attempts.jsonl")).unwrap();
    text.lines().map(json).collect()
}

const ATTACK: &str = "attack lenet --method toward --layer ip1 --origin digits[0..2] --no-pass --quiet";

#[test]
fn stored_templates_are_targets_like_their_images() {
    let stage = Stage::new();
    stage.run("represent lenet --layer ip1 --origin digits:targets --out stolen.npy --quiet", 0);
    stage.run(&format!("{ATTACK} --target digits:targets --include-misclassified --out images"), 0);
    stage.run(&format!("{ATTACK} --template stolen.npy --out templates"), 0);
    let templates = rows(&stage, "templates");
    assert_eq!(templates.len(), 20, "nobody knows the class of a template, so that none is left out");
    for row in rows(&stage, "images") {
        let same =
            |it: &&Value| it["origin"] == row["origin"] && it["l2"] == row["l2"] && it["step"] == row["step"];
        let template = templates.iter().find(same).unwrap();
        assert_eq!(template["target_kind"], "template");
    }
}

#[test]
fn targets_may_be_centroids_the_nearest_or_a_mixture() {
    let stage = Stage::new();
    let of = |set: &str, count: usize| {
        let options = format!("--target digits[0..70] --target-set {set} --out {}", &set[..4]);
        stage.run(&format!("{ATTACK} {options}"), 0);
        let rows = rows(&stage, &set[..4]);
        assert_eq!(rows.len(), 2 * count, "{set}");
        rows[0].clone()
    };
    assert_eq!(of("centroid", 9)["target_kind"], "centroid");
    assert_eq!(of("nearest", 1)["target_kind"], Value::Null);
    of("farthest", 1);
    let weights = vec!["1"; 70].join(",");
    assert_eq!(of(&format!("mixture --mixture {weights}"), 1)["target"], "mixture");
    snapshot!("target_set_without_weights", {
        stage.lots(&format!("{ATTACK} --target digits:targets --target-set mixture --out none"))
    });
}

#[test]
fn a_threshold_follows_from_impostors() {
    let stage = Stage::new();
    let build = "gallery build digits[0..60] --network lenet --layer ip1 --out g.safetensors --quiet";
    stage.run(build, 0);
    let until = "--target digits:targets --until similarity@far=0.01 --impostors";
    stage.run(&format!("{ATTACK} {until} g.safetensors --out run"), 0);
    let run = json(&std::fs::read_to_string(stage.path("run/run.json")).unwrap());
    assert!(run["options"]["until"].as_str().unwrap().starts_with("similarity>0."), "{run}");
    assert_eq!(run["options"]["until_from"]["criterion"], "similarity@far=0.01");
    std::fs::write(stage.path("scores.csv"), "score\n0.5\n0.25\n").unwrap();
    snapshot!("until_too_few_impostors", stage.lots(&format!("{ATTACK} {until} scores.csv --out few")));
    std::fs::write(stage.path("bad.csv"), "0.5\nx\n").unwrap();
    snapshot!("until_damaged_impostors", stage.lots(&format!("{ATTACK} {until} bad.csv --out bad")));
    std::fs::write(stage.path("pairs.csv"), "image,other image\ndigits[0],digits[1]\n").unwrap();
    snapshot!("until_other_heading", stage.lots(&format!("{ATTACK} {until} pairs.csv --out heading")));
    snapshot!("until_without_impostors", {
        stage.lots(&format!("{ATTACK} --target digits:targets --until distance@far=0.1 --out none"))
    });
}

#[test]
fn a_part_of_a_layer_and_several_layers_are_steered() {
    let stage = Stage::new();
    let plain = "direction lenet --method magnify --origin digits[0..3] --quiet --out";
    let bytes = |name: &str, options: &str| {
        stage.run(&format!("{plain} {name}.npy {options}"), 0);
        std::fs::read(stage.path(&format!("{name}.npy"))).unwrap()
    };
    let whole = bytes("whole", "--layer conv2");
    assert_eq!(bytes("all", "--layer conv2 --only-channels 0-49"), whole);
    assert_eq!(bytes("once", "--layer conv2*1 --threads 1"), whole);
    assert_ne!(bytes("part", "--layer conv2 --only-channels 0-9 --only-region 0:4,0:4"), whole);
    let several = "--target digits:targets --method step-and-adjust --out run";
    let attack =
        "attack lenet --method toward --layer conv2*0.5+ip1*2 --origin digits[0..1] --no-pass --quiet";
    stage.run(&format!("{attack} {several}"), 0);
    assert_eq!(rows(&stage, "run")[0]["layer"], "conv2*0.5+ip1*2");
    snapshot!(
        "mask_outside_the_layer",
        stage.lots(&format!("{plain} no.npy --layer conv2 --only-channels 50"))
    );
    snapshot!("objective_unknown_layer", stage.lots(&format!("{plain} no.npy --layer conv2*2+ip7")));
    snapshot!("objective_without_weight", stage.lots(&format!("{plain} no.npy --layer conv2*x")));
}

#[test]
fn single_directions_move_toward_templates_as_toward_their_images() {
    let stage = Stage::new();
    stage.run("represent lenet --layer ip1 --origin digits:targets[9] --out nine.npy --quiet", 0);
    let direction = |options: &str| {
        let plain = "direction lenet --method toward --layer ip1 --origin digits[0..3] --quiet --out d.npy";
        stage.run(&format!("{plain} {options}"), 0);
        std::fs::read(stage.path("d.npy")).unwrap()
    };
    let image = direction("--target digits:targets[9]");
    assert_eq!(direction("--template nine.npy"), image);
    assert_eq!(direction("--target digits:targets[9] --target-set centroid"), image);
    let both = "--target digits:targets[9] --template nine.npy --target-set";
    assert_eq!(direction(&format!("{both} mixture --mixture 0,2")), image);
    let one_each = direction("--target digits:targets[7..10]");
    assert_ne!(one_each, image);
    let rows = |bytes: &[u8], row: usize| bytes[bytes.len() - (3 - row) * 4 * 784..][..4 * 784].to_vec();
    assert_eq!(rows(&one_each, 2), rows(&image, 2));
    // The nearest of one, if it is of another class, is that one.
    assert_eq!(direction("--target digits:targets[9] --target-set nearest"), image);
    let ray = |options: &str| {
        let plain = "ray lenet --method toward --layer ip1 --origin digits[0] --images 40 --json --quiet";
        let text = stage.run(&format!("{plain} --out ray.svg {options}"), 0);
        json(&text)["rays"][0].clone()
    };
    let (of_image, of_template) = (ray("--target digits:targets[9]"), ray("--template nine.npy"));
    assert_eq!(of_image["crossings"], of_template["crossings"]);
    assert_eq!(
        (&of_image["target"], &of_template["target"]),
        (&"digits:targets[9]".into(), &"nine.npy".into())
    );
    assert_eq!(ray("--target digits:targets --target-set centroid")["target"], "centroid-0");
    let sheet = |options: &str| {
        let plain = "visualize lenet --layer ip1 --origin digits[0] --json --quiet --out sheet.png";
        json(&stage.run(&format!("{plain} {options}"), 0))["layers"].clone()
    };
    assert_eq!(sheet("--template nine.npy"), sheet("--target digits:targets[9]"));
    let nearest = sheet("--target digits:targets --target-set nearest --until class");
    let index = nearest[0]["class"].as_u64().unwrap();
    assert_eq!(nearest, sheet(&format!("--target digits:targets[{index}] --until class")));
}

#[test]
fn what_single_directions_cannot_move_toward_is_refused() {
    let stage = Stage::new();
    stage.run("represent lenet --layer ip1 --origin digits:targets --out ten.npy --quiet", 0);
    let direction = "direction lenet --origin digits[0..3] --out d.npy";
    let ray = "ray lenet --origin digits[0] --out r.svg";
    let sheet = "visualize lenet --origin digits[0] --layer ip1 --out s.png";
    for (name, arguments) in [
        ("direction_several_targets", format!("{direction} --method toward --layer ip1 --template ten.npy")),
        ("direction_vain_template", format!("{direction} --method magnify --layer ip1 --template ten.npy")),
        (
            "direction_template_of_another_layer",
            format!("{direction} --method toward --layer conv1 --template ten.npy"),
        ),
        ("ray_vain_target_set", format!("{ray} --method reduce --layer ip1 --target-set nearest")),
        (
            "ray_template_of_another_layer",
            format!("{ray} --method toward --layer ip1 --layer ip2 --template ten.npy"),
        ),
        ("visualize_several_targets", format!("{sheet} --template ten.npy")),
        ("visualize_vain_target_set", format!("{sheet} --magnify --target-set nearest")),
        (
            "visualize_template_without_class",
            format!("{sheet} --template ten.npy --target-set farthest --until class"),
        ),
    ] {
        snapshot!(name, stage.lots(&arguments));
    }
    assert_eq!(stage.files("").len(), 1, "only the templates are there");
}

#[test]
fn a_template_is_of_one_layer_or_of_several_of_its_size() {
    let stage = Stage::new();
    stage.run("represent lenet --layer ip2 --origin digits:targets[9] --out nine.npy --quiet", 0);
    stage.run("gallery build digits[0..40] --network lenet --layer ip2 --out g.safetensors --quiet", 0);
    let commands = [
        "attack lenet --method toward --origin digits[0] --no-pass --out run",
        "direction lenet --method toward --origin digits[0] --out d.npy",
        "ray lenet --method toward --origin digits[0] --out r.svg",
        "visualize lenet --origin digits[0] --out s.png",
    ];
    for command in commands {
        let told = stage.refused(&format!("{command} --layer ip2+conv2 --template nine.npy"));
        let got = "error: a template has the numbers of one layer, expected one or several of its size, got `ip2` of \
                   10 and `conv2` of 50×8×8\n  template: nine.npy\n";
        assert!(told.starts_with(got), "{told}");
        // The numbers of a file may be those of another layer of the size; a gallery knows its layer.
        let gallery = "--layer ip2+prob --template g.safetensors --target-set nearest";
        let told = stage.refused(&format!("{command} {gallery}"));
        let got = "error: the gallery has templates of the layer `ip2`, expected `prob`\n  template: g.safetensors\n";
        assert!(told.starts_with(got), "{told}");
    }
    let told = stage.refused(&format!("{} --layer ip2 --layer conv2 --template nine.npy", commands[0]));
    assert!(told.contains("template: nine.npy"), "{told}");
    stage.run(&format!("{} --layer ip2+prob --template nine.npy --quiet", commands[1]), 0);
}

#[test]
fn what_does_not_fit_is_told_with_its_file() {
    let stage = Stage::new();
    lots::data::array::write(stage.path("mask.npy"), &[3], &[1.0_f32; 3]).unwrap();
    let values = vec!["0"; 500].join(",");
    std::fs::write(
        stage.path("t.json"),
        format!("{{\"name\": \"anna\", \"class\": 33, \"values\": [{values}]}}"),
    )
    .unwrap();
    std::fs::write(stage.path("few.json"), "[1, 2]").unwrap();
    stage.run("represent lenet --layer ip1 --origin digits:targets --out ten.npy --quiet", 0);
    std::fs::write(stage.path("same.csv"), "0\n0\n0\n").unwrap();
    let until = "--target digits:targets --until distance@far=0.5 --impostors same.csv";
    for (options, parts) in [
        (
            "--target digits:targets --mask mask.npy",
            ["expected an array of shape [500], got [3]", "`mask.npy`"],
        ),
        (
            "--template t.json",
            ["class 33 is not in the network, expected 0 to 9\n  template: anna", "file: t.json"],
        ),
        ("--template few.json", ["2 numbers in template 0, where the layer has 500", "`few.json`"]),
        ("--template ten.npy --target-set centroid", ["template `ten.npy[0]`", "\"class\": 3"]),
        ("--template ten.npy --until class", ["template `ten.npy[0]`", "\"class\": 3"]),
        (
            "--template ten.npy --target-set mixture --mixture 1,2",
            ["there are 2 weights for 10", "a weight for each"],
        ),
        (until, ["is a distance of 0, expected one above 0", "impostors: same.csv"]),
    ] {
        let told = stage.refused(&format!("{ATTACK} {options} --out run"));
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
    assert!(!stage.path("run").exists() && !stage.path("run.unfinished").exists());
}

#[test]
fn no_target_of_another_class_is_told() {
    let stage = Stage::new();
    for (set, options) in [
        ("nearest", "--method toward --layer ip1 --target digits[0] --target-set nearest"),
        ("each", "--method toward --layer ip1 --target digits[0]"),
        ("hot", "--method hot-cold --target-class 7"),
    ] {
        let attack = format!("attack lenet --origin digits[0] --no-pass {options} --out {set} --json");
        let output = stage.lots(&attack).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.starts_with(
                "1 origin skipped, no target is of another class than theirs, `7`\n\nhint: give"
            ),
            "{told}"
        );
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&summary["attempts"], &summary["skipped"]["own_class"]), (&0.into(), &1.into()));
        let rows = rows(&stage, set);
        assert_eq!((rows.len(), &rows[0]["reason"], &rows[0]["class"]), (1, &"own_class".into(), &7.into()));
    }
    for command in ["compare lenet --layer ip1", "stability lenet --layer ip1", "evaluate lenet"] {
        let told = stage.refused(&format!("{command} --origin digits[0] --target digits[0] --no-pass"));
        let sentence =
            "error: all origins are of class `7`, and so is every target, expected one of another class\n";
        assert!(told.starts_with(sentence), "{told}");
    }
    let toward = "--layer ip1 --origin digits[0] --target digits[0] --target-set farthest";
    for command in [
        "direction lenet --method toward --out d.npy",
        "ray lenet --method toward --out r.svg",
        "visualize lenet --out s.png",
    ] {
        let told = stage.refused(&format!("{command} {toward}"));
        let sentence =
            "error: the origin is of class `7`, and so is every target, expected one of another class\n";
        assert!(told.starts_with(sentence), "{told}");
    }
}

#[test]
fn a_folder_of_several_images_is_told_with_what_to_do() {
    let stage = Stage::new();
    for folder in ["people/1", "people/7", "aligned/anna"] {
        std::fs::create_dir_all(stage.path(folder)).unwrap();
    }
    for (digit, file) in
        [(2, "people/1/a.png"), (0, "people/7/a.png"), (17, "people/7/b.png"), (0, "aligned/anna/a.png")]
    {
        stage.digit(digit, file);
    }
    let sheet = "visualize lenet --origin digits[4] --layer ip1 --out s.png --target";
    let told = stage.refused(&format!("{sheet} people"));
    assert!(told.starts_with("error: `people` has 3 images, expected one"), "{told}");
    assert!(told.contains("`people[0]`, or say with `--target-set nearest`"), "{told}");
    let told = stage.refused(&format!("{sheet} aligned"));
    assert!(told.contains("1 picture in a folder that is named like no class: `anna`: `aligned`"), "{told}");
    assert!(told.contains("`aligned/anna` names the pictures of one folder"), "{told}");
    // With a gallery, folders are named like its identities.
    stage.run("gallery build people --network lenet --layer ip1 --out g.safetensors --quiet", 0);
    let told = stage.refused(&format!("{sheet} people --gallery g.safetensors"));
    assert!(told.starts_with("error: `people` has 3 images, expected one"), "{told}");
}
