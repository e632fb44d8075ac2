//! A picture for the report: one digit, perturbed by every method, on Basic LeNet and on the LOTS network.

use std::path::Path;

use lots::data::digits;
use lots::direction::{self, VanishedGradient};
use lots::figure::{Group, Panel, Sheet};
use lots::page::Block;
use lots::{Criterion, Direction, Image};
use lots_network::Network;

use super::super::folder::Folder;
use super::super::plan::{BASIC, LAYERS};
use super::super::results::Results;
use crate::failure::Result;
use crate::panels::Subject;

/// The class of the origin and the class that hot/cold and LOTS move toward: those of the paper's Figure 3.
const CLASSES: [usize; 2] = [4, 9];

/// The sheet, of the first seed.
pub(super) fn block(out: &Path, results: &Results) -> Result<Block> {
    let Some(seed) = results.seeds.first() else { return Ok(Block::text("")) };
    let folder = Folder::create(out, seed.seed)?;
    let networks = [(BASIC, "Basic LeNet"), ("toward", "LOTS")];
    let target = &folder.load_targets()?[CLASSES[1]];
    let trained =
        networks.iter().map(|(key, _)| folder.load_network(key)).collect::<Result<Vec<Network>>>()?;
    let Some(origin) = origin(&trained)? else {
        return Ok(Block::text(
            "Neither network reads any built-in test digit as a 4, so there is no picture.",
        ));
    };
    let mut sheet = Sheet::new("The smallest perturbations of a 4, before and after training on LOTS images");
    let mut captions = Vec::new();
    for (network, (_, title)) in trained.iter().zip(networks) {
        let subject = Subject::new(network, origin.clone())?;
        let mut panels = vec![subject.panel()];
        for (name, direction) in directions(network, &origin, target)? {
            let Some(direction) = direction else { continue };
            if let Ok(image) = subject.smallest(&direction, &Criterion::Misclassified)? {
                let (panel, shown) = subject.perturbed(&name, image)?;
                captions.push(format!("{title}, {shown}"));
                panels.push(panel);
            }
        }
        let panels: Vec<Panel> = panels;
        sheet = sheet.with_row([Group::new(format!("on {title}"), panels)]);
    }
    let sheet = sheet.with_footnote("L2, L∞: in grey levels 0–255 · PASS: 1 means the same to a human eye");
    Ok(Block::picture(sheet.render(), format!("A 4 and perturbed images of it. {}.", captions.join("; "))))
}

/// The first built-in test digit that is a 4 and is read as one by all networks.
fn origin(networks: &[Network]) -> Result<Option<Image>> {
    let digits = digits::load();
    for index in 0..digits.len() {
        let image = &digits.images()[index];
        if digits.label(index) != Some(CLASSES[0]) {
            continue;
        }
        let mut classes = networks.iter().map(|network| crate::panels::read(network, image));
        if classes.try_fold(true, |all, class| class.map(|class| all && class == CLASSES[0]))? {
            return Ok(Some(image.clone()));
        }
    }
    Ok(None)
}

/// Each method with its direction, if there is one.
fn directions(network: &Network, origin: &Image, target: &Image) -> Result<Vec<(String, Option<Direction>)>> {
    let [class, hot] = CLASSES;
    let follow = VanishedGradient::Follow;
    let mut directions = vec![
        ("FGS".to_owned(), direction::fast_gradient_sign(network, origin, class, follow)),
        ("FGV".to_owned(), direction::fast_gradient_value(network, origin, class, follow)),
        ("HC".to_owned(), direction::hot_cold(network, origin, class, hot)),
    ];
    for layer in LAYERS {
        directions.push((layer.to_owned(), direction::toward(network, layer, origin, target)));
    }
    directions
        .into_iter()
        .map(|(name, direction)| match direction {
            Ok(direction) => Ok((name, Some(direction))),
            Err(lots::Error::NoDirection { .. }) => Ok((name, None)),
            Err(error) => Err(error.into()),
        })
        .collect()
}
