//! [`Trial`]: what a perturbed image must survive, something that is done to it or to the network.

use std::fmt;
use std::str::FromStr;

use lots::transformation::Transformation;

/// The name of the one that is about the network.
const HALF_WEIGHTS: &str = "half-weights";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trial {
    /// The image is transformed.
    Image(Transformation),
    /// The weights of the network are rounded to half precision.
    HalfWeights,
}

impl Trial {
    /// All that there are, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        Transformation::ALL.into_iter().map(Self::Image).chain([Self::HalfWeights]).collect()
    }
}

impl FromStr for Trial {
    type Err = lots::Error;

    fn from_str(text: &str) -> Result<Self, lots::Error> {
        if text == HALF_WEIGHTS { Ok(Self::HalfWeights) } else { text.parse().map(Self::Image) }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(transformation) => transformation.fmt(formatter),
            Self::HalfWeights => formatter.write_str(HALF_WEIGHTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for trial in Trial::all() {
            assert_eq!(trial.to_string().parse::<Trial>().unwrap(), trial);
        }
        assert!("half".parse::<Trial>().is_err());
    }
}
