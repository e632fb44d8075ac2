//! Loading the network that a command works on: built in, or an ONNX file; with a gallery behind it if there is one.

mod gallery;

use std::path::{Path, PathBuf};

use lots::direction::Objective;
use lots::mask::Mask;
use lots::regular_file::RegularFile;
use lots_network::{
    Architecture, ChannelOrder, LayerId, Network, NetworkFile, PixelEncoding, Preprocessing, ReadOptions,
};
use serde::Serialize;

use self::gallery::Opened;
pub(crate) use self::gallery::{Appended, FEATURES, OTHER_NETWORK};
use crate::args::{NetworkArgs, PixelArgs, PreprocessingArgs, SCREENFUL};
use crate::digest;
use crate::failure::{About, Failure, Result};

/// No file of weights is larger.
const MOST_BYTES: u64 = 1 << 34;

/// A network with the facts that reports state.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) network: Network,
    /// As it was named.
    pub(crate) name: String,
    /// SHA-256 of its file; with a gallery that of the file which `lots convert` writes of both.
    pub(crate) sha256: String,
    /// The gallery behind it.
    pub(crate) gallery: Option<Appended>,
    /// Whether galleries that were built with another are taken.
    pub(crate) other_network: bool,
}

impl Loaded {
    /// The network that the arguments name, with the gallery that they name. Where they say nothing of pixels, sizes and
    /// preprocessing, those hold that the gallery was made with.
    pub(crate) fn open(args: &NetworkArgs) -> Result<Self> {
        match Opened::read(&args.gallery)? {
            Some(gallery) => Self::bare(args, Some(&gallery))?.followed_by(gallery),
            None => Ok(Self { other_network: args.gallery.other_network, ..Self::bare(args, None)? }),
        }
    }

    /// The network alone.
    fn bare(args: &NetworkArgs, gallery: Option<&Opened>) -> Result<Self> {
        let name = &args.network;
        match (Architecture::from_word(name), &args.weights) {
            (Some(architecture), Some(weights)) => Self::filled(architecture, weights, args, gallery),
            (Some(Architecture::Lenet), None) => Self::lenet(args),
            (Some(Architecture::VggFace), None) => {
                Err(Failure::new("`vgg-face` has no weights of its own, expected a file of them").with_hint(
                    "`--weights VGG_FACE.caffemodel`, or a safetensors or .npz file with PyTorch's names",
                ))
            }
            (None, Some(_)) => {
                let hint = "leave out `--weights`, or name `vgg-face` or `lenet`";
                Err(Failure::new(format!("`{name}` has its own weights, `--weights` would have no effect"))
                    .with_hint(hint))
            }
            (None, None) => {
                let bytes = read_network(name)?;
                let sha256 = digest::of_bytes(&bytes);
                let adopted = gallery.map(|gallery| gallery.input(args, &sha256)).transpose()?.flatten();
                let size = args.size.or(adopted.map(|input| input.size));
                let pixels = |channels| {
                    Ok(encoding(&args.pixels, channels)?.or(adopted.map(|input| input.pixels.clone())))
                };
                let preprocessing = |file: &NetworkFile| match adopted {
                    Some(input) if args.preprocessing.is_empty() => Ok(input.preprocessing),
                    _ => preprocessing(&args.preprocessing, file),
                };
                let network = from_file(&bytes, name, size, pixels, preprocessing).about("network", name)?;
                Ok(Self::new(network, name, sha256))
            }
        }
    }

    /// The network that a run has recorded, with the pixels and the preprocessing that were said then.
    ///
    /// - `args`: its name and weights; nothing of its pixels.
    /// - `size`: height and width of its images, for a network in a file.
    pub(crate) fn as_recorded(
        args: &NetworkArgs,
        size: [usize; 2],
        pixels: &PixelEncoding,
        declared: Preprocessing,
    ) -> Result<Self> {
        let name = &args.network;
        if Architecture::from_word(name).is_some() || args.weights.is_some() {
            let loaded = Self::bare(args, None)?;
            let network = loaded.network.with_pixels(pixels.clone())?.with_preprocessing(declared)?;
            return Self { network, ..loaded }.with_gallery(&args.gallery);
        }
        let bytes = read_network(name)?;
        let known = |_| Ok(Some(pixels.clone()));
        let network = from_file(&bytes, name, Some(size), known, |_| Ok(declared)).about("network", name)?;
        Self::new(network, name, digest::of_bytes(&bytes)).with_gallery(&args.gallery)
    }

    /// A network that will see no image, so that its pixels need not be known, nor the weights of one that is built in.
    pub(crate) fn without_images(
        name: &str,
        weights: Option<PathBuf>,
        size: Option<[usize; 2]>,
    ) -> Result<Self> {
        match Architecture::from_word(name) {
            Some(Architecture::VggFace) if weights.is_none() && size.is_none() => {
                let network = Architecture::VggFace.without_weights();
                return Ok(Self {
                    network,
                    name: name.to_owned(),
                    sha256: String::new(),
                    gallery: None,
                    other_network: false,
                });
            }
            None if weights.is_none() => {}
            _ => {
                return Self::bare(
                    &NetworkArgs { weights, size, ..NetworkArgs::named(name.to_owned()) },
                    None,
                );
            }
        }
        let bytes = read_network(name)?;
        let any_pixels = |channels| -> Result<Option<PixelEncoding>> {
            Ok(Some(PixelEncoding::from_word("0-255", ChannelOrder::of_channels(channels)?)?))
        };
        let no_preprocessing = |_: &NetworkFile| Ok(Preprocessing::default());
        let network = from_file(&bytes, name, size, any_pixels, no_preprocessing).about("network", name)?;
        Ok(Self::new(network, name, digest::of_bytes(&bytes)))
    }

    /// The LeNet that is inside the program.
    fn lenet(args: &NetworkArgs) -> Result<Self> {
        let name = &args.network;
        if !args.pixels.is_empty() {
            return Err(Failure::new("`lenet` knows its pixels, what is said of them would have no effect")
                .with_hint("leave out `--pixels`, `--mean`, `--std`, `--scale` and `--channels`"));
        }
        expect_no_size(args)?;
        if !args.preprocessing.is_empty() {
            return Err(Failure::new(
                "`lenet` takes digits of 28×28 as they are, without `--resize` and `--crop`",
            )
            .with_hint(
                "scale digits first as MNIST does: to at most 20×20, their centre of mass in the middle",
            ));
        }
        let bytes = lots::embedded::LENET_ONNX;
        let network = Network::from_onnx(bytes).about("network", name)?;
        Ok(Self::new(network, name, digest::of_bytes(bytes)))
    }

    /// A network that is built in, with the weights of a file. The weights say how large its images are.
    fn filled(
        architecture: Architecture,
        weights: &Path,
        args: &NetworkArgs,
        gallery: Option<&Opened>,
    ) -> Result<Self> {
        expect_no_size(args)?;
        let bytes = read_whole(weights, "file of weights")?;
        let sha256 = digest::of_bytes(&bytes);
        let adopted = gallery.map(|gallery| gallery.input(args, &sha256)).transpose()?.flatten();
        let network = architecture.with_weights(&bytes).about("weights", weights.display())?;
        let said = encoding(&args.pixels, network.input_shape()[0])?;
        let network = match said.or(adopted.map(|input| input.pixels.clone())) {
            Some(pixels) => network.with_pixels(pixels)?,
            None => network,
        };
        let preprocessing = match adopted {
            Some(input) if args.preprocessing.is_empty() => input.preprocessing,
            _ => Preprocessing::new(args.preprocessing.resize, args.preprocessing.crop)?,
        };
        let network = network.with_preprocessing(preprocessing)?;
        Ok(Self::new(network, &args.network, sha256))
    }

    fn new(network: Network, name: &str, sha256: String) -> Self {
        Self { network, name: name.to_owned(), sha256, gallery: None, other_network: false }
    }

    /// The layer of this name.
    pub(crate) fn layer(&self, name: &str) -> Result<LayerId> {
        self.network.layer(name).map_err(|error| {
            Failure::from(error).about("network", &self.name).with_hint(self.nearest_layers(name))
        })
    }

    /// What a text asks to steer: a layer, or several with weights.
    pub(crate) fn objective(&self, text: &str, mask: &Mask) -> Result<Objective> {
        Objective::parse(&self.network, text, mask).map_err(|error| match &error {
            lots::Error::Network(lots_network::Error::UnknownLayer { layer, .. }) => {
                let hint = self.nearest_layers(layer);
                Failure::from(error).about("network", &self.name).with_hint(hint)
            }
            _ => Failure::from(error).about("network", &self.name),
        })
    }

    /// A hint for someone who looks for a layer that is not in the network: what is called like it, and the command that
    /// lists what there is.
    pub(crate) fn nearest_layers(&self, name: &str) -> String {
        let all = if self.network.layers().len() > SCREENFUL { " --all" } else { "" };
        let gallery =
            self.gallery.as_ref().map_or_else(String::new, |gallery| format!(" --gallery {}", gallery.file));
        let command = format!("`lots layers {}{gallery}{all}`", self.name);
        match self.network.layer(name).err().and_then(|error| error.hint()) {
            Some(nearest) => format!("{nearest} {command} lists them all"),
            None => format!("{command} lists all layers"),
        }
    }

    /// The names of the layers with weights.
    pub(crate) fn weight_layers(&self) -> impl Iterator<Item = &str> {
        weight_layers(&self.network)
    }

    /// A layer as captions have it: `conv2 (2)`. Several are named as they were asked for.
    pub(crate) fn place(&self, name: &str) -> String {
        let position = self.network.layer(name).ok().and_then(|layer| self.network.position(layer));
        position.map_or_else(|| name.to_owned(), |position| format!("{name} ({position})"))
    }
}

/// What a network declares of images of another size, in the words of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Declared {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resize: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crop: Option<String>,
}

impl Declared {
    pub(crate) fn of(preprocessing: Preprocessing) -> Self {
        Self {
            resize: preprocessing.resize().map(|resize| resize.to_string()),
            crop: preprocessing.crop().map(|[height, width]| format!("{height}x{width}")),
        }
    }
}

/// The names of the layers with weights.
pub(crate) fn weight_layers(network: &Network) -> impl Iterator<Item = &str> {
    network.layers().iter().filter(|layer| layer.position.is_some()).map(|layer| layer.name.as_str())
}

/// The size of the images of a network that is built in follows from its weights.
fn expect_no_size(args: &NetworkArgs) -> Result<()> {
    if args.size.is_none() {
        return Ok(());
    }
    let name = &args.network;
    Err(Failure::new(format!("`{name}` knows the size of its images, `--size` would have no effect")))
}

fn read_network(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(name);
    if path
        .extension()
        .is_some_and(|end| ["caffemodel", "safetensors", "npz"].iter().any(|known| end == *known))
    {
        return Err(Failure::new(format!("`{name}` holds weights, expected a network"))
            .with_hint(format!("name the network that they are for: `vgg-face --weights {name}`")));
    }
    let hint = "give the path of an ONNX file, or `lenet`, which is built in";
    read_whole(path, "network")
        .map_err(|failure| if path.exists() { failure } else { failure.with_hint(hint) })
}

/// All bytes of a file, which is no device and has no end that would never come.
///
/// - `kind`: what it should be.
pub(crate) fn read_whole(path: &Path, kind: &'static str) -> Result<Vec<u8>> {
    read_at_most(path, kind, MOST_BYTES)
}

/// All bytes of a file that has no more than `most`.
pub(crate) fn read_at_most(path: &Path, kind: &'static str, most: u64) -> Result<Vec<u8>> {
    RegularFile::open(path).and_then(|file| file.read(kind, most)).map_err(|error| match error {
        lots::Error::NoSuchFile { .. } => Failure::new(format!("there is no {kind} `{}`", path.display())),
        error => error.into(),
    })
}

/// The network of a file.
///
/// - `size`: height and width of the images, where the file leaves them open or they shall be others.
/// - `pixels`: what was said of the pixels, given the channels of the input; what the file says otherwise.
/// - `preprocessing`: what is done to images of another size.
fn from_file(
    bytes: &[u8],
    name: &str,
    size: Option<[usize; 2]>,
    pixels: impl Fn(usize) -> Result<Option<PixelEncoding>>,
    preprocessing: impl Fn(&NetworkFile) -> Result<Preprocessing>,
) -> Result<Network> {
    let folder = Path::new(name).parent().filter(|folder| !folder.as_os_str().is_empty());
    let options = ReadOptions { size, folder: Some(folder.unwrap_or(Path::new(".")).to_owned()) };
    let file = NetworkFile::read_with(bytes, &options)?;
    let encoding = match pixels(file.input_shape()[0])? {
        Some(encoding) => encoding,
        None => file.pixels()?.ok_or(lots_network::Error::UnknownPixels)?,
    };
    let preprocessing = preprocessing(&file)?;
    Ok(file.into_network(encoding)?.with_preprocessing(preprocessing)?)
}

/// What the arguments say is done to images of another size; if they say nothing, what the file says. What is said
/// replaces all that the file says: a size to crop to belongs to the size that was resized to.
fn preprocessing(args: &PreprocessingArgs, file: &NetworkFile) -> Result<Preprocessing> {
    if args.is_empty() { Ok(file.preprocessing()?) } else { Ok(Preprocessing::new(args.resize, args.crop)?) }
}

/// What the arguments say of the pixels; `None` if they say nothing.
fn encoding(args: &PixelArgs, channels: usize) -> Result<Option<PixelEncoding>> {
    if args.is_empty() {
        return Ok(None);
    }
    let order = match &args.channels {
        Some(word) => ChannelOrder::from_word(word)?,
        None => ChannelOrder::of_channels(channels)?,
    };
    if let Some(word) = &args.pixels {
        return Ok(Some(PixelEncoding::from_word(word, order)?));
    }
    if args.mean.is_empty() && args.std.is_empty() && args.scale.is_none() {
        return Err(Failure::new("`--channels` says nothing of the range of the pixels")
            .with_hint("add `--pixels 0-255`, or another range"));
    }
    Ok(Some(PixelEncoding::scaled(order, &args.mean, &args.std, args.scale.unwrap_or(1.0))?))
}
