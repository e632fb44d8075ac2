//! Networks that are built in: their graphs, with freshly drawn weights.

mod builder;
mod lenet;
mod vgg_16;

pub use vgg_16::Vgg16;
