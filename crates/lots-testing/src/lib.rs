//! Comparing arrays and pictures in tests, with messages that name the first place that differs; networks made for tests,
//! and the files that are stored for them.
//!
//! This crate depends on no other crate of the project: a dev-dependency cycle would give two copies of each type.

pub mod face_networks;
pub mod golden;

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder of the repository, sorted by name: a corpus, fixtures.
///
/// - `folder`: from the root of the repository.
/// - `least`: so many there must be, so that a test whose files are gone does not pass.
///
/// # Panics
/// If the folder is not there, or has fewer files.
#[track_caller]
pub fn files(folder: &str, least: usize) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder is in the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.sort();
    assert!(files.len() >= least, "{} holds {} files", folder.display(), files.len());
    files
}

/// Asserts `|got − expected| ≤ absolute + relative·|expected|` for every element.
///
/// # Panics
/// Names the index of the worst element, both values and both tolerances.
#[track_caller]
pub fn assert_close(got: &[f32], expected: &[f32], relative: f32, absolute: f32) {
    assert_eq!(got.len(), expected.len(), "lengths differ");
    let excess = |(&got, &expected): (&f32, &f32)| {
        let allowed = absolute + relative * expected.abs();
        let difference = (got - expected).abs();
        // A NaN is as far away as anything can be.
        if difference <= allowed {
            0.0
        } else if difference.is_nan() {
            f32::INFINITY
        } else {
            difference - allowed
        }
    };
    let mut worst = (0, 0.0_f32);
    for (index, pair) in got.iter().zip(expected).enumerate() {
        let excess = excess(pair);
        if excess > worst.1 {
            worst = (index, excess);
        }
    }
    let (index, excess) = worst;
    assert!(
        excess <= 0.0,
        "element {index} of {}: got {}, expected {} (relative tolerance {relative}, absolute {absolute})",
        got.len(),
        got[index],
        expected[index],
    );
}

/// Asserts that two byte pictures are equal, naming the first pixel that is not.
///
/// # Panics
/// Names the row, the column and both values of the first difference.
#[track_caller]
pub fn assert_same_pixels(got: &[u8], expected: &[u8], width: usize) {
    assert_eq!(got.len(), expected.len(), "lengths differ");
    if let Some(index) = got.iter().zip(expected).position(|(got, expected)| got != expected) {
        panic!(
            "pixel at row {}, column {}: got {}, expected {}",
            index / width,
            index % width,
            got[index],
            expected[index]
        );
    }
}
