use lots_network::{Network, ReluStart, class_of};

use super::course::{Course, Seen, real};
use super::l_bfgs::Weighing;
use super::projected_gradient::Walk;
use super::*;
use crate::criterion::Criterion;
use crate::data::{ImageSet, digits};
use crate::experiment::{Attempt, Experiment, Group, MisclassifiedOrigins};
use crate::image::Image;
use crate::method::Method;
use crate::outcome::{NotReached, Outcome};
use crate::perturbation::norms_between;
use crate::{Perturbation, embedded};

/// A classifier of two classes: the first as long as `bias` + ⟨weights, x⟩ is not negative.
struct Linear {
    weights: Vec<f64>,
    bias: f64,
}

impl Linear {
    fn logits(&self, pixels: &[f64]) -> [f32; 2] {
        let product: f64 = self.weights.iter().zip(pixels).map(|(weight, pixel)| weight * pixel).sum();
        [(self.bias + product) as f32, 0.0]
    }

    /// Serves a course until it ends: the image with the smallest L2 for which the class is the second one.
    fn serve(&self, origin: &Image, course: &mut dyn Course) -> Option<Image> {
        let mut best: Option<(f64, Image)> = None;
        for _ in 0..10_000 {
            let Some(asked) = course.ask() else { return best.map(|(_, image)| image) };
            assert!(asked.iter().all(|pixel| (0.0..=255.0).contains(pixel)));
            let (value, cotangent) = Objective::OtherThan(0).at(&self.logits(asked));
            let slope = f64::from(cotangent[0]);
            let gradient: Vec<f32> = self.weights.iter().map(|weight| (slope * weight) as f32).collect();
            let rounded: Vec<u8> = asked.iter().map(|pixel| pixel.round() as u8).collect();
            let image = Image::new(1, 1, rounded.len(), rounded).unwrap();
            let holds = class_of(&self.logits(&real(&image))) == 1;
            let (l2, _) = norms_between(origin, &image).unwrap();
            if holds && best.as_ref().is_none_or(|(least, _)| l2 < *least) {
                best = Some((l2, image));
            }
            course.tell(&Seen { value, gradient: &gradient, holds });
        }
        panic!("the course does not end");
    }
}

/// Weights that are not alike, around an origin in the middle of the range, whose margin is `margin`.
fn linear(pixels: usize, margin: f64) -> (Linear, Image) {
    let weights: Vec<f64> =
        (0..pixels).map(|index| f64::from((index * 37 % 11) as u8) * 0.01 - 0.045).collect();
    let origin = Image::new(1, 1, pixels, vec![128; pixels]).unwrap();
    let at_origin: f64 = weights.iter().sum::<f64>() * 128.0;
    (Linear { weights, bias: margin - at_origin }, origin)
}

#[test]
fn the_smallest_perturbation_of_a_linear_classifier_is_nearly_its_margin_by_the_norm_of_its_weights() {
    for margin in [5.0, 20.0, 60.0] {
        let (classifier, origin) = linear(64, margin);
        let least = margin / classifier.weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        let mut course = Weighing::new(LBfgs::default(), &origin);
        let found = classifier.serve(&origin, &mut course).unwrap();
        let (l2, _) = norms_between(&origin, &found).unwrap();
        // Five bisections leave the weight within a tenth part of a factor of 10, and pixels are rounded; the line search
        // behind them is not part of this.
        assert!(l2 >= 0.98 * least && l2 <= 1.15 * least, "{l2} instead of {least}");
    }
}

#[test]
fn the_ball_of_a_linear_classifier_is_the_smallest_that_reaches_its_margin() {
    for margin in [3.0, 17.0, 111.0] {
        let (classifier, origin) = linear(64, margin);
        let sum: f64 = classifier.weights.iter().map(|weight| weight.abs()).sum();
        let radius = (margin / sum).floor() as u8 + 1;
        let mut course = Walk::new(ProjectedGradient::default(), &origin);
        let found = classifier.serve(&origin, &mut course).unwrap();
        assert_eq!(Perturbation::between(&origin, &found).unwrap().linf(), radius);
    }
}

#[test]
fn a_ball_that_is_too_small_is_said_to_be() {
    let (classifier, origin) = linear(64, 60.0);
    let options = ProjectedGradient { max_radius: 4, ..ProjectedGradient::default() };
    let mut course = Walk::new(options, &origin);
    assert_eq!(classifier.serve(&origin, &mut course), None);
    assert_eq!(course.reason(), NotReached::StepLimit);
}

#[test]
fn a_class_that_no_picture_has_is_not_reached() {
    let (mut classifier, origin) = linear(16, 60.0);
    classifier.weights = vec![0.001; 16];
    classifier.bias = 1.0;
    let mut course = Weighing::new(LBfgs::default(), &origin);
    assert_eq!(classifier.serve(&origin, &mut course), None);
    assert_eq!(course.reason(), NotReached::Converged);
}

#[test]
fn a_random_start_follows_from_the_seed_and_the_image() {
    let (classifier, origin) = linear(64, 17.0);
    let found = |seed| {
        let options = ProjectedGradient { random_start: seed, ..ProjectedGradient::default() };
        classifier.serve(&origin, &mut Walk::new(options, &origin)).unwrap()
    };
    assert_eq!(found(Some(1)), found(Some(1)));
    assert_ne!(found(Some(1)), found(Some(2)));
}

/// The objective at pixels that need not be whole, and its gradient.
fn slope(network: &Network, objective: &Objective<'_>, pixels: &[f32]) -> (f64, Vec<f32>) {
    let layer = objective.layer(network);
    let trace = network.trace(&[layer], pixels).unwrap();
    let representation = trace.representation(layer).unwrap();
    let (value, cotangent) = objective.at(representation.image(0));
    (value, trace.backpropagate(layer, &cotangent, ReluStart::Exact).unwrap().values)
}

#[test]
fn gradients_are_the_differences_of_objectives() {
    let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
    let layer = network.layer("ip1").unwrap();
    let target = network.represent(layer, targets.images()[9].pixels()).unwrap();
    let objectives = [
        Objective::Class(9),
        Objective::OtherThan(4),
        Objective::Distance { layer, target: target.image(0) },
    ];
    // Between grey levels, where no two pixels of a pooling window are equal.
    let pixels = digits.images()[4].pixels().iter().enumerate();
    let origin: Vec<f32> =
        pixels.map(|(at, &pixel)| (f32::from(pixel) * 0.9 + (at % 7) as f32 + 1.37).min(250.0)).collect();
    for objective in objectives {
        let (_, gradient) = slope(&network, &objective, &origin);
        let direction: Vec<f32> = {
            let largest = gradient.iter().fold(0.0_f32, |most, slope| most.max(slope.abs()));
            gradient.iter().map(|slope| slope / largest).collect()
        };
        let at = |step: f32| {
            let moved: Vec<f32> =
                origin.iter().zip(&direction).map(|(pixel, slope)| pixel + step * slope).collect();
            slope(&network, &objective, &moved).0
        };
        // Long enough for single precision, and short enough that few units switch on or off.
        let step = 0.02;
        let differences = (at(step) - at(-step)) / (2.0 * f64::from(step));
        let product: f64 =
            gradient.iter().zip(&direction).map(|(slope, along)| f64::from(*slope) * f64::from(*along)).sum();
        assert!((differences / product - 1.0).abs() < 0.05, "{objective:?}: {differences} {product}");
    }
}

fn descents() -> Experiment {
    Experiment {
        groups: vec![
            Group::of(Method::LBfgs),
            Group::at_layer(Method::FeatureAdversary, "ip2"),
            Group::of(Method::ProjectedGradient),
        ],
        descents: Descents {
            l_bfgs: LBfgs { max_iterations: 30, ..LBfgs::default() },
            feature_adversary: FeatureAdversary { radius: 128, max_iterations: 30 },
            projected_gradient: ProjectedGradient { iterations: 10, ..ProjectedGradient::default() },
        },
        misclassified_origins: MisclassifiedOrigins::Include,
        with_pass_score: false,
        ..Experiment::default()
    }
}

fn attempts(experiment: &Experiment, range: std::ops::Range<usize>) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let origins = digits::load().part(range).unwrap();
    let mut observer = |attempt: Attempt| attempts.push(attempt);
    experiment.run(&embedded::lenet(), &origins, Some(&digits::targets()), &mut observer).unwrap();
    attempts
}

#[test]
fn the_criterion_holds_for_what_is_found_and_the_radius_is_kept() {
    let (network, digits) = (embedded::lenet(), digits::load());
    let mut reached = [0; 3];
    for attempt in attempts(&descents(), 0..4) {
        let Outcome::Reached(perturbed) = &attempt.outcome else { continue };
        reached[attempt.group] += 1;
        let logits = network.classify(perturbed.image.pixels()).unwrap();
        assert!(Criterion::Misclassified.judge(attempt.origin_class, logits.image(0)).holds);
        let perturbation = Perturbation::between(&digits.images()[attempt.origin], &perturbed.image).unwrap();
        assert_eq!(perturbation.linf(), perturbed.linf);
        assert!(attempt.group != 1 || perturbed.linf <= 128);
        assert!(attempt.classifications > 0 && attempt.backpropagations > 0);
    }
    assert!(reached[0] == 4 && reached[1] > 20 && reached[2] == 4, "{reached:?}");
}

#[test]
fn a_perturbation_is_no_larger_than_a_small_radius() {
    let mut experiment = descents();
    experiment.groups.remove(0);
    experiment.descents.feature_adversary.radius = 10;
    experiment.descents.projected_gradient.max_radius = 10;
    for attempt in attempts(&experiment, 0..2) {
        match attempt.outcome {
            Outcome::Reached(perturbed) => assert!(perturbed.linf <= 10),
            Outcome::NotReached(reason) => assert!(
                matches!(reason, NotReached::Converged | NotReached::IterationLimit | NotReached::StepLimit),
                "{reason:?}"
            ),
        }
    }
}

#[test]
fn the_trail_of_an_attempt_leads_to_what_it_comes_to() {
    let experiment = Experiment {
        groups: descents().groups.into_iter().chain([Group::at_layer(Method::Toward, "ip2")]).collect(),
        budget: Some(1024),
        checkpoints: vec![8, 16, 32, 64, 128, 256, 512, 1024],
        ..descents()
    };
    for attempt in attempts(&experiment, 0..2) {
        assert!(attempt.trail.is_sorted_by(|a, b| a.cost < b.cost && a.l2 > b.l2), "{:?}", attempt.trail);
        let Some(perturbed) = attempt.outcome.reached() else { continue };
        let last = attempt.trail.last().unwrap();
        assert!(last.cost <= attempt.cost());
        assert!((last.l2 - perturbed.l2).abs() < 1e-9, "{last:?} {}", perturbed.l2);
    }
}

#[test]
fn an_image_that_is_its_own_target_has_no_direction() {
    let origins = digits::load().part(0..2).unwrap();
    let experiment = Experiment {
        groups: vec![Group::at_layer(Method::FeatureAdversary, "ip1")],
        pairing: crate::experiment::Pairing::Zip,
        ..descents()
    };
    let own = ImageSet::new(origins.images().to_vec(), None, origins.names().to_vec()).unwrap();
    let mut outcomes = Vec::new();
    let mut observer = |attempt: Attempt| outcomes.push(attempt.outcome);
    experiment.run(&embedded::lenet(), &origins, Some(&own), &mut observer).unwrap();
    let reason = crate::direction::NoDirection::SameRepresentation;
    assert_eq!(outcomes, vec![Outcome::NotReached(NotReached::NoDirection(reason)); 2]);
}
