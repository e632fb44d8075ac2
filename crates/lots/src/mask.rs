//! [`Mask`]: which part of what a layer computes is steered, and how much.
//!
//! A mask is written before it is known which layer it is for; whether it fits is seen when it meets one.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lots_network::Shape;

use crate::data::array::{self, Array, Element};
use crate::error::{Error, Result};

/// More numbers than this are not listed in a text.
const MOST_RANGES: usize = 1 << 16;

const KIND: &str = "mask";

/// The values of a mask, in [`Error::Unsupported`].
pub(crate) const TYPES: &str = "numbers of 32 bits, bytes or truth values (`<f4`, `|u1`, `|b1`)";

/// The shape of a mask, in [`Error::Unsupported`].
pub(crate) const SHAPES: &str = "one for each element of a layer";

/// What the feature difference is multiplied by, element by element, before it is carried to the pixels: the product of
/// all parts. Without parts everything is steered.
///
/// # Example
/// ```
/// use lots::mask::{Mask, MaskPart};
/// let network = lots::embedded::lenet();
/// let mask = Mask::of([MaskPart::channels("0,2-3")?, MaskPart::region("0:4,0:8")?]);
/// let conv2 = network.layer("conv2")?;
/// let weights = mask.at("conv2", network.shape(conv2))?.expect("it has parts");
/// assert_eq!(weights.iter().sum::<f32>(), 3.0 * 4.0 * 8.0);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mask {
    parts: Vec<MaskPart>,
}

/// A part of a layer, or a weight for each of its elements.
#[derive(Clone, Debug, PartialEq)]
pub enum MaskPart {
    /// These along the first axis of `[channels, height, width]`.
    Channels(Vec<RangeInclusive<usize>>),
    /// These elements, counted in the order of the layer.
    Units(Vec<RangeInclusive<usize>>),
    /// These rows and columns of every channel.
    Region {
        /// The first row, and the one behind the last.
        rows: [usize; 2],
        /// The first column, and the one behind the last.
        columns: [usize; 2],
    },
    /// A factor for each element.
    Weights {
        /// The shape of the layer, which may have an axis of 1 in front.
        shape: Vec<usize>,
        /// Finite, as many as the shape says.
        values: Arc<[f32]>,
        /// The file that they come from, for messages.
        path: Option<PathBuf>,
    },
}

impl Mask {
    /// The product of these parts.
    pub fn of(parts: impl IntoIterator<Item = MaskPart>) -> Self {
        Self { parts: parts.into_iter().collect() }
    }

    /// Whether everything is steered.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The factors for a layer, in its order; none if everything is steered.
    ///
    /// - `layer`: its name, for messages.
    ///
    /// # Errors
    /// [`Error::Mask`] if a part lies outside the layer, has another shape, or nothing is left to steer.
    pub fn at(&self, layer: &str, shape: &Shape) -> Result<Option<Arc<[f32]>>> {
        if self.is_empty() {
            return Ok(None);
        }
        let refused = |reason: String, path: Option<&Path>| Error::Mask {
            layer: layer.to_owned(),
            shape: shape.to_string(),
            reason,
            path: path.map(Path::to_owned),
        };
        let mut factors = vec![1.0; shape.count()];
        for part in &self.parts {
            part.multiply(&mut factors, shape.extents()).map_err(|reason| refused(reason, part.path()))?;
        }
        if factors.iter().all(|&factor| factor == 0.0) {
            return Err(refused(
                "nothing is left of it".to_owned(),
                self.parts.iter().find_map(MaskPart::path),
            ));
        }
        Ok(Some(factors.into()))
    }
}

impl MaskPart {
    /// Channels as `3,7-12`, both ends included.
    ///
    /// # Errors
    /// [`Error::MaskText`].
    pub fn channels(text: &str) -> Result<Self> {
        ranges(text).map(Self::Channels)
    }

    /// Units as `0-9,31`, both ends included.
    ///
    /// # Errors
    /// [`Error::MaskText`].
    pub fn units(text: &str) -> Result<Self> {
        ranges(text).map(Self::Units)
    }

    /// Rows and columns as `Y0:Y1,X0:X1`, without the last.
    ///
    /// # Errors
    /// [`Error::MaskText`].
    pub fn region(text: &str) -> Result<Self> {
        let span = |text: &str| {
            let (first, end) = text.split_once(':')?;
            let (first, end) = (first.trim().parse().ok()?, end.trim().parse().ok()?);
            (first < end).then_some([first, end])
        };
        let spans = text.split_once(',').and_then(|(rows, columns)| Some((span(rows)?, span(columns)?)));
        let (rows, columns) = spans.ok_or_else(|| {
            let expected = "rows and columns without their ends, such as `0:4,2:8`";
            Error::MaskText { text: text.to_owned(), expected }
        })?;
        Ok(Self::Region { rows, columns })
    }

    /// A factor for each element from a `.npy` file: f32, or bytes or truth values of which false is 0 and true is 1.
    ///
    /// - `most`: so many elements a layer has at most; more are not read.
    ///
    /// # Errors
    /// Those of [`array::read`]; [`Error::Unsupported`] if the array is larger or of other values.
    pub fn read(path: impl AsRef<Path>, most: usize) -> Result<Self> {
        let path = path.as_ref();
        let header = array::header(path)?;
        let refused = |got: String, expected: &'static str| {
            Err(Error::Unsupported { kind: KIND, got, expected, path: path.to_owned() })
        };
        let count = header.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        if count.is_none_or(|count| count > most) {
            return refused(format!("numbers of shape {:?}", header.shape), SHAPES);
        }
        let (shape, values) = match header.value_type.as_str() {
            f32::TYPE => parts(array::read::<f32>(path)?, |value| value),
            u8::TYPE => parts(array::read::<u8>(path)?, f32::from),
            bool::TYPE => parts(array::read::<bool>(path)?, |is_kept| f32::from(u8::from(is_kept))),
            other => return refused(format!("values of type `{other}`"), TYPES),
        };
        Ok(Self::Weights { shape, values, path: Some(path.to_owned()) })
    }

    /// The file that it comes from.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Weights { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// What is wrong with the part for a layer of these extents.
    fn multiply(&self, factors: &mut [f32], extents: &[usize]) -> std::result::Result<(), String> {
        match self {
            Self::Channels(ranges) => {
                let [channels, _, ..] = *extents else {
                    return Err("it has units and no channels".to_owned());
                };
                let inner = factors.len() / channels.max(1);
                let taken = taken(ranges, channels, "channel")?;
                keep(factors, |element| taken[element / inner.max(1)]);
            }
            Self::Units(ranges) => {
                let taken = taken(ranges, factors.len(), "unit")?;
                keep(factors, |element| taken[element]);
            }
            Self::Region { rows, columns } => {
                let [_, height, width] = *extents else {
                    return Err("it has no rows and columns".to_owned());
                };
                for (what, [_, end], extent) in [("row", rows, height), ("column", columns, width)] {
                    if *end > extent {
                        let last = extent.saturating_sub(1);
                        return Err(format!("there is no {what} {}, expected 0 to {last}", end - 1));
                    }
                }
                keep(factors, |element| {
                    let (row, column) = (element / width % height, element % width);
                    (rows[0]..rows[1]).contains(&row) && (columns[0]..columns[1]).contains(&column)
                });
            }
            Self::Weights { shape, values, .. } => {
                let own = shape.strip_prefix(&[1]).unwrap_or(shape);
                if (own != extents && shape != extents) || values.len() != factors.len() {
                    return Err(format!("expected an array of shape {extents:?}, got {shape:?}"));
                }
                if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                    return Err(format!("expected finite numbers, got {value}"));
                }
                factors.iter_mut().zip(values.iter()).for_each(|(factor, value)| *factor *= value);
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for MaskPart {
    /// As it is written, `3,7-12` and `0:4,2:8`; of weights the shape.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Channels(ranges) | Self::Units(ranges) => {
                let text = |range: &RangeInclusive<usize>| match (range.start(), range.end()) {
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("{first}-{last}"),
                };
                formatter.write_str(&ranges.iter().map(text).collect::<Vec<_>>().join(","))
            }
            Self::Region { rows, columns } => {
                write!(formatter, "{}:{},{}:{}", rows[0], rows[1], columns[0], columns[1])
            }
            Self::Weights { shape, .. } => write!(formatter, "{}", Shape::new(shape.clone())),
        }
    }
}

fn parts<T: Copy>(array: Array<T>, factor: impl Fn(T) -> f32) -> (Vec<usize>, Arc<[f32]>) {
    (array.shape, array.values.into_iter().map(factor).collect())
}

fn keep(factors: &mut [f32], is_kept: impl Fn(usize) -> bool) {
    for (element, factor) in factors.iter_mut().enumerate() {
        if !is_kept(element) {
            *factor = 0.0;
        }
    }
}

/// Which of `count` things the ranges hold.
fn taken(
    ranges: &[RangeInclusive<usize>],
    count: usize,
    what: &str,
) -> std::result::Result<Vec<bool>, String> {
    let mut taken = vec![false; count];
    for range in ranges {
        if *range.end() >= count {
            return Err(format!(
                "there is no {what} {}, expected 0 to {}",
                range.end(),
                count.saturating_sub(1)
            ));
        }
        taken[range.clone()].fill(true);
    }
    Ok(taken)
}

fn ranges(text: &str) -> Result<Vec<RangeInclusive<usize>>> {
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(first..=last)
    };
    let ranges: Option<Vec<_>> = text.split(',').take(MOST_RANGES).map(range).collect();
    ranges.ok_or_else(|| Error::MaskText {
        text: text.to_owned(),
        expected: "numbers and ranges of them, such as `3,7-12`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(parts: impl IntoIterator<Item = MaskPart>, extents: &[usize]) -> Result<Vec<f32>> {
        Ok(Mask::of(parts).at("l", &Shape::new(extents))?.expect("it has parts").to_vec())
    }

    fn weights(values: &[f32], file: Option<&str>) -> MaskPart {
        MaskPart::Weights { shape: vec![values.len()], values: values.into(), path: file.map(PathBuf::from) }
    }

    #[test]
    fn parts_are_multiplied() {
        let channels = MaskPart::channels("1").unwrap();
        let region = MaskPart::region("0:1,1:2").unwrap();
        let weights = MaskPart::Weights {
            shape: vec![1, 2, 2, 2],
            values: (0..8).map(|it| it as f32).collect(),
            path: None,
        };
        assert_eq!(at([channels.clone()], &[2, 2, 2]).unwrap(), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(at([region.clone()], &[2, 2, 2]).unwrap(), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(
            at([channels, region, weights], &[2, 2, 2]).unwrap(),
            [0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0]
        );
        assert_eq!(at([MaskPart::units("0, 2-3").unwrap()], &[4]).unwrap(), [1.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn what_lies_outside_the_layer_is_told() {
        let reason = |part: MaskPart, extents: &[usize]| at([part], extents).unwrap_err().to_string();
        let prefix = |shape: &str| format!("the mask does not fit layer `l` of {shape}: ");
        assert_eq!(
            reason(MaskPart::channels("0,3-5").unwrap(), &[5, 2, 2]),
            prefix("5×2×2") + "there is no channel 5, expected 0 to 4"
        );
        assert_eq!(
            reason(MaskPart::units("9").unwrap(), &[9]),
            prefix("9") + "there is no unit 9, expected 0 to 8"
        );
        assert_eq!(
            reason(MaskPart::channels("0").unwrap(), &[9]),
            prefix("9") + "it has units and no channels"
        );
        assert_eq!(
            reason(MaskPart::region("0:2,0:3").unwrap(), &[1, 2, 2]),
            prefix("1×2×2") + "there is no column 2, expected 0 to 1"
        );
        assert_eq!(
            reason(weights(&[1.0; 3], Some("m.npy")), &[2]),
            prefix("2") + "expected an array of shape [2], got [3]: `m.npy`"
        );
        assert_eq!(
            reason(weights(&[1.0, f32::NAN], None), &[2]),
            prefix("2") + "expected finite numbers, got NaN"
        );
        let nothing = prefix("2") + "nothing is left of it: `m.npy`";
        assert_eq!(reason(weights(&[0.0; 2], Some("m.npy")), &[2]), nothing);
        let hint = at([MaskPart::units("9").unwrap()], &[9]).unwrap_err().hint();
        assert!(hint.unwrap().contains("`lots layers NETWORK`"));
    }

    #[test]
    fn texts_that_are_no_ranges_are_refused() {
        for text in ["", "a", "3-", "5-3", "-1", "1,,2", "1.5", "99999999999999999999"] {
            assert!(MaskPart::channels(text).is_err(), "{text}");
        }
        for text in ["", "0:1", "1:1,0:2", "0:1,0:2,0:3", "2:1,0:1"] {
            assert!(MaskPart::region(text).is_err(), "{text}");
        }
    }

    #[test]
    fn masks_are_numbers_bytes_or_truth_values_and_no_larger_than_a_layer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.npy");
        array::write(&path, &[1, 2], &[true, false]).unwrap();
        let of = |values: [f32; 2]| MaskPart::Weights {
            shape: vec![1, 2],
            values: values.into(),
            path: Some(path.clone()),
        };
        assert_eq!(MaskPart::read(&path, 2).unwrap(), of([1.0, 0.0]));
        array::write(&path, &[1, 2], &[3_u8, 0]).unwrap();
        assert_eq!(MaskPart::read(&path, 2).unwrap(), of([3.0, 0.0]));
        array::write(&path, &[1, 2], &[0.5_f32, 0.0]).unwrap();
        assert_eq!(MaskPart::read(&path, 2).unwrap(), of([0.5, 0.0]));
        let sentence = |most| MaskPart::read(&path, most).unwrap_err().to_string();
        let large = "the mask holds numbers of shape [1, 2], expected one for each element of a layer: `";
        assert!(sentence(1).starts_with(large), "{}", sentence(1));
        array::write(&path, &[1, 2], &[0.5_f64, 0.0]).unwrap();
        assert!(
            sentence(2)
                .starts_with("the mask holds values of type `<f8`, expected numbers of 32 bits, bytes")
        );
        let hint = |path: &Path| MaskPart::read(path, 2).unwrap_err().hint().unwrap();
        assert_eq!(hint(&folder.path().join("none.npy")), "paths are relative to the current folder");
        assert_eq!(hint(folder.path()), "name a file in that folder");
        std::fs::write(&path, b"\x93NUM").unwrap();
        assert!(sentence(2).starts_with("not a `.npy` array: `"), "{}", sentence(2));
    }
}
