//! `lots demo`: the tour, as pictures and one page. Nothing is read from disk and nothing is downloaded.

mod comparison;
mod text;

use std::path::Path;
use std::time::Instant;

use lots::data::digits;
use lots::figure::{Caption, Group, Panel, Sheet};
use lots::line_search::image_with_linf;
use lots::page::{Block, Page, Section};
use lots::{Criterion, Direction, Image, direction};
use serde::Serialize;

use self::comparison::Comparison;
use crate::Done;
use crate::args::{DemoArgs, NetworkArgs};
use crate::failure::{Failure, Result};
use crate::network::Loaded;
use crate::panels::{Shown, Subject, read};
use crate::terminal::{Terminal, grouped};

/// The first test digit that is a 4, and the class that it is moved to: those of the paper's Figures 1 and 3.
const ORIGIN: usize = 4;
const TARGET: usize = 9;
/// L∞ of what Figure 1 magnifies, in grey levels.
const MAGNIFIED: u8 = 128;

pub(crate) fn run(args: &DemoArgs, terminal: Terminal) -> Result<Done> {
    let start = Instant::now();
    let loaded = Loaded::open(&NetworkArgs::built_in())?;
    let subject = Subject::new(&loaded.network, digits::load().images()[ORIGIN].clone())?;
    let target = digits::targets().images()[TARGET].clone();
    std::fs::create_dir_all(&args.out).map_err(|reason| Failure::file("write", &args.out, &reason))?;

    let see = magnify_reduce(&loaded, &subject)?;
    let steer = toward(&loaded, &subject, &target)?;
    see.save(&args.out)?;
    steer.save(&args.out)?;
    let comparison = Comparison::run(&loaded, args.digits, terminal)?;
    let page = page(&loaded, &see, &steer, &comparison);
    let index = args.out.join("index.html");
    lots::whole_file::write(&index, page.to_html()?.as_bytes())?;

    let report =
        Report { page: index.display().to_string(), figures: vec![see.numbers, steer.numbers], comparison };
    terminal.result(&report, || report.text(args, start.elapsed().as_secs_f64()))?;
    Ok(Done::Reached)
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    page: String,
    figures: Vec<Vec<Shown>>,
    comparison: Comparison,
}

impl Report {
    fn text(&self, args: &DemoArgs, seconds: f64) -> String {
        let mut lines: Vec<String> = self.figures.iter().flatten().map(Shown::to_string).collect();
        lines.push(format!("\n{}", self.comparison.table()));
        lines.push(format!(
            "{} attempts and all pictures in {seconds:.1} s",
            grouped(self.comparison.attempts())
        ));
        let folder = args.out.display();
        lines.push(format!("wrote {folder}/magnify-reduce.png and {folder}/toward.png"));
        lines.push(format!("look at {} in a browser\n", self.page));
        lines.join("\n")
    }
}

/// A figure sheet with its numbers.
struct Figure {
    name: &'static str,
    sheet: Image,
    numbers: Vec<Shown>,
}

impl Figure {
    fn save(&self, folder: &Path) -> Result<()> {
        Ok(self.sheet.save(folder.join(format!("{}.png", self.name)))?)
    }

    /// What is to be seen, for those who cannot see it.
    fn block(&self, description: &str) -> Block {
        let captions: Vec<String> = self.numbers.iter().map(Shown::to_string).collect();
        Block::picture(self.sheet.clone(), format!("{description} {}.", captions.join("; ")))
    }
}

/// Figure 1: more of what the convolutions see, less of what the layers above them see.
fn magnify_reduce(loaded: &Loaded, subject: &Subject<'_>) -> Result<Figure> {
    let (network, origin) = (&loaded.network, &subject.image);
    let mut numbers = Vec::new();
    let mut panel = |layer: &str, image: Image| -> Result<Panel> {
        let (panel, shown) = subject.perturbed(&loaded.place(layer), image)?;
        numbers.push(shown);
        Ok(panel)
    };
    let mut magnified = Vec::new();
    for layer in ["conv1", "conv2"] {
        let direction = direction::magnify(network, layer, origin)?;
        magnified.push(panel(layer, image_with_linf(origin, &direction, MAGNIFIED)?)?);
    }
    let mut reduced = Vec::new();
    for layer in ["ip1", "ip2"] {
        let direction = direction::reduce(network, layer, origin)?;
        reduced.push(panel(layer, smallest(subject, &direction, &Criterion::Misclassified)?)?);
    }
    let sheet = Sheet::new("More and less of what each layer sees in a 4")
        .with_row([
            Group::new("given", [subject.panel()]),
            Group::new(format!("+ magnified, L∞ {MAGNIFIED}"), magnified),
            Group::new("− reduced, until it is misread", reduced),
        ])
        .with_footnote(FOOTNOTE)
        .render();
    Ok(Figure { name: "magnify-reduce", sheet, numbers })
}

/// Figure 3: from a 4 to a 9 at each layer.
fn toward(loaded: &Loaded, subject: &Subject<'_>, target: &Image) -> Result<Figure> {
    let network = &loaded.network;
    let class = read(network, target)?;
    let (mut panels, mut numbers) = (Vec::new(), Vec::new());
    for layer in loaded.weight_layers() {
        let direction = direction::toward(network, layer, &subject.image, target)?;
        let image = smallest(subject, &direction, &Criterion::Class(class))?;
        let (panel, shown) = subject.perturbed(&loaded.place(layer), image)?;
        panels.push(panel);
        numbers.push(shown);
    }
    let target = Panel::new(target.clone(), Caption::new(format!("target: {class}")));
    let sheet = Sheet::new("A 4 that is read as a 9, by way of each layer")
        .with_row([
            Group::new("given", [subject.panel(), target]),
            Group::new("toward the target at each layer, just far enough to be read as 9", panels),
        ])
        .with_footnote(FOOTNOTE)
        .render();
    Ok(Figure { name: "toward", sheet, numbers })
}

const FOOTNOTE: &str = "L2, L∞: in grey levels 0–255 · PASS: 1 means the same to a human eye · the number after a layer is its position";

fn smallest(subject: &Subject<'_>, direction: &Direction, criterion: &Criterion) -> Result<Image> {
    subject
        .smallest(direction, criterion)?
        .map_err(|reason| Failure::new(format!("the demo's digit was not reached ({reason})")))
}

fn page(loaded: &Loaded, see: &Figure, steer: &Figure, comparison: &Comparison) -> Page {
    let layers = loaded.network.layers().iter().filter_map(|layer| {
        let position = layer.position?;
        let shape: Vec<String> = layer.output_shape.extents().iter().map(ToString::to_string).collect();
        Some(vec![
            format!("`{}`", layer.name),
            position.to_string(),
            shape.join(" × "),
            grouped(layer.parameter_count),
        ])
    });
    let header = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Page::new(
        text::TITLE,
        text::LEAD,
        [
            Section::new(
                "The network",
                [
                    Block::text(text::NETWORK),
                    Block::Table { header: header(&["layer", "position", "numbers it computes", "weights and biases"]), rows: layers.collect() },
                ],
            ),
            Section::new(
                "More and less of what a layer sees",
                [
                    Block::text(text::SEE),
                    see.block("A 4; two pictures in which its strokes are exaggerated; two in which little was taken away."),
                    Block::text(text::SEE_HOW),
                ],
            ),
            Section::new(
                "From a 4 to a 9",
                [
                    Block::text(text::STEER),
                    steer.block("A 4, a 9, and four pictures that look like the 4 and are read as a 9."),
                    Block::text(text::STEER_HOW),
                ],
            ),
            Section::new(
                "All methods side by side",
                [
                    Block::text(text::COMPARE),
                    Block::Table { header: header(&Comparison::HEADER), rows: comparison.cells() },
                    Block::text(text::COMPARE_HOW),
                ],
            ),
            Section::new(
                "What the numbers mean",
                [
                    Block::text(text::NUMBERS),
                    Block::text(text::NUMBERS_HOW),
                ],
            ),
            Section::new("What next", [Block::text(text::NEXT), Block::Command(text::COMMANDS.to_owned())]),
        ],
    )
    .with_footer(format!("Made by lots {} with `lots demo`. The digits are from MNIST.", env!("CARGO_PKG_VERSION")))
}
