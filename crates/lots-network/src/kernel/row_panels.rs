//! [`RowPanels`]: a fully connected layer's weights as a single image wants them.
//!
//! Every weight is used once, so what counts is how fast they come from the cache. Rows lie side by side in the SIMD
//! lanes, and the weights of some rows follow each other from the first input to the last: memory is read from its
//! beginning to its end, and the sums stay in registers.

use pulp::{Simd, WithSimd};

use super::turned_rows;
use super::weighted_sum::{Start, load, store};
use crate::workspace::Memory;

/// Rows of a panel: as many as 16 registers of 128 bits have floats.
const ROWS: usize = 64;

/// More weights take too much memory twice.
const MOST_WEIGHTS: usize = 1 << 22;

/// Weights `[rows][terms]`, laid out anew.
pub(crate) struct RowPanels {
    rows: usize,
    terms: usize,
    /// `[panels][terms][ROWS]`, with anything behind the last row.
    memory: Memory,
}

impl RowPanels {
    /// Whether so many rows of so many terms are worth it: the last panel may be empty in part.
    pub(crate) fn suit([rows, terms]: [usize; 2]) -> bool {
        let padded = rows.next_multiple_of(ROWS);
        padded * 4 <= rows * 5 && padded.saturating_mul(terms) <= MOST_WEIGHTS
    }

    /// A copy of `weights`, `[rows][terms]`.
    pub(crate) fn new(weights: &[f32], [rows, terms]: [usize; 2]) -> Self {
        let mut memory = Memory::default();
        let panels = memory.at_least(rows.div_ceil(ROWS) * terms * ROWS);
        let row = |row: usize| &weights[row.min(rows - 1) * terms..][..terms];
        for (index, panel) in panels.chunks_exact_mut((terms * ROWS).max(1)).enumerate() {
            if turned_rows::are_available() {
                for place in (0..ROWS).step_by(turned_rows::GROUP) {
                    let group = std::array::from_fn(|next| row(index * ROWS + place + next));
                    turned_rows::copy(&group, terms, &mut panel[place..], ROWS);
                }
                continue;
            }
            for place in 0..ROWS {
                let weights = row(index * ROWS + place);
                panel.iter_mut().skip(place).step_by(ROWS).zip(weights).for_each(|(to, from)| *to = *from);
            }
        }
        Self { rows, terms, memory }
    }

    /// `output[row] = start[row] + Σ_k weights[row][k] · input[k]`, each a chain of fused multiply-adds in the order of `k`.
    ///
    /// # Panics
    /// If an array has another length.
    pub(crate) fn compute(&self, start: Start<'_>, input: &[f32], output: &mut [f32]) {
        assert_eq!([input.len(), output.len()], [self.terms, self.rows], "an input a term, an output a row");
        match start {
            Start::Zero => output.fill(0.0),
            Start::Bias(bias) => output.copy_from_slice(bias),
            Start::Output | Start::OutputCopied(_) => {}
        }
        super::architecture().dispatch(Task { panels: self, input, output });
    }
}

impl std::fmt::Debug for RowPanels {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RowPanels({}×{})", self.rows, self.terms)
    }
}

struct Task<'a, 'b> {
    panels: &'a RowPanels,
    input: &'a [f32],
    output: &'b mut [f32],
}

impl WithSimd for Task<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 4>(simd),
            8 => self.run::<S, 8>(simd),
            4 => self.run::<S, 16>(simd),
            _ => self.run::<S, 1>(simd),
        }
    }
}

impl Task<'_, '_> {
    /// `VECTORS` registers of a panel's rows at a time.
    #[inline(always)]
    fn run<S: Simd, const VECTORS: usize>(self, simd: S) {
        let Self { panels: &RowPanels { rows, terms, ref memory }, input, output } = self;
        let panels = memory.first(rows.div_ceil(ROWS) * terms * ROWS).chunks_exact((terms * ROWS).max(1));
        for (panel, output) in panels.zip(output.chunks_mut(ROWS)) {
            let mut sums = [0.0; ROWS];
            sums[..output.len()].copy_from_slice(output);
            for first in (0..ROWS).step_by(VECTORS * S::F32_LANES) {
                let mut chains: [S::f32s; VECTORS] =
                    std::array::from_fn(|vector| load::<S>(&sums[first + vector * S::F32_LANES..]));
                for (weights, &input) in panel.as_chunks::<ROWS>().0.iter().zip(input) {
                    let input = simd.splat_f32s(input);
                    for vector in 0..VECTORS {
                        let weights = load::<S>(&weights[first + vector * S::F32_LANES..]);
                        chains[vector] = simd.mul_add_f32s(weights, input, chains[vector]);
                    }
                }
                for vector in 0..VECTORS {
                    store::<S>(&mut sums[first + vector * S::F32_LANES..], chains[vector]);
                }
            }
            output.copy_from_slice(&sums[..output.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::on_every_instruction_set;
    use super::super::weighted_sum::tests::{bits, reference};
    use super::super::weighted_sum::{Column, Rounds, Tap, WeightedSums};
    use super::*;
    use crate::op::gradient_check::Random;

    #[test]
    fn panels_give_the_bytes_of_the_definition() {
        let mut random = Random::new(21);
        for case in 0..30 {
            let (rows, terms) = (random.int(1..=150), random.int(1..=40));
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let (weights, input) = (values(rows * terms), values(terms));
            let (bias, before) = (values(rows), values(rows));
            let start = [Start::Zero, Start::Bias(&bias), Start::Output][case % 3];
            let mut expected = before.clone();
            let sums = WeightedSums {
                input: &input,
                weights: &weights,
                start,
                taps: &(0..terms).map(|term| Tap { input: term, weight: term }).collect::<Vec<_>>(),
                rounds: Rounds::ONE,
                columns: &[Column { input: 0, output: 0 }],
                rows,
                weight_row: terms,
                output_row: 1,
                lanes: 1,
            };
            reference(&sums, &mut expected);
            for got in on_every_instruction_set(|| {
                let mut output = before.clone();
                RowPanels::new(&weights, [rows, terms]).compute(start, &input, &mut output);
                output
            }) {
                assert_eq!(bits(&got), bits(&expected), "{rows} rows, {terms} terms");
            }
        }
    }
}
