//! Origins and targets as the arguments name them, in the size that the network takes.

mod fitted;

use std::path::Path;

use lots::Image;
use lots::data::ImageSource;
use lots_network::Network;

pub(crate) use self::fitted::{Fitted, FittedChunks, FittedSet, Preprocessed};
use crate::args::LabelSource;
use crate::failure::{About, Failure, Result};

/// What an image that is moved toward is called in messages.
pub(crate) const TARGET: &str = "target";

/// The end of a hint for someone who gave several targets where one is expected.
pub(crate) const MAKE_ONE: &str =
    "or say with `--target-set nearest`, `farthest`, `centroid` or `mixture` what to make of them";

/// A source of images, with its labels if they are in a file of their own, and without if nobody asks for any but what the
/// network reads.
pub(crate) fn source(text: &str, labels: Option<&LabelSource>) -> Result<ImageSource> {
    let source = ImageSource::parse(text)?;
    Ok(match labels {
        Some(LabelSource::File(path)) => source.with_labels(path),
        Some(LabelSource::Predicted) => source.without_labels(),
        None => source,
    })
}

/// One picture, or one image of a set such as `digits[4]`, with its name.
pub(crate) fn single(text: &str, role: &'static str) -> Result<(Image, String)> {
    one_of(&ImageSource::parse(text)?, text, role)
}

/// [`single`] in the size that the network takes; folders are named like its classes, if these have names.
pub(crate) fn single_fitted(text: &str, role: &'static str, network: &Network) -> Result<(Fitted, String)> {
    let source = ImageSource::parse(text)?.with_class_names(network.class_names());
    let (image, name) = one_of(&source, text, role)?;
    Ok((Fitted::new(&image, role, network).about(role, text)?, name))
}

fn one_of(source: &ImageSource, text: &str, role: &'static str) -> Result<(Image, String)> {
    let mut images = source.images().about(role, text)?;
    match (images.remaining(), images.next()) {
        (1, Some(named)) => {
            let named = named.about(role, text)?;
            Ok((named.image, named.name))
        }
        (count, _) => {
            let range = text.split_once('[').map_or("", |(_, range)| range);
            let first = range.split("..").next().filter(|it| it.parse::<usize>().is_ok()).unwrap_or("0");
            let one = format!("name one of them: `{}[{first}]`", text.split('[').next().unwrap_or(text));
            let hint = if role == TARGET { format!("{one}, {MAKE_ONE}") } else { one };
            Err(Failure::new(format!("`{text}` has {count} images, expected one")).with_hint(hint))
        }
    }
}

/// A name that a file can have: letters, digits, `.`, `-` and `_` stay, everything else becomes `-`.
pub(crate) fn file_stem(name: &str) -> String {
    let name = Path::new(name).with_extension("");
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || "._".contains(letter) { letter } else { '-' };
    let stem: String = name.to_string_lossy().chars().map(plain).collect();
    stem.trim_matches('-').to_owned()
}
