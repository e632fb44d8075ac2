//! Faces in photographs: found, aligned as networks of faces take them, and put back into the photograph.
//!
//! [`FaceFinder`] leads from a photograph to its [`Face`]s: a detector says where they are, a landmark network where eyes,
//! nose and mouth are, and a [`Placement`] turns, scales and shifts these five points to where aligned faces have them.
//! The networks are in files of the user. Whose face it is, is not decided here: [`crate::verification`] compares.

mod alignment;
mod detection;
mod landmarks;
mod placement;

pub use self::alignment::{ALIGNED, align, paste};
pub use self::detection::{Detection, Detector, FaceBox, LEAST_SCORE};
pub use self::landmarks::{FivePoints, LandmarkNetwork};
pub use self::placement::{Placement, Point};

use crate::error::Result;
use crate::image::Image;

/// Where the five points are in an aligned face of 112×112 pixels: the eyes, the nose, the corners of the mouth; left and right as one looks
/// at the picture. They are those that networks of the ArcFace family are trained with, in pixels whose centres have
/// whole coordinates.
///
/// Source: Deng, Guo, Xue, Zafeiriou, "ArcFace", and the alignment published with it.
pub const REFERENCE_POINTS: FivePoints = [
    Point { x: 38.2946, y: 51.6963 },
    Point { x: 73.5318, y: 51.5014 },
    Point { x: 56.0252, y: 71.7366 },
    Point { x: 41.5493, y: 92.3655 },
    Point { x: 70.7299, y: 92.2041 },
];

/// Where the five points are in an aligned face of so many rows and columns.
///
/// # Example
/// ```
/// use lots::face::{REFERENCE_POINTS, reference_points};
/// assert_eq!(reference_points(112), REFERENCE_POINTS);
/// // The centre of the first pixel is at 0, half a pixel from the border.
/// assert_eq!(reference_points(224)[0].x, 2.0 * (REFERENCE_POINTS[0].x + 0.5) - 0.5);
/// ```
pub fn reference_points(side: usize) -> FivePoints {
    let scale = side as f64 / ALIGNED as f64;
    let scaled = |number: f64| if side == ALIGNED { number } else { (number + 0.5) * scale - 0.5 };
    REFERENCE_POINTS.map(|Point { x, y }| Point { x: scaled(x), y: scaled(y) })
}

/// The two networks between a photograph and its faces.
#[derive(Debug)]
pub struct FaceFinder {
    /// Says where faces are.
    pub detector: Detector,
    /// Says where eyes, nose and mouth are.
    pub landmarks: LandmarkNetwork,
    /// Rows and columns of the aligned faces, at least 1; the networks of the ArcFace family take [`ALIGNED`].
    pub side: usize,
}

/// A face in a photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// Where it is, and how sure the detector is.
    pub detection: Detection,
    /// Eyes, nose and mouth, in pixels of the photograph.
    pub points: FivePoints,
    /// From the photograph to the aligned face.
    pub placement: Placement,
    /// Rows and columns of the aligned face.
    pub side: usize,
}

impl FaceFinder {
    /// The faces of a photograph, the one with the highest score first; none is an empty list.
    ///
    /// - `photo`: of any size, grey or in colour.
    ///
    /// # Errors
    /// [`Error::ResizedSize`](crate::Error::ResizedSize) if the photograph is thousands of times as long as wide;
    /// [`Error::Network`](crate::Error::Network).
    pub fn find(&self, photo: &Image) -> Result<Vec<Face>> {
        let photo = photo.to_colour();
        let mut faces = Vec::new();
        for detection in self.detector.detect(&photo)? {
            let points = self.landmarks.five_points(&photo, &detection.area)?;
            // Five points in one place are no face.
            if let Some(placement) = Placement::between(&points, &reference_points(self.side)) {
                faces.push(Face { detection, points, placement, side: self.side });
            }
        }
        Ok(faces)
    }
}

impl Face {
    /// The face as networks of faces take it, in the colours of the photograph.
    ///
    /// - `photo`: the one that it was found in.
    /// - Returns a square image in colour.
    pub fn aligned(&self, photo: &Image) -> Image {
        align(photo, &self.placement, self.side)
    }
}
