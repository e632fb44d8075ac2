//! [`Matrix`]: how many images of each group survive each trial.

use serde_json::{Map, Value, json};

use super::trial::Trial;
use crate::terminal::{self, Align, grouped};

/// What a run came to under some trials.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    trials: Vec<Trial>,
    all: Counts,
    /// In the order in which they were met, which is that of the run.
    groups: Vec<(String, Counts)>,
}

/// What some images came to.
#[derive(Clone, Debug, Default)]
struct Counts {
    images: usize,
    origins: usize,
    /// The origin that was counted last: images come in the order of their origins.
    last_origin: Option<usize>,
    /// One for each trial.
    trials: Vec<TrialCounts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct TrialCounts {
    survived: usize,
    /// Origins whose class stays.
    origins_kept: usize,
    /// Images of these origins.
    images_of_kept: usize,
    survived_of_kept: usize,
}

/// What came of an image, or of an origin, under each trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate<'a> {
    pub(super) survived: &'a [bool],
    /// The place of its origin among all of the run's.
    pub(super) origin: usize,
    /// Whether the origin keeps its class.
    pub(super) kept: &'a [bool],
}

impl Matrix {
    pub(super) fn new(trials: Vec<Trial>) -> Self {
        let all = Counts { trials: vec![TrialCounts::default(); trials.len()], ..Counts::default() };
        Self { trials, all, groups: Vec::new() }
    }

    /// Adds an image of a group.
    pub(super) fn add(&mut self, group: &str, fate: Fate<'_>) {
        let place = self.groups.iter().position(|(known, _)| known == group).unwrap_or_else(|| {
            let trials = vec![TrialCounts::default(); self.trials.len()];
            self.groups.push((group.to_owned(), Counts { trials, ..Counts::default() }));
            self.groups.len() - 1
        });
        self.all.add(fate);
        self.groups[place].1.add(fate);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.images == 0
    }

    /// `all` and `groups` of the report.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let groups = self.groups.iter().map(|(group, counts)| (group.clone(), counts.to_json(&self.trials)));
        let mut map = Map::new();
        map.insert("all".to_owned(), self.all.to_json(&self.trials));
        map.insert("groups".to_owned(), Value::Object(groups.collect()));
        map
    }

    /// A row for each group, a column for each trial, and the origins below.
    pub(super) fn table(&self) -> String {
        let names: Vec<String> = self.trials.iter().map(ToString::to_string).collect();
        let mut header = vec![("survived", Align::Left), ("images", Align::Right)];
        header.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
        let cells = |name: &str, count: usize, share: &dyn Fn(&TrialCounts) -> usize| {
            let mut row = vec![name.to_owned(), grouped(count)];
            row.extend(self.all.trials.iter().map(|trial| percent(share(trial), count)));
            row
        };
        let mut rows: Vec<Vec<String>> = self
            .groups
            .iter()
            .map(|(group, counts)| {
                let mut row = vec![group.clone(), grouped(counts.images)];
                row.extend(counts.trials.iter().map(|trial| percent(trial.survived, counts.images)));
                row
            })
            .collect();
        if self.groups.len() > 1 {
            rows.push(cells("all", self.all.images, &|trial| trial.survived));
        }
        rows.push(cells("origins that keep their class", self.all.origins, &|trial| trial.origins_kept));
        terminal::table(&header, &rows)
    }
}

impl Counts {
    fn add(&mut self, fate: Fate<'_>) {
        self.images += 1;
        let is_new = self.last_origin != Some(fate.origin);
        self.last_origin = Some(fate.origin);
        self.origins += usize::from(is_new);
        for ((trial, &survived), &kept) in self.trials.iter_mut().zip(fate.survived).zip(fate.kept) {
            trial.survived += usize::from(survived);
            trial.origins_kept += usize::from(is_new && kept);
            trial.images_of_kept += usize::from(kept);
            trial.survived_of_kept += usize::from(kept && survived);
        }
    }

    fn to_json(&self, trials: &[Trial]) -> Value {
        let named = trials.iter().zip(&self.trials).map(|(trial, counts)| {
            let value = json!({
                "survived": counts.survived,
                "survival_rate": share(counts.survived, self.images),
                "origins_kept": counts.origins_kept,
                "origins_kept_rate": share(counts.origins_kept, self.origins),
                "of_kept": {
                    "images": counts.images_of_kept,
                    "survived": counts.survived_of_kept,
                    "survival_rate": share(counts.survived_of_kept, counts.images_of_kept),
                },
            });
            (trial.to_string(), value)
        });
        let trials: Map<String, Value> = named.collect();
        json!({ "images": self.images, "origins": self.origins, "transformations": trials })
    }
}

/// 0–1; of nothing there is none.
fn share(count: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

fn percent(count: usize, of: usize) -> String {
    share(count, of).map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_counted_by_group_and_origins_once() {
        let mut matrix = Matrix::new(vec!["png".parse().unwrap(), "blur:1".parse().unwrap()]);
        for (group, survived, origin, kept) in [
            ("a", [true, false], 0, [true, true]),
            ("a", [true, true], 0, [true, true]),
            ("b", [true, true], 0, [true, true]),
            ("a", [true, true], 3, [true, false]),
        ] {
            matrix.add(group, Fate { survived: &survived, origin, kept: &kept });
        }
        let json = Value::Object(matrix.to_json());
        assert_eq!(json["all"]["images"], 4);
        assert_eq!(json["all"]["origins"], 2);
        assert_eq!(json["groups"]["a"]["origins"], 2);
        assert_eq!(json["groups"]["b"]["origins"], 1);
        let blur = &json["all"]["transformations"]["blur:1"];
        assert_eq!((&blur["survived"], &blur["survival_rate"]), (&json!(3), &json!(0.75)));
        assert_eq!((&blur["origins_kept"], &blur["origins_kept_rate"]), (&json!(1), &json!(0.5)));
        assert_eq!(blur["of_kept"], json!({ "images": 3, "survived": 2, "survival_rate": 2.0 / 3.0 }));
    }
}
