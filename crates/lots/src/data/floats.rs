//! Files of nothing but little-endian f32.

use std::path::Path;

use crate::error::{Error, Result};

/// # Errors
/// [`Error::FileLength`] if the file does not hold exactly `count` numbers; [`Error::NoSuchFile`].
pub(super) fn expect_count(path: &Path, kind: &'static str, count: usize) -> Result<()> {
    let got = std::fs::metadata(path).map_err(|reason| Error::file("read", path, reason))?.len();
    let expected = 4 * count as u64;
    if got == expected {
        Ok(())
    } else {
        Err(Error::FileLength { kind, expected, got, path: path.to_owned() })
    }
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
