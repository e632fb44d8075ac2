//! The arguments of `survive`.

use std::path::PathBuf;

use super::values;
use crate::survive::Trial;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SurviveArgs {
    /// A run folder of `lots attack`, with its images
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = values::trial,
        default_values_t = Trial::all(),
        help = transformations_help()
    )]
    pub(crate) transformations: Vec<Trial>,
    /// Write the numbers to this file as well
    #[arg(long, value_name = "FILE.json", value_parser = values::json_file)]
    pub(crate) out: Option<PathBuf>,
    /// Where the network is now, if it is not where the run found it
    #[arg(long, value_name = "NETWORK")]
    pub(crate) network: Option<String>,
    /// Weights for a network that is built in, as for `attack`
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Where the gallery is now, likewise
    #[arg(long, value_name = "FILE")]
    pub(crate) gallery: Option<PathBuf>,
    /// Where the origins are now, if they are not where the run found them
    #[arg(long, value_name = "IMAGES")]
    pub(crate) origin: Option<String>,
    /// Where the targets are now, likewise; they matter where the criterion is about a distance or similarity
    #[arg(long, value_name = "IMAGES")]
    pub(crate) target: Option<String>,
}

fn transformations_help() -> String {
    "What is done to the images, commas between: png, webp (both without loss), jpeg:95 (1 to 100), resize:0.5 (to this \
     part and back), shift:1 (pixels, to each side), blur:1 (Gaussian, standard deviation in pixels), bits:7 (a pixel); \
     or to the network: half-weights"
        .to_owned()
}
