//! Reading `.npy` files.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lots_network::npy::{self, Header};

use super::{Element, KIND};
use crate::data::labels;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::regular_file::RegularFile;

/// `numpy.load` gives up on longer headers too unless told otherwise (its limit is 10,000).
const LONGEST_LINE: usize = 1 << 16;

/// An array with its sizes from the outermost; the last index changes fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<T> {
    /// For example `[N, C, H, W]`.
    pub shape: Vec<usize>,
    /// As many as the product of the sizes.
    pub values: Vec<T>,
}

/// Reads a whole array of one type.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`]; [`Error::NotArray`] if it is no `.npy` file; [`Error::FileLength`]
/// or [`Error::Damaged`] if it is cut short or longer than it says; [`Error::Unsupported`] if it holds another type.
pub fn read<T: Element>(path: impl AsRef<Path>) -> Result<Array<T>> {
    let mut body = Body::open(path.as_ref())?;
    body.expect_type(&[T::TYPE], T::TYPE)?;
    let values = body.read_values(T::from_bytes)?;
    Ok(Array { shape: body.header.shape, values })
}

/// The header of an array, after it was checked against the length of the file.
///
/// # Errors
/// Those of [`read`], but that any type of numbers is fine.
pub fn header(path: impl AsRef<Path>) -> Result<Header> {
    Ok(Body::open(path.as_ref())?.header)
}

/// Reads labels: one size, integers of any type, none negative.
///
/// # Errors
/// Those of [`read`]; [`Error::Unsupported`] if there are more than any file of labels has.
pub fn read_labels(path: impl AsRef<Path>) -> Result<Vec<usize>> {
    const INTEGERS: [&str; 8] = ["|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8"];
    let mut body = Body::open(path.as_ref())?;
    body.expect_type(&INTEGERS, "integers")?;
    if body.header.shape.len() != 1 {
        return Err(body.wrong_shape("labels, one number each"));
    }
    let count = body.header.shape[0];
    if count > labels::MOST {
        return Err(body.unsupported(format!("{count} labels"), labels::AT_MOST));
    }
    let is_signed = body.header.value_type.contains('i');
    let values = body.read_values(|bytes| {
        let is_negative = is_signed && bytes.last().is_some_and(|&byte| byte > 127);
        let magnitude = bytes
            .iter()
            .rev()
            .try_fold(0_usize, |sum, &byte| Some(sum.checked_mul(256)? + usize::from(byte)));
        magnitude.filter(|_| !is_negative)
    })?;
    values
        .into_iter()
        .collect::<Option<Vec<usize>>>()
        .ok_or_else(|| body.unsupported("a negative number".to_owned(), "labels, which count from 0"))
}

/// The images of a `.npy` file of unsigned bytes, one after the other.
///
/// The sizes are `[N, height, width]`, `[N, height, width, channels]`, or one image alone: `[height, width]`,
/// `[height, width, channels]`, with one channel or three. Three sizes of which the last is 1 or 3 are one image.
pub struct Images {
    body: Body,
    shape: [usize; 3],
    count: usize,
    next: usize,
}

impl Images {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// Those of [`read`]; [`Error::Unsupported`] if the values are no unsigned bytes or the sizes not those of images.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let body = Body::open(path.as_ref())?;
        body.expect_type(&["|u1"], BYTES)?;
        let (count, height, width, channels) = match body.header.shape[..] {
            [height, width] => (1, height, width, 1),
            [height, width, channels @ (1 | 3)] => (1, height, width, channels),
            [count, height, width] => (count, height, width, 1),
            [count, height, width, channels @ (1 | 3)] => (count, height, width, channels),
            _ => return Err(body.wrong_shape(IMAGE_SHAPES)),
        };
        if [count, height, width].contains(&0) {
            return Err(body.wrong_shape(IMAGE_SHAPES));
        }
        Ok(Self { body, shape: [channels, height, width], count, next: 0 })
    }

    /// How many images the file holds.
    pub fn image_count(&self) -> usize {
        self.count
    }

    /// `[channels, height, width]` of each image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Goes on at image `index`, counted from the first of the file. Only forward; at most to the end.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read so far.
    pub fn skip_to(&mut self, index: usize) -> Result<()> {
        let index = index.min(self.count).max(self.next);
        let bytes = (index - self.next) * self.shape.iter().product::<usize>();
        // The length of the file is checked, so the distance fits.
        self.body.reader.seek_relative(bytes as i64).map_err(|reason| self.body.failed(reason))?;
        self.next = index;
        Ok(())
    }

    /// Reads images in any order from here on.
    pub fn in_any_order(self) -> AnyOrder {
        let Body { reader, path, values_start, .. } = self.body;
        AnyOrder {
            file: Mutex::new(reader.into_inner()),
            path,
            values_start,
            shape: self.shape,
            count: self.count,
        }
    }
}

/// The images of a `.npy` file in any order; none is kept in memory but by the operating system.
#[derive(Debug)]
pub struct AnyOrder {
    file: Mutex<File>,
    path: PathBuf,
    values_start: u64,
    shape: [usize; 3],
    count: usize,
}

impl AnyOrder {
    /// How many images the file holds.
    pub fn image_count(&self) -> usize {
        self.count
    }

    /// `[channels, height, width]` of each image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Adds the pixels of image `index`, `[channels, height, width]`, to `pixels`.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read there, or if there is no such image.
    pub fn append(&self, index: usize, pixels: &mut Vec<u8>) -> Result<()> {
        let [channels, height, width] = self.shape;
        let (start, each) = (pixels.len(), channels * height * width);
        pixels.resize(start + each, 0);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.values_start + index as u64 * each as u64))
            .and_then(|_| file.read_exact(&mut pixels[start..]))
            .map_err(|reason| failed(reason, &self.path))?;
        if channels > 1 {
            let image = Image::from_interleaved(height, width, channels, &pixels[start..])?;
            pixels[start..].copy_from_slice(image.pixels());
        }
        Ok(())
    }
}

impl Iterator for Images {
    type Item = Result<Image>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        self.next += 1;
        let [channels, height, width] = self.shape;
        let mut pixels = vec![0; channels * height * width];
        let read = self.body.reader.read_exact(&mut pixels).map_err(|reason| self.body.failed(reason));
        if read.is_err() {
            // After a failure there is nothing sensible to read.
            self.next = self.count;
        }
        Some(read.and_then(|()| Image::from_interleaved(height, width, channels, &pixels)))
    }
}

/// The values of representations, in [`Error::Unsupported`].
pub(crate) const FLOATS: &str = "numbers of 32 or 64 bits (`<f4`, `<f8`)";

/// The values of images, in [`Error::Unsupported`].
pub(crate) const BYTES: &str = "unsigned bytes (`|u1`)";

/// The sizes of images, in [`Error::Unsupported`].
pub(crate) const IMAGE_SHAPES: &str = "images, (N, height, width) or (N, height, width, 3)";

/// An opened file: its header, checked against its length, and its values still to be read.
struct Body {
    reader: BufReader<File>,
    header: Header,
    path: PathBuf,
    /// Where the first value lies in the file.
    values_start: u64,
}

impl Body {
    fn open(path: &Path) -> Result<Self> {
        let failed = |reason| Error::file("read", path, reason);
        let damaged =
            |reason: &str| Error::Damaged { kind: KIND, reason: reason.to_owned(), path: path.to_owned() };
        let file = RegularFile::open(path)?;
        let length = file.length();
        let mut reader = BufReader::with_capacity(1 << 16, file.into_file()?);
        let mut start = Vec::new();
        reader.by_ref().take(12).read_to_end(&mut start).map_err(failed)?;
        if !npy::is_array(&start) {
            return Err(Error::NotArray { path: path.to_owned() });
        }
        let (line_start, line_length) = npy::line_place(&start)
            .ok_or_else(|| damaged("its version is unknown or its header is missing"))?;
        if line_length > LONGEST_LINE || (line_start + line_length) as u64 > length {
            return Err(damaged("its header is longer than the file"));
        }
        let mut line = start.split_off(line_start);
        let missing = (line_length.saturating_sub(line.len())) as u64;
        reader.by_ref().take(missing).read_to_end(&mut line).map_err(failed)?;
        let header = std::str::from_utf8(&line)
            .ok()
            .and_then(npy::parse)
            .ok_or_else(|| damaged("its header is not that of an array of numbers"))?;
        let values_start = (line_start + line_length) as u64;
        let body = Self { reader, header, path: path.to_owned(), values_start };
        body.check(length)?;
        Ok(body)
    }

    /// Refuses orders and types that are not read, and a length that is not that of the header.
    fn check(&self, length: u64) -> Result<()> {
        if self.header.fortran_order && self.header.shape.len() > 1 {
            return Err(self.unsupported("columns one after the other".to_owned(), C_ORDER));
        }
        let size = self.value_size().ok_or_else(|| self.wrong_type("numbers"))? as u64;
        let bytes =
            self.header.shape.iter().try_fold(size, |product, &size| product.checked_mul(size as u64));
        let expected = bytes.and_then(|bytes| bytes.checked_add(self.values_start)).unwrap_or(u64::MAX);
        if expected != length {
            return Err(Error::FileLength { kind: KIND, expected, got: length, path: self.path.clone() });
        }
        Ok(())
    }

    /// Bytes of one value: the number in `<f4`.
    fn value_size(&self) -> Option<usize> {
        let [b'<' | b'>' | b'|' | b'=', b'u' | b'i' | b'f' | b'b', digits @ ..] =
            self.header.value_type.as_bytes()
        else {
            return None;
        };
        match digits {
            b"1" => Some(1),
            b"2" => Some(2),
            b"4" => Some(4),
            b"8" => Some(8),
            b"16" => Some(16),
            _ => None,
        }
    }

    fn expect_type(&self, types: &[&str], expected: &'static str) -> Result<()> {
        if types.contains(&self.header.value_type.as_str()) { Ok(()) } else { Err(self.wrong_type(expected)) }
    }

    fn read_values<T>(&mut self, from_bytes: impl Fn(&[u8]) -> T) -> Result<Vec<T>> {
        let size = self.value_size().ok_or_else(|| self.wrong_type("numbers"))?;
        // The length of the file is checked: there are so many values.
        let count: usize = self.header.shape.iter().product();
        let mut values = Vec::with_capacity(count);
        let mut buffer = vec![0; size * count.min(1 << 14)];
        while values.len() < count {
            let piece = &mut buffer[..size * (count - values.len()).min(1 << 14)];
            self.reader.read_exact(piece).map_err(|reason| failed(reason, &self.path))?;
            values.extend(piece.chunks_exact(size).map(&from_bytes));
        }
        Ok(values)
    }

    fn failed(&self, reason: io::Error) -> Error {
        failed(reason, &self.path)
    }

    fn wrong_type(&self, expected: &'static str) -> Error {
        self.unsupported(format!("values of type `{}`", self.header.value_type), expected)
    }

    fn wrong_shape(&self, expected: &'static str) -> Error {
        let sizes = self.header.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.unsupported(format!("values of shape ({sizes})"), expected)
    }

    fn unsupported(&self, got: String, expected: &'static str) -> Error {
        Error::Unsupported { kind: KIND, got, expected, path: self.path.clone() }
    }
}

/// How the values of an array lie, in [`Error::Unsupported`].
pub(crate) const C_ORDER: &str = "rows one after the other";

fn failed(reason: io::Error, path: &Path) -> Error {
    Error::file("read", path, reason)
}
