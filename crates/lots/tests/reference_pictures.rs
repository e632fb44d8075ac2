//! Pictures of many kinds against their pixels as Pillow reads them (`tools/make_reference_pictures.py`), and what
//! becomes of them when they are cut short.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]

use std::path::{Path, PathBuf};

use lots::data::{array, picture};
use lots::{Error, Image};

/// JPEG decoders differ in how they round the cosine transform and scale the colour planes up.
const JPEG_TOLERANCE: u8 = 4;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/reference/pictures")
}

/// The pictures with an array of pixels beside them.
fn pictures() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.with_added_extension("npy").exists())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 17);
    paths
}

#[test]
fn pixels_are_those_of_pillow() {
    for path in pictures() {
        let image = Image::open(&path).unwrap();
        let expected =
            array::Images::open(path.with_added_extension("npy")).unwrap().next().unwrap().unwrap();
        assert_eq!(image.shape(), expected.shape(), "{}", path.display());
        let tolerance = if path.extension().unwrap() == "jpg" { JPEG_TOLERANCE } else { 0 };
        let differences =
            image.pixels().iter().zip(expected.pixels()).map(|(&got, &expected)| got.abs_diff(expected));
        let worst = differences.max().unwrap();
        assert!(worst <= tolerance, "{}: {worst} levels", path.display());
    }
}

#[test]
fn pictures_that_cannot_be_taken_are_refused() {
    let transparent = Image::open(folder().join("transparent_palette.png")).unwrap_err();
    assert!(
        transparent.to_string().contains("holds transparent pixels, expected opaque ones"),
        "{transparent}"
    );
    let animation = Image::open(folder().join("animation.gif")).unwrap_err();
    assert!(matches!(animation, Error::UnknownFormat { .. }), "{animation}");
}

#[test]
fn a_picture_cut_anywhere_is_refused_or_complete() {
    for path in pictures() {
        let bytes = std::fs::read(&path).unwrap();
        let whole = picture::decode(&bytes, &path).unwrap();
        for length in 0..bytes.len() {
            match picture::decode(&bytes[..length], &path) {
                // Only bytes that carry no pixel are missing, such as the closing chunk of a PNG.
                Ok(image) => assert_eq!(image, whole, "{}, {length} bytes", path.display()),
                Err(error) => {
                    let is_told = matches!(error, Error::Damaged { .. } | Error::UnknownFormat { .. });
                    assert!(is_told, "{}, {length} bytes: {error}", path.display());
                }
            }
        }
    }
}
