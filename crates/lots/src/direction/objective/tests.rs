use lots_network::ReluStart;

use super::*;
use crate::mask::MaskPart;
use crate::{data::digits, embedded};

fn toward(objective: &Objective, network: &Network, count: usize) -> Vec<Formed> {
    let (origins, targets) = (digits::load(), digits::targets());
    let trace = OriginTrace::of_images(network, &objective.layers(), &origins.images()[..count]).unwrap();
    let targets: Vec<_> = (0..count)
        .map(|row| objective.represent(network, targets.images()[row % 10].pixels()).unwrap())
        .collect();
    trace.toward_objective(objective, &targets.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
}

#[test]
fn one_layer_with_weight_one_and_a_mask_of_ones_is_that_layer() {
    let network = embedded::lenet();
    let (origins, targets) = (digits::load(), digits::targets());
    for name in ["conv1", "conv2", "ip1", "ip2"] {
        let layer = network.layer(name).unwrap();
        let shape = network.shape(layer).clone();
        let ones = MaskPart::Weights {
            shape: shape.extents().to_vec(),
            values: vec![1.0; shape.count()].into(),
            path: None,
        };
        let origin = &origins.images()[4..5];
        let trace = OriginTrace::of_images(&network, &[layer], origin).unwrap();
        let target = network.represent(layer, targets.images()[9].pixels()).unwrap().values;
        let plain = trace.toward(layer, &[&target[..]]).unwrap();
        for mask in [Mask::default(), Mask::of([ones])] {
            for text in [name.to_owned(), format!("{name}*1")] {
                let objective = Objective::parse(&network, &text, &mask).unwrap();
                let own = [Arc::from(&target[..])];
                assert_eq!(trace.toward_objective(&objective, &[&own[..]]).unwrap(), plain, "{text}");
                assert_eq!(trace.magnify_objective(&objective).unwrap(), trace.magnify(layer).unwrap());
                assert_eq!(trace.reduce_objective(&objective).unwrap(), trace.reduce(layer).unwrap());
            }
        }
    }
}

#[test]
fn several_layers_are_the_sum_of_their_directions() {
    let network = embedded::lenet();
    let of = |text: &str| {
        let objective = Objective::parse(&network, text, &Mask::default()).unwrap();
        toward(&objective, &network, 1).remove(0).unwrap().values().to_vec()
    };
    let (sum, conv2, ip1) = (of("conv2*0.5+ip1*2"), of("conv2"), of("ip1"));
    let largest = sum.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for ((sum, conv2), ip1) in sum.iter().zip(conv2).zip(ip1) {
        // Powers of two scale without rounding, so that only the order of sums differs.
        assert!((sum - (0.5 * conv2 + 2.0 * ip1)).abs() <= 1e-6 * largest);
    }
    assert_eq!(of("ip1*2"), of("ip1").iter().map(|value| 2.0 * value).collect::<Vec<_>>());
}

#[test]
fn masks_of_parts_add_up_to_the_whole() {
    let network = embedded::lenet();
    let of = |text: Option<&str>| {
        let mask = Mask::of(text.map(|text| MaskPart::channels(text).unwrap()));
        let objective = Objective::parse(&network, "conv2", &mask).unwrap();
        toward(&objective, &network, 1).remove(0).unwrap().values().to_vec()
    };
    let (whole, first, second) = (of(None), of(Some("0-20")), of(Some("21-49")));
    let largest = whole.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for ((whole, first), second) in whole.iter().zip(first).zip(second) {
        assert!((whole - (first + second)).abs() <= 1e-5 * largest);
    }
}

#[test]
fn an_origin_comes_out_alone_as_among_others() {
    let network = embedded::lenet();
    let mask = Mask::of([MaskPart::units("0-399").unwrap()]);
    let objective = Objective::parse(&network, "ip1*0.3+pool2", &mask).unwrap();
    let together = toward(&objective, &network, 20);
    assert_eq!(toward(&objective, &network, 1)[0], together[0]);
}

#[test]
fn a_direction_is_the_slope_of_the_weighted_distances() {
    let network = embedded::lenet();
    let objective = Objective::parse(&network, "conv2*0.5+ip2*2", &Mask::default()).unwrap();
    let (origins, targets) = (digits::load(), digits::targets());
    let target = &targets.images()[9];
    // Pixels that are equal over and over are maxima together, where the network has no slope.
    let digit = origins.images()[4].pixels().iter().enumerate();
    let origin: Vec<f32> =
        digit.map(|(index, &pixel)| f32::from(pixel) / 2.0 + (index * 37 % 101) as f32).collect();
    let trace = OriginTrace::of_pixels(&network, &objective.layers(), &origin[..])
        .unwrap()
        .with_relu_start(ReluStart::Exact);
    let targets = objective.represent(&network, target.pixels()).unwrap();
    let direction = trace.toward_objective(&objective, &[&targets[..]]).unwrap().remove(0).unwrap();
    // −½ Σ w ‖f(x) − f(x_t)‖² has the direction as its gradient.
    let nearness = |step: f32| -> f64 {
        let moved = origin.iter().zip(direction.values());
        let pixels: Vec<f32> = moved.map(|(pixel, slope)| pixel + step * slope.signum()).collect();
        let terms = objective.terms.iter().zip(&targets).map(|(term, target)| {
            let representation = network.represent(term.layer, &pixels[..]).unwrap().values;
            let squares = representation.iter().zip(target.iter());
            let squares: f64 = squares.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
            -0.5 * f64::from(term.weight) * squares
        });
        terms.sum()
    };
    let difference = (nearness(0.1) - nearness(-0.1)) / 0.2;
    let slope: f64 = direction.values().iter().map(|&slope| f64::from(slope).abs()).sum();
    assert!((difference - slope).abs() < 0.03 * slope, "{difference} {slope}");
}

#[test]
fn texts_that_are_no_sum_of_layers_are_refused() {
    let network = embedded::lenet();
    let sentence = |text: &str| Objective::parse(&network, text, &Mask::default()).unwrap_err().to_string();
    assert_eq!(sentence("conv7"), "layer `conv7` is not in the network");
    assert_eq!(sentence("conv2*0.5+conv7"), "layer `conv7` is not in the network");
    assert_eq!(
        sentence("conv2*+ip1"),
        "`conv2*+ip1` is no sum of layers: `` is no weight, expected a number from 0.000001 to 1000000 \
         or its negative"
    );
    assert_eq!(
        sentence("ip1*0"),
        "`ip1*0` is no sum of layers: `0` is no weight, expected a number from 0.000001 to 1000000 or \
         its negative"
    );
    for extreme in ["1e38", "1e-45", "-1e7", "inf", "NaN"] {
        assert!(sentence(&format!("conv2*{extreme}")).contains("is no weight"), "{extreme}");
    }
    assert_eq!(sentence("ip1+ip1*2"), "`ip1+ip1*2` is no sum of layers: layer `ip1` is there twice");
    assert_eq!(sentence("+"), "layer `` is not in the network");
}
