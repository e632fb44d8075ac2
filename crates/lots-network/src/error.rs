//! Everything that can go wrong, with the facts in fields; the text of each message is here and nowhere else.

use crate::shape::Shape;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, grouped by whose fault it is. [`Error::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The argument.
    /// No layer or tensor has this name.
    #[error("layer `{layer}` is not in the network")]
    UnknownLayer {
        /// What was asked for.
        layer: String,
        /// The names nearest to it, best first, as they would be written.
        nearest: Vec<String>,
    },
    /// The pixels are not a whole number of images.
    #[error("{got} pixels are not a whole number of images of {expected} ({} pixels each)", expected.count())]
    PixelCount {
        /// Pixels given.
        got: usize,
        /// The shape of one image.
        expected: Shape,
    },
    /// A cotangent does not have the size of the layer's representation.
    #[error("the cotangent of layer `{layer}` has {got} values, expected {expected}")]
    CotangentCount {
        /// The layer.
        layer: String,
        /// Values given.
        got: usize,
        /// Images × elements of the layer.
        expected: usize,
    },
    /// The layer was not computed in this forward pass.
    #[error("layer `{layer}` was not asked for in the forward pass")]
    NotTraced {
        /// The layer.
        layer: String,
    },
    /// There are not as many labels as images, or a label is no class of the network.
    #[error("{message}")]
    Labels {
        /// What is wrong with them.
        message: String,
    },

    // The network.
    /// A node's operands do not fit its op.
    #[error("node `{node}` ({op}): {message}")]
    Node {
        /// The node's name.
        node: String,
        /// Its ONNX operator.
        op: String,
        /// What does not fit.
        message: String,
    },
}

impl Error {
    /// What the user can do about it; `None` where the message says it all.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownLayer { nearest, .. } if !nearest.is_empty() => {
                Some(format!("did you mean {}? `lots layers` lists them all", nearest.join(", ")))
            }
            _ => None,
        }
    }
}

/// What does not fit in a node; [`Error::Node`] adds which node it is.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct OpError {
    pub(crate) message: String,
}

impl OpError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// Attribute `name` has another type than `expected`.
    pub(crate) fn attribute(name: &str, expected: &str) -> Self {
        Self::new(format!("attribute `{name}` must be {expected}"))
    }
}
