//! [`Toward`]: what single directions move toward, for `direction`, `ray` and `visualize`: images and stored templates,
//! and what is made of them.

use std::ops::Range;

use lots::Image;
use lots::data::ImageSet;
use lots::data::folder::LeftOut;
use lots::direction::Objective;
use lots::experiment::{TargetChoice, TargetTemplate, Targets};
use lots_network::Network;

use crate::args::TemplateArgs;
use crate::attack::images::{LeftOutOf, left_out_of};
use crate::class_names::ClassNames;
use crate::failure::{Failure, Result};
use crate::images::{FittedSet, MAKE_ONE, Preprocessed, TARGET, single_fitted, source};
use crate::network::Loaded;
use crate::terminal::Terminal;

/// Images, templates, and what is made of them.
#[derive(Clone, Debug)]
pub(crate) struct Toward {
    images: Option<ImageSet>,
    /// What was done to each image so that it fits.
    preprocessed: Vec<Option<Preprocessed>>,
    templates: Vec<TargetTemplate>,
    choice: TargetChoice,
    /// Pictures of the folders of the images that are not among them.
    left_out: Option<LeftOut>,
}

/// A target that there is a picture of.
#[derive(Clone, Debug)]
pub(crate) struct Pictured {
    pub(crate) image: Image,
    pub(crate) preprocessed: Option<Preprocessed>,
}

impl Toward {
    /// - `images`: with what was done to each.
    /// - `layers`: the texts of the layers that are steered; without any there are no templates.
    pub(crate) fn new(
        images: Option<FittedSet>,
        args: &TemplateArgs,
        layers: &[String],
        loaded: &Loaded,
    ) -> Result<Self> {
        let (images, preprocessed, left_out) = match images {
            Some(FittedSet { set, preprocessed, left_out }) => (Some(set), preprocessed, left_out),
            None => (None, Vec::new(), None),
        };
        let (templates, choice) = (args.read(layers, loaded)?, args.choice()?);
        Ok(Self { images, preprocessed, templates, choice, left_out })
    }

    /// The images that these texts name, one each, or several where one target is made of them or chosen from them.
    pub(crate) fn named(
        texts: &[String],
        args: &TemplateArgs,
        layers: &[String],
        loaded: &Loaded,
        terminal: Terminal,
    ) -> Result<Self> {
        let network = &loaded.network;
        let (mut images, mut names, mut preprocessed, mut labels) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut left_out: Option<LeftOut> = None;
        for text in texts {
            if args.is_each() {
                let (fitted, name) = single_fitted(text, TARGET, network)?;
                images.push(fitted.image);
                names.push(name);
                preprocessed.push(fitted.preprocessed);
                continue;
            }
            let own = FittedSet::load(&source(text, None)?, text, TARGET, network, terminal)?;
            preprocessed.extend(own.preprocessed);
            if let Some(more) = own.left_out {
                let all = left_out.get_or_insert(LeftOut { pictures: 0, folders: Vec::new() });
                all.pictures += more.pictures;
                all.folders.extend(more.folders);
            }
            let (own, own_labels, own_names) = own.set.into_parts();
            labels.extend(own_labels.unwrap_or_default());
            images.extend(own);
            names.extend(own_names);
        }
        // Where some have no labels, the network says of all what they are.
        let labels = Some(labels).filter(|labels| labels.len() == images.len());
        let fitted = if images.is_empty() {
            None
        } else {
            Some(FittedSet { set: ImageSet::new(images, labels, names)?, preprocessed, left_out })
        };
        Self::new(fitted, args, layers, loaded)
    }

    /// How many images and templates there are.
    pub(crate) fn count(&self) -> usize {
        self.image_count() + self.templates.len()
    }

    /// Whether each of them is a target.
    pub(crate) fn is_each(&self) -> bool {
        self.choice == TargetChoice::Each
    }

    /// Some of the images and templates.
    pub(crate) fn part(&self, range: Range<usize>) -> Result<Self> {
        let images = self.image_count();
        let own = range.start.min(images)..range.end.min(images);
        let templates = range.start.max(images) - images..range.end.max(images) - images;
        Ok(Self {
            images: match &self.images {
                Some(set) if !own.is_empty() => Some(set.part(own.clone())?),
                _ => None,
            },
            preprocessed: self.preprocessed[own].to_vec(),
            templates: self.templates[templates].to_vec(),
            choice: self.choice.clone(),
            left_out: self.left_out.clone(),
        })
    }

    /// What is left out of the images.
    pub(crate) fn left_out(&self) -> LeftOutOf {
        left_out_of(None, self.left_out.as_ref())
    }

    /// The targets with their representations at the layers of an objective.
    ///
    /// # Errors
    /// If there are none, or they do not fit the layers or what is made of them.
    pub(crate) fn at(&self, network: &Network, objective: &Objective) -> Result<Targets> {
        let (images, layers) = (self.images.as_ref(), objective.layers());
        let targets = Targets::new(network, images, &self.templates, &self.choice, &layers)?;
        targets.ok_or_else(|| Failure::new("there are no targets").with_hint("`--target` or `--template`"))
    }

    /// The only target of an origin.
    ///
    /// - `class`: of the origin.
    ///
    /// # Errors
    /// If there are several, or none because all are of the origin's own class.
    pub(crate) fn only(chosen: &[usize], class: usize, network: &Network) -> Result<usize> {
        match chosen {
            [target] => Ok(*target),
            [] => Err(no_other_class(class, network)),
            several => {
                Err(Failure::new(format!("there are {} targets for an origin, expected one", several.len()))
                    .with_hint(format!("name one, {MAKE_ONE}")))
            }
        }
    }

    /// What a target is called: `digits:targets[9]`, `anna`, `centroid-3`, `mixture`.
    pub(crate) fn name(&self, target: usize, class: Option<usize>, names: &ClassNames) -> String {
        match (&self.choice, &self.images) {
            (TargetChoice::Centroid, _) => names.centroid(class.unwrap_or_default()),
            (TargetChoice::Mixture(_), _) => "mixture".to_owned(),
            (_, Some(set)) if target < set.len() => set.names()[target].clone(),
            _ => self.templates[target - self.image_count()].name.clone(),
        }
    }

    /// The image that a target is, if it is one.
    pub(crate) fn pictured(&self, target: usize) -> Option<Pictured> {
        let is_made = matches!(self.choice, TargetChoice::Centroid | TargetChoice::Mixture(_));
        let set = self.images.as_ref().filter(|set| !is_made && target < set.len())?;
        Some(Pictured { image: set.images()[target].clone(), preprocessed: self.preprocessed[target] })
    }

    fn image_count(&self) -> usize {
        self.images.as_ref().map_or(0, ImageSet::len)
    }
}

/// All targets are of the origin's own class, so that there is none to move toward.
pub(crate) fn no_other_class(class: usize, network: &Network) -> Failure {
    let own = ClassNames::of_network(network).of(class);
    Failure::new(format!(
        "the origin is of class `{own}`, and so is every target, expected one of another class"
    ))
    .with_hint(OTHER_TARGETS)
}

/// What to give where all targets are of the origins' own class.
pub(crate) const OTHER_TARGETS: &str = "give targets of other classes with `--target` or `--template`";
