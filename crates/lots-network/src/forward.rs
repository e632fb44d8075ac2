//! Running the graph forward, for a block of images that lie side by side in the lanes.

use crate::awake::workers_awake;
use crate::graph::{Graph, Source, TensorId};
use crate::kernel::windows::Windows;
use crate::network::Network;
use crate::op::Operand;
use crate::pixels::Pixels;
use crate::workspace::{Buffer, Workspace};

/// Images side by side: as many as an AVX-512 register has floats.
pub(crate) const LANES: usize = 16;

/// So many images one after the other take no longer than sixteen side by side: for LeNet 6 · 48 µs and 385 µs.
pub(crate) const FEW_IMAGES: usize = 6;

/// From this many input values an image fills the machine by itself.
const LARGE_IMAGE: usize = 96 * 96 * 3;

/// From this many values in one tensor of an image, sixteen images side by side would take too much memory.
const LARGE_TENSOR: usize = 1 << 22;

/// How the images of a network are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageSize {
    /// Many side by side, or one.
    Small,
    /// One by one, whatever their number.
    Large,
}

impl ImageSize {
    /// Of the network's images.
    pub(crate) fn of(graph: &Graph) -> Self {
        let elements = |id: TensorId| graph.tensors[id].shape.count();
        let mut of_an_image = (0..graph.tensors.len()).filter(|&id| !graph.is_parameter(id)).map(elements);
        if elements(Graph::INPUT) >= LARGE_IMAGE || of_an_image.any(|count| count >= LARGE_TENSOR) {
            Self::Large
        } else {
            Self::Small
        }
    }
}

/// Images `first..first + count` of a call, computed together in `lanes` lanes; unused lanes compute the last one again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) lanes: usize,
}

/// Divides `count` images into blocks. How they are divided changes only the speed: no lane knows of the others.
pub(crate) fn blocks(count: usize, graph: &Graph) -> Vec<Block> {
    let size = ImageSize::of(graph);
    let mut blocks = Vec::new();
    let mut first = 0;
    while first < count {
        let left = count - first;
        // A few images one by one are quicker than sixteen lanes most of which are idle.
        let lanes = if size == ImageSize::Large || left <= FEW_IMAGES { 1 } else { LANES };
        let count = lanes.min(left);
        blocks.push(Block { first, count, lanes });
        first += count;
    }
    blocks
}

/// Each of `blocks` with its part of `values`, of which an image has `each`.
///
/// - `count`: how many images a block has.
pub(crate) fn with_parts<B>(
    blocks: impl IntoIterator<Item = B>,
    count: impl Fn(&B) -> usize,
    mut values: &mut [f32],
    each: usize,
) -> Vec<(B, &mut [f32])> {
    let part = |block: B| {
        let (part, behind) = std::mem::take(&mut values).split_at_mut(count(&block) * each);
        values = behind;
        (block, part)
    };
    blocks.into_iter().map(part).collect()
}

/// Values of every tensor, `[elements][lanes]`; empty where not computed.
pub(crate) type Tensors = Vec<Buffer>;

/// `count` of them, none of which is computed.
pub(crate) fn no_tensors(count: usize) -> Tensors {
    std::iter::repeat_with(Buffer::default).take(count).collect()
}

/// Which nodes lead to the wanted tensors, and when each tensor is no longer needed.
#[derive(Debug)]
pub(crate) struct Plan {
    nodes: Vec<usize>,
    /// For each of `nodes`: tensors that no later node reads and nobody wants.
    spent: Vec<Vec<TensorId>>,
    /// For each of `nodes`: the windows of the next one, if it is a maximum that alone reads what this one computes.
    pooled: Vec<Option<Windows>>,
}

impl Plan {
    /// What it takes to compute `wanted`; everything else is dropped as soon as it has been read.
    pub(crate) fn new(graph: &Graph, wanted: &[TensorId]) -> Self {
        Self::keeping(graph, wanted, &[])
    }

    /// What it takes to compute `wanted`, keeping what a backward pass to the pixels reads, and the input.
    pub(crate) fn keeping_for_backward(graph: &Graph, wanted: &[TensorId]) -> Self {
        let mut kept = vec![Graph::INPUT];
        for node in &graph.nodes {
            let reads = node.op.gradient_reads();
            if reads.operands {
                kept.extend(&node.operands);
            }
            if reads.output {
                kept.push(node.output);
            }
        }
        Self::keeping(graph, wanted, &kept)
    }

    fn keeping(graph: &Graph, wanted: &[TensorId], kept: &[TensorId]) -> Self {
        let nodes = nodes_before(graph, wanted, |_| false);
        let mut keep = vec![false; graph.tensors.len()];
        for &tensor in wanted.iter().chain(kept) {
            keep[tensor] = true;
        }
        let mut spent = vec![Vec::new(); nodes.len()];
        for (index, &node) in nodes.iter().enumerate().rev() {
            for &operand in &graph.nodes[node].operands {
                if !keep[operand] && !graph.is_parameter(operand) {
                    keep[operand] = true;
                    spent[index].push(operand);
                }
            }
        }
        let pooled = (0..nodes.len()).map(|index| {
            let (output, next) = (graph.nodes[nodes[index]].output, &graph.nodes[*nodes.get(index + 1)?]);
            let alone = next.operands == [output] && spent[index + 1] == [output];
            if alone { next.op.maximum_windows(&graph.tensors[output].shape) } else { None }
        });
        Self { pooled: pooled.collect(), nodes, spent }
    }

    /// What it takes to compute `wanted`, keeping every value for a backward pass.
    pub(crate) fn keeping_all(graph: &Graph, wanted: &[TensorId]) -> Self {
        let nodes = nodes_before(graph, wanted, |_| false);
        let (spent, pooled) = (vec![Vec::new(); nodes.len()], vec![None; nodes.len()]);
        Self { nodes, spent, pooled }
    }

    /// Runs one block.
    pub(crate) fn run(
        &self,
        network: &Network,
        pixels: Pixels<'_>,
        block: Block,
        workspace: &mut Workspace<'_>,
    ) -> Tensors {
        if block.lanes == 1 && ImageSize::of(&network.graph) == ImageSize::Large {
            return workers_awake(|| self.run_here(network, pixels, block, workspace));
        }
        self.run_here(network, pixels, block, workspace)
    }

    fn run_here(
        &self,
        network: &Network,
        pixels: Pixels<'_>,
        block: Block,
        workspace: &mut Workspace<'_>,
    ) -> Tensors {
        let graph = &network.graph;
        let mut tensors = no_tensors(graph.tensors.len());
        let input_elements = graph.tensors[Graph::INPUT].shape.count();
        let mut input = workspace.take(input_elements * block.lanes);
        let images = pixels.slice(block.first * input_elements..(block.first + block.count) * input_elements);
        network.pixels.encode(images, network.input_shape(), block.lanes, &mut input);
        tensors[Graph::INPUT] = input;
        let mut index = 0;
        while let Some(&node) = self.nodes.get(index) {
            let node = &graph.nodes[node];
            let windows = self.pooled[index].as_ref().filter(|windows| node.op.pools(windows, block.lanes));
            let computed = 1 + usize::from(windows.is_some());
            let result = graph.nodes[self.nodes[index + computed - 1]].output;
            let mut output = workspace.take(graph.tensors[result].shape.count() * block.lanes);
            let operands = operands(graph, &node.operands, |id| &tensors[id], block.lanes);
            match windows {
                Some(windows) => node.op.forward_pooled(&operands, windows, &mut output, block.lanes),
                None => node.op.forward(&operands, &mut output, block.lanes),
            }
            tensors[result] = output;
            for &tensor in self.spent[index..index + computed].iter().flatten() {
                workspace.give(std::mem::take(&mut tensors[tensor]));
            }
            index += computed;
        }
        tensors
    }

    /// The nodes in the order they run.
    pub(crate) fn nodes(&self) -> &[usize] {
        &self.nodes
    }
}

/// The operands of a node as its op sees them.
pub(crate) fn operands<'a>(
    graph: &'a Graph,
    ids: &[TensorId],
    values: impl Fn(TensorId) -> &'a [f32],
    lanes: usize,
) -> Vec<Operand<'a>> {
    ids.iter()
        .map(|&id| {
            let tensor = &graph.tensors[id];
            match &tensor.source {
                Source::Parameter(values) => Operand { shape: &tensor.shape, values, lanes: 1 },
                Source::Image | Source::Node(_) => {
                    Operand { shape: &tensor.shape, values: values(id), lanes }
                }
            }
        })
        .collect()
}

/// The values of `tensor`, which has not been kept, in one block, computed anew from those of `tensors` that have.
pub(crate) fn recomputed(
    graph: &Graph,
    tensor: TensorId,
    tensors: &Tensors,
    lanes: usize,
    workspace: &mut Workspace<'_>,
) -> Buffer {
    let mut own = no_tensors(graph.tensors.len());
    for node in nodes_before(graph, &[tensor], |tensor| !tensors[tensor].is_empty()) {
        let node = &graph.nodes[node];
        let mut output = workspace.take(graph.tensors[node.output].shape.count() * lanes);
        let values =
            |id: TensorId| -> &[f32] { if tensors[id].is_empty() { &own[id] } else { &tensors[id] } };
        node.op.forward(&operands(graph, &node.operands, values, lanes), &mut output, lanes);
        own[node.output] = output;
    }
    let values = std::mem::take(&mut own[tensor]);
    workspace.recycle(own);
    values
}

/// The nodes that compute `wanted`, in their order, as far as tensors are not `available`.
fn nodes_before(graph: &Graph, wanted: &[TensorId], available: impl Fn(TensorId) -> bool) -> Vec<usize> {
    let mut needed = vec![false; graph.tensors.len()];
    for &tensor in wanted {
        needed[tensor] = true;
    }
    let mut nodes = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if needed[node.output] && !available(node.output) {
            nodes.push(index);
            for &operand in &node.operands {
                needed[operand] = true;
            }
        }
    }
    nodes.reverse();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Array;

    fn bits(representation: Array) -> Vec<u32> {
        representation.values.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn a_layer_that_is_pooled_on_the_way_is_the_same_as_one_that_is_kept() {
        let network = Network::lenet(3);
        let pixels: Vec<u8> = (0..35 * 28 * 28).map(|index| (index * 7919 % 256) as u8).collect();
        let plan = Plan::new(&network.graph, &[network.logits().0]);
        let pooling = (plan.nodes.iter().zip(&plan.pooled))
            .filter_map(|(&node, windows)| Some((&network.graph.nodes[node], windows.as_ref()?)));
        let pools: Vec<bool> = pooling.map(|(node, windows)| node.op.pools(windows, LANES)).collect();
        assert_eq!(pools, [true, false], "the first convolution; the second goes by tiles");
        for name in ["pool1", "ip2"] {
            let layer = network.layer(name).unwrap();
            let on_the_way = network.represent(layer, &pixels[..]).unwrap();
            let trace = network.trace(&[layer], &pixels[..]).unwrap();
            assert_eq!(bits(on_the_way), bits(trace.representation(layer).unwrap()), "{name}");
        }
        // Who wants the layer itself gets it.
        let conv1 = network.layer("conv1").unwrap();
        assert_eq!(network.represent(conv1, &pixels[..]).unwrap().shape, [35, 20, 24, 24]);
    }

    #[test]
    fn images_one_by_one_and_side_by_side_have_the_same_bytes() {
        let network = Network::lenet(4);
        let pixels: Vec<u8> = (0..16 * 28 * 28).map(|index| (index * 6151 % 256) as u8).collect();
        let all = bits(network.classify(&pixels[..]).unwrap());
        for count in 1..16 {
            let some = bits(network.classify(&pixels[..count * 28 * 28]).unwrap());
            assert_eq!(some, all[..count * 10], "{count} images");
        }
    }
}
