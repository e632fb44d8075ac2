//! `lots evaluate`: a row of Table 1 — the error of a network, and what each method does to it.

pub(crate) mod row;

use std::collections::BTreeMap;
use std::path::PathBuf;

use lots::data::ImageSet;
use lots::whole_file::unfinished;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::row::{Measured, RowReport, TableRow};
use crate::Done;
use crate::args::EvaluateArgs;
use crate::attack::images::{LeftOutOf, Targets, labelled};
use crate::digest::ImagesDigest;
use crate::failure::{Failure, Result};
use crate::interrupt::{Interrupt, with_way_on};
use crate::json_file;
use crate::network::Loaded;
use crate::numbers;
use crate::settings::expect_same;
use crate::terminal::{Terminal, grouped};

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 1;

pub(crate) fn run(args: &EvaluateArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let origins = labelled(&args.origin, &loaded.network, terminal)?;
    let targets = Targets::labelled(&args.target, &origins.set, &loaded.network, terminal)?;
    let left_out = origins.left_out(&targets);
    let origins = origins.set;
    let about = about(args, &loaded, &origins, &targets);
    if let Some(row) = complete(args, &about)? {
        return tell(&Report { about, left_out, row }, args, "complete already:", terminal);
    }
    let mut kept = Kept::open(args, about)?;
    let measured = Measured {
        network: &loaded.network,
        origins: &origins,
        targets: &targets.set,
        with_pass_score: !args.no_pass,
        memory: args.memory.bytes(),
    };
    let interrupt = Interrupt::catch()?;
    let progress = terminal.progress(origins.len() as u64, "origins");
    progress.inc(kept.state.row.origins as u64);
    progress.reset_eta();
    while kept.state.row.origins < origins.len() {
        let before = kept.state.row.origins;
        if !kept.state.row.go_on(measured, interrupt.flag())? {
            progress.finish_and_clear();
            let failure = Failure::new(format!("interrupted after {before} of {} origins", origins.len()));
            return Err(match args.out {
                None => failure,
                Some(_) => with_way_on(failure, args.force),
            });
        }
        kept.keep()?;
        progress.inc((kept.state.row.origins - before) as u64);
    }
    progress.finish_and_clear();
    tell(&kept.finish(left_out)?, args, "wrote", terminal)
}

/// The row that was asked for, if it is there already and was to be gone on with.
fn complete(args: &EvaluateArgs, about: &Value) -> Result<Option<RowReport>> {
    let Some(out) = args.out.as_ref().filter(|out| args.resume && out.exists() && !unfinished(out).exists())
    else {
        return Ok(None);
    };
    let got: Value = json_file::read(out)?;
    expect_same(&got, about, "evaluation", out)?;
    let row = serde_json::from_value(got)
        .map_err(|error| Failure::new(format!("`{}` is damaged ({error})", out.display())))?;
    Ok(Some(row))
}

/// Shows the row, and the file that it is in.
///
/// - `what`: `wrote`, `complete already:`
fn tell(report: &Report, args: &EvaluateArgs, what: &str, terminal: Terminal) -> Result<Done> {
    let line = |out: &PathBuf| format!("{what} {}\n", out.display());
    terminal.result(report, || text(&report.row) + &args.out.as_ref().map_or_else(String::new, line))?;
    Ok(Done::Reached)
}

/// What `--json` prints and `--out` holds.
#[derive(Clone, Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    about: Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: LeftOutOf,
    #[serde(flatten)]
    row: RowReport,
}

/// A row on its way, with everything that it follows from.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    about: Value,
    row: TableRow,
}

/// A state and the file where it is kept.
struct Kept {
    state: State,
    out: Option<PathBuf>,
}

impl Kept {
    /// Starts a row, or goes on with one.
    fn open(args: &EvaluateArgs, about: Value) -> Result<Self> {
        let fresh = State { about, row: TableRow::default() };
        let Some(out) = &args.out else { return Ok(Self { state: fresh, out: None }) };
        let unfinished = unfinished(out);
        if !args.force && !args.resume {
            if unfinished.exists() {
                return Err(Failure::new(format!(
                    "there is an unfinished evaluation: `{}`",
                    unfinished.display()
                ))
                .with_hint("`--resume` goes on with it, `--force` starts anew"));
            }
            if out.exists() {
                return Err(Failure::new(format!("`{}` exists already", out.display()))
                    .with_hint("choose another name, or replace it with `--force`"));
            }
        }
        if args.resume && unfinished.exists() {
            let state: State = json_file::read(&unfinished)?;
            expect_same(&state.about, &fresh.about, "evaluation", &unfinished)?;
            return Ok(Self { state, out: Some(out.clone()) });
        }
        Ok(Self { state: fresh, out: Some(out.clone()) })
    }

    fn keep(&self) -> Result<()> {
        self.out.as_ref().map_or(Ok(()), |out| json_file::write(&unfinished(out), &self.state))
    }

    /// Puts the row in its place.
    fn finish(self, left_out: LeftOutOf) -> Result<Report> {
        let report = Report { row: self.state.row.report(), left_out, about: self.state.about };
        if let Some(out) = &self.out {
            json_file::write(out, &report)?;
            json_file::remove(&unfinished(out))?;
        }
        Ok(report)
    }
}

/// The row as a table a person reads.
fn text(row: &RowReport) -> String {
    let mut rows: Vec<Vec<String>> = row.groups.iter().map(|(key, numbers)| numbers.cells(key)).collect();
    let followed = row.followed.iter();
    rows.extend(followed.map(|(key, numbers)| numbers.cells(&format!("{key}, vanished gradient followed"))));
    format!(
        "error {:.2} % ({} of {} images)\n\n{}",
        100.0 * row.error,
        grouped(row.errors),
        grouped(row.images),
        numbers::table(&rows)
    )
}

/// Everything that the row follows from.
fn about(args: &EvaluateArgs, loaded: &Loaded, origins: &ImageSet, targets: &Targets) -> Value {
    let mut digest = ImagesDigest::default();
    digest.add_set(origins);
    json!({
        "format_version": FORMAT_VERSION,
        "versions": { "lots": env!("CARGO_PKG_VERSION") },
        "network": { "name": loaded.name, "sha256": loaded.sha256 },
        "data": { "origin_sha256": digest.digits(), "target_sha256": targets.sha256 },
        "options": { "pass_score": !args.no_pass },
    })
}
