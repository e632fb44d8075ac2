//! `lots describe`: what a network is, and which pixels it expects.

use lots_network::{NetworkInput, PixelEncoding};
use serde::Serialize;

use crate::Done;
use crate::args::DescribeArgs;
use crate::failure::Result;
use crate::network::{Declared, FEATURES, Loaded};
use crate::terminal::{Terminal, grouped};

pub(crate) fn run(args: &DescribeArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let report = Report::of(&loaded);
    terminal.result(&report, || report.text(loaded.network.pixels()))?;
    if let Some(path) = &args.save {
        lots::whole_file::write(path, &loaded.network.to_onnx())?;
        terminal.say(format!("wrote {}", path.display()));
    }
    Ok(Done::Reached)
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    network: String,
    sha256: String,
    input: Input,
    classes: usize,
    /// Whether its output is said to be classes: it is a softmax, or they have names.
    classes_known: bool,
    layers: usize,
    positions: usize,
    parameters: usize,
}

/// Which images a network takes, and what becomes of their pixels.
#[derive(Debug, Serialize)]
pub(crate) struct Input {
    channels: usize,
    height: usize,
    width: usize,
    channel_order: &'static str,
    mean: Vec<f32>,
    factor: Vec<f32>,
    #[serde(flatten)]
    preprocessing: Declared,
}

impl Report {
    fn of(loaded: &Loaded) -> Self {
        let network = &loaded.network;
        let layers = network.layers();
        Self {
            network: loaded.name.clone(),
            sha256: loaded.sha256.clone(),
            input: Input::of(&network.input()),
            classes: network.class_count(),
            classes_known: network.ends_in_softmax() || !network.class_names().is_empty(),
            layers: layers.len(),
            positions: layers.iter().filter_map(|layer| layer.position).max().unwrap_or(0),
            parameters: layers.iter().map(|layer| layer.parameter_count).sum(),
        }
    }

    /// How many classes there are, as far as anybody can know it.
    fn classes(&self) -> String {
        let count = self.classes;
        if self.classes_known {
            return count.to_string();
        }
        format!("{count}, unless the output is features, which the file does not say; {FEATURES}")
    }

    fn text(&self, pixels: &PixelEncoding) -> String {
        let mut lines = vec![("network", self.network.clone())];
        lines.extend(self.input.lines(pixels));
        lines.extend([
            ("classes", self.classes()),
            ("layers", format!("{}, {} with weights", self.layers, self.positions)),
            ("parameters", grouped(self.parameters)),
            ("SHA-256", self.sha256.clone()),
        ]);
        let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect();
        lines.concat()
    }
}

impl Input {
    pub(crate) fn of(NetworkInput { size: [height, width], pixels, preprocessing }: &NetworkInput) -> Self {
        Self {
            channels: pixels.channel_order().channels(),
            height: *height,
            width: *width,
            channel_order: pixels.channel_order().word(),
            mean: pixels.mean().to_vec(),
            factor: pixels.factor().to_vec(),
            preprocessing: Declared::of(*preprocessing),
        }
    }

    /// What it says in words, each with its heading.
    pub(crate) fn lines(&self, pixels: &PixelEncoding) -> Vec<(&'static str, String)> {
        let Self { channels, height, width, channel_order, preprocessing, .. } = self;
        let mut lines = vec![
            ("input", format!("{channels}×{height}×{width} {channel_order}, channels × height × width")),
            ("pixels", format!("input = {}, pixels 0–255", pixels.formula())),
        ];
        lines.extend(other_sizes(preprocessing).map(|done| ("other sizes", done)));
        lines
    }
}

/// `shorter side scaled to 256, centre crop 224x224`; `None` if such images are refused.
fn other_sizes(declared: &Declared) -> Option<String> {
    let resize = declared.resize.as_ref().map(|resize| {
        let what = if resize.contains('x') { "" } else { "shorter side " };
        format!("{what}scaled to {resize}")
    });
    let crop = declared.crop.as_ref().map(|crop| format!("centre crop {crop}"));
    let done: Vec<String> = resize.into_iter().chain(crop).collect();
    (!done.is_empty()).then(|| done.join(", "))
}
