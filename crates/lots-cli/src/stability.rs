//! `lots stability`: for every layer, direction and class, the smallest magnitude that flips the label; two networks
//! compared; conditions that fail a build.

mod attempts;
mod comparison;
mod condition;
mod junit;
mod report;
mod summary;
mod terminal_text;

use std::collections::BTreeMap;
use std::path::Path;

use lots::data::ImageSet;
use lots::experiment::{Attempt, Experiment};
use lots::survival::Resampling;
use lots::{LineSearch, Method};
use serde::Serialize;
use serde_json::{Value, json};

use self::attempts::{Attempts, METHODS, Row, Scale};
use self::comparison::{Comparison, Stored, shared};
pub(crate) use self::condition::Condition;
use self::condition::Verdict;
use self::summary::{Group, groups};
use crate::Done;
use crate::args::StabilityArgs;
use crate::attack::images::{LeftOutOf, Targets, labelled};
use crate::attack::plan::{self, expect_once};
use crate::class_names::ClassNames;
use crate::digest::ImagesDigest;
use crate::failure::{About, Failure, Result};
use crate::interrupt::{Interrupt, interrupted};
use crate::json_file;
use crate::network::{Loaded, OTHER_NETWORK};
use crate::terminal::Terminal;
use crate::unfinished::Unfinished;
use crate::whole_folder::Asked;

/// What the measurement came to, with everything that it follows from.
const REPORT: &str = "stability.json";
/// A row an attempt.
const ATTEMPTS: &str = "attempts.csv";
/// The folder of the baseline in that of a comparison of two networks.
const BASELINE: &str = "baseline";
/// How a measurement is called in messages.
const WHAT: &str = "stability run";

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 1;

/// About so many attempts are made together, on so many origins at most; what is done is kept after each chunk.
const CHUNK: usize = 4096;
const CHUNK_ORIGINS: usize = 256;

/// Longer than any direction takes to its end: the largest and the smallest single-precision numbers are 3·10³⁸ and 10⁻⁴⁵,
/// so the slowest pixel has arrived at black or white after 256 · 3·10⁸³ grey levels of the fastest.
const TO_THE_END: f64 = 1e90;

pub(crate) fn run(args: &StabilityArgs, terminal: Terminal) -> Result<Done> {
    let job = Job::new(args, terminal)?;
    let stored = args.baseline.as_ref().map(|folder| Stored::read(folder, &job.settings)).transpose()?;
    job.expect_conditions(stored.is_some())?;
    let asked = Asked { out: &args.out, resume: args.resume, force: args.force, what: WHAT, marker: REPORT };
    let Some(mut unfinished) = Unfinished::start(asked, &job.settings, &job.files())? else {
        terminal.say(format!("{} is complete, nothing is measured anew", args.out.display()));
        let found = Found::read(&job, &args.out, stored.as_ref())?;
        return found.tell(&job, terminal);
    };
    if let Err(failure) = job.measure(&mut unfinished, terminal) {
        unfinished.leave();
        return Err(failure);
    }
    let found = Found::read(&job, unfinished.folder.unfinished(), stored.as_ref())?;
    found.write(&job, unfinished.folder.unfinished())?;
    unfinished.finish()?;
    found.tell(&job, terminal)
}

/// What is measured, on what.
struct Job<'a> {
    args: &'a StabilityArgs,
    /// That which is tested is the last; its baseline comes first, if it is measured too.
    networks: Vec<Loaded>,
    origins: ImageSet,
    targets: Targets,
    left_out: LeftOutOf,
    /// What the classes are called.
    names: ClassNames,
    layers: Vec<String>,
    settings: Value,
}

impl<'a> Job<'a> {
    fn new(args: &'a StabilityArgs, terminal: Terminal) -> Result<Self> {
        let networks = opened(args)?;
        expect_once("--layer", &args.layer)?;
        let first = &networks[0];
        let layers: Vec<String> = if args.layer.is_empty() {
            first.weight_layers().map(str::to_owned).collect()
        } else {
            args.layer.clone()
        };
        if layers.is_empty() {
            return Err(Failure::new(format!("`{}` has no layer with weights", first.name))
                .with_hint("choose layers with `--layer NAME`; `lots layers NETWORK` lists them"));
        }
        for loaded in &networks {
            layers.iter().try_for_each(|layer| loaded.layer(layer).map(|_found| ()))?;
        }
        let origins = labelled(&args.origin, &first.network, terminal)?;
        let targets = Targets::labelled(&args.target, &origins.set, &first.network, terminal)?;
        let (names, left_out) = (ClassNames::of_network(&first.network), origins.left_out(&targets));
        let origins = origins.set;
        let mut job =
            Self { args, networks, origins, targets, left_out, names, layers, settings: Value::Null };
        let tested = job.networks.len() - 1;
        job.settings = job.settings_of(tested);
        if tested > 0 {
            job.settings[BASELINE] = named(&job.networks[0]);
        }
        Ok(job)
    }

    /// The network that is tested.
    fn tested(&self) -> &Loaded {
        &self.networks[self.networks.len() - 1]
    }

    /// Where the attempts of each network go in the folder.
    fn files(&self) -> Vec<String> {
        let tested = ATTEMPTS.to_owned();
        if self.networks.len() == 1 { vec![tested] } else { vec![format!("{BASELINE}/{ATTEMPTS}"), tested] }
    }

    fn scale(&self) -> Scale {
        Scale::of(self.origins.shape().iter().product())
    }

    fn resampling(&self) -> Resampling {
        Resampling { seed: self.args.seed, ..Resampling::default() }
    }

    /// Everything that what is found with a network follows from.
    fn settings_of(&self, network: usize) -> Value {
        let mut digest = ImagesDigest::default();
        digest.add_set(&self.origins);
        let resampling = self.resampling();
        json!({
            "format_version": FORMAT_VERSION,
            "versions": { "lots": env!("CARGO_PKG_VERSION") },
            "network": named(&self.networks[network]),
            "data": { "origin_sha256": digest.digits(), "target_sha256": self.targets.sha256 },
            "layers": self.layers,
            "options": { "pass_score": !self.args.no_pass },
            "resampling": {
                "seed": resampling.seed,
                "resamples": resampling.count,
                "confidence": resampling.confidence,
            },
            "censored_at": self.scale(),
        })
    }

    /// # Errors
    /// The first condition that could not be judged, before hours are spent.
    fn expect_conditions(&self, is_stored: bool) -> Result<()> {
        let has_baseline = is_stored || self.networks.len() > 1;
        for condition in &self.args.fail_if {
            let about = |failure: Failure| failure.about("condition", condition);
            if !self.layers.contains(&condition.layer) {
                self.tested().layer(&condition.layer).map_err(about)?;
                let message = format!("layer `{}` is not among those that are measured", condition.layer);
                return Err(
                    about(Failure::new(message)).with_hint(format!("add `--layer {}`", condition.layer))
                );
            }
            if condition.is_relative && !has_baseline {
                return Err(about(Failure::new("there is no baseline to compare with")).with_hint(
                    "name two networks, the first is the baseline; or `--baseline DIR` with what was measured before",
                ));
            }
            if condition.needs_pass_score() && self.args.no_pass {
                return Err(about(Failure::new("PASS is not measured")).with_hint("leave out `--no-pass`"));
            }
        }
        Ok(())
    }

    fn experiment(&self, methods: impl Iterator<Item = Method>, layers: &[String]) -> Experiment {
        Experiment {
            groups: plan::groups(methods, layers.iter().map(String::as_str)),
            line_search: LineSearch { max_step: TO_THE_END, ..LineSearch::default() },
            with_pass_score: !self.args.no_pass,
            memory: self.args.memory.bytes(),
            ..Experiment::default()
        }
    }

    /// All origins that are not done yet, some at a time, with one network after the other.
    fn measure(&self, unfinished: &mut Unfinished, terminal: Terminal) -> Result<()> {
        let count = self.origins.len();
        let targets = &self.targets.set;
        let experiment = self.experiment(METHODS.into_iter(), &self.layers);
        let chunk =
            (CHUNK / (self.layers.len() * (METHODS.len() - 1 + targets.len()))).clamp(1, CHUNK_ORIGINS);
        let interrupt = Interrupt::catch()?;
        let progress = terminal.progress((count * self.networks.len()) as u64, "origins");
        for (place, loaded) in self.networks.iter().enumerate() {
            progress.inc(unfinished.origins(place) as u64);
            progress.reset_eta();
            while unfinished.origins(place) < count {
                let first = unfinished.origins(place);
                let end = count.min(first + chunk);
                let part = self.origins.part(first..end)?;
                let mut rows: Vec<Row> = Vec::new();
                let mut keep = |attempt: Attempt| {
                    rows.push(Row::new(&experiment, (&part, first), targets, attempt));
                };
                let done =
                    experiment.run_until(&loaded.network, &part, Some(targets), &mut keep, interrupt.flag());
                match done {
                    Err(lots::Error::Interrupted) => {
                        progress.finish_and_clear();
                        return Err(interrupted(
                            count * place + first,
                            self.origins.len() * self.networks.len(),
                            self.args.force,
                        ));
                    }
                    done => done.about("network", &loaded.name)?,
                };
                unfinished.add(place, &rows, end)?;
                progress.inc((end - first) as u64);
            }
        }
        progress.finish_and_clear();
        Ok(())
    }
}

/// What was found.
struct Found {
    /// On all origins that the network reads rightly.
    attempts: Attempts,
    groups: Vec<Group>,
    /// That which was measured too, with what it came to.
    baseline: Option<(Attempts, Vec<Group>)>,
    /// The attempts of the baseline and of the network, on the origins that both read rightly.
    shared: Option<[Attempts; 2]>,
    comparison: Option<Comparison>,
    verdicts: Vec<Verdict>,
}

/// What `--json` prints, and, without conditions, what `stability.json` holds.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    settings: &'a Value,
    origins: Origins,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: &'a LeftOutOf,
    groups: &'a [Group],
    /// What the classes of the groups are called, where classes have names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    class_names: BTreeMap<usize, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
    #[serde(skip_serializing_if = "<[Verdict]>::is_empty")]
    conditions: &'a [Verdict],
}

/// How many images there are, and how many of them the network reads rightly.
#[derive(Serialize)]
struct Origins {
    images: usize,
    attacked: usize,
    misclassified: usize,
}

impl Found {
    /// Reads the attempts of a folder and draws the conclusions.
    fn read(job: &Job<'_>, folder: &Path, stored: Option<&Stored>) -> Result<Self> {
        let mut read = Vec::new();
        for (file, loaded) in job.files().iter().zip(&job.networks) {
            let path = folder.join(file);
            let attempts = if path.exists() { Attempts::read(&path)? } else { Attempts::default() };
            if attempts.records.is_empty() {
                let images = job.origins.len();
                return Err(Failure::new(format!(
                    "the network reads none of {images} images as they are labelled"
                ))
                .about("network", &loaded.name)
                .with_hint("`--labels predicted` takes what the network reads"));
            }
            read.push(attempts);
        }
        let resampling = job.resampling();
        let attempts = read.pop().unwrap_or_default();
        let baseline = read.pop().map(|attempts| {
            let groups = groups(&attempts, &resampling);
            (attempts, groups)
        });
        let (name, before) = match (stored, &baseline) {
            (Some(stored), _) => (stored.network.clone(), Some(&stored.attempts)),
            (None, Some((attempts, _))) => (job.settings[BASELINE].clone(), Some(attempts)),
            (None, None) => (Value::Null, None),
        };
        let shared = before.map(|before| shared(before, &attempts));
        let comparison =
            shared.as_ref().map(|shared| Comparison::new(name, shared, &resampling)).transpose()?;
        let verdicts = job.args.fail_if.iter().map(|condition| match &shared {
            Some([before, after]) if condition.is_relative => {
                condition.judge(after, Some(before), job.scale())
            }
            _ => condition.judge(&attempts, None, job.scale()),
        });
        let verdicts = verdicts.collect::<Result<_>>()?;
        let groups = groups(&attempts, &resampling);
        Ok(Self { attempts, groups, baseline, shared, comparison, verdicts })
    }

    /// Writes what belongs beside the attempts.
    fn write(&self, job: &Job<'_>, folder: &Path) -> Result<()> {
        if let Some((attempts, groups)) = &self.baseline {
            let settings = job.settings_of(0);
            let report = Report::of(job, &settings, (attempts, groups));
            json_file::write(&folder.join(BASELINE).join(REPORT), &report)?;
        }
        let page = report::page(job, self)?.to_html()?;
        lots::whole_file::write(folder.join("report.html"), page.as_bytes())?;
        json_file::write(&folder.join(REPORT), &self.report(job, &[]))
    }

    fn report<'a>(&'a self, job: &'a Job<'_>, conditions: &'a [Verdict]) -> Report<'a> {
        let report = Report::of(job, &job.settings, (&self.attempts, &self.groups));
        Report { comparison: self.comparison.as_ref(), conditions, ..report }
    }

    /// Shows what was found, and whether a condition holds.
    fn tell(&self, job: &Job<'_>, terminal: Terminal) -> Result<Done> {
        if let Some(path) = &job.args.junit {
            junit::write(path, &job.tested().name, &self.verdicts)?;
        }
        terminal.result(&self.report(job, &self.verdicts), || terminal_text::of(job, self))?;
        let fails = self.verdicts.iter().any(|verdict| verdict.holds);
        Ok(if fails { Done::Failed } else { Done::Reached })
    }
}

impl<'a> Report<'a> {
    /// A network by itself, compared with nothing.
    fn of(job: &'a Job<'_>, settings: &'a Value, (attempts, groups): (&'a Attempts, &'a [Group])) -> Self {
        Self {
            settings,
            origins: Origins::of(job, attempts),
            left_out: &job.left_out,
            groups,
            class_names: job.names.of_these(groups.iter().filter_map(|group| group.class)),
            comparison: None,
            conditions: &[],
        }
    }
}

impl Origins {
    fn of(job: &Job<'_>, attempts: &Attempts) -> Self {
        let (images, attacked) = (job.origins.len(), attempts.origins().len());
        Self { images, attacked, misclassified: images - attacked }
    }
}

/// Name and SHA-256 of a network.
/// The networks of the arguments.
///
/// # Errors
/// As [`Loaded::open`]; a gallery is of one network, so that two different ones never share it.
fn opened(args: &StabilityArgs) -> Result<Vec<Loaded>> {
    let networks = args.networks();
    networks.iter().map(Loaded::open).collect::<Result<_>>().map_err(|failure| match args.tested {
        Some(_) if failure.message() == OTHER_NETWORK => failure.with_hint(
            "a gallery belongs to one network: measure the first alone with its own `--gallery` and `--out DIR`, then \
             the second with its own and `--baseline DIR`; or say `--other-network` if both have the same weights",
        ),
        _ => failure,
    })
}

fn named(loaded: &Loaded) -> Value {
    json!({ "name": loaded.name, "sha256": loaded.sha256 })
}
