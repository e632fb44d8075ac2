//! Handwritten digits inside the library: 1,000 to start from and ten, one a class, to move toward.
//!
//! They are the first 1,000 test digits of MNIST and ten of its training digits, [1, 28, 28] each.
//! `assets/README.md` beside the sources names their authors and licence and the command that made the files.

use super::ImageSet;
use super::idx::{self, Images};
use crate::error::Result;

/// The first 1,000 digits of the MNIST test set with their labels; called `digits` on the command line.
///
/// # Panics
/// Never: the files are part of the library, and a test reads them.
pub fn load() -> ImageSet {
    whole("digits", open())
}

/// Ten training digits of MNIST, one a class, the digit of class `k` at index `k`; called `digits:targets`.
///
/// # Panics
/// Never: the files are part of the library, and a test reads them.
pub fn targets() -> ImageSet {
    whole("digits:targets", open_targets())
}

/// The digits, of which only those are unpacked that are read, and their labels.
pub(super) fn open() -> (Images, Vec<usize>) {
    embedded(
        "digits",
        include_bytes!("../../assets/digits-images-idx3-ubyte.gz"),
        include_bytes!("../../assets/digits-labels-idx1-ubyte.gz"),
    )
}

/// As [`open`] for the targets.
pub(super) fn open_targets() -> (Images, Vec<usize>) {
    embedded(
        "digits:targets",
        include_bytes!("../../assets/targets-images-idx3-ubyte.gz"),
        include_bytes!("../../assets/targets-labels-idx1-ubyte.gz"),
    )
}

fn embedded(name: &str, images: &'static [u8], labels: &'static [u8]) -> (Images, Vec<usize>) {
    let opened = Images::from_bytes(images, name)
        .and_then(|images| Ok((images, idx::labels_from_bytes(labels, name)?)));
    opened.expect("embedded files are whole, a test reads them")
}

fn whole(name: &str, (images, labels): (Images, Vec<usize>)) -> ImageSet {
    images
        .collect::<Result<Vec<_>>>()
        .and_then(|images| {
            let names = (0..images.len()).map(|index| format!("{name}[{index}]")).collect();
            ImageSet::new(images, Some(labels), names)
        })
        .expect("embedded files are whole, a test reads them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_digits_with_the_labels_of_the_test_set() {
        let digits = load();
        assert_eq!((digits.len(), digits.shape()), (1000, [1, 28, 28]));
        // The first ten labels of the MNIST test set, known from every tutorial.
        assert_eq!(digits.labels().unwrap()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
        // The number of each class among the first 1,000.
        let mut counts = [0; 10];
        for &label in digits.labels().unwrap() {
            counts[label] += 1;
        }
        assert_eq!(counts, [85, 126, 116, 107, 110, 87, 87, 99, 89, 94]);
    }

    #[test]
    fn ten_targets_in_the_order_of_their_classes() {
        let targets = targets();
        assert_eq!(targets.labels().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(targets.shape(), load().shape());
        assert_eq!(targets.names()[3], "digits:targets[3]");
    }
}
