//! One picture file becomes one [`Image`] and back.
//!
//! What is converted, and how:
//! - 1, 2 and 4-bit grey and palette pictures are expanded to 8 bits; a palette becomes colour.
//! - 16-bit samples are rounded to the nearest of 256 levels.
//! - An alpha channel that is opaque everywhere is dropped. A picture with a transparent pixel is refused: which
//!   colour such a pixel has depends on what is behind it, and only its owner knows that.
//! - A photograph that says how the camera was held (EXIF) is turned upright, as every viewer shows it.
//! - Colour profiles and gamma chunks are ignored, as in the tools that networks are trained with.

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use image::codecs::{
    bmp::BmpEncoder, jpeg::JpegEncoder, png::PngEncoder, pnm::PnmEncoder, webp::WebPEncoder,
};
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits};

use crate::error::{Error, Result};
use crate::image::Image;
use crate::regular_file::RegularFile;
use crate::whole_file;

/// Extensions of the pictures that are read, lower case.
pub const EXTENSIONS: [&str; 9] = ["png", "jpg", "jpeg", "pgm", "ppm", "pnm", "pbm", "bmp", "webp"];

/// What a picture that is refused for its alpha channel holds, in [`Error::Unsupported`].
pub(crate) const TRANSPARENT: &str = "transparent pixels";

/// How a PNG file ends (W3C, "Portable Network Graphics", section 11.2.5): a chunk without data, and its checksum.
const PNG_END: [u8; 8] = *b"IEND\xAE\x42\x60\x82";

/// A decoded picture takes at most so many bytes: enough for a camera's 100 megapixels in colour, too few for a bomb.
const DECODED_BYTES: u64 = 512 << 20;

/// Reads a picture from a file; see [`Image::open`].
///
/// # Errors
/// Those of [`Image::open`].
pub fn open(path: &Path) -> Result<Image> {
    let mut reader = BufReader::new(RegularFile::open(path)?.into_file()?);
    let mut bytes = Vec::new();
    let failed = |reason| Error::file("read", path, reason);
    // The first bytes tell whether the rest is worth reading.
    reader.by_ref().take(16).read_to_end(&mut bytes).map_err(failed)?;
    format_of(&bytes, path)?;
    reader.take(DECODED_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    decode(&bytes, path)
}

/// The picture in `bytes`; `name` is what messages call it.
///
/// # Errors
/// Those of [`Image::open`], except for missing files.
pub fn decode(bytes: &[u8], name: &Path) -> Result<Image> {
    let format = format_of(bytes, name)?;
    let kind = kind(format);
    let damaged = |reason: String| Error::Damaged { kind, reason, path: name.to_owned() };
    if !is_complete(bytes, format) {
        return Err(damaged("its end is missing".to_owned()));
    }
    let failed = |error: image::ImageError| damaged(error.to_string());
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > DECODED_BYTES {
        let bytes = decoder.total_bytes();
        return Err(Error::TooLarge { width, height, bytes, limit: DECODED_BYTES, path: name.to_owned() });
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * DECODED_BYTES);
    decoder.set_limits(limits).map_err(failed)?;
    let orientation = decoder.orientation().map_err(failed)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    from_picture(picture, kind, name)
}

/// Writes a picture to a file; see [`Image::save`].
///
/// # Errors
/// Those of [`Image::save`].
pub fn save(image: &Image, path: &Path) -> Result<()> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("").to_lowercase();
    let format = match extension.as_str() {
        "png" => ImageFormat::Png,
        "pgm" | "ppm" | "pnm" => ImageFormat::Pnm,
        "bmp" => ImageFormat::Bmp,
        "webp" => ImageFormat::WebP,
        _ => return Err(Error::UnknownExtension { path: path.to_owned() }),
    };
    let expected = match (extension.as_str(), image.channels()) {
        ("pgm", 3) => Some("one channel (grey)"),
        ("ppm", 1) => Some("three channels (colour)"),
        _ => None,
    };
    if let Some(expected) = expected {
        return Err(wrong_channels(image, expected, path));
    }
    whole_file::write(path, &encode(image, format, path)?)
}

/// The bytes of a PNG file that holds `image`, the same for the same image.
///
/// # Errors
/// [`Error::Unsupported`] if the image has neither one channel nor three.
pub fn to_png(image: &Image) -> Result<Vec<u8>> {
    encode(image, ImageFormat::Png, Path::new("PNG"))
}

/// The bytes of a WebP file without loss.
///
/// # Errors
/// As [`to_png`]; [`Error::File`] if the image has more than 16,384 pixels a side.
pub(crate) fn to_webp(image: &Image) -> Result<Vec<u8>> {
    encode(image, ImageFormat::WebP, Path::new("WebP"))
}

/// The bytes of a JPEG file, which does not hold the pixels of `image` but others that look alike.
///
/// - `level`: 1–100, what encoders call quality.
///
/// # Errors
/// As [`to_png`]; [`Error::File`] if the image has more than 65,535 pixels a side.
pub(crate) fn to_jpeg(image: &Image, level: u8) -> Result<Vec<u8>> {
    let name = Path::new("JPEG");
    let colour = colour_of(image, name)?;
    let [height, width] = size_of(image);
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, level);
    let written = encoder.write_image(&image.to_interleaved(), width, height, colour);
    written.map_err(|error| Error::file("write", name, io::Error::other(error)))?;
    Ok(bytes)
}

fn encode(image: &Image, format: ImageFormat, name: &Path) -> Result<Vec<u8>> {
    let colour = colour_of(image, name)?;
    let [height, width] = size_of(image);
    let pixels = image.to_interleaved();
    let mut bytes = Vec::new();
    let written = match format {
        ImageFormat::Pnm => PnmEncoder::new(&mut bytes).write_image(&pixels, width, height, colour),
        ImageFormat::Bmp => BmpEncoder::new(&mut bytes).write_image(&pixels, width, height, colour),
        ImageFormat::WebP => {
            WebPEncoder::new_lossless(&mut bytes).write_image(&pixels, width, height, colour)
        }
        _ => PngEncoder::new(&mut bytes).write_image(&pixels, width, height, colour),
    };
    // Memory does not fail; what is left is a size that the format cannot express (WebP: 16,384 pixels a side).
    written.map_err(|error| Error::file("write", name, io::Error::other(error)))?;
    Ok(bytes)
}

fn colour_of(image: &Image, name: &Path) -> Result<ExtendedColorType> {
    match image.channels() {
        1 => Ok(ExtendedColorType::L8),
        3 => Ok(ExtendedColorType::Rgb8),
        _ => Err(wrong_channels(image, "one channel (grey) or three (colour)", name)),
    }
}

/// Height and width; a size above 32 bits becomes one that no format takes.
fn size_of(image: &Image) -> [u32; 2] {
    [image.height(), image.width()].map(|size| u32::try_from(size).unwrap_or(u32::MAX))
}

fn wrong_channels(image: &Image, expected: &'static str, name: &Path) -> Error {
    let got = format!("{} channel(s)", image.channels());
    Error::Unsupported { kind: "image to be written", got, expected, path: name.to_owned() }
}

fn format_of(bytes: &[u8], name: &Path) -> Result<ImageFormat> {
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::Pnm
            | ImageFormat::Bmp
            | ImageFormat::WebP),
        ) => Ok(format),
        _ => Err(Error::UnknownFormat { path: name.to_owned() }),
    }
}

fn kind(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG picture",
        ImageFormat::Jpeg => "JPEG picture",
        ImageFormat::Pnm => "PNM picture",
        ImageFormat::Bmp => "BMP picture",
        ImageFormat::WebP => "WebP picture",
        _ => "picture",
    }
}

fn from_picture(picture: DynamicImage, kind: &'static str, name: &Path) -> Result<Image> {
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    let (mut samples, channels) = match picture {
        DynamicImage::ImageLuma8(pixels) => (pixels.into_raw(), 1),
        DynamicImage::ImageLumaA8(pixels) => (pixels.into_raw(), 2),
        DynamicImage::ImageRgb8(pixels) => (pixels.into_raw(), 3),
        DynamicImage::ImageRgba8(pixels) => (pixels.into_raw(), 4),
        DynamicImage::ImageLuma16(pixels) => (to_8_bits(&pixels), 1),
        DynamicImage::ImageLumaA16(pixels) => (to_8_bits(&pixels), 2),
        DynamicImage::ImageRgb16(pixels) => (to_8_bits(&pixels), 3),
        DynamicImage::ImageRgba16(pixels) => (to_8_bits(&pixels), 4),
        other => {
            let got = format!("{:?} samples", other.color());
            let expected = "samples of 8 or 16 bits";
            return Err(Error::Unsupported { kind, got, expected, path: name.to_owned() });
        }
    };
    let colours = if channels % 2 == 0 { channels - 1 } else { channels };
    if colours < channels {
        if samples.chunks_exact(channels).any(|pixel| pixel[colours] != u8::MAX) {
            let (got, expected) = (TRANSPARENT.to_owned(), "opaque ones");
            return Err(Error::Unsupported { kind, got, expected, path: name.to_owned() });
        }
        samples = samples.chunks_exact(channels).flat_map(|pixel| &pixel[..colours]).copied().collect();
    }
    Image::from_interleaved(height, width, colours, &samples)
}

/// `v·255/65535`, rounded to the nearest level.
fn to_8_bits(samples: &[u16]) -> Vec<u8> {
    samples.iter().map(|&sample| ((u32::from(sample) + 128) / 257) as u8).collect()
}

/// Whether the file reaches its end, where the decoder would not say so.
fn is_complete(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg_is_complete(bytes),
        // The last chunk, IEND: its name and checksum. Some programs append data of their own.
        ImageFormat::Png => bytes.windows(PNG_END.len()).any(|window| window == PNG_END),
        // RIFF: four letters, then how many bytes follow the first eight.
        ImageFormat::WebP => match bytes.get(4..).and_then(|rest| rest.first_chunk()) {
            Some(length) => bytes.len() - 8 >= u32::from_le_bytes(*length) as usize,
            None => false,
        },
        _ => true,
    }
}

/// Whether a JPEG file reaches its end marker. The decoder fills what is missing with grey instead of saying so.
///
/// Source: ITU-T T.81, annex B: a segment is `FF`, its kind, its length; after a scan's header come bytes in which
/// `FF` is followed by 0 (a literal `FF`) or D0–D7 (a restart) until the next segment.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut position = 2;
    while position + 1 < bytes.len() {
        match (bytes[position], bytes[position + 1]) {
            (0xFF, 0xD9) => return true,
            // Fill bytes, literals and restarts within a scan, and markers that stand alone.
            (0xFF, 0xFF) => position += 1,
            (0xFF, 0x00 | 0x01 | 0xD0..=0xD8) => position += 2,
            (0xFF, _) => {
                let Some(&[high, low]) = bytes.get(position + 2..).and_then(|rest| rest.first_chunk()) else {
                    return false;
                };
                position += 2 + usize::from(u16::from_be_bytes([high, low]));
            }
            _ => position += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests;
