//! Layerwise origin-target synthesis: look inside a neural network, steer what a layer sees, measure how stable it is.

pub mod data;
pub mod embedded;
pub mod error;
pub mod figure;
pub mod image;
pub mod measure;
pub mod page;
pub mod perturbation;
pub mod training;
pub mod whole_file;

pub use error::{Error, Result};
pub use image::Image;
pub use perturbation::Perturbation;
