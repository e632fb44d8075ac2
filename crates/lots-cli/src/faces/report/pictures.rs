//! The perturbed faces that are seen least, like the paper's Figure 4: origin, perturbed face at each layer with its
//! perturbation, target.

use lots::figure::{Caption, Group, Panel, PanelSize, PerturbationPicture, PerturbationScale, Sheet};
use lots::page::Block;
use lots::{Image, Perturbation};

use super::Job;
use super::attempts::{Pair, Row};
use crate::failure::Result;
use crate::run_folder::RunFolder;
use crate::terminal::shortened;

/// So many pairs for each method.
const PAIRS: usize = 2;
/// So many layers in a row.
const LAYERS: usize = 5;
const NAME: usize = 14;

/// A sheet for each method.
pub(super) fn blocks(job: &Job<'_>, rows: &[Row], folder: &RunFolder) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut methods: Vec<&str> = job.experiment.groups.iter().map(|group| group.method.as_str()).collect();
    methods.dedup();
    for method in methods {
        let own: Vec<&Row> = rows.iter().filter(|row| row.method == method && is_shown(job, row)).collect();
        let sheet = Sheet { panel_size: PanelSize::Small, ..Sheet::default() }
            .with_footnote("L2, L∞: in grey levels 0–255 · PASS: 1 means the same to a human eye");
        let (mut sheet, mut captions) = (sheet, Vec::new());
        for pair in least_visible(&own) {
            let of_pair: Vec<&Row> = own.iter().filter(|row| row.pair == pair).copied().collect();
            let (group, caption) = row_of(job, &of_pair, folder)?;
            sheet = sheet.with_row([group]);
            captions.push(caption);
        }
        if captions.is_empty() {
            continue;
        }
        blocks.push(Block::Picture {
            image: sheet.render(),
            description: captions.join("; "),
            caption: format!("`{method}`: the pairs with the least visible perturbations, by layer."),
        });
    }
    Ok(blocks)
}

fn is_shown(job: &Job<'_>, row: &Row) -> bool {
    let show = &job.args.show;
    show.is_empty() || show.contains(&row.origin_identity) && show.contains(&row.target_identity)
}

/// The pairs with the highest PASS at any layer; without PASS, those with the smallest L2. No identity is an origin twice.
fn least_visible(rows: &[&Row]) -> Vec<usize> {
    let mut reached: Vec<(&Row, f64, f64)> = rows
        .iter()
        .filter_map(|row| row.perturbed.as_ref().map(|it| (*row, it.pass_score.unwrap_or(0.0), it.l2)))
        .collect();
    reached.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.2.total_cmp(&other.2)));
    let (mut pairs, mut origins) = (Vec::new(), Vec::new());
    for (row, _, _) in reached {
        if pairs.len() < PAIRS && !origins.contains(&&row.origin_identity) {
            pairs.push(row.pair);
            origins.push(&row.origin_identity);
        }
    }
    pairs
}

fn row_of(job: &Job<'_>, rows: &[&Row], folder: &RunFolder) -> Result<(Group, String)> {
    let first = rows[0];
    let Pair { origin, target } = job.pairs[first.pair];
    let [origin, target] = [origin, target].map(|image| &job.identities.images[image]);
    let name = |identity: &str| shortened(identity, NAME);
    let [from, to] = [name(&first.origin_identity), name(&first.target_identity)];
    let mut panels = vec![Panel::new(origin.clone(), Caption::new("origin").with_detail(&from))];
    let mut words = vec![format!("{from} becomes {to}")];
    for row in rows.iter().take(LAYERS) {
        let place = name(&row.layer);
        let Some(perturbed) = &row.perturbed else {
            words.push(format!("{place} not reached"));
            continue;
        };
        let image = Image::open(folder.path(&perturbed.file))?;
        let perturbation = Perturbation::between(origin, &image)?;
        let picture = PerturbationPicture::new(&perturbation, PerturbationScale::FullRange);
        let measures = match perturbed.pass_score {
            Some(score) => format!("PASS {score:.3}"),
            None => String::new(),
        };
        let caption = Caption::new(place.clone())
            .with_detail(measures)
            .with_detail(format!("L2 {:.0} · L∞ {}", perturbed.l2, perturbed.linf));
        words.push(format!("{place} L2 {:.0}", perturbed.l2));
        panels.push(Panel::perturbed(image, caption, picture));
    }
    panels.push(Panel::new(target.clone(), Caption::new("target").with_detail(&to)));
    Ok((Group::new(format!("{from} → {to}"), panels), words.join(", ")))
}
