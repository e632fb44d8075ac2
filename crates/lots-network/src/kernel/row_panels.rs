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

/// Up to twice so many rows that are left over make panels of so many: as many as the widest register has floats.
const FEW_ROWS: usize = 16;

/// With fewer rows most of a panel would be empty.
const FEWEST_ROWS: usize = 8;

/// More weights take too much memory twice.
const MOST_WEIGHTS: usize = 1 << 22;

/// Weights `[rows][terms]`, laid out anew.
pub(crate) struct RowPanels {
    rows: usize,
    terms: usize,
    /// `[panels][terms][ROWS]`, then `[panels][terms][FEW_ROWS]` with anything behind the last row.
    memory: Memory,
}

impl RowPanels {
    /// Whether so many rows of so many terms are worth it.
    pub(crate) fn suit([rows, terms]: [usize; 2]) -> bool {
        rows >= FEWEST_ROWS && terms > 0 && rows.saturating_mul(terms) <= MOST_WEIGHTS
    }

    /// A copy of `weights`, `[rows][terms]`, which [suit](Self::suit).
    pub(crate) fn new(weights: &[f32], [rows, terms]: [usize; 2]) -> Self {
        let mut memory = Memory::default();
        let values = memory.at_least(rows_with_padding(rows) * terms);
        let row = |row: usize| &weights[row.min(rows - 1) * terms..][..terms];
        let mut rest = values;
        for Panel { first, width } in panels(rows) {
            let (panel, behind) = rest.split_at_mut(width * terms);
            rest = behind;
            if turned_rows::are_available() {
                for place in (0..width).step_by(turned_rows::GROUP) {
                    let group = std::array::from_fn(|next| row(first + place + next));
                    turned_rows::copy(&group, terms, &mut panel[place..], width);
                }
                continue;
            }
            for place in 0..width {
                let to = panel.iter_mut().skip(place).step_by(width);
                to.zip(row(first + place)).for_each(|(to, from)| *to = *from);
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

/// Rows `first..first + width`, as far as there are so many.
struct Panel {
    first: usize,
    width: usize,
}

/// The panels of so many rows, in the order they lie in.
fn panels(rows: usize) -> impl Iterator<Item = Panel> {
    let few = (rows + ROWS - 1 - 2 * FEW_ROWS) / ROWS * ROWS;
    let wide = (0..few).step_by(ROWS).map(|first| Panel { first, width: ROWS });
    wide.chain((few..rows).step_by(FEW_ROWS).map(|first| Panel { first, width: FEW_ROWS }))
}

fn rows_with_padding(rows: usize) -> usize {
    panels(rows).map(|panel| panel.width).sum()
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
        let Self { panels: &RowPanels { rows, terms, ref memory }, input, output } = self;
        let mut rest = memory.first(rows_with_padding(rows) * terms);
        for Panel { first, width } in panels(rows) {
            let (panel, behind) = rest.split_at(width * terms);
            rest = behind;
            let output = &mut output[first..rows.min(first + width)];
            match (width, S::F32_LANES) {
                (ROWS, 16) => sum::<S, ROWS, 4>(simd, panel, input, output),
                (ROWS, 8) => sum::<S, ROWS, 8>(simd, panel, input, output),
                (ROWS, 4) => sum::<S, ROWS, 16>(simd, panel, input, output),
                (ROWS, _) => sum::<S, ROWS, 1>(simd, panel, input, output),
                (_, 8) => sum::<S, FEW_ROWS, 2>(simd, panel, input, output),
                (_, 4) => sum::<S, FEW_ROWS, 4>(simd, panel, input, output),
                (_, _) => sum::<S, FEW_ROWS, 1>(simd, panel, input, output),
            }
        }
    }
}

/// The rows of one panel of `WIDTH`, `VECTORS` registers of them at a time; `output` goes on from what it holds.
#[inline(always)]
fn sum<S: Simd, const WIDTH: usize, const VECTORS: usize>(
    simd: S,
    panel: &[f32],
    input: &[f32],
    output: &mut [f32],
) {
    let mut sums = [0.0; WIDTH];
    sums[..output.len()].copy_from_slice(output);
    for first in (0..WIDTH).step_by(VECTORS * S::F32_LANES) {
        let mut chains = [simd.splat_f32s(0.0); VECTORS];
        for vector in 0..VECTORS {
            chains[vector] = load::<S>(&sums[first + vector * S::F32_LANES..]);
        }
        for (weights, &input) in panel.as_chunks::<WIDTH>().0.iter().zip(input) {
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
        for case in 0..60 {
            let (rows, terms) = (random.int(0..=150), random.int(0..=40));
            if !RowPanels::suit([rows, terms]) {
                assert!(rows < FEWEST_ROWS || terms == 0);
                continue;
            }
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
