//! How pixels become the input of a network ([`PixelEncoding`]), and how a gradient there becomes one of pixels.
//!
//! Networks take pixels in many units: 0–255, 0–1, ±1, or standardised by channel. The encoding is part of the network,
//! so that everything above it works with pixels 0–255 in the order red, green, blue.
//! In an ONNX file it is three metadata properties, see [`PixelEncoding::to_metadata`].

use std::fmt;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::forward::LANES;
use crate::kernel::turned_rows;
use crate::network::TILE;
use crate::op::vectorized;

/// Pixels of whole images, one image after the other, each `[channels, height, width]` in the order red, green, blue,
/// values 0–255.
#[derive(Clone, Copy, Debug)]
pub enum Pixels<'a> {
    /// As they are in image files.
    U8(&'a [u8]),
    /// With values between those of image files.
    F32(&'a [f32]),
}

impl<'a> From<&'a [u8]> for Pixels<'a> {
    fn from(pixels: &'a [u8]) -> Self {
        Self::U8(pixels)
    }
}

impl<'a> From<&'a [f32]> for Pixels<'a> {
    fn from(pixels: &'a [f32]) -> Self {
        Self::F32(pixels)
    }
}

impl Pixels<'_> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::U8(pixels) => pixels.len(),
            Self::F32(pixels) => pixels.len(),
        }
    }

    pub(crate) fn slice(self, range: Range<usize>) -> Self {
        match self {
            Self::U8(pixels) => Self::U8(&pixels[range]),
            Self::F32(pixels) => Self::F32(&pixels[range]),
        }
    }
}

/// The order of the channels in the network's input. Images outside have the order red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red: networks from Caffe and OpenCV.
    Bgr,
    /// One channel.
    Grey,
}

impl ChannelOrder {
    /// The order that a network with so many channels has, if nothing else is said.
    ///
    /// # Errors
    /// [`Error::PixelChannels`] if there are neither 1 nor 3.
    pub fn of_channels(channels: usize) -> Result<Self> {
        match channels {
            1 => Ok(Self::Grey),
            3 => Ok(Self::Rgb),
            got => Err(Error::PixelChannels { got, expected: "1 or 3".to_owned() }),
        }
    }

    /// The order that `word` names: `rgb`, `bgr` or `grey`.
    ///
    /// # Errors
    /// [`Error::ChannelWord`] if it is another word.
    pub fn from_word(word: &str) -> Result<Self> {
        match word {
            "rgb" => Ok(Self::Rgb),
            "bgr" => Ok(Self::Bgr),
            "grey" => Ok(Self::Grey),
            _ => Err(Error::ChannelWord { word: word.to_owned() }),
        }
    }

    /// The word of [`ChannelOrder::from_word`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
            Self::Grey => "grey",
        }
    }

    /// How many channels there are.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }

    /// Which channel of an image becomes channel `channel` of the input.
    fn image_channel(self, channel: usize) -> usize {
        if self == Self::Bgr { 2 - channel } else { channel }
    }
}

/// How a pixel becomes the network's input: input = (pixel − mean) · factor, for each channel.
///
/// Channels of `mean` and `factor` are in the order of the network's input, not of the image.
///
/// ```
/// use lots_network::{ChannelOrder, PixelEncoding};
/// let encoding = PixelEncoding::from_word("-1-1", ChannelOrder::Grey)?;
/// assert_eq!(encoding.mean(), [127.5]);
/// assert_eq!(encoding.factor(), [1.0 / 127.5]);
/// # Ok::<(), lots_network::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PixelEncoding {
    channel_order: ChannelOrder,
    mean: Vec<f32>,
    factor: Vec<f32>,
}

impl PixelEncoding {
    /// The words of [`PixelEncoding::from_word`].
    pub const WORDS: [&str; 4] = ["0-255", "0-1", "-1-1", "imagenet"];

    /// An encoding from its numbers, one a channel in the order of the network's input: `mean` in pixel values 0–255,
    /// `factor` in input units a pixel value.
    ///
    /// # Errors
    /// [`Error::PixelValues`] if there are not as many as channels; [`Error::PixelValue`] if one is not finite or a
    /// factor is 0.
    pub fn new(channel_order: ChannelOrder, mean: Vec<f32>, factor: Vec<f32>) -> Result<Self> {
        for (what, values) in [("mean", &mean), ("factor", &factor)] {
            if values.len() != channel_order.channels() {
                let expected = channel_order.channels();
                return Err(Error::PixelValues { what, got: values.len(), expected });
            }
        }
        expect("mean", &mean, "a finite number", f32::is_finite)?;
        expect("factor", &factor, "a finite number other than 0", |value| value.is_finite() && value != 0.0)?;
        Ok(Self { channel_order, mean, factor })
    }

    /// The encoding that a word names: `0-255`, `0-1` and `-1-1` are the range of the network's input,
    /// `imagenet` the standardisation of torchvision's networks (three channels).
    ///
    /// # Errors
    /// [`Error::PixelWord`] if it is another word; [`Error::PixelChannels`] for `imagenet` in grey.
    ///
    /// Source: torchvision 0.20, `transforms.Normalize` of `ImageClassification`.
    pub fn from_word(word: &str, channel_order: ChannelOrder) -> Result<Self> {
        /// Means and deviations of red, green and blue in pixel values 0–1.
        const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
        const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];
        let channels = channel_order.channels();
        let same =
            |mean: f32, factor: f32| Self::new(channel_order, vec![mean; channels], vec![factor; channels]);
        match word {
            "0-255" => same(0.0, 1.0),
            "0-1" => same(0.0, 1.0 / 255.0),
            "-1-1" => same(127.5, 1.0 / 127.5),
            "imagenet" if channels == 3 => {
                let in_order =
                    |values: [f64; 3]| [0, 1, 2].map(|channel| values[channel_order.image_channel(channel)]);
                let mean = in_order(MEAN).map(|mean| (mean * 255.0) as f32);
                let factor = in_order(DEVIATION).map(|deviation| (1.0 / (deviation * 255.0)) as f32);
                Self::new(channel_order, mean.to_vec(), factor.to_vec())
            }
            "imagenet" => {
                Err(Error::PixelChannels { got: channels, expected: "3 for `imagenet`".to_owned() })
            }
            _ => Err(Error::PixelWord { word: word.to_owned() }),
        }
    }

    /// input = (pixel − mean) / std · scale, as Caffe and torchvision describe it. `mean` and `std` are in pixel values
    /// 0–255, in the order of the network's input: one for all channels, one a channel, or none (0 and 1).
    ///
    /// # Errors
    /// [`Error::PixelValues`], [`Error::PixelValue`] as for [`PixelEncoding::new`], and if `std` or `scale` are 0.
    ///
    /// ```
    /// use lots_network::{ChannelOrder, PixelEncoding};
    /// let lenet = PixelEncoding::scaled(ChannelOrder::Grey, &[], &[], 0.00390625)?;
    /// assert_eq!(lenet.factor(), [1.0 / 256.0]);
    /// # Ok::<(), lots_network::Error>(())
    /// ```
    pub fn scaled(channel_order: ChannelOrder, mean: &[f32], std: &[f32], scale: f32) -> Result<Self> {
        let channels = channel_order.channels();
        let mean = one_a_channel("mean", mean, 0.0, channels)?;
        let std = one_a_channel("std", std, 1.0, channels)?;
        expect("std", &std, "a finite number above 0", |value| value.is_finite() && value > 0.0)?;
        expect("scale", &[scale], "a finite number other than 0", |value| value.is_finite() && value != 0.0)?;
        let factor = std.iter().map(|&std| (f64::from(scale) / f64::from(std)) as f32).collect();
        Self::new(channel_order, mean, factor)
    }

    /// The order of the channels in the network's input.
    pub fn channel_order(&self) -> ChannelOrder {
        self.channel_order
    }

    /// What is taken from a pixel, 0–255, one a channel of the network's input.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// What the rest is multiplied with, one a channel of the network's input.
    pub fn factor(&self) -> &[f32] {
        &self.factor
    }

    /// `(pixel − 127.5) · 0.0078`, numbers once if they are the same for all channels.
    ///
    /// ```
    /// use lots_network::{ChannelOrder, PixelEncoding};
    /// let caffe = PixelEncoding::scaled(ChannelOrder::Bgr, &[104.0, 117.0, 123.0], &[], 1.0)?;
    /// assert_eq!(caffe.formula(), "(pixel − [104, 117, 123]) · 1");
    /// # Ok::<(), lots_network::Error>(())
    /// ```
    pub fn formula(&self) -> String {
        let numbers = |values: &[f32]| match values {
            [first, rest @ ..] if rest.iter().all(|value| value.to_bits() == first.to_bits()) => {
                first.to_string()
            }
            _ => format!("[{}]", values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")),
        };
        if self.mean.iter().all(|&mean| mean == 0.0) {
            format!("pixel · {}", numbers(&self.factor))
        } else {
            format!("(pixel − {}) · {}", numbers(&self.mean), numbers(&self.factor))
        }
    }

    /// Checks that a network with `channels` can have this encoding.
    ///
    /// # Errors
    /// [`Error::PixelChannels`] if the encoding is for another number of channels.
    pub fn expect_channels(&self, channels: usize) -> Result<()> {
        let expected = self.channel_order.channels();
        if channels == expected {
            return Ok(());
        }
        let expected = format!("{expected} for `{}`", self.channel_order.word());
        Err(Error::PixelChannels { got: channels, expected })
    }

    /// The encoding as metadata properties of an ONNX file:
    ///
    /// | Property | Value | Example |
    /// |---|---|---|
    /// | `lots.channels` | `rgb`, `bgr` or `grey`, the order in the network's input | `bgr` |
    /// | `lots.mean` | one decimal number a channel of the input, commas between them | `103.939,116.779,123.68` |
    /// | `lots.factor` | likewise | `1,1,1` |
    ///
    /// Numbers have as many digits as it takes to read the same `f32` back.
    pub fn to_metadata(&self) -> [(String, String); 3] {
        [
            (CHANNELS.to_owned(), self.channel_order.word().to_owned()),
            (MEAN.to_owned(), format_numbers(&self.mean)),
            (FACTOR.to_owned(), format_numbers(&self.factor)),
        ]
    }

    /// The encoding that [`PixelEncoding::to_metadata`] wrote, among the properties of a file; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::PixelProperty`] if some of the properties are missing or say nothing sensible.
    pub fn from_metadata(metadata: &[(String, String)]) -> Result<Option<Self>> {
        let find = |key| metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        let properties = [CHANNELS, MEAN, FACTOR].map(find);
        if properties.iter().all(Option::is_none) {
            return Ok(None);
        }
        let [channels, mean, factor] = properties.map(Option::unwrap_or_default);
        let fault =
            |key, value: &str, expected| Error::PixelProperty { key, value: value.to_owned(), expected };
        let channel_order = ChannelOrder::from_word(channels)
            .ok()
            .ok_or_else(|| fault(CHANNELS, channels, "`rgb`, `bgr` or `grey`"))?;
        let numbers = |key, text| {
            let expected = "one number a channel, commas between them";
            parse_numbers(text)
                .filter(|numbers| numbers.len() == channel_order.channels())
                .filter(|numbers| {
                    numbers.iter().all(|&number| number.is_finite() && (key == MEAN || number != 0.0))
                })
                .ok_or_else(|| fault(key, text, expected))
        };
        Self::new(channel_order, numbers(MEAN, mean)?, numbers(FACTOR, factor)?).map(Some)
    }

    /// Encodes one image, or up to [`LANES`] side by side.
    ///
    /// - `shape`: the network's input, `[channels, height, width]`; it has as many channels as the encoding
    ///   ([`PixelEncoding::expect_channels`]).
    /// - `input`: `[elements][lanes]`, overwritten. Lanes without an image repeat the last one.
    pub(crate) fn encode(&self, images: Pixels<'_>, shape: [usize; 3], lanes: usize, input: &mut [f32]) {
        vectorized(
            #[inline(always)]
            || match images {
                Pixels::U8(pixels) => self.encode_pixels(pixels, shape, lanes, input),
                Pixels::F32(pixels) => self.encode_pixels(pixels, shape, lanes, input),
            },
        );
    }

    /// The gradient with respect to the pixels from that with respect to the network's input.
    ///
    /// - `gradient`: `[elements][lanes]`, as [`PixelEncoding::encode`] lays the input out.
    /// - `pixels`: as many images as fit, one after the other, each `[channels, height, width]` in the order red,
    ///   green, blue; overwritten. They are those of the first lanes.
    pub(crate) fn pull_back(&self, gradient: &[f32], shape: [usize; 3], lanes: usize, pixels: &mut [f32]) {
        let [channels, height, width] = shape;
        let plane = height * width;
        debug_assert_eq!(gradient.len(), channels * plane * lanes);
        for (channel, gradient) in gradient.chunks_exact(plane * lanes).enumerate() {
            let factor = self.factor[channel];
            let start = self.channel_order.image_channel(channel) * plane;
            for (tile, rows) in gradient.chunks(TILE * lanes).enumerate() {
                for (lane, image) in pixels.chunks_exact_mut(channels * plane).enumerate() {
                    let pixels = &mut image[start + tile * TILE..start + plane];
                    for (pixel, row) in pixels.iter_mut().zip(rows.chunks_exact(lanes)) {
                        *pixel = row[lane] * factor;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn encode_pixels<P: Copy + Into<f32>>(
        &self,
        pixels: &[P],
        shape: [usize; 3],
        lanes: usize,
        input: &mut [f32],
    ) {
        let [channels, height, width] = shape;
        let plane = height * width;
        debug_assert_eq!(input.len(), channels * plane * lanes);
        for (channel, input) in input.chunks_exact_mut(plane * lanes).enumerate() {
            let (mean, factor) = (self.mean[channel], self.factor[channel]);
            let start = self.channel_order.image_channel(channel) * plane;
            let images = pixels.chunks_exact(channels * plane);
            let planes: Vec<&[P]> = images.map(|image| &image[start..start + plane]).collect();
            side_by_side(&planes, lanes, input, |pixel| (pixel.into() - mean) * factor);
        }
    }
}

impl fmt::Display for PixelEncoding {
    /// `rgb, (pixel − 127.5) · 0.0078`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}", self.channel_order.word(), self.formula())
    }
}

const CHANNELS: &str = "lots.channels";
const MEAN: &str = "lots.mean";
const FACTOR: &str = "lots.factor";

/// Writes `convert(planes[lane][element])` to `rows[element * lanes + lane]`, where there is no plane the last one again.
/// There is one lane or [`LANES`].
#[inline(always)]
fn side_by_side<P: Copy>(planes: &[&[P]], lanes: usize, rows: &mut [f32], convert: impl Fn(P) -> f32) {
    if let ([plane], 1) = (planes, lanes) {
        for (value, &pixel) in rows.iter_mut().zip(*plane) {
            *value = convert(pixel);
        }
        return;
    }
    let Some(last) = planes.len().checked_sub(1) else { return rows.fill(0.0) };
    assert_eq!(lanes, LANES, "one image, or images in all lanes");
    let mut converted = [[0.0; TILE]; LANES];
    for (tile, rows) in rows.chunks_mut(TILE * LANES).enumerate() {
        for (lane, converted) in converted.iter_mut().enumerate() {
            for (value, &pixel) in converted.iter_mut().zip(&planes[lane.min(last)][tile * TILE..]) {
                *value = convert(pixel);
            }
        }
        turned_rows::side_by_side(&converted.each_ref().map(<[f32; TILE]>::as_slice), rows);
    }
}

/// `values` for all channels: as they are, or the only one repeated, or `default`.
fn one_a_channel(what: &'static str, values: &[f32], default: f32, channels: usize) -> Result<Vec<f32>> {
    match *values {
        [] => Ok(vec![default; channels]),
        [value] => Ok(vec![value; channels]),
        _ if values.len() == channels => Ok(values.to_vec()),
        _ => Err(Error::PixelValues { what, got: values.len(), expected: channels }),
    }
}

fn expect(
    what: &'static str,
    values: &[f32],
    expected: &'static str,
    is_good: impl Fn(f32) -> bool,
) -> Result<()> {
    match values.iter().find(|&&value| !is_good(value)) {
        Some(value) => Err(Error::PixelValue { what, value: value.to_string(), expected }),
        None => Ok(()),
    }
}

fn format_numbers(numbers: &[f32]) -> String {
    numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(",")
}

fn parse_numbers(text: &str) -> Option<Vec<f32>> {
    text.split(',').map(|number| number.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests;
