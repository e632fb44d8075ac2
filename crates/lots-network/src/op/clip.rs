//! Clip: values outside an interval become its nearer end, and get no gradient.

use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration, element_wise};
use crate::load::{Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Clip",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// min(max(x, low), high); the gradient is 1 between `low` and `high` and 0 elsewhere, at the bounds as well: as with
/// `Relu`, and with `relu6` and `hardtanh` as `PyTorch` has them. Black pixels make many values exactly 0.
#[derive(Debug)]
pub(crate) struct Clip {
    /// −∞ if there is none.
    pub(crate) low: f32,
    /// ∞ if there is none.
    pub(crate) high: f32,
}

/// `min` and `max` are attributes before operator set 11, and inputs since.
fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=3)?;
    node.varying(0)?;
    let bound = |index, name, default| match node.constant_floats(index)? {
        None => node.float(name, default),
        Some(&[bound]) => Ok(bound),
        Some(values) => Err(OpError::new(format!("input {index} has {} numbers, expected 1", values.len()))),
    };
    let (low, high) = (bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?);
    if low.is_nan() || high.is_nan() {
        return Err(OpError::new("a bound is not a number"));
    }
    Ok(Parsed::new(Clip { low, high }, [0]))
}

impl Op for Clip {
    fn name(&self) -> &'static str {
        "Clip"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        element_wise(
            output,
            [operands[0].values],
            #[inline(always)]
            |output, [values]| {
                for (y, &x) in output.iter_mut().zip(values) {
                    // Written so that NaN stays NaN, and that `high` wins where the bounds cross.
                    let raised = if x < self.low { self.low } else { x };
                    *y = if raised > self.high { self.high } else { raised };
                }
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        element_wise(
            gradient,
            // The output lies between the bounds where the operand does.
            [pass.output.values, pass.cotangent],
            #[inline(always)]
            |gradient, [output, cotangent]| {
                for ((gradient, &y), &cotangent) in gradient.iter_mut().zip(output).zip(cotangent) {
                    // Two choices, one after the other, vectorise; one of two conditions does not.
                    let above = if y > self.low { cotangent } else { 0.0 };
                    *gradient += if y < self.high { above } else { 0.0 };
                }
            },
        );
    }

    fn backward_in_place(&self, _: &[Operand<'_>], output: Operand<'_>, cotangent: &mut [f32]) -> bool {
        element_wise(
            cotangent,
            [output.values],
            #[inline(always)]
            |cotangent, [output]| {
                for (cotangent, &y) in cotangent.iter_mut().zip(output) {
                    let above = if y > self.low { *cotangent } else { 0.0 };
                    *cotangent = if y < self.high { above } else { 0.0 };
                }
            },
        );
        true
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::OUTPUT
    }

    fn save(&self, node: &mut NodeWriter) {
        for bound in [self.low, self.high] {
            let values = ConstantValues::F32([bound].into());
            let constant = Constant { shape: Shape::from([]), values };
            node.constant(Some(constant).filter(|_| bound.is_finite()));
        }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        operands[0].values.iter().map(|x| x.max(self.low.into()).min(self.high.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::{OneImage, floats};
    use super::*;
    use crate::load::{Attribute, Input};

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let (none, all) = (f32::NEG_INFINITY, f32::INFINITY);
        // Bounds that no value of the check comes near: those are odd multiples of 1/2n.
        [(-0.501, 0.333), (none, 0.333), (-0.501, all), (none, all), (0.333, -0.501)]
            .map(|(low, high)| Case::new(Clip { low, high }).batched(random.shape(0..=3)))
            .into()
    }

    #[test]
    fn the_bounds_get_no_gradient_and_nan_stays() {
        let values = vec![-1.0, 0.0, 3.0, 6.0, 6.5, f32::NAN, f32::INFINITY];
        let clip = OneImage::new(Clip { low: 0.0, high: 6.0 }, vec![(Shape::from([7]), values)]);
        let clipped = clip.forward();
        assert_eq!(clipped[..5], [0.0, 0.0, 3.0, 6.0, 6.0]);
        assert!(clipped[5].is_nan());
        assert_eq!(clipped[6..], [6.0]);
        assert_eq!(clip.gradients(&[1.0; 7]), [vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]);
    }

    #[test]
    fn bounds_are_attributes_or_inputs_and_may_be_left_out() {
        let (image, zero) = (Shape::from([3]), floats(&Shape::from([])));
        let parsed = |attributes: &[(String, Attribute)], inputs: &[Input<'_>]| {
            let node = Node { opset: 13, attributes, inputs, ..Node::default() };
            parse(&node).map(|parsed| format!("{:?}", parsed.op))
        };
        let (batched, bound) = (Input::Batched(&image), Input::Constant(&zero));
        let attribute = |name: &str, bound| [(name.to_owned(), Attribute::Float(bound))];
        assert_eq!(parsed(&[], &[batched]).unwrap(), "Clip { low: -inf, high: inf }");
        assert_eq!(parsed(&[], &[batched, bound]).unwrap(), "Clip { low: 0.0, high: inf }");
        assert_eq!(parsed(&[], &[batched, Input::Absent, bound]).unwrap(), "Clip { low: -inf, high: 0.0 }");
        assert_eq!(parsed(&attribute("max", 6.0), &[batched]).unwrap(), "Clip { low: -inf, high: 6.0 }");
        assert_eq!(parsed(&attribute("min", 1.0), &[batched]).unwrap(), "Clip { low: 1.0, high: inf }");
        assert!(parsed(&attribute("min", f32::NAN), &[batched]).is_err());
        let two = floats(&Shape::from([2]));
        assert!(parsed(&[], &[batched, Input::Constant(&two)]).unwrap_err().message.contains("expected 1"));
    }
}
