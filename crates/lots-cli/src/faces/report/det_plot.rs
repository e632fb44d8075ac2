//! DET curves as SVG: both errors on logarithmic axes.

use lots::verification::DetPoint;
use plotters::prelude::*;

use crate::failure::Result;
use crate::heat_map::{colour, failed};

/// Width and height of a plot, in pixels of the screen.
pub(super) const WIDTH: usize = 900;
const HEIGHT: usize = 460;
/// Errors below this are drawn at it.
const LEAST: f64 = 1e-4;

/// A curve.
pub(super) struct Curve<'a> {
    pub(super) name: String,
    pub(super) points: &'a [DetPoint],
    pub(super) kind: Kind,
}

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// The system as it is, in black.
    Clean,
    /// Under attack, 0 at the first layer to 1 at the last.
    Attacked(f64),
    /// Likewise, dashed.
    Adjusted(f64),
}

/// The plot.
///
/// - `far`: the false-accept rate that sets the threshold, as a vertical line.
pub(super) fn det(curves: &[Curve<'_>], far: f64) -> Result<String> {
    let mut svg = String::new();
    draw(&mut svg, curves, far)?;
    Ok(svg)
}

fn draw(svg: &mut String, curves: &[Curve<'_>], far: f64) -> Result<()> {
    let root = SVGBackend::with_string(svg, (WIDTH as u32, HEIGHT as u32)).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(70)
        .build_cartesian_2d((LEAST..1.0).log_scale(), (LEAST..1.0).log_scale())
        .map_err(failed)?;
    let percent = |share: &f64| format!("{} %", 100.0 * share);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("false accepts")
        .y_desc("false rejects")
        .x_label_formatter(&percent)
        .y_label_formatter(&percent)
        .label_style(("sans-serif", 14))
        .draw()
        .map_err(failed)?;
    let line = [(far.max(LEAST), LEAST), (far.max(LEAST), 1.0)];
    chart.draw_series(LineSeries::new(line, BLACK.mix(0.3))).map_err(failed)?;
    for curve in curves {
        let clamped = |point: &DetPoint| (point.far.max(LEAST), point.frr.max(LEAST));
        let points: Vec<(f64, f64)> = curve.points.iter().map(clamped).collect();
        let (style, is_dashed) = match curve.kind {
            Kind::Clean => (BLACK.stroke_width(3), false),
            Kind::Attacked(shade) => (colour(shade).stroke_width(2), false),
            Kind::Adjusted(shade) => (colour(shade).stroke_width(2), true),
        };
        let series = if is_dashed {
            chart.draw_series(DashedLineSeries::new(points, 5, 4, style))
        } else {
            chart.draw_series(LineSeries::new(points, style))
        };
        series
            .map_err(failed)?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 14))
        .draw()
        .map_err(failed)?;
    root.present().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_the_same_each_time_and_names_its_curves() {
        let points = [(1.0, 0.0), (0.1, 0.01), (0.0, 1.0)].map(|(far, frr)| DetPoint {
            threshold: 0.5 - far,
            far,
            frr,
        });
        let curves = || {
            [Kind::Clean, Kind::Attacked(0.0), Kind::Adjusted(1.0)].map(|kind| Curve {
                name: "clean <1>".to_owned(),
                points: &points,
                kind,
            })
        };
        let svg = det(&curves(), 1e-3).unwrap();
        assert_eq!(svg, det(&curves(), 1e-3).unwrap());
        assert!(svg.trim_end().ends_with("</svg>") && svg.contains("clean &lt;1&gt;"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
