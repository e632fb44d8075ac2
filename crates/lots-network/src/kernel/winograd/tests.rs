use super::*;
use crate::op::gradient_check::Random;

/// The definition, in double precision.
fn reference(convolution: &Convolution<'_>, weights: &[f32], outputs: usize, before: &[f32]) -> Vec<f32> {
    let [height, width] = convolution.output_extent;
    let [input_height, input_width] = convolution.input_extent.map(|extent| extent as isize);
    let (inputs, lanes) = (convolution.filters.inputs, convolution.lanes);
    let taps = convolution.filters.taps.count();
    let mut result = Vec::new();
    for output in 0..outputs {
        for element in 0..height * width * lanes {
            let (place, lane) = (element / lanes, element % lanes);
            let mut sum = match convolution.start {
                Start::Zero => 0.0,
                Start::Bias(bias) => f64::from(bias[output]),
                Start::Output | Start::OutputCopied(_) => {
                    f64::from(before[output * height * width * lanes + element])
                }
            };
            for input in 0..inputs {
                for tap in 0..taps * taps {
                    let y = convolution.origin[0] + (place / width + tap / taps) as isize;
                    let x = convolution.origin[1] + (place % width + tap % taps) as isize;
                    if (0..input_height).contains(&y) && (0..input_width).contains(&x) {
                        let pixel = (input as isize * input_height + y) * input_width + x;
                        sum += f64::from(weights[(output * inputs + input) * taps * taps + tap])
                            * f64::from(convolution.input[pixel as usize * lanes + lane]);
                    }
                }
            }
            result.push(sum as f32);
        }
    }
    result
}

#[test]
fn outputs_are_those_of_the_definition_on_every_instruction_set() {
    let mut random = Random::new(5);
    for case in 0..90 {
        let lanes = [1, 16, 1][case / 30];
        let (taps, tolerance) = if random.flip() { (Taps::Three, 2e-6) } else { (Taps::Five, 4e-6) };
        let weights_each = taps.count().pow(2);
        // Few tiles of many outputs fill the largest blocks of registers.
        let many = case % 4 == 0;
        let (outputs, inputs) = (random.int(if many { 49..=70 } else { 1..=20 }), random.int(1..=9));
        let mut pair = |low, high| [random.int(low..=high), random.int(low..=high)];
        let (input_extent, output_extent) =
            if lanes == 1 && !many { (pair(1, 23), pair(1, 70)) } else { (pair(1, 14), pair(1, 14)) };
        let origin = pair(0, 6).map(|origin| 2 - origin as isize);
        let mut values = |count: usize| -> Vec<f32> {
            random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
        };
        let input = values(inputs * input_extent[0] * input_extent[1] * lanes);
        let (weights, bias) = (values(outputs * inputs * weights_each), values(outputs));
        let before = values(outputs * output_extent[0] * output_extent[1] * lanes);
        let start = [Start::Zero, Start::Bias(&bias), Start::Output][case % 3];
        let compute = || {
            let filters = Filters::new(&weights, [outputs, inputs], taps);
            let convolution = Convolution {
                filters: &filters,
                input: &input,
                input_extent,
                output_extent,
                origin,
                start,
                lanes,
            };
            let mut output = before.clone();
            convolution.compute(&mut output);
            (output, reference(&convolution, &weights, outputs, &before))
        };
        let (got, expected) = compute();
        lots_testing::assert_close(&got, &expected, 0.0, tolerance * (weights_each * inputs) as f32);
        for result in crate::kernel::on_every_instruction_set(|| compute().0) {
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(
                bits(&result),
                bits(&got),
                "{outputs} outputs, {inputs} inputs, {output_extent:?}, {lanes} lanes"
            );
        }
    }
}

#[test]
fn work_divided_among_threads_or_into_blocks_gives_the_same_bytes() {
    let (outputs, inputs, extent) = (70, 65, [61, 90]);
    let pixel = |index: usize| (index % 97) as f32 * 0.013 - 0.5;
    let input: Vec<f32> = (0..inputs * extent[0] * extent[1]).map(pixel).collect();
    let weights: Vec<f32> = (0..outputs * inputs * 9).map(|index| (index % 31) as f32 * 0.07 - 1.0).collect();
    let compute = |rows: std::ops::Range<usize>| {
        let filters = Filters::new(&weights, [outputs, inputs], Taps::Three);
        let convolution = Convolution {
            filters: &filters,
            input: &input,
            input_extent: extent,
            output_extent: [rows.len(), extent[1]],
            origin: [rows.start as isize - 1, -1],
            start: Start::Zero,
            lanes: 1,
        };
        let mut output = vec![0.0; outputs * rows.len() * extent[1]];
        convolution.compute(&mut output);
        output
    };
    let expected = compute(0..extent[0]);
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(|| compute(0..extent[0])) == expected, "{threads} threads");
    }
    // The first rows alone are one block, all of them are several.
    let few = compute(0..8);
    for (few, all) in few.chunks_exact(8 * extent[1]).zip(expected.chunks_exact(extent[0] * extent[1])) {
        assert!(few == &all[..few.len()], "other blocks");
    }
}

#[test]
fn an_image_gets_the_same_bytes_alone_and_beside_others() {
    let mut random = Random::new(7);
    for case in 0..12 {
        let (outputs, inputs, lanes) = (random.int(1..=14), random.int(1..=9), 16);
        let extent = [random.int(5..=13), random.int(5..=13)];
        let taps = [Taps::Three, Taps::Five][case % 2];
        let mut values = |count: usize| -> Vec<f32> {
            random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
        };
        let (input, bias) = (values(inputs * extent[0] * extent[1] * lanes), values(outputs));
        let filters = Filters::new(&values(outputs * inputs * taps.count().pow(2)), [outputs, inputs], taps);
        let convolve = |input: &[f32], lanes: usize| {
            let mut output = vec![0.0; outputs * extent[0] * extent[1] * lanes];
            Convolution {
                filters: &filters,
                input,
                input_extent: extent,
                output_extent: extent,
                origin: [-1, -2],
                start: Start::Bias(&bias),
                lanes,
            }
            .compute(&mut output);
            output
        };
        let together = convolve(&input, lanes);
        let lane_of = |values: &[f32], lane: usize| -> Vec<f32> {
            values.iter().skip(lane).step_by(lanes).copied().collect()
        };
        for lane in [0, 5, 15] {
            assert!(
                lane_of(&together, lane) == convolve(&lane_of(&input, lane), 1),
                "lane {lane} of case {case}"
            );
        }
    }
}
