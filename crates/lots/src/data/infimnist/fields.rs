//! [`Fields`]: where each pixel of a deformed digit comes from, as smooth random displacements.

use std::path::Path;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::{PIXELS, SIDE};
use crate::data::floats;
use crate::data::gaussian;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::regular_file::RegularFile;
use crate::whole_file;

/// How many displacement fields there are.
pub const FIELD_COUNT: usize = 1522;
/// What the original program calls their file: 1522 × 28 × 28 little-endian f32.
pub const FIELDS_FILE: &str = "fields_float_1522x28x28.bin";

const KIND: &str = "file of displacement fields";

/// How smooth the fields are, in pixels: the elastic deformations of Simard, Steinkraus and Platt, "Best Practices for
/// Convolutional Neural Networks", 2003, use this value for digits of 29×29.
const SMOOTHNESS: f64 = 4.0;
/// Root mean square of a field, in pixels. How large the original's are is not documented.
const AMPLITUDE: f64 = 1.0;

/// Displacements along one axis, in pixels, [`FIELD_COUNT`] times 28×28.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields(Vec<f32>);

impl Fields {
    /// Fields made from a seed: white noise, smoothed, scaled to a root mean square of one pixel.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let weights = gaussian::weights(SMOOTHNESS);
        let mut values = Vec::with_capacity(FIELD_COUNT * PIXELS);
        for _ in 0..FIELD_COUNT {
            values.extend(field(&mut random, &weights));
        }
        Self(values)
    }

    /// Fields of a file of the original program, or of [`Self::write`].
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::File`]; [`Error::FileLength`] if it does not hold 1522 fields.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        floats::expect_count(path, KIND, FIELD_COUNT * PIXELS)?;
        let bytes = RegularFile::open(path)?.read(KIND, (4 * FIELD_COUNT * PIXELS) as u64)?;
        Ok(Self(floats::from_bytes(&bytes)))
    }

    /// Writes the file that the original program reads.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        whole_file::write(path, &floats::to_bytes(&self.0))
    }

    /// The displacements of field `index`, in pixels, row by row.
    ///
    /// # Panics
    /// If there is no such field.
    pub fn field(&self, index: usize) -> &[f32] {
        &self.0[index * PIXELS..(index + 1) * PIXELS]
    }
}

/// One field. The noise reaches beyond the digit, so that the border is as smooth as the middle.
fn field(random: &mut Pcg64, weights: &[f64]) -> Vec<f32> {
    let side = SIDE + weights.len() - 1;
    let noise: Vec<f64> = (0..side * side).map(|_| uniform(random)).collect();
    let mut rows = vec![0.0; side * SIDE];
    for row in 0..side {
        for column in 0..SIDE {
            rows[row * SIDE + column] =
                weights.iter().zip(&noise[row * side + column..]).map(|(weight, value)| weight * value).sum();
        }
    }
    let mut smooth = vec![0.0; PIXELS];
    for (index, value) in smooth.iter_mut().enumerate() {
        let column = rows[index..].iter().step_by(SIDE);
        *value = weights.iter().zip(column).map(|(weight, value)| weight * value).sum::<f64>();
    }
    let square = smooth.iter().map(|value| value * value).sum::<f64>() / PIXELS as f64;
    let factor = AMPLITUDE / square.sqrt();
    smooth.into_iter().map(|value| (value * factor) as f32).collect()
}

/// Evenly distributed in −1 to 1; 53 bits are what a double holds.
fn uniform(random: &mut Pcg64) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}
