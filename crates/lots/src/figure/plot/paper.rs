//! [`Paper`]: marks that are placed from the top to the bottom, and what all plots have: a title, legends, a footnote.

use super::super::text::{Letters, TextStyle, Weight};
use super::drawing::{Anchor, Colour, Drawing, Mark};

const INK: u8 = 26;
const GREY_INK: u8 = 105;

pub(super) const TITLE: TextStyle = TextStyle { weight: Weight::SemiBold, size: 28.0, ink: INK };
pub(super) const HEADING: TextStyle = TextStyle { weight: Weight::SemiBold, size: 20.0, ink: INK };
pub(super) const DETAIL: TextStyle = TextStyle { weight: Weight::Regular, size: 18.0, ink: INK };
pub(super) const NOTE: TextStyle = TextStyle { weight: Weight::Regular, size: 16.0, ink: GREY_INK };

/// Of axes, and of lines that only help to read a place.
pub(super) const AXIS: Colour = [105; 3];
pub(super) const HAIRLINE: Colour = [222; 3];
pub(super) const MARGIN: usize = 40;

/// Of the squares of a legend.
const SQUARE: usize = 16;

pub(super) struct Paper {
    pub(super) letters: Letters,
    pub(super) marks: Vec<Mark>,
    /// Where the next thing goes.
    pub(super) y: usize,
}

impl Paper {
    pub(super) fn new() -> Self {
        Self { letters: Letters::embedded(), marks: Vec::new(), y: MARGIN }
    }

    /// A line of text whose baseline is at `at`.
    pub(super) fn text(&mut self, line: impl Into<String>, at: [f32; 2], anchor: Anchor, style: TextStyle) {
        self.marks.push(Mark::Text { line: line.into(), at, anchor, style });
    }

    /// A paragraph from the left; nothing if it is empty.
    pub(super) fn paragraph(&mut self, text: &str, style: TextStyle, width: usize) {
        if text.is_empty() {
            return;
        }
        for line in self.letters.wrap(text, style, width as f32) {
            let baseline = self.y as f32 + style.size;
            self.text(line, [MARGIN as f32, baseline], Anchor::Start, style);
            self.y += (style.size * 1.35).round() as usize;
        }
    }

    /// Squares of colour with their names side by side, on as many lines as it takes.
    pub(super) fn legend(&mut self, entries: &[(Colour, String)], left: usize, width: usize) {
        let mut x = left;
        for (colour, name) in entries {
            let length = SQUARE + 8 + self.letters.width(name, DETAIL).ceil() as usize;
            if x > left && x + length > left + width {
                x = left;
                self.y += 26;
            }
            self.marks.push(Mark::Area { at: [x, self.y + 2], size: [SQUARE; 2], colour: *colour });
            let at = [(x + SQUARE + 8) as f32, (self.y + SQUARE) as f32];
            self.text(name, at, Anchor::Start, DETAIL);
            x += length + 26;
        }
        self.y += 26;
    }

    /// A line between two places.
    pub(super) fn rule(&mut self, from: [f32; 2], to: [f32; 2], width: f32, colour: Colour) {
        self.marks.push(Mark::Line { points: vec![from, to], width, colour });
    }

    /// The drawing, of this width and as high as it has become.
    pub(super) fn finish(self, width: usize) -> Drawing {
        Drawing { height: self.y + MARGIN, width, marks: self.marks }
    }
}
