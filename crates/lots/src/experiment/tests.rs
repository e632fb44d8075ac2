use std::sync::atomic::AtomicBool;

use super::*;
use crate::data::digits;
use crate::descent::{Descents, FeatureAdversary, LBfgs, ProjectedGradient};
use crate::direction::NoDirection;
use crate::embedded;
use crate::image::Image;
use crate::outcome::NotReached;

fn some_digits(range: std::ops::Range<usize>) -> ImageSet {
    digits::load().part(range).unwrap()
}

/// Every method, step-and-adjust with long steps and the others with few, so that a test takes few.
fn all_methods() -> Experiment {
    let of = |method: Method| {
        if method.needs_layer() { Group::at_layer(method, "ip2") } else { Group::of(method) }
    };
    Experiment {
        groups: Method::ALL.into_iter().map(of).collect(),
        step_and_adjust: StepAndAdjust { step: 8.0, max_iterations: 10 },
        descents: Descents {
            l_bfgs: LBfgs { first_weight: 1e-6, bisections: 1, max_iterations: 5 },
            feature_adversary: FeatureAdversary { radius: 200, max_iterations: 6 },
            projected_gradient: ProjectedGradient { iterations: 3, ..ProjectedGradient::default() },
        },
        ..Experiment::default()
    }
}

/// Which origins were attacked and which skipped.
struct Log(Vec<(usize, Option<Skipped>)>);
impl Observer for Log {
    fn attempt(&mut self, attempt: Attempt) {
        self.0.push((attempt.origin, None));
    }
    fn skipped(&mut self, origin: usize, _class: usize, reason: Skipped) {
        self.0.push((origin, Some(reason)));
    }
}

fn attempts(experiment: &Experiment, origins: &ImageSet) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let targets = digits::targets();
    let network = embedded::lenet();
    let results = experiment
        .run(&network, origins, Some(&targets), &mut |attempt: Attempt| attempts.push(attempt))
        .unwrap();
    assert_eq!(results.all.attempts, attempts.len());
    attempts
}

#[test]
fn attempts_come_in_the_order_of_origins_groups_and_targets() {
    let experiment = Experiment { with_pass_score: false, ..all_methods() };
    let attempts = attempts(&experiment, &some_digits(0..3));
    let order: Vec<_> = attempts.iter().map(|it| (it.origin, it.group, it.target, it.target_class)).collect();
    assert!(order.is_sorted());
    // Nine targets or classes for toward, hot/cold, step-and-adjust and feature-adversary, one attempt for each of the
    // others.
    assert_eq!(attempts.len(), 3 * (4 * 9 + 6));
    for attempt in &attempts {
        assert_ne!(Some(attempt.origin_class), attempt.target_class);
        if let Some(perturbed) = attempt.outcome.reached() {
            assert_ne!(perturbed.class, attempt.origin_class);
        }
    }
}

#[test]
fn an_attempt_does_not_depend_on_the_others() {
    let experiment = all_methods();
    // More than lie side by side, so that a pass has several blocks.
    let origins = some_digits(4..24);
    let together = attempts(&experiment, &origins);
    let mut alone = Vec::new();
    for index in [0, 7, 19] {
        for mut attempt in attempts(&experiment, &some_digits(4 + index..5 + index)) {
            attempt.origin = index;
            alone.push(attempt);
        }
    }
    let together: Vec<_> = together.into_iter().filter(|it| [0, 7, 19].contains(&it.origin)).collect();
    assert_eq!(together, alone);
}

#[test]
fn memory_changes_nothing_but_how_many_are_computed_at_a_time() {
    let experiment = all_methods();
    let origins = some_digits(4..24);
    // Room for the forward pass of nine origins.
    let little = Experiment { memory: 1 << 20, ..experiment.clone() };
    assert_eq!(attempts(&little, &origins), attempts(&experiment, &origins));
    let too_little = Experiment { memory: 50_000, ..experiment };
    let run = too_little.run(&embedded::lenet(), &origins, Some(&digits::targets()), &mut |_: Attempt| {});
    assert!(matches!(run, Err(Error::Memory { needed, limit: 50_000 }) if needed > 50_000));
}

#[test]
fn misclassified_origins_are_skipped_and_counted_or_included() {
    let network = embedded::lenet();
    let origins = digits::load();
    let misread: Vec<usize> = (0..origins.len())
        .filter(|&index| {
            let logits = network.classify(origins.images()[index].pixels()).unwrap();
            lots_network::class_of(logits.image(0)) != origins.label(index).unwrap()
        })
        .collect();
    let first = *misread.first().unwrap();
    let set = some_digits(first..first + 2);
    let experiment = Experiment {
        groups: vec![Group::of(Method::HotCold)],
        with_pass_score: false,
        ..Experiment::default()
    };

    let mut log = Log(Vec::new());
    let results = experiment.run(&network, &set, None, &mut log).unwrap();
    assert_eq!(log.0[0], (0, Some(Skipped::MisclassifiedOrigin)));
    assert_eq!(results.all.skipped[&Skipped::MisclassifiedOrigin], 2 - results.all.attempts / 9);
    assert_eq!(results.groups[0], results.all);

    let included = Experiment { misclassified_origins: MisclassifiedOrigins::Include, ..experiment };
    assert_eq!(attempts(&included, &set).len(), 18);
}

#[test]
fn what_is_missing_is_said() {
    let (network, origins, targets) = (embedded::lenet(), some_digits(0..2), digits::targets());
    let unlabelled =
        ImageSet::new(origins.images().to_vec(), None, vec!["a".to_owned(), "b".to_owned()]).unwrap();
    let error = |group: Group, change: &dyn Fn(&mut Experiment), origins: &ImageSet, targets| {
        let mut experiment = Experiment { groups: vec![group], ..Experiment::default() };
        change(&mut experiment);
        experiment.run(&network, origins, targets, &mut |_: Attempt| {}).unwrap_err().to_string()
    };
    let toward = || Group::at_layer(Method::Toward, "conv2");
    let nothing = |_: &mut Experiment| {};
    assert_eq!(error(toward(), &nothing, &origins, None), "`toward` needs targets");
    assert_eq!(
        error(Group::of(Method::Toward), &nothing, &origins, Some(&targets)),
        "`toward` needs a layer"
    );
    assert_eq!(
        error(Group::of(Method::HotCold), &nothing, &unlabelled, None),
        "`hot-cold` needs the labels of the origins"
    );
    assert_eq!(
        error(toward(), &|it| it.pairing = Pairing::Zip, &origins, Some(&targets)),
        "2 origins cannot be paired with 10 targets"
    );
    assert_eq!(
        error(Group::of(Method::FastGradientSign), &|it| it.until = Until::Class, &origins, None),
        "`class` needs a class to reach, which `fast-gradient-sign` does not have"
    );
    assert_eq!(
        error(Group::of(Method::HotCold), &|it| it.until = Until::DistanceBelow(3.0), &origins, None),
        "`distance<3` needs a target, which `hot-cold` does not have"
    );
    assert_eq!(
        error(toward(), &|it| it.target_class = Some(10), &origins, Some(&targets)),
        "class 10 is not in the network, expected 0 to 9"
    );
    assert_eq!(
        error(Group::at_layer(Method::Toward, "conv7"), &nothing, &origins, Some(&targets)),
        "layer `conv7` is not in the network"
    );
}

#[test]
fn criteria_about_classes_and_representations_are_met() {
    let (network, origins, targets) = (embedded::lenet(), some_digits(0..4), digits::targets());
    let groups =
        vec![Group::at_layer(Method::Toward, "conv2"), Group::at_layer(Method::StepAndAdjust, "ip1")];
    let step_and_adjust = StepAndAdjust { step: 4.0, max_iterations: 30 };
    for until in [Until::Class, Until::DistanceBelow(40.0), Until::SimilarityAbove(0.7)] {
        let experiment = Experiment {
            groups: groups.clone(),
            until,
            step_and_adjust,
            with_pass_score: false,
            ..Experiment::default()
        };
        let mut reached = 0;
        for attempt in attempts(&experiment, &origins) {
            let Some(perturbed) = attempt.outcome.reached() else { continue };
            reached += 1;
            let target = attempt.target.unwrap();
            let layer = network.layer(["conv2", "ip1"][attempt.group]).unwrap();
            let represent = |image: &crate::Image| network.represent(layer, image.pixels()).unwrap().values;
            let (got, wanted) = (represent(&perturbed.image), represent(&targets.images()[target]));
            assert!(match until {
                Until::Class => perturbed.class == targets.label(target).unwrap(),
                Until::DistanceBelow(bound) => crate::criterion::euclidean_distance(&got, &wanted) < bound,
                _ => crate::criterion::cosine_similarity(&got, &wanted) > 0.7,
            });
        }
        assert!(reached > 10, "{until}: {reached}");
    }
}

#[test]
fn an_origin_that_is_its_own_target_has_no_direction() {
    let origins = some_digits(0..2);
    let experiment = Experiment {
        groups: vec![Group::at_layer(Method::Toward, "ip1"), Group::at_layer(Method::StepAndAdjust, "ip1")],
        pairing: Pairing::Zip,
        ..Experiment::default()
    };
    let mut outcomes = Vec::new();
    let network = embedded::lenet();
    experiment
        .run(&network, &origins, Some(&origins), &mut |attempt: Attempt| outcomes.push(attempt.outcome))
        .unwrap();
    let none = Outcome::NotReached(NotReached::NoDirection(NoDirection::SameRepresentation));
    assert_eq!(outcomes, vec![none; 4]);
}

#[test]
fn an_interrupted_experiment_stops() {
    let (network, origins) = (embedded::lenet(), some_digits(0..3));
    let experiment = Experiment { groups: vec![Group::of(Method::HotCold)], ..Experiment::default() };
    let interrupted = AtomicBool::new(true);
    let mut attempts = 0;
    let error = experiment
        .run_until(&network, &origins, None, &mut |_: Attempt| attempts += 1, &interrupted)
        .unwrap_err();
    assert!(matches!(error, Error::Interrupted));
    assert_eq!(attempts, 0);
}

#[test]
fn a_robust_attempt_holds_for_every_copy_and_not_for_the_image_before() {
    let robust_to = vec![Transformation::Jpeg(90), Transformation::Shift(1)];
    let experiment = Experiment { robust_to: robust_to.clone(), with_pass_score: false, ..all_methods() };
    let (network, origins) = (embedded::lenet(), some_digits(0..3));
    let stands = |image: &Image, origin_class: usize| {
        let mut images = vec![image.clone()];
        for transformation in &robust_to {
            images.extend(transformation.images(image).unwrap());
        }
        let class =
            |image: &Image| lots_network::class_of(network.classify(image.pixels()).unwrap().image(0));
        images.iter().all(|image| class(image) != origin_class)
    };
    let mut reached = 0;
    for attempt in attempts(&experiment, &origins) {
        let Some(perturbed) = attempt.outcome.reached() else { continue };
        reached += 1;
        assert!(stands(&perturbed.image, attempt.origin_class), "{:?}", experiment.groups[attempt.group]);
        // The image, one JPEG and four shifts for each question; steps on the way that miss ask once.
        if experiment.groups[attempt.group].method.has_one_direction() {
            assert_eq!(attempt.classifications % 6, 0);
        }
    }
    assert!(reached > 40, "only {reached}");
}

#[test]
fn the_last_image_before_a_robust_one_is_not_robust() {
    let (network, digits) = (embedded::lenet(), digits::load());
    let robust_to = vec![Transformation::Blur(1.0)];
    let experiment = Experiment {
        groups: vec![Group::of(Method::FastGradientSign)],
        robust_to: robust_to.clone(),
        with_pass_score: false,
        ..Experiment::default()
    };
    for attempt in attempts(&experiment, &some_digits(0..10)) {
        let Some(perturbed) = attempt.outcome.reached() else { continue };
        let origin = &digits.images()[attempt.origin];
        let vanished = VanishedGradient::default();
        let direction =
            crate::direction::fast_gradient_sign(&network, origin, attempt.origin_class, vanished).unwrap();
        let before = crate::line_search::image_at(origin, &direction, perturbed.bracket.lo).unwrap();
        let copies = robust_to[0].images(&before).unwrap();
        let class =
            |image: &Image| lots_network::class_of(network.classify(image.pixels()).unwrap().image(0));
        assert!([&before, &copies[0]].into_iter().any(|image| class(image) == attempt.origin_class));
    }
}

#[test]
fn every_method_meets_the_same_pairs() {
    let targets = digits::targets();
    let origins = some_digits(0..3);
    let own = targets.part(4..7).unwrap();
    let experiment = Experiment { pairing: Pairing::Same, with_pass_score: false, ..all_methods() };
    let mut met = Vec::new();
    let mut observer = |attempt: Attempt| met.push((attempt.origin, attempt.group, attempt.target_class));
    experiment.run(&embedded::lenet(), &origins, Some(&own), &mut observer).unwrap();
    let groups = experiment.groups.len();
    let expected = (0..3).flat_map(|pair| (0..groups).map(move |group| (pair, group, Some(4 + pair))));
    assert_eq!(met, expected.collect::<Vec<_>>());
}

#[test]
fn a_criterion_may_be_about_another_layer_than_the_direction() {
    let (network, origins, targets) = (embedded::lenet(), some_digits(0..3), digits::targets());
    let ip1 = network.layer("ip1").unwrap();
    let groups =
        vec![Group::at_layer(Method::Toward, "conv2"), Group::at_layer(Method::StepAndAdjust, "conv2")];
    let experiment = Experiment {
        groups,
        until: Until::SimilarityAbove(0.8),
        criterion_layer: Some("ip1".to_owned()),
        with_pass_score: false,
        ..Experiment::default()
    };
    let mut reached = 0;
    let mut judge = |attempt: Attempt| {
        let target = &targets.images()[attempt.target.unwrap()];
        if let Some(perturbed) = attempt.outcome.reached() {
            let read = |image: &Image| network.represent(ip1, image.pixels()).unwrap().values;
            assert!(crate::criterion::cosine_similarity(&read(&perturbed.image), &read(target)) > 0.8);
            reached += 1;
        }
    };
    experiment.run(&network, &origins, Some(&targets), &mut judge).unwrap();
    assert!(reached > 0);
    let unknown = Experiment { criterion_layer: Some("ip7".to_owned()), ..experiment };
    let refused = unknown.run(&network, &origins, Some(&targets), &mut |_: Attempt| {}).unwrap_err();
    assert!(matches!(refused, Error::Network(_)));
}

#[test]
fn no_attempt_costs_more_than_its_budget_and_those_that_it_ends_say_so() {
    let mut unlimited = Experiment {
        step_and_adjust: StepAndAdjust { step: 1.0, max_iterations: 100 },
        with_pass_score: false,
        ..all_methods()
    };
    unlimited.groups.push(Group::at_layer(Method::StepAndAdjust, "conv1"));
    let origins = some_digits(0..1);
    for robust_to in [Vec::new(), vec!["shift:1".parse().unwrap()]] {
        unlimited.robust_to = robust_to;
        let whole = attempts(&unlimited, &origins);
        for budget in [LEAST_BUDGET, 20, 31, 100] {
            let limited = Experiment { budget: Some(budget), ..unlimited.clone() };
            for (limited, whole) in attempts(&limited, &origins).iter().zip(&whole) {
                let group = &unlimited.groups[limited.group];
                assert!(limited.cost() <= budget, "{group} costs {} of {budget}", limited.cost());
                if !limited.is_cut_short {
                    assert_eq!(limited, whole, "{group} with {budget}");
                }
                let is_budget = limited.outcome == Outcome::NotReached(NotReached::Budget);
                assert!(!is_budget || limited.is_cut_short, "{group} with {budget}");
            }
        }
    }
    let little = Experiment { budget: Some(LEAST_BUDGET - 1), ..unlimited };
    let refused = little.run(&embedded::lenet(), &origins, Some(&digits::targets()), &mut |_: Attempt| {});
    assert!(matches!(refused, Err(Error::LineSearch { option: "budget", .. })));
}

#[test]
fn steps_that_a_budget_ends_do_not_say_that_iterations_did() {
    let group = Group::at_layer(Method::StepAndAdjust, "conv1");
    let stepping = |budget: Option<usize>, max_iterations: usize| Experiment {
        groups: vec![group.clone()],
        step_and_adjust: StepAndAdjust { step: 1.0, max_iterations },
        budget,
        with_pass_score: false,
        ..Experiment::default()
    };
    let ends = |experiment: &Experiment, reason: NotReached| {
        let attempts = attempts(experiment, &some_digits(0..1));
        attempts.iter().all(|attempt| attempt.outcome == Outcome::NotReached(reason))
    };
    assert!(ends(&stepping(Some(20), 500), NotReached::Budget));
    assert!(ends(&stepping(None, 5), NotReached::IterationLimit));
}

#[test]
fn a_feature_adversary_refuses_sums_and_parts_of_layers() {
    let of = |layer: &str, mask: Mask| Experiment {
        groups: vec![Group::at_layer(Method::FeatureAdversary, layer)],
        mask,
        ..all_methods()
    };
    let part = Mask::of([crate::mask::MaskPart::channels("0-3").unwrap()]);
    for experiment in [of("conv2*0.5+ip1", Mask::default()), of("conv2", part)] {
        let (network, origins) = (embedded::lenet(), some_digits(0..1));
        let refused = experiment.run(&network, &origins, Some(&digits::targets()), &mut |_: Attempt| {});
        assert!(matches!(refused, Err(Error::MethodNeeds { method: Method::FeatureAdversary, .. })));
    }
}
