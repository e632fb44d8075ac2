//! `run.json`: what everything in the folder follows from. A folder is only gone on with if it is the same.

use std::path::Path;

use lots::data::infimnist::Infimnist;
use serde_json::{Value, json};

use super::FIELDS_SEED;
use super::plan::{NETWORKS, SETS};
use crate::args::Table1Args;
use crate::digest::ImagesDigest;
use crate::failure::{Failure, Result};
use crate::json_file;

const FILE: &str = "run.json";
/// Changes when the meaning of a key or the steps of the experiment change.
const FORMAT_VERSION: u32 = 1;

/// Writes the file, or compares it with what is there. More seeds than before are fine.
pub(super) fn start(out: &Path, args: &Table1Args, seeds: &[u64], digits: &Infimnist) -> Result<()> {
    let path = out.join(FILE);
    let new = settings(args, digits);
    if path.exists() {
        let mut old: Value = json_file::read(&path)?;
        if let Some(old) = old.as_object_mut() {
            old.remove("seeds");
        }
        if old != new {
            return Err(Failure::new(format!(
                "the experiment in `{}` was started with another scale, other data or another version",
                out.display()
            ))
            .with_hint("repeat its command, or choose another folder with `--out`"));
        }
    } else if std::fs::read_dir(out).is_ok_and(|mut files| files.next().is_some()) {
        return Err(Failure::new(format!("`{}` holds something else", out.display()))
            .with_hint("choose the name of a new folder with `--out`"));
    }
    let mut with_seeds = new;
    with_seeds["seeds"] = json!(seeds);
    json_file::write(&path, &with_seeds)
}

fn settings(args: &Table1Args, digits: &Infimnist) -> Value {
    let mut digest = ImagesDigest::default();
    for set in [digits.training_digits(), digits.test_digits()] {
        digest.add_set(set);
    }
    let iterations = NETWORKS.iter().map(|network| (network.key.to_owned(), json!(network.iterations)));
    json!({
        "format_version": FORMAT_VERSION,
        "versions": { "lots": env!("CARGO_PKG_VERSION") },
        "scale": args.scale,
        "data": {
            "mnist_sha256": digest.digits(),
            "infimnist": if args.infimnist_data.is_some() { "files" } else { "own" },
            "fields_seed": FIELDS_SEED,
        },
        "iterations": iterations.collect::<serde_json::Map<_, _>>(),
        "sets": SETS.iter().map(|set| set.key).collect::<Vec<_>>(),
    })
}
