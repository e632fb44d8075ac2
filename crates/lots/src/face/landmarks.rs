//! [`LandmarkNetwork`]: where eyes, nose and mouth are in a face that was found.

use lots_network::{ChannelOrder, Network, NetworkFile, PixelEncoding};

use super::detection::FaceBox;
use super::placement::Point;
use crate::error::{Error, Result};
use crate::image::Image;

/// The left eye, the right eye, the nose, the left and the right corner of the mouth, as one looks at the picture.
pub type FivePoints = [Point; 5];

/// Points of a face as they are numbered in the 300-W data set.
const POINTS: usize = 68;

/// Which of the 68 points each of the five is the mean of: the lids of the eyes without the corners, the tip of the nose,
/// the outer and the inner corner of the mouth on each side.
const MEANS: [&[usize]; 5] = [&[37, 38, 40, 41], &[43, 44, 46, 47], &[30], &[48, 60], &[54, 64]];

/// A network that reads 68 points in the cut-out of a face: x and y of each in turn, 0–1 of its width and height.
#[derive(Debug)]
pub struct LandmarkNetwork {
    network: Network,
}

impl LandmarkNetwork {
    /// The network of an ONNX file. If the file does not say which pixels it expects, they are grey, divided by 256.
    ///
    /// # Errors
    /// [`Error::Network`] if the file is none; [`Error::FaceNetwork`] if it does not read 68 points.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self> {
        let file = NetworkFile::read(bytes)?;
        let order = ChannelOrder::of_channels(file.input_shape()[0])?;
        let pixels = match file.pixels()? {
            Some(pixels) => pixels,
            None => PixelEncoding::scaled(order, &[], &[], 1.0 / 256.0)?,
        };
        Self::new(file.into_network(pixels)?)
    }

    /// A network with its pixels.
    ///
    /// # Errors
    /// [`Error::FaceNetwork`] if it does not read 68 points.
    pub fn new(network: Network) -> Result<Self> {
        if network.class_count() == 2 * POINTS {
            return Ok(Self { network });
        }
        let expected = "136 numbers: x and y of 68 points";
        Err(Error::FaceNetwork { role: "landmark network", expected })
    }

    /// The five points of a face.
    ///
    /// - `area`: where the face is; what lies outside the photograph continues its border.
    /// - Returns points in pixels of the photograph.
    ///
    /// # Errors
    /// [`Error::Network`].
    pub fn five_points(&self, photo: &Image, area: &FaceBox) -> Result<FivePoints> {
        let [channels, height, width] = self.network.input_shape();
        let square = area.square();
        let cut = square.cut_out(photo)?;
        let cut = if channels == 1 { cut.to_grey() } else { cut.to_colour() }.resized([height, width])?;
        let read = self.network.classify(cut.pixels())?;
        let points = read.image(0);
        let place = |index: usize| Point {
            x: square.left + f64::from(points[2 * index]) * square.width(),
            y: square.top + f64::from(points[2 * index + 1]) * square.height(),
        };
        Ok(MEANS.map(|indices| {
            let (mut x, mut y) = (0.0, 0.0);
            for &index in indices {
                let point = place(index);
                (x, y) = (x + point.x, y + point.y);
            }
            let count = indices.len() as f64;
            Point { x: x / count, y: y / count }
        }))
    }
}
