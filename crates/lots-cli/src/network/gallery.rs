//! A gallery behind the network that a command works on.

use lots_network::{Gallery, GalleryHeader};
use serde::Serialize;

use super::Loaded;
use crate::args::GalleryArgs;
use crate::digest;
use crate::failure::{About, Failure, Result};

/// What someone may not know who asks a network that extracts features for a class.
pub(crate) const FEATURES: &str =
    "a network that only extracts features gets its classes from `--gallery FILE`, see `lots gallery build`";

/// What reports say of a gallery.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Appended {
    /// As it was named.
    pub(crate) file: String,
    layer: String,
    metric: &'static str,
    scale: f32,
    identities: usize,
    templates: usize,
    /// SHA-256 of the network's file.
    network_sha256: String,
}

impl Loaded {
    /// The network with the identities of the gallery that the arguments name as its classes; the same if there is none.
    ///
    /// # Errors
    /// If the gallery was built with a network of other bytes: what it knows of identities would be wrong without anyone
    /// noticing. The same weights may be in a file of other bytes, so there is a way around it.
    pub(crate) fn with_gallery(self, args: &GalleryArgs) -> Result<Self> {
        let Some(path) = &args.gallery else { return Ok(self) };
        let gallery = lots::gallery::read(path)?;
        let GalleryHeader { layer, network_sha256, metric, scale } = gallery.header();
        let is_known = !self.sha256.is_empty() && !network_sha256.is_empty();
        if is_known && *network_sha256 != self.sha256 && !args.other_network {
            return Err(Failure::new("the gallery was built with another network")
                .about("gallery", path.display())
                .about("its network", network_sha256)
                .about("network", format!("{}, {}", self.name, self.sha256))
                .with_hint(
                    "build it anew with `lots gallery build`, or say `--other-network` if the file has other bytes \
                     and the same weights",
                ));
        }
        let appended = Appended {
            file: path.display().to_string(),
            layer: layer.clone(),
            metric: metric.word(),
            scale: *scale,
            identities: gallery.identities().len(),
            templates: gallery.classes().len(),
            network_sha256: self.sha256.clone(),
        };
        self.followed_by(&gallery, appended).about("gallery", path.display())
    }

    /// SHA-256 of the network's file alone.
    pub(crate) fn file_sha256(&self) -> &str {
        self.gallery.as_ref().map_or(&self.sha256, |gallery| &gallery.network_sha256)
    }

    fn followed_by(self, gallery: &Gallery, appended: Appended) -> Result<Self> {
        self.layer(&gallery.header().layer)?;
        let network = self.network.with_gallery(gallery)?;
        let sha256 = digest::of_bytes(&network.to_onnx());
        Ok(Self { network, name: self.name, sha256, gallery: Some(appended) })
    }
}
