//! What there is to say of a gallery.

use std::path::Path;

use lots::data::identities::NoPictures;
use lots::gallery::{MOST_COMPARED, Pairs, pairs};
use lots::verification::threshold_at_far;
use lots_network::{Gallery, Metric, NetworkInput};
use serde::Serialize;

use crate::describe::Input;
use crate::terminal::{Align, counted, grouped, plain, table};

/// More identities than this are not listed one by one.
const MOST_LISTED: usize = 40;

/// False-accept rates whose thresholds are told where there are enough pairs.
const RATES: [f64; 4] = [1e-1, 1e-2, 1e-3, 1e-4];

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    layer: String,
    length: usize,
    metric: &'static str,
    logit_scale: f32,
    network_sha256: String,
    /// Which images the templates were made of; nothing where the file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
    templates: usize,
    identities: Vec<Identity>,
    /// Cosines, or Euclidean distances.
    genuine: Option<Spread>,
    impostor: Option<Spread>,
    nearest_impostors: Option<Nearest>,
    /// Above this cosine, or below this distance, so large a share of the impostor pairs at most is taken for the same.
    thresholds: Vec<Threshold>,
    /// How many templates were compared.
    compared: usize,
    /// Pictures that were given more than once, and counted once.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<usize>,
    /// What lies among the pictures and is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<NoPictures>,
}

#[derive(Debug, Serialize)]
struct Identity {
    name: String,
    templates: usize,
}

/// Numbers of many pairs.
#[derive(Debug, Serialize)]
struct Spread {
    pairs: usize,
    mean: f64,
    minimum: f64,
    maximum: f64,
}

/// The two identities that are most alike.
#[derive(Debug, Serialize)]
struct Nearest {
    identities: [String; 2],
    value: f64,
}

#[derive(Debug, Serialize)]
struct Threshold {
    false_accept_rate: f64,
    value: f64,
}

impl Report {
    pub(super) fn new(file: &Path, gallery: &Gallery) -> Self {
        let header = gallery.header();
        let mut identities: Vec<Identity> =
            gallery.identities().iter().map(|name| Identity { name: name.clone(), templates: 0 }).collect();
        gallery.classes().iter().for_each(|&class| identities[class].templates += 1);
        // Distances are told as they are, not negated.
        let sign = if header.metric == Metric::Euclidean { -1.0 } else { 1.0 };
        let Pairs { genuine, impostor, nearest_impostors } = pairs(gallery, header.metric);
        let threshold = |&rate: &f64| {
            let value = sign * threshold_at_far(&impostor, rate).ok()?;
            Some(Threshold { false_accept_rate: rate, value })
        };
        Self {
            file: file.display().to_string(),
            layer: header.layer.clone(),
            length: gallery.length(),
            metric: header.metric.word(),
            logit_scale: header.scale,
            network_sha256: header.network_sha256.clone(),
            input: header.input.as_ref().map(Input::of),
            templates: gallery.classes().len(),
            identities,
            genuine: Spread::of(&genuine, sign),
            impostor: Spread::of(&impostor, sign),
            nearest_impostors: nearest_impostors.map(|pair| Nearest {
                identities: pair.templates.map(|row| gallery.identities()[gallery.classes()[row]].clone()),
                value: sign * pair.similarity,
            }),
            thresholds: RATES.iter().filter_map(threshold).collect(),
            compared: gallery.classes().len().min(MOST_COMPARED),
            repeated: None,
            left_out: None,
        }
    }

    /// The same of a gallery that was just built.
    pub(super) fn with_left_out(self, repeated: usize, left_out: NoPictures) -> Self {
        let repeated = (repeated > 0).then_some(repeated);
        Self { repeated, left_out: (!left_out.is_empty()).then_some(left_out), ..self }
    }

    pub(super) fn text(&self, gallery: &Gallery) -> String {
        let mut lines = vec![
            ("layer", format!("{}, {} numbers", plain(&self.layer), grouped(self.length))),
            ("metric", format!("{}, logits times {}", self.metric, self.logit_scale)),
            ("identities", grouped(self.identities.len())),
            ("templates", grouped(self.templates)),
            ("network", plain(&self.network_sha256).into_owned()),
        ];
        match (&self.input, &gallery.header().input) {
            (Some(input), Some(NetworkInput { pixels, .. })) => lines.extend(input.lines(pixels)),
            _ => lines.push(("input", "the file does not say which pixels it was made with".to_owned())),
        }
        let word = if self.metric == "cosine" { "cosine" } else { "distance" };
        for (name, spread) in [("genuine", &self.genuine), ("impostor", &self.impostor)] {
            lines.extend(spread.as_ref().map(|spread| (name, spread.text(word))));
        }
        if let Some(Nearest { identities: [a, b], value }) = &self.nearest_impostors {
            let [a, b] = [plain(a), plain(b)];
            lines.push(("nearest", format!("{a} and {b}, {word} {value:.4}")));
        }
        for Threshold { false_accept_rate, value } in &self.thresholds {
            lines.push(("threshold", format!("{value:.4} at a false-accept rate of {false_accept_rate}")));
        }
        if self.compared < self.templates {
            lines.push(("compared", format!("{} templates, evenly spread", grouped(self.compared))));
        }
        let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect();
        format!("{}{}", lines.concat(), self.list())
    }

    fn list(&self) -> String {
        if self.identities.len() > MOST_LISTED {
            return "`--json` lists the identities\n".to_owned();
        }
        let rows: Vec<Vec<String>> = self
            .identities
            .iter()
            .enumerate()
            .map(|(class, identity)| {
                vec![class.to_string(), plain(&identity.name).into_owned(), grouped(identity.templates)]
            })
            .collect();
        table(&[("class", Align::Right), ("identity", Align::Left), ("templates", Align::Right)], &rows)
    }
}

impl Spread {
    fn of(similarities: &[f64], sign: f64) -> Option<Self> {
        let values = || similarities.iter().map(|similarity| sign * similarity);
        (!similarities.is_empty()).then(|| Self {
            pairs: similarities.len(),
            mean: values().sum::<f64>() / similarities.len() as f64,
            minimum: values().fold(f64::INFINITY, f64::min),
            maximum: values().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    fn text(&self, word: &str) -> String {
        let Self { pairs, mean, minimum, maximum } = self;
        format!(
            "{}, {word} {mean:.4} on average, {minimum:.4} to {maximum:.4}",
            counted(*pairs, "pair", "pairs")
        )
    }
}
