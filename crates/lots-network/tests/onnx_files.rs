//! Network files as other programs write them: what `ONNX Runtime` computes with them we compute, too, before and after
//! saving them; and whatever happens to their bytes, there is a network or a sentence.
//!
//! `tools/make_reference_onnx.py` made the files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;

use lots_network::{ChannelOrder, Network, NetworkFile, PixelEncoding, Preprocessing, Resize, Vgg16};
use lots_testing::assert_close;

/// Relative and absolute tolerance of the outputs. f32 sums of at most 100 numbers below 10, in another order.
const TOLERANCE: (f32, f32) = (1e-5, 1e-6);
/// Where the other program computes in 16-bit floats, with 11 significant bits, and outputs are sums of 32.
const HALF_TOLERANCE: (f32, f32) = (2e-3, 2e-3);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/onnx")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.onnx"))).unwrap()
}

/// Name and expected outputs, for two images, of each network.
fn networks() -> Vec<(String, Vec<f32>)> {
    let text = std::fs::read_to_string(folder().join("outputs.txt")).unwrap();
    text.lines()
        .map(|line| {
            let (name, values) = line.split_once(' ').unwrap();
            (name.to_owned(), values.split(' ').map(|value| value.parse().unwrap()).collect())
        })
        .collect()
}

/// The two images that the expected outputs are for.
fn images([channels, height, width]: [usize; 3]) -> Vec<u8> {
    (0..2 * channels * height * width).map(|index| ((index * 37 + index / 11 * 5) % 256) as u8).collect()
}

fn open(bytes: &[u8]) -> Network {
    let file = NetworkFile::read(bytes).unwrap();
    let order = ChannelOrder::of_channels(file.input_shape()[0]).unwrap();
    file.into_network(PixelEncoding::scaled(order, &[], &[], 1.0 / 256.0).unwrap()).unwrap()
}

/// The network's own output for the two images.
fn outputs(network: &Network) -> Vec<f32> {
    let last = network.layers().last().unwrap().tensor.clone();
    let pixels = images(network.input_shape());
    network.represent(network.layer(&last).unwrap(), pixels.as_slice()).unwrap().values
}

#[test]
fn outputs_are_those_of_another_program() {
    for (name, expected) in networks() {
        let network = open(&bytes(&name));
        let (relative, absolute) = if name.starts_with("half") { HALF_TOLERANCE } else { TOLERANCE };
        assert_close(&outputs(&network), &expected, relative, absolute);
    }
}

#[test]
fn a_saved_network_computes_the_same_bits_and_says_which_pixels_it_expects() {
    for (name, _) in networks() {
        let network = open(&bytes(&name));
        let saved = network.to_onnx();
        let again = Network::from_onnx(&saved).unwrap();
        assert_eq!(again.pixels(), network.pixels(), "{name}");
        assert_eq!(again.layers(), network.layers(), "{name}");
        let bits = |network: &Network| outputs(network).into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(&again), bits(&network), "{name}");
        assert!(again.to_onnx() == saved, "{name}: the second file differs from the first");
    }
}

#[test]
fn a_file_that_does_not_say_its_pixels_is_refused_until_it_is_told() {
    let error = Network::from_onnx(&bytes("opset_7")).unwrap_err();
    assert_eq!(error.to_string(), "the network does not say which pixel values it expects");
    assert!(error.hint().unwrap().contains("--pixels 0-255 | 0-1 | -1-1 | imagenet"));
    let file = NetworkFile::read(&bytes("opset_7")).unwrap();
    assert_eq!(file.pixels().unwrap(), None);
    let grey = PixelEncoding::from_word("0-1", ChannelOrder::Grey).unwrap();
    let error = file.into_network(grey).unwrap_err();
    assert_eq!(error.to_string(), "the network takes images of 3 channels, expected 1 for `grey`");
}

#[test]
fn what_is_done_to_images_of_another_size_is_in_the_file() {
    let network = || Vgg16 { extent: 32, channels: [1; 5], features: 2, classes: 2 }.network(0);
    let silent = Network::from_onnx(&network().to_onnx()).unwrap();
    assert!(silent.preprocessing().is_empty());
    let declared = Preprocessing::new(Some(Resize::ShorterSide(40)), Some([32, 32])).unwrap();
    let saved = silent.with_preprocessing(declared).unwrap().to_onnx();
    let again = Network::from_onnx(&saved).unwrap();
    assert_eq!(again.preprocessing(), declared);
    assert!(again.to_onnx() == saved, "the second file differs from the first");
    // What is taken back is not in the next file.
    let taken_back = again.with_preprocessing(Preprocessing::default()).unwrap().to_onnx();
    assert!(taken_back == network().to_onnx());
    let error = network().with_preprocessing(Preprocessing::new(None, Some([31, 32])).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "what is cut out has 31×32 pixels, expected 32×32 as the network takes");
}

#[test]
fn properties_of_other_programs_survive_saving() {
    let mut bytes = bytes("opset_7");
    // metadata_props (field 14) with key (1) `author` and value (2) `somebody`, appended: messages may be concatenated.
    bytes.extend(b"\x72\x12\x0a\x06author\x12\x08somebody");
    let saved = open(&bytes).to_onnx();
    assert!(saved.windows(16).any(|window| window == b"author\x12\x08somebody"));
    assert!(Network::from_onnx(&saved).unwrap().to_onnx() == saved);
}

#[test]
fn a_missing_file_is_named() {
    let error = Network::load("no/such/file.onnx").unwrap_err().to_string();
    assert!(error.ends_with(": no/such/file.onnx"), "{error}");
}

#[test]
fn every_truncation_is_a_network_or_a_sentence() {
    for (name, _) in networks() {
        let bytes = bytes(&name);
        for length in 0..bytes.len() {
            check(&bytes[..length]);
        }
    }
}

#[test]
fn thousands_of_broken_files_are_networks_or_sentences() {
    let files: Vec<Vec<u8>> = networks().iter().map(|(name, _)| bytes(name)).collect();
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        // Numbers from Knuth's MMIX; the upper bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below
    };
    for case in 0..20_000 {
        let mut bytes = files[case % files.len()].clone();
        for _ in 0..=random(4) {
            let position = random(bytes.len());
            let end = (position + 1 + random(8)).min(bytes.len());
            match random(4) {
                0 => bytes[position] = random(256) as u8,
                1 => bytes[position] ^= 1 << random(8),
                2 => drop(bytes.drain(position..end)),
                // A run of 0xff makes a large varint of what was a small one.
                _ => {
                    let run = vec![[0xff, 0x00, 0x7f][random(3)]; end - position];
                    bytes.splice(position..position, run);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        check(&bytes);
    }
}

/// Reads the bytes, and computes with what they hold if it is small.
#[track_caller]
fn check(bytes: &[u8]) {
    match NetworkFile::read(bytes) {
        Ok(file) => {
            let Ok(order) = ChannelOrder::of_channels(file.input_shape()[0]) else { return };
            let Ok(pixels) = PixelEncoding::from_word("0-1", order) else { return };
            let network = file.into_network(pixels).unwrap();
            let elements = |shape: &lots_network::Shape| shape.count();
            let largest =
                network.layers().iter().map(|layer| elements(&layer.output_shape)).max().unwrap_or(0);
            let [channels, height, width] = network.input_shape();
            if largest.max(channels * height * width) < 100_000 {
                outputs(&network);
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty() && message.len() < 2_000, "{message}");
            error.hint();
        }
    }
}
