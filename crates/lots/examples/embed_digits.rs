//! Makes the digits that are embedded in the library, `crates/lots/assets/*.gz`, and those that the training test repeats
//! the first iterations with, `testdata/training/*.gz`, from the four files of MNIST.
//!
//! ```text
//! cargo run --release -p lots --example embed_digits -- data/mnist crates/lots/assets testdata/training
//! ```

#![expect(clippy::print_stdout, reason = "it tells which digits it chose")]

use std::error::Error;
use std::path::{Path, PathBuf};

use lots::Image;
use lots::data::idx;

/// How many digits of the test set are embedded.
const DIGITS: usize = 1000;

/// How many digits of the training set the training test needs: ten batches of 64.
const TRAINING_DIGITS: usize = 640;

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [mnist, assets, testdata] = &folders[..] else {
        return Err("expected three folders: the one with the MNIST files, the assets, the test data".into());
    };
    let (images, labels) = read(mnist, "t10k")?;
    idx::write_images(assets.join("digits-images-idx3-ubyte.gz"), &images[..DIGITS])?;
    idx::write_labels(assets.join("digits-labels-idx1-ubyte.gz"), &labels[..DIGITS])?;

    let (images, labels) = read(mnist, "train")?;
    idx::write_images(testdata.join("digits-images-idx3-ubyte.gz"), &images[..TRAINING_DIGITS])?;
    idx::write_labels(testdata.join("digits-labels-idx1-ubyte.gz"), &labels[..TRAINING_DIGITS])?;
    let targets = most_confident(&images, &labels)?;
    for (class, index) in targets.iter().enumerate() {
        println!("target of class {class}: training digit {index}");
    }
    let targets: Vec<Image> = targets.into_iter().map(|index| images[index].clone()).collect();
    idx::write_images(assets.join("targets-images-idx3-ubyte.gz"), &targets)?;
    idx::write_labels(assets.join("targets-labels-idx1-ubyte.gz"), &(0..10).collect::<Vec<_>>())?;
    Ok(())
}

/// For each class the digit whose label the embedded network gives the highest probability; the first of equals.
///
/// Compared is −log p in f64: in f32 the probability of thousands of digits rounds to 1.
fn most_confident(images: &[Image], labels: &[usize]) -> Result<Vec<usize>, Box<dyn Error>> {
    let pixels: Vec<u8> = images.iter().flat_map(|image| image.pixels().iter().copied()).collect();
    let logits = lots::embedded::lenet().classify(&pixels[..])?;
    let mut best: Vec<Option<(f64, usize)>> = vec![None; 10];
    for (index, (logits, &label)) in logits.images().zip(labels).enumerate() {
        let others = logits.iter().enumerate().filter(|&(class, _)| class != label);
        let odds: f64 = others.map(|(_, &logit)| (f64::from(logit) - f64::from(logits[label])).exp()).sum();
        let loss = odds.ln_1p();
        if best[label].is_none_or(|(lowest, _)| loss < lowest) {
            best[label] = Some((loss, index));
        }
    }
    let indices: Option<Vec<usize>> = best.into_iter().map(|best| best.map(|(_, index)| index)).collect();
    indices.ok_or_else(|| "expected training digits of all ten classes".into())
}

/// The images and labels of `train` or `t10k`.
fn read(mnist: &Path, part: &str) -> lots::Result<(Vec<Image>, Vec<usize>)> {
    let images = idx::Images::open(mnist.join(format!("{part}-images-idx3-ubyte")))?;
    Ok((
        images.collect::<lots::Result<_>>()?,
        idx::read_labels(mnist.join(format!("{part}-labels-idx1-ubyte")))?,
    ))
}
