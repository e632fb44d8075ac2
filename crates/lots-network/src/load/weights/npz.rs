//! `.npz`: a ZIP archive of `.npy` arrays, as `numpy.savez` writes it.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::caffemodel::pickled;
use super::tensors::floats;
use super::{Tensor, not_weights};
use crate::error::Result;
use crate::npy;

/// How much larger than the archive its arrays may be together, besides [`SMALL`]: trained weights do not compress to
/// less, and a kilobyte must not unpack to a gigabyte.
const MOST_TIMES: u64 = 8;

/// Bytes that any archive may unpack to.
const SMALL: u64 = 1 << 24;

/// All arrays of floating-point numbers.
///
/// # Errors
/// [`crate::Error::NotWeights`].
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let damaged = |reason: String| not_weights(&format!("its ZIP archive is damaged, {reason}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|reason| damaged(reason.to_string()))?;
    if archive.file_names().flatten().any(|name| name.ends_with("data.pkl")) {
        return Err(pickled());
    }
    let mut left = SMALL + MOST_TIMES * bytes.len() as u64;
    let mut tensors = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|reason| damaged(reason.to_string()))?;
        let name = entry.name().map_err(|reason| damaged(reason.to_string()))?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else { continue };
        let mut array = Vec::new();
        // One byte more than there may be tells whether there are more.
        entry.take(left + 1).read_to_end(&mut array).map_err(|reason| damaged(reason.to_string()))?;
        left = left
            .checked_sub(array.len() as u64)
            .ok_or_else(|| not_weights(&format!("it unpacks to more than {MOST_TIMES} times its length")))?;
        tensors.extend(tensor(&name, &array)?.map(|tensor| (name, tensor)));
    }
    Ok(tensors)
}

/// The tensor in the bytes of a `.npy` file; none if it holds something else than floating-point numbers.
fn tensor(name: &str, bytes: &[u8]) -> Result<Option<Tensor>> {
    let damaged = || not_weights(&format!("the header of `{name}` is not that of an array"));
    let (start, length) = npy::line_place(bytes).ok_or_else(damaged)?;
    let (line, values) = bytes[start.min(bytes.len())..].split_at_checked(length).ok_or_else(damaged)?;
    // A header that is not that of numbers, but of records or objects, is none of weights.
    let Some(header) = std::str::from_utf8(line).ok().and_then(npy::parse) else { return Ok(None) };
    let bytes_each = match header.value_type.as_str() {
        "<f2" => 2,
        "<f4" => 4,
        "<f8" => 8,
        _ => return Ok(None),
    };
    if header.fortran_order && header.shape.len() > 1 {
        return Err(not_weights(&format!("`{name}` is in Fortran order, expected C order")));
    }
    Tensor::new(name, header.shape, floats(bytes_each, false, values)).map(Some)
}
