//! Caffe's `.caffemodel`: the trained `NetParameter`, a protobuf message. Layers are in its field `layer`, or, written
//! before 2015 as VGG Face was, in `layers`.
//!
//! Source: BVLC Caffe, `src/caffe/proto/caffe.proto` (field numbers).

use std::collections::BTreeMap;

use prost::Message;

use super::{Tensor, Tensors, not_weights};
use crate::error::{Error, Result};

/// The fields of a trained network that are read; the others are skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NetParameter {
    #[prost(message, repeated, tag = "2")]
    pub(crate) layers: Vec<V1LayerParameter>,
    #[prost(message, repeated, tag = "100")]
    pub(crate) layer: Vec<LayerParameter>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct V1LayerParameter {
    #[prost(string, tag = "4")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "6")]
    pub(crate) blobs: Vec<BlobProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LayerParameter {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "7")]
    pub(crate) blobs: Vec<BlobProto>,
}

/// Numbers and their extents, in `shape` or, as before 2015, always four.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlobProto {
    #[prost(int32, tag = "1")]
    pub(crate) num: i32,
    #[prost(int32, tag = "2")]
    pub(crate) channels: i32,
    #[prost(int32, tag = "3")]
    pub(crate) height: i32,
    #[prost(int32, tag = "4")]
    pub(crate) width: i32,
    #[prost(float, repeated, tag = "5")]
    pub(crate) data: Vec<f32>,
    #[prost(message, optional, tag = "7")]
    pub(crate) shape: Option<BlobShape>,
    #[prost(double, repeated, tag = "8")]
    pub(crate) double_data: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlobShape {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) dim: Vec<i64>,
}

/// The weights by the names of the prototxt.
///
/// # Errors
/// [`Error::NotWeights`].
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensors>> {
    if let Some(error) = another_form(bytes) {
        return Err(error);
    }
    let network = NetParameter::decode(bytes).map_err(|reason| not_weights(&reason.to_string()))?;
    let old = network.layers.into_iter().map(|layer| (layer.name, layer.blobs));
    let new = network.layer.into_iter().map(|layer| (layer.name, layer.blobs));
    let mut layers = BTreeMap::new();
    for (name, blobs) in old.chain(new).filter(|(_, blobs)| !blobs.is_empty()) {
        let mut blobs = blobs.into_iter().map(|blob| tensor(&name, blob));
        let tensors = Tensors { weight: blobs.next().transpose()?, bias: blobs.next().transpose()? };
        if layers.insert(name.clone(), tensors).is_some() {
            return Err(not_weights(&format!("it has two layers `{name}`")));
        }
    }
    Ok(layers)
}

fn tensor(layer: &str, blob: BlobProto) -> Result<Tensor> {
    let BlobProto { num, channels, height, width, data, shape, double_data } = blob;
    let dims = match shape {
        Some(shape) => shape.dim,
        None => [num, channels, height, width].map(i64::from).to_vec(),
    };
    let extents = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<Vec<usize>>>();
    let extents = extents.ok_or_else(|| not_weights(&format!("an extent of layer `{layer}` is negative")))?;
    let values = if data.is_empty() { double_data.iter().map(|&value| value as f32).collect() } else { data };
    Tensor::new(layer, extents, values)
}

/// What files that look like something else are.
fn another_form(bytes: &[u8]) -> Option<Error> {
    let reason = match bytes {
        [] => "it is empty",
        [0x80, 2..=5, ..] => return Some(pickled()),
        _ if bytes.starts_with(b"\x89HDF") => "it is in HDF5",
        _ if bytes.starts_with(b"version https://git-lfs") => "it is a Git LFS pointer to the weights",
        _ => return None,
    };
    Some(not_weights(reason))
}

/// PyTorch's own files are programs that are run when they are read.
pub(super) fn pickled() -> Error {
    Error::NotWeights { reason: "it is a pickle, which is never run".to_owned(), is_pickled: true }
}
