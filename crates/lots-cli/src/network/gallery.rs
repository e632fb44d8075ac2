//! A gallery behind the network that a command works on.

use std::path::Path;

use lots_network::{Gallery, LayerId, NetworkInput};
use serde::Serialize;

use super::Loaded;
use crate::args::{GalleryArgs, NetworkArgs};
use crate::digest;
use crate::failure::{About, Failure, Result};

/// What someone may not know who asks a network that extracts features for a class.
pub(crate) const FEATURES: &str =
    "a network that only extracts features gets its classes from `--gallery FILE`, see `lots gallery build`";

/// A gallery that is none of the network's.
pub(crate) const OTHER_NETWORK: &str = "the gallery was built with another network";

/// What reports say of a gallery.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Appended {
    /// As it was named.
    pub(crate) file: String,
    /// Which it was built with.
    pub(crate) layer: String,
    metric: &'static str,
    scale: f32,
    identities: usize,
    templates: usize,
    /// SHA-256 of the network's file.
    network_sha256: String,
}

/// A gallery that the arguments name.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    path: &'a Path,
    gallery: Gallery,
    /// Whether it is taken for any network.
    other_network: bool,
}

impl<'a> Opened<'a> {
    pub(super) fn read(args: &'a GalleryArgs) -> Result<Option<Self>> {
        let Some(path) = &args.gallery else { return Ok(None) };
        let gallery = lots::gallery::read(path)?;
        Ok(Some(Self { path, gallery, other_network: args.other_network }))
    }

    /// The pixels, sizes and preprocessing that it was made with, for what the arguments leave out. Nothing if they ask for
    /// images of another size, to which none of it belongs.
    ///
    /// - `sha256`: that of the network's file.
    ///
    /// # Errors
    /// As [`Self::expect_network`].
    pub(super) fn input(&self, args: &NetworkArgs, sha256: &str) -> Result<Option<&NetworkInput>> {
        self.expect_network(&args.network, sha256)?;
        let input = self.gallery.header().input.as_ref();
        Ok(input.filter(|input| args.size.is_none_or(|size| size == input.size)))
    }

    /// # Errors
    /// If the gallery was built with a network of other bytes: what it knows of identities would be wrong without anyone
    /// noticing. The same weights may be in a file of other bytes, so there is a way around it.
    fn expect_network(&self, name: &str, sha256: &str) -> Result<()> {
        if self.other_network {
            return Ok(());
        }
        expect_network(&self.gallery, name, sha256).about("gallery", self.path.display())
    }
}

/// # Errors
/// If the gallery was built with a network of other bytes.
fn expect_network(gallery: &Gallery, name: &str, sha256: &str) -> Result<()> {
    let own = &gallery.header().network_sha256;
    if sha256.is_empty() || own.is_empty() || own == sha256 {
        return Ok(());
    }
    Err(Failure::new(OTHER_NETWORK)
        .about("its network", own)
        .about("network", format!("{name}, {sha256}"))
        .with_hint(
            "build it anew with `lots gallery build`, or say `--other-network` if the file has other bytes \
             and the same weights",
        ))
}

impl Loaded {
    /// The network with the identities of the gallery that the arguments name as its classes; the same if there is none.
    pub(crate) fn with_gallery(self, args: &GalleryArgs) -> Result<Self> {
        match Opened::read(args)? {
            Some(gallery) => self.followed_by(gallery),
            None => Ok(self),
        }
    }

    /// What the templates of a gallery were made of must be what the network has at this layer.
    ///
    /// # Errors
    /// If it was built with another network, at another layer, or with other pixels, sizes or preprocessing.
    pub(crate) fn expect_made_with(&self, gallery: &Gallery, layer: LayerId) -> Result<()> {
        let header = gallery.header();
        if !self.other_network {
            expect_network(gallery, &self.name, self.file_sha256())?;
            if let Some(input) = &header.input {
                let expected = input.expect(&self.network.input());
                expected.map_err(|error| {
                    Failure::from(error).with_hint(
                        "say the pixels, the size and the preprocessing that the gallery was made with, or build \
                         it anew",
                    )
                })?;
            }
        }
        if self.network.layer(&header.layer).ok() == Some(layer) {
            return Ok(());
        }
        let wanted = self.network.tensor_name(layer);
        Err(Failure::new(format!(
            "the gallery has templates of the layer `{}`, expected `{wanted}`",
            header.layer
        ))
        .with_hint(format!("build one with `lots gallery build … --layer {wanted}`")))
    }

    /// SHA-256 of the network's file alone.
    pub(crate) fn file_sha256(&self) -> &str {
        self.gallery.as_ref().map_or(&self.sha256, |gallery| &gallery.network_sha256)
    }

    /// The network with the identities of a gallery as its classes.
    ///
    /// # Errors
    /// If the gallery was built with another network, or with other pixels, sizes or preprocessing.
    pub(super) fn followed_by(self, opened: Opened<'_>) -> Result<Self> {
        opened.expect_network(&self.name, &self.sha256)?;
        let Opened { path, gallery, other_network } = opened;
        let gallery = if other_network { gallery.for_any_input() } else { gallery };
        let header = gallery.header();
        let appended = Appended {
            file: path.display().to_string(),
            layer: header.layer.clone(),
            metric: header.metric.word(),
            scale: header.scale,
            identities: gallery.identities().len(),
            templates: gallery.classes().len(),
            network_sha256: self.sha256.clone(),
        };
        self.layer(&header.layer).about("gallery", path.display())?;
        let network = self.network.with_gallery(&gallery).about("gallery", path.display())?;
        let sha256 = digest::of_bytes(&network.to_onnx());
        Ok(Self { network, name: self.name, sha256, gallery: Some(appended), other_network })
    }
}
