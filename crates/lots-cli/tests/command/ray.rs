use serde_json::Value;

use crate::stage::Stage;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

const TOWARD: &str = "ray lenet --origin digits[4] --method toward --target digits:targets[9]";

#[test]
fn a_ray_for_each_direction_with_its_crossings() {
    let stage = Stage::new();
    let report = json(&stage.run(
        &format!("{TOWARD} --layer conv2 --layer ip2 --method reduce --images 300 --out rays.png --json"),
        0,
    ));
    let rays = report["rays"].as_array().unwrap();
    assert_eq!((rays.len(), &report["origin_class"]), (4, &json("4")));
    assert_eq!(rays[0]["direction"], "toward/conv2 → digits:targets[9]");
    assert_eq!(rays[3]["direction"], "reduce/ip2");
    for ray in rays {
        let (steps, margins) = (numbers(&ray["steps"]), numbers(&ray["margins"]));
        let classes: Vec<u64> =
            ray["classes"].as_array().unwrap().iter().map(|class| class.as_u64().unwrap()).collect();
        assert!(steps.len() <= 300 && steps[0] == 0.0 && steps.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((steps.len(), steps.len()), (margins.len(), classes.len()));
        assert!(classes.iter().zip(&margins).all(|(&class, &margin)| (class == 4) == (margin > 0.0)));
        let crossings = ray["crossings"].as_array().unwrap();
        assert_eq!(ray["intervals"].as_array().unwrap().len(), crossings.len() + 1);
        for crossing in crossings {
            assert!(crossing["lo"].as_f64() < crossing["hi"].as_f64());
            assert!(crossing["linf"].as_f64() <= crossing["l2"].as_f64());
        }
    }
    let picture = lots::Image::open(stage.path("rays.png")).unwrap();
    assert!(picture.width() > 1000 && picture.height() > 4 * 400);
}

#[test]
fn the_line_search_ends_at_a_crossing() {
    let stage = Stage::new();
    let report = json(&stage.run(&format!("{TOWARD} --layer conv2 --images 4096 --out ray.svg --json"), 0));
    stage.run(
        "attack lenet --method toward --layer conv2 --origin digits[4] --target digits:targets[9] --no-pass --quiet \
         --out run",
        0,
    );
    let row = json(&std::fs::read_to_string(stage.path("run/attempts.jsonl")).unwrap());
    let step = row["step"].as_f64().unwrap();
    // Pixels are rounded, so that near the border a ray may cross it several times; the search finds one of them.
    let crossings = report["rays"][0]["crossings"].as_array().unwrap();
    let number = |crossing: &Value, key: &str| crossing[key].as_f64().unwrap();
    let is_found = |it: &Value| number(it, "lo") <= step && step <= number(it, "hi") && it["to_class"] != 4;
    assert!(crossings.iter().any(is_found), "{step} is in none of {crossings:?}");
    let svg = std::fs::read_to_string(stage.path("ray.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("toward conv2 (2)") && !svg.contains("<script"));
}

#[test]
fn steps_of_both_signs_meet_at_the_origin() {
    let stage = Stage::new();
    let out = stage.run(&format!("{TOWARD} --layer ip1 --both-signs --images 50 --out ray.html --json"), 0);
    let steps = numbers(&json(&out)["rays"][0]["steps"]);
    assert!(steps[0] < 0.0 && steps.contains(&0.0) && steps[steps.len() - 1] > 0.0);
    let page = std::fs::read_to_string(stage.path("ray.html")).unwrap();
    assert!(page.contains("smallest margin") && page.contains("data:image/png"));
}

#[test]
fn the_plane_of_two_directions_is_a_grid_of_classes() {
    let stage = Stage::new();
    let arguments = format!("{TOWARD} --layer conv1 --layer ip2 --plane --grid 21 --out plane.png --json");
    let report = json(&stage.run(&arguments, 0));
    let plane = &report["plane"];
    let (steps, rows) = (numbers(&plane["steps"]), plane["classes"].as_array().unwrap());
    assert_eq!((steps.len(), steps[0], steps[20], rows.len()), (21, 0.0, 255.0, 21));
    assert!(rows.iter().all(|row| numbers(row).len() == 21));
    assert_eq!(rows[0][0], 4);
    let shares: f64 =
        plane["shares"].as_array().unwrap().iter().map(|it| it["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert_eq!(lots::Image::open(stage.path("plane.png")).unwrap().channels(), 3);
}

#[test]
fn the_bytes_of_a_plot_do_not_depend_on_threads() {
    let stage = Stage::new();
    for threads in 1..=2 {
        let options = format!("--layer conv2 --images 60 --threads {threads} --quiet");
        stage.run(&format!("{TOWARD} {options} --out {threads}.png"), 0);
    }
    assert!(stage.files("")[0].1 == stage.files("")[1].1);
}

#[test]
fn what_makes_no_ray_is_told() {
    let stage = Stage::new();
    for (arguments, message) in [
        ("--method toward --layer conv1", "`toward` needs `--target`"),
        ("--method hot-cold", "`hot-cold` needs `--target-class`"),
        ("--method hot-cold --target-class 4", "class 4 is the origin's own"),
        ("--method reduce --layer conv1 --plane", "`--plane` needs two directions, got 1"),
        ("--method fast-gradient-sign --layer conv1", "`--layer` has no effect with `fast-gradient-sign`"),
        ("--method step-and-adjust --layer conv1", "`step-and-adjust` has not one direction"),
    ] {
        let output = stage.lots(&format!("ray lenet --origin digits[4] {arguments} --out ray.png")).output();
        let output = output.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with(&format!("error: {message}")), "{told}");
    }
    let plane = "ray lenet --origin digits[4] --method reduce --layer conv1 --plane --out ray.png";
    let output = stage.lots(plane).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("`--template` or `--target-class`"));
    assert!(stage.files("").is_empty());
}
