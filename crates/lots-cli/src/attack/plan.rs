//! [`Plan`]: what the arguments of `attack` ask for, checked: everything that is needed is there, and everything that
//! is there has an effect.

use lots::criterion::Until;
use lots::experiment::{Experiment, Group, MisclassifiedOrigins};
use lots::line_search::Scan;
use lots::step_and_adjust::StepAndAdjust;
use lots::{LineSearch, Method};

use super::ending::{FromImpostors, resolve};
use super::images::{Origin, distinct};
use crate::args::AttackArgs;
use crate::class_names::ClassNames;
use crate::failure::{Failure, Result, listed};
use crate::images::file_stem;
use crate::network::Loaded;

/// What is done with each origin.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) experiment: Experiment,
    /// The groups as they are in file names, all different.
    pub(crate) stems: Vec<String>,
    pub(crate) include_misclassified: bool,
    /// Layers at which origins are moved toward what was found for them.
    pub(crate) improve: Vec<String>,
    /// What the threshold of the criterion followed from.
    pub(crate) from_impostors: Option<FromImpostors>,
    /// What records call the classes.
    pub(crate) class_names: ClassNames,
}

impl Plan {
    /// The plan of these arguments.
    pub(crate) fn new(args: &AttackArgs, loaded: &Loaded) -> Result<Self> {
        let mask = args.part.mask(&loaded.network)?;
        let (until, from_impostors) = resolve(args, loaded)?;
        expect_needed(args, until, loaded)?;
        let class_names = ClassNames::of_network(&loaded.network);
        let target_class = args.target_class.as_ref().map(|text| class_names.class(text, &loaded.network));
        expect_effect(args, until)?;
        expect_once("--method", &args.method)?;
        expect_once("--layer", &args.layer)?;
        expect_once("--robust-to", &args.search.robust_to)?;
        for text in &args.layer {
            loaded.objective(text, &mask)?;
        }
        let improve = improve(args, until, loaded)?;
        let groups = groups(args.method.iter().copied(), args.layer.iter().map(String::as_str));
        Ok(Self {
            stems: distinct(groups.iter().map(|group| file_stem(&group.to_string().replace('/', "_")))),
            include_misclassified: args.include_misclassified,
            improve,
            from_impostors,
            class_names,
            experiment: Experiment {
                groups,
                until,
                criterion_layer: None,
                robust_to: args.search.robust_to.clone(),
                pairing: args.pairing.unwrap_or_default().into(),
                templates: args.templates.read(&args.layer, loaded)?,
                target_choice: args.templates.choice()?,
                mask,
                target_class: target_class.transpose()?,
                misclassified_origins: MisclassifiedOrigins::Include,
                relu_start: args.how.backpropagation.unwrap_or_default().into(),
                vanished_gradient: args.how.vanished_gradient.unwrap_or_default().into(),
                line_search: line_search(args),
                step_and_adjust: step_and_adjust(args),
                descents: args.descent.options(args.output.seed),
                budget: None,
                checkpoints: Vec::new(),
                with_pass_score: !args.output.no_pass,
                memory: args.memory.bytes(),
            },
        })
    }

    /// These methods with their defaults at these layers, until the class changes.
    pub(crate) fn of<'l>(methods: &[Method], layers: impl Iterator<Item = &'l str>) -> Self {
        let groups = groups(methods.iter().copied(), layers);
        Self {
            stems: vec![String::new(); groups.len()],
            include_misclassified: false,
            improve: Vec::new(),
            from_impostors: None,
            class_names: ClassNames::default(),
            experiment: Experiment {
                groups,
                misclassified_origins: MisclassifiedOrigins::Include,
                ..Experiment::default()
            },
        }
    }

    /// Whether an origin is attacked.
    pub(crate) fn takes(&self, origin: &Origin) -> bool {
        origin.class == origin.predicted || self.include_misclassified
    }
}

/// A group for each method, and for each layer of methods that look at one.
pub(crate) fn groups<'l>(
    methods: impl Iterator<Item = Method>,
    layers: impl Iterator<Item = &'l str>,
) -> Vec<Group> {
    let layers: Vec<&str> = layers.collect();
    methods
        .flat_map(|method| {
            if method.needs_layer() {
                layers.iter().map(|&layer| Group::at_layer(method, layer)).collect()
            } else {
                vec![Group::of(method)]
            }
        })
        .collect()
}

/// The layers of `--improve`.
///
/// # Errors
/// If one is not in the network or given twice, or if the criterion is about the representation of another target.
fn improve(args: &AttackArgs, until: Until, loaded: &Loaded) -> Result<Vec<String>> {
    let Some(names) = &args.improve else { return Ok(Vec::new()) };
    if is_about_representations(until) {
        return Err(Failure::new(format!("`--improve` with `--until {until}` has two targets"))
            .with_hint("use `--until misclassified` or `--until class`"));
    }
    expect_once("--improve", names)?;
    if names.is_empty() {
        return Ok(loaded.weight_layers().map(str::to_owned).collect());
    }
    for name in names {
        loaded.layer(name)?;
    }
    Ok(names.clone())
}

fn step_and_adjust(args: &AttackArgs) -> StepAndAdjust {
    let default = StepAndAdjust::default();
    StepAndAdjust {
        step: args.search.adjust_step.unwrap_or(default.step),
        max_iterations: args.search.adjust_iterations.unwrap_or(default.max_iterations),
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
        if method.needs_target() && args.target.target.is_none() && !args.templates.has_templates() {
            return Err(Failure::new(format!("`{method}` needs targets"))
                .with_hint(
                    "`--target FILE`; `--target digits:targets` are ten digits, one a class; `--template FILE` for \
                     stored representations",
                ));
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
            .with_hint("use `--method toward`, `--method step-and-adjust` or `--method feature-adversary`"));
        }
    }
    Ok(())
}

/// # Errors
/// The arguments that would have no effect.
fn expect_effect(args: &AttackArgs, until: Until) -> Result<()> {
    let any = |has: fn(Method) -> bool| args.method.iter().any(|&method| has(method));
    let class_matters = any(|method| method == Method::HotCold)
        || until == Until::Class && any(|method| !method.needs_target());
    let is_searched = any(Method::has_one_direction);
    let has_caffe_start = any(|method| method.needs_layer() && !method.is_descent());
    let is_adjusted = any(|method| method == Method::StepAndAdjust);
    let checks = [
        ("--layer", !args.layer.is_empty(), any(Method::needs_layer)),
        ("--target", args.target.target.is_some(), any(Method::needs_target)),
        ("--template", args.templates.has_templates(), any(Method::needs_target)),
        ("--target-set", args.templates.target_set.is_some(), any(Method::needs_target)),
        ("--target-class", args.target_class.is_some(), class_matters),
        ("--backpropagation", args.how.backpropagation.is_some(), has_caffe_start),
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
    let of_descents =
        args.descent.given().map(|(flag, is_given, method)| (flag, is_given, args.method.contains(&method)));
    let of_parts = args.part.given().map(|(flag, is_given)| (flag, is_given, any(Method::needs_layer)));
    let given = checks.iter().chain(&of_parts).chain(&of_descents);
    let vain: Vec<&str> =
        given.filter(|(_, is_given, has)| *is_given && !has).map(|(flag, ..)| *flag).collect();
    if vain.is_empty() {
        return Ok(());
    }
    Err(Failure::no_effect(&vain, &listed(&args.method), "attack"))
}

/// # Errors
/// If a value is given twice.
pub(crate) fn expect_once<T: PartialEq + std::fmt::Display>(flag: &str, values: &[T]) -> Result<()> {
    let twice = values.iter().enumerate().find(|(index, value)| values[..*index].contains(value));
    match twice {
        Some((_, value)) => Err(Failure::new(format!("`{flag} {value}` is given twice"))),
        None => Ok(()),
    }
}

fn is_about_representations(until: Until) -> bool {
    matches!(until, Until::DistanceBelow(_) | Until::SimilarityAbove(_))
}
