//! The tables of the report.

use lots::page::Block;

use super::super::paper::{Paper, PaperCell};
use super::super::plan::{LAYERS, METHODS, NETWORKS, TrainedOn};
use super::super::results::{Measure, Over, Results, text};
use crate::terminal::grouped;

const NONE: &str = "–";

/// `0.91 %`, of several seeds with the deviation.
pub(super) fn error(results: &Results, network: &str) -> String {
    Measure::SuccessRate.over(results.error(network))
}

/// The table at a glance.
pub(super) fn overview(results: &Results) -> Block {
    let header = ["network", "error", "FGS", "FGV", "HC", "LOTS"];
    let rows = NETWORKS.iter().map(|network| {
        let mut row = vec![network.title.to_owned(), error(results, network.key)];
        row.extend(METHODS.map(|(method, _)| {
            let rate = results.cell(network.key, method, Measure::SuccessRate);
            Measure::SuccessRate.over(rate)
        }));
        row
    });
    table(&header, rows.collect())
}

/// How each network was made, and its error beside the paper's.
pub(super) fn errors(results: &Results, paper: &Paper) -> Block {
    let header = ["network", "learnt from", "iterations", "error", "paper"];
    let rows = NETWORKS.iter().enumerate().map(|(index, network)| {
        let learnt = match network.trained_on {
            TrainedOn::Mnist => "training digits".to_owned(),
            TrainedOn::Infimnist => "deformed digits".to_owned(),
            TrainedOn::Perturbed(sets) => {
                let images = results.over(|seed| {
                    let own = seed.sets.iter().filter(|(key, _)| sets.contains(&key.as_str()));
                    Some(own.map(|(_, set)| set.images as f64).sum())
                });
                format!("{} perturbed", text(images, |value| grouped(value.round() as usize)))
            }
        };
        let iterations = results.seeds.first().map_or(0, |seed| seed.networks[index].iterations);
        vec![
            network.title.to_owned(),
            learnt,
            grouped(iterations),
            error(results, network.key),
            paper
                .error(network.key)
                .map_or_else(|| NONE.to_owned(), |value| Measure::SuccessRate.text(value)),
        ]
    });
    table(&header, rows.collect())
}

/// A method on each network: ours, and the paper's where it can be read.
pub(super) fn method(results: &Results, paper: &Paper, method: &str) -> Block {
    let header = ["network", "success", "paper", "PASS", "paper", "L2", "paper", "L∞", "paper"];
    let rows = NETWORKS.iter().map(|network| {
        let mut row = vec![network.title.to_owned()];
        for measure in Measure::ALL {
            row.push(cell(results, network.key, method, measure));
            row.push(paper.cell(network.key, method).map_or_else(
                || NONE.to_owned(),
                |cell| {
                    let (mean, std) = of_paper(cell, measure);
                    spread(measure, mean, std)
                },
            ));
        }
        row
    });
    table(&header, rows.collect())
}

/// LOTS at each layer on each network.
pub(super) fn layers(results: &Results) -> Block {
    let header = ["network", "layer", "success", "PASS", "L2", "L∞"];
    let rows = NETWORKS.iter().flat_map(|network| {
        LAYERS.map(|layer| {
            let group = format!("toward/{layer}");
            let mut row = vec![network.title.to_owned(), format!("`{layer}`")];
            row.extend(Measure::ALL.map(|measure| cell(results, network.key, &group, measure)));
            row
        })
    });
    table(&header, rows.collect())
}

/// The fast gradient methods in both readings.
pub(super) fn followed(results: &Results) -> Block {
    let header =
        ["network", "method", "vanished", "success", "success, followed", "PASS, followed", "L2, followed"];
    let rows = NETWORKS.iter().flat_map(|network| {
        METHODS[..2].iter().map(|(method, title)| {
            let followed = |measure: Measure| {
                let over = results.over(|seed| measure.of(seed.row(network.key)?.followed(method)?));
                measure.over(over)
            };
            let vanished = results.over(|seed| {
                let numbers = seed.row(network.key)?.group(method)?;
                Some(numbers.not_reached.vanished_gradient as f64 / numbers.attempts.max(1) as f64)
            });
            vec![
                network.title.to_owned(),
                (*title).to_owned(),
                Measure::SuccessRate.over(vanished),
                cell(results, network.key, method, Measure::SuccessRate),
                followed(Measure::SuccessRate),
                followed(Measure::PassScore),
                followed(Measure::L2),
            ]
        })
    });
    table(&header, rows.collect())
}

/// What was formed on the training digits.
pub(super) fn sets(results: &Results) -> Block {
    let header = ["set", "origins", "attempts", "images", "success", "L2", "L∞"];
    let keys: Vec<&String> =
        results.seeds.iter().take(1).flat_map(|seed| &seed.sets).map(|(key, _)| key).collect();
    let rows = keys.iter().map(|key| {
        let value = |pick: &dyn Fn(&super::super::form::SetReport) -> Option<f64>| {
            results.over(|seed| pick(&seed.sets.iter().find(|(name, _)| name == *key)?.1))
        };
        let count = |over| text(over, |value| grouped(value.round() as usize));
        vec![
            format!("`{key}`"),
            count(value(&|set| Some(set.origins as f64))),
            count(value(&|set| Some(set.numbers.attempts as f64))),
            count(value(&|set| Some(set.images as f64))),
            Measure::SuccessRate.over(value(&|set| set.numbers.success_rate)),
            Measure::L2.over(value(&|set| set.numbers.l2.mean)),
            Measure::Linf.over(value(&|set| set.numbers.linf.mean)),
        ]
    });
    table(&header, rows.collect())
}

/// LOTS toward images of other methods.
pub(super) fn refined(results: &Results) -> Block {
    let header = ["targets", "layer", "attempts", "success", "PASS of targets", "PASS of LOTS", "better"];
    let groups = results.seeds.iter().take(1).flat_map(|seed| &seed.refinement.groups);
    let rows = groups.map(|group| {
        let value = |pick: &dyn Fn(&super::super::refine::RefinedReport) -> Option<f64>| {
            results.over(|seed| {
                let own = seed.refinement.groups.iter();
                pick(own.filter(|own| own.method == group.method).find(|own| own.layer == group.layer)?)
            })
        };
        let share = |count: usize, of: usize| (of > 0).then(|| count as f64 / of as f64);
        let percent = |over| Measure::SuccessRate.over(over);
        let pass = |over| Measure::PassScore.over(over);
        vec![
            format!("`{}`", group.method),
            format!("`{}`", group.layer),
            text(value(&|own| Some(own.attempts as f64)), |value| grouped(value.round() as usize)),
            percent(value(&|own| share(own.reached, own.attempts))),
            pass(value(&|own| own.target_pass_score)),
            pass(value(&|own| own.found_pass_score)),
            percent(value(&|own| share(own.improved, own.reached))),
        ]
    });
    table(&header, rows.collect())
}

/// A cell that differs from the paper's.
pub(super) struct Difference {
    network: &'static str,
    column: String,
    measure: Measure,
    ours: Over,
    paper: f64,
}

impl Difference {
    /// Relative to the paper's value; of a success rate in parts of all attempts.
    fn size(&self) -> f64 {
        match self.measure {
            Measure::SuccessRate => (self.ours.mean - self.paper).abs(),
            _ => (self.ours.mean / self.paper - 1.0).abs(),
        }
    }
}

/// Means that differ from the paper's by less than this are called the same.
pub(super) const SAME: f64 = 0.05;

/// All cells that differ by more than [`SAME`], the largest first.
pub(super) fn different(results: &Results, paper: &Paper) -> (Vec<Difference>, usize) {
    let mut compared = Vec::new();
    for network in &NETWORKS {
        for (method, title) in METHODS {
            let Some(cell) = paper.cell(network.key, method) else { continue };
            for measure in Measure::ALL {
                let Some(ours) = results.cell(network.key, method, measure) else { continue };
                let column = format!("{title}, {}", measure.name());
                let paper = of_paper(cell, measure).0;
                compared.push(Difference { network: network.title, column, measure, ours, paper });
            }
        }
    }
    let count = compared.len();
    compared.retain(|difference| difference.size() > SAME);
    compared.sort_by(|a, b| b.size().total_cmp(&a.size()));
    (compared, count)
}

pub(super) fn differences(results: &Results, paper: &Paper) -> Block {
    let header = ["network", "column", "here", "paper", "difference"];
    let rows = different(results, paper).0.into_iter().map(|difference| {
        let apart = difference.ours.mean - difference.paper;
        let apart = match difference.measure {
            Measure::SuccessRate => format!("{:+.2} points", 100.0 * apart),
            _ => format!("{:+.1} %", 100.0 * apart / difference.paper),
        };
        vec![
            difference.network.to_owned(),
            difference.column.clone(),
            difference.measure.over(Some(difference.ours)),
            difference.measure.text(difference.paper),
            apart,
        ]
    });
    table(&header, rows.collect())
}

/// `0.4303 ± 0.1098` over images; of several seeds the means of both, and the deviation over the seeds behind.
fn cell(results: &Results, network: &str, group: &str, measure: Measure) -> String {
    let Some(over) = results.cell(network, group, measure) else { return NONE.to_owned() };
    let std = results.over(|seed| measure.std_of(seed.row(network)?.group(group)?));
    let seeds = over.std.map(|std| format!(" (± {})", measure.text(std).trim_end_matches(" %")));
    spread(measure, over.mean, std.map(|std| std.mean)) + &seeds.unwrap_or_default()
}

fn spread(measure: Measure, mean: f64, std: Option<f64>) -> String {
    match std {
        Some(std) => format!("{} ± {}", measure.text(mean), measure.text(std)),
        None => measure.text(mean),
    }
}

fn of_paper(cell: PaperCell, measure: Measure) -> (f64, Option<f64>) {
    let [mean, std] = match measure {
        Measure::SuccessRate => return (cell.success_rate, None),
        Measure::PassScore => cell.pass_score,
        Measure::L2 => cell.l2,
        Measure::Linf => cell.linf,
    };
    (mean, Some(std))
}

fn table(header: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table { header: header.iter().map(|&name| name.to_owned()).collect(), rows }
}
