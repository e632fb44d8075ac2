//! [`Summary`]: what the attempts of a run came to, as `--json` prints it and as a table.

use std::collections::{BTreeMap, BTreeSet};

use lots::data::folder::LeftOut;
use lots::evaluation::Spread;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::images::LeftOutOf;
use super::plan::Plan;
use super::row::{Crossed, Improvement, Reached, Reason, Row};
use crate::numbers::{self, Numbers};
use crate::terminal::grouped;

/// A run, with the same numbers for each method and layer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    all: Numbers,
    /// Keyed `toward/conv2`, in the order in which they were asked for.
    #[serde(serialize_with = "crate::numbers::keyed::serialize")]
    groups: Vec<(String, Numbers)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned: Option<Scanned>,
    /// Pictures of folders that are named like no class, of origins and of targets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: LeftOutOf,
    /// Classes of origins that have no target of another class.
    #[serde(skip)]
    own_classes: BTreeSet<usize>,
    /// What LOTS toward the perturbed images came to, keyed like the groups.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    improvement: BTreeMap<String, Improvements>,
}

/// What was found with and without LOTS toward what a method had found by itself.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Improvements {
    /// How many attempts had found something by themselves.
    attempts: usize,
    /// For how many of them an image with a higher PASS was found.
    improved: usize,
    pass_score: Both,
    l2: Both,
    linf: Both,
}

/// Means without, and with the better of both.
#[derive(Clone, Copy, Debug, Default)]
struct Both {
    without: Spread,
    with: Spread,
}

/// Rays whose images before the step were looked at.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Scanned {
    rays: usize,
    /// How many of them cross the criterion more than once: the smallest step is not the one that growing steps find.
    crossed_earlier: usize,
}

impl Summary {
    /// A summary of nothing yet.
    pub(crate) fn new<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Self {
        let groups = plans.into_iter().flat_map(|plan| &plan.experiment.groups);
        let groups = groups.map(|group| (group.to_string(), Numbers::default())).collect();
        Self { groups, ..Self::default() }
    }

    /// Adds what is not looked at.
    ///
    /// - `role`: "origin" or "target".
    pub(crate) fn leave_out(&mut self, role: &'static str, left_out: Option<&LeftOut>) {
        self.left_out.extend(left_out.map(|left_out| (role, left_out.clone())));
    }

    /// Adds a row. Rows come in the order of `attempts.jsonl`, so that sums are the same.
    pub(crate) fn add(&mut self, row: &Row) {
        self.all.add(row);
        if row.reason == Some(Reason::OwnClass) {
            self.own_classes.extend(row.class);
        }
        if let Some(crossing) = row.reached.as_ref().and_then(|reached| reached.crossing) {
            let scanned = self.scanned.get_or_insert_default();
            scanned.rays += 1;
            scanned.crossed_earlier += usize::from(crossing == Crossed::Earlier);
        }
        if let (Some(method), Some(improvement), Some(with)) = (&row.method, &row.improvement, &row.reached) {
            let key = group(method, row.layer.as_deref());
            self.improvement.entry(key).or_default().add(improvement, with);
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

    /// How many origins a method has nothing to move toward for, because all is of their own class, and the classes of
    /// these origins; none if there are none.
    pub(crate) fn own_classes(&self) -> Option<(usize, &BTreeSet<usize>)> {
        let origins = self.groups.iter().map(|(_, numbers)| numbers.skipped.own_class).max();
        origins.filter(|&origins| origins > 0).map(|origins| (origins, &self.own_classes))
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
        let improved: Vec<String> = self.groups.iter().filter_map(|(key, _)| self.improved(key)).collect();
        numbers::table(&rows) + &skipped + &scanned + &improved.concat()
    }

    /// What improved, in a line.
    fn improved(&self, key: &str) -> Option<String> {
        let Improvements { attempts, improved, pass_score, l2, linf } = self.improvement.get(key)?;
        Some(format!(
            "{key}: {} of {} improved by LOTS, PASS {}, L2 {}, L∞ {}\n",
            grouped(*improved),
            grouped(*attempts),
            pass_score.text(4),
            l2.text(1),
            linf.text(1)
        ))
    }
}

impl Improvements {
    fn add(&mut self, improvement: &Improvement, with: &Reached) {
        let without = &improvement.without;
        self.attempts += 1;
        self.improved += usize::from(improvement.layer.is_some());
        self.l2.add(without.l2, with.l2);
        self.linf.add(f64::from(without.linf), f64::from(with.linf));
        if let (Some(without), Some(with)) = (&without.similarity, &with.similarity) {
            self.pass_score.add(without.pass_score, with.pass_score);
        }
    }
}

impl Both {
    fn add(&mut self, without: f64, with: f64) {
        self.without.add(without);
        self.with.add(with);
    }

    /// `0.4353 → 0.7163`
    fn text(&self, digits: usize) -> String {
        let text =
            |spread: &Spread| spread.mean().map_or_else(String::new, |mean| format!("{mean:.digits$}"));
        format!("{} → {}", text(&self.without), text(&self.with))
    }
}

impl Serialize for Both {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut both = serializer.serialize_struct("Both", 2)?;
        both.serialize_field("without", &self.without.mean())?;
        both.serialize_field("with", &self.with.mean())?;
        both.end()
    }
}

/// `toward/conv2`, or the method alone.
pub(crate) fn group(method: &str, layer: Option<&str>) -> String {
    layer.map_or_else(|| method.to_owned(), |layer| format!("{method}/{layer}"))
}

#[cfg(test)]
mod tests {
    use super::super::row::Status;
    use super::*;

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
