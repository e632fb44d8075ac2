//! What must be true of every method, whatever the network and the image: checked on the embedded network and digits.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its functions too")]

use lots::criterion::{Criterion, euclidean_distance};
use lots::data::{ImageSet, digits};
use lots::direction::{OriginTrace, VanishedGradient};
use lots::line_search::image_at;
use lots::{Direction, Image, LineSearch, Method, Outcome, attack, direction, embedded};
use lots_network::{Array, LayerId, Network, ReluStart, class_of};

const LAYERS: [&str; 4] = ["conv1", "conv2", "ip1", "ip2"];

/// A direction of each method and layer for an origin of class `class`; the target has another class.
fn directions(network: &Network, origin: &Image, class: usize) -> Vec<(String, Direction)> {
    let targets = digits::targets();
    let target = &targets.images()[(class + 1) % 10];
    let follow = VanishedGradient::Follow;
    let mut directions = Vec::new();
    for method in Method::ALL.into_iter().filter(|method| method.has_one_direction()) {
        let layers = if method.needs_layer() { &LAYERS[..] } else { &LAYERS[..1] };
        for layer in layers {
            let direction = match method {
                Method::Magnify => direction::magnify(network, layer, origin),
                Method::Reduce => direction::reduce(network, layer, origin),
                Method::FastGradientSign => direction::fast_gradient_sign(network, origin, class, follow),
                Method::FastGradientValue => direction::fast_gradient_value(network, origin, class, follow),
                Method::HotCold => direction::hot_cold(network, origin, class, (class + 1) % 10),
                _ => direction::toward(network, layer, origin, target),
            };
            directions.push((format!("{method}/{layer}"), direction.unwrap()));
        }
    }
    directions
}

fn class(network: &Network, image: &Image) -> usize {
    class_of(network.classify(image.pixels()).unwrap().image(0))
}

/// Some digits that the network reads as their label says.
fn read_digits(network: &Network, count: usize) -> ImageSet {
    let (images, labels, names) = digits::load().into_parts();
    let read: Vec<(Image, (usize, String))> = images
        .into_iter()
        .zip(labels.unwrap().into_iter().zip(names))
        .filter(|(image, (label, _))| class(network, image) == *label)
        .take(count)
        .collect();
    let (images, rest): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    let (labels, names) = rest.into_iter().unzip();
    ImageSet::new(images, Some(labels), names).unwrap()
}

#[test]
fn magnify_is_reduce_with_the_other_sign() {
    let (network, digits) = (embedded::lenet(), digits::load());
    for origin in &digits.images()[..10] {
        for layer in LAYERS {
            let magnified = direction::magnify(&network, layer, origin).unwrap();
            let reduced = direction::reduce(&network, layer, origin).unwrap();
            let negated: Vec<f32> = reduced.values().iter().map(|slope| -slope).collect();
            assert_eq!(magnified.values(), negated, "{layer}");
        }
    }
}

#[test]
fn fast_gradient_sign_is_the_sign_of_fast_gradient_value() {
    let (network, digits) = (embedded::lenet(), digits::load());
    let trace = OriginTrace::of_images(&network, &[], &digits.images()[..50]).unwrap();
    for vanished in [VanishedGradient::Fail, VanishedGradient::Follow] {
        let classes = &digits.labels().unwrap()[..50];
        let signs = trace.fast_gradient_sign(classes, vanished).unwrap();
        let values = trace.fast_gradient_value(classes, vanished).unwrap();
        for (sign, value) in signs.iter().zip(&values) {
            assert_eq!(*sign, value.clone().map(|direction| direction.sign()));
        }
        assert_eq!(signs.iter().all(Result::is_ok), vanished == VanishedGradient::Follow);
    }
}

#[test]
fn many_directions_at_once_are_those_of_each_alone() {
    let (network, digits) = (embedded::lenet(), digits::load());
    let (origins, targets) = (&digits.images()[..37], &digits.images()[100..137]);
    let layers: Vec<_> = LAYERS.iter().map(|layer| network.layer(layer).unwrap()).collect();
    let trace = OriginTrace::of_images(&network, &layers, origins).unwrap();
    for (name, &layer) in LAYERS.iter().zip(&layers) {
        let pixels: Vec<u8> = targets.iter().flat_map(|target| target.pixels().to_vec()).collect();
        let representations = network.represent(layer, &pixels[..]).unwrap();
        let together = trace.toward(layer, &representations.images().collect::<Vec<_>>()).unwrap();
        for ((origin, target), together) in origins.iter().zip(targets).zip(together) {
            assert_eq!(direction::toward(&network, name, origin, target).unwrap(), together.unwrap());
        }
    }
}

#[test]
fn a_thousand_images_at_once_give_the_bytes_of_each_alone_for_any_number_of_threads() {
    let (network, digits) = (embedded::lenet(), digits::load());
    let layers: Vec<LayerId> = LAYERS.iter().map(|layer| network.layer(layer).unwrap()).collect();
    let pixels: Vec<u8> = digits.images().iter().flat_map(|image| image.pixels().to_vec()).collect();
    // What the images look like at each layer, and that carried back to the pixels.
    let compute = |pixels: &[u8]| -> Vec<Array> {
        let trace = network.trace(&layers, pixels).unwrap();
        let both = |&layer: &LayerId| {
            let representations = trace.representation(layer).unwrap();
            let back = trace.backpropagate(layer, &representations.values, ReluStart::Exact).unwrap();
            [network.represent(layer, pixels).unwrap(), representations, back]
        };
        layers.iter().flat_map(both).collect()
    };
    let with_threads = |threads: usize, pixels: &[u8]| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| compute(pixels))
    };
    let together = with_threads(1, &pixels);
    assert!(together == with_threads(2, &pixels), "two threads");
    for (index, image) in digits.images().iter().enumerate() {
        for (alone, together) in compute(image.pixels()).iter().zip(&together) {
            assert_eq!(alone.values, together.image(index), "digit {index}");
        }
    }
}

#[test]
fn a_small_step_toward_a_target_brings_the_representations_closer() {
    let (network, digits) = (embedded::lenet(), digits::load());
    let targets = digits::targets();
    for name in LAYERS {
        let layer = network.layer(name).unwrap();
        let represent = |image: &Image| network.represent(layer, image.pixels()).unwrap().values;
        for (origin, label) in digits.images()[..20].iter().zip(digits.labels().unwrap()) {
            let target = &targets.images()[(label + 3) % 10];
            let direction = direction::toward(&network, name, origin, target).unwrap();
            let (wanted, before) = (represent(target), represent(origin));
            // Two grey levels: small, and enough that rounding leaves something of the direction.
            let after = represent(&image_at(origin, &direction, 2.0).unwrap());
            let (before, after) = (euclidean_distance(&before, &wanted), euclidean_distance(&after, &wanted));
            assert!(after < before, "{name}: {before} before, {after} after");
        }
    }
}

#[test]
fn the_criterion_holds_at_the_step_that_was_found_and_not_at_the_image_before() {
    let network = embedded::lenet();
    let origins = read_digits(&network, 4);
    let mut reached = 0;
    for (origin, &origin_class) in origins.images().iter().zip(origins.labels().unwrap()) {
        for (name, direction) in directions(&network, origin, origin_class) {
            for criterion in [Criterion::Misclassified, Criterion::Class((origin_class + 1) % 10)] {
                let outcome =
                    attack::along(&network, origin, &direction, &criterion, &LineSearch::default()).unwrap();
                let Outcome::Reached(perturbed) = outcome else { continue };
                reached += 1;
                let holds = |class: usize| match criterion {
                    Criterion::Class(wanted) => class == wanted,
                    _ => class != origin_class,
                };
                assert_eq!(perturbed.class, class(&network, &perturbed.image));
                assert!(holds(perturbed.class), "{name} {criterion:?}");
                let at = |step| image_at(origin, &direction, step).unwrap();
                assert_eq!(at(perturbed.bracket.hi), perturbed.image);
                assert!(!holds(class(&network, &at(perturbed.bracket.lo))), "{name} {criterion:?}");
                // The image before is the last of those that lie before: there is no third one.
                assert_eq!(at(perturbed.bracket.hi.next_down()), at(perturbed.bracket.lo), "{name}");
                let perturbation = perturbed.perturbation(origin).unwrap();
                assert_eq!((perturbation.l2(), perturbation.linf()), (perturbed.l2, perturbed.linf));
            }
        }
    }
    assert!(reached > 50, "only {reached} attempts reached their criterion");
}
