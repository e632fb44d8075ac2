//! Softmax: `exp(x_k − max x) / Σ_j exp(x_j − max x)` along one axis, or along all axes from one on; and its logarithm.
//!
//! The exponential is the one of `libm`, whose bits do not depend on the machine.

use super::axis::image_axis;
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Softmax",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// Probabilities along `axis`, or along all axes from `axis` on together.
#[derive(Debug)]
pub(crate) struct Softmax {
    /// An axis of one image.
    pub(crate) axis: usize,
    /// Whether the axes behind are summed over as well: the meaning of ONNX before operator set 13.
    pub(crate) with_all_behind: bool,
}

/// Says that a file of operator set 13 or later means all axes from `axis` on, which ONNX no longer has a word for.
/// Other programs refuse it, which is better than other numbers.
const WITH_ALL_BEHIND: &str = "with_all_behind";

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    Ok(Parsed::new(read(node)?, [0]))
}

/// The axes along which a node computes probabilities, or their logarithms.
pub(super) fn read(node: &Node<'_>) -> Result<Softmax, OpError> {
    node.expect_inputs(1..=1)?;
    let extents = node.varying(0)?.extents();
    let axis = image_axis(node, node.int("axis", if node.opset < 13 { 1 } else { -1 })?, extents.len())?;
    let said = node.opset < 13 || node.int(WITH_ALL_BEHIND, 0)? != 0;
    // One axis is what every version can say.
    let with_all_behind = said && extents[axis + 1..].iter().any(|&extent| extent != 1);
    Ok(Softmax { axis, with_all_behind })
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        "Softmax"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if self.axis >= operands[0].rank() {
            return Err(OpError::new(format!("one image has {} values, expected more axes", operands[0])));
        }
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let (input, [_, classes, inner]) = (operands[0], self.extents(operands[0].shape));
        vectorized(
            #[inline(always)]
            || match lanes {
                16 => forward::<16>(input.values, output, [classes, inner]),
                _ => forward::<1>(input.values, output, [classes, inner]),
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let [_, classes, inner] = self.extents(pass.output.shape);
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => backward::<16>(pass, gradient, [classes, inner]),
                _ => backward::<1>(pass, gradient, [classes, inner]),
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("axis", Attribute::Int(self.axis as i64 + 1));
        if self.with_all_behind {
            node.attribute(WITH_ALL_BEHIND, Attribute::Int(1));
        }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let [outer, classes, inner] = self.extents(&operands[0].shape);
        let x = &operands[0].values;
        let mut result = vec![0.0; x.len()];
        for group in 0..outer * inner {
            let element = |class: usize| (group / inner * classes + class) * inner + group % inner;
            let sum: f64 = (0..classes).map(|class| x[element(class)].exp()).sum();
            for class in 0..classes {
                result[element(class)] = x[element(class)].exp() / sum;
            }
        }
        result
    }
}

impl Softmax {
    /// How many groups lie one after the other, classes in each, and groups side by side.
    pub(super) fn extents(&self, shape: &Shape) -> [usize; 3] {
        let extents = shape.extents();
        let end = if self.with_all_behind { extents.len() } else { self.axis + 1 };
        let count = |extents: &[usize]| extents.iter().product();
        [count(&extents[..self.axis]), count(&extents[self.axis..end]), count(&extents[end..])]
    }
}

#[inline(always)]
fn forward<const LANES: usize>(input: &[f32], output: &mut [f32], [classes, inner]: [usize; 2]) {
    let (input, output) = (input.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    let groups = input.chunks_exact(classes * inner).zip(output.chunks_exact_mut(classes * inner));
    for (input, output) in groups {
        for first in 0..inner {
            let elements = || (first..classes * inner).step_by(inner);
            let mut largest = [f32::NEG_INFINITY; LANES];
            for element in elements() {
                for (largest, &x) in largest.iter_mut().zip(&input[element]) {
                    *largest = if x > *largest { x } else { *largest };
                }
            }
            let mut sum = [0.0; LANES];
            for element in elements() {
                for lane in 0..LANES {
                    let y = libm::expf(input[element][lane] - largest[lane]);
                    output[element][lane] = y;
                    sum[lane] += y;
                }
            }
            for element in elements() {
                for (y, sum) in output[element].iter_mut().zip(&sum) {
                    *y /= sum;
                }
            }
        }
    }
}

/// `∂loss/∂x_k = y_k (c_k − Σ_j c_j y_j)` with the cotangent `c`.
#[inline(always)]
fn backward<const LANES: usize>(pass: &Backward<'_>, gradient: &mut [f32], [classes, inner]: [usize; 2]) {
    let output = pass.output.values.as_chunks::<LANES>().0.chunks_exact(classes * inner);
    let cotangent = pass.cotangent.as_chunks::<LANES>().0.chunks_exact(classes * inner);
    let gradient = gradient.as_chunks_mut::<LANES>().0.chunks_exact_mut(classes * inner);
    for ((output, cotangent), gradient) in output.zip(cotangent).zip(gradient) {
        for first in 0..inner {
            let elements = || (first..classes * inner).step_by(inner);
            let mut mean = [0.0; LANES];
            for element in elements() {
                for ((mean, y), c) in mean.iter_mut().zip(&output[element]).zip(&cotangent[element]) {
                    *mean += y * c;
                }
            }
            for element in elements() {
                for lane in 0..LANES {
                    let (y, c) = (output[element][lane], cotangent[element][lane]);
                    gradient[element][lane] += y * (c - mean[lane]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;
    use crate::load::Input;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(1..=3);
        let axis = random.int(0..=shape.rank() - 1);
        let some_behind = shape.extents()[axis + 1..].iter().any(|&extent| extent != 1);
        [false, some_behind]
            .map(|with_all_behind| {
                Case::new(Softmax { axis, with_all_behind }).operand(shape.clone(), false, -3.0, 3.0)
            })
            .into()
    }

    fn probabilities(values: &[f32]) -> Vec<f32> {
        let softmax = Softmax { axis: 0, with_all_behind: false };
        OneImage::new(softmax, vec![(Shape::from([values.len()]), values.to_vec())]).forward()
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        assert_eq!(probabilities(&[1e30, 0.0, -1e30]), [1.0, 0.0, 0.0]);
        assert_eq!(probabilities(&[-1e30, -1e30]), [0.5, 0.5]);
        assert_eq!(probabilities(&[f32::NEG_INFINITY, 3.0]), [0.0, 1.0]);
        // From a margin of about 17 on the probability is exactly 1 in single precision.
        assert_eq!(probabilities(&[17.5, 0.0])[0].to_bits(), 1.0_f32.to_bits());
        assert!(probabilities(&[16.0, 0.0])[0] < 1.0);
        assert!(probabilities(&[f32::NAN, 0.0]).iter().all(|p| p.is_nan()));
    }

    #[test]
    fn two_probabilities_have_known_bits() {
        // 1/(1 + e⁻¹) and e⁻¹/(1 + e⁻¹) to the last bit; whoever changes the exponential sees it here.
        let [first, second] = probabilities(&[0.0, -1.0])[..] else { panic!("two classes") };
        assert_eq!([first.to_bits(), second.to_bits()], [0x3f3b_26a8, 0x3e89_b2b1]);
    }

    #[test]
    fn the_axis_means_what_the_operator_set_says() {
        let (shape, narrow) = (Shape::from([2, 3, 4]), Shape::from([5, 1, 1]));
        let parse = |opset, attributes: &[(String, Attribute)], shape: &Shape| {
            let node = Node { opset, attributes, inputs: &[Input::Batched(shape)], ..Node::default() };
            parse(&node).map(|parsed| format!("{:?}", parsed.op))
        };
        let said = |axis, with_all_behind| format!("{:?}", Softmax { axis, with_all_behind });
        let axis = |axis| [("axis".to_owned(), Attribute::Int(axis))];
        assert_eq!(parse(11, &[], &shape).unwrap(), said(0, true));
        assert_eq!(parse(11, &[], &narrow).unwrap(), said(0, false));
        assert_eq!(parse(11, &axis(3), &shape).unwrap(), said(2, false));
        assert_eq!(parse(13, &[], &shape).unwrap(), said(2, false));
        assert_eq!(parse(13, &axis(1), &shape).unwrap(), said(0, false));
        assert_eq!(parse(13, &axis(-3), &shape).unwrap(), said(0, false));
        for (opset, wrong) in [(11, 0), (13, 0), (13, -4), (13, 4), (11, -9)] {
            assert!(parse(opset, &axis(wrong), &shape).is_err(), "axis {wrong}");
        }
    }
}
