//! Pictures that a test compares with a stored one.
//!
//! `LOTS_BLESS=1 cargo test` stores what the tests drew; look at the pictures before committing them.

use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage};

/// The repository's folder of stored pictures, as seen from the folder of a package, in which its tests run.
const FOLDER: &str = "../../testdata/golden";

/// Stored pictures stay small enough for the repository.
const LARGEST_FILE: usize = 20 << 10;

/// Asserts that no pixel differs by more than `tolerance` grey levels from the stored picture `name.png`.
///
/// `pixels` are of the order `[height, width, channels]` with one channel or three.
///
/// # Panics
/// Names the worst pixel and where the drawn, the stored and the difference picture can be looked at.
#[track_caller]
pub fn assert_picture(name: &str, [height, width, channels]: [usize; 3], pixels: &[u8], tolerance: u8) {
    assert_eq!(pixels.len(), height * width * channels, "`{name}` does not have its shape");
    let got = picture([height, width, channels], pixels);
    let stored = Path::new(FOLDER).join(format!("{name}.png"));
    if std::env::var_os("LOTS_BLESS").is_some() {
        store(&got, &stored);
        return;
    }
    let expected = image::open(&stored)
        .unwrap_or_else(|error| panic!("{error}: `{}`; `LOTS_BLESS=1` stores it", stored.display()));
    if let Some(reason) = difference(&got, &expected, tolerance) {
        let shown = show(name, &got, &expected);
        panic!(
            "`{name}` is not the stored picture: {reason}\n  look at: {}\n  if it is better now: LOTS_BLESS=1 cargo test",
            shown.map(|path| path.display().to_string()).join("\n           "),
        );
    }
}

fn picture([height, width, channels]: [usize; 3], pixels: &[u8]) -> DynamicImage {
    let [columns, rows] =
        [width, height].map(|side| u32::try_from(side).expect("a picture of sensible size"));
    if channels == 1 {
        ImageBuffer::<Luma<u8>, _>::from_raw(columns, rows, pixels.to_vec()).map(DynamicImage::from)
    } else {
        ImageBuffer::<Rgb<u8>, _>::from_raw(columns, rows, pixels.to_vec()).map(DynamicImage::from)
    }
    .expect("the pixels have their shape")
}

fn store(got: &DynamicImage, path: &Path) {
    std::fs::create_dir_all(FOLDER).expect("the folder of stored pictures can be made");
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive);
    got.write_with_encoder(encoder).expect("a picture of sensible size");
    let (length, shown) = (bytes.len(), path.display());
    assert!(length <= LARGEST_FILE, "`{shown}` would have {length} bytes, expected at most {LARGEST_FILE}");
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{error}: `{shown}`"));
}

/// What differs most, if anything differs too much.
fn difference(got: &DynamicImage, expected: &DynamicImage, tolerance: u8) -> Option<String> {
    let describe =
        |image: &DynamicImage| format!("{} × {} pixels, {:?}", image.width(), image.height(), image.color());
    if describe(got) != describe(expected) {
        return Some(format!("got {}, expected {}", describe(got), describe(expected)));
    }
    let pairs = || got.as_bytes().iter().zip(expected.as_bytes());
    let (index, worst) =
        pairs().map(|(got, expected)| got.abs_diff(*expected)).enumerate().max_by_key(|&(_, worst)| worst)?;
    if worst <= tolerance {
        return None;
    }
    let count = pairs().filter(|(got, expected)| got.abs_diff(**expected) > tolerance).count();
    let pixel = index / usize::from(got.color().channel_count());
    let (row, column) = (pixel / got.width() as usize, pixel % got.width() as usize);
    let [got, expected] = [got, expected].map(|image| image.as_bytes()[index]);
    Some(format!(
        "{count} values differ by more than {tolerance}, most at row {row}, column {column}: got {got}, expected {expected}"
    ))
}

/// Writes the drawn picture, the stored one and their difference (white: the same, black: anything else).
fn show(name: &str, got: &DynamicImage, expected: &DynamicImage) -> [PathBuf; 3] {
    let folder = std::env::temp_dir().join("lots-golden");
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let (left, right) = (got.to_rgb8(), expected.to_rgb8());
    let mut changed = RgbImage::new(left.width().max(right.width()), left.height().max(right.height()));
    for (column, row, pixel) in changed.enumerate_pixels_mut() {
        let same = left.get_pixel_checked(column, row) == right.get_pixel_checked(column, row);
        *pixel = Rgb([if same { 255 } else { 0 }; 3]);
    }
    let paths = ["got", "expected", "difference"].map(|which| folder.join(format!("{name}-{which}.png")));
    for (picture, path) in [got, expected, &changed.into()].into_iter().zip(&paths) {
        picture.save(path).expect("the temporary folder can be written");
    }
    paths
}
