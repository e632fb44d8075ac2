//! [`PlanePlot`]: the classes in the plane of two directions as areas, with the border of the origin's class.

use super::drawing::{Anchor, Drawing, Mark};
use super::palette::Palette;
use super::paper::{AXIS, DETAIL, MARGIN, NOTE, Paper, TITLE};
use super::ray::zoom_of;
use super::scale::{Scale, text};
use crate::class_map::{PlaneClasses, image_in_plane};
use crate::direction::Direction;
use crate::error::Result;
use crate::figure::canvas::Zoom;
use crate::image::Image;

/// Room for the numbers at the vertical axis.
const GUTTER: usize = 72;
/// The side of the map is as near to this as whole squares come.
const SIDE: usize = 720;
/// Beside the map: names of classes, images of its corners.
const ASIDE: usize = 300;

/// The plane of two directions.
///
/// # Example
/// ```
/// use lots::class_map::{PlaneClasses, PlaneExtent};
/// use lots::figure::plot::PlanePlot;
/// use lots::{data::digits, direction, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let four = &digits.images()[4];
/// let [first, second] = [direction::reduce(&network, "ip1", four)?, direction::reduce(&network, "conv2", four)?];
/// let extent = PlaneExtent { grid: 5, ..PlaneExtent::default() };
/// let classes = PlaneClasses::over(&network, four, [&first, &second], &extent, &mut |_| {})?;
/// let names = ["reduce/ip1", "reduce/conv2"].map(str::to_owned);
/// let title = "digits[4]".to_owned();
/// let plot = PlanePlot { title, names, origin: four, directions: [&first, &second], classes: &classes, footnote: String::new() };
/// assert_eq!(plot.draw(&|class| class.to_string())?.to_image().channels(), 3);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PlanePlot<'a> {
    /// What the plot shows; left out if empty.
    pub title: String,
    /// What the directions are called: `toward/conv2`. The first goes to the right, the second up.
    pub names: [String; 2],
    /// The image that both start from.
    pub origin: &'a Image,
    /// Where they go.
    pub directions: [&'a Direction; 2],
    /// What the network reads in their plane.
    pub classes: &'a PlaneClasses,
    /// Small print below; left out if empty.
    pub footnote: String,
}

impl PlanePlot<'_> {
    /// Places everything.
    ///
    /// - `names`: what a class is called.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if the origin is another one than that of the directions.
    pub fn draw(&self, names: &dyn Fn(usize) -> String) -> Result<Drawing> {
        let shares = self.classes.shares();
        let origin_class = self.classes.origin_class;
        let palette = Palette::new([origin_class].into_iter().chain(shares.iter().map(|&(class, _)| class)));
        let square = (SIDE / self.classes.steps.len()).max(1);
        let side = square * self.classes.steps.len();
        let width = GUTTER + side + MARGIN + ASIDE;
        let mut paper = Paper::new();
        paper.paragraph(&self.title, TITLE, width);
        let [first, second] = &self.names;
        paper.paragraph(
            &format!("to the right: {first} · up: {second} · steps in grey levels"),
            DETAIL,
            width,
        );
        paper.y += 16;
        let (top, left) = (paper.y, MARGIN + GUTTER);
        self.draw_map(&mut paper, &palette, [left, top], square)?;
        paper.y = top;
        let aside = left + side + MARGIN;
        paper.text("The network reads", [aside as f32, (top + 16) as f32], Anchor::Start, NOTE);
        paper.y += 28;
        let share = |class: usize| shares.iter().find(|(known, _)| *known == class).map_or(0.0, |it| it.1);
        let named = |class: usize| {
            let origin = if class == origin_class { ", the origin's" } else { "" };
            format!("{}{origin} ({:.0} %)", names(class), 100.0 * share(class))
        };
        for entry in palette.legend(&named) {
            paper.legend(&[entry], aside, ASIDE);
        }
        self.draw_corners(&mut paper, aside)?;
        paper.y = paper.y.max(top + side + 32) + 12;
        paper.paragraph(&self.footnote, NOTE, width);
        Ok(paper.finish(width + 2 * MARGIN))
    }

    /// Squares in the colours of the classes, the border of the origin's class, and the axes.
    fn draw_map(
        &self,
        paper: &mut Paper,
        palette: &Palette,
        [left, top]: [usize; 2],
        square: usize,
    ) -> Result<()> {
        let PlaneClasses { origin_class, steps, .. } = self.classes;
        let count = steps.len();
        let side = square * count;
        let mut planes = vec![0; 3 * count * count];
        for row in 0..count {
            for column in 0..count {
                // The first row of a picture is the uppermost, that of the plane the lowest.
                let class = self.classes.at(column, count - 1 - row).class;
                let colour = if class == *origin_class {
                    palette.light(class)
                } else {
                    palette.strong(class).map(half_light)
                };
                for (channel, value) in colour.into_iter().enumerate() {
                    planes[(channel * count + row) * count + column] = value;
                }
            }
        }
        let image = Image::new(3, count, count, planes)?;
        paper.marks.push(Mark::Picture { image, at: [left, top], zoom: Zoom::Enlarge(square) });
        // A step is at the middle of its square.
        let half = square as f32 / 2.0;
        let range = [steps[0], steps[count - 1]];
        let across = Scale { range, ends: [left as f32 + half, (left + side) as f32 - half] };
        let up = Scale { range, ends: [(top + side) as f32 - half, top as f32 + half] };
        for [from, to] in self.border() {
            let place = |[column, row]: [f64; 2]| {
                [
                    left as f32 + half + square as f32 * column as f32,
                    (top + side) as f32 - half - square as f32 * row as f32,
                ]
            };
            paper.rule(place(from), place(to), 2.5, [26; 3]);
        }
        let (bottom, right) = ((top + side) as f32, (left + side) as f32);
        for tick in across.ticks(90.0) {
            let (x, y) = (across.place(tick), up.place(tick));
            paper.rule([x, bottom], [x, bottom + 7.0], 1.0, AXIS);
            paper.text(text(tick), [x, bottom + 26.0], Anchor::Middle, NOTE);
            paper.rule([left as f32 - 7.0, y], [left as f32, y], 1.0, AXIS);
            paper.text(text(tick), [left as f32 - 12.0, y + 6.0], Anchor::End, NOTE);
        }
        for [from, to] in
            [[[left as f32, bottom], [right, bottom]], [[left as f32, top as f32], [left as f32, bottom]]]
        {
            paper.rule(from, to, 1.0, AXIS);
        }
        let centre = [across.place(0.0), up.place(0.0)];
        paper.marks.push(Mark::Dot { centre, radius: 7.0, colour: [255; 3] });
        paper.marks.push(Mark::Dot { centre, radius: 5.0, colour: [26; 3] });
        Ok(())
    }

    /// The origin, the ends of both directions, and the end of their sum.
    fn draw_corners(&self, paper: &mut Paper, left: usize) -> Result<()> {
        let last = self.classes.steps[self.classes.steps.len() - 1];
        let zoom = zoom_of(self.origin);
        let [height, width] = [self.origin.height(), self.origin.width()].map(|side| zoom.length(side));
        paper.y += 12;
        for (index, (name, steps)) in
            [("up", [0.0, last]), ("both", [last; 2]), ("origin", [0.0; 2]), ("right", [last, 0.0])]
                .into_iter()
                .enumerate()
        {
            // As in the plane: two above, two below.
            let (column, row) = (index % 2, index / 2);
            let at = [left + column * (width + 24), paper.y + row * (height + 44)];
            let image = image_in_plane(self.origin, self.directions, steps)?;
            paper.marks.push(Mark::Picture { image, at, zoom });
            let below = [at[0] as f32 + width as f32 / 2.0, (at[1] + height + 22) as f32];
            paper.text(name, below, Anchor::Middle, DETAIL);
        }
        paper.y += 2 * (height + 44);
        Ok(())
    }

    /// Where the margin is zero, as pieces of a line in steps counted from 0: between the four neighbours around each
    /// point, the margin is taken to change evenly along the sides.
    ///
    /// Source: marching squares, after Lorensen, Cline, "Marching cubes", SIGGRAPH 1987.
    fn border(&self) -> Vec<[[f64; 2]; 2]> {
        let count = self.classes.steps.len();
        let margin = |column: usize, row: usize| self.classes.at(column, row).margin;
        let mut pieces = Vec::new();
        for row in 0..count - 1 {
            for column in 0..count - 1 {
                let corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
                let mut crossed = Vec::new();
                for side in 0..4 {
                    let (from, to) = (corners[side], corners[(side + 1) % 4]);
                    let (before, behind) = (margin(from[0], from[1]), margin(to[0], to[1]));
                    if (before > 0.0) != (behind > 0.0) && (before - behind).is_finite() {
                        let share = before / (before - behind);
                        let between =
                            |axis: usize| from[axis] as f64 + share * (to[axis] as f64 - from[axis] as f64);
                        crossed.push([between(0), between(1)]);
                    }
                }
                // Four crossed sides are two corners of the same class: either pairing is as good.
                pieces.extend(crossed.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
            }
        }
        pieces
    }
}

/// Between the light colour and the strong one: the origin's class is the lightest area.
fn half_light(value: u8) -> u8 {
    (f32::from(value) * 0.65 + 255.0 * 0.35).round() as u8
}
