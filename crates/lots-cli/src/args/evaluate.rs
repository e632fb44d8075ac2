//! The arguments of `evaluate`.

use std::path::PathBuf;

use super::attack::MemoryArgs;
use super::images::{LabelledArgs, LabelledTargetArgs};
use super::network::NetworkArgs;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    pub(crate) origin: LabelledArgs,
    #[command(flatten)]
    pub(crate) target: LabelledTargetArgs,
    /// Leave out SSIM and PASS, which take most of the time
    #[arg(long)]
    pub(crate) no_pass: bool,
    /// Keep the row in this file
    #[arg(long, value_name = "FILE.json")]
    pub(crate) out: Option<PathBuf>,
    /// Replace a row that is there already
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Go on with an evaluation that was interrupted; the result has the same bytes as if it had not been
    #[arg(long, requires = "out", conflicts_with = "force")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}
