//! [`HeatMap`]: a number in each cell of a table, with a colour that says the same.

use std::fmt::Display;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::failure::{Failure, Result};

/// Behind this the colours of viridis are too bright on white.
const BRIGHTEST: f32 = 0.85;

/// Height of a row, and of the columns' names, in pixels of the screen.
const ROW: i32 = 30;
/// Width of a column, unless a name takes more.
const COLUMN: i32 = 56;
/// Between the names of the rows and the cells.
const GAP: i32 = 10;
/// About as wide as a letter of the names.
const LETTER: i32 = 8;
const LETTERS: u32 = 14;

/// What it shows.
pub(crate) struct HeatMap {
    pub(crate) rows: Vec<String>,
    pub(crate) columns: Vec<String>,
    /// Row by row.
    pub(crate) cells: Vec<Vec<Cell>>,
    pub(crate) palette: Palette,
}

/// A number and how far it is along the palette; white where that is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// 0–1
    pub(crate) shade: Option<f64>,
}

/// From where to where the colours go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Palette {
    /// From dark to bright.
    Sequential,
    /// From orange over white in the middle to blue.
    Diverging,
}

impl HeatMap {
    /// In pixels of the screen.
    pub(crate) fn width(&self) -> usize {
        (self.left() + self.column() * self.columns.len() as i32 + GAP) as usize
    }

    /// As SVG.
    pub(crate) fn draw(&self) -> Result<String> {
        let mut svg = String::new();
        self.draw_into(&mut svg)?;
        Ok(svg)
    }

    fn left(&self) -> i32 {
        let longest = self.rows.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        longest as i32 * LETTER + 2 * GAP
    }

    fn column(&self) -> i32 {
        let longest = self.columns.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        COLUMN.max(longest as i32 * LETTER + GAP)
    }

    fn draw_into(&self, svg: &mut String) -> Result<()> {
        let height = ROW * (self.rows.len() as i32 + 1) + GAP;
        let root = SVGBackend::with_string(svg, (self.width() as u32, height as u32)).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let font = ("sans-serif", LETTERS).into_font();
        let text = |text: &str, at: (i32, i32), align: HPos, ink: RGBColor| {
            let style = font.clone().color(&ink).pos(Pos::new(align, VPos::Center));
            root.draw(&Text::new(text.to_owned(), at, style)).map_err(failed)
        };
        let wide = self.column();
        let x = |column: usize| self.left() + wide * column as i32;
        let y = |row: usize| ROW * (row as i32 + 1);
        for (column, name) in self.columns.iter().enumerate() {
            text(name, (x(column) + wide / 2, ROW / 2), HPos::Center, BLACK)?;
        }
        for (row, (name, cells)) in self.rows.iter().zip(&self.cells).enumerate() {
            text(name, (self.left() - GAP, y(row) + ROW / 2), HPos::Right, BLACK)?;
            for (column, cell) in cells.iter().enumerate() {
                let paper = cell.shade.map_or(WHITE, |shade| self.palette.colour(shade));
                let corners = [(x(column), y(row)), (x(column) + wide - 2, y(row) + ROW - 2)];
                root.draw(&Rectangle::new(corners, paper.filled())).map_err(failed)?;
                let middle = (x(column) + wide / 2 - 1, y(row) + ROW / 2);
                text(&cell.text, middle, HPos::Center, ink_on(paper))?;
            }
        }
        root.present().map_err(failed)
    }
}

/// From dark to bright, the same order in colour and in grey.
pub(crate) fn colour(shade: f64) -> RGBColor {
    ViridisRGB.get_color(shade as f32 * BRIGHTEST)
}

/// Nothing fails while a text grows, but the library could.
pub(crate) fn failed(error: impl Display) -> Failure {
    Failure::new(format!("the page cannot be drawn ({error})"))
}

impl Palette {
    fn colour(self, shade: f64) -> RGBColor {
        match self {
            Self::Sequential => colour(shade),
            Self::Diverging if shade < 0.5 => mixed(RGBColor(230, 97, 1), WHITE, 2.0 * shade),
            Self::Diverging => mixed(WHITE, RGBColor(33, 102, 172), 2.0 * shade - 1.0),
        }
    }
}

fn mixed(one: RGBColor, other: RGBColor, share: f64) -> RGBColor {
    let mix = |one: u8, other: u8| (f64::from(one) * (1.0 - share) + f64::from(other) * share).round() as u8;
    RGBColor(mix(one.0, other.0), mix(one.1, other.1), mix(one.2, other.2))
}

/// Black or white, whichever is read better (weights of the channels as in ITU-R BT.601).
fn ink_on(paper: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = paper;
    let brightness = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if brightness < 140_000 { WHITE } else { BLACK }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_drawn_with_its_number() {
        let cell = |text: &str, shade| Cell { text: text.to_owned(), shade };
        let map = HeatMap {
            rows: vec!["conv1".to_owned(), "a<b".to_owned()],
            columns: vec!["0".to_owned(), "7".to_owned()],
            cells: vec![
                vec![cell("54", Some(0.2)), cell("> 255", Some(1.0))],
                vec![Cell::default(), cell("1.2", Some(0.5))],
            ],
            palette: Palette::Diverging,
        };
        let svg = map.draw().unwrap();
        for text in ["conv1", "a&lt;b", "54", "&gt; 255", "1.2"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        // The paper and the four cells.
        assert_eq!(svg.matches("<rect").count(), 5);
    }

    #[test]
    fn what_has_not_changed_is_white_and_letters_can_be_read() {
        assert_eq!(Palette::Diverging.colour(0.5), WHITE);
        assert_eq!((ink_on(Palette::Sequential.colour(0.0)), ink_on(WHITE)), (WHITE, BLACK));
    }
}
