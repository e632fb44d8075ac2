//! The arguments of `table1`.

use std::path::PathBuf;

use super::values;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Table1Args {
    /// Folder with the four MNIST files, as `lots fetch mnist` makes it
    #[arg(long, value_name = "DIR")]
    pub(crate) mnist: PathBuf,
    /// Folder for everything: networks, perturbed images, evaluations, the report; started again it is gone on with
    #[arg(long, value_name = "DIR", default_value = "table1")]
    pub(crate) out: PathBuf,
    /// Seed of the initial weights and of the order of the perturbed images; given several times, the whole experiment
    /// is done once with each, and the report has error bars [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Vec<u64>,
    /// Do this share of everything, above 0 and at most 1: iterations, digits to attack, digits to evaluate
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = values::scale)]
    pub(crate) scale: f64,
    /// Folder with the two data files of the original InfiMNIST, for its very digits
    #[arg(long, value_name = "DIR")]
    pub(crate) infimnist_data: Option<PathBuf>,
    /// Only say what would be done, how long it takes and how much disk it needs
    #[arg(long)]
    pub(crate) plan: bool,
}
