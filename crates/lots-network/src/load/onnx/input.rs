//! The one input of a network that is an image.

use super::Given;
use crate::error::{Error, Result};
use crate::onnx::{DimensionProto, GraphProto, ValueInfoProto, data_type};
use crate::shape::Shape;

/// The largest number of elements a tensor of one image may have: a gigabyte.
pub(crate) const MOST_ELEMENTS: usize = 1 << 28;

/// And all tensors of one image together, which backpropagation may have to keep: four gigabytes.
pub(crate) const MOST_TOGETHER: usize = 1 << 30;

/// The image a network takes.
pub(crate) struct ImageInput<'a> {
    pub(crate) name: &'a str,
    /// `[channels, height, width]`, whatever the order in the file.
    pub(crate) shape: Shape,
    /// Whether the file has the channels behind height and width (as TensorFlow's exporters write it).
    pub(crate) channels_last: bool,
    /// The extent of the batch axis, where the file fixes it.
    pub(crate) batch: Option<usize>,
}

/// The input that is not an initializer.
///
/// The batch axis may be fixed: a network computes each image by itself, so any number of them fits.
///
/// - `size`: height and width, whatever the file says.
///
/// # Errors
/// [`Error::ImageInputs`] if there is not exactly one such input; [`Error::InputType`], [`Error::InputShape`],
/// [`Error::SymbolicExtent`] if it is not an image of fixed size.
pub(crate) fn image<'a>(
    graph: &'a GraphProto,
    given: &Given<'_>,
    size: Option<[usize; 2]>,
) -> Result<ImageInput<'a>> {
    // Up to IR version 3 initializers are listed among the inputs, too.
    let inputs: Vec<_> = graph.input.iter().filter(|input| !given.contains(&input.name)).collect();
    let &[input] = inputs.as_slice() else {
        return Err(Error::ImageInputs { inputs: inputs.iter().map(|input| input.name.clone()).collect() });
    };
    let dims = dimensions(input)?;
    let shape_error = || Error::InputShape { input: input.name.clone(), got: describe(dims) };
    let [batch, inner @ ..] = dims else { return Err(shape_error()) };
    if inner.len() != 3 {
        return Err(shape_error());
    }
    // Some exporters write −1 or 0 where an extent is not fixed.
    let said = |dimension: &DimensionProto| dimension.dim_value.filter(|&extent| extent > 0);
    let is_colour = |extent: Option<i64>| matches!(extent, Some(1 | 3));
    let channels_last = !is_colour(said(&inner[0])) && is_colour(said(&inner[2]));
    let mut extents = Vec::with_capacity(3);
    for (axis, dimension) in inner.iter().enumerate() {
        let wanted = size.and_then(|size| {
            let axis = if channels_last { Some(axis) } else { axis.checked_sub(1) };
            axis.and_then(|axis| size.get(axis).copied())
        });
        let said = said(dimension).map(|extent| usize::try_from(extent).unwrap_or(usize::MAX));
        let Some(extent) = wanted.or(said).filter(|&extent| extent > 0) else {
            return Err(Error::SymbolicExtent { input: input.name.clone(), got: describe(dims) });
        };
        extents.push(extent);
    }
    if !Shape::new(extents.clone()).is_within(MOST_ELEMENTS) {
        return Err(Error::TooLarge { tensor: input.name.clone(), limit: MOST_ELEMENTS });
    }
    if channels_last {
        extents.rotate_right(1);
    }
    let batch = batch.dim_value.and_then(|extent| usize::try_from(extent).ok()).filter(|&extent| extent > 0);
    Ok(ImageInput { name: &input.name, shape: Shape::new(extents), channels_last, batch })
}

/// The axes of an input that holds floating-point numbers.
fn dimensions(input: &ValueInfoProto) -> Result<&[DimensionProto]> {
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let kind = tensor.map_or(0, |tensor| tensor.elem_type);
    // Everything is computed in f32, whatever the precision of the file.
    if ![data_type::FLOAT, data_type::FLOAT16, data_type::BFLOAT16, data_type::DOUBLE].contains(&kind) {
        return Err(Error::InputType { input: input.name.clone(), got: data_type::name(kind) });
    }
    Ok(tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[], |shape| &shape.dim))
}

/// `[N, 3, height, 224]`.
fn describe(dims: &[DimensionProto]) -> String {
    let axis = |dimension: &DimensionProto| match (&dimension.dim_value, &dimension.dim_param) {
        (Some(extent), _) => extent.to_string(),
        (None, Some(symbol)) => symbol.clone(),
        (None, None) => "?".to_owned(),
    };
    format!("[{}]", dims.iter().map(axis).collect::<Vec<_>>().join(", "))
}
