//! The three transforms of F(4×4, 3×3), one axis at a time: of six inputs, of three weights, and back to four outputs.
//!
//! Polynomials of degree 3 and 2 are multiplied by their values at the points 0, ±3/4, ±3/2 and ∞. All factors for
//! inputs and outputs are sums of few powers of two, exact in f32; the customary points 0, ±1, ±2 and ∞ lose three times
//! as many digits (`docs/decisions/winograd.md`).

use pulp::Simd;

/// Outputs of a tile along one axis.
pub(super) const OUTPUTS: usize = 4;

/// Inputs of a tile along one axis: two more than outputs. Also the number of points.
pub(super) const INPUTS: usize = 6;

/// The points are 0, ±NEAR, ±FAR and ∞.
const NEAR: f32 = 0.75;
const FAR: f32 = 1.5;
const NEAR_SQUARED: f32 = NEAR * NEAR;
const FAR_SQUARED: f32 = FAR * FAR;

/// Six neighbouring inputs to six values, one a point.
#[inline(always)]
pub(super) fn inputs<S: Simd>(simd: S, x: [S::f32s; INPUTS]) -> [S::f32s; INPUTS] {
    let add_scaled = |factor: f32, value, sum| simd.mul_add_f32s(simd.splat_f32s(factor), value, sum);
    let (product, sum) = (NEAR_SQUARED * FAR_SQUARED, NEAR_SQUARED + FAR_SQUARED);
    let (near_even, near_odd) = (add_scaled(-FAR_SQUARED, x[2], x[4]), add_scaled(-FAR_SQUARED, x[1], x[3]));
    let (far_even, far_odd) = (add_scaled(-NEAR_SQUARED, x[2], x[4]), add_scaled(-NEAR_SQUARED, x[1], x[3]));
    [
        add_scaled(product, x[0], add_scaled(-sum, x[2], x[4])),
        add_scaled(NEAR, near_odd, near_even),
        add_scaled(-NEAR, near_odd, near_even),
        add_scaled(FAR, far_odd, far_even),
        add_scaled(-FAR, far_odd, far_even),
        add_scaled(product, x[1], add_scaled(-sum, x[3], x[5])),
    ]
}

/// Six values, one a point, to four neighbouring outputs.
#[inline(always)]
pub(super) fn outputs<S: Simd>(simd: S, values: [S::f32s; INPUTS]) -> [S::f32s; OUTPUTS] {
    let scaled = |factor: f32, value| simd.mul_f32s(simd.splat_f32s(factor), value);
    let add_scaled = |factor: f32, value, sum| simd.mul_add_f32s(simd.splat_f32s(factor), value, sum);
    let [zero, near, minus_near, far, minus_far, infinity] = values;
    let (near_even, near_odd) = (simd.add_f32s(near, minus_near), simd.sub_f32s(near, minus_near));
    let (far_even, far_odd) = (simd.add_f32s(far, minus_far), simd.sub_f32s(far, minus_far));
    [
        simd.add_f32s(simd.add_f32s(near_even, far_even), zero),
        add_scaled(NEAR, near_odd, scaled(FAR, far_odd)),
        add_scaled(NEAR_SQUARED, near_even, scaled(FAR_SQUARED, far_even)),
        add_scaled(NEAR * NEAR_SQUARED, near_odd, add_scaled(FAR * FAR_SQUARED, far_odd, infinity)),
    ]
}

/// The filter's 3×3 weights to 6×6 values, each rounded once.
pub(super) fn filter(weights: [f32; 9]) -> [f32; INPUTS * INPUTS] {
    let rows = weights.map(f64::from);
    let mut halfway = [[0.0; 3]; INPUTS];
    for (v, row) in rows.as_chunks::<3>().0.iter().enumerate() {
        for (x, value) in filter_values(*row).into_iter().enumerate() {
            halfway[x][v] = value;
        }
    }
    let mut values = [0.0; INPUTS * INPUTS];
    for (x, column) in halfway.into_iter().enumerate() {
        for (y, value) in filter_values(column).into_iter().enumerate() {
            values[y * INPUTS + x] = value as f32;
        }
    }
    values
}

/// The values of the polynomial with these coefficients at the points, over what Lagrange's formula divides by.
fn filter_values([zero, one, two]: [f64; 3]) -> [f64; INPUTS] {
    let (near, far) = (f64::from(NEAR), f64::from(FAR));
    let (near_squared, far_squared) = (near * near, far * far);
    let at = |point: f64| (two * point + one) * point + zero;
    let (of_near, of_far) =
        (2.0 * near_squared * (near_squared - far_squared), 2.0 * far_squared * (far_squared - near_squared));
    [
        zero / (near_squared * far_squared),
        at(near) / of_near,
        at(-near) / of_near,
        at(far) / of_far,
        at(-far) / of_far,
        two,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn along_one_axis_the_outputs_are_those_of_the_definition() {
        let inputs_of = |k: usize| (0..INPUTS).map(|index| f32::from(index == k)).collect::<Vec<_>>();
        for k in 0..INPUTS {
            for tap in 0..3 {
                let weights = std::array::from_fn(|index| f64::from(index == tap));
                let filter = filter_values(weights);
                let input = inputs(pulp::Scalar, inputs_of(k).try_into().unwrap());
                let products = std::array::from_fn(|point| (f64::from(input[point]) * filter[point]) as f32);
                for (output, got) in outputs(pulp::Scalar, products).into_iter().enumerate() {
                    let expected = f32::from(output + tap == k);
                    assert!((got - expected).abs() < 1e-6, "input {k}, tap {tap}, output {output}: {got}");
                }
            }
        }
    }
}
