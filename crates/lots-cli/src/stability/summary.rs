//! [`Group`]: how far some attempts had to go, in a few numbers.

use std::collections::BTreeMap;

use lots::Method;
use lots::survival::{Curve, Interval, Observation, Quantile, Resampling, Sample};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::attempts::{Attempts, METHODS, Record};

/// By what the size of a perturbation is measured. Magnitudes grow as an image is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Linf,
    L2,
    /// Its magnitude is −PASS, which is 1 where the image is not changed.
    PassScore,
}

/// Which directions are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Along {
    /// The one that needs least, for each origin: how far the image is from flipping at the layer at all.
    Any,
    /// Those of a method, place among [`METHODS`].
    Method(usize),
}

/// Which attempts belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Place among the layers.
    pub(super) layer: usize,
    pub(super) along: Along,
    /// The class of the origin; none for all classes.
    pub(super) class: Option<usize>,
}

/// The attempts that belong together, for each key.
pub(super) struct Grouped<'a>(BTreeMap<Key, Vec<&'a Record>>);

/// What some attempts came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) layer: String,
    /// `any`, `reduce`, `magnify`, `toward`.
    pub(super) method: String,
    /// The class of the origins; null for all classes.
    pub(super) class: Option<usize>,
    pub(super) origins: usize,
    /// With `any`, the smallest of an origin's attempts counts, and no other.
    pub(super) attempts: usize,
    pub(super) flipped: usize,
    pub(super) censored: usize,
    /// In grey levels.
    pub(super) linf: Quantiles,
    /// In grey levels.
    pub(super) l2: Quantiles,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pass_score: Option<Quantiles>,
}

/// Where a quarter, half and three quarters of the attempts have flipped; null where so many never do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Quantiles {
    pub(super) q1: Option<f64>,
    pub(super) median: Option<f64>,
    pub(super) q3: Option<f64>,
    /// Where the median lies with a confidence of 95 %; null where the end is open.
    pub(super) median_interval: [Option<f64>; 2],
}

impl Measure {
    pub(super) const ALL: [Self; 3] = [Self::Linf, Self::L2, Self::PassScore];

    /// The name on the command line and in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Linf => "linf",
            Self::L2 => "l2",
            Self::PassScore => "pass_score",
        }
    }

    /// The observation that an attempt is; none if this was not measured.
    pub(super) fn observation(self, record: &Record) -> Option<Observation> {
        let magnitude = match self {
            Self::Linf => record.linf,
            Self::L2 => record.l2,
            Self::PassScore => -record.pass_score?,
        };
        Some(Observation { magnitude, is_flipped: record.is_flipped })
    }

    /// The value of the measure that a magnitude stands for.
    pub(super) fn value(self, magnitude: f64) -> f64 {
        if self == Self::PassScore { -magnitude } else { magnitude }
    }

    /// The ends of an interval of magnitudes as values, the lower first.
    fn ends(self, Interval { lo, hi }: Interval) -> [Option<f64>; 2] {
        let [lo, hi] = [lo, hi].map(|end| end.map(|magnitude| self.value(magnitude)));
        if self == Self::PassScore { [hi, lo] } else { [lo, hi] }
    }
}

impl Along {
    /// All of them, in the order of reports.
    pub(super) const ALL: [Self; 4] = [Self::Method(0), Self::Method(1), Self::Method(2), Self::Any];

    /// The name on the command line and in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Method(place) => METHODS[place].as_str(),
        }
    }

    fn of(method: Method) -> Self {
        METHODS.iter().position(|known| *known == method).map_or(Self::Any, Self::Method)
    }
}

impl<'a> Grouped<'a> {
    pub(super) fn new(attempts: &'a Attempts) -> Self {
        let mut groups: BTreeMap<Key, Vec<&Record>> = BTreeMap::new();
        for record in &attempts.records {
            for along in [Along::of(record.method), Along::Any] {
                for class in [None, Some(record.origin_class)] {
                    groups.entry(Key { layer: record.layer, along, class }).or_default().push(record);
                }
            }
        }
        Self(groups)
    }

    /// Layer by layer, first all classes and then each.
    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.0.keys().copied().collect();
        let place = |along: Along| Along::ALL.iter().position(|known| *known == along);
        keys.sort_by_key(|key| (key.layer, place(key.along), key.class));
        keys
    }

    /// The observations of a key with their origins; empty if there are none, or this was not measured.
    pub(super) fn sample(&self, key: Key, measure: Measure) -> Sample {
        let records = self.0.get(&key).map(Vec::as_slice).unwrap_or_default();
        let observed =
            records.iter().filter_map(|record| Some((record.number, measure.observation(record)?)));
        if key.along != Along::Any {
            return Sample::new(observed);
        }
        let mut smallest: BTreeMap<usize, Observation> = BTreeMap::new();
        for (number, observation) in observed {
            let known = smallest.entry(number).or_insert(observation);
            // All that are censored are so at the end of the scale, so any that flips is smaller.
            if observation.is_flipped && (!known.is_flipped || observation.magnitude < known.magnitude) {
                *known = observation;
            }
        }
        Sample::new(smallest)
    }

    /// The curve of a key.
    pub(super) fn curve(&self, key: Key, measure: Measure) -> Curve {
        self.sample(key, measure).curve()
    }
}

/// What the attempts came to: each layer and method, all classes and each.
pub(super) fn groups(attempts: &Attempts, resampling: &Resampling) -> Vec<Group> {
    let grouped = Grouped::new(attempts);
    grouped.keys().into_par_iter().map(|key| group(attempts, &grouped, key, resampling)).collect()
}

fn group(attempts: &Attempts, grouped: &Grouped<'_>, key: Key, resampling: &Resampling) -> Group {
    let quantiles = |measure: Measure| quantiles(&grouped.sample(key, measure), measure, resampling);
    let sample = grouped.sample(key, Measure::Linf);
    let curve = sample.curve();
    let has_pass_score = attempts.records.iter().all(|record| record.pass_score.is_some());
    Group {
        layer: attempts.layers[key.layer].clone(),
        method: key.along.as_str().to_owned(),
        class: key.class,
        origins: sample.origins(),
        attempts: curve.count(),
        flipped: curve.flipped(),
        censored: curve.censored(),
        linf: quantiles(Measure::Linf),
        l2: quantiles(Measure::L2),
        pass_score: has_pass_score.then(|| quantiles(Measure::PassScore)),
    }
}

fn quantiles(sample: &Sample, measure: Measure, resampling: &Resampling) -> Quantiles {
    let value = |share| sample.quantile(share).reached().map(|magnitude| measure.value(magnitude));
    let interval = match sample.quantile(0.5) {
        Quantile::Unknown => Interval::default(),
        _ => sample.interval(0.5, resampling),
    };
    Quantiles {
        q1: value(0.25),
        median: value(0.5),
        q3: value(0.75),
        median_interval: measure.ends(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize, method: Method, linf: Option<f64>) -> Record {
        Record {
            number,
            origin_class: number % 2,
            layer: 0,
            method,
            target: None,
            is_flipped: linf.is_some(),
            linf: linf.unwrap_or(255.0),
            l2: linf.map_or(7140.0, |linf| 10.0 * linf),
            pass_score: Some(linf.map_or(-1.0, |linf| 1.0 - linf / 255.0)),
        }
    }

    fn attempts() -> Attempts {
        let [reduce, magnify, _] = METHODS;
        let records = vec![
            record(0, reduce, Some(40.0)),
            record(0, magnify, None),
            record(1, reduce, None),
            record(1, magnify, None),
            record(2, reduce, Some(90.0)),
            record(2, magnify, Some(30.0)),
        ];
        Attempts { layers: vec!["conv1".to_owned()], targets: Vec::new(), records }
    }

    #[test]
    fn the_smallest_along_any_direction_counts_once_an_origin() {
        let groups = groups(&attempts(), &Resampling::default());
        let find = |method: &str, class| {
            groups.iter().find(|group| group.method == method && group.class == class).unwrap()
        };
        let any = find("any", None);
        assert_eq!((any.attempts, any.flipped, any.censored), (3, 2, 1));
        assert_eq!((any.linf.q1, any.linf.median, any.linf.q3), (Some(30.0), Some(40.0), None));
        let magnify = find("magnify", None);
        assert_eq!((magnify.attempts, magnify.censored, magnify.linf.median), (3, 2, None));
        assert_eq!(magnify.linf.median_interval[1], None);
        assert_eq!(find("reduce", Some(1)).linf.median, None);
        assert_eq!(find("reduce", Some(0)).origins, 2);
    }

    #[test]
    fn pass_is_read_from_above() {
        let groups = groups(&attempts(), &Resampling::default());
        let any = groups.iter().find(|group| group.method == "any" && group.class.is_none()).unwrap();
        let pass_score = any.pass_score.unwrap();
        assert_eq!(pass_score.median, Some(1.0 - 40.0 / 255.0));
        let [lo, hi] = pass_score.median_interval;
        assert!(lo <= pass_score.median && hi >= pass_score.median);
    }
}
