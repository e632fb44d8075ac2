//! Everything that can go wrong, with the facts in fields; the text of each message is here and nowhere else.

use std::path::PathBuf;

use crate::preprocessing::Resize;
use crate::shape::Shape;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, grouped by whose fault it is. [`Error::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The argument.
    /// No layer or tensor has this name.
    #[error("layer `{layer}` is not in the network")]
    UnknownLayer {
        /// What was asked for.
        layer: String,
        /// The names nearest to it, best first, as they would be written.
        nearest: Vec<String>,
    },
    /// The pixels are not a whole number of images.
    #[error("{got} pixels are not a whole number of images of {expected} ({} pixels each)", expected.count())]
    PixelCount {
        /// Pixels given.
        got: usize,
        /// The shape of one image.
        expected: Shape,
    },
    /// A cotangent does not have the size of the layer's representation.
    #[error("the cotangent of layer `{layer}` has {got} values, expected {expected}")]
    CotangentCount {
        /// The layer.
        layer: String,
        /// Values given.
        got: usize,
        /// Images × elements of the layer.
        expected: usize,
    },
    /// The layer was not computed in this forward pass.
    #[error("layer `{layer}` was not asked for in the forward pass")]
    NotTraced {
        /// The layer.
        layer: String,
    },
    /// There are not as many labels as images, or a label is no class of the network.
    #[error("{message}")]
    Labels {
        /// What is wrong with them.
        message: String,
    },

    // The gallery.
    /// It tells no identities apart.
    #[error("the gallery cannot be used: {reason}")]
    Gallery {
        /// Why.
        reason: String,
    },
    /// A template cannot be compared with anything.
    #[error("template {row} (of `{}`) {message}", identity.escape_debug())]
    Template {
        /// Which template, counted from 0.
        row: usize,
        /// Whom it shows.
        identity: String,
        /// What is wrong with it.
        message: String,
    },
    /// The templates are those of another layer.
    #[error("the templates of the gallery have {}, expected {expected} as layer `{layer}` has", plural(*got, "number", "numbers"))]
    GalleryLength {
        /// The layer that they are said to be of.
        layer: String,
        /// Numbers of a template.
        got: usize,
        /// Numbers of the layer.
        expected: usize,
    },
    /// The templates were made of images that the network sees otherwise.
    #[error("the gallery was made with another {what}, expected {expected}, got {got}")]
    GalleryInput {
        /// "size of the images", "encoding of the pixels", "preprocessing".
        what: &'static str,
        /// What the gallery was made with.
        expected: String,
        /// What the network has.
        got: String,
    },

    // The network.
    /// A node's operands do not fit its op.
    #[error("node `{node}` ({op}): {message}")]
    Node {
        /// The node's name.
        node: String,
        /// Its ONNX operator.
        op: String,
        /// What does not fit.
        message: String,
    },

    // The network file.
    /// The file cannot be read.
    #[error("{source}: {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The bytes are not those of an ONNX file, or not all of them.
    #[error("not an ONNX file: {reason}")]
    NotOnnx {
        /// What is wrong with the bytes.
        reason: String,
        /// Whether the file stands for a network that Git LFS keeps elsewhere.
        is_pointer: bool,
    },
    /// The file is written in another version of the operators.
    #[error("the network is written in ONNX operator set {got}, expected {oldest}–{newest}")]
    Opset {
        /// The file's version; 1 where it does not say.
        got: i64,
        /// The oldest version that is read.
        oldest: i64,
        /// The newest version that is read.
        newest: i64,
    },
    /// The network has not exactly one input besides its weights.
    #[error("the network has {} inputs{}, expected one, an image", inputs.len(), in_brackets(inputs))]
    ImageInputs {
        /// Their names.
        inputs: Vec<String>,
    },
    /// The input is not made of floating-point numbers.
    #[error("the input `{input}` holds {got}, expected float")]
    InputType {
        /// The input.
        input: String,
        /// Its type.
        got: String,
    },
    /// The input is not a batch of images.
    #[error("the input `{input}` has shape {got}, expected `[N, channels, height, width]`")]
    InputShape {
        /// The input.
        input: String,
        /// Its shape as the file says it.
        got: String,
    },
    /// The size of the images is not fixed.
    #[error("the input `{input}` has shape {got}, expected numbers for all axes but the first")]
    SymbolicExtent {
        /// The input.
        input: String,
        /// Its shape as the file says it.
        got: String,
    },
    /// The network has no output.
    #[error("the network has no output")]
    NoOutput,
    /// An output is a constant or the image itself.
    #[error("the output `{output}` is not computed from the image")]
    OutputNotComputed {
        /// The output.
        output: String,
    },
    /// Operators that no op of this crate implements; all of them.
    #[error("{} not supported: {}", plural(ops.len(), "operator is", "operators are"), list_ops(ops))]
    UnsupportedOps {
        /// One entry an operator, sorted by name.
        ops: Vec<UnsupportedOp>,
    },
    /// Weights or other constants cannot be read.
    #[error("tensor `{tensor}`: {message}")]
    Tensor {
        /// The tensor, or the node's output that it belongs to.
        tensor: String,
        /// What is wrong with it.
        message: String,
    },
    /// Weights are in another file.
    #[error("the values of tensor `{tensor}` are in another file, `{location}`")]
    ExternalData {
        /// The tensor.
        tensor: String,
        /// Where the file says they are.
        location: String,
    },
    /// Nothing computes what a node reads or the network puts out.
    #[error("{} reads tensor `{tensor}`, which nothing computes", reader(node.as_deref()))]
    MissingTensor {
        /// The tensor.
        tensor: String,
        /// The node that reads it; none where it is an output of the network.
        node: Option<String>,
    },
    /// Two tensors have the same name.
    #[error("the network has two tensors `{tensor}`")]
    DuplicateTensor {
        /// Their name.
        tensor: String,
    },
    /// Something reads another output of a node than its first.
    #[error("node `{node}` ({op}): its output `{tensor}` is used, expected only the first output to be")]
    SecondOutput {
        /// The output that is used.
        tensor: String,
        /// The node.
        node: String,
        /// Its ONNX operator.
        op: String,
    },
    /// A node needs its own output.
    #[error("node `{node}` needs its own output `{tensor}`")]
    Cycle {
        /// The node.
        node: String,
        /// Its output.
        tensor: String,
    },
    /// A node computes a constant from constants, with an operator that is not computed while loading.
    #[error("node `{node}` ({op}) has only constant inputs, expected one that depends on the image")]
    ConstantNode {
        /// The node.
        node: String,
        /// Its ONNX operator.
        op: String,
    },
    /// A tensor of one image is larger than any network needs.
    #[error("tensor `{tensor}` has more than {limit} elements an image")]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// How many it may have.
        limit: usize,
    },
    /// The tensors of one image are larger than any network needs.
    #[error("the tensors of the network have together more than {limit} elements an image")]
    TooLargeTogether {
        /// How many they may have.
        limit: usize,
    },

    // A file of weights.
    /// The bytes are not those of a file of weights, or not all of them.
    #[error("no file of weights that is known: {reason}")]
    NotWeights {
        /// What is wrong with the bytes.
        reason: String,
        /// Whether it is a file that PyTorch would run.
        is_pickled: bool,
    },
    /// A layer of a built-in network has no weights or no biases in the file.
    #[error("the {what} of layer `{layer}` of `{architecture}` are missing")]
    MissingWeights {
        /// The built-in network.
        architecture: &'static str,
        /// Its layer.
        layer: String,
        /// `weights` or `biases`.
        what: &'static str,
        /// The layers that the file has.
        known: Vec<String>,
    },
    /// A layer's weights have another shape than the layer.
    #[error("the weights of layer `{layer}` have shape {got}, expected {expected}")]
    WeightsShape {
        /// The layer.
        layer: String,
        /// Their shape in the file.
        got: String,
        /// What it should be.
        expected: String,
    },

    // What the network's pixels are.
    /// The network file does not say how pixels become its input.
    #[error("the network does not say which pixel values it expects")]
    UnknownPixels,
    /// No pixel range has this name.
    #[error("`{word}` is no range of pixel values, expected `0-255`, `0-1`, `-1-1` or `imagenet`")]
    PixelWord {
        /// What was asked for.
        word: String,
    },
    /// No order of channels has this name.
    #[error("`{word}` is no order of channels, expected `rgb`, `bgr` or `grey`")]
    ChannelWord {
        /// What was asked for.
        word: String,
    },
    /// There are not as many values as channels.
    #[error("{got} values of `{what}`, expected {expected}, one a channel")]
    PixelValues {
        /// `mean`, `std` or `factor`.
        what: &'static str,
        /// Values given.
        got: usize,
        /// Channels.
        expected: usize,
    },
    /// A mean, deviation or factor is not a number that pixels can be scaled with.
    #[error("`{what}` of a channel is `{value}`, expected {expected}")]
    PixelValue {
        /// `mean`, `std`, `scale` or `factor`.
        what: &'static str,
        /// The value as it was given.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The network takes images with another number of channels.
    #[error("the network takes images of {got} channels, expected {expected}")]
    PixelChannels {
        /// Channels of the network.
        got: usize,
        /// What was expected, in words.
        expected: String,
    },
    /// The metadata of the file says something else of the pixels than it may.
    #[error("the file's property `{key}` is `{value}`, expected {expected}")]
    PixelProperty {
        /// The property.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },

    // What is done to images of another size.
    /// A size that is none.
    #[error("`{text}` is no size, expected one number or HEIGHTxWIDTH, each 1 to {longest}")]
    SizeText {
        /// What was asked for.
        text: String,
        /// No side is longer.
        longest: usize,
    },
    /// The metadata of the file says something else of the size of images than it may.
    #[error("the file's property `{key}` is `{value}`, expected one number or HEIGHTxWIDTH")]
    SizeProperty {
        /// The property.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// More is to be cut out of an image than there is.
    #[error("no image resized to `{resize}` holds a crop of {}×{} pixels", crop[0], crop[1])]
    CropOutside {
        /// What images are resized to.
        resize: Resize,
        /// Height and width of the crop.
        crop: [usize; 2],
    },
    /// What is cut out of an image does not fit the network.
    #[error(
        "what is cut out has {}×{} pixels, expected {}×{} as the network takes",
        got[0], got[1], expected[0], expected[1]
    )]
    CropSize {
        /// Height and width of the crop.
        got: [usize; 2],
        /// Height and width of the network's input.
        expected: [usize; 2],
    },
    /// A resized image does not fit the network.
    #[error(
        "images resized to `{resize}` do not have the {}×{} pixels that the network takes",
        expected[0], expected[1]
    )]
    ResizeSize {
        /// What images are resized to.
        resize: Resize,
        /// Height and width of the network's input.
        expected: [usize; 2],
    },
}

/// An operator that is not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedOp {
    /// Its name, behind that of its domain if it is not ONNX's own.
    pub op: String,
    /// How many nodes of the network have it.
    pub count: usize,
    /// The first of these nodes.
    pub example: String,
}

impl Error {
    /// What the user can do about it; `None` where the message says it all.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownLayer { nearest, .. } if !nearest.is_empty() => {
                Some(format!("did you mean {}?", nearest.join(", ")))
            }
            Self::MissingWeights { known, .. } => {
                let mut names: Vec<String> = known.iter().take(20).map(|name| format!("`{name}`")).collect();
                names.extend((known.len() > 20).then(|| "…".to_owned()));
                Some(format!("the file has weights of {}", names.join(", ")))
            }
            Self::CropSize { expected: [height, width], .. } => {
                Some(format!("use `--crop {height}x{width}`"))
            }
            Self::ResizeSize { resize: Resize::ShorterSide(_), expected: [height, width] } => {
                Some(format!("add `--crop {height}x{width}`, or use `--resize {height}x{width}`"))
            }
            Self::ResizeSize { expected: [height, width], .. } => {
                Some(format!("use `--resize {height}x{width}`, or add `--crop {height}x{width}`"))
            }
            _ => self.file_hint().map(str::to_owned),
        }
    }

    /// The hints that need no facts.
    fn file_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotOnnx { is_pointer: true, .. } => "fetch the network itself with `git lfs pull`",
            Self::NotOnnx { .. } => "PyTorch writes ONNX with `torch.onnx.export`, TensorFlow with `tf2onnx`",
            Self::Opset { .. } => {
                "`onnx.version_converter.convert_version(model, 17)` in Python rewrites it, or export it again with \
                 `opset_version=17`"
            }
            Self::ImageInputs { .. } | Self::InputShape { .. } => {
                "export the network with one image input, `[N, 3, 224, 224]` for example"
            }
            Self::InputType { .. } => {
                "export the network without the conversion of its pixels; `--pixels` says what they are"
            }
            Self::SymbolicExtent { .. } => {
                "`--size 480x640` says how large the images are; `lots describe … --save FILE.onnx` writes it into the file"
            }
            Self::UnsupportedOps { .. } | Self::ConstantNode { .. } => {
                "`onnxsim in.onnx out.onnx` replaces much of what exporters leave behind by constants"
            }
            Self::NotWeights { is_pickled: true, .. } => {
                "`safetensors.torch.save_file(torch.load('in.pth'), 'out.safetensors')` in Python rewrites it"
            }
            Self::NotWeights { .. } => "expected a `.caffemodel`, safetensors or an `.npz` of arrays",
            Self::ExternalData { .. } => {
                "`onnx.save(onnx.load('in.onnx'), 'out.onnx')` in Python writes one file with everything in it"
            }
            Self::SecondOutput { .. } => "export the network in inference mode (`model.eval()` in PyTorch)",
            Self::MissingTensor { .. }
            | Self::DuplicateTensor { .. }
            | Self::Cycle { .. }
            | Self::NoOutput => "`onnx.checker.check_model` in Python says more; export the network again",
            Self::UnknownPixels => {
                "say it with `--pixels 0-255 | 0-1 | -1-1 | imagenet`, and once and for all with \
                 `lots describe NETWORK --pixels … --save FILE.onnx`"
            }
            Self::PixelProperty { .. } => {
                "`lots describe NETWORK --pixels … --save FILE.onnx` writes it anew"
            }
            Self::SizeProperty { .. } => {
                "`lots describe NETWORK --resize … --crop … --save FILE.onnx` writes it anew"
            }
            Self::GalleryLength { .. } => {
                "it was built from another network or other images; build it anew with `lots gallery build`"
            }
            Self::GalleryInput { .. } => {
                "leave out what says otherwise (`--size`, `--pixels`, `--resize`, …) and the gallery's own is taken, or \
                 build it anew with `lots gallery build`"
            }
            Self::CropOutside { .. } => "resize to a larger size, or cut out less",
            _ => return None,
        })
    }
}

pub(crate) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `` (`a`, `b`)``, or nothing if there are none.
fn in_brackets(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

/// `` `Foo` (2 nodes, the first is `a`), `Bar` (1 node, `b`) ``
fn list_ops(ops: &[UnsupportedOp]) -> String {
    let entry = |op: &UnsupportedOp| {
        let first = if op.count == 1 { "" } else { "the first is " };
        format!("`{}` ({}, {first}`{}`)", op.op, plural(op.count, "node", "nodes"), op.example)
    };
    ops.iter().map(entry).collect::<Vec<_>>().join(", ")
}

fn reader(node: Option<&str>) -> String {
    node.map_or_else(|| "the network's output".to_owned(), |node| format!("node `{node}`"))
}

/// What does not fit in a node; [`Error::Node`] adds which node it is.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct OpError {
    pub(crate) message: String,
}

impl OpError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// Attribute `name` has another type than `expected`.
    pub(crate) fn attribute(name: &str, expected: &str) -> Self {
        Self::new(format!("attribute `{name}` must be {expected}"))
    }
}
