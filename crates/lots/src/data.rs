//! Where images come from: pictures, folders, IDX files, arrays, embedded digits.
//!
//! Every reader here takes files of unknown quality: it allocates no more than the file justifies, and a broken file
//! gives an [`Error`](crate::Error) with its path and a hint.

pub mod array;
pub mod digits;
pub mod folder;
pub mod idx;
pub mod image_set;
pub mod labels;
pub mod mnist;
pub mod picture;
pub mod range;
pub mod source;

pub use image_set::ImageSet;
pub use source::ImageSource;
