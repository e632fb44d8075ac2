//! Galleries in files, and how alike their templates are.
//!
//! What a gallery is and how a network gets one is in [`lots_network::Gallery`]. A file is a safetensors file: the tensor
//! `templates`, f32 `[templates, length]`, and one entry of metadata, `lots.gallery`, with the header as JSON: layer, network, metric,
//! whom each template shows, and which pixels and images they were made with.

mod file;
mod pairs;

pub use file::{from_bytes, is_gallery, read, read_bytes, to_bytes, write};
pub use pairs::{MOST_COMPARED, Pair, Pairs, pairs};

use lots_network::{Gallery, GalleryHeader, Network, Template};

use crate::data::ImageSet;
use crate::data::identities::compare;
use crate::error::Result;
use crate::image::Image;

/// The gallery of some images: their representations at the layer of the header, identities in the order of [`compare`],
/// the templates of each in the order of the images.
///
/// - `images`: with whom each shows, of the size that the network takes.
///
/// # Errors
/// [`crate::Error::Network`] if there is no such layer, or as [`Gallery::new`].
///
/// # Example
/// ```
/// use lots_network::GalleryHeader;
/// let (network, digits) = (lots::embedded::lenet(), lots::data::digits::load());
/// let set = digits.part(0..100)?;
/// let identities = set.labels().into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
/// let gallery = lots::gallery::of_images(&network, GalleryHeader::at_layer("ip1"), &set, &identities)?;
/// assert_eq!(gallery.identities().len(), 10);
///
/// let recogniser = network.with_gallery(&gallery)?;
/// let seven = recogniser.classify(digits.images()[0].pixels())?;
/// assert_eq!(lots_network::class_of(seven.image(0)), 7);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn of_images(
    network: &Network,
    header: GalleryHeader,
    images: &ImageSet,
    identities: &[String],
) -> Result<Gallery> {
    let layer = network.layer(&header.layer)?;
    let pixels: Vec<u8> = images.images().iter().flat_map(Image::pixels).copied().collect();
    let representations = network.represent(layer, pixels.as_slice())?;
    let templates = identities.iter().zip(representations.images());
    let templates =
        templates.map(|(identity, values)| Template { identity: identity.clone(), values: values.to_vec() });
    of_templates(header, templates.collect())
}

/// The gallery of templates in any order: identities in the order of [`compare`], the templates of each as they come.
///
/// # Errors
/// As [`Gallery::new`].
pub fn of_templates(header: GalleryHeader, mut templates: Vec<Template>) -> Result<Gallery> {
    templates.sort_by(|a, b| compare(&a.identity, &b.identity));
    Ok(Gallery::new(header, templates)?)
}
