//! Measuring a row of the table.

use super::context::{Context, Watch, interrupted};
use super::kept::Kept;
use super::plan::{EVALUATED_ATTEMPTS, NetworkPlan};
use crate::evaluate::row::{Measured, TableRow};
use crate::failure::Result;
use lots::experiment::Experiment;

pub(super) fn run(context: &Context<'_>, network: &'static NetworkPlan, watch: &mut dyn Watch) -> Result<()> {
    let origins = context.infimnist.test_digits().part(0..context.extent.tests())?;
    let (trained, targets) = (context.network(network.key)?, context.targets()?);
    let measured = Measured {
        network: &trained,
        origins: &origins,
        targets: &targets,
        with_pass_score: true,
        memory: Experiment::default().memory,
    };
    let kept = Kept::beside(context.folder.evaluation(network.key));
    let Some(mut row) = kept.read(TableRow::default)? else { return Ok(()) };
    watch.found(EVALUATED_ATTEMPTS * row.origins);
    while row.origins < origins.len() {
        let before = row.origins;
        if !row.go_on(measured, context.interrupted)? {
            return Err(interrupted());
        }
        watch.did(EVALUATED_ATTEMPTS * (row.origins - before));
        kept.keep(&row)?;
    }
    kept.finish(&row.report())
}
