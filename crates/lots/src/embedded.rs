//! What comes with the library: the paper's first network, trained, so that everything can be tried without a download.

use lots_network::Network;

/// The file of [`lenet`], as `lots train` wrote it.
pub const LENET_ONNX: &[u8] = include_bytes!("../assets/lenet.onnx");

/// LeNet, trained on the 60,000 digits of the MNIST training set with Caffe's recipe; the command that made it and its
/// test error are in `assets/README.md`.
///
/// ```
/// let lenet = lots::embedded::lenet();
/// assert_eq!(lenet.input_shape(), [1, 28, 28]);
/// assert_eq!(lenet.class_count(), 10);
/// ```
///
/// # Panics
/// Never: a test loads it.
pub fn lenet() -> Network {
    Network::from_onnx(LENET_ONNX).expect("the embedded network is sound")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;

    #[test]
    fn the_embedded_network_knows_the_embedded_digits() {
        let (network, digits) = (lenet(), digits::load());
        let labels = digits.labels().unwrap();
        let pixels: Vec<u8> = digits.images().iter().flat_map(|image| image.pixels().to_vec()).collect();
        let logits = network.classify(&pixels[..]).unwrap();
        let wrong = logits
            .images()
            .zip(labels)
            .filter(|&(logits, &label)| lots_network::class_of(logits) != label)
            .count();
        assert!(wrong <= 15, "{wrong} of 1,000 digits are misclassified, expected about 1 %");
    }
}
