//! [`Comparison`]: a network against its baseline, on the origins that both read rightly.

use std::path::Path;

use lots::survival::{Resampling, Sample};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::attempts::Attempts;
use super::summary::{Grouped, Key, Measure};
use super::{ATTEMPTS, REPORT};
use crate::failure::{Failure, Result};
use crate::json_file;

/// A network and its baseline.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Comparison {
    /// The network that is compared with: name and SHA-256.
    pub(super) baseline: Value,
    /// How many origins both networks read rightly; the others say nothing about what training has changed.
    pub(super) origins: usize,
    pub(super) groups: Vec<Compared>,
}

/// What some attempts came to with both networks.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compared {
    pub(super) layer: String,
    /// `any`, `reduce`, `magnify`, `toward`.
    pub(super) method: String,
    /// The class of the origins; null for all classes.
    pub(super) class: Option<usize>,
    pub(super) linf: Ratio,
    pub(super) l2: Ratio,
}

/// Two medians and their ratio; null where a median is not reached.
#[expect(clippy::struct_field_names, reason = "the key in the JSON says what it is")]
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) baseline: Option<f64>,
    pub(super) network: Option<f64>,
    /// That of the network divided by that of the baseline: above 1 it is more stable.
    pub(super) ratio: Option<f64>,
    /// Where it lies with a confidence of 95 %; null where the end is open.
    pub(super) interval: [Option<f64>; 2],
}

/// The attempts on the origins that two networks read rightly, those of the baseline first.
pub(super) fn shared(baseline: &Attempts, tested: &Attempts) -> [Attempts; 2] {
    let others = tested.origins();
    let mut numbers = baseline.origins();
    numbers.retain(|number| others.binary_search(number).is_ok());
    [baseline.on(&numbers), tested.on(&numbers)]
}

impl Comparison {
    /// - `named`: name and SHA-256 of the baseline.
    /// - `[baseline, tested]`: attempts on the same origins.
    pub(super) fn new(
        named: Value,
        [baseline, tested]: &[Attempts; 2],
        resampling: &Resampling,
    ) -> Result<Self> {
        let origins = tested.origins().len();
        if origins == 0 {
            return Err(Failure::new("there is no origin that both networks read rightly")
                .with_hint("compare networks that were trained for the same classes"));
        }
        let (before, after) = (Grouped::new(baseline), Grouped::new(tested));
        let compared = |key: Key| {
            // The layers of a baseline that was stored may be in another order.
            let name = &tested.layers[key.layer];
            let layer = baseline.layers.iter().position(|known| known == name)?;
            let ratio = |measure: Measure| {
                let one = before.sample(Key { layer, ..key }, measure);
                ratio(&one, &after.sample(key, measure), resampling)
            };
            Some(Compared {
                layer: name.clone(),
                method: key.along.as_str().to_owned(),
                class: key.class,
                linf: ratio(Measure::Linf)?,
                l2: ratio(Measure::L2)?,
            })
        };
        let groups = after.keys().into_par_iter().filter_map(compared).collect();
        Ok(Self { baseline: named, origins, groups })
    }
}

/// The ratio of two medians; none if they are not about the same origins.
fn ratio(baseline: &Sample, tested: &Sample, resampling: &Resampling) -> Option<Ratio> {
    let (ratio, interval) = tested.ratio(baseline, 0.5, resampling)?;
    Some(Ratio {
        baseline: baseline.quantile(0.5).reached(),
        network: tested.quantile(0.5).reached(),
        ratio,
        interval: [interval.lo, interval.hi],
    })
}

/// A baseline that was measured before.
pub(super) struct Stored {
    /// Its name and SHA-256.
    pub(super) network: Value,
    pub(super) attempts: Attempts,
}

impl Stored {
    /// Reads the folder of a baseline.
    ///
    /// # Errors
    /// If it was measured on other images, with other targets or at other layers than `settings` say, so that a ratio
    /// would not tell what has become of the network.
    pub(super) fn read(folder: &Path, settings: &Value) -> Result<Self> {
        let report_file = folder.join(REPORT);
        if !report_file.exists() {
            return Err(Failure::new(format!("there is no `{REPORT}` in `{}`", folder.display()))
                .with_hint("measure the baseline with `lots stability NETWORK --out DIR`"));
        }
        let report: Value = json_file::read(&report_file)?;
        for (key, what) in [("origin_sha256", "other origins"), ("target_sha256", "other targets")] {
            if report["data"][key] != settings["data"][key] {
                return Err(differs(folder, what));
            }
        }
        let layers = |settings: &Value| settings["layers"].as_array().cloned().unwrap_or_default();
        let known = layers(&report);
        if let Some(layer) = layers(settings).into_iter().find(|layer| !known.contains(layer)) {
            let layer = layer.as_str().unwrap_or_default();
            return Err(differs(folder, &format!("other layers, `{layer}` is not among them")));
        }
        if report["options"]["pass_score"] == false && settings["options"]["pass_score"] == true {
            return Err(
                differs(folder, "`--no-pass`").with_hint("add `--no-pass`, or measure it again without")
            );
        }
        Ok(Self { network: report["network"].clone(), attempts: Attempts::read(&folder.join(ATTEMPTS))? })
    }
}

fn differs(folder: &Path, what: &str) -> Failure {
    Failure::new(format!("the baseline in `{}` was measured with {what}", folder.display()))
        .with_hint("measure it again with the same images, targets and layers")
}
