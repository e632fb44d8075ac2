//! The arguments of `compare`.

use std::path::PathBuf;

use lots::Method;
use lots::criterion::Until;

use super::attack::{MemoryArgs, MethodArgs};
use super::descent::DescentArgs;
use super::features::MaskArgs;
use super::images::{LabelledTargetArgs, OriginArgs};
use super::network::NetworkArgs;
use super::values;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// A method, named as for `attack`; may be given several times [default: all but magnify and reduce]
    #[arg(long, value_name = "METHOD", value_parser = values::method)]
    pub(crate) method: Vec<Method>,
    /// Layer of methods that look at one, by name, or several with weights, `conv2*0.5+ip1*2`, for toward and
    /// step-and-adjust; may be given several times [default: all layers with weights]
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Vec<String>,
    #[command(flatten)]
    pub(crate) origin: OriginArgs,
    #[command(flatten)]
    pub(crate) target: LabelledTargetArgs,
    /// What must hold for a perturbed image: misclassified, or class (that of the target) [default: misclassified]
    #[arg(long, value_name = "CRITERION", value_parser = values::until)]
    pub(crate) until: Option<Until>,
    /// What an attempt may cost, in passes through the network: 20 to 1000000
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = values::budget)]
    pub(crate) budget: usize,
    /// Leave out PASS, which takes much of the time
    #[arg(long)]
    pub(crate) no_pass: bool,
    /// What `--projected-random` draws from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Folder for comparison.json, attempts.csv and report.html
    #[arg(long, value_name = "DIR", default_value = "compare")]
    pub(crate) out: PathBuf,
    /// Replace a folder of this command that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on with what was interrupted, or look at what is complete again; the result has the same bytes as if it had not
    /// been interrupted
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) part: MaskArgs,
    #[command(flatten)]
    pub(crate) how: MethodArgs,
    #[command(flatten)]
    pub(crate) descent: DescentArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}
