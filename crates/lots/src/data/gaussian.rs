//! The weights of a Gaussian that smooths along one axis.

/// Weights that sum to 1, an odd number of them, three standard deviations to each side.
pub(super) fn weights(sigma: f64) -> Vec<f64> {
    let reach = (3.0 * sigma).ceil() as i32;
    // libm, because the platform's `exp` may differ in the last bit.
    let weight = |offset: i32| libm::exp(-f64::from(offset * offset) / (2.0 * sigma * sigma));
    let weights: Vec<f64> = (-reach..=reach).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
