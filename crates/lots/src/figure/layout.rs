//! Where everything on a sheet goes: from a [`Sheet`] to marks with positions, and from marks to pixels.
//!
//! All panels of a sheet have the same width and stand on one grid, whatever their groups; pictures, captions and perturbations of a row
//! each start at the same height. A row that is wider than a screen goes on below, under the same headings.

use super::canvas::{Canvas, Zoom};
use super::text::{Letters, TextStyle, Weight};
use super::{Group, Panel, PanelSize, PerturbationPicture, Sheet};
use crate::image::Image;

/// Everything that is drawn, with its place on the paper.
pub(super) struct Arrangement<'a> {
    letters: Letters,
    marks: Vec<Mark<'a>>,
    height: usize,
    width: usize,
    channels: usize,
}

/// One thing on the paper; `at` is `[x, y]` of its upper left corner in pixels.
enum Mark<'a> {
    Picture { image: &'a Image, at: [usize; 2], zoom: Zoom },
    Rule { at: [usize; 2], width: usize },
    Text { line: String, style: TextStyle, at: [usize; 2] },
}

/// Lengths and letters of a sheet, in pixels.
struct Measures {
    margin: usize,
    /// The width of a panel, and the longest side of an enlarged picture.
    panel: usize,
    /// Longer pictures are shrunk.
    longest_side: usize,
    /// Titles and footnotes of small sheets need some width to be read.
    min_width: usize,
    /// Between the margins, at most: what is wider is not seen at once, or not pixel by pixel. One panel always fits.
    max_width: usize,
    panel_gap: usize,
    row_gap: usize,
    /// Between a picture and its text.
    text_gap: usize,
    title: TextStyle,
    group_heading: TextStyle,
    caption_heading: TextStyle,
    detail: TextStyle,
    note: TextStyle,
    footnote: TextStyle,
}

const INK: u8 = 26;
const GREY_INK: u8 = 105;
const HAIRLINE: u8 = 205;

impl Measures {
    fn of(size: PanelSize) -> Self {
        let letters = |weight, size, ink| TextStyle { weight, size, ink };
        match size {
            PanelSize::Large => Self {
                margin: 40,
                panel: 224,
                longest_side: 448,
                min_width: 480,
                // Eight photographs of 224 × 224.
                max_width: 8 * 224 + 7 * 32,
                panel_gap: 32,
                row_gap: 44,
                text_gap: 10,
                title: letters(Weight::SemiBold, 28.0, INK),
                group_heading: letters(Weight::Regular, 20.0, GREY_INK),
                caption_heading: letters(Weight::SemiBold, 20.0, INK),
                detail: letters(Weight::Regular, 19.0, INK),
                note: letters(Weight::Regular, 16.0, GREY_INK),
                footnote: letters(Weight::Regular, 18.0, GREY_INK),
            },
            PanelSize::Small => Self {
                margin: 24,
                panel: 112,
                longest_side: 112,
                min_width: 368,
                // A contact sheet has as many columns as it was asked for.
                max_width: usize::MAX,
                panel_gap: 16,
                row_gap: 20,
                text_gap: 5,
                title: letters(Weight::SemiBold, 22.0, INK),
                group_heading: letters(Weight::Regular, 16.0, GREY_INK),
                caption_heading: letters(Weight::SemiBold, 14.0, INK),
                detail: letters(Weight::Regular, 13.0, INK),
                note: letters(Weight::Regular, 13.0, GREY_INK),
                footnote: letters(Weight::Regular, 14.0, GREY_INK),
            },
        }
    }

    fn zoom(&self, image: &Image) -> Zoom {
        let side = image.height().max(image.width());
        if side > self.longest_side {
            Zoom::Shrink(side.div_ceil(self.longest_side))
        } else {
            Zoom::Enlarge((self.panel / side).max(1))
        }
    }

    fn shown_width(&self, image: &Image) -> usize {
        self.zoom(image).length(image.width())
    }

    fn shown_height(&self, image: &Image) -> usize {
        self.zoom(image).length(image.height())
    }
}

/// Places everything on a sheet.
pub(super) fn arrange(sheet: &Sheet) -> Arrangement<'_> {
    let measures = Measures::of(sheet.panel_size);
    let pictures = || panels(sheet).flat_map(pictures);
    let cell = pictures().map(|image| measures.shown_width(image)).fold(measures.panel, usize::max);
    let columns =
        (measures.max_width.saturating_add(measures.panel_gap) / (cell + measures.panel_gap)).max(1);
    let rows: Vec<Vec<Part<'_>>> = sheet.rows.iter().flat_map(|row| broken(row, columns)).collect();
    let row_width = |row: &Vec<Part<'_>>| {
        let widths = row.iter().map(|part| part.width(cell, &measures));
        widths.sum::<usize>() + row.len().saturating_sub(1) * measures.panel_gap
    };
    let inner_width = rows.iter().map(row_width).fold(measures.min_width, usize::max);
    let mut typesetter = Typesetter {
        letters: Letters::embedded(),
        marks: Vec::new(),
        y: measures.margin,
        cell,
        inner_width,
        measures,
    };
    typesetter.title(&sheet.title);
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            typesetter.y += typesetter.measures.row_gap;
        }
        typesetter.row(row);
    }
    typesetter.footnote(&sheet.footnote);
    Arrangement {
        height: typesetter.y + typesetter.measures.margin,
        width: inner_width + 2 * typesetter.measures.margin,
        channels: if pictures().any(|image| image.channels() == 3) { 3 } else { 1 },
        letters: typesetter.letters,
        marks: typesetter.marks,
    }
}

impl Arrangement<'_> {
    /// The sheet as pixels.
    pub(super) fn paint(&self) -> Image {
        let mut canvas = Canvas::white(self.channels, self.height, self.width);
        for mark in &self.marks {
            match mark {
                Mark::Picture { image, at: [x, y], zoom } => {
                    // A hairline around the picture: otherwise the edge of a bright one is lost in the paper.
                    let size = [zoom.length(image.width()) + 2, zoom.length(image.height()) + 2];
                    canvas.fill([x - 1, y - 1], size, HAIRLINE);
                    canvas.draw(image, [*x, *y], *zoom);
                }
                Mark::Rule { at, width } => canvas.fill(*at, [*width, 1], HAIRLINE),
                Mark::Text { line, style, at: [x, y] } => {
                    self.letters.draw(&mut canvas, line, *style, *x, y + ascent(*style));
                }
            }
        }
        canvas.into_image()
    }
}

/// Places things from the top to the bottom of the paper; `y` is where the next one goes.
struct Typesetter<'a> {
    letters: Letters,
    marks: Vec<Mark<'a>>,
    y: usize,
    /// Width of a panel.
    cell: usize,
    /// Width between the margins.
    inner_width: usize,
    measures: Measures,
}

impl<'a> Typesetter<'a> {
    fn title(&mut self, title: &str) {
        if !title.is_empty() {
            let style = self.measures.title;
            let lines = self.letters.wrap_balanced(title, style, self.inner_width as f32);
            self.y = self.lines(lines, style, [self.measures.margin, self.y]) + self.measures.text_gap * 2;
        }
    }

    fn footnote(&mut self, footnote: &str) {
        if !footnote.is_empty() {
            self.y += self.measures.row_gap * 2 / 3;
            self.marks.push(Mark::Rule { at: [self.measures.margin, self.y], width: self.inner_width });
            self.y += self.measures.text_gap;
            let style = self.measures.footnote;
            let lines = self.letters.wrap(footnote, style, self.inner_width as f32);
            self.y = self.lines(lines, style, [self.measures.margin, self.y]);
        }
    }

    /// Headings, pictures with captions, perturbations with notes: three bands, each as high as its highest part.
    fn row(&mut self, parts: &[Part<'a>]) {
        self.headings(parts);
        let places = self.places(parts);
        let picture_height = self.highest(places.iter().map(|(panel, _)| &panel.image));
        let caption_y = self.y + picture_height + self.measures.text_gap;
        let mut bottom = self.y + picture_height;
        for &(panel, x) in &places {
            self.picture(&panel.image, [x, self.y]);
            bottom = bottom.max(self.caption(panel, [x, caption_y]));
        }
        self.y = bottom;
        let perturbations: Vec<_> = places
            .iter()
            .filter_map(|(panel, x)| panel.perturbation.as_ref().map(|perturbation| (perturbation, *x)))
            .collect();
        if perturbations.is_empty() {
            return;
        }
        self.y += self.measures.text_gap * 2;
        let picture_height = self.highest(perturbations.iter().map(|(perturbation, _)| perturbation.image()));
        let note_y = self.y + picture_height + self.measures.text_gap;
        for (perturbation, x) in perturbations {
            self.picture(perturbation.image(), [x, self.y]);
            let lines =
                self.letters.wrap_balanced(&perturbation.note(), self.measures.note, self.cell as f32);
            bottom = bottom.max(self.lines(lines, self.measures.note, [x, note_y]));
        }
        self.y = bottom;
    }

    /// The headings of the groups, on one baseline, each with a rule as wide as its panels.
    fn headings(&mut self, parts: &[Part<'_>]) {
        if parts.iter().all(|part| part.heading.is_empty()) {
            return;
        }
        let style = self.measures.group_heading;
        let wrapped: Vec<_> = parts
            .iter()
            .map(|part| {
                let width = part.width(self.cell, &self.measures);
                (self.letters.wrap_balanced(part.heading, style, width as f32), width)
            })
            .collect();
        let line_count = wrapped.iter().map(|(lines, _)| lines.len()).fold(0, usize::max);
        let rule_y = self.y + line_count * line_height(style) + self.measures.text_gap / 2;
        let mut x = self.measures.margin;
        for (lines, width) in wrapped {
            if lines.iter().any(|line| !line.is_empty()) {
                let missing = line_count - lines.len();
                self.lines(lines, style, [x, self.y + missing * line_height(style)]);
                self.marks.push(Mark::Rule { at: [x, rule_y], width });
            }
            x += width + self.measures.panel_gap;
        }
        self.y = rule_y + 1 + self.measures.text_gap * 3 / 2;
    }

    /// Each panel with the x of its left edge.
    fn places(&self, parts: &[Part<'a>]) -> Vec<(&'a Panel, usize)> {
        let mut places = Vec::new();
        let mut x = self.measures.margin;
        for part in parts {
            for (index, panel) in part.panels.iter().enumerate() {
                places.push((panel, x + index * (self.cell + self.measures.panel_gap)));
            }
            x += part.width(self.cell, &self.measures) + self.measures.panel_gap;
        }
        places
    }

    fn highest<'i>(&self, images: impl Iterator<Item = &'i Image>) -> usize {
        images.map(|image| self.measures.shown_height(image)).fold(0, usize::max)
    }

    fn picture(&mut self, image: &'a Image, at: [usize; 2]) {
        self.marks.push(Mark::Picture { image, at, zoom: self.measures.zoom(image) });
    }

    /// Returns the y below the caption.
    fn caption(&mut self, panel: &Panel, [x, y]: [usize; 2]) -> usize {
        let width = self.cell as f32;
        let style = self.measures.caption_heading;
        let lines = self.letters.wrap_balanced(&panel.caption.heading, style, width);
        let mut bottom = self.lines(lines, style, [x, y]);
        for detail in &panel.caption.details {
            let lines = self.letters.wrap_balanced(detail, self.measures.detail, width);
            bottom = self.lines(lines, self.measures.detail, [x, bottom]);
        }
        bottom
    }

    /// Places lines of text under each other; returns the y below the last.
    fn lines(&mut self, lines: Vec<String>, style: TextStyle, [x, y]: [usize; 2]) -> usize {
        let mut next = y;
        for line in lines {
            self.marks.push(Mark::Text { line, style, at: [x, next] });
            next += line_height(style);
        }
        next
    }
}

fn panels(sheet: &Sheet) -> impl Iterator<Item = &Panel> {
    sheet.rows.iter().flatten().flat_map(|group| &group.panels)
}

fn pictures(panel: &Panel) -> impl Iterator<Item = &Image> {
    std::iter::once(&panel.image).chain(panel.perturbation.as_ref().map(PerturbationPicture::image))
}

/// Panels of a group that stand in one row: all of them, or as many as fit.
#[derive(Clone, Copy)]
struct Part<'a> {
    heading: &'a str,
    panels: &'a [Panel],
}

impl Part<'_> {
    fn width(&self, cell: usize, measures: &Measures) -> usize {
        let count = self.panels.len();
        count * cell + count.saturating_sub(1) * measures.panel_gap
    }
}

/// The groups of a row in rows of at most `columns` panels. Groups without panels stay where they are.
fn broken(groups: &[Group], columns: usize) -> Vec<Vec<Part<'_>>> {
    let mut rows = vec![Vec::new()];
    let mut free = columns;
    for Group { heading, panels } in groups {
        let mut rest = panels.as_slice();
        loop {
            if free == 0 && !rest.is_empty() {
                rows.push(Vec::new());
                free = columns;
            }
            let (panels, behind) = rest.split_at(rest.len().min(free));
            if let Some(row) = rows.last_mut() {
                row.push(Part { heading, panels });
            }
            (rest, free) = (behind, free - panels.len());
            if rest.is_empty() {
                break;
            }
        }
    }
    rows
}

/// 1.35 em, the usual distance of lines for a font with large lower case letters.
fn line_height(style: TextStyle) -> usize {
    (style.size * 1.35).round() as usize
}

/// From the top of a line to its baseline; Inter's letters reach 0.73 em above it and 0.2 em below.
fn ascent(style: TextStyle) -> usize {
    (style.size * 1.02).round() as usize
}

#[cfg(test)]
mod tests {
    use super::super::Caption;
    use super::*;

    fn group(heading: &str, count: usize) -> Group {
        let panel = Panel::new(Image::new(1, 1, 1, vec![0]).unwrap(), Caption::new(heading));
        Group::new(heading, vec![panel; count])
    }

    #[test]
    fn a_row_goes_on_below_under_the_same_heading() {
        let shape = |groups: &[Group], columns| -> Vec<String> {
            let text = |row: &Vec<Part<'_>>| {
                row.iter()
                    .map(|part| format!("{}{}", part.heading, part.panels.len()))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            broken(groups, columns).iter().map(text).collect()
        };
        assert_eq!(shape(&[group("a", 1), group("b", 4)], 7), ["a1 b4"]);
        assert_eq!(shape(&[group("a", 1), group("b", 6)], 7), ["a1 b6"]);
        assert_eq!(shape(&[group("a", 1), group("b", 16)], 7), ["a1 b6", "b7", "b3"]);
        assert_eq!(shape(&[group("a", 2), group("b", 2)], 2), ["a2", "b2"]);
        assert_eq!(shape(&[group("a", 3), group("", 0), group("b", 1)], 2), ["a2", "a1 0 b1"]);
        assert_eq!(shape(&[], 2), [""]);
    }

    #[test]
    fn a_sheet_of_many_photographs_is_no_wider_than_a_screen() {
        for (side, count) in [(112, 17), (224, 17), (300, 9), (1000, 5), (28, 30)] {
            let image = Image::new(3, side, side, vec![9; 3 * side * side]).unwrap();
            let panels = vec![Panel::new(image, Caption::new("conv5_3 (13): 281 → 285")); count];
            let sheet = Sheet::new("a photograph").with_row([Group::new("reduced at each layer", panels)]);
            assert!(sheet.render().width() <= 2100, "{side}: {:?}", sheet.render());
        }
    }

    #[test]
    fn photographs_up_to_twice_the_panel_are_shown_pixel_by_pixel() {
        let measures = Measures::of(PanelSize::Large);
        let image = |height, width| Image::new(1, height, width, vec![0; height * width]).unwrap();
        assert_eq!(measures.zoom(&image(224, 224)), Zoom::Enlarge(1));
        assert_eq!(measures.zoom(&image(112, 112)), Zoom::Enlarge(2));
        assert_eq!(measures.zoom(&image(299, 299)), Zoom::Enlarge(1));
        assert_eq!(measures.zoom(&image(480, 640)), Zoom::Shrink(2));
    }
}
