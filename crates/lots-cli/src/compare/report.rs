//! `report.html`: the table at the budget, and plots of success and quality against cost.

use lots::Method;
use lots::page::{Block, Page, Section};

use super::plots::{self, Line, Plot};
use super::summary::{Group, Point};
use super::terminal_text::{HEADER, cells, in_short};
use super::{Found, Job};
use crate::failure::Result;
use crate::terminal::{grouped, shortened};

/// Names of lines are not longer.
const NAME: usize = 30;

/// What a plot shows.
struct Quality {
    heading: &'static str,
    axis: &'static str,
    of: fn(&Point) -> Option<f64>,
    is_best_large: bool,
    label: fn(&f64) -> String,
}

/// The whole page.
pub(super) fn page(job: &Job<'_>, found: &Found) -> Result<Page> {
    let sections = [
        Section::new("At the budget", at_the_budget(job, found)),
        Section::new("Quality against cost", against_cost(job, found)?),
        Section::new("How it was measured", how(job)),
    ];
    let lead = "What each method finds for how many passes through the network, on the same pairs of images, to the same \
                criterion, in whole pixels.";
    let title = format!("Methods at equal cost on `{}`", shortened(&job.loaded.name, 60));
    Ok(Page::new(title.replace('`', ""), lead, sections)
        .with_footer(format!("Made by lots {}.", env!("CARGO_PKG_VERSION"))))
}

fn at_the_budget(job: &Job<'_>, found: &Found) -> Vec<Block> {
    let mut blocks = vec![Block::text(format!("{}.", in_short(job, found)))];
    let best = |of: fn(&Group) -> Option<f64>, sign: f64| {
        let value = |group: &&Group| of(group).map_or(f64::INFINITY, |value| sign * value);
        found.groups.iter().min_by(|a, b| value(a).total_cmp(&value(b))).filter(|group| of(group).is_some())
    };
    let named = [
        ("the smallest median L2", best(|group| group.l2.median, 1.0)),
        ("the smallest median L∞", best(|group| group.linf.median, 1.0)),
        ("the highest median PASS", best(|group| group.pass_score.and_then(|it| it.median), -1.0)),
        ("the earliest images", best(|group| group.first_cost, 1.0)),
    ];
    let named: Vec<String> = named
        .iter()
        .filter_map(|(what, group)| Some(format!("`{}` has {what}", shortened(&(*group)?.name, NAME))))
        .collect();
    if !named.is_empty() {
        blocks.push(Block::text(format!("{}.", named.join("; "))));
    }
    blocks.push(Block::Table {
        header: HEADER.map(str::to_owned).to_vec(),
        rows: found.groups.iter().map(cells).collect(),
    });
    blocks
}

fn against_cost(job: &Job<'_>, found: &Found) -> Result<Vec<Block>> {
    let mut blocks = vec![Block::text(
        "A line shows the median over all pairs of the best image that had been found by a cost, where an attempt that had \
         found nothing is worse than all: it begins where half of the attempts had found something. Of a method at \
         several layers the best one is named, the others are pale.",
    )];
    let percent = |share: &f64| format!("{:.0} %", 100.0 * share);
    let whole = |levels: &f64| format!("{levels:.0}");
    let score = |score: &f64| format!("{score:.1}");
    let mut qualities = vec![
        Quality {
            heading: "Share of the pairs for which something had been found",
            axis: "reached",
            of: |point| Some(point.success_rate),
            is_best_large: true,
            label: percent,
        },
        Quality {
            heading: "Median L2",
            axis: "L2, grey levels",
            of: |point| point.l2,
            is_best_large: false,
            label: whole,
        },
        Quality {
            heading: "Median L∞",
            axis: "L∞, grey levels",
            of: |point| point.linf,
            is_best_large: false,
            label: whole,
        },
    ];
    if job.experiment.with_pass_score {
        qualities.push(Quality {
            heading: "Median PASS",
            axis: "PASS",
            of: |point| point.pass_score,
            is_best_large: true,
            label: score,
        });
    }
    for quality in qualities {
        blocks.push(drawing(job, found, &quality)?);
    }
    Ok(blocks)
}

fn drawing(job: &Job<'_>, found: &Found, quality: &Quality) -> Result<Block> {
    let mut lines: Vec<Line> = found.groups.iter().map(|group| line(group, quality)).collect();
    let methods: Vec<&str> = found.groups.iter().map(|group| group.method.as_str()).collect();
    mark_best(&mut lines, &methods, quality.is_best_large);
    let points = || lines.iter().flat_map(|line| &line.points).map(|&(_, value)| value);
    let largest = points().fold(0.0_f64, f64::max);
    let values = if quality.is_best_large {
        (points().fold(0.0_f64, f64::min), 1.0)
    } else {
        (0.0, if largest > 0.0 { 1.05 * largest } else { 1.0 })
    };
    let checkpoints = &job.experiment.checkpoints;
    let costs = (checkpoints.first().copied().unwrap_or(1), job.args.budget);
    let plot = Plot { name: quality.axis.to_owned(), costs, values, label: quality.label };
    let ends: Vec<String> = lines
        .iter()
        .filter(|line| line.is_best)
        .filter_map(|line| Some(format!("{} {}", line.name, (quality.label)(&line.points.last()?.1))))
        .collect();
    Ok(Block::Drawing {
        svg: plots::draw(&plot, &lines)?,
        width: plots::WIDTH,
        description: format!("{} against cost. At the budget: {}", quality.heading, ends.join(", ")),
        caption: format!("{}.", quality.heading),
    })
}

fn line(group: &Group, quality: &Quality) -> Line {
    let place = Method::ALL.iter().position(|method| method.as_str() == group.method);
    let points = group.trail.iter().filter_map(|point| Some((point.cost, (quality.of)(point)?)));
    Line {
        name: shortened(&group.name, NAME),
        colour: place.unwrap_or_default(),
        is_best: false,
        points: points.collect(),
    }
}

/// Marks the best line of each method at the budget, the first of equal ones.
fn mark_best(lines: &mut [Line], methods: &[&str], is_best_large: bool) {
    let sign = if is_best_large { -1.0 } else { 1.0 };
    let end = |line: &Line| line.points.last().map_or(f64::INFINITY, |&(_, value)| sign * value);
    for (first, method) in methods.iter().enumerate() {
        if methods[..first].contains(method) {
            continue;
        }
        let own = (0..lines.len()).filter(|&place| methods[place] == *method);
        if let Some(best) = own.min_by(|&a, &b| end(&lines[a]).total_cmp(&end(&lines[b]))) {
            lines[best].is_best = true;
        }
    }
}

fn how(job: &Job<'_>) -> Vec<Block> {
    let descents = &job.experiment.descents;
    vec![
        Block::text(format!(
            "The criterion is `{}`. Every origin that the network reads rightly meets every target of another class. An \
             attempt costs one pass through the network for each image that it classifies, two for each gradient, forward \
             and backward, and one for the representation of its target. Of the images for which the criterion holds, it \
             hands in the one with the smallest L2; all measures are of that image.{}",
            job.experiment.until,
            job.targets.said()
        )),
        Block::text(format!(
            "Methods with one direction end with their line search. The others end when they converge, when they have done \
             what they may, or when {} passes are nearly spent; then a line search shrinks what they have found. \
             `l-bfgs` begins with the weight {} and takes at most {} steps for each; `feature-adversary` moves no pixel by \
             more than {} grey levels; `projected-gradient` takes at most {} steps in each ball.",
            grouped(job.args.budget),
            descents.l_bfgs.first_weight,
            descents.l_bfgs.max_iterations,
            descents.feature_adversary.radius,
            descents.projected_gradient.iterations
        )),
    ]
}
