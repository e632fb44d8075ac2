//! `MatMul`: the product of two matrices, or of two arrays of them, broadcast as in NumPy.
//!
//! Where one operand is the same for all images it is the weights of the weighted-sum kernel.

use std::ops::Range;

use super::axis::batch_axes;
use super::walk::{Walk, broadcast_shape, broadcast_strides};
use super::{Backward, Op, OpError, Operand, Parsed, Registration};
use crate::kernel::lane_products::LaneProducts;
use crate::kernel::lane_sums::LaneSums;
use crate::kernel::outer_products::{Factors, add_outer_products};
use crate::kernel::weighted_sum::{Column, Rounds, Start, Tap, WeightedSums};
use crate::load::{Axes, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "MatMul",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// Left times right. An operand with one axis is a row on the left and a column on the right, and loses that axis.
#[derive(Debug)]
pub(crate) struct MatMul;

/// In the file the batch is one more axis: a row of features is a matrix there, with a row for each image.
fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=2)?;
    let mut parsed = Parsed::new(MatMul, [0, 1]);
    if node.axes == Axes::OfImage
        && let Some(Input::Batched(right)) = node.inputs.get(1)
        && right.rank() < 2
    {
        return Err(OpError::new("the right matrix has the batch along its rows: the images would be mixed"));
    }
    match node.inputs {
        [Input::Batched(left), Input::Batched(right)]
            if node.axes == Axes::OfImage && left.rank() != right.rank() =>
        {
            Err(OpError::new(format!(
                "one image has {left} and {right} values: different axes would mix the images"
            )))
        }
        [Input::Batched(_), Input::Constant(_)] | [Input::Constant(_), Input::Batched(_)]
            if node.axes == Axes::All =>
        {
            Ok(parsed)
        }
        [Input::Batched(_), Input::Batched(_)] => Ok(parsed),
        &[Input::Batched(image), Input::Constant(constant)]
        | &[Input::Constant(constant), Input::Batched(image)] => {
            let index = usize::from(matches!(node.inputs[1], Input::Constant(_)));
            // The axes of matrices are no batch; an image that is a row has nothing else.
            let matrix_axes = constant.shape.rank().min(2);
            let leading = Shape::new(&constant.shape.extents()[..constant.shape.rank() - matrix_axes]);
            let axes = match image.rank().checked_sub(2) {
                Some(rank) => batch_axes(node, &leading, rank)?,
                None if leading.rank() == 0 => 0,
                None => {
                    return Err(OpError::new(format!(
                        "a constant of {} values against a row of features would move the batch",
                        constant.shape
                    )));
                }
            };
            if axes > 0 {
                parsed.reshaped.push((index, Shape::new(&constant.shape.extents()[axes..])));
            }
            Ok(parsed)
        }
        _ => Err(OpError::new("expected an input that depends on the image")),
    }
}

impl Op for MatMul {
    fn name(&self) -> &'static str {
        "MatMul"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let [left, right] = operands else { unreachable!("two operands") };
        let fault = || OpError::new(format!("matrices of {left} and {right} values do not fit"));
        let Matrices { leading, extents: [rows, _, columns], .. } =
            Matrices::new(left, right).ok_or_else(fault)?;
        let mut extents = leading.extents().to_vec();
        extents.extend((left.rank() > 1).then_some(rows));
        extents.extend((right.rank() > 1).then_some(columns));
        Ok(Shape::new(extents))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let matrices = Matrices::of(operands);
        let count = matrices.product_count() * lanes;
        matrices.for_each(operands, |product, pair| {
            pair.multiply(&mut output[product * count..][..count], lanes);
        });
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let [for_left, for_right] = gradients else { unreachable!("two operands") };
        let matrices = Matrices::of(pass.operands);
        let count = matrices.product_count() * pass.lanes;
        matrices.for_each(pass.operands, |product, pair| {
            let cotangent = &pass.cotangent[product * count..][..count];
            if let Some(gradient) = for_left {
                pair.add_left_gradient(cotangent, &mut gradient[pair.left_range.clone()], pass.lanes);
            }
            if let Some(gradient) = for_right {
                pair.add_right_gradient(cotangent, &mut gradient[pair.right_range.clone()], pass.lanes);
            }
        });
    }

    fn save(&self, _node: &mut NodeWriter) {}

    fn trainable(&self) -> &'static [usize] {
        &[0, 1]
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        tests::reference(&operands[0], &operands[1])
    }
}

/// Two arrays of matrices that are multiplied pair by pair.
struct Matrices {
    /// Extents of the array of products.
    leading: Shape,
    /// Rows, inner extent, columns.
    extents: [usize; 3],
    walk: Walk<2>,
}

impl Matrices {
    /// `None` if they do not fit.
    fn new(left: &Shape, right: &Shape) -> Option<Self> {
        let (leading_left, [rows, inner]) = match left.extents() {
            [] => return None,
            &[inner] => (Shape::from([]), [1, inner]),
            &[ref leading @ .., rows, inner] => (Shape::new(leading), [rows, inner]),
        };
        let (leading_right, [same, columns]) = match right.extents() {
            [] => return None,
            &[inner] => (Shape::from([]), [inner, 1]),
            &[ref leading @ .., inner, columns] => (Shape::new(leading), [inner, columns]),
        };
        let leading = broadcast_shape(&leading_left, &leading_right).filter(|_| inner == same)?;
        let strides = [leading_left, leading_right].map(|operand| broadcast_strides(&operand, &leading));
        let walk = Walk::new(&leading, [&strides[0], &strides[1]]);
        Some(Self { leading, extents: [rows, inner, columns], walk })
    }

    fn of(operands: &[Operand<'_>]) -> Self {
        Self::new(operands[0].shape, operands[1].shape).expect("the shape rule has seen the operands")
    }

    fn product_count(&self) -> usize {
        self.extents[0] * self.extents[2]
    }

    /// Calls `visit` with the number of each product and its two matrices.
    fn for_each(&self, operands: &[Operand<'_>], mut visit: impl FnMut(usize, &Pair<'_>)) {
        let [left, right] = operands else { unreachable!("two operands") };
        let [rows, inner, columns] = self.extents;
        let (left_count, right_count) = (rows * inner * left.lanes, inner * columns * right.lanes);
        self.walk.for_each_run(|first, [left_first, right_first]| {
            for position in 0..self.walk.run {
                let left_begin = (left_first + position * self.walk.steps[0]) * left_count;
                let right_begin = (right_first + position * self.walk.steps[1]) * right_count;
                let (left_range, right_range) =
                    (left_begin..left_begin + left_count, right_begin..right_begin + right_count);
                let pair = Pair {
                    extents: self.extents,
                    left: &left.values[left_range.clone()],
                    right: &right.values[right_range.clone()],
                    left_range,
                    right_range,
                    left_is_shared: left.lanes == 1,
                    right_is_shared: right.lanes == 1,
                };
                visit(first + position, &pair);
            }
        });
    }
}

/// Two matrices. One that is shared has the same values for all lanes, or there is only one lane.
struct Pair<'a> {
    /// Rows, inner extent, columns.
    extents: [usize; 3],
    left: &'a [f32],
    right: &'a [f32],
    /// Where they are in the operands.
    left_range: Range<usize>,
    right_range: Range<usize>,
    left_is_shared: bool,
    right_is_shared: bool,
}

impl Pair<'_> {
    /// `product[m][n] = Σ_k left[m][k] right[k][n]`
    fn multiply(&self, product: &mut [f32], lanes: usize) {
        let [rows, inner, columns] = self.extents;
        if self.right_is_shared {
            Sums { terms: (inner, [1, columns]), columns: (rows, [inner, columns]), rows: (columns, [1, 1]) }
                .compute([self.left, self.right], Start::Zero, product, lanes);
        } else if self.left_is_shared {
            Sums { terms: (inner, [columns, 1]), columns: (columns, [1, 1]), rows: (rows, [inner, columns]) }
                .compute([self.right, self.left], Start::Zero, product, lanes);
        } else {
            product.fill(0.0);
            let (left_steps, right_steps) = ([inner, 1], [1, columns]);
            let (left, right, extents) = (self.left, self.right, [rows, columns, inner]);
            LaneProducts { left, left_steps, right, right_steps, extents, lanes }.add_to(product);
        }
    }

    /// `gradient[m][k] += Σ_n cotangent[m][n] right[k][n]`
    fn add_left_gradient(&self, cotangent: &[f32], gradient: &mut [f32], lanes: usize) {
        let [rows, inner, columns] = self.extents;
        if self.right_is_shared {
            Sums { terms: (columns, [1, 1]), columns: (rows, [columns, inner]), rows: (inner, [columns, 1]) }
                .compute([cotangent, self.right], Start::Output, gradient, lanes);
        } else if self.left_is_shared {
            LaneSums {
                input: self.right,
                cotangent,
                cotangent_row: columns,
                taps: &taps(inner, [columns, 1]),
                columns: &table(columns, [1, 1]),
                rows,
                weight_row: inner,
                lanes,
            }
            .add_to(gradient);
        } else {
            let (left_steps, right_steps) = ([columns, 1], [columns, 1]);
            let (left, right, extents) = (cotangent, self.right, [rows, inner, columns]);
            LaneProducts { left, left_steps, right, right_steps, extents, lanes }.add_to(gradient);
        }
    }

    /// `gradient[k][n] += Σ_m left[m][k] cotangent[m][n]`
    ///
    /// The sum is finished before it is added, in all branches: what a lane gets does not depend on how many there are.
    fn add_right_gradient(&self, cotangent: &[f32], gradient: &mut [f32], lanes: usize) {
        let [rows, inner, columns] = self.extents;
        if self.right_is_shared && rows == 1 {
            let factors = Factors { left: self.left, right: cotangent };
            add_outer_products(&[factors], 1.0, lanes, gradient);
        } else if self.right_is_shared {
            LaneSums {
                input: self.left,
                cotangent,
                cotangent_row: 1,
                taps: &taps(inner, [1, columns]),
                columns: &table(rows, [inner, columns]),
                rows: columns,
                weight_row: 1,
                lanes,
            }
            .add_to(gradient);
        } else {
            let mut sums = vec![0.0; gradient.len()];
            if self.left_is_shared {
                Sums {
                    terms: (rows, [columns, inner]),
                    columns: (columns, [1, 1]),
                    rows: (inner, [1, columns]),
                }
                .compute([cotangent, self.left], Start::Zero, &mut sums, lanes);
            } else {
                let (left_steps, right_steps) = ([1, inner], [1, columns]);
                let (left, right, extents) = (self.left, cotangent, [inner, columns, rows]);
                LaneProducts { left, left_steps, right, right_steps, extents, lanes }.add_to(&mut sums);
            }
            for (gradient, sum) in gradient.iter_mut().zip(sums) {
                *gradient += sum;
            }
        }
    }
}

/// Weighted sums over matrices: how many there are of each, and how far apart neighbours are.
struct Sums {
    /// In the input and in the weights.
    terms: (usize, [usize; 2]),
    /// In the input and in the result.
    columns: (usize, [usize; 2]),
    /// In the weights and in the result.
    rows: (usize, [usize; 2]),
}

impl Sums {
    fn compute(&self, [input, weights]: [&[f32]; 2], start: Start<'_>, result: &mut [f32], lanes: usize) {
        WeightedSums {
            input,
            weights,
            start,
            taps: &taps(self.terms.0, self.terms.1),
            rounds: Rounds::ONE,
            columns: &table(self.columns.0, self.columns.1),
            rows: self.rows.0,
            weight_row: self.rows.1[0],
            output_row: self.rows.1[1],
            lanes,
        }
        .compute(result);
    }
}

fn taps(count: usize, [input, weight]: [usize; 2]) -> Vec<Tap> {
    (0..count).map(|index| Tap { input: index * input, weight: index * weight }).collect()
}

fn table(count: usize, [input, output]: [usize; 2]) -> Vec<Column> {
    (0..count).map(|index| Column { input: index * input, output: index * output }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Array, Case, Random};
    use super::super::one_image::{OneImage, floats};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let [rows, inner, columns] = [random.int(1..=4), random.int(1..=5), random.int(1..=7)];
        let leading = Shape::new((0..random.int(0..=2)).map(|_| random.int(1..=2)).collect::<Vec<_>>());
        // The same array of matrices on the other side, with some axes broadcast.
        let some: Vec<usize> = leading.extents().iter().map(|&e| if random.flip() { e } else { 1 }).collect();
        let skipped = random.int(0..=some.len());
        let shape = |leading: &[usize], matrix: [usize; 2]| Shape::new([leading, &matrix].concat());
        let (left, right) = ([rows, inner], [inner, columns]);
        let all = leading.extents();
        let case = || Case::new(MatMul);
        let vector = Shape::from([inner]);
        vec![
            case().batched(vector.clone()).shared(Shape::from(right)),
            case().batched(shape(all, left)).shared(Shape::from(right)),
            case().batched(shape(all, left)).shared(shape(&some[skipped..], right)),
            case().batched(shape(&some, left)).shared(shape(all, right)),
            case().batched(shape(all, left)).shared(vector.clone()),
            case().shared(shape(&some[skipped..], left)).batched(shape(all, right)),
            case().shared(shape(all, left)).batched(shape(&some, right)),
            case().shared(vector.clone()).batched(shape(all, right)),
            case().batched(shape(all, left)).batched(shape(&some, right)),
            case().batched(shape(&some, left)).batched(shape(all, right)),
        ]
    }

    /// The definition, with an index for every axis.
    pub(super) fn reference(left: &Array, right: &Array) -> Vec<f64> {
        let mut extents = [left.shape.extents().to_vec(), right.shape.extents().to_vec()];
        if extents[0].len() == 1 {
            extents[0].insert(0, 1);
        }
        if extents[1].len() == 1 {
            extents[1].push(1);
        }
        let rank = extents[0].len().max(extents[1].len());
        for extents in &mut extents {
            while extents.len() < rank {
                extents.insert(0, 1);
            }
        }
        let [left_extents, right_extents] = extents;
        let mut result: Vec<usize> =
            left_extents.iter().zip(&right_extents).map(|(&left, &right)| left.max(right)).collect();
        (result[rank - 2], result[rank - 1]) = (left_extents[rank - 2], right_extents[rank - 1]);
        let result = Shape::new(result);
        let at = |array: &Array, extents: &[usize], position: &[usize]| {
            let index = extents.iter().zip(position).fold(0, |index, (e, p)| index * e + p % e);
            array.values[index]
        };
        (0..result.count())
            .map(|element| {
                let position: Vec<usize> =
                    result.strides().iter().zip(result.extents()).map(|(s, e)| element / s % e).collect();
                let (mut in_left, mut in_right) = (position.clone(), position);
                (0..left_extents[rank - 1])
                    .map(|k| {
                        (in_left[rank - 1], in_right[rank - 2]) = (k, k);
                        at(left, &left_extents, &in_left) * at(right, &right_extents, &in_right)
                    })
                    .sum()
            })
            .collect()
    }

    #[test]
    fn a_small_product_is_what_it_is_on_paper() {
        let matrices = OneImage::new(
            MatMul,
            vec![
                (Shape::from([2, 3]), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
                (Shape::from([3, 2]), vec![1.0, 0.0, 0.0, 1.0, 2.0, 2.0]),
            ],
        );
        assert_eq!(matrices.forward(), [7.0, 8.0, 16.0, 17.0]);
        let gradients = matrices.gradients(&[1.0, 0.0, 0.0, 10.0]);
        assert_eq!(gradients[0], [1.0, 0.0, 2.0, 0.0, 10.0, 20.0]);
        assert_eq!(gradients[1], [1.0, 40.0, 2.0, 50.0, 3.0, 60.0]);
    }

    #[test]
    fn products_that_would_mix_images_or_move_the_batch_are_refused() {
        type Extents = &'static [usize];
        let table: [(Extents, Extents, bool, bool); 12] = [
            // Image, constant, whether image · constant and constant · image fit.
            (&[4], &[4, 5], true, false),
            (&[4], &[4], true, false),
            (&[4], &[1, 4, 5], false, false),
            (&[4], &[], true, false),
            (&[3, 4], &[4, 5], true, true),
            (&[3, 4], &[1, 4, 5], true, true),
            (&[3, 4], &[2, 4, 5], false, false),
            (&[3, 4], &[1, 1, 4, 5], false, false),
            (&[2, 3, 4], &[2, 4, 5], true, true),
            (&[2, 3, 4], &[1, 2, 4, 5], true, true),
            (&[2, 3, 4], &[6, 2, 4, 5], false, false),
            (&[2, 3, 4], &[4], true, true),
        ];
        for (image, constant, image_first, constant_first) in table {
            let (image, numbers) = (Shape::new(image), floats(&Shape::new(constant)));
            let (batched, constant) = (Input::Batched(&image), Input::Constant(&numbers));
            let parsed =
                |inputs: &[Input<'_>]| parse(&Node { opset: 13, attributes: &[], inputs, ..Node::default() });
            let name = format!("{image} and {}", numbers.shape);
            assert_eq!(parsed(&[batched, constant]).is_ok(), image_first, "{name}");
            assert_eq!(parsed(&[constant, batched]).is_ok(), constant_first, "{name}");
        }
        let (row, matrix) = (Shape::from([4]), Shape::from([4, 4]));
        for (left, right, fits) in
            [(&row, &row, false), (&row, &matrix, false), (&matrix, &row, false), (&matrix, &matrix, true)]
        {
            let inputs = [Input::Batched(left), Input::Batched(right)];
            let parsed = parse(&Node { opset: 13, attributes: &[], inputs: &inputs, ..Node::default() });
            assert_eq!(parsed.is_ok(), fits, "{left} and {right}");
        }
    }

    #[test]
    fn a_batch_axis_of_a_constant_is_left_out() {
        let (image, numbers) = (Shape::from([2, 3, 4]), floats(&Shape::from([1, 2, 4, 5])));
        let inputs = [Input::Batched(&image), Input::Constant(&numbers)];
        let parsed = parse(&Node { opset: 13, attributes: &[], inputs: &inputs, ..Node::default() }).unwrap();
        assert_eq!(parsed.reshaped, [(1, Shape::from([2, 4, 5]))]);
    }

    #[test]
    fn matrices_that_do_not_fit_are_refused() {
        for (left, right) in [(&[3, 4][..], &[3, 4][..]), (&[], &[3]), (&[3], &[]), (&[2, 3, 4], &[3, 4, 5])]
        {
            assert!(MatMul.output_shape(&[&Shape::new(left), &Shape::new(right)]).is_err());
        }
    }
}
