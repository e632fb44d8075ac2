//! Networks that are built in: their graphs, with weights that are freshly drawn or come from a file.

mod builder;
mod lenet;
mod vgg_16;
mod vgg_face;

pub use vgg_16::Vgg16;

use crate::error::Result;
use crate::load::weights::Weights;
use crate::network::Network;

/// A network that is built in and takes weights from files in the forms in which they are published.
///
/// | form | recognised by | names |
/// |---|---|---|
/// | `.caffemodel` | Caffe's `NetParameter`, old (`layers`) or new (`layer`) | those of the prototxt: `conv1_1`, `fc6` |
/// | safetensors | its header | PyTorch's: `conv1_1.weight`, `fc6.bias` |
/// | `.npz` | a ZIP archive of arrays | likewise |
///
/// The narrow `Vgg16` of the example is written as safetensors and read again; extents follow from the weights.
///
/// ```
/// use lots_network::{Architecture, Vgg16};
/// use safetensors::tensor::{Dtype, TensorView};
/// let narrow = Vgg16 { extent: 32, channels: [2, 2, 4, 4, 4], features: 8, classes: 3 }.network(0);
/// let parameters = narrow.parameters();
/// let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
/// let bytes: Vec<Vec<u8>> = parameters.iter().map(|parameter| bytes(parameter.values)).collect();
/// let views = parameters.iter().zip(&bytes).map(|(parameter, bytes)| {
///     let shape = parameter.shape.extents().to_vec();
///     (parameter.name, TensorView::new(Dtype::F32, shape, bytes).expect("bytes of this shape"))
/// });
/// let file = safetensors::serialize(views, None)?;
/// let network = Architecture::VggFace.with_weights(&file)?;
/// assert_eq!(network.shape(network.layer("fc7")?).extents(), [8]);
/// assert_eq!(network.position(network.layer("fc7")?), Some(15));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// LeNet as it comes with Caffe, [`Network::lenet`].
    Lenet,
    /// VGG Face, the paper's second network: [`Vgg16`] for 2,622 identities, with the mean colour of its faces.
    ///
    /// Source: Parkhi, Vedaldi, Zisserman, "Deep Face Recognition", 2015.
    VggFace,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Lenet, Self::VggFace];

    /// The architecture of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.word() == word)
    }

    /// Its name: `lenet`, `vgg-face`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lenet => "lenet",
            Self::VggFace => "vgg-face",
        }
    }

    /// The network with the weights in the bytes of a file, in one of the forms above. The order of the channels and
    /// the mean colour are those that go with the form: Caffe's network takes blue, green, red, PyTorch's red, green,
    /// blue. Fully connected layers read channels, rows, columns in this order in all of them.
    ///
    /// # Errors
    /// [`crate::Error::NotWeights`] if the bytes are in none of the forms; [`crate::Error::MissingWeights`],
    /// [`crate::Error::WeightsShape`] if they are those of another network.
    pub fn with_weights(self, bytes: &[u8]) -> Result<Network> {
        let weights = Weights::read(bytes, self.word())?;
        match self {
            Self::Lenet => lenet::lenet(builder::given(weights)),
            Self::VggFace => vgg_face::with_weights(weights),
        }
    }

    /// The network with nothing but zeros in it, for those who only look at its layers.
    pub fn without_weights(self) -> Network {
        let network = match self {
            Self::Lenet => lenet::lenet(builder::zeros()),
            Self::VggFace => vgg_face::without_weights(),
        };
        let Ok(network) = network else { unreachable!("zeros are as many as wanted") };
        network
    }
}

#[cfg(test)]
mod tests;
