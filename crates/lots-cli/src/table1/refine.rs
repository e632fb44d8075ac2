//! LOTS with perturbed images of other methods as targets: does it find images that look more like the origin?
//!
//! Each image that the fast gradient value method or hot/cold finds for a test digit becomes the target of that digit at
//! each layer, and the PASS of what LOTS finds is compared with that of its target.

use lots::Method;
use lots::data::ImageSet;
use lots::evaluation::Spread;
use lots::experiment::{Attempt, Experiment, Group};
use lots::improvement::{self, Pair};
use lots::outcome::Perturbed;
use lots_network::Network;
use serde::{Deserialize, Serialize};

use super::context::{Context, Watch, interrupted};
use super::kept::Kept;
use super::plan::{BASIC, LAYERS, REFINED_ATTEMPTS};
use crate::evaluate::row;
use crate::failure::Result;

/// Test digits at a time at most, or a quarter of all; each gives ten images, each of which is the target of four
/// attempts.
const CHUNK: usize = 100;
const CHUNKS: usize = 4;
/// Whose images become targets.
const METHODS: [Method; 2] = [Method::FastGradientValue, Method::HotCold];

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    origins: usize,
    groups: Vec<Refined>,
}

/// What came of the images of a method as targets at a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Refined {
    pub(super) method: String,
    pub(super) layer: String,
    pub(super) attempts: usize,
    /// How many attempts found an image.
    pub(super) reached: usize,
    /// How many of these have a higher PASS than their target.
    pub(super) improved: usize,
    /// PASS of the targets of the attempts that found an image.
    target_pass_score: Spread,
    /// PASS of the images that were found.
    found_pass_score: Spread,
}

/// `refinement.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Refinement {
    /// Test digits, those that the network misreads among them, which were skipped.
    pub(super) origins: usize,
    pub(super) groups: Vec<RefinedReport>,
}

/// [`Refined`], for readers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RefinedReport {
    pub(super) method: String,
    pub(super) layer: String,
    pub(super) attempts: usize,
    pub(super) reached: usize,
    pub(super) improved: usize,
    /// Mean PASS of the targets whose attempts found an image.
    pub(super) target_pass_score: Option<f64>,
    /// Mean PASS of what was found.
    pub(super) found_pass_score: Option<f64>,
}

pub(super) fn run(context: &Context<'_>, watch: &mut dyn Watch) -> Result<()> {
    let kept = Kept::beside(context.folder.refinement());
    let Some(mut state) = kept.read(fresh)? else { return Ok(()) };
    let count = context.extent.refined();
    watch.found(REFINED_ATTEMPTS * state.origins);
    let network = context.network(BASIC)?;
    while state.origins < count {
        let end = count.min(state.origins + row::chunk(count, CHUNK, CHUNKS));
        let origins = context.infimnist.test_digits().part(state.origins..end)?;
        chunk(context, &network, &origins, &mut state.groups)?;
        watch.did(REFINED_ATTEMPTS * origins.len());
        state.origins = end;
        kept.keep(&state)?;
    }
    let groups = state.groups.iter().map(RefinedReport::from).collect();
    kept.finish(&Refinement { origins: state.origins, groups })
}

fn fresh() -> State {
    let groups = METHODS.iter().flat_map(|method| {
        LAYERS.map(|layer| Refined {
            method: method.to_string(),
            layer: layer.to_owned(),
            attempts: 0,
            reached: 0,
            improved: 0,
            target_pass_score: Spread::default(),
            found_pass_score: Spread::default(),
        })
    });
    State { origins: 0, groups: groups.collect() }
}

/// Forms the images of both methods on some origins, and moves each origin toward each of its own.
fn chunk(context: &Context<'_>, network: &Network, origins: &ImageSet, groups: &mut [Refined]) -> Result<()> {
    let form = Experiment { groups: METHODS.into_iter().map(Group::of).collect(), ..Experiment::default() };
    let mut attempts = Vec::new();
    let mut observer = |attempt: Attempt| attempts.push(attempt);
    finished(form.run_until(network, origins, None, &mut observer, context.interrupted))?;
    for method in 0..METHODS.len() {
        let reached = attempts.iter().filter(|attempt| attempt.group == method);
        let reached: Vec<(usize, &Perturbed)> =
            reached.filter_map(|attempt| Some((attempt.origin, attempt.outcome.reached()?))).collect();
        let pairs: Vec<Pair<'_>> = reached
            .iter()
            .map(|&(origin, found)| Pair {
                origin: &origins.images()[origin],
                perturbed: &found.image,
                class: found.class,
            })
            .collect();
        let layers = LAYERS.map(str::to_owned);
        let refine = Experiment::default();
        let refined = improvement::toward_perturbed(network, &refine, &layers, &pairs, context.interrupted);
        let refined = finished(refined)?;
        for attempt in refined {
            let Some(target) = &reached[attempt.origin].1.pass_score else { continue };
            groups[method * LAYERS.len() + attempt.group].add(&attempt, target.score);
        }
    }
    Ok(())
}

/// What Ctrl-C ended is gone on with.
fn finished<T>(result: lots::Result<T>) -> Result<T> {
    match result {
        Err(lots::Error::Interrupted) => Err(interrupted()),
        result => result.map_err(Into::into),
    }
}

impl Refined {
    fn add(&mut self, attempt: &Attempt, target_pass_score: f64) {
        self.attempts += 1;
        let refined = attempt.outcome.reached().and_then(|perturbed| perturbed.pass_score.as_ref());
        let Some(refined) = refined else { return };
        self.reached += 1;
        self.improved += usize::from(refined.score > target_pass_score);
        self.target_pass_score.add(target_pass_score);
        self.found_pass_score.add(refined.score);
    }
}

impl From<&Refined> for RefinedReport {
    fn from(refined: &Refined) -> Self {
        Self {
            method: refined.method.clone(),
            layer: refined.layer.clone(),
            attempts: refined.attempts,
            reached: refined.reached,
            improved: refined.improved,
            target_pass_score: refined.target_pass_score.mean(),
            found_pass_score: refined.found_pass_score.mean(),
        }
    }
}
