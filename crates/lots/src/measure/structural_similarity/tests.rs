use proptest::prelude::*;

use super::*;

/// SSIM window by window, pixel by pixel, in the form with three factors.
fn ssim_reference(origin: &Image, perturbed: &Image, parameters: &SimilarityParameters) -> f64 {
    let (height, width) = (origin.height(), origin.width());
    let inset = if parameters.border == Border::Valid { HALF_WINDOW } else { 0 };
    let (mut sum, mut count) = (0.0, 0.0);
    for channel in 0..origin.channels() {
        for row in inset..height - inset {
            for column in inset..width - inset {
                let pairs = window(origin, perturbed, channel, row, column);
                sum += window_similarity(&pairs, parameters.exponents);
                count += 1.0;
            }
        }
    }
    sum / count
}

/// Weight and both pixels of every place of the window around a pixel.
fn window(
    origin: &Image,
    perturbed: &Image,
    channel: usize,
    row: usize,
    column: usize,
) -> Vec<(f64, f64, f64)> {
    let gaussian = |distance: isize| (-(distance * distance) as f64 / (2.0 * 1.5 * 1.5)).exp();
    let total: f64 = (-5..=5).map(gaussian).sum();
    let mut pairs = Vec::new();
    for down in -5..=5 {
        for right in -5..=5 {
            let row = Continuation::Symmetric.index(row.cast_signed() + down, origin.height());
            let column = Continuation::Symmetric.index(column.cast_signed() + right, origin.width());
            let at = row * origin.width() + column;
            let pixel = |image: &Image| f64::from(image.plane(channel)[at]);
            pairs.push((gaussian(down) * gaussian(right) / (total * total), pixel(origin), pixel(perturbed)));
        }
    }
    pairs
}

fn window_similarity(pairs: &[(f64, f64, f64)], exponents: Exponents) -> f64 {
    let mean = |value: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|&(w, x, y)| w * value(x, y)).sum::<f64>();
    let (mean_x, mean_y) = (mean(&|x, _| x), mean(&|_, y| y));
    let deviation_x = mean(&|x, _| (x - mean_x).powi(2)).sqrt();
    let deviation_y = mean(&|_, y| (y - mean_y).powi(2)).sqrt();
    let covariance = mean(&|x, y| (x - mean_x) * (y - mean_y));
    let luminance = (2.0 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1);
    let contrast = (2.0 * deviation_x * deviation_y + C2) / (deviation_x.powi(2) + deviation_y.powi(2) + C2);
    let structure = (covariance + C3) / (deviation_x * deviation_y + C3);
    let sign = if structure < 0.0 { -1.0 } else { 1.0 };
    luminance.powf(exponents.luminance)
        * contrast.powf(exponents.contrast)
        * sign
        * structure.abs().powf(exponents.structure)
}

fn image(channels: usize, height: usize, width: usize) -> impl Strategy<Value = Image> {
    prop::collection::vec(any::<u8>(), channels * height * width)
        .prop_map(move |pixels| Image::new(channels, height, width, pixels).unwrap())
}

/// Two images of the same random shape.
fn pair() -> impl Strategy<Value = (Image, Image)> {
    (prop::sample::select(vec![1_usize, 3]), 1_usize..20, 1_usize..20).prop_flat_map(
        |(channels, height, width)| (image(channels, height, width), image(channels, height, width)),
    )
}

fn ssim(origin: &Image, perturbed: &Image) -> f64 {
    structural_similarity(origin, perturbed, &SimilarityParameters::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_fast_map_equals_the_definition((origin, perturbed) in pair()) {
        let parameters = SimilarityParameters::default();
        let expected = ssim_reference(&origin, &perturbed, &parameters);
        prop_assert!((ssim(&origin, &perturbed) - expected).abs() < 1e-9);
    }

    #[test]
    fn valid_windows_and_other_exponents_equal_the_definition(
        origin in image(1, 13, 18), perturbed in image(1, 13, 18), power in 0.25_f64..2.0,
    ) {
        let exponents = Exponents { luminance: power, contrast: 0.5, structure: 1.5 };
        for border in [Border::Valid, Border::Full] {
            for exponents in [exponents, Exponents::default()] {
                let parameters = SimilarityParameters { border, exponents, ..Default::default() };
                let got = structural_similarity(&origin, &perturbed, &parameters).unwrap();
                let expected = ssim_reference(&origin, &perturbed, &parameters);
                prop_assert!((got - expected).abs() < 1e-8, "{border:?}: {got} instead of {expected}");
            }
        }
    }

    #[test]
    fn it_is_symmetric_and_one_only_at_the_top((origin, perturbed) in pair()) {
        let similarity = ssim(&origin, &perturbed);
        prop_assert!((similarity - ssim(&perturbed, &origin)).abs() < 1e-12);
        prop_assert!((-1.0..=1.0 + 1e-12).contains(&similarity));
        prop_assert!(similarity < 1.0 || origin == perturbed);
    }

    #[test]
    fn an_image_is_exactly_like_itself((origin, _) in pair()) {
        prop_assert_eq!(ssim(&origin, &origin).to_bits(), 1.0_f64.to_bits());
    }
}

#[test]
fn black_is_like_black() {
    let black = Image::new(1, 28, 28, vec![0; 784]).unwrap();
    assert_eq!(ssim(&black, &black).to_bits(), 1.0_f64.to_bits());
}

#[test]
fn the_window_is_a_gaussian_with_sum_one() {
    let weight = |distance: usize| (-((distance * distance) as f64) / 4.5).exp();
    let total = weight(0) + 2.0 * (1..=HALF_WINDOW).map(weight).sum::<f64>();
    for (distance, tap) in GAUSSIAN_WINDOW.taps.iter().enumerate() {
        assert!((tap - weight(distance) / total).abs() < 1e-16, "tap {distance}");
    }
}

#[test]
fn an_image_smaller_than_the_window_has_no_valid_window() {
    let small = Image::new(1, 10, 30, vec![0; 300]).unwrap();
    let parameters = SimilarityParameters { border: Border::Valid, ..Default::default() };
    let error = structural_similarity(&small, &small, &parameters).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an image of 10×30 pixels has no valid window, expected at least 11×11 pixels"
    );
    assert!(error.hint().is_some());
}

#[test]
fn luma_ignores_a_change_of_colour_alone() {
    // 0.299 · 114 = 0.114 · 299, so these two colours have the same luma.
    let origin = Image::new(3, 1, 1, vec![114, 0, 0]).unwrap();
    let perturbed = Image::new(3, 1, 1, vec![76, 0, 99]).unwrap();
    let luma = SimilarityParameters { colour: Colour::Luma, ..Default::default() };
    let similarity = structural_similarity(&origin, &perturbed, &luma).unwrap();
    assert!(similarity > 0.9999, "luma: {similarity}");
    assert!(ssim(&origin, &perturbed) < 0.7);
}
