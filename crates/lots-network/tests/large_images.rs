//! Networks of large images, which are computed one by one and with other arithmetic than small ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lots_network::{Array, LayerId, Network, NetworkFile, ReluStart, Vgg16};

/// The smallest network that counts as one of large images.
fn network() -> Network {
    Vgg16 { extent: 96, channels: [4, 8, 8, 12, 12], features: 20, classes: 7 }.network(5)
}

fn images(network: &Network, count: usize) -> Vec<u8> {
    let elements: usize = network.input_shape().iter().product();
    (0..count * elements).map(|index| (index * 7919 % 251) as u8).collect()
}

fn layers(network: &Network) -> Vec<LayerId> {
    network.layers().iter().map(|layer| network.layer(&layer.tensor).unwrap()).collect()
}

/// Logits and gradients of all images.
fn results(network: &Network, pixels: &[u8]) -> [Array; 2] {
    let layer = network.logits();
    let trace = network.trace(&[layer], pixels).unwrap();
    let cotangents: Vec<f32> =
        (0..trace.count() * network.class_count()).map(|index| (index % 5) as f32 - 2.0).collect();
    let gradient = trace.backpropagate(layer, &cotangents, ReluStart::Exact).unwrap();
    [trace.representation(layer).unwrap(), gradient]
}

#[test]
fn an_image_gets_the_same_bytes_in_any_batch_and_on_any_number_of_threads() {
    let network = network();
    let pixels = images(&network, 3);
    let [logits, gradients] = results(&network, &pixels);
    assert!(gradients.values.iter().any(|&value| value != 0.0));
    assert_eq!(logits, network.classify(&*pixels).unwrap());
    let each = pixels.len() / 3;
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (index, image) in pixels.chunks_exact(each).enumerate() {
            let alone = pool.install(|| results(&network, image));
            assert_eq!(alone[0].image(0), logits.image(index), "image {index}, {threads} threads");
            // The cotangents of a batch go on counting.
            if index == 0 {
                assert_eq!(alone[1].image(0), gradients.image(0), "{threads} threads");
            }
        }
    }
}

#[test]
fn a_trace_knows_every_layer_below_those_it_was_asked_for() {
    let network = network();
    let pixels = images(&network, 2);
    let trace = network.trace(&[network.logits()], &*pixels).unwrap();
    for layer in layers(&network).into_iter().filter(|&layer| layer <= network.logits()) {
        let name = network.tensor_name(layer);
        assert_eq!(
            trace.representation(layer).unwrap(),
            network.represent(layer, &*pixels).unwrap(),
            "layer `{name}`"
        );
    }
}

#[test]
fn changed_weights_count() {
    let mut network = network();
    let pixels = images(&network, 1);
    let before = results(&network, &pixels);
    network.change_parameters(|_, values| values.iter_mut().for_each(|value| *value *= 1.25));
    let after = results(&network, &pixels);
    assert_ne!(before, after);
    let read_again = NetworkFile::read(&network.to_onnx()).unwrap();
    let pixels_of_it = read_again.pixels().unwrap().unwrap();
    assert_eq!(results(&read_again.into_network(pixels_of_it).unwrap(), &pixels), after);
}
