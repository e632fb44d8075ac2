//! The gradient check of the registry: for random instances of every op, forward against the f64 twin,
//! backward against central differences of the twin, and ⟨Bv, u⟩ = ⟨v, Ju⟩ for random directions `u`.
//!
//! All of it with 1 lane and with 16, and with operands that are shared by the lanes: an op is covered the day it is
//! registered.

use std::ops::RangeInclusive;

use super::one_image::floats;
use super::{Backward, Op, Operand, REGISTRY};
use crate::forward::ImageSize;
use crate::load::{Constant, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

/// An array of one image in f64, as the reference twins see it.
pub(crate) struct Array {
    pub(crate) shape: Shape,
    pub(crate) values: Vec<f64>,
}

/// An op with the operands it is checked with.
pub(crate) struct Case {
    pub(super) op: Box<dyn Op>,
    pub(super) operands: Vec<CaseOperand>,
}

pub(super) struct CaseOperand {
    pub(super) shape: Shape,
    pub(super) shared: bool,
    low: f64,
    high: f64,
}

impl Case {
    pub(crate) fn new(op: impl Op + 'static) -> Self {
        Self { op: Box::new(op), operands: Vec::new() }
    }

    /// Adds an operand that differs from image to image, values within ±1.
    pub(crate) fn batched(self, shape: Shape) -> Self {
        self.operand(shape, false, -1.0, 1.0)
    }

    /// Adds an operand that all images share, values within ±1.
    pub(crate) fn shared(self, shape: Shape) -> Self {
        self.operand(shape, true, -1.0, 1.0)
    }

    /// Adds an operand with values between `low` and `high`.
    pub(crate) fn operand(mut self, shape: Shape, shared: bool, low: f64, high: f64) -> Self {
        self.operands.push(CaseOperand { shape, shared, low, high });
        self
    }
}

/// A small fixed-seed generator (`SplitMix64`), enough for drawing test shapes and values.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A whole number in the range.
    pub(crate) fn int(&mut self, range: RangeInclusive<usize>) -> usize {
        range.start() + (self.next() % (range.end() - range.start() + 1) as u64) as usize
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// A shape with a rank in the range and extents 1–5.
    pub(crate) fn shape(&mut self, ranks: RangeInclusive<usize>) -> Shape {
        let rank = self.int(ranks);
        Shape::new((0..rank).map(|_| self.int(1..=5)).collect::<Vec<_>>())
    }

    /// Distinct values spread over `low..high` in random order: none is so near another, or near the middle,
    /// that a maximum or a kink changes sides within a finite difference.
    pub(crate) fn values(&mut self, count: usize, low: f64, high: f64) -> Vec<f64> {
        // An even number of slots keeps the middle of the range between two of them.
        let slots = 2 * count;
        let mut order: Vec<usize> = (0..slots).collect();
        for last in (1..slots).rev() {
            order.swap(last, self.int(0..=last));
        }
        order.truncate(count);
        let values = order.into_iter().map(|slot| low + (high - low) * (slot as f64 + 0.5) / slots as f64);
        // Both the f32 code and the f64 twin see exactly the same numbers.
        values.map(|value| f64::from(value as f32)).collect()
    }
}

const STEP: f64 = 1e-6;

#[test]
fn every_op_agrees_with_its_twin_forward_and_backward() {
    for registration in REGISTRY {
        for seed in 0..12 {
            let mut random = Random::new(seed * 1_000_003 + registration.name.len() as u64);
            for mut case in (registration.cases)(&mut random) {
                for lanes in [1, 16] {
                    check(&case, lanes, &mut random);
                }
                let shapes: Vec<&Shape> = case.operands.iter().map(|operand| &operand.shape).collect();
                // Each check has its own weights.
                for (images, lanes) in [(ImageSize::Small, 1), (ImageSize::Small, 16), (ImageSize::Large, 1)]
                {
                    case.op.expect_images(images, &shapes, None);
                    case.op.lay_out_weights(images, &shapes, usize::MAX);
                    check(&case, lanes, &mut random);
                }
            }
        }
    }
}

#[test]
fn an_image_gets_the_same_bytes_whatever_lies_beside_it() {
    const LANES: usize = 16;
    for registration in REGISTRY {
        for seed in 0..12 {
            let mut random = Random::new(seed);
            for mut case in (registration.cases)(&mut random) {
                let mut images: Vec<Vec<Vec<f64>>> = Vec::new();
                for operand in &case.operands {
                    let copies = if operand.shared { 1 } else { LANES };
                    let count = operand.shape.count();
                    images
                        .push((0..copies).map(|_| random.values(count, operand.low, operand.high)).collect());
                }
                let shapes: Vec<&Shape> = case.operands.iter().map(|operand| &operand.shape).collect();
                let shape = case.op.output_shape(&shapes).unwrap();
                case.op.expect_images(ImageSize::Small, &shapes, None);
                case.op.lay_out_weights(ImageSize::Small, &shapes, usize::MAX);
                let cotangents: Vec<Vec<f64>> =
                    (0..LANES).map(|_| random.values(shape.count(), -1.0, 1.0)).collect();
                let together = bytes(&case, &shape, &images, &cotangents);
                for lane in [0, 7, LANES - 1] {
                    let own: Vec<Vec<Vec<f64>>> = case
                        .operands
                        .iter()
                        .zip(&images)
                        .map(|(operand, lanes)| vec![lanes[if operand.shared { 0 } else { lane }].clone()])
                        .collect();
                    let alone = bytes(&case, &shape, &own, &cotangents[lane..=lane]);
                    for (together, alone) in together.iter().zip(&alone) {
                        let picked: Vec<u32> = together.iter().skip(lane).step_by(LANES).copied().collect();
                        assert_eq!(&picked, alone, "lane {lane} of {:?}", case.op);
                    }
                }
            }
        }
    }
}

/// The bits of the output and of the gradients of all operands that are not shared.
fn bytes(case: &Case, shape: &Shape, images: &[Vec<Vec<f64>>], cotangents: &[Vec<f64>]) -> Vec<Vec<u32>> {
    let lanes = cotangents.len();
    let interleaved: Vec<Vec<f32>> = images.iter().map(|lanes| interleave(lanes)).collect();
    let operands: Vec<Operand<'_>> = case
        .operands
        .iter()
        .zip(&interleaved)
        .zip(images)
        .map(|((operand, values), images)| Operand { shape: &operand.shape, values, lanes: images.len() })
        .collect();
    let mut output = vec![f32::NAN; shape.count() * lanes];
    case.op.forward(&operands, &mut output, lanes);
    // Something that the gradient is added to and that makes it round.
    let mut gradients: Vec<Vec<f32>> = interleaved.iter().map(|values| vec![0.3; values.len()]).collect();
    let cotangent = interleave(cotangents);
    let pass = Backward {
        operands: &operands,
        output: Operand { shape, values: &output, lanes },
        cotangent: &cotangent,
        lanes,
    };
    let mut slots: Vec<Option<&mut [f32]>> =
        gradients.iter_mut().map(|gradient| Some(gradient.as_mut_slice())).collect();
    case.op.backward(&pass, &mut slots);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
    let batched = case.operands.iter().zip(&gradients).filter(|(operand, _)| !operand.shared);
    std::iter::once(bits(&output)).chain(batched.map(|(_, gradient)| bits(gradient))).collect()
}

#[test]
fn every_op_is_read_back_as_it_was_saved() {
    for registration in REGISTRY {
        for seed in 0..12 {
            for case in (registration.cases)(&mut Random::new(seed)) {
                // Some operators are read as another op, and are written as that.
                let name = case.op.name();
                let registration =
                    REGISTRY.iter().find(|known| known.name == name).expect("it is registered");
                let opset = case.op.opset();
                let mut written = NodeWriter { opset, ..NodeWriter::default() };
                case.op.save(&mut written);
                let batch = written.parameters_have_batch_axis.then_some(1);
                let in_the_file = |shape: &Shape| {
                    Shape::new(batch.into_iter().chain(shape.extents().iter().copied()).collect::<Vec<_>>())
                };
                let weights: Vec<Constant> =
                    case.operands.iter().map(|operand| floats(&in_the_file(&operand.shape))).collect();
                let operands = case.operands.iter().zip(&weights).map(|(operand, weights)| {
                    if operand.shared { Input::Constant(weights) } else { Input::Batched(&operand.shape) }
                });
                let constants = written.constants.iter().map(|constant| match constant {
                    Some(constant) => Input::Constant(constant),
                    None => Input::Absent,
                });
                let condition = written.condition.iter().map(Input::Constant);
                let before = condition.len();
                let mut inputs: Vec<Input<'_>> = condition.chain(operands).chain(constants).collect();
                while matches!(inputs.last(), Some(Input::Absent)) {
                    inputs.pop();
                }
                let attributes = &written.attributes;
                let node =
                    Node { op: name, opset, attributes, inputs: &inputs, output: [0, 1], ..Node::default() };
                let parsed = (registration.parse)(&node)
                    .unwrap_or_else(|error| panic!("{:?} is not read back: {}", case.op, error.message));
                assert_eq!(format!("{:?}", parsed.op), format!("{:?}", case.op));
                assert!(
                    parsed.operands.iter().copied().eq(before..before + case.operands.len()),
                    "operands of {:?}",
                    case.op
                );
            }
        }
    }
}

fn check(case: &Case, lanes: usize, random: &mut Random) {
    // `images[operand][lane]` in f64; a shared operand has one entry.
    let images: Vec<Vec<Vec<f64>>> = case
        .operands
        .iter()
        .map(|operand| {
            let copies = if operand.shared { 1 } else { lanes };
            (0..copies).map(|_| random.values(operand.shape.count(), operand.low, operand.high)).collect()
        })
        .collect();
    let interleaved: Vec<Vec<f32>> = images.iter().map(|lanes| interleave(lanes)).collect();
    let operands: Vec<Operand<'_>> = case
        .operands
        .iter()
        .zip(&interleaved)
        .zip(&images)
        .map(|((operand, values), images)| Operand { shape: &operand.shape, values, lanes: images.len() })
        .collect();

    let shapes: Vec<&Shape> = case.operands.iter().map(|operand| &operand.shape).collect();
    let shape = case.op.output_shape(&shapes).unwrap();
    // Forward must write every element: NaN would survive otherwise.
    let mut output = vec![f32::NAN; shape.count() * lanes];
    case.op.forward(&operands, &mut output, lanes);
    let expected: Vec<Vec<f64>> = (0..lanes).map(|lane| reference(case, &images, lane, None)).collect();
    compare(case, "forward", &output, &interleave(&expected), 2e-5);

    let cotangents: Vec<Vec<f64>> = (0..lanes).map(|_| random.values(shape.count(), -1.0, 1.0)).collect();
    let cotangent = interleave(&cotangents);
    // Backward adds, so what is there before must still be there after.
    let before = 0.25_f32;
    let mut gradients: Vec<Vec<f32>> = interleaved.iter().map(|values| vec![before; values.len()]).collect();
    let pass = Backward {
        operands: &operands,
        output: Operand { shape: &shape, values: &output, lanes },
        cotangent: &cotangent,
        lanes,
    };
    let mut slots: Vec<Option<&mut [f32]>> =
        gradients.iter_mut().map(|gradient| Some(gradient.as_mut_slice())).collect();
    case.op.backward(&pass, &mut slots);

    without_what_is_not_read(case, &pass, &gradients, before);
    in_place(case, &pass, &gradients, before);
    for (index, operand) in case.operands.iter().enumerate() {
        let copies = images[index].len();
        for copy in 0..copies {
            let lanes_of_copy: Vec<usize> = if operand.shared { (0..lanes).collect() } else { vec![copy] };
            let expected: Vec<f64> = (0..operand.shape.count())
                .map(|element| {
                    lanes_of_copy
                        .iter()
                        .map(|&lane| {
                            let nudge = |step| (index, Nudge::Element(element, step));
                            let plus = reference(case, &images, lane, Some(&nudge(STEP)));
                            let minus = reference(case, &images, lane, Some(&nudge(-STEP)));
                            let difference = plus.iter().zip(&minus).map(|(plus, minus)| plus - minus);
                            difference.zip(&cotangents[lane]).map(|(d, v)| d / (2.0 * STEP) * v).sum::<f64>()
                        })
                        .sum()
                })
                .collect();
            let got: Vec<f32> = (0..operand.shape.count())
                .map(|element| gradients[index][element * copies + copy] - before)
                .collect();
            let expected: Vec<f32> = expected.iter().map(|&value| value as f32).collect();
            compare(case, &format!("gradient of operand {index}"), &got, &expected, 2e-4);
            inner_products(case, &images, &cotangents, (index, &lanes_of_copy, &got), random);
        }
    }
}

/// The gradients of operands that depend on the image do not need what the op says it does not read.
fn without_what_is_not_read(case: &Case, pass: &Backward<'_>, gradients: &[Vec<f32>], before: f32) {
    let reads = case.op.gradient_reads();
    let operands: Vec<Operand<'_>> = case
        .operands
        .iter()
        .zip(pass.operands)
        .map(|(own, operand)| {
            let values = if reads.operands || own.shared { operand.values } else { &[] };
            Operand { values, ..*operand }
        })
        .collect();
    let output = Operand { values: if reads.output { pass.output.values } else { &[] }, ..pass.output };
    let mut got: Vec<Vec<f32>> = gradients.iter().map(|values| vec![before; values.len()]).collect();
    let mut slots: Vec<Option<&mut [f32]>> = case
        .operands
        .iter()
        .zip(&mut got)
        .map(|(operand, gradient)| (!operand.shared).then_some(gradient.as_mut_slice()))
        .collect();
    case.op.backward(&Backward { operands: &operands, output, ..*pass }, &mut slots);
    for ((operand, got), expected) in case.operands.iter().zip(&got).zip(gradients) {
        assert!(operand.shared || got == expected, "{:?} reads what it says it does not", case.op);
    }
}

/// Gradients that the op makes in the cotangent's place are those that it adds.
fn in_place(case: &Case, pass: &Backward<'_>, gradients: &[Vec<f32>], before: f32) {
    let mut cotangent = pass.cotangent.to_vec();
    if case.operands.iter().any(|operand| operand.shared)
        || !case.op.backward_in_place(pass.operands, pass.output, &mut cotangent)
    {
        assert_eq!(cotangent, pass.cotangent, "{:?} has changed what it does not do in place", case.op);
        return;
    }
    let got: Vec<f32> = cotangent.iter().map(|value| before + value).collect();
    for gradient in gradients {
        assert_eq!(&got, gradient, "{:?} in place", case.op);
    }
}

/// ⟨Bv, u⟩ = ⟨v, Ju⟩ for a random `u`: one number that any wrong element of B would change.
fn inner_products(
    case: &Case,
    images: &[Vec<Vec<f64>>],
    cotangents: &[Vec<f64>],
    (index, lanes, backward): (usize, &[usize], &[f32]),
    random: &mut Random,
) {
    let u = random.values(backward.len(), -1.0, 1.0);
    let left: f64 = backward.iter().zip(&u).map(|(&b, u)| f64::from(b) * u).sum();
    let right: f64 = lanes
        .iter()
        .map(|&lane| {
            let plus = reference(case, images, lane, Some(&(index, Nudge::Along(&u, STEP))));
            let minus = reference(case, images, lane, Some(&(index, Nudge::Along(&u, -STEP))));
            let difference = plus.iter().zip(&minus).map(|(plus, minus)| (plus - minus) / (2.0 * STEP));
            difference.zip(&cotangents[lane]).map(|(d, v)| d * v).sum::<f64>()
        })
        .sum();
    let size = (backward.len() as f64).sqrt() * lanes.len() as f64;
    assert!(
        (left - right).abs() <= 1e-4 * (size + right.abs()),
        "{:?}: ⟨Bv,u⟩ = {left}, ⟨v,Ju⟩ = {right}",
        case.op
    );
}

enum Nudge<'a> {
    Element(usize, f64),
    Along(&'a [f64], f64),
}

fn reference(
    case: &Case,
    images: &[Vec<Vec<f64>>],
    lane: usize,
    nudge: Option<&(usize, Nudge<'_>)>,
) -> Vec<f64> {
    let mut arrays: Vec<Array> = case
        .operands
        .iter()
        .zip(images)
        .map(|(operand, lanes)| Array {
            shape: operand.shape.clone(),
            values: lanes[if operand.shared { 0 } else { lane }].clone(),
        })
        .collect();
    match nudge {
        Some((operand, Nudge::Element(element, step))) => arrays[*operand].values[*element] += step,
        Some((operand, Nudge::Along(direction, step))) => {
            for (value, direction) in arrays[*operand].values.iter_mut().zip(*direction) {
                *value += step * direction;
            }
        }
        None => {}
    }
    case.op.reference(&arrays)
}

fn interleave(lanes: &[Vec<f64>]) -> Vec<f32> {
    (0..lanes[0].len()).flat_map(|element| lanes.iter().map(move |lane| lane[element] as f32)).collect()
}

#[track_caller]
fn compare(case: &Case, what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    let scale = expected.iter().fold(1.0_f32, |scale, value| scale.max(value.abs()));
    let result = std::panic::catch_unwind(|| {
        lots_testing::assert_close(got, expected, tolerance, tolerance * scale);
    });
    assert!(result.is_ok(), "{what} of {:?} is wrong, see above", case.op);
}
