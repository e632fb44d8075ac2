//! Weights in files beside the network's.
//!
//! A file says where they are, and a file may lie: only files inside the network's own folder are opened, and no more is
//! read than they have and the tensor needs.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::onnx::{LOCATION_EXTERNAL, TensorProto};

/// The tensor with its numbers in it, if they are in a file in `folder`; `None` if they are in the tensor anyway.
///
/// # Errors
/// [`Error::ExternalData`] if there is no folder; [`Error::Tensor`] if the file is none that may be read, or has not as
/// many bytes as it should.
pub(crate) fn fetched(
    tensor: &TensorProto,
    name: &str,
    folder: Option<&Path>,
) -> Result<Option<TensorProto>> {
    if tensor.data_location != LOCATION_EXTERNAL {
        return Ok(None);
    }
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &*entry.value);
    let location = entry("location").unwrap_or_default();
    let Some(folder) = folder else {
        return Err(Error::ExternalData { tensor: name.to_owned(), location: location.to_owned() });
    };
    let fault = |message: String| Error::Tensor { tensor: name.to_owned(), message };
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => {
            let number = text.parse::<u64>().ok();
            number
                .map(Some)
                .ok_or_else(|| fault(format!("its `{key}` in `{location}` is `{text}`, expected a number")))
        }
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let path = inside(folder, location).ok_or_else(|| {
        fault(format!("its values are in `{location}`, expected a file in the folder of the network"))
    })?;
    let read = || -> std::io::Result<Option<Vec<u8>>> {
        let mut file = File::open(&path)?;
        let room = file.metadata()?.len().checked_sub(offset);
        let Some(length) =
            room.and_then(|room| length.map_or(Some(room), |length| (length <= room).then_some(length)))
        else {
            return Ok(None);
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    let bytes = read().map_err(|error| fault(format!("its values are in `{location}`: {error}")))?;
    let bytes = bytes.ok_or_else(|| fault(format!("`{location}` ends before its values do")))?;
    let dims = tensor.dims.clone();
    let (data_type, name) = (tensor.data_type, tensor.name.clone());
    Ok(Some(TensorProto { dims, data_type, name, raw_data: Some(bytes), ..TensorProto::default() }))
}

/// The path of a plain file inside `folder`, links followed.
fn inside(folder: &Path, location: &str) -> Option<PathBuf> {
    let relative = Path::new(location);
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if location.is_empty() || !is_plain {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let path = folder.join(relative).canonicalize().ok()?;
    (path.starts_with(&folder) && path.is_file()).then_some(path)
}
