//! [`Gallery`]: templates of identities, appended to a network as its last layer.
//!
//! A network that only extracts features has no classes. With a gallery it has one for each identity, and its logits say
//! how near an image is to each: what looks at classes works for it as for any other network. Where templates come from
//! and how they are kept in a file is not known here.

mod append;
mod input;

use std::collections::BTreeMap;

pub use self::input::NetworkInput;
use crate::error::{Error, Result, plural};

/// Templates of identities at a layer: representations of images of which it is known whom they show.
///
/// Each identity is a class, in the order in which the templates name them first.
///
/// # Example
/// ```
/// use lots_network::{Gallery, GalleryHeader, Metric, Network, Template};
/// let network = Network::lenet(0);
/// let template = |identity: &str, grey: u8| -> lots_network::Result<Template> {
///     let values = network.represent(network.layer("ip1")?, &[grey; 784][..])?.values;
///     Ok(Template { identity: identity.to_owned(), values })
/// };
/// let templates = vec![template("light", 200)?, template("dark", 9)?, template("dark", 10)?];
/// let gallery = Gallery::new(GalleryHeader::at_layer("ip1"), templates)?;
/// assert_eq!(gallery.identities(), ["light", "dark"]);
///
/// let network = Network::lenet(0).with_gallery(&gallery)?;
/// let similarities = network.classify(&[9; 784][..])?;
/// assert_eq!(similarities.shape, [1, 2]);
/// assert!((similarities.values[1] - 1.0).abs() < 1e-6, "the image is one of the templates");
/// # Ok::<(), lots_network::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Gallery {
    header: GalleryHeader,
    identities: Vec<String>,
    /// The class of each template.
    classes: Vec<usize>,
    /// All templates, one after the other.
    values: Vec<f32>,
}

/// What a gallery is for and how it measures.
#[derive(Clone, Debug, PartialEq)]
pub struct GalleryHeader {
    /// The layer of the templates, by a name that the network knows.
    pub layer: String,
    /// SHA-256 of the network's file; empty where it is not known.
    pub network_sha256: String,
    /// Which images the templates were made of, and what became of their pixels; `None` where it is not known.
    pub input: Option<NetworkInput>,
    /// How near two representations are.
    pub metric: Metric,
    /// The logits are multiplied by this, positive and finite. The class does not depend on it; probabilities do.
    pub scale: f32,
}

/// The representation of an image of which it is known whom it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Whom it shows.
    pub identity: String,
    /// f⁽ˡ⁾ of the image, as many numbers as the layer has.
    pub values: Vec<f32>,
}

/// How near two representations are; the logit of an identity is that to the nearest of its templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// ⟨f, t⟩ / (‖f‖₂ ‖t‖₂), −1 to 1.
    #[default]
    Cosine,
    /// −‖f − t‖₂² + ‖f‖₂². What is added is the same for all identities: neither the class nor a softmax knows of it.
    Euclidean,
}

impl Gallery {
    /// A gallery of the templates of at least two identities.
    ///
    /// # Errors
    /// [`Error::Gallery`] if there are fewer, or the scale is not positive; [`Error::Template`] if one has another length
    /// than the first, a number that is not finite, for the cosine nothing but zeros, or an identity without a name.
    pub fn new(header: GalleryHeader, templates: Vec<Template>) -> Result<Self> {
        if !(header.scale > 0.0 && header.scale.is_finite()) {
            let reason = format!("its scale is {}, expected a positive number", header.scale);
            return Err(Error::Gallery { reason });
        }
        let length = templates.first().map_or(0, |template| template.values.len());
        let mut gallery = Self { header, identities: Vec::new(), classes: Vec::new(), values: Vec::new() };
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for (row, template) in templates.into_iter().enumerate() {
            gallery.check(&template, row, length)?;
            let class = *known.entry(template.identity).or_insert_with_key(|identity| {
                gallery.identities.push(identity.clone());
                gallery.identities.len() - 1
            });
            gallery.classes.push(class);
            gallery.values.extend(template.values);
        }
        let few = match gallery.identities.len() {
            0 => "no identity",
            1 => "1 identity",
            _ => return Ok(gallery),
        };
        Err(Error::Gallery { reason: format!("it has {few}, expected at least 2") })
    }

    /// What it is for and how it measures.
    pub fn header(&self) -> &GalleryHeader {
        &self.header
    }

    /// The same gallery for a network that takes other images or other pixels, if someone knows that it fits.
    #[must_use]
    pub fn for_any_input(mut self) -> Self {
        self.header.input = None;
        self
    }

    /// The identities in the order of their classes, at least two.
    pub fn identities(&self) -> &[String] {
        &self.identities
    }

    /// The class of each template.
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// How many numbers a template has, at least one.
    pub fn length(&self) -> usize {
        self.values.len() / self.classes.len()
    }

    /// The templates in order.
    pub fn templates(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.length())
    }

    /// All templates, one after the other, `[templates, length]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    fn check(&self, template: &Template, row: usize, length: usize) -> Result<()> {
        let values = &template.values;
        let message = if values.len() != length {
            let got = plural(values.len(), "number", "numbers");
            format!("has {got}, expected {length} like the first")
        } else if values.is_empty() {
            "has no numbers".to_owned()
        } else if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            format!("holds {value}, expected finite numbers")
        } else if self.header.metric == Metric::Cosine && values.iter().all(|value| *value == 0.0) {
            "is all zeros, which has no angle to anything".to_owned()
        } else if template.identity.is_empty() || template.identity.contains(char::is_control) {
            "has an identity that is no name, expected text on one line".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::Template { row, identity: template.identity.clone(), message })
    }
}

impl GalleryHeader {
    /// Templates of a layer, of a network that is not named, compared by the cosine as it is.
    pub fn at_layer(layer: impl Into<String>) -> Self {
        let (network_sha256, input) = (String::new(), None);
        Self { layer: layer.into(), network_sha256, input, metric: Metric::default(), scale: 1.0 }
    }
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Cosine, Self::Euclidean];

    /// The metric of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.word() == word)
    }

    /// Its name: `cosine`, `euclidean`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
        }
    }
}

#[cfg(test)]
mod tests;
