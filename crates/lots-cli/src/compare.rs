//! `lots compare`: methods at equal cost on the same pairs of origin and target.

mod attempts;
mod plots;
mod report;
mod summary;
mod terminal_text;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use lots::Method;
use lots::criterion::Until;
use lots::data::ImageSet;
use lots::direction::Objective;
use lots::experiment::{Attempt, Experiment, Pairing};
use lots::mask::Mask;
use serde::Serialize;
use serde_json::{Value, json};

use self::attempts::{Attempts, Row};
use self::summary::{Group, groups};
use crate::Done;
use crate::args::{CompareArgs, LabelledArgs};
use crate::attack::images::{LeftOutOf, Targets, labelled, picked};
use crate::attack::plan::{self, expect_once};
use crate::attack::settings;
use crate::digest::ImagesDigest;
use crate::failure::{About, Failure, Result};
use crate::interrupt::{Interrupt, interrupted};
use crate::json_file;
use crate::network::Loaded;
use crate::terminal::{Terminal, counted};
use crate::unfinished::Unfinished;
use crate::whole_folder::Asked;

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 2;

/// What the comparison came to, with everything that it follows from.
const REPORT: &str = "comparison.json";
/// What each attempt had found at which cost.
const ATTEMPTS: &str = "attempts.csv";

/// About so many pairs are attacked together; what is done is kept after each chunk.
const CHUNK: usize = 64;

/// The first cost at which attempts are looked at: less than any finds something for.
const FIRST_CHECKPOINT: usize = 4;

pub(crate) fn run(args: &CompareArgs, terminal: Terminal) -> Result<Done> {
    let job = Job::new(args, terminal)?;
    let asked =
        Asked { out: &args.out, resume: args.resume, force: args.force, what: "comparison", marker: REPORT };
    let Some(mut unfinished) = Unfinished::start(asked, &job.settings, &[ATTEMPTS.to_owned()])? else {
        terminal.say(format!("{} is complete, nothing is measured anew", args.out.display()));
        return Found::read(&job, &args.out)?.tell(&job, terminal);
    };
    if let Err(failure) = job.measure(&mut unfinished, terminal) {
        unfinished.leave();
        return Err(failure);
    }
    let found = Found::read(&job, unfinished.folder.unfinished())?;
    found.write(&job, unfinished.folder.unfinished())?;
    unfinished.finish()?;
    found.tell(&job, terminal)
}

/// What is compared, on what.
struct Job<'a> {
    args: &'a CompareArgs,
    loaded: Loaded,
    origins: ImageSet,
    targets: Targets,
    left_out: LeftOutOf,
    experiment: Experiment,
    settings: Value,
}

impl<'a> Job<'a> {
    fn new(args: &'a CompareArgs, terminal: Terminal) -> Result<Self> {
        let loaded = Loaded::open(&args.network)?;
        expect_once("--method", &args.method)?;
        expect_once("--layer", &args.layer)?;
        let mask = args.part.mask(&loaded.network)?;
        let objectives = args.layer.iter().map(|text| loaded.objective(text, &mask));
        let objectives = objectives.collect::<Result<Vec<_>>>()?;
        let partial = not_one_whole_layer(args, &objectives);
        let experiment = experiment(args, &loaded, mask, methods(args, partial.as_deref(), terminal)?)?;
        expect_effect(args, &experiment)?;
        let origins = LabelledArgs {
            mnist: None,
            origin: args.origin.origin.clone(),
            labels: args.origin.labels.clone(),
        };
        let origins = labelled(&origins, &loaded.network, terminal)?;
        let targets = Targets::labelled(&args.target, &origins.set, &loaded.network, terminal)?;
        let left_out = origins.left_out(&targets);
        let mut job =
            Self { args, loaded, origins: origins.set, targets, left_out, experiment, settings: Value::Null };
        job.settings = job.settings()?;
        Ok(job)
    }

    /// Everything that what is found follows from.
    fn settings(&self) -> Result<Value> {
        let mut digest = ImagesDigest::default();
        digest.add_set(&self.origins);
        let Experiment { groups, until, checkpoints, descents, relu_start, vanished_gradient, .. } =
            &self.experiment;
        Ok(json!({
            "format_version": FORMAT_VERSION,
            "versions": { "lots": env!("CARGO_PKG_VERSION") },
            "network": { "name": self.loaded.name, "sha256": self.loaded.sha256 },
            "data": { "origin_sha256": digest.digits(), "target_sha256": self.targets.sha256 },
            "methods": groups.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "options": {
                "until": until.to_string(),
                "budget": self.args.budget,
                "checkpoints": checkpoints,
                "backpropagation": format!("{relu_start:?}").to_lowercase(),
                "vanished_gradient": format!("{vanished_gradient:?}").to_lowercase(),
                "lbfgs": {
                    "first_weight": descents.l_bfgs.first_weight,
                    "bisections": descents.l_bfgs.bisections,
                    "iterations": descents.l_bfgs.max_iterations,
                },
                "feature": {
                    "radius": descents.feature_adversary.radius,
                    "iterations": descents.feature_adversary.max_iterations,
                },
                "projected": {
                    "radius": descents.projected_gradient.max_radius,
                    "iterations": descents.projected_gradient.iterations,
                    "random_start": descents.projected_gradient.random_start,
                },
                "mask": settings::mask(&self.args.part)?,
                "pass_score": !self.args.no_pass,
            },
        }))
    }

    /// All origins that are not done yet, some at a time.
    fn measure(&self, unfinished: &mut Unfinished, terminal: Terminal) -> Result<()> {
        let count = self.origins.len();
        let chunk = (CHUNK / self.targets.set.len().max(1)).max(1);
        let interrupt = Interrupt::catch()?;
        let progress = terminal.progress(count as u64, "origins");
        progress.inc(unfinished.origins(0) as u64);
        progress.reset_eta();
        while unfinished.origins(0) < count {
            let first = unfinished.origins(0);
            let end = count.min(first + chunk);
            let Some(rows) = self.chunk(first..end, &interrupt)? else {
                progress.finish_and_clear();
                return Err(interrupted(first, count, self.args.force));
            };
            unfinished.add(0, &rows, end)?;
            progress.inc((end - first) as u64);
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// Every method on every pair of some origins; none if Ctrl-C came before all was done.
    fn chunk(&self, range: Range<usize>, interrupt: &Interrupt) -> Result<Option<Vec<Row>>> {
        let set = &self.targets.set;
        let (mut numbers, mut places) = (Vec::new(), Vec::new());
        for number in range {
            let others = |&place: &usize| set.label(place) != self.origins.label(number);
            for place in (0..set.len()).filter(others) {
                numbers.push(number);
                places.push(place);
            }
        }
        if numbers.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let (origins, targets) = (picked(&self.origins, &numbers)?, picked(set, &places)?);
        let mut rows: Vec<Row> = Vec::new();
        let mut keep = |attempt: Attempt| {
            let pair = attempts::Pair {
                number: numbers[attempt.origin],
                origin: &origins.names()[attempt.origin],
                target: &targets.names()[attempt.origin],
                target_class: targets.label(attempt.origin),
            };
            rows.extend(Row::of(&self.experiment, pair, &attempt));
        };
        let network = &self.loaded.network;
        match self.experiment.run_until(network, &origins, Some(&targets), &mut keep, interrupt.flag()) {
            Err(lots::Error::Interrupted) => Ok(None),
            done => {
                done.about("network", &self.loaded.name)?;
                Ok(Some(rows))
            }
        }
    }
}

/// What was found.
struct Found {
    attempts: Attempts,
    groups: Vec<Group>,
}

/// What `--json` prints and `comparison.json` holds.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    settings: &'a Value,
    origins: Origins,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: &'a LeftOutOf,
    groups: &'a [Group],
}

/// How many images there are, how many of them the network reads rightly, and how many pairs they make.
#[derive(Serialize)]
struct Origins {
    images: usize,
    attacked: usize,
    misclassified: usize,
    pairs: usize,
}

impl Found {
    /// Reads the attempts of a folder and draws the conclusions.
    fn read(job: &Job<'_>, folder: &Path) -> Result<Self> {
        let path = folder.join(ATTEMPTS);
        let attempts = if path.exists() { Attempts::read(&path)? } else { Attempts::default() };
        if attempts.records.is_empty() {
            let images = counted(job.origins.len(), "image", "images");
            return Err(Failure::new(format!(
                "no pair of {images} and targets of other classes is read as labelled"
            ))
            .about("network", &job.loaded.name)
            .with_hint("`--labels predicted` takes what the network reads"));
        }
        let groups = groups(&attempts, &job.experiment);
        Ok(Self { attempts, groups })
    }

    /// Writes what belongs beside the attempts.
    fn write(&self, job: &Job<'_>, folder: &Path) -> Result<()> {
        let page = report::page(job, self)?.to_html()?;
        lots::whole_file::write(folder.join("report.html"), page.as_bytes())?;
        json_file::write(&folder.join(REPORT), &self.report(job))
    }

    fn report<'a>(&'a self, job: &'a Job<'_>) -> Report<'a> {
        let origins = Origins::of(job, &self.attempts);
        Report { settings: &job.settings, origins, left_out: &job.left_out, groups: &self.groups }
    }

    /// Shows what was found.
    fn tell(&self, job: &Job<'_>, terminal: Terminal) -> Result<Done> {
        terminal.result(&self.report(job), || terminal_text::of(job, self))?;
        let is_reached = self.groups.iter().any(|group| group.reached > 0);
        Ok(if is_reached { Done::Reached } else { Done::NotReached })
    }
}

impl Origins {
    fn of(job: &Job<'_>, attempts: &Attempts) -> Self {
        let (images, attacked) = (job.origins.len(), attempts.origins());
        Self { images, attacked, misclassified: images - attacked, pairs: attempts.pairs() }
    }
}

/// What is tried on each pair.
fn experiment(args: &CompareArgs, loaded: &Loaded, mask: Mask, methods: Vec<Method>) -> Result<Experiment> {
    let until = args.until.unwrap_or_default();
    if !matches!(until, Until::Misclassified | Until::Class) {
        return Err(Failure::new(format!("`--until {until}` cannot be compared"))
            .with_hint("methods without a layer know no representation; use `misclassified` or `class`"));
    }
    let layers: Vec<String> = if args.layer.is_empty() {
        loaded.weight_layers().map(str::to_owned).collect()
    } else {
        args.layer.clone()
    };
    if layers.is_empty() && methods.iter().any(|method| method.needs_layer()) {
        return Err(Failure::new(format!("`{}` has no layer with weights", loaded.name))
            .with_hint("choose layers with `--layer NAME`; `lots layers NETWORK` lists them"));
    }
    Ok(Experiment {
        groups: plan::groups(methods.into_iter(), layers.iter().map(String::as_str)),
        until,
        pairing: Pairing::Same,
        mask,
        relu_start: args.how.backpropagation.unwrap_or_default().into(),
        vanished_gradient: args.how.vanished_gradient.unwrap_or_default().into(),
        descents: args.descent.options(args.seed),
        budget: Some(args.budget),
        checkpoints: checkpoints(args.budget),
        with_pass_score: !args.no_pass,
        memory: args.memory.bytes(),
        ..Experiment::default()
    })
}

/// Costs up to the budget, each about √2 times the one before.
fn checkpoints(budget: usize) -> Vec<usize> {
    // Sixty-four of them are more than any number of passes.
    let mut costs: Vec<usize> = (0_u8..64)
        .map(|index| (FIRST_CHECKPOINT as f64 * libm::exp2(f64::from(index) / 2.0)).round() as usize)
        .take_while(|&cost| cost < budget)
        .collect();
    costs.push(budget);
    costs
}

/// # Errors
/// The arguments that would have no effect.
fn expect_effect(args: &CompareArgs, experiment: &Experiment) -> Result<()> {
    let methods: Vec<Method> = experiment.groups.iter().map(|group| group.method).collect();
    let any = |has: fn(Method) -> bool| methods.iter().any(|&method| has(method));
    let is_loss = any(|method| matches!(method, Method::FastGradientSign | Method::FastGradientValue));
    let has_start = any(|method| method.needs_layer() && !method.is_descent());
    let own = [
        ("--layer", !args.layer.is_empty(), any(Method::needs_layer)),
        ("--backpropagation", args.how.backpropagation.is_some(), has_start),
        ("--vanished-gradient", args.how.vanished_gradient.is_some(), is_loss),
        ("--seed", args.seed != 0, args.descent.projected_random),
    ];
    let of_descents =
        args.descent.given().map(|(flag, is_given, method)| (flag, is_given, methods.contains(&method)));
    let of_parts = args.part.given().map(|(flag, is_given)| (flag, is_given, any(Method::needs_layer)));
    let given = own.iter().chain(&of_parts).chain(&of_descents);
    let vain: Vec<&str> =
        given.filter(|(_, is_given, has)| *is_given && !has).map(|(flag, ..)| *flag).collect();
    if vain.is_empty() {
        return Ok(());
    }
    Err(Failure::no_effect(&vain, "the methods that are compared", "compare"))
}

/// What is looked at where that is not one whole layer at a time.
fn not_one_whole_layer(args: &CompareArgs, objectives: &[Objective]) -> Option<String> {
    let several = objectives.iter().position(|objective| objective.layers().len() > 1);
    match several.map(|place| &args.layer[place]) {
        Some(text) => Some(format!("several: `{text}`")),
        None => (!args.part.is_empty()).then(|| "a part of one".to_owned()),
    }
}

/// The methods that are compared. Of those that nobody has chosen, the one that cannot look at what is asked for is left
/// out, which is said.
///
/// - `partial`: what is looked at, if not one whole layer at a time.
///
/// # Errors
/// If it was chosen.
fn methods(args: &CompareArgs, partial: Option<&str>, terminal: Terminal) -> Result<Vec<Method>> {
    let whole = Method::FeatureAdversary;
    let is_chosen = !args.method.is_empty();
    let all = || Method::ALL.into_iter().filter(|method| !matches!(method, Method::Magnify | Method::Reduce));
    let mut methods = if is_chosen { args.method.clone() } else { all().collect() };
    let Some(what) = partial.filter(|_| methods.contains(&whole)) else { return Ok(methods) };
    let reason = format!("moves toward one whole layer, not {what}");
    if is_chosen {
        return Err(Failure::new(format!("`{whole}` {reason}")).with_hint(
            "choose other methods with `--method`, such as `--method toward --method step-and-adjust`",
        ));
    }
    terminal.say(format!("left out the method `{whole}`, which {reason}"));
    methods.retain(|method| *method != whole);
    Ok(methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_lead_to_the_budget() {
        assert_eq!(checkpoints(32), [4, 6, 8, 11, 16, 23, 32]);
        assert_eq!(checkpoints(40).last(), Some(&40));
    }
}
