//! [`Tangents`]: how the grey levels of a digit change when it is moved by a pixel along x and along y.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{PIXELS, SIDE};
use crate::data::{floats, gaussian};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::regular_file::RegularFile;
use crate::whole_file::WholeFile;

/// What the original program calls their file: 60,000 × 2 × 28 × 28 little-endian f32.
pub const TANGENTS_FILE: &str = "tangVec_float_60000x28x28.bin";

/// How smooth a digit is made before it is differentiated, in pixels. That of the original is not documented; tangent
/// vectors need a digit without steps (Simard, `LeCun`, Denker, Victorri, "Transformation Invariance in Pattern
/// Recognition", 1998, use 0.9).
const SMOOTHNESS: f64 = 0.9;

/// The derivatives of the training digits along x and y, in grey levels a pixel.
#[derive(Debug)]
pub struct Tangents(Source);

#[derive(Debug)]
enum Source {
    /// Computed when they are asked for: weights of the smoothing, and of smoothing and differentiating in one.
    Own { smooth: Vec<f32>, slope: Vec<f32> },
    /// Read when they are asked for.
    File { file: Mutex<File>, path: PathBuf },
}

impl Tangents {
    /// Central differences of the digit after it was smoothed; black around it.
    pub fn own() -> Self {
        let smooth = gaussian::weights(SMOOTHNESS);
        // (s(t + 1) − s(t − 1)) / 2 as one sum over the digit's own pixels.
        let at = |index: isize| usize::try_from(index).ok().and_then(|index| smooth.get(index)).copied();
        let slope = (0..smooth.len() as isize + 2)
            .map(|index| (at(index - 2).unwrap_or(0.0) - at(index).unwrap_or(0.0)) / 2.0);
        let narrow = |weights: Vec<f64>| weights.into_iter().map(|weight| weight as f32).collect();
        Self(Source::Own { slope: narrow(slope.collect()), smooth: narrow(smooth) })
    }

    /// Those in a file of the original program, or of [`Self::write`].
    ///
    /// - `examples`: how many training digits there are.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::File`]; [`Error::FileLength`] if it does not hold two for each digit.
    pub fn open(path: impl AsRef<Path>, examples: usize) -> Result<Self> {
        let path = path.as_ref();
        floats::expect_count(path, "file of tangents", examples * 2 * PIXELS)?;
        Ok(Self(Source::File {
            file: Mutex::new(RegularFile::open(path)?.into_file()?),
            path: path.to_owned(),
        }))
    }

    /// Writes the file that the original program reads.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, path: impl AsRef<Path>, digits: &[Image]) -> Result<()> {
        let path = path.as_ref();
        let mut file = WholeFile::create(path)?;
        for (example, digit) in digits.iter().enumerate() {
            for tangent in self.of(example, digit.pixels())? {
                file.write_all(&floats::to_bytes(&tangent))
                    .map_err(|reason| Error::file("write", path, reason))?;
            }
        }
        file.commit()
    }

    /// The derivatives along x and y of training digit `example`, whose pixels are `digit`.
    ///
    /// # Errors
    /// [`Error::File`] if they cannot be read.
    pub fn of(&self, example: usize, digit: &[u8]) -> Result<[Vec<f32>; 2]> {
        match &self.0 {
            Source::Own { smooth, slope } => {
                Ok([filtered(digit, slope, smooth), filtered(digit, smooth, slope)])
            }
            Source::File { file, path } => {
                let mut bytes = vec![0; 4 * 2 * PIXELS];
                let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                file.seek(SeekFrom::Start((example * bytes.len()) as u64))
                    .and_then(|_| file.read_exact(&mut bytes))
                    .map_err(|reason| Error::file("read", path, reason))?;
                let (first, second) = bytes.split_at(4 * PIXELS);
                Ok([floats::from_bytes(first), floats::from_bytes(second)])
            }
        }
    }
}

/// The digit, filtered with `along_x` in its rows and `along_y` in its columns.
fn filtered(digit: &[u8], along_x: &[f32], along_y: &[f32]) -> Vec<f32> {
    let mut rows = vec![0.0; PIXELS];
    let reach = along_x.len() / 2;
    for (from, to) in digit.chunks_exact(SIDE).zip(rows.chunks_exact_mut(SIDE)) {
        // Black on both sides, so that every pixel is the same sum.
        let mut wide = vec![0.0; SIDE + 2 * reach];
        wide[reach..reach + SIDE].iter_mut().zip(from).for_each(|(to, &from)| *to = f32::from(from));
        for (offset, weight) in along_x.iter().enumerate() {
            to.iter_mut().zip(&wide[offset..]).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    let mut filtered = vec![0.0; PIXELS];
    let reach = along_y.len() / 2;
    for (row, to) in filtered.chunks_exact_mut(SIDE).enumerate() {
        for (offset, weight) in along_y.iter().enumerate() {
            let Some(from) = (row + offset).checked_sub(reach).filter(|&from| from < SIDE) else { continue };
            let from = &rows[from * SIDE..(from + 1) * SIDE];
            to.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    filtered
}
