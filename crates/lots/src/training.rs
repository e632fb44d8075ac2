//! Training with Caffe's stochastic gradient descent, after section 4 of the method.
//!
//! Source: BVLC Caffe, `examples/mnist/lenet_solver.prototxt` and `src/caffe/solvers/sgd_solver.cpp` (read, not copied).

use lots_network::Network;
use rayon::prelude::*;

use crate::data::Batch;
use crate::error::{Error, Result};

mod checkpoint;
mod examples;

pub use checkpoint::parameters_sha256;
pub use examples::{Examples, InfimnistRange, Mixed, Shuffled};

/// Weights that a thread changes at a time.
const AT_ONCE: usize = 1 << 14;

/// The constants of the descent. The default is Caffe's recipe for LeNet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solver {
    /// Learning rate of the first iteration.
    pub base_rate: f64,
    /// "inv" policy: rate(t) = base · (1 + `gamma` · t)^−`power`.
    pub gamma: f64,
    /// See `gamma`.
    pub power: f64,
    /// How much of the last step is kept.
    pub momentum: f32,
    /// L2 decay, of weights and biases alike.
    pub weight_decay: f32,
    /// Biases learn faster by this factor.
    pub bias_rate: f32,
    /// Images an iteration.
    pub batch: usize,
}

impl Default for Solver {
    fn default() -> Self {
        Self {
            base_rate: 0.01,
            gamma: 1e-4,
            power: 0.75,
            momentum: 0.9,
            weight_decay: 5e-4,
            bias_rate: 2.0,
            batch: 64,
        }
    }
}

impl Solver {
    /// The learning rate of an iteration, counted from 0: base · (1 + γ t)^−power.
    ///
    /// ```
    /// let rate = lots::training::Solver::default().learning_rate(10_000);
    /// assert!((rate - 0.00594604).abs() < 1e-8);
    /// ```
    pub fn learning_rate(&self, iteration: usize) -> f64 {
        // libm, because the platform's `pow` may differ in the last bit and training must not.
        self.base_rate * libm::pow(1.0 + self.gamma * iteration as f64, -self.power)
    }
}

/// Labelled images in their order: pixels `[images, channels, height, width]`, 0–255.
#[derive(Clone, Copy, Debug)]
pub struct TrainingSet<'d> {
    pixels: &'d [u8],
    labels: &'d [u8],
}

impl<'d> TrainingSet<'d> {
    /// A set of `labels.len()` images.
    ///
    /// # Errors
    /// [`Error::TrainingSet`] if it is empty or the pixels are not that many images.
    pub fn new(pixels: &'d [u8], labels: &'d [u8]) -> Result<Self> {
        if labels.is_empty() || pixels.is_empty() || !pixels.len().is_multiple_of(labels.len()) {
            return Err(Error::TrainingSet { pixels: pixels.len(), labels: labels.len() });
        }
        Ok(Self { pixels, labels })
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The pixels and the label of image `index`.
    fn image(&self, index: usize) -> (&'d [u8], usize) {
        let each = self.pixels.len() / self.labels.len();
        (&self.pixels[index * each..(index + 1) * each], usize::from(self.labels[index]))
    }
}

/// What an iteration showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The iteration, counted from 0.
    pub iteration: usize,
    /// Mean softmax loss of the batch, before the step.
    pub loss: f32,
    /// Images of the batch that were given another class than their label, before the step.
    pub errors: usize,
    /// The learning rate of the step.
    pub learning_rate: f64,
}

/// A network under training: weights, momentum and the number of iterations done.
#[derive(Debug)]
pub struct Training {
    network: Network,
    solver: Solver,
    iteration: usize,
    /// The last step of each parameter.
    momentum: Vec<Vec<f32>>,
}

impl Training {
    /// Training of `network` from its present weights, without momentum, at iteration 0.
    pub fn new(network: Network, solver: Solver) -> Self {
        let momentum =
            network.parameters().iter().map(|parameter| vec![0.0; parameter.values.len()]).collect();
        Self { network, solver, iteration: 0, momentum }
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network as it is now, for good.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// How many iterations have been done.
    pub fn iteration(&self) -> usize {
        self.iteration
    }

    /// The constants of the descent.
    pub fn solver(&self) -> &Solver {
        &self.solver
    }

    /// One iteration on the next batch of `examples`:
    /// g ← ∂loss/∂w + decay · w,  v ← rate · g + momentum · v,  w ← w − v.
    ///
    /// The same examples and initial weights give the same bytes for any number of threads.
    ///
    /// # Errors
    /// [`Error::Network`] if the images are not of the network's size or a label is no class;
    /// [`Error::Diverged`] if the loss is no longer a number; those of the files that the examples come from.
    pub fn step(&mut self, examples: impl Examples) -> Result<Step> {
        let first = self.iteration * self.solver.batch;
        let mut batch = Batch::default();
        examples.append(first..first + self.solver.batch, &mut batch)?;
        let result = self.network.loss_gradient(batch.pixels.as_slice(), &batch.labels)?;
        if !result.loss.is_finite() {
            return Err(Error::Diverged { iteration: self.iteration });
        }
        let learning_rate = self.solver.learning_rate(self.iteration);
        let biases: Vec<bool> = self.network.parameters().iter().map(|parameter| parameter.is_bias).collect();
        let (solver, momentum) = (self.solver, &mut self.momentum);
        self.network.change_parameters(|index, weights| {
            let rate = learning_rate as f32 * if biases[index] { solver.bias_rate } else { 1.0 };
            let gradients = result.gradients[index].par_chunks(AT_ONCE);
            let last = momentum[index].par_chunks_mut(AT_ONCE);
            let parts = weights.par_chunks_mut(AT_ONCE).zip(gradients).zip(last);
            parts.for_each(|((weights, gradients), last)| {
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for ((weight, gradient), last) in weights.iter_mut().zip(gradients).zip(last) {
                            let step =
                                rate * (gradient + solver.weight_decay * *weight) + solver.momentum * *last;
                            *last = step;
                            *weight -= step;
                        }
                    },
                );
            });
        });
        let step =
            Step { iteration: self.iteration, loss: result.loss, errors: result.errors, learning_rate };
        self.iteration += 1;
        Ok(step)
    }
}
