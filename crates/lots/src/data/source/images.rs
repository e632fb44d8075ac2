//! The images of a source one by one, of any shapes.

use std::ops::Range;

use super::opened::Opened;
use crate::data::folder::LeftOut;
use crate::error::Result;
use crate::image::Image;

/// An image with its name for reports and its class if it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// `digits[17]`, `3/photo.png`
    pub name: String,
    /// The image as it is in its file.
    pub image: Image,
    /// Its class index.
    pub label: Option<usize>,
}

/// The images of a source one by one; see [`super::ImageSource::images`].
pub struct Images {
    pub(super) opened: Opened,
    /// Those still to be read.
    pub(super) range: Range<usize>,
}

impl Images {
    /// How many images are still to come.
    pub fn remaining(&self) -> usize {
        self.range.len()
    }

    /// Pictures of the folder that are not among the images, because they lie in folders that are named like no class.
    pub fn left_out(&self) -> Option<&LeftOut> {
        self.opened.left_out()
    }

    fn read(&mut self, index: usize) -> Result<NamedImage> {
        let name = self.opened.name(index);
        let image = self.opened.next_image()?;
        if index + 1 == self.opened.count() {
            self.opened.check_end()?;
        }
        Ok(NamedImage { name, image, label: self.opened.labels().map(|labels| labels[index]) })
    }
}

impl Iterator for Images {
    type Item = Result<NamedImage>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.range.next()?;
        let image = self.read(index);
        if image.is_err() {
            self.range.start = self.range.end;
        }
        Some(image)
    }
}
