//! Templates: representations that other programs have stored, as `.npy`, JSON or base64.
//!
//! | File | Holds |
//! |---|---|
//! | `.npy` | f32 or f64 of the layer's shape, or flat; or several of them, `[templates, …]` |
//! | JSON | an array of numbers, or an object `{"name", "class", "values"}` of which only `values` must be there, `class` a number or what the class is called; or an array of such |
//! | text | base64 of little-endian f32 |
//! | gallery | its templates, as [`crate::gallery::write`] writes them; an identity is the class of its name, if the network has it |
//!
//! What a file is is told by its contents, not by its name. Numbers must be finite, and whole templates as long as the
//! layer.

pub(crate) mod json;

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lots_network::{Gallery, Network, Shape};

use super::array::{self, Element, FLOATS};
use super::class_names::ClassNames;
use crate::error::{Error, Result, counted};
use crate::experiment::TargetTemplate;
use crate::gallery;
use crate::regular_file::RegularFile;

pub(crate) const KIND: &str = "file of templates";

/// What it should hold, in [`Error::Unsupported`].
pub(crate) const EXPECTED: &str =
    "finite numbers of the layer's shape or as many in a row, or several of them, [templates, …]";

/// A million templates of 512 numbers fit.
const MOST_BYTES: u64 = 1 << 31;

/// In text a number takes three times as much and more; what is parsed takes several times that.
const MOST_TEXT: u64 = 1 << 26;

/// Reads all templates of a file. What its header and its length say is looked at before the rest is read.
///
/// - `network`: the network that they are for, which knows its classes. Whether a gallery was made with it and with such
///   pixels is for the caller to ask of its [`lots_network::GalleryHeader`].
/// - `shape`: of the layer.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`], [`Error::NotRegular`], [`Error::FileSize`]; [`Error::Unsupported`] if it holds
/// anything but whole templates of this shape; [`Error::UnknownClass`]; [`Error::Damaged`]; those of the format.
///
/// # Example
/// ```
/// let network = lots::embedded::lenet();
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("stolen.json");
/// std::fs::write(&path, r#"{"name": "anna", "values": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}"#)?;
/// let templates = lots::data::templates::read(&path, &network, network.shape(network.layer("ip2")?))?;
/// assert_eq!((templates[0].name.as_str(), templates[0].values[2]), ("anna", 2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(path: impl AsRef<Path>, network: &Network, shape: &Shape) -> Result<Vec<TargetTemplate>> {
    let path = path.as_ref();
    let length = shape.count();
    let mut file = RegularFile::open(path)?;
    let start = file.start(16)?;
    let found: Vec<Written> = if array::is_array(&start) {
        of_array(&file, shape)?
    } else if gallery::is_gallery(path)? {
        return of_gallery(&gallery::read(path)?, path, network, shape);
    } else {
        let bytes = file.read(KIND, MOST_TEXT)?;
        if bytes.trim_ascii_start().starts_with(b"[") || bytes.trim_ascii_start().starts_with(b"{") {
            json::read(&bytes, path)?
        } else {
            let got = || format!("{} bytes that are no templates of {length} numbers", bytes.len());
            of_base64(&bytes, length).ok_or_else(|| unsupported(path, got()))?
        }
    };
    checked(found, path, network, length)
}

/// The templates of a gallery that has been read, as [`read`] has them.
///
/// - `path`: where it is from, for messages.
///
/// # Errors
/// [`Error::Unsupported`] if they have another length than the layer.
///
/// # Example
/// ```
/// use lots_network::{Gallery, GalleryHeader, Template};
/// let network = lots::embedded::lenet();
/// let template = |identity: &str| Template { identity: identity.into(), values: vec![1.0; 10] };
/// let gallery = Gallery::new(GalleryHeader::at_layer("ip2"), vec![template("7"), template("anna")])?;
/// let shape = network.shape(network.layer("ip2")?);
/// let templates = lots::data::templates::of_gallery(&gallery, "some.safetensors", &network, shape)?;
/// assert_eq!((templates[0].class, templates[1].class), (Some(7), None));
/// # Ok::<(), lots::Error>(())
/// ```
pub fn of_gallery(
    gallery: &Gallery,
    path: impl AsRef<Path>,
    network: &Network,
    shape: &Shape,
) -> Result<Vec<TargetTemplate>> {
    let names = network.class_names();
    let templates = gallery.templates().zip(gallery.classes());
    let templates = templates.map(|(values, &identity)| {
        let name = &gallery.identities()[identity];
        let class = class_called(name, &names, network).map(Class::Number);
        Written { name: Some(name.clone()), class, values: values.to_vec() }
    });
    checked(templates.collect(), path.as_ref(), network, shape.count())
}

/// A template as a file has it.
#[derive(Debug)]
struct Written {
    name: Option<String>,
    class: Option<Class>,
    values: Vec<f32>,
}

/// A class as a file names it.
#[derive(Debug)]
enum Class {
    Number(usize),
    Name(String),
}

impl Class {
    /// - `row`, `path`: of the template, for the message.
    fn number(self, classes: &ClassNames, row: usize, path: &Path) -> Result<usize> {
        let name = match self {
            Self::Number(class) => return Ok(class),
            Self::Name(name) => name,
        };
        let [class] = classes.meant_by(&name)[..] else {
            return Err(classes.unknown(&name, format!("template {row}"), path));
        };
        Ok(class)
    }
}

fn of_values(values: Vec<f32>) -> Written {
    Written { name: None, class: None, values }
}

/// The array has the shape of the layer, or its numbers one after the other; or several of them along a first axis.
fn of_array(file: &RegularFile, shape: &Shape) -> Result<Vec<Written>> {
    let path = file.path();
    let (extents, length) = (shape.extents(), shape.count());
    let header = array::header(path)?;
    let own = header.shape.as_slice();
    let is_one = |own: &[usize]| own == extents || own == [length];
    if !is_one(own) && !own.split_first().is_some_and(|(_, rest)| is_one(rest)) {
        let got = format!("numbers of shape {own:?} where the layer has {extents:?}");
        return Err(unsupported(path, got));
    }
    if file.length() > MOST_BYTES {
        let got = file.length();
        return Err(Error::FileSize { kind: KIND, got, most: MOST_BYTES, path: path.to_owned() });
    }
    let values: Vec<f32> = match header.value_type.as_str() {
        f64::TYPE => array::read::<f64>(path)?.values.into_iter().map(|value| value as f32).collect(),
        f32::TYPE => array::read::<f32>(path)?.values,
        other => {
            let (got, expected) = (format!("values of type `{other}`"), FLOATS);
            return Err(Error::Unsupported { kind: KIND, got, expected, path: path.to_owned() });
        }
    };
    Ok(values.chunks_exact(length.max(1)).map(|values| of_values(values.to_vec())).collect())
}

/// The class of the network that an identity is, by its name: another gallery counts its identities for itself. Where
/// classes have no names, their numbers are their names.
fn class_called(identity: &str, names: &[&str], network: &Network) -> Option<usize> {
    if names.is_empty() {
        return identity.parse().ok().filter(|&class| class < network.class_count());
    }
    names.iter().position(|name| *name == identity)
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

fn checked(
    found: Vec<Written>,
    path: &Path,
    network: &Network,
    length: usize,
) -> Result<Vec<TargetTemplate>> {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if found.is_empty() {
        return Err(unsupported(path, "no template".to_owned()));
    }
    let is_single = found.len() == 1;
    let classes = ClassNames::new(network.class_names());
    let template = |(row, written): (usize, Written)| {
        if written.values.len() != length {
            let got = format!(
                "{} in template {row}, where the layer has {length}",
                counted(written.values.len(), "number")
            );
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
        let class = written.class.map(|class| class.number(&classes, row, path)).transpose()?;
        Ok(TargetTemplate { name, class, values: Arc::from(written.values) })
    };
    found.into_iter().enumerate().map(template).collect()
}

fn unsupported(path: &Path, got: String) -> Error {
    Error::Unsupported { kind: KIND, got, expected: EXPECTED, path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8], shape: impl Into<Shape>) -> Result<Vec<TargetTemplate>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.x");
        std::fs::write(&path, bytes).unwrap();
        read(&path, &crate::embedded::lenet(), &shape.into())
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
        let cases: [Vec<u8>; 9] = [
            npy(&[4], &values),
            npy(&[1, 1, 2, 2], &values),
            npy(&[1, 2, 2], &values),
            npy(&[4], &values.map(f64::from)),
            b" [0.5, -2, 1e-3, 4.0]".to_vec(),
            b"[[0.5, -2, 1e-3, 4.0]]".to_vec(),
            br#"{"values": [0.5, -2, 1e-3, 4.0]}"#.to_vec(),
            br#"[{"class": 3, "name": "", "values": [0.5, -2, 1e-3, 4.0]}]"#.to_vec(),
            format!("{start}\n{end}\n").into_bytes(),
        ];
        for bytes in cases {
            let templates = read_bytes(&bytes, [1, 2, 2]).unwrap();
            let [template] = &templates[..] else { panic!("{} templates", templates.len()) };
            assert_eq!((template.name.as_str(), &template.values[..]), ("t.x", &values[..]));
        }
    }

    #[test]
    fn a_missing_file_and_a_folder_are_told_with_a_hint_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let network = crate::embedded::lenet();
        let hint = |path: &Path| read(path, &network, &Shape::from([4])).unwrap_err().hint().unwrap();
        assert_eq!(hint(&folder.path().join("none.npy")), "paths are relative to the current folder");
        assert_eq!(hint(folder.path()), "name a file in that folder");
        let images = crate::data::ImageSource::from_path("no/such/images").load().unwrap_err();
        assert!(images.hint().unwrap().contains("built in are `digits`"));
    }

    #[test]
    fn several_templates_are_numbered() {
        let templates = read_bytes(&npy(&[2, 3], &[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]), [3]).unwrap();
        assert_eq!(templates[1].name, "t.x[1]");
        assert_eq!(templates[1].values[..], [4.0, 5.0, 6.0]);
        let named =
            read_bytes(br#"[{"name": "a", "values": [1]}, {"class": 2, "values": [2]}]"#, [1]).unwrap();
        assert_eq!(
            named.iter().map(|it| (it.name.as_str(), it.class)).collect::<Vec<_>>(),
            [("a", None), ("t.x[1]", Some(2))]
        );
    }

    #[test]
    fn a_class_may_be_named() {
        let class = |text: &str| {
            read_bytes(text.as_bytes(), [1]).map(|found| found[0].class).map_err(|it| it.to_string())
        };
        // The classes of LeNet have no names, so that their numbers are what they are called.
        assert_eq!(class(r#"{"class": "7", "values": [1]}"#), Ok(Some(7)));
        assert_eq!(class(r#"{"class": null, "values": [1]}"#), Ok(None));
        let message = class(r#"{"class": "anna", "values": [1]}"#).unwrap_err();
        let sentence = "template 0 is of class `anna`, expected the name of one class of the network: `";
        assert!(message.starts_with(sentence), "{message}");
        let error = read_bytes(br#"{"class": "anna", "values": [1]}"#, [1]).unwrap_err();
        assert!(error.hint().unwrap().contains("`--gallery FILE`"));
    }

    #[test]
    fn files_that_hold_something_else_give_a_sentence() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "0 bytes that are no templates of 3 numbers"),
            (b"[1, 2]", "2 numbers in template 0, where the layer has 3"),
            (b"[1, 2, 1e39]", "1e39 as number 2 of template 0"),
            (b"[1, \"2\", 3]", "the text `2` as number 1 of template 0"),
            (b"[]", "0 numbers in template 0"),
            (b"{\"name\": \"a\"}", "no `values` in template 0"),
            (b"[1, 2", "damaged"),
            (b"AAAA", "4 bytes that are no templates"),
            (b"AACAfwAAgH8AAIB/", "inf in template 0"),
        ];
        for (bytes, part) in cases {
            let message = read_bytes(bytes, [3]).unwrap_err().to_string();
            assert!(message.contains(part), "{}: {message}", String::from_utf8_lossy(bytes));
        }
        let array = npy(&[4], &[1.0_f32; 4]);
        for end in 0..array.len() {
            assert!(read_bytes(&array[..end], [4]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn an_array_of_another_shape_with_as_many_numbers_is_refused() {
        let sentence = |shape: &[usize]| {
            let values = vec![1.0_f32; shape.iter().product()];
            read_bytes(&npy(shape, &values), [2, 3, 4]).map(|found| found.len()).map_err(|it| it.to_string())
        };
        for (shape, count) in
            [(&[2, 3, 4][..], 1), (&[24], 1), (&[5, 2, 3, 4], 5), (&[5, 24], 5), (&[1, 24], 1)]
        {
            assert_eq!(sentence(shape), Ok(count), "{shape:?}");
        }
        for shape in [&[4, 3, 2][..], &[48], &[6, 4], &[2, 2, 3, 2], &[1, 1, 24], &[], &[23]] {
            let message = sentence(shape).unwrap_err();
            let got = format!(
                "the file of templates holds numbers of shape {shape:?} where the layer has [2, 3, 4]"
            );
            assert!(message.starts_with(&got), "{message}");
        }
        assert!(sentence(&[0, 24]).unwrap_err().contains("no template"));
    }

    #[test]
    fn files_that_are_too_large_are_refused_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let sentence = |start: &[u8]| {
            std::fs::write(&path, start).unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
            read(&path, &crate::embedded::lenet(), &Shape::from([4])).unwrap_err().to_string()
        };
        for start in [&b""[..], b"[0.5, 0.5", b"AAAA"] {
            let message = sentence(start);
            assert!(message.contains("1099511627776 bytes, expected at most 67108864"), "{message}");
        }
        let large = lots_network::npy::format("<f4", &[((1 << 40) - 128) / 16, 4]);
        assert_eq!(large.len(), 128);
        assert!(sentence(&large).contains("expected at most 2147483648"));
        assert!(sentence(&npy(&[4], &[1.0_f32; 4])).contains("wrong length"));
    }
}
