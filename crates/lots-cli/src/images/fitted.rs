//! [`Fitted`]: an image in the size that the network takes. Here and nowhere else images are resized and cut out, before
//! anything is done with them: what is attacked, measured and written is the network's input image.

use std::fmt;

use lots::Image;
use lots::data::folder::LeftOut;
use lots::data::source::{Images, NamedImage};
use lots::data::{ImageSet, ImageSource};
use lots_network::{Network, Preprocessing};
use serde::{Deserialize, Serialize};

use crate::failure::{About, Failure, Result};
use crate::terminal::Terminal;

/// An image as the network takes it.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    pub(crate) image: Image,
    /// What was done to it; `None` if it had the right size.
    pub(crate) preprocessed: Option<Preprocessed>,
}

/// What was done to an image so that it fits. Sizes are `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preprocessed {
    /// The size of the image in its file.
    pub(crate) from: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resize: Option<[usize; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crop: Option<[usize; 2]>,
}

impl Fitted {
    /// The image with as many channels and of the size that the network takes. One that has that size is taken as it
    /// is, so that a perturbed image that was written is not scaled again; any other one is preprocessed as the network
    /// or the arguments declare.
    ///
    /// # Errors
    /// If it has another size and nothing is declared, or what is declared cannot be done.
    pub(crate) fn new(image: &Image, role: &'static str, network: &Network) -> Result<Self> {
        let expected = network.input_shape();
        let wrong_size = || lots::Error::ImageSize { role, got: image.shape(), expected };
        let image = image.with_channels(expected[0]).map_err(|_colour| wrong_size())?;
        if image.shape() == expected {
            return Ok(Self { image, preprocessed: None });
        }
        let preprocessing = network.preprocessing();
        if preprocessing.is_empty() {
            let [_, height, width] = expected;
            return Err(Failure::from(wrong_size()).with_hint(format!(
                "crop or scale it to {height}×{width} pixels first; for a network in a file `--resize {}` and `--crop \
                 {height}x{width}` do that",
                height.max(width)
            )));
        }
        let preprocessed = Preprocessed::of([image.height(), image.width()], &preprocessing);
        Ok(Self { image: image.preprocessed(&preprocessing)?, preprocessed: Some(preprocessed) })
    }
}

impl Preprocessed {
    fn of(from: [usize; 2], preprocessing: &Preprocessing) -> Self {
        let resize = preprocessing.resize().map(|resize| resize.of(from));
        Self { from, resize, crop: preprocessing.crop() }
    }
}

impl fmt::Display for Preprocessed {
    /// `512×640 scaled to 256×320, centre crop 224×224`, height before width.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width] = self.from;
        write!(formatter, "{height}×{width}")?;
        if let Some([height, width]) = self.resize {
            write!(formatter, " scaled to {height}×{width}")?;
        }
        match self.crop {
            Some([height, width]) => write!(formatter, ", centre crop {height}×{width}"),
            None => Ok(()),
        }
    }
}

/// Images as the network takes them.
#[derive(Clone, Debug)]
pub(crate) struct FittedSet {
    pub(crate) set: ImageSet,
    /// What was done to each of them.
    pub(crate) preprocessed: Vec<Option<Preprocessed>>,
    /// Pictures of their folder that are not among them.
    pub(crate) left_out: Option<LeftOut>,
}

impl FittedSet {
    /// The images of a set.
    pub(crate) fn new(set: &ImageSet, role: &'static str, network: &Network) -> Result<Self> {
        let (mut images, mut preprocessed) = (Vec::new(), Vec::new());
        for (image, name) in set.images().iter().zip(set.names()) {
            let fitted = Fitted::new(image, role, network).about(role, name)?;
            images.push(fitted.image);
            preprocessed.push(fitted.preprocessed);
        }
        let labels = set.labels().map(<[usize]>::to_vec);
        Ok(Self { set: ImageSet::new(images, labels, set.names().to_vec())?, preprocessed, left_out: None })
    }

    /// All images of a source, which may be of any sizes if they are to be preprocessed.
    ///
    /// - `text`: what the source is called.
    pub(crate) fn load(
        source: &ImageSource,
        text: &str,
        role: &'static str,
        network: &Network,
        terminal: Terminal,
    ) -> Result<Self> {
        let mut chunks = FittedChunks::new(source, text, role, network)?.of(usize::MAX);
        terminal.leave_out(role, chunks.left_out());
        chunks.next().unwrap_or_else(|| Err(lots::Error::NoImages.into()))
    }

    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }
}

/// The images of a source as the network takes them, some at a time.
pub(crate) struct FittedChunks<'a> {
    images: Images,
    chunk: usize,
    text: &'a str,
    role: &'static str,
    network: &'a Network,
}

impl<'a> FittedChunks<'a> {
    /// The images one at a time.
    ///
    /// - `text`: what the source is called.
    pub(crate) fn new(
        source: &ImageSource,
        text: &'a str,
        role: &'static str,
        network: &'a Network,
    ) -> Result<Self> {
        let source = source.clone().with_class_names(network.class_names());
        let images = source.images().map_err(|error| {
            let are_strangers = matches!(error, lots::Error::OtherClasses { .. });
            let failure = Failure::from(error).about(role, text);
            match failure.hint() {
                Some(hint) if are_strangers && role == "origin" => {
                    let hint =
                        format!("{hint}; `--labels predicted` takes what the network reads, whoever it is");
                    failure.with_hint(hint)
                }
                _ => failure,
            }
        })?;
        Ok(Self { images, chunk: 1, text, role, network })
    }

    /// The same images, so many at a time; the last set may be smaller.
    pub(crate) fn of(self, chunk: usize) -> Self {
        Self { chunk, ..self }
    }

    /// How many images are still to come.
    pub(crate) fn remaining(&self) -> usize {
        self.images.remaining()
    }

    /// Pictures of the folder that are no images of the source.
    pub(crate) fn left_out(&self) -> Option<&LeftOut> {
        self.images.left_out()
    }

    fn read(&mut self) -> Result<FittedSet> {
        let (mut images, mut preprocessed) = (Vec::new(), Vec::new());
        let (mut names, mut labels) = (Vec::new(), Vec::new());
        for named in self.images.by_ref().take(self.chunk) {
            let NamedImage { name, image, label } = named.about(self.role, self.text)?;
            let fitted = Fitted::new(&image, self.role, self.network).about(self.role, &name)?;
            images.push(fitted.image);
            preprocessed.push(fitted.preprocessed);
            names.push(name);
            labels.extend(label);
        }
        // All images of a source have labels, or none.
        let labels = Some(labels).filter(|labels| !labels.is_empty());
        let left_out = self.images.left_out().cloned();
        Ok(FittedSet { set: ImageSet::new(images, labels, names)?, preprocessed, left_out })
    }
}

impl Iterator for FittedChunks<'_> {
    type Item = Result<FittedSet>;

    /// A set, or what is wrong with the next one; nobody goes on after that.
    fn next(&mut self) -> Option<Self::Item> {
        (self.images.remaining() > 0).then(|| self.read())
    }
}

#[cfg(test)]
mod tests {
    use lots_network::{Resize, Vgg16};

    use super::*;

    fn network(resize: Option<Resize>, crop: Option<[usize; 2]>) -> Network {
        let network = Vgg16 { extent: 32, channels: [1; 5], features: 2, classes: 2 }.network(0);
        network.with_preprocessing(Preprocessing::new(resize, crop).unwrap()).unwrap()
    }

    fn image(channels: usize, height: usize, width: usize) -> Image {
        let count = channels * height * width;
        Image::new(channels, height, width, (0..count).map(|index| (index * 7 % 256) as u8).collect())
            .unwrap()
    }

    #[test]
    fn an_image_of_the_right_size_is_taken_as_it_is() {
        let network = network(Some(Resize::ShorterSide(40)), Some([32, 32]));
        let right = image(3, 32, 32);
        let fitted = Fitted::new(&right, "origin", &network).unwrap();
        assert_eq!((&fitted.image, fitted.preprocessed), (&right, None));
        // What comes out of preprocessing stays what it is when it comes back.
        let once = Fitted::new(&image(3, 60, 80), "origin", &network).unwrap().image;
        assert_eq!(Fitted::new(&once, "origin", &network).unwrap().image, once);
    }

    #[test]
    fn another_size_is_preprocessed_and_said() {
        let network = network(Some(Resize::ShorterSide(40)), Some([32, 32]));
        let fitted = Fitted::new(&image(1, 60, 80), "origin", &network).unwrap();
        assert_eq!(fitted.image.shape(), [3, 32, 32]);
        let said = fitted.preprocessed.unwrap().to_string();
        assert_eq!(said, "60×80 scaled to 40×53, centre crop 32×32");
    }

    #[test]
    fn what_is_left_out_is_not_said() {
        let cropped = Fitted::new(&image(3, 60, 80), "origin", &network(None, Some([32, 32]))).unwrap();
        assert_eq!(cropped.preprocessed.unwrap().to_string(), "60×80, centre crop 32×32");
        let exact = network(Some(Resize::Exact([32, 32])), None);
        let resized = Fitted::new(&image(3, 60, 80), "origin", &exact).unwrap();
        assert_eq!(resized.preprocessed.unwrap().to_string(), "60×80 scaled to 32×32");
    }

    #[test]
    fn without_a_declaration_the_size_must_be_right() {
        let failure = Fitted::new(&image(3, 60, 80), "origin", &network(None, None)).unwrap_err();
        assert_eq!(
            failure.message(),
            "the origin has 3×60×80 pixels, expected 3×32×32 (channels × height × width)"
        );
        assert!(failure.hint().unwrap().contains("`--resize 32` and `--crop 32x32`"));
    }

    #[test]
    fn an_image_that_is_smaller_than_the_crop_is_refused() {
        let failure = Fitted::new(&image(3, 20, 80), "origin", &network(None, Some([32, 32]))).unwrap_err();
        assert_eq!(failure.message(), "an image of 20×80 pixels does not hold a crop of 32×32 pixels");
    }
}
