//! Regular files, of which it is known how long they are before they are read. A pipe or a device has no length: it might
//! never end, so it is not even opened.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that was opened for reading.
///
/// # Example
/// ```
/// use lots::regular_file::RegularFile;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("scores.csv");
/// std::fs::write(&path, b"0.5\n")?;
/// let mut file = RegularFile::open(&path)?;
/// assert_eq!(file.start(2)?, b"0.");
/// assert_eq!(file.read("table", 1 << 20)?, b"0.5\n");
/// assert!(RegularFile::open(&path)?.read("table", 3).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    length: u64,
    path: PathBuf,
}

impl RegularFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::File`]; [`Error::NotRegular`] if it is a pipe or a device.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // Opening a pipe waits for somebody who writes into it.
        let found = std::fs::metadata(path).map_err(|reason| Error::file("read", path, reason))?;
        if !found.is_file() && !found.is_dir() {
            return Err(Error::NotRegular { path: path.to_owned() });
        }
        let failed = |reason| Error::file("read", path, reason);
        if found.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self { file, length, path: path.to_owned() })
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its first bytes, fewer if it is shorter.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn start(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self
            .file
            .rewind()
            .and_then(|()| (&mut self.file).take((count as u64).min(self.length)).read_to_end(&mut bytes));
        read.map_err(|reason| Error::file("read", &self.path, reason))?;
        Ok(bytes)
    }

    /// All of its bytes.
    ///
    /// - `kind`: what it should be, for the message.
    /// - `most`: so many bytes it has at most.
    ///
    /// # Errors
    /// [`Error::FileSize`] if it is longer, before anything is read; [`Error::File`].
    pub fn read(mut self, kind: &'static str, most: u64) -> Result<Vec<u8>> {
        if self.length > most {
            return Err(Error::FileSize { kind, got: self.length, most, path: self.path });
        }
        self.start(usize::try_from(self.length).unwrap_or(usize::MAX))
    }

    /// The file, to be read from its beginning.
    pub(crate) fn into_file(mut self) -> Result<File> {
        self.file.rewind().map_err(|reason| Error::file("read", &self.path, reason))?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        // A terabyte that takes no place on the disk, and would take all memory.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let error = RegularFile::open(&path).unwrap().read("table", 1 << 20).unwrap_err();
        let sentence = "the table has 1099511627776 bytes, expected at most 1048576: `";
        assert!(error.to_string().starts_with(sentence), "{error}");
        assert_eq!(RegularFile::open(&path).unwrap().start(3).unwrap(), [0; 3]);
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_refused_and_folders_are_told() {
        let error = RegularFile::open("/dev/zero").unwrap_err();
        assert_eq!(error.to_string(), "not a regular file but a pipe or a device: `/dev/zero`");
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(RegularFile::open(folder.path()), Err(Error::File { .. })));
        assert!(matches!(RegularFile::open(folder.path().join("none")), Err(Error::NoSuchFile { .. })));
    }
}
