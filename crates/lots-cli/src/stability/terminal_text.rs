//! What was found on one screen.

use super::attempts::Scale;
use super::comparison::{Compared, Ratio};
use super::summary::{Along, Group, Measure, Quantiles};
use super::{Found, Job, Origins};
use crate::terminal::{self, Align, counted, grouped, shortened};

/// More layers than this have one row each, that of any direction, so that the table stays on a screen.
const LAYERS: usize = 8;
/// Names of layers are not wider than this.
const NAME: usize = 32;

/// The table, the comparison, the verdicts, and where everything is.
pub(super) fn of(job: &Job<'_>, found: &Found) -> String {
    let Origins { images, attacked, misclassified } = Origins::of(job, &found.attempts);
    let mut parts = vec![format!(
        "{} of {} {} read rightly ({} misread, left out)\n\n",
        grouped(attacked),
        counted(images, "image", "images"),
        if images == 1 { "is" } else { "are" },
        grouped(misclassified)
    )];
    parts.push(table(job, &found.groups));
    if let Some(comparison) = &found.comparison {
        let name = comparison.baseline["name"].as_str().unwrap_or_default();
        parts.push(format!(
            "\nagainst {name}, on {} that both read rightly\n\n{}",
            counted(comparison.origins, "image", "images"),
            ratios(job, &comparison.groups)
        ));
    }
    if !found.verdicts.is_empty() {
        let lines: Vec<String> = found.verdicts.iter().map(ToString::to_string).collect();
        parts.push(format!("\n{}\n", lines.join("\n")));
    }
    parts.push(format!("\n{0}/report.html · stability.json · attempts.csv\n", job.args.out.display()));
    parts.concat()
}

/// Whether a row is shown: all classes together, and of many layers only any direction.
fn is_shown(job: &Job<'_>, method: &str, class: Option<usize>) -> bool {
    class.is_none() && (job.layers.len() <= LAYERS || method == Along::Any.as_str())
}

fn table(job: &Job<'_>, groups: &[Group]) -> String {
    let scale = job.scale();
    let shown = groups.iter().filter(|group| is_shown(job, &group.method, group.class));
    let rows: Vec<Vec<String>> = shown.map(|group| cells(group, scale)).collect();
    terminal::table(&HEADER.map(aligned), &rows)
}

/// Words to the left, numbers to the right.
fn aligned(name: &str) -> (&str, Align) {
    (name, if matches!(name, "layer" | "along") { Align::Left } else { Align::Right })
}

/// The columns of [`cells`].
pub(super) const HEADER: [&str; 7] =
    ["layer", "along", "attempts", "flipped", "median L∞ [95 %]", "median L2", "median PASS"];

/// A row of the table.
pub(super) fn cells(group: &Group, scale: Scale) -> Vec<String> {
    let pass_score = group
        .pass_score
        .map_or_else(|| "–".to_owned(), |quantiles| median(&quantiles, Measure::PassScore, scale));
    vec![
        shortened(&group.layer, NAME),
        group.method.clone(),
        grouped(group.attempts),
        format!("{:.1} %", 100.0 * group.flipped as f64 / group.attempts.max(1) as f64),
        with_interval(&group.linf, scale),
        median(&group.l2, Measure::L2, scale),
        pass_score,
    ]
}

/// The median; beyond the end of the scale where it is not reached.
pub(super) fn median(quantiles: &Quantiles, measure: Measure, scale: Scale) -> String {
    value(quantiles.median, measure, scale)
}

/// `54 [52, 57]`
fn with_interval(linf: &Quantiles, scale: Scale) -> String {
    let end = |end| value(end, Measure::Linf, scale);
    let [lo, hi] = linf.median_interval;
    format!("{} [{}, {}]", end(linf.median), end(lo), end(hi))
}

fn value(value: Option<f64>, measure: Measure, scale: Scale) -> String {
    match (value, measure) {
        (Some(value), Measure::PassScore) => format!("{value:.3}"),
        (Some(value), _) => format!("{value:.0}"),
        (None, Measure::PassScore) => "none".to_owned(),
        (None, Measure::L2) => format!("> {:.0}", scale.l2),
        (None, Measure::Linf) => format!("> {:.0}", scale.linf),
    }
}

/// The table of ratios.
fn ratios(job: &Job<'_>, groups: &[Compared]) -> String {
    let scale = job.scale();
    let shown = groups.iter().filter(|group| is_shown(job, &group.method, group.class));
    let rows: Vec<Vec<String>> = shown.map(|group| ratio_cells(group, scale)).collect();
    terminal::table(&RATIO_HEADER.map(aligned), &rows)
}

/// The columns of [`ratio_cells`].
pub(super) const RATIO_HEADER: [&str; 6] =
    ["layer", "along", "L∞ before", "after", "ratio L∞ [95 %]", "ratio L2 [95 %]"];

/// A row of the table of ratios.
pub(super) fn ratio_cells(group: &Compared, scale: Scale) -> Vec<String> {
    vec![
        shortened(&group.layer, NAME),
        group.method.clone(),
        value(group.linf.baseline, Measure::Linf, scale),
        value(group.linf.network, Measure::Linf, scale),
        ratio(&group.linf),
        ratio(&group.l2),
    ]
}

/// `1.21 [1.15, 1.28]`; `–` where a median is not reached, `∞` where the interval is open.
pub(super) fn ratio(ratio: &Ratio) -> String {
    let number = |number: Option<f64>, otherwise: &str| {
        number.map_or_else(|| otherwise.to_owned(), |number| format!("{number:.2}"))
    };
    let [lo, hi] = ratio.interval;
    format!("{} [{}, {}]", number(ratio.ratio, "–"), number(lo, "0"), number(hi, "∞"))
}
