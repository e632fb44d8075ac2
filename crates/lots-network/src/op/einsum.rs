//! Einsum of two operands, as attention is written with it: `bhqd,bhkd->bhqk`.
//!
//! Each letter is a batch (in both operands and the result), a row (left and result), a column (right and result) or
//! summed over (both operands). With the operands' axes in that order it is a [`MatMul`], so it uses that.

use std::borrow::Cow;

use super::mat_mul::MatMul;
use super::view::View;
use super::{Backward, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Attribute, Axes, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Einsum",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The letters of the axes, without the batch of images.
#[derive(Debug)]
pub(crate) struct Einsum {
    pub(crate) operands: [String; 2],
    pub(crate) result: String,
    /// Which operands depend on the image.
    pub(crate) varying: [bool; 2],
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=2)?;
    let equation: String = node.string("equation", "")?.split_whitespace().collect();
    let fault = |why: &str| OpError::new(format!("attribute `equation` `{equation}` {why}"));
    let unsupported = || fault("must be that of two operands, like `bij,bjk->bik`");
    let (operands, result) = equation.split_once("->").ok_or_else(unsupported)?;
    let (left, right) = operands.split_once(',').ok_or_else(unsupported)?;
    for letters in [left, right, result] {
        let is_plain = letters.chars().all(|letter| letter.is_ascii_alphabetic());
        if !is_plain || letters.chars().any(|letter| letters.matches(letter).count() > 1) {
            return Err(unsupported());
        }
    }
    let varying = [0, 1].map(|index| matches!(node.inputs[index], Input::Batched(_)));
    let mut own = [left, right];
    let mut own_result = result;
    if node.axes == Axes::OfImage {
        let batch = result.get(..1).ok_or_else(|| fault("has no axis for the batch in its result"))?;
        own_result = &result[1..];
        for (letters, varies) in own.iter_mut().zip(varying) {
            match letters.strip_prefix(batch) {
                Some(rest) if varies => *letters = rest,
                None if !varies && !letters.contains(batch) => {}
                _ => return Err(fault("moves the batch from the first axis")),
            }
        }
        if own.iter().any(|letters| letters.contains(batch)) {
            return Err(fault("mixes the images"));
        }
    }
    let einsum = Einsum { operands: own.map(str::to_owned), result: own_result.to_owned(), varying };
    if !einsum.letters().all(|letter| einsum.kind(letter).is_some()) {
        return Err(fault("sums over an axis of one operand alone"));
    }
    Ok(Parsed::new(einsum, [0, 1]))
}

/// What an axis is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Batch,
    Row,
    Column,
    Summed,
}

impl Op for Einsum {
    fn name(&self) -> &'static str {
        "Einsum"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        for (letters, operand) in self.operands.iter().zip(operands) {
            if letters.len() != operand.rank() {
                return Err(OpError::new(format!(
                    "one operand has {operand} values, expected axes `{letters}`"
                )));
            }
        }
        for letter in self.operands[0].chars() {
            let [left, right] = [0, 1].map(|index| self.extent(letter, index, operands));
            if right.is_some() && left != right {
                return Err(OpError::new(format!(
                    "axis `{letter}` of {} and {} differs",
                    operands[0], operands[1]
                )));
            }
        }
        let extent = |letter| self.extent(letter, 0, operands).or_else(|| self.extent(letter, 1, operands));
        let extents: Option<Vec<usize>> = self.result.chars().map(extent).collect();
        Ok(Shape::new(extents.ok_or_else(|| OpError::new("the result has an axis that no operand has"))?))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let plan = self.plan(operands);
        let ordered = plan.ordered(operands);
        let mut product = vec![0.0; output.len()];
        MatMul.forward(&plan.as_matrices(&ordered, operands), &mut product, lanes);
        let product = Operand { shape: &plan.product, values: &product, lanes };
        plan.result.forward(&[product], output, lanes);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let plan = self.plan(pass.operands);
        let lanes = pass.lanes;
        let ordered = plan.ordered(pass.operands);
        let product = vec![0.0; pass.cotangent.len()];
        let product = Operand { shape: &plan.product, values: &product, lanes };
        // The cotangent in the order of the product: the way back through the last view.
        let mut cotangent = vec![0.0; pass.cotangent.len()];
        let last = Backward { operands: &[product], output: pass.output, cotangent: pass.cotangent, lanes };
        plan.result.backward(&last, &mut [Some(&mut cotangent)]);
        let mut own = [0, 1].map(|index| gradients[index].as_ref().map(|gradient| vec![0.0; gradient.len()]));
        let inner = Backward {
            operands: &plan.as_matrices(&ordered, pass.operands),
            output: product,
            cotangent: &cotangent,
            lanes,
        };
        MatMul.backward(&inner, &mut own.each_mut().map(|gradient| gradient.as_deref_mut()));
        for (index, gradient) in gradients.iter_mut().enumerate() {
            let (Some(gradient), Some(own)) = (gradient, &own[index]) else { continue };
            let operand = pass.operands[index];
            let back =
                Backward { operands: &[operand], output: operand, cotangent: own, lanes: operand.lanes };
            plan.operands[index].backward(&back, &mut [Some(gradient)]);
        }
    }

    fn save(&self, node: &mut NodeWriter) {
        let used = |letter: &char| !self.letters().any(|known| known == *letter);
        let batch =
            ('a'..='z').chain('A'..='Z').find(used).expect("an image has fewer axes than there are letters");
        let [left, right] = [0, 1].map(|index| {
            let letters = &self.operands[index];
            if self.varying[index] { format!("{batch}{letters}") } else { letters.clone() }
        });
        let equation = format!("{left},{right}->{batch}{}", self.result);
        node.attribute("equation", Attribute::String(equation));
    }

    fn trainable(&self) -> &'static [usize] {
        &[0, 1]
    }

    /// The sum over all values of all letters.
    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shapes = [&operands[0].shape, &operands[1].shape];
        let letters: std::collections::BTreeSet<char> = self.letters().collect();
        let letters: Vec<char> = letters.into_iter().collect();
        let extent = |&letter: &char| {
            self.extent(letter, 0, &shapes).or_else(|| self.extent(letter, 1, &shapes)).unwrap()
        };
        let all = Shape::new(letters.iter().map(extent).collect::<Vec<_>>());
        let result = self.output_shape(&shapes).unwrap();
        let place = |own: &str, shape: &Shape, element: usize| -> usize {
            let axes = own.chars().zip(shape.strides());
            axes.map(|(letter, stride)| {
                let axis = letters.iter().position(|&known| known == letter).unwrap();
                element / all.strides()[axis] % all.extents()[axis] * stride
            })
            .sum()
        };
        let mut values = vec![0.0; result.count()];
        for element in 0..all.count() {
            values[place(&self.result, &result, element)] += operands[0].values
                [place(&self.operands[0], shapes[0], element)]
                * operands[1].values[place(&self.operands[1], shapes[1], element)];
        }
        values
    }
}

/// The operands' axes in the order of matrices, and those of the product in that of the result.
struct Plan {
    operands: [View; 2],
    result: View,
    /// Batch, rows and inner extent; batch, inner extent and columns.
    matrices: [Shape; 2],
    product: Shape,
}

impl Plan {
    /// The values of both operands in the order of matrices.
    fn ordered<'a>(&self, operands: &[Operand<'a>]) -> [Cow<'a, [f32]>; 2] {
        [0, 1].map(|index| {
            let operand = operands[index];
            let mut values = vec![0.0; operand.values.len()];
            self.operands[index].forward(&[operand], &mut values, operand.lanes);
            Cow::Owned(values)
        })
    }

    fn as_matrices<'a>(
        &'a self,
        ordered: &'a [Cow<'_, [f32]>; 2],
        operands: &[Operand<'_>],
    ) -> [Operand<'a>; 2] {
        [0, 1].map(|index| Operand {
            shape: &self.matrices[index],
            values: &ordered[index],
            lanes: operands[index].lanes,
        })
    }
}

impl Einsum {
    fn letters(&self) -> impl Iterator<Item = char> {
        self.operands.iter().flat_map(|letters| letters.chars()).chain(self.result.chars())
    }

    /// `None` if the letter has no place in a product of matrices.
    fn kind(&self, letter: char) -> Option<Kind> {
        let [left, right] = [0, 1].map(|index| self.operands[index].contains(letter));
        Some(match (left, right, self.result.contains(letter)) {
            (true, true, true) => Kind::Batch,
            (true, false, true) => Kind::Row,
            (false, true, true) => Kind::Column,
            (true, true, false) => Kind::Summed,
            _ => return None,
        })
    }

    fn extent(&self, letter: char, operand: usize, shapes: &[&Shape]) -> Option<usize> {
        let axis = self.operands[operand].find(letter)?;
        shapes[operand].extents().get(axis).copied()
    }

    fn plan(&self, operands: &[Operand<'_>]) -> Plan {
        let shapes = [operands[0].shape, operands[1].shape];
        // Letters in the order in which the result has them, those that are summed over in the order of the left.
        let of_kind = |kind: Kind| -> String {
            let all = self.result.chars().chain(self.operands[0].chars());
            let mut letters = String::new();
            for letter in all.filter(|&letter| self.kind(letter) == Some(kind)) {
                if !letters.contains(letter) {
                    letters.push(letter);
                }
            }
            letters
        };
        let [batch, row, column, summed] = [Kind::Batch, Kind::Row, Kind::Column, Kind::Summed].map(of_kind);
        let extent = |letter: char| {
            let own = self.extent(letter, 0, &shapes).or_else(|| self.extent(letter, 1, &shapes));
            own.expect("the shape rule has seen the operands")
        };
        let count = |letters: &str| letters.chars().map(extent).product::<usize>();
        // A view on an array with axes `from` in the order `to`.
        let view = |from: &str, to: &str| {
            let strides = Shape::new(from.chars().map(extent).collect::<Vec<_>>()).strides();
            let axis = |letter| from.find(letter).expect("both have the same letters");
            View {
                first: 0,
                extents: Shape::new(to.chars().map(extent).collect::<Vec<_>>()),
                strides: to.chars().map(|letter| strides[axis(letter)]).collect(),
            }
        };
        let [b, m, n, k] = [&batch, &row, &column, &summed].map(|letters| count(letters));
        Plan {
            operands: [
                view(&self.operands[0], &format!("{batch}{row}{summed}")),
                view(&self.operands[1], &format!("{batch}{summed}{column}")),
            ],
            result: view(&format!("{batch}{row}{column}"), &self.result),
            matrices: [Shape::from([b, m, k]), Shape::from([b, k, n])],
            product: Shape::from([b, m, n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::floats;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let equations =
            ["hqd,hkd->hqk", "hqk,hkd->hqd", "ij,jk->ki", "qhd,khd->hqk", "i,j->ji", "abc,cb->a", "ij,ij->"];
        let mut case = |equation: &str| {
            let extents: Vec<usize> = (0..26).map(|_| random.int(1..=3)).collect();
            let (operands, result) = equation.split_once("->").unwrap();
            let (left, right) = operands.split_once(',').unwrap();
            let shape = |letters: &str| {
                Shape::new(
                    letters.bytes().map(|letter| extents[usize::from(letter - b'a')]).collect::<Vec<_>>(),
                )
            };
            let right_varies = random.flip();
            let op = Einsum {
                operands: [left.to_owned(), right.to_owned()],
                result: result.to_owned(),
                varying: [true, right_varies],
            };
            let case = Case::new(op).batched(shape(left));
            if right_varies { case.batched(shape(right)) } else { case.shared(shape(right)) }
        };
        equations.iter().map(|equation| case(equation)).collect()
    }

    #[test]
    fn equations_that_are_no_products_or_mix_images_are_refused() {
        let (image, weights) = (Shape::from([2, 3]), floats(&Shape::from([3, 4])));
        let parsed = |equation: &str| {
            let attributes = [("equation".to_owned(), Attribute::String(equation.to_owned()))];
            let inputs = [Input::Batched(&image), Input::Constant(&weights)];
            parse(&Node { attributes: &attributes, inputs: &inputs, ..Node::default() }).map(|_| ())
        };
        assert!(parsed("b i j, j k -> b i k").is_ok());
        for bad in ["", "bij->bji", "bij,jk", "bij,jk,kl->bil", "...ij,jk->...ik", "bii,ik->bk", "bij,jk->bk"]
        {
            assert!(parsed(bad).is_err(), "{bad}");
        }
        for bad in ["bij,jk->ibk", "ibj,jk->bik", "bij,bk->bijk", "ij,jk->"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
