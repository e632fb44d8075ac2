//! Run a network forward to any layer, backward to the pixels, backward to the weights.
