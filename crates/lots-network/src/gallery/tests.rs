use proptest::prelude::*;

use super::*;
use crate::network::{Network, class_of};
use crate::pixels::{ChannelOrder, PixelEncoding, Pixels};
use crate::preprocessing::Preprocessing;
use crate::trace::ReluStart;

const LAYERS: [&str; 3] = ["conv2", "ip1", "ip2"];

fn images(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut grey = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as f32
    };
    (0..count * 784).map(|_| grey()).collect()
}

/// Templates of random images, as many of each identity as `counts` says.
fn gallery(layer: &str, metric: Metric, counts: &[usize], seed: u32) -> Gallery {
    let network = Network::lenet(1);
    let rows: Vec<usize> =
        counts.iter().enumerate().flat_map(|(class, &count)| std::iter::repeat_n(class, count)).collect();
    let values = network.represent(network.layer(layer).unwrap(), &images(rows.len(), seed)[..]).unwrap();
    // The first of each identity, then the others: templates of an identity need not lie together.
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| (rows[..row].iter().filter(|&&class| class == rows[row]).count(), rows[row]));
    let templates = order
        .into_iter()
        .map(|row| Template { identity: format!("id {}", rows[row]), values: values.image(row).to_vec() })
        .collect();
    Gallery::new(GalleryHeader { metric, ..GalleryHeader::at_layer(layer) }, templates).unwrap()
}

/// What the logit of each identity is by definition.
fn nearness(gallery: &Gallery, representation: &[f32]) -> Vec<f64> {
    let product =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
    let mut largest = vec![f64::NEG_INFINITY; gallery.identities().len()];
    for (template, &class) in gallery.templates().zip(gallery.classes()) {
        let near = match gallery.header().metric {
            Metric::Cosine => {
                let lengths = product(template, template) * product(representation, representation);
                product(template, representation) / lengths.sqrt()
            }
            Metric::Euclidean => 2.0 * product(template, representation) - product(template, template),
        };
        largest[class] = largest[class].max(near);
    }
    largest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_class_is_the_identity_of_the_nearest_template(
        layer in prop::sample::select(LAYERS.to_vec()),
        metric in prop::sample::select(Metric::ALL.to_vec()),
        counts in prop::collection::vec(1..9_usize, 2..7),
        seed in 0..1000_u32,
    ) {
        let gallery = gallery(layer, metric, &counts, seed);
        let bare = Network::lenet(1);
        let pixels = images(3, seed + 5000);
        let representations = bare.represent(bare.layer(layer).unwrap(), &pixels[..]).unwrap();
        let network = Network::lenet(1).with_gallery(&gallery).unwrap();
        prop_assert_eq!(network.class_count(), counts.len());
        let logits = network.classify(&pixels[..]).unwrap();
        for (logits, representation) in logits.images().zip(representations.images()) {
            let expected = nearness(&gallery, representation);
            let size = expected.iter().fold(1.0_f64, |size, value| size.max(value.abs()));
            for (logit, expected) in logits.iter().zip(&expected) {
                prop_assert!((f64::from(*logit) - expected).abs() < 2e-5 * size, "{logit} {expected}");
            }
            let best = expected[class_of(logits)];
            prop_assert!(expected.iter().all(|other| other - best < 4e-5 * size));
        }
    }
}

#[test]
fn gradients_through_a_gallery_are_differences_of_its_logits() {
    for metric in Metric::ALL {
        let gallery = gallery("ip1", metric, &[1, 3, 2, 5], 3);
        let network = Network::lenet(1).with_gallery(&gallery).unwrap();
        let image = images(1, 77);
        let cotangent = [0.5, -1.0, 2.0, 0.25];
        let trace = network.trace(&[network.logits()], &image[..]).unwrap();
        let gradient = trace.backpropagate(network.logits(), &cotangent, ReluStart::Exact).unwrap().values;
        let at = |step: f32| -> f64 {
            // Along the sign of the gradient, the difference is largest.
            let moved: Vec<f32> =
                image.iter().zip(&gradient).map(|(pixel, slope)| pixel + step * slope.signum()).collect();
            let logits = network.classify(Pixels::from(&moved[..])).unwrap().values;
            logits.iter().zip(cotangent).map(|(&logit, weight)| f64::from(logit) * f64::from(weight)).sum()
        };
        let step = 0.25;
        let difference = (at(step) - at(-step)) / f64::from(2.0 * step);
        let slope: f64 = gradient.iter().map(|&slope| f64::from(slope).abs()).sum();
        assert!((difference - slope).abs() < 0.03 * slope, "{metric:?}: {difference} {slope}");
    }
}

#[test]
fn a_network_with_a_gallery_is_written_and_read_again() {
    for metric in Metric::ALL {
        for counts in [&[1, 1, 1][..], &[2, 2], &[1, 5, 2, 1]] {
            let gallery = gallery("pool2", metric, counts, 9);
            let network = Network::lenet(1).with_gallery(&gallery).unwrap();
            let read = Network::from_onnx(&network.to_onnx()).unwrap();
            let pixels = images(2, 4);
            let logits = network.classify(&pixels[..]).unwrap();
            assert_eq!(read.classify(&pixels[..]).unwrap(), logits, "{metric:?} {counts:?}");
            assert_eq!(read.to_onnx(), network.to_onnx());
            assert_eq!(read.class_names(), gallery.identities());
        }
    }
}

#[test]
fn what_lies_behind_the_layer_is_dropped() {
    let network = Network::lenet(1).with_gallery(&gallery("ip1", Metric::Cosine, &[1, 1], 2)).unwrap();
    assert!(network.layer("ip2").is_err());
    assert_eq!(network.tensor_name(network.logits()), "gallery");
    assert_eq!(network.position(network.layer("ip1").unwrap()), Some(3));
    assert_eq!(network.position(network.logits()), Some(4), "a gallery is the last layer with weights");
    let (bare, pixels) = (Network::lenet(1), images(1, 8));
    let [ours, theirs] =
        [&network, &bare].map(|it| it.represent(it.layer("ip1").unwrap(), &pixels[..]).unwrap());
    assert_eq!(ours, theirs);
}

#[test]
fn a_gallery_behind_a_gallery_has_its_own_names() {
    let first = gallery("ip1", Metric::Cosine, &[1, 2], 2);
    let network = Network::lenet(1).with_gallery(&first).unwrap();
    let templates =
        ["a", "b"].map(|name| Template { identity: name.to_owned(), values: vec![1.0, name.len() as f32] });
    let header = GalleryHeader { metric: Metric::Euclidean, ..GalleryHeader::at_layer("gallery") };
    let second = Gallery::new(header, templates.to_vec()).unwrap();
    let network = network.with_gallery(&second).unwrap();
    assert_eq!(network.tensor_name(network.logits()), "gallery_2");
    Network::from_onnx(&network.to_onnx()).unwrap();
}

#[test]
fn galleries_that_tell_nothing_apart_are_refused() {
    let template =
        |identity: &str, values: &[f32]| Template { identity: identity.to_owned(), values: values.to_vec() };
    let sentence = |metric, templates: &[Template]| {
        let header = GalleryHeader { metric, ..GalleryHeader::at_layer("ip1") };
        Gallery::new(header, templates.to_vec()).unwrap_err().to_string()
    };
    let (one, zero) = (template("a", &[1.0, 2.0]), template("b", &[0.0, 0.0]));
    assert_eq!(
        sentence(Metric::Cosine, &[one.clone(), one.clone()]),
        "the gallery cannot be used: it has 1 identity, expected at least 2"
    );
    assert_eq!(
        sentence(Metric::Cosine, &[one.clone(), zero.clone()]),
        "template 1 (of `b`) is all zeros, which has no angle to anything"
    );
    assert_eq!(
        sentence(Metric::Cosine, &[template("a\n\u{1b}[31m", &[1.0, 2.0]), one.clone()]),
        "template 0 (of `a\\n\\u{1b}[31m`) has an identity that is no name, expected text on one line"
    );
    let header = GalleryHeader { metric: Metric::Euclidean, ..GalleryHeader::at_layer("ip1") };
    assert!(Gallery::new(header, vec![one.clone(), zero]).is_ok());
    assert_eq!(
        sentence(Metric::Euclidean, &[one.clone(), template("c", &[1.0])]),
        "template 1 (of `c`) has 1 number, expected 2 like the first"
    );
    assert_eq!(
        sentence(Metric::Euclidean, &[one.clone(), template("c", &[1.0, f32::NAN])]),
        "template 1 (of `c`) holds NaN, expected finite numbers"
    );
    let small = Gallery::new(GalleryHeader::at_layer("ip1"), vec![one, template("c", &[3.0, 1.0])]).unwrap();
    let error = Network::lenet(0).with_gallery(&small).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the templates of the gallery have 2 numbers, expected 500 as layer `ip1` has"
    );
}

#[test]
fn a_network_that_takes_other_pixels_or_sizes_than_the_templates_is_refused() {
    let header =
        || GalleryHeader { input: Some(Network::lenet(1).input()), ..GalleryHeader::at_layer("ip1") };
    let templates =
        || ["a", "b"].map(|name| Template { identity: name.to_owned(), values: vec![1.0; 500] }).to_vec();
    let gallery = Gallery::new(header(), templates()).unwrap();
    assert!(Network::lenet(2).with_gallery(&gallery).is_ok(), "weights are not looked at here");

    let word = |word| PixelEncoding::from_word(word, ChannelOrder::Grey).unwrap();
    let other = || Network::lenet(1).with_pixels(word("0-255")).unwrap();
    let error = other().with_gallery(&gallery).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the gallery was made with another encoding of the pixels, expected grey, pixel · 0.00390625, got grey, \
         pixel · 1"
    );
    assert!(error.hint().unwrap().contains("the gallery's own is taken"));
    let cropping = Preprocessing::new(None, Some([28, 28])).unwrap();
    let error = Network::lenet(1).with_preprocessing(cropping).unwrap().with_gallery(&gallery).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the gallery was made with another preprocessing, expected none, got crop 28x28"
    );
    let input = NetworkInput { size: [32, 32], ..Network::lenet(1).input() };
    assert!(
        input
            .expect(&Network::lenet(1).input())
            .unwrap_err()
            .to_string()
            .ends_with("expected 32×32, got 28×28")
    );
    assert!(other().with_gallery(&gallery.for_any_input()).is_ok());
}
