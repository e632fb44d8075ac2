//! The measures against other people's programs: SSIM of scikit-image, alignment of OpenCV, PASS of the two together.
//!
//! SSIM agrees to rounding. OpenCV computes in `f32`, which costs 1e-7 where the images fit and up to 1e-3 where a digit
//! is aligned to another one and the search wanders.
//! `tools/make_reference_measures.py` wrote the pairs and the values; the versions stand in `values.json`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]

use std::path::{Path, PathBuf};

use lots::measure::structural_similarity::structural_similarity;
use lots::measure::{self, AlignmentStatus, Border, Measures, SimilarityParameters};
use lots::{Image, Perturbation};
use serde_json::Value;

/// One pair with the values that others measured.
struct Pair {
    name: String,
    origin: Image,
    perturbed: Image,
    expected: Value,
}

impl Pair {
    fn expected(&self, key: &str) -> f64 {
        self.expected[key].as_f64().unwrap()
    }

    fn measures(&self) -> Measures {
        measure::compare(&self.origin, &self.perturbed).unwrap()
    }

    /// OpenCV's correlation, if it found a homography.
    fn expected_correlation(&self) -> Option<f64> {
        self.expected["alignment"]["correlation"].as_f64()
    }
}

#[test]
fn norms_agree_with_numpy() {
    for pair in pairs() {
        let perturbation = Perturbation::between(&pair.origin, &pair.perturbed).unwrap();
        assert_near(&pair, "l2", perturbation.l2(), pair.expected("l2"), 1e-9);
        assert_near(&pair, "linf", f64::from(perturbation.linf()), pair.expected("linf"), 0.0);
    }
}

#[test]
fn structural_similarity_agrees_with_scikit_image() {
    for pair in pairs() {
        for (key, border) in [("ssim_full", Border::Full), ("ssim_valid", Border::Valid)] {
            let parameters = SimilarityParameters { border, ..Default::default() };
            let ssim = structural_similarity(&pair.origin, &pair.perturbed, &parameters).unwrap();
            assert_near(&pair, key, ssim, pair.expected(key), 1e-9);
        }
    }
}

#[test]
fn alignment_agrees_with_opencv() {
    let mut compared = 0;
    for pair in pairs() {
        let alignment = pair.measures().alignment;
        let Some(expected) = pair.expected_correlation() else {
            assert!(!alignment.status.is_aligned(), "{}: found {alignment:?}, OpenCV nothing", pair.name);
            continue;
        };
        if alignment.status == AlignmentStatus::Converged {
            assert_near(&pair, "correlation", alignment.correlation, expected, 1e-3);
            compared += 1;
        }
    }
    assert!(compared >= 12, "only {compared} pairs converged");
}

#[test]
fn pass_agrees_with_opencv_and_scikit_image() {
    for pair in pairs() {
        let measures = pair.measures();
        assert_near(&pair, "pass_score", measures.pass_score, pair.expected("pass_score"), 1e-3);
    }
}

#[track_caller]
fn assert_near(pair: &Pair, what: &str, got: f64, expected: f64, tolerance: f64) {
    let difference = (got - expected).abs();
    assert!(difference <= tolerance, "{} of {}: got {got}, expected {expected}", what, pair.name);
}

fn pairs() -> Vec<Pair> {
    let folder = folder();
    let values = std::fs::read_to_string(folder.join("values.json")).unwrap();
    let values: Value = serde_json::from_str(&values).unwrap();
    let rows = values["pairs"].as_array().unwrap();
    assert!(rows.len() >= 20, "the reference has only {} pairs", rows.len());
    let image = |row: &Value, role: &str| Image::open(folder.join(row[role].as_str().unwrap())).unwrap();
    rows.iter()
        .map(|row| Pair {
            name: row["name"].as_str().unwrap().to_owned(),
            origin: image(row, "origin"),
            perturbed: image(row, "perturbed"),
            expected: row.clone(),
        })
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/reference/measures")
}
