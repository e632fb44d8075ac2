//! [`Summary`]: what the attempts of a run came to, as `--json` prints it and as a table.

use serde::{Serialize, Serializer};

use super::plan::Plan;
use super::row::{Crossed, Reason, Row, Status};
use crate::terminal::{Align, grouped, table};

/// A run, with the same numbers for each method and layer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    all: Numbers,
    /// Keyed `toward/conv2`, in the order in which they were asked for.
    #[serde(serialize_with = "as_map")]
    groups: Vec<(String, Numbers)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned: Option<Scanned>,
}

/// Rays whose images before the step were looked at.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Scanned {
    rays: usize,
    /// How many of them cross the criterion more than once: the smallest step is not the one that growing steps find.
    crossed_earlier: usize,
}

/// What some attempts came to.
#[derive(Clone, Debug, Default, Serialize)]
struct Numbers {
    /// Without skipped origins.
    attempts: usize,
    reached: usize,
    /// Reached of attempts, 0–1; none of none is none.
    success_rate: Option<f64>,
    skipped: Skipped,
    not_reached: NotReached,
    /// In grey levels, of what was reached.
    l2: Spread,
    linf: Spread,
    pass_score: PassSpread,
    classifications: usize,
    backpropagations: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Skipped {
    misclassified_origin: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
struct NotReached {
    vanished_gradient: usize,
    no_direction: usize,
    saturated: usize,
    holds_at_origin: usize,
    step_limit: usize,
    iteration_limit: usize,
}

/// Mean and standard deviation (of the population) as values come, after Welford.
#[derive(Clone, Debug, Default, Serialize)]
struct Spread {
    #[serde(skip)]
    count: usize,
    #[serde(skip)]
    squares: f64,
    mean: Option<f64>,
    std: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct PassSpread {
    #[serde(flatten)]
    spread: Spread,
    /// How many of them were compared as they are, because no alignment was found.
    unaligned: usize,
}

impl Summary {
    /// A summary of nothing yet.
    pub(crate) fn new<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Self {
        let groups = plans.into_iter().flat_map(|plan| &plan.experiment.groups);
        let groups = groups.map(|group| (group.to_string(), Numbers::default())).collect();
        Self { all: Numbers::default(), groups, scanned: None }
    }

    /// The columns of [`Self::cells`].
    pub(crate) const HEADER: [&'static str; 7] =
        ["method", "attempts", "reached", "PASS", "L2", "L∞", "not reached"];

    /// Adds a row. Rows come in the order of `attempts.jsonl`, so that sums are the same.
    pub(crate) fn add(&mut self, row: &Row) {
        self.all.add(row);
        if let Some(crossing) = row.reached.as_ref().and_then(|reached| reached.crossing) {
            let scanned = self.scanned.get_or_insert_default();
            scanned.rays += 1;
            scanned.crossed_earlier += usize::from(crossing == Crossed::Earlier);
        }
        match &row.method {
            None => self.groups.iter_mut().for_each(|(_, numbers)| numbers.add(row)),
            Some(method) => {
                let key = group(method, row.layer.as_deref());
                let own = self.groups.iter_mut().filter(|(group, _)| *group == key);
                own.for_each(|(_, numbers)| numbers.add(row));
            }
        }
    }

    /// Whether anything was reached.
    pub(crate) fn is_reached(&self) -> bool {
        self.all.reached > 0
    }

    pub(crate) fn attempts(&self) -> usize {
        self.all.attempts
    }

    /// A row for each group.
    pub(crate) fn cells(&self) -> Vec<Vec<String>> {
        self.groups.iter().map(|(key, numbers)| numbers.cells(key)).collect()
    }

    /// The rows as a table with what was skipped below.
    pub(crate) fn table(&self) -> String {
        let header: Vec<(&str, Align)> = Self::HEADER
            .iter()
            .map(|&name| {
                (name, if matches!(name, "method" | "not reached") { Align::Left } else { Align::Right })
            })
            .collect();
        let mut rows = self.cells();
        if self.groups.len() > 1 {
            rows.push(self.all.cells("all"));
        }
        let skipped = match self.all.skipped.misclassified_origin {
            0 => String::new(),
            1 => "1 origin skipped, the network misclassifies it already\n".to_owned(),
            count => format!("{} origins skipped, the network misclassifies them already\n", grouped(count)),
        };
        let scanned = self.scanned.map_or_else(String::new, |Scanned { rays, crossed_earlier }| {
            format!("{} of {} rays scanned cross more than once\n", grouped(crossed_earlier), grouped(rays))
        });
        table(&header, &rows) + &skipped + &scanned
    }
}

fn as_map<S: Serializer>(groups: &[(String, Numbers)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(groups.iter().map(|(key, numbers)| (key, numbers)))
}

/// `toward/conv2`, or the method alone.
fn group(method: &str, layer: Option<&str>) -> String {
    layer.map_or_else(|| method.to_owned(), |layer| format!("{method}/{layer}"))
}

impl Numbers {
    fn add(&mut self, row: &Row) {
        self.classifications += row.classifications;
        self.backpropagations += row.backpropagations;
        match row.status {
            Status::Skipped => {
                self.skipped.misclassified_origin += 1;
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

    fn cells(&self, key: &str) -> Vec<String> {
        let reasons = [
            ("vanished gradient", self.not_reached.vanished_gradient),
            ("no direction", self.not_reached.no_direction),
            ("saturated", self.not_reached.saturated),
            ("hold at the origin", self.not_reached.holds_at_origin),
            ("step limit", self.not_reached.step_limit),
            ("iteration limit", self.not_reached.iteration_limit),
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
    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = self.mean.unwrap_or(0.0);
        let mean = before + (value - before) / self.count as f64;
        self.squares += (value - before) * (value - mean);
        self.mean = Some(mean);
        self.std = Some((self.squares / self.count as f64).sqrt());
    }

    /// `0.4353 ± 0.1163`
    fn text(&self, digits: usize) -> String {
        match (self.mean, self.std) {
            (Some(mean), Some(std)) => format!("{mean:.digits$} ± {std:.digits$}"),
            _ => "–".to_owned(),
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

    #[test]
    fn attempts_leave_out_skipped_origins() {
        let row = |status, reason, method: Option<&str>| Row {
            reason,
            method: method.map(str::to_owned),
            ..Row::new("digits[0]", 7, status)
        };
        let groups = vec![("hot-cold".to_owned(), Numbers::default())];
        let mut summary = Summary { groups, ..Summary::default() };
        summary.add(&row(Status::Skipped, Some(Reason::MisclassifiedOrigin), None));
        summary.add(&row(Status::Reached, None, Some("hot-cold")));
        summary.add(&row(Status::NotReached, Some(Reason::ZeroGradient), Some("hot-cold")));
        for numbers in [&summary.all, &summary.groups[0].1] {
            assert_eq!((numbers.attempts, numbers.reached, numbers.success_rate), (2, 1, Some(0.5)));
            assert_eq!((numbers.skipped.misclassified_origin, numbers.not_reached.no_direction), (1, 1));
        }
    }
}
