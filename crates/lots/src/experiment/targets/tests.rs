use super::*;
use crate::data::digits;
use crate::embedded;
use crate::experiment::{Attempt, Group, Pairing};
use crate::method::Method;

/// Attempts toward some targets at a layer, without PASS.
fn attempts(experiment: &Experiment, targets: Option<&ImageSet>) -> Vec<Attempt> {
    let (network, origins) = (embedded::lenet(), digits::load().part(0..3).unwrap());
    let mut attempts = Vec::new();
    let mut keep = |attempt: Attempt| attempts.push(attempt);
    let experiment = Experiment { with_pass_score: false, ..experiment.clone() };
    experiment.run(&network, &origins, targets, &mut keep).unwrap();
    attempts
}

fn at_layer(layer: &str) -> Experiment {
    let step_and_adjust = crate::step_and_adjust::StepAndAdjust { step: 8.0, max_iterations: 6 };
    Experiment {
        groups: [Method::Toward, Method::StepAndAdjust].map(|it| Group::at_layer(it, layer)).to_vec(),
        step_and_adjust,
        ..Experiment::default()
    }
}

fn template(target: usize, layer: &str) -> TargetTemplate {
    let (network, targets) = (embedded::lenet(), digits::targets());
    let layer = network.layer(layer).unwrap();
    let values = network.represent(layer, targets.images()[target].pixels()).unwrap().values;
    TargetTemplate { name: format!("t{target}"), class: targets.label(target), values: values.into() }
}

#[test]
fn templates_come_to_what_the_images_come_to_that_they_are_of() {
    for layer in ["conv2", "ip1"] {
        let of_images = attempts(&at_layer(layer), Some(&digits::targets()));
        let templates = (0..10).map(|target| template(target, layer)).collect();
        let of_templates = attempts(&Experiment { templates, ..at_layer(layer) }, None);
        assert_eq!(of_templates, of_images, "{layer}");
    }
}

#[test]
fn templates_follow_the_images() {
    let (images, templates) = (digits::targets().part(0..4).unwrap(), vec![template(9, "ip1")]);
    let both = attempts(&Experiment { templates, ..at_layer("ip1") }, Some(&images));
    let whole = attempts(&at_layer("ip1"), Some(&digits::targets()));
    for attempt in both {
        let target = if attempt.target == Some(4) { Some(9) } else { attempt.target };
        let same =
            |it: &&Attempt| (it.origin, it.group, it.target) == (attempt.origin, attempt.group, target);
        assert_eq!(whole.iter().find(same).unwrap().outcome, attempt.outcome);
    }
}

#[test]
fn the_centroid_of_one_image_is_that_image_and_so_is_a_mixture_of_one() {
    let each = attempts(&at_layer("pool2"), Some(&digits::targets()));
    let centroids = Experiment { target_choice: TargetChoice::Centroid, ..at_layer("pool2") };
    assert_eq!(attempts(&centroids, Some(&digits::targets())), each);
    let mut weights = vec![0.0; 10];
    weights[9] = 3.0;
    let mixture = Experiment { target_choice: TargetChoice::Mixture(weights), ..at_layer("pool2") };
    let mixed = attempts(&mixture, Some(&digits::targets()));
    let nines: Vec<_> = each.iter().filter(|it| it.target == Some(9)).map(|it| &it.outcome).collect();
    assert_eq!(mixed.iter().map(|it| &it.outcome).collect::<Vec<_>>(), nines);
    assert!(mixed.iter().all(|it| (it.target, it.target_class) == (Some(0), Some(9))));
}

#[test]
fn a_mixture_of_several_classes_has_none() {
    let mixed = |until, weights: [f64; 3]| {
        let (network, origins) = (embedded::lenet(), digits::load().part(0..2).unwrap());
        let targets = ImageSet::new(
            digits::targets().images()[..3].to_vec(),
            Some(vec![4, 4, 2]),
            ["a", "b", "c"].map(str::to_owned).to_vec(),
        );
        let experiment = Experiment {
            target_choice: TargetChoice::Mixture(weights.to_vec()),
            until,
            with_pass_score: false,
            ..at_layer("ip1")
        };
        let mut classes = Vec::new();
        let mut keep = |attempt: Attempt| classes.push(attempt.target_class);
        experiment.run(&network, &origins, Some(&targets.unwrap()), &mut keep).map(|_| classes)
    };
    let until = Until::Misclassified;
    assert_eq!(mixed(until, [0.5, 0.3, 0.2]).unwrap(), [None; 4]);
    assert_eq!(mixed(until, [0.5, 0.5, 0.0]).unwrap(), [Some(4); 4]);
    assert_eq!(mixed(Until::Class, [0.5, 0.5, 0.0]).unwrap(), [Some(4); 4]);
    assert_eq!(
        mixed(Until::Class, [0.5, 0.3, 0.2]).unwrap_err().to_string(),
        "the targets cannot be used: a mixture of several classes has no class that could be reached"
    );
}

#[test]
fn the_nearest_and_the_farthest_are_those_of_all_distances() {
    let (network, origins, targets) = (embedded::lenet(), digits::load(), digits::targets());
    let layer = network.layer("ip1").unwrap();
    let represent =
        |set: &ImageSet, index: usize| network.represent(layer, set.images()[index].pixels()).unwrap().values;
    for (choice, sign) in [(TargetChoice::Nearest, 1.0), (TargetChoice::Farthest, -1.0)] {
        let chosen = attempts(&Experiment { target_choice: choice, ..at_layer("ip1") }, Some(&targets));
        assert_eq!(chosen.len(), 3 * 2, "one for each origin and method");
        for attempt in chosen {
            let own = represent(&origins, attempt.origin);
            let distance = |target: usize| {
                sign * crate::criterion::euclidean_distance(&own, &represent(&targets, target))
            };
            let others = (0..10).filter(|&target| targets.label(target) != Some(attempt.origin_class));
            let nearest = others.min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
            assert_eq!(attempt.target, nearest);
        }
    }
}

#[test]
fn targets_that_do_not_fit_are_refused() {
    let (network, origins) = (embedded::lenet(), digits::load().part(0..10).unwrap());
    let sentence = |experiment: Experiment, targets: Option<&ImageSet>| {
        experiment.run(&network, &origins, targets, &mut |_: Attempt| {}).unwrap_err().to_string()
    };
    let targets = digits::targets();
    assert_eq!(sentence(at_layer("ip1"), None), "`toward` needs targets");
    assert_eq!(
        sentence(Experiment { templates: vec![template(3, "ip1")], ..at_layer("ip2") }, None),
        "the target's representation has 500 numbers, expected 10 as layer `ip2` has"
    );
    let mixture = |weights: &[f64]| Experiment {
        target_choice: TargetChoice::Mixture(weights.to_vec()),
        ..at_layer("ip1")
    };
    assert_eq!(
        sentence(mixture(&[0.5, 0.5]), Some(&targets)),
        "the targets cannot be used: there are 2 weights for 10 of them"
    );
    assert_eq!(
        sentence(mixture(&[0.0; 10]), Some(&targets)),
        "the targets cannot be used: their weights add up to 0, expected a positive number"
    );
    let unknown = TargetTemplate { class: None, ..template(3, "ip1") };
    let centroid = Experiment {
        templates: vec![unknown.clone()],
        target_choice: TargetChoice::Centroid,
        ..at_layer("ip1")
    };
    assert_eq!(
        sentence(centroid, None),
        "the targets cannot be used: the class of template `t3` is not known, it belongs to no centroid"
    );
    let class =
        Experiment { templates: vec![unknown], until: crate::criterion::Until::Class, ..at_layer("ip1") };
    assert_eq!(sentence(class, None), "the targets cannot be used: the class of template `t3` is not known");
    let zip = Experiment { pairing: Pairing::Zip, target_choice: TargetChoice::Nearest, ..at_layer("ip1") };
    assert!(sentence(zip, Some(&targets)).starts_with("the targets cannot be used: origins are paired"));
}
