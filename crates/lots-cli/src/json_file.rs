//! JSON files that appear whole or not at all.

use std::fs;
use std::io;
use std::path::Path;

use lots::regular_file::RegularFile;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// The log of millions of iterations fits.
const MOST_BYTES: u64 = 1 << 28;

/// Writes a value, replacing what is there only when everything is written.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    json.push(b'\n');
    Ok(lots::whole_file::write(path, &json)?)
}

/// Reads a value.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    serde_json::from_slice(&bytes(path)?)
        .map_err(|error| Failure::new(format!("`{}` is damaged ({error})", path.display())))
}

/// All bytes of a file, which is neither a device nor longer than any of its kind.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let bytes = RegularFile::open(path).and_then(|file| file.read("JSON file", MOST_BYTES));
    bytes.map_err(|error| match error {
        lots::Error::NoSuchFile { .. } => Failure::new(error.to_string()),
        error => error.into(),
    })
}

/// Takes a file away if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => {
            Err(Failure::file("remove", path, &reason))
        }
        _ => Ok(()),
    }
}
