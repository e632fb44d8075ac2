//! A [`Drawing`] as pixels. Lines and dots are smoothed: a pixel is as dark as the part of it that is covered.

use super::super::canvas::Canvas;
use super::super::text::Letters;
use super::drawing::{Anchor, Colour, Drawing, Mark};
use crate::image::Image;

pub(super) fn paint(drawing: &Drawing) -> Image {
    let letters = Letters::embedded();
    let mut canvas = Canvas::white(3, drawing.height, drawing.width);
    for mark in &drawing.marks {
        match mark {
            Mark::Area { at, size, colour } => canvas.fill_colour(*at, *size, *colour),
            Mark::Line { points, width, colour } => {
                let segments: Vec<[[f32; 2]; 2]> = points.windows(2).map(|pair| [pair[0], pair[1]]).collect();
                stroke(&mut canvas, &segments, width / 2.0, *colour);
            }
            Mark::Dot { centre, radius, colour } => {
                stroke(&mut canvas, &[[*centre, *centre]], *radius, *colour);
            }
            Mark::Text { line, at: [x, y], anchor, style } => {
                let width = letters.width(line, *style);
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - width / 2.0,
                    Anchor::End => x - width,
                };
                letters.draw(&mut canvas, line, *style, left.round().max(0.0) as usize, *y as usize);
            }
            Mark::Picture { image, at, zoom } => canvas.draw(image, *at, *zoom),
        }
    }
    canvas.into_image()
}

/// Covers everything that is no farther than `radius` from one of the segments. A pixel that several of them touch is
/// covered as by the nearest, so that the joints of a line are not darker than the rest.
fn stroke(canvas: &mut Canvas, segments: &[[[f32; 2]; 2]], radius: f32, colour: Colour) {
    let reach = radius + 1.0;
    let ends = || segments.iter().flatten();
    let range = |axis: usize| {
        let lowest = ends().map(|end| end[axis]).fold(f32::INFINITY, f32::min);
        let highest = ends().map(|end| end[axis]).fold(f32::NEG_INFINITY, f32::max);
        ((lowest - reach).floor() as i64, (highest + reach).ceil() as i64)
    };
    if segments.is_empty() {
        return;
    }
    let ((left, right), (top, bottom)) = (range(0), range(1));
    let columns = (right - left + 1) as usize;
    let mut coverage = vec![0.0_f32; columns * (bottom - top + 1) as usize];
    for segment in segments {
        let bounds = |axis: usize| {
            let (a, b) = (segment[0][axis], segment[1][axis]);
            ((a.min(b) - reach).floor() as i64)..=((a.max(b) + reach).ceil() as i64)
        };
        for y in bounds(1) {
            for x in bounds(0) {
                // A pixel is where its centre is.
                let covered = radius + 0.5 - distance([x as f32 + 0.5, y as f32 + 0.5], *segment);
                let place = &mut coverage[(y - top) as usize * columns + (x - left) as usize];
                *place = place.max(covered.clamp(0.0, 1.0));
            }
        }
    }
    for (row, coverage) in coverage.chunks_exact(columns).enumerate() {
        for (column, &coverage) in coverage.iter().enumerate().filter(|(_, coverage)| **coverage > 0.0) {
            canvas.blend_colour([left + column as i64, top + row as i64], colour, coverage);
        }
    }
}

/// From a point to the nearest point of a segment.
fn distance([x, y]: [f32; 2], [[x0, y0], [x1, y1]]: [[f32; 2]; 2]) -> f32 {
    let (along_x, along_y) = (x1 - x0, y1 - y0);
    let length = along_x * along_x + along_y * along_y;
    let share = if length > 0.0 { ((x - x0) * along_x + (y - y0) * along_y) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    let (away_x, away_y) = (x - x0 - share * along_x, y - y0 - share * along_y);
    (away_x * away_x + away_y * away_y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_covered_as_by_the_nearest_segment() {
        let painted = |points: Vec<[f32; 2]>| {
            let mark = Mark::Line { points, width: 2.0, colour: [0, 100, 200] };
            paint(&Drawing { height: 6, width: 20, marks: vec![mark] })
        };
        let whole = painted(vec![[2.0, 3.0], [18.0, 3.0]]);
        let parts = painted((2..=18).map(|x| [x as f32, 3.0]).collect());
        assert_eq!(whole, parts);
        assert_eq!([0, 1, 2].map(|channel| whole.plane(channel)[3 * 20 + 10]), [0, 100, 200]);
        assert_eq!([0, 1, 2].map(|channel| whole.plane(channel)[10]), [255; 3]);
    }

    #[test]
    fn the_nearest_point_of_a_segment_may_be_its_end() {
        for (point, expected) in [([5.0, 2.0], 2.0), ([-3.0, 4.0], 5.0), ([13.0, -4.0], 5.0)] {
            assert!((distance(point, [[0.0, 0.0], [10.0, 0.0]]) - expected).abs() < 1e-6);
        }
        assert!((distance([3.0, 4.0], [[0.0, 0.0], [0.0, 0.0]]) - 5.0).abs() < 1e-6);
    }
}
