//! The words under a picture, and how measures are written.

use crate::measure::Measures;

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
    /// - `[origin_class, perturbed_class]`: what the network says before and after.
    ///
    /// ```
    /// use lots::{Image, figure::Caption, measure};
    ///
    /// let origin = Image::new(1, 16, 16, (0..=255).collect())?;
    /// let perturbed = Image::new(1, 16, 16, (0..=255).map(|value: u8| value.saturating_add(8)).collect())?;
    /// let caption = Caption::perturbed("conv2 (2)", ["4", "9"], &measure::compare(&origin, &perturbed)?);
    /// assert_eq!(caption.heading, "conv2 (2): 4 → 9");
    /// assert!(caption.to_string().ends_with(" · L2 127 · L∞ 8"), "{caption}");
    /// # Ok::<(), lots::Error>(())
    /// ```
    pub fn perturbed(place: &str, [origin_class, perturbed_class]: [&str; 2], measures: &Measures) -> Self {
        Self::new(format!("{place}: {origin_class} → {perturbed_class}")).with_measures(measures)
    }

    /// The caption with one more line of detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// The caption with a line of measures, `PASS 0.71 · L2 1034 · L∞ 136`.
    #[must_use]
    pub fn with_measures(self, measures: &Measures) -> Self {
        let (pass_score, l2) = (pass_text(measures.pass_score), l2_text(measures.l2));
        self.with_detail(format!("PASS {pass_score} · L2 {l2} · L∞ {}", measures.linf))
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

/// Whole grey levels; one decimal where they are few.
fn l2_text(l2: f64) -> String {
    if l2 < 9.95 { format!("{l2:.1}") } else { format!("{l2:.0}") }
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
        for (l2, text) in [(0.0, "0.0"), (3.742, "3.7"), (9.96, "10"), (1034.2, "1034")] {
            assert_eq!(l2_text(l2), text);
        }
    }
}
