//! `NumPy` arrays in `.npy` files: images and labels are read, images and directions are written.
//!
//! Their headers are those of [`lots_network::npy`]. Nothing is allocated before a header is checked against the length
//! of its file. What is written equals the output of `numpy.save` byte for byte.

mod growing;
mod reader;

use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::Path;

pub use self::growing::GrowingArray;
pub use self::reader::{AnyOrder, Array, Images, header, read, read_labels};
pub(crate) use self::reader::{BYTES, C_ORDER, FLOATS, IMAGE_SHAPES};
pub(crate) use lots_network::npy::is_array;

use lots_network::npy;

use crate::error::{Error, Result};
use crate::whole_file::WholeFile;

const KIND: &str = "`.npy` array";

/// The numbers that are read and written: `u8` for images, `bool` for masks, `i16` for perturbations, `f32` for everything else, and `f64`
/// where other programs have written it.
pub trait Element: Copy + Send + Sync + 'static + sealed::Bytes {
    /// The name of the type in the header, little-endian.
    const TYPE: &'static str;
}

/// Writes a whole array.
///
/// - `shape`: sizes from the outermost, for example `[N, C, H, W]`.
///
/// # Errors
/// [`Error::ArrayLength`] if `values` does not fill the shape; [`Error::File`].
///
/// # Example
/// ```
/// use lots::data::array;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("direction.npy");
/// array::write(&path, &[1, 1, 2, 2], &[0.5_f32, -1.0, 0.0, 2.0])?;
/// assert_eq!(array::read::<f32>(&path)?.shape, [1, 1, 2, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write<T: Element>(path: impl AsRef<Path>, shape: &[usize], values: &[T]) -> Result<()> {
    let expected = shape.iter().product();
    if values.len() != expected {
        return Err(Error::ArrayLength { got: values.len(), expected });
    }
    let path = path.as_ref();
    let mut file = WholeFile::create(path)?;
    let failed = |reason| Error::file("write", path, reason);
    file.write_all(&npy::format(T::TYPE, shape)).map_err(failed)?;
    write_values(&mut file, values).map_err(failed)?;
    file.commit()
}

/// Writes an array row by row, without knowing how many rows there will be; the file appears when it is complete.
///
/// # Example
/// ```
/// use lots::data::array::{self, RowWriter};
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("perturbed.npy");
/// let mut writer = RowWriter::<u8>::create(&path, &[2, 2, 1])?;
/// writer.append(&[1, 2, 3, 4])?;
/// writer.append(&[5, 6, 7, 8])?;
/// writer.finish()?;
/// assert_eq!(array::read::<u8>(&path)?.shape, [2, 2, 2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RowWriter<T: Element> {
    file: WholeFile,
    row_shape: Vec<usize>,
    rows: usize,
    element: PhantomData<T>,
}

impl<T: Element> RowWriter<T> {
    /// Starts an array of shape `[N, …row_shape]`, N still unknown.
    ///
    /// # Errors
    /// [`Error::File`] if nothing can be written there.
    pub fn create(path: impl AsRef<Path>, row_shape: &[usize]) -> Result<Self> {
        let file = WholeFile::create(path)?;
        let mut writer = Self { file, row_shape: row_shape.to_vec(), rows: 0, element: PhantomData };
        writer.write_header()?;
        Ok(writer)
    }

    /// Adds one row.
    ///
    /// # Errors
    /// [`Error::ArrayLength`] if `row` does not fill the shape of a row; [`Error::File`].
    pub fn append(&mut self, row: &[T]) -> Result<()> {
        let expected = self.row_shape.iter().product();
        if row.len() != expected {
            return Err(Error::ArrayLength { got: row.len(), expected });
        }
        write_values(&mut self.file, row).map_err(|reason| Error::file("write", self.file.path(), reason))?;
        self.rows += 1;
        Ok(())
    }

    /// Says in the header how many rows there are and puts the file at its path. No rows at all are fine.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written to its end.
    pub fn finish(mut self) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(0))
            .map_err(|reason| Error::file("write", self.file.path(), reason))?;
        self.write_header()?;
        self.file.commit()
    }

    /// The header has the same length for any number of rows, so it can be written again in its place.
    fn write_header(&mut self) -> Result<()> {
        let header = npy::of_rows(&format!("'{}'", T::TYPE), self.rows, &self.row_shape);
        self.file.write_all(&header).map_err(|reason| Error::file("write", self.file.path(), reason))
    }
}

fn write_values<T: Element>(file: &mut WholeFile, values: &[T]) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(size_of::<T>() * values.len().min(1 << 14));
    for piece in values.chunks(1 << 14) {
        bytes.clear();
        for &value in piece {
            value.append_to(&mut bytes);
        }
        file.write_all(&bytes)?;
    }
    Ok(())
}

mod sealed {
    /// Numbers as little-endian bytes.
    pub trait Bytes: Sized {
        /// Appends the bytes of the number.
        fn append_to(self, bytes: &mut Vec<u8>);
        /// The number in exactly as many bytes as it takes.
        fn from_bytes(bytes: &[u8]) -> Self;
    }
}

macro_rules! element {
    ($type:ty, $name:literal) => {
        impl Element for $type {
            const TYPE: &'static str = $name;
        }

        impl sealed::Bytes for $type {
            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn from_bytes(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("as many bytes as the type has"))
            }
        }
    };
}

/// NumPy reads any byte but 0 as true.
impl Element for bool {
    const TYPE: &'static str = "|b1";
}

impl sealed::Bytes for bool {
    fn append_to(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        bytes.iter().any(|&byte| byte != 0)
    }
}

element!(u8, "|u1");
element!(i16, "<i2");
element!(f32, "<f4");
element!(f64, "<f8");

#[cfg(test)]
mod tests;
