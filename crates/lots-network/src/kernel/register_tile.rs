//! The innermost loop of matrix products: a tile of sums that stays in the registers.

use pulp::Simd;

/// Adds `Σ_term rows[term][i] · columns[term][j]` to `sums[i][j]`, one chain of fused multiply-adds in the order of the
/// terms.
///
/// - `rows`: `[terms][ROWS]`.
/// - `columns`: `[terms][COLUMNS × S::F32_LANES]`.
#[inline(always)]
pub(super) fn add_products<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    rows: &[f32],
    columns: &[f32],
    sums: &mut [[S::f32s; COLUMNS]; ROWS],
) {
    add_products_of_some::<S, ROWS, ROWS, COLUMNS>(simd, rows, columns, sums);
}

/// As [`add_products`], for the first `ROWS` of `ALL` rows.
#[inline(always)]
pub(super) fn add_products_of_some<S: Simd, const ROWS: usize, const ALL: usize, const COLUMNS: usize>(
    simd: S,
    rows: &[f32],
    columns: &[f32],
    sums: &mut [[S::f32s; COLUMNS]; ROWS],
) {
    let rows = rows.as_chunks::<ALL>().0;
    let columns = S::as_simd_f32s(columns).0.as_chunks::<COLUMNS>().0;
    for (row, column) in rows.iter().zip(columns) {
        for i in 0..ROWS {
            let factor = simd.splat_f32s(row[i]);
            for j in 0..COLUMNS {
                sums[i][j] = simd.mul_add_f32s(factor, column[j], sums[i][j]);
            }
        }
    }
}
