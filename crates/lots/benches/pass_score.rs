//! Pairs a second on one core: PASS, plain SSIM and all measures together.
//!
//! The pairs are those of `testdata/reference/measures`: nine digits (28×28) under noise, shift, rotation, compression
//! and so on, and one photograph seen from the side (224×224, three equal channels).
//! `tools/make_reference_measures.py --time` does the same work on the same pairs with OpenCV and scikit-image.

#![expect(clippy::unwrap_used, reason = "a bench that cannot read its data has failed")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lots::Image;
use lots::measure::structural_similarity::structural_similarity;
use lots::measure::{self, PassScorer, SimilarityParameters};

const DIGIT_PAIRS: [&str; 9] = [
    "digit_shifted",
    "digit_shifted_diagonally",
    "digit_rotated",
    "digit_sign_noise",
    "digit_value_noise",
    "digit_darker",
    "digit_jpeg",
    "digit_to_digit",
    "digit_to_far_digit",
];

fn benches(criterion: &mut Criterion) {
    let digits = read_pairs();
    let photograph = vec![
        [image("grey_perspective_origin.pgm"), image("grey_perspective_perturbed.pgm")]
            .map(|image| image.to_colour()),
    ];
    for (name, pairs) in [("28x28", digits), ("224x224x3", photograph)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(pairs.len() as u64));
        group.bench_function("compare", |bencher| {
            let mut scorer = PassScorer::default();
            bencher.iter(|| {
                for [origin, perturbed] in &pairs {
                    black_box(measure::compare_with(&mut scorer, origin, perturbed).unwrap());
                }
            });
        });
        group.bench_function("structural_similarity", |bencher| {
            let parameters = SimilarityParameters::default();
            bencher.iter(|| {
                for [origin, perturbed] in &pairs {
                    black_box(structural_similarity(origin, perturbed, &parameters).unwrap());
                }
            });
        });
        group.finish();
    }
}

fn read_pairs() -> Vec<[Image; 2]> {
    let values = std::fs::read_to_string(folder().join("values.json")).unwrap();
    let values: serde_json::Value = serde_json::from_str(&values).unwrap();
    let rows = values["pairs"].as_array().unwrap();
    let wanted = rows.iter().filter(|row| DIGIT_PAIRS.contains(&row["name"].as_str().unwrap()));
    let pairs: Vec<_> =
        wanted.map(|row| ["origin", "perturbed"].map(|role| image(row[role].as_str().unwrap()))).collect();
    assert_eq!(pairs.len(), DIGIT_PAIRS.len());
    pairs
}

fn image(name: &str) -> Image {
    Image::open(folder().join(name)).unwrap()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/reference/measures")
}

criterion_group!(pass_score, benches);
criterion_main!(pass_score);
