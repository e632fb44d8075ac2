//! The words of the report. Every number in them comes from the results.

use super::super::paper::Paper;
use super::super::plan::METHODS;
use super::super::results::Results;
use super::tables::{SAME, different};
use crate::terminal::grouped;

pub(super) const TITLE: &str = "Table 1: adversarial training on LeNet";

pub(super) const ERRORS: &str = "The error is the share of the test digits that a network misreads. Networks below \
    InfiMNIST are Basic LeNet, fine-tuned on its own perturbed training digits only, with the learning rate started again.";

pub(super) const CLAIMS: &str =
    "Each sentence is the paper's, shortened; it holds here if it holds for every seed.";

pub(super) const LAYERS: &str =
    "LOTS at each layer on its own: nine targets, one of each other class, for each test digit.";

pub(super) const VANISHED: &str = "Where the probability of the right class is exactly 1 in single precision, the \
    gradient of the loss is exactly 0 and there is no direction to go. The paper's rates are those of a program that \
    stops there. Followed in double precision, the gradient does not vanish.";

pub(super) const SETS: &str = "Formed on the training digits with Basic LeNet; digits that it misreads were skipped. Each \
    image lies in the folder with its label and where it comes from.";

pub(super) const EXAMPLES: &str = "The first test digit that both networks read rightly as a 4, and the smallest \
    perturbations that change what is read.";

pub(super) fn lead(paper: &Paper) -> String {
    format!(
        "Which perturbed images, used for training, make LeNet better at reading digits, and harder to fool? The \
         experiment of {}, from random weights, beside its numbers.",
        paper.source
    )
}

/// What a reader who reads one paragraph should know.
pub(super) fn short(results: &Results, held: usize, claims: usize) -> String {
    let images =
        results.seeds.first().and_then(|seed| seed.networks.first()).map_or(0, |first| first.row.images);
    format!(
        "{} The table has the error on {} test digits and how often each method finds a perturbation that changes what \
         a network reads. Of {claims} statements of the paper about it, {held} hold here.",
        seeds(results),
        grouped(images)
    )
}

/// A warning for small runs.
pub(super) fn small(results: &Results) -> String {
    format!(
        "This was a small run: `--scale {}` does that share of the iterations, attacks and tests. Its numbers say that \
         everything works, and nothing else.",
        results.scale
    )
}

/// How the cells are to be read.
pub(super) fn cells(results: &Results) -> String {
    let over = if results.seeds.len() > 1 {
        " They are means over the seeds; the deviation over the seeds is in parentheses."
    } else {
        ""
    };
    format!(
        "Success is the share of attempts on rightly read test digits that change what is read. PASS (1 is the same to a \
         human eye) and the norms (in grey levels) are means and standard deviations over what was reached.{over} Beside \
         them are the paper's cells; – where its copy cannot be read."
    )
}

/// A plain statement of how much differs.
pub(super) fn differences(results: &Results, paper: &Paper) -> String {
    let (different, compared) = different(results, paper);
    format!(
        "Of {compared} means of the paper that can be read, {} are met within {:.0} % (success rates within as many \
         percentage points), and {} are not; these are listed, the largest difference first. The paper's network is one \
         training run with unknown random weights, and how its fine-tuning images were shuffled, which ten targets were \
         used and how long the networks of single layers were trained is not stated.",
        compared - different.len(),
        100.0 * SAME,
        different.len()
    )
}

pub(super) fn refined(results: &Results) -> String {
    let digits = results.seeds.first().map_or(0, |seed| seed.refinement.origins);
    format!(
        "For {} test digits, each image that {} or {} found on Basic LeNet became the target of its own origin. Whether \
         training with the refined images helps was not tried.",
        grouped(digits),
        METHODS[1].1,
        METHODS[2].1
    )
}

/// What was done, so that it can be done again.
pub(super) fn how(results: &Results) -> String {
    let targets: Vec<String> = results
        .seeds
        .iter()
        .map(|seed| {
            let digits: Vec<String> =
                seed.targets.iter().map(|chosen| grouped(chosen.training_digit)).collect();
            format!("seed {}: {}", seed.seed, digits.join(" · "))
        })
        .collect();
    format!(
        "LeNet and its training are Caffe's. Targets are the training digits, one a class, that Basic LeNet is most sure \
         of; counted from 0, in the order of the classes, they are {}. The same command on any machine, with any number of \
         threads, interrupted or not, gives the same bytes.",
        targets.join("; ")
    )
}

/// The command.
pub(super) fn command(results: &Results) -> String {
    let seeds: Vec<String> = results.seeds.iter().map(|seed| format!(" --seed {}", seed.seed)).collect();
    let scale = if results.scale < 1.0 { format!(" --scale {}", results.scale) } else { String::new() };
    format!("lots fetch mnist\nlots table1 --mnist data/mnist{}{scale}", seeds.concat())
}

fn seeds(results: &Results) -> String {
    let numbers: Vec<String> = results.seeds.iter().map(|seed| seed.seed.to_string()).collect();
    match numbers.len() {
        1 => format!("One run, with seed {}.", numbers[0]),
        count => format!("{count} runs, with the seeds {}.", numbers.join(", ")),
    }
}
