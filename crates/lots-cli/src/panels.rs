//! Panels of figure sheets: an origin, a target, a perturbed image with its measures, for `visualize` and `demo`.

use lots::figure::{Caption, Panel, PerturbationPicture, PerturbationScale};
use lots::{Criterion, Direction, Image, LineSearch, Outcome, Perturbation, attack, measure};
use lots_network::{Network, class_of};
use serde::Serialize;

use crate::class_names::ClassNames;
use crate::failure::Result;

/// The image that a figure starts from.
#[derive(Debug)]
pub(crate) struct Subject<'n> {
    pub(crate) network: &'n Network,
    pub(crate) image: Image,
    /// What the network reads in it.
    pub(crate) class: usize,
    /// What captions call the classes.
    pub(crate) names: ClassNames,
}

/// A perturbed image in numbers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    /// `conv2 (2)`
    pub(crate) layer: String,
    pub(crate) origin_class: usize,
    /// What the network reads in the perturbed image.
    pub(crate) class: usize,
    pub(crate) pass_score: f64,
    pub(crate) l2: f64,
    pub(crate) linf: u8,
    #[serde(skip)]
    caption: String,
}

impl<'n> Subject<'n> {
    /// An origin, of the size that the network takes.
    pub(crate) fn new(network: &'n Network, image: Image) -> Result<Self> {
        let class = read(network, &image)?;
        Ok(Self { network, image, class, names: ClassNames::default() })
    }

    /// The same with other captions.
    #[must_use]
    pub(crate) fn with_class_names(self, names: ClassNames) -> Self {
        Self { names, ..self }
    }

    /// What captions call its class.
    pub(crate) fn class_name(&self) -> String {
        self.names.of(self.class)
    }

    /// The origin itself.
    pub(crate) fn panel(&self) -> Panel {
        Panel::new(self.image.clone(), Caption::new(format!("origin: {}", self.class_name())))
    }

    /// The image at the smallest step along `direction` that satisfies the criterion, or why there is none.
    pub(crate) fn smallest(
        &self,
        direction: &Direction,
        criterion: &Criterion,
    ) -> Result<Result<Image, String>> {
        let outcome = attack::along(self.network, &self.image, direction, criterion, &LineSearch::default())?;
        Ok(match outcome {
            Outcome::Reached(perturbed) => Ok(perturbed.image),
            Outcome::NotReached(reason) => Err(reason.as_str().replace('_', " ")),
        })
    }

    /// A perturbed image with its perturbation below.
    ///
    /// - `place`: the layer with its position, `conv2 (2)`.
    pub(crate) fn perturbed(&self, place: &str, perturbed: Image) -> Result<(Panel, Shown)> {
        let class = read(self.network, &perturbed)?;
        let (before, after) = (self.class_name(), self.names.of(class));
        let measures = measure::compare(&self.image, &perturbed)?;
        let caption = Caption::perturbed(place, [&before, &after], &measures);
        let shown = Shown {
            layer: place.to_owned(),
            origin_class: self.class,
            class,
            pass_score: measures.pass_score,
            l2: measures.l2,
            linf: measures.linf,
            caption: caption.to_string(),
        };
        let perturbation = Perturbation::between(&self.image, &perturbed)?;
        let picture = PerturbationPicture::new(&perturbation, PerturbationScale::FullRange);
        Ok((Panel::perturbed(perturbed, caption, picture), shown))
    }
}

impl std::fmt::Display for Shown {
    /// `conv2 (2): 4 → 9 · PASS 0.71 · L2 1034 · L∞ 136`, as under the picture.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.caption)
    }
}

/// What the network reads in an image.
pub(crate) fn read(network: &Network, image: &Image) -> Result<usize> {
    Ok(class_of(network.classify(image.pixels())?.image(0)))
}
