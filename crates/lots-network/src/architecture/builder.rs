//! [`Builder`]: a graph that grows node by node, its weights freshly drawn.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::graph::{Graph, TensorId};
use crate::op::Op;
use crate::shape::Shape;

/// A graph that grows node by node. Weights are uniform in ±√(`spread` / fan-in), biases zero.
pub(super) struct Builder {
    pub(super) graph: Graph,
    spread: f64,
    random: Pcg64,
}

impl Builder {
    /// Nothing but the input `data` of shape `input`.
    ///
    /// - `spread`: 3 keeps the variance from layer to layer, 6 does so where a ReLU follows each.
    pub(super) fn new(input: Shape, spread: f64, seed: u64) -> Self {
        Self { graph: Graph::new("data", input), spread, random: Pcg64::seed_from_u64(seed) }
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
    pub(super) fn weights<const RANK: usize>(
        &mut self,
        name: &str,
        op: impl Op + 'static,
        operand: TensorId,
        shape: [usize; RANK],
        output: &str,
    ) -> TensorId {
        let values = self.draw(shape.iter().product(), shape[1..].iter().product());
        let weight = self.graph.add_parameter(format!("{name}.weight"), Shape::from(shape), values);
        let bias =
            self.graph.add_parameter(format!("{name}.bias"), Shape::from([shape[0]]), vec![0.0; shape[0]]);
        self.add(name, op, vec![operand, weight, bias], output)
    }

    fn add(&mut self, name: &str, op: impl Op + 'static, operands: Vec<TensorId>, output: &str) -> TensorId {
        match self.graph.add_node(name, Box::new(op), operands, output) {
            Ok(tensor) => tensor,
            Err(error) => unreachable!("the shapes of a built-in network fit, but {error}"),
        }
    }

    fn draw(&mut self, count: usize, fan_in: usize) -> Vec<f32> {
        let bound = (self.spread / fan_in as f64).sqrt();
        (0..count)
            .map(|_| {
                // 53 random bits: a number in [0, 1), the same on every machine.
                let unit = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                ((2.0 * unit - 1.0) * bound) as f32
            })
            .collect()
    }
}
