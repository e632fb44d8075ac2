//! What the paper says of its table, sentence by sentence, and whether it holds here.

use super::paper::Paper;
use super::plan::{BASIC, LAYERS, METHODS, NETWORKS, NetworkPlan};
use super::results::{Measure, Results, SeedResults, text};
use crate::terminal::grouped;

/// A sentence and what was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claim {
    pub(super) sentence: &'static str,
    pub(super) verdict: Verdict,
    /// The numbers.
    pub(super) found: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    /// For so many seeds of all.
    Partly(usize, usize),
    Fails,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Holds => formatter.write_str("holds"),
            Self::Partly(seeds, all) => write!(formatter, "holds for {seeds} of {all} seeds"),
            Self::Fails => formatter.write_str("does not hold"),
        }
    }
}

const LAYER_NETWORKS: [&str; 4] = ["toward-conv1", "toward-conv2", "toward-ip1", "toward-ip2"];
/// Rates that differ by less coincide: a twentieth of a percentage point, five images of ten thousand.
const COINCIDE: f64 = 5e-4;

/// All claims about the numbers of the table.
pub(super) fn all(results: &Results, paper: &Paper) -> Vec<Claim> {
    let mut claims = of_methods(results);
    claims.extend(of_errors(results, paper));
    claims.extend(of_robustness(results));
    claims.extend([refinement(results), formed(results, paper)]);
    claims
}

fn of_methods(results: &Results) -> Vec<Claim> {
    vec![
        claim(
            results,
            "Compared to other techniques, LOTS maintains a high success rate while its quality (PASS) is lower than \
             that of FGV and HC",
            |seed| {
                let pass = |method| seed.value(BASIC, method, Measure::PassScore);
                let success = seed.value(BASIC, "toward", Measure::SuccessRate);
                success >= 0.97 && pass("toward") < pass("fast-gradient-value").min(pass("hot-cold"))
            },
            texts(
                results,
                METHODS.map(|(method, title)| (title, BASIC, method)),
                &[Measure::SuccessRate, Measure::PassScore],
            ),
        ),
        claim(
            results,
            "FGS and FGV have the same success rate on every network, because both fail exactly where the loss \
             gradient has vanished",
            |seed| NETWORKS.iter().all(|network| coincide(seed, network)),
            vanished_text(results),
        ),
    ]
}

fn of_errors(results: &Results, paper: &Paper) -> Vec<Claim> {
    vec![
        claim(
            results,
            "Fine-tuning with LOTS samples achieves the lowest error among the networks that were fine-tuned",
            |seed| {
                let mut others = tuned().filter(|network| network.key != "toward");
                others.all(|network| seed.error("toward") < seed.error(network.key))
            },
            errors_text(results, tuned()),
        ),
        claim(
            results,
            "The error after LOTS is worse than that of InfiMNIST",
            |seed| seed.error("toward") > seed.error("infimnist"),
            errors_text(results, some(&["toward", "infimnist"])),
        ),
        claim(
            results,
            "Fine-tuning lowers the error of Basic LeNet, except where the paper's own does not",
            |seed| {
                let lowered = |network: &NetworkPlan| seed.error(network.key) < seed.error(BASIC);
                tuned().filter(|network| paper.error(network.key) < paper.error(BASIC)).all(lowered)
            },
            errors_text(results, some(&[BASIC]).chain(tuned())),
        ),
    ]
}

fn of_robustness(results: &Results) -> Vec<Claim> {
    vec![
        claim(
            results,
            "The LOTS network is the most robust: each method succeeds on it least often, compared with Basic LeNet, \
             InfiMNIST and the networks of the other methods",
            |seed| {
                METHODS.iter().all(|(method, _)| {
                    let rate = |network: &str| seed.value(network, method, Measure::SuccessRate);
                    OTHERS.iter().all(|other| rate("toward") < rate(other))
                })
            },
            robust_text(results),
        ),
        claim(
            results,
            "After fine-tuning on higher layers, stronger and more visible perturbations are needed: PASS falls and \
             the norms rise from CONV1 to IP2",
            |seed| METHODS.iter().all(|(method, _)| stronger(seed, method)),
            stronger_text(results),
        ),
        claim(
            results,
            "LOTS at lower layers needs perturbations of larger L2 norm",
            |seed| ordered(seed, Measure::L2),
            layers_text(results, Measure::L2),
        ),
        claim(
            results,
            "LOTS at lower layers gives perturbed images of higher PASS",
            |seed| ordered(seed, Measure::PassScore),
            layers_text(results, Measure::PassScore),
        ),
    ]
}

const OTHERS: [&str; 5] = [BASIC, "infimnist", "fast-gradient-sign", "fast-gradient-value", "hot-cold"];

/// A claim that holds if it does for every seed.
fn claim(
    results: &Results,
    sentence: &'static str,
    holds: impl Fn(&SeedResults) -> bool,
    found: String,
) -> Claim {
    let seeds = results.seeds.iter().filter(|seed| holds(seed)).count();
    let verdict = match seeds {
        0 => Verdict::Fails,
        seeds if seeds == results.seeds.len() => Verdict::Holds,
        seeds => Verdict::Partly(seeds, results.seeds.len()),
    };
    Claim { sentence, verdict, found }
}

impl SeedResults {
    /// Not a number, which makes every comparison false, where nothing was reached.
    fn value(&self, network: &str, group: &str, measure: Measure) -> f64 {
        self.row(network).and_then(|row| measure.of(row.group(group)?)).unwrap_or(f64::NAN)
    }

    fn error(&self, network: &str) -> f64 {
        self.row(network).map_or(f64::NAN, |row| row.error)
    }
}

fn tuned() -> impl Iterator<Item = &'static NetworkPlan> {
    NETWORKS.iter().filter(|network| !matches!(network.key, BASIC | "infimnist"))
}

fn some(keys: &'static [&'static str]) -> impl Iterator<Item = &'static NetworkPlan> {
    keys.iter().filter_map(|key| NETWORKS.iter().find(|network| network.key == *key))
}

/// `FGS 85.37 %, 0.4303; FGV …`
fn texts(results: &Results, cells: [(&str, &str, &str); 4], measures: &[Measure]) -> String {
    let cell = |(title, network, group): &(&str, &str, &str)| {
        let values: Vec<String> =
            measures.iter().map(|&measure| measure.over(results.cell(network, group, measure))).collect();
        format!("{title} {}", values.join(", "))
    };
    cells.iter().map(cell).collect::<Vec<_>>().join("; ")
}

fn errors_text(results: &Results, networks: impl Iterator<Item = &'static NetworkPlan>) -> String {
    let one = |network: &NetworkPlan| {
        format!("{} {}", network.title, Measure::SuccessRate.over(results.error(network.key)))
    };
    networks.map(one).collect::<Vec<_>>().join(", ")
}

fn coincide(seed: &SeedResults, network: &NetworkPlan) -> bool {
    let rate = |method| seed.value(network.key, method, Measure::SuccessRate);
    let vanished = |method: &str| {
        let numbers = seed.row(network.key).and_then(|row| row.group(method))?;
        Some((numbers.not_reached.vanished_gradient, numbers.attempts - numbers.reached))
    };
    let methods = ["fast-gradient-sign", "fast-gradient-value"];
    (rate(methods[0]) - rate(methods[1])).abs() < COINCIDE
        && methods.iter().all(|method| {
            vanished(method).is_some_and(|(vanished, failed)| vanished as f64 >= 0.99 * failed as f64)
        })
}

fn vanished_text(results: &Results) -> String {
    let (mut largest, mut vanished, mut failed, mut attempts, mut followed) = (0.0_f64, 0, 0, 0, 0);
    for row in results.seeds.iter().flat_map(|seed| &seed.networks).map(|network| &network.row) {
        let groups = ["fast-gradient-sign", "fast-gradient-value"].map(|method| row.group(method));
        let rates: Vec<f64> = groups.iter().flatten().filter_map(|numbers| numbers.success_rate).collect();
        if let [sign, value] = rates[..] {
            largest = largest.max((sign - value).abs());
        }
        for numbers in groups.into_iter().flatten() {
            vanished += numbers.not_reached.vanished_gradient;
            failed += numbers.attempts - numbers.reached;
        }
        for (_, numbers) in &row.followed {
            attempts += numbers.attempts;
            followed += numbers.reached;
        }
    }
    format!(
        "largest difference {:.2} percentage points; {} of {} failures are vanished gradients; where the gradient is \
         followed in double precision, {} of {} attempts succeed",
        100.0 * largest,
        grouped(vanished),
        grouped(failed),
        grouped(followed),
        grouped(attempts)
    )
}

fn robust_text(results: &Results) -> String {
    let one = |(method, title): &(&str, &str)| {
        let rate =
            |network: &str| Measure::SuccessRate.over(results.cell(network, method, Measure::SuccessRate));
        let others: Vec<String> =
            some(&OTHERS).map(|other| format!("{} {}", other.title, rate(other.key))).collect();
        format!("{title} succeeds on LOTS {}, on {}", rate("toward"), others.join(", "))
    };
    METHODS.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Whether PASS is lower and both norms are larger on the network of the highest layer than on that of the lowest.
fn stronger(seed: &SeedResults, method: &str) -> bool {
    let value = |network, measure| seed.value(network, method, measure);
    let (low, high) = (LAYER_NETWORKS[0], LAYER_NETWORKS[3]);
    value(high, Measure::PassScore) < value(low, Measure::PassScore)
        && value(high, Measure::L2) > value(low, Measure::L2)
        && value(high, Measure::Linf) > value(low, Measure::Linf)
}

fn stronger_text(results: &Results) -> String {
    let one = |(method, title): &(&str, &str)| {
        let measures: Vec<String> = [Measure::PassScore, Measure::L2, Measure::Linf]
            .iter()
            .map(|&measure| {
                let values = LAYER_NETWORKS.map(|network| {
                    results
                        .cell(network, method, measure)
                        .map_or_else(|| "–".to_owned(), |over| measure.text(over.mean))
                });
                format!("{} {}", measure.name(), values.join(" → "))
            })
            .collect();
        format!("{title}: {}", measures.join(", "))
    };
    METHODS.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Whether a measure of LOTS on Basic LeNet falls from layer to layer.
fn ordered(seed: &SeedResults, measure: Measure) -> bool {
    let values = LAYERS.map(|layer| seed.value(BASIC, &format!("toward/{layer}"), measure));
    values.windows(2).all(|pair| pair[0] > pair[1])
}

fn layers_text(results: &Results, measure: Measure) -> String {
    let one = |layer: &str| {
        let over = results.cell(BASIC, &format!("toward/{layer}"), measure);
        format!("{layer} {}", measure.over(over))
    };
    LAYERS.map(one).join(", ")
}

fn refinement(results: &Results) -> Claim {
    let mut found = Vec::new();
    for (method, title) in &METHODS[1..3] {
        for layer in LAYERS {
            let value = |pick: fn(&super::refine::RefinedReport) -> Option<f64>| {
                results.over(|seed| {
                    let groups = &seed.refinement.groups;
                    pick(groups.iter().find(|group| group.method == *method && group.layer == layer)?)
                })
            };
            let pass = |over| Measure::PassScore.over(over);
            found.push(format!(
                "{title} at {layer} {} → {} (better for {})",
                pass(value(|group| group.target_pass_score)),
                pass(value(|group| group.found_pass_score)),
                text(
                    value(|group| Some(group.improved as f64 / group.reached.max(1) as f64)),
                    |share| format!("{:.0} %", 100.0 * share)
                )
            ));
        }
    }
    let holds = |seed: &SeedResults| {
        METHODS[1..3].iter().all(|(method, _)| {
            let mut own = seed.refinement.groups.iter().filter(|group| group.method == *method);
            own.any(|group| group.found_pass_score > group.target_pass_score)
        })
    };
    claim(
        results,
        "LOTS with FGV or HC images as targets can produce images of higher PASS than their targets",
        holds,
        found.join("; "),
    )
}

fn formed(results: &Results, paper: &Paper) -> Claim {
    let images = |seed: &SeedResults, method: &str| {
        let own = seed.sets.iter().filter(|(_, set)| set.method == method);
        let share = |set: &super::form::SetReport| 60_000.0 * set.images as f64 / set.origins.max(1) as f64;
        own.map(|(_, set)| share(set)).sum::<f64>()
    };
    let expected = |method: &str| paper.formed.get(method).map_or(f64::NAN, |&count| count as f64);
    let one = |(method, title): &(&str, &str)| {
        let over = results.over(|seed| Some(images(seed, method)));
        format!(
            "{title} {} (paper: about {})",
            text(over, |value| grouped(value.round() as usize)),
            grouped(expected(method) as usize)
        )
    };
    let found = METHODS.iter().map(one).collect::<Vec<_>>().join(", ");
    claim(
        results,
        "On the 60,000 training digits about 52K images are formed by FGS, 51K by FGV, 538K by HC and 2.1M by LOTS \
         (within 3 %)",
        |seed| METHODS.iter().all(|(method, _)| (images(seed, method) / expected(method) - 1.0).abs() < 0.03),
        found,
    )
}

#[cfg(test)]
mod tests;
