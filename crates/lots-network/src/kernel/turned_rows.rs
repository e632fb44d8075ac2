//! Rows of weights times one input: `sums[row] += Σ_k weights[row][k] · input[k]`, each a chain in the order of `k`.
//!
//! A chain cannot be divided, so rows take the place of the lanes: eight rows are turned on their way from the memory
//! to the registers, and nothing of the weights is copied. Three such groups at a time keep the multiply-add units busy.
//! Where many inputs meet the same weights, [`copy`] turns them once.

use super::architecture;
use crate::forward::LANES;

/// Rows that turn together, and how many such groups are under way at a time.
pub(super) const GROUP: usize = 8;
const GROUPS: usize = 3;

/// Rows at a time.
pub(super) const ROWS: usize = GROUP * GROUPS;

/// Whether this machine has the instructions.
pub(super) fn are_available() -> bool {
    #[cfg(target_arch = "x86_64")]
    return matches!(architecture(), pulp::Arch::V3(_) | pulp::Arch::V4(_));
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Continues the chains of `sums` over all terms.
///
/// # Panics
/// If a row is shorter than `input`, or the machine does not have the instructions.
pub(super) fn add_products(weights: &[&[f32]; ROWS], input: &[f32], sums: &mut [f32; ROWS]) {
    assert!(are_available(), "the caller has asked");
    assert!(weights.iter().all(|row| row.len() >= input.len()), "a weight for each term");
    // SAFETY: the instructions are there, and all rows are as long as the input.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        avx2::add_products(weights, input, sums);
    }
}

/// Copies `terms` of each row to `copy`, `[terms][step]`: what lies `GROUP − step` floats behind the last is overwritten.
///
/// # Panics
/// If a row has fewer terms, `copy` has too little room, or the machine does not have the instructions.
pub(super) fn copy(rows: &[&[f32]; GROUP], terms: usize, copy: &mut [f32], step: usize) {
    assert!(are_available(), "the caller has asked");
    assert!(rows.iter().all(|row| row.len() >= terms), "a weight for each term");
    assert!(terms == 0 || copy.len() >= (terms - 1) * step + GROUP, "room for all terms");
    // SAFETY: the instructions are there, rows are as long and the copy is as large as the callee wants.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        avx2::copy(rows, terms, copy, step);
    }
}

/// Puts images side by side: `rows[lane][element]` to `out`, `[elements][LANES]`.
///
/// # Panics
/// If a row has fewer elements than `out`.
pub(crate) fn side_by_side(rows: &[&[f32]; LANES], out: &mut [f32]) {
    if are_available() && !out.is_empty() {
        for (group, rows) in rows.as_chunks::<GROUP>().0.iter().enumerate() {
            copy(rows, out.len() / LANES, &mut out[group * GROUP..], LANES);
        }
        return;
    }
    for (element, out) in out.chunks_exact_mut(LANES).enumerate() {
        for (out, row) in out.iter_mut().zip(rows) {
            *out = row[element];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, _MM_HINT_T0, _mm_loadu_ps, _mm_prefetch, _mm256_broadcast_ss, _mm256_castps128_ps256,
        _mm256_fmadd_ps, _mm256_insertf128_ps, _mm256_loadu_ps, _mm256_setr_ps, _mm256_shuffle_ps,
        _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    use super::{GROUP, GROUPS, ROWS};

    /// Terms that turn together.
    const TERMS: usize = 4;

    /// Floats from where a row is read to where it is fetched ahead.
    const AHEAD: usize = 64;

    /// # Safety
    /// The machine has AVX2 and FMA, and each of `weights` is as long as `input`.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn add_products(weights: &[&[f32]; ROWS], input: &[f32], sums: &mut [f32; ROWS]) {
        let whole = input.len() - input.len() % TERMS;
        // SAFETY: the caller's promise; groups lie within the arrays of `ROWS`, terms within the rows.
        unsafe {
            let mut sum: [__m256; GROUPS] =
                std::array::from_fn(|group| _mm256_loadu_ps(sums.as_ptr().add(group * GROUP)));
            for term in (0..whole).step_by(TERMS) {
                if term % (4 * TERMS) == 0 {
                    for row in weights {
                        _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().wrapping_add(term + AHEAD).cast());
                    }
                }
                let input = [0, 1, 2, 3].map(|next| _mm256_broadcast_ss(&*input.as_ptr().add(term + next)));
                for group in 0..GROUPS {
                    let turned = turned(&weights[group * GROUP..], term);
                    for next in 0..TERMS {
                        sum[group] = _mm256_fmadd_ps(turned[next], input[next], sum[group]);
                    }
                }
            }
            for term in whole..input.len() {
                let input = _mm256_broadcast_ss(&input[term]);
                for group in 0..GROUPS {
                    let [a, b, c, d, e, f, g, h] =
                        std::array::from_fn(|row| weights[group * GROUP + row][term]);
                    sum[group] = _mm256_fmadd_ps(_mm256_setr_ps(a, b, c, d, e, f, g, h), input, sum[group]);
                }
            }
            for group in 0..GROUPS {
                _mm256_storeu_ps(sums.as_mut_ptr().add(group * GROUP), sum[group]);
            }
        }
    }

    /// # Safety
    /// The machine has AVX2 and FMA, each row has `terms`, and `copy` reaches eight floats from the last term's place on.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn copy(rows: &[&[f32]; GROUP], terms: usize, copy: &mut [f32], step: usize) {
        let whole = terms - terms % TERMS;
        // SAFETY: the caller's promise.
        unsafe {
            for term in (0..whole).step_by(TERMS) {
                let turned = turned(rows, term);
                for next in 0..TERMS {
                    _mm256_storeu_ps(copy.as_mut_ptr().add((term + next) * step), turned[next]);
                }
            }
        }
        for term in whole..terms {
            for (copy, row) in copy[term * step..].iter_mut().zip(rows) {
                *copy = row[term];
            }
        }
    }

    /// The weights of eight rows at `term` and the three behind it, each term's in one register.
    ///
    /// # Safety
    /// There are eight rows, and four terms from `term` on.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn turned(rows: &[&[f32]], term: usize) -> [__m256; TERMS] {
        // SAFETY: the caller's promise.
        unsafe {
            let pair = |row: usize| {
                let [low, high] =
                    [row, row + 4].map(|row| _mm_loadu_ps(rows.get_unchecked(row).as_ptr().add(term)));
                _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
            };
            let [a, b, c, d] = [pair(0), pair(1), pair(2), pair(3)];
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            [
                _mm256_shuffle_ps::<0x44>(ab_low, cd_low),
                _mm256_shuffle_ps::<0xEE>(ab_low, cd_low),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::on_every_instruction_set;
    use super::*;
    use crate::op::gradient_check::Random;

    #[test]
    fn rows_are_copied_term_by_term() {
        let mut random = Random::new(5);
        for terms in 0..20 {
            let weights = random.values(GROUP * (terms + 1), -1.0, 1.0);
            let weights: Vec<f32> = weights.into_iter().map(|value| value as f32).collect();
            let rows: [&[f32]; GROUP] = std::array::from_fn(|row| &weights[row * (terms + 1)..][..=terms]);
            for step in [6, 8, 11] {
                let mut got = vec![0.0; terms * step + GROUP];
                if are_available() {
                    copy(&rows, terms, &mut got, step);
                    for (term, copy) in got.chunks(step).take(terms).enumerate() {
                        let expected: Vec<f32> = rows.iter().map(|row| row[term]).collect();
                        let shared = GROUP.min(step);
                        assert_eq!(copy[..shared], expected[..shared], "{terms} terms {step} apart");
                    }
                }
            }
        }
    }

    #[test]
    fn images_lie_side_by_side_on_every_instruction_set() {
        for elements in [0, 1, 7, 32] {
            let rows: Vec<Vec<f32>> =
                (0..LANES).map(|lane| (0..elements).map(|it| (100 * it + lane) as f32).collect()).collect();
            let rows: [&[f32]; LANES] = std::array::from_fn(|lane| rows[lane].as_slice());
            let expected: Vec<f32> =
                (0..elements * LANES).map(|index| (100 * (index / LANES) + index % LANES) as f32).collect();
            for got in on_every_instruction_set(|| {
                let mut out = vec![f32::NAN; elements * LANES];
                side_by_side(&rows, &mut out);
                out
            }) {
                assert_eq!(got, expected, "{elements} elements");
            }
        }
    }

    #[test]
    fn rows_that_turn_give_the_bytes_of_the_definition() {
        let mut random = Random::new(3);
        for terms in 0..40 {
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let (weights, input, before) = (values(ROWS * (terms + 1)), values(terms), values(ROWS));
            let rows: [&[f32]; ROWS] =
                std::array::from_fn(|row| &weights[row * (terms + 1)..(row + 1) * (terms + 1)]);
            let mut got: [f32; ROWS] = before.as_slice().try_into().unwrap();
            if are_available() {
                add_products(&rows, &input, &mut got);
                for row in 0..ROWS {
                    let chain = |sum: f32, term: usize| rows[row][term].mul_add(input[term], sum);
                    let expected = (0..terms).fold(before[row], chain);
                    assert_eq!(got[row].to_bits(), expected.to_bits(), "row {row} of {terms} terms");
                }
            }
        }
    }
}
