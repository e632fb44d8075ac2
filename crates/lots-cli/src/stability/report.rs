//! `report.html`: curves by layer, maps of layers and classes, the most and the least stable images.

mod plots;
mod stable_images;

use lots::page::{Block, Page, Section};
use lots::survival::Curve;

use self::plots::{Axis, Line};
use super::attempts::Attempts;
use super::comparison::{Compared, Comparison};
use super::summary::{Along, Group, Grouped, Key, Measure};
use super::terminal_text::{self, HEADER, RATIO_HEADER};
use super::{Found, Job, Origins};
use crate::failure::Result;
use crate::heat_map::{Cell, HeatMap, Palette};
use crate::terminal::{counted, grouped, shortened};

/// Names of layers in drawings are not longer.
const NAME: usize = 24;
/// Names of classes in drawings are not longer.
pub(super) const CLASS: usize = 12;
/// A map with more classes than this is not read any more.
const CLASSES: usize = 40;

/// The whole page.
pub(super) fn page(job: &Job<'_>, found: &Found) -> Result<Page> {
    let mut sections = vec![
        Section::new("In short", in_short(job, found)),
        Section::new("How far until the label flips", curves(job, found)?),
        Section::new("Layers and classes", classes(job, found)?),
    ];
    if let Some(comparison) = &found.comparison {
        sections.push(Section::new("Before and after", compared(job, comparison)?));
    }
    sections.push(Section::new("The least and the most stable images", stable_images::blocks(job, found)?));
    sections.push(Section::new("How it was measured", how(job)));
    let lead = "For every layer with weights: how little it takes, along the directions that the layer gives, to make the \
                network read another class.";
    let title = format!("How stable the layers of `{}` are", shortened(&job.tested().name, 60));
    Ok(Page::new(title.replace('`', ""), lead, sections)
        .with_footer(format!("Made by lots {}.", env!("CARGO_PKG_VERSION"))))
}

fn in_short(job: &Job<'_>, found: &Found) -> Vec<Block> {
    let Origins { images, attacked, misclassified } = Origins::of(job, &found.attempts);
    let mut blocks = vec![Block::text(format!(
        "{} of {} {} read rightly and attacked; {} misread and left out. An attempt that never flips the \
         label is not dropped: it counts as larger than all magnitudes, and a median that half of the attempts do not \
         reach lies beyond the end of the scale.",
        grouped(attacked),
        counted(images, "image", "images"),
        if images == 1 { "was" } else { "were" },
        grouped(misclassified)
    ))];
    let any =
        found.groups.iter().filter(|group| group.method == Along::Any.as_str() && group.class.is_none());
    let median = |group: &&Group| group.linf.median.unwrap_or(f64::INFINITY);
    let by_median = |one: &&Group, other: &&Group| median(one).total_cmp(&median(other));
    if let (Some(least), Some(most)) = (any.clone().min_by(by_median), any.max_by(by_median))
        && least.layer != most.layer
    {
        let text = |group: &Group| terminal_text::median(&group.linf, Measure::Linf, job.scale());
        blocks.push(Block::text(format!(
            "The least stable layer is `{}`: half of the images flip at an L∞ of {} grey levels or less. The most stable one \
             is `{}` with {}.",
            shortened(&least.layer, NAME),
            text(least),
            shortened(&most.layer, NAME),
            text(most)
        )));
    }
    let rows = found.groups.iter().filter(|group| group.class.is_none());
    blocks.push(Block::Table {
        header: HEADER.map(str::to_owned).to_vec(),
        rows: rows.map(|group| terminal_text::cells(group, job.scale())).collect(),
    });
    blocks
}

/// A plot for each direction, a line a layer.
fn curves(job: &Job<'_>, found: &Found) -> Result<Vec<Block>> {
    let mut blocks = vec![Block::text(
        "Each line is a layer: which share of the attempts has not flipped the label at a magnitude, after Kaplan and Meier. \
         A line that does not come down to 0 % has attempts that never flip. `any` takes the smallest of all directions of \
         an image.",
    )];
    let before = found.shared.as_ref().map(|[before, _]| before);
    let after = found.shared.as_ref().map_or(&found.attempts, |[_, after]| after);
    let mut plots = vec![(Along::Any, Measure::Linf), (Along::Any, Measure::L2)];
    plots
        .extend(Along::ALL.iter().filter(|&&along| along != Along::Any).map(|&along| (along, Measure::Linf)));
    for (along, measure) in plots {
        let mut lines = Vec::new();
        for (attempts, is_baseline) in [(Some(after), false), (before, true)] {
            let Some(attempts) = attempts else { continue };
            lines.extend(of_layers(attempts, along, measure, is_baseline));
        }
        let (end, name) = match measure {
            Measure::L2 => (largest(&lines), "L2"),
            _ => (job.scale().linf, "L∞"),
        };
        let axis = Axis { name: format!("{name}, grey levels"), end };
        let what = format!("`{}`, by {name}", along.as_str());
        let caption = if before.is_some() {
            format!("{what}: solid after, dashed before, on the images that both networks read rightly.")
        } else {
            format!("{what}, from the input (dark) to the output (bright).")
        };
        blocks.push(Block::Drawing {
            svg: plots::curves(&axis, &lines)?,
            width: plots::WIDTH,
            description: format!("{}. {}", caption.replace('`', ""), described(&lines, name)),
            caption,
        });
    }
    Ok(blocks)
}

/// A line for each layer.
fn of_layers(attempts: &Attempts, along: Along, measure: Measure, is_baseline: bool) -> Vec<Line> {
    let grouped = Grouped::new(attempts);
    let last = attempts.layers.len().saturating_sub(1).max(1);
    let line = |(layer, name): (usize, &String)| Line {
        name: shortened(name, NAME),
        curve: grouped.curve(Key { layer, along, class: None }, measure),
        shade: layer as f64 / last as f64,
        is_baseline,
    };
    attempts.layers.iter().enumerate().map(line).collect()
}

/// The medians in words.
fn described(lines: &[Line], measure: &str) -> String {
    let median = |curve: &Curve| {
        curve.quantile(0.5).map_or_else(|| "not reached".to_owned(), |median| format!("{median:.0}"))
    };
    let own = lines.iter().filter(|line| !line.is_baseline);
    let medians: Vec<String> = own.map(|line| format!("{} {}", line.name, median(&line.curve))).collect();
    format!("Median {measure}: {}", medians.join(", "))
}

/// The largest magnitude that flips, in any line.
fn largest(lines: &[Line]) -> f64 {
    let last = lines.iter().filter_map(|line| line.curve.points().last());
    last.map(|point| point.magnitude).fold(1.0, f64::max)
}

/// The median L∞ of each layer and class.
fn classes(job: &Job<'_>, found: &Found) -> Result<Vec<Block>> {
    let any = |group: &&Group| group.method == Along::Any.as_str();
    let groups: Vec<&Group> = found.groups.iter().filter(any).collect();
    let cell = |group: &Group| Cell {
        text: terminal_text::median(&group.linf, Measure::Linf, job.scale()),
        shade: Some(group.linf.median.map_or(1.0, |median| median / job.scale().linf)),
    };
    let of = |layer: &str, class: usize| {
        groups
            .iter()
            .find(|group| group.layer == layer && group.class == Some(class))
            .map(|group| cell(group))
    };
    map(
        job,
        groups.iter().filter_map(|group| group.class),
        of,
        Palette::Sequential,
        "The median L∞ by layer and class of the origin, in grey levels, along the direction that needs least. Dark: flips \
         soon; bright: takes much, or never flips.",
    )
}

/// Ratios of medians: a table, and a map of layers and classes.
fn compared(job: &Job<'_>, comparison: &Comparison) -> Result<Vec<Block>> {
    let name = comparison.baseline["name"].as_str().unwrap_or_default();
    let mut blocks = vec![Block::text(format!(
        "`{}` against `{}`, on the {} that both read rightly. A ratio above 1 means that more is needed than before; \
         the interval comes from drawing images again, the same of both networks.",
        shortened(&job.tested().name, 60),
        shortened(name, 60),
        counted(comparison.origins, "image", "images")
    ))];
    let rows = comparison.groups.iter().filter(|group| group.class.is_none());
    blocks.push(Block::Table {
        header: RATIO_HEADER.map(str::to_owned).to_vec(),
        rows: rows.map(|group| terminal_text::ratio_cells(group, job.scale())).collect(),
    });
    let any: Vec<&Compared> =
        comparison.groups.iter().filter(|group| group.method == Along::Any.as_str()).collect();
    let of = |layer: &str, class: usize| {
        let group = any.iter().find(|group| group.layer == layer && group.class == Some(class))?;
        let text = group.linf.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        // Half as much at one end, twice as much at the other.
        Some(Cell {
            text,
            shade: group.linf.ratio.map(|ratio| (ratio / (1.0 + ratio) * 3.0 - 1.0).clamp(0.0, 1.0)),
        })
    };
    blocks.extend(map(
        job,
        any.iter().filter_map(|group| group.class),
        of,
        Palette::Diverging,
        "The ratio of the median L∞ by layer and class, along the direction that needs least. Orange: less than before; \
         blue: more; a dash where a median is not reached.",
    )?);
    Ok(blocks)
}

fn map(
    job: &Job<'_>,
    classes: impl Iterator<Item = usize>,
    cell: impl Fn(&str, usize) -> Option<Cell>,
    palette: Palette,
    caption: &str,
) -> Result<Vec<Block>> {
    let mut classes: Vec<usize> = classes.collect();
    classes.sort_unstable();
    classes.dedup();
    if classes.len() > CLASSES {
        let count = classes.len();
        return Ok(vec![Block::text(format!(
            "There are {count} classes, too many for a map; `stability.json` has all of them."
        ))]);
    }
    let map = HeatMap {
        rows: job.layers.iter().map(|layer| shortened(layer, NAME)).collect(),
        columns: classes.iter().map(|&class| shortened(&job.names.of(class), CLASS)).collect(),
        cells: job
            .layers
            .iter()
            .map(|layer| classes.iter().map(|&class| cell(layer, class).unwrap_or_default()).collect())
            .collect(),
        palette,
    };
    let rows = map.rows.iter().zip(&map.cells);
    let described: Vec<String> = rows
        .map(|(name, cells)| {
            let texts: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
            format!("{name}: {}", texts.join(" "))
        })
        .collect();
    Ok(vec![Block::Drawing {
        svg: map.draw()?,
        width: map.width(),
        description: format!("{caption} Classes {}. {}", map.columns.join(" "), described.join("; ")),
        caption: caption.to_owned(),
    }])
}

fn how(job: &Job<'_>) -> Vec<Block> {
    let resampling = job.resampling();
    let scale = job.scale();
    vec![
        Block::text(format!(
            "Each image is reduced and magnified at each layer, Eq. (4), and moved toward a target of each other class, \
             Eq. (3).{} The line search finds the smallest step after which the 8-bit image is read as another class. It \
             follows the direction until no pixel moves any more: an attempt that has not flipped then never will.",
            job.targets.said()
        )),
        Block::text(format!(
            "Such attempts are censored at the end of the scale: L∞ {}, L2 {:.0}, PASS {}. Intervals hold the middle {:.0} % \
             of {} resamples with seed {}; images are drawn with all of their attempts, since attempts on one image are \
             alike.",
            scale.linf,
            scale.l2,
            scale.pass_score,
            100.0 * resampling.confidence,
            grouped(resampling.count),
            resampling.seed
        )),
    ]
}
