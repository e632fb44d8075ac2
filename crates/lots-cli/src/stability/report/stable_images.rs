//! The images that flip soonest, and those that take most, as a figure sheet.

use std::collections::BTreeMap;

use lots::Outcome;
use lots::experiment::Attempt;
use lots::figure::{Caption, Group, Panel, PanelSize, Sheet};
use lots::measure;
use lots::page::Block;

use super::super::attempts::Record;
use super::super::{Found, Job};
use super::CLASS;
use crate::failure::Result;
use crate::terminal::shortened;

/// So many images of each kind.
const IMAGES: usize = 5;

/// The sheet.
pub(super) fn blocks(job: &Job<'_>, found: &Found) -> Result<Vec<Block>> {
    let order = by_stability(&found.attempts.records);
    let least: Vec<&Record> = order.iter().take(IMAGES).copied().collect();
    let most: Vec<&Record> = order.iter().skip(IMAGES).rev().take(IMAGES).copied().collect();
    let sheet = Sheet { panel_size: PanelSize::Small, ..Sheet::default() }
        .with_footnote("L2, L∞: in grey levels 0–255 · PASS: 1 means the same to a human eye");
    let (mut sheet, mut captions) = (sheet, Vec::new());
    for (title, records) in [("least stable", least), ("most stable", most)] {
        if records.is_empty() {
            continue;
        }
        let mut groups = Vec::new();
        for record in records {
            let (group, caption) = group(job, found, record)?;
            groups.push(group);
            captions.push(format!("{title}: {caption}"));
        }
        sheet = sheet.with_row(groups);
    }
    Ok(vec![
        Block::text(
            "Above, the images that flip at the smallest L∞ at any layer, each beside its origin; below, those that take most.",
        ),
        Block::picture(sheet.render(), captions.join("; ")),
    ])
}

/// The smallest attempt on each origin, by L∞, then L2.
fn by_stability(records: &[Record]) -> Vec<&Record> {
    let size = |record: &Record| (!record.is_flipped, record.linf, record.l2);
    let order = |one: &Record, other: &Record| {
        let (one, other) = (size(one), size(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)).then(one.2.total_cmp(&other.2))
    };
    let mut smallest: BTreeMap<usize, &Record> = BTreeMap::new();
    for record in records {
        let known = smallest.entry(record.number).or_insert(record);
        if order(record, known).is_lt() {
            *known = record;
        }
    }
    let mut smallest: Vec<&Record> = smallest.into_values().collect();
    smallest.sort_by(|one, other| order(one, other));
    smallest
}

/// An origin and its perturbed image, which is formed again: the same attempt comes to the same image.
fn group(job: &Job<'_>, found: &Found, record: &Record) -> Result<(Group, String)> {
    let next = record.number + 1;
    let part = job.origins.part(record.number..next)?;
    let called = |class: usize| shortened(&job.names.of(class), CLASS);
    let (origin, name) = (&part.images()[0], &part.names()[0]);
    let mut panels =
        vec![Panel::new(origin.clone(), Caption::new(format!("origin: {}", called(record.origin_class))))];
    if !record.is_flipped {
        return Ok((Group::new(name, panels), format!("{name} never flips")));
    }
    let layer = found.attempts.layers[record.layer].clone();
    let experiment = job.experiment(std::iter::once(record.method), std::slice::from_ref(&layer));
    let target = record.target.map(|target| &found.attempts.targets[target]);
    let targets = &job.targets.set;
    let mut perturbed = None;
    let mut keep = |attempt: Attempt| {
        let is_meant = attempt.target.map(|target| &targets.names()[target]) == target;
        if let (true, Outcome::Reached(reached)) = (is_meant, attempt.outcome) {
            perturbed.get_or_insert(reached);
        }
    };
    experiment.run(&job.tested().network, &part, Some(targets), &mut keep)?;
    let Some(perturbed) = perturbed else { return Ok((Group::new(name, panels), name.clone())) };
    let place = format!("{layer} {}", record.method);
    let classes = [record.origin_class, perturbed.class].map(called);
    let measures = measure::compare(origin, &perturbed.image)?;
    let caption = Caption::perturbed(&place, [&classes[0], &classes[1]], &measures);
    let words = format!("{name}, {caption}");
    panels.push(Panel::new(perturbed.image, caption));
    Ok((Group::new(name, panels), words))
}
