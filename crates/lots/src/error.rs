//! Everything that can go wrong, with the facts in fields; the text of each message is here and nowhere else.

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, grouped by whose fault it is. [`Error::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The argument.
    /// The number of pixels does not fit the shape.
    #[error("an image of {channels}×{height}×{width} cannot have {got} pixels")]
    PixelCount {
        /// Channels asked for.
        channels: usize,
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
        /// Pixels given.
        got: usize,
    },
    /// Two images that must have the same size do not.
    #[error(
        "the {role} has {}×{}×{} pixels, expected {}×{}×{} (channels × height × width)",
        got[0], got[1], got[2], expected[0], expected[1], expected[2]
    )]
    ImageSize {
        /// Which image it is: "target", "perturbed image", "origin".
        role: &'static str,
        /// Its `[channels, height, width]`.
        got: [usize; 3],
        /// The shape it must have.
        expected: [usize; 3],
    },
}

impl Error {
    /// What the user can do about it; `None` where the message says it all.
    pub fn hint(&self) -> Option<String> {
        None
    }
}
