//! Reading and writing galleries.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use lots_network::{Gallery, GalleryHeader, Metric, NetworkInput, PixelEncoding, Preprocessing, Template};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata, TensorView};
use serde::{Deserialize, Serialize};

use crate::data::floats;
use crate::error::{Error, Result};
use crate::regular_file::RegularFile;
use crate::whole_file;

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 1;

/// The entry of the metadata. All is in one, so that the same gallery gives the same bytes.
const HEADER: &str = "lots.gallery";

/// The tensor.
const TEMPLATES: &str = "templates";

const KIND: &str = "gallery";

/// A million names, and more than that.
const LONGEST_HEADER: u64 = 1 << 26;

/// Two gigabytes: a million templates of 512 numbers.
const MOST_BYTES: u64 = 1 << 31;

/// What stands in the header.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format_version: u32,
    layer: String,
    network_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
    metric: String,
    scale: f32,
    /// Whom each template shows.
    identities: Vec<String>,
}

/// Which images the templates were made of, and what became of their pixels.
#[derive(Debug, Serialize, Deserialize)]
struct Input {
    height: usize,
    width: usize,
    /// As in network files: [`PixelEncoding::to_metadata`], [`Preprocessing::to_metadata`].
    properties: BTreeMap<String, String>,
}

/// Whether a file begins like a gallery, by the first character of its header.
///
/// # Errors
/// As [`RegularFile::open`].
pub fn is_gallery(path: impl AsRef<Path>) -> Result<bool> {
    Ok(begins_with_header(&RegularFile::open(path)?.start(9)?))
}

/// Reads a gallery. Its header is looked at before the rest is read.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`], [`Error::NotRegular`]; [`Error::NotGallery`] if it is damaged or nothing can be
/// told with it.
pub fn read(path: impl AsRef<Path>) -> Result<Gallery> {
    from_bytes(&read_bytes(&path)?, path)
}

/// The bytes of a gallery, for [`from_bytes`] and whoever sums them. Its header is looked at before the rest is read.
///
/// # Errors
/// As [`read`], of what the header shows.
pub fn read_bytes(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let mut file = RegularFile::open(path)?;
    let start = file.start(9)?;
    let refused = |reason: String| Error::NotGallery { reason, path: path.to_owned() };
    let header = header_length(&start, file.length()).map_err(refused)?;
    let start = file.start(8 + header)?;
    expect_length(&start[8.min(start.len())..], file.length()).map_err(refused)?;
    file.read(KIND, u64::MAX)
}

/// The gallery in the bytes of a file.
///
/// - `path`: where they are from, for messages.
///
/// # Errors
/// [`Error::NotGallery`].
pub fn from_bytes(bytes: &[u8], path: impl AsRef<Path>) -> Result<Gallery> {
    parse(bytes).map_err(|reason| Error::NotGallery { reason, path: path.as_ref().to_owned() })
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
    let GalleryHeader { layer, network_sha256, input, metric, scale } = gallery.header().clone();
    let identity = |&class: &usize| gallery.identities()[class].clone();
    let header = Header {
        format_version: FORMAT_VERSION,
        layer,
        network_sha256,
        input: input.map(Input::of),
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

impl Input {
    fn of(NetworkInput { size: [height, width], pixels, preprocessing }: NetworkInput) -> Self {
        let properties = pixels.to_metadata().into_iter().chain(preprocessing.to_metadata()).collect();
        Self { height, width, properties }
    }

    fn read(self) -> std::result::Result<NetworkInput, String> {
        let properties: Vec<(String, String)> = self.properties.into_iter().collect();
        let damaged = |error: lots_network::Error| error.to_string();
        let pixels = PixelEncoding::from_metadata(&properties).map_err(damaged)?;
        let pixels = pixels.ok_or("it says nothing of the pixels that it was made with")?;
        let preprocessing = Preprocessing::from_metadata(&properties).map_err(damaged)?;
        let size = [self.height, self.width];
        preprocessing.expect_size(size).map_err(damaged)?;
        Ok(NetworkInput { size, pixels, preprocessing })
    }
}

/// Eight bytes say how long the header is, which is a JSON object. No header is so long that the last of them are not 0,
/// which text does not have.
fn begins_with_header(start: &[u8]) -> bool {
    start.get(4..9) == Some(b"\0\0\0\0{")
}

/// How long the header of a file is that begins like this.
fn header_length(start: &[u8], length: u64) -> std::result::Result<usize, String> {
    let Some(bytes) = start.first_chunk::<8>().filter(|_| begins_with_header(start)) else {
        return Err("it does not begin with the header of a safetensors file".to_owned());
    };
    let header = u64::from_le_bytes(*bytes);
    if header > LONGEST_HEADER || header > length - 8 {
        return Err("it is damaged, its header is longer than the file or than any".to_owned());
    }
    Ok(header as usize)
}

/// Checks the length of a file against the tensors that its header announces.
fn expect_length(header: &[u8], length: u64) -> std::result::Result<(), String> {
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(|error| format!("it is damaged, {error}"))?;
    let data = metadata.data_len() as u64;
    let expected = data.checked_add(8 + header.len() as u64);
    if expected != Some(length) {
        return Err(format!("it is damaged, it has {length} bytes where its header announces others"));
    }
    if data > MOST_BYTES {
        return Err(format!("its templates take {data} bytes, expected at most {MOST_BYTES}"));
    }
    Ok(())
}

/// The gallery in the bytes of a file, or what is wrong with them.
fn parse(bytes: &[u8]) -> std::result::Result<Gallery, String> {
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
        [rows, length] if length > 0 => {
            return Err(format!("it has {rows} templates, and its header names {count}"));
        }
        _ => return Err(format!("its templates have shape {:?}, expected two axes", view.shape())),
    };
    let values = floats::from_bytes(view.data());
    let templates = header.identities.into_iter().zip(values.chunks_exact(length));
    let templates = templates.map(|(identity, values)| Template { identity, values: values.to_vec() });
    let header = GalleryHeader {
        layer: header.layer,
        network_sha256: header.network_sha256,
        input: header.input.map(Input::read).transpose()?,
        metric,
        scale: header.scale,
    };
    Gallery::new(header, templates.collect()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use lots_network::{ChannelOrder, Resize};

    use super::*;

    fn input() -> NetworkInput {
        let pixels = PixelEncoding::new(ChannelOrder::Bgr, vec![0.1, 117.0, -3.5], vec![1.0, 0.017, 1e-9]);
        let preprocessing = Preprocessing::new(Some(Resize::ShorterSide(128)), Some([112, 96]));
        NetworkInput { size: [112, 96], pixels: pixels.unwrap(), preprocessing: preprocessing.unwrap() }
    }

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
            input: Some(input()),
            metric: Metric::Euclidean,
            scale: 0.1,
            ..GalleryHeader::at_layer("fc7")
        };
        Gallery::new(header, templates).unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let bytes = to_bytes(&gallery());
        assert_eq!(parse(&bytes).unwrap(), gallery());
        assert_eq!(to_bytes(&gallery()), bytes);
    }

    #[test]
    fn files_that_are_cut_short_or_changed_give_a_sentence_or_a_gallery() {
        let bytes = to_bytes(&gallery());
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end]).is_err(), "{end} bytes");
        }
        for place in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                let _ = parse(&changed);
            }
        }
    }

    #[test]
    fn headers_that_contradict_the_templates_are_refused() {
        let of = |text: &str, shape: [usize; 2]| {
            let values = floats::to_bytes(&vec![1.0; shape.iter().product()]);
            let view = TensorView::new(Dtype::F32, shape.to_vec(), &values).unwrap();
            let metadata = HashMap::from([(HEADER.to_owned(), text.to_owned())]);
            parse(&safetensors::serialize([(TEMPLATES, view)], Some(metadata)).unwrap()).unwrap_err()
        };
        let header = |version: u32, metric: &str, scale: f32| {
            format!(
                r#"{{"format_version":{version},"layer":"l","network_sha256":"","metric":"{metric}","scale":{scale},"identities":["a","b"]}}"#
            )
        };
        assert_eq!(of(&header(1, "cosine", 1.0), [3, 2]), "it has 3 templates, and its header names 2");
        assert_eq!(
            of(&header(1, "cosine", 1.0), [2, 0]),
            "its templates have shape [2, 0], expected two axes"
        );
        assert_eq!(of(&header(2, "cosine", 1.0), [2, 2]), "its format version is 2, expected 1");
        assert!(of(&header(1, "angle", 1.0), [2, 2]).starts_with("its metric is `angle`"));
        assert!(of(&header(1, "cosine", 0.0), [2, 2]).contains("its scale is 0, expected a positive number"));
        assert!(of("{}", [2, 2]).starts_with("its header is damaged"));
    }

    #[test]
    fn a_gallery_without_an_input_is_read_and_one_with_a_nonsensical_one_is_not() {
        let with = |old: &str, new: &str| {
            let bytes = to_bytes(&gallery());
            let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
            let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
            assert!(header.contains(old), "{header}");
            let header = header.replace(old, new);
            parse(&[&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8 + length..]].concat())
        };
        let unknown = with(r#"\"input\":"#, r#"\"other\":"#).unwrap();
        assert_eq!(unknown, gallery().for_any_input());
        let sentence = |old: &str, new: &str| with(old, new).unwrap_err();
        assert!(sentence(r#"\"bgr\""#, r#"\"brg\""#).contains("lots.channels"));
        assert!(sentence("lots.mean", "lots.lean").contains("lots.mean"));
        assert!(sentence(r#"\"112x96\""#, r#"\"12x96\""#).contains("12×96"));
    }

    /// A terabyte.
    const LARGE: u64 = 1 << 40;

    #[test]
    fn large_files_are_refused_by_their_header_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sentence = |start: &[u8], length: u64| {
            let path = folder.path().join("sparse.safetensors");
            std::fs::write(&path, start).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            read(&path).unwrap_err().to_string()
        };
        assert!(sentence(b"", LARGE).contains("does not begin with the header"));
        assert!(sentence(&[&(1_u64 << 27).to_le_bytes()[..], b"{"].concat(), LARGE).contains("longer than"));
        assert!(sentence(&to_bytes(&gallery()), LARGE).contains("its header announces others"));
        let header =
            r#"{"templates":{"dtype":"F32","shape":[8589934592,32],"data_offsets":[0,1099511627776]}}"#;
        let start = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        let length = LARGE + start.len() as u64;
        assert!(sentence(&start, length).contains("expected at most 2147483648"));
    }
}
