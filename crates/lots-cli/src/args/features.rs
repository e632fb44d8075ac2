//! Which part of what a layer computes is steered, and targets of which there is no image.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use lots::data::templates;
use lots::experiment::{TargetChoice, TargetTemplate};
use lots::mask::{Mask, MaskPart};
use lots_network::{LayerId, Network};

use super::values;
use crate::class_names::ClassNames;
use crate::failure::{About, Failure, Result};
use crate::network::Loaded;

/// The headings.
const PART: &str = "Part of the layer";
const TARGETS: &str = "Targets in feature space";

/// A part of a layer.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct MaskArgs {
    /// Steer only these channels, counted from 0: `3,7-12`
    #[arg(long, value_name = "LIST", value_parser = values::channels, help_heading = PART)]
    pub(crate) only_channels: Option<MaskPart>,
    /// Steer only these units, counted from 0 in the order of the layer: `0-9,31`
    #[arg(long, value_name = "LIST", value_parser = values::units, help_heading = PART)]
    pub(crate) only_units: Option<MaskPart>,
    /// Steer only these rows and columns of each channel, without their ends: `0:4,2:8`
    #[arg(long, value_name = "Y0:Y1,X0:X1", value_parser = values::region, help_heading = PART)]
    pub(crate) only_region: Option<MaskPart>,
    /// Multiply what is steered by the numbers of this array, f32, u8 or bool of the shape of the layer
    #[arg(long, value_name = "FILE.npy", help_heading = PART)]
    pub(crate) mask: Option<PathBuf>,
}

impl MaskArgs {
    /// The product of all that was said, for a layer of the network.
    pub(crate) fn mask(&self, network: &Network) -> Result<Mask> {
        let given = [&self.only_channels, &self.only_units, &self.only_region];
        let layers = network.layers().iter().map(|layer| layer.output_shape.count());
        let most = layers.chain([network.input_shape().iter().product()]).max().unwrap_or(0);
        let weights = self.mask.as_ref().map(|path| MaskPart::read(path, most)).transpose()?;
        Ok(Mask::of(given.into_iter().flatten().cloned().chain(weights)))
    }

    /// Whether a whole layer is steered.
    pub(crate) fn is_empty(&self) -> bool {
        self.given().iter().all(|(_, is_given)| !is_given)
    }

    /// Each option, and whether it is given.
    pub(crate) fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--only-channels", self.only_channels.is_some()),
            ("--only-units", self.only_units.is_some()),
            ("--only-region", self.only_region.is_some()),
            ("--mask", self.mask.is_some()),
        ]
    }
}

/// Stored templates, and what is made of targets.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct TemplateArgs {
    /// Move toward the stored representations in this file: .npy of the layer's shape or [N, …], JSON, base64 of 32-bit
    /// numbers, or a gallery; may be given several times
    #[arg(long, value_name = "FILE", help_heading = TARGETS)]
    pub(crate) template: Vec<PathBuf>,
    /// What is made of the targets [default: each]
    #[arg(long, value_enum, value_name = "WORD", help_heading = TARGETS)]
    pub(crate) target_set: Option<TargetSet>,
    /// `--target-set mixture`: a weight for each target, images first, commas between
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',', allow_hyphen_values = true, help_heading = TARGETS)]
    pub(crate) mixture: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TargetSet {
    /// Each is a target
    Each,
    /// The mean representation of each class
    Centroid,
    /// For each origin that of another class that is nearest at the layer
    Nearest,
    /// For each origin that of another class that is farthest at the layer
    Farthest,
    /// The mean of all with the weights of `--mixture`
    Mixture,
}

impl TemplateArgs {
    /// Whether each target is one by itself.
    pub(crate) fn is_each(&self) -> bool {
        matches!(self.target_set, None | Some(TargetSet::Each))
    }

    /// The word of `--target-set`.
    pub(crate) fn word(&self) -> String {
        let word = self.target_set.unwrap_or(TargetSet::Each).to_possible_value();
        word.map(|word| word.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether there are stored representations.
    pub(crate) fn has_templates(&self) -> bool {
        !self.template.is_empty()
    }

    /// The stored representations.
    ///
    /// - `layers`: the texts of the layers that are steered; without any there are none.
    ///
    /// # Errors
    /// If layers of several sizes are steered, as a template has the numbers of one; if a file holds something else, or a
    /// class that the network does not have, or is a gallery of another layer than all that are steered.
    pub(crate) fn read(&self, layers: &[String], loaded: &Loaded) -> Result<Vec<TargetTemplate>> {
        let mut read = Vec::new();
        let (Some(first), false) = (self.template.first(), layers.is_empty()) else { return Ok(read) };
        let (network, steered) = (&loaded.network, steered(layers, first, loaded)?);
        let (shape, names) = (network.shape(steered[0]), ClassNames::of_network(network));
        for path in &self.template {
            let file = path.display();
            let own = if lots::gallery::is_gallery(path)? {
                let gallery = lots::gallery::read(path)?;
                for &layer in &steered {
                    loaded.expect_made_with(&gallery, layer).about("template", &file)?;
                }
                templates::of_gallery(&gallery, path, network, shape)?
            } else {
                templates::read(path, network, shape)?
            };
            for TargetTemplate { name, class, .. } in &own {
                class.map_or(Ok(()), |class| names.expect(class, network)).map_err(|failure| {
                    failure.about("template", name).about("file", &file).with_hint(
                        "classes are counted from 0 in the order of the network's logits; leave out what is not known",
                    )
                })?;
            }
            read.extend(own);
        }
        Ok(read)
    }

    /// The first of these arguments, if it was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--template", self.has_templates()),
            ("--target-set", self.target_set.is_some()),
            ("--mixture", !self.mixture.is_empty()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    /// What is made of the targets.
    ///
    /// # Errors
    /// If there are weights for nothing, or nothing is known of them.
    pub(crate) fn choice(&self) -> Result<TargetChoice> {
        let is_mixture = self.target_set == Some(TargetSet::Mixture);
        if is_mixture == self.mixture.is_empty() {
            let failure = if is_mixture {
                Failure::new("`--target-set mixture` needs a weight for each target")
            } else {
                Failure::new("`--mixture` has no effect without `--target-set mixture`")
            };
            return Err(failure.with_hint("`--target-set mixture --mixture 0.5,0.3,0.2`"));
        }
        Ok(match self.target_set.unwrap_or(TargetSet::Each) {
            TargetSet::Each => TargetChoice::Each,
            TargetSet::Centroid => TargetChoice::Centroid,
            TargetSet::Nearest => TargetChoice::Nearest,
            TargetSet::Farthest => TargetChoice::Farthest,
            TargetSet::Mixture => TargetChoice::Mixture(self.mixture.clone()),
        })
    }
}

/// The layers that are steered, at least one, all of one size.
///
/// - `template`: the first file of templates, for messages.
fn steered(layers: &[String], template: &Path, loaded: &Loaded) -> Result<Vec<LayerId>> {
    let network = &loaded.network;
    let mut steered = Vec::new();
    for text in layers {
        steered.extend(loaded.objective(text, &Mask::default())?.layers());
    }
    let told = |layer: LayerId| format!("`{}` of {}", network.tensor_name(layer), network.shape(layer));
    let count = |layer: LayerId| network.shape(layer).count();
    match steered.iter().find(|&&layer| count(layer) != count(steered[0])) {
        Some(&other) => Err(Failure::new(format!(
            "a template has the numbers of one layer, expected one or several of its size, got {} and {}",
            told(steered[0]),
            told(other)
        ))
        .about("template", template.display())
        .with_hint("steer layers of one size, or give images with `--target`: they have a representation at every layer")),
        None => Ok(steered),
    }
}
