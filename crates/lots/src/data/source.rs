//! [`ImageSource`]: the images that someone names on the command line.
//!
//! | Text | Images | Labels |
//! |---|---|---|
//! | `digits` | 1,000 embedded test digits | yes |
//! | `digits:targets` | ten embedded training digits, one a class | yes |
//! | `photo.png` | one picture ([`super::picture`]) | no |
//! | `pictures/` | a folder of pictures ([`super::folder`]) | of class folders |
//! | `images.npy` | an array of bytes ([`super::array`]) | no |
//! | `t10k-images-idx3-ubyte.gz` | an IDX file ([`super::idx`]) | of the file beside it ([`mnist::labels_beside`]) |
//!
//! A range may follow: `digits[0..10]` is the first ten, `[10..]` all but those, `[7]` one alone. It selects images and
//! their labels. A path that exists is taken as it is, even if it ends in a bracket; a file that is called like a built-in
//! set is written `./digits`. What a file is is told by its contents, not by its name.

mod images;
mod opened;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use self::images::{Images, NamedImage};
use self::opened::Opened;
use super::range::ImageRange;
use super::{ImageSet, mnist};
use crate::error::{Error, Result};

/// Where images come from, and which of them.
///
/// # Example
/// ```
/// use lots::data::ImageSource;
/// let set = ImageSource::parse("digits[0..3]")?.load()?;
/// assert_eq!(set.labels(), Some(&[7, 2, 1][..]));
/// assert_eq!(set.names(), ["digits[0]", "digits[1]", "digits[2]"]);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    place: Place,
    range: ImageRange,
    label_file: Option<PathBuf>,
    /// What the classes are called that class folders are named after; nothing where that is their index.
    class_names: Vec<String>,
    /// Whether labels are asked for, and so which folders are classes.
    with_labels: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Digits,
    Targets,
    Path(PathBuf),
}

impl ImageSource {
    /// Parses the text that names images, with or without a range. Whether they exist is seen when they are loaded.
    ///
    /// # Errors
    /// [`Error::RangeSyntax`] if it ends in brackets that hold no range.
    pub fn parse(text: &str) -> Result<Self> {
        if Path::new(text).exists() && !matches!(text, "digits" | "digits:targets") {
            return Ok(Self::from_path(text));
        }
        let (name, range) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
            Some((name, range)) => {
                let parsed = ImageRange::parse(range);
                (
                    name,
                    parsed
                        .ok_or_else(|| Error::RangeSyntax { got: range.to_owned(), text: text.to_owned() })?,
                )
            }
            None => (text, ImageRange::ALL),
        };
        let place = match name {
            "digits" => Place::Digits,
            "digits:targets" => Place::Targets,
            path => Place::Path(path.into()),
        };
        Ok(Self { range, ..Self::of(place) })
    }

    /// All images of a file or folder.
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self::of(Place::Path(path.into()))
    }

    fn of(place: Place) -> Self {
        let (range, class_names) = (ImageRange::ALL, Vec::new());
        Self { place, range, label_file: None, class_names, with_labels: true }
    }

    /// The same images with the labels of a file ([`super::labels`]) instead of those they may have. The file labels
    /// all images of the source; a range selects from both.
    #[must_use]
    pub fn with_labels(self, path: impl Into<PathBuf>) -> Self {
        Self { label_file: Some(path.into()), ..self }
    }

    /// The same images, with class folders that are named like the classes, `anna`, instead of by their index; one such
    /// folder, and a picture in it, are of its class. Without names nothing changes.
    #[must_use]
    pub fn with_class_names(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { class_names: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same images without labels, for those whom no class is asked for. Of a folder that holds no pictures itself
    /// those of all its sub-folders count, whatever they are called ([`super::folder::list_unlabelled`]).
    #[must_use]
    pub fn without_labels(self) -> Self {
        Self { with_labels: false, ..self }
    }

    /// Reads all selected images.
    ///
    /// # Errors
    /// Those of the format; [`Error::RangeOutside`]; [`Error::LabelCount`], [`Error::LabelMissing`];
    /// [`Error::MixedShapes`] if they are not of one shape.
    pub fn load(&self) -> Result<ImageSet> {
        self.chunks(usize::MAX)?.next().unwrap_or(Err(Error::NoImages))
    }

    /// The selected images, `chunk` at a time (the last set may be smaller), so that files of any size fit.
    ///
    /// # Errors
    /// Here, those that show before an image is read; the others as the item that meets them, which is then the last.
    ///
    /// # Example
    /// ```
    /// use lots::data::ImageSource;
    /// let counts: Vec<usize> =
    ///     ImageSource::parse("digits[990..]")?.chunks(4)?.map(|set| set.map(|set| set.len())).collect::<Result<_, _>>()?;
    /// assert_eq!(counts, [4, 4, 2]);
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn chunks(&self, chunk: usize) -> Result<Chunks> {
        Ok(Chunks { images: self.images()?, chunk: chunk.max(1), first: None })
    }

    /// The selected images one by one, whatever their shapes: for photographs that are still to be resized.
    ///
    /// # Errors
    /// Here, those that show before an image is read; the others as the item that meets them, which is then the last.
    ///
    /// # Example
    /// ```
    /// use lots::data::ImageSource;
    /// let digit = ImageSource::parse("digits[4]")?.images()?.next().expect("there is one")?;
    /// assert_eq!((digit.name.as_str(), digit.label), ("digits[4]", Some(4)));
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn images(&self) -> Result<Images> {
        let mut opened = match &self.place {
            Place::Digits => Opened::embedded("digits", super::digits::open(), &self.class_names),
            Place::Targets => {
                Opened::embedded("digits:targets", super::digits::open_targets(), &self.class_names)
            }
            Place::Path(path) => Opened::path(path, &self.class_names, self.with_labels)?,
        };
        if !self.with_labels {
            opened.forget_labels();
        } else if let Some(path) = &self.label_file {
            opened.read_labels(path, &self.class_names)?;
        } else if let Place::Path(images) = &self.place
            && let Some(path) = mnist::labels_beside(images)
        {
            opened.read_labels(&path, &self.class_names)?;
        }
        let range = self.range.of(opened.count(), &self.place.to_string())?;
        opened.skip_to(range.start)?;
        Ok(Images { opened, range })
    }
}

/// The images of a source, some at a time; see [`ImageSource::chunks`].
pub struct Chunks {
    images: Images,
    chunk: usize,
    /// Name and shape of the first image.
    first: Option<(String, [usize; 3])>,
}

impl Chunks {
    /// How many images are still to come.
    pub fn remaining(&self) -> usize {
        self.images.remaining()
    }

    fn read(&mut self) -> Result<ImageSet> {
        let (mut images, mut names, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for named in self.images.by_ref().take(self.chunk) {
            let NamedImage { name, image, label } = named?;
            let (first, expected) = self.first.get_or_insert_with(|| (name.clone(), image.shape()));
            if image.shape() != *expected {
                let (first, expected) = (first.clone(), *expected);
                return Err(Error::MixedShapes { name, got: image.shape(), first, expected });
            }
            images.push(image);
            names.push(name);
            labels.extend(label);
        }
        // All images of a source have labels, or none.
        let labels = Some(labels).filter(|labels| !labels.is_empty());
        ImageSet::new(images, labels, names)
    }
}

impl Iterator for Chunks {
    type Item = Result<ImageSet>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.images.remaining() == 0 {
            return None;
        }
        let set = self.read();
        if set.is_err() {
            self.images.range.start = self.images.range.end;
        }
        Some(set)
    }
}

impl FromStr for ImageSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.range == ImageRange::ALL {
            self.place.fmt(formatter)
        } else {
            write!(formatter, "{}{}", self.place, self.range)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits => formatter.write_str("digits"),
            Self::Targets => formatter.write_str("digits:targets"),
            Self::Path(path) => write!(formatter, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests;
