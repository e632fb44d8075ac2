//! Forming perturbed training digits with Basic LeNet, by the hundred thousand.

use lots::Evaluation;
use lots::data::perturbed_set::{PerturbedSetWriter, Provenance};
use lots::experiment::{Attempt, Experiment, Group};
use serde::{Deserialize, Serialize};

use super::context::{Context, Watch, interrupted};
use super::kept::Kept;
use super::plan::{BASIC, SetPlan};
use crate::evaluate::row::chunk;
use crate::failure::Result;
use crate::numbers::Numbers;

/// About so many attempts at a time at most, or a quarter of all; what is done is kept after each chunk.
const CHUNK_ATTEMPTS: usize = 8192;
const CHUNKS: usize = 4;

/// How far a set has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    origins: usize,
    rows: usize,
    evaluation: Evaluation,
}

/// `set.json`: what a finished set holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SetReport {
    pub(super) method: String,
    pub(super) layer: Option<String>,
    /// Training digits that were attacked, those that the network misreads among them, which were skipped.
    pub(super) origins: usize,
    pub(super) images: usize,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
}

pub(super) fn run(context: &Context<'_>, set: &'static SetPlan, watch: &mut dyn Watch) -> Result<()> {
    let network = context.network(BASIC)?;
    let targets = context.targets()?;
    let folder = context.folder.set(set.key)?;
    let kept = Kept::beside(context.folder.set_json(set.key));
    let Some(mut state) = kept.read(State::default)? else { return Ok(()) };
    let mut writer = PerturbedSetWriter::open(&folder, network.input_shape(), state.rows)?;
    watch.found(set.attempts * state.origins);
    let group = match set.layer {
        Some(layer) => Group::at_layer(set.method, layer),
        None => Group::of(set.method),
    };
    let experiment = Experiment { groups: vec![group], with_pass_score: false, ..Experiment::default() };
    let count = context.extent.origins();
    let chunk = chunk(count, CHUNK_ATTEMPTS / set.attempts, CHUNKS);
    while state.origins < count {
        let end = count.min(state.origins + chunk);
        let origins = context.infimnist.training_digits().part(state.origins..end)?;
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut observer = |attempt| attempts.push(attempt);
        let results = match experiment.run_until(
            &network,
            &origins,
            Some(&targets),
            &mut observer,
            context.interrupted,
        ) {
            Err(lots::Error::Interrupted) => return Err(interrupted()),
            results => results?,
        };
        for attempt in &attempts {
            if let Some(perturbed) = attempt.outcome.reached() {
                writer.append(perturbed, Provenance::of(attempt, perturbed, state.origins))?;
            }
        }
        writer.flush()?;
        state.evaluation.merge(&results.all);
        watch.did(set.attempts * origins.len());
        (state.origins, state.rows) = (end, writer.rows());
        kept.keep(&state)?;
    }
    writer.finish()?;
    kept.finish(&SetReport {
        method: set.method.to_string(),
        layer: set.layer.map(str::to_owned),
        origins: state.origins,
        images: state.rows,
        numbers: Numbers::from(&state.evaluation),
    })
}
