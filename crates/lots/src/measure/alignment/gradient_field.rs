//! [`GradientField`]: the blurred perturbed image and its two derivatives, ready to be looked at between pixels.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use super::super::lanes::{LANE_COUNT, Lanes};
use super::super::plane::{FRAME, FRAME_BEFORE, Plane};

/// Value, derivative along x and derivative along y of every pixel, in a frame of zeros.
///
/// The three stand side by side, with a fourth number that fills the vector register, so that one interpolation serves
/// them all. The frame makes every look-up the same, at the border and beyond.
#[derive(Clone, Debug, Default)]
pub(super) struct GradientField {
    height: usize,
    width: usize,
    cells: Vec<[f64; 4]>,
}

impl GradientField {
    /// Takes over `plane`; its derivatives are ½ (next − previous), and 0 at the border, where the mirror image gives
    /// both neighbours the same value.
    pub(super) fn read(&mut self, plane: &Plane) {
        let (height, width) = (plane.height(), plane.width());
        if (self.height, self.width) != (height, width) {
            (self.height, self.width) = (height, width);
            // The frame is zero from here on, whatever is read later.
            self.cells.clear();
            self.cells.resize((height + FRAME) * (width + FRAME), [0.0; 4]);
        }
        for row in 0..height {
            let inside = 0 < row && row + 1 < height;
            let (above, below) = if inside { (row - 1, row + 1) } else { (row, row) };
            let start = (row + FRAME_BEFORE) * (width + FRAME) + FRAME_BEFORE;
            let cells = &mut self.cells[start..start + width];
            let rows = plane.row(row).iter().zip(plane.row(above)).zip(plane.row(below));
            for (cells, ((here, above), below)) in cells.chunks_mut(LANE_COUNT).zip(rows) {
                let lanes = here.0.iter().zip(above.0).zip(below.0);
                for (cell, ((&value, above), below)) in cells.iter_mut().zip(lanes) {
                    *cell = [value, 0.0, 0.5 * (below - above), 0.0];
                }
            }
            for column in 1..width.saturating_sub(1) {
                cells[column][1] = 0.5 * (cells[column + 1][0] - cells[column - 1][0]);
            }
        }
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Value and derivatives at eight points (x, y); zeros at points beyond the border or not finite.
    #[inline(always)]
    pub(super) fn look_up(&self, x: Lanes, y: Lanes, cells: &mut [[f64; 4]; LANE_COUNT]) {
        // Far points are moved to the frame; its cell above and to the left of the image is the first one.
        let x = x.clamp(-1.0, self.width as f64) + Lanes::splat(FRAME_BEFORE as f64);
        let y = y.clamp(-1.0, self.height as f64) + Lanes::splat(FRAME_BEFORE as f64);
        let (column, row) = (x.floor(), y.floor());
        let (right, down) = (x - column, y - row);
        let stride = self.width + FRAME;
        let indices = (row * Lanes::splat(stride as f64) + column).indices();
        for (lane, (cell, index)) in cells.iter_mut().zip(indices).enumerate() {
            let window = &self.cells[index..index + stride + 2];
            let (upper, lower) = (&window[..2], &window[stride..]);
            // A whole cell is computed before it is written, so that its four components stay one vector.
            let mut looked_up = [0.0; 4];
            for (k, value) in looked_up.iter_mut().enumerate() {
                let above = right.0[lane].mul_add(upper[1][k] - upper[0][k], upper[0][k]);
                let below = right.0[lane].mul_add(lower[1][k] - lower[0][k], lower[0][k]);
                *value = down.0[lane].mul_add(below - above, above);
            }
            *cell = looked_up;
        }
    }
}
