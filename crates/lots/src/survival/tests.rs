use proptest::prelude::*;

use super::*;

/// Weeks in remission of 21 patients with leukaemia who were given 6-mercaptopurine, and of 21 who were given a placebo;
/// those with `false` were still in remission when they were last seen.
///
/// Source: Freireich and others, "The effect of 6-mercaptopurine on the duration of steroid-induced remissions in acute
/// leukemia", Blood 21 (1963), 699–716; the table as in Gehan, Biometrika 52 (1965), 203–223.
const TREATED: [(u32, bool); 21] = [
    (6, true),
    (6, true),
    (6, true),
    (6, false),
    (7, true),
    (9, false),
    (10, true),
    (10, false),
    (11, false),
    (13, true),
    (16, true),
    (17, false),
    (19, false),
    (20, false),
    (22, true),
    (23, true),
    (25, false),
    (32, false),
    (32, false),
    (34, false),
    (35, false),
];
const PLACEBO: [u32; 21] = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];

fn observations(pairs: &[(u32, bool)]) -> Vec<Observation> {
    let observation = |&(magnitude, is_flipped)| Observation { magnitude: f64::from(magnitude), is_flipped };
    pairs.iter().map(observation).collect()
}

/// S(m) by its formula, one factor for each magnitude that is seen, each counted anew.
fn share_reference(observations: &[Observation], magnitude: f64) -> f64 {
    let mut seen: Vec<f64> = observations.iter().map(|observation| observation.magnitude).collect();
    seen.sort_by(f64::total_cmp);
    seen.dedup();
    let mut share = 1.0;
    for at in seen.into_iter().filter(|&at| at <= magnitude) {
        let at_risk = observations.iter().filter(|observation| observation.magnitude >= at).count();
        let flipped = observations
            .iter()
            .filter(|observation| observation.is_flipped && (observation.magnitude - at).abs() < 1e-12)
            .count();
        share *= 1.0 - flipped as f64 / at_risk as f64;
    }
    share
}

fn close(got: f64, expected: f64, tolerance: f64) -> bool {
    (got - expected).abs() <= tolerance
}

#[test]
fn the_published_curve_of_the_leukaemia_trial_is_found() {
    // Numbers at risk, remissions that ended, and shares to three digits: Kleinbaum, Klein, "Survival Analysis: A
    // Self-Learning Text", 3rd edition (2012), table 2.4; the same as R's `survfit` prints.
    let expected = [
        (6, 21, 3, 0.857),
        (7, 17, 1, 0.807),
        (10, 15, 1, 0.753),
        (13, 12, 1, 0.690),
        (16, 11, 1, 0.627),
        (22, 7, 1, 0.538),
        (23, 6, 1, 0.448),
    ];
    let curve = Curve::new(&observations(&TREATED));
    assert_eq!(curve.points().len(), expected.len());
    for (point, (week, at_risk, flipped, share)) in curve.points().iter().zip(expected) {
        assert!(close(point.magnitude, f64::from(week), 0.0), "{point:?}");
        assert_eq!((point.at_risk, point.flipped), (at_risk, flipped));
        assert!(close(point.share, share, 5e-4), "{point:?}, expected {share}");
    }
    assert_eq!((curve.count(), curve.flipped(), curve.censored()), (21, 9, 12));
    // The medians that are quoted with the trial: 23 weeks and 8 weeks.
    assert_eq!(curve.quantile(0.5), Some(23.0));
    assert_eq!(curve.quantile(0.75), None, "fewer than three quarters had a relapse");
    let placebo: Vec<Observation> =
        PLACEBO.iter().map(|&week| Observation::flipped(f64::from(week))).collect();
    assert_eq!(Curve::new(&placebo).quantile(0.5), Some(8.0));
}

#[test]
fn without_observations_nothing_is_known() {
    let curve = Curve::new(&[]);
    assert_eq!((curve.count(), curve.quantile(0.5)), (0, None));
    assert!(close(curve.share(7.0), 1.0, 0.0));
    let sample = Sample::new([]);
    assert_eq!(sample.quantile(0.5), Quantile::Unknown);
    assert_eq!(sample.interval(0.5, &Resampling::default()), Interval::default());
}

#[test]
fn what_never_flips_is_not_reached_and_its_interval_is_open() {
    let sample = Sample::new((0..20).map(|origin| (origin, Observation::censored(255.0))));
    assert_eq!(sample.quantile(0.5), Quantile::AtLeast(255.0));
    assert_eq!(
        sample.interval(0.5, &Resampling::default()),
        Interval { lo: Some(255.0), hi: None },
        "at least the end of the scale"
    );
}

#[test]
fn many_attempts_on_an_origin_do_not_make_the_interval_narrower() {
    let observation = |origin: usize| Observation::flipped((origin * 37 % 101) as f64);
    let once = Sample::new((0..101).map(|origin| (origin, observation(origin))));
    let often = Sample::new((0..909).map(|number| (number % 101, observation(number % 101))));
    let apart = Sample::new((0..909).map(|number| (number, observation(number % 101))));
    let interval = |sample: &Sample| sample.interval(0.5, &Resampling::default());
    assert_eq!(interval(&once), interval(&often), "the same attempt nine times says nothing new");
    let length = |interval: Interval| interval.hi.unwrap() - interval.lo.unwrap();
    assert!(length(interval(&apart)) < length(interval(&once)) / 2.0);
}

#[test]
fn a_network_that_takes_twice_as_much_has_a_ratio_of_two() {
    let sample = |factor: f64| {
        Sample::new(
            (0..50).map(|origin| (origin, Observation::flipped(factor * (1 + origin * 7 % 50) as f64))),
        )
    };
    let (ratio, interval) = sample(2.0).ratio(&sample(1.0), 0.5, &Resampling::default()).unwrap();
    // Pairs are drawn together, so nothing is left of what differs between origins.
    assert_eq!((ratio, interval), (Some(2.0), Interval { lo: Some(2.0), hi: Some(2.0) }));
}

#[test]
fn ratios_of_what_is_not_reached_lie_between_bounds() {
    let flipped = Sample::new((0..9).map(|origin| (origin, Observation::flipped(51.0))));
    let censored = Sample::new((0..9).map(|origin| (origin, Observation::censored(255.0))));
    let resampling = Resampling::default();
    let at_least = Interval { lo: Some(5.0), hi: None };
    assert_eq!(censored.ratio(&flipped, 0.5, &resampling), Some((None, at_least)));
    let at_most = Interval { lo: Some(0.0), hi: Some(0.2) };
    assert_eq!(flipped.ratio(&censored, 0.5, &resampling), Some((None, at_most)));
    let anything = Interval { lo: Some(0.0), hi: None };
    assert_eq!(censored.ratio(&censored, 0.5, &resampling), Some((None, anything)));
    let fewer = Sample::new([(3, Observation::flipped(51.0))]);
    assert_eq!(fewer.ratio(&flipped, 0.5, &resampling), None, "there are no pairs");
}

proptest! {
    #[test]
    fn the_curve_is_the_formula(pairs in prop::collection::vec((0_u32..30, any::<bool>()), 1..60)) {
        let observations = observations(&pairs);
        let curve = Curve::new(&observations);
        for magnitude in 0..31 {
            let magnitude = f64::from(magnitude);
            prop_assert!(close(curve.share(magnitude), share_reference(&observations, magnitude), 1e-12));
        }
        prop_assert!(curve.points().windows(2).all(|pair| pair[0].share >= pair[1].share));
    }

    #[test]
    fn the_order_does_not_matter(mut pairs in prop::collection::vec((0_u32..30, any::<bool>()), 1..40)) {
        let number = |pairs: &[(u32, bool)]| {
            Sample::new(observations(pairs).into_iter().map(|seen| (seen.magnitude as usize, seen)))
        };
        let before = (Curve::new(&observations(&pairs)), number(&pairs).interval(0.5, &Resampling::default()));
        pairs.reverse();
        let after = (Curve::new(&observations(&pairs)), number(&pairs).interval(0.5, &Resampling::default()));
        prop_assert_eq!(before, after);
    }

    #[test]
    fn where_all_flip_the_quantile_is_that_of_the_sorted_magnitudes(
        magnitudes in prop::collection::vec(0_u32..1000, 1..300),
        quarter in 1_usize..=3,
    ) {
        let flipped: Vec<Observation> =
            magnitudes.iter().map(|&magnitude| Observation::flipped(f64::from(magnitude))).collect();
        let mut sorted = magnitudes;
        sorted.sort_unstable();
        let expected = f64::from(sorted[(sorted.len() * quarter).div_ceil(4) - 1]);
        let share = quarter as f64 / 4.0;
        prop_assert_eq!(Curve::new(&flipped).quantile(share), Some(expected));
        let sample = Sample::new(flipped.into_iter().enumerate());
        prop_assert_eq!(sample.quantile(share), Quantile::Reached(expected));
    }

    #[test]
    fn censored_at_the_end_of_the_scale_means_share_of_all(
        magnitudes in prop::collection::vec(1_u32..=255, 1..100),
        never in 0_usize..50,
    ) {
        let mut all: Vec<Observation> =
            magnitudes.iter().map(|&magnitude| Observation::flipped(f64::from(magnitude))).collect();
        all.extend(vec![Observation::censored(255.0); never]);
        let curve = Curve::new(&all);
        for at in [1_u32, 60, 128, 255] {
            let flipped = magnitudes.iter().filter(|&&magnitude| magnitude <= at).count();
            let expected = 1.0 - flipped as f64 / all.len() as f64;
            prop_assert!(close(curve.share(f64::from(at)), expected, 1e-12));
        }
    }

    #[test]
    fn an_interval_holds_the_quantiles_of_most_resamples(
        pairs in prop::collection::vec((1_u32..100, any::<bool>()), 5..40),
        seed: u64,
    ) {
        let sample = Sample::new(observations(&pairs).into_iter().enumerate());
        let resampling = |confidence| Resampling { seed, confidence, ..Resampling::default() };
        let (wide, narrow) =
            (sample.interval(0.5, &resampling(0.99)), sample.interval(0.5, &resampling(0.5)));
        prop_assert!(wide.lo <= narrow.lo);
        prop_assert!(wide.hi.is_none() || narrow.hi.is_some() && wide.hi >= narrow.hi);
    }
}
