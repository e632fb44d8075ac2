//! The numbers in an ONNX file: [`TensorProto`] to [`Constant`].

use std::sync::Arc;

use half::{bf16, f16};

use crate::error::{Error, Result};
use crate::load::{Constant, ConstantValues};
use crate::onnx::{LOCATION_EXTERNAL, TensorProto, data_type};
use crate::shape::Shape;

/// The numbers and the shape of a tensor; `name` is for messages.
///
/// # Errors
/// [`Error::ExternalData`]; [`Error::Tensor`] if the type is not supported or the numbers are not as many as the
/// shape says.
pub(crate) fn constant(tensor: &TensorProto, name: &str) -> Result<Constant> {
    if tensor.data_location == LOCATION_EXTERNAL {
        let location = tensor.external_data.iter().find(|entry| entry.key == "location");
        return Err(Error::ExternalData {
            tensor: name.to_owned(),
            location: location.map_or_else(String::new, |entry| entry.value.clone()),
        });
    }
    let fault = |message| Error::Tensor { tensor: name.to_owned(), message };
    let (shape, count) = shape(&tensor.dims).map_err(fault)?;
    let values = values(tensor, count).map_err(fault)?;
    Ok(Constant { shape, values })
}

/// The shape and how many elements it has. The limit of [`Shape::count`] is usize, and extents come from outside.
fn shape(dims: &[i64]) -> Result<(Shape, usize), String> {
    let mut extents = Vec::with_capacity(dims.len());
    for &dim in dims {
        extents.push(usize::try_from(dim).ok().ok_or_else(|| format!("an extent of its shape is {dim}"))?);
    }
    let shape = Shape::new(extents);
    if !shape.is_within(isize::MAX as usize) {
        return Err("its shape has more elements than memory has bytes".to_owned());
    }
    let count = shape.count();
    Ok((shape, count))
}

fn values(tensor: &TensorProto, count: usize) -> Result<ConstantValues, String> {
    if let Some(raw) = &tensor.raw_data {
        return raw_values(tensor.data_type, raw, count);
    }
    let typed = &tensor.int32_data;
    match tensor.data_type {
        data_type::FLOAT => floats(&tensor.float_data, count, |&value| value),
        data_type::DOUBLE => floats(&tensor.double_data, count, |&value| value as f32),
        // The bits of a 16-bit number are the low half of its 32-bit field.
        data_type::FLOAT16 => floats(typed, count, |&bits| f16::from_bits(bits as u16).to_f32()),
        data_type::BFLOAT16 => floats(typed, count, |&bits| bf16::from_bits(bits as u16).to_f32()),
        data_type::INT64 => integers(&tensor.int64_data, count, |&value| value),
        data_type::INT32 | data_type::INT8 | data_type::UINT8 => {
            integers(typed, count, |&value| value.into())
        }
        data_type::BOOL => integers(typed, count, |&value| (value != 0).into()),
        other => Err(unsupported(other)),
    }
}

/// The numbers in `raw`, little endian.
fn raw_values(kind: i32, raw: &[u8], count: usize) -> Result<ConstantValues, String> {
    match kind {
        data_type::FLOAT => floats(numbers(raw, kind)?, count, |&bytes| f32::from_le_bytes(bytes)),
        data_type::DOUBLE => floats(numbers(raw, kind)?, count, |&bytes| f64::from_le_bytes(bytes) as f32),
        data_type::FLOAT16 => floats(numbers(raw, kind)?, count, |&bytes| f16::from_le_bytes(bytes).to_f32()),
        data_type::BFLOAT16 => {
            floats(numbers(raw, kind)?, count, |&bytes| bf16::from_le_bytes(bytes).to_f32())
        }
        data_type::INT64 => integers(numbers(raw, kind)?, count, |&bytes| i64::from_le_bytes(bytes)),
        data_type::INT32 => integers(numbers(raw, kind)?, count, |&bytes| i32::from_le_bytes(bytes).into()),
        data_type::INT8 => integers(numbers(raw, kind)?, count, |&bytes| i8::from_le_bytes(bytes).into()),
        data_type::UINT8 => integers(raw, count, |&value| value.into()),
        data_type::BOOL => integers(raw, count, |&value| (value != 0).into()),
        other => Err(unsupported(other)),
    }
}

fn numbers<const BYTES: usize>(raw: &[u8], kind: i32) -> Result<&[[u8; BYTES]], String> {
    let (numbers, rest) = raw.as_chunks();
    if !rest.is_empty() {
        return Err(format!("{} bytes are not a whole number of {}s", raw.len(), data_type::name(kind)));
    }
    Ok(numbers)
}

fn floats<T>(numbers: &[T], count: usize, read: impl Fn(&T) -> f32) -> Result<ConstantValues, String> {
    expect_count(numbers.len(), count)?;
    Ok(ConstantValues::F32(numbers.iter().map(read).collect::<Arc<[f32]>>()))
}

fn integers<T>(numbers: &[T], count: usize, read: impl Fn(&T) -> i64) -> Result<ConstantValues, String> {
    expect_count(numbers.len(), count)?;
    Ok(ConstantValues::I64(numbers.iter().map(read).collect::<Arc<[i64]>>()))
}

fn expect_count(got: usize, expected: usize) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("it holds {got} numbers, expected {expected} as its shape says"))
}

fn unsupported(kind: i32) -> String {
    format!(
        "it holds {}, expected float, float16, bfloat16, double, int8, uint8, int32, int64 or bool",
        data_type::name(kind)
    )
}
