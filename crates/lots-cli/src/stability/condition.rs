//! [`Condition`]: when a network is less stable than it must be, as `--fail-if` says it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::attempts::{Attempts, Scale};
use super::summary::{Along, Grouped, Key, Measure};
use crate::failure::{Failure, Result};

/// `ip1.median < 0.9 * baseline`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    text: String,
    pub(super) layer: String,
    along: Along,
    measure: Measure,
    quantity: Quantity,
    relation: Relation,
    /// The bound itself, or what the baseline is multiplied by.
    factor: f64,
    pub(super) is_relative: bool,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Quantity {
    /// The value by which this share has flipped.
    Quantile(f64),
    /// The share of the attempts that flip, 0–1.
    Flipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// Those that begin like others come first.
const RELATIONS: [(&str, Relation); 4] =
    [("<=", Relation::AtMost), (">=", Relation::AtLeast), ("<", Relation::Less), (">", Relation::More)];

/// What became of a condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// As it was written.
    pub(super) condition: String,
    /// What the network came to.
    pub(super) value: f64,
    /// What it is compared with.
    pub(super) bound: f64,
    /// What the baseline came to, if it is compared with that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) baseline: Option<f64>,
    /// Whether it holds, so that the command fails.
    pub(super) holds: bool,
}

impl FromStr for Condition {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let found = RELATIONS
            .iter()
            .filter_map(|(sign, relation)| Some((text.find(sign)?, *sign, *relation)))
            .min_by_key(|(at, ..)| *at);
        let Some((at, sign, relation)) = found else {
            return Err(Failure::new(format!("`{text}` compares nothing")).with_hint(
                "write what must not be, with <, <=, > or >=, such as `ip1.median < 0.9 * baseline`",
            ));
        };
        let subject = Subject::parse(text[..at].trim())?;
        let (factor, is_relative) = bound(text[at + sign.len()..].trim())?;
        Ok(Self {
            text: text.to_owned(),
            layer: subject.layer,
            along: subject.along,
            measure: subject.measure,
            quantity: subject.quantity,
            relation,
            factor,
            is_relative,
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What stands before the sign.
struct Subject {
    layer: String,
    along: Along,
    measure: Measure,
    quantity: Quantity,
}

impl Subject {
    /// `LAYER[.METHOD][.MEASURE].QUANTITY`, from behind, since names of layers may have dots.
    fn parse(text: &str) -> Result<Self> {
        let (rest, word) = text.rsplit_once('.').unwrap_or((text, ""));
        let quantity = match word {
            "median" => Quantity::Quantile(0.5),
            "q1" => Quantity::Quantile(0.25),
            "q3" => Quantity::Quantile(0.75),
            "flipped" => Quantity::Flipped,
            _ => {
                return Err(Failure::new(format!("`{text}` does not end in a quantity"))
                    .with_hint("use `median`, `q1`, `q3` or `flipped`, such as `ip1.median`"));
            }
        };
        let (rest, measure) = with_word(rest, Measure::ALL.map(|measure| (measure.as_str(), measure)));
        let (layer, along) = with_word(rest, Along::ALL.map(|along| (along.as_str(), along)));
        if layer.is_empty() {
            return Err(Failure::new(format!("`{text}` names no layer"))
                .with_hint("put it first, such as `ip1.median`"));
        }
        Ok(Self {
            layer: layer.to_owned(),
            along: along.unwrap_or(Along::Any),
            measure: measure.unwrap_or(Measure::Linf),
            quantity,
        })
    }
}

/// The text without the last of its words, if that is one of these.
fn with_word<'t, T, const N: usize>(text: &'t str, words: [(&str, T); N]) -> (&'t str, Option<T>) {
    let Some((rest, last)) = text.rsplit_once('.') else { return (text, None) };
    match words.into_iter().find(|(word, _)| *word == last) {
        Some((_, meant)) => (rest, Some(meant)),
        None => (text, None),
    }
}

/// `NUMBER`, `NUMBER * baseline`, `baseline`: the number, and whether the baseline is multiplied by it.
fn bound(text: &str) -> Result<(f64, bool)> {
    let (number, is_relative) = match text.split_once('*') {
        Some((number, other)) if other.trim() == "baseline" => (number.trim(), true),
        Some((_, other)) => {
            return Err(Failure::new(format!("`{}` cannot be multiplied by", other.trim()))
                .with_hint("write `0.9 * baseline`"));
        }
        None if text == "baseline" => return Ok((1.0, true)),
        None => (text, false),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((number, is_relative)),
        _ => Err(Failure::new(format!("`{number}` is no number to compare with"))
            .with_hint("write a number or `NUMBER * baseline`, such as `0.9 * baseline`")),
    }
}

impl Condition {
    /// Whether it holds.
    ///
    /// - `baseline`: with attempts on the same origins as `tested`.
    /// - `scale`: what is not reached counts as the end of it, the least that it can be.
    pub(super) fn judge(
        &self,
        tested: &Attempts,
        baseline: Option<&Attempts>,
        scale: Scale,
    ) -> Result<Verdict> {
        let value = self.value(tested, scale)?;
        let baseline = match baseline {
            Some(baseline) if self.is_relative => Some(self.value(baseline, scale)?),
            _ => None,
        };
        let bound = baseline.map_or(self.factor, |baseline| self.factor * baseline);
        let holds = match (self.relation, value.total_cmp(&bound)) {
            (Relation::Less, Ordering::Less) | (Relation::More, Ordering::Greater) => true,
            (Relation::AtMost, ordering) => ordering.is_le(),
            (Relation::AtLeast, ordering) => ordering.is_ge(),
            _ => false,
        };
        Ok(Verdict { condition: self.text.clone(), value, bound, baseline, holds })
    }

    /// Whether it is about PASS.
    pub(super) fn needs_pass_score(&self) -> bool {
        self.measure == Measure::PassScore
    }

    fn value(&self, attempts: &Attempts, scale: Scale) -> Result<f64> {
        let layer = attempts.layers.iter().position(|known| *known == self.layer);
        let key = layer.map(|layer| Key { layer, along: self.along, class: None });
        let grouped = Grouped::new(attempts);
        let curve = key.map(|key| grouped.curve(key, self.measure)).filter(|curve| curve.count() > 0);
        let Some(curve) = curve else {
            return Err(Failure::new(format!("there are no attempts that `{}` is about", self.text))
                .with_hint("`--layer` chooses what is measured, and PASS is measured without `--no-pass`"));
        };
        Ok(match self.quantity {
            Quantity::Flipped => curve.flipped() as f64 / curve.count() as f64,
            Quantity::Quantile(share) => {
                curve.quantile(share).map_or(self.end(scale), |magnitude| self.measure.value(magnitude))
            }
        })
    }

    fn end(&self, scale: Scale) -> f64 {
        match self.measure {
            Measure::Linf => scale.linf,
            Measure::L2 => scale.l2,
            Measure::PassScore => scale.pass_score,
        }
    }
}

impl fmt::Display for Verdict {
    /// `FAILED  ip1.median < 0.9 * baseline: 54 against 61.2 (baseline 68)`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds { "FAILED" } else { "passed" };
        write!(formatter, "{word}  {}: {}", self.condition, self.numbers())
    }
}

impl Verdict {
    /// `54 against 61.2 (baseline 68)`
    pub(super) fn numbers(&self) -> String {
        let against = format!("{} against {}", short(self.value), short(self.bound));
        self.baseline.map_or(against.clone(), |baseline| format!("{against} (baseline {})", short(baseline)))
    }
}

/// Four digits behind the point at most, without zeros at the end.
fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::attempts::{METHODS, Record};
    use super::*;

    fn parse(text: &str) -> Condition {
        text.parse().unwrap()
    }

    #[test]
    fn names_of_layers_may_have_dots() {
        for (text, layer, along, measure) in [
            ("ip1.median < 3", "ip1", Along::Any, Measure::Linf),
            ("ip1.any.linf.median < 3", "ip1", Along::Any, Measure::Linf),
            (
                "/layer1/layer1.0/conv1/Conv.toward.q3<3",
                "/layer1/layer1.0/conv1/Conv",
                Along::Method(2),
                Measure::Linf,
            ),
            ("a.l2.l2.q1 < 3", "a.l2", Along::Any, Measure::L2),
            ("a.reduce.pass_score.median > 0.5", "a", Along::Method(0), Measure::PassScore),
        ] {
            let condition = parse(text);
            assert_eq!(
                (condition.layer.as_str(), condition.along, condition.measure),
                (layer, along, measure)
            );
        }
    }

    #[test]
    fn what_cannot_be_understood_is_said_with_a_hint() {
        for (text, message) in [
            ("ip1.median", "`ip1.median` compares nothing"),
            ("ip1.mean < 3", "`ip1.mean` does not end in a quantity"),
            ("ip1 < 3", "`ip1` does not end in a quantity"),
            (".median < 3", "`.median` names no layer"),
            ("ip1.median < three", "`three` is no number to compare with"),
            ("ip1.median < nan", "`nan` is no number to compare with"),
            ("ip1.median < 0.9 * base", "`base` cannot be multiplied by"),
            ("ip1.median < ", "`` is no number to compare with"),
        ] {
            let failure = text.parse::<Condition>().unwrap_err();
            assert_eq!(failure.message(), message);
            assert!(failure.hint().is_some(), "{text}");
        }
    }

    fn attempts(linf: &[Option<f64>]) -> Attempts {
        let record = |(number, linf): (usize, &Option<f64>)| Record {
            number,
            origin_class: 0,
            layer: 0,
            method: METHODS[0],
            target: None,
            is_flipped: linf.is_some(),
            linf: linf.unwrap_or(255.0),
            l2: 1.0,
            pass_score: None,
        };
        let records = linf.iter().enumerate().map(record).collect();
        Attempts { layers: vec!["ip1".to_owned()], targets: Vec::new(), records }
    }

    #[test]
    fn a_bound_is_a_number_or_a_share_of_the_baseline() {
        let scale = Scale::of(784);
        let tested = attempts(&[Some(50.0), Some(60.0), Some(70.0), None]);
        let baseline = attempts(&[Some(60.0), Some(70.0), Some(80.0), None]);
        for (text, holds) in [
            ("ip1.median < 60", false),
            ("ip1.median <= 60", true),
            ("ip1.q1 > 49.5", true),
            ("ip1.flipped >= 0.75", true),
            ("ip1.flipped > 0.75", false),
            ("ip1.median < baseline", true),
            ("ip1.reduce.median < 0.8 * baseline", false),
            ("ip1.median < 0.9*baseline", true),
        ] {
            let verdict = parse(text).judge(&tested, Some(&baseline), scale).unwrap();
            assert_eq!(verdict.holds, holds, "{verdict}");
        }
        let never = attempts(&[None, None]);
        let verdict = parse("ip1.median < 0.9 * baseline").judge(&tested, Some(&never), scale).unwrap();
        assert_eq!((verdict.bound, verdict.holds), (229.5, true));
        let verdict = parse("ip1.median < 200").judge(&never, None, scale).unwrap();
        assert_eq!((verdict.value, verdict.holds), (255.0, false));
        assert!(parse("ip1.pass_score.median < 0.5").judge(&tested, None, scale).is_err());
    }

    #[test]
    fn a_verdict_is_one_line() {
        let verdict = parse("ip1.median < 0.9 * baseline")
            .judge(&attempts(&[Some(50.0)]), Some(&attempts(&[Some(60.0)])), Scale::of(784))
            .unwrap();
        assert_eq!(verdict.to_string(), "FAILED  ip1.median < 0.9 * baseline: 50 against 54 (baseline 60)");
    }
}
