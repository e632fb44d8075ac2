//! [`Window`]: where the window of a convolution or a pooling lies over the image.
//!
//! Kernel, stride, dilation and padding over height and width, as ONNX writes them; `auto_pad` is turned into padding
//! when a node is read, because the extents are known then. What is done inside the window is the op's business.

use std::iter::StepBy;
use std::ops::Range;

use super::OpError;
use crate::kernel::windows::{Span, Windows};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

/// The largest kernel, stride, dilation or padding that is believed.
/// No image needs more, and products of two of them stay far from overflow even with 32-bit addresses.
pub(crate) const LARGEST: usize = 1 << 15;

/// A window that slides over height and width. Every pair is `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Taps along each axis, at least 1.
    pub(crate) kernel: [usize; 2],
    /// Steps between neighbouring windows, at least 1.
    pub(crate) stride: [usize; 2],
    /// Steps between neighbouring taps, at least 1.
    pub(crate) dilation: [usize; 2],
    /// Top, left, bottom, right: the order of ONNX.
    pub(crate) pads: [usize; 4],
}

impl Window {
    /// Reads `kernel_shape`, `strides`, `dilations`, `pads` and `auto_pad`.
    ///
    /// - `kernel_from_weights`: what the weights say of the kernel, if the op has any.
    /// - `input`: height and width of the image, which `auto_pad` needs.
    ///
    /// # Errors
    /// A sentence about the attribute that is missing, contradicts the weights or is out of range.
    pub(crate) fn parse(
        node: &Node<'_>,
        kernel_from_weights: Option<[usize; 2]>,
        input: [usize; 2],
    ) -> Result<Self, OpError> {
        let kernel = match (extents(node, "kernel_shape", 1)?, kernel_from_weights) {
            (Some(said), Some(weights)) if said != weights => {
                return Err(OpError::new(format!(
                    "attribute `kernel_shape` is {}×{}, but the weights are for {}×{}",
                    said[0], said[1], weights[0], weights[1]
                )));
            }
            (Some(kernel), _) | (None, Some(kernel)) => kernel,
            (None, None) => return Err(OpError::new("attribute `kernel_shape` is missing")),
        };
        let mut window = Self {
            kernel,
            stride: extents(node, "strides", 1)?.unwrap_or([1; 2]),
            dilation: extents(node, "dilations", 1)?.unwrap_or([1; 2]),
            pads: [0; 4],
        };
        window.check()?;
        window.pads = window.parse_pads(node, input)?;
        window.check()?;
        Ok(window)
    }

    /// Height and width of the result for an image of `input`, height and width.
    ///
    /// With `ceil` a last window that sticks out at the bottom or right is kept, unless it would start outside the
    /// image and its top and left padding.
    ///
    /// # Errors
    /// If the window is larger than the padded image.
    pub(crate) fn output_extent(&self, input: [usize; 2], ceil: bool) -> Result<[usize; 2], OpError> {
        self.check()?;
        let mut output = [0; 2];
        for axis in 0..2 {
            let reach = self.reach(axis);
            let padded = input[axis].saturating_add(self.pads[axis] + self.pads[axis + 2]);
            if input[axis] == 0 || padded < reach {
                return Err(OpError::new(format!(
                    "the window reaches over {} pixels of {}, expected at most {padded} (with padding)",
                    reach,
                    ["height", "width"][axis],
                )));
            }
            let [room, stride] = [padded - reach, self.stride[axis]];
            output[axis] = room / stride + 1;
            let start_of_one_more = output[axis] * stride;
            if ceil && !room.is_multiple_of(stride) && start_of_one_more < input[axis] + self.pads[axis] {
                output[axis] += 1;
            }
        }
        Ok(output)
    }

    /// The shape rule of the poolings: channels stay, and every window must see at least one pixel.
    ///
    /// # Errors
    /// If the operand is no image, or a window lies in the padding alone.
    pub(crate) fn pooled_shape(&self, input: &Shape, ceil: bool) -> Result<Shape, OpError> {
        let [channels, height, width] = image_extents(input)?;
        let output = self.output_extent([height, width], ceil)?;
        for (axis, extent) in [height, width].into_iter().enumerate() {
            if (0..output[axis]).any(|output| self.positions(axis, output, extent).len() == 0) {
                return Err(OpError::new("a window lies in the padding alone"));
            }
        }
        Ok(Shape::from([channels, output[0], output[1]]))
    }

    /// Where along `axis` (0 height, 1 width) window number `output` has taps inside an image of `extent` pixels.
    pub(crate) fn positions(&self, axis: usize, output: usize, extent: usize) -> StepBy<Range<usize>> {
        self.inside(axis, output, extent).step_by(self.dilation[axis])
    }

    /// From the first of [`Window::positions`] to behind the last.
    fn inside(&self, axis: usize, output: usize, extent: usize) -> Range<usize> {
        let (pad, dilation) = (self.pads[axis], self.dilation[axis]);
        let start = output * self.stride[axis];
        let skipped = pad.saturating_sub(start).div_ceil(dilation);
        let end = (start + self.reach(axis)).saturating_sub(pad).min(extent);
        let first = (start + skipped * dilation).saturating_sub(pad);
        first..end
    }

    /// All windows over an image of shape `input`, channels×height×width.
    ///
    /// # Panics
    /// If [`Window::pooled_shape`] refuses the image.
    pub(crate) fn over(&self, input: &Shape, ceil: bool) -> Windows {
        let [channels, height, width] = image_extents(input).expect("the shape rule has seen the operand");
        let outputs = self.output_extent([height, width], ceil).expect("the shape rule has seen the operand");
        let spans = |axis: usize, extent| {
            let span = |output| {
                let Range { start, end } = self.inside(axis, output, extent);
                Span { first: start, end, step: self.dilation[axis] }
            };
            (0..outputs[axis]).map(span).collect()
        };
        Windows { rows: spans(0, height), columns: spans(1, width), image: [channels, height, width] }
    }

    /// The slow, obvious twin of the poolings: `pool` is called for each window with the values under its taps inside
    /// the image, and with how many taps lie inside the padded image.
    #[cfg(test)]
    pub(crate) fn reference(
        &self,
        input: &super::gradient_check::Array,
        ceil: bool,
        pool: impl Fn(&[f64], usize) -> f64,
    ) -> Vec<f64> {
        let &[channels, height, width] = input.shape.extents() else { panic!("an image has three axes") };
        let [output_height, output_width] = self.output_extent([height, width], ceil).unwrap();
        let [top, left, bottom, right] = self.pads;
        let mut result = Vec::new();
        for channel in 0..channels {
            for output_row in 0..output_height {
                for output_column in 0..output_width {
                    let (mut inside, mut padded) = (Vec::new(), 0);
                    for tap_row in 0..self.kernel[0] {
                        for tap_column in 0..self.kernel[1] {
                            // In the coordinates of the padded image.
                            let row = output_row * self.stride[0] + tap_row * self.dilation[0];
                            let column = output_column * self.stride[1] + tap_column * self.dilation[1];
                            if row < top + height + bottom && column < left + width + right {
                                padded += 1;
                            }
                            if (top..top + height).contains(&row) && (left..left + width).contains(&column) {
                                inside.push(
                                    input.values[(channel * height + row - top) * width + column - left],
                                );
                            }
                        }
                    }
                    result.push(pool(&inside, padded));
                }
            }
        }
        result
    }

    /// A window, an image that it fits, and a rounding.
    #[cfg(test)]
    pub(crate) fn random(random: &mut super::gradient_check::Random) -> (Self, Shape, bool) {
        loop {
            let mut pair =
                |range: std::ops::RangeInclusive<usize>| [random.int(range.clone()), random.int(range)];
            let (kernel, stride, dilation) = (pair(1..=3), pair(1..=3), pair(1..=2));
            let ([top, left], [bottom, right]) = (pair(0..=1), pair(0..=2));
            let [height, width] = pair(1..=6);
            let window = Self { kernel, stride, dilation, pads: [top, left, bottom, right] };
            let (input, ceil) = (Shape::from([random.int(1..=3), height, width]), random.flip());
            if window.pooled_shape(&input, ceil).is_ok() {
                return (window, input, ceil);
            }
        }
    }

    /// How many taps of window number `output` lie inside the padded image along `axis`.
    pub(crate) fn taps_in_padded(&self, axis: usize, output: usize, extent: usize) -> usize {
        let behind = self.pads[axis] + extent + self.pads[axis + 2];
        let room = behind.saturating_sub(output * self.stride[axis]);
        self.kernel[axis].min(room.div_ceil(self.dilation[axis]))
    }

    /// Writes the attributes that [`Window::parse`] reads; dilation only where there is one, because average pooling
    /// has it only in late versions of ONNX.
    pub(crate) fn write(&self, node: &mut NodeWriter) {
        let ints = |values: &[usize]| Attribute::Ints(values.iter().map(|&value| value as i64).collect());
        node.attribute("kernel_shape", ints(&self.kernel));
        node.attribute("strides", ints(&self.stride));
        if self.dilation != [1, 1] {
            node.attribute("dilations", ints(&self.dilation));
        }
        node.attribute("pads", ints(&self.pads));
    }

    /// Pixels from the first tap to the last along `axis`, both included.
    fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis] + 1
    }

    fn check(&self) -> Result<(), OpError> {
        let at_least_one = self.kernel.iter().chain(&self.stride).chain(&self.dilation);
        if at_least_one.clone().any(|&value| value == 0) {
            return Err(OpError::new("kernel, strides and dilations must be at least 1"));
        }
        match at_least_one.chain(&self.pads).find(|&&value| value > LARGEST) {
            Some(value) => {
                Err(OpError::new(format!("a window of {value} pixels, expected at most {LARGEST}")))
            }
            None => Ok(()),
        }
    }

    fn parse_pads(&self, node: &Node<'_>, input: [usize; 2]) -> Result<[usize; 4], OpError> {
        let auto_pad = node.string("auto_pad", "NOTSET")?;
        match auto_pad {
            "NOTSET" | "" => Ok(extents(node, "pads", 0)?.unwrap_or([0; 4])),
            "VALID" => Ok([0; 4]),
            "SAME_UPPER" | "SAME_LOWER" => {
                let mut pads = [0; 4];
                for axis in 0..2 {
                    let output = input[axis].div_ceil(self.stride[axis]);
                    let covered = output.saturating_sub(1) * self.stride[axis] + self.reach(axis);
                    let total = covered.saturating_sub(input[axis]);
                    // An odd pixel goes to the bottom and right with SAME_UPPER, to the top and left with SAME_LOWER.
                    let (less, more) = (total / 2, total - total / 2);
                    let upper = auto_pad == "SAME_UPPER";
                    (pads[axis], pads[axis + 2]) = if upper { (less, more) } else { (more, less) };
                }
                Ok(pads)
            }
            other => Err(OpError::new(format!(
                "attribute `auto_pad` must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {other}"
            ))),
        }
    }
}

/// Channels, height and width of an operand that a window slides over.
///
/// # Errors
/// If there are not two axes behind the channels.
pub(crate) fn image_extents(shape: &Shape) -> Result<[usize; 3], OpError> {
    if let &[channels, height, width] = shape.extents() {
        return Ok([channels, height, width]);
    }
    Err(OpError::new(format!(
        "one image has {shape} values, expected channels×height×width (one and three dimensions are not supported)"
    )))
}

/// Whether a pooling keeps a last window that sticks out. `auto_pad` VALID never does: it pads nothing.
pub(crate) fn ceil_mode(node: &Node<'_>) -> Result<bool, OpError> {
    Ok(node.int("ceil_mode", 0)? != 0 && node.string("auto_pad", "NOTSET")? != "VALID")
}

fn extents<const COUNT: usize>(
    node: &Node<'_>,
    name: &str,
    least: i64,
) -> Result<Option<[usize; COUNT]>, OpError> {
    let Some(values) = node.ints(name)? else { return Ok(None) };
    let mut extents = [0; COUNT];
    if values.len() != COUNT {
        return Err(OpError::new(format!(
            "attribute `{name}` has {} values, expected {COUNT} (only height and width are supported)",
            values.len()
        )));
    }
    for (extent, &value) in extents.iter_mut().zip(values) {
        *extent = usize::try_from(value)
            .ok()
            .filter(|&extent| value >= least && extent <= LARGEST)
            .ok_or_else(|| {
                OpError::new(format!("attribute `{name}` has the value {value}, expected {least}–{LARGEST}"))
            })?;
    }
    Ok(Some(extents))
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::Random;
    use super::*;

    fn ints(values: &[i64]) -> Attribute {
        Attribute::Ints(values.to_vec())
    }

    fn parse(attributes: &[(&str, Attribute)], input: [usize; 2]) -> Result<Window, OpError> {
        let attributes: Vec<_> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let node = Node { opset: 13, attributes: &attributes, inputs: &[], ..Node::default() };
        Window::parse(&node, None, input)
    }

    #[test]
    fn positions_are_the_taps_inside_the_image() {
        let mut random = Random::new(7);
        for _ in 0..2000 {
            let mut some = |range| [random.int(range), 1];
            let (kernel, stride, dilation) = (some(1..=4), some(1..=3), some(1..=3));
            let [top, bottom] = [random.int(0..=4), random.int(0..=4)];
            let window = Window { kernel, stride, dilation, pads: [top, 0, bottom, 0] };
            let (extent, ceil) = (random.int(1..=9), random.flip());
            let Ok([outputs, _]) = window.output_extent([extent, 1], ceil) else { continue };
            for output in 0..outputs {
                let expected: Vec<usize> = (0..kernel[0])
                    .map(|tap| (output * stride[0] + tap * dilation[0]).wrapping_sub(top))
                    .filter(|&position| position < extent)
                    .collect();
                let got: Vec<usize> = window.positions(0, output, extent).collect();
                assert_eq!(got, expected, "{window:?}, output {output} of {outputs}, {extent} pixels");
            }
        }
    }

    #[test]
    fn extents_follow_the_formula_of_onnx() {
        // kernel, stride, dilation, pads (begin, end), input, floor, ceil
        let table = [
            (2, 2, 1, [0, 0], 24, 12, 12),
            (2, 2, 1, [0, 0], 25, 12, 13),
            (3, 2, 1, [0, 0], 32, 15, 16),
            (3, 2, 1, [1, 1], 224, 112, 113),
            // One more window would start in the padding behind the image.
            (1, 3, 1, [0, 0], 5, 2, 2),
            (2, 2, 1, [1, 1], 3, 2, 2),
            (3, 1, 2, [0, 0], 5, 1, 1),
            (3, 1, 2, [2, 2], 5, 5, 5),
        ];
        for (kernel, stride, dilation, [begin, end], input, floor, ceil) in table {
            let window = Window {
                kernel: [kernel, 1],
                stride: [stride, 1],
                dilation: [dilation, 1],
                pads: [begin, 0, end, 0],
            };
            assert_eq!(
                window.output_extent([input, 1], false).unwrap(),
                [floor, 1],
                "{window:?} over {input}"
            );
            assert_eq!(
                window.output_extent([input, 1], true).unwrap(),
                [ceil, 1],
                "{window:?} over {input}, ceil"
            );
        }
    }

    #[test]
    fn same_padding_keeps_the_extent_divided_by_the_stride() {
        for (kernel, stride, input) in
            [(3, 1, 7), (2, 1, 7), (3, 2, 7), (3, 2, 8), (2, 2, 5), (1, 3, 5), (5, 4, 3)]
        {
            for (auto_pad, upper) in [("SAME_UPPER", true), ("SAME_LOWER", false)] {
                let window = parse(
                    &[
                        ("kernel_shape", ints(&[kernel, kernel])),
                        ("strides", ints(&[stride, stride])),
                        ("auto_pad", Attribute::String(auto_pad.to_owned())),
                    ],
                    [input, input],
                )
                .unwrap();
                let expected = input.div_ceil(stride as usize);
                for ceil in [false, true] {
                    assert_eq!(window.output_extent([input; 2], ceil).unwrap(), [expected; 2], "{window:?}");
                }
                let [top, left, bottom, right] = window.pads;
                assert_eq!((top, bottom), (left, right));
                let (less, more) = if upper { (top, bottom) } else { (bottom, top) };
                assert!(more == less || more == less + 1, "{window:?}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let window = Window { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], pads: [1, 0, 2, 1] };
        let mut writer = NodeWriter::default();
        window.write(&mut writer);
        let node = Node { opset: 13, attributes: &writer.attributes, inputs: &[], ..Node::default() };
        assert_eq!(Window::parse(&node, None, [9, 9]).unwrap(), window);
        assert_eq!(Window::parse(&node, Some([3, 2]), [9, 9]).unwrap(), window);
    }

    #[test]
    fn bad_windows_are_refused_with_a_sentence() {
        let kernel = ("kernel_shape", ints(&[2, 2]));
        let table: &[(&[(&str, Attribute)], &str)] = &[
            (&[], "attribute `kernel_shape` is missing"),
            (&[("kernel_shape", ints(&[3]))], "only height and width"),
            (&[("kernel_shape", ints(&[3, 3, 3]))], "only height and width"),
            (&[("kernel_shape", ints(&[0, 3]))], "has the value 0, expected 1"),
            (&[("kernel_shape", ints(&[-1, 3]))], "has the value -1, expected 1"),
            (&[("kernel_shape", ints(&[i64::MAX, 3]))], "has the value 9223372036854775807"),
            (&[kernel.clone(), ("strides", ints(&[1, 0]))], "`strides` has the value 0"),
            (&[kernel.clone(), ("dilations", ints(&[1, i64::MIN]))], "`dilations` has the value"),
            (&[kernel.clone(), ("pads", ints(&[0, 0, -1, 0]))], "`pads` has the value -1"),
            (&[kernel.clone(), ("pads", ints(&[1, 1]))], "has 2 values, expected 4"),
            (&[kernel.clone(), ("auto_pad", Attribute::String("SAME".to_owned()))], "got SAME"),
        ];
        for (attributes, expected) in table {
            let message = parse(attributes, [5, 5]).unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        }
        let window = parse(&[kernel, ("strides", ints(&[1, 1]))], [5, 5]).unwrap();
        assert!(window.output_extent([1, 5], false).unwrap_err().message.contains("height"));
        assert!(window.output_extent([5, 0], false).unwrap_err().message.contains("width"));
        let node = Node { opset: 13, attributes: &[], inputs: &[], ..Node::default() };
        assert_eq!(Window::parse(&node, Some([5, 3]), [9, 9]).unwrap().kernel, [5, 3]);
        let largest =
            Window { kernel: [LARGEST; 2], stride: [1; 2], dilation: [LARGEST; 2], pads: [LARGEST; 4] };
        assert!(largest.output_extent([usize::MAX; 2], true).is_ok(), "no overflow");
    }
}
