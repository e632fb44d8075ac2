//! [`Group`]: what a method came to, at each cost and at the budget.

use lots::evaluation::Spread;
use lots::experiment::Experiment;
use lots::trail::Sighting;
use serde::Serialize;

use super::attempts::{Attempts, Record};

/// A method, at a layer if it looks at one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Group {
    /// `toward/conv2`
    pub(super) name: String,
    pub(super) method: String,
    pub(super) layer: Option<String>,
    pub(super) attempts: usize,
    /// How many had found something within the budget.
    pub(super) reached: usize,
    pub(super) success_rate: f64,
    /// In grey levels.
    pub(super) l2: Measured,
    pub(super) linf: Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pass_score: Option<Measured>,
    /// The mean of what the attempts cost, in passes.
    pub(super) cost: f64,
    /// The median cost at which something was found; none if half of them found nothing.
    pub(super) first_cost: Option<f64>,
    /// What had been found by each cost.
    pub(super) trail: Vec<Point>,
}

/// A measure of the best images at the budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Over all attempts, where one that found nothing is worse than all; none if half of them are.
    pub(super) median: Option<f64>,
    /// Over those that found something.
    pub(super) mean: Option<f64>,
    pub(super) std: Option<f64>,
}

/// What had been found by a cost. Medians are over all attempts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Point {
    /// In passes.
    pub(super) cost: usize,
    pub(super) success_rate: f64,
    pub(super) l2: Option<f64>,
    pub(super) linf: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pass_score: Option<f64>,
}

/// The groups of the experiment.
pub(super) fn groups(attempts: &Attempts, experiment: &Experiment) -> Vec<Group> {
    let groups = experiment.groups.iter().map(|group| {
        let name = group.to_string();
        let own: Vec<&Record> = attempts.records.iter().filter(|record| record.group == name).collect();
        let budget = experiment.checkpoints.last().copied().unwrap_or_default();
        let last: Vec<Option<&Sighting>> = own.iter().map(|record| seen(record, budget)).collect();
        let measured = |of: fn(&Sighting) -> f64| Measured::of(&last, of, false);
        Group {
            method: group.method.to_string(),
            layer: group.layer.clone(),
            attempts: own.len(),
            reached: last.iter().flatten().count(),
            success_rate: share(&last),
            l2: measured(l2),
            linf: measured(linf),
            pass_score: experiment.with_pass_score.then(|| Measured::of(&last, pass_score, true)),
            cost: mean(own.iter().map(|record| record.spent as f64)),
            first_cost: median(own.iter().map(|record| record.trail.first().map(|first| first.cost as f64))),
            trail: experiment.checkpoints.iter().map(|&cost| Point::of(&own, cost, experiment)).collect(),
            name,
        }
    });
    groups.collect()
}

impl Point {
    fn of(records: &[&Record], cost: usize, experiment: &Experiment) -> Self {
        let seen: Vec<Option<&Sighting>> = records.iter().map(|record| seen(record, cost)).collect();
        let of = |measure: fn(&Sighting) -> f64| median(seen.iter().map(|seen| seen.map(measure)));
        // The largest PASS is the best, so the median is taken of its negative.
        let pass = || median(seen.iter().map(|seen| seen.map(|seen| -pass_score(seen)))).map(|it| -it);
        Self {
            cost,
            success_rate: share(&seen),
            l2: of(l2),
            linf: of(linf),
            pass_score: if experiment.with_pass_score { pass() } else { None },
        }
    }
}

impl Measured {
    fn of(last: &[Option<&Sighting>], measure: fn(&Sighting) -> f64, is_best_large: bool) -> Self {
        let sign = if is_best_large { -1.0 } else { 1.0 };
        let mut spread = Spread::default();
        last.iter().flatten().for_each(|seen| spread.add(measure(seen)));
        let median = median(last.iter().map(|seen| seen.map(|seen| sign * measure(seen))));
        Self { median: median.map(|median| sign * median), mean: spread.mean(), std: spread.std() }
    }
}

/// The best image that an attempt had found by a cost.
fn seen(record: &Record, cost: usize) -> Option<&Sighting> {
    record.trail.iter().take_while(|sighting| sighting.cost <= cost).last()
}

fn l2(sighting: &Sighting) -> f64 {
    sighting.l2
}

fn linf(sighting: &Sighting) -> f64 {
    f64::from(sighting.linf)
}

fn pass_score(sighting: &Sighting) -> f64 {
    sighting.pass_score.unwrap_or(-1.0)
}

fn share(seen: &[Option<&Sighting>]) -> f64 {
    mean(seen.iter().map(|seen| f64::from(u8::from(seen.is_some()))))
}

/// The mean; 0 of none.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut spread = Spread::default();
    values.for_each(|value| spread.add(value));
    spread.mean().unwrap_or_default()
}

/// The lower median, where what is missing is larger than all numbers; none if it is missing.
fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<f64> = values.map(|value| value.unwrap_or(f64::INFINITY)).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    values.get(middle).copied().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_found_nothing_is_worse_than_all() {
        let three = |last| median([Some(3.0), Some(1.0), last].into_iter());
        assert_eq!((three(Some(2.0)), three(None)), (Some(2.0), Some(3.0)));
        assert_eq!(median([Some(3.0), None, None].into_iter()), None);
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn what_is_found_later_does_not_count_before() {
        let sighting = |cost, l2| Sighting { cost, l2, linf: 1, pass_score: None };
        let record = Record::new("toward/ip1", 30, vec![sighting(8, 9.0), sighting(20, 4.0)]);
        let l2 = |cost| seen(&record, cost).map(|seen| seen.l2);
        assert_eq!(
            [l2(7), l2(8), l2(19), l2(20), l2(99)],
            [None, Some(9.0), Some(9.0), Some(4.0), Some(4.0)]
        );
    }
}
