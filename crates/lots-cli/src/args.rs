//! All arguments of the command `lots`. Nothing here does anything but parse.

mod attack;
mod compare;
mod descent;
mod evaluate;
mod examples;
mod faces;
mod features;
mod gallery;
mod images;
mod infimnist;
mod layers;
mod network;
mod ray;
mod stability;
mod survive;
mod table1;
mod train;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use lots::Method;
use lots::criterion::Until;

pub(crate) use self::attack::{AttackArgs, Format, LARGE_RUN, MethodArgs, OutputArgs, Relu};
pub(crate) use self::compare::CompareArgs;
pub(crate) use self::evaluate::EvaluateArgs;
pub(crate) use self::faces::{AlignArgs, FacesArgs, FacesCommand, FacesReportArgs, FinderArgs, PasteArgs};
pub(crate) use self::features::{MaskArgs, TargetSet, TemplateArgs};
pub(crate) use self::gallery::{GalleryAction, GalleryBuildArgs, GalleryCommandArgs};
pub(crate) use self::images::{LabelSource, LabelledArgs, LabelledTargetArgs, OriginArgs, TargetArgs};
pub(crate) use self::infimnist::InfimnistArgs;
pub(crate) use self::layers::{LayersArgs, SCREENFUL};
pub(crate) use self::network::{GalleryArgs, NetworkArgs, PixelArgs, PreprocessingArgs};
pub(crate) use self::ray::RayArgs;
pub(crate) use self::stability::StabilityArgs;
pub(crate) use self::survive::SurviveArgs;
pub(crate) use self::table1::Table1Args;
pub(crate) use self::train::TrainArgs;

/// Look inside a neural network, layer by layer, and steer what a layer sees
#[derive(Debug, Parser)]
#[command(
    name = "lots",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = examples::LOTS
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Globals {
    /// Print the result as JSON on standard output
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// No progress, no tables: only errors, and JSON with `--json`
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
    /// Number of threads; results never depend on it [default: one a processor]
    #[arg(long, global = true, value_name = "N", value_parser = values::threads, help_heading = "Everywhere")]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The tour in seconds: Figures 1 and 3 and all methods side by side, as pictures and one page
    #[command(after_help = examples::DEMO)]
    Demo(DemoArgs),
    /// List the layers of a network: position, name, operator, output shape, parameters
    #[command(after_help = examples::LAYERS)]
    Layers(LayersArgs),
    /// Say what a network is and which images it expects, and write the latter into its file
    #[command(after_help = examples::DESCRIBE)]
    Describe(DescribeArgs),
    /// Write any network that can be read as an ONNX file, its pixels with it
    #[command(after_help = examples::CONVERT)]
    Convert(ConvertArgs),
    /// Magnify, reduce or steer what a layer sees in one image, as a figure sheet
    #[command(after_help = examples::VISUALIZE)]
    Visualize(Box<VisualizeArgs>),
    /// Follow the class along a direction, image by image, or over the plane of two, as a plot
    #[command(after_help = examples::RAY)]
    Ray(Box<RayArgs>),
    /// Find the smallest perturbations of many images that change what the network reads
    #[command(after_help = examples::ATTACK)]
    Attack(Box<AttackArgs>),
    /// Compare methods at equal cost on the same pairs: success, PASS, L2 and L∞ against passes through the network
    #[command(after_help = examples::COMPARE)]
    Compare(Box<CompareArgs>),
    /// See which perturbed images of a run still succeed as JPEG, resized, shifted, blurred, with half the weights' bits
    #[command(after_help = examples::SURVIVE)]
    Survive(SurviveArgs),
    /// Write what a layer computes as an array, f32 [N, …]
    #[command(after_help = examples::REPRESENT)]
    Represent(RepresentArgs),
    /// Write the direction in the pixels as an array, f32 [N, C, H, W], unscaled
    #[command(after_help = examples::DIRECTION)]
    Direction(Box<DirectionArgs>),
    /// Make a gallery of identities, which become the classes of a network that extracts features; show one
    Gallery(GalleryCommandArgs),
    /// Measure a perturbed image against its origin: L2, L∞, SSIM, PASS
    #[command(after_help = examples::MEASURE)]
    Measure(MeasureArgs),
    /// Measure a row of Table 1: the error of a network, and what each method does to it
    #[command(after_help = examples::EVALUATE)]
    Evaluate(Box<EvaluateArgs>),
    /// Measure how far each layer is from flipping the label, compare two networks, fail a build that lost stability
    #[command(after_help = examples::STABILITY)]
    Stability(Box<StabilityArgs>),
    /// Find and align faces, put perturbed ones back into photographs, report who can become whom
    #[command(after_help = examples::FACES)]
    Faces(Box<FacesArgs>),
    /// Train a LeNet on MNIST by Caffe's recipe, or fine-tune a network on perturbed images
    #[command(after_help = examples::TRAIN)]
    Train(Box<TrainArgs>),
    /// Make deformed digits, as many as wanted
    #[command(after_help = examples::INFIMNIST)]
    Infimnist(InfimnistArgs),
    /// Reproduce the paper's Table 1: train, form perturbed images, fine-tune, evaluate, report
    #[command(after_help = examples::TABLE1)]
    Table1(Table1Args),
    /// Bring a public data set and check that it is whole
    #[command(after_help = examples::FETCH)]
    Fetch(FetchArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Folder for the pictures and the page
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub(crate) out: PathBuf,
    /// How many of the built-in test digits the methods are compared on
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = values::built_in_digits)]
    pub(crate) digits: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// Write the network to this file with what is said of its images, so that it need not be said again
    #[arg(long, value_name = "FILE.onnx", value_parser = values::onnx_file)]
    pub(crate) save: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// The ONNX file
    #[arg(long, value_name = "FILE.onnx", value_parser = values::onnx_file)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("sign").args(["target", "template"]).required(true).multiple(true))]
pub(crate) struct VisualizeArgs {
    /// The image to start from: a picture, or one of a set such as `digits[4]`
    #[arg(long, value_name = "IMAGE")]
    pub(crate) origin: String,
    /// Layer to look at, by name, or several with weights, `conv2*0.5+ip1*2`; may be given several times
    #[arg(long, value_name = "NAME", required = true)]
    pub(crate) layer: Vec<String>,
    /// Make more of what the layer sees, Eq. (4) with +; with --reduce both, a row each
    #[arg(long, group = "sign")]
    pub(crate) magnify: bool,
    /// Make less of what the layer sees, Eq. (4) with −
    #[arg(long, group = "sign")]
    pub(crate) reduce: bool,
    /// Move toward what the layer sees in this image, Eq. (3), or in the one that `--target-set` makes of these
    #[arg(long, value_name = "IMAGES", conflicts_with_all = ["magnify", "reduce"])]
    pub(crate) target: Option<String>,
    /// Go so far that L∞ is this, in whole grey levels 1–255, or as near to it as pixels can move
    #[arg(long, value_name = "LEVELS", value_parser = values::radius, conflicts_with = "until")]
    pub(crate) linf: Option<u8>,
    /// Go as far as it takes: `misclassified`, `class` (that of the target) [default: misclassified]
    #[arg(long, value_name = "CRITERION", value_parser = values::until)]
    pub(crate) until: Option<Until>,
    /// The figure sheet [default: ORIGIN-SIGN.png in this folder]
    #[arg(long, value_name = "FILE.png")]
    pub(crate) out: Option<PathBuf>,
    /// Names of the classes for captions, one a line, the first that of class 0 [default: their numbers]
    #[arg(long, value_name = "FILE")]
    pub(crate) class_names: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) templates: TemplateArgs,
    #[command(flatten)]
    pub(crate) part: MaskArgs,
    #[command(flatten)]
    pub(crate) method: VisualizeMethodArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// The fine print of `visualize`.
#[derive(Debug, clap::Args)]
pub(crate) struct VisualizeMethodArgs {
    /// How backpropagation starts at a ReLU: without its mask as in Caffe, or exactly
    #[arg(long, value_name = "WORD", value_enum, default_value_t)]
    pub(crate) backpropagation: Relu,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RepresentArgs {
    /// Layer to look at, by name
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: String,
    /// Images
    #[arg(long, value_name = "IMAGES")]
    pub(crate) origin: String,
    /// The array, f32 [N, …], in the order of the images
    #[arg(long, value_name = "FILE.npy", value_parser = values::npy_file)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DirectionArgs {
    /// How the direction is made: toward, magnify, reduce, fast-gradient-sign, fast-gradient-value, hot-cold
    #[arg(long, value_name = "METHOD", value_parser = values::method)]
    pub(crate) method: Method,
    /// Layer, by name, or several with weights, `conv2*0.5+ip1*2`; for toward, magnify, reduce
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Option<String>,
    #[command(flatten)]
    pub(crate) origin: OriginArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// hot-cold: the hot class, by its number, counted from 0, or by its name, such as an identity of the gallery
    #[arg(long, value_name = "CLASS")]
    pub(crate) target_class: Option<String>,
    #[command(flatten)]
    pub(crate) templates: TemplateArgs,
    #[command(flatten)]
    pub(crate) part: MaskArgs,
    #[command(flatten)]
    pub(crate) how: MethodArgs,
    /// The array, f32 [N, C, H, W], a row an attempt; zeros where there is no direction
    #[arg(long, value_name = "FILE.npy", value_parser = values::npy_file)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MeasureArgs {
    /// The image it was made from: a picture, or one of a set such as `digits[4]`
    pub(crate) origin: String,
    /// The perturbed image, likewise
    pub(crate) perturbed: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FetchArgs {
    /// Which data set
    #[arg(value_enum)]
    pub(crate) data: DataSet,
    /// Folder for the files
    #[arg(long, value_name = "DIR", default_value = "data/mnist")]
    pub(crate) out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DataSet {
    /// 60,000 training and 10,000 test digits, 11 MB
    Mnist,
}
