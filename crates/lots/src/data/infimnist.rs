//! InfiMNIST: as many handwritten digits as wanted, deformed from the 60,000 training digits of MNIST.
//!
//! A digit has an index. With all of MNIST, 0–9,999 are the test digits, 10,000–69,999 the training digits, and every
//! larger index is a training digit that is moved along two random displacement fields and shifted by at most a pixel:
//!
//! `v = x + α · ( F[k₁] · T₀ − F[k₂] · T₁ )`, truncated to 0–255, then translated
//!
//! where T₀ and T₁ are the digit's derivatives along x and y. Everything follows from the index ([`Deformation`]), so
//! nothing is stored. With the two files of the original program its digits come out bit for bit; without them
//! [`Fields`] and [`Tangents`] are made here, from a seed.
//!
//! Source: Loosli, Canu, Bottou, "Training Invariant Support Vector Machines using Selective Sampling"; the index
//! arithmetic is that of `InfiMNIST` 1.3 (described, not copied).

mod deformation;
mod fields;
mod tangents;
mod translation;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

pub use self::deformation::Deformation;
pub use self::fields::{FIELD_COUNT, FIELDS_FILE, Fields};
pub use self::tangents::{TANGENTS_FILE, Tangents};
pub use self::translation::Translation;

use super::mnist::Mnist;
use super::{Batch, ImageSet};
use crate::error::{Error, Result};

/// Rows and columns of a digit.
pub const SIDE: usize = 28;
/// Pixels of a digit.
pub const PIXELS: usize = SIDE * SIDE;

/// The digits of InfiMNIST, made when they are asked for.
///
/// # Example
/// ```no_run
/// use lots::data::infimnist::{Fields, Infimnist, Tangents};
/// use lots::data::mnist;
/// let infimnist = Infimnist::new(mnist::load_dir("data/mnist")?, Fields::from_seed(1), Tangents::own())?;
/// for batch in infimnist.batches(10_000..2_010_000, 1000) {
///     let batch = batch?;
///     println!("{} digits, the first a {}", batch.labels.len(), batch.labels[0]);
/// }
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Debug)]
pub struct Infimnist {
    train: ImageSet,
    test: ImageSet,
    fields: Fields,
    tangents: Tangents,
    is_translated: bool,
}

impl Infimnist {
    /// The digits that follow from these. A smaller MNIST folder is fine; its indices close up.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if the digits do not have 28×28 pixels; [`Error::SetLength`] if they have no labels.
    pub fn new(mnist: Mnist, fields: Fields, tangents: Tangents) -> Result<Self> {
        let Mnist { train, test } = mnist;
        for set in [&train, &test] {
            if set.shape() != [1, SIDE, SIDE] {
                return Err(Error::ImageSize { role: "digit", got: set.shape(), expected: [1, SIDE, SIDE] });
            }
            if set.labels().is_none() {
                return Err(Error::SetLength { what: "labels", images: set.len(), got: 0 });
            }
        }
        Ok(Self { train, test, fields, tangents, is_translated: true })
    }

    /// The same with the files of the original program, `fields_float_1522x28x28.bin` and
    /// `tangVec_float_60000x28x28.bin`, in `folder`.
    ///
    /// # Errors
    /// As [`Self::new`]; [`Error::NoSuchFile`], [`Error::File`], [`Error::FileLength`].
    pub fn with_files(mnist: Mnist, folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let fields = Fields::read(folder.join(FIELDS_FILE))?;
        let tangents = Tangents::open(folder.join(TANGENTS_FILE), mnist.train.len())?;
        Self::new(mnist, fields, tangents)
    }

    /// The same digits without the shift by a pixel at the end.
    #[must_use]
    pub fn without_translation(self) -> Self {
        Self { is_translated: false, ..self }
    }

    /// Index of the first training digit, 10,000 with all of MNIST.
    pub fn first_training_digit(&self) -> u32 {
        self.test.len() as u32
    }

    /// Index of the first deformed digit, 70,000 with all of MNIST.
    pub fn first_deformed_digit(&self) -> u32 {
        (self.test.len() + self.train.len()) as u32
    }

    /// The training digits that all others are made from.
    pub fn training_digits(&self) -> &ImageSet {
        &self.train
    }

    /// The test digits.
    pub fn test_digits(&self) -> &ImageSet {
        &self.test
    }

    /// Writes both files of the original program, so that others deform alike; 376 MB with all of MNIST.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write_files(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        self.fields.write(folder.join(FIELDS_FILE))?;
        self.tangents.write(folder.join(TANGENTS_FILE), self.train.images())
    }

    /// How the digit `index` is made from a training digit; `None` for the digits of MNIST itself.
    pub fn deformation(&self, index: u32) -> Option<Deformation> {
        let first = self.first_deformed_digit();
        (index >= first).then(|| Deformation::of(index, self.place(index).1))
    }

    /// The digits of these indices, in their order.
    ///
    /// # Errors
    /// [`Error::File`] if the file of tangents cannot be read.
    pub fn digits(&self, indices: &[u32]) -> Result<Batch> {
        let made: Vec<Result<Vec<u8>>> = indices.par_iter().map(|&index| self.digit(index)).collect();
        let mut batch = Batch::default();
        for (&index, pixels) in indices.iter().zip(made) {
            batch.push(&pixels?, self.label(index));
        }
        Ok(batch)
    }

    /// The digits of a range of indices, `count` at a time, so that any number of them fits.
    ///
    /// # Errors
    /// As [`Self::digits`], as the item that meets them.
    pub fn batches(&self, range: Range<u32>, count: u32) -> impl Iterator<Item = Result<Batch>> + '_ {
        let count = count.max(1);
        range.clone().step_by(count as usize).map(move |first| {
            let end = range.end.min(first.saturating_add(count));
            self.digits(&(first..end).collect::<Vec<_>>())
        })
    }

    /// The class of a digit.
    ///
    /// # Panics
    /// Never: it was checked that both sets have labels.
    pub fn label(&self, index: u32) -> usize {
        let (set, index) = self.place(index);
        let label = set.label(index);
        label.expect("both sets have labels, it was checked when they came")
    }

    /// The digit of MNIST that the digit `index` is, or is made from: its set, and where it is in it.
    fn place(&self, index: u32) -> (&ImageSet, usize) {
        let index = index as usize;
        match index.checked_sub(self.test.len()) {
            None => (&self.test, index),
            Some(index) => (&self.train, index % self.train.len()),
        }
    }

    fn digit(&self, index: u32) -> Result<Vec<u8>> {
        let Some(deformation) = self.deformation(index) else {
            let (set, index) = self.place(index);
            return Ok(set.images()[index].pixels().to_vec());
        };
        let example = self.train.images()[deformation.example].pixels();
        let tangents = self.tangents.of(deformation.example, example)?;
        let fields = deformation.fields.map(|field| self.fields.field(field));
        let mut pixels = deformed(example, fields, &tangents, deformation.strength);
        if self.is_translated {
            deformation.translation.apply(&mut pixels);
        }
        Ok(pixels)
    }
}

/// `v = x + α · ( F[k₁] · T₀ − F[k₂] · T₁ )` in single precision, clamped and truncated.
fn deformed(example: &[u8], fields: [&[f32]; 2], tangents: &[Vec<f32>; 2], strength: f32) -> Vec<u8> {
    let along_x = fields[0].iter().zip(&tangents[0]);
    let along_y = fields[1].iter().zip(&tangents[1]);
    let moved = example.iter().zip(along_x.zip(along_y));
    // A conversion to u8 clamps to 0–255 and truncates, as the original does.
    moved.map(|(&x, ((f1, t1), (f2, t2)))| (f32::from(x) + strength * (f1 * t1 - f2 * t2)) as u8).collect()
}
