//! [`Plan`]: what the arguments of `attack` ask for, checked: everything that is needed is there, and everything that
//! is there has an effect.

use lots::LineSearch;
use lots::criterion::Until;
use lots::direction::VanishedGradient;
use lots::line_search::Scan;
use lots_network::{LayerId, ReluStart};

use super::images::{Origin, distinct};
use super::summary;
use crate::args::{AttackArgs, Pairing};
use crate::failure::{Failure, Result};
use crate::images::file_stem;
use crate::network::Loaded;
use lots::Method;

/// What is done with each origin.
#[derive(Debug)]
pub(crate) struct Plan {
    /// In the order in which attempts are reported.
    pub(crate) groups: Vec<Group>,
    /// The groups as they are in file names, all different.
    pub(crate) stems: Vec<String>,
    pub(crate) until: Until,
    pub(crate) pairing: Pairing,
    /// The class that was asked for.
    pub(crate) target_class: Option<usize>,
    pub(crate) include_misclassified: bool,
    pub(crate) relu_start: ReluStart,
    pub(crate) vanished_gradient: VanishedGradient,
    pub(crate) with_pass: bool,
    pub(crate) line_search: LineSearch,
}

/// A method at a layer.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) method: Method,
    /// By its name, for methods that look at a layer.
    pub(crate) layer: Option<(String, LayerId)>,
}

impl Group {
    /// `toward/conv2`
    pub(crate) fn key(&self) -> String {
        summary::group(self.method.as_str(), self.layer.as_ref().map(|(name, _)| name.as_str()))
    }
}

impl Plan {
    /// The plan of these arguments.
    pub(crate) fn new(args: &AttackArgs, loaded: &Loaded) -> Result<Self> {
        let until = args.until.unwrap_or_default();
        expect_needed(args, until, loaded)?;
        expect_effect(args, until)?;
        let mut groups = Vec::new();
        for (index, &method) in args.method.iter().enumerate() {
            if args.method[..index].contains(&method) {
                return Err(Failure::new(format!("`--method {method}` is given twice")));
            }
            if method == Method::StepAndAdjust {
                return Err(Failure::new("`step-and-adjust` is not there yet"));
            }
            if !method.needs_layer() {
                groups.push(Group { method, layer: None });
                continue;
            }
            for (index, name) in args.layer.iter().enumerate() {
                if args.layer[..index].contains(name) {
                    return Err(Failure::new(format!("`--layer {name}` is given twice")));
                }
                groups.push(Group { method, layer: Some((name.clone(), loaded.layer(name)?)) });
            }
        }
        Ok(Self {
            stems: distinct(groups.iter().map(|group: &Group| file_stem(&group.key().replace('/', "_")))),
            groups,
            until,
            pairing: args.pairing.unwrap_or_default(),
            target_class: args.target_class,
            include_misclassified: args.include_misclassified,
            relu_start: args.how.backpropagation.unwrap_or_default().into(),
            vanished_gradient: args.how.vanished_gradient.unwrap_or_default().into(),
            with_pass: !args.output.no_pass,
            line_search: line_search(args),
        })
    }

    /// Every method with its defaults, at every layer with weights, until the class changes.
    pub(crate) fn of_all_methods(loaded: &Loaded) -> Result<Self> {
        let mut groups = Vec::new();
        // Its attempts are searched in another way, which is not there yet.
        for method in Method::ALL.into_iter().filter(|&method| method != Method::StepAndAdjust) {
            if !method.needs_layer() {
                groups.push(Group { method, layer: None });
                continue;
            }
            for name in loaded.weight_layers() {
                groups.push(Group { method, layer: Some((name.to_owned(), loaded.layer(name)?)) });
            }
        }
        Ok(Self {
            stems: vec![String::new(); groups.len()],
            groups,
            until: Until::default(),
            pairing: Pairing::default(),
            target_class: None,
            include_misclassified: false,
            relu_start: ReluStart::default(),
            vanished_gradient: VanishedGradient::default(),
            with_pass: true,
            line_search: LineSearch::default(),
        })
    }

    /// Whether an origin is attacked.
    pub(crate) fn takes(&self, origin: &Origin) -> bool {
        origin.class == origin.predicted || self.include_misclassified
    }
}

fn line_search(args: &AttackArgs) -> LineSearch {
    let default = LineSearch::default();
    LineSearch {
        max_step: args.search.max_step.unwrap_or(default.max_step),
        scan: match args.search.scan {
            None => default.scan,
            Some(None) => Scan::EachImage,
            Some(Some(stride)) => Scan::Stride(stride),
        },
        ..default
    }
}

/// # Errors
/// What is missing.
fn expect_needed(args: &AttackArgs, until: Until, loaded: &Loaded) -> Result<()> {
    for &method in &args.method {
        if method.needs_layer() && args.layer.is_empty() {
            let names: Vec<String> =
                loaded.weight_layers().map(|name| format!("`--layer {name}`")).take(8).collect();
            return Err(Failure::new(format!("`{method}` needs a layer")).with_hint(names.join(", ")));
        }
        if method.needs_target() && args.target.target.is_none() {
            return Err(Failure::new(format!("`{method}` needs targets"))
                .with_hint("`--target FILE`; `--target digits:targets` are ten digits, one a class"));
        }
        let has_class = method.needs_target() || method == Method::HotCold || args.target_class.is_some();
        if until == Until::Class && !has_class {
            return Err(Failure::new(format!("`--until class` with `{method}` needs to know which class"))
                .with_hint("`--target-class CLASS`"));
        }
        if is_about_representations(until) && !method.needs_target() {
            return Err(Failure::new(format!(
                "`--until {until}` needs a target, which `{method}` does not have"
            ))
            .with_hint("use `--method toward` or `--method step-and-adjust`"));
        }
    }
    args.target_class.map_or(Ok(()), |class| loaded.expect_class(class))
}

/// # Errors
/// The first argument that would have no effect.
fn expect_effect(args: &AttackArgs, until: Until) -> Result<()> {
    let any = |has: fn(Method) -> bool| args.method.iter().any(|&method| has(method));
    let class_matters = any(|method| method == Method::HotCold)
        || until == Until::Class && any(|method| !method.needs_target());
    let is_searched = any(|method| method != Method::StepAndAdjust);
    let is_adjusted = any(|method| method == Method::StepAndAdjust);
    let checks = [
        ("--layer", !args.layer.is_empty(), any(Method::needs_layer)),
        ("--target", args.target.target.is_some(), any(Method::needs_target)),
        ("--target-class", args.target_class.is_some(), class_matters),
        ("--backpropagation", args.how.backpropagation.is_some(), any(Method::needs_layer)),
        (
            "--vanished-gradient",
            args.how.vanished_gradient.is_some(),
            any(|method| matches!(method, Method::FastGradientSign | Method::FastGradientValue)),
        ),
        ("--max-step", args.search.max_step.is_some(), is_searched),
        ("--scan", args.search.scan.is_some(), is_searched),
        ("--adjust-step", args.search.adjust_step.is_some(), is_adjusted),
        ("--adjust-iterations", args.search.adjust_iterations.is_some(), is_adjusted),
    ];
    match checks.iter().find(|(_, is_given, has_effect)| *is_given && !has_effect) {
        None => Ok(()),
        Some((flag, ..)) => {
            let methods: Vec<String> = args.method.iter().map(|method| format!("`{method}`")).collect();
            Err(Failure::new(format!("`{flag}` has no effect with {}", methods.join(" and ")))
                .with_hint(format!("leave it out; `lots attack --help` says what `{flag}` is for")))
        }
    }
}

fn is_about_representations(until: Until) -> bool {
    matches!(until, Until::DistanceBelow(_) | Until::SimilarityAbove(_))
}
