//! Where images come from: pictures, folders, IDX files, arrays, embedded digits.
//!
//! Every reader here takes files of unknown quality: it allocates no more than the file justifies, and a broken file
//! gives an [`Error`](crate::Error) with its path and a hint.

pub mod array;
mod batch;
pub mod class_names;
pub mod digits;
pub(crate) mod floats;
pub mod folder;
mod gaussian;
pub mod identities;
pub mod idx;
pub mod image_set;
pub mod infimnist;
pub mod labels;
pub mod mnist;
pub mod perturbed_set;
pub mod picture;
pub mod range;
pub mod source;
pub mod templates;

pub use batch::Batch;
pub use image_set::ImageSet;
pub use perturbed_set::PerturbedSet;
pub use source::ImageSource;
