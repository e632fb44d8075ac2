//! [`Aim`]: a direction that was asked for.

use std::fmt;
use std::sync::Arc;

use lots::direction::{Formed, Objective, OriginTrace};
use lots::experiment::Group;
use lots::{Image, Method};

use super::expect_two;
use crate::args::RayArgs;
use crate::attack::images::LeftOutOf;
use crate::attack::plan::groups;
use crate::class_names::ClassNames;
use crate::failure::{Failure, Result, listed};
use crate::network::Loaded;
use crate::terminal::Terminal;
use crate::toward::{Toward, no_other_class};

/// A direction before it is formed.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub(super) group: Group,
    pub(super) objective: Option<Objective>,
    pub(super) target: Option<Target>,
    pub(super) target_class: Option<HotClass>,
}

/// The hot class of hot-cold.
#[derive(Clone, Debug)]
pub(super) struct HotClass {
    pub(super) class: usize,
    /// What it is called, or its number.
    pub(super) name: String,
}

/// What is moved toward.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    /// At the layers of the objective.
    representations: Vec<Arc<[f32]>>,
}

/// The directions of these arguments: each method at each layer, toward each target or with each hot class; and what is
/// left out of the targets.
///
/// # Errors
/// What is missing, or would have no effect.
pub(super) fn aims(
    args: &RayArgs,
    loaded: &Loaded,
    names: &ClassNames,
    (origin, origin_class): (&Image, usize),
    terminal: Terminal,
) -> Result<(Vec<Aim>, LeftOutOf)> {
    expect_arguments(args)?;
    let hot = hot_classes(args, loaded, names, origin_class)?;
    let toward = Toward::named(&args.target, &args.templates, &args.layer, loaded, terminal)?;
    let mut aims = Vec::new();
    let mask = args.part.mask(&loaded.network)?;
    for group in groups(args.method.iter().copied(), args.layer.iter().map(String::as_str)) {
        let objective = group.layer.as_deref().map(|text| loaded.objective(text, &mask)).transpose()?;
        let aim = Aim { group, objective, target: None, target_class: None };
        match aim.group.method {
            Method::Toward => {
                let (network, Some(objective)) = (&loaded.network, &aim.objective) else { continue };
                let targets = toward.at(network, objective)?;
                let own = network.represent(objective.last(), origin.pixels())?;
                let chosen = targets.chosen(objective.last(), &own.values, origin_class);
                if chosen.is_empty() {
                    return Err(no_other_class(origin_class, network).about("origin", &args.origin));
                }
                aims.extend(chosen.into_iter().map(|place| Aim {
                    target: Some(Target {
                        name: toward.name(place, targets.class(place), names),
                        representations: targets.representations(objective, place),
                    }),
                    ..aim.clone()
                }));
            }
            Method::HotCold => {
                aims.extend(hot.iter().map(|hot| Aim { target_class: Some(hot.clone()), ..aim.clone() }));
            }
            _ => aims.push(aim),
        }
    }
    if args.plane {
        expect_two(aims.len())?;
    }
    Ok((aims, toward.left_out()))
}

impl Aim {
    /// The direction, or why there is none.
    ///
    /// - `trace`: of the origin, to the layers of all aims.
    pub(super) fn direction(&self, trace: &OriginTrace<'_>, args: &RayArgs) -> Result<Formed> {
        let network = trace.network();
        let classes = [trace.class(0)];
        let vanished = args.how.vanished_gradient.unwrap_or_default().into();
        let logits = Objective::of_layer(network.logits());
        let objective = self.objective.as_ref().unwrap_or(&logits);
        let formed = match (self.group.method, &self.target, &self.target_class) {
            (Method::Magnify, ..) => trace.magnify_objective(objective)?,
            (Method::Reduce, ..) => trace.reduce_objective(objective)?,
            (Method::FastGradientSign, ..) => trace.fast_gradient_sign(&classes, vanished)?,
            (Method::FastGradientValue, ..) => trace.fast_gradient_value(&classes, vanished)?,
            (Method::HotCold, _, Some(hot)) => trace.hot_cold(&classes, &[hot.class])?,
            (_, Some(target), _) => trace.toward_objective(objective, &[&target.representations[..]])?,
            _ => return Err(Failure::new(format!("`{}` has no direction of its own", self.group.method))),
        };
        formed.into_iter().next().ok_or_else(|| Failure::new("there is no origin"))
    }

    /// As captions have it: `toward conv2 (2) → digits:targets[9]`.
    pub(super) fn place(&self, loaded: &Loaded) -> String {
        let layer = match &self.group.layer {
            Some(layer) => format!(" {}", loaded.place(layer)),
            None => String::new(),
        };
        format!("{}{layer}{}", self.group.method, self.end())
    }

    /// Where it leads, if that is known: ` → digits:targets[9]`, ` → 3`.
    fn end(&self) -> String {
        match (&self.target, &self.target_class) {
            (Some(target), _) => format!(" → {}", target.name),
            (None, Some(hot)) => format!(" → {}", hot.name),
            (None, None) => String::new(),
        }
    }
}

impl fmt::Display for Aim {
    /// `toward/conv2 → digits:targets[9]`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.group, self.end())
    }
}

/// # Errors
/// If one is no class of the network, or that of the origin.
fn hot_classes(
    args: &RayArgs,
    loaded: &Loaded,
    names: &ClassNames,
    origin_class: usize,
) -> Result<Vec<HotClass>> {
    let hot = |text: &String| {
        let class = names.class(text, &loaded.network)?;
        if class == origin_class {
            return Err(Failure::from(lots::Error::SameClass { class }).about("origin", &args.origin));
        }
        Ok(HotClass { class, name: names.of(class) })
    };
    args.target_class.iter().map(hot).collect()
}

fn expect_arguments(args: &RayArgs) -> Result<()> {
    let any = |has: fn(Method) -> bool| args.method.iter().any(|&method| has(method));
    if let Some(method) = args.method.iter().find(|method| !method.has_one_direction()) {
        return Err(Failure::new(format!("`{method}` has not one direction, but a new one after each step"))
            .with_hint(method.first_direction()));
    }
    let is_hot = any(|method| method == Method::HotCold);
    let is_loss = any(|method| matches!(method, Method::FastGradientSign | Method::FastGradientValue));
    let has_target = any(Method::needs_target);
    let needs_image = has_target && !args.templates.has_templates();
    let needs = [any(Method::needs_layer), needs_image, is_hot, false, false, false];
    let templates = args.templates.given();
    let checks = [
        ("--layer", !args.layer.is_empty(), needs[0]),
        ("--target", !args.target.is_empty(), has_target),
        ("--target-class", !args.target_class.is_empty(), is_hot),
        ("--backpropagation", args.how.backpropagation.is_some(), needs[0]),
        ("--vanished-gradient", args.how.vanished_gradient.is_some(), is_loss),
        (templates.unwrap_or_default(), templates.is_some(), has_target),
    ];
    let methods = listed(&args.method);
    for ((flag, is_given, _), is_needed) in checks.into_iter().zip(needs) {
        if is_needed && !is_given {
            return Err(Failure::new(format!("{methods} needs `{flag}`"))
                .with_hint("`lots ray --help` has an example"));
        }
    }
    let of_parts = args.part.given().map(|(flag, is_given)| (flag, is_given, needs[0]));
    let given = checks.iter().chain(&of_parts);
    let vain: Vec<&str> =
        given.filter(|(_, is_given, has)| *is_given && !has).map(|(flag, ..)| *flag).collect();
    if !vain.is_empty() {
        return Err(Failure::no_effect(&vain, &methods, "ray"));
    }
    Ok(())
}
