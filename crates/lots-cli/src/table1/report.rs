//! The report: `report.html`, `report.md` and `table1.json`, made from what is in the folder and from nothing else.

mod examples;
mod tables;
mod words;

use std::path::Path;

use lots::page::{Block, Page, Section};

use super::claims::{self, Claim};
use super::clock::{Clock, duration};
use super::markdown;
use super::paper::Paper;
use super::plan::{METHODS, NETWORKS, Stage};
use super::results::{Measure, Results};
use crate::failure::Result;
use crate::json_file;
use crate::terminal::{self, Align, grouped};

const PICTURE: &str = "examples.png";

/// Writes all of it.
pub(super) fn write(out: &Path, results: &Results) -> Result<()> {
    let paper = Paper::read();
    let page = page(out, results, &paper)?;
    for section in &page.sections {
        for block in &section.blocks {
            if let Block::Picture { image, .. } = block {
                image.save(out.join(PICTURE))?;
            }
        }
    }
    lots::whole_file::write(out.join("report.html"), page.to_html()?.as_bytes())?;
    let text = markdown::of(&page, |_| PICTURE.to_owned());
    lots::whole_file::write(out.join("report.md"), text.as_bytes())?;
    json_file::write(&out.join("table1.json"), results)
}

/// The table for a terminal: error, success and PASS of each method.
pub(super) fn table_text(results: &Results) -> String {
    let mut header = vec![("network", Align::Left), ("error", Align::Right)];
    header.extend(METHODS.iter().map(|(_, title)| (*title, Align::Right)));
    let rows: Vec<Vec<String>> = NETWORKS
        .iter()
        .map(|network| {
            let mut row = vec![network.title.to_owned(), tables::error(results, network.key)];
            for (method, _) in METHODS {
                let cell = |measure: Measure| {
                    results
                        .cell(network.key, method, measure)
                        .map_or_else(|| "–".to_owned(), |over| measure.text(over.mean))
                };
                row.push(format!("{} {}", cell(Measure::SuccessRate), cell(Measure::PassScore)));
            }
            row
        })
        .collect();
    terminal::table(&header, &rows)
}

/// Writes `timing.md`: how long it took and on what.
pub(super) fn write_timing(out: &Path, clock: &Clock, all: &[Stage], spent: &[(&str, f64)]) -> Result<()> {
    let total: f64 = spent.iter().map(|(_, secs)| secs).sum();
    let kinds: Vec<String> = spent.iter().map(|(what, secs)| format!("{what} {}", duration(*secs))).collect();
    let mut lines = vec![
        "# How long it took".to_owned(),
        String::new(),
        format!(
            "{} in all on {} threads: {}.",
            duration(total),
            rayon::current_num_threads(),
            kinds.join(", ")
        ),
        String::new(),
        "| seed | stage | work | time | a second |".to_owned(),
        "|--:|---|--:|--:|--:|".to_owned(),
    ];
    lines.extend(all.iter().map(|stage| {
        let spent = clock.spent(stage);
        let speed = if spent.secs > 0.0 { spent.work as f64 / spent.secs } else { 0.0 };
        format!(
            "| {} | {} | {} {} | {} | {} |",
            stage.seed,
            stage.name,
            grouped(stage.work),
            stage.task.kind().unit(),
            duration(spent.secs),
            grouped(speed.round() as usize)
        )
    }));
    let text = lines.join("\n") + "\n";
    Ok(lots::whole_file::write(out.join("timing.md"), text.as_bytes())?)
}

fn page(out: &Path, results: &Results, paper: &Paper) -> Result<Page> {
    let claims = claims::all(results, paper);
    let mut sections = vec![
        Section::new("In short", in_short(results, &claims)),
        Section::new("Errors", [Block::text(words::ERRORS), tables::errors(results, paper)]),
    ];
    let mut cells = vec![Block::text(words::cells(results))];
    for (method, title) in METHODS {
        cells.push(Block::text(format!("{title}, `{method}`:")));
        cells.push(tables::method(results, paper, method));
    }
    sections.push(Section::new("Each method on each network", cells));
    let mut statements = vec![Block::text(words::CLAIMS)];
    statements.extend(claims.iter().flat_map(claim));
    sections.push(Section::new("What the paper says of it", statements));
    sections.push(Section::new(
        "Where we differ",
        [Block::text(words::differences(results, paper)), tables::differences(results, paper)],
    ));
    sections.push(Section::new(
        "Layers that the paper folds together",
        [Block::text(words::LAYERS), tables::layers(results)],
    ));
    sections
        .push(Section::new("Vanished gradients", [Block::text(words::VANISHED), tables::followed(results)]));
    sections.push(Section::new("Perturbed images", [Block::text(words::SETS), tables::sets(results)]));
    sections.push(Section::new(
        "LOTS with images of other methods as targets",
        [Block::text(words::refined(results)), tables::refined(results)],
    ));
    sections.push(Section::new("Examples", [Block::text(words::EXAMPLES), examples::block(out, results)?]));
    sections.push(Section::new(
        "How it was made",
        [Block::text(words::how(results)), Block::Command(words::command(results))],
    ));
    Ok(Page::new(words::TITLE, words::lead(paper), sections).with_footer(format!(
        "Made by lots {}. {}",
        env!("CARGO_PKG_VERSION"),
        paper.note
    )))
}

fn in_short(results: &Results, claims: &[Claim]) -> Vec<Block> {
    let mut blocks = Vec::new();
    if results.scale < 1.0 {
        blocks.push(Block::text(words::small(results)));
    }
    let held = claims.iter().filter(|claim| claim.verdict == claims::Verdict::Holds).count();
    blocks.push(Block::text(words::short(results, held, claims.len())));
    blocks.push(tables::overview(results));
    blocks
}

/// The verdict with the sentence, then the numbers.
fn claim(claim: &Claim) -> [Block; 2] {
    [
        Block::text(format!("`{}` — {}.", claim.verdict, claim.sentence)),
        Block::text(format!("Here: {}.", claim.found)),
    ]
}
