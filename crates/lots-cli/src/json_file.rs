//! JSON files that appear whole or not at all.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// Writes a value, replacing what is there only when everything is written.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    json.push(b'\n');
    Ok(lots::whole_file::write(path, &json)?)
}

/// Reads a value.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|reason| Failure::file("read", path, &reason))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(format!("`{}` is damaged ({error})", path.display())))
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
