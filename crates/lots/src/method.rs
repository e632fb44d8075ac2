//! [`Method`]: the names of the ways to form a direction, and what each needs.

use std::str::FromStr;

use crate::error::Error;

/// A way to form a direction. All are searched and measured alike.
///
/// # Example
/// ```
/// use lots::Method;
/// assert_eq!("hot-cold".parse::<Method>()?, Method::HotCold);
/// assert_eq!("fgsm".parse::<Method>().unwrap_err().hint().unwrap(), "did you mean `fast-gradient-sign`?");
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Toward a target's representation at a layer, Eq. (3).
    Toward,
    /// More of what a layer sees, Eq. (4) with +.
    Magnify,
    /// Less of what a layer sees, Eq. (4) with −.
    Reduce,
    /// Up the loss, by the sign of its gradient.
    FastGradientSign,
    /// Up the loss, by its gradient.
    FastGradientValue,
    /// The logit of one class up, that of the origin's class down.
    HotCold,
    /// Toward a target's representation at a layer, with a new direction after each step.
    StepAndAdjust,
    /// The smallest perturbation by which a class is read, by box-constrained optimisation.
    LBfgs,
    /// As near to a target's representation at a layer as a box around the origin allows.
    FeatureAdversary,
    /// Signed steps down the loss within a ball around the origin, the smallest ball that suffices.
    ProjectedGradient,
}

impl Method {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Toward,
        Self::Magnify,
        Self::Reduce,
        Self::FastGradientSign,
        Self::FastGradientValue,
        Self::HotCold,
        Self::StepAndAdjust,
        Self::LBfgs,
        Self::FeatureAdversary,
        Self::ProjectedGradient,
    ];

    /// The name on the command line and in reports, `fast-gradient-sign`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Toward => "toward",
            Self::Magnify => "magnify",
            Self::Reduce => "reduce",
            Self::FastGradientSign => "fast-gradient-sign",
            Self::FastGradientValue => "fast-gradient-value",
            Self::HotCold => "hot-cold",
            Self::StepAndAdjust => "step-and-adjust",
            Self::LBfgs => "l-bfgs",
            Self::FeatureAdversary => "feature-adversary",
            Self::ProjectedGradient => "projected-gradient",
        }
    }

    /// Whether it looks at a layer.
    pub fn needs_layer(self) -> bool {
        matches!(
            self,
            Self::Toward | Self::Magnify | Self::Reduce | Self::StepAndAdjust | Self::FeatureAdversary
        )
    }

    /// Whether it moves toward a target.
    pub fn needs_target(self) -> bool {
        matches!(self, Self::Toward | Self::StepAndAdjust | Self::FeatureAdversary)
    }

    /// Whether it must know the origin's class to form the direction.
    pub fn needs_label(self) -> bool {
        matches!(self, Self::FastGradientSign | Self::FastGradientValue | Self::HotCold)
    }

    /// Whether it goes along one direction, which the line search follows; the others form one after the other.
    pub fn has_one_direction(self) -> bool {
        self != Self::StepAndAdjust && !self.is_descent()
    }

    /// Whether it makes an [objective](crate::descent) small, gradient after gradient.
    pub fn is_descent(self) -> bool {
        matches!(self, Self::LBfgs | Self::FeatureAdversary | Self::ProjectedGradient)
    }

    /// What its first direction is that of, for those that form one after the other.
    pub fn first_direction(self) -> &'static str {
        match self {
            Self::LBfgs | Self::ProjectedGradient => "its first is that of `fast-gradient-value`",
            _ => "its first is that of `toward`",
        }
    }

    /// What others call it.
    fn other_names(self) -> &'static [&'static str] {
        match self {
            Self::Toward => &["lots", "target"],
            Self::Magnify => &["positive", "amplify"],
            Self::Reduce => &["negative", "inhibit"],
            Self::FastGradientSign => &["fgs", "fgsm", "sign"],
            Self::FastGradientValue => &["fgv", "fgm", "value"],
            Self::HotCold => &["hc", "hot/cold"],
            Self::StepAndAdjust => &["iterative", "iterative-lots"],
            Self::LBfgs => &["lbfgs", "szegedy", "box-constrained"],
            Self::FeatureAdversary => &["adversarial-manipulation", "sabour", "feature"],
            Self::ProjectedGradient => &["pgd", "bim", "madry"],
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if let Some(method) = Self::ALL.into_iter().find(|method| method.as_str() == name) {
            return Ok(method);
        }
        let wanted = name.to_lowercase().replace('_', "-");
        let likeness = |method: Self| {
            let names = method.other_names().iter().copied().chain([method.as_str()]);
            names.map(|known| strsim::jaro_winkler(known, &wanted)).fold(0.0, f64::max)
        };
        let nearest = Self::ALL.into_iter().max_by(|&a, &b| likeness(a).total_cmp(&likeness(b)));
        // 0.7 keeps names that share little more than a letter from being suggested.
        let nearest = nearest.filter(|&method| likeness(method) > 0.7);
        Err(Error::UnknownMethod { method: name.to_owned(), nearest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
        }
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_one() {
        for (name, hint) in [
            ("fast_gradient_value", "did you mean `fast-gradient-value`?"),
            ("LOTS", "did you mean `toward`?"),
            ("hotcold", "did you mean `hot-cold`?"),
            ("fgs", "did you mean `fast-gradient-sign`?"),
            ("iterative", "did you mean `step-and-adjust`?"),
            ("magnfy", "did you mean `magnify`?"),
            ("LBFGS", "did you mean `l-bfgs`?"),
            ("pgd", "did you mean `projected-gradient`?"),
            ("sabour", "did you mean `feature-adversary`?"),
        ] {
            assert_eq!(name.parse::<Method>().unwrap_err().hint().as_deref(), Some(hint), "{name}");
        }
        let stranger = "zzz".parse::<Method>().unwrap_err();
        assert_eq!(stranger.to_string(), "`zzz` is no method");
        assert!(stranger.hint().unwrap().starts_with("there are `toward`, `magnify`"));
    }
}
