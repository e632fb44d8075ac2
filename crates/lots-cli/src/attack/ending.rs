//! [`Ending`]: the criterion as it is written, and its threshold where that follows from impostor pairs.

use std::path::Path;

use lots::criterion::{Until, cosine_similarity, euclidean_distance};
use lots::direction::Objective;
use lots::gallery::pairs;
use lots::mask::Mask;
use lots::regular_file::RegularFile;
use lots::verification::UntilAtFar;
use lots_network::{LayerId, Metric};
use serde::Serialize;

use crate::args::AttackArgs;
use crate::digest;
use crate::failure::{About, Failure, Result};
use crate::images::single_fitted;
use crate::network::Loaded;
use crate::terminal::counted;

/// More than a hundred million scores.
const MOST_BYTES: u64 = 1 << 30;

/// What ends the search, before its threshold is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ending {
    Until(Until),
    /// The threshold follows from impostor pairs.
    AtFar(UntilAtFar),
}

/// A threshold that followed from impostor pairs, as `run.json` has it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FromImpostors {
    criterion: String,
    impostors: String,
    sha256: String,
    pairs: usize,
}

impl std::fmt::Display for FromImpostors {
    /// `similarity@far=0.001 of 17,857 impostor pairs`
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs = counted(self.pairs, "impostor pair", "impostor pairs");
        write!(formatter, "{} of {pairs}", self.criterion)
    }
}

/// The criterion of the arguments, and what its threshold followed from.
pub(super) fn resolve(args: &AttackArgs, loaded: &Loaded) -> Result<(Until, Option<FromImpostors>)> {
    match (args.until, &args.impostors) {
        (None, None) => Ok((Until::default(), None)),
        (Some(Ending::Until(until)), None) => Ok((until, None)),
        (Some(Ending::AtFar(wanted)), Some(path)) => at_far(wanted, path, args, loaded),
        (Some(Ending::AtFar(wanted)), None) => {
            Err(Failure::new(format!("`--until {wanted}` needs impostor pairs"))
                .with_hint("`--impostors FILE`: a gallery, or a CSV file of scores or of pairs of images"))
        }
        (_, Some(_)) => Err(Failure::new("`--impostors` has no effect with this criterion")
            .with_hint("`--until similarity@far=0.001` derives a threshold from them")),
    }
}

fn at_far(
    wanted: UntilAtFar,
    path: &Path,
    args: &AttackArgs,
    loaded: &Loaded,
) -> Result<(Until, Option<FromImpostors>)> {
    // The header of a gallery answers for its length.
    let is_gallery = lots::gallery::is_gallery(path)?;
    let bytes = if is_gallery {
        lots::gallery::read_bytes(path)?
    } else {
        RegularFile::open(path)?.read("table of impostors", MOST_BYTES)?
    };
    let similarities = if is_gallery {
        let gallery = lots::gallery::from_bytes(&bytes, path)?;
        loaded.expect_made_with(&gallery, layer(args, loaded)?).about("impostors", path.display())?;
        pairs(&gallery, wanted.metric).impostor
    } else {
        of_table(&bytes, wanted.metric, path, args, loaded)?
    };
    let until = wanted.until(&similarities).about("impostors", path.display())?;
    let from = FromImpostors {
        criterion: wanted.to_string(),
        impostors: path.display().to_string(),
        sha256: digest::of_bytes(&bytes),
        pairs: similarities.len(),
    };
    Ok((until, Some(from)))
}

/// Where the criterion looks: at the only layer, or the last of the only objective.
fn layer(args: &AttackArgs, loaded: &Loaded) -> Result<LayerId> {
    match args.layer.as_slice() {
        [only] => {
            Ok(loaded.objective(only, &Mask::default()).map(|objective: Objective| objective.last())?)
        }
        layers => Err(Failure::new(format!(
            "a threshold from impostors is that of one layer, there are {}",
            layers.len()
        ))
        .with_hint("give one `--layer`, or a number for the threshold")),
    }
}

/// Rows of one score, or of the paths of two images, which are relative to the folder of the table.
fn of_table(
    bytes: &[u8],
    metric: Metric,
    path: &Path,
    args: &AttackArgs,
    loaded: &Loaded,
) -> Result<Vec<f64>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(bytes);
    let damaged = |row: usize, reason: &str| {
        Failure::new(format!("row {row} of the impostors {reason}"))
            .about("impostors", path.display())
            .with_hint("each row is a score, or the paths of two images of different identities")
    };
    let mut similarities = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let row = row + 1;
        let record = record.map_err(|error| damaged(row, &format!("cannot be read ({error})")))?;
        let fields: Vec<&str> = record.iter().collect();
        let similarity = match fields.as_slice() {
            ["similarity" | "distance" | "score"] | ["first", "second"] if row == 1 => continue,
            [score] => {
                let score: Option<f64> = score.parse().ok().filter(|score: &f64| score.is_finite());
                let score = score.ok_or_else(|| damaged(row, "is no finite number"))?;
                if metric == Metric::Euclidean { -score } else { score }
            }
            [first, second] => {
                let layer = layer(args, loaded)?;
                let represent = |image: &str| -> Result<Vec<f32>> {
                    let place = path.parent().unwrap_or(Path::new("")).join(image);
                    let text = if place.exists() { place.display().to_string() } else { image.to_owned() };
                    let (fitted, _) = single_fitted(&text, "impostor", &loaded.network)?;
                    Ok(loaded.network.represent(layer, fitted.image.pixels())?.values)
                };
                let place = |failure: Failure| {
                    let failure = failure.about("row", row).about("impostors", path.display());
                    // What is no image in the first row may be a heading of other words.
                    if row == 1 {
                        failure.with_hint("a heading over paths is `first,second`")
                    } else {
                        failure
                    }
                };
                let (first, second) = (represent(first).map_err(place)?, represent(second).map_err(place)?);
                match metric {
                    Metric::Cosine => cosine_similarity(&first, &second),
                    Metric::Euclidean => -euclidean_distance(&first, &second),
                }
            }
            fields => return Err(damaged(row, &format!("has {} fields, expected 1 or 2", fields.len()))),
        };
        similarities.push(similarity);
    }
    Ok(similarities)
}
