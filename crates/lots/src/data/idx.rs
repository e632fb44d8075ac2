//! IDX, the file format of MNIST: a header of big-endian sizes and then unsigned bytes, gzipped or not.
//!
//! Images are `[N, height, width]` (grey) or `[N, height, width, 3]` (colour), labels are `[N]`. Whether a file is
//! gzipped is told by its first bytes, never by its name. Images are read one by one, so a file of any size takes
//! the memory of one image.
//!
//! Source: Y. `LeCun`, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

mod body;
mod writer;

use std::io::Cursor;
use std::path::{Path, PathBuf};

pub use self::writer::{ImageWriter, write_images, write_labels};

use self::body::{Body, is_gzip};
use super::labels;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::image::Image;

const KIND: &str = "IDX file";

/// The type code of unsigned bytes, the only one read and written here.
const UNSIGNED_BYTE: u8 = 8;

/// What an IDX file may begin with: two zeros and the type of its values, or the signature of gzip.
pub(crate) fn is_idx(first_bytes: &[u8]) -> bool {
    matches!(first_bytes, [0, 0, 8 | 9 | 11..=14, 1..=8, ..]) || is_gzip(first_bytes)
}

/// The images of an IDX file, one after the other.
///
/// The iterator also checks that the file ends after the last image.
///
/// # Example
/// ```no_run
/// for image in lots::data::idx::Images::open("t10k-images-idx3-ubyte.gz")?.take(10) {
///     println!("{:?}", image?);
/// }
/// # Ok::<(), lots::Error>(())
/// ```
pub struct Images {
    body: Body,
    height: usize,
    width: usize,
    channels: usize,
    count: usize,
    next: usize,
}

impl Images {
    /// Opens an IDX file of images and reads its header.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::File`]; [`Error::UnknownFormat`] if it is not IDX; [`Error::FileLength`] or
    /// [`Error::Damaged`] if it is cut short or longer than it says; [`Error::Unsupported`] if it holds no images.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_body(Body::open(path.as_ref())?)
    }

    /// The same for bytes in memory; `name` is what messages call them.
    ///
    /// # Errors
    /// Those of [`Images::open`], except for missing files.
    pub fn from_bytes(bytes: &'static [u8], name: impl Into<PathBuf>) -> Result<Self> {
        Self::from_body(Body::new(Box::new(Cursor::new(bytes)), bytes.len() as u64, name.into())?)
    }

    /// How many images the file holds.
    pub fn image_count(&self) -> usize {
        self.count
    }

    /// `[channels, height, width]` of each image.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// Goes on at image `index`, counted from the first of the file. Only forward; at most to the end.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::FileLength`] if the file cannot be read so far.
    pub fn skip_to(&mut self, index: usize) -> Result<()> {
        let index = index.min(self.count).max(self.next);
        self.body.skip((index - self.next) as u64 * self.item_bytes() as u64)?;
        self.next = index;
        Ok(())
    }

    fn from_body(body: Body) -> Result<Self> {
        let (height, width, channels) = match body.sizes[..] {
            [_, height, width] => (height, width, 1),
            [_, height, width, channels @ (1 | 3)] => (height, width, channels),
            _ => return Err(body.unsupported("images, N×height×width or N×height×width×3")),
        };
        let count = body.sizes[0];
        Ok(Self { body, height, width, channels, count, next: 0 })
    }

    fn item_bytes(&self) -> usize {
        self.height * self.width * self.channels
    }
}

impl Iterator for Images {
    type Item = Result<Image>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            self.next += 1;
            return self.body.check_end().err().map(Err);
        }
        if self.next > self.count {
            return None;
        }
        self.next += 1;
        let image = self
            .body
            .read(self.item_bytes())
            .and_then(|bytes| Image::from_interleaved(self.height, self.width, self.channels, &bytes));
        if image.is_err() {
            // After a failure there is nothing sensible to read.
            self.next = self.count + 1;
        }
        Some(image)
    }
}

/// The labels of an IDX file.
///
/// # Errors
/// Those of [`Images::open`]; [`Error::Unsupported`] if the file holds images, or more labels than any has.
pub fn read_labels(path: impl AsRef<Path>) -> Result<Vec<usize>> {
    labels(Body::open(path.as_ref())?)
}

/// The labels in `bytes`; `name` is what messages call them.
///
/// # Errors
/// Those of [`read_labels`], except for missing files.
pub fn labels_from_bytes(bytes: &'static [u8], name: impl Into<PathBuf>) -> Result<Vec<usize>> {
    labels(Body::new(Box::new(Cursor::new(bytes)), bytes.len() as u64, name.into())?)
}

fn labels(mut body: Body) -> Result<Vec<usize>> {
    let [count] = body.sizes[..] else { return Err(body.unsupported("labels, one number each")) };
    if count > labels::MOST {
        return Err(body.unsupported(labels::AT_MOST));
    }
    let labels = body.read(count)?;
    body.check_end()?;
    Ok(labels.into_iter().map(usize::from).collect())
}

#[cfg(test)]
mod tests;
