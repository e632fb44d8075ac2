use image::{DynamicImage, ImageBuffer, Rgb, Rgba};

use super::*;

/// A photograph-like picture: every pixel differs from its neighbours, no channel equals another.
fn colour() -> Image {
    let pixel = |index: usize| (index * index * 37 + index * 11) as u8;
    Image::from_interleaved(17, 23, 3, &(0..17 * 23 * 3).map(pixel).collect::<Vec<_>>()).unwrap()
}

fn grey() -> Image {
    colour().to_grey()
}

fn bytes_of(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn dynamic(image: &Image) -> DynamicImage {
    let (width, height, pixels) = (image.width() as u32, image.height() as u32, image.to_interleaved());
    match image.channels() {
        1 => DynamicImage::ImageLuma8(ImageBuffer::from_raw(width, height, pixels).unwrap()),
        _ => DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, pixels).unwrap()),
    }
}

fn decode_named(bytes: &[u8]) -> Result<Image> {
    decode(bytes, Path::new("some.png"))
}

#[test]
fn every_format_that_is_written_keeps_every_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("png", grey(), grey()),
        ("png", colour(), colour()),
        ("PNG", colour(), colour()),
        ("pgm", grey(), grey()),
        ("ppm", colour(), colour()),
        ("pnm", grey(), grey()),
        ("bmp", colour(), colour()),
        ("webp", colour(), colour()),
        // These two know no grey.
        ("bmp", grey(), grey().to_colour()),
        ("webp", grey(), grey().to_colour()),
    ];
    for (extension, image, expected) in cases {
        let path = folder.path().join("picture").with_extension(extension);
        image.save(&path).unwrap();
        assert_eq!(Image::open(&path).unwrap(), expected, "{extension}");
        // The extension does not matter to the reader.
        let misnamed = folder.path().join("misnamed.jpg");
        std::fs::copy(&path, &misnamed).unwrap();
        assert_eq!(Image::open(&misnamed).unwrap(), expected, "{extension} misnamed");
    }
}

#[test]
fn formats_that_would_change_the_pixels_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.jpg", "x.JPEG", "x.gif", "x", "png"] {
        let path = folder.path().join(name);
        let error = grey().save(&path).unwrap_err();
        assert!(matches!(error, Error::UnknownExtension { .. }), "{error}");
        assert!(error.hint().unwrap().contains(".png"));
        assert!(!path.exists());
    }
    let message = colour().save(folder.path().join("x.pgm")).unwrap_err().to_string();
    assert!(message.contains("holds 3 channel(s), expected one channel (grey)"), "{message}");
    assert!(grey().save(folder.path().join("x.ppm")).is_err());
    let wide = Image::new(1, 1, 20_000, vec![0; 20_000]).unwrap();
    assert!(matches!(wide.save(folder.path().join("x.webp")), Err(Error::File { action: "write", .. })));
    assert!(Image::new(2, 1, 1, vec![0; 2]).unwrap().save(folder.path().join("x.png")).is_err());
}

#[test]
fn sixteen_bits_are_rounded_to_the_nearest_level() {
    // 257 steps of 16 bits make one of 8; 128 of them are rounded down, 129 up.
    let samples = [0, 128, 129, 257, 257 + 128, 257 + 129, 65_535 - 129, 65_535 - 128, 65_535];
    let buffer = ImageBuffer::<image::Luma<u16>, _>::from_raw(9, 1, samples.to_vec()).unwrap();
    let bytes = bytes_of(&DynamicImage::ImageLuma16(buffer), ImageFormat::Png);
    let nearest: Vec<u8> =
        samples.iter().map(|&sample| (f64::from(sample) * 255.0 / 65_535.0).round() as u8).collect();
    assert_eq!(decode_named(&bytes).unwrap().pixels(), nearest);
}

#[test]
fn an_opaque_alpha_channel_is_dropped_and_a_transparent_pixel_refused() {
    let opaque = ImageBuffer::from_fn(3, 2, |column, row| Rgba([column as u8, row as u8, 9, 255]));
    let image = decode_named(&bytes_of(&DynamicImage::ImageRgba8(opaque.clone()), ImageFormat::Png)).unwrap();
    assert_eq!(image.shape(), [3, 2, 3]);
    assert_eq!(image.plane(0), [0, 1, 2, 0, 1, 2]);
    let mut transparent = opaque;
    transparent.put_pixel(2, 1, Rgba([1, 2, 3, 254]));
    let error =
        decode_named(&bytes_of(&DynamicImage::ImageRgba8(transparent), ImageFormat::Png)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the PNG picture holds transparent pixels, expected opaque ones: `some.png`"
    );
    assert!(error.hint().unwrap().contains("background"));
}

#[test]
fn a_jpeg_is_read_to_its_end_or_refused() {
    for picture in [grey(), colour()] {
        let bytes = bytes_of(&dynamic(&picture), ImageFormat::Jpeg);
        let whole = decode_named(&bytes).unwrap();
        assert_eq!(whole.shape(), picture.shape());
        for length in 0..bytes.len() {
            let error = decode_named(&bytes[..length]).expect_err("a part is not the whole");
            assert!(
                matches!(error, Error::Damaged { .. } | Error::UnknownFormat { .. }),
                "{length}: {error}"
            );
        }
        // Cameras append data of their own behind the end; a thumbnail inside the header has an end of its own.
        assert_eq!(decode_named(&[&bytes[..], b"appended"].concat()).unwrap(), whole);
        let thumbnail =
            [&bytes[..2], &[0xFF, 0xE1, 0, 8, 0xFF, 0xD8, 0xFF, 0xD9, 0, 0], &bytes[2..]].concat();
        assert_eq!(decode_named(&thumbnail).unwrap(), whole);
        assert!(decode_named(&thumbnail[..thumbnail.len() - 2]).is_err());
    }
}

#[test]
fn a_picture_cut_anywhere_is_refused_or_complete() {
    let formats = [ImageFormat::Png, ImageFormat::Pnm, ImageFormat::Bmp, ImageFormat::WebP];
    for (format, picture) in formats.into_iter().flat_map(|format| [(format, grey()), (format, colour())]) {
        let bytes = bytes_of(&dynamic(&picture), format);
        let whole = decode_named(&bytes).unwrap();
        for length in 0..bytes.len() {
            match decode_named(&bytes[..length]) {
                // These two end with their last pixel or with bytes that round the row up.
                Ok(image) => {
                    assert!(
                        matches!(format, ImageFormat::Pnm | ImageFormat::Bmp),
                        "{format:?}, {length} bytes"
                    );
                    assert_eq!(image, whole, "{format:?}, {length} of {} bytes", bytes.len());
                }
                Err(error) => assert!(
                    matches!(error, Error::Damaged { .. } | Error::UnknownFormat { .. }),
                    "{format:?}, {length} bytes: {error}"
                ),
            }
        }
        assert!(decode_named(&bytes[..bytes.len() / 2]).is_err(), "{format:?} cut in half");
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let formats =
        [ImageFormat::Png, ImageFormat::Pnm, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Jpeg];
    for format in formats {
        let bytes = bytes_of(&dynamic(&colour()), format);
        for index in 0..bytes.len() {
            for value in [0, 0x7F, 0xFF, bytes[index] ^ 1] {
                let mut damaged = bytes.clone();
                damaged[index] = value;
                // Which damage can be noticed depends on the format; here only the sentence instead of a panic counts.
                if let Err(error) = decode_named(&damaged) {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}

#[test]
fn a_header_that_promises_gigapixels_is_refused() {
    let bytes =
        bytes_of(&DynamicImage::ImageRgb8(ImageBuffer::from_pixel(2, 2, Rgb([1, 2, 3]))), ImageFormat::Bmp);
    let mut huge = bytes;
    // Columns and rows of a BMP are at bytes 18 and 22, little-endian.
    huge[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    huge[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    let error = decode_named(&huge).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the picture has 60000×60000 pixels and takes 10800000000 bytes, expected at most"),
        "{error}"
    );
    assert!(decode_named(b"P6 4000000000 4000000000 255\n123").is_err());
}

#[test]
fn what_is_no_picture_says_so() {
    for bytes in
        [&b""[..], b"hello, world, this is text", b"GIF89a\x01\x00\x01\x00", &[0, 0, 8, 3, 0, 0, 0, 1]]
    {
        let error = decode_named(bytes).unwrap_err();
        assert_eq!(error.to_string(), "not a picture: `some.png`");
        assert!(error.hint().unwrap().starts_with("PNG, JPEG"));
    }
    assert!(matches!(Image::open("no/such/file.png"), Err(Error::NoSuchFile { .. })));
}
