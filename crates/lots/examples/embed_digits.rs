//! Makes the digits that are embedded in the library, `crates/lots/assets/*.gz`, from the four files of MNIST.
//!
//! ```text
//! cargo run --release -p lots --example embed_digits -- data/mnist crates/lots/assets
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use lots::Image;
use lots::data::idx;

/// How many digits of the test set are embedded.
const DIGITS: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [mnist, assets] = &folders[..] else {
        return Err("expected two folders: the one with the MNIST files and the one to write to".into());
    };
    let (images, labels) = read(mnist, "t10k")?;
    idx::write_images(assets.join("digits-images-idx3-ubyte.gz"), &images[..DIGITS])?;
    idx::write_labels(assets.join("digits-labels-idx1-ubyte.gz"), &labels[..DIGITS])?;

    let (images, labels) = read(mnist, "train")?;
    let classes: Vec<usize> = (0..10).collect();
    let targets = classes
        .iter()
        .map(|class| labels.iter().position(|label| label == class).map(|index| images[index].clone()))
        .collect::<Option<Vec<Image>>>()
        .ok_or("expected training digits of all ten classes")?;
    idx::write_images(assets.join("targets-images-idx3-ubyte.gz"), &targets)?;
    idx::write_labels(assets.join("targets-labels-idx1-ubyte.gz"), &classes)?;
    Ok(())
}

/// The images and labels of `train` or `t10k`.
fn read(mnist: &Path, part: &str) -> lots::Result<(Vec<Image>, Vec<usize>)> {
    let images = idx::Images::open(mnist.join(format!("{part}-images-idx3-ubyte")))?;
    Ok((
        images.collect::<lots::Result<_>>()?,
        idx::read_labels(mnist.join(format!("{part}-labels-idx1-ubyte")))?,
    ))
}
