//! `lots direction`: the direction η in the pixels, as an array.

use lots::Image;
use lots::data::array::RowWriter;
use lots::data::folder::LeftOut;
use lots::direction::{Formed, Objective, OriginTrace};
use serde::Serialize;

use crate::Done;
use crate::args::DirectionArgs;
use crate::attack::images::{Origin, Targets};
use crate::failure::{Failure, Result};
use crate::images::{FittedChunks, source};
use crate::network::Loaded;
use crate::terminal::Terminal;
use lots::Method;

/// Origins at a time.
const CHUNK: usize = 256;

pub(crate) fn run(args: &DirectionArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    expect_arguments(args, &loaded)?;
    let targets = Targets::load(&args.target, &loaded.network, terminal)?;
    let labels = args.origin.labels.as_ref();
    let source = source(&args.origin.origin, labels)?;
    let chunks = FittedChunks::new(&source, &args.origin.origin, "origin", &loaded.network)?.of(CHUNK);
    let count = chunks.remaining();
    let left_out = chunks.left_out().cloned();
    terminal.leave_out("origin", left_out.as_ref());
    if let Some(targets) = targets.as_ref().map(|targets| targets.set.len())
        && targets != 1
        && targets != count
    {
        return Err(Failure::new(format!("there are {count} origins and {targets} targets"))
            .with_hint("give one target for all origins, or one for each"));
    }
    let shape = loaded.network.input_shape();
    let mut array = RowWriter::<f32>::create(&args.out, &shape)?;
    let mut missing = Vec::new();
    let progress = terminal.progress(count as u64, "origins");
    let mut first = 0;
    for set in chunks {
        let origins = Origin::of_set(&set?, classes(args), first, &loaded.network)?;
        for (formed, origin) in formed(args, &loaded, &origins, targets.as_ref())?.into_iter().zip(&origins) {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOut>,
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
fn expect_arguments(args: &DirectionArgs, loaded: &Loaded) -> Result<()> {
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
            "--only-channels, --only-units, --only-region and --mask",
            !args.part.is_empty(),
            false,
            method.needs_layer(),
        ),
        ("--target", args.target.target.is_some(), method.needs_target(), method.needs_target()),
        ("--target-class", args.target_class.is_some(), hot_cold, hot_cold),
        ("--backpropagation", args.how.backpropagation.is_some(), false, method.needs_layer()),
        ("--vanished-gradient", args.how.vanished_gradient.is_some(), false, is_loss),
        ("--labels", args.origin.labels.is_some(), false, method.needs_label()),
    ];
    for (flag, is_given, is_needed, has_effect) in checks {
        if is_needed && !is_given {
            return Err(Failure::new(format!("`{method}` needs `{flag}`")));
        }
        if is_given && !has_effect {
            return Err(
                Failure::new(format!("`{flag}` has no effect with `{method}`")).with_hint("leave it out")
            );
        }
    }
    match args.target_class {
        Some(class) => loaded.expect_class(class),
        None => Ok(()),
    }
}

/// Where the classes of the origins come from; those that no direction depends on are predicted.
fn classes(args: &DirectionArgs) -> Option<&crate::args::LabelSource> {
    if args.method.needs_label() {
        args.origin.labels.as_ref()
    } else {
        Some(&crate::args::LabelSource::Predicted)
    }
}

fn formed(
    args: &DirectionArgs,
    loaded: &Loaded,
    origins: &[Origin],
    targets: Option<&Targets>,
) -> Result<Vec<Formed>> {
    let network = &loaded.network;
    let objective = match &args.layer {
        Some(text) => loaded.objective(text, &args.part.mask(&loaded.network)?)?,
        None => Objective::of_layer(network.logits()),
    };
    let images: Vec<Image> = origins.iter().map(|origin| origin.image.clone()).collect();
    let trace = OriginTrace::of_images(network, &objective.layers(), &images)?
        .with_relu_start(args.how.backpropagation.unwrap_or_default().into());
    let classes: Vec<usize> = origins.iter().map(|origin| origin.class).collect();
    let vanished = args.how.vanished_gradient.unwrap_or_default().into();
    Ok(match args.method {
        Method::Magnify => trace.magnify_objective(&objective)?,
        Method::Reduce => trace.reduce_objective(&objective)?,
        Method::FastGradientSign => trace.fast_gradient_sign(&classes, vanished)?,
        Method::FastGradientValue => trace.fast_gradient_value(&classes, vanished)?,
        Method::HotCold => {
            let hot = args.target_class.unwrap_or_default();
            if let Some(origin) = origins.iter().find(|origin| origin.class == hot) {
                return Err(
                    Failure::from(lots::Error::SameClass { class: hot }).about("origin", &origin.name)
                );
            }
            trace.hot_cold(&classes, &vec![hot; origins.len()])?
        }
        _ => {
            let images = targets.map_or(&[][..], |targets| targets.set.images());
            let which = |origin: &Origin| if images.len() == 1 { 0 } else { origin.number };
            let represent = |origin| Ok(objective.represent(network, images[which(origin)].pixels())?);
            let targets = origins.iter().map(represent).collect::<Result<Vec<_>>>()?;
            trace.toward_objective(&objective, &targets.iter().map(Vec::as_slice).collect::<Vec<_>>())?
        }
    })
}
