//! The engine against an independent implementation: PyTorch in float64 with the weights of the embedded LeNet.
//!
//! `tools/make_reference_network.py` writes `testdata/reference/network/`; the versions it used are in `lenet.json`.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare itself has failed")]

use lots::data::digits;
use lots::embedded;
use lots_network::{Network, ReluStart};
use serde_json::Value;
use sha2::{Digest, Sha256};

const JSON: &str = include_str!("../../../testdata/reference/network/lenet.json");
const NUMBERS: &[u8] = include_bytes!("../../../testdata/reference/network/lenet.f32");

/// What f32 arithmetic may differ from float64, relative to the largest number of the array.
const TOLERANCE: f32 = 1e-5;

struct Reference {
    numbers: Vec<f32>,
    cases: Vec<Value>,
}

impl Reference {
    fn load() -> Self {
        let description: Value = serde_json::from_str(JSON).unwrap();
        let digits = description["network_sha256"].as_str().unwrap();
        let expected: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
        assert_eq!(
            Sha256::digest(embedded::LENET_ONNX).as_slice(),
            expected,
            "the embedded network has changed: run tools/make_reference_network.py"
        );
        let numbers = NUMBERS.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Self { numbers, cases: description["cases"].as_array().unwrap().clone() }
    }

    fn array(&self, place: &Value) -> &[f32] {
        let first = index(&place["first"]);
        let count: usize = place["shape"].as_array().unwrap().iter().map(index).product();
        &self.numbers[first..first + count]
    }
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[track_caller]
fn assert_agree(got: &[f32], expected: &[f32], what: &str) {
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    assert!(largest > 0.0, "{what}: the reference is not all zero");
    let result =
        std::panic::catch_unwind(|| lots_testing::assert_close(got, expected, 0.0, TOLERANCE * largest));
    assert!(result.is_ok(), "{what} differs from PyTorch's");
}

/// The layer's representation of one image.
fn representation(network: &Network, layer: &str, pixels: &[u8]) -> Vec<f32> {
    network.represent(network.layer(layer).unwrap(), pixels).unwrap().values
}

fn gradient(network: &Network, layer: &str, pixels: &[u8], cotangent: &[f32], start: ReluStart) -> Vec<f32> {
    let layer = network.layer(layer).unwrap();
    network.trace(&[layer], pixels).unwrap().backpropagate(layer, cotangent, start).unwrap().values
}

#[test]
fn representations_agree_with_pytorch() {
    let (reference, network, digits) = (Reference::load(), embedded::lenet(), digits::load());
    for case in &reference.cases {
        let origin = digits.images()[index(&case["origin"])].pixels();
        for (layer, place) in case["representations"].as_object().unwrap() {
            let what = format!("representation of digit {} at {layer}", case["origin"]);
            assert_agree(&representation(&network, layer, origin), reference.array(place), &what);
        }
    }
}

#[test]
fn gradients_to_the_pixels_agree_with_pytorch() {
    let (reference, network) = (Reference::load(), embedded::lenet());
    let (digits, targets) = (digits::load(), digits::targets());
    for case in &reference.cases {
        let origin = digits.images()[index(&case["origin"])].pixels();
        let target = targets.images()[index(&case["target"])].pixels();
        let difference = |layer: &str| -> Vec<f32> {
            let at_target = representation(&network, layer, target);
            at_target.iter().zip(representation(&network, layer, origin)).map(|(t, o)| t - o).collect()
        };
        for (layer, place) in case["toward"].as_object().unwrap() {
            let got = gradient(&network, layer, origin, &difference(layer), ReluStart::Caffe);
            assert_agree(&got, reference.array(place), &format!("Eq. (3) at {layer}"));
        }
        for (layer, place) in case["magnify"].as_object().unwrap() {
            let own = representation(&network, layer, origin);
            let got = gradient(&network, layer, origin, &own, ReluStart::Caffe);
            assert_agree(&got, reference.array(place), &format!("Eq. (4) at {layer}"));
        }
        let exact = gradient(&network, "ip1", origin, &difference("ip1"), ReluStart::Exact);
        assert_agree(
            &exact,
            reference.array(&case["toward_exact_ip1"]),
            "Eq. (3) at ip1 with the ReLU's mask",
        );
        let caffe = reference.array(&case["toward"]["ip1"]);
        assert_ne!(exact, caffe, "the mask of the ReLU makes a difference");
    }
}

#[test]
fn one_image_and_many_give_the_same_bytes_on_any_number_of_threads() {
    let (network, digits) = (embedded::lenet(), digits::load());
    let pixels: Vec<u8> = digits.images().iter().flat_map(|image| image.pixels().to_vec()).collect();
    let layer = network.layer("ip1").unwrap();
    let run = |pixels: &[u8], threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let trace = network.trace(&[layer], pixels).unwrap();
            let representation = trace.representation(layer).unwrap().values;
            let gradient = trace.backpropagate(layer, &representation, ReluStart::Exact).unwrap().values;
            let logits = network.classify(pixels).unwrap().values;
            [representation, gradient, logits]
                .map(|values| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        })
    };
    let whole = run(&pixels, 2);
    assert_eq!(whole, run(&pixels, 1), "1 and 2 threads");
    for (batch, parts) in [(1, 40), (2, 20), (17, 5), (333, 2)] {
        for part in 0..parts {
            let own = run(&pixels[part * batch * 784..(part + 1) * batch * 784], 2);
            for (own, whole) in own.iter().zip(&whole) {
                assert_eq!(
                    *own,
                    whole[part * own.len()..(part + 1) * own.len()],
                    "batches of {batch} and 1,000"
                );
            }
        }
    }
}
