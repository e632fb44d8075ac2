//! A picture that was resized, and whose centre was cut out, against Pillow and the geometry of torchvision
//! (`tools/make_reference_resizing.py`).

#![expect(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]

use std::path::Path;

use lots::Image;
use lots_network::{Preprocessing, Resize};

/// Pillow rounds to whole grey levels after the rows and again after the columns, here it is done once at the end. The
/// first rounding moves a mean by half a level at most, which the second one makes a whole level of.
const TOLERANCE: u8 = 1;
/// How many pixels differ at all: measured as 0.04 to 0.22.
const MOST_DIFFERENT: f64 = 0.25;

fn open(name: &str) -> Image {
    Image::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/reference/resizing").join(name))
        .unwrap()
}

#[track_caller]
fn assert_agrees(got: &Image, name: &str) {
    let expected = open(name);
    assert_eq!(got.shape(), expected.shape(), "{name}");
    let pairs = || got.pixels().iter().zip(expected.pixels());
    let worst = pairs().map(|(got, expected)| got.abs_diff(*expected)).max().unwrap();
    assert!(worst <= TOLERANCE, "{name}: {worst} grey levels");
    let different = pairs().filter(|(got, expected)| got != expected).count();
    let share = different as f64 / got.pixels().len() as f64;
    assert!(share <= MOST_DIFFERENT, "{name}: {share} of the pixels differ");
}

#[test]
fn resized_pixels_are_those_of_pillow() {
    let picture = open("picture.png");
    for extents in [[40, 53], [7, 9], [30, 90], [75, 100]] {
        let name = format!("resized_{}x{}.png", extents[0], extents[1]);
        assert_agrees(&picture.resized(extents).unwrap(), &name);
    }
}

#[test]
fn grey_pictures_are_resized_like_each_channel_of_a_coloured_one() {
    let picture = open("picture.png");
    let resized = picture.resized([40, 53]).unwrap();
    for channel in 0..3 {
        let plane = Image::new(1, 60, 80, picture.plane(channel).to_vec()).unwrap();
        assert_eq!(plane.resized([40, 53]).unwrap().pixels(), resized.plane(channel));
    }
}

#[test]
fn preprocessed_pictures_are_those_of_torchvision() {
    for (side, crop) in [(40, 32), (33, 28)] {
        let preprocessing = Preprocessing::new(Some(Resize::ShorterSide(side)), Some([crop; 2])).unwrap();
        let got = open("picture.png").preprocessed(&preprocessing).unwrap();
        assert_agrees(&got, &format!("preprocessed_{side}_{crop}.png"));
    }
}
