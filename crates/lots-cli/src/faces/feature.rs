//! The layer whose representations say whose face it is.

use lots::Image;
use lots::criterion::cosine_similarity;
use lots_network::{LayerId, Network};

use crate::failure::{Failure, Result};
use crate::network::Loaded;

/// So many images are passed forward in one call.
const AT_ONCE: usize = 64;

/// The layer of this name, or that of the gallery behind the network, or the last one, with its name.
///
/// # Errors
/// If there is no such layer, or none is named and the file of the network ends in a gallery: how alike two faces are to
/// its identities is not how alike they are.
pub(super) fn layer(loaded: &Loaded, name: Option<&String>) -> Result<(LayerId, String)> {
    let of_gallery = loaded.gallery.as_ref().map(|gallery| &gallery.layer);
    if let Some(name) = name.or(of_gallery) {
        return Ok((loaded.layer(name)?, name.clone()));
    }
    let network = &loaded.network;
    if !network.class_names().is_empty() {
        return Err(Failure::new(
            "the network ends in a gallery, and no layer is named whose representations say whose face it is",
        )
        .with_hint(format!(
            "`--feature NAME`, the layer that the gallery was built with; `lots layers {}` lists them",
            loaded.name
        )));
    }
    let last = network.logits();
    let tensor = network.tensor_name(last);
    let node = network.layers().iter().find(|layer| layer.tensor == tensor);
    // The name of a node with weights means what is behind its ReLU, which may be another tensor.
    let name =
        node.map(|layer| layer.name.as_str()).filter(|name| network.layer(name).is_ok_and(|it| it == last));
    Ok((last, name.unwrap_or(tensor).to_owned()))
}

/// What the network computes at a layer for each image.
pub(super) fn representations(network: &Network, layer: LayerId, images: &[Image]) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::with_capacity(images.len());
    for images in images.chunks(AT_ONCE) {
        let pixels: Vec<u8> = images.iter().flat_map(Image::pixels).copied().collect();
        all.extend(network.represent(layer, &pixels[..])?.images().map(<[f32]>::to_vec));
    }
    Ok(all)
}

/// The cosine similarity of two images at a layer.
pub(super) fn similarity(network: &Network, layer: LayerId, pair: [&Image; 2]) -> Result<f64> {
    let [one, other] = pair.map(Image::clone);
    let read = representations(network, layer, &[one, other])?;
    Ok(cosine_similarity(&read[0], &read[1]))
}
