//! [`Trace`]: a forward pass whose values are kept, and backpropagation from any of its layers to the pixels.

use rayon::prelude::*;

use crate::awake::workers_awake;
use crate::error::{Error, Result};
use crate::forward::{Block, ImageSize, Plan, Tensors, blocks, no_tensors, operands, recomputed, with_parts};
use crate::graph::{Graph, TensorId};
use crate::layer::{LayerId, is_rectifier};
use crate::network::{Array, Network, deinterleave, interleave};
use crate::op::{Backward, Operand, element_wise};
use crate::pixels::Pixels;
use crate::workspace::{Buffer, Workspace};

/// How backpropagation starts when the layer is the output of a ReLU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReluStart {
    /// The cotangent goes past the ReLU without its mask, as in Caffe, where the ReLU works in place and
    /// `backward(start="ip1")` begins below it. All masks further down are applied.
    #[default]
    Caffe,
    /// The exact derivative: zero where the ReLU is off.
    Exact,
}

/// A forward pass over some images of which what backpropagation reads is kept.
#[derive(Debug)]
pub struct Trace<'n> {
    network: &'n Network,
    nodes: Vec<usize>,
    blocks: Vec<(Block, Tensors)>,
    count: usize,
}

impl<'n> Trace<'n> {
    pub(crate) fn new(network: &'n Network, layers: &[LayerId], pixels: Pixels<'_>) -> Result<Self> {
        let count = network.image_count(pixels)?;
        let wanted: Vec<TensorId> = layers.iter().map(|layer| layer.0).collect();
        let plan = Plan::keeping_for_backward(&network.graph, &wanted);
        let blocks = blocks(count, &network.graph)
            .into_par_iter()
            .map(|block| (block, plan.run(network, pixels, block, &mut Workspace::of(&network.pool))))
            .collect();
        Ok(Self { network, nodes: plan.nodes().to_vec(), blocks, count })
    }

    /// How many images were passed through.
    pub fn count(&self) -> usize {
        self.count
    }

    /// f⁽ˡ⁾(x) of each image, shape `[images, …]`.
    ///
    /// # Errors
    /// [`Error::NotTraced`] if the layer was not asked for and does not lie below one that was.
    pub fn representation(&self, layer: LayerId) -> Result<Array> {
        self.check(layer)?;
        let elements = self.network.shape(layer).count();
        let mut values = vec![0.0; self.count * elements];
        let slots = with_parts(&self.blocks, |(block, _)| block.count, &mut values, elements);
        slots.into_par_iter().for_each(|((block, tensors), slot)| {
            if !tensors[layer.0].is_empty() {
                deinterleave(&tensors[layer.0], *block, slot);
                return;
            }
            let mut workspace = Workspace::of(&self.network.pool);
            let values = recomputed(&self.network.graph, layer.0, tensors, block.lanes, &mut workspace);
            deinterleave(&values, *block, slot);
            workspace.give(values);
        });
        let mut shape = vec![self.count];
        shape.extend(self.network.shape(layer).extents());
        Ok(Array { shape, values })
    }

    /// `B_l`: the gradient of ⟨v, f⁽ˡ⁾(x)⟩ with respect to the **pixels** of each image, in units of one grey level.
    ///
    /// - `cotangents`: v, one of the layer's size for each image, `[images, …]`.
    /// - Returns shape `[images, channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::NotTraced`], [`Error::CotangentCount`].
    pub fn backpropagate(&self, layer: LayerId, cotangents: &[f32], start: ReluStart) -> Result<Array> {
        self.check(layer)?;
        let elements = self.network.shape(layer).count();
        if cotangents.len() != self.count * elements {
            return Err(Error::CotangentCount {
                layer: self.network.tensor_name(layer).to_owned(),
                got: cotangents.len(),
                expected: self.count * elements,
            });
        }
        let [channels, height, width] = self.network.input_shape();
        let image = channels * height * width;
        let mut values = vec![0.0; self.count * image];
        let slots = with_parts(&self.blocks, |(block, _)| block.count, &mut values, image);
        let workspace = || Workspace::of(&self.network.pool);
        slots.into_par_iter().for_each_init(workspace, |workspace, ((block, tensors), slot)| {
            let mut seed = workspace.take(elements * block.lanes);
            let own = &cotangents[block.first * elements..(block.first + block.count) * elements];
            interleave(own, *block, &mut seed);
            let pass =
                BlockBackward { network: self.network, nodes: &self.nodes, tensors, lanes: block.lanes };
            let is_large = block.lanes == 1 && ImageSize::of(&self.network.graph) == ImageSize::Large;
            let gradient = if is_large {
                workers_awake(|| pass.to_input(layer.0, seed, start, workspace))
            } else {
                pass.to_input(layer.0, seed, start, workspace)
            };
            self.network.pixels.pull_back(&gradient, self.network.input_shape(), block.lanes, slot);
            workspace.give(gradient);
        });
        Ok(Array { shape: vec![self.count, channels, height, width], values })
    }

    fn check(&self, layer: LayerId) -> Result<()> {
        let graph = &self.network.graph;
        let traced =
            layer.0 == Graph::INPUT || self.nodes.iter().any(|&node| graph.nodes[node].output == layer.0);
        if traced {
            Ok(())
        } else {
            Err(Error::NotTraced { layer: self.network.tensor_name(layer).to_owned() })
        }
    }
}

impl Drop for Trace<'_> {
    fn drop(&mut self) {
        for (_, tensors) in &mut self.blocks {
            self.network.pool.give(std::mem::take(tensors));
        }
    }
}

/// The backward pass of one block.
pub(crate) struct BlockBackward<'a> {
    pub(crate) network: &'a Network,
    pub(crate) nodes: &'a [usize],
    pub(crate) tensors: &'a Tensors,
    pub(crate) lanes: usize,
}

impl BlockBackward<'_> {
    /// The gradient at the network's input, `[elements][lanes]`, for the cotangent `seed` at tensor `from`.
    fn to_input(
        &self,
        from: TensorId,
        seed: Buffer,
        start: ReluStart,
        workspace: &mut Workspace<'_>,
    ) -> Buffer {
        let graph = &self.network.graph;
        let from = match graph.producer(from) {
            Some(node) if start == ReluStart::Caffe && is_rectifier(node) => node.operands[0],
            _ => from,
        };
        let wanted = self.depend_on_input();
        let mut gradients = no_tensors(graph.tensors.len());
        gradients[from] = seed;
        self.run(&mut gradients, &|tensor| wanted[tensor], workspace, |_, cotangent, workspace| {
            workspace.give(cotangent);
        });
        let mut gradient = std::mem::take(&mut gradients[Graph::INPUT]);
        if gradient.is_empty() {
            // No pixel reaches the layer.
            gradient = workspace.take(graph.tensors[Graph::INPUT].shape.count() * self.lanes);
            gradient.fill(0.0);
        }
        workspace.recycle(gradients);
        gradient
    }

    /// Walks the nodes backward from the tensors whose `gradients` are set; adds to those of all `wanted` tensors.
    /// `passed` is given each node that was passed, by its index, and the cotangent of its output.
    pub(crate) fn run(
        &self,
        gradients: &mut Tensors,
        wanted: &dyn Fn(TensorId) -> bool,
        workspace: &mut Workspace<'_>,
        mut passed: impl FnMut(usize, Buffer, &mut Workspace<'_>),
    ) {
        let graph = &self.network.graph;
        for &index in self.nodes.iter().rev() {
            let node = &graph.nodes[index];
            if gradients[node.output].is_empty() {
                continue;
            }
            let mut cotangent = std::mem::take(&mut gradients[node.output]);
            let operands = operands(graph, &node.operands, |id| &self.tensors[id], self.lanes);
            let output = Operand {
                shape: &graph.tensors[node.output].shape,
                values: &self.tensors[node.output],
                lanes: self.lanes,
            };
            let is_of_images = !node.operands.iter().any(|&operand| graph.is_parameter(operand));
            if is_of_images && node.op.backward_in_place(&operands, output, &mut cotangent) {
                let reached: Vec<TensorId> =
                    node.operands.iter().copied().filter(|&operand| wanted(operand)).collect();
                share(cotangent, &reached, gradients, workspace);
                passed(index, Buffer::default(), workspace);
                continue;
            }
            // The same tensor may be several operands (x · x): its gradient is lent to the first, then added.
            let mut own: Vec<Option<Buffer>> = Vec::with_capacity(node.operands.len());
            for &operand in &node.operands {
                if !wanted(operand) {
                    own.push(None);
                    continue;
                }
                let mut gradient = std::mem::take(&mut gradients[operand]);
                if gradient.is_empty() {
                    let lanes = if graph.is_parameter(operand) { 1 } else { self.lanes };
                    gradient = workspace.take(graph.tensors[operand].shape.count() * lanes);
                    element_wise(&mut gradient, [], |gradient, []| gradient.fill(0.0));
                }
                own.push(Some(gradient));
            }
            let pass = Backward { operands: &operands, output, cotangent: &cotangent, lanes: self.lanes };
            let mut slots: Vec<Option<&mut [f32]>> =
                own.iter_mut().map(|gradient| gradient.as_deref_mut()).collect();
            node.op.backward(&pass, &mut slots);
            for (&operand, gradient) in node.operands.iter().zip(own) {
                let Some(gradient) = gradient else { continue };
                if gradients[operand].is_empty() {
                    gradients[operand] = gradient;
                } else {
                    add(&mut gradients[operand], &gradient);
                    workspace.give(gradient);
                }
            }
            passed(index, cotangent, workspace);
        }
    }

    /// For each tensor whether a pixel can change it.
    fn depend_on_input(&self) -> Vec<bool> {
        let graph = &self.network.graph;
        let mut depends = vec![false; graph.tensors.len()];
        depends[Graph::INPUT] = true;
        for &node in self.nodes {
            let node = &graph.nodes[node];
            depends[node.output] = node.operands.iter().any(|&operand| depends[operand]);
        }
        depends
    }
}

/// Adds `gradient` to those of `tensors`, one of which may take it as it is.
fn share(gradient: Buffer, tensors: &[TensorId], gradients: &mut Tensors, workspace: &mut Workspace<'_>) {
    let Some((&last, others)) = tensors.split_last() else { return workspace.give(gradient) };
    for &tensor in others {
        if gradients[tensor].is_empty() {
            gradients[tensor] = workspace.take(gradient.len());
            element_wise(&mut gradients[tensor], [&gradient], |copy, [gradient]| {
                copy.copy_from_slice(gradient);
            });
        } else {
            add(&mut gradients[tensor], &gradient);
        }
    }
    if gradients[last].is_empty() {
        gradients[last] = gradient;
    } else {
        add(&mut gradients[last], &gradient);
        workspace.give(gradient);
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    element_wise(
        sums,
        [values],
        #[inline(always)]
        |sums, [values]| sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
    );
}
