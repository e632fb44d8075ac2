//! The arguments of `attack`, and those that it shares with `direction`.

use std::path::PathBuf;

use lots::experiment::Experiment;
use lots::step_and_adjust::StepAndAdjust;
use lots::transformation::Transformation;
use lots::{LineSearch, Method};

use super::descent::DescentArgs;
use super::features::{MaskArgs, TemplateArgs};
use super::images::{OriginArgs, TargetArgs};
use super::network::NetworkArgs;
use super::values;
use crate::attack::Ending;

/// From so many attempts on, perturbed images go into one array unless `--format` says otherwise: folders with more
/// files than this are slow to list.
pub(crate) const LARGE_RUN: usize = 10_000;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AttackArgs {
    /// How the direction is made: toward, magnify, reduce, fast-gradient-sign, fast-gradient-value, hot-cold,
    /// step-and-adjust, l-bfgs, feature-adversary, projected-gradient; may be given several times
    #[arg(long, value_name = "METHOD", value_parser = values::method, required = true)]
    pub(crate) method: Vec<Method>,
    /// Layer, by name, or several with weights, `conv2*0.5+ip1*2`, for toward, magnify, reduce, step-and-adjust; one layer
    /// for feature-adversary; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Vec<String>,
    #[command(flatten)]
    pub(crate) origin: OriginArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Each origin with all targets of other classes, or the first origin with the first target and so on
    #[arg(long, value_enum, value_name = "WORD", requires = "target", conflicts_with = "template")]
    pub(crate) pairing: Option<Pairing>,
    /// What ends the search: misclassified, class (the target's, or --target-class), `distance<NUMBER` (Euclidean,
    /// at the layer, in its units), `similarity>NUMBER` (cosine, at the layer, -1 to 1), `similarity@far=0.001` or
    /// `distance@far=0.001` (the threshold that so many of the `--impostors` pass) [default: misclassified]
    #[arg(long, value_name = "CRITERION", value_parser = values::ending)]
    pub(crate) until: Option<Ending>,
    /// Pairs of different identities: a gallery, or a CSV file with a score or the paths of two images in each row
    #[arg(long, value_name = "FILE")]
    pub(crate) impostors: Option<PathBuf>,
    /// Class to reach, by its number, counted from 0, or by its name, such as an identity of the gallery; for hot-cold the
    /// hot class, by default each but the origin's
    #[arg(long, value_name = "CLASS")]
    pub(crate) target_class: Option<String>,
    /// Also attack origins that the network misclassifies already; what it reads counts as their class
    #[arg(long)]
    pub(crate) include_misclassified: bool,
    /// Move each origin also toward the perturbed image that was found, at this layer, and keep the one with the higher
    /// PASS; may be given several times, without a name all layers with weights
    #[arg(long, value_name = "NAME", num_args = 0..=1, conflicts_with = "no_pass")]
    pub(crate) improve: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) templates: TemplateArgs,
    #[command(flatten)]
    pub(crate) part: MaskArgs,
    #[command(flatten)]
    pub(crate) how: MethodArgs,
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    #[command(flatten)]
    pub(crate) descent: DescentArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// The fine print of the methods.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Method")]
pub(crate) struct MethodArgs {
    /// How backpropagation starts at a ReLU: without its mask as in Caffe, or exactly [default: caffe]
    #[arg(long, value_enum, value_name = "WORD")]
    pub(crate) backpropagation: Option<Relu>,
    /// fast-gradient-*, where the gradient has vanished in single precision: fail as in the paper, or follow it in
    /// double precision [default: fail]
    #[arg(long, value_enum, value_name = "WORD")]
    pub(crate) vanished_gradient: Option<VanishedGradient>,
}

/// The fine print of the search.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Search")]
pub(crate) struct SearchArgs {
    /// The criterion must also hold for the image behind each of these, commas between: png, webp, jpeg:90, resize:0.5,
    /// shift:1 (to each of four sides), blur:1, bits:7; `lots survive --help` says what they are
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = values::transformation)]
    pub(crate) robust_to: Vec<Transformation>,
    #[arg(long, value_name = "LEVELS", value_parser = values::levels, help = max_step_help())]
    pub(crate) max_step: Option<f64>,
    #[arg(long, value_name = "LEVELS", num_args = 0..=1, value_parser = values::levels, help = scan_help())]
    #[expect(
        clippy::option_option,
        reason = "absent, given, given with a value: what the command line says"
    )]
    pub(crate) scan: Option<Option<f64>>,
    #[arg(long, value_name = "LEVELS", value_parser = values::levels, help = adjust_step_help())]
    pub(crate) adjust_step: Option<f64>,
    #[arg(long, value_name = "N", value_parser = values::iterations, help = adjust_iterations_help())]
    pub(crate) adjust_iterations: Option<usize>,
}

/// How much may be done at a time.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MemoryArgs {
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, help = memory_help())]
    pub(crate) memory: Option<usize>,
}

impl MemoryArgs {
    /// Bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.memory.unwrap_or(Experiment::default().memory)
    }
}

/// What is written, and where.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// The run folder: run.json, attempts.jsonl and the perturbed images
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[arg(long, value_enum, value_name = "WORD", help = format_help())]
    pub(crate) format: Option<Format>,
    /// Leave out SSIM and PASS, which take most of the time
    #[arg(long)]
    pub(crate) no_pass: bool,
    /// Recorded in run.json; nothing is drawn at random but by `--projected-random`
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Replace a run folder that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on with a run that was interrupted; the result has the same bytes as if it had not been
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Pairing {
    /// Each origin with all targets, those of its own class left out
    #[default]
    All,
    /// The first origin with the first target, and so on
    Zip,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Relu {
    /// Without the mask of the ReLU at the layer itself
    #[default]
    Caffe,
    /// The exact derivative
    Exact,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum VanishedGradient {
    /// No direction
    #[default]
    Fail,
    /// The gradient of the logarithm of the softmax in double precision
    Follow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A picture an attempt, in images/
    Png,
    /// One array, perturbed.npy
    Npy,
    /// No images
    None,
}

fn max_step_help() -> String {
    let limit = LineSearch::default().max_step;
    format!("Longest step, in grey levels of the pixel that moves fastest [default: {limit}]")
}

fn scan_help() -> String {
    let limit = LineSearch::default().scan_limit;
    format!(
        "Look for an earlier crossing, every LEVELS grey levels of the step; without LEVELS at each image of the ray. At \
         most {limit} images of a ray are looked at, evenly spread"
    )
}

fn memory_help() -> String {
    let default = Experiment::default().memory >> 20;
    format!(
        "About so much memory, such as 500M or 2G, for the images that are computed at a time and for what the methods that \
         go step by step remember of them, besides the weights; results never depend on it [default: {default}M]"
    )
}

fn adjust_step_help() -> String {
    format!("step-and-adjust: L∞ of each step, in grey levels [default: {}]", StepAndAdjust::default().step)
}

fn adjust_iterations_help() -> String {
    format!("step-and-adjust: at most so many steps [default: {}]", StepAndAdjust::default().max_iterations)
}

fn format_help() -> String {
    format!(
        "Perturbed images as PNG files, or as one array `perturbed.npy`, u8 [N, H, W] or [N, H, W, C]; or none \
         [default: png, and npy from {LARGE_RUN} attempts]"
    )
}

impl From<Relu> for lots_network::ReluStart {
    fn from(relu: Relu) -> Self {
        match relu {
            Relu::Caffe => Self::Caffe,
            Relu::Exact => Self::Exact,
        }
    }
}

impl From<VanishedGradient> for lots::direction::VanishedGradient {
    fn from(vanished: VanishedGradient) -> Self {
        match vanished {
            VanishedGradient::Fail => Self::Fail,
            VanishedGradient::Follow => Self::Follow,
        }
    }
}

impl From<Pairing> for lots::experiment::Pairing {
    fn from(pairing: Pairing) -> Self {
        match pairing {
            Pairing::All => Self::All,
            Pairing::Zip => Self::Zip,
        }
    }
}
