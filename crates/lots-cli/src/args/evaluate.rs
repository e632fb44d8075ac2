//! The arguments of `evaluate`.

use std::path::PathBuf;

use super::attack::MemoryArgs;
use super::images::{LabelSource, TargetArgs};
use super::network::NetworkArgs;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    /// Folder with MNIST: its test digits are read and attacked
    #[arg(long, value_name = "DIR", conflicts_with_all = ["origin", "labels"])]
    pub(crate) mnist: Option<PathBuf>,
    /// Images that are read and attacked, named as for `attack`
    #[arg(long, value_name = "IMAGES", default_value = "digits")]
    pub(crate) origin: String,
    /// Classes of the origins: an IDX, .npy or text file, or `predicted` for what the network reads
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<LabelSource>,
    /// [default of --target: digits:targets]
    #[command(flatten)]
    pub(crate) target: TargetArgs,
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
