//! [`Translation`]: the shift by a pixel at the end, with the quirks of the original at the left and right border.

use super::SIDE;

/// A shift by at most one pixel along each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// Row r takes row r + 1.
    Up,
    /// Row r takes row r − 1.
    Down,
    /// Column c takes column c + 1.
    Left,
    /// Column c takes column c − 1.
    Right,
    /// Up, then left.
    UpLeft,
    /// Up, then right.
    UpRight,
    /// Down, then left.
    DownLeft,
    /// Down, then right.
    DownRight,
    /// None.
    Stay,
}

impl Translation {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Up,
        Self::Down,
        Self::Left,
        Self::Right,
        Self::UpLeft,
        Self::UpRight,
        Self::DownLeft,
        Self::DownRight,
        Self::Stay,
    ];

    /// Shifts the pixels of a digit; what becomes free is 0.
    pub fn apply(self, pixels: &mut [u8]) {
        match self {
            Self::Up => up(pixels),
            Self::Down => down(pixels),
            Self::Left => left(pixels),
            Self::Right => right(pixels),
            Self::UpLeft => [up, left].iter().for_each(|shift| shift(pixels)),
            Self::UpRight => [up, right].iter().for_each(|shift| shift(pixels)),
            Self::DownLeft => [down, left].iter().for_each(|shift| shift(pixels)),
            Self::DownRight => [down, right].iter().for_each(|shift| shift(pixels)),
            Self::Stay => {}
        }
    }
}

fn up(pixels: &mut [u8]) {
    pixels.copy_within(SIDE.., 0);
    let last = pixels.len() - SIDE;
    pixels[last..].fill(0);
}

fn down(pixels: &mut [u8]) {
    let last = pixels.len() - SIDE;
    pixels.copy_within(..last, SIDE);
    pixels[..SIDE].fill(0);
}

/// The original shifts the whole digit as one line, so the last column takes the first of the next row, and then
/// clears the first column instead of the last.
fn left(pixels: &mut [u8]) {
    pixels.copy_within(1.., 0);
    if let Some(last) = pixels.last_mut() {
        *last = 0;
    }
    pixels.iter_mut().step_by(SIDE).for_each(|first| *first = 0);
}

/// As for [`left`], the first column takes the last of the row before; the second column is cleared.
fn right(pixels: &mut [u8]) {
    let last = pixels.len() - 1;
    pixels.copy_within(..last, 1);
    pixels[0] = 0;
    pixels.iter_mut().skip(1).step_by(SIDE).for_each(|second| *second = 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::infimnist::PIXELS;

    /// A digit whose pixels tell where they come from.
    fn numbered() -> Vec<u8> {
        (0..PIXELS).map(|index| (1 + index % 251) as u8).collect()
    }

    fn moved(translation: Translation) -> Vec<u8> {
        let mut pixels = numbered();
        translation.apply(&mut pixels);
        pixels
    }

    #[test]
    fn the_inside_moves_by_a_pixel() {
        let old = numbered();
        let moves = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 0)];
        for (translation, (rows, columns)) in Translation::ALL.into_iter().zip(moves) {
            let new = moved(translation);
            for row in 2..SIDE - 2 {
                for column in 2..SIDE - 2 {
                    let from = row.wrapping_add_signed(rows) * SIDE + column.wrapping_add_signed(columns);
                    assert_eq!(new[row * SIDE + column], old[from], "{translation:?} {row} {column}");
                }
            }
        }
    }

    #[test]
    fn borders_are_those_of_the_original() {
        let old = numbered();
        let at = |pixels: &[u8], row: usize, column: usize| pixels[row * SIDE + column];
        assert!(moved(Translation::Up)[PIXELS - SIDE..].iter().all(|&pixel| pixel == 0));
        assert!(moved(Translation::Down)[..SIDE].iter().all(|&pixel| pixel == 0));
        let (left, right) = (moved(Translation::Left), moved(Translation::Right));
        for row in 0..SIDE {
            assert_eq!(at(&left, row, 0), 0);
            assert_eq!(at(&left, row, 27), if row < 27 { at(&old, row + 1, 0) } else { 0 });
            assert_eq!(at(&right, row, 1), 0);
            assert_eq!(at(&right, row, 0), if row > 0 { at(&old, row - 1, 27) } else { 0 });
            assert_eq!(at(&right, row, 2), at(&old, row, 1));
        }
    }
}
