//! [`RayPlot`]: the margin over the step, in the colours of the classes, with images of the ray below.

use super::drawing::{Anchor, Drawing, Mark};
use super::palette::Palette;
use super::paper::{AXIS, DETAIL, HAIRLINE, HEADING, MARGIN, NOTE, Paper, TITLE};
use super::scale::{Scale, text};
use crate::class_map::{ClassChange, Point, RayClasses, image_on_ray};
use crate::direction::Direction;
use crate::error::Result;
use crate::figure::canvas::Zoom;
use crate::image::Image;

/// Room for the numbers at the vertical axis, and for half a picture below the last step.
const GUTTER: usize = 72;
const WIDTH: usize = 1064;
const HEIGHT: usize = 280;
/// The longest side of a picture, and the room that each has.
const PICTURE: usize = 112;
const PICTURE_GAP: f32 = 128.0;

/// Rays one below the other.
///
/// # Example
/// ```
/// use lots::class_map::{RayClasses, RayExtent};
/// use lots::figure::plot::{RayPanel, RayPlot};
/// use lots::{data::digits, direction, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let four = &digits.images()[4];
/// let direction = direction::reduce(&network, "ip1", four)?;
/// let extent = RayExtent { limit: 32, ..RayExtent::default() };
/// let classes = RayClasses::along(&network, four, &direction, &extent, &mut |_| {})?;
/// let panel = RayPanel::new("reduce/ip1", four, direction, classes)?;
/// let plot = RayPlot { title: "digits[4]".to_owned(), panels: vec![panel], footnote: String::new() };
/// assert!(plot.draw(&|class| class.to_string())?.to_svg()?.starts_with("<svg"));
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RayPlot<'a> {
    /// What the plot shows; left out if empty.
    pub title: String,
    /// From top to bottom.
    pub panels: Vec<RayPanel<'a>>,
    /// Small print below; left out if empty.
    pub footnote: String,
}

/// One ray.
#[derive(Clone, Debug)]
pub struct RayPanel<'a> {
    /// What direction it has: `toward/conv2`.
    pub heading: String,
    /// The image that it starts from.
    pub origin: &'a Image,
    /// Where it goes.
    pub direction: Direction,
    /// What the network reads along it.
    pub classes: RayClasses,
    /// Where that changes.
    pub changes: Vec<ClassChange>,
}

impl<'a> RayPanel<'a> {
    /// A ray with its changes of class.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if origin and direction are not those of the ray.
    pub fn new(
        heading: impl Into<String>,
        origin: &'a Image,
        direction: Direction,
        classes: RayClasses,
    ) -> Result<Self> {
        let changes = classes.changes(origin, &direction)?;
        Ok(Self { heading: heading.into(), origin, direction, classes, changes })
    }
}

impl RayPlot<'_> {
    /// Places everything.
    ///
    /// - `names`: what a class is called.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) if the origin of a panel is another one than that of its direction.
    pub fn draw(&self, names: &dyn Fn(usize) -> String) -> Result<Drawing> {
        let of_panel = |panel: &RayPanel<'_>| {
            let points = panel.classes.points.clone();
            [panel.classes.origin_class]
                .into_iter()
                .chain(points.into_iter().map(|point| point.reading.class))
        };
        let palette = Palette::new(self.panels.iter().flat_map(of_panel));
        let width = GUTTER + WIDTH;
        let mut paper = Paper::new();
        paper.paragraph(&self.title, TITLE, width);
        if !self.title.is_empty() {
            paper.y += 12;
        }
        paper.legend(&palette.legend(names), MARGIN, width);
        for panel in &self.panels {
            paper.y += 20;
            panel.draw(&mut paper, &palette, names)?;
        }
        paper.y += 16;
        paper.paragraph(&self.footnote, NOTE, width);
        Ok(paper.finish(width + 2 * MARGIN + PICTURE / 4))
    }
}

impl RayPanel<'_> {
    fn draw(&self, paper: &mut Paper, palette: &Palette, names: &dyn Fn(usize) -> String) -> Result<()> {
        paper.paragraph(&self.heading, HEADING, GUTTER + WIDTH);
        let origin_class = names(self.classes.origin_class);
        let axes = format!("logit of {origin_class} less the highest other, over the step in grey levels");
        paper.paragraph(&axes, NOTE, GUTTER + WIDTH);
        // Steps of changes stand above the plot.
        paper.y += 26;
        let left = MARGIN + GUTTER;
        let (top, bottom) = (paper.y, paper.y + HEIGHT);
        let across = Scale { range: self.steps(), ends: [left as f32, (left + WIDTH) as f32] };
        let up = Scale { range: self.margins(), ends: [bottom as f32, top as f32] };
        self.draw_areas(paper, palette, &across, [top, bottom]);
        for tick in up.ticks(48.0) {
            let y = up.place(tick);
            let colour = if tick == 0.0 { AXIS } else { HAIRLINE };
            paper.rule([left as f32, y], [(left + WIDTH) as f32, y], 1.0, colour);
            paper.text(text(tick), [left as f32 - 10.0, y + 6.0], Anchor::End, NOTE);
        }
        self.draw_line(paper, palette, &across, &up);
        self.draw_changes(paper, &across, &up, [top, bottom]);
        paper.y = bottom;
        self.draw_images(paper, &across, names)
    }

    /// The range of the horizontal axis.
    fn steps(&self) -> [f64; 2] {
        let points = &self.classes.points;
        let [first, last] =
            [points.first(), points.last()].map(|point| point.map_or(0.0, |point| point.step));
        // The ray of an origin that cannot move has one image.
        if first < last { [first, last] } else { [first, first + 1.0] }
    }

    /// The range of the vertical axis, 0 in it.
    fn margins(&self) -> [f64; 2] {
        let margins = self.classes.points.iter().map(|point| point.reading.margin);
        let finite = margins.filter(|margin| margin.is_finite());
        let (low, high) = finite.fold((0.0_f64, 0.0_f64), |(low, high), it| (low.min(it), high.max(it)));
        let room = if low < high { 0.06 * (high - low) } else { 1.0 };
        [low - room, high + room]
    }

    /// A strip of the light colour for each run of images of the same class.
    fn draw_areas(&self, paper: &mut Paper, palette: &Palette, across: &Scale, [top, bottom]: [usize; 2]) {
        let intervals = self.classes.intervals();
        for (index, interval) in intervals.iter().enumerate() {
            let end = intervals.get(index + 1).map_or(across.range[1], |next| next.from);
            let [x, end] = [interval.from, end].map(|step| across.place(step).round() as usize);
            let size = [end.saturating_sub(x), bottom - top];
            paper.marks.push(Mark::Area { at: [x, top], size, colour: palette.light(interval.class) });
        }
    }

    /// The margin in the strong colours. A run is drawn up to the first image of the next, so that the line has no gaps.
    fn draw_line(&self, paper: &mut Paper, palette: &Palette, across: &Scale, up: &Scale) {
        let points = &self.classes.points;
        let mut start = 0;
        for run in points.chunk_by(|a, b| a.reading.class == b.reading.class) {
            let end = points.len().min(start + run.len() + 1);
            let finite = points[start..end].iter().filter(|point| point.reading.margin.is_finite());
            let line: Vec<[f32; 2]> =
                finite.map(|point| [across.place(point.step), up.place(point.reading.margin)]).collect();
            let colour = palette.strong(run[0].reading.class);
            paper.marks.push(Mark::Line { points: line, width: 3.0, colour });
            start += run.len();
        }
    }

    /// A dot where the class changes, and the step where there is room for it.
    fn draw_changes(&self, paper: &mut Paper, across: &Scale, up: &Scale, [top, bottom]: [usize; 2]) {
        let mut free = f32::NEG_INFINITY;
        for change in &self.changes {
            let x = across.place(change.hi);
            paper.rule([x, top as f32], [x, bottom as f32], 1.0, AXIS);
            let at = self.classes.points.iter().find(|point| point.step >= change.hi);
            let y = up.place(at.map_or(0.0, |point| point.reading.margin));
            paper.marks.push(Mark::Dot { centre: [x, y], radius: 6.0, colour: [255; 3] });
            paper.marks.push(Mark::Dot { centre: [x, y], radius: 4.5, colour: [26; 3] });
            let label = text((change.hi * 10.0).round() / 10.0);
            let half = paper.letters.width(&label, DETAIL) / 2.0;
            if x - half > free {
                paper.text(label, [x, top as f32 - 8.0], Anchor::Middle, DETAIL);
                free = x + half + 12.0;
            }
        }
    }

    /// The steps, and the image at each with its class.
    fn draw_images(&self, paper: &mut Paper, across: &Scale, names: &dyn Fn(usize) -> String) -> Result<()> {
        let bottom = paper.y;
        let zoom = zoom_of(self.origin);
        let [height, width] = [self.origin.height(), self.origin.width()].map(|side| zoom.length(side));
        for tick in across.ticks(PICTURE_GAP) {
            let Some(Point { step, reading }) = self.nearest(tick) else { continue };
            let x = across.place(step);
            paper.rule([x, bottom as f32], [x, bottom as f32 + 7.0], 1.0, AXIS);
            let label = text((step * 10.0).round() / 10.0);
            paper.text(label, [x, bottom as f32 + 26.0], Anchor::Middle, NOTE);
            let at = [(x.round() as usize).saturating_sub(width / 2), bottom + 38];
            let image = image_on_ray(self.origin, &self.direction, step)?;
            paper.marks.push(Mark::Picture { image, at, zoom });
            // A long name is cut, so that it does not run into the next.
            let name = names(reading.class);
            let name = paper.letters.wrap(&name, DETAIL, PICTURE_GAP - 8.0).into_iter().next();
            let baseline = (bottom + 38 + height + 22) as f32;
            paper.text(name.unwrap_or_default(), [x, baseline], Anchor::Middle, DETAIL);
        }
        paper.y = bottom + 38 + height + 34;
        Ok(())
    }

    /// The image nearest to a step among those that were classified: what stands below an image is what was read in it.
    fn nearest(&self, step: f64) -> Option<Point> {
        let distance = |point: &&Point| (point.step - step).abs();
        self.classes.points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
    }
}

/// How a picture of a ray is shown: enlarged by a whole number, or shrunk by one.
pub(super) fn zoom_of(image: &Image) -> Zoom {
    let side = image.height().max(image.width());
    if side > PICTURE { Zoom::Shrink(side.div_ceil(PICTURE)) } else { Zoom::Enlarge((PICTURE / side).max(1)) }
}
