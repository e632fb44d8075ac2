//! Values that are more than text.

use std::path::PathBuf;

use lots::Method;
use lots::criterion::Until;
use lots::mask::MaskPart;
use lots::transformation::Transformation;
use lots_network::{Metric, Resize};

use crate::attack::Ending;
use crate::failure::Failure;
use crate::stability::Condition;
use crate::survive::Trial;

/// A method, with help on its name.
pub(super) fn method(text: &str) -> Result<Method, String> {
    text.parse().map_err(|error| with_hint(&error))
}

/// What ends the search.
pub(super) fn until(text: &str) -> Result<Until, String> {
    text.parse().map_err(|error| with_hint(&error))
}

/// What ends the search, with a threshold or the rate that it follows from.
pub(super) fn ending(text: &str) -> Result<Ending, String> {
    if text.contains('@') {
        return text.trim().parse().map(Ending::AtFar).map_err(|error| with_hint(&error));
    }
    until(text).map(Ending::Until)
}

/// Channels of a layer.
pub(super) fn channels(text: &str) -> Result<MaskPart, String> {
    MaskPart::channels(text).map_err(|error| with_hint(&error))
}

/// Units of a layer.
pub(super) fn units(text: &str) -> Result<MaskPart, String> {
    MaskPart::units(text).map_err(|error| with_hint(&error))
}

/// Rows and columns of a layer.
pub(super) fn region(text: &str) -> Result<MaskPart, String> {
    MaskPart::region(text).map_err(|error| with_hint(&error))
}

/// When a network counts as less stable than it must be.
pub(super) fn condition(text: &str) -> Result<Condition, String> {
    text.parse().map_err(|failure: Failure| match failure.hint() {
        Some(hint) => format!("{}; {hint}", failure.message()),
        None => failure.message().to_owned(),
    })
}

/// A file that is written as an array.
pub(super) fn npy_file(text: &str) -> Result<PathBuf, String> {
    file_called(text, "npy")
}

/// A file that is written as a network.
pub(super) fn onnx_file(text: &str) -> Result<PathBuf, String> {
    file_called(text, "onnx")
}

/// A file that is written as JSON.
pub(super) fn json_file(text: &str) -> Result<PathBuf, String> {
    file_called(text, "json")
}

/// A file that is written as a gallery.
pub(super) fn safetensors_file(text: &str) -> Result<PathBuf, String> {
    file_called(text, "safetensors")
}

/// How near two representations are.
pub(super) fn metric(text: &str) -> Result<Metric, String> {
    Metric::from_word(text).ok_or_else(|| "expected `cosine` or `euclidean`".to_owned())
}

/// A number that something is multiplied by.
pub(super) fn factor(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(factor) if factor > 0.0 && factor.is_finite() => Ok(factor),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// Something that is done to an image.
pub(super) fn transformation(text: &str) -> Result<Transformation, String> {
    text.trim().parse().map_err(|error| with_hint(&error))
}

/// What a perturbed image must survive.
pub(super) fn trial(text: &str) -> Result<Trial, String> {
    text.trim().parse().map_err(|error| with_hint(&error) + "; of a network there is `half-weights`")
}

/// A file that a plot is written to.
pub(super) fn plot_file(text: &str) -> Result<PathBuf, String> {
    let known = |end: &std::ffi::OsStr| ["png", "svg", "html"].iter().any(|it| end.eq_ignore_ascii_case(it));
    let path = PathBuf::from(text);
    match path.extension() {
        Some(end) if known(end) => Ok(path),
        _ => Err("expected a name that ends in `.png`, `.svg` or `.html`".to_owned()),
    }
}

/// What is written replaces what is there, so a slip of the pen must not name a picture.
fn file_called(text: &str, extension: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(got) if got.eq_ignore_ascii_case(extension) => Ok(path),
        _ => Err(format!("expected a name that ends in `.{extension}`")),
    }
}

fn with_hint(error: &lots::Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// A number of threads, at least one.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    at_least_one(text, 1024)
}

/// A number of built-in test digits, at least one.
pub(super) fn built_in_digits(text: &str) -> Result<usize, String> {
    at_least_one(text, 1000)
}

/// A number of things to compare, at least two.
pub(super) fn several(text: &str) -> Result<usize, String> {
    match at_least_one(text, 1_000_000) {
        Ok(number) if number >= 2 => Ok(number),
        _ => Err("expected a whole number, 2 to 1000000".to_owned()),
    }
}

/// A number of iterations, at least one.
pub(super) fn iterations(text: &str) -> Result<usize, String> {
    at_least_one(text, 1_000_000_000)
}

/// What an attempt may cost: less finds nothing, more is not comparable with anything.
pub(super) fn budget(text: &str) -> Result<usize, String> {
    match at_least_one(text, 1_000_000) {
        Ok(passes) if passes >= 20 => Ok(passes),
        _ => Err("expected a number of passes, 20 to 1000000".to_owned()),
    }
}

/// A share between 0 and 1, both left out.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| *rate > 0.0 && *rate < 1.0);
    rate.ok_or_else(|| "expected a number above 0 and below 1, like 0.001".to_owned())
}

/// Rows and columns of a square picture.
pub(super) fn side(text: &str) -> Result<usize, String> {
    at_least_one(text, 4096)
}

/// What is asked for beyond a threshold of the cosine similarity.
pub(super) fn margin(text: &str) -> Result<f64, String> {
    let margin = text.parse().ok().filter(|margin: &f64| (0.0..1.0).contains(margin));
    margin.ok_or_else(|| "expected a number from 0 to below 1".to_owned())
}

/// A cosine similarity.
pub(super) fn cosine(text: &str) -> Result<f64, String> {
    let cosine = text.parse().ok().filter(|cosine: &f64| (-1.0..=1.0).contains(cosine));
    cosine.ok_or_else(|| "expected a number, -1 to 1".to_owned())
}

/// Height and width, as `480x640`.
pub(super) fn size(text: &str) -> Result<[usize; 2], String> {
    let extent = |text| at_least_one(text, 1 << 15);
    match text.split_once('x') {
        Some((height, width)) => Ok([extent(height)?, extent(width)?]),
        None => Err("expected height and width, like 480x640".to_owned()),
    }
}

/// Bytes, as `500M` or `2G`: of 2²⁰ and 2³⁰.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let wrong = || "expected megabytes or gigabytes, like 500M or 2G".to_owned();
    let (number, shift) = match text.char_indices().next_back() {
        Some((end, 'M' | 'm')) => (&text[..end], 20),
        Some((end, 'G' | 'g')) => (&text[..end], 30),
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().ok().ok_or_else(wrong)?;
    let bytes = number * f64::from(1 << shift);
    if (1_048_576.0..=2f64.powi(50)).contains(&bytes) { Ok(bytes as usize) } else { Err(wrong()) }
}

/// The length of the shorter side, or height and width as `240x320`.
pub(super) fn resize(text: &str) -> Result<Resize, String> {
    text.parse::<Resize>().map_err(|error| error.to_string())
}

/// A number for height and width, or both as `224x224`.
pub(super) fn crop(text: &str) -> Result<[usize; 2], String> {
    Ok(match resize(text)? {
        Resize::ShorterSide(side) => [side; 2],
        Resize::Exact(extents) => extents,
    })
}

/// Whole grey levels, at least one.
pub(super) fn radius(text: &str) -> Result<u8, String> {
    match text.parse::<u8>() {
        Ok(levels) if levels > 0 => Ok(levels),
        _ => Err("expected whole grey levels, 1 to 255".to_owned()),
    }
}

/// How much something counts.
pub(super) fn weight(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(weight) if weight > 0.0 && weight.is_finite() => Ok(weight),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// A length in grey levels.
pub(super) fn levels(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(levels) if levels > 0.0 && levels.is_finite() => Ok(levels),
        _ => Err("expected grey levels above 0".to_owned()),
    }
}

/// A share, 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a share, 0 to 1".to_owned()),
    }
}

/// A share of the whole, above 0 and at most 1.
pub(super) fn scale(text: &str) -> Result<f64, String> {
    match share(text) {
        Ok(share) if share > 0.0 => Ok(share),
        _ => Err("expected a share above 0 and at most 1".to_owned()),
    }
}

/// Indices of InfiMNIST, `FIRST..END`.
pub(super) fn indices(text: &str) -> Result<std::ops::Range<u32>, String> {
    let ends = text.split_once("..").and_then(|(first, end)| Some((first.parse().ok()?, end.parse().ok()?)));
    match ends {
        Some((first, end)) if first < end => Ok(first..end),
        _ => Err("expected FIRST..END, such as 70000..71000".to_owned()),
    }
}

fn at_least_one(text: &str, limit: usize) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if (1..=limit).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number, 1 to {limit}")),
    }
}
