//! Writing IDX files.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::UNSIGNED_BYTE;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::whole_file::WholeFile;

/// Writes images of one shape, gzipped if the name ends in `.gz`.
///
/// # Errors
/// Those of [`ImageWriter`]; [`Error::NoImages`] if there are none.
///
/// # Example
/// ```
/// use lots::{Image, data::idx};
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("ramp-images-idx3-ubyte.gz");
/// let image = Image::new(1, 2, 2, vec![0, 1, 2, 3])?;
/// idx::write_images(&path, &[image.clone()])?;
/// assert_eq!(idx::Images::open(&path)?.next().unwrap()?, image);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_images(path: impl AsRef<Path>, images: &[Image]) -> Result<()> {
    let first = images.first().ok_or(Error::NoImages)?;
    let mut writer = ImageWriter::create(path, images.len(), first.shape())?;
    for image in images {
        writer.append(image)?;
    }
    writer.finish()
}

/// Writes labels 0–255, gzipped if the name ends in `.gz`.
///
/// # Errors
/// [`Error::LabelRange`] if a label is above 255; [`Error::File`].
pub fn write_labels(path: impl AsRef<Path>, labels: &[usize]) -> Result<()> {
    let bytes = labels
        .iter()
        .map(|&label| u8::try_from(label).or(Err(Error::LabelRange { label, limit: 255 })))
        .collect::<Result<Vec<u8>>>()?;
    let mut sink = Sink::create(path.as_ref(), &[labels.len()])?;
    sink.write(&bytes)?;
    sink.finish()
}

/// Writes images one by one into an IDX file that appears when it is complete.
pub struct ImageWriter {
    sink: Sink,
    shape: [usize; 3],
    missing: usize,
}

impl ImageWriter {
    /// Starts a file of `count` images of `shape` `[channels, height, width]`, gzipped if the name ends in `.gz`.
    ///
    /// # Errors
    /// [`Error::File`] if nothing can be written there.
    pub fn create(path: impl AsRef<Path>, count: usize, shape: [usize; 3]) -> Result<Self> {
        let [channels, height, width] = shape;
        let sizes = [count, height, width, channels];
        let sink = Sink::create(path.as_ref(), if channels == 1 { &sizes[..3] } else { &sizes })?;
        Ok(Self { sink, shape, missing: count })
    }

    /// Adds the next image.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if its shape differs, [`Error::ImageCount`] if it is one too many; [`Error::File`].
    pub fn append(&mut self, image: &Image) -> Result<()> {
        if image.shape() != self.shape {
            return Err(Error::ImageSize { role: "image", got: image.shape(), expected: self.shape });
        }
        let expected = self.sink.count;
        self.missing =
            self.missing.checked_sub(1).ok_or(Error::ImageCount { got: expected + 1, expected })?;
        if image.channels() == 1 {
            self.sink.write(image.pixels())
        } else {
            self.sink.write(&image.to_interleaved())
        }
    }

    /// Puts the file at its path.
    ///
    /// # Errors
    /// [`Error::ImageCount`] if fewer images came than announced; [`Error::File`].
    pub fn finish(self) -> Result<()> {
        let expected = self.sink.count;
        if self.missing > 0 {
            return Err(Error::ImageCount { got: expected - self.missing, expected });
        }
        self.sink.finish()
    }
}

/// An IDX file being written.
struct Sink {
    writer: Packing,
    count: usize,
    path: PathBuf,
}

enum Packing {
    Plain(WholeFile),
    Gzip(GzEncoder<WholeFile>),
}

impl Sink {
    fn create(path: &Path, sizes: &[usize]) -> Result<Self> {
        let file = WholeFile::create(path)?;
        let gzipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        // The encoder writes no time and no name: the same images give the same bytes.
        let writer = if gzipped {
            Packing::Gzip(GzEncoder::new(file, Compression::best()))
        } else {
            Packing::Plain(file)
        };
        let mut sink = Self { writer, count: sizes[0], path: path.to_owned() };
        let mut header = vec![0, 0, UNSIGNED_BYTE, sizes.len() as u8];
        for &size in sizes {
            let size =
                u32::try_from(size).or(Err(Error::ImageCount { got: size, expected: u32::MAX as usize }))?;
            header.extend(size.to_be_bytes());
        }
        sink.write(&header)?;
        Ok(sink)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.writer {
            Packing::Plain(file) => file.write_all(bytes),
            Packing::Gzip(encoder) => encoder.write_all(bytes),
        };
        written.map_err(|reason| Error::file("write", &self.path, reason))
    }

    fn finish(self) -> Result<()> {
        match self.writer {
            Packing::Plain(file) => file.commit(),
            Packing::Gzip(encoder) => {
                encoder.finish().map_err(|reason| Error::file("write", &self.path, reason))?.commit()
            }
        }
    }
}
