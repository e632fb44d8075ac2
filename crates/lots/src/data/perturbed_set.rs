//! [`PerturbedSet`]: perturbed images by the million, on disk, with their labels and where they come from.
//!
//! A folder with three arrays of as many rows each:
//!
//! | file | row |
//! |---|---|
//! | `perturbed.npy` | an image, u8 `[height, width]` or `[height, width, channels]` |
//! | `labels.npy` | the class of its origin, u16 |
//! | `provenance.npy` | a [`Provenance`], as a structured array |
//!
//! A folder without the third, such as any run folder of large runs, can be read as well.

use std::path::Path;

use super::{Batch, array};
use crate::data::array::GrowingArray;
use crate::error::{Error, Result};
use crate::experiment::Attempt;
use crate::image::Image;
use crate::outcome::Perturbed;

/// The images.
pub const IMAGES_FILE: &str = "perturbed.npy";
/// Their labels.
pub const LABELS_FILE: &str = "labels.npy";
/// Where they come from.
pub const PROVENANCE_FILE: &str = "provenance.npy";

/// The columns of `provenance.npy`, as the header of the file has them.
const PROVENANCE_TYPE: &str = "[('origin', '<u4'), ('origin_class', '<u2'), ('group', '<u2'), ('target', '<i4'), \
                               ('target_class', '<i4'), ('class', '<u2'), ('linf', '|u1'), ('step', '<f8'), \
                               ('l2', '<f4'), ('pass_score', '<f4')]";
const PROVENANCE_BYTES: usize = 4 + 2 + 2 + 4 + 4 + 2 + 1 + 8 + 4 + 4;

/// Where a perturbed image comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Provenance {
    /// Index of the origin.
    pub origin: u32,
    /// Its class.
    pub origin_class: u16,
    /// Index of the method and layer in the experiment.
    pub group: u16,
    /// Index of the target; −1 for methods without.
    pub target: i32,
    /// The target's class, or the class to reach, or the hot class; −1 where there is none.
    pub target_class: i32,
    /// What the network reads in the perturbed image.
    pub class: u16,
    /// L∞ norm of the perturbation, in grey levels.
    pub linf: u8,
    /// In grey levels of the pixel that moves fastest.
    pub step: f64,
    /// L2 norm of the perturbation, in grey levels.
    pub l2: f32,
    /// Not a number where it was not asked for.
    pub pass_score: f32,
}

impl Provenance {
    /// Of an attempt on origin `first + attempt.origin` that reached its criterion.
    pub fn of(attempt: &Attempt, perturbed: &Perturbed, first: usize) -> Self {
        let signed = |index: Option<usize>| index.map_or(-1, |index| index as i32);
        Self {
            origin: (first + attempt.origin) as u32,
            origin_class: attempt.origin_class as u16,
            group: attempt.group as u16,
            target: signed(attempt.target),
            target_class: signed(attempt.target_class),
            class: perturbed.class as u16,
            linf: perturbed.linf,
            step: perturbed.step(),
            l2: perturbed.l2 as f32,
            pass_score: perturbed.pass_score.as_ref().map_or(f32::NAN, |pass| pass.score as f32),
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PROVENANCE_BYTES);
        bytes.extend(self.origin.to_le_bytes());
        bytes.extend(self.origin_class.to_le_bytes());
        bytes.extend(self.group.to_le_bytes());
        bytes.extend(self.target.to_le_bytes());
        bytes.extend(self.target_class.to_le_bytes());
        bytes.extend(self.class.to_le_bytes());
        bytes.push(self.linf);
        bytes.extend(self.step.to_le_bytes());
        bytes.extend(self.l2.to_le_bytes());
        bytes.extend(self.pass_score.to_le_bytes());
        bytes
    }
}

/// Writes the images of a [`PerturbedSet`] and their labels one by one, over hours if need be.
#[derive(Debug)]
pub struct LabelledWriter {
    images: GrowingArray,
    labels: GrowingArray,
}

impl LabelledWriter {
    /// Starts both files in `folder`, or goes on behind their first `rows` rows.
    ///
    /// - `shape`: `[channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::FileLength`] if there are fewer images than that.
    pub fn open(folder: impl AsRef<Path>, shape: [usize; 3], rows: usize) -> Result<Self> {
        let folder = folder.as_ref();
        let [channels, height, width] = shape;
        let sizes = [height, width, channels];
        let sizes = if channels == 1 { &sizes[..2] } else { &sizes };
        let bytes = sizes.iter().product();
        Ok(Self {
            images: GrowingArray::open(folder.join(IMAGES_FILE), "'|u1'", sizes, bytes, rows)?,
            labels: GrowingArray::open(folder.join(LABELS_FILE), "'<u2'", &[], 2, rows)?,
        })
    }

    /// How many images there are.
    pub fn rows(&self) -> usize {
        self.images.rows()
    }

    /// Adds an image of an origin of this class.
    ///
    /// # Errors
    /// [`Error::ArrayLength`] if it is of another shape; [`Error::File`].
    pub fn append(&mut self, image: &Image, origin_class: u16) -> Result<()> {
        self.images.append(&image.to_interleaved())?;
        self.labels.append(&origin_class.to_le_bytes())
    }

    /// Hands everything to the operating system, so that it is there if this program ends.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn flush(&mut self) -> Result<()> {
        self.images.flush()?;
        self.labels.flush()
    }

    /// Puts both files at their places.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn finish(self) -> Result<()> {
        self.images.finish()?;
        self.labels.finish()
    }
}

/// Writes a [`PerturbedSet`] with the provenance of each image.
#[derive(Debug)]
pub struct PerturbedSetWriter {
    images: LabelledWriter,
    provenance: GrowingArray,
}

impl PerturbedSetWriter {
    /// As [`LabelledWriter::open`], with the third file.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::FileLength`] if there are fewer images than that.
    pub fn open(folder: impl AsRef<Path>, shape: [usize; 3], rows: usize) -> Result<Self> {
        let folder = folder.as_ref();
        let path = folder.join(PROVENANCE_FILE);
        Ok(Self {
            images: LabelledWriter::open(folder, shape, rows)?,
            provenance: GrowingArray::open(path, PROVENANCE_TYPE, &[], PROVENANCE_BYTES, rows)?,
        })
    }

    /// How many images there are.
    pub fn rows(&self) -> usize {
        self.images.rows()
    }

    /// Adds an image.
    ///
    /// # Errors
    /// [`Error::ArrayLength`] if it is of another shape; [`Error::File`].
    pub fn append(&mut self, perturbed: &Perturbed, provenance: Provenance) -> Result<()> {
        self.images.append(&perturbed.image, provenance.origin_class)?;
        self.provenance.append(&provenance.to_bytes())
    }

    /// Hands everything to the operating system, so that it is there if this program ends.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn flush(&mut self) -> Result<()> {
        self.images.flush()?;
        self.provenance.flush()
    }

    /// Puts the three files at their places.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn finish(self) -> Result<()> {
        self.images.finish()?;
        self.provenance.finish()
    }
}

/// Images of a folder with their labels, read in any order; only the labels are in memory.
#[derive(Debug)]
pub struct PerturbedSet {
    images: array::AnyOrder,
    labels: Vec<usize>,
}

impl PerturbedSet {
    /// The images of a folder.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::FileLength`], [`Error::Unsupported`] and others of [`array::Images::open`];
    /// [`Error::LabelCount`] if there are more or fewer labels than images.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let images = array::Images::open(folder.join(IMAGES_FILE))?.in_any_order();
        let path = folder.join(LABELS_FILE);
        let labels = array::read_labels(&path)?;
        if labels.len() != images.image_count() {
            return Err(Error::LabelCount { labels: labels.len(), images: images.image_count(), path });
        }
        Ok(Self { images, labels })
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// `[channels, height, width]` of each image.
    pub fn shape(&self) -> [usize; 3] {
        self.images.shape()
    }

    /// Adds image `index` to a batch.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn append(&self, index: usize, batch: &mut Batch) -> Result<()> {
        let label = self.labels[index];
        self.images.append(index, &mut batch.pixels)?;
        batch.labels.push(label);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::line_search::{Bracket, Crossing};
    use crate::outcome::Outcome;

    fn attempt(origin: usize, level: u8) -> (Attempt, Perturbed) {
        let bracket = Bracket { lo: 1.0, hi: 2.5, crossing: Crossing::Assumed };
        let image = |level: u8| Image::new(3, 1, 2, vec![level, 1, 2, 3, 4, 5]).unwrap();
        let perturbed = Perturbed::measure(&image(0), image(level), 3, bracket, None).unwrap();
        let attempt = Attempt {
            origin,
            origin_class: origin % 10,
            group: 1,
            target: Some(4),
            target_class: None,
            outcome: Outcome::Reached(perturbed.clone()),
            classifications: 9,
            backpropagations: 1,
            is_cut_short: false,
            trail: Vec::new(),
        };
        (attempt, perturbed)
    }

    #[test]
    fn a_set_is_read_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = PerturbedSetWriter::open(folder.path(), [3, 1, 2], 0).unwrap();
        for origin in 0..20 {
            let (attempt, perturbed) = attempt(origin, 100 + origin as u8);
            writer.append(&perturbed, Provenance::of(&attempt, &perturbed, 1000)).unwrap();
        }
        writer.flush().unwrap();
        assert_eq!(writer.rows(), 20);
        writer.finish().unwrap();
        let set = PerturbedSet::open(folder.path()).unwrap();
        assert_eq!((set.count(), set.shape()), (20, [3, 1, 2]));
        let mut batch = Batch::default();
        for index in [17, 3] {
            set.append(index, &mut batch).unwrap();
        }
        assert_eq!(batch.labels, [7, 3]);
        assert_eq!(batch.pixels, [117, 1, 2, 3, 4, 5, 103, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn provenance_is_a_structured_array() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = PerturbedSetWriter::open(folder.path(), [3, 1, 2], 0).unwrap();
        let (attempt, perturbed) = attempt(7, 30);
        writer.append(&perturbed, Provenance::of(&attempt, &perturbed, 1000)).unwrap();
        writer.finish().unwrap();
        let bytes = std::fs::read(folder.path().join(PROVENANCE_FILE)).unwrap();
        let (header, row) = bytes.split_at(bytes.len() - PROVENANCE_BYTES);
        let header = String::from_utf8_lossy(header);
        assert!(
            header.contains("'descr': [('origin', '<u4'), ") && header.contains("'shape': (1,)"),
            "{header}"
        );
        assert_eq!((bytes.len() - PROVENANCE_BYTES) % 64, 0, "the values can be mapped to memory");
        assert_eq!(row[..4], 1007_u32.to_le_bytes());
        assert_eq!(row[4..6], 7_u16.to_le_bytes());
        assert_eq!(row[8..16], [4, 0, 0, 0, 255, 255, 255, 255]);
        assert_eq!((row[16], row[18]), (3, 30));
        assert_eq!(row[19..27], 2.5_f64.to_le_bytes());
        assert!(f32::from_le_bytes(row[31..35].try_into().unwrap()).is_nan());
    }

    #[test]
    fn a_folder_with_too_few_labels_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        array::write(folder.path().join(IMAGES_FILE), &[3, 2, 2], &[0_u8; 12]).unwrap();
        assert!(matches!(PerturbedSet::open(folder.path()), Err(Error::NoSuchFile { .. })));
        array::write(folder.path().join(LABELS_FILE), &[2], &[0_u8; 2]).unwrap();
        let error = PerturbedSet::open(folder.path()).unwrap_err();
        assert!(error.to_string().starts_with("there are 2 labels for 3 images"), "{error}");
    }
}
