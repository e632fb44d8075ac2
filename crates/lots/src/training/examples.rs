//! [`Examples`]: the endless stream of labelled images that training looks at, and where it comes from.
//!
//! The image at a position of the stream is always the same, so a training that was interrupted goes on as if it had
//! not been, and nothing has to be remembered but the position.

use std::ops::Range;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::TrainingSet;
use crate::data::infimnist::Infimnist;
use crate::data::{Batch, PerturbedSet};
use crate::error::{Error, Result};

/// An endless stream of labelled images.
pub trait Examples {
    /// Adds the images at these positions to a batch.
    ///
    /// # Errors
    /// Those of the files that they come from.
    fn append(&self, positions: Range<usize>, batch: &mut Batch) -> Result<()>;
}

impl<E: Examples + ?Sized> Examples for &E {
    fn append(&self, positions: Range<usize>, batch: &mut Batch) -> Result<()> {
        (**self).append(positions, batch)
    }
}

/// In file order, over and over, without shuffling, as Caffe reads its database.
impl Examples for TrainingSet<'_> {
    fn append(&self, positions: Range<usize>, batch: &mut Batch) -> Result<()> {
        for position in positions {
            let (pixels, label) = self.image(position % self.count());
            batch.push(pixels, label);
        }
        Ok(())
    }
}

/// The digits of a range of indices of InfiMNIST, in the order of the indices, over and over; made when they are needed.
#[derive(Debug)]
pub struct InfimnistRange<'i> {
    infimnist: &'i Infimnist,
    indices: Range<u32>,
}

impl<'i> InfimnistRange<'i> {
    /// These indices.
    ///
    /// # Errors
    /// [`Error::NoImages`] if there are none.
    pub fn new(infimnist: &'i Infimnist, indices: Range<u32>) -> Result<Self> {
        if indices.is_empty() { Err(Error::NoImages) } else { Ok(Self { infimnist, indices }) }
    }
}

impl Examples for InfimnistRange<'_> {
    fn append(&self, positions: Range<usize>, batch: &mut Batch) -> Result<()> {
        let count = self.indices.len();
        let index = |position: usize| self.indices.start + (position % count) as u32;
        let digits = self.infimnist.digits(&positions.map(index).collect::<Vec<_>>())?;
        batch.pixels.extend(digits.pixels);
        batch.labels.extend(digits.labels);
        Ok(())
    }
}

/// The images of one or several sets on disk as one, in an order that is drawn once from a seed, over and over.
#[derive(Debug)]
pub struct Shuffled<'s> {
    sets: &'s [PerturbedSet],
    /// Index of the first image of each set.
    starts: Vec<usize>,
    order: Vec<u32>,
}

impl<'s> Shuffled<'s> {
    /// All images of these sets.
    ///
    /// # Errors
    /// [`Error::NoImages`] if there are none; [`Error::ImageSize`] if they are not of one shape.
    pub fn new(sets: &'s [PerturbedSet], seed: u64) -> Result<Self> {
        let mut starts = Vec::new();
        let mut count = 0;
        for set in sets {
            if set.shape() != sets[0].shape() {
                let (got, expected) = (set.shape(), sets[0].shape());
                return Err(Error::ImageSize { role: "perturbed image", got, expected });
            }
            starts.push(count);
            count += set.count();
        }
        let order = shuffled(count, seed)?;
        if order.is_empty() { Err(Error::NoImages) } else { Ok(Self { sets, starts, order }) }
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.order.len()
    }
}

impl Examples for Shuffled<'_> {
    fn append(&self, positions: Range<usize>, batch: &mut Batch) -> Result<()> {
        for position in positions {
            let image = self.order[position % self.order.len()] as usize;
            // The last set that starts at or before the image; empty sets start where the next one does.
            let set = self.starts.partition_point(|&start| start <= image) - 1;
            self.sets[set].append(image - self.starts[set], batch)?;
        }
        Ok(())
    }
}

/// Some clean images in each batch, the rest perturbed ones.
#[derive(Debug)]
pub struct Mixed<'c, P> {
    perturbed: P,
    clean: TrainingSet<'c>,
    order: Vec<u32>,
    batch: usize,
    clean_in_batch: usize,
}

impl<'c, P: Examples> Mixed<'c, P> {
    /// Of every `batch` images about the share `clean_share`, 0–1, is clean, in an order drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::TooManyImages`] if there are more clean images than can be shuffled.
    pub fn new(
        perturbed: P,
        clean: TrainingSet<'c>,
        batch: usize,
        clean_share: f64,
        seed: u64,
    ) -> Result<Self> {
        let order = shuffled(clean.count(), seed)?;
        let clean_in_batch = (clean_share.clamp(0.0, 1.0) * batch as f64).round() as usize;
        Ok(Self { perturbed, clean, order, batch, clean_in_batch })
    }
}

impl<P: Examples> Examples for Mixed<'_, P> {
    fn append(&self, positions: Range<usize>, batch: &mut Batch) -> Result<()> {
        for position in positions {
            let (round, place) = (position / self.batch, position % self.batch);
            match place.checked_sub(self.clean_in_batch) {
                None => {
                    let clean = round * self.clean_in_batch + place;
                    let (pixels, label) = self.clean.image(self.order[clean % self.order.len()] as usize);
                    batch.push(pixels, label);
                }
                Some(place) => {
                    let perturbed = round * (self.batch - self.clean_in_batch) + place;
                    self.perturbed.append(perturbed..perturbed + 1, batch)?;
                }
            }
        }
        Ok(())
    }
}

/// The numbers below `count` in an order that follows from the seed (Fisher and Yates).
///
/// # Errors
/// [`Error::TooManyImages`] from 2³² on.
fn shuffled(count: usize, seed: u64) -> Result<Vec<u32>> {
    let numbers = 0..u32::try_from(count).or(Err(Error::TooManyImages { count }))?;
    let mut random = Pcg64::seed_from_u64(seed);
    let mut order: Vec<u32> = numbers.collect();
    for last in (1..order.len()).rev() {
        // The upper half of the product is below last + 1; what is not even about it is below 2⁻³².
        let other = ((u128::from(random.next_u64()) * (last as u128 + 1)) >> 64) as usize;
        order.swap(last, other);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::array;

    /// Images of two pixels that are both equal to the label.
    fn pixels(labels: &[u8]) -> Vec<u8> {
        labels.iter().flat_map(|&label| [label; 2]).collect()
    }

    fn set(first: u8, count: usize) -> (tempfile::TempDir, PerturbedSet) {
        let folder = tempfile::tempdir().unwrap();
        let values: Vec<u8> = (0..count).map(|index| first + index as u8).collect();
        array::write(folder.path().join("perturbed.npy"), &[count, 1, 2], &pixels(&values)).unwrap();
        array::write(folder.path().join("labels.npy"), &[count], &values).unwrap();
        let set = PerturbedSet::open(folder.path()).unwrap();
        (folder, set)
    }

    fn drawn(examples: &impl Examples, positions: Range<usize>) -> Vec<u8> {
        let mut batch = Batch::default();
        examples.append(positions, &mut batch).unwrap();
        let labels: Vec<u8> = batch.labels.iter().map(|&label| label as u8).collect();
        assert_eq!(batch.pixels, pixels(&labels), "each image keeps its label");
        labels
    }

    #[test]
    fn every_round_has_every_image_once_in_the_same_order() {
        let (_a, first) = set(0, 7);
        let (_b, second) = set(100, 5);
        let sets = [first, second];
        let shuffled = Shuffled::new(&sets, 3).unwrap();
        assert_eq!(shuffled.count(), 12);
        let round = drawn(&shuffled, 0..12);
        assert_eq!(round, drawn(&shuffled, 12..24));
        assert_eq!([&round[9..], &round[..2]].concat(), drawn(&shuffled, 21..26));
        let mut sorted = round.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 100, 101, 102, 103, 104]);
        assert_ne!(sorted, round);
        assert_ne!(round, drawn(&Shuffled::new(&sets, 4).unwrap(), 0..12));
    }

    #[test]
    fn orders_are_evenly_distributed() {
        // Where the first of four ends up, over many seeds.
        let mut places = [0; 4];
        for seed in 0..4000 {
            places[super::shuffled(4, seed).unwrap().iter().position(|&index| index == 0).unwrap()] += 1;
        }
        assert!(places.iter().all(|count| (900..1100).contains(count)), "{places:?}");
    }

    #[test]
    fn a_mixed_batch_has_its_share_of_clean_images() {
        let (_folder, perturbed) = set(100, 9);
        let sets = [perturbed];
        let labels: Vec<u8> = (0..4).collect();
        let clean = pixels(&labels);
        let clean = TrainingSet::new(&clean, &labels).unwrap();
        let mixed = Mixed::new(Shuffled::new(&sets, 1).unwrap(), clean, 8, 0.25, 2).unwrap();
        let all = drawn(&mixed, 0..72);
        for batch in all.chunks(8) {
            assert_eq!(batch.iter().filter(|&&pixel| pixel < 100).count(), 2);
        }
        let perturbed: Vec<u8> = all.iter().copied().filter(|&pixel| pixel >= 100).collect();
        assert_eq!(perturbed, drawn(&Shuffled::new(&sets, 1).unwrap(), 0..54));
        // Two clean ones a batch: every two batches all four.
        let mut clean: Vec<u8> = all[..16].iter().copied().filter(|&pixel| pixel < 100).collect();
        clean.sort_unstable();
        assert_eq!(clean, [0, 1, 2, 3]);
    }

    #[test]
    fn no_images_are_no_examples() {
        assert!(matches!(Shuffled::new(&[], 1), Err(Error::NoImages)));
    }
}
