//! The arguments of `faces` and of the commands in it.

use std::path::PathBuf;

use clap::Subcommand;
use lots::Method;

use super::attack::MemoryArgs;
use super::network::NetworkArgs;
use super::{examples, values};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FacesArgs {
    #[command(subcommand)]
    pub(crate) command: FacesCommand,
}

#[derive(Clone, Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum FacesCommand {
    /// Find the faces of photographs and align them: 112×112 pixels, eyes, nose and mouth in their places
    #[command(after_help = examples::FACES_ALIGN)]
    Align(AlignArgs),
    /// Put a perturbed face back into its photograph, and check the photograph from the detector on
    #[command(after_help = examples::FACES_PASTE)]
    Paste(Box<PasteArgs>),
    /// Measure a face network: verification, impersonation, who can become whom, as JSON and a page
    #[command(after_help = examples::FACES_REPORT)]
    Report(Box<FacesReportArgs>),
}

/// The networks between a photograph and its faces.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FinderArgs {
    /// Network that finds faces, an ONNX file
    #[arg(long, value_name = "FILE")]
    pub(crate) detector: PathBuf,
    /// Network that finds 68 points in a face, an ONNX file
    #[arg(long, value_name = "FILE")]
    pub(crate) landmarks: PathBuf,
    /// The probability from which on the detector's boxes count as faces, 0 to 1
    #[arg(long, value_name = "NUMBER", default_value_t = lots::face::LEAST_SCORE, value_parser = values::rate)]
    pub(crate) score: f64,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AlignArgs {
    /// Photographs, and folders of them, with all folders inside
    #[arg(value_name = "PHOTO", required = true)]
    pub(crate) photo: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) finder: FinderArgs,
    /// Rows and columns of the aligned faces; networks of the ArcFace family take 112
    #[arg(long, value_name = "PIXELS", default_value_t = lots::face::ALIGNED, value_parser = values::side)]
    pub(crate) side: usize,
    /// Folder for the aligned faces, in the folders of their photographs, and faces.jsonl
    #[arg(long, value_name = "DIR", default_value = "aligned")]
    pub(crate) out: PathBuf,
    /// Replace a folder of this command that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on with what was interrupted; the result has the same bytes as if it had not been
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PasteArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// The photograph
    #[arg(value_name = "PHOTO")]
    pub(crate) photo: PathBuf,
    /// The perturbed face, of the size of the aligned one
    #[arg(value_name = "PERTURBED")]
    pub(crate) perturbed: PathBuf,
    /// The aligned face that it was made from, in a folder that `lots faces align` wrote
    #[arg(long, value_name = "ALIGNED")]
    pub(crate) face: PathBuf,
    /// The aligned face that it shall be taken for
    #[arg(long, value_name = "ALIGNED")]
    pub(crate) target: PathBuf,
    #[command(flatten)]
    pub(crate) finder: FinderArgs,
    /// Layer whose representations are compared [default: that of the gallery, or the last]
    #[arg(long, value_name = "NAME")]
    pub(crate) feature: Option<String>,
    /// The cosine similarity above which two faces count as the same identity, -1 to 1
    #[arg(long, value_name = "NUMBER", value_parser = values::cosine, allow_hyphen_values = true)]
    pub(crate) threshold: Option<f64>,
    /// The photograph with the perturbation: .png, .ppm, .bmp, .webp
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub(crate) struct FacesReportArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Folders with a folder for each identity, of aligned faces
    #[arg(value_name = "FACES", required = true)]
    pub(crate) faces: Vec<PathBuf>,
    /// Layer whose directions are followed, by name; may be given several times [default: the feature layer]
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Vec<String>,
    /// toward, step-and-adjust; may be given several times [default: both]
    #[arg(long, value_name = "METHOD", value_parser = values::method)]
    pub(crate) method: Vec<Method>,
    /// Layer whose representations are compared [default: that of the gallery, or the last]
    #[arg(long, value_name = "NAME")]
    pub(crate) feature: Option<String>,
    /// The false-accept rate that sets the threshold of the similarity
    #[arg(long, value_name = "RATE", default_value_t = 1e-3, value_parser = values::rate)]
    pub(crate) far: f64,
    /// Go so much beyond the threshold, so that a perturbed face is still taken for the target when it is back in its
    /// photograph
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0, value_parser = values::margin)]
    pub(crate) margin: f64,
    /// Move these identities toward each other, by the names of their folders; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "identities")]
    pub(crate) identity: Vec<String>,
    /// Move so many identities toward each other, drawn with the seed
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = values::several)]
    pub(crate) identities: usize,
    /// Seed of the identities and of their images that are drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// step-and-adjust: at most so many steps of one grey level
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = values::iterations)]
    pub(crate) adjust_iterations: usize,
    /// Leave out PASS
    #[arg(long)]
    pub(crate) no_pass: bool,
    /// Show pictures of these identities only; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) show: Vec<String>,
    /// Show no pictures
    #[arg(long, conflicts_with = "show")]
    pub(crate) no_pictures: bool,
    /// Folder for run.json, report.html, attempts.jsonl and the perturbed faces
    #[arg(long, value_name = "DIR", default_value = "faces-report")]
    pub(crate) out: PathBuf,
    /// Replace a folder of this command that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on with what was interrupted; the result has the same bytes as if it had not been
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
