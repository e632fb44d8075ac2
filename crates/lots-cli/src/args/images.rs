//! Which images, and where their classes come from.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// The images to start from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OriginArgs {
    /// Images to start from: a picture, a folder, an IDX or .npy file, `digits`; a range may follow: `FILE[0..1000]`
    #[arg(long, value_name = "IMAGES")]
    pub(crate) origin: String,
    /// Classes of the origins: an IDX, .npy or text file, or `predicted` for what the network reads
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<LabelSource>,
}

/// Labelled images that are read and attacked.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LabelledArgs {
    /// Folder with MNIST: its test digits are read and attacked
    #[arg(long, value_name = "DIR", conflicts_with_all = ["origin", "labels"])]
    pub(crate) mnist: Option<PathBuf>,
    /// Images that are read and attacked, named as for `attack`
    #[arg(long, value_name = "IMAGES", default_value = "digits")]
    pub(crate) origin: String,
    /// Classes of the origins: an IDX, .npy or text file, or `predicted` for what the network reads
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<LabelSource>,
}

/// The images to move toward.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// Images to move toward, named like the origins; `digits:targets` are ten digits, one a class
    #[arg(long, value_name = "IMAGES")]
    pub(crate) target: Option<String>,
    /// Classes of the targets, as for `--labels`
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) target_labels: Option<LabelSource>,
}

/// The images to move toward, of several classes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LabelledTargetArgs {
    /// Images to move toward, named like the origins [default: ten digits, one a class; the first origin of each class
    /// where classes are not digits]
    #[arg(long, value_name = "IMAGES")]
    pub(crate) target: Option<String>,
    /// Classes of the targets, as for `--labels`
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) target_labels: Option<LabelSource>,
}

/// Where the classes of images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LabelSource {
    /// What the network reads.
    Predicted,
    /// A file.
    File(PathBuf),
}

impl FromStr for LabelSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "predicted" { Self::Predicted } else { Self::File(text.into()) })
    }
}

impl std::fmt::Display for LabelSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Predicted => formatter.write_str("predicted"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}
