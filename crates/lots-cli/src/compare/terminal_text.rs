//! What was found on one screen.

use super::summary::{Group, Measured};
use super::{Found, Job, Origins};
use crate::terminal::{self, Align, counted, grouped, shortened};

/// Names of methods with their layers are not wider than this.
const NAME: usize = 36;

/// The columns of [`cells`].
pub(super) const HEADER: [&str; 7] =
    ["method", "reached", "median PASS", "median L2", "median L∞", "found after", "mean cost"];

/// The table, and where everything is.
pub(super) fn of(job: &Job<'_>, found: &Found) -> String {
    let header = HEADER.map(|name| (name, if name == "method" { Align::Left } else { Align::Right }));
    let rows: Vec<Vec<String>> = found.groups.iter().map(cells).collect();
    format!(
        "{}\n\n{}\n{}/report.html · comparison.json · attempts.csv\n",
        in_short(job, found),
        terminal::table(&header, &rows),
        job.args.out.display()
    )
}

/// What was compared, in a line.
pub(super) fn in_short(job: &Job<'_>, found: &Found) -> String {
    let Origins { images, attacked, misclassified, pairs } = Origins::of(job, &found.attempts);
    format!(
        "{} of {} and targets of other classes ({} of {} {} misread, left out), {} passes each",
        counted(pairs, "pair", "pairs"),
        counted(attacked, "origin", "origins"),
        grouped(misclassified),
        counted(images, "image", "images"),
        if misclassified == 1 { "is" } else { "are" },
        grouped(job.args.budget)
    )
}

/// A row.
pub(super) fn cells(group: &Group) -> Vec<String> {
    let median = |measured: Option<&Measured>, digits: usize| {
        let median = measured.and_then(|measured| measured.median);
        median.map_or_else(|| "–".to_owned(), |median| format!("{median:.digits$}"))
    };
    vec![
        shortened(&group.name, NAME),
        format!("{:.1} %", 100.0 * group.success_rate),
        median(group.pass_score.as_ref(), 3),
        median(Some(&group.l2), 1),
        median(Some(&group.linf), 0),
        group.first_cost.map_or_else(|| "–".to_owned(), |cost| format!("{cost:.0}")),
        format!("{:.1}", group.cost),
    ]
}
