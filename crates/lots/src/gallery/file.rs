//! Reading and writing galleries.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use lots_network::{Gallery, GalleryHeader, Metric, Template};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::data::floats;
use crate::error::{Error, Result};
use crate::whole_file;

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 1;

/// The entry of the metadata. All is in one, so that the same gallery gives the same bytes.
const HEADER: &str = "lots.gallery";

/// The tensor.
const TEMPLATES: &str = "templates";

/// What stands in the header.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format_version: u32,
    layer: String,
    network_sha256: String,
    metric: String,
    scale: f32,
    /// Whom each template shows.
    identities: Vec<String>,
}

/// Reads a gallery.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`]; [`Error::NotGallery`] if it is damaged or nothing can be told with it.
pub fn read(path: impl AsRef<Path>) -> Result<Gallery> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    let mut file = whole_file::open(path)?;
    file.read_to_end(&mut bytes).map_err(|reason| Error::file("read", path, reason))?;
    from_bytes(&bytes).map_err(|reason| Error::NotGallery { reason, path: path.to_owned() })
}

/// Writes a gallery; the file appears whole or not at all.
///
/// # Errors
/// [`Error::File`].
///
/// # Example
/// ```
/// use lots_network::{Gallery, GalleryHeader, Template};
/// let template = |identity: &str, values: [f32; 2]| Template { identity: identity.into(), values: values.into() };
/// let templates = vec![template("anna", [1.0, 0.0]), template("bob", [0.0, 2.0])];
/// let gallery = Gallery::new(GalleryHeader::at_layer("fc7"), templates)?;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("gallery.safetensors");
/// lots::gallery::write(&path, &gallery)?;
/// assert_eq!(lots::gallery::read(&path)?, gallery);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(path: impl AsRef<Path>, gallery: &Gallery) -> Result<()> {
    whole_file::write(path, &to_bytes(gallery))
}

/// The bytes of a file with this gallery; the same gallery gives the same bytes.
///
/// # Panics
/// Never: the templates of a gallery fill its shape.
pub fn to_bytes(gallery: &Gallery) -> Vec<u8> {
    let GalleryHeader { layer, network_sha256, metric, scale } = gallery.header().clone();
    let identity = |&class: &usize| gallery.identities()[class].clone();
    let header = Header {
        format_version: FORMAT_VERSION,
        layer,
        network_sha256,
        metric: metric.word().to_owned(),
        scale,
        identities: gallery.classes().iter().map(identity).collect(),
    };
    let header = serde_json::to_string(&header).expect("a header is text and numbers");
    let values = floats::to_bytes(gallery.values());
    let shape = vec![gallery.classes().len(), gallery.length()];
    let view = TensorView::new(Dtype::F32, shape, &values).expect("templates fill their shape");
    let metadata = HashMap::from([(HEADER.to_owned(), header)]);
    safetensors::serialize([(TEMPLATES, view)], Some(metadata)).expect("there is one tensor")
}

/// The gallery in the bytes of a file, or what is wrong with them.
fn from_bytes(bytes: &[u8]) -> std::result::Result<Gallery, String> {
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| format!("it is damaged, {error}"))?;
    let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER));
    let text = text.ok_or("it holds tensors, but no header of a gallery")?;
    let header: Header =
        serde_json::from_str(text).map_err(|error| format!("its header is damaged, {error}"))?;
    if header.format_version != FORMAT_VERSION {
        let got = header.format_version;
        return Err(format!("its format version is {got}, expected {FORMAT_VERSION}"));
    }
    let metric = Metric::from_word(&header.metric)
        .ok_or_else(|| format!("its metric is `{}`, expected `cosine` or `euclidean`", header.metric))?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("it is damaged, {error}"))?;
    let view = file.tensor(TEMPLATES).ok().filter(|view| view.dtype() == Dtype::F32);
    let view = view.ok_or("it holds no tensor `templates` of 32-bit numbers")?;
    let count = header.identities.len();
    let length = match *view.shape() {
        [rows, length] if rows == count && length > 0 => length,
        [rows, length] if length > 0 => return Err(format!("it has {rows} templates of {count} identities")),
        _ => return Err(format!("its templates have shape {:?}, expected two axes", view.shape())),
    };
    let values = floats::from_bytes(view.data());
    let templates = header.identities.into_iter().zip(values.chunks_exact(length));
    let templates = templates.map(|(identity, values)| Template { identity, values: values.to_vec() });
    let header = GalleryHeader {
        layer: header.layer,
        network_sha256: header.network_sha256,
        metric,
        scale: header.scale,
    };
    Gallery::new(header, templates.collect()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gallery() -> Gallery {
        let template = |identity: &str, values: [f32; 3]| Template {
            identity: identity.to_owned(),
            values: values.to_vec(),
        };
        let templates = vec![
            template("bob", [0.5, -2.0, 1e-20]),
            template("anna \"A\"", [1.0, 0.0, 3.0]),
            template("bob", [0.1, 0.2, 0.3]),
        ];
        let header = GalleryHeader {
            network_sha256: "ab".repeat(32),
            metric: Metric::Euclidean,
            scale: 0.1,
            ..GalleryHeader::at_layer("fc7")
        };
        Gallery::new(header, templates).unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let bytes = to_bytes(&gallery());
        assert_eq!(from_bytes(&bytes).unwrap(), gallery());
        assert_eq!(to_bytes(&gallery()), bytes);
    }

    #[test]
    fn files_that_are_cut_short_or_changed_give_a_sentence_or_a_gallery() {
        let bytes = to_bytes(&gallery());
        for end in 0..bytes.len() {
            assert!(from_bytes(&bytes[..end]).is_err(), "{end} bytes");
        }
        for place in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                let _ = from_bytes(&changed);
            }
        }
    }

    #[test]
    fn headers_that_contradict_the_templates_are_refused() {
        let of = |text: &str, shape: [usize; 2]| {
            let values = floats::to_bytes(&vec![1.0; shape.iter().product()]);
            let view = TensorView::new(Dtype::F32, shape.to_vec(), &values).unwrap();
            let metadata = HashMap::from([(HEADER.to_owned(), text.to_owned())]);
            from_bytes(&safetensors::serialize([(TEMPLATES, view)], Some(metadata)).unwrap()).unwrap_err()
        };
        let header = |version: u32, metric: &str, scale: f32| {
            format!(
                r#"{{"format_version":{version},"layer":"l","network_sha256":"","metric":"{metric}","scale":{scale},"identities":["a","b"]}}"#
            )
        };
        assert_eq!(of(&header(1, "cosine", 1.0), [3, 2]), "it has 3 templates of 2 identities");
        assert_eq!(
            of(&header(1, "cosine", 1.0), [2, 0]),
            "its templates have shape [2, 0], expected two axes"
        );
        assert_eq!(of(&header(2, "cosine", 1.0), [2, 2]), "its format version is 2, expected 1");
        assert!(of(&header(1, "angle", 1.0), [2, 2]).starts_with("its metric is `angle`"));
        assert!(of(&header(1, "cosine", 0.0), [2, 2]).contains("its scale is 0, expected a positive number"));
        assert!(of("{}", [2, 2]).starts_with("its header is damaged"));
    }
}
