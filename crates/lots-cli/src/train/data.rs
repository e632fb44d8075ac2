//! What a network is trained and tested on.

use std::path::Path;

use lots::data::{Batch, ImageSet, PerturbedSet, mnist};
use lots::training::{Examples, Mixed, Shuffled, Solver, TrainingSet};

use crate::args::TrainArgs;
use crate::digest::ImagesDigest;
use crate::failure::{About, Result};

/// Training digits in one piece.
struct CleanDigits {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl CleanDigits {
    /// The digits of a set that has labels.
    fn of(set: &ImageSet) -> Self {
        let labels = set.labels().unwrap_or_default().iter();
        Self {
            labels: labels.map(|&label| u8::try_from(label).unwrap_or(u8::MAX)).collect(),
            pixels: set.images().iter().flat_map(lots::Image::pixels).copied().collect(),
        }
    }

    fn set(&self) -> TrainingSet<'_> {
        TrainingSet::new(&self.pixels, &self.labels).expect("a data set has a label for each image")
    }
}

/// Training and test images.
pub(super) struct Data {
    clean: Option<CleanDigits>,
    perturbed: Vec<PerturbedSet>,
    pub(super) test: Option<ImageSet>,
    pub(super) train_images: usize,
    pub(super) train_sha256: String,
    pub(super) test_sha256: Option<String>,
}

impl Data {
    pub(super) fn load(args: &TrainArgs) -> Result<Self> {
        let mnist = args.mnist.as_deref();
        let clean = mnist.filter(|_| args.data.is_empty() || args.mix.is_some()).map(mnist::load_train);
        let clean = clean.transpose()?;
        let test = mnist.map(mnist::load_test).transpose()?;
        let open = |folder: &std::path::PathBuf| PerturbedSet::open(folder).about("data", folder.display());
        let perturbed: Vec<PerturbedSet> = args.data.iter().map(open).collect::<Result<_>>()?;
        let mut digest = ImagesDigest::default();
        if let Some(clean) = &clean {
            digest.add_set(clean);
        }
        for (set, folder) in perturbed.iter().zip(&args.data) {
            add_perturbed(&mut digest, set, folder)?;
        }
        Ok(Self {
            train_images: clean.iter().map(ImageSet::len).sum::<usize>()
                + perturbed.iter().map(PerturbedSet::count).sum::<usize>(),
            train_sha256: digest.digits(),
            test_sha256: test.as_ref().map(|set| {
                let mut digest = ImagesDigest::default();
                digest.add_set(set);
                digest.digits()
            }),
            clean: clean.as_ref().map(CleanDigits::of),
            perturbed,
            test,
        })
    }

    /// The images in the order in which they are trained on.
    pub(super) fn examples(&self, args: &TrainArgs, solver: &Solver) -> Result<Box<dyn Examples + '_>> {
        let clean = self.clean.as_ref().map(CleanDigits::set);
        if self.perturbed.is_empty() {
            let clean = clean.expect("one of `--mnist` and `--data` is required");
            return Ok(Box::new(clean));
        }
        let perturbed = Shuffled::new(&self.perturbed, args.seed)?;
        Ok(match (args.mix, clean) {
            (Some(share), Some(clean)) => {
                Box::new(Mixed::new(perturbed, clean, solver.batch, share, args.seed)?)
            }
            _ => Box::new(perturbed),
        })
    }
}

/// Images of a set one after the other, each with its label.
fn add_perturbed(digest: &mut ImagesDigest, set: &PerturbedSet, folder: &Path) -> Result<()> {
    let mut one = Batch::default();
    for index in 0..set.count() {
        one.pixels.clear();
        one.labels.clear();
        set.append(index, &mut one).about("data", folder.display())?;
        digest.add_pixels(&one.pixels);
        one.labels.iter().for_each(|&label| digest.add_label(label));
    }
    Ok(())
}
