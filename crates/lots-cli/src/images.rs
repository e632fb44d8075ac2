//! Origins and targets as the arguments name them, checked against the network.

use std::path::Path;

use lots::Image;
use lots::data::{ImageSet, ImageSource};
use lots_network::Network;

use crate::args::LabelSource;
use crate::failure::{About, Failure, Result};

/// A source of images, with its labels if they are in a file of their own.
pub(crate) fn source(text: &str, labels: Option<&LabelSource>) -> Result<ImageSource> {
    let source = ImageSource::parse(text)?;
    Ok(match labels {
        Some(LabelSource::File(path)) => source.with_labels(path),
        _ => source,
    })
}

/// The pixels of a set as the network takes them, one image after the other.
pub(crate) fn pixels(set: &ImageSet, role: &'static str, network: &Network) -> Result<Vec<u8>> {
    let mut pixels = Vec::new();
    for (image, name) in set.images().iter().zip(set.names()) {
        pixels.extend_from_slice(fitting(image, role, network).about(role, name)?.pixels());
    }
    Ok(pixels)
}

/// The image with as many channels as the network takes.
///
/// # Errors
/// If it has another size.
pub(crate) fn fitting(image: &Image, role: &'static str, network: &Network) -> Result<Image> {
    let expected = network.input_shape();
    let wrong_size = || lots::Error::ImageSize { role, got: image.shape(), expected };
    let image = image.with_channels(expected[0]).map_err(|_colour| wrong_size())?;
    if image.shape() == expected {
        return Ok(image);
    }
    let [_, height, width] = expected;
    Err(Failure::from(wrong_size()).with_hint(format!("crop or scale it to {height}×{width} pixels first")))
}

/// One picture, or one image of a set such as `digits[4]`, with its name.
pub(crate) fn single(text: &str, role: &'static str) -> Result<(Image, String)> {
    let mut chunks = ImageSource::parse(text)?.chunks(1).about(role, text)?;
    match (chunks.remaining(), chunks.next()) {
        (1, Some(set)) => {
            let set = set.about(role, text)?;
            Ok((set.images()[0].clone(), set.names()[0].clone()))
        }
        (count, _) => {
            let hint = format!("name one of them: `{}[0]`", text.split('[').next().unwrap_or(text));
            Err(Failure::new(format!("`{text}` has {count} images, expected one")).with_hint(hint))
        }
    }
}

/// [`single`] in the size that the network takes.
pub(crate) fn single_fitting(text: &str, role: &'static str, network: &Network) -> Result<(Image, String)> {
    let (image, name) = single(text, role)?;
    Ok((fitting(&image, role, network).about(role, text)?, name))
}

/// A name that a file can have: letters, digits, `.`, `-` and `_` stay, everything else becomes `-`.
pub(crate) fn file_stem(name: &str) -> String {
    let name = Path::new(name).with_extension("");
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || "._".contains(letter) { letter } else { '-' };
    let stem: String = name.to_string_lossy().chars().map(plain).collect();
    stem.trim_matches('-').to_owned()
}
