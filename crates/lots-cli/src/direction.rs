//! `lots direction`: the direction η in the pixels, as an array.

use std::collections::BTreeMap;
use std::sync::Arc;

use lots::data::array::RowWriter;
use lots::direction::{Formed, Objective, OriginTrace};
use lots::{Image, Method, experiment};
use serde::Serialize;

use crate::Done;
use crate::args::DirectionArgs;
use crate::attack::images::{LeftOutOf, Origin, Targets, left_out_of};
use crate::class_names::ClassNames;
use crate::failure::{About, Failure, Result};
use crate::images::{FittedChunks, FittedSet, source};
use crate::network::Loaded;
use crate::terminal::Terminal;
use crate::toward::Toward;

/// Origins at a time.
const CHUNK: usize = 256;

pub(crate) fn run(args: &DirectionArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    expect_arguments(args)?;
    let hot = args
        .target_class
        .as_ref()
        .map(|text| ClassNames::of_network(&loaded.network).class(text, &loaded.network));
    let hot = hot.transpose()?.unwrap_or_default();
    let toward = toward(args, &loaded, terminal)?;
    let source = source(&args.origin.origin, classes(args))?;
    let chunks = FittedChunks::new(&source, &args.origin.origin, "origin", &loaded.network)?.of(CHUNK);
    let count = chunks.remaining();
    terminal.leave_out("origin", chunks.left_out());
    let mut left_out = left_out_of(chunks.left_out(), None);
    left_out.extend(toward.iter().flat_map(Toward::left_out));
    let objective = match &args.layer {
        Some(text) => loaded.objective(text, &args.part.mask(&loaded.network)?)?,
        None => Objective::of_layer(loaded.network.logits()),
    };
    let aims = toward.map(|toward| Aims::new(toward, count, &loaded, &objective)).transpose()?;
    let shape = loaded.network.input_shape();
    let mut array = RowWriter::<f32>::create(&args.out, &shape)?;
    let mut missing = Vec::new();
    let progress = terminal.progress(count as u64, "origins");
    let mut first = 0;
    for set in chunks {
        let origins = Origin::of_set(&set?, classes(args), first, &loaded.network)?;
        for (formed, origin) in
            formed((args, hot), &loaded, &objective, &origins, aims.as_ref())?.into_iter().zip(&origins)
        {
            match formed {
                Ok(direction) => array.append(direction.values())?,
                Err(reason) => {
                    missing.push(Missing { origin: origin.name.clone(), reason: reason.as_str() });
                    array.append(&vec![0.0; shape.iter().product()])?;
                }
            }
        }
        first += origins.len();
        progress.inc(origins.len() as u64);
    }
    progress.finish_and_clear();
    array.finish()?;
    let shape = [count].into_iter().chain(shape).collect();
    let report = Report { file: args.out.display().to_string(), shape, no_direction: missing, left_out };
    terminal.result(&report, || report.text())?;
    Ok(if report.no_direction.len() < count { Done::Reached } else { Done::NotReached })
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    shape: Vec<usize>,
    /// Origins whose rows are zeros.
    no_direction: Vec<Missing>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: LeftOutOf,
}

#[derive(Debug, Serialize)]
struct Missing {
    origin: String,
    reason: &'static str,
}

impl Report {
    fn text(&self) -> String {
        let shape: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        let missing = match self.no_direction.as_slice() {
            [] => String::new(),
            missing => {
                let names: Vec<String> = missing
                    .iter()
                    .map(|it| format!("{} ({})", it.origin, it.reason.replace('_', " ")))
                    .collect();
                format!("no direction, zeros instead: {}\n", names.join(", "))
            }
        };
        format!("wrote {}: f32 [{}]\n{missing}", self.file, shape.join(", "))
    }
}

/// # Errors
/// What is missing, or would have no effect.
fn expect_arguments(args: &DirectionArgs) -> Result<()> {
    let method = args.method;
    if !method.has_one_direction() {
        return Err(Failure::new(format!("`{method}` has not one direction, but a new one after each step"))
            .with_hint(method.first_direction()));
    }
    let hot_cold = method == Method::HotCold;
    let is_loss = matches!(method, Method::FastGradientSign | Method::FastGradientValue);
    let checks = [
        ("--layer", args.layer.is_some(), method.needs_layer(), method.needs_layer()),
        (
            "--target",
            args.target.target.is_some(),
            method.needs_target() && !args.templates.has_templates(),
            method.needs_target(),
        ),
        (
            args.templates.given().unwrap_or_default(),
            args.templates.given().is_some(),
            false,
            method.needs_target(),
        ),
        ("--target-class", args.target_class.is_some(), hot_cold, hot_cold),
        ("--backpropagation", args.how.backpropagation.is_some(), false, method.needs_layer()),
        ("--vanished-gradient", args.how.vanished_gradient.is_some(), false, is_loss),
        ("--labels", args.origin.labels.is_some(), false, method.needs_label()),
    ];
    for (flag, is_given, is_needed, _) in checks {
        if is_needed && !is_given {
            let failure = Failure::new(format!("`{method}` needs `{flag}`"));
            let is_target = flag == "--target";
            return Err(if is_target {
                failure.with_hint("`--target IMAGES`, or `--template FILE` for stored representations")
            } else {
                failure.with_hint("`lots direction --help` has an example")
            });
        }
    }
    let of_parts = args.part.given().map(|(flag, is_given)| (flag, is_given, false, method.needs_layer()));
    let given = checks.iter().chain(&of_parts);
    let vain: Vec<&str> =
        given.filter(|(_, is_given, _, has)| *is_given && !has).map(|(flag, ..)| *flag).collect();
    if !vain.is_empty() {
        return Err(Failure::no_effect(&vain, &format!("`{method}`"), "direction"));
    }
    Ok(())
}

/// Where the classes of the origins come from; those that no direction depends on are predicted.
fn classes(args: &DirectionArgs) -> Option<&crate::args::LabelSource> {
    if args.method.needs_label() {
        args.origin.labels.as_ref()
    } else {
        Some(&crate::args::LabelSource::Predicted)
    }
}

/// - `hot`: the hot class, for hot-cold.
fn formed(
    (args, hot): (&DirectionArgs, usize),
    loaded: &Loaded,
    objective: &Objective,
    origins: &[Origin],
    aims: Option<&Aims>,
) -> Result<Vec<Formed>> {
    let network = &loaded.network;
    let images: Vec<Image> = origins.iter().map(|origin| origin.image.clone()).collect();
    let trace = OriginTrace::of_images(network, &objective.layers(), &images)?
        .with_relu_start(args.how.backpropagation.unwrap_or_default().into());
    let classes: Vec<usize> = origins.iter().map(|origin| origin.class).collect();
    let vanished = args.how.vanished_gradient.unwrap_or_default().into();
    Ok(match args.method {
        Method::Magnify => trace.magnify_objective(objective)?,
        Method::Reduce => trace.reduce_objective(objective)?,
        Method::FastGradientSign => trace.fast_gradient_sign(&classes, vanished)?,
        Method::FastGradientValue => trace.fast_gradient_value(&classes, vanished)?,
        Method::HotCold => {
            if let Some(origin) = origins.iter().find(|origin| origin.class == hot) {
                return Err(
                    Failure::from(lots::Error::SameClass { class: hot }).about("origin", &origin.name)
                );
            }
            trace.hot_cold(&classes, &vec![hot; origins.len()])?
        }
        _ => {
            let Some(aims) = aims else { return Err(Failure::new("there are no targets")) };
            let targets = aims.of(origins, &trace, objective)?;
            trace.toward_objective(objective, &targets.iter().map(Vec::as_slice).collect::<Vec<_>>())?
        }
    })
}

/// What is moved toward, for methods that have a target.
fn toward(args: &DirectionArgs, loaded: &Loaded, terminal: Terminal) -> Result<Option<Toward>> {
    if !args.method.needs_target() {
        return Ok(None);
    }
    let labels = args.target.target_labels.as_ref();
    let images = match &args.target.target {
        Some(text) => {
            let mut fitted =
                FittedSet::load(&source(text, labels)?, text, "target", &loaded.network, terminal)?;
            fitted.set = Targets::new(&fitted.set, labels, &loaded.network)?.set;
            Some(fitted)
        }
        None => None,
    };
    Toward::new(images, &args.templates, args.layer.as_slice(), loaded).map(Some)
}

/// A target for each origin.
enum Aims {
    /// The first origin has the first target, and so on.
    Paired(Toward),
    /// All have the same, or one that is chosen from all.
    OfAll(experiment::Targets),
}

impl Aims {
    /// # Errors
    /// If there is neither one target for all of `count` origins, nor one for each.
    fn new(toward: Toward, count: usize, loaded: &Loaded, objective: &Objective) -> Result<Self> {
        let targets = toward.count();
        if toward.is_each() && targets != 1 && targets != count {
            return Err(Failure::new(format!("there are {count} origins and {targets} targets"))
                .with_hint("give one target for all origins, one for each, or say with `--target-set` what to make of them"));
        }
        Ok(if toward.is_each() && targets == count {
            Self::Paired(toward)
        } else {
            Self::OfAll(toward.at(&loaded.network, objective)?)
        })
    }

    /// The representations of the target of each origin.
    fn of(
        &self,
        origins: &[Origin],
        trace: &OriginTrace<'_>,
        objective: &Objective,
    ) -> Result<Vec<Vec<Arc<[f32]>>>> {
        let targets = match self {
            Self::OfAll(targets) => targets,
            Self::Paired(toward) => {
                let first = origins.first().map_or(0, |origin| origin.number);
                let own = toward.part(first..first + origins.len())?.at(trace.network(), objective)?;
                return Ok((0..origins.len()).map(|place| own.representations(objective, place)).collect());
            }
        };
        let own = trace.representation(objective.last())?;
        let mut chosen = Vec::with_capacity(origins.len());
        for (place, origin) in origins.iter().enumerate() {
            let all = targets.chosen(objective.last(), own.image(place), origin.class);
            let target = Toward::only(&all, origin.class, trace.network()).about("origin", &origin.name)?;
            chosen.push(targets.representations(objective, target));
        }
        Ok(chosen)
    }
}
