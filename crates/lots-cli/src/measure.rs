//! `lots measure`: how large and how visible a perturbation is.

use lots::measure;
use serde::Serialize;

use crate::Done;
use crate::args::MeasureArgs;
use crate::failure::{About, Result};
use crate::images;
use crate::terminal::{Align, Terminal, table};

pub(crate) fn run(args: &MeasureArgs, terminal: Terminal) -> Result<Done> {
    let (origin, _) = images::single(&args.origin, "origin")?;
    let (perturbed, _) = images::single(&args.perturbed, "perturbed")?;
    let measures = measure::compare(&origin, &perturbed)
        .about("origin", &args.origin)
        .about("perturbed", &args.perturbed)?;
    let report = Report::from(&measures);
    terminal.result(&report, || report.table())?;
    Ok(Done::Reached)
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    l2: f64,
    linf: u8,
    ssim: f64,
    pass_score: f64,
    alignment: Alignment,
}

#[derive(Debug, Serialize)]
struct Alignment {
    status: &'static str,
    iterations: usize,
    correlation: f64,
}

impl From<&measure::Measures> for Report {
    fn from(measures: &measure::Measures) -> Self {
        let alignment = &measures.alignment;
        Self {
            l2: measures.l2,
            linf: measures.linf,
            ssim: measures.ssim,
            pass_score: measures.pass_score,
            alignment: Alignment {
                status: alignment.status.as_str(),
                iterations: alignment.iterations,
                correlation: alignment.correlation,
            },
        }
    }
}

impl Report {
    fn table(&self) -> String {
        let Alignment { status, iterations, correlation } = &self.alignment;
        let status = status.replace('_', " ");
        let row = |name: &str, value: String, what: &str| vec![name.to_owned(), value, what.to_owned()];
        let aligned =
            format!("alignment: {status} after {iterations} iterations, correlation {correlation:.4}");
        let rows = [
            row("L2", format!("{:.2}", self.l2), "grey levels"),
            row("L∞", self.linf.to_string(), "grey levels, largest change of a pixel"),
            row("SSIM", format!("{:.4}", self.ssim), "at most 1"),
            row("PASS", format!("{:.4}", self.pass_score), &aligned),
        ];
        table(&[("measure", Align::Left), ("value", Align::Right), ("", Align::Left)], &rows)
    }
}
