//! `MaxPool`: the largest value under a sliding window.
//!
//! Where several are equally large the first in row-major order gets the gradient, as in Caffe. NaN beats everything,
//! so that it is not hidden by the numbers around it. Padding never wins.

use super::window::{Window, ceil_mode, image_extents};
use super::{Backward, Op, OpError, Operand, Parsed, Registration};
use crate::kernel::window_maximum::{add_to_first_maxima, maxima};
use crate::kernel::windows::Windows;
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "MaxPool",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The largest value under each window; operand and result are channels×height×width.
#[derive(Debug)]
pub(crate) struct MaxPool {
    pub(crate) window: Window,
    /// Whether a last window that sticks out at the bottom or right is kept, as Caffe does.
    pub(crate) ceil: bool,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let [_, height, width] = image_extents(node.batched(0)?)?;
    let window = Window::parse(node, None, [height, width])?;
    Ok(Parsed::new(MaxPool { window, ceil: ceil_mode(node)? }, [0]))
}

impl Op for MaxPool {
    fn name(&self) -> &'static str {
        "MaxPool"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        self.window.pooled_shape(operands[0], self.ceil)
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let windows = self.window.over(operands[0].shape, self.ceil);
        maxima(&windows, operands[0].values, output, lanes);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let windows = self.window.over(pass.operands[0].shape, self.ceil);
        let outputs = [pass.output.values, pass.cotangent];
        add_to_first_maxima(&windows, pass.operands[0].values, outputs, gradient, pass.lanes);
    }

    fn maximum_windows(&self, image: &Shape) -> Option<Windows> {
        Some(self.window.over(image, self.ceil))
    }

    fn save(&self, node: &mut NodeWriter) {
        self.window.write(node);
        node.attribute("ceil_mode", Attribute::Int(i64::from(self.ceil)));
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        self.window.reference(&operands[0], self.ceil, |inside, _| {
            inside.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let (window, input, ceil) = Window::random(random);
        let even = Shape::from([random.int(1..=2), 2 * random.int(1..=3), 2 * random.int(1..=3)]);
        vec![Case::new(MaxPool { window, ceil }).batched(input), Case::new(two_by_two()).batched(even)]
    }

    fn two_by_two() -> MaxPool {
        let window = Window { kernel: [2; 2], stride: [2; 2], dilation: [1; 2], pads: [0; 4] };
        MaxPool { window, ceil: false }
    }

    #[test]
    fn the_first_of_equal_maxima_gets_the_gradient() {
        let table = [
            ([3.0, 3.0, 3.0, 3.0], [1.0, 0.0, 0.0, 0.0]),
            ([0.0, 3.0, 3.0, 3.0], [0.0, 1.0, 0.0, 0.0]),
            ([0.0, 0.0, 3.0, 3.0], [0.0, 0.0, 1.0, 0.0]),
            ([0.0, -0.0, -1.0, -1.0], [1.0, 0.0, 0.0, 0.0]),
            ([f32::NEG_INFINITY; 4], [1.0, 0.0, 0.0, 0.0]),
        ];
        for (values, expected) in table {
            let image = OneImage::new(two_by_two(), vec![(Shape::from([1, 2, 2]), values.to_vec())]);
            assert_eq!(image.gradients(&[1.0]), [expected.to_vec()], "{values:?}");
        }
        // Windows that overlap add up where their maxima are the same pixel.
        let overlapping = MaxPool { window: Window { stride: [1; 2], ..two_by_two().window }, ceil: false };
        let image =
            OneImage::new(overlapping, vec![(Shape::from([1, 2, 3]), vec![0.0, 5.0, 0.0, 0.0, 5.0, 0.0])]);
        assert_eq!(image.forward(), [5.0, 5.0]);
        assert_eq!(image.gradients(&[1.0, 10.0]), [vec![0.0, 11.0, 0.0, 0.0, 0.0, 0.0]]);
    }

    #[test]
    fn nan_is_not_hidden_by_its_neighbours() {
        for place in 0..4 {
            let mut values = vec![1.0, f32::INFINITY, -1.0, 2.0];
            values[place] = f32::NAN;
            let image = OneImage::new(two_by_two(), vec![(Shape::from([1, 2, 2]), values)]);
            assert!(image.forward()[0].is_nan(), "at {place}");
            let mut expected = vec![0.0; 4];
            expected[place] = 1.0;
            assert_eq!(image.gradients(&[1.0]), [expected], "at {place}");
        }
    }

    #[test]
    fn padding_never_wins() {
        let window = Window { kernel: [3; 2], stride: [2; 2], dilation: [1; 2], pads: [1; 4] };
        let image = OneImage::new(
            MaxPool { window, ceil: false },
            vec![(Shape::from([1, 2, 2]), vec![-4.0, -3.0, -2.0, -1.0])],
        );
        assert_eq!(image.forward(), [-1.0]);
        let alone = MaxPool { window: Window { kernel: [1; 2], pads: [0, 0, 4, 0], ..window }, ceil: false };
        assert!(
            alone.output_shape(&[&Shape::from([1, 2, 2])]).unwrap_err().message.contains("padding alone")
        );
    }

    #[test]
    fn other_dimensions_are_refused() {
        for extents in [vec![3, 8], vec![3, 8, 8, 8]] {
            let shape = Shape::new(extents);
            let message = parse(&Node {
                opset: 12,
                attributes: &[("kernel_shape".to_owned(), Attribute::Ints(vec![2, 2]))],
                inputs: &[crate::load::Input::Batched(&shape)],
                ..Node::default()
            })
            .err()
            .unwrap()
            .message;
            assert!(message.contains("channels×height×width"), "{message}");
        }
    }
}
