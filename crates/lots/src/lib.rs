//! Layerwise origin-target synthesis: look inside a neural network, steer what a layer sees, measure how stable it is.

pub mod error;
pub mod image;

pub use error::{Error, Result};
pub use image::Image;
