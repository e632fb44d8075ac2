//! Whether criteria hold for what transformations make of images.

use lots_network::{LayerId, Network};
use rayon::prelude::*;

use super::Transformation;
use crate::attack::images_at_once;
use crate::criterion::Criterion;
use crate::error::Result;
use crate::image::Image;
use crate::line_search::Verdict;

/// An image and what is claimed of it.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The image before it is transformed.
    pub image: &'a Image,
    /// What is claimed.
    pub criterion: &'a Criterion,
    /// What the network says of the origin.
    pub origin_class: usize,
}

/// For each claim, whether it holds for every image that a transformation makes of its image, with the smallest margin
/// of them.
///
/// # Errors
/// Those of the transformation; [`Error::Network`](crate::Error::Network) if an image does not have the size that the
/// network takes.
///
/// # Example
/// ```
/// use lots::transformation::{Claim, Transformation, verdicts};
/// use lots::{Criterion, data::digits, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let claim = Claim { image: &digits.images()[4], criterion: &Criterion::Class(4), origin_class: 4 };
/// assert!(verdicts(&network, Transformation::Jpeg(95), &[claim])?[0].holds);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn verdicts(
    network: &Network,
    transformation: Transformation,
    claims: &[Claim<'_>],
) -> Result<Vec<Verdict>> {
    let made: Vec<Vec<Image>> =
        claims.par_iter().map(|claim| transformation.images(claim.image)).collect::<Result<_>>()?;
    let mut verdicts = vec![Verdict { holds: true, margin: f64::INFINITY }; claims.len()];
    let mut layers: Vec<LayerId> = claims.iter().map(|claim| claim.criterion.layer(network)).collect();
    layers.sort_unstable();
    layers.dedup();
    // Claims about the same layer are passed forward together.
    for layer in layers {
        let own = (0..claims.len()).filter(|&index| claims[index].criterion.layer(network) == layer);
        let own: Vec<(usize, &Image)> =
            own.flat_map(|index| made[index].iter().map(move |image| (index, image))).collect();
        for own in own.chunks(images_at_once(network, layer)) {
            let pixels: Vec<u8> = own.iter().flat_map(|(_, image)| image.pixels()).copied().collect();
            let representations = network.represent(layer, pixels.as_slice())?;
            for (&(index, _), representation) in own.iter().zip(representations.images()) {
                let claim = &claims[index];
                let verdict = claim.criterion.judge(claim.origin_class, representation);
                verdicts[index] = both(verdicts[index], verdict);
            }
        }
    }
    Ok(verdicts)
}

/// Lets each verdict on an image stand only if it stands for all that the transformations make of it.
///
/// # Errors
/// As [`verdicts`].
pub(crate) fn require_copies(
    network: &Network,
    transformations: &[Transformation],
    claims: &[Claim<'_>],
    of_images: &mut [Verdict],
) -> Result<()> {
    for &transformation in transformations {
        for (verdict, of_copies) in of_images.iter_mut().zip(verdicts(network, transformation, claims)?) {
            *verdict = both(*verdict, of_copies);
        }
    }
    Ok(())
}

/// How many images all transformations together make of one.
pub(crate) fn copies(transformations: &[Transformation]) -> usize {
    transformations.iter().map(|transformation| transformation.image_count()).sum()
}

/// Whether two claims hold together. A margin that is not known makes that of both unknown.
fn both(a: Verdict, b: Verdict) -> Verdict {
    let margin = if a.margin.is_nan() || b.margin.is_nan() { f64::NAN } else { a.margin.min(b.margin) };
    Verdict { holds: a.holds && b.holds, margin }
}
