use super::*;

fn random_pixels(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()
}

fn bgr() -> PixelEncoding {
    PixelEncoding::new(ChannelOrder::Bgr, vec![103.939, 116.779, 123.68], vec![0.5, 0.25, 2.0]).unwrap()
}

#[test]
fn every_pixel_of_every_image_is_encoded_by_its_own_channel() {
    let shape = [3, 5, 4];
    for (images, lanes) in [(16, 16), (3, 16), (1, 1), (5, 16), (0, 16)] {
        let pixels = random_pixels(images * 60);
        let floats: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
        let (mut input, mut from_floats) = (vec![9.0; 60 * lanes], vec![9.0; 60 * lanes]);
        bgr().encode(Pixels::from(&pixels[..]), shape, lanes, &mut input);
        bgr().encode(Pixels::from(&floats[..]), shape, lanes, &mut from_floats);
        assert_eq!(input, from_floats);
        for (index, &value) in input.iter().enumerate() {
            let (element, lane) = (index / lanes, index % lanes);
            let (channel, position) = (element / 20, element % 20);
            // Lanes without an image repeat the last one.
            let expected = if let Some(last) = images.checked_sub(1) {
                let pixel = f32::from(pixels[lane.min(last) * 60 + (2 - channel) * 20 + position]);
                (pixel - bgr().mean()[channel]) * bgr().factor()[channel]
            } else {
                0.0
            };
            assert_eq!(value.to_bits(), expected.to_bits(), "element {element}, lane {lane}");
        }
    }
}

#[test]
fn pulling_back_is_the_transpose_of_the_linear_part_of_encoding() {
    let shape = [3, 5, 4];
    let (images, lanes) = (3, 16);
    let pixels: Vec<f32> = random_pixels(images * 60).into_iter().map(f32::from).collect();
    let (mut input, mut offset) = (vec![0.0; 60 * lanes], vec![0.0; 60 * lanes]);
    bgr().encode(Pixels::from(&pixels[..]), shape, lanes, &mut input);
    bgr().encode(Pixels::F32(&vec![0.0; images * 60]), shape, lanes, &mut offset);
    let mut gradient: Vec<f32> =
        random_pixels(60 * lanes).into_iter().map(|value| f32::from(value) - 128.0).collect();
    for element in gradient.chunks_exact_mut(lanes) {
        element[images..].fill(0.0);
    }
    let mut at_pixels = vec![9.0; images * 60];
    bgr().pull_back(&gradient, shape, lanes, &mut at_pixels);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let forward = dot(&input, &gradient) - dot(&offset, &gradient);
    let backward = dot(&pixels, &at_pixels);
    // Single products are exact to f32; sums are in f64.
    assert!((forward - backward).abs() < 1e-5 * forward.abs(), "{forward} {backward}");
}

#[test]
fn words_name_the_ranges_of_the_input() {
    for (word, low, high) in [("0-255", 0.0, 255.0), ("0-1", 0.0, 1.0), ("-1-1", -1.0, 1.0)] {
        let encoding = PixelEncoding::from_word(word, ChannelOrder::Grey).unwrap();
        let mut input = [9.0; 2];
        encoding.encode(Pixels::U8(&[0, 255]), [1, 1, 2], 1, &mut input);
        assert_eq!(input[..], [low, high], "{word}");
    }
}

#[test]
fn imagenet_is_the_standardisation_of_torchvision_in_either_order() {
    let rgb = PixelEncoding::from_word("imagenet", ChannelOrder::Rgb).unwrap();
    let bgr = PixelEncoding::from_word("imagenet", ChannelOrder::Bgr).unwrap();
    assert_eq!(rgb.mean(), [123.675, 116.28, 103.53]);
    assert_eq!(bgr.mean(), [103.53, 116.28, 123.675]);
    let mut input = [0.0; 3];
    bgr.encode(Pixels::U8(&[255, 128, 0]), [3, 1, 1], 1, &mut input);
    // transforms.Normalize on pixels 1, 128/255 and 0.
    let expected = [(0.0 - 0.406) / 0.225, (128.0 / 255.0 - 0.456) / 0.224, (1.0 - 0.485) / 0.229];
    lots_testing::assert_close(&input, &expected.map(|value: f64| value as f32), 1e-6, 1e-6);
}

#[test]
fn caffes_mean_and_scale_are_in_the_order_of_the_input() {
    let encoding =
        PixelEncoding::scaled(ChannelOrder::Bgr, &[103.939, 116.779, 123.68], &[2.0], 0.5).unwrap();
    assert_eq!(encoding.mean(), [103.939, 116.779, 123.68]);
    assert_eq!(encoding.factor(), [0.25; 3]);
}

#[test]
fn metadata_brings_back_every_bit() {
    let numbers = [f32::MIN_POSITIVE, 1.0e-45, f32::MAX, -0.1, 1.0 / 3.0, 0.003_906_25, 123.675, 1.0 / 255.0];
    for window in numbers.windows(3) {
        let encoding = PixelEncoding::new(ChannelOrder::Rgb, window.to_vec(), window.to_vec()).unwrap();
        let metadata = encoding.to_metadata();
        let read = PixelEncoding::from_metadata(&metadata).unwrap().unwrap();
        assert_eq!(read, encoding);
    }
    let other = [("author".to_owned(), "somebody".to_owned())];
    assert_eq!(PixelEncoding::from_metadata(&other).unwrap(), None);
}

#[test]
fn broken_metadata_says_which_property() {
    let cases = [
        (
            "lots.channels",
            "RGB",
            "the file's property `lots.channels` is `RGB`, expected `rgb`, `bgr` or `grey`",
        ),
        (
            "lots.mean",
            "1,2",
            "the file's property `lots.mean` is `1,2`, expected one number a channel, commas between them",
        ),
        (
            "lots.mean",
            "1,inf,2",
            "the file's property `lots.mean` is `1,inf,2`, expected one number a channel, commas between them",
        ),
        (
            "lots.factor",
            "1,0,1",
            "the file's property `lots.factor` is `1,0,1`, expected one number a channel, commas between them",
        ),
        (
            "lots.factor",
            "",
            "the file's property `lots.factor` is ``, expected one number a channel, commas between them",
        ),
    ];
    for (key, value, expected) in cases {
        let mut metadata = bgr().to_metadata();
        metadata.iter_mut().find(|(known, _)| known == key).unwrap().1 = value.to_owned();
        let error = PixelEncoding::from_metadata(&metadata).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().contains("lots describe"));
    }
    assert!(PixelEncoding::from_metadata(&bgr().to_metadata()[..2]).is_err());
}

#[test]
fn encodings_that_make_no_sense_are_refused() {
    let grey = ChannelOrder::Grey;
    let cases = [
        (
            PixelEncoding::from_word("0-2", grey),
            "`0-2` is no range of pixel values, expected `0-255`, `0-1`, `-1-1` or `imagenet`",
        ),
        (
            PixelEncoding::from_word("imagenet", grey),
            "the network takes images of 1 channels, expected 3 for `imagenet`",
        ),
        (PixelEncoding::scaled(grey, &[1.0, 2.0], &[], 1.0), "2 values of `mean`, expected 1, one a channel"),
        (
            PixelEncoding::scaled(grey, &[], &[0.0], 1.0),
            "`std` of a channel is `0`, expected a finite number above 0",
        ),
        (
            PixelEncoding::scaled(grey, &[], &[], f32::NAN),
            "`scale` of a channel is `NaN`, expected a finite number other than 0",
        ),
        (
            PixelEncoding::scaled(grey, &[f32::INFINITY], &[], 1.0),
            "`mean` of a channel is `inf`, expected a finite number",
        ),
        (
            PixelEncoding::new(grey, vec![0.0], vec![0.0]),
            "`factor` of a channel is `0`, expected a finite number other than 0",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    let error = ChannelOrder::of_channels(4).unwrap_err();
    assert_eq!(error.to_string(), "the network takes images of 4 channels, expected 1 or 3");
    let error = bgr().expect_channels(1).unwrap_err();
    assert_eq!(error.to_string(), "the network takes images of 1 channels, expected 3 for `bgr`");
    let error = ChannelOrder::from_word("gray").unwrap_err();
    assert_eq!(error.to_string(), "`gray` is no order of channels, expected `rgb`, `bgr` or `grey`");
    assert!(Error::UnknownPixels.hint().unwrap().contains("--pixels 0-255 | 0-1 | -1-1 | imagenet"));
}
