//! [`Network`]: a graph that takes images, and what can be asked of it.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::forward::{Block, FEW_IMAGES, ImageSize, LANES, Plan, blocks, with_parts};
use crate::graph::{Graph, TensorId};
use crate::kernel::turned_rows;
use crate::layer::{self, Layer, LayerId};
use crate::pixels::{PixelEncoding, Pixels};
use crate::preprocessing::Preprocessing;
use crate::shape::Shape;
use crate::trace::Trace;
use crate::workspace::{Pool, Workspace};

/// A network that takes images: a graph of ops with named tensors, and how pixels become its input.
///
/// All results are independent of the number of threads, and those of an image independent of the other images of the
/// same call, to the last bit.
#[derive(Debug)]
pub struct Network {
    pub(crate) graph: Graph,
    pub(crate) pixels: PixelEncoding,
    pub(crate) preprocessing: Preprocessing,
    /// The outputs that a file of the network has; the logits are those of the first.
    pub(crate) outputs: Vec<TensorId>,
    /// Properties of the file it was read from.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) pool: Pool,
    logits: TensorId,
    layers: Vec<Layer>,
}

/// The property of a file that has the names of the classes, one a line.
pub(crate) const CLASS_NAMES: &str = "lots.class_names";

/// Numbers of several images: shape `[images, …]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// All extents; the first is the number of images.
    pub shape: Vec<usize>,
    /// The numbers, one image after the other.
    pub values: Vec<f32>,
}

impl Array {
    /// The numbers of one image.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn image(&self, index: usize) -> &[f32] {
        let count = self.values.len() / self.shape[0];
        &self.values[index * count..(index + 1) * count]
    }

    /// The numbers of each image in turn.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact((self.values.len() / self.shape[0].max(1)).max(1))
    }
}

impl Network {
    /// A network from its graph.
    pub(crate) fn new(mut graph: Graph, output: TensorId, pixels: PixelEncoding) -> Self {
        graph.expect_images(ImageSize::of(&graph));
        let logits = logits(&graph, output);
        let layers = layer::layers(&graph);
        Self {
            graph,
            pixels,
            preprocessing: Preprocessing::default(),
            outputs: vec![output],
            metadata: Vec::new(),
            pool: Pool::default(),
            logits,
            layers,
        }
    }

    /// `[channels, height, width]` of the images it takes.
    pub fn input_shape(&self) -> [usize; 3] {
        self.graph.input_shape()
    }

    /// How many images are computed side by side, in about the time and the memory of one: 16, or 1 where each image is so
    /// large that it fills the machine by itself.
    ///
    /// # Example
    /// ```
    /// use lots_network::Vgg16;
    /// let of_extent = |extent| Vgg16 { extent, channels: [1; 5], features: 2, classes: 2 }.network(0);
    /// assert_eq!(of_extent(32).images_side_by_side(), 16);
    /// assert_eq!(of_extent(224).images_side_by_side(), 1);
    /// ```
    pub fn images_side_by_side(&self) -> usize {
        match ImageSize::of(&self.graph) {
            ImageSize::Small => LANES,
            ImageSize::Large => 1,
        }
    }

    /// Up to so many images of one call are computed one by one, each in the memory of one: any number of large ones, and
    /// six small ones, which take no longer than sixteen [side by side](Self::images_side_by_side).
    pub fn images_one_by_one(&self) -> usize {
        match ImageSize::of(&self.graph) {
            ImageSize::Small => FEW_IMAGES,
            ImageSize::Large => usize::MAX,
        }
    }

    /// How pixels become the network's input.
    pub fn pixels(&self) -> &PixelEncoding {
        &self.pixels
    }

    /// The same network, told otherwise how pixels become its input.
    ///
    /// # Errors
    /// [`Error::PixelChannels`] if the encoding is for another number of channels.
    pub fn with_pixels(mut self, pixels: PixelEncoding) -> Result<Self> {
        pixels.expect_channels(self.input_shape()[0])?;
        self.pixels = pixels;
        Ok(self)
    }

    /// What is done to an image of another size before the network looks at it.
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// The network with this declaration of what is done to images of another size. What it computes does not change:
    /// it still takes images of [`Network::input_shape`], which someone has resized and cut out.
    ///
    /// # Errors
    /// [`Error::CropSize`], [`Error::ResizeSize`] if what is left does not have the size of the input.
    pub fn with_preprocessing(self, preprocessing: Preprocessing) -> Result<Self> {
        let [_, height, width] = self.input_shape();
        preprocessing.expect_size([height, width])?;
        Ok(Self { preprocessing, ..self })
    }

    /// Every node, in the order of computation.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layer that a name means: a tensor's name that tensor, the name of a node with weights what the layer sends
    /// on (behind its ReLU, like a Caffe blob), the name of another node its output.
    ///
    /// # Errors
    /// [`Error::UnknownLayer`] with the names nearest to it.
    pub fn layer(&self, name: &str) -> Result<LayerId> {
        layer::find(&self.graph, name)
    }

    /// The raw class scores: the network's output, before a softmax if it ends in one.
    pub fn logits(&self) -> LayerId {
        LayerId(self.logits)
    }

    /// Whether the output is a softmax of the logits: the logits are scores of classes then. Of others the file does not
    /// say whether they are that, or features that are compared.
    pub fn ends_in_softmax(&self) -> bool {
        self.outputs.first().is_some_and(|&output| output != self.logits)
    }

    /// How many classes the logits tell apart.
    pub fn class_count(&self) -> usize {
        self.graph.tensors[self.logits].shape.count()
    }

    /// What the classes are called, in their order; nothing if nobody knows. A gallery names them, and the file of a
    /// network that has one keeps the names.
    pub fn class_names(&self) -> Vec<&str> {
        let text = self.metadata.iter().find(|(key, _)| key == CLASS_NAMES).map(|(_, value)| value.as_str());
        let names: Vec<&str> = text.unwrap_or_default().lines().collect();
        if names.len() == self.class_count() { names } else { Vec::new() }
    }

    /// Extents of a layer's representation of one image.
    pub fn shape(&self, LayerId(tensor): LayerId) -> &Shape {
        &self.graph.tensors[tensor].shape
    }

    /// The name of the layer's tensor.
    pub fn tensor_name(&self, LayerId(tensor): LayerId) -> &str {
        &self.graph.tensors[tensor].name
    }

    /// The paper's index of the layer: weight layers count from 1 at the input; a ReLU shares that of its layer.
    pub fn position(&self, layer: LayerId) -> Option<usize> {
        layer::position(&self.graph, &self.layers, layer)
    }

    /// What the network computes at `layer` for each image: f⁽ˡ⁾(x), Eq. (2), shape `[images, …]`.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if `pixels` are not whole images.
    pub fn represent<'p>(&self, layer: LayerId, pixels: impl Into<Pixels<'p>>) -> Result<Array> {
        let pixels = pixels.into();
        let count = self.image_count(pixels)?;
        let plan = Plan::new(&self.graph, &[layer.0]);
        let elements = self.shape(layer).count();
        let mut values = vec![0.0; count * elements];
        let slots = with_parts(blocks(count, &self.graph), |block| block.count, &mut values, elements);
        let workspace = || Workspace::of(&self.pool);
        slots.into_par_iter().for_each_init(workspace, |workspace, (block, slot)| {
            let tensors = plan.run(self, pixels, block, workspace);
            deinterleave(&tensors[layer.0], block, slot);
            workspace.recycle(tensors);
        });
        let mut shape = vec![count];
        shape.extend(self.shape(layer).extents());
        Ok(Array { shape, values })
    }

    /// The logits of each image, shape `[images, classes]`.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if `pixels` are not whole images.
    pub fn classify<'p>(&self, pixels: impl Into<Pixels<'p>>) -> Result<Array> {
        let mut logits = self.represent(self.logits(), pixels)?;
        logits.shape = vec![logits.shape[0], self.class_count()];
        Ok(logits)
    }

    /// A forward pass to all of `layers` whose intermediate values are kept, ready for backpropagation from any of them.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if `pixels` are not whole images.
    pub fn trace<'p>(&self, layers: &[LayerId], pixels: impl Into<Pixels<'p>>) -> Result<Trace<'_>> {
        Trace::new(self, layers, pixels.into())
    }

    /// How many images `pixels` are.
    pub(crate) fn image_count(&self, pixels: Pixels<'_>) -> Result<usize> {
        let shape = &self.graph.tensors[Graph::INPUT].shape;
        let (got, each) = (pixels.len(), shape.count());
        if got.is_multiple_of(each) {
            Ok(got / each)
        } else {
            Err(Error::PixelCount { got, expected: shape.clone() })
        }
    }
}

/// The class with the highest logit; the first of equals. NaN never wins.
///
/// ```
/// assert_eq!(lots_network::class_of(&[0.5, 2.0, -1.0, 2.0]), 1);
/// ```
pub fn class_of(logits: &[f32]) -> usize {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] || logits[best].is_nan() {
            best = class;
        }
    }
    best
}

/// Elements that are moved between lanes and images at a time: they stay in the fastest cache.
pub(crate) const TILE: usize = 32;

/// Takes the lanes of `block` apart: `values[element][lane]` to `out[image][element]`.
pub(crate) fn deinterleave(values: &[f32], block: Block, out: &mut [f32]) {
    if block.lanes == 1 {
        out.copy_from_slice(values);
        return;
    }
    let elements = values.len() / block.lanes;
    for (tile, values) in values.chunks(TILE * block.lanes).enumerate() {
        for lane in 0..block.count {
            let image = &mut out[lane * elements + tile * TILE..];
            for (value, element) in image.iter_mut().zip(values.chunks_exact(block.lanes)) {
                *value = element[lane];
            }
        }
    }
}

/// Puts the images of `block` side by side: `values[image][element]` to `[element][lane]`, zeros in unused lanes.
pub(crate) fn interleave(values: &[f32], block: Block, out: &mut [f32]) {
    if block.lanes == 1 {
        out.copy_from_slice(values);
        return;
    }
    let elements = out.len() / block.lanes;
    let zeros = vec![0.0; if block.count < block.lanes { elements } else { 0 }];
    turned_rows::side_by_side(
        &std::array::from_fn(|lane| {
            if lane < block.count { &values[lane * elements..][..elements] } else { &zeros }
        }),
        out,
    );
}

/// The class scores before the softmax, seen through ops that do not change the numbers.
fn logits(graph: &Graph, output: TensorId) -> TensorId {
    let mut tensor = output;
    let mut behind_softmax = output;
    while let Some(node) = graph.producer(tensor) {
        match node.op.name() {
            "Softmax" | "LogSoftmax" => {
                tensor = node.operands[0];
                behind_softmax = tensor;
            }
            "Identity" | "Dropout" | "Flatten" | "Reshape" => tensor = node.operands[0],
            _ => break,
        }
    }
    behind_softmax
}
