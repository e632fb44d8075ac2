//! Measuring a row of the table.

use super::context::{Context, Watch, interrupted};
use super::plan::{EVALUATED_ATTEMPTS, NetworkPlan};
use crate::evaluate::row::{Measured, TableRow};
use crate::failure::Result;
use crate::json_file;
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
    let out = context.folder.evaluation(network.key);
    let state_file = out.with_extension("unfinished.json");
    if out.exists() && !state_file.exists() {
        return Ok(());
    }
    let mut row: TableRow =
        if state_file.exists() { json_file::read(&state_file)? } else { TableRow::default() };
    watch.found(EVALUATED_ATTEMPTS * row.origins);
    while row.origins < origins.len() {
        let before = row.origins;
        if !row.go_on(measured, context.interrupted)? {
            return Err(interrupted());
        }
        watch.did(EVALUATED_ATTEMPTS * (row.origins - before));
        json_file::write(&state_file, &row)?;
    }
    json_file::write(&out, &row.report())?;
    json_file::remove(&state_file)
}
