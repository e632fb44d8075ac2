//! Choosing the ten targets: of each class the training digit that Basic LeNet is most sure of, the first of equals.

use lots::Image;
use lots::data::array;
use serde::{Deserialize, Serialize};

use super::context::{Context, Watch};
use super::plan::BASIC;
use crate::failure::{Failure, Result};
use crate::json_file;

/// Digits at a time.
const CHUNK: usize = 1000;

/// A target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Chosen {
    pub(super) class: usize,
    /// Index among the training digits.
    pub(super) training_digit: usize,
    /// (1 − p) / p of its class's probability p; p itself rounds to 1 for thousands of digits.
    pub(super) odds_against: f64,
}

pub(super) fn run(context: &Context<'_>, watch: &mut dyn Watch) -> Result<()> {
    let network = context.network(BASIC)?;
    let digits = context.infimnist.training_digits();
    let mut best: Vec<Option<Chosen>> = vec![None; network.class_count()];
    for first in (0..digits.len()).step_by(CHUNK) {
        context.expect_time()?;
        let end = digits.len().min(first + CHUNK);
        let images = &digits.images()[first..end];
        let pixels: Vec<u8> = images.iter().flat_map(Image::pixels).copied().collect();
        let logits = network.classify(pixels.as_slice())?;
        for (index, logits) in logits.images().enumerate() {
            let training_digit = first + index;
            let class = digits.label(training_digit).unwrap_or_default();
            let odds_against = odds_against(logits, class);
            if best[class].is_none_or(|best| odds_against < best.odds_against) {
                best[class] = Some(Chosen { class, training_digit, odds_against });
            }
        }
        watch.did(images.len());
    }
    let missing = |class: usize| Failure::new(format!("there is no training digit of class {class}"));
    let chosen: Vec<Chosen> = best
        .into_iter()
        .enumerate()
        .map(|(class, best)| best.ok_or_else(|| missing(class)))
        .collect::<Result<_>>()?;
    let pixels: Vec<u8> =
        chosen.iter().flat_map(|chosen| digits.images()[chosen.training_digit].pixels()).copied().collect();
    let [_, height, width] = digits.shape();
    array::write(context.folder.targets(), &[chosen.len(), height, width], &pixels)?;
    json_file::write(&context.folder.targets_json(), &chosen)
}

/// (1 − p) / p = Σ exp(zₖ − z) over the other classes k.
fn odds_against(logits: &[f32], class: usize) -> f64 {
    let others = logits.iter().enumerate().filter(|&(other, _)| other != class);
    // libm, because the platform's `exp` may differ in the last bit.
    others.map(|(_, &logit)| libm::exp(f64::from(logit) - f64::from(logits[class]))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_tell_apart_what_single_precision_does_not() {
        let logits = [40.0, 0.0, 1.0];
        assert!((lots_network::softmax(&logits)[0] - 1.0).abs() < f32::EPSILON);
        let [surer, less_sure] = [[41.0, 0.0, 1.0], logits].map(|logits| odds_against(&logits, 0));
        assert!(0.0 < surer && surer < less_sure);
        assert!((odds_against(&[0.0, 0.0, 0.0], 1) - 2.0).abs() < 1e-12);
    }
}
