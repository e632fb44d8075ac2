//! `report.html`: verification, impersonation by layer and method, who can become whom, the least visible faces.

use std::path::Path;

use lots::page::{Block, Page, Section};

use super::attempts::Row;
use super::det_plot::{self, Curve, Kind};
use super::summary::{self, Group};
use super::{Job, Report, pictures, verification};
use crate::failure::Result;
use crate::heat_map::{Cell, HeatMap, Palette};
use crate::run_folder::RunFolder;
use crate::terminal::{counted, shortened};

/// A map with more identities than this is not read any more.
const IDENTITIES: usize = 40;
/// As much as fits above a column.
const COLUMN: usize = 7;
const ROW: usize = 24;

/// The whole page.
pub(super) fn page(job: &Job<'_>, report: &Report, rows: &[Row], folder: &RunFolder) -> Result<Page> {
    let mut sections = vec![
        Section::new("In short", in_short(job, report)),
        Section::new("Verification", verified(job, report)?),
        Section::new("Impersonation", impersonation(report)),
        Section::new("Who can become whom", map(report)?),
    ];
    let pictures = if job.args.no_pictures { Vec::new() } else { pictures::blocks(job, rows, folder)? };
    if !pictures.is_empty() {
        sections.push(Section::new("The least visible", pictures));
    }
    sections.push(Section::new("How it was measured", how(job, report)));
    let lead = "How well a face network tells identities apart, and how little it takes to be taken for someone else.";
    let file = Path::new(&job.loaded.name).file_name().unwrap_or_default().to_string_lossy();
    let title = format!("Faces to `{}`", shortened(&file, 60));
    Ok(Page::new(title.replace('`', ""), lead, sections)
        .with_footer(format!("Made by lots {}.", env!("CARGO_PKG_VERSION"))))
}

fn in_short(job: &Job<'_>, report: &Report) -> Vec<Block> {
    let mut blocks = vec![Block::text(report.verification.sentence())];
    let best = report.groups.iter().max_by(|one, other| {
        let rate = |group: &Group| group.impersonation_rate.unwrap_or(0.0);
        rate(one).total_cmp(&rate(other)).then(by_l2(other).total_cmp(&by_l2(one)))
    });
    if let Some(best) = best {
        blocks.push(Block::text(format!(
            "At a false-accept rate of {} % a similarity above {:.4} counts as the same identity. `{}` at `{}` makes {:.1} % of \
             {} of different identities the same to the network, with a mean L2 of {:.0} grey levels.",
            100.0 * job.args.far,
            report.verification.threshold,
            best.method,
            shortened(&best.layer, ROW),
            100.0 * best.impersonation_rate.unwrap_or(0.0),
            counted(best.attempts, "pair", "pairs"),
            best.l2.mean.unwrap_or(0.0)
        )));
    }
    blocks
}

fn by_l2(group: &Group) -> f64 {
    group.l2.mean.unwrap_or(f64::INFINITY)
}

fn verified(job: &Job<'_>, report: &Report) -> Result<Vec<Block>> {
    let layers = layers(report);
    let last = layers.len().saturating_sub(1).max(1) as f64;
    let clean = Curve { name: "clean".to_owned(), points: &report.verification.det, kind: Kind::Clean };
    let mut curves = vec![clean];
    for group in &report.groups {
        let place = layers.iter().position(|layer| **layer == group.layer).unwrap_or(0);
        let shade = place as f64 / last;
        let is_adjusted = group.method != lots::Method::Toward.as_str();
        curves.push(Curve {
            name: format!("{} {}", group.method, shortened(&group.layer, ROW)),
            points: &group.det,
            kind: if is_adjusted { Kind::Adjusted(shade) } else { Kind::Attacked(shade) },
        });
    }
    let caption = "Both errors at every threshold: black for the system as it is; in colour if impostors come with perturbed \
                   faces, solid for `toward`, dashed for `step-and-adjust`. The search ends as soon as a face is above the \
                   threshold of the grey line, so behind it an attack does not look stronger than it must be there.";
    Ok(vec![
        Block::Table {
            header: verification::HEADER.map(str::to_owned).to_vec(),
            rows: report.verification.cells(),
        },
        Block::Drawing {
            svg: det_plot::det(&curves, job.args.far)?,
            width: det_plot::WIDTH,
            description: format!("{} {}", caption.replace('`', ""), report.verification.sentence()),
            caption: caption.to_owned(),
        },
    ])
}

/// The layers, each once, in the order of the groups.
fn layers(report: &Report) -> Vec<&String> {
    let mut layers: Vec<&String> = Vec::new();
    for group in &report.groups {
        if !layers.contains(&&group.layer) {
            layers.push(&group.layer);
        }
    }
    layers
}

fn impersonation(report: &Report) -> Vec<Block> {
    vec![
        Block::text(
            "An image of each identity is moved toward one image of each other one, until the network takes both for the same. \
             Of the `pairs`, those `accepted before` were taken for the same before anything was done; `impersonation` and \
             the means are about the others. `other images`: the share of the target's other images that \
             the perturbed face is taken for as well. `still origin`: the share of perturbed faces that are still taken for \
             whom they show.",
        ),
        Block::Table {
            header: summary::HEADER.map(str::to_owned).to_vec(),
            rows: report.groups.iter().map(Group::cells).collect(),
        },
    ]
}

fn map(report: &Report) -> Result<Vec<Block>> {
    let map = &report.map;
    let count = map.identities.len();
    if count > IDENTITIES {
        let text = format!("There are {count} identities, too many for a map; `run.json` has all of them.");
        return Ok(vec![Block::text(text)]);
    }
    let largest = map.least_l2.iter().flatten().flatten().fold(1.0_f64, |most, &l2| most.max(l2));
    let cell = |origin: usize, target: usize| match map.least_l2[origin][target] {
        _ if origin == target => Cell::default(),
        Some(l2) => Cell { text: format!("{l2:.0}"), shade: Some(l2 / largest) },
        None => Cell { text: "–".to_owned(), shade: None },
    };
    let drawn = HeatMap {
        rows: map.identities.iter().map(|name| shortened(name, ROW)).collect(),
        columns: map.identities.iter().map(|name| shortened(name, COLUMN)).collect(),
        cells: (0..count).map(|row| (0..count).map(|column| cell(row, column)).collect()).collect(),
        palette: Palette::Sequential,
    };
    let caption = "The smallest L2, in grey levels, with which the identity of a row is taken for that of a column, at any \
                   layer with any method. Dark: little is needed; a dash: not reached.";
    let described: Vec<String> = drawn
        .rows
        .iter()
        .zip(&drawn.cells)
        .map(|(name, cells)| {
            let texts: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
            format!("{name}: {}", texts.join(" "))
        })
        .collect();
    Ok(vec![Block::Drawing {
        svg: drawn.draw()?,
        width: drawn.width(),
        description: format!("{caption} {}", described.join("; ")),
        caption: caption.to_owned(),
    }])
}

fn how(job: &Job<'_>, report: &Report) -> Vec<Block> {
    vec![
        Block::text(format!(
            "Similarities are cosines of the representations at `{}`. The threshold is the smallest one with at most the asked \
             false-accept rate among all impostor pairs. Directions are formed at the layers of the table, Eq. (3); the \
             criterion is always the similarity at `{}`{}.",
            report.settings["feature"].as_str().unwrap_or_default(),
            report.settings["feature"].as_str().unwrap_or_default(),
            if job.args.margin > 0.0 {
                format!(", {} above the threshold", job.args.margin)
            } else {
                String::new()
            }
        )),
        Block::text(format!(
            "`toward` takes one direction and searches the smallest step; `step-and-adjust` computes it again after each grey \
             level, at most {} times. Measures are those of the 8-bit faces in the network's size. Identities and images are \
             drawn with seed {}.",
            job.args.adjust_iterations, job.args.seed
        )),
    ]
}
