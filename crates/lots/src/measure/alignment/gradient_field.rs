//! [`GradientField`]: the blurred perturbed image and its two derivatives, ready to be looked at between pixels.

use super::super::plane::Plane;

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

// One cell of frame above and to the left, two below and to the right: a look-up reads two by two cells, and the
// farthest one starts one cell beyond the border.
const FRAME_BEFORE: usize = 1;
const FRAME: usize = 3;

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
            let [above, here, below] =
                [row.max(1) - 1, row, (row + 1).min(height - 1)].map(|row| plane.row(row));
            let inside = 0 < row && row + 1 < height;
            let start = (row + FRAME_BEFORE) * (width + FRAME) + FRAME_BEFORE;
            let cells = &mut self.cells[start..start + width];
            for (column, cell) in cells.iter_mut().enumerate() {
                let along_y = if inside { 0.5 * (below[column] - above[column]) } else { 0.0 };
                *cell = [here[column], 0.0, along_y, 0.0];
            }
            for (cell, around) in cells.iter_mut().skip(1).zip(here.windows(3)) {
                cell[1] = 0.5 * (around[2] - around[0]);
            }
        }
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How far apart rows of cells are.
    pub(super) fn stride(&self) -> usize {
        self.width + FRAME
    }

    /// Value and derivatives at the point that is `shares` = (right, down) beyond cell `index`, which counts the frame.
    #[expect(clippy::inline_always, reason = "must be compiled for the registers of its caller")]
    #[inline(always)]
    pub(super) fn look_up(&self, index: usize, shares: (f64, f64)) -> [f64; 4] {
        let upper = &self.cells[index..index + 2];
        let lower = &self.cells[index + self.stride()..index + self.stride() + 2];
        std::array::from_fn(|k| {
            let above = upper[0][k] + shares.0 * (upper[1][k] - upper[0][k]);
            let below = lower[0][k] + shares.0 * (lower[1][k] - lower[0][k]);
            above + shares.1 * (below - above)
        })
    }
}
