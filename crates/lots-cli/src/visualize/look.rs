//! [`Look`]: in which directions `visualize` goes, how far, and how the sheet calls it.

use std::sync::Arc;

use lots::criterion::Until;
use lots::direction::{Objective, OriginTrace};
use lots::figure::{Caption, Group, Panel, Sheet};
use lots::line_search::{NoStep, image_with_linf};
use lots::{Criterion, Image};

use crate::args::VisualizeArgs;
use crate::attack::images::LeftOutOf;
use crate::failure::{About, Failure, Result};
use crate::images::Preprocessed;
use crate::network::Loaded;
use crate::panels::Subject;
use crate::terminal::Terminal;
use crate::toward::{Pictured, Toward};

/// In which direction.
#[derive(Debug)]
pub(super) enum Sign {
    Magnify,
    Reduce,
    Toward(Target),
}

/// What is moved toward: one target at each layer.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    /// None where another one is nearest at another layer, or where nobody knows it.
    class: Option<usize>,
    /// None of what is stored or made, and where it is another one at another layer.
    pictured: Option<Pictured>,
    /// For each of the layers that are looked at.
    representations: Vec<Vec<Arc<[f32]>>>,
    left_out: LeftOutOf,
}

/// In which directions, a row of the sheet each, and how far.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) signs: Vec<Sign>,
    /// So far that L∞ is this, or the largest that there is; otherwise as far as it takes.
    pub(super) linf: Option<u8>,
    criterion: Criterion,
    /// What is left out of the targets.
    pub(super) left_out: LeftOutOf,
}

/// What was asked for, with what it is about.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) args: &'a VisualizeArgs,
    pub(super) loaded: &'a Loaded,
    pub(super) origin: &'a Subject<'a>,
    /// One for each layer that is looked at.
    pub(super) objectives: &'a [Objective],
    pub(super) terminal: Terminal,
}

/// What was done in one direction.
pub(super) struct Row<'a> {
    pub(super) sign: &'a Sign,
    /// One for each layer.
    pub(super) panels: Vec<Panel>,
    /// Whether no pixel had room for the L∞ that was asked for, at some layer.
    pub(super) is_short: bool,
}

/// The origin with what the sheet says of it.
pub(super) struct Given<'a> {
    pub(super) name: &'a str,
    pub(super) preprocessed: Option<Preprocessed>,
    pub(super) subject: &'a Subject<'a>,
}

impl Sign {
    /// As JSON and the command line have it.
    pub(super) fn word(&self) -> Option<&'static str> {
        match self {
            Self::Magnify => Some("magnify"),
            Self::Reduce => Some("reduce"),
            Self::Toward(_) => None,
        }
    }

    /// What was done at each layer.
    fn heading(&self) -> &'static str {
        match self {
            Self::Magnify => "magnified",
            Self::Reduce => "reduced",
            Self::Toward(_) => "moved toward the target",
        }
    }
}

impl Look {
    pub(super) fn new(asked: Asked<'_>) -> Result<Self> {
        let args = asked.args;
        let mut signs = Vec::new();
        if args.magnify {
            signs.push(Sign::Magnify);
        }
        if args.reduce {
            signs.push(Sign::Reduce);
        }
        if args.target.is_some() || args.templates.has_templates() {
            signs.push(Sign::Toward(Target::new(asked)?));
        } else if let Some(flag) = args.templates.given() {
            return Err(Failure::new(format!("`{flag}` has no effect without a target"))
                .with_hint("`--target IMAGES`, or `--template FILE` for stored representations"));
        }
        let criterion = match (args.until.unwrap_or_default(), signs.as_slice()) {
            (Until::Misclassified, _) => Criterion::Misclassified,
            (Until::Class, [Sign::Toward(Target { class: Some(class), .. })]) => Criterion::Class(*class),
            (Until::Class, [Sign::Toward(target)]) => {
                return Err(Failure::new(format!("the class of the target `{}` is not known", target.name))
                    .with_hint("`--until misclassified`, or a fixed `--linf`"));
            }
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
        let left_out = match signs.as_slice() {
            [Sign::Toward(target)] => target.left_out.clone(),
            _ => LeftOutOf::new(),
        };
        Ok(Self { signs, linf: args.linf, criterion, left_out })
    }

    /// The perturbed image, or why there is none.
    ///
    /// - `trace`: of the origin, to all layers that are looked at.
    /// - `objective`: with its place among them.
    pub(super) fn perturbed(
        &self,
        sign: &Sign,
        trace: &OriginTrace<'_>,
        (index, objective): (usize, &Objective),
        origin: &Subject<'_>,
    ) -> Result<Result<Image, String>> {
        let formed = match sign {
            Sign::Magnify => trace.magnify_objective(objective)?,
            Sign::Reduce => trace.reduce_objective(objective)?,
            Sign::Toward(target) => {
                trace.toward_objective(objective, &[&target.representations[index][..]])?
            }
        };
        match (formed.into_iter().next(), self.linf) {
            (Some(Ok(direction)), Some(linf)) => {
                let image = image_with_linf(&origin.image, &direction, linf)?;
                let is_still = image == origin.image;
                Ok(if is_still { Err(NoStep::Saturated.as_str().to_owned()) } else { Ok(image) })
            }
            (Some(Ok(direction)), None) => origin.smallest(&direction, &self.criterion),
            (Some(Err(reason)), _) => Ok(Err(reason.to_string())),
            (None, _) => Ok(Err("there is no origin".to_owned())),
        }
    }

    /// A row for each direction; each begins with the origin, so that a column is a layer.
    pub(super) fn sheet(&self, given: &Given<'_>, network: &str, rows: Vec<Row<'_>>) -> Sheet {
        let name = given.name;
        let title = match self.signs.as_slice() {
            [Sign::Toward(target)] => format!("{name}, moved toward {}", target.name),
            [Sign::Magnify] => format!("{name}: more of what each layer sees"),
            [Sign::Reduce] => format!("{name}: less of what each layer sees"),
            _ => format!("{name}: more and less of what each layer sees"),
        };
        let how_far = |is_short: bool| match (self.linf, &self.criterion) {
            (Some(linf), _) if is_short => format!("L∞ {linf}, or as near to it as pixels can move"),
            (Some(linf), _) => format!("L∞ {linf}"),
            (None, Criterion::Class(class)) => {
                format!("just far enough to be read as {}", given.subject.names.of(*class))
            }
            (None, _) => "just far enough to be read as something else".to_owned(),
        };
        let mut sheet = Sheet::new(title);
        let mut notes: Vec<String> =
            given.preprocessed.iter().map(|it| preprocessing_note("origin", name, it)).collect();
        let has_both_signs = rows.len() > 1;
        for Row { sign, panels, is_short } in rows {
            let mut first = vec![given.subject.panel()];
            if let Sign::Toward(Target { name, pictured: Some(pictured), class, .. }) = sign {
                let class = class.map_or_else(|| name.clone(), |class| given.subject.names.of(class));
                first.push(Panel::new(pictured.image.clone(), Caption::new(format!("target: {class}"))));
                let preprocessed = pictured.preprocessed.iter();
                notes.extend(preprocessed.map(|it| preprocessing_note("target", name, it)));
            }
            let mark = match sign {
                Sign::Magnify if has_both_signs => "+ ",
                Sign::Reduce if has_both_signs => "− ",
                _ => "",
            };
            let heading = format!("{mark}{} at each layer, {}", sign.heading(), how_far(is_short));
            sheet = sheet.with_row([Group::new("given", first), Group::new(heading, panels)]);
        }
        notes.push(format!(
            "network: {network} · L2, L∞: in grey levels 0–255 · PASS: 1 means the same to a human eye"
        ));
        sheet.with_footnote(notes.join(" · "))
    }
}

impl Target {
    /// # Errors
    /// If there is none, or more than one.
    fn new(Asked { args, loaded, origin, objectives, terminal }: Asked<'_>) -> Result<Self> {
        let network = &loaded.network;
        let toward = Toward::named(args.target.as_slice(), &args.templates, &args.layer, loaded, terminal)?;
        let (mut chosen, mut representations) = (Vec::new(), Vec::new());
        for objective in objectives {
            let targets = toward.at(network, objective)?;
            let own = network.represent(objective.last(), origin.image.pixels())?;
            let all = targets.chosen(objective.last(), &own.values, origin.class);
            let target = Toward::only(&all, origin.class, network).about("origin", &args.origin)?;
            chosen.push((target, targets.class(target)));
            representations.push(targets.representations(objective, target));
        }
        chosen.dedup();
        let left_out = toward.left_out();
        let [(target, class)] = chosen[..] else {
            let name = format!("the {} at each layer", args.templates.word());
            return Ok(Self { name, class: None, pictured: None, representations, left_out });
        };
        let (name, pictured) = (toward.name(target, class, &origin.names), toward.pictured(target));
        Ok(Self { name, class, pictured, representations, left_out })
    }
}

/// That the image is not the one in the file, and which one it is.
fn preprocessing_note(role: &str, name: &str, preprocessed: &Preprocessed) -> String {
    let what = if role == "origin" { "is attacked" } else { "is moved toward" };
    format!("{role}: {name}, {preprocessed}: this is the image that {what}")
}
