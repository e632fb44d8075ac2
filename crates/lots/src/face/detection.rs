//! [`Detector`]: where faces are in a photograph.
//!
//! Detectors of this family are networks with two outputs: `scores`, two probabilities for each of many boxes (nothing,
//! a face), and `boxes`, left, top, right and bottom of each as shares of the width and the height of the network's image.

use lots_network::{ChannelOrder, LayerId, Network, NetworkFile, PixelEncoding};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::image::Image;

/// Of two boxes that share more of their union than this, the one with the lower score is dropped; what is published with
/// the detector that `tools/fetch_faces` brings.
const MOST_SHARED: f64 = 0.4;
/// So many boxes at most are compared with each other; likewise.
const MOST_BOXES: usize = 750;
/// Cut-outs of faces are no longer; networks take some 64 pixels of them.
const LONGEST_SIDE: f64 = 8192.0;

/// A rectangle in a photograph, in pixels; corners may lie outside.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceBox {
    /// Column of the left side.
    pub left: f64,
    /// Row of the upper side.
    pub top: f64,
    /// Column of the right side.
    pub right: f64,
    /// Row of the lower side.
    pub bottom: f64,
}

/// A face that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Where it is.
    pub area: FaceBox,
    /// The probability that it is a face, 0–1.
    pub score: f64,
}

/// The default of [`Detector::least_score`]. The published one, 0.65, takes the hair of a portrait for a face; the faces in
/// our portraits have 0.99 and more.
pub const LEAST_SCORE: f64 = 0.9;

/// A network that finds faces.
#[derive(Debug)]
pub struct Detector {
    /// Boxes with a lower score are no faces, 0–1.
    pub least_score: f64,
    network: Network,
    scores: LayerId,
    boxes: LayerId,
}

impl Detector {
    /// The network of an ONNX file. If the file does not say which pixels it expects, they are red, green and blue,
    /// less 127 and divided by 128.
    ///
    /// # Errors
    /// [`Error::Network`] if the file is none; [`Error::FaceNetwork`] if it has no outputs `scores` and `boxes`.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self> {
        let file = NetworkFile::read(bytes)?;
        let pixels = if let Some(pixels) = file.pixels()? {
            pixels
        } else {
            let order = ChannelOrder::of_channels(file.input_shape()[0])?;
            PixelEncoding::scaled(order, &[127.0], &[128.0], 1.0)?
        };
        Self::new(file.into_network(pixels)?)
    }

    /// A network with its pixels.
    ///
    /// # Errors
    /// [`Error::FaceNetwork`] if it has no outputs `scores` and `boxes` of as many rows, or no three channels.
    pub fn new(network: Network) -> Result<Self> {
        let expected =
            "outputs `scores` and `boxes`, two and four numbers for each box, and images in colour";
        let refused = || Error::FaceNetwork { role: "detector", expected };
        let layer = |name| network.layer(name).map_err(|_unknown| refused());
        let (scores, boxes) = (layer("scores")?, layer("boxes")?);
        let counts = [scores, boxes].map(|layer| network.shape(layer).count());
        let is_right =
            network.input_shape()[0] == 3 && counts[0].is_multiple_of(2) && counts[1] == 2 * counts[0];
        if is_right { Ok(Self { least_score: LEAST_SCORE, network, scores, boxes }) } else { Err(refused()) }
    }

    /// The faces of a photograph, the highest score first.
    ///
    /// The photograph is resized to the network's image whatever its proportions, as the published detector expects it.
    ///
    /// - `photo`: in colour, of any size.
    ///
    /// # Errors
    /// [`Error::ResizedSize`] if it is thousands of times as long as wide; [`Error::Network`].
    pub fn detect(&self, photo: &Image) -> Result<Vec<Detection>> {
        let [_, height, width] = self.network.input_shape();
        let small = photo.to_colour().resized([height, width])?;
        let trace = self.network.trace(&[self.scores, self.boxes], small.pixels())?;
        let (scores, boxes) = (trace.representation(self.scores)?, trace.representation(self.boxes)?);
        let sides = [photo.width() as f64, photo.height() as f64];
        Ok(faces(&scores.values, &boxes.values, sides, self.least_score))
    }
}

/// The faces among boxes.
///
/// - `scores`: nothing and face of each box; `boxes`: its sides, 0–1.
/// - `sides`: width and height of the photograph; `least_score`: of a face.
fn faces(scores: &[f32], boxes: &[f32], sides: [f64; 2], least_score: f64) -> Vec<Detection> {
    let mut found: Vec<Detection> = Vec::new();
    for (score, corners) in scores.chunks_exact(2).zip(boxes.chunks_exact(4)) {
        let [left, top, right, bottom] = [0, 1, 2, 3].map(|side| f64::from(corners[side]) * sides[side % 2]);
        let area = FaceBox { left, top, right, bottom };
        let score = f64::from(score[1]);
        if score >= least_score && area.is_sound() {
            found.push(Detection { area, score });
        }
    }
    // Stable, so that of equal scores the first box wins.
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
    found.truncate(MOST_BOXES);
    without_repeats(&found)
}

/// Non-maximum suppression: each box that shares too much with none of those before it.
fn without_repeats(found: &[Detection]) -> Vec<Detection> {
    let mut kept: Vec<Detection> = Vec::new();
    for detection in found {
        if kept.iter().all(|before| before.area.shared(&detection.area) <= MOST_SHARED) {
            kept.push(*detection);
        }
    }
    kept
}

impl FaceBox {
    /// In pixels.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// In pixels.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// The share of the union of two boxes that both hold, 0–1.
    pub fn shared(&self, other: &Self) -> f64 {
        let across = self.right.min(other.right) - self.left.max(other.left);
        let down = self.bottom.min(other.bottom) - self.top.max(other.top);
        let both = across.max(0.0) * down.max(0.0);
        let all = self.width() * self.height() + other.width() * other.height() - both;
        if all > 0.0 { both / all } else { 0.0 }
    }

    /// The square with the same centre that is as high as this, in whole pixels.
    pub(super) fn square(&self) -> Self {
        let side = self.height().round().clamp(1.0, LONGEST_SIDE);
        let left = (f64::midpoint(self.left, self.right) - side / 2.0).round();
        let top = (f64::midpoint(self.top, self.bottom) - side / 2.0).round();
        Self { left, top, right: left + side, bottom: top + side }
    }

    /// The pixels of a box of whole numbers; those outside the photograph are as those at its border.
    pub(super) fn cut_out(&self, photo: &Image) -> Result<Image> {
        let [channels, height, width] = photo.shape();
        let (rows, columns) = (self.height() as usize, self.width() as usize);
        let mut pixels = Vec::with_capacity(channels * rows * columns);
        for channel in 0..channels {
            for row in 0..rows {
                let row = (self.top + row as f64).clamp(0.0, (height - 1) as f64) as usize;
                let line = &photo.plane(channel)[row * width..][..width];
                pixels.extend(
                    (0..columns).map(|column| {
                        line[(self.left + column as f64).clamp(0.0, (width - 1) as f64) as usize]
                    }),
                );
            }
        }
        Image::new(channels, rows, columns, pixels)
    }

    /// Whether it has an inside, and sides that are finite numbers near the photograph.
    fn is_sound(&self) -> bool {
        let sides = [self.left, self.top, self.right, self.bottom];
        sides.iter().all(|side| side.abs() < 1e9) && self.width() > 0.0 && self.height() > 0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detection([left, top, right, bottom]: [f64; 4], score: f64) -> Detection {
        Detection { area: FaceBox { left, top, right, bottom }, score }
    }

    #[test]
    fn boxes_are_scaled_sorted_and_told_from_nothing() {
        let scores = [0.9, 0.1, 0.2, 0.8, 0.05, 0.95, 0.0, 1.0];
        let boxes = [
            0.0, 0.0, 1.0, 1.0, // nothing
            0.5, 0.5, 0.75, 1.0, // a face
            0.0, 0.0, 0.25, 0.5, // a better one
            0.5, 0.5, 0.25, 1.0, // no inside
        ];
        let found = faces(&scores, &boxes, [400.0, 200.0], 0.7);
        let expected = [
            detection([0.0, 0.0, 100.0, 100.0], f64::from(0.95_f32)),
            detection([200.0, 100.0, 300.0, 200.0], f64::from(0.8_f32)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_that_are_none_are_no_face() {
        let boxes = [f32::NAN, 0.0, 1.0, 1.0, 0.0, 0.0, f32::INFINITY, 1.0, 0.0, 0.0, 1e30, 1.0];
        assert_eq!(faces(&[0.0, 1.0, 0.0, 1.0, 0.0, 1.0], &boxes, [300.0, 200.0], 0.7), []);
        assert_eq!(faces(&[0.0, f32::NAN], &[0.0, 0.0, 1.0, 1.0], [300.0, 200.0], 0.7), []);
    }

    #[test]
    fn the_cut_out_continues_the_border() {
        let photo = Image::new(1, 2, 2, vec![1, 2, 3, 4]).unwrap();
        let around = FaceBox { left: -1.0, top: 0.0, right: 3.0, bottom: 4.0 };
        let cut = around.square().cut_out(&photo).unwrap();
        assert_eq!(cut.shape(), [1, 4, 4]);
        assert_eq!(cut.pixels(), [1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4, 3, 3, 4, 4]);
    }

    proptest! {
        #[test]
        fn of_boxes_that_overlap_the_best_is_kept(
            boxes in prop::collection::vec((0.0..90.0_f64, 0.0..90.0_f64, 1.0..60.0_f64, 1.0..60.0_f64), 0..40),
        ) {
            let boxes: Vec<Detection> = boxes
                .iter()
                .enumerate()
                .map(|(place, &(x, y, width, height))| {
                    detection([x, y, x + width, y + height], 1.0 - place as f64 / 100.0)
                })
                .collect();
            let kept = without_repeats(&boxes);
            prop_assert_eq!(kept.first(), boxes.first());
            for (place, one) in kept.iter().enumerate() {
                prop_assert!(boxes.contains(one));
                prop_assert!(kept[..place].iter().all(|before| before.area.shared(&one.area) <= MOST_SHARED));
            }
            // Whoever is dropped overlaps a better one that is kept.
            for dropped in boxes.iter().filter(|one| !kept.contains(one)) {
                let is_reason =
                    |one: &Detection| one.score > dropped.score && one.area.shared(&dropped.area) > MOST_SHARED;
                prop_assert!(kept.iter().any(is_reason));
            }
            prop_assert_eq!(without_repeats(&kept), kept);
        }

        #[test]
        fn what_boxes_share_is_a_share(
            (x, y) in (0.0..50.0_f64, 0.0..50.0_f64), (width, height) in (1.0..50.0_f64, 1.0..50.0_f64),
        ) {
            let one = detection([x, y, x + width, y + height], 1.0).area;
            let other = detection([10.0, 10.0, 30.0, 40.0], 1.0).area;
            prop_assert!((0.0..=1.0).contains(&one.shared(&other)));
            prop_assert_eq!(one.shared(&other).to_bits(), other.shared(&one).to_bits());
            prop_assert!((one.shared(&one) - 1.0).abs() < 1e-12);
        }
    }
}
