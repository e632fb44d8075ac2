//! SHA-256 of what a result was made from.

use std::fmt::Write;

use lots::Image;
use lots::data::ImageSet;
use sha2::{Digest, Sha256};

/// The SHA-256 of a file's bytes, in lower-case hex digits.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// The SHA-256 of images that come one after the other: all pixels in the order `[N, C, H, W]`.
#[derive(Clone, Default)]
pub(crate) struct ImagesDigest(Sha256);

impl ImagesDigest {
    /// Adds an image.
    pub(crate) fn add(&mut self, image: &Image) {
        self.add_pixels(image.pixels());
    }

    /// Adds the pixels of an image.
    pub(crate) fn add_pixels(&mut self, pixels: &[u8]) {
        self.0.update(pixels);
    }

    /// Adds a class, as a little-endian u32.
    pub(crate) fn add_label(&mut self, label: usize) {
        self.0.update(u32::try_from(label).unwrap_or(u32::MAX).to_le_bytes());
    }

    /// Adds a set: all pixels, then all labels.
    pub(crate) fn add_set(&mut self, set: &ImageSet) {
        set.images().iter().for_each(|image| self.add(image));
        set.labels().unwrap_or_default().iter().for_each(|&label| self.add_label(label));
    }

    /// The digits for the images so far.
    pub(crate) fn digits(&self) -> String {
        hex(self.0.clone())
    }
}

/// The digits of a finished sum.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_hashed_as_one_array() {
        // SHA-256 of `abc`, from FIPS 180-2.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_bytes(b"abc"), abc);
        let mut images = ImagesDigest::default();
        for pixel in *b"abc" {
            images.add(&Image::new(1, 1, 1, vec![pixel]).unwrap());
        }
        assert_eq!(images.digits(), abc);
    }
}
