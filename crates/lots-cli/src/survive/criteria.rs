//! [`Criteria`]: what the attempts of a run had to reach.

use std::collections::BTreeMap;
use std::sync::Arc;

use lots::criterion::{Criterion, Until};
use lots::data::ImageSet;
use lots::direction::Objective;
use lots::experiment::{TargetChoice, Targets};
use lots::mask::Mask;
use lots_network::LayerId;

use super::record::Record;
use crate::args::{SurviveArgs, TemplateArgs};
use crate::attack::images::Targets as TargetImages;
use crate::attack::row::Row;
use crate::attack::settings::digest_of_templates;
use crate::failure::{Failure, Result};
use crate::network::Loaded;
use crate::terminal::Terminal;

pub(super) struct Criteria<'a> {
    until: Until,
    loaded: &'a Loaded,
    /// Only where the criterion is about their representations.
    images: Option<ImageSet>,
    /// Likewise, with what was made of all targets.
    templates: TemplateArgs,
    choice: TargetChoice,
    /// What is known of the templates' numbers.
    template_sha256: Option<String>,
    /// For each layer that was asked for.
    at_layers: BTreeMap<String, AtLayer>,
}

/// The targets of a run at a layer.
struct AtLayer {
    layer: LayerId,
    /// Of images and templates.
    names: Vec<String>,
    targets: Targets,
}

impl<'a> Criteria<'a> {
    /// # Errors
    /// If the criterion is about targets, and they are not those of the run.
    pub(super) fn new(
        record: &Record,
        args: &SurviveArgs,
        loaded: &'a Loaded,
        terminal: Terminal,
    ) -> Result<Self> {
        let until = record.until()?;
        let is_about_targets = matches!(until, Until::DistanceBelow(_) | Until::SimilarityAbove(_));
        let place = args.target.as_ref().or(record.data.target.as_ref()).filter(|_| is_about_targets);
        let images = match place {
            None => None,
            Some(place) => {
                let labels = record.target_labels();
                let targets =
                    TargetImages::named(place, labels.as_ref(), &loaded.network, terminal).map_err(moved)?;
                if record.data.target_sha256.as_ref() != Some(&targets.sha256) {
                    let failure = Failure::new("the targets are not those of the run");
                    return Err(moved(failure.about("target", place)));
                }
                Some(targets.set)
            }
        };
        let templates = record.templates()?;
        let (choice, template_sha256) = (templates.choice()?, record.data.template_sha256.clone());
        Ok(Self { until, loaded, images, templates, choice, template_sha256, at_layers: BTreeMap::new() })
    }

    /// What the attempt of a row had to reach.
    pub(super) fn of(&mut self, row: &Row) -> Result<Criterion> {
        match (self.until, row.target_class) {
            (Until::Misclassified, _) => Ok(Criterion::Misclassified),
            (Until::Class, Some(class)) => Ok(Criterion::Class(class)),
            (Until::Class, None) => Err(incomplete(row, "class to reach")),
            (Until::DistanceBelow(threshold), _) => {
                let (layer, target) = self.target(row)?;
                Ok(Criterion::DistanceBelow { layer, target, threshold })
            }
            (Until::SimilarityAbove(threshold), _) => {
                let (layer, target) = self.target(row)?;
                Ok(Criterion::SimilarityAbove { layer, target, threshold })
            }
        }
    }

    /// The layer of a row, and the representation of its target there.
    fn target(&mut self, row: &Row) -> Result<(LayerId, Arc<[f32]>)> {
        let text = row.layer.as_deref().ok_or_else(|| incomplete(row, "layer"))?;
        if !self.at_layers.contains_key(text) {
            let at_layer = self.at_layer(text)?.ok_or_else(|| incomplete(row, "target"))?;
            self.at_layers.insert(text.to_owned(), at_layer);
        }
        let AtLayer { layer, names, targets } = &self.at_layers[text];
        let place = match self.choice {
            TargetChoice::Mixture(_) => Some(0),
            TargetChoice::Centroid => {
                (0..targets.len()).find(|&target| targets.class(target) == row.target_class)
            }
            TargetChoice::Each | TargetChoice::Nearest | TargetChoice::Farthest => {
                names.iter().position(|known| row.target.as_ref() == Some(known))
            }
        };
        let place = place.ok_or_else(|| incomplete(row, "known target"))?;
        let representation = targets.representations(&Objective::of_layer(*layer), place).remove(0);
        Ok((*layer, representation))
    }

    /// The targets at a layer, or at the last of a sum; none if the run has none.
    fn at_layer(&self, text: &str) -> Result<Option<AtLayer>> {
        let layer = self.loaded.objective(text, &Mask::default())?.last();
        let templates = self.templates.read(&[text.to_owned()], self.loaded).map_err(|failure| {
            failure.with_hint(
                "paths in a run are those of the folder where it was started: start `lots survive` there",
            )
        })?;
        if digest_of_templates(&templates) != self.template_sha256 {
            return Err(Failure::new("the templates are not those of the run")
                .about("template", self.templates.template[0].display())
                .with_hint("repeat the attack with `--force`"));
        }
        let names = self.images.iter().flat_map(|images| images.names().to_vec());
        let names = names.chain(templates.iter().map(|template| template.name.clone())).collect();
        let network = &self.loaded.network;
        let targets = Targets::new(network, self.images.as_ref(), &templates, &self.choice, &[layer])?;
        Ok(targets.map(|targets| AtLayer { layer, names, targets }))
    }
}

fn incomplete(row: &Row, what: &str) -> Failure {
    Failure::new(format!("an attempt on `{}` has no {what}", row.origin))
        .with_hint("the run is damaged; repeat the attack with `--force`")
}

fn moved(failure: Failure) -> Failure {
    failure.with_hint(
        "paths in a run are those of the folder where it was started; `--target IMAGES` says where its targets are now",
    )
}
