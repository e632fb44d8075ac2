//! The networks between a photograph and its faces, opened.

use std::path::Path;

use lots::face::{Detector, FaceFinder, LandmarkNetwork};
use serde_json::{Value, json};

use crate::args::FinderArgs;
use crate::digest;
use crate::failure::{About, Result};
use crate::network::read_whole;

/// Opens both networks; and name and SHA-256 of each, for settings.
///
/// - `side`: rows and columns of aligned faces.
pub(super) fn open(args: &FinderArgs, side: usize) -> Result<(FaceFinder, Value)> {
    let (detector, landmarks) = (read(&args.detector)?, read(&args.landmarks)?);
    let named = |path: &Path, bytes: &[u8]| json!({ "name": path.display().to_string(), "sha256": digest::of_bytes(bytes) });
    let settings = json!({
        "least_score": args.score,
        "detector": named(&args.detector, &detector),
        "landmarks": named(&args.landmarks, &landmarks),
    });
    let mut detector = Detector::from_onnx(&detector).about("detector", args.detector.display())?;
    detector.least_score = args.score;
    let finder = FaceFinder {
        detector,
        landmarks: LandmarkNetwork::from_onnx(&landmarks).about("landmarks", args.landmarks.display())?,
        side,
    };
    Ok((finder, settings))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    read_whole(path, "network")
}
