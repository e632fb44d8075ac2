//! From a photograph to its aligned faces, with networks that find faces where they are told to.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its functions too")]

use lots::face::{ALIGNED, Detector, FaceFinder, LandmarkNetwork, REFERENCE_POINTS, align};
use lots::{Error, Image};
use lots_testing::face_networks;

/// A photograph in colour, a different value in each pixel as far as bytes go.
fn photo(height: usize, width: usize) -> Image {
    let count = 3 * height * width;
    Image::new(3, height, width, (0..count).map(|index| (index * 37 % 251) as u8).collect()).unwrap()
}

/// The points of an aligned face as shares of its sides.
fn reference_shares() -> [[f32; 2]; 5] {
    let share = |number: f64| ((number + 0.5) / ALIGNED as f64) as f32;
    REFERENCE_POINTS.map(|point| [share(point.x), share(point.y)])
}

fn finder(faces: &[(f32, [f32; 4])]) -> FaceFinder {
    FaceFinder {
        detector: Detector::from_onnx(&face_networks::detector(faces)).unwrap(),
        landmarks: LandmarkNetwork::from_onnx(&face_networks::landmark_network(&reference_shares())).unwrap(),
        side: ALIGNED,
    }
}

#[test]
fn a_face_is_found_and_brought_to_its_place() {
    let photo = photo(240, 320);
    let faces = finder(&[
        (0.3, [0.0, 0.0, 1.0, 1.0]),
        (0.95, [0.26, 0.25, 0.5, 0.75]),
        (0.98, [0.25, 0.25, 0.5, 0.75]),
        (0.91, [0.75, 0.5, 1.0, 1.0]),
        (0.8, [0.0, 0.5, 0.2, 1.0]),
    ])
    .find(&photo)
    .unwrap();
    // The first and the last are none, the second is the third again.
    assert_eq!(faces.len(), 2);
    let area = faces[0].detection.area;
    assert!((faces[0].detection.score - 0.98).abs() < 1e-6);
    for (got, expected) in
        [area.left, area.top, area.right, area.bottom].iter().zip([80.0, 60.0, 160.0, 180.0])
    {
        assert!((got - expected).abs() < 1e-4);
    }
    // The points are read in the square of rows and columns 60 to 180, in which they are where they shall be.
    let scale = 112.0 / 120.0;
    for (got, expected) in
        faces[0].placement.numbers().iter().zip([scale, 0.0, -60.0 * scale - 0.5, -60.0 * scale - 0.5])
    {
        assert!((got - expected).abs() < 1e-4, "{got}, expected {expected}");
    }
    assert_eq!(faces[0].aligned(&photo), align(&photo, &faces[0].placement, ALIGNED));
    assert_eq!(faces[0].aligned(&photo).shape(), [3, ALIGNED, ALIGNED]);
}

#[test]
fn photographs_may_have_any_size() {
    let finder = finder(&[(0.95, [0.0, 0.0, 0.5, 0.5])]);
    for (height, width) in [(24, 32), (240, 100), (10, 400), (1, 1)] {
        let area = finder.find(&photo(height, width)).unwrap()[0].detection.area;
        assert_eq!((area.right, area.bottom), (0.5 * width as f64, 0.5 * height as f64));
    }
}

#[test]
fn other_networks_are_refused() {
    let landmarks = face_networks::landmark_network(&reference_shares());
    let detector = face_networks::detector(&[(0.9, [0.0, 0.0, 1.0, 1.0]), (0.1, [0.0; 4])]);
    let message = Detector::from_onnx(&landmarks).unwrap_err().to_string();
    assert!(
        message.starts_with("the detector does not compute what it must, expected outputs `scores`"),
        "{message}"
    );
    assert!(matches!(LandmarkNetwork::from_onnx(&detector), Err(Error::FaceNetwork { .. })));
    for network in [&landmarks, &detector] {
        for keep in (0..network.len()).step_by(97) {
            assert!(Detector::from_onnx(&network[..keep]).is_err());
            assert!(LandmarkNetwork::from_onnx(&network[..keep]).is_err());
        }
    }
}

#[test]
fn numbers_of_a_broken_detector_are_no_faces() {
    let broken = [
        (0.95, [f32::NAN, 0.0, 1.0, 1.0]),
        (0.95, [0.5, 0.5, 0.5, 1.0]),
        (f32::INFINITY, [0.0, 0.0, f32::INFINITY, 1.0]),
        (0.95, [-1e6, -1e6, 1e6, 1e6]),
    ];
    // The last one is large, and looked at as far as is sensible.
    assert!(finder(&broken).find(&photo(24, 32)).unwrap().len() <= 1);
}
