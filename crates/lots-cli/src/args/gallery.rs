//! The arguments of `gallery`.

use std::path::PathBuf;

use lots_network::Metric;

use super::examples;
use super::network::{GalleryArgs, NetworkArgs, PixelArgs, PreprocessingArgs};
use super::values;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GalleryCommandArgs {
    #[command(subcommand)]
    pub(crate) action: GalleryAction,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum GalleryAction {
    /// Make the gallery of some images: a network with it reads the nearest identity
    #[command(after_help = examples::GALLERY_BUILD)]
    Build(Box<GalleryBuildArgs>),
    /// Say whom a gallery knows, and how alike its identities are
    #[command(after_help = examples::GALLERY_SHOW)]
    Show(GalleryShowArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GalleryBuildArgs {
    /// Pictures in folders that are named like the identities: such pictures, such folders, or the folder of the folders;
    /// or labelled images, named as for `attack`, of which each class is an identity
    #[arg(value_name = "IMAGES", required = true)]
    pub(crate) images: Vec<String>,
    /// The network: an ONNX file, or one that is built in: `lenet`; `vgg-face`, with `--weights`
    #[arg(long, value_name = "NETWORK")]
    pub(crate) network: String,
    /// The layer whose representations are compared, by name
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: String,
    /// How near two representations are: cosine (of the angle between them) or euclidean (distance)
    #[arg(long, value_name = "METRIC", value_parser = values::metric, default_value = "cosine")]
    pub(crate) metric: Metric,
    /// Multiplies the logits: 1 leaves cosines as they are, -1 to 1; networks that are trained on cosines have 30 or 64.
    /// The class does not depend on it, the softmax and what is made of it (fast-gradient-*) do
    #[arg(long, value_name = "NUMBER", value_parser = values::factor, default_value_t = 1.0)]
    pub(crate) logit_scale: f32,
    /// The gallery
    #[arg(long, value_name = "FILE.safetensors", value_parser = values::safetensors_file)]
    pub(crate) out: PathBuf,
    /// Weights for a network that is built in: a .caffemodel, safetensors or .npz file
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Height and width of its images, if its file leaves them open or they shall be others
    #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = values::size)]
    pub(crate) size: Option<[usize; 2]>,
    #[command(flatten)]
    pub(crate) pixels: PixelArgs,
    #[command(flatten)]
    pub(crate) preprocessing: PreprocessingArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GalleryShowArgs {
    /// A gallery
    #[arg(value_name = "FILE")]
    pub(crate) gallery: PathBuf,
}

impl GalleryBuildArgs {
    /// The network without a gallery.
    pub(crate) fn network(&self) -> NetworkArgs {
        NetworkArgs {
            network: self.network.clone(),
            weights: self.weights.clone(),
            size: self.size,
            pixels: self.pixels.clone(),
            preprocessing: self.preprocessing.clone(),
            gallery: GalleryArgs::default(),
        }
    }
}
