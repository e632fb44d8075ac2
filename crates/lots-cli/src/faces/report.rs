//! `lots faces report`: how well a face network verifies, and who can become whom.

mod attempts;
mod det_plot;
mod identities;
mod page;
mod pictures;
mod summary;
mod verification;

use std::path::Path;

use lots::criterion::Until;
use lots::data::identities::NoPictures;
use lots::experiment::{Experiment, MisclassifiedOrigins, Pairing};
use lots::step_and_adjust::StepAndAdjust;
use lots::{LineSearch, Method};
use lots_network::LayerId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::attempts::{Pair, Row};
use self::identities::Identities;
use self::summary::{Group, Map};
use self::verification::{Verification, Verified};
use super::feature;
use crate::Done;
use crate::args::{FacesReportArgs, OutputArgs};
use crate::attack::plan::{self, expect_once};
use crate::digest::ImagesDigest;
use crate::failure::{Failure, Result};
use crate::json_file;
use crate::network::Loaded;
use crate::run_folder::{RUN, RunFolder, Start};
use crate::terminal::Terminal;

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 1;
/// Of the directions there are, those that move toward a target.
const METHODS: [Method; 2] = [Method::Toward, Method::StepAndAdjust];
/// Longer than any direction takes until no pixel moves any more, as in `stability`.
const TO_THE_END: f64 = 1e90;
const PAGE: &str = "report.html";

pub(super) fn run(args: &FacesReportArgs, terminal: Terminal) -> Result<Done> {
    let job = Job::new(args)?;
    terminal.leave_out_no_pictures(&job.identities.left_out);
    let mut folder =
        match RunFolder::start(&output(args), job.settings.clone(), job.loaded.network.input_shape())? {
            Start::Complete(_) => {
                terminal.say(format!("{} is complete, nothing is tried anew", args.out.display()));
                let report: Report = json_file::read(&args.out.join(RUN))?;
                return report.tell(args, terminal);
            }
            Start::Going(folder) => folder,
        };
    if let Err(failure) = attempts::make(&job, &mut folder, terminal) {
        folder.leave();
        return Err(failure);
    }
    let rows: Vec<Row> = attempts::read(&folder)?;
    let report = Report {
        settings: job.settings.clone(),
        left_out: job.identities.left_out.clone(),
        verification: job.verified.summary.clone(),
        groups: summary::groups(&job, &rows),
        map: Map::new(&job, &rows),
    };
    let page = page::page(&job, &report, &rows, &folder)?.to_html()?;
    folder.document(PAGE, page.as_bytes())?;
    folder.finish(&report)?;
    report.tell(args, terminal)
}

/// What is measured, on what.
struct Job<'a> {
    args: &'a FacesReportArgs,
    loaded: Loaded,
    identities: Identities,
    feature: LayerId,
    verified: Verified,
    pairs: Vec<Pair>,
    experiment: Experiment,
    settings: Value,
}

/// `run.json`, and what `--json` prints.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    #[serde(flatten)]
    settings: Value,
    /// What lies among the pictures and is none.
    #[serde(default, skip_serializing_if = "NoPictures::is_empty")]
    left_out: NoPictures,
    verification: Verification,
    groups: Vec<Group>,
    map: Map,
}

impl<'a> Job<'a> {
    fn new(args: &'a FacesReportArgs) -> Result<Self> {
        let loaded = Loaded::open(&args.network)?;
        let (feature, feature_name) = feature::layer(&loaded, args.feature.as_ref())?;
        expect_once("--layer", &args.layer)?;
        expect_once("--method", &args.method)?;
        expect_once("--identity", &args.identity)?;
        let methods = if args.method.is_empty() { METHODS.to_vec() } else { args.method.clone() };
        if let Some(other) = methods.iter().find(|method| !METHODS.contains(method)) {
            return Err(Failure::new(format!("`{other}` moves toward no target"))
                .with_hint("use `--method toward` or `--method step-and-adjust`"));
        }
        let layers = if args.layer.is_empty() { vec![feature_name.clone()] } else { args.layer.clone() };
        for layer in &layers {
            loaded.layer(layer)?;
        }
        let identities = Identities::load(&args.faces, &loaded.network)?;
        identities.expect(args.identity.iter().chain(&args.show))?;
        let verified = Verified::new(&loaded.network, feature, &identities, args.far)?;
        let drawn = identities.drawn(&args.identity, args.identities, args.seed);
        let pairs = attempts::pairs(&identities, &drawn, args.seed);
        if pairs.is_empty() {
            return Err(Failure::new("one identity alone cannot become another")
                .with_hint("name two or more with `--identity`"));
        }
        let wanted = verified.summary.threshold + args.margin;
        if wanted >= 1.0 {
            return Err(Failure::new(format!(
                "no similarity is above {wanted:.4}, the threshold with its margin"
            ))
            .with_hint("choose a smaller `--margin`"));
        }
        let experiment = Experiment {
            groups: plan::groups(methods.into_iter(), layers.iter().map(String::as_str)),
            until: Until::SimilarityAbove(wanted),
            criterion_layer: Some(feature_name.clone()),
            pairing: Pairing::Zip,
            misclassified_origins: MisclassifiedOrigins::Include,
            line_search: LineSearch { max_step: TO_THE_END, ..LineSearch::default() },
            step_and_adjust: StepAndAdjust {
                max_iterations: args.adjust_iterations,
                ..StepAndAdjust::default()
            },
            with_pass_score: !args.no_pass,
            memory: args.memory.bytes(),
            ..Experiment::default()
        };
        let mut job =
            Self { args, loaded, identities, feature, verified, pairs, experiment, settings: Value::Null };
        job.settings = job.settings_of(&feature_name, &drawn);
        Ok(job)
    }

    /// Everything that the attempts follow from.
    fn settings_of(&self, feature: &str, drawn: &[usize]) -> Value {
        let mut digest = ImagesDigest::default();
        self.identities.images.iter().for_each(|image| digest.add(image));
        let names: Vec<&str> =
            drawn.iter().map(|&identity| self.identities.names[identity].as_str()).collect();
        let groups: Vec<String> = self.experiment.groups.iter().map(ToString::to_string).collect();
        json!({
            "format_version": FORMAT_VERSION,
            "versions": { "lots": env!("CARGO_PKG_VERSION") },
            "network": { "name": self.loaded.name, "sha256": self.loaded.sha256 },
            "images_sha256": digest.digits(),
            "feature": feature,
            "attempted": groups,
            "far": self.args.far,
            "margin": self.args.margin,
            "identities": names,
            "seed": self.args.seed,
            "options": {
                "pass_score": !self.args.no_pass,
                "adjust_iterations": self.args.adjust_iterations,
            },
        })
    }
}

impl Report {
    /// Shows what was found.
    fn tell(&self, args: &FacesReportArgs, terminal: Terminal) -> Result<Done> {
        terminal.result(self, || self.text(&args.out))?;
        let is_reached = self.groups.iter().any(|group| group.reached > 0);
        Ok(if is_reached { Done::Reached } else { Done::NotReached })
    }

    fn text(&self, out: &Path) -> String {
        format!(
            "{}\n{}\n{}/{PAGE} · {RUN} · attempts.jsonl\n",
            self.verification.text(),
            summary::table(&self.groups),
            out.display()
        )
    }
}

/// The folder, as the other commands with runs have it.
fn output(args: &FacesReportArgs) -> OutputArgs {
    OutputArgs {
        out: args.out.clone(),
        format: None,
        no_pass: args.no_pass,
        seed: args.seed,
        force: args.force,
        resume: args.resume,
    }
}
