//! Run a network forward to any layer, backward to the pixels, backward to the weights.
#![expect(dead_code, reason = "the loader and the executor arrive with the next commits")]

mod error;
mod graph;
mod kernel;
mod load;
mod op;
mod save;
mod shape;

pub use error::{Error, Result};
pub use shape::Shape;
