//! [`PairSimilarities`]: how well similarities tell pairs of one identity from pairs of two.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The similarities of genuine pairs, two images of one identity, and of impostor pairs, images of two.
///
/// A pair is accepted if its similarity is strictly above a threshold, as [`threshold_at_far`](super::threshold_at_far)
/// and [`Criterion::SimilarityAbove`](crate::Criterion::SimilarityAbove) have it.
///
/// # Example
/// ```
/// use lots::verification::PairSimilarities;
/// let scores = PairSimilarities::new(vec![0.9, 0.7, 0.4], vec![0.5, 0.1, 0.0, -0.2])?;
/// assert_eq!((scores.far(0.3), scores.frr(0.4)), (0.25, 1.0 / 3.0));
/// assert_eq!(scores.auc(), 11.0 / 12.0);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PairSimilarities {
    /// Ascending.
    genuine: Vec<f64>,
    /// Ascending.
    impostor: Vec<f64>,
}

/// A point of the DET curve (detection error tradeoff): both errors at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetPoint {
    /// Pairs that are more similar are accepted.
    pub threshold: f64,
    /// The share of impostor pairs that are accepted, 0–1.
    pub far: f64,
    /// The share of genuine pairs that are not, 0–1.
    pub frr: f64,
}

impl PairSimilarities {
    /// Pairs in any order.
    ///
    /// # Errors
    /// [`Error::NoPairs`] if there are none of one kind; [`Error::PairNotFinite`].
    pub fn new(genuine: Vec<f64>, impostor: Vec<f64>) -> Result<Self> {
        Ok(Self { genuine: ascending("genuine", genuine)?, impostor: ascending("impostor", impostor)? })
    }

    /// The similarities of genuine pairs, ascending.
    pub fn genuine(&self) -> &[f64] {
        &self.genuine
    }

    /// The similarities of impostor pairs, ascending.
    pub fn impostor(&self) -> &[f64] {
        &self.impostor
    }

    /// The false-accept rate: the share of impostor pairs above a threshold, 0–1.
    pub fn far(&self, threshold: f64) -> f64 {
        let rejected = self.impostor.partition_point(|&similarity| similarity <= threshold);
        (self.impostor.len() - rejected) as f64 / self.impostor.len() as f64
    }

    /// The false-reject rate: the share of genuine pairs that are not above a threshold, 0–1.
    pub fn frr(&self, threshold: f64) -> f64 {
        let rejected = self.genuine.partition_point(|&similarity| similarity <= threshold);
        rejected as f64 / self.genuine.len() as f64
    }

    /// The area under the ROC curve: the probability that a genuine pair is more similar than an impostor pair, where
    /// ties count half; 0.5 by chance, 1 at best.
    ///
    /// `AUC = (|{ g > i }| + |{ g = i }| / 2) / (|g| · |i|)`, counted in whole numbers
    pub fn auc(&self) -> f64 {
        let (mut halves, mut below, mut up_to) = (0_u128, 0, 0);
        for &genuine in &self.genuine {
            while below < self.impostor.len() && self.impostor[below] < genuine {
                below += 1;
            }
            up_to = up_to.max(below);
            while up_to < self.impostor.len() && self.impostor[up_to] <= genuine {
                up_to += 1;
            }
            halves += (below + up_to) as u128;
        }
        let pairs = self.genuine.len() as u128 * self.impostor.len() as u128;
        halves as f64 / (2 * pairs) as f64
    }

    /// The DET curve from the threshold that accepts all to the one that accepts none; one point for each similarity
    /// that occurs.
    pub fn det(&self) -> Vec<DetPoint> {
        let lowest = self.genuine[0].min(self.impostor[0]);
        let mut points = vec![DetPoint { threshold: lowest.next_down(), far: 1.0, frr: 0.0 }];
        let (mut genuine, mut impostor) = (0, 0);
        while genuine < self.genuine.len() || impostor < self.impostor.len() {
            let next = [self.genuine.get(genuine), self.impostor.get(impostor)];
            let threshold = next.into_iter().flatten().fold(f64::INFINITY, |least, &it| least.min(it));
            while self.genuine.get(genuine).is_some_and(|&similarity| similarity <= threshold) {
                genuine += 1;
            }
            while self.impostor.get(impostor).is_some_and(|&similarity| similarity <= threshold) {
                impostor += 1;
            }
            let far = (self.impostor.len() - impostor) as f64 / self.impostor.len() as f64;
            points.push(DetPoint { threshold, far, frr: genuine as f64 / self.genuine.len() as f64 });
        }
        points
    }

    /// The equal error rate, 0–1: where the DET curve, drawn with straight lines between its points, meets far = frr.
    pub fn equal_error_rate(&self) -> f64 {
        let points = self.det();
        let gap = |point: &DetPoint| point.far - point.frr;
        // The first point has a gap of 1, the last one of −1.
        let after = points.partition_point(|point| gap(point) > 0.0);
        let (before, after) = (&points[after - 1], &points[after]);
        let part = gap(before) / (gap(before) - gap(after));
        before.far + part * (after.far - before.far)
    }
}

/// # Errors
/// [`Error::NoPairs`], [`Error::PairNotFinite`].
fn ascending(what: &'static str, mut similarities: Vec<f64>) -> Result<Vec<f64>> {
    if similarities.is_empty() {
        return Err(Error::NoPairs { what });
    }
    if let Some(pair) = similarities.iter().position(|similarity| !similarity.is_finite()) {
        return Err(Error::PairNotFinite { what, pair, got: similarities[pair] });
    }
    similarities.sort_unstable_by(f64::total_cmp);
    Ok(similarities)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(genuine: &[f64], impostor: &[f64]) -> PairSimilarities {
        PairSimilarities::new(genuine.to_vec(), impostor.to_vec()).unwrap()
    }

    #[test]
    fn a_system_that_never_errs_has_no_error_rate() {
        let perfect = scores(&[0.8, 0.9], &[0.1, 0.2, 0.3]);
        assert!((perfect.auc() - 1.0).abs() < 1e-15 && perfect.equal_error_rate().abs() < 1e-15);
        let reversed = scores(&[0.1, 0.2], &[0.8, 0.9]);
        assert!(reversed.auc().abs() < 1e-15 && (reversed.equal_error_rate() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_system_that_knows_nothing_is_at_one_half() {
        let same = scores(&[0.4; 3], &[0.4; 5]);
        assert!((same.auc() - 0.5).abs() < 1e-15 && (same.equal_error_rate() - 0.5).abs() < 1e-15);
    }

    #[test]
    fn the_curve_of_a_small_case_is_as_drawn_by_hand() {
        let points = scores(&[0.5, 0.9], &[0.1, 0.5]).det();
        let expected = [(0.1, 0.5, 0.0), (0.5, 0.0, 0.5), (0.9, 0.0, 1.0)];
        assert_eq!((points[0].far, points[0].frr), (1.0, 0.0));
        for (point, (threshold, far, frr)) in points[1..].iter().zip(expected) {
            assert_eq!(*point, DetPoint { threshold, far, frr });
        }
        assert_eq!(points.len(), 4);
        // The line from (0.5, 0) to (0, 0.5) meets far = frr at a quarter.
        assert!((scores(&[0.5, 0.9], &[0.1, 0.5]).equal_error_rate() - 0.25).abs() < 1e-15);
    }

    #[test]
    fn pairs_that_are_none_are_refused() {
        let message = PairSimilarities::new(vec![], vec![0.5]).unwrap_err().to_string();
        assert_eq!(message, "there are no genuine pairs");
        let message = PairSimilarities::new(vec![0.5], vec![0.1, f64::NAN]).unwrap_err().to_string();
        assert_eq!(message, "the similarity of impostor pair 1 is NaN, expected a finite number");
    }

    proptest! {
        #[test]
        fn counting_every_pair_gives_the_same(
            genuine in prop::collection::vec((-6..6_i8).prop_map(f64::from), 1..30),
            impostor in prop::collection::vec((-6..6_i8).prop_map(f64::from), 1..30),
        ) {
            let scores = scores(&genuine, &impostor);
            let mut sum = 0.0;
            for g in &genuine {
                for i in &impostor {
                    sum += if g > i { 1.0 } else if g < i { 0.0 } else { 0.5 };
                }
            }
            prop_assert!((scores.auc() - sum / (genuine.len() * impostor.len()) as f64).abs() < 1e-12);
            let mut before: Option<DetPoint> = None;
            for point in scores.det() {
                let above = |similarities: &[f64]| similarities.iter().filter(|&&it| it > point.threshold).count();
                let rejected = genuine.len() - above(&genuine);
                let far = above(&impostor) as f64 / impostor.len() as f64;
                let counted = (far, rejected as f64 / genuine.len() as f64);
                prop_assert_eq!((point.far, point.frr), counted);
                prop_assert_eq!((scores.far(point.threshold), scores.frr(point.threshold)), counted);
                if let Some(before) = before {
                    prop_assert!(before.far >= point.far && before.frr <= point.frr);
                }
                before = Some(point);
            }
            prop_assert!((0.0..=1.0).contains(&scores.equal_error_rate()));
        }
    }
}
