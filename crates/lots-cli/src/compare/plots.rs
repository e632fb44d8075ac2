//! Quality against cost as SVG: a line for each method, the cost on a logarithmic axis.

use std::fmt::Display;

use plotters::prelude::*;

use crate::failure::{Failure, Result};

/// Width and height of a plot, in pixels of the screen.
pub(super) const WIDTH: usize = 960;
const HEIGHT: usize = 420;
/// Where the names of the lines begin.
const NAMES: u32 = 720;
/// From one name to the next.
const LINE: i32 = 24;

/// Okabe and Ito's colours, which people tell apart who see few, and four darker ones; none that is too bright on white.
const COLOURS: [RGBColor; 10] = [
    RGBColor(213, 94, 0),
    RGBColor(120, 94, 40),
    RGBColor(90, 90, 160),
    RGBColor(86, 180, 233),
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(150, 40, 20),
    RGBColor(0, 0, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// A plot.
pub(super) struct Plot {
    /// What the vertical axis shows.
    pub(super) name: String,
    /// Costs from the first to the budget.
    pub(super) costs: (usize, usize),
    pub(super) values: (f64, f64),
    /// How its numbers are written.
    pub(super) label: fn(&f64) -> String,
}

/// A method, at a layer if it looks at one.
pub(super) struct Line {
    pub(super) name: String,
    /// Which of the colours.
    pub(super) colour: usize,
    /// Whether it is named and drawn in full: the best layer of a method.
    pub(super) is_best: bool,
    /// Costs and values, where there are some.
    pub(super) points: Vec<(usize, f64)>,
}

/// The plot with its lines; those that are not the best of their method are pale and lie below.
pub(super) fn draw(plot: &Plot, lines: &[Line]) -> Result<String> {
    let mut svg = String::new();
    drawn(&mut svg, plot, lines)?;
    Ok(svg)
}

fn drawn(svg: &mut String, plot: &Plot, lines: &[Line]) -> Result<()> {
    let root = SVGBackend::with_string(svg, (WIDTH as u32, HEIGHT as u32)).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let (left, right) = root.split_horizontally(NAMES);
    let costs = (plot.costs.0 as f64, plot.costs.1 as f64);
    let mut chart = ChartBuilder::on(&left)
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(64)
        .build_cartesian_2d((costs.0..costs.1).log_scale(), plot.values.0..plot.values.1)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("cost, passes through the network")
        .y_desc(plot.name.as_str())
        .x_label_formatter(&|cost| format!("{cost:.0}"))
        .y_label_formatter(&plot.label)
        .label_style(("sans-serif", 14))
        .draw()
        .map_err(failed)?;
    let mut ordered: Vec<&Line> = lines.iter().collect();
    ordered.sort_by_key(|line| line.is_best);
    for line in &ordered {
        let colour = COLOURS[line.colour % COLOURS.len()];
        let style =
            if line.is_best { colour.to_rgba().stroke_width(3) } else { colour.mix(0.35).stroke_width(1) };
        chart.draw_series(LineSeries::new(corners(&line.points, plot.costs.1), style)).map_err(failed)?;
    }
    let named = lines.iter().filter(|line| line.is_best && !line.points.is_empty());
    for (line, top) in named.zip((34..).step_by(LINE as usize)) {
        let style = COLOURS[line.colour % COLOURS.len()].stroke_width(3);
        right.draw(&PathElement::new(vec![(4, top), (26, top)], style)).map_err(failed)?;
        let text = Text::new(line.name.clone(), (32, top - 7), ("sans-serif", 14));
        right.draw(&text).map_err(failed)?;
    }
    root.present().map_err(failed)
}

/// The corners of the steps of a line: what was found stays found until something better is, and at the end.
fn corners(points: &[(usize, f64)], end: usize) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for &(cost, value) in points {
        if let Some(&(_, before)) = corners.last() {
            corners.push((cost as f64, before));
        }
        corners.push((cost as f64, value));
    }
    if let Some(&(_, last)) = corners.last() {
        corners.push((end as f64, last));
    }
    corners
}

/// Nothing fails while a text grows, but the library could.
fn failed(error: impl Display) -> Failure {
    Failure::new(format!("the page cannot be drawn ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        Plot { name: "L2".to_owned(), costs: (4, 100), values: (0.0, 10.0), label: |it| format!("{it:.0}") }
    }

    #[test]
    fn a_line_goes_in_steps_to_the_end() {
        let expected = [(8.0, 9.0), (16.0, 9.0), (16.0, 4.0), (32.0, 4.0)];
        assert_eq!(corners(&[(8, 9.0), (16, 4.0)], 32), expected);
        assert!(corners(&[], 32).is_empty());
    }

    #[test]
    fn a_plot_is_the_same_each_time_and_names_its_best_lines() {
        let line = |name: &str, is_best| Line {
            name: name.to_owned(),
            colour: 3,
            is_best,
            points: vec![(8, 9.0), (16, 4.0)],
        };
        let lines = [line("toward/<1>", true), line("toward/other", false)];
        let svg = draw(&plot(), &lines).unwrap();
        assert_eq!(svg, draw(&plot(), &lines).unwrap());
        assert!(svg.contains("toward/&lt;1&gt;") && !svg.contains("toward/other"), "{svg}");
    }
}
