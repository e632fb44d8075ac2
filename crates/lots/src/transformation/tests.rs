use super::*;
use crate::criterion::Criterion;
use crate::data::digits;
use crate::embedded;
use crate::line_search::Verdict;

/// Every pixel another one, `[channels, 5, 4]`.
fn image(channels: usize) -> Image {
    let pixels = (0..channels * 20).map(|index| (index * 37 % 256) as u8).collect();
    Image::new(channels, 5, 4, pixels).unwrap()
}

#[test]
fn what_is_written_is_what_is_read() {
    for transformation in Transformation::ALL {
        assert_eq!(transformation.to_string().parse::<Transformation>().unwrap(), transformation);
    }
    assert_eq!("blur:0.75".parse::<Transformation>().unwrap(), Transformation::Blur(0.75));
}

#[test]
fn a_transformation_that_means_nothing_is_refused() {
    for text in [
        "",
        "jpeg",
        "jpeg:0",
        "jpeg:101",
        "jpeg:9.5",
        "png:1",
        "webp:80",
        "resize:0",
        "resize:1.5",
        "resize:nan",
        "shift:0",
        "shift:-1",
        "blur:0",
        "blur:inf",
        "bits:0",
        "bits:9",
        "half-weights",
        "PNG",
    ] {
        let error = text.parse::<Transformation>().unwrap_err();
        assert_eq!(error.to_string(), format!("`{text}` is no transformation"));
        assert!(error.hint().unwrap().contains("`jpeg:95`"));
    }
}

#[test]
fn files_without_loss_change_nothing() {
    for channels in [1, 2, 3, 4] {
        let image = image(channels);
        assert_eq!(png(&image).unwrap(), image);
        assert_eq!(webp(&image).unwrap(), image);
    }
}

#[test]
fn every_transformation_keeps_the_shape_and_says_how_many_images_it_makes() {
    for channels in [1, 3, 5] {
        let image = image(channels);
        for transformation in Transformation::ALL {
            let images = transformation.images(&image).unwrap();
            assert_eq!(images.len(), transformation.image_count());
            assert!(images.iter().all(|made| made.shape() == image.shape()), "{transformation}");
        }
    }
}

#[test]
fn a_uniform_image_stays_what_it_is() {
    let grey = Image::new(3, 9, 7, vec![118; 189]).unwrap();
    for transformation in [
        Transformation::Resize(0.5),
        Transformation::Shift(3),
        Transformation::Blur(2.0),
        Transformation::Bits(8),
    ] {
        assert!(transformation.images(&grey).unwrap().iter().all(|made| *made == grey), "{transformation}");
    }
}

#[test]
fn a_shift_and_its_reverse_meet_inside() {
    let image = image(1);
    let back = shifted(&shifted(&image, [1, -1]), [-1, 1]);
    for row in 0..4 {
        for column in 1..4 {
            assert_eq!(back.pixels()[row * 4 + column], image.pixels()[row * 4 + column]);
        }
    }
    // Beyond the image there is nothing but its edge.
    assert_eq!(shifted(&image, [0, 9]).plane(0)[..4], [image.pixels()[0]; 4]);
}

#[test]
fn a_blur_is_the_weighted_mean_of_all_neighbours() {
    let image = image(1);
    let (deviation, reach) = (0.8_f64, 3_isize);
    let weight = |distance: isize| (-((distance * distance) as f64) / (2.0 * deviation * deviation)).exp();
    let blurred = blurred(&image, deviation);
    for row in 0..5_isize {
        for column in 0..4_isize {
            let (mut sum, mut total) = (0.0, 0.0);
            for down in -reach..=reach {
                for right in -reach..=reach {
                    let place = (row + down).clamp(0, 4) * 4 + (column + right).clamp(0, 3);
                    let weight = weight(down) * weight(right);
                    sum += weight * f64::from(image.pixels()[place as usize]);
                    total += weight;
                }
            }
            let got = f64::from(blurred.pixels()[(row * 4 + column) as usize]);
            assert!((got - sum / total).abs() <= 0.5 + 1e-9, "{row}, {column}");
        }
    }
}

#[test]
fn bits_are_evenly_spread_levels() {
    let ramp = Image::new(1, 1, 256, (0..=255).collect()).unwrap();
    for bits in 1..=8 {
        let reduced = with_bits(&ramp, bits);
        let mut levels = reduced.pixels().to_vec();
        levels.dedup();
        assert_eq!(levels.len(), 1 << bits, "ascending, each level once");
        assert_eq!((levels[0], levels[levels.len() - 1]), (0, 255));
        let half = 255.0 / f64::from((1 << bits) - 1) / 2.0;
        for (before, &behind) in ramp.pixels().iter().zip(reduced.pixels()) {
            assert!((f64::from(*before) - f64::from(behind)).abs() <= half + 0.5);
        }
        assert_eq!(with_bits(&reduced, bits), reduced);
    }
}

#[test]
fn half_weights_are_halves_and_stay_what_they_are() {
    let mut network = embedded::lenet();
    let values = |network: &Network| -> Vec<u32> {
        network.parameters().iter().flat_map(|it| it.values.to_vec()).map(f32::to_bits).collect()
    };
    let before = values(&network);
    halve_weights(&mut network);
    let once = values(&network);
    assert!(before.iter().zip(&once).any(|(a, b)| a != b));
    assert!(once.iter().all(|&bits| f16::from_f32(f32::from_bits(bits)).to_f32().to_bits() == bits));
    halve_weights(&mut network);
    assert_eq!(values(&network), once);
}

#[test]
fn a_claim_holds_only_if_it_holds_for_each_image() {
    let network = embedded::lenet();
    let digits = digits::load();
    let criteria: Vec<Criterion> = (0..10).map(Criterion::Class).collect();
    let claims: Vec<Claim<'_>> = digits.images()[..40]
        .iter()
        .zip(digits.labels().unwrap())
        .map(|(image, &label)| Claim { image, criterion: &criteria[label], origin_class: label })
        .collect();
    for transformation in [Transformation::Shift(4), Transformation::Jpeg(5), Transformation::Blur(3.0)] {
        let verdicts = verdicts(&network, transformation, &claims).unwrap();
        for (claim, verdict) in claims.iter().zip(&verdicts) {
            let made = transformation.images(claim.image).unwrap();
            let alone = made.iter().map(|image| {
                claim.criterion.judge(claim.origin_class, network.classify(image.pixels()).unwrap().image(0))
            });
            let alone: Vec<Verdict> = alone.collect();
            assert_eq!(verdict.holds, alone.iter().all(|it| it.holds));
            let smallest = alone.iter().map(|it| it.margin).fold(f64::INFINITY, f64::min);
            assert_eq!(verdict.margin.to_bits(), smallest.to_bits());
        }
    }
}
