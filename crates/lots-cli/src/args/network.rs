//! Which network, and which pixels it expects.

use std::path::PathBuf;

use lots_network::Resize;

use super::values;

/// The heading of what a file may say of its images.
const PIXELS: &str = "What the network's file does not say: weights and pixels";
/// The heading of what a file may say of images that do not have the network's size.
const PREPROCESSING: &str =
    "Images of another size than the network's, if its file does not say it; others are taken as they are";

/// The heading of what gives a network without classes some.
const FEATURES: &str = "Networks that extract features";

/// The network that a command works on.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NetworkArgs {
    /// An ONNX file, or one that is built in: `lenet`, trained; `vgg-face`, with `--weights`
    #[arg(value_name = "NETWORK")]
    pub(crate) network: String,
    /// Weights for a network that is built in: a .caffemodel, safetensors or .npz file
    #[arg(long, value_name = "FILE", help_heading = PIXELS)]
    pub(crate) weights: Option<PathBuf>,
    /// Height and width of its images, if its file leaves them open or they shall be others
    #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = values::size, help_heading = PIXELS)]
    pub(crate) size: Option<[usize; 2]>,
    #[command(flatten)]
    pub(crate) pixels: PixelArgs,
    #[command(flatten)]
    pub(crate) preprocessing: PreprocessingArgs,
    #[command(flatten)]
    pub(crate) gallery: GalleryArgs,
}

/// The identities that become the classes of a network that extracts features.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct GalleryArgs {
    /// Classes are the identities of this gallery, see `lots gallery build`: the network reads the nearest of them
    #[arg(long, value_name = "FILE", help_heading = FEATURES)]
    pub(crate) gallery: Option<PathBuf>,
    /// Take the gallery although it was built with a network file of other bytes, or with other pixels or sizes than are said
    #[arg(long, help_heading = FEATURES)]
    pub(crate) other_network: bool,
}

/// What is done, once and before anything else, to images that do not have the network's size.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = PREPROCESSING)]
pub(crate) struct PreprocessingArgs {
    /// Resize first: 256 makes the shorter side so long and keeps the proportions, 240x320 is height and width
    #[arg(long, value_name = "SIZE", value_parser = values::resize)]
    pub(crate) resize: Option<Resize>,
    /// Then cut out the centre: 224, or 224x224 as height and width
    #[arg(long, value_name = "SIZE", value_parser = values::crop)]
    pub(crate) crop: Option<[usize; 2]>,
}

/// What the network expects of its pixels; a file that says it needs none of these.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = PIXELS)]
pub(crate) struct PixelArgs {
    /// Range of its input: 0-255, 0-1, -1-1, or imagenet (torchvision's standardisation)
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true, conflicts_with_all = ["mean", "std", "scale"])]
    pub(crate) pixels: Option<String>,
    /// Subtracted from pixels 0–255: one number, or one a channel of the input (`103.9,116.8,123.7`)
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) mean: Vec<f32>,
    /// Divides pixels 0–255 after that: one number, or one a channel of the input
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub(crate) std: Vec<f32>,
    /// Multiplies the result
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) scale: Option<f32>,
    /// Order of the channels in its input: rgb or bgr
    #[arg(long, value_name = "ORDER")]
    pub(crate) channels: Option<String>,
}

impl NetworkArgs {
    /// The built-in network.
    pub(crate) fn built_in() -> Self {
        Self::named("lenet".to_owned())
    }

    /// A network of which nothing is said but its name.
    pub(crate) fn named(network: String) -> Self {
        Self {
            network,
            weights: None,
            size: None,
            pixels: PixelArgs::default(),
            preprocessing: PreprocessingArgs::default(),
            gallery: GalleryArgs::default(),
        }
    }
}

impl PreprocessingArgs {
    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.resize.is_none() && self.crop.is_none()
    }
}

impl PixelArgs {
    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.pixels.is_none()
            && self.mean.is_empty()
            && self.std.is_empty()
            && self.scale.is_none()
            && self.channels.is_none()
    }
}
