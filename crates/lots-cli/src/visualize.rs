//! `lots visualize`: a figure sheet of what layers see in one image.

use std::path::PathBuf;

use lots::criterion::Until;
use lots::direction::OriginTrace;
use lots::figure::{Caption, Group, Panel, Sheet};
use lots::line_search::image_at;
use lots::{Criterion, Direction, Image};
use serde::Serialize;

use crate::Done;
use crate::args::VisualizeArgs;
use crate::failure::{Failure, Result};
use crate::images::{file_stem, single_fitting};
use crate::network::Loaded;
use crate::panels::{Shown, Subject, read};
use crate::terminal::Terminal;

pub(crate) fn run(args: &VisualizeArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let network = &loaded.network;
    let (image, name) = single_fitting(&args.origin, "origin", network)?;
    let origin = Subject::new(network, image)?;
    let look = Look::new(args, &loaded)?;
    let out = args.out.clone().unwrap_or_else(|| default_out(&name, &look));
    let mut report = Report {
        file: out.display().to_string(),
        origin: name.clone(),
        origin_class: origin.class,
        layers: Vec::new(),
        not_reached: Vec::new(),
    };
    let mut panels = Vec::new();
    for layer in &args.layer {
        let place = loaded.place(layer)?;
        match look.perturbed(args, &loaded, &origin, layer)? {
            Ok(perturbed) => {
                let (panel, shown) = origin.perturbed(&place, perturbed)?;
                panels.push(panel);
                report.layers.push(shown);
            }
            Err(reason) => {
                let caption = Caption::new(format!("{place}: {}", origin.class))
                    .with_detail(format!("not reached: {reason}"));
                panels.push(Panel::new(origin.image.clone(), caption));
                report.not_reached.push(NotReached { layer: place, reason });
            }
        }
    }
    let sheet = look.sheet(&name, &loaded.name, &origin, panels);
    sheet.render().save(&out)?;
    terminal.result(&report, || report.text())?;
    Ok(if report.layers.is_empty() { Done::NotReached } else { Done::Reached })
}

/// In which direction, and how far.
#[derive(Debug)]
enum Sign {
    Magnify,
    Reduce,
    Toward { target: Image, name: String, class: usize },
}

#[derive(Debug)]
struct Look {
    sign: Sign,
    /// The step, before pixels are clamped; otherwise as far as it takes.
    linf: Option<f64>,
    criterion: Criterion,
}

impl Look {
    fn new(args: &VisualizeArgs, loaded: &Loaded) -> Result<Self> {
        let network = &loaded.network;
        let sign = match &args.target {
            Some(text) => {
                let (target, name) = single_fitting(text, "target", network)?;
                let class = read(network, &target)?;
                Sign::Toward { target, name, class }
            }
            None if args.magnify => Sign::Magnify,
            None => Sign::Reduce,
        };
        let criterion = match (args.until.unwrap_or_default(), &sign) {
            (Until::Misclassified, _) => Criterion::Misclassified,
            (Until::Class, Sign::Toward { class, .. }) => Criterion::Class(*class),
            (Until::Class, _) => {
                return Err(Failure::new("`--until class` needs a target, whose class is to be read")
                    .with_hint("`--target IMAGE`, or `--until misclassified`"));
            }
            (until, _) => {
                return Err(Failure::new(format!("`visualize` does not know `--until {until}`")).with_hint(
                    "use `misclassified`, `class`, or a fixed `--linf`; `lots attack` knows more",
                ));
            }
        };
        Ok(Self { sign, linf: args.linf, criterion })
    }

    /// The perturbed image, or why there is none.
    fn perturbed(
        &self,
        args: &VisualizeArgs,
        loaded: &Loaded,
        origin: &Subject<'_>,
        layer: &str,
    ) -> Result<Result<Image, String>> {
        let layer = loaded.layer(layer)?;
        let trace = OriginTrace::of_images(&loaded.network, &[layer], std::slice::from_ref(&origin.image))?
            .with_relu_start(args.method.backpropagation.into());
        let formed = match &self.sign {
            Sign::Magnify => trace.magnify(layer)?,
            Sign::Reduce => trace.reduce(layer)?,
            Sign::Toward { target, .. } => {
                trace.toward(layer, &[&loaded.network.represent(layer, target.pixels())?.values])?
            }
        };
        match formed.into_iter().next() {
            Some(Ok(direction)) => self.along(&direction, origin),
            Some(Err(reason)) => Ok(Err(reason.to_string())),
            None => Ok(Err("there is no origin".to_owned())),
        }
    }

    fn along(&self, direction: &Direction, origin: &Subject<'_>) -> Result<Result<Image, String>> {
        match self.linf {
            Some(step) => Ok(Ok(image_at(&origin.image, direction, step)?)),
            None => origin.smallest(direction, &self.criterion),
        }
    }

    fn sheet(&self, origin_name: &str, network: &str, origin: &Subject<'_>, panels: Vec<Panel>) -> Sheet {
        let mut given = vec![origin.panel()];
        let (title, verb) = match &self.sign {
            Sign::Magnify => (format!("{origin_name}: more of what each layer sees"), "magnified"),
            Sign::Reduce => (format!("{origin_name}: less of what each layer sees"), "reduced"),
            Sign::Toward { target, name, class } => {
                given.push(Panel::new(target.clone(), Caption::new(format!("target: {class}"))));
                (format!("{origin_name}, moved toward {name}"), "moved toward the target")
            }
        };
        let how_far = match (self.linf, &self.criterion) {
            (Some(linf), _) => format!("L∞ {linf} before pixels are clamped to 0–255"),
            (None, Criterion::Class(class)) => format!("just far enough to be read as {class}"),
            (None, _) => "just far enough to be read as something else".to_owned(),
        };
        Sheet::new(title)
            .with_row([
                Group::new("given", given),
                Group::new(format!("{verb} at each layer, {how_far}"), panels),
            ])
            .with_footnote(format!(
                "network: {network} · L2, L∞: in grey levels 0–255 · PASS: 1 means the same to a human eye"
            ))
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    origin: String,
    origin_class: usize,
    layers: Vec<Shown>,
    not_reached: Vec<NotReached>,
}

#[derive(Debug, Serialize)]
struct NotReached {
    layer: String,
    reason: String,
}

impl Report {
    fn text(&self) -> String {
        let mut lines: Vec<String> = self.layers.iter().map(Shown::to_string).collect();
        let class = self.origin_class;
        lines.extend(
            self.not_reached.iter().map(|it| format!("{}: {class}, not reached: {}", it.layer, it.reason)),
        );
        lines.push(format!("wrote {}\n", self.file));
        lines.join("\n")
    }
}

fn default_out(origin: &str, look: &Look) -> PathBuf {
    let origin = file_stem(origin);
    PathBuf::from(match &look.sign {
        Sign::Magnify => format!("{origin}-magnify.png"),
        Sign::Reduce => format!("{origin}-reduce.png"),
        Sign::Toward { name, .. } => format!("{origin}-toward-{}.png", file_stem(name)),
    })
}
