//! Values shifted and scaled to mean 0 and variance 1, group by group: what the normalisations have in common.
//!
//! `x̂ = (x − mean) / √(variance + epsilon)`; with v the cotangent of x̂, that of x is
//! `(v − mean v − x̂ · mean(v · x̂)) / √(variance + epsilon)`.

/// The statistics of one group, for each lane.
#[derive(Clone, Copy)]
pub(super) struct Statistics<const LANES: usize> {
    pub(super) mean: [f32; LANES],
    /// 1 / √(variance + epsilon).
    pub(super) inverse: [f32; LANES],
}

/// Mean and deviation of the values of one group; the variance is that of the group itself (divided by n).
#[inline(always)]
pub(super) fn statistics<const LANES: usize>(values: &[[f32; LANES]], epsilon: f32) -> Statistics<LANES> {
    let count = values.len() as f32;
    let mean = sum(values.iter().copied(), values.len()).map(|sum| sum / count);
    let squares = values.iter().map(
        #[inline(always)]
        |value| {
            let mut square = [0.0; LANES];
            for ((square, value), mean) in square.iter_mut().zip(value).zip(&mean) {
                *square = (value - mean) * (value - mean);
            }
            square
        },
    );
    let inverse = sum(squares, values.len()).map(|sum| 1.0 / (sum / count + epsilon).sqrt());
    Statistics { mean, inverse }
}

impl<const LANES: usize> Statistics<LANES> {
    /// x̂.
    #[inline(always)]
    pub(super) fn standardized(&self, value: &[f32; LANES]) -> [f32; LANES] {
        let mut result = [0.0; LANES];
        for lane in 0..LANES {
            result[lane] = (value[lane] - self.mean[lane]) * self.inverse[lane];
        }
        result
    }

    /// Adds the cotangent of x to `gradient`.
    ///
    /// - `cotangent(element)`: that of x̂.
    #[inline(always)]
    pub(super) fn add_gradient(
        &self,
        values: &[[f32; LANES]],
        cotangent: impl Fn(usize) -> [f32; LANES],
        gradient: &mut [[f32; LANES]],
    ) {
        let count = values.len() as f32;
        let mean = sum((0..values.len()).map(&cotangent), values.len()).map(|sum| sum / count);
        let products = values.iter().enumerate().map(
            #[inline(always)]
            |(element, value)| {
                let mut product = cotangent(element);
                for (product, x) in product.iter_mut().zip(self.standardized(value)) {
                    *product *= x;
                }
                product
            },
        );
        let projection = sum(products, values.len()).map(|sum| sum / count);
        for ((element, value), gradient) in values.iter().enumerate().zip(gradient) {
            let (x, cotangent) = (self.standardized(value), cotangent(element));
            for lane in 0..LANES {
                gradient[lane] +=
                    (cotangent[lane] - mean[lane] - x[lane] * projection[lane]) * self.inverse[lane];
            }
        }
    }
}

/// The sum for each lane, as a sum of sums, which is much closer to the exact one than one long chain.
#[inline(always)]
pub(super) fn sum<const LANES: usize>(
    values: impl Iterator<Item = [f32; LANES]>,
    count: usize,
) -> [f32; LANES] {
    let part = count.isqrt().max(1);
    let (mut total, mut partial) = ([0.0; LANES], [0.0; LANES]);
    let mut left = part;
    let join = |into: &mut [f32; LANES], from: &[f32; LANES]| {
        for (into, from) in into.iter_mut().zip(from) {
            *into += from;
        }
    };
    for value in values {
        join(&mut partial, &value);
        left -= 1;
        if left == 0 {
            join(&mut total, &partial);
            (partial, left) = ([0.0; LANES], part);
        }
    }
    join(&mut total, &partial);
    total
}
