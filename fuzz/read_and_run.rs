//! What is done with the bytes of a network file, in the fuzz target and in the tests that replay its corpus.

use lots_network::{ChannelOrder, NetworkFile, PixelEncoding, ReluStart};

/// More values than this are not computed: the answer would take long, and be a correct one.
const MOST_VALUES: usize = 1 << 20;

/// Reads a network, runs it on one black image, and backward from its logits; the sentence if it is none.
pub(crate) fn read_and_run(bytes: &[u8]) -> Result<(), String> {
    let sentence = |error: lots_network::Error| {
        let _ = error.hint();
        error.to_string()
    };
    let file = NetworkFile::read(bytes).map_err(sentence)?;
    let channels = file.input_shape()[0];
    let _ = file.pixels().map_err(sentence)?;
    let order = ChannelOrder::of_channels(channels).map_err(sentence)?;
    let pixels = PixelEncoding::from_word("0-1", order).map_err(sentence)?;
    let network = file.into_network(pixels).map_err(sentence)?;
    let [channels, height, width] = network.input_shape();
    let image = channels * height * width;
    let layers = network.layers().iter();
    let values = layers
        .fold(image, |sum, layer| sum.saturating_add(layer.output_shape.count() + layer.parameter_count));
    if values > MOST_VALUES {
        return Ok(());
    }
    let black = vec![0_u8; image];
    let logits = network.logits();
    let trace = network.trace(&[logits], &black[..]).map_err(sentence)?;
    let cotangent = vec![1.0; network.class_count()];
    trace.backpropagate(logits, &cotangent, ReluStart::Exact).map_err(sentence)?;
    Ok(())
}
