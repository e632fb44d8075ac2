//! [`GrowingArray`]: a `.npy` file that is written over hours, survives that the program is killed, and goes on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use lots_network::npy;

use super::KIND;
use crate::error::{Error, Result};
use crate::whole_file::unfinished;

/// An array `[N, …]` whose number of rows is not known yet. Until [`Self::finish`] it is beside its place as
/// `NAME.unfinished`.
///
/// # Example
/// ```
/// use lots::data::array::{self, GrowingArray};
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("labels.npy");
/// let mut labels = GrowingArray::open(&path, "'|u1'", &[], 1, 0)?;
/// labels.append(&[7])?;
/// labels.flush()?;
/// labels.append(&[2])?;
/// drop(labels);
/// // What came behind the one row that is known to be complete is cut off.
/// let mut labels = GrowingArray::open(&path, "'|u1'", &[], 1, 1)?;
/// labels.append(&[5])?;
/// labels.finish()?;
/// assert_eq!(array::read::<u8>(&path)?.values, [7, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GrowingArray {
    file: BufWriter<File>,
    path: PathBuf,
    description: String,
    row_shape: Vec<usize>,
    row_bytes: usize,
    rows: usize,
}

impl GrowingArray {
    /// Starts an array, or goes on behind its first `rows` rows.
    ///
    /// - `description`: the type of the values as it stands in the header, quoted: `'|u1'`, or a list of named types.
    /// - `row_shape`: sizes of a row; `row_bytes`: its bytes.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::FileLength`] if there are fewer rows than that.
    pub fn open(
        path: impl AsRef<Path>,
        description: &str,
        row_shape: &[usize],
        row_bytes: usize,
        rows: usize,
    ) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let unfinished = unfinished(&path);
        let failed = |reason| Error::file("write", &path, reason);
        if !unfinished.exists() && path.exists() {
            // It was finished, but what it belongs to was not.
            fs::rename(&path, &unfinished).map_err(failed)?;
        }
        let header = npy::of_rows(description, 0, row_shape);
        let length = (header.len() + rows * row_bytes) as u64;
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(false).open(&unfinished).map_err(failed)?;
        let got = file.metadata().map_err(failed)?.len();
        if rows > 0 && got < length {
            return Err(Error::FileLength { kind: KIND, expected: length, got, path: unfinished });
        }
        let position = |file: &mut File| -> io::Result<()> {
            file.write_all(&header)?;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0)).map(drop)
        };
        position(&mut file).map_err(failed)?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 16, file),
            path,
            description: description.to_owned(),
            row_shape: row_shape.to_vec(),
            row_bytes,
            rows,
        })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::ArrayLength`] if it has another number of bytes; [`Error::File`].
    pub fn append(&mut self, row: &[u8]) -> Result<()> {
        if row.len() != self.row_bytes {
            return Err(Error::ArrayLength { got: row.len(), expected: self.row_bytes });
        }
        self.file.write_all(row).map_err(|reason| Error::file("write", &self.path, reason))?;
        self.rows += 1;
        Ok(())
    }

    /// Hands all rows to the operating system, so that they are there if this program ends.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|reason| Error::file("write", &self.path, reason))
    }

    /// Says in the header how many rows there are and puts the file at its place.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn finish(mut self) -> Result<()> {
        let header = npy::of_rows(&self.description, self.rows, &self.row_shape);
        let finish = |file: &mut BufWriter<File>| -> io::Result<()> {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
            file.flush()
        };
        finish(&mut self.file)
            .and_then(|()| fs::rename(unfinished(&self.path), &self.path))
            .map_err(|reason| Error::file("write", &self.path, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::array;

    #[test]
    fn an_array_that_was_cut_anywhere_goes_on_to_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, cut: usize, lost: usize| {
            let path = folder.path().join(name);
            let row = |index: usize| [index as u8, 1, 2, 3];
            let mut array = GrowingArray::open(&path, "'|u1'", &[2, 2], 4, 0).unwrap();
            (0..cut + lost).for_each(|index| array.append(&row(index)).unwrap());
            array.flush().unwrap();
            drop(array);
            let mut array = GrowingArray::open(&path, "'|u1'", &[2, 2], 4, cut).unwrap();
            (cut..40).for_each(|index| array.append(&row(index)).unwrap());
            assert_eq!(array.rows(), 40);
            array.finish().unwrap();
            std::fs::read(path).unwrap()
        };
        let whole = write("whole.npy", 0, 0);
        for (cut, lost) in [(0, 7), (1, 0), (20, 3), (40, 0)] {
            assert!(write("cut.npy", cut, lost) == whole, "{cut} {lost}");
        }
        assert_eq!(array::read::<u8>(folder.path().join("whole.npy")).unwrap().shape, [40, 2, 2]);
    }

    #[test]
    fn a_finished_array_whose_owner_was_not_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.npy");
        for _ in 0..2 {
            let mut array = GrowingArray::open(&path, "'|u1'", &[], 1, 0).unwrap();
            array.append(&[9]).unwrap();
            array.finish().unwrap();
            assert_eq!(array::read::<u8>(&path).unwrap().values, [9]);
        }
        let error = GrowingArray::open(&path, "'|u1'", &[], 1, 5).unwrap_err();
        assert!(matches!(error, Error::FileLength { .. }), "{error}");
    }
}
