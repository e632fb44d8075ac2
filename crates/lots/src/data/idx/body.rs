//! The bytes of an IDX file: header checked against the length of the file, values unpacked and read piece by piece.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{KIND, UNSIGNED_BYTE};
use crate::error::{Error, Result};
use crate::regular_file::RegularFile;

/// Deflate packs at most 258 bytes into 2 bits, so no honest file grows more than this when unpacked.
const DEFLATE_RATIO: u64 = 1032;

/// A buffer begins with at most so many bytes, and doubles while the file goes on.
const LARGEST_GUESS: usize = 1 << 20;

/// An opened IDX file: its sizes, and its values still to be read.
pub(super) struct Body {
    source: Source,
    pub(super) sizes: Vec<usize>,
    /// Bytes of the whole file when unpacked, by its header.
    expected: u64,
    /// Bytes read so far, header included.
    position: u64,
    path: PathBuf,
}

enum Source {
    Plain(Box<dyn SeekableRead>),
    Gzip(Box<MultiGzDecoder<Box<dyn SeekableRead>>>),
}

pub(super) trait SeekableRead: io::BufRead + Seek + Send {}
impl<T: io::BufRead + Seek + Send> SeekableRead for T {}

impl Body {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = RegularFile::open(path)?;
        let length = file.length();
        Self::new(Box::new(BufReader::with_capacity(1 << 16, file.into_file()?)), length, path.to_owned())
    }

    /// `length`: bytes of the file as it lies on the disk.
    pub(super) fn new(mut reader: Box<dyn SeekableRead>, length: u64, path: PathBuf) -> Result<Self> {
        let is_gzip = reader.fill_buf().map(is_gzip).map_err(|reason| Error::file("read", &path, reason))?;
        let source =
            if is_gzip { Source::Gzip(Box::new(MultiGzDecoder::new(reader))) } else { Source::Plain(reader) };
        let mut body = Self { source, sizes: Vec::new(), expected: 4, position: 0, path };
        let magic = body.read(4)?;
        let [0, 0, value_type, dimensions @ 1..=8] = magic[..] else {
            return Err(Error::UnknownFormat { path: body.path });
        };
        body.expected += 4 * u64::from(dimensions);
        let header = body.read(4 * usize::from(dimensions))?;
        body.sizes = header
            .chunks_exact(4)
            .map(|size| size.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
            .collect();
        if value_type != UNSIGNED_BYTE {
            let (got, expected) = (format!("values of type {value_type}"), "unsigned bytes (type 8)");
            return Err(Error::Unsupported { kind: KIND, got, expected, path: body.path });
        }
        if body.sizes.contains(&0) {
            return Err(body.unsupported("sizes above 0"));
        }
        body.check_length(is_gzip, length)?;
        Ok(body)
    }

    /// Refuses a header that promises more or less than the file can hold, before anything is allocated for it.
    fn check_length(&mut self, is_gzip: bool, length: u64) -> Result<()> {
        let values = self.sizes.iter().try_fold(1_u64, |product, &size| product.checked_mul(size as u64));
        self.expected = values.and_then(|values| values.checked_add(self.expected)).unwrap_or(u64::MAX);
        if is_gzip {
            let most = length.saturating_mul(DEFLATE_RATIO);
            if self.expected > most {
                let promised = self.expected;
                let reason = format!(
                    "its header promises {promised} bytes, {length} gzipped ones hold at most {most}"
                );
                return Err(Error::Damaged { kind: KIND, reason, path: self.path.clone() });
            }
        } else if self.expected != length {
            return Err(self.wrong_length(length));
        }
        Ok(())
    }

    /// The next `count` bytes. A long buffer grows with what is there, not with what the header promises.
    pub(super) fn read(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut filled = 0;
        while filled < count {
            bytes.resize(count.min((2 * filled).max(LARGEST_GUESS)), 0);
            match self.source.reader().read(&mut bytes[filled..]) {
                Ok(0) => return Err(self.wrong_length(self.position)),
                Ok(more) => {
                    filled += more;
                    self.position += more as u64;
                }
                Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
                Err(reason) => return Err(self.failed(reason)),
            }
        }
        Ok(bytes)
    }

    pub(super) fn skip(&mut self, count: u64) -> Result<()> {
        let skipped = match &mut self.source {
            // The length is checked, so the place exists.
            Source::Plain(reader) => {
                reader.seek(SeekFrom::Start(self.position + count)).map(|position| position - self.position)
            }
            Source::Gzip(reader) => io::copy(&mut reader.take(count), &mut io::sink()),
        };
        let skipped = skipped.map_err(|reason| self.failed(reason))?;
        self.position += skipped;
        if skipped < count { Err(self.wrong_length(self.position)) } else { Ok(()) }
    }

    /// Reads the end of the file, where gzip keeps its checksum.
    pub(super) fn check_end(&mut self) -> Result<()> {
        let mut byte = [0];
        let more = self.source.reader().read(&mut byte).map_err(|reason| self.failed(reason))?;
        if more == 0 { Ok(()) } else { Err(self.wrong_length(self.position + 1)) }
    }

    fn wrong_length(&self, got: u64) -> Error {
        Error::FileLength { kind: KIND, expected: self.expected, got, path: self.path.clone() }
    }

    fn failed(&self, reason: io::Error) -> Error {
        // The decompressor reports broken data and missing data as errors of these kinds; others are the disk's.
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match reason.kind() {
            InvalidData | InvalidInput | UnexpectedEof => {
                Error::Damaged { kind: KIND, reason: reason.to_string(), path: self.path.clone() }
            }
            _ => Error::file("read", &self.path, reason),
        }
    }

    pub(super) fn unsupported(&self, expected: &'static str) -> Error {
        let got = self.sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        Error::Unsupported { kind: KIND, got: format!("{got} values"), expected, path: self.path.clone() }
    }
}

impl Source {
    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Self::Plain(reader) => reader,
            Self::Gzip(reader) => reader,
        }
    }
}

/// Whether a file that begins like this is gzipped.
pub(super) fn is_gzip(first_bytes: &[u8]) -> bool {
    first_bytes.starts_with(&[0x1F, 0x8B])
}
