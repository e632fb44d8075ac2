//! Files that appear whole or not at all: written beside their place under a temporary name, renamed when complete.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::error::{Error, Result};

/// How files are called that are not complete; something random stands between.
const PREFIX: &str = ".lots-";
const SUFFIX: &str = ".tmp";

/// Writes `bytes` to `path`, replacing what is there only when everything is written.
///
/// # Errors
/// [`Error::File`]: no such folder, no permission, a full disk. What was at `path` before is then untouched.
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("run.json");
/// lots::whole_file::write(&path, b"{}")?;
/// assert_eq!(std::fs::read(&path)?, b"{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes).map_err(|reason| Error::file("write", path, reason))?;
    file.commit()
}

/// Where something that belongs at `path` is kept until it is complete: beside it, as `NAME.unfinished`.
///
/// # Example
/// ```
/// use std::path::Path;
/// assert_eq!(lots::whole_file::unfinished(Path::new("runs/first")), Path::new("runs/first.unfinished"));
/// ```
pub fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    path.with_file_name(name)
}

/// Removes what writers that were killed left in `folder` and the folders in it: files that no name was given yet.
///
/// For folders in which nobody else is writing.
///
/// # Errors
/// [`Error::File`] if a folder cannot be read or a file cannot be removed.
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join(".lots-a1b2c3.tmp"), b"half")?;
/// std::fs::write(folder.path().join("whole.json"), b"{}")?;
/// lots::whole_file::remove_leftovers(folder.path())?;
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove_leftovers(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    let unread = |reason| Error::file("read", folder, reason);
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        // Of the entry itself, so that no link is followed.
        let kind = entry.file_type().map_err(unread)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            remove_leftovers(entry.path())?;
        } else if kind.is_file() && name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            std::fs::remove_file(entry.path())
                .map_err(|reason| Error::file("remove", &entry.path(), reason))?;
        }
    }
    Ok(())
}

/// A file being written; it appears at its path on [`WholeFile::commit`] and vanishes without a trace if dropped.
#[derive(Debug)]
pub struct WholeFile {
    writer: BufWriter<File>,
    temporary: TempPath,
    path: PathBuf,
}

impl WholeFile {
    /// Starts a file that will appear at `path`.
    ///
    /// # Errors
    /// [`Error::File`] if nothing can be written in that folder.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Read-only and folder targets fail at the rename; a missing file name would rename over the folder itself.
        if path.file_name().is_none() || path.is_dir() {
            return Err(Error::file("write", path, io::ErrorKind::IsADirectory.into()));
        }
        let file = temporary_file(folder).map_err(|reason| Error::file("write", path, reason))?;
        // The parts alone, because errors of the whole name the temporary file, which nobody knows.
        let (file, temporary) = file.into_parts();
        Ok(Self { writer: BufWriter::with_capacity(1 << 16, file), temporary, path: path.to_owned() })
    }

    /// Where the file will appear.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file at its path.
    ///
    /// # Errors
    /// [`Error::File`] if the last bytes cannot be written or the file cannot be renamed.
    pub fn commit(self) -> Result<()> {
        let Self { writer, temporary, path } = self;
        writer.into_inner().map_err(|error| Error::file("write", &path, error.into_error()))?;
        temporary.persist(&path).map_err(|error| Error::file("write", &path, error.error))
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Seek for WholeFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.writer.seek(position)
    }
}

/// A result is as readable as any other file, subject to the umask, where temporary files are private. It is opened here,
/// because errors of the builder's own opening name the temporary file, which nobody knows.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    builder.make_in(folder, |path| OpenOptions::new().read(true).write(true).create_new(true).open(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_appears_before_the_commit_and_nothing_stays_after_a_drop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.bin");
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_older_file_is_replaced_and_only_it_remains() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.bin");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_go_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        for name in [".lots-x.tmp", "lots-x.tmp", ".lots-x", "whole.json"] {
            std::fs::write(inner.join(name), b"").unwrap();
        }
        remove_leftovers(folder.path()).unwrap();
        let left = |name: &str| inner.join(name).exists();
        assert!(!left(".lots-x.tmp"));
        assert!(left("lots-x.tmp") && left(".lots-x") && left("whole.json"));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file_like_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, ordinary) = (folder.path().join("ours"), folder.path().join("ordinary"));
        write(&ours, b"").unwrap();
        std::fs::write(&ordinary, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&ordinary));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("missing").join("file"), folder.path().to_owned()] {
            let error = write(&path, b"").unwrap_err();
            assert!(
                matches!(&error, Error::File { action: "write", path: named, .. } if *named == path),
                "{error}"
            );
            assert!(!error.to_string().contains(PREFIX) && error.hint().is_some(), "{error}");
        }
    }
}
