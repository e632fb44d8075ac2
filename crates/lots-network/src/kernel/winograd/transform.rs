//! The transforms of tiles of 4×4 outputs, one axis at a time: of a tile's inputs, of the weights, and back to four
//! outputs.
//!
//! Polynomials are multiplied by their values at points. All factors for inputs and outputs are sums of few powers of
//! two, exact in f32; how many digits the choice of points loses is in `docs/decisions/winograd.md`.

use pulp::Simd;

/// Outputs of a tile along one axis.
pub(super) const OUTPUTS: usize = 4;

/// Tiles of 4×4 outputs.
pub(super) struct Tile;

/// How tiles are transformed for filters of `POINTS − 3` weights along an axis, which is also how many inputs more than
/// three a tile has along it.
pub(super) trait Transform<const POINTS: usize> {
    /// Neighbouring inputs to values, one a point.
    fn inputs<S: Simd>(simd: S, x: [S::f32s; POINTS]) -> [S::f32s; POINTS];

    /// Values, one a point, to neighbouring outputs.
    fn outputs<S: Simd>(simd: S, values: [S::f32s; POINTS]) -> [S::f32s; OUTPUTS];

    /// The values of the polynomial with the weights as coefficients at the points, over what Lagrange's formula divides
    /// by.
    fn filter(weights: &[f64]) -> [f64; POINTS];
}

/// All inputs of a tile, `read(row, column)`, to values, `write(row, column, value)`: the columns first, then the rows.
#[inline(always)]
pub(super) fn inputs<S: Simd, const POINTS: usize>(
    simd: S,
    read: impl Fn(usize, usize) -> S::f32s,
    mut write: impl FnMut(usize, usize, S::f32s),
) where
    Tile: Transform<POINTS>,
{
    let mut values = [[simd.splat_f32s(0.0); POINTS]; POINTS];
    for x in 0..POINTS {
        let column = Tile::inputs(simd, std::array::from_fn(|y| read(y, x)));
        for y in 0..POINTS {
            values[y][x] = column[y];
        }
    }
    for y in 0..POINTS {
        let row = Tile::inputs(simd, values[y]);
        for x in 0..POINTS {
            write(y, x, row[x]);
        }
    }
}

/// All values of a tile, `read(row, column)`, to outputs, `write(row, column, output)`: the columns first, then the rows.
#[inline(always)]
pub(super) fn outputs<S: Simd, const POINTS: usize>(
    simd: S,
    read: impl Fn(usize, usize) -> S::f32s,
    mut write: impl FnMut(usize, usize, S::f32s),
) where
    Tile: Transform<POINTS>,
{
    let mut values = [[simd.splat_f32s(0.0); POINTS]; OUTPUTS];
    for x in 0..POINTS {
        let column = Tile::outputs(simd, std::array::from_fn(|y| read(y, x)));
        for y in 0..OUTPUTS {
            values[y][x] = column[y];
        }
    }
    for y in 0..OUTPUTS {
        let row = Tile::outputs(simd, values[y]);
        for x in 0..OUTPUTS {
            write(y, x, row[x]);
        }
    }
}

/// A filter's weights, `[taps][taps]`, to values, `[POINTS][POINTS]`, each rounded once.
pub(super) fn filter<const POINTS: usize>(weights: &[f32]) -> [[f32; POINTS]; POINTS]
where
    Tile: Transform<POINTS>,
{
    let taps = POINTS + 1 - OUTPUTS;
    let mut halfway = [[0.0; POINTS]; POINTS];
    for (v, row) in weights.chunks_exact(taps).enumerate() {
        let mut line = [0.0; POINTS];
        for (value, weight) in line.iter_mut().zip(row) {
            *value = f64::from(*weight);
        }
        for (x, value) in Tile::filter(&line[..taps]).into_iter().enumerate() {
            halfway[x][v] = value;
        }
    }
    let mut values = [[0.0; POINTS]; POINTS];
    for (x, column) in halfway.iter().enumerate() {
        for (y, value) in Tile::filter(&column[..taps]).into_iter().enumerate() {
            values[y][x] = value as f32;
        }
    }
    values
}

/// The polynomial at `point`.
fn at(weights: &[f64], point: f64) -> f64 {
    weights.iter().rev().fold(0.0, |value, weight| value * point + weight)
}

#[inline(always)]
fn scaled<S: Simd>(simd: S, factor: f32, value: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(factor), value)
}

#[inline(always)]
fn add_scaled<S: Simd>(simd: S, factor: f32, value: S::f32s, sum: S::f32s) -> S::f32s {
    simd.mul_add_f32s(simd.splat_f32s(factor), value, sum)
}

/// Sum and difference of the values at a point and at its negative.
#[inline(always)]
fn even_and_odd<S: Simd>(simd: S, value: S::f32s, of_negative: S::f32s) -> [S::f32s; 2] {
    [simd.add_f32s(value, of_negative), simd.sub_f32s(value, of_negative)]
}

/// Filters of 3×3: the points 0, ±3/4, ±3/2 and ∞. The customary 0, ±1, ±2 and ∞ lose three times as many digits.
impl Transform<6> for Tile {
    #[inline(always)]
    fn inputs<S: Simd>(simd: S, x: [S::f32s; 6]) -> [S::f32s; 6] {
        const NEAR: f32 = 0.75;
        const FAR: f32 = 1.5;
        let add_scaled = |factor: f32, value, sum| add_scaled(simd, factor, value, sum);
        let (product, sum) = (NEAR * NEAR * FAR * FAR, NEAR * NEAR + FAR * FAR);
        let (near_even, near_odd) = (add_scaled(-FAR * FAR, x[2], x[4]), add_scaled(-FAR * FAR, x[1], x[3]));
        let (far_even, far_odd) =
            (add_scaled(-NEAR * NEAR, x[2], x[4]), add_scaled(-NEAR * NEAR, x[1], x[3]));
        [
            add_scaled(product, x[0], add_scaled(-sum, x[2], x[4])),
            add_scaled(NEAR, near_odd, near_even),
            add_scaled(-NEAR, near_odd, near_even),
            add_scaled(FAR, far_odd, far_even),
            add_scaled(-FAR, far_odd, far_even),
            add_scaled(product, x[1], add_scaled(-sum, x[3], x[5])),
        ]
    }

    #[inline(always)]
    fn outputs<S: Simd>(simd: S, values: [S::f32s; 6]) -> [S::f32s; OUTPUTS] {
        const NEAR: f32 = 0.75;
        const FAR: f32 = 1.5;
        let add_scaled = |factor: f32, value, sum| add_scaled(simd, factor, value, sum);
        let [zero, near, minus_near, far, minus_far, infinity] = values;
        let [near_even, near_odd] = even_and_odd(simd, near, minus_near);
        let [far_even, far_odd] = even_and_odd(simd, far, minus_far);
        [
            simd.add_f32s(simd.add_f32s(near_even, far_even), zero),
            add_scaled(NEAR, near_odd, scaled(simd, FAR, far_odd)),
            add_scaled(NEAR * NEAR, near_even, scaled(simd, FAR * FAR, far_even)),
            add_scaled(NEAR * NEAR * NEAR, near_odd, add_scaled(FAR * FAR * FAR, far_odd, infinity)),
        ]
    }

    fn filter(weights: &[f64]) -> [f64; 6] {
        let (near, far) = (0.75, 1.5);
        let (of_near, of_far) =
            (2.0 * near * near * (near * near - far * far), 2.0 * far * far * (far * far - near * near));
        [
            weights[0] / (near * near * far * far),
            at(weights, near) / of_near,
            at(weights, -near) / of_near,
            at(weights, far) / of_far,
            at(weights, -far) / of_far,
            weights[2],
        ]
    }
}

/// Filters of 5×5: the points 0, ±1/2, ±1, ±2 and ∞.
impl Transform<8> for Tile {
    #[inline(always)]
    fn inputs<S: Simd>(simd: S, x: [S::f32s; 8]) -> [S::f32s; 8] {
        let add_scaled = |factor: f32, value, sum| add_scaled(simd, factor, value, sum);
        // Of x·Π(x² − q²) over the other two pairs of points ±q: the terms of even and of odd degree.
        let of_others = |sum: f32, product: f32| {
            [
                add_scaled(product, x[2], add_scaled(-sum, x[4], x[6])),
                add_scaled(product, x[1], add_scaled(-sum, x[3], x[5])),
            ]
        };
        let [half_even, half_odd] = of_others(5.0, 4.0);
        let [one_even, one_odd] = of_others(4.25, 1.0);
        let [two_even, two_odd] = of_others(1.25, 0.25);
        [
            // Π(x² − q²) over all three pairs, times −1 for 0 and times x for ∞.
            add_scaled(5.25, simd.sub_f32s(x[4], x[2]), simd.sub_f32s(x[0], x[6])),
            add_scaled(0.5, half_odd, half_even),
            add_scaled(-0.5, half_odd, half_even),
            simd.add_f32s(one_even, one_odd),
            simd.sub_f32s(one_even, one_odd),
            add_scaled(2.0, two_odd, two_even),
            add_scaled(-2.0, two_odd, two_even),
            add_scaled(5.25, simd.sub_f32s(x[3], x[5]), simd.sub_f32s(x[7], x[1])),
        ]
    }

    #[inline(always)]
    fn outputs<S: Simd>(simd: S, values: [S::f32s; 8]) -> [S::f32s; OUTPUTS] {
        let add_scaled = |factor: f32, value, sum| add_scaled(simd, factor, value, sum);
        let [zero, half, minus_half, one, minus_one, two, minus_two, infinity] = values;
        let [half_even, half_odd] = even_and_odd(simd, half, minus_half);
        let [one_even, one_odd] = even_and_odd(simd, one, minus_one);
        let [two_even, two_odd] = even_and_odd(simd, two, minus_two);
        [
            simd.add_f32s(simd.add_f32s(half_even, one_even), simd.add_f32s(two_even, zero)),
            add_scaled(2.0, two_odd, add_scaled(0.5, half_odd, one_odd)),
            add_scaled(4.0, two_even, add_scaled(0.25, half_even, one_even)),
            add_scaled(8.0, two_odd, add_scaled(0.125, half_odd, simd.add_f32s(one_odd, infinity))),
        ]
    }

    fn filter(weights: &[f64]) -> [f64; 8] {
        // 2·p²·Π(p² − q²) over the other two pairs of points ±q.
        let (of_half, of_one, of_two) = (
            2.0 * 0.25 * (0.25 - 1.0) * (0.25 - 4.0),
            2.0 * (1.0 - 0.25) * (1.0 - 4.0),
            2.0 * 4.0 * (4.0 - 0.25) * (4.0 - 1.0),
        );
        [
            weights[0],
            at(weights, 0.5) / of_half,
            at(weights, -0.5) / of_half,
            at(weights, 1.0) / of_one,
            at(weights, -1.0) / of_one,
            at(weights, 2.0) / of_two,
            at(weights, -2.0) / of_two,
            weights[4],
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs_are_those_of_the_definition<const POINTS: usize>()
    where
        Tile: Transform<POINTS>,
    {
        let taps = POINTS + 1 - OUTPUTS;
        for place in 0..POINTS {
            for tap in 0..taps {
                let weights: Vec<f64> = (0..taps).map(|index| f64::from(u8::from(index == tap))).collect();
                let filter = Tile::filter(&weights);
                let input = Tile::inputs(
                    pulp::Scalar,
                    std::array::from_fn(|index| f32::from(u8::from(index == place))),
                );
                let products = std::array::from_fn(|point| (f64::from(input[point]) * filter[point]) as f32);
                for (output, got) in Tile::outputs(pulp::Scalar, products).into_iter().enumerate() {
                    let expected = f32::from(u8::from(output + tap == place));
                    assert!(
                        (got - expected).abs() < 1e-6,
                        "input {place}, tap {tap}, output {output}: {got}"
                    );
                }
            }
        }
    }

    #[test]
    fn along_one_axis_the_outputs_are_those_of_the_definition() {
        outputs_are_those_of_the_definition::<6>();
        outputs_are_those_of_the_definition::<8>();
    }
}
