//! `lots ray`: what the network reads along directions, image by image, or over the plane of two, as a plot.

mod aim;
mod report;

use std::collections::BTreeMap;
use std::path::Path;

use lots::class_map::{PlaneClasses, PlaneExtent, RayClasses, RayExtent, Signs};
use lots::direction::{Objective, OriginTrace};
use lots::figure::plot::{Drawing, PlanePlot, RayPanel, RayPlot};
use lots::page::{Block, Page, Section};
use lots::{Direction, Image};

use self::aim::Aim;
use self::report::{NoDirection, PlaneNumbers, RayNumbers, Report};
use crate::Done;
use crate::args::RayArgs;
use crate::class_names::ClassNames;
use crate::failure::{Failure, Result};
use crate::images::single_fitted;
use crate::network::Loaded;
use crate::panels::read;
use crate::terminal::Terminal;

pub(crate) fn run(args: &RayArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let network = &loaded.network;
    let names = ClassNames::open(args.class_names.as_deref(), network)?;
    let (fitted, name) = single_fitted(&args.origin, "origin", network)?;
    let origin_class = read(network, &fitted.image)?;
    let (aims, left_out) = aim::aims(args, &loaded, &names, (&fitted.image, origin_class), terminal)?;
    let layers =
        aims.iter().filter_map(|aim| aim.objective.as_ref()).flat_map(Objective::layers).collect::<Vec<_>>();
    let trace = OriginTrace::of_images(network, &layers, std::slice::from_ref(&fitted.image))?
        .with_relu_start(args.how.backpropagation.unwrap_or_default().into());
    let mut report = Report {
        file: args.out.display().to_string(),
        origin: name,
        origin_preprocessed: fitted.preprocessed,
        origin_class,
        rays: Vec::new(),
        plane: None,
        no_direction: Vec::new(),
        class_names: BTreeMap::new(),
        left_out,
    };
    let mut formed = Vec::new();
    for aim in aims {
        match aim.direction(&trace, args)? {
            Ok(direction) => formed.push((aim, direction)),
            Err(reason) => {
                report.no_direction.push(NoDirection { direction: aim.to_string(), reason: reason.as_str() });
            }
        }
    }
    let picture = Picture { args, loaded: &loaded, names: &names, origin: &fitted.image, terminal };
    let drawing = match formed.as_slice() {
        [(first, x), (second, y)] if args.plane => {
            Some(picture.plane([first, second], [x, y], &mut report)?)
        }
        _ if args.plane || formed.is_empty() => None,
        _ => Some(picture.rays(formed, &mut report)?),
    };
    if let Some(drawing) = &drawing {
        write(&args.out, drawing, &report, &names)?;
    }
    let report = report.with_class_names(&names);
    terminal.result(&report, || report.text(&names, drawing.is_some()))?;
    Ok(if drawing.is_some() { Done::Reached } else { Done::NotReached })
}

/// What all plots are made from.
struct Picture<'a> {
    args: &'a RayArgs,
    loaded: &'a Loaded,
    names: &'a ClassNames,
    origin: &'a Image,
    terminal: Terminal,
}

impl Picture<'_> {
    fn rays(&self, formed: Vec<(Aim, Direction)>, report: &mut Report) -> Result<Drawing> {
        let extent = RayExtent { max_step: self.args.max_step, signs: self.signs(), limit: self.args.images };
        let sides = if self.args.both_signs { 2 } else { 1 };
        let progress = self.terminal.progress((formed.len() * sides * self.args.images) as u64, "images");
        let mut panels = Vec::new();
        for (aim, direction) in formed {
            let mut tell = |count: usize| progress.inc(count as u64);
            let network = &self.loaded.network;
            let classes = RayClasses::along(network, self.origin, &direction, &extent, &mut tell)?;
            let panel = RayPanel::new(aim.place(self.loaded), self.origin, direction, classes)?;
            report.rays.push(RayNumbers::of(&aim, &panel));
            panels.push(panel);
        }
        progress.finish_and_clear();
        let title = format!("{}: what is read along a direction", report.origin);
        let plot = RayPlot { title, panels, footnote: self.footnote(report) };
        Ok(plot.draw(&|class| self.names.of(class))?)
    }

    fn plane(&self, aims: [&Aim; 2], directions: [&Direction; 2], report: &mut Report) -> Result<Drawing> {
        let extent = PlaneExtent { max_step: self.args.max_step, signs: self.signs(), grid: self.args.grid };
        let progress = self.terminal.progress((extent.grid * extent.grid) as u64, "images");
        let mut tell = |count: usize| progress.inc(count as u64);
        let network = &self.loaded.network;
        let classes = PlaneClasses::over(network, self.origin, directions, &extent, &mut tell)?;
        progress.finish_and_clear();
        let [first, second] = aims.map(|aim| aim.place(self.loaded));
        let plot = PlanePlot {
            title: format!("{}: what is read in the plane of two directions", report.origin),
            names: [first, second],
            origin: self.origin,
            directions,
            classes: &classes,
            footnote: self.footnote(report),
        };
        let drawing = plot.draw(&|class| self.names.of(class))?;
        report.plane = Some(PlaneNumbers::of(aims, &classes));
        Ok(drawing)
    }

    fn signs(&self) -> Signs {
        if self.args.both_signs { Signs::Both } else { Signs::Plus }
    }

    fn footnote(&self, report: &Report) -> String {
        let resized = report
            .origin_preprocessed
            .map(|it| format!("origin: {}, {it} · ", report.origin))
            .unwrap_or_default();
        format!("{resized}network: {} · each point is an 8-bit image that was classified", self.loaded.name)
    }
}

/// Writes the plot in the format of the extension.
fn write(out: &Path, drawing: &Drawing, report: &Report, names: &ClassNames) -> Result<()> {
    let extension = out.extension().unwrap_or_default().to_ascii_lowercase();
    if extension == "svg" {
        return Ok(lots::whole_file::write(out, drawing.to_svg()?.as_bytes())?);
    }
    let image = drawing.to_image();
    if extension == "png" {
        return Ok(image.save(out)?);
    }
    let mut blocks = vec![Block::picture(image, report.description())];
    blocks.extend(report.tables(names).into_iter().map(|(header, rows)| Block::Table { header, rows }));
    let lead = "Steps are in grey levels of the pixel that moves fastest. The margin is the logit of the origin's class \
                less the highest other.";
    let page = Page::new(
        format!("{}: what the network reads around it", report.origin),
        lead,
        [Section::new(report.description(), blocks)],
    );
    Ok(lots::whole_file::write(out, page.to_html()?.as_bytes())?)
}

/// # Errors
/// If there are more or fewer directions than a plane has.
fn expect_two(count: usize) -> Result<()> {
    if count == 2 {
        return Ok(());
    }
    Err(Failure::new(format!("`--plane` needs two directions, got {count}")).with_hint(
        "name two methods, or one method with two of `--layer`, `--target`, `--template` or `--target-class`",
    ))
}
