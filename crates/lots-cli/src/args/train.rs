//! The arguments of `train`.

use std::path::PathBuf;

use super::network::PixelArgs;
use super::values;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TrainArgs {
    /// Folder with the four MNIST files, gzipped or not, as `lots fetch mnist` makes it
    #[arg(long, value_name = "DIR", required_unless_present = "data")]
    pub(crate) mnist: Option<PathBuf>,
    /// The trained network; its log goes beside it as FILE.training.json
    #[arg(long, value_name = "FILE.onnx")]
    pub(crate) out: PathBuf,
    /// Start from this network, `lenet` or an ONNX file, instead of random weights
    #[arg(long, value_name = "NETWORK")]
    pub(crate) from: Option<String>,
    /// Train on the perturbed images of a run folder of `lots attack --format npy` or of `lots table1`, shuffled, with
    /// the classes of their origins; may be given several times
    #[arg(long, value_name = "DIR", requires = "from")]
    pub(crate) data: Vec<PathBuf>,
    /// This share of each batch, 0 to 1, is clean training digits of --mnist
    #[arg(long, value_name = "SHARE", requires_all = ["data", "mnist"], value_parser = values::share)]
    pub(crate) mix: Option<f64>,
    /// Seed of the initial weights, or of the order of the perturbed images
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Number of iterations, of 64 images each
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = values::iterations)]
    pub(crate) iterations: usize,
    /// Test on the test images every N iterations, not only at the end
    #[arg(long, value_name = "N", requires = "mnist", value_parser = values::iterations)]
    pub(crate) test_every: Option<usize>,
    /// Keep a checkpoint every N iterations, as FILE.checkpoint beside the network
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = values::iterations)]
    pub(crate) checkpoint_every: usize,
    /// Go on from the checkpoint; the result has the same bytes as if it had not been interrupted
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    /// Replace a network that is there already, and start anew
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) pixels: PixelArgs,
}
