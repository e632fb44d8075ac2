//! [`Criteria`]: what the attempts of a run had to reach.

use std::collections::BTreeMap;
use std::sync::Arc;

use lots::criterion::{Criterion, Until};
use lots::data::ImageSet;
use lots::mask::Mask;
use lots_network::LayerId;

use super::record::Record;
use crate::args::SurviveArgs;
use crate::attack::row::Row;
use crate::digest::ImagesDigest;
use crate::failure::{Failure, Result};
use crate::images::{FittedSet, source};
use crate::network::Loaded;
use crate::terminal::Terminal;

pub(super) struct Criteria<'a> {
    until: Until,
    loaded: &'a Loaded,
    /// Only where the criterion is about their representations.
    targets: Option<ImageSet>,
    /// What the network computes for targets, once it was asked for.
    representations: BTreeMap<(LayerId, usize), Arc<[f32]>>,
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
        if is_about_targets && record.has_made_targets() {
            return Err(Failure::new(format!("`{until}` of the run is about templates or means of targets"))
                .with_hint("`lots survive` follows `misclassified`, `class`, and distances to images"));
        }
        let place = args.target.as_ref().or(record.data.target.as_ref()).filter(|_| is_about_targets);
        let targets = match place {
            None => None,
            Some(place) => {
                let set = FittedSet::load(&source(place, None)?, place, "target", &loaded.network, terminal)
                    .map_err(moved)?
                    .set;
                let mut digest = ImagesDigest::default();
                set.images().iter().for_each(|image| digest.add(image));
                if record.data.target_sha256.as_ref() != Some(&digest.digits()) {
                    let failure = Failure::new("the targets are not those of the run");
                    return Err(moved(failure.about("target", place)));
                }
                Some(set)
            }
        };
        Ok(Self { until, loaded, targets, representations: BTreeMap::new() })
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

    /// The layer of a row, and what the network computes for its target there.
    fn target(&mut self, row: &Row) -> Result<(LayerId, Arc<[f32]>)> {
        let name = row.layer.as_deref().ok_or_else(|| incomplete(row, "layer"))?;
        let layer = self.loaded.objective(name, &Mask::default())?.last();
        let targets = self.targets.as_ref().ok_or_else(|| incomplete(row, "target"))?;
        let index = targets.names().iter().position(|known| row.target.as_ref() == Some(known));
        let index = index.ok_or_else(|| incomplete(row, "known target"))?;
        if let Some(known) = self.representations.get(&(layer, index)) {
            return Ok((layer, Arc::clone(known)));
        }
        let computed = self.loaded.network.represent(layer, targets.images()[index].pixels())?;
        let target: Arc<[f32]> = Arc::from(computed.image(0));
        self.representations.insert((layer, index), Arc::clone(&target));
        Ok((layer, target))
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
