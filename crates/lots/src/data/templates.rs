//! Templates: representations that other programs have stored, as `.npy`, JSON or base64.
//!
//! | File | Holds |
//! |---|---|
//! | `.npy` | f32 or f64 of the layer's shape, or several of them, `[templates, …]` |
//! | JSON | an array of numbers, or an object `{"name", "class", "values"}` of which only `values` must be there; or an array of such |
//! | text | base64 of little-endian f32 |
//! | gallery | its templates, as [`crate::gallery::write`] writes them; an identity is a class |
//!
//! What a file is is told by its contents, not by its name. Numbers must be finite, and whole templates as long as the
//! layer.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::array;
use crate::error::{Error, Result};
use crate::experiment::TargetTemplate;
use crate::{gallery, whole_file};

const KIND: &str = "file of templates";

/// Reads all templates of a file.
///
/// - `length`: how many numbers the layer has.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`]; [`Error::Unsupported`] if it holds anything but whole templates of this length;
/// [`Error::Damaged`]; those of the format.
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("stolen.json");
/// std::fs::write(&path, r#"{"name": "anna", "values": [0.5, -1, 2e-3]}"#)?;
/// let templates = lots::data::templates::read(&path, 3)?;
/// assert_eq!((templates[0].name.as_str(), &templates[0].values[..]), ("anna", &[0.5, -1.0, 2e-3][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(path: impl AsRef<Path>, length: usize) -> Result<Vec<TargetTemplate>> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    let mut file = whole_file::open(path)?;
    file.read_to_end(&mut bytes).map_err(|reason| Error::file("read", path, reason))?;
    let found: Vec<Written> = if array::is_array(&bytes) {
        of_array(path, length)?
    } else if bytes.get(8) == Some(&b'{') {
        of_gallery(path)?
    } else if bytes.trim_ascii_start().starts_with(b"[") || bytes.trim_ascii_start().starts_with(b"{") {
        of_json(&bytes).map_err(|reason| damaged(path, reason))?
    } else {
        of_base64(&bytes, length).ok_or_else(|| {
            let got = format!("{} bytes that are no templates of {length} numbers", bytes.len());
            unsupported(path, got)
        })?
    };
    checked(found, path, length)
}

/// A template as a file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    class: Option<usize>,
    values: Vec<f32>,
}

/// What JSON may hold.
#[derive(Deserialize)]
#[serde(untagged)]
enum Json {
    Values(Vec<f32>),
    Arrays(Vec<Vec<f32>>),
    Objects(Vec<Written>),
    Object(Written),
}

fn of_values(values: Vec<f32>) -> Written {
    Written { name: None, class: None, values }
}

fn of_array(path: &Path, length: usize) -> Result<Vec<Written>> {
    let values: Vec<f32> = match array::read::<f32>(path) {
        Ok(array) => array.values,
        Err(Error::Unsupported { .. }) => {
            array::read::<f64>(path)?.values.into_iter().map(|value| value as f32).collect()
        }
        Err(error) => return Err(error),
    };
    if length == 0 || values.is_empty() || !values.len().is_multiple_of(length) {
        return Err(unsupported(path, format!("{} numbers", values.len())));
    }
    Ok(values.chunks_exact(length).map(|values| of_values(values.to_vec())).collect())
}

fn of_gallery(path: &Path) -> Result<Vec<Written>> {
    let gallery = gallery::read(path)?;
    let templates = gallery.templates().zip(gallery.classes());
    let templates = templates.map(|(values, &class)| Written {
        name: Some(gallery.identities()[class].clone()),
        class: Some(class),
        values: values.to_vec(),
    });
    Ok(templates.collect())
}

fn of_json(bytes: &[u8]) -> std::result::Result<Vec<Written>, String> {
    let json = serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            "expected arrays of numbers, or objects with `name`, `class` and `values`".to_owned()
        } else {
            error.to_string()
        }
    })?;
    Ok(match json {
        Json::Values(values) => vec![of_values(values)],
        Json::Arrays(arrays) => arrays.into_iter().map(of_values).collect(),
        Json::Objects(objects) => objects,
        Json::Object(object) => vec![object],
    })
}

fn of_base64(bytes: &[u8], length: usize) -> Option<Vec<Written>> {
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let is_whole =
        rest.is_empty() && !numbers.is_empty() && length > 0 && numbers.len().is_multiple_of(length);
    is_whole.then(|| {
        let values: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        values.chunks_exact(length).map(|values| of_values(values.to_vec())).collect()
    })
}

fn checked(found: Vec<Written>, path: &Path, length: usize) -> Result<Vec<TargetTemplate>> {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if found.is_empty() {
        return Err(unsupported(path, "no template".to_owned()));
    }
    let is_single = found.len() == 1;
    let template = |(row, written): (usize, Written)| {
        if written.values.len() != length {
            let got =
                format!("{} numbers in template {row}, where the layer has {length}", written.values.len());
            return Err(unsupported(path, got));
        }
        if let Some(value) = written.values.iter().find(|value| !value.is_finite()) {
            return Err(unsupported(path, format!("{value} in template {row}")));
        }
        let own = if is_single { file.clone() } else { format!("{file}[{row}]") };
        let name = match written.name {
            Some(name) if !name.is_empty() && !name.contains(char::is_control) => name,
            _ => own,
        };
        Ok(TargetTemplate { name, class: written.class, values: Arc::from(written.values) })
    };
    found.into_iter().enumerate().map(template).collect()
}

fn unsupported(path: &Path, got: String) -> Error {
    let expected = "finite numbers, as many as the layer has or whole multiples of it";
    Error::Unsupported { kind: KIND, got, expected, path: path.to_owned() }
}

fn damaged(path: &Path, reason: String) -> Error {
    Error::Damaged { kind: KIND, reason, path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8], length: usize) -> Result<Vec<TargetTemplate>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.x");
        std::fs::write(&path, bytes).unwrap();
        read(&path, length)
    }

    fn npy<T: array::Element>(shape: &[usize], values: &[T]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.npy");
        array::write(&path, shape, values).unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn all_formats_hold_the_same_template() {
        let values = [0.5_f32, -2.0, 1e-3, 4.0];
        let base64 = STANDARD.encode(values.map(f32::to_le_bytes).concat());
        let (start, end) = base64.split_at(5);
        let cases: [Vec<u8>; 8] = [
            npy(&[4], &values),
            npy(&[1, 2, 2], &values),
            npy(&[4], &values.map(f64::from)),
            b" [0.5, -2, 1e-3, 4.0]".to_vec(),
            b"[[0.5, -2, 1e-3, 4.0]]".to_vec(),
            br#"{"values": [0.5, -2, 1e-3, 4.0]}"#.to_vec(),
            br#"[{"class": 3, "name": "", "values": [0.5, -2, 1e-3, 4.0]}]"#.to_vec(),
            format!("{start}\n{end}\n").into_bytes(),
        ];
        for bytes in cases {
            let templates = read_bytes(&bytes, 4).unwrap();
            let [template] = &templates[..] else { panic!("{} templates", templates.len()) };
            assert_eq!((template.name.as_str(), &template.values[..]), ("t.x", &values[..]));
        }
    }

    #[test]
    fn several_templates_are_numbered() {
        let templates = read_bytes(&npy(&[2, 3], &[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]), 3).unwrap();
        assert_eq!(templates[1].name, "t.x[1]");
        assert_eq!(templates[1].values[..], [4.0, 5.0, 6.0]);
        let named = read_bytes(br#"[{"name": "a", "values": [1]}, {"class": 2, "values": [2]}]"#, 1).unwrap();
        assert_eq!(
            named.iter().map(|it| (it.name.as_str(), it.class)).collect::<Vec<_>>(),
            [("a", None), ("t.x[1]", Some(2))]
        );
    }

    #[test]
    fn files_that_hold_something_else_give_a_sentence() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "0 bytes that are no templates of 3 numbers"),
            (b"[1, 2]", "2 numbers in template 0, where the layer has 3"),
            (b"[1, 2, 1e39]", "inf in template 0"),
            (b"[1, \"2\", 3]", "expected arrays of numbers, or objects"),
            (b"[]", "0 numbers in template 0"),
            (b"{\"name\": \"a\"}", "expected arrays of numbers, or objects"),
            (b"[1, 2", "damaged"),
            (b"AAAA", "4 bytes that are no templates"),
            (b"AACAfwAAgH8AAIB/", "inf in template 0"),
        ];
        for (bytes, part) in cases {
            let message = read_bytes(bytes, 3).unwrap_err().to_string();
            assert!(message.contains(part), "{}: {message}", String::from_utf8_lossy(bytes));
        }
        let array = npy(&[4], &[1.0_f32; 4]);
        for end in 0..array.len() {
            assert!(read_bytes(&array[..end], 4).is_err(), "{end} bytes");
        }
    }
}
