//! What a source turned out to be, opened, its images still to be read.

use std::path::{Path, PathBuf};
use std::vec;

use crate::data::class_names::ClassNames;
use crate::data::folder::LeftOut;
use crate::data::labels::Labels;
use crate::data::{array, folder, idx};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::regular_file::RegularFile;

/// All images of a file, folder or built-in set.
pub(super) struct Opened {
    images: Images,
    names: Names,
    count: usize,
    labels: Option<Vec<usize>>,
    left_out: Option<LeftOut>,
}

enum Images {
    Idx(Box<idx::Images>),
    Array(Box<array::Images>),
    Pictures(vec::IntoIter<PathBuf>),
}

/// The names of millions of images are not kept but made.
enum Names {
    Listed(Vec<String>),
    Counted(String),
}

impl Opened {
    /// Where classes have names, a digit is the class of that name; without one for each, the digits have no labels.
    pub(super) fn embedded(
        name: &str,
        (images, digits): (idx::Images, Vec<usize>),
        class_names: &[String],
    ) -> Self {
        let class = |digit: usize| match class_names {
            [] => Some(digit),
            names => names.iter().position(|name| *name == digit.to_string()),
        };
        let count = images.image_count();
        let names = Names::Counted(name.to_owned());
        let labels = digits.into_iter().map(class).collect();
        Self { images: Images::Idx(Box::new(images)), names, count, labels, left_out: None }
    }

    /// - `with_labels`: whether only folders count that are classes.
    pub(super) fn path(path: &Path, class_names: &[String], with_labels: bool) -> Result<Self> {
        if path.is_dir() {
            let listed = match class_names {
                _ if !with_labels => folder::list_unlabelled(path)?,
                [] => folder::list(path)?,
                names => folder::list_named(path, names)?,
            };
            let folder::Folder { paths, names, labels, left_out } = listed;
            let count = paths.len();
            return Ok(Self {
                images: Images::Pictures(paths.into_iter()),
                names: Names::Listed(names),
                count,
                labels,
                left_out,
            });
        }
        let mut file = RegularFile::open(path).map_err(|error| match error {
            Error::NoSuchFile { path } => Error::NoSuchImages { path },
            error => error,
        })?;
        let start = file.start(8)?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut labels = None;
        let (images, names, count) = if array::is_array(&start) {
            let images = array::Images::open(path)?;
            let count = images.image_count();
            (Images::Array(Box::new(images)), Names::Counted(name), count)
        } else if idx::is_idx(&start) {
            let images = idx::Images::open(path)?;
            let count = images.image_count();
            (Images::Idx(Box::new(images)), Names::Counted(name), count)
        } else {
            let folder = path.parent().and_then(folder::name_of);
            let class = class_names.iter().position(|name| Some(name) == folder.as_ref());
            labels = class.map(|class| vec![class]);
            (Images::Pictures(vec![path.to_owned()].into_iter()), Names::Listed(vec![name]), 1)
        };
        Ok(Self { images, names, count, labels, left_out: None })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn labels(&self) -> Option<&[usize]> {
        self.labels.as_deref()
    }

    /// Pictures of a folder that are not among the images.
    pub(super) fn left_out(&self) -> Option<&LeftOut> {
        self.left_out.as_ref()
    }

    pub(super) fn name(&self, index: usize) -> String {
        match &self.names {
            Names::Listed(names) => names[index].clone(),
            Names::Counted(name) => format!("{name}[{index}]"),
        }
    }

    /// Takes the labels of a file instead of its own.
    pub(super) fn read_labels(&mut self, path: &Path, class_names: &[String]) -> Result<()> {
        let classes = ClassNames::new(class_names);
        self.labels =
            Some(Labels::open(path, &classes)?.of_images(self.count, |index| self.name(index), path)?);
        Ok(())
    }

    /// Has none.
    pub(super) fn forget_labels(&mut self) {
        self.labels = None;
    }

    /// Goes on at image `index`, without having read any.
    pub(super) fn skip_to(&mut self, index: usize) -> Result<()> {
        match &mut self.images {
            Images::Idx(images) => images.skip_to(index),
            Images::Array(images) => images.skip_to(index),
            Images::Pictures(paths) => {
                paths.by_ref().take(index).for_each(drop);
                Ok(())
            }
        }
    }

    pub(super) fn next_image(&mut self) -> Result<Image> {
        let image = match &mut self.images {
            Images::Idx(images) => images.next(),
            Images::Array(images) => images.next(),
            Images::Pictures(paths) => paths.next().map(Image::open),
        };
        // A range is checked against the count, so there is a next one.
        image.unwrap_or(Err(Error::NoImages))
    }

    /// Whether the file ends where its last image ends; the other formats know their length beforehand.
    pub(super) fn check_end(&mut self) -> Result<()> {
        match &mut self.images {
            Images::Idx(images) => images.next().map_or(Ok(()), |more| more.map(drop)),
            Images::Array(_) | Images::Pictures(_) => Ok(()),
        }
    }
}
