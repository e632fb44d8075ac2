//! The arguments of `ray`.

use std::path::PathBuf;

use lots::Method;
use lots::class_map::{MAX_STEP, PlaneExtent, RayExtent};

use super::attack::MethodArgs;
use super::features::{MaskArgs, TemplateArgs};
use super::network::NetworkArgs;
use super::values;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RayArgs {
    /// The image to start from: a picture, or one of a set such as `digits[4]`
    #[arg(long, value_name = "IMAGE")]
    pub(crate) origin: String,
    /// How the direction is made: toward, magnify, reduce, fast-gradient-sign, fast-gradient-value, hot-cold; may be
    /// given several times
    #[arg(long, value_name = "METHOD", value_parser = values::method, required = true)]
    pub(crate) method: Vec<Method>,
    /// Layer, by name, or several with weights, `conv2*0.5+ip1*2`, for toward, magnify, reduce; may be given several
    /// times
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Vec<String>,
    /// toward: the image to move toward, or those that `--target-set` makes targets of; may be given several times
    #[arg(long, value_name = "IMAGES")]
    pub(crate) target: Vec<String>,
    /// hot-cold: the hot class, by its number, counted from 0, or by its name, such as an identity of the gallery; may be
    /// given several times
    #[arg(long, value_name = "CLASS")]
    pub(crate) target_class: Vec<String>,
    /// Draw the plane of the two directions that are named, as a map of classes, instead of a ray for each direction
    #[arg(long)]
    pub(crate) plane: bool,
    /// Longest step, in grey levels of the pixel that moves fastest
    #[arg(long, value_name = "LEVELS", value_parser = values::levels, default_value_t = MAX_STEP)]
    pub(crate) max_step: f64,
    /// Go against the directions, too: steps of both signs
    #[arg(long)]
    pub(crate) both_signs: bool,
    /// Look at each image of a ray, but at no more than so many on a side, evenly spread
    #[arg(
        long,
        value_name = "N",
        value_parser = values::several,
        default_value_t = RayExtent::default().limit,
        conflicts_with = "plane"
    )]
    pub(crate) images: usize,
    /// Look at so many steps of each direction of a plane
    #[arg(
        long,
        value_name = "N",
        value_parser = values::several,
        default_value_t = PlaneExtent::default().grid,
        requires = "plane"
    )]
    pub(crate) grid: usize,
    /// The plot; a page has its tables as well
    #[arg(long, value_name = "FILE.png|.svg|.html", value_parser = values::plot_file)]
    pub(crate) out: PathBuf,
    /// Names of the classes for the plot, one a line, the first that of class 0 [default: their numbers]
    #[arg(long, value_name = "FILE")]
    pub(crate) class_names: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) templates: TemplateArgs,
    #[command(flatten)]
    pub(crate) part: MaskArgs,
    #[command(flatten)]
    pub(crate) how: MethodArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}
