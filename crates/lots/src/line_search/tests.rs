use super::*;
use crate::error::Result;
use proptest::prelude::*;

fn image(pixels: &[u8]) -> Image {
    Image::new(1, 1, pixels.len(), pixels.to_vec()).unwrap()
}

fn direction(slopes: &[f32]) -> Direction {
    Direction::new([1, 1, slopes.len()], slopes.to_vec()).unwrap()
}

/// Σ |pixel − origin|: grows along every ray.
fn distance(origin: &Image, image: &Image) -> f64 {
    origin.pixels().iter().zip(image.pixels()).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum()
}

fn beyond(origin: &Image, threshold: f64) -> impl Fn(&Image) -> Verdict {
    move |image: &Image| {
        let margin = distance(origin, image) - threshold;
        Verdict { holds: margin >= 0.0, margin }
    }
}

/// The images strictly between two steps, found by halving the ray until steps are neighbouring numbers.
fn a_third_image(ray: &Ray, lo: f64, hi: f64) -> Option<f64> {
    let (from, to) = (ray.image(lo), ray.image(hi));
    let (mut below, mut above) = (lo.to_bits(), hi.to_bits());
    // Pixels are monotone along the ray: if any image differs from both ends, it is found where `from` ceases.
    while above - below > 1 {
        let middle = below.midpoint(above);
        if ray.image(f64::from_bits(middle)) == from {
            below = middle;
        } else {
            above = middle;
        }
    }
    let next = f64::from_bits(above);
    (ray.image(next) != to).then_some(next)
}

#[test]
fn a_known_crossing_is_found_exactly() -> Result<()> {
    let (origin, slopes) = (image(&[100, 50]), direction(&[2.0, -0.5]));
    // Pixel 0 reaches 107 at step 6.5; pixel 1 has switched at 2 (just behind) and will at 6 and 10.
    let finding = LineSearch::default().smallest_step(&origin, &slopes, Verdict::from(false), |image| {
        Verdict::from(image.pixels()[0] >= 107)
    })?;
    let bracket = finding.end.unwrap();
    assert_eq!((bracket.hi, bracket.crossing), (6.5, Crossing::Assumed));
    assert!(bracket.lo < 6.5 && bracket.lo > 6.0);
    Ok(())
}

#[test]
fn a_crossing_before_the_first_step_is_found() -> Result<()> {
    let (origin, slopes) = (image(&[100, 50]), direction(&[1.0, 1.0]));
    let finding = LineSearch { first_step: 1.0, ..LineSearch::default() }.smallest_step(
        &origin,
        &slopes,
        Verdict::from(false),
        |_| Verdict::from(true),
    )?;
    assert_eq!(finding.end, Ok(Bracket { lo: 0.0, hi: 0.5, crossing: Crossing::Assumed }));
    assert_eq!(finding.judged, 1, "the next image is the first, so there is nothing left to ask");
    Ok(())
}

#[test]
fn a_ray_that_ends_is_saturated_and_one_that_does_not_hits_the_limit() -> Result<()> {
    let never = |_: &Image| Verdict::from(false);
    let search = LineSearch::default();
    for (origin, slopes, end, judged) in [
        // 253.5 is the last switch of the slower pixel that moves.
        (image(&[0, 1, 255]), direction(&[1.0, 1.0, 1.0]), NoStep::Saturated, 5),
        // Nothing can move at all: no image is worth a question.
        (image(&[255, 0]), direction(&[1.0, -1.0]), NoStep::Saturated, 0),
        // At a slope of 10⁻⁷ a pixel arrives behind 2²⁰.
        (image(&[128, 128]), direction(&[1.0, 1e-7]), NoStep::StepLimit, 4),
    ] {
        let finding = search.smallest_step(&origin, &slopes, Verdict::from(false), never)?;
        assert_eq!((finding.end, finding.judged), (Err(end), judged), "{origin:?} {slopes:?}");
    }
    let short = LineSearch { max_step: 3.0, ..search };
    let mut longest = 0;
    let finding = short.smallest_step(&image(&[0]), &direction(&[1.0]), Verdict::from(false), |image| {
        longest = longest.max(image.pixels()[0]);
        Verdict::from(false)
    })?;
    assert_eq!((finding.end, longest), (Err(NoStep::StepLimit), 3));
    Ok(())
}

#[test]
fn the_last_image_of_a_ray_is_asked() -> Result<()> {
    let origin = image(&[3, 200, 90]);
    let slopes = direction(&[1.0, -0.013, 0.000_2]);
    let last = [255, 0, 255];
    let finding = LineSearch::default().smallest_step(&origin, &slopes, Verdict::from(false), |image| {
        Verdict::from(image.pixels() == last)
    })?;
    let hi = finding.end.unwrap().hi;
    assert_eq!(image_at(&origin, &slopes, hi)?.pixels(), last);
    assert_ne!(image_at(&origin, &slopes, hi.next_down())?.pixels(), last);
    Ok(())
}

#[test]
fn a_scan_sees_an_earlier_crossing() -> Result<()> {
    let (origin, slopes) = (image(&[0]), direction(&[1.0]));
    // Doubling looks at 16, 32 and misses the island at 5 and 6.
    let judge = |image: &Image| Verdict::from(matches!(image.pixels()[0], 5 | 6 | 30..));
    let crossing = |scan: Scan| -> Result<Bracket> {
        let search = LineSearch { scan, ..LineSearch::default() };
        Ok(search.smallest_step(&origin, &slopes, Verdict::from(false), judge)?.end.unwrap())
    };
    let unscanned = crossing(Scan::Off)?;
    assert_eq!((unscanned.hi, unscanned.crossing), (29.5, Crossing::Assumed));
    for scan in [Scan::EachImage, Scan::Stride(0.5), Scan::Stride(2.0)] {
        let bracket = crossing(scan)?;
        assert_eq!((bracket.hi, bracket.crossing), (4.5, Crossing::Earlier { later: 29.5 }), "{scan:?}");
    }
    let too_coarse = crossing(Scan::Stride(7.0))?;
    assert_eq!((too_coarse.hi, too_coarse.crossing), (29.5, Crossing::First));
    Ok(())
}

#[test]
fn the_margin_leads_to_the_crossing() -> Result<()> {
    let (origin, slopes) = (image(&[0, 0]), direction(&[1.0, 0.25]));
    let judge = beyond(&origin, 200.0);
    let at_origin = judge(&origin);
    let guided = LineSearch::default().smallest_step(&origin, &slopes, at_origin, &judge)?;
    let blind = LineSearch::default()
        .smallest_step(&origin, &slopes, at_origin, |image| Verdict::from(judge(image).holds))?;
    assert_eq!(guided.end.map(|bracket| bracket.hi), blind.end.map(|bracket| bracket.hi));
    assert!(guided.judged < blind.judged, "{} guided, {} blind", guided.judged, blind.judged);
    Ok(())
}

#[test]
fn where_the_margin_leads_astray_doubling_still_finds_what_it_found() -> Result<()> {
    let (origin, slopes) = (image(&[0]), direction(&[1.0]));
    // An island around 32 that the rising margin leads past, and no other place where the criterion holds.
    let judge = |image: &Image| {
        let pixel = f64::from(image.pixels()[0]);
        let holds = (30.0..36.0).contains(&pixel);
        Verdict { holds, margin: if holds { 1.0 } else { pixel / 100.0 - 10.0 } }
    };
    let at_origin = judge(&origin);
    let finding = LineSearch::default().smallest_step(&origin, &slopes, at_origin, judge)?;
    assert_eq!(finding.end.map(|bracket| bracket.hi), Ok(29.5));
    Ok(())
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let default = LineSearch::default();
    for (search, message) in [
        (LineSearch { first_step: 0.0, ..default }, "the first step is 0, expected more than 0"),
        (LineSearch { growth: 1.0, ..default }, "the growth is 1, expected more than 1"),
        (LineSearch { max_step: f64::INFINITY, ..default }, "the longest step is inf, expected more than 0"),
        (
            LineSearch { scan: Scan::Stride(-1.0), ..default },
            "the stride of the scan is -1, expected more than 0",
        ),
    ] {
        assert_eq!(search.check().unwrap_err().to_string(), message);
    }
}

fn pixels() -> impl Strategy<Value = Vec<(u8, f32)>> {
    let slope = prop_oneof![
        4 => -1.0_f32..1.0,
        1 => prop_oneof![Just(1.0_f32), Just(-1.0), Just(0.0), Just(0.5)],
        1 => (-12_i32..0).prop_map(|exponent| 10.0_f32.powi(exponent)),
    ];
    let origin = prop_oneof![any::<u8>(), Just(0_u8), Just(255_u8)];
    prop::collection::vec((origin, slope), 1..40)
        .prop_filter("a direction is not zero", |pixels| pixels.iter().any(|(_, slope)| *slope != 0.0))
}

proptest! {
    #[test]
    fn the_bracket_is_lattice_tight(pixels in pixels(), part in 0.0..1.0_f64, weights: u64, with_margin: bool) {
        let (origin, slopes): (Vec<u8>, Vec<f32>) = pixels.into_iter().unzip();
        let (origin, slopes) = (image(&origin), direction(&slopes));
        // A criterion that is not monotone along the ray: some pixels count against it.
        let score = |image: &Image| -> f64 {
            let signed = |index: usize, value: f64| if weights >> (index % 64) & 1 == 0 { value } else { -value };
            let pairs = origin.pixels().iter().zip(image.pixels()).enumerate();
            pairs.map(|(index, (&a, &b))| signed(index, f64::from(a.abs_diff(b)))).sum()
        };
        let threshold = 0.5 + part * 300.0;
        let judge = |image: &Image| {
            let margin = score(image) - threshold;
            Verdict { holds: margin >= 0.0, margin: if with_margin { margin } else { f64::NAN } }
        };
        let at_origin = judge(&origin);
        let finding = LineSearch::default().smallest_step(&origin, &slopes, at_origin, judge).unwrap();
        let ray = Ray::new(&origin, &slopes).unwrap();
        match finding.end {
            Ok(bracket) => {
                prop_assert!(judge(&ray.image(bracket.hi)).holds);
                prop_assert!(!judge(&ray.image(bracket.lo)).holds);
                prop_assert_eq!(a_third_image(&ray, bracket.lo, bracket.hi), None);
                prop_assert!(ray.image(bracket.hi.next_down()) != ray.image(bracket.hi), "the smallest step of its image");
            }
            Err(NoStep::Saturated) => prop_assert!(!judge(&ray.image(1e300)).holds),
            Err(NoStep::StepLimit) => prop_assert!(ray.last_step() > LineSearch::default().max_step),
            Err(NoStep::Budget) => prop_assert!(false, "there is no budget"),
        }
    }

    #[test]
    fn a_monotone_criterion_has_one_answer(pixels in pixels(), part in 0.0..1.0_f64) {
        let (origin, slopes): (Vec<u8>, Vec<f32>) = pixels.into_iter().unzip();
        let (origin, slopes) = (image(&origin), direction(&slopes));
        let ray = Ray::new(&origin, &slopes).unwrap();
        let limit = LineSearch::default().max_step;
        let threshold = (part * distance(&origin, &ray.image(limit))).max(0.5);
        let judge = beyond(&origin, threshold);
        // The obvious search: all images of the ray, one after the other.
        let expected = ray.switching_steps(0.0, limit).into_iter().find(|&step| judge(&ray.image(step)).holds);
        let at_origin = judge(&origin);
        let guided = LineSearch::default().smallest_step(&origin, &slopes, at_origin, &judge).unwrap();
        let blind = LineSearch::default()
            .smallest_step(&origin, &slopes, Verdict::from(false), |image| Verdict::from(judge(image).holds))
            .unwrap();
        let scanned = LineSearch { scan: Scan::EachImage, growth: 3.0, ..LineSearch::default() }
            .smallest_step(&origin, &slopes, at_origin, &judge)
            .unwrap();
        prop_assert_eq!(guided.end.ok().map(|bracket| bracket.hi), expected);
        prop_assert_eq!(blind.end.ok().map(|bracket| bracket.hi), expected);
        prop_assert_eq!(scanned.end.ok().map(|bracket| bracket.hi), expected);
        prop_assert!(blind.judged <= 21 + 60, "{}", blind.judged);
        prop_assert!(guided.judged <= 21 + 60, "{}", guided.judged);
    }

    #[test]
    fn together_is_the_same_as_alone(rays in prop::collection::vec((pixels(), 0.5..900.0_f64), 1..12), batch in 1..5_usize) {
        let rays: Vec<(Image, Direction, f64)> = rays
            .into_iter()
            .map(|(pixels, threshold)| {
                // All of one size, as the images of one network are.
                let (mut origin, mut slopes): (Vec<u8>, Vec<f32>) = pixels.into_iter().unzip();
                origin.resize(40, 9);
                slopes.resize(40, 0.25);
                (image(&origin), direction(&slopes), threshold)
            })
            .collect();
        let options = LineSearch { scan: Scan::Stride(3.0), ..LineSearch::default() };
        let mut searches: Vec<Search> = rays
            .iter()
            .map(|(origin, slopes, threshold)| Search::new(Ray::new(origin, slopes).unwrap(), options, -threshold))
            .collect();
        search_together(&mut searches, batch, &mut |asking, pixels| {
            assert!(asking.len() <= batch);
            Ok(asking
                .iter()
                .zip(pixels.chunks_exact(40))
                .map(|(&index, pixels)| beyond(&rays[index].0, rays[index].2)(&image(pixels)))
                .collect())
        })
        .unwrap();
        for (search, (origin, slopes, threshold)) in searches.iter().zip(&rays) {
            let at_origin = Verdict { holds: false, margin: -threshold };
            let alone = options.smallest_step(origin, slopes, at_origin, beyond(origin, *threshold)).unwrap();
            prop_assert_eq!(search.finding(), alone);
        }
    }
}

#[test]
fn a_search_that_is_cut_short_has_the_best_step_so_far() {
    let (origin, slopes) = (image(&[100, 50]), direction(&[1.0, -0.3]));
    let judge = beyond(&origin, 20.0);
    let options = LineSearch { first_step: 1.0, ..LineSearch::default() };
    let search = |most: usize| {
        let mut search = Search::new(Ray::new(&origin, &slopes).unwrap(), options, f64::NAN);
        search.judge_at_most(most);
        while let Some(step) = search.step() {
            search.tell(Verdict::from(judge(&search.ray().image(step)).holds));
        }
        (search.finding(), search.is_cut_short())
    };
    let (whole, is_cut_short) = search(usize::MAX);
    assert!(!is_cut_short && search(whole.judged) == (whole, false));
    assert_eq!(search(0), (Finding { end: Err(NoStep::Budget), judged: 0 }, true));
    let best = whole.end.unwrap().hi;
    for most in 1..whole.judged {
        let (cut, is_cut_short) = search(most);
        assert!(is_cut_short && cut.judged == most);
        match cut.end {
            Ok(bracket) => {
                assert!(bracket.lo < best && best <= bracket.hi, "{most}: {bracket:?}");
                assert!(judge(&Ray::new(&origin, &slopes).unwrap().image(bracket.hi)).holds);
            }
            Err(reason) => assert_eq!(reason, NoStep::Budget),
        }
    }
}
