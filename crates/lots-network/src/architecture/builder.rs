//! [`Builder`]: a graph that grows node by node, and where the weights of its layers come from.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::error::Result;
use crate::graph::{Graph, TensorId};
use crate::load::weights::{LayerWeights, Weights};
use crate::op::Op;
use crate::shape::Shape;

/// Where weights come from: those of a layer, by its name and their shape, outputs first.
pub(super) type Source<'s> = Box<dyn FnMut(&str, &[usize]) -> Result<LayerWeights> + 's>;

/// Freshly drawn weights: uniform in ±√(`spread` / fan-in), biases zero.
///
/// - `spread`: 3 keeps the variance from layer to layer, 6 does so where a ReLU follows each.
pub(super) fn drawn(spread: f64, seed: u64) -> Source<'static> {
    let mut random = Pcg64::seed_from_u64(seed);
    Box::new(move |_, shape| {
        let fan_in: usize = shape[1..].iter().product();
        let bound = (spread / fan_in as f64).sqrt();
        let mut draw = || {
            // 53 random bits: a number in [0, 1), the same on every machine.
            let unit = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            ((2.0 * unit - 1.0) * bound) as f32
        };
        let weight = (0..shape.iter().product()).map(|_| draw()).collect();
        Ok(LayerWeights { weight, bias: vec![0.0; shape[0]] })
    })
}

/// Nothing but zeros, for those who only look at the layers.
pub(super) fn zeros() -> Source<'static> {
    Box::new(|_, shape| {
        Ok(LayerWeights { weight: vec![0.0; shape.iter().product()], bias: vec![0.0; shape[0]] })
    })
}

/// The weights of a file.
pub(super) fn given(mut weights: Weights) -> Source<'static> {
    Box::new(move |layer, shape| weights.take(layer, shape))
}

/// A graph that grows node by node.
pub(super) struct Builder<'s> {
    pub(super) graph: Graph,
    source: Source<'s>,
}

impl<'s> Builder<'s> {
    /// Nothing but the input `data` of shape `input`.
    pub(super) fn new(input: Shape, source: Source<'s>) -> Self {
        Self { graph: Graph::new("data", input), source }
    }

    /// Adds a node without weights.
    pub(super) fn node(
        &mut self,
        name: &str,
        op: impl Op + 'static,
        operand: TensorId,
        output: &str,
    ) -> TensorId {
        self.add(name, op, vec![operand], output)
    }

    /// Adds a node with weights of `shape`, outputs first, and a bias for each output.
    ///
    /// # Errors
    /// Those of the source; drawn weights have none.
    pub(super) fn weights<const RANK: usize>(
        &mut self,
        name: &str,
        op: impl Op + 'static,
        operand: TensorId,
        shape: [usize; RANK],
        output: &str,
    ) -> Result<TensorId> {
        let LayerWeights { weight, bias } = (self.source)(name, &shape)?;
        let weight = self.graph.add_parameter(format!("{name}.weight"), Shape::from(shape), weight);
        let bias = self.graph.add_parameter(format!("{name}.bias"), Shape::from([shape[0]]), bias);
        Ok(self.add(name, op, vec![operand, weight, bias], output))
    }

    fn add(&mut self, name: &str, op: impl Op + 'static, operands: Vec<TensorId>, output: &str) -> TensorId {
        match self.graph.add_node(name, Box::new(op), operands, output) {
            Ok(tensor) => tensor,
            Err(error) => unreachable!("the shapes of a built-in network fit, but {error}"),
        }
    }
}
