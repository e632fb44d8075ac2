//! What is done to an image of another size before a network looks at it ([`Preprocessing`]): it is resized, then its
//! centre is cut out, as torchvision's preprocessing does it.
//!
//! Only the declaration and its geometry live here; the pixels are resampled where images are known. How pixel values
//! become the network's input is another declaration, [`crate::PixelEncoding`].
//! In an ONNX file it is two metadata properties, see [`Preprocessing::to_metadata`].
//!
//! Source: torchvision 0.20, `transforms.Resize` and `transforms.CenterCrop` of `ImageClassification`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// No side of an image is longer, so that a file cannot ask for more memory than any network needs.
const LONGEST_SIDE: usize = 1 << 15;

const RESIZE: &str = "lots.resize";
const CROP: &str = "lots.crop";
/// The properties of a file that are written here.
pub(crate) const PROPERTIES: [&str; 2] = [RESIZE, CROP];

/// What an image is resized to.
///
/// ```
/// use lots_network::Resize;
/// assert_eq!("256".parse::<Resize>()?, Resize::ShorterSide(256));
/// assert_eq!("480x640".parse::<Resize>()?, Resize::Exact([480, 640]));
/// # Ok::<(), lots_network::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// The shorter side becomes so long, the longer one follows in proportion.
    ShorterSide(usize),
    /// Height and width become these, whatever they were.
    Exact([usize; 2]),
}

impl Resize {
    /// Height and width of an image of `[height, width]` after it was resized. The longer side is rounded down.
    ///
    /// ```
    /// use lots_network::Resize;
    /// assert_eq!(Resize::ShorterSide(256).of([512, 683]), [256, 341]);
    /// ```
    ///
    /// Source: torchvision 0.20, `transforms.functional._compute_resized_output_size`.
    #[must_use]
    pub fn of(self, [height, width]: [usize; 2]) -> [usize; 2] {
        let longer = |target: usize, longer: usize, shorter: usize| {
            let exact = target as u128 * longer as u128 / shorter.max(1) as u128;
            usize::try_from(exact).unwrap_or(usize::MAX)
        };
        match self {
            Self::Exact(extents) => extents,
            Self::ShorterSide(side) if width <= height => [longer(side, height, width), side],
            Self::ShorterSide(side) => [side, longer(side, width, height)],
        }
    }
}

impl FromStr for Resize {
    type Err = Error;

    /// A number for the shorter side, or `HEIGHTxWIDTH`.
    fn from_str(text: &str) -> Result<Self> {
        match Extents::parse(text) {
            Some(Extents::Side(side)) => Ok(Self::ShorterSide(side)),
            Some(Extents::Both(both)) => Ok(Self::Exact(both)),
            None => Err(Error::SizeText { text: text.to_owned(), longest: LONGEST_SIDE }),
        }
    }
}

impl fmt::Display for Resize {
    /// As it is written on the command line and in files.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShorterSide(side) => side.fmt(formatter),
            Self::Exact([height, width]) => write!(formatter, "{height}x{width}"),
        }
    }
}

/// What is done to an image that does not have the size of the network's input: first it is resized, then its centre is
/// cut out; either may be left out. By default nothing is, and an image of another size is refused.
///
/// An image that has the size of the input already is taken as it is: what was preprocessed once, perturbed and written
/// as a file must not be scaled again.
///
/// ```
/// use lots_network::{Preprocessing, Resize};
/// let preprocessing = Preprocessing::new(Some(Resize::ShorterSide(256)), Some([224, 224]))?;
/// assert_eq!(preprocessing.to_string(), "resize 256, crop 224x224");
/// # Ok::<(), lots_network::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preprocessing {
    resize: Option<Resize>,
    crop: Option<[usize; 2]>,
}

impl Preprocessing {
    /// Resizing, then cutting out the centre of `[height, width]`.
    ///
    /// # Errors
    /// [`Error::SizeText`] if a side is 0 or longer than any image's; [`Error::CropOutside`] if no resized image holds
    /// the crop.
    pub fn new(resize: Option<Resize>, crop: Option<[usize; 2]>) -> Result<Self> {
        let sides = match resize {
            Some(Resize::ShorterSide(side)) => [side; 2],
            Some(Resize::Exact(extents)) => extents,
            None => [1; 2],
        };
        for [height, width] in [sides, crop.unwrap_or([1; 2])] {
            if [height, width].iter().any(|side| !(1..=LONGEST_SIDE).contains(side)) {
                return Err(Error::SizeText { text: format!("{height}x{width}"), longest: LONGEST_SIDE });
            }
        }
        if let (Some(resize), Some([height, width])) = (resize, crop) {
            let is_inside = match resize {
                // The other side may be as long as it takes.
                Resize::ShorterSide(side) => height.min(width) <= side,
                Resize::Exact(extents) => height <= extents[0] && width <= extents[1],
            };
            if !is_inside {
                return Err(Error::CropOutside { resize, crop: [height, width] });
            }
        }
        Ok(Self { resize, crop })
    }

    /// What an image is resized to; `None` if it is not.
    pub fn resize(&self) -> Option<Resize> {
        self.resize
    }

    /// `[height, width]` of what is cut out of the centre; `None` if nothing is.
    pub fn crop(&self) -> Option<[usize; 2]> {
        self.crop
    }

    /// Whether images are taken as they are.
    pub fn is_empty(&self) -> bool {
        self.resize.is_none() && self.crop.is_none()
    }

    /// The upper left corner `[row, column]` of what is cut out of the centre: half of what is left over, where halves
    /// are rounded to the even number, as Python rounds them.
    ///
    /// - `crop`: no side is longer than that of `extents`; where it is, the corner is 0.
    ///
    /// ```
    /// use lots_network::Preprocessing;
    /// assert_eq!(Preprocessing::corner([256, 341], [224, 224]), [16, 58]);
    /// ```
    ///
    /// Source: torchvision 0.20, `transforms.functional.center_crop`.
    #[must_use]
    pub fn corner(extents: [usize; 2], crop: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let left_over = extents[axis].saturating_sub(crop[axis]);
            // n + ½ lies between the even and the odd neighbour: 3 / 2 is 1.5 and becomes 2, 5 / 2 is 2.5 and becomes 2.
            left_over / 2 + usize::from(left_over % 4 == 3)
        })
    }

    /// Checks that what is left of an image fits a network that takes images of `[height, width]`.
    ///
    /// # Errors
    /// [`Error::CropSize`], [`Error::ResizeSize`].
    pub fn expect_size(&self, expected: [usize; 2]) -> Result<()> {
        match (self.resize, self.crop) {
            (_, Some(got)) if got != expected => Err(Error::CropSize { got, expected }),
            (Some(resize), None) if resize != Resize::Exact(expected) => {
                Err(Error::ResizeSize { resize, expected })
            }
            _ => Ok(()),
        }
    }

    /// The declaration as metadata properties of an ONNX file; none for what is not done:
    ///
    /// | Property | Value | Example |
    /// |---|---|---|
    /// | `lots.resize` | length of the shorter side, or `HEIGHTxWIDTH` | `256` |
    /// | `lots.crop` | `HEIGHTxWIDTH`, or one number for both | `224x224` |
    pub fn to_metadata(&self) -> Vec<(String, String)> {
        let resize = self.resize.map(|resize| (RESIZE.to_owned(), resize.to_string()));
        let crop = self.crop.map(|[height, width]| (CROP.to_owned(), format!("{height}x{width}")));
        resize.into_iter().chain(crop).collect()
    }

    /// The declaration that [`Preprocessing::to_metadata`] wrote, among the properties of a file.
    ///
    /// # Errors
    /// [`Error::SizeProperty`] if a property says nothing sensible; [`Error::CropOutside`].
    pub fn from_metadata(metadata: &[(String, String)]) -> Result<Self> {
        let find = |key: &'static str| {
            let Some((_, text)) = metadata.iter().find(|(known, _)| known == key) else { return Ok(None) };
            match Extents::parse(text) {
                Some(extents) => Ok(Some(extents)),
                None => Err(Error::SizeProperty { key, value: text.clone() }),
            }
        };
        let resize = find(RESIZE)?.map(|extents| match extents {
            Extents::Side(side) => Resize::ShorterSide(side),
            Extents::Both(both) => Resize::Exact(both),
        });
        let crop = find(CROP)?.map(|extents| match extents {
            Extents::Side(side) => [side; 2],
            Extents::Both(both) => both,
        });
        Self::new(resize, crop)
    }
}

impl fmt::Display for Preprocessing {
    /// `resize 256, crop 224x224`, or `none`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.resize, self.crop) {
            (Some(resize), Some([height, width])) => {
                write!(formatter, "resize {resize}, crop {height}x{width}")
            }
            (Some(resize), None) => write!(formatter, "resize {resize}"),
            (None, Some([height, width])) => write!(formatter, "crop {height}x{width}"),
            (None, None) => formatter.write_str("none"),
        }
    }
}

/// One number, or height and width.
enum Extents {
    Side(usize),
    Both([usize; 2]),
}

impl Extents {
    /// `224` or `224x224`; `None` for anything else, and for sides that no image has.
    fn parse(text: &str) -> Option<Self> {
        // `parse` alone would also take a sign.
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let side = |text: &str| {
            let side = Some(text).filter(is_number)?.parse::<usize>().ok()?;
            (1..=LONGEST_SIDE).contains(&side).then_some(side)
        };
        match text.split_once('x') {
            Some((height, width)) => Some(Self::Both([side(height)?, side(width)?])),
            None => side(text).map(Self::Side),
        }
    }
}

#[cfg(test)]
mod tests;
