//! [`Numbers`]: what some attempts came to, as every report has it.

use lots::Evaluation;
use lots::direction::NoDirection;
use lots::outcome::NotReached as Why;
use serde::{Deserialize, Serialize};

use crate::attack::row::{Reason, Row, Status, is_zero};
use crate::terminal::{self, Align, grouped};

/// What some attempts came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// Without skipped origins.
    pub(crate) attempts: usize,
    pub(crate) reached: usize,
    /// Reached of attempts, 0–1; none of none is none.
    pub(crate) success_rate: Option<f64>,
    pub(crate) skipped: Skipped,
    pub(crate) not_reached: NotReached,
    /// In grey levels, of what was reached.
    pub(crate) l2: Spread,
    pub(crate) linf: Spread,
    pub(crate) pass_score: PassSpread,
    pub(crate) classifications: usize,
    pub(crate) backpropagations: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) misclassified_origin: usize,
    /// Only where every target, or the class to reach, is of an origin's own class.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) own_class: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct NotReached {
    pub(crate) vanished_gradient: usize,
    pub(crate) no_direction: usize,
    pub(crate) saturated: usize,
    pub(crate) holds_at_origin: usize,
    pub(crate) step_limit: usize,
    pub(crate) iteration_limit: usize,
    #[serde(default)]
    pub(crate) converged: usize,
    /// Only where attempts have a budget.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) budget: usize,
}

/// Mean and standard deviation (of the population) as values come, after Welford.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    #[serde(skip)]
    count: usize,
    #[serde(skip)]
    squares: f64,
    pub(crate) mean: Option<f64>,
    pub(crate) std: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PassSpread {
    #[serde(flatten)]
    pub(crate) spread: Spread,
    /// How many of them were compared as they are, because no alignment was found.
    pub(crate) unaligned: usize,
}

impl From<&Evaluation> for Numbers {
    fn from(evaluation: &Evaluation) -> Self {
        let spread = |spread: lots::evaluation::Spread| Spread::of(spread.mean(), spread.std());
        let mut not_reached = NotReached::default();
        for (reason, count) in &evaluation.not_reached {
            *match reason {
                Why::NoDirection(NoDirection::VanishedGradient) => &mut not_reached.vanished_gradient,
                Why::NoDirection(_) => &mut not_reached.no_direction,
                Why::Saturated => &mut not_reached.saturated,
                Why::HoldsAtOrigin => &mut not_reached.holds_at_origin,
                Why::StepLimit => &mut not_reached.step_limit,
                Why::IterationLimit => &mut not_reached.iteration_limit,
                Why::Converged => &mut not_reached.converged,
                Why::Budget => &mut not_reached.budget,
            } += count;
        }
        Self {
            attempts: evaluation.attempts,
            reached: evaluation.reached,
            success_rate: evaluation.success_rate(),
            skipped: Skipped { misclassified_origin: evaluation.skipped.values().sum(), own_class: 0 },
            not_reached,
            l2: spread(evaluation.l2),
            linf: spread(evaluation.linf),
            pass_score: PassSpread { spread: spread(evaluation.pass_score), unaligned: evaluation.unaligned },
            classifications: evaluation.classifications,
            backpropagations: evaluation.backpropagations,
        }
    }
}

impl Numbers {
    /// Adds a row of `attempts.jsonl`.
    pub(crate) fn add(&mut self, row: &Row) {
        self.classifications += row.classifications;
        self.backpropagations += row.backpropagations;
        match row.status {
            Status::Skipped => {
                match row.reason {
                    Some(Reason::OwnClass) => self.skipped.own_class += 1,
                    _ => self.skipped.misclassified_origin += 1,
                }
                return;
            }
            Status::Reached => self.reached += 1,
            Status::NotReached => {
                let not_reached = &mut self.not_reached;
                match row.reason {
                    Some(Reason::VanishedGradient) => not_reached.vanished_gradient += 1,
                    Some(Reason::Saturated) => not_reached.saturated += 1,
                    Some(Reason::HoldsAtOrigin) => not_reached.holds_at_origin += 1,
                    Some(Reason::StepLimit) => not_reached.step_limit += 1,
                    Some(Reason::IterationLimit) => not_reached.iteration_limit += 1,
                    Some(Reason::Converged) => not_reached.converged += 1,
                    Some(Reason::Budget) => not_reached.budget += 1,
                    _ => not_reached.no_direction += 1,
                }
            }
        }
        self.attempts += 1;
        self.success_rate = Some(self.reached as f64 / self.attempts as f64);
        let Some(reached) = &row.reached else { return };
        self.l2.add(reached.l2);
        self.linf.add(f64::from(reached.linf));
        if let Some(similarity) = &reached.similarity {
            self.pass_score.spread.add(similarity.pass_score);
            let is_aligned = matches!(similarity.alignment.as_str(), "converged" | "iteration_limit");
            self.pass_score.unaligned += usize::from(!is_aligned);
        }
    }

    /// A row of [`table`], beginning with `key`.
    pub(crate) fn cells(&self, key: &str) -> Vec<String> {
        let reasons = [
            ("vanished gradient", self.not_reached.vanished_gradient),
            ("no direction", self.not_reached.no_direction),
            ("saturated", self.not_reached.saturated),
            ("hold at the origin", self.not_reached.holds_at_origin),
            ("step limit", self.not_reached.step_limit),
            ("iteration limit", self.not_reached.iteration_limit),
            ("converged", self.not_reached.converged),
            ("budget", self.not_reached.budget),
        ];
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| format!("{} {reason}", grouped(*count)))
            .collect();
        vec![
            key.to_owned(),
            grouped(self.attempts),
            self.success_rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.2} %", 100.0 * rate)),
            self.pass_score.spread.text(4),
            self.l2.text(1),
            self.linf.text(1),
            reasons.join(", "),
        ]
    }
}

impl Spread {
    /// A spread that is known already.
    pub(crate) fn of(mean: Option<f64>, std: Option<f64>) -> Self {
        Self { mean, std, ..Self::default() }
    }

    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = self.mean.unwrap_or(0.0);
        let mean = before + (value - before) / self.count as f64;
        self.squares += (value - before) * (value - mean);
        self.mean = Some(mean);
        self.std = Some((self.squares / self.count as f64).sqrt());
    }

    /// `0.4353 ± 0.1163`
    pub(crate) fn text(&self, digits: usize) -> String {
        match (self.mean, self.std) {
            (Some(mean), Some(std)) => format!("{mean:.digits$} ± {std:.digits$}"),
            _ => "–".to_owned(),
        }
    }
}

/// The columns of [`Numbers::cells`].
pub(crate) const HEADER: [&str; 7] = ["method", "attempts", "reached", "PASS", "L2", "L∞", "not reached"];

/// Rows of [`Numbers::cells`] below their header.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let header = HEADER.map(|name| {
        (name, if matches!(name, "method" | "not reached") { Align::Left } else { Align::Right })
    });
    terminal::table(&header, rows)
}

/// Numbers by name, in an order that means something, as a JSON object.
pub(crate) mod keyed {
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    use super::Numbers;

    pub(crate) fn serialize<S: Serializer>(
        numbers: &[(String, Numbers)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(numbers.iter().map(|(key, numbers)| (key, numbers)))
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Vec<(String, Numbers)>, D::Error> {
        deserializer.deserialize_map(Entries)
    }

    struct Entries;

    impl<'d> Visitor<'d> for Entries {
        type Value = Vec<(String, Numbers)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("numbers by name")
        }

        fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_those_of_all_values_at_once() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let mut spread = Spread::default();
        assert_eq!(spread.text(1), "–");
        for value in values {
            spread.add(value);
        }
        assert_eq!(spread.text(3), "5.000 ± 2.000");
    }
}
