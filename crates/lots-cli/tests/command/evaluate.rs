use crate::stage::{Stage, snapshot};

#[test]
fn a_row_of_the_table() {
    let stage = Stage::new();
    snapshot!("evaluate", stage.lots("evaluate lenet --origin digits[0..30] --out row.json"));
    snapshot!("evaluate_again", stage.lots("evaluate lenet --origin digits[0..30] --out row.json"));
    let row = std::fs::read_to_string(stage.path("row.json")).unwrap();
    let row: serde_json::Value = serde_json::from_str(&row).unwrap();
    assert_eq!((&row["images"], &row["errors"]), (&30.into(), &0.into()));
    assert_eq!(row["groups"]["toward"]["attempts"], 30 * 36);
}

#[test]
fn a_row_of_a_folder_of_mnist_is_that_of_its_test_digits() {
    let stage = Stage::new();
    stage.mnist(12);
    let [folder, file] = ["--mnist mnist", "--origin digits[0..12]"].map(|origins| {
        let shown = stage.run(&format!("evaluate lenet {origins} --no-pass --json --quiet"), 0);
        let row: serde_json::Value = serde_json::from_str(&shown).unwrap();
        row["groups"].clone()
    });
    assert_eq!(folder, file);
    assert!(folder["hot-cold"]["pass_score"]["mean"].is_null());
}

#[test]
fn a_killed_evaluation_goes_on_to_the_same_bytes() {
    let (whole, cut) = (Stage::new(), Stage::new());
    let options = "evaluate lenet --origin digits[0..60] --no-pass --quiet --out row.json";
    whole.run(options, 0);
    cut.kill(options, "row.json.unfinished");
    snapshot!("evaluate_unfinished", cut.lots(options));
    snapshot!("evaluate_other", cut.lots(&format!("{options} --resume").replace("60", "61")));
    cut.run(&format!("{options} --resume"), 0);
    assert!(whole.files("") == cut.files(""));
}

#[test]
fn an_evaluation_that_is_complete_is_shown_and_not_measured_again() {
    let stage = Stage::new();
    let options = "evaluate lenet --origin digits[0..5] --no-pass --out row.json";
    let first = stage.run(options, 0);
    let row = stage.files("");
    let again = stage.run(&format!("{options} --resume"), 0);
    assert_eq!(again, first.replace("wrote row.json", "complete already: row.json"));
    let shown = stage.run(&format!("{options} --resume --json --quiet"), 0);
    assert_eq!(shown, std::fs::read_to_string(stage.path("row.json")).unwrap(), "each key once");
    snapshot!("evaluate_complete_other", stage.lots(&format!("{options} --resume").replace('5', "6")));
    assert!(stage.files("") == row);
}

#[test]
fn an_evaluation_needs_labels() {
    let stage = Stage::new();
    stage.digit(4, "four.png");
    snapshot!("evaluate_unlabelled", stage.lots("evaluate lenet --origin four.png"));
    snapshot!(
        "evaluate_unlabelled_target",
        stage.lots("evaluate lenet --origin digits[0] --target four.png")
    );
}
