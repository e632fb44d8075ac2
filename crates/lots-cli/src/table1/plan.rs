//! The experiment as data: ten networks, seven sets of perturbed images, and the stages that make and measure them.
//!
//! Source: Rozsa, Günther, Boult, "Exploring LOTS in Deep Neural Networks", section 5.1 and Table 1; what it leaves open
//! is said in `docs/method.md`.

use lots::Method;

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NetworkPlan {
    /// In file names and JSON.
    pub(super) key: &'static str,
    /// As the paper calls it.
    pub(super) title: &'static str,
    pub(super) trained_on: TrainedOn,
    /// The paper's number of iterations, of 64 images each.
    pub(super) iterations: usize,
}

/// What a network learns from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TrainedOn {
    /// The 60,000 training digits, from random weights.
    Mnist,
    /// Deformed digits, from random weights.
    Infimnist,
    /// These sets, from the weights of Basic LeNet.
    Perturbed(&'static [&'static str]),
}

/// Perturbed training digits by one method, at one layer if it looks at one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SetPlan {
    pub(super) key: &'static str,
    pub(super) method: Method,
    pub(super) layer: Option<&'static str>,
    /// Attempts on each origin.
    pub(super) attempts: usize,
}

/// The network that all others but InfiMNIST's start from, and that all perturbed images are formed with.
pub(super) const BASIC: &str = "basic";

/// Digits that the InfiMNIST network learns from: the training digits and as many deformed ones as make two million.
pub(super) const INFIMNIST_DIGITS: usize = 2_000_000;

/// The rows of the table, in the paper's order. How long the networks of a single layer are fine-tuned is not stated;
/// their sets are as large as that of hot/cold, and so is the number of iterations.
pub(super) const NETWORKS: [NetworkPlan; 10] = [
    NetworkPlan { key: BASIC, title: "Basic LeNet", trained_on: TrainedOn::Mnist, iterations: 10_000 },
    NetworkPlan {
        key: "infimnist",
        title: "InfiMNIST",
        trained_on: TrainedOn::Infimnist,
        iterations: 100_000,
    },
    tuned("fast-gradient-sign", "FGS", &["fast-gradient-sign"], 20_000),
    tuned("fast-gradient-value", "FGV", &["fast-gradient-value"], 20_000),
    tuned("hot-cold", "HC", &["hot-cold"], 50_000),
    tuned("toward", "LOTS", &["toward-conv1", "toward-conv2", "toward-ip1", "toward-ip2"], 100_000),
    tuned("toward-conv1", "LOTS CONV1", &["toward-conv1"], 50_000),
    tuned("toward-conv2", "LOTS CONV2", &["toward-conv2"], 50_000),
    tuned("toward-ip1", "LOTS IP1", &["toward-ip1"], 50_000),
    tuned("toward-ip2", "LOTS IP2", &["toward-ip2"], 50_000),
];

/// The sets of perturbed images.
pub(super) const SETS: [SetPlan; 7] = [
    SetPlan { key: "fast-gradient-sign", method: Method::FastGradientSign, layer: None, attempts: 1 },
    SetPlan { key: "fast-gradient-value", method: Method::FastGradientValue, layer: None, attempts: 1 },
    SetPlan { key: "hot-cold", method: Method::HotCold, layer: None, attempts: 9 },
    SetPlan { key: "toward-conv1", method: Method::Toward, layer: Some("conv1"), attempts: 9 },
    SetPlan { key: "toward-conv2", method: Method::Toward, layer: Some("conv2"), attempts: 9 },
    SetPlan { key: "toward-ip1", method: Method::Toward, layer: Some("ip1"), attempts: 9 },
    SetPlan { key: "toward-ip2", method: Method::Toward, layer: Some("ip2"), attempts: 9 },
];

/// The columns of the paper's table.
pub(super) const METHODS: [(&str, &str); 4] =
    [("fast-gradient-sign", "FGS"), ("fast-gradient-value", "FGV"), ("hot-cold", "HC"), ("toward", "LOTS")];

/// The layers that LOTS looks at, from the image upward.
pub(super) const LAYERS: [&str; 4] = ["conv1", "conv2", "ip1", "ip2"];

const fn tuned(
    key: &'static str,
    title: &'static str,
    sets: &'static [&'static str],
    iterations: usize,
) -> NetworkPlan {
    NetworkPlan { key, title, trained_on: TrainedOn::Perturbed(sets), iterations }
}

/// How much of everything is done, and on how many digits there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    /// 0–1.
    pub(super) scale: f64,
    pub(super) train_digits: usize,
    pub(super) test_digits: usize,
}

/// Fewer iterations than this do not make a network that reads digits, and there would be nothing to attack.
const LEAST_BASIC_ITERATIONS: usize = 100;
/// As many as there are classes.
const LEAST_DIGITS: usize = 10;
/// How many test digits LOTS is tried on with images of other methods as targets.
const REFINED: usize = 2000;

impl Extent {
    pub(super) fn iterations(&self, network: &NetworkPlan) -> usize {
        let least = if network.key == BASIC { LEAST_BASIC_ITERATIONS } else { 1 };
        self.share(network.iterations).max(least)
    }

    /// Training digits that are attacked.
    pub(super) fn origins(&self) -> usize {
        self.digits(60_000, self.train_digits)
    }

    /// Test digits that networks are evaluated on.
    pub(super) fn tests(&self) -> usize {
        self.digits(10_000, self.test_digits)
    }

    /// Test digits whose perturbed images are refined.
    pub(super) fn refined(&self) -> usize {
        self.digits(REFINED, self.test_digits)
    }

    pub(super) fn infimnist_digits(&self) -> usize {
        self.share(INFIMNIST_DIGITS).max(1)
    }

    fn digits(&self, whole: usize, available: usize) -> usize {
        self.share(whole).max(LEAST_DIGITS).min(available)
    }

    fn share(&self, whole: usize) -> usize {
        (self.scale * whole as f64).round() as usize
    }
}

/// A step of the experiment that can be interrupted and gone on with.
#[derive(Debug)]
pub(super) struct Stage {
    /// Such as `train/basic`; also where its record lies.
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) task: Task,
    /// In the units of its kind.
    pub(super) work: usize,
    /// Bytes on the disk when it is done, about.
    pub(super) bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Train(&'static NetworkPlan),
    ChooseTargets,
    Form(&'static SetPlan),
    Evaluate(&'static NetworkPlan),
    Refine,
}

/// Stages of one kind take as long for a unit of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Train,
    Choose,
    Form,
    Evaluate,
}

impl Task {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Train(_) => Kind::Train,
            Self::ChooseTargets => Kind::Choose,
            Self::Form(_) => Kind::Form,
            Self::Evaluate(_) | Self::Refine => Kind::Evaluate,
        }
    }
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Train, Self::Choose, Self::Form, Self::Evaluate];

    /// What a unit of work is.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Train => "iterations",
            Self::Choose => "digits",
            Self::Form | Self::Evaluate => "attempts",
        }
    }

    /// What stages of this kind do.
    pub(super) fn gerund(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Choose => "choosing targets",
            Self::Form => "forming",
            Self::Evaluate => "evaluating",
        }
    }

    /// Seconds a unit takes until it was measured: two cores of a server processor of 2023.
    pub(super) fn expected_secs(self) -> f64 {
        match self {
            Self::Train => 4e-3,
            Self::Choose => 5e-5,
            Self::Form => 2.5e-4,
            Self::Evaluate => 5e-4,
        }
    }
}

/// A perturbed image with its label and provenance, in bytes.
const SET_ROW_BYTES: usize = 28 * 28 + 2 + 35;
/// A network, and its checkpoint while it is trained.
const NETWORK_BYTES: u64 = 6 << 20;
/// Attempts on an origin in an evaluation: fast gradients in both readings, hot/cold, LOTS at four layers.
pub(super) const EVALUATED_ATTEMPTS: usize = 2 * 2 + 9 + 4 * 9;
/// Attempts on an origin whose perturbed images are refined: one by the fast gradient, nine by hot/cold, and each of
/// them again at each layer.
pub(super) const REFINED_ATTEMPTS: usize = 10 * (1 + LAYERS.len());

/// All stages with one seed, in an order in which each finds what it needs.
pub(super) fn stages(seed: u64, extent: &Extent) -> Vec<Stage> {
    let stage = |name: String, task, work, bytes| Stage { name, seed, task, work, bytes };
    let train = |network: &'static NetworkPlan| {
        let name = format!("train/{}", network.key);
        stage(name, Task::Train(network), extent.iterations(network), NETWORK_BYTES)
    };
    let (tuned, fresh): (Vec<_>, Vec<_>) =
        NETWORKS.iter().partition(|network| matches!(network.trained_on, TrainedOn::Perturbed(_)));
    let mut stages: Vec<Stage> = fresh.into_iter().map(train).collect();
    stages.push(stage("targets".to_owned(), Task::ChooseTargets, extent.train_digits, 0));
    for set in &SETS {
        let work = set.attempts * extent.origins();
        stages.push(stage(format!("form/{}", set.key), Task::Form(set), work, (work * SET_ROW_BYTES) as u64));
    }
    stages.extend(tuned.into_iter().map(train));
    for network in &NETWORKS {
        let work = EVALUATED_ATTEMPTS * extent.tests();
        stages.push(stage(format!("evaluate/{}", network.key), Task::Evaluate(network), work, 0));
    }
    stages.push(stage("refine".to_owned(), Task::Refine, REFINED_ATTEMPTS * extent.refined(), 0));
    stages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_learn_from_sets_that_are_formed() {
        for network in &NETWORKS {
            if let TrainedOn::Perturbed(sets) = network.trained_on {
                for key in sets {
                    assert!(SETS.iter().any(|set| set.key == *key), "{key}");
                }
            }
        }
        let layers: Vec<&str> = SETS.iter().filter_map(|set| set.layer).collect();
        assert_eq!(layers, LAYERS);
    }

    #[test]
    fn the_whole_is_as_large_as_the_papers() {
        let whole = Extent { scale: 1.0, train_digits: 60_000, test_digits: 10_000 };
        assert_eq!((whole.origins(), whole.tests(), whole.infimnist_digits()), (60_000, 10_000, 2_000_000));
        let attempts: usize = SETS.iter().map(|set| set.attempts * whole.origins()).sum();
        assert_eq!(attempts, 60_000 * (1 + 1 + 9 + 36));
        let stages = stages(1, &whole);
        assert_eq!(stages.len(), 10 + 1 + 7 + 10 + 1);
        let iterations = stages.iter().filter(|stage| stage.task.kind() == Kind::Train);
        assert_eq!(iterations.map(|stage| stage.work).sum::<usize>(), 500_000);
        // Perturbed images take the most room: 2.8 million of them.
        let bytes: u64 = stages.iter().map(|stage| stage.bytes).sum();
        assert!((2_300_000_000..2_500_000_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_small_scale_leaves_something_to_do_everywhere() {
        let small = Extent { scale: 1e-6, train_digits: 300, test_digits: 200 };
        assert!(stages(1, &small).iter().all(|stage| stage.work > 0));
        assert_eq!((small.origins(), small.tests()), (10, 10));
        let few = Extent { scale: 1.0, train_digits: 300, test_digits: 200 };
        assert_eq!((few.origins(), few.tests(), few.refined()), (300, 200, 200));
    }
}
