//! Training a row's network, from random weights or from Basic LeNet's.

use lots::data::PerturbedSet;
use lots::training::{Examples, InfimnistRange, Shuffled, Solver, Training};
use lots_network::Network;

use super::context::{Context, Watch, interrupted};
use super::plan::{BASIC, NetworkPlan, TrainedOn};
use crate::failure::Result;
use crate::json_file;

/// Checkpoints are kept so often, or this many times in a short training.
const CHECKPOINT_EVERY: usize = 1000;
const CHECKPOINTS: usize = 20;

pub(super) fn run(context: &Context<'_>, network: &'static NetworkPlan, watch: &mut dyn Watch) -> Result<()> {
    let iterations = context.extent.iterations(network);
    let checkpoint = context.folder.checkpoint(network.key);
    if context.folder.network(network.key).exists() && !checkpoint.exists() {
        return Ok(());
    }
    let start = match network.trained_on {
        TrainedOn::Mnist | TrainedOn::Infimnist => Network::lenet(context.seed),
        // As `caffe train -weights` does: the learning rate starts again, and there is no momentum.
        TrainedOn::Perturbed(_) => context.network(BASIC)?,
    };
    let (name, solver) = (format!("table1, {}, seed {}", network.key, context.seed), Solver::default());
    let mut training = if checkpoint.exists() {
        Training::restore(&checkpoint, start, solver, &name)?
    } else {
        Training::new(start, solver)
    };
    watch.found(training.iteration());
    let sets = sets(context, network)?;
    let examples = examples(context, network, &sets)?;
    let every = (iterations / CHECKPOINTS).clamp(1, CHECKPOINT_EVERY);
    while training.iteration() < iterations {
        let is_interrupted = context.expect_time().is_err();
        if is_interrupted || training.iteration().is_multiple_of(every) && training.iteration() > 0 {
            lots::whole_file::write(&checkpoint, &training.checkpoint(&name))?;
        }
        if is_interrupted {
            return Err(interrupted());
        }
        training.step(&*examples)?;
        watch.did(1);
    }
    lots::whole_file::write(context.folder.network(network.key), &training.network().to_onnx())?;
    json_file::remove(&checkpoint)
}

/// The sets that a network is fine-tuned on.
fn sets(context: &Context<'_>, network: &NetworkPlan) -> Result<Vec<PerturbedSet>> {
    let TrainedOn::Perturbed(keys) = network.trained_on else { return Ok(Vec::new()) };
    keys.iter().map(|key| Ok(PerturbedSet::open(context.folder.set(key)?)?)).collect()
}

fn examples<'a>(
    context: &'a Context<'_>,
    network: &NetworkPlan,
    sets: &'a [PerturbedSet],
) -> Result<Box<dyn Examples + 'a>> {
    Ok(match network.trained_on {
        TrainedOn::Mnist => {
            let infimnist = context.infimnist;
            let digits = infimnist.first_training_digit()..infimnist.first_deformed_digit();
            Box::new(InfimnistRange::new(infimnist, digits)?)
        }
        TrainedOn::Infimnist => {
            let first = context.infimnist.first_training_digit();
            let digits = u32::try_from(context.extent.infimnist_digits()).unwrap_or(u32::MAX);
            Box::new(InfimnistRange::new(context.infimnist, first..first.saturating_add(digits))?)
        }
        TrainedOn::Perturbed(_) => Box::new(Shuffled::new(sets, context.seed)?),
    })
}
