//! One check for all ops: what is pooled on the way is what the pooling makes of it.

use super::gradient_check::Random;
use super::window::Window;
use super::{Operand, REGISTRY};
use crate::forward::LANES;
use crate::kernel::window_maximum::maxima;
use crate::kernel::windows::Windows;
use crate::shape::Shape;

#[test]
fn what_is_pooled_on_the_way_is_what_the_pooling_makes_of_it() {
    let mut pooled = 0;
    for registration in REGISTRY {
        let mut random = Random::new(31);
        for _ in 0..60 {
            let case = (registration.cases)(&mut random).swap_remove(0);
            let shapes: Vec<&Shape> = case.operands.iter().map(|operand| &operand.shape).collect();
            let shape = case.op.output_shape(&shapes).unwrap();
            let all = random_windows(&mut random, &shape);
            let Some(windows) = all.into_iter().find(|windows| case.op.pools(windows, LANES)) else {
                continue;
            };
            pooled += 1;
            let lanes = |shared: bool| if shared { 1 } else { LANES };
            let values: Vec<Vec<f32>> = (case.operands.iter())
                .map(|operand| {
                    let values = random.values(operand.shape.count() * lanes(operand.shared), -1.0, 1.0);
                    values.into_iter().map(|value| value as f32).collect()
                })
                .collect();
            let operands: Vec<Operand<'_>> = (case.operands.iter().zip(&values))
                .map(|(operand, values)| Operand {
                    shape: &operand.shape,
                    values,
                    lanes: lanes(operand.shared),
                })
                .collect();
            let mut all = vec![f32::NAN; shape.count() * LANES];
            case.op.forward(&operands, &mut all, LANES);
            let mut expected = vec![f32::NAN; shape.extents()[0] * windows.count() * LANES];
            maxima(&windows, &all, &mut expected, LANES);
            let mut got = vec![f32::NAN; expected.len()];
            case.op.forward_pooled(&operands, &windows, &mut got, LANES);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&got), bits(&expected), "{windows:?} over {shape} of {:?}", case.op);
        }
    }
    assert!(pooled > 20, "{pooled} were pooled");
}

/// Windows over an image of this shape, if it is one, most of them of four taps.
fn random_windows(random: &mut Random, shape: &Shape) -> Vec<Windows> {
    let mut all = Vec::new();
    for index in 0..20 {
        let kernel = [[2, 2], [1, 4], [4, 1], [2, 2]][index % 4];
        let stride = if random.flip() { kernel } else { [random.int(1..=3), random.int(1..=3)] };
        let dilation = [random.int(1..=2), random.int(1..=2)];
        let pads = if random.flip() { [0; 4] } else { [(); 4].map(|()| random.int(0..=1)) };
        let (window, ceil) = (Window { kernel, stride, dilation, pads }, random.flip());
        if window.pooled_shape(shape, ceil).is_ok() {
            all.push(window.over(shape, ceil));
        }
    }
    all
}
