use super::*;
use crate::Image;
use lots_network::npy::{Header, parse};

/// What `numpy.save` (2.4) writes for `numpy.arange(24, dtype=numpy.uint8).reshape(2, 3, 4)`.
fn numpy_bytes() -> Vec<u8> {
    let line = format!("{:<117}\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }");
    [b"\x93NUMPY\x01\x00\x76\x00", line.as_bytes(), &(0..24).collect::<Vec<u8>>()].concat()
}

/// A file with a header line of our choice.
fn file(line: &str, values: &[u8]) -> Vec<u8> {
    let length = (line.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], line.as_bytes(), values].concat()
}

fn with_bytes<T>(bytes: &[u8], read: impl Fn(&Path) -> Result<T>) -> Result<T> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("array.npy");
    std::fs::write(&path, bytes).unwrap();
    read(&path)
}

fn images(bytes: &[u8]) -> Result<Vec<Image>> {
    with_bytes(bytes, |path| Images::open(path)?.collect())
}

#[test]
fn the_bytes_are_those_of_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("array.npy");
    write(&path, &[2, 3, 4], &(0..24).collect::<Vec<u8>>()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), numpy_bytes());
    // numpy.save(…, numpy.array([1.5], numpy.float32))
    write(&path, &[1], &[1.5_f32]).unwrap();
    let line = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }");
    let expected = [b"\x93NUMPY\x01\x00\x76\x00", line.as_bytes(), &[0, 0, 0xC0, 0x3F]].concat();
    assert_eq!(std::fs::read(&path).unwrap(), expected);
}

#[test]
fn every_type_comes_back_as_it_was() {
    fn check<T: Element + PartialEq + std::fmt::Debug>(values: &[T]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("array.npy");
        write(&path, &[2, values.len() / 2], values).unwrap();
        let array = read::<T>(&path).unwrap();
        assert_eq!((&array.shape[..], &array.values[..]), (&[2, values.len() / 2][..], values));
    }
    check(&(0..40_000).map(|value| value as u8).collect::<Vec<_>>());
    check(&(0..40_000).map(|value| (value - 20_000) as i16).collect::<Vec<_>>());
    check(&(0..40_000).map(|value| value as f32 / 7.0 - 99.0).collect::<Vec<_>>());
}

#[test]
fn rows_one_by_one_give_the_same_file_as_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (streamed, whole) = (folder.path().join("streamed.npy"), folder.path().join("whole.npy"));
    for rows in [0, 1, 9, 10, 1234] {
        let values: Vec<f32> = (0..rows * 6).map(|value| value as f32).collect();
        let mut writer = RowWriter::<f32>::create(&streamed, &[1, 2, 3]).unwrap();
        for row in values.chunks(6) {
            writer.append(row).unwrap();
        }
        writer.finish().unwrap();
        write(&whole, &[rows, 1, 2, 3], &values).unwrap();
        assert_eq!(std::fs::read(&streamed).unwrap(), std::fs::read(&whole).unwrap(), "{rows} rows");
    }
}

#[test]
fn rows_of_the_wrong_length_are_refused_and_nothing_appears_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("array.npy");
    let mut writer = RowWriter::<u8>::create(&path, &[2, 2]).unwrap();
    assert!(matches!(writer.append(&[1, 2, 3]), Err(Error::ArrayLength { got: 3, expected: 4 })));
    writer.append(&[1, 2, 3, 4]).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(matches!(write(&path, &[2, 2], &[0_u8; 5]), Err(Error::ArrayLength { got: 5, expected: 4 })));
}

#[test]
fn the_four_shapes_of_images_are_read() {
    let values: Vec<u8> = (0..24).collect();
    let cases: [(&str, usize, [usize; 3]); 6] = [
        ("(2, 3, 4)", 2, [1, 3, 4]),
        ("(4, 6)", 1, [1, 4, 6]),
        ("(2, 4, 3)", 1, [3, 2, 4]),
        ("(4, 6, 1)", 1, [1, 4, 6]),
        ("(2, 2, 2, 3)", 2, [3, 2, 2]),
        ("(3, 2, 4, 1)", 3, [1, 2, 4]),
    ];
    for (shape, count, image_shape) in cases {
        let line = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        let read = images(&file(&line, &values)).unwrap();
        assert_eq!((read.len(), read[0].shape()), (count, image_shape), "{shape}");
        let pixels: Vec<u8> = read.iter().flat_map(Image::to_interleaved).collect();
        assert_eq!(pixels, values, "{shape}");
    }
}

#[test]
fn skipping_gives_the_same_images_as_reading_past_them() {
    let all = images(&numpy_bytes()).unwrap();
    let second = with_bytes(&numpy_bytes(), |path| {
        let mut images = Images::open(path)?;
        assert_eq!((images.image_count(), images.shape()), (2, [1, 3, 4]));
        images.skip_to(1)?;
        images.collect::<Result<Vec<_>>>()
    });
    assert_eq!(second.unwrap(), all[1..]);
}

#[test]
fn a_file_cut_anywhere_or_lengthened_is_refused() {
    let bytes = numpy_bytes();
    assert_eq!(images(&bytes).unwrap().len(), 2);
    for length in 0..bytes.len() {
        let error = images(&bytes[..length]).expect_err("a part is not the whole");
        assert!(
            matches!(error, Error::FileLength { .. } | Error::Damaged { .. } | Error::NotArray { .. }),
            "{length} bytes: {error}"
        );
    }
    let error = images(&bytes[..150]).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "the `.npy` array has the wrong length, expected 152 bytes by its header, got 150: `"
        ),
        "{error}"
    );
    let longer = images(&[&bytes[..], &[0]].concat()).unwrap_err();
    assert!(matches!(longer, Error::FileLength { expected: 152, got: 153, .. }), "{longer}");
}

#[test]
fn damaged_headers_never_panic() {
    let bytes = numpy_bytes();
    for index in 0..128 {
        for value in [0, 1, b' ', b'(', b',', b'9', b'\'', 0x7F, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[index] = value;
            if let Ok(read) = images(&damaged) {
                assert_eq!(read.iter().map(|image| image.pixels().len()).sum::<usize>(), 24);
            }
        }
    }
}

#[test]
fn headers_that_promise_too_much_are_refused() {
    for shape in [
        "(10000, 1000, 1000)",
        "(18446744073709551615, 2, 2)",
        "(4294967296, 4294967296, 4294967296)",
        "(0, 5, 5)",
        "(5, 0)",
    ] {
        let line = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        assert!(images(&file(&line, b"123")).is_err(), "{shape}");
        assert!(images(&file(&line, b"")).is_err(), "{shape}");
    }
    // A header of 4 GB in a file of 20 bytes.
    assert!(images(b"\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{'descr':").is_err());
}

#[test]
fn arrays_of_something_else_say_what() {
    let header = |kind: &str, order: &str, shape: &str| {
        format!("{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
    };
    let cases = [
        (
            header("'<f4'", "False", "(1, 2, 2)"),
            16,
            "holds values of type `<f4`, expected unsigned bytes",
            "astype",
        ),
        (
            header("'|u1'", "True", "(1, 2, 2)"),
            4,
            "holds columns one after the other, expected rows",
            "ascontiguous",
        ),
        (
            header("'|u1'", "False", "(2, 3, 4, 5)"),
            120,
            "holds values of shape (2, 3, 4, 5), expected images",
            "transpose",
        ),
        (header("'|u1'", "False", "(7,)"), 7, "holds values of shape (7), expected images", "transpose"),
        (header("'|O'", "False", "(1, 2, 2)"), 4, "holds values of type `|O`, expected numbers", ""),
        (
            header("[('a', '<f4')]", "False", "(1, 2, 2)"),
            16,
            "is damaged (its header is not that of an array of numbers)",
            "fetch",
        ),
    ];
    for (line, length, message_part, hint_part) in cases {
        let error = images(&file(&line, &vec![0; length])).unwrap_err();
        assert!(error.to_string().contains(message_part), "{error}");
        assert!(error.hint().unwrap_or_default().contains(hint_part), "{error}");
    }
    let error = with_bytes(&numpy_bytes(), |path| read::<f32>(path)).unwrap_err().to_string();
    assert!(error.contains("holds values of type `|u1`, expected <f4"), "{error}");
    let negative = file(&header("'<i4'", "False", "(2,)"), &[1, 0, 0, 0, 255, 255, 255, 255]);
    let error = with_bytes(&negative, |path| read_labels(path)).unwrap_err().to_string();
    assert!(error.contains("holds a negative number, expected labels"), "{error}");
    assert!(with_bytes(&numpy_bytes(), |path| read_labels(path)).is_err());
}

#[test]
fn header_lines_of_other_writers_are_read() {
    let expected = Header { value_type: "<f4".to_owned(), fortran_order: true, shape: vec![3, 4] };
    for line in [
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }    \n",
        "{\"shape\": (3L, 4L), \"fortran_order\": True, \"descr\": \"<f4\"}",
        "{ 'fortran_order' : True , 'shape' : ( 3 , 4 , ) , 'descr' : '<f4' , }",
    ] {
        assert_eq!(parse(line).as_ref(), Some(&expected), "{line}");
    }
    for line in [
        "",
        "{",
        "{}",
        "{'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3, -4)}",
        "(((((",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), } x",
    ] {
        assert_eq!(parse(line), None, "{line}");
    }
}
