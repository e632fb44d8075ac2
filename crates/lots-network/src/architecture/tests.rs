//! Narrow random networks written in each published form and read again.

use std::io::{Cursor, Write};

use prost::Message;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Architecture, Vgg16};
use crate::error::Error;
use crate::load::weights::caffemodel::{
    BlobProto, BlobShape, LayerParameter, NetParameter, V1LayerParameter,
};
use crate::network::Network;
use crate::npy;

const NARROW: Vgg16 = Vgg16 { extent: 64, channels: [3, 4, 5, 6, 7], features: 9, classes: 11 };

/// A tensor of a file: `conv1_1.weight`, its extents, its numbers.
type Named = (String, Vec<usize>, Vec<f32>);

fn tensors(network: &Network) -> Vec<Named> {
    let parameters = network.parameters();
    parameters
        .iter()
        .map(|it| (it.name.to_owned(), it.shape.extents().to_vec(), it.values.to_vec()))
        .collect()
}

/// As Caffe wrote it until 2015: four extents for everything, `layers`.
fn old_caffemodel(tensors: &[Named]) -> Vec<u8> {
    let layers = blobs(tensors, |extents, data| {
        let mut dims = [1; 4];
        for (dim, &extent) in dims.iter_mut().rev().zip(extents.iter().rev()) {
            *dim = extent as i32;
        }
        let [num, channels, height, width] = dims;
        BlobProto { num, channels, height, width, data, ..BlobProto::default() }
    });
    // The data layer and the ReLUs are in the file too, without numbers.
    let data = V1LayerParameter { name: "data".to_owned(), blobs: Vec::new() };
    let layers = layers.into_iter().map(|(name, blobs)| V1LayerParameter { name, blobs });
    let layers = std::iter::once(data).chain(layers).collect();
    NetParameter { layers, layer: Vec::new() }.encode_to_vec()
}

fn new_caffemodel(tensors: &[Named]) -> Vec<u8> {
    let layers = blobs(tensors, |extents, data| {
        let dim = extents.iter().map(|&extent| extent as i64).collect();
        BlobProto { data, shape: Some(BlobShape { dim }), ..BlobProto::default() }
    });
    let layer = layers.into_iter().map(|(name, blobs)| LayerParameter { name, blobs }).collect();
    NetParameter { layers: Vec::new(), layer }.encode_to_vec()
}

/// The blobs of each layer: weights, biases.
fn blobs(tensors: &[Named], blob: impl Fn(&[usize], Vec<f32>) -> BlobProto) -> Vec<(String, Vec<BlobProto>)> {
    tensors
        .chunks(2)
        .map(|layer| {
            let name = layer[0].0.strip_suffix(".weight").unwrap().to_owned();
            (name, layer.iter().map(|(_, extents, values)| blob(extents, values.clone())).collect())
        })
        .collect()
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn safetensors(tensors: &[Named]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|(_, _, values)| little_endian(values)).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, extents, _), bytes)| {
        (name, TensorView::new(Dtype::F32, extents.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn npz(tensors: &[Named]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, extents, values) in tensors {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        archive.write_all(&npy::format("<f4", extents)).unwrap();
        archive.write_all(&little_endian(values)).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Any picture of the network's size.
fn picture(network: &Network) -> Vec<u8> {
    let count: usize = network.input_shape().iter().product();
    (0..count).map(|index| (index * 37 % 251) as u8).collect()
}

/// What two layers see in a picture.
fn seen(network: &Network, pixels: &[u8]) -> [Vec<f32>; 2] {
    ["fc7", "fc8"].map(|layer| network.represent(network.layer(layer).unwrap(), pixels).unwrap().values)
}

#[test]
fn vgg_face_is_the_same_in_every_form_but_for_the_order_of_the_channels() {
    let drawn = tensors(&NARROW.network(5));
    let [old, new, torch, numpy] = [old_caffemodel, new_caffemodel, safetensors, npz]
        .map(|write| Architecture::VggFace.with_weights(&write(&drawn)).unwrap());
    let rgb = picture(&old);
    let mut bgr = rgb.clone();
    let plane = rgb.len() / 3;
    bgr[..plane].copy_from_slice(&rgb[2 * plane..]);
    bgr[2 * plane..].copy_from_slice(&rgb[..plane]);
    assert_eq!(seen(&old, &rgb), seen(&new, &rgb));
    assert_eq!(seen(&torch, &rgb), seen(&numpy, &rgb));
    assert_ne!(seen(&old, &rgb), seen(&torch, &rgb));
    // The mean goes with its channel: blue, green, red in Caffe; red, green, blue in PyTorch.
    assert_eq!(old.pixels().mean(), [93.594, 104.7624, 129.1863]);
    assert_eq!(torch.pixels().mean(), [129.1863, 104.7624, 93.594]);
    for network in [&old, &torch] {
        assert_eq!(network.class_count(), 11);
        assert_eq!(network.input_shape(), [3, 64, 64]);
        for (layer, position) in [("conv1_1", 1), ("conv5_3", 13), ("fc6", 14), ("fc7", 15), ("fc8", 16)] {
            assert_eq!(network.position(network.layer(layer).unwrap()), Some(position));
        }
    }
    // The numbers are those that were drawn, in their places.
    assert_eq!(tensors(&old), drawn);
    assert_eq!(tensors(&torch), drawn);
    // The same numbers behind the same first step give the same: an image that is its own mirror in red and blue.
    let grey: Vec<u8> = rgb[..plane].repeat(3);
    let without_mean = |network: &Network| {
        let order = network.pixels().channel_order();
        let pixels = crate::PixelEncoding::from_word("0-255", order).unwrap();
        let network = Network::from_onnx(&network.to_onnx()).unwrap().with_pixels(pixels).unwrap();
        seen(&network, &grey)
    };
    assert_eq!(without_mean(&old), without_mean(&torch));
}

#[test]
fn a_fully_connected_layer_may_be_written_as_a_kernel() {
    let drawn = tensors(&NARROW.network(5));
    let mut as_kernel = drawn.clone();
    let fc6 = as_kernel.iter_mut().find(|(name, _, _)| name == "fc6.weight").unwrap();
    assert_eq!(fc6.1, [9, 28]);
    fc6.1 = vec![9, 7, 2, 2];
    let network = Architecture::VggFace.with_weights(&safetensors(&as_kernel)).unwrap();
    assert_eq!(tensors(&network), drawn);
}

#[test]
fn lenet_is_read_from_both_kinds_of_caffemodel() {
    let drawn = Network::lenet(3);
    let pixels = picture(&drawn);
    for write in [old_caffemodel, new_caffemodel, safetensors] {
        let network = Architecture::Lenet.with_weights(&write(&tensors(&drawn))).unwrap();
        assert_eq!(network.classify(&pixels[..]).unwrap(), drawn.classify(&pixels[..]).unwrap());
        assert_eq!(network.pixels(), drawn.pixels());
    }
}

#[test]
fn half_precision_is_read() {
    let drawn = tensors(&Network::lenet(3));
    let halves: Vec<Vec<u8>> = drawn
        .iter()
        .map(|(_, _, values)| {
            values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect()
        })
        .collect();
    let views = drawn.iter().zip(&halves).map(|((name, extents, _), bytes)| {
        (name, TensorView::new(Dtype::F16, extents.clone(), bytes).unwrap())
    });
    let network = Architecture::Lenet.with_weights(&safetensors::serialize(views, None).unwrap()).unwrap();
    for ((_, _, got), (_, _, expected)) in tensors(&network).iter().zip(&drawn) {
        for (got, expected) in got.iter().zip(expected) {
            assert_eq!(got.to_bits(), half::f16::from_f32(*expected).to_f32().to_bits());
        }
    }
}

#[test]
fn weights_of_another_network_are_refused_with_what_differs() {
    let refused = |architecture: Architecture, file: &[u8]| {
        let error = architecture.with_weights(file).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    };
    let vgg = tensors(&NARROW.network(0));
    let lenet = tensors(&Network::lenet(0));
    let (message, hint) = refused(Architecture::VggFace, &new_caffemodel(&lenet));
    assert_eq!(message, "the weights of layer `conv1_1` of `vgg-face` are missing");
    assert_eq!(hint, "the file has weights of `conv1`, `conv2`, `ip1`, `ip2`");
    let changed = |name: &str, extents: &[usize]| {
        let mut tensors = vgg.clone();
        let tensor = tensors.iter_mut().find(|(known, _, _)| known == name).unwrap();
        tensor.1 = extents.to_vec();
        tensor.2.resize(extents.iter().product(), 0.0);
        refused(Architecture::VggFace, &safetensors(&tensors)).0
    };
    let wrong = |layer, got, expected| {
        format!("the weights of layer `{layer}` have shape {got}, expected {expected}")
    };
    assert_eq!(changed("conv2_2.weight", &[4, 4, 5, 5]), wrong("conv2_2", "4×4×5×5", "4×4×3×3"));
    assert_eq!(changed("conv2_2.bias", &[3]), wrong("conv2_2", "3", "4 biases"));
    assert_eq!(changed("fc6.weight", &[28, 9]), wrong("fc6", "28×9", "28×(7 channels of a square)"));
    assert_eq!(changed("fc7.weight", &[9, 8]), wrong("fc7", "9×8", "9×9"));
    assert_eq!(changed("fc8.weight", &[0, 9]), wrong("fc8", "0×9", "no extent of 0"));
    let without_biases: Vec<Named> =
        vgg.iter().filter(|(name, _, _)| name != "conv3_1.bias").cloned().collect();
    let (message, _) = refused(Architecture::VggFace, &npz(&without_biases));
    assert_eq!(message, "the biases of layer `conv3_1` of `vgg-face` are missing");
}

#[test]
fn broken_files_of_weights_give_a_sentence() {
    let lenet = tensors(&Network::lenet(0));
    for file in [old_caffemodel(&lenet), new_caffemodel(&lenet), safetensors(&lenet), npz(&lenet)] {
        for keep in (0..file.len().min(4000)).step_by(7).chain((0..file.len()).step_by(file.len() / 50)) {
            Architecture::Lenet.with_weights(&file[..keep]).unwrap_err();
        }
        for place in (0..2000).step_by(3) {
            let mut file = file.clone();
            file[place] ^= 0x41;
            // Numbers may change without notice; a panic would be a failure.
            let _ = Architecture::Lenet.with_weights(&file);
        }
    }
    let reason = |bytes: &[u8]| match Architecture::Lenet.with_weights(bytes) {
        Err(Error::NotWeights { reason, is_pickled }) => (reason, is_pickled),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(b""), ("it is empty".to_owned(), false));
    assert_eq!(reason(b"\x89HDF\r\n"), ("it is in HDF5".to_owned(), false));
    assert_eq!(reason(b"\x80\x02}q\x00."), ("it is a pickle, which is never run".to_owned(), true));
}

#[test]
fn an_archive_that_unpacks_to_gigabytes_is_refused() {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("conv1.weight.npy", SimpleFileOptions::default()).unwrap();
    archive.write_all(&npy::format("<f4", &[1 << 30])).unwrap();
    for _ in 0..64 {
        archive.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let file = archive.finish().unwrap().into_inner();
    assert!(file.len() < 1 << 17);
    let error = Architecture::Lenet.with_weights(&file).unwrap_err();
    assert!(error.to_string().ends_with("it unpacks to more than 8 times its length"), "{error}");
}

#[test]
fn without_weights_there_are_the_published_extents() {
    let network = Architecture::VggFace.without_weights();
    assert_eq!(network.input_shape(), [3, 224, 224]);
    assert_eq!(network.class_count(), 2622);
    let count: usize = network.layers().iter().map(|layer| layer.parameter_count).sum();
    assert_eq!(count, 145_002_878);
    for architecture in Architecture::ALL {
        assert_eq!(Architecture::from_word(architecture.word()), Some(architecture));
    }
}
