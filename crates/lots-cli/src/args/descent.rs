//! The fine print of the methods that make an objective small, for `attack` and `compare`.

use lots::Method;
use lots::descent::{Descents, FeatureAdversary, LBfgs, ProjectedGradient};

use super::values;

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Methods of others")]
pub(crate) struct DescentArgs {
    #[arg(long, value_name = "WEIGHT", value_parser = values::weight, help = lbfgs_weight_help())]
    pub(crate) lbfgs_weight: Option<f64>,
    #[arg(long, value_name = "N", value_parser = values::iterations, help = lbfgs_iterations_help())]
    pub(crate) lbfgs_iterations: Option<usize>,
    #[arg(long, value_name = "LEVELS", value_parser = values::radius, help = feature_radius_help())]
    pub(crate) feature_radius: Option<u8>,
    #[arg(long, value_name = "N", value_parser = values::iterations, help = feature_iterations_help())]
    pub(crate) feature_iterations: Option<usize>,
    #[arg(long, value_name = "LEVELS", value_parser = values::radius, help = projected_radius_help())]
    pub(crate) projected_radius: Option<u8>,
    #[arg(long, value_name = "N", value_parser = values::iterations, help = projected_iterations_help())]
    pub(crate) projected_iterations: Option<usize>,
    /// projected-gradient: enter each ball at a place drawn with the seed of `--seed`, instead of at the origin
    #[arg(long)]
    pub(crate) projected_random: bool,
}

impl DescentArgs {
    /// What is asked for, where nothing is the default.
    pub(crate) fn options(&self, seed: u64) -> Descents {
        let default = Descents::default();
        Descents {
            l_bfgs: LBfgs {
                first_weight: self.lbfgs_weight.unwrap_or(default.l_bfgs.first_weight),
                max_iterations: self.lbfgs_iterations.unwrap_or(default.l_bfgs.max_iterations),
                ..default.l_bfgs
            },
            feature_adversary: FeatureAdversary {
                radius: self.feature_radius.unwrap_or(default.feature_adversary.radius),
                max_iterations: self.feature_iterations.unwrap_or(default.feature_adversary.max_iterations),
            },
            projected_gradient: ProjectedGradient {
                max_radius: self.projected_radius.unwrap_or(default.projected_gradient.max_radius),
                iterations: self.projected_iterations.unwrap_or(default.projected_gradient.iterations),
                random_start: self.projected_random.then_some(seed),
            },
        }
    }

    /// Each option, whether it is given, and the method that it has an effect on.
    pub(crate) fn given(&self) -> [(&'static str, bool, Method); 7] {
        let (feature, projected) = (Method::FeatureAdversary, Method::ProjectedGradient);
        [
            ("--lbfgs-weight", self.lbfgs_weight.is_some(), Method::LBfgs),
            ("--lbfgs-iterations", self.lbfgs_iterations.is_some(), Method::LBfgs),
            ("--feature-radius", self.feature_radius.is_some(), feature),
            ("--feature-iterations", self.feature_iterations.is_some(), feature),
            ("--projected-radius", self.projected_radius.is_some(), projected),
            ("--projected-iterations", self.projected_iterations.is_some(), projected),
            ("--projected-random", self.projected_random, projected),
        ]
    }
}

fn lbfgs_weight_help() -> String {
    let default = LBfgs::default().first_weight;
    format!("l-bfgs: weight of the squared norm that is tried first, in grey levels [default: {default}]")
}

fn lbfgs_iterations_help() -> String {
    format!("l-bfgs: at most so many steps for each weight [default: {}]", LBfgs::default().max_iterations)
}

fn feature_radius_help() -> String {
    let default = FeatureAdversary::default().radius;
    format!("feature-adversary: no pixel moves farther, in grey levels 1-255 [default: {default}]")
}

fn feature_iterations_help() -> String {
    format!(
        "feature-adversary: at most so many steps [default: {}]",
        FeatureAdversary::default().max_iterations
    )
}

fn projected_radius_help() -> String {
    let default = ProjectedGradient::default().max_radius;
    format!("projected-gradient: the largest ball that is tried, in grey levels 1-255 [default: {default}]")
}

fn projected_iterations_help() -> String {
    let default = ProjectedGradient::default().iterations;
    format!("projected-gradient: at most so many steps in each ball [default: {default}]")
}
