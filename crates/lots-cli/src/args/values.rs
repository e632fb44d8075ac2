//! Values that are more than text.

use std::fmt;
use std::str::FromStr;

/// How a direction is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Method {
    /// Toward a target at a layer, Eq. (3)
    Toward,
    /// More of what a layer sees, Eq. (4) with +
    Magnify,
    /// Less of what a layer sees, Eq. (4) with −
    Reduce,
    /// Sign of the gradient of the loss
    FastGradientSign,
    /// Gradient of the loss as it is
    FastGradientValue,
    /// Up with the logit of one class, down with that of the origin's
    HotCold,
    /// Toward a target at a layer, the direction anew after each step
    StepAndAdjust,
}

impl Method {
    /// The word on the command line and in reports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Toward => "toward",
            Self::Magnify => "magnify",
            Self::Reduce => "reduce",
            Self::FastGradientSign => "fast-gradient-sign",
            Self::FastGradientValue => "fast-gradient-value",
            Self::HotCold => "hot-cold",
            Self::StepAndAdjust => "step-and-adjust",
        }
    }

    /// Whether it looks at a layer.
    pub(crate) fn needs_layer(self) -> bool {
        matches!(self, Self::Toward | Self::Magnify | Self::Reduce | Self::StepAndAdjust)
    }

    /// Whether it moves toward a target.
    pub(crate) fn needs_target(self) -> bool {
        matches!(self, Self::Toward | Self::StepAndAdjust)
    }

    /// Whether it is the gradient of the loss, which can vanish.
    pub(crate) fn needs_loss(self) -> bool {
        matches!(self, Self::FastGradientSign | Self::FastGradientValue)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// What ends the search.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Until {
    /// The network reads another class than the origin's.
    #[default]
    Misclassified,
    /// The network reads the wanted class.
    Class,
    /// Euclidean distance to the target's representation, in units of the layer.
    Distance(f64),
    /// Cosine similarity to the target's representation, −1 to 1.
    Similarity(f64),
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let threshold = |word: &str, sign: char| {
            text.strip_prefix(word).and_then(|rest| rest.trim_start().strip_prefix(sign)).and_then(number)
        };
        match text {
            "misclassified" => Ok(Self::Misclassified),
            "class" => Ok(Self::Class),
            _ => {
                if let Some(distance) = threshold("distance", '<').filter(|distance| *distance > 0.0) {
                    Ok(Self::Distance(distance))
                } else if let Some(similarity) =
                    threshold("similarity", '>').filter(|least| (-1.0..1.0).contains(least))
                {
                    Ok(Self::Similarity(similarity))
                } else {
                    Err("expected `misclassified`, `class`, `distance<NUMBER` above 0 or `similarity>NUMBER` of −1 to 1"
                        .to_owned())
                }
            }
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misclassified => formatter.write_str("misclassified"),
            Self::Class => formatter.write_str("class"),
            Self::Distance(limit) => write!(formatter, "distance<{limit}"),
            Self::Similarity(limit) => write!(formatter, "similarity>{limit}"),
        }
    }
}

/// A number of threads, at least one.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    at_least_one(text, 1024)
}

/// A number of iterations, at least one.
pub(super) fn iterations(text: &str) -> Result<usize, String> {
    at_least_one(text, 1_000_000_000)
}

/// Grey levels, more than none and at most all.
pub(super) fn linf(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(levels) if levels > 0.0 && levels <= 255.0 => Ok(levels),
        _ => Err("expected grey levels above 0 and at most 255".to_owned()),
    }
}

/// A length in grey levels.
pub(super) fn levels(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(levels) if levels > 0.0 && levels.is_finite() => Ok(levels),
        _ => Err("expected grey levels above 0".to_owned()),
    }
}

fn at_least_one(text: &str, limit: usize) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if (1..=limit).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number, 1 to {limit}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_are_read_and_written_alike() {
        for text in ["misclassified", "class", "distance<0.5", "similarity>0.9", "similarity>-0.25"] {
            assert_eq!(text.parse::<Until>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "misclassify",
            "distance",
            "distance<",
            "distance<0",
            "distance<inf",
            "similarity>1",
            "distance>1",
        ] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
    }

    #[test]
    fn words_of_methods_are_those_of_the_command_line() {
        for method in <Method as clap::ValueEnum>::value_variants() {
            let possible = clap::ValueEnum::to_possible_value(method).unwrap();
            assert_eq!(possible.get_name(), method.word());
        }
    }
}
