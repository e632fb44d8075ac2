use super::*;
use crate::error::Error;

/// `count` different images of a shape.
fn images(count: usize, shape: [usize; 3]) -> Vec<Image> {
    let [channels, height, width] = shape;
    let size = channels * height * width;
    let pixels = |index| (0..size).map(|pixel| (pixel * 7 + index * 31) as u8).collect();
    (0..count).map(|index| Image::new(channels, height, width, pixels(index)).unwrap()).collect()
}

fn read(path: &Path) -> Result<Vec<Image>> {
    Images::open(path)?.collect()
}

/// Writes `bytes` and reads them back as images.
fn read_bytes(bytes: &[u8]) -> Result<Vec<Image>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes");
    std::fs::write(&path, bytes).unwrap();
    read(&path)
}

/// What an IDX file of three grey 2×2 images looks like, after the format's description.
fn three_small_images() -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2];
    bytes.extend([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let read = read_bytes(&three_small_images()).unwrap();
    let pixels: Vec<&[u8]> = read.iter().map(Image::pixels).collect();
    assert_eq!(pixels, [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]);
    write_images(folder.path().join("a"), &read).unwrap();
    assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), three_small_images());
    write_labels(folder.path().join("b"), &[7, 255]).unwrap();
    assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), [0, 0, 8, 1, 0, 0, 0, 2, 7, 255]);
}

#[test]
fn what_is_written_is_read_gzipped_or_not_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    for shape in [[1, 28, 28], [3, 5, 4], [1, 1, 1]] {
        let images = images(9, shape);
        let (plain, packed) = (folder.path().join("plain"), folder.path().join("packed.gz"));
        write_images(&plain, &images).unwrap();
        write_images(&packed, &images).unwrap();
        assert!(is_gzip(&std::fs::read(&packed).unwrap()) && !is_gzip(&std::fs::read(&plain).unwrap()));
        // The names lie; the contents decide.
        let (swapped_plain, swapped_packed) =
            (folder.path().join("swapped.gz"), folder.path().join("swapped"));
        std::fs::copy(&plain, &swapped_plain).unwrap();
        std::fs::copy(&packed, &swapped_packed).unwrap();
        for path in [plain, packed, swapped_plain, swapped_packed] {
            assert_eq!(read(&path).unwrap(), images, "{}", path.display());
        }
    }
}

#[test]
fn skipping_gives_the_same_images_as_reading_past_them() {
    let folder = tempfile::tempdir().unwrap();
    let images = images(20, [1, 4, 3]);
    for name in ["plain", "packed.gz"] {
        let path = folder.path().join(name);
        write_images(&path, &images).unwrap();
        let mut reader = Images::open(&path).unwrap();
        assert_eq!((reader.image_count(), reader.shape()), (20, [1, 4, 3]));
        assert_eq!(reader.next().unwrap().unwrap(), images[0]);
        reader.skip_to(7).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), images[7]);
        reader.skip_to(19).unwrap();
        assert_eq!(reader.collect::<Result<Vec<_>>>().unwrap(), images[19..]);
        let mut reader = Images::open(&path).unwrap();
        reader.skip_to(1000).unwrap();
        assert!(reader.next().is_none());
        reader.skip_to(0).unwrap();
        assert!(reader.next().is_none());
    }
}

#[test]
fn millions_of_labels_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let labels: Vec<usize> = (0..3_000_001).map(|index| index * index % 251).collect();
    for name in ["plain", "packed.gz"] {
        write_labels(folder.path().join(name), &labels).unwrap();
        assert!(read_labels(folder.path().join(name)).unwrap() == labels, "{name}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for bytes in [three_small_images(), gzip(&three_small_images())] {
        assert_eq!(read_bytes(&bytes).unwrap().len(), 3);
        for length in 0..bytes.len() {
            let error = read_bytes(&bytes[..length]).expect_err("a part is not the whole");
            assert!(
                matches!(
                    error,
                    Error::FileLength { .. } | Error::Damaged { .. } | Error::UnknownFormat { .. }
                ),
                "{length} bytes: {error}"
            );
        }
    }
}

#[test]
fn a_shortened_or_lengthened_file_says_how_long_it_should_be() {
    let bytes = three_small_images();
    let error = read_bytes(&bytes[..20]).unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("the IDX file has the wrong length, expected 28 bytes by its header, got 20: `"),
        "{message}"
    );
    assert!(error.hint().unwrap().contains("fetch it again"));
    let longer = [&bytes[..], &[0]].concat();
    for (bytes, got) in [(longer.clone(), 29), (gzip(&longer), 29)] {
        let error = read_bytes(&bytes).unwrap_err();
        assert!(
            matches!(error, Error::FileLength { expected: 28, got: length, .. } if length == got),
            "{error}"
        );
    }
}

#[test]
fn an_unpacked_file_of_the_wrong_length_is_refused_before_an_image_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    let bytes = three_small_images();
    for wrong in [&bytes[..27], &[&bytes[..], &[0]].concat()] {
        std::fs::write(&path, wrong).unwrap();
        assert!(matches!(Images::open(&path), Err(Error::FileLength { expected: 28, .. })));
    }
}

#[test]
fn every_damaged_bit_of_a_gzipped_file_is_noticed_or_harmless() {
    let whole = read_bytes(&three_small_images()).unwrap();
    let packed = gzip(&three_small_images());
    for index in 0..packed.len() {
        for bit in 0..8 {
            let mut damaged = packed.clone();
            damaged[index] ^= 1 << bit;
            // The gzip header's time and system carry no data.
            if let Ok(images) = read_bytes(&damaged) {
                assert_eq!(images, whole, "byte {index}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_header_that_promises_gigabytes_is_refused_before_any_is_allocated() {
    let mut header = vec![0, 0, 8, 3];
    header.extend([10_000_u32, 1000, 1000].iter().flat_map(|size| size.to_be_bytes()));
    header.extend([0; 1000]);
    let error = read_bytes(&header).unwrap_err();
    assert!(matches!(error, Error::FileLength { expected: 10_000_000_016, got: 1016, .. }), "{error}");
    let error = read_bytes(&gzip(&header)).unwrap_err();
    assert!(error.to_string().contains("promises 10000000016 bytes"), "{error}");
    // Sizes whose product does not fit 64 bits.
    let overflow = [&[0, 0, 8, 4][..], &[255; 15], &[3; 200]].concat();
    assert!(read_bytes(&overflow).is_err());
}

#[test]
fn a_gzip_bomb_ends_where_the_images_end() {
    // 64 MiB of zeros behind one small image.
    let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4];
    bytes.resize(64 << 20, 0);
    let error = read_bytes(&gzip(&bytes)).unwrap_err();
    assert!(matches!(error, Error::FileLength { expected: 20, got: 21, .. }), "{error}");
}

#[test]
fn files_that_hold_something_else_say_what() {
    let cases: [(&[u8], &str); 5] = [
        (&[0, 0, 8, 1, 0, 0, 0, 1, 7], "holds 1 values, expected images, N×height×width or N×height×width×3"),
        (&[0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2], "holds 1×1×1×2 values"),
        (
            &[0, 0, 13, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9],
            "values of type 13, expected unsigned bytes",
        ),
        (&[0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], "expected sizes above 0"),
        (b"\x89PNG\r\n\x1a\n", "not a picture"),
    ];
    for (bytes, part) in cases {
        let message = read_bytes(bytes).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    write_images(&path, &images(2, [1, 2, 2])).unwrap();
    let message = read_labels(&path).unwrap_err().to_string();
    assert!(message.contains("holds 2×2×2 values, expected labels"), "{message}");
    assert!(matches!(read(&folder.path().join("missing")), Err(Error::NoSuchFile { .. })));
    assert!(matches!(read(folder.path()), Err(Error::File { action: "read", .. })));
}

#[test]
fn a_writer_holds_what_it_announced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    let images = images(2, [1, 2, 2]);
    let mut writer = ImageWriter::create(&path, 2, [1, 2, 2]).unwrap();
    writer.append(&images[0]).unwrap();
    assert_eq!(writer.finish().unwrap_err().to_string(), "expected 2 images, got 1");
    assert!(!path.exists());
    let mut writer = ImageWriter::create(&path, 1, [1, 2, 2]).unwrap();
    writer.append(&images[0]).unwrap();
    assert_eq!(writer.append(&images[1]).unwrap_err().to_string(), "expected 1 images, got 2");
    let wide = Image::new(1, 1, 4, vec![0; 4]).unwrap();
    assert!(matches!(writer.append(&wide), Err(Error::ImageSize { .. })));
    assert!(matches!(write_labels(&path, &[3, 256]), Err(Error::LabelRange { label: 256, limit: 255 })));
    assert!(matches!(write_images(&path, &[]), Err(Error::NoImages)));
}
