//! Layerwise origin-target synthesis: look inside a neural network, steer what a layer sees, measure how stable it is.

pub mod attack;
pub mod class_map;
pub mod criterion;
pub mod data;
pub mod direction;
pub mod embedded;
pub mod error;
pub mod evaluation;
pub mod experiment;
pub mod figure;
pub mod gallery;
pub mod image;
pub mod line_search;
pub mod mask;
pub mod measure;
pub mod method;
pub mod outcome;
pub mod page;
pub mod perturbation;
pub mod step_and_adjust;
pub mod survival;
pub mod training;
pub mod transformation;
pub mod verification;
pub mod whole_file;

pub use criterion::Criterion;
pub use direction::Direction;
pub use error::{Error, Result};
pub use evaluation::Evaluation;
pub use experiment::Experiment;
pub use image::Image;
pub use line_search::LineSearch;
pub use method::Method;
pub use outcome::Outcome;
pub use perturbation::Perturbation;
