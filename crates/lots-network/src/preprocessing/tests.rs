use super::*;

#[test]
fn the_longer_side_is_rounded_down() {
    // int(256 · long / short) in Python, for images in both orientations.
    for (extents, expected) in [
        ([512, 640], [256, 320]),
        ([640, 512], [320, 256]),
        ([512, 683], [256, 341]),
        ([300, 300], [256, 256]),
        ([60, 80], [256, 341]),
        ([1, 1000], [256, 256_000]),
    ] {
        assert_eq!(Resize::ShorterSide(256).of(extents), expected, "{extents:?}");
    }
    assert_eq!(Resize::ShorterSide(40).of([60, 80]), [40, 53]);
    assert_eq!(Resize::Exact([3, 9]).of([60, 80]), [3, 9]);
}

#[test]
fn the_centre_is_where_python_rounds_it_to() {
    // int(round((side - crop) / 2.0)) in Python for 0 to 9 pixels that are left over.
    let rounded = [0, 0, 1, 2, 2, 2, 3, 4, 4, 4];
    for (left_over, expected) in rounded.into_iter().enumerate() {
        assert_eq!(Preprocessing::corner([32 + left_over, 32], [32, 32]), [expected, 0], "{left_over}");
    }
}

#[test]
fn sizes_are_read_as_they_are_written() {
    for (text, resize) in [
        ("256", Resize::ShorterSide(256)),
        ("1", Resize::ShorterSide(1)),
        ("480x640", Resize::Exact([480, 640])),
        ("32768x1", Resize::Exact([32_768, 1])),
    ] {
        assert_eq!(text.parse::<Resize>().unwrap(), resize);
        assert_eq!(resize.to_string(), text);
    }
    for text in
        ["", "0", "32769", "0x5", "5x", "x5", "1x2x3", "+5", "-5", " 5", "5.0", "99999999999999999999"]
    {
        let error = text.parse::<Resize>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{text}` is no size, expected one number or HEIGHTxWIDTH, each 1 to 32768")
        );
    }
}

#[test]
fn metadata_brings_back_what_was_declared() {
    let resizes = [None, Some(Resize::ShorterSide(256)), Some(Resize::Exact([256, 300]))];
    for resize in resizes {
        for crop in [None, Some([224, 224]), Some([200, 300])] {
            let preprocessing = Preprocessing::new(resize, crop).unwrap();
            let metadata = preprocessing.to_metadata();
            assert_eq!(metadata.is_empty(), preprocessing.is_empty());
            assert_eq!(Preprocessing::from_metadata(&metadata).unwrap(), preprocessing);
        }
    }
    let one_number = [("lots.crop".to_owned(), "224".to_owned())];
    assert_eq!(Preprocessing::from_metadata(&one_number).unwrap().crop(), Some([224, 224]));
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let error = Preprocessing::from_metadata(&[property("lots.resize", "big")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file's property `lots.resize` is `big`, expected one number or HEIGHTxWIDTH"
    );
    assert!(error.hint().unwrap().contains("lots describe"));
    let error = Preprocessing::from_metadata(&[property("lots.crop", "0x0")]).unwrap_err();
    assert!(error.to_string().contains("`lots.crop` is `0x0`"), "{error}");
    let inside = [property("lots.resize", "200"), property("lots.crop", "224")];
    let error = Preprocessing::from_metadata(&inside).unwrap_err();
    assert_eq!(error.to_string(), "no image resized to `200` holds a crop of 224×224 pixels");
    assert!(Preprocessing::new(Some(Resize::Exact([256, 200])), Some([224, 224])).is_err());
    assert!(Preprocessing::new(Some(Resize::ShorterSide(0)), None).is_err());
    assert!(Preprocessing::new(None, Some([1, 1 << 20])).is_err());
}

#[test]
fn what_is_left_must_fit_the_network() {
    let new = |resize, crop| Preprocessing::new(resize, crop).unwrap();
    let (shorter, exact) = (Resize::ShorterSide(40), Resize::Exact([32, 32]));
    for fitting in [new(None, None), new(Some(shorter), Some([32, 32])), new(Some(exact), None)] {
        fitting.expect_size([32, 32]).unwrap();
    }
    for (wrong, message, hint) in [
        (
            new(Some(shorter), Some([28, 28])),
            "what is cut out has 28×28 pixels, expected 32×32 as the network takes",
            "`--crop 32x32`",
        ),
        (
            new(Some(shorter), None),
            "images resized to `40` do not have the 32×32 pixels that the network takes",
            "add `--crop 32x32`",
        ),
        (
            new(Some(Resize::Exact([40, 32])), None),
            "images resized to `40x32` do not have the 32×32 pixels that the network takes",
            "`--resize 32x32`",
        ),
    ] {
        let error = wrong.expect_size([32, 32]).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
    }
}
