//! Curves as SVG: which share has not flipped at a magnitude.

use lots::survival::Curve;
use plotters::prelude::*;

use crate::failure::Result;
use crate::heat_map::{colour, failed};

/// Width and height of a plot, in pixels of the screen.
pub(super) const WIDTH: usize = 960;
const HEIGHT: usize = 400;
/// Where the names of the lines begin, and how far one is from the next.
const NAMES: u32 = 740;
const LINE: i32 = 24;
/// More lines than this have no names in the plot.
const NAMED: usize = 12;
/// Falls that are smaller than this share of the height are not seen.
const SEEN: f64 = 1.0 / 800.0;

/// The horizontal axis, from 0 on.
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) end: f64,
}

/// A curve of a layer.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) curve: Curve,
    /// From 0 at the input to 1 at the output.
    pub(super) shade: f64,
    pub(super) is_baseline: bool,
}

/// The plot.
pub(super) fn curves(axis: &Axis, lines: &[Line]) -> Result<String> {
    let mut svg = String::new();
    draw(&mut svg, axis, lines)?;
    Ok(svg)
}

fn draw(svg: &mut String, axis: &Axis, lines: &[Line]) -> Result<()> {
    let root = SVGBackend::with_string(svg, (WIDTH as u32, HEIGHT as u32)).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let named: Vec<&Line> = lines.iter().filter(|line| !line.is_baseline).collect();
    let is_named = named.len() <= NAMED;
    // Names beside the plot cover no curve.
    let (plot, names) = root.split_horizontally(if is_named { NAMES } else { WIDTH as u32 });
    let mut chart = ChartBuilder::on(&plot)
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..axis.end, 0.0..1.0)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(axis.name.as_str())
        .y_desc("not flipped")
        .y_label_formatter(&|share| format!("{:.0} %", 100.0 * share))
        .x_label_formatter(&|magnitude| format!("{magnitude:.0}"))
        .label_style(("sans-serif", 14))
        .draw()
        .map_err(failed)?;
    for line in lines {
        let style = colour(line.shade).stroke_width(2);
        let points = corners(&line.curve, axis.end);
        if line.is_baseline {
            chart.draw_series(DashedLineSeries::new(points, 5, 4, style)).map_err(failed)?;
            continue;
        }
        chart.draw_series(LineSeries::new(points, style)).map_err(failed)?;
    }
    for (line, top) in named.iter().filter(|_| is_named).zip((34..).step_by(LINE as usize)) {
        let style = colour(line.shade).stroke_width(3);
        names.draw(&PathElement::new(vec![(4, top), (26, top)], style)).map_err(failed)?;
        let text = Text::new(line.name.clone(), (32, top - 7), ("sans-serif", 14));
        names.draw(&text).map_err(failed)?;
    }
    root.present().map_err(failed)
}

/// The corners of the steps of a curve, without steps that are too small to be seen.
fn corners(curve: &Curve, end: f64) -> Vec<(f64, f64)> {
    let mut corners = vec![(0.0, 1.0)];
    let mut share = 1.0;
    let last = curve.points().last().map_or(1.0, |point| point.share);
    for point in curve.points() {
        if share - point.share >= SEEN || point.share <= last {
            corners.extend([(point.magnitude, share), (point.magnitude, point.share)]);
            share = point.share;
        }
    }
    corners.push((end, share));
    corners
}

#[cfg(test)]
mod tests {
    use lots::survival::Observation;

    use super::*;

    fn line(is_baseline: bool) -> Line {
        let observations: Vec<Observation> = [20.0, 60.0, 60.0]
            .map(Observation::flipped)
            .into_iter()
            .chain([Observation::censored(255.0)])
            .collect();
        Line { name: "conv<1>".to_owned(), curve: Curve::new(&observations), shade: 0.5, is_baseline }
    }

    #[test]
    fn a_curve_goes_down_in_steps() {
        let expected = [(0.0, 1.0), (20.0, 1.0), (20.0, 0.75), (60.0, 0.75), (60.0, 0.25), (255.0, 0.25)];
        for (got, expected) in corners(&line(false).curve, 255.0).into_iter().zip(expected) {
            assert!((got.0 - expected.0).abs() < 1e-9 && (got.1 - expected.1).abs() < 1e-9, "{got:?}");
        }
    }

    #[test]
    fn a_plot_is_the_same_each_time_and_names_its_lines() {
        let axis = || Axis { name: "L∞".to_owned(), end: 255.0 };
        let svg = curves(&axis(), &[line(false), line(true)]).unwrap();
        assert_eq!(svg, curves(&axis(), &[line(false), line(true)]).unwrap());
        assert!(svg.trim_end().ends_with("</svg>") && svg.contains("conv&lt;1&gt;"), "{svg}");
    }
}
