//! Safetensors: named tensors behind a JSON header.

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::{Tensor, not_weights};
use crate::error::Result;

/// Whether the bytes begin like safetensors: the length of the header in eight bytes, and a brace.
pub(super) fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

/// All tensors of the file.
///
/// # Errors
/// [`crate::Error::NotWeights`].
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|reason| not_weights(&format!("its safetensors header is damaged, {reason}")))?;
    file.iter()
        .filter(|(_, view)| is_float(view))
        .map(|(name, view)| Ok((name.to_owned(), tensor(name, &view)?)))
        .collect()
}

/// Counters and the like are no weights.
fn is_float(view: &TensorView<'_>) -> bool {
    matches!(view.dtype(), Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

fn tensor(name: &str, view: &TensorView<'_>) -> Result<Tensor> {
    let values = floats(view.dtype().bitsize() / 8, view.dtype() == Dtype::BF16, view.data());
    Tensor::new(name, view.shape().to_vec(), values)
}

/// Little-endian numbers of 2, 4 or 8 bytes. Bytes behind the last whole one are left out.
pub(super) fn floats(bytes_each: usize, is_brain: bool, bytes: &[u8]) -> Vec<f32> {
    match (bytes_each, is_brain) {
        (8, _) => bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        (4, _) => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        (_, true) => bytes.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
        (_, false) => bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
    }
}
