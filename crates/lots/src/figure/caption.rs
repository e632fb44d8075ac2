//! The words under a picture, and how measures are written.

/// The words under a picture: a heading in bold and lines of detail.
///
/// A line that is too long for its picture is broken at ` · ` and `: ` first, else between words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption {
    /// `conv2 (2): 4 → 9`
    pub heading: String,
    /// `PASS 0.71 · L2 1034 · L∞ 136`
    pub details: Vec<String>,
}

impl Caption {
    /// A caption of one bold line.
    pub fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), details: Vec::new() }
    }

    /// The caption of a perturbed image, like the paper's.
    ///
    /// - `place`: the layer with its position, `conv2 (2)`, or the method.
    /// - `origin_class`, `perturbed_class`: what the network says, before and after.
    /// - `pass_score` ≤ 1; `l2`, `linf`: norms of the perturbation in pixel values.
    ///
    /// ```
    /// let caption = lots::figure::Caption::perturbed("conv2 (2)", ["4", "9"], 0.713, 1034.2, 136);
    /// assert_eq!(caption.to_string(), "conv2 (2): 4 → 9 · PASS 0.71 · L2 1034 · L∞ 136");
    /// ```
    pub fn perturbed(place: &str, classes: [&str; 2], pass_score: f64, l2: f64, linf: u8) -> Self {
        let [origin_class, perturbed_class] = classes;
        Self::new(format!("{place}: {origin_class} → {perturbed_class}")).with_measures(pass_score, l2, linf)
    }

    /// The caption with one more line of detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// The caption with a line of measures, `PASS 0.71 · L2 1034 · L∞ 136`; arguments as in [`Caption::perturbed`].
    #[must_use]
    pub fn with_measures(self, pass_score: f64, l2: f64, linf: u8) -> Self {
        let l2_digits = usize::from(l2 < 10.0);
        self.with_detail(format!("PASS {} · L2 {l2:.l2_digits$} · L∞ {linf}", pass_text(pass_score)))
    }
}

impl std::fmt::Display for Caption {
    /// Everything in one line, for a terminal or an alternative text.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.heading)?;
        self.details.iter().try_for_each(|detail| write!(formatter, " · {detail}"))
    }
}

/// Two decimals; four where images are so similar that two would call them the same, and never `1` unless they are.
fn pass_text(pass_score: f64) -> String {
    if pass_score >= 1.0 {
        "1".to_owned()
    } else if pass_score >= 0.95 {
        format!("{:.4}", pass_score.min(0.9999))
    } else {
        format!("{pass_score:.2}").replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_keeps_the_digits_that_tell_images_apart() {
        for (score, text) in
            [(0.714, "0.71"), (-0.051, "−0.05"), (0.9838, "0.9838"), (0.999_99, "0.9999"), (1.0, "1")]
        {
            assert_eq!(pass_text(score), text);
        }
    }

    #[test]
    fn small_norms_keep_a_decimal() {
        let caption = Caption::perturbed("ip1 (3)", ["4", "9"], 0.99, 3.742, 1);
        assert_eq!(caption.details, ["PASS 0.9900 · L2 3.7 · L∞ 1"]);
    }
}
