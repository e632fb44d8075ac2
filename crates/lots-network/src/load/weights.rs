//! Files that hold weights and no graph: what networks that are built in are filled with ([`Weights`]).
//!
//! A form is recognised by its bytes, not by the name of the file. Every number is read into f32.

pub(crate) mod caffemodel;
mod npz;
mod tensors;

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Who wrote the weights: names, order of the input's channels and shapes go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Caffe,
    Torch,
}

/// The weights of a file by layer.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) form: Form,
    /// What they are for, in messages.
    architecture: &'static str,
    layers: BTreeMap<String, Tensors>,
}

/// What a layer multiplies its inputs with, outputs first, and what it adds.
#[derive(Debug)]
pub(crate) struct LayerWeights {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// The tensors of one layer in a file.
#[derive(Debug, Default)]
struct Tensors {
    weight: Option<Tensor>,
    bias: Option<Tensor>,
}

/// Numbers, as many as the product of the extents.
#[derive(Debug)]
struct Tensor {
    extents: Vec<usize>,
    values: Vec<f32>,
}

impl Weights {
    /// Reads the bytes of a file.
    ///
    /// - `architecture`: what the weights are for, for messages.
    ///
    /// # Errors
    /// [`Error::NotWeights`] if they are in no form that is known, or damaged.
    pub(crate) fn read(bytes: &[u8], architecture: &'static str) -> Result<Self> {
        let (form, layers) = if tensors::is_safetensors(bytes) {
            (Form::Torch, by_layer(tensors::read(bytes)?))
        } else if bytes.starts_with(b"PK\x03\x04") {
            (Form::Torch, by_layer(npz::read(bytes)?))
        } else {
            (Form::Caffe, caffemodel::read(bytes)?)
        };
        if layers.is_empty() {
            return Err(not_weights("it holds no weights"));
        }
        Ok(Self { form, architecture, layers })
    }

    /// The extents of a layer's weights as the file has them, outputs first; none is 0.
    ///
    /// # Errors
    /// [`Error::MissingWeights`] if there are none.
    pub(crate) fn shape(&self, layer: &str) -> Result<&[usize]> {
        let tensor = self.layers.get(layer).and_then(|tensors| tensors.weight.as_ref());
        let extents = tensor.ok_or_else(|| self.missing(layer, "weights"))?.extents.as_slice();
        match extents {
            [] => Err(wrong_shape(layer, extents, "outputs × inputs".to_owned())),
            _ if extents.contains(&0) => Err(wrong_shape(layer, extents, "no extent of 0".to_owned())),
            _ => Ok(extents),
        }
    }

    /// Outputs and inputs of a fully connected layer. Its matrix may be written as a kernel as large as its input, or
    /// with axes of 1 in front as Caffe did it in the beginning; the order of the numbers is the same.
    ///
    /// # Errors
    /// Those of [`Weights::shape`]; [`Error::WeightsShape`] if it is no matrix.
    pub(crate) fn matrix_shape(&self, layer: &str) -> Result<[usize; 2]> {
        let extents = self.shape(layer)?;
        match without_ones_in_front(extents) {
            [outputs, inputs @ ..] if !inputs.is_empty() => Ok([*outputs, inputs.iter().product()]),
            _ => Err(wrong_shape(layer, extents, "outputs × inputs".to_owned())),
        }
    }

    /// Takes the weights of a layer out.
    ///
    /// - `shape`: of its weights, outputs first: a kernel or a matrix.
    ///
    /// # Errors
    /// [`Error::MissingWeights`] if they are not there; [`Error::WeightsShape`] if they have another shape.
    pub(crate) fn take(&mut self, layer: &str, shape: &[usize]) -> Result<LayerWeights> {
        let fits = match *shape {
            [outputs, inputs] => self.matrix_shape(layer)? == [outputs, inputs],
            _ => self.shape(layer)? == shape,
        };
        if !fits {
            return Err(wrong_shape(layer, self.shape(layer)?, in_words(shape)));
        }
        let tensors = self.layers.remove(layer).unwrap_or_default();
        let (Some(weight), Some(bias)) = (tensors.weight, tensors.bias) else {
            return Err(self.missing(layer, "biases"));
        };
        if bias.values.len() != shape[0] {
            return Err(wrong_shape(layer, &bias.extents, format!("{} biases", shape[0])));
        }
        Ok(LayerWeights { weight: weight.values, bias: bias.values })
    }

    fn missing(&self, layer: &str, what: &'static str) -> Error {
        Error::MissingWeights {
            architecture: self.architecture,
            layer: layer.to_owned(),
            what,
            known: self.layers.keys().cloned().collect(),
        }
    }
}

/// Tensors named as in PyTorch, `conv1_1.weight`, by layer. What is called otherwise belongs to no layer.
fn by_layer(tensors: Vec<(String, Tensor)>) -> BTreeMap<String, Tensors> {
    let mut layers: BTreeMap<String, Tensors> = BTreeMap::new();
    for (name, tensor) in tensors {
        match name.rsplit_once('.') {
            Some((layer, "weight")) => layers.entry(layer.to_owned()).or_default().weight = Some(tensor),
            Some((layer, "bias")) => layers.entry(layer.to_owned()).or_default().bias = Some(tensor),
            _ => {}
        }
    }
    layers
}

impl Tensor {
    /// # Errors
    /// Why these numbers do not have this shape.
    fn new(name: &str, extents: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        let count = extents.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        if count == Some(values.len()) {
            return Ok(Self { extents, values });
        }
        let expected = in_words(&extents);
        Err(not_weights(&format!("`{name}` has {} numbers, expected {expected} as it says", values.len())))
    }
}

fn without_ones_in_front(mut extents: &[usize]) -> &[usize] {
    while let [1, rest @ ..] = extents
        && rest.len() >= 2
    {
        extents = rest;
    }
    extents
}

fn wrong_shape(layer: &str, got: &[usize], expected: String) -> Error {
    Error::WeightsShape { layer: layer.to_owned(), got: in_words(got), expected }
}

fn in_words(extents: &[usize]) -> String {
    extents.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

fn not_weights(reason: &str) -> Error {
    Error::NotWeights { reason: reason.to_owned(), is_pickled: false }
}
