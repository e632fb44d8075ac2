//! Run a network forward to any layer, backward to the pixels, backward to the weights.

mod architecture;
mod awake;
mod error;
mod forward;
mod gallery;
mod graph;
mod kernel;
mod layer;
mod learning;
mod load;
mod network;
mod network_file;
pub mod npy;
mod onnx;
mod op;
mod pixels;
mod preprocessing;
mod save;
mod shape;
mod trace;
mod unique_names;
mod workspace;

pub use architecture::{Architecture, Vgg16};
pub use error::{Error, Result, UnsupportedOp};
pub use gallery::{Gallery, GalleryHeader, Metric, NetworkInput, Template};
pub use layer::{Layer, LayerId};
pub use learning::{LossGradient, Parameter, softmax};
pub use network::{Array, Network, class_of};
pub use network_file::{NetworkFile, ReadOptions};
pub use pixels::{ChannelOrder, PixelEncoding, Pixels};
pub use preprocessing::{Preprocessing, Resize};
pub use shape::Shape;
pub use trace::{ReluStart, Trace};
