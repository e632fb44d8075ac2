//! The arguments of `layers`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use super::network::GalleryArgs;
use super::values;

/// More layers than this are printed as groups unless the arguments say otherwise: a table that fills a large window.
pub(crate) const SCREENFUL: usize = 60;

#[derive(Debug, clap::Args)]
pub(crate) struct LayersArgs {
    /// Only layers whose name, tensor or operator contains this, or, with `*` or `?`, is this from beginning to end; may
    /// be given several times
    #[arg(long, value_name = "PATTERN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) filter: Vec<String>,
    /// Only layers with weights, those that have a position
    #[arg(long)]
    pub(crate) weights_only: bool,
    #[arg(long, help = groups_help())]
    pub(crate) groups: bool,
    /// A row for each layer, however many there are
    #[arg(long, conflicts_with = "groups")]
    pub(crate) all: bool,
    /// An ONNX file, or one that is built in: `lenet`, `vgg-face`
    #[arg(value_name = "NETWORK")]
    pub(crate) network: String,
    /// Weights for a network that is built in; `vgg-face` shows its layers without, too
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Height and width of its images, if its file leaves them open or they shall be others
    #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = values::size)]
    pub(crate) size: Option<[usize; 2]>,
    #[command(flatten)]
    pub(crate) gallery: GalleryArgs,
}

fn groups_help() -> String {
    format!("A row for each group of layers, as more than {SCREENFUL} layers are printed")
}
