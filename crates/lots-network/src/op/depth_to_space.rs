//! `DepthToSpace` and `SpaceToDepth`: channels become blocks of pixels, and back.

use super::view::View;
use super::window::image_extents;
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const DEPTH_TO_SPACE: Registration = Registration {
    name: "DepthToSpace",
    parse: parse_depth_to_space,
    #[cfg(test)]
    cases: tests::depth_cases,
};

pub(crate) const SPACE_TO_DEPTH: Registration = Registration {
    name: "SpaceToDepth",
    parse: parse_space_to_depth,
    #[cfg(test)]
    cases: tests::space_cases,
};

/// Moves `block`² channels to a block of pixels, or back.
#[derive(Debug)]
pub(crate) struct Rearrange {
    pub(crate) block: usize,
    pub(crate) way: Way,
}

/// What becomes what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// The channels of one block stand `channels / block²` apart (DCR).
    DepthFirst,
    /// The channels of one block are neighbours (CRD), as PyTorch's pixel shuffle has it.
    ColumnFirst,
    /// Pixels become channels that stand apart.
    SpaceToDepth,
}

fn parse_depth_to_space(node: &Node<'_>) -> Result<Parsed, OpError> {
    let way = match node.string("mode", "DCR")? {
        "DCR" => Way::DepthFirst,
        "CRD" => Way::ColumnFirst,
        other => return Err(OpError::new(format!("attribute `mode` must be DCR or CRD, got {other}"))),
    };
    parse(node, way)
}

fn parse_space_to_depth(node: &Node<'_>) -> Result<Parsed, OpError> {
    parse(node, Way::SpaceToDepth)
}

fn parse(node: &Node<'_>, way: Way) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    node.batched(0)?;
    let block = usize::try_from(node.int("blocksize", 0)?).ok().filter(|block| (1..1 << 15).contains(block));
    let block =
        block.ok_or_else(|| OpError::new("attribute `blocksize` must be positive and below 32768"))?;
    Ok(Parsed::new(Rearrange { block, way }, [0]))
}

impl Op for Rearrange {
    fn name(&self) -> &'static str {
        if self.way == Way::SpaceToDepth { "SpaceToDepth" } else { "DepthToSpace" }
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let [channels, height, width] = image_extents(operands[0])?;
        let block = self.block;
        let fits = match self.way {
            Way::SpaceToDepth => height.is_multiple_of(block) && width.is_multiple_of(block),
            Way::DepthFirst | Way::ColumnFirst => channels.is_multiple_of(block * block),
        };
        if !fits {
            return Err(OpError::new(format!("{} is not made of blocks of {block}×{block}", operands[0])));
        }
        Ok(match self.way {
            Way::SpaceToDepth => {
                Shape::from([channels.saturating_mul(block * block), height / block, width / block])
            }
            Way::DepthFirst | Way::ColumnFirst => {
                let [height, width] = [height.saturating_mul(block), width.saturating_mul(block)];
                Shape::from([channels / (block * block), height, width])
            }
        })
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        self.view(operands[0].shape).forward(operands, output, lanes);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        self.view(pass.operands[0].shape).backward(pass, gradients);
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("blocksize", Attribute::Int(self.block as i64));
        match self.way {
            Way::DepthFirst => node.attribute("mode", Attribute::String("DCR".to_owned())),
            Way::ColumnFirst => node.attribute("mode", Attribute::String("CRD".to_owned())),
            Way::SpaceToDepth => {}
        }
    }

    fn only_moves(&self) -> bool {
        true
    }

    /// The definition of ONNX, element by element.
    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let &[channels, height, width] = operands[0].shape.extents() else { panic!("an image") };
        let result = self.output_shape(&[&operands[0].shape]).unwrap();
        let &[new_channels, new_height, new_width] = result.extents() else { panic!("an image") };
        let block = self.block;
        let mut values = vec![0.0; result.count()];
        for c in 0..channels {
            for y in 0..height {
                for x in 0..width {
                    let [to, row, column] = match self.way {
                        Way::DepthFirst => {
                            let place = c / new_channels;
                            [c % new_channels, y * block + place / block, x * block + place % block]
                        }
                        Way::ColumnFirst => {
                            let place = c % (block * block);
                            [c / (block * block), y * block + place / block, x * block + place % block]
                        }
                        Way::SpaceToDepth => {
                            [((y % block) * block + x % block) * channels + c, y / block, x / block]
                        }
                    };
                    values[(to * new_height + row) * new_width + column] =
                        operands[0].values[(c * height + y) * width + x];
                }
            }
        }
        values
    }
}

impl Rearrange {
    /// The axes of the result, height and width split into blocks and pixels inside them.
    fn view(&self, image: &Shape) -> View {
        let &[channels, height, width] = image.extents() else {
            unreachable!("the shape rule wants three axes")
        };
        let (block, area) = (self.block, height * width);
        let inner = channels / (block * block);
        let (extents, strides) = match self.way {
            Way::DepthFirst => (
                vec![inner, height, block, width, block],
                vec![area, width, block * inner * area, 1, inner * area],
            ),
            Way::ColumnFirst => (
                vec![inner, height, block, width, block],
                vec![block * block * area, width, block * area, 1, area],
            ),
            Way::SpaceToDepth => (
                vec![block, block, channels, height / block, width / block],
                vec![width, 1, area, block * width, block],
            ),
        };
        View { first: 0, extents: Shape::new(extents), strides }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn depth_cases(random: &mut Random) -> Vec<Case> {
        [Way::DepthFirst, Way::ColumnFirst]
            .map(|way| {
                let block = random.int(1..=2);
                let shape = [random.int(1..=2) * block * block, random.int(1..=3), random.int(1..=3)];
                Case::new(Rearrange { block, way }).batched(Shape::from(shape))
            })
            .into()
    }

    pub(super) fn space_cases(random: &mut Random) -> Vec<Case> {
        let block = random.int(1..=3);
        let shape = [random.int(1..=2), random.int(1..=2) * block, random.int(1..=2) * block];
        vec![Case::new(Rearrange { block, way: Way::SpaceToDepth }).batched(Shape::from(shape))]
    }

    #[test]
    fn what_is_not_made_of_blocks_is_refused() {
        let op = |way| Rearrange { block: 2, way };
        assert!(op(Way::DepthFirst).output_shape(&[&Shape::from([6, 2, 2])]).is_err());
        assert!(op(Way::SpaceToDepth).output_shape(&[&Shape::from([4, 2, 3])]).is_err());
        assert!(op(Way::ColumnFirst).output_shape(&[&Shape::from([4, 2])]).is_err());
    }
}
