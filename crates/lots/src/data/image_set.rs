//! [`ImageSet`]: images of one shape, each with a name, all or none with a label.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::image::Image;

/// Images of one shape, each with a name for reports, and their classes if they are known.
///
/// # Example
/// ```
/// let digits = lots::data::digits::load();
/// assert_eq!(digits.len(), 1000);
/// assert_eq!(digits.shape(), [1, 28, 28]);
/// assert_eq!((digits.names()[17].as_str(), digits.label(17)), ("digits[17]", Some(7)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    images: Vec<Image>,
    labels: Option<Vec<usize>>,
    names: Vec<String>,
}

impl ImageSet {
    /// A set of at least one image.
    ///
    /// - `labels`: the class index of each image, or none at all.
    /// - `names`: one for each image.
    ///
    /// # Errors
    /// [`Error::NoImages`]; [`Error::SetLength`] if labels or names are too few or too many;
    /// [`Error::MixedShapes`] names the first image whose shape differs from the first one's.
    pub fn new(images: Vec<Image>, labels: Option<Vec<usize>>, names: Vec<String>) -> Result<Self> {
        let first = images.first().ok_or(Error::NoImages)?;
        let counts = [("names", names.len()), ("labels", labels.as_ref().map_or(images.len(), Vec::len))];
        for (what, got) in counts {
            if got != images.len() {
                return Err(Error::SetLength { what, images: images.len(), got });
            }
        }
        if let Some(index) = images.iter().position(|image| image.shape() != first.shape()) {
            return Err(Error::MixedShapes {
                name: names[index].clone(),
                got: images[index].shape(),
                first: names[0].clone(),
                expected: first.shape(),
            });
        }
        Ok(Self { images, labels, names })
    }

    /// How many images there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// `[channels, height, width]` of every image.
    pub fn shape(&self) -> [usize; 3] {
        self.images[0].shape()
    }

    /// The images.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The class index of each image, if known.
    pub fn labels(&self) -> Option<&[usize]> {
        self.labels.as_deref()
    }

    /// The class index of image `index`, if known.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn label(&self, index: usize) -> Option<usize> {
        self.labels.as_ref().map(|labels| labels[index])
    }

    /// What each image is called in reports: `digits[17]`, `3/photo.png`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Some images of the set, with their labels and names.
    ///
    /// # Errors
    /// [`Error::NoImages`] if the range is empty.
    ///
    /// # Panics
    /// If it reaches beyond the set.
    ///
    /// # Example
    /// ```
    /// let digits = lots::data::digits::load();
    /// assert_eq!(digits.part(4..6)?.label(0), digits.label(4));
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn part(&self, range: Range<usize>) -> Result<Self> {
        let labels = self.labels.as_ref().map(|labels| labels[range.clone()].to_vec());
        Self::new(self.images[range.clone()].to_vec(), labels, self.names[range].to_vec())
    }

    /// The images, labels and names, to own them.
    pub fn into_parts(self) -> (Vec<Image>, Option<Vec<usize>>, Vec<String>) {
        (self.images, self.labels, self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: usize) -> Image {
        Image::new(1, height, 2, vec![9; height * 2]).unwrap()
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("n{index}")).collect()
    }

    #[test]
    fn the_first_image_of_another_shape_is_named() {
        let images = vec![image(2), image(2), image(3), image(4)];
        let error = ImageSet::new(images, None, names(4)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`n2` has 1×3×2 pixels, expected 1×2×2 like `n0` (channels × height × width)"
        );
    }

    #[test]
    fn labels_and_names_must_be_as_many_as_the_images() {
        let few_labels = ImageSet::new(vec![image(2), image(2)], Some(vec![1]), names(2)).unwrap_err();
        assert_eq!(few_labels.to_string(), "2 images have 1 labels");
        let many_names = ImageSet::new(vec![image(2)], Some(vec![1]), names(2)).unwrap_err();
        assert_eq!(many_names.to_string(), "1 images have 2 names");
        assert!(matches!(ImageSet::new(Vec::new(), None, Vec::new()), Err(Error::NoImages)));
    }
}
