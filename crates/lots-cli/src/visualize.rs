//! `lots visualize`: a figure sheet of what layers see in one image.

mod look;

use std::collections::BTreeMap;
use std::path::PathBuf;

use lots::direction::{Objective, OriginTrace};
use lots::figure::{Caption, Panel};
use serde::Serialize;

use self::look::{Asked, Given, Look, Row, Sign};
use crate::Done;
use crate::args::VisualizeArgs;
use crate::attack::images::LeftOutOf;
use crate::class_names::ClassNames;
use crate::failure::Result;
use crate::images::{Preprocessed, file_stem, single_fitted};
use crate::network::Loaded;
use crate::panels::{Shown, Subject};
use crate::terminal::{Terminal, plain};

pub(crate) fn run(args: &VisualizeArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let network = &loaded.network;
    let names = ClassNames::open(args.class_names.as_deref(), network)?;
    let (fitted, name) = single_fitted(&args.origin, "origin", network)?;
    let origin = Subject::new(network, fitted.image)?.with_class_names(names);
    let mask = args.part.mask(network)?;
    let objectives =
        args.layer.iter().map(|text| loaded.objective(text, &mask)).collect::<Result<Vec<_>>>()?;
    let look =
        Look::new(Asked { args, loaded: &loaded, origin: &origin, objectives: &objectives, terminal })?;
    let out = args.out.clone().unwrap_or_else(|| default_out(&name, &look));
    let layers: Vec<_> = objectives.iter().flat_map(Objective::layers).collect();
    let trace = OriginTrace::of_images(network, &layers, std::slice::from_ref(&origin.image))?
        .with_relu_start(args.method.backpropagation.into());
    let mut report = Report {
        file: out.display().to_string(),
        origin: name.clone(),
        origin_preprocessed: fitted.preprocessed,
        origin_class: origin.class,
        layers: Vec::new(),
        not_reached: Vec::new(),
        class_names: BTreeMap::new(),
        left_out: look.left_out.clone(),
        has_both_signs: look.signs.len() > 1,
    };
    let mut rows = Vec::new();
    for sign in &look.signs {
        let mut row = Row { sign, panels: Vec::new(), is_short: false };
        for ((index, objective), name) in objectives.iter().enumerate().zip(&args.layer) {
            let place = loaded.place(name);
            match look.perturbed(sign, &trace, (index, objective), &origin)? {
                Ok(perturbed) => {
                    let (panel, shown) = origin.perturbed(&place, perturbed)?;
                    row.panels.push(panel);
                    let short_of_linf = look.linf.filter(|&linf| shown.linf < linf);
                    row.is_short |= short_of_linf.is_some();
                    report.layers.push(Reached { sign: sign.word(), shown, short_of_linf });
                }
                Err(reason) => {
                    let caption = Caption::new(format!("{place}: {}", origin.class_name()))
                        .with_detail(format!("not reached: {reason}"));
                    row.panels.push(Panel::new(origin.image.clone(), caption));
                    report.not_reached.push(NotReached { sign: sign.word(), layer: place, reason });
                }
            }
        }
        rows.push(row);
    }
    let given = Given { name: &name, preprocessed: fitted.preprocessed, subject: &origin };
    look.sheet(&given, &loaded.name, rows).render().save(&out)?;
    let classes = report.layers.iter().map(|it| it.shown.class).chain([origin.class]);
    report.class_names = origin.names.of_these(classes);
    report.short().for_each(|line| terminal.say(line));
    terminal.result(&report, || report.text())?;
    Ok(if report.layers.is_empty() { Done::NotReached } else { Done::Reached })
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_preprocessed: Option<Preprocessed>,
    origin_class: usize,
    layers: Vec<Reached>,
    not_reached: Vec<NotReached>,
    /// What the classes here are called, where classes have names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    class_names: BTreeMap<usize, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: LeftOutOf,
    #[serde(skip)]
    has_both_signs: bool,
}

#[derive(Debug, Serialize)]
struct Reached {
    /// `magnify` or `reduce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign: Option<&'static str>,
    #[serde(flatten)]
    shown: Shown,
    /// The L∞ that was asked for, if no pixel has room for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    short_of_linf: Option<u8>,
}

#[derive(Debug, Serialize)]
struct NotReached {
    #[serde(skip_serializing_if = "Option::is_none")]
    sign: Option<&'static str>,
    layer: String,
    reason: String,
}

impl Report {
    fn text(&self) -> String {
        let mut lines = Vec::new();
        if let Some(preprocessed) = &self.origin_preprocessed {
            lines.push(format!("{}: {preprocessed}", self.origin));
        }
        lines.extend(self.layers.iter().map(|it| format!("{}{}", self.sign(it.sign), it.shown)));
        let class = self.class_names.get(&self.origin_class);
        let class = class.map_or_else(|| self.origin_class.to_string(), |name| plain(name).into_owned());
        lines.extend(
            self.not_reached
                .iter()
                .map(|it| format!("{}{}: {class}, not reached: {}", self.sign(it.sign), it.layer, it.reason)),
        );
        lines.push(format!("wrote {}\n", self.file));
        lines.join("\n")
    }

    /// Where the L∞ that was asked for is not reached, a line for each.
    fn short(&self) -> impl Iterator<Item = String> {
        self.layers.iter().filter_map(|it| {
            let (sign, layer, linf) = (self.sign(it.sign), &it.shown.layer, it.shown.linf);
            let asked = it.short_of_linf?;
            Some(format!("{sign}{layer}: L∞ ends at {linf}, no pixel that moves has room for {asked}"))
        })
    }

    /// What tells lines about the same layer apart.
    fn sign(&self, sign: Option<&'static str>) -> String {
        sign.filter(|_| self.has_both_signs).map_or_else(String::new, |sign| format!("{sign} "))
    }
}

fn default_out(origin: &str, look: &Look) -> PathBuf {
    let signs: Vec<String> = look
        .signs
        .iter()
        .map(|sign| match sign {
            Sign::Magnify => "magnify".to_owned(),
            Sign::Reduce => "reduce".to_owned(),
            Sign::Toward(target) => format!("toward-{}", file_stem(&target.name)),
        })
        .collect();
    PathBuf::from(format!("{}-{}.png", file_stem(origin), signs.join("-")))
}
