//! [`Objective`]: several layers that are steered at once, each with a weight, and the part of them that is.

use std::ops::RangeInclusive;
use std::sync::Arc;

use lots_network::{LayerId, Network};
use rayon::prelude::*;

use super::origin_trace::{Formed, OriginTrace};
use super::{Direction, NoDirection};
use crate::error::{Error, Result};
use crate::mask::Mask;

/// Sizes of weights. Beyond them, gradients in single precision become infinite, or zero beside those of other layers.
const WEIGHTS: RangeInclusive<f32> = 1e-6..=1e6;

/// What a direction moves: one layer, or the weighted sum of several.
///
/// `η = Σ_l w_l B_l( m_l ⊙ (f⁽ˡ⁾(x_t) − f⁽ˡ⁾(x_o)) )`; with one layer, weight 1 and no mask it is Eq. (3)
///
/// It is written as the name of a layer, or as `conv2*0.5+ip1*2`. Layers have representations of different sizes, so
/// weights of 1 do not mean equal shares.
///
/// # Example
/// ```
/// use lots::direction::{Objective, OriginTrace};
/// use lots::mask::Mask;
/// let (network, digits) = (lots::embedded::lenet(), lots::data::digits::load());
/// let objective = Objective::parse(&network, "conv2*0.5+ip1", &Mask::default())?;
/// assert_eq!(objective.layers().len(), 2);
/// let trace = OriginTrace::of_images(&network, &objective.layers(), &digits.images()[..1])?;
/// let target = digits.images()[9].pixels();
/// let targets = objective.represent(&network, target)?;
/// let direction = trace.toward_objective(&objective, &[&targets[..]])?.remove(0).expect("two digits");
/// assert_eq!(direction.shape(), [1, 28, 28]);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    layer: LayerId,
    weight: f32,
    mask: Option<Arc<[f32]>>,
}

impl Objective {
    /// The objective of a text, with a mask on every layer. A text that is the name of a layer means that layer, whatever
    /// letters it has.
    ///
    /// # Errors
    /// [`Error::Network`] if there is no such layer; [`Error::Objective`] if a weight is none or a layer is named twice;
    /// [`Error::Mask`].
    pub fn parse(network: &Network, text: &str, mask: &Mask) -> Result<Self> {
        let refused = |reason: String| Error::Objective { text: text.to_owned(), reason };
        let mut terms: Vec<Term> = Vec::new();
        for (name, weight) in named(network, text)? {
            let weight = match weight {
                None => 1.0,
                Some(digits) => digits
                    .trim()
                    .parse()
                    .ok()
                    .filter(|weight: &f32| WEIGHTS.contains(&weight.abs()))
                    .ok_or_else(|| {
                        let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
                        refused(format!(
                            "`{digits}` is no weight, expected a number from {least} to {most} or its negative"
                        ))
                    })?,
            };
            let layer = network.layer(name)?;
            if terms.iter().any(|term| term.layer == layer) {
                return Err(refused(format!("layer `{name}` is there twice")));
            }
            terms.push(Term { layer, weight, mask: mask.at(name, network.shape(layer))? });
        }
        Ok(Self { terms })
    }

    /// One layer as it is.
    pub fn of_layer(layer: LayerId) -> Self {
        Self { terms: vec![Term { layer, weight: 1.0, mask: None }] }
    }

    /// The layers in the order in which they were named, at least one.
    pub fn layers(&self) -> Vec<LayerId> {
        self.terms.iter().map(|term| term.layer).collect()
    }

    /// The layer that criteria about representations look at: the one that was named last.
    pub fn last(&self) -> LayerId {
        self.terms[self.terms.len() - 1].layer
    }

    /// What the network computes at each of the layers for one image.
    ///
    /// # Errors
    /// [`Error::Network`] if the pixels are not those of one image.
    pub fn represent(&self, network: &Network, pixels: &[u8]) -> Result<Vec<Arc<[f32]>>> {
        let represent = |term: &Term| Ok(Arc::from(network.represent(term.layer, pixels)?.values));
        self.terms.iter().map(represent).collect()
    }
}

/// The layers that a text names, with their weights as they are written.
fn named<'t>(network: &Network, text: &'t str) -> Result<Vec<(&'t str, Option<&'t str>)>> {
    match network.layer(text) {
        Ok(_) => return Ok(vec![(text, None)]),
        Err(error) if !text.contains(['*', '+']) => return Err(error.into()),
        Err(_) => {}
    }
    let term = |part: &'t str| match part.rsplit_once('*') {
        Some((name, weight)) if network.layer(part).is_err() => (name.trim(), Some(weight)),
        _ => (part, None),
    };
    Ok(text.split('+').map(|part| term(part.trim())).collect())
}

impl OriginTrace<'_> {
    /// The direction of the objective for each origin and the representations of its target, one a layer.
    ///
    /// # Errors
    /// [`Error::Network`] if a layer was not asked for; [`Error::RepresentationLength`] if a representation has not as
    /// many numbers as its layer.
    ///
    /// # Panics
    /// If a target has fewer representations than the objective layers.
    pub fn toward_objective(&self, objective: &Objective, targets: &[&[Arc<[f32]>]]) -> Result<Vec<Formed>> {
        self.of_objective(objective, NoDirection::SameRepresentation, |term, row, origin| {
            let target = &targets[row][term];
            if target.len() != origin.len() {
                let layer = self.network().tensor_name(objective.terms[term].layer).to_owned();
                let (got, expected) = (target.len(), origin.len());
                return Err(Error::RepresentationLength { layer, got, expected });
            }
            // The feature difference of Eq. (3).
            Ok(target.iter().zip(origin).map(|(target, origin)| target - origin).collect())
        })
    }

    /// Magnifies what the network sees in each origin at the layers of the objective.
    ///
    /// # Errors
    /// [`Error::Network`] if a layer was not asked for.
    pub fn magnify_objective(&self, objective: &Objective) -> Result<Vec<Formed>> {
        self.of_objective(objective, NoDirection::ZeroGradient, |_, _, origin| Ok(origin.to_vec()))
    }

    /// Reduces it.
    ///
    /// # Errors
    /// [`Error::Network`] if a layer was not asked for.
    pub fn reduce_objective(&self, objective: &Objective) -> Result<Vec<Formed>> {
        self.of_objective(objective, NoDirection::ZeroGradient, |_, _, origin| {
            Ok(origin.iter().map(|value| -value).collect())
        })
    }

    /// - `nothing`: why there is no direction where nothing is carried back.
    /// - `difference`: what is carried back from a term's layer before weight and mask, given the term, the origin and
    ///   its representation.
    fn of_objective(
        &self,
        objective: &Objective,
        nothing: NoDirection,
        difference: impl Fn(usize, usize, &[f32]) -> Result<Vec<f32>> + Sync,
    ) -> Result<Vec<Formed>> {
        let mut sum: Vec<f32> = Vec::new();
        let mut is_nothing = vec![true; self.count()];
        for (index, term) in objective.terms.iter().enumerate() {
            let origins = self.representation(term.layer)?;
            let each = self.network().shape(term.layer).count().max(1);
            let mut cotangents = vec![0.0; origins.values.len()];
            let rows = cotangents.par_chunks_mut(each).zip(origins.values.par_chunks(each)).enumerate();
            let are_zero = rows.map(|(row, (cotangent, origin))| {
                cotangent.copy_from_slice(&difference(index, row, origin)?);
                if let Some(mask) = &term.mask {
                    cotangent.iter_mut().zip(mask.iter()).for_each(|(value, factor)| *value *= factor);
                }
                for value in &mut *cotangent {
                    *value *= term.weight;
                }
                Ok(cotangent.iter().all(|value| *value == 0.0))
            });
            for (is_nothing, is_zero) in is_nothing.iter_mut().zip(are_zero.collect::<Result<Vec<bool>>>()?) {
                *is_nothing &= is_zero;
            }
            let gradients = self.gradients(term.layer, &cotangents)?;
            if sum.is_empty() {
                sum = gradients;
            } else {
                sum.iter_mut().zip(gradients).for_each(|(sum, gradient)| *sum += gradient);
            }
        }
        let shape = self.network().input_shape();
        let pixels: usize = shape.iter().product();
        let formed = sum.par_chunks(pixels).zip(is_nothing).map(|(gradient, is_nothing)| {
            if is_nothing {
                return Err(nothing);
            }
            Direction::from_gradient(shape, gradient.to_vec())
        });
        Ok(formed.collect())
    }
}

#[cfg(test)]
mod tests;
