//! Origins and targets with their classes and their names in files.

use std::collections::BTreeMap;

use lots::Image;
use lots::data::folder::LeftOut;
use lots::data::{ImageSet, mnist};
use lots::experiment::Pairing;
use lots_network::{Network, class_of};

use crate::args::{LabelSource, LabelledArgs, LabelledTargetArgs, TargetArgs};
use crate::class_names::ClassNames;
use crate::digest::ImagesDigest;
use crate::failure::{Failure, Result};
use crate::images::{FittedSet, Preprocessed, file_stem, source};
use crate::terminal::Terminal;

/// An image to start from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Counted from 0 in the order of the run.
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) image: Image,
    /// What was done to the image of the file so that the network takes it; `None` if nothing.
    pub(crate) preprocessed: Option<Preprocessed>,
    /// Its label, or what the network reads if that was asked for.
    pub(crate) class: usize,
    /// What the network reads.
    pub(crate) predicted: usize,
}

/// Images to move toward, with their classes if they are known.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    pub(crate) set: ImageSet,
    /// The names as they are in files, all different.
    pub(crate) stems: Vec<String>,
    /// SHA-256 of their pixels.
    pub(crate) sha256: String,
    /// Whether they are origins, because none were named.
    pub(crate) are_origins: bool,
    /// Pictures of their folder that are not among them.
    pub(crate) left_out: Option<LeftOut>,
}

impl Origin {
    /// The images of a set with their classes.
    ///
    /// - `labels`: where the classes come from.
    /// - `first`: the number of the first.
    ///
    /// # Errors
    /// If an image has no label.
    pub(crate) fn of_set(
        FittedSet { set, preprocessed, .. }: &FittedSet,
        labels: Option<&LabelSource>,
        first: usize,
        network: &Network,
    ) -> Result<Vec<Self>> {
        let predictions = predictions(set.images(), network)?;
        let classes = match (labels, set.labels()) {
            (Some(LabelSource::Predicted), _) => predictions.clone(),
            (_, Some(labels)) => labels.to_vec(),
            (_, None) => {
                return Err(Failure::new(format!("origin `{}` has no label", set.names()[0])).with_hint(format!(
                    "`--labels FILE` gives the classes of the origins; `--labels predicted` takes what the network \
                     reads{}",
                    folders(network)
                )));
            }
        };
        expect_classes(&classes, set.names(), "origin", network)?;
        let named = set.names().iter().zip(set.images()).zip(preprocessed);
        let classified = classes.into_iter().zip(predictions);
        Ok(named
            .zip(classified)
            .enumerate()
            .map(|(index, (((name, image), preprocessed), (class, predicted)))| Self {
                number: first + index,
                name: name.clone(),
                image: image.clone(),
                preprocessed: *preprocessed,
                class,
                predicted,
            })
            .collect())
    }
}

impl Targets {
    /// The targets of these arguments, if there are any.
    pub(crate) fn load(args: &TargetArgs, network: &Network, terminal: Terminal) -> Result<Option<Self>> {
        let named = |text: &String| Self::named(text, args.target_labels.as_ref(), network, terminal);
        args.target.as_ref().map(named).transpose()
    }

    /// The targets of these arguments with their labels. If none are named, ten digits, one a class, or, where classes are
    /// not digits, the first origin of each class.
    ///
    /// - `origins`: with labels.
    ///
    /// # Errors
    /// As [`Self::load`]; if a target has no label, or all are of the class that all origins are of; if none are named and
    /// the origins are not of several classes.
    pub(crate) fn labelled(
        args: &LabelledTargetArgs,
        origins: &ImageSet,
        network: &Network,
        terminal: Terminal,
    ) -> Result<Self> {
        let targets = match &args.target {
            Some(text) => Self::named(text, args.target_labels.as_ref(), network, terminal)?,
            None if has_digits(network) => Self::named("digits:targets", None, network, terminal)?,
            None => Self::first_of_each(origins, network)?,
        };
        let Some(classes) = targets.set.labels() else {
            return Err(Failure::new(format!("target `{}` has no label", targets.set.names()[0])).with_hint(
                format!(
                    "`--target-labels FILE`, or `--target-labels predicted` for what the network reads{}",
                    folders(network)
                ),
            ));
        };
        let own = origins.labels().unwrap_or_default();
        if let Some(first) = own.first()
            && own.iter().chain(classes).all(|class| class == first)
        {
            let name = ClassNames::of_network(network).of(*first);
            return Err(Failure::new(format!(
                "all origins are of class `{name}`, and so is every target, expected one of another class"
            ))
            .with_hint("give targets of other classes with `--target`, or origins of several"));
        }
        Ok(targets)
    }

    /// Those that a text names.
    pub(crate) fn named(
        text: &str,
        labels: Option<&LabelSource>,
        network: &Network,
        terminal: Terminal,
    ) -> Result<Self> {
        let source = source(text, labels)?;
        let FittedSet { set, left_out, .. } = FittedSet::load(&source, text, "target", network, terminal)?;
        Ok(Self { left_out, ..Self::new(&set, labels, network)? })
    }

    /// The first of each class that the network reads as it is labelled.
    fn first_of_each(origins: &ImageSet, network: &Network) -> Result<Self> {
        let mut first: BTreeMap<usize, usize> = BTreeMap::new();
        for (place, read) in predictions(origins.images(), network)?.into_iter().enumerate() {
            if origins.label(place) == Some(read) {
                first.entry(read).or_insert(place);
            }
        }
        if first.len() < 2 {
            return Err(Failure::new(
                "there are no targets, and no origins of two classes that are read as labelled",
            )
            .with_hint(format!(
                "`--target IMAGES` names images to move toward, `--target-labels FILE` their classes{}",
                folders(network)
            )));
        }
        let set = picked(origins, &first.into_values().collect::<Vec<_>>())?;
        Ok(Self { are_origins: true, ..Self::new(&set, None, network)? })
    }

    /// The images of a set that have the size that the network takes.
    ///
    /// - `labels`: where the classes come from, if not from the set.
    pub(crate) fn new(set: &ImageSet, labels: Option<&LabelSource>, network: &Network) -> Result<Self> {
        let FittedSet { set, .. } = FittedSet::new(set, "target", network)?;
        let images = set.images();
        let classes = match labels {
            Some(LabelSource::Predicted) => Some(predictions(images, network)?),
            _ => set.labels().map(<[usize]>::to_vec),
        };
        expect_classes(classes.as_deref().unwrap_or_default(), set.names(), "target", network)?;
        let mut digest = ImagesDigest::default();
        for image in images {
            digest.add(image);
        }
        Ok(Self {
            stems: distinct(set.names().iter().map(|name| file_stem(name))),
            sha256: digest.digits(),
            left_out: None,
            set: ImageSet::new(images.to_vec(), classes, set.names().to_vec())?,
            are_origins: false,
        })
    }

    /// Which they are, for those who named none.
    pub(crate) fn said(&self) -> &'static str {
        if self.are_origins {
            " Targets are the first origins of each class that the network reads rightly."
        } else {
            ""
        }
    }

    /// Those that some origins meet.
    pub(crate) fn of(&self, origins: &[&Origin], pairing: Pairing) -> Result<ImageSet> {
        if pairing == Pairing::All {
            return Ok(self.set.clone());
        }
        picked(&self.set, &origins.iter().map(|origin| origin.number).collect::<Vec<_>>())
    }
}

/// Pictures of folders that are named like no class: of `origin`, of `target`.
pub(crate) type LeftOutOf = BTreeMap<&'static str, LeftOut>;

/// What is left out of origins and of targets.
pub(crate) fn left_out_of(origin: Option<&LeftOut>, target: Option<&LeftOut>) -> LeftOutOf {
    let both = [("origin", origin), ("target", target)];
    both.into_iter().filter_map(|(role, left_out)| Some((role, left_out?.clone()))).collect()
}

/// Images with labels.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    pub(crate) set: ImageSet,
    /// Pictures of their folder that are not among them.
    left_out: Option<LeftOut>,
}

impl Labelled {
    /// What is left out of these and of the targets that belong to them.
    pub(crate) fn left_out(&self, targets: &Targets) -> LeftOutOf {
        left_out_of(self.left_out.as_ref(), targets.left_out.as_ref())
    }
}

/// The labelled images of these arguments, in the size that the network takes.
///
/// # Errors
/// If one has no label, or one that is no class of the network.
pub(crate) fn labelled(args: &LabelledArgs, network: &Network, terminal: Terminal) -> Result<Labelled> {
    let labels = args.labels.as_ref();
    let are_digits = args.mnist.is_some() || args.origin.split('[').next() == Some("digits");
    if are_digits && labels.is_none() && !has_digits(network) {
        return Err(Failure::new("the classes of the network are not digits, the images to be read and attacked are")
            .with_hint(format!(
                "`--origin IMAGES --labels FILE` names images and their classes; without `--target` each is moved toward \
                 the first of each other class{}",
                folders(network)
            )));
    }
    let set = match &args.mnist {
        Some(folder) => FittedSet::new(&mnist::load_test(folder)?, "origin", network)?,
        None => FittedSet::load(&source(&args.origin, labels)?, &args.origin, "origin", network, terminal)?,
    };
    let origins = Origin::of_set(&set, labels, 0, network)?;
    let classes = origins.iter().map(|origin| origin.class).collect();
    let names = origins.iter().map(|origin| origin.name.clone()).collect();
    let images = origins.into_iter().map(|origin| origin.image).collect();
    Ok(Labelled { set: ImageSet::new(images, Some(classes), names)?, left_out: set.left_out })
}

/// The images at these places, in this order.
pub(crate) fn picked(set: &ImageSet, places: &[usize]) -> Result<ImageSet> {
    let images = places.iter().map(|&place| set.images()[place].clone()).collect();
    let labels = set.labels().map(|labels| places.iter().map(|&place| labels[place]).collect());
    Ok(ImageSet::new(images, labels, places.iter().map(|&place| set.names()[place].clone()).collect())?)
}

/// The names, those that came before with a number behind.
pub(crate) fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
        taken.extend(free);
    }
    taken
}

/// # Errors
/// The first label that is no class of the network.
fn expect_classes(classes: &[usize], names: &[String], role: &'static str, network: &Network) -> Result<()> {
    let class_count = network.class_count();
    match classes.iter().zip(names).find(|&(&class, _)| class >= class_count) {
        Some((&class, name)) => Err(Failure::from(lots::Error::ClassRange { class, class_count })
            .about(role, name)
            .with_hint(format!(
                "classes are counted from 0 in the order of the network's logits; {}",
                ClassNames::of_network(network).hint()
            ))),
        None => Ok(()),
    }
}

/// Whether the classes are digits, as far as the network knows what they are.
fn has_digits(network: &Network) -> bool {
    let names = network.class_names();
    if names.is_empty() {
        return network.class_count() == 10 && network.input_shape() == [1, 28, 28];
    }
    (0..10).all(|digit: usize| names.contains(&digit.to_string().as_str()))
}

/// The end of a hint: that folders have labels, if classes have names.
fn folders(network: &Network) -> String {
    let folder = |name: &&str| {
        format!("; pictures in a folder that is called like a class, `{name}/`, have its label")
    };
    network.class_names().first().map_or_else(String::new, folder)
}

fn predictions(images: &[Image], network: &Network) -> Result<Vec<usize>> {
    let pixels: Vec<u8> = images.iter().flat_map(Image::pixels).copied().collect();
    Ok(network.classify(pixels.as_slice())?.images().map(class_of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_told_apart() {
        let names = ["a", "b", "a", "a-2", "a"].map(str::to_owned);
        assert_eq!(distinct(names.into_iter()), ["a", "b", "a-2", "a-2-2", "a-3"]);
    }
}
