//! `lots describe`: what a network is, and which pixels it expects.

use lots_network::PixelEncoding;
use serde::Serialize;

use crate::Done;
use crate::args::DescribeArgs;
use crate::failure::Result;
use crate::network::{Declared, Loaded};
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
    layers: usize,
    positions: usize,
    parameters: usize,
}

#[derive(Debug, Serialize)]
struct Input {
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
        let [channels, height, width] = network.input_shape();
        let pixels = network.pixels();
        let layers = network.layers();
        Self {
            network: loaded.name.clone(),
            sha256: loaded.sha256.clone(),
            input: Input {
                channels,
                height,
                width,
                channel_order: pixels.channel_order().word(),
                mean: pixels.mean().to_vec(),
                factor: pixels.factor().to_vec(),
                preprocessing: Declared::of(network),
            },
            classes: network.class_count(),
            layers: layers.len(),
            positions: layers.iter().filter_map(|layer| layer.position).max().unwrap_or(0),
            parameters: layers.iter().map(|layer| layer.parameter_count).sum(),
        }
    }

    fn text(&self, pixels: &PixelEncoding) -> String {
        let Input { channels, height, width, channel_order, .. } = &self.input;
        let mut lines = vec![
            ("network", self.network.clone()),
            ("input", format!("{channels}×{height}×{width} {channel_order}, channels × height × width")),
            ("pixels", pixel_formula(pixels)),
        ];
        lines.extend(other_sizes(&self.input.preprocessing).map(|done| ("other sizes", done)));
        lines.extend([
            ("classes", self.classes.to_string()),
            ("layers", format!("{}, {} with weights", self.layers, self.positions)),
            ("parameters", grouped(self.parameters)),
            ("SHA-256", self.sha256.clone()),
        ]);
        let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect();
        lines.concat()
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

/// `input = (pixel − 127.5) · 0.0078`, numbers once if they are the same for all channels.
fn pixel_formula(pixels: &PixelEncoding) -> String {
    let numbers = |values: &[f32]| match values {
        [first, rest @ ..] if rest.iter().all(|value| value.to_bits() == first.to_bits()) => {
            first.to_string()
        }
        _ => format!("[{}]", values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")),
    };
    let pixel = if pixels.mean().iter().all(|&mean| mean == 0.0) {
        "pixel".to_owned()
    } else {
        format!("(pixel − {})", numbers(pixels.mean()))
    };
    format!("input = {pixel} · {}, pixels 0–255", numbers(pixels.factor()))
}
