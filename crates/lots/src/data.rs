//! Where images come from: pictures, folders, IDX files, arrays, embedded digits.
//!
//! Every reader here takes files of unknown quality: it allocates no more than the file justifies, and a broken file
//! gives an [`Error`](crate::Error) with its path and a hint.

pub mod digits;
pub mod idx;
pub mod image_set;
pub mod picture;

pub use image_set::ImageSet;
