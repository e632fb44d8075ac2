//! The gradient of the softmax loss with respect to the weights, and the weights themselves.

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::forward::{Block, LANES, Plan, Tensors, no_tensors, operands};
use crate::graph::{Graph, GraphNode, Source, TensorId};
use crate::network::Network;
use crate::op::{Backward, Operand};
use crate::pixels::Pixels;
use crate::shape::Shape;
use crate::trace::BlockBackward;
use crate::workspace::Workspace;

/// How many blocks of images hold their values at the same time: a bound on memory. The sum over the blocks has their
/// order, whatever this is.
const BLOCKS_AT_ONCE: usize = 8;

/// A tensor of weights or biases that training changes.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<'n> {
    /// The tensor's name.
    pub name: &'n str,
    /// All its extents.
    pub shape: &'n Shape,
    /// Its numbers, row-major.
    pub values: &'n [f32],
    /// Whether it is added to sums rather than multiplied with inputs; Caffe gives biases twice the learning rate.
    pub is_bias: bool,
}

/// The mean softmax loss of some images and its gradient.
#[derive(Clone, Debug)]
pub struct LossGradient {
    /// Mean of −log p(label), natural logarithm.
    pub loss: f32,
    /// How many images were given another class than their label.
    pub errors: usize,
    /// One array for each of [`Network::parameters`], in their order.
    pub gradients: Vec<Vec<f32>>,
}

/// What the way forward and back through one block of images leaves for the gradients of the parameters.
struct BlockLearning {
    /// Sum of the losses.
    loss: f64,
    errors: usize,
    tensors: Tensors,
    /// Of the output of each node; empty where no gradient passed.
    cotangents: Tensors,
}

impl Network {
    /// The weights and biases that training changes, in the order of computation.
    pub fn parameters(&self) -> Vec<Parameter<'_>> {
        trainable(&self.graph)
            .into_iter()
            .map(|id| {
                let tensor = &self.graph.tensors[id];
                let Source::Parameter(values) = &tensor.source else {
                    unreachable!("trainable tensors are parameters")
                };
                Parameter {
                    name: &tensor.name,
                    shape: &tensor.shape,
                    values,
                    is_bias: tensor.shape.rank() == 1,
                }
            })
            .collect()
    }

    /// Lets `change` rewrite each parameter in place: it is given the index in [`Network::parameters`] and the numbers.
    pub fn change_parameters(&mut self, mut change: impl FnMut(usize, &mut [f32])) {
        for (index, id) in trainable(&self.graph).into_iter().enumerate() {
            if let Source::Parameter(values) = &mut self.graph.tensors[id].source {
                change(index, Arc::make_mut(values));
            }
        }
        for node in &mut self.graph.nodes {
            node.op.forget_weights();
        }
    }

    /// The mean over the images of the softmax loss −log p(label), and its gradient with respect to every parameter.
    ///
    /// The gradient of the logits is `(p − 1[label]) / images`. The sums over images have a fixed order: the same batch
    /// gives the same bytes for any number of threads.
    ///
    /// # Errors
    /// [`Error::PixelCount`], [`Error::Labels`].
    pub fn loss_gradient<'p>(&self, pixels: impl Into<Pixels<'p>>, labels: &[usize]) -> Result<LossGradient> {
        let pixels = pixels.into();
        let count = self.image_count(pixels)?;
        self.check_labels(labels, count)?;
        let logits = self.logits().0;
        let plan = Plan::keeping_all(&self.graph, &[logits]);
        let parameters = trainable(&self.graph);
        let wanted = depend_on(&self.graph, &parameters);
        let mut result = LossGradient {
            loss: 0.0,
            errors: 0,
            gradients: parameters.iter().map(|&id| vec![0.0; self.graph.tensors[id].shape.count()]).collect(),
        };
        let mut loss = 0.0_f64;
        let all: Vec<Block> = (0..count)
            .step_by(LANES)
            .map(|first| Block { first, count: LANES.min(count - first), lanes: LANES })
            .collect();
        for blocks in all.chunks(BLOCKS_AT_ONCE) {
            let learned: Vec<BlockLearning> = blocks
                .par_iter()
                .map_init(
                    || Workspace::of(&self.pool),
                    |workspace, &block| {
                        let tensors = plan.run(self, pixels, block, workspace);
                        let own = &labels[block.first..block.first + block.count];
                        let mut gradients = no_tensors(tensors.len());
                        let mut seed = workspace.take(tensors[logits].len());
                        let (loss, errors) = softmax_loss(&tensors[logits], own, count, &mut seed);
                        gradients[logits] = seed;
                        let mut cotangents = no_tensors(self.graph.nodes.len());
                        BlockBackward { network: self, nodes: plan.nodes(), tensors: &tensors, lanes: LANES }
                            .run(
                                &mut gradients,
                                &|tensor| wanted[tensor] && !self.graph.is_parameter(tensor),
                                workspace,
                                |node, cotangent, _| cotangents[node] = cotangent,
                            );
                        workspace.recycle(gradients);
                        BlockLearning { loss, errors, tensors, cotangents }
                    },
                )
                .collect();
            for block in &learned {
                loss += block.loss;
                result.errors += block.errors;
            }
            for &node in plan.nodes().iter().rev() {
                self.add_parameter_gradients(node, &learned, &parameters, &mut result.gradients);
            }
            let mut workspace = Workspace::of(&self.pool);
            for block in learned {
                workspace.recycle(block.tensors);
                workspace.recycle(block.cotangents);
            }
        }
        result.loss = (loss / count.max(1) as f64) as f32;
        Ok(result)
    }

    /// Adds to `gradients`, one for each of `parameters`, what node number `node` contributes to them.
    fn add_parameter_gradients(
        &self,
        node: usize,
        learned: &[BlockLearning],
        parameters: &[TensorId],
        gradients: &mut [Vec<f32>],
    ) {
        let GraphNode { op, operands: ids, .. } = &self.graph.nodes[node];
        let places: Vec<Option<usize>> =
            ids.iter().map(|id| parameters.iter().position(|parameter| parameter == id)).collect();
        let reached: Vec<&BlockLearning> =
            learned.iter().filter(|block| !block.cotangents[node].is_empty()).collect();
        if reached.is_empty() || places.iter().all(Option::is_none) {
            return;
        }
        let of_blocks: Vec<Vec<Operand<'_>>> =
            reached.iter().map(|block| operands(&self.graph, ids, |id| &block.tensors[id], LANES)).collect();
        let shape = &self.graph.tensors[self.graph.nodes[node].output].shape;
        let passes: Vec<Backward<'_>> = reached
            .iter()
            .zip(&of_blocks)
            .map(|(block, operands)| Backward {
                operands,
                output: Operand {
                    shape,
                    values: &block.tensors[self.graph.nodes[node].output],
                    lanes: LANES,
                },
                cotangent: &block.cotangents[node],
                lanes: LANES,
            })
            .collect();
        // The same parameter may be several operands: each adds to it in turn.
        for (operand, &place) in places.iter().enumerate() {
            let Some(place) = place else { continue };
            let mut slots: Vec<Option<&mut [f32]>> = ids.iter().map(|_| None).collect();
            slots[operand] = Some(&mut gradients[place]);
            op.backward_shared(&passes, &mut slots);
        }
    }

    fn check_labels(&self, labels: &[usize], count: usize) -> Result<()> {
        if labels.len() != count {
            return Err(Error::Labels { message: format!("expected {count} labels, got {}", labels.len()) });
        }
        match labels.iter().position(|&label| label >= self.class_count()) {
            Some(index) => Err(Error::Labels {
                message: format!(
                    "label {} of image {index} is no class of the network, expected 0–{}",
                    labels[index],
                    self.class_count() - 1
                ),
            }),
            None => Ok(()),
        }
    }
}

/// Softmax in f32 as Caffe computes it: the maximum subtracted, exponentials, divided by their sum.
///
/// ```
/// let probabilities = lots_network::softmax(&[0.0, 0.0]);
/// assert_eq!(probabilities, [0.5, 0.5]);
/// ```
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| libm::expf(logit - largest)).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|exponential| exponential / sum).collect()
}

/// Sum of the losses and count of errors of one block; writes the gradient at the logits into `seed`.
fn softmax_loss(logits: &[f32], labels: &[usize], count: usize, seed: &mut [f32]) -> (f64, usize) {
    let classes = logits.len() / LANES;
    let (mut loss, mut errors) = (0.0, 0);
    seed.fill(0.0);
    for (lane, &label) in labels.iter().enumerate() {
        let own: Vec<f32> = (0..classes).map(|class| logits[class * LANES + lane]).collect();
        let probabilities = softmax(&own);
        loss -= f64::from(libm::logf(probabilities[label].max(f32::MIN_POSITIVE)));
        errors += usize::from(crate::network::class_of(&own) != label);
        for (class, probability) in probabilities.into_iter().enumerate() {
            let wanted = if class == label { 1.0 } else { 0.0 };
            seed[class * LANES + lane] = (probability - wanted) / count as f32;
        }
    }
    (loss, errors)
}

/// The parameters that training changes, in the order of computation, each once.
fn trainable(graph: &Graph) -> Vec<TensorId> {
    let mut ids = Vec::new();
    for node in &graph.nodes {
        for &index in node.op.trainable() {
            if let Some(&id) = node.operands.get(index)
                && graph.is_parameter(id)
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        }
    }
    ids
}

/// For each tensor whether it is or depends on one of `parameters`.
fn depend_on(graph: &Graph, parameters: &[TensorId]) -> Vec<bool> {
    let mut depends = vec![false; graph.tensors.len()];
    for &id in parameters {
        depends[id] = true;
    }
    for node in &graph.nodes {
        depends[node.output] = node.operands.iter().any(|&operand| depends[operand]);
    }
    depends
}
