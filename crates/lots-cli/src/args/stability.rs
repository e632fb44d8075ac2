//! The arguments of `stability`.

use std::path::PathBuf;

use super::attack::MemoryArgs;
use super::images::{LabelledArgs, LabelledTargetArgs};
use super::network::NetworkArgs;
use super::values;
use crate::stability::Condition;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StabilityArgs {
    #[command(flatten)]
    pub(crate) origin: LabelledArgs,
    #[command(flatten)]
    pub(crate) target: LabelledTargetArgs,
    /// Layer to look at, by name; may be given several times [default: all layers with weights]
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Vec<String>,
    /// Leave out PASS, which takes most of the time
    #[arg(long)]
    pub(crate) no_pass: bool,
    /// Seed of the resamples that intervals come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder for stability.json, attempts.csv and report.html
    #[arg(long, value_name = "DIR", default_value = "stability")]
    pub(crate) out: PathBuf,
    /// Replace a folder of this command that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on with what was interrupted, or look at what is complete again; the result has the same bytes as if it had not
    /// been interrupted
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    /// Compare with this network, measured before on the same images: a folder of this command
    #[arg(long, value_name = "DIR", conflicts_with = "tested", help_heading = "Comparison")]
    pub(crate) baseline: Option<PathBuf>,
    /// End with exit code 1 if this holds, such as 'ip1.median < 0.9 * baseline'; may be given several times
    #[arg(long, value_name = "CONDITION", value_parser = values::condition, help_heading = "Comparison")]
    pub(crate) fail_if: Vec<Condition>,
    #[arg(
        long,
        help = "Write a test case for each condition into this file, as JUnit's XML",
        value_name = "FILE.xml",
        requires = "fail_if",
        help_heading = "Comparison"
    )]
    pub(crate) junit: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// A second network, which is tested: the first is its baseline. What is said of pixels and sizes holds for both
    #[arg(value_name = "TESTED")]
    pub(crate) tested: Option<String>,
}

impl StabilityArgs {
    /// The networks to measure: that which is tested, behind its baseline if that is to be measured too.
    pub(crate) fn networks(&self) -> Vec<NetworkArgs> {
        let tested =
            self.tested.clone().map(|network| NetworkArgs { network, weights: None, ..self.network.clone() });
        std::iter::once(self.network.clone()).chain(tested).collect()
    }
}
