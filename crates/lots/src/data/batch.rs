//! [`Batch`]: labelled images in one piece.

/// Some labelled images: pixels `[images, channels, height, width]`, 0–255, and a class index for each image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// One image after the other.
    pub pixels: Vec<u8>,
    /// The class of each.
    pub labels: Vec<usize>,
}

impl Batch {
    /// Adds an image.
    pub fn push(&mut self, pixels: &[u8], label: usize) {
        self.pixels.extend_from_slice(pixels);
        self.labels.push(label);
    }

    /// The pixels of each image with its label.
    pub fn images(&self) -> impl ExactSizeIterator<Item = (&[u8], usize)> {
        let each = self.pixels.len() / self.labels.len().max(1);
        self.pixels.chunks_exact(each.max(1)).zip(self.labels.iter().copied())
    }
}
