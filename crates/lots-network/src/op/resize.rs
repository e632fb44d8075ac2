//! Resize and Upsample: an image of another size, along one axis after the other.
//!
//! A resized axis is a table: which elements of the operand an element of the result is made of, and with which weights
//! ([`taps`]). Everything the attributes say is in the table; forward adds up, backward spreads, and neither knows more.
#![expect(clippy::float_cmp, reason = "exactly 1 means unchanged")]

mod taps;

use super::axis::axis_or_batch;
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Axes, Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;
use taps::{Coordinates, Filter, Nearest, Scaling, Taps};

pub(crate) const RESIZE: Registration = Registration {
    name: "Resize",
    parse: parse_resize,
    #[cfg(test)]
    cases: tests::cases,
};

pub(crate) const UPSAMPLE: Registration = Registration {
    name: "Upsample",
    parse: parse_upsample,
    #[cfg(test)]
    cases: tests::cases,
};

/// An image of another size; one entry for each axis.
#[derive(Debug)]
pub(crate) struct Resize {
    pub(crate) axes: Vec<Scaling>,
    pub(crate) coordinates: Coordinates,
    pub(crate) filter: Filter,
}

fn parse_resize(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=4)?;
    let image = node.varying(0)?;
    // Operator set 10 has no region of interest in between.
    let (scales, sizes) = if node.opset < 11 { (1, 4) } else { (2, 3) };
    let scales = node.constant_floats(scales)?.filter(|scales| !scales.is_empty());
    let sizes = node.constant_ints(sizes)?.filter(|sizes| !sizes.is_empty());
    let coordinates = match node.string("coordinate_transformation_mode", "half_pixel")? {
        _ if node.opset < 11 => Coordinates::Asymmetric,
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        other => {
            return Err(OpError::new(format!(
                "attribute `coordinate_transformation_mode` {other} is not supported"
            )));
        }
    };
    if node.string("keep_aspect_ratio_policy", "stretch")? != "stretch" {
        return Err(OpError::new("attribute `keep_aspect_ratio_policy` must be stretch"));
    }
    let axes = node.ints("axes")?;
    let axes =
        own_axes(node, axes, image, scales.map_or_else(|| sizes.map_or(0, <[i64]>::len), <[f32]>::len))?;
    let mut scalings: Vec<Scaling> =
        image.extents().iter().map(|&extent| Scaling::unchanged(extent)).collect();
    for (index, axis) in axes.into_iter().enumerate() {
        let scaling = match (scales, sizes, axis) {
            (Some(scales), None, None) if scales[index] == 1.0 => continue,
            (None, Some(sizes), None) if sizes[index] == 1 && node.axes == Axes::OfImage => continue,
            (_, _, None) => return Err(OpError::new("it resizes the batch")),
            (Some(scales), None, Some(axis)) => Scaling::by(image.extents()[axis], scales[index])?,
            (None, Some(sizes), Some(axis)) => Scaling::to(image.extents()[axis], sizes[index])?,
            _ => return Err(OpError::new("expected either scales or sizes")),
        };
        if let Some(axis) = axis {
            scalings[axis] = scaling;
        }
    }
    Ok(Parsed::new(Resize { axes: scalings, coordinates, filter: filter(node)? }, [0]))
}

/// The scales are an attribute before operator set 9.
fn parse_upsample(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=2)?;
    let image = node.varying(0)?;
    let scales = match (node.constant_floats(1)?, node.attribute("scales")) {
        (Some(scales), _) => scales,
        (None, Some(Attribute::Floats(scales))) => scales,
        _ => return Err(OpError::new("the scales are left out")),
    };
    let mut scalings = Vec::with_capacity(image.rank());
    for (axis, &scale) in own_axes(node, None, image, scales.len())?.into_iter().zip(scales) {
        match axis {
            Some(axis) => scalings.push(Scaling::by(image.extents()[axis], scale)?),
            None if scale == 1.0 => {}
            None => return Err(OpError::new("it resizes the batch")),
        }
    }
    let filter = match node.string("mode", "nearest")? {
        "nearest" => Filter::Nearest(Nearest::Floor),
        "linear" | "bilinear" => Filter::Linear { antialias: false },
        other => {
            return Err(OpError::new(format!("attribute `mode` must be nearest or linear, got {other}")));
        }
    };
    Ok(Parsed::new(Resize { axes: scalings, coordinates: Coordinates::Asymmetric, filter }, [0]))
}

/// The axes that the scales or sizes are for: those in the attribute, or all.
fn own_axes(
    node: &Node<'_>,
    axes: Option<&[i64]>,
    image: &Shape,
    count: usize,
) -> Result<Vec<Option<usize>>, OpError> {
    let all: Vec<i64> = (0..(image.rank() + node.axes_in_front()) as i64).collect();
    let axes = axes.unwrap_or(&all);
    if axes.len() != count {
        return Err(OpError::new(format!("{count} scales or sizes, expected {}", axes.len())));
    }
    axes.iter().map(|&axis| axis_or_batch(node, axis, image.rank())).collect()
}

fn filter(node: &Node<'_>) -> Result<Filter, OpError> {
    let antialias = node.int("antialias", 0)? != 0;
    Ok(match node.string("mode", "nearest")? {
        "nearest" => Filter::Nearest(match node.string("nearest_mode", "round_prefer_floor")? {
            _ if node.opset < 11 => Nearest::Floor,
            "round_prefer_floor" => Nearest::RoundPreferFloor,
            "round_prefer_ceil" => Nearest::RoundPreferCeil,
            "floor" => Nearest::Floor,
            "ceil" => Nearest::Ceil,
            other => return Err(OpError::new(format!("attribute `nearest_mode` {other} is not supported"))),
        }),
        "linear" | "bilinear" => Filter::Linear { antialias },
        "cubic" => Filter::Cubic {
            coefficient: node.float("cubic_coeff_a", -0.75)?,
            antialias,
            exclude_outside: node.int("exclude_outside", 0)? != 0,
        },
        other => {
            return Err(OpError::new(format!(
                "attribute `mode` must be nearest, linear or cubic, got {other}"
            )));
        }
    })
}

impl Op for Resize {
    fn name(&self) -> &'static str {
        "Resize"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let extents: Vec<usize> = self.axes.iter().map(|axis| axis.from).collect();
        if operands[0].extents() != extents {
            let expected = Shape::new(extents);
            return Err(OpError::new(format!("one image has {} values, expected {expected}", operands[0])));
        }
        if self.axes.iter().any(|axis| axis.from == 0 || axis.to == 0) {
            return Err(OpError::new("there is nothing to be resized"));
        }
        Ok(Shape::new(self.axes.iter().map(|axis| axis.to).collect::<Vec<_>>()))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let passes = self.passes();
        let Some((last, before)) = passes.split_last() else {
            output.copy_from_slice(operands[0].values);
            return;
        };
        let mut values = std::borrow::Cow::Borrowed(operands[0].values);
        for pass in before {
            let mut result = vec![0.0; pass.counts()[1] * lanes];
            pass.forward(&values, &mut result, lanes);
            values = result.into();
        }
        last.forward(&values, output, lanes);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let mut cotangent = std::borrow::Cow::Borrowed(pass.cotangent);
        for own in self.passes().iter().rev() {
            let mut result = vec![0.0; own.counts()[0] * pass.lanes];
            own.backward(&cotangent, &mut result, pass.lanes);
            cotangent = result.into();
        }
        for (gradient, own) in gradient.iter_mut().zip(cotangent.iter()) {
            *gradient += own;
        }
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        let mut text = |name, value: &str| node.attribute(name, Attribute::String(value.to_owned()));
        text("coordinate_transformation_mode", self.coordinates.word());
        match self.filter {
            Filter::Nearest(nearest) => {
                text("mode", "nearest");
                text("nearest_mode", nearest.word());
            }
            Filter::Linear { antialias } => {
                text("mode", "linear");
                if antialias {
                    node.attribute("antialias", Attribute::Int(1));
                }
            }
            Filter::Cubic { coefficient, antialias, exclude_outside } => {
                text("mode", "cubic");
                node.attribute("cubic_coeff_a", Attribute::Float(coefficient));
                node.attribute("exclude_outside", Attribute::Int(i64::from(exclude_outside)));
                if antialias {
                    node.attribute("antialias", Attribute::Int(1));
                }
            }
        }
        let scales: Vec<f32> = std::iter::once(1.0).chain(self.axes.iter().map(|axis| axis.scale)).collect();
        let shape = Shape::from([scales.len()]);
        let scales = Constant { shape, values: ConstantValues::F32(scales.into()) };
        node.constant(None);
        node.constant(Some(scales));
    }

    fn opset(&self) -> i64 {
        let antialiased =
            matches!(self.filter, Filter::Linear { antialias: true } | Filter::Cubic { antialias: true, .. });
        match self.coordinates {
            Coordinates::HalfPixelSymmetric => 19,
            _ if antialiased => 18,
            _ => crate::save::onnx::OPSET,
        }
    }

    /// The sum over all taps of all axes at once.
    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shape = self.output_shape(&[&operands[0].shape]).unwrap();
        let tables: Vec<Taps> =
            self.axes.iter().map(|axis| Taps::new(*axis, self.coordinates, self.filter)).collect();
        let strides = operands[0].shape.strides();
        (0..shape.count())
            .map(|element| {
                let mut terms = vec![(0, 1.0)];
                for (axis, table) in tables.iter().enumerate() {
                    let position = element / shape.strides()[axis] % shape.extents()[axis];
                    terms = terms
                        .into_iter()
                        .flat_map(|(place, weight): (usize, f64)| {
                            let taps = table.of(position).iter();
                            taps.map(move |tap| (place, weight, tap.element, f64::from(tap.weight)))
                        })
                        .map(|(place, weight, own, own_weight)| {
                            (place + own * strides[axis], weight * own_weight)
                        })
                        .collect();
                }
                terms.into_iter().map(|(place, weight)| weight * operands[0].values[place]).sum()
            })
            .collect()
    }
}

/// The resizing of one axis.
struct Pass {
    taps: Taps,
    /// Positions of the axes before, and elements of those behind.
    outer: usize,
    inner: usize,
    scaling: Scaling,
}

impl Resize {
    /// The axes that change, first to last; those before a pass have their new extent already.
    fn passes(&self) -> Vec<Pass> {
        let changing = self.axes.iter().enumerate().filter(|(_, axis)| axis.changes());
        changing
            .map(|(index, &scaling)| Pass {
                taps: Taps::new(scaling, self.coordinates, self.filter),
                outer: self.axes[..index].iter().map(|axis| axis.to).product(),
                inner: self.axes[index + 1..].iter().map(|axis| axis.from).product(),
                scaling,
            })
            .collect()
    }
}

impl Pass {
    /// Elements before and after.
    fn counts(&self) -> [usize; 2] {
        [self.scaling.from, self.scaling.to].map(|extent| self.outer * extent * self.inner)
    }

    fn forward(&self, input: &[f32], output: &mut [f32], lanes: usize) {
        let row = self.inner * lanes;
        let mut groups =
            input.chunks_exact(self.scaling.from * row).zip(output.chunks_exact_mut(self.scaling.to * row));
        vectorized(
            #[inline(always)]
            || {
                for (input, output) in &mut groups {
                    for (position, output) in output.chunks_exact_mut(row).enumerate() {
                        output.fill(0.0);
                        for tap in self.taps.of(position) {
                            let source = &input[tap.element * row..][..row];
                            for (y, x) in output.iter_mut().zip(source) {
                                *y = tap.weight.mul_add(*x, *y);
                            }
                        }
                    }
                }
            },
        );
    }

    fn backward(&self, cotangent: &[f32], gradient: &mut [f32], lanes: usize) {
        let row = self.inner * lanes;
        let mut groups = gradient
            .chunks_exact_mut(self.scaling.from * row)
            .zip(cotangent.chunks_exact(self.scaling.to * row));
        vectorized(
            #[inline(always)]
            || {
                for (gradient, cotangent) in &mut groups {
                    for (position, cotangent) in cotangent.chunks_exact(row).enumerate() {
                        for tap in self.taps.of(position) {
                            let target = &mut gradient[tap.element * row..][..row];
                            for (gradient, c) in target.iter_mut().zip(cotangent) {
                                *gradient = tap.weight.mul_add(*c, *gradient);
                            }
                        }
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let coordinates = [
            Coordinates::HalfPixel,
            Coordinates::HalfPixelSymmetric,
            Coordinates::PytorchHalfPixel,
            Coordinates::AlignCorners,
            Coordinates::Asymmetric,
        ];
        let filters = [
            Filter::Nearest(Nearest::Floor),
            Filter::Nearest(Nearest::RoundPreferFloor),
            Filter::Linear { antialias: false },
            Filter::Linear { antialias: true },
            Filter::Cubic { coefficient: -0.75, antialias: false, exclude_outside: false },
            Filter::Cubic { coefficient: -0.5, antialias: true, exclude_outside: true },
        ];
        let mut case = |filter| {
            let shape = random.shape(1..=3);
            let scales = [0.5, 0.6, 1.0, 1.5, 2.0, 2.25];
            let axes: Vec<Scaling> = shape
                .extents()
                .iter()
                .map(|&extent| {
                    let scale = scales[random.int(0..=5)];
                    Scaling::by(extent, scale)
                        .ok()
                        .filter(|axis| axis.to > 0)
                        .unwrap_or(Scaling::unchanged(extent))
                })
                .collect();
            let coordinates = coordinates[random.int(0..=4)];
            Case::new(Resize { axes, coordinates, filter }).batched(shape)
        };
        filters.map(&mut case).into()
    }

    #[test]
    fn twice_the_size_as_other_programs_have_it() {
        let resized = |coordinates, filter| {
            let axes = vec![Scaling::by(2, 2.0).unwrap()];
            OneImage::new(Resize { axes, coordinates, filter }, vec![(Shape::from([2]), vec![1.0, 2.0])])
                .forward()
        };
        let linear = Filter::Linear { antialias: false };
        assert_eq!(resized(Coordinates::HalfPixel, linear), [1.0, 1.25, 1.75, 2.0]);
        assert_eq!(resized(Coordinates::Asymmetric, linear), [1.0, 1.5, 2.0, 2.0]);
        let aligned = resized(Coordinates::AlignCorners, linear);
        lots_testing::assert_close(&aligned, &[1.0, 4.0 / 3.0, 5.0 / 3.0, 2.0], 1e-6, 1e-6);
        let nearest = resized(Coordinates::Asymmetric, Filter::Nearest(Nearest::Floor));
        assert_eq!(nearest, [1.0, 1.0, 2.0, 2.0]);
    }
}
