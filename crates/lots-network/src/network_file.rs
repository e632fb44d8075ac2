//! Networks in files: reading one ([`NetworkFile`]), asking what it says of its pixels, and writing one.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::load::onnx::{OnnxFile, read};
use crate::network::Network;
use crate::pixels::PixelEncoding;
use crate::preprocessing::{self, Preprocessing};
use crate::save::onnx::write;

/// What is known of a network file besides its bytes.
///
/// ```
/// use lots_network::ReadOptions;
/// let options = ReadOptions { size: Some([480, 640]), ..ReadOptions::default() };
/// # assert!(options.folder.is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Height and width of the images, for a network that takes any, or other ones than its file says.
    pub size: Option<[usize; 2]>,
    /// The folder of the file: weights may be in other files there. Without it they are refused.
    pub folder: Option<PathBuf>,
}

/// A network as it is in a file: it takes images once it is known which pixels it expects.
///
/// ```no_run
/// use lots_network::{ChannelOrder, NetworkFile, PixelEncoding};
/// let file = NetworkFile::read(&std::fs::read("resnet.onnx")?)?;
/// let pixels = match file.pixels()? {
///     Some(pixels) => pixels,
///     None => PixelEncoding::from_word("imagenet", ChannelOrder::Rgb)?,
/// };
/// let preprocessing = file.preprocessing()?;
/// let network = file.into_network(pixels)?.with_preprocessing(preprocessing)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NetworkFile {
    file: OnnxFile,
}

impl NetworkFile {
    /// Reads the bytes of an ONNX file. Nothing in it is executed.
    ///
    /// # Errors
    /// What in the file is broken or not supported; [`Error::UnsupportedOps`] lists all operators that are not.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        Self::read_with(bytes, &ReadOptions::default())
    }

    /// Reads the bytes of an ONNX file, with what is known besides them.
    ///
    /// # Errors
    /// Those of [`NetworkFile::read`].
    pub fn read_with(bytes: &[u8], options: &ReadOptions) -> Result<Self> {
        read(bytes, options).map(|file| Self { file })
    }

    /// `[channels, height, width]` of the images the network takes.
    pub fn input_shape(&self) -> [usize; 3] {
        self.file.graph.input_shape()
    }

    /// What the file says of its pixels; `None` if it says nothing.
    ///
    /// # Errors
    /// [`Error::PixelProperty`] if it says something that makes no sense; [`Error::PixelChannels`] if that is for
    /// another number of channels than the network has.
    pub fn pixels(&self) -> Result<Option<PixelEncoding>> {
        let pixels = PixelEncoding::from_metadata(&self.file.metadata)?;
        if let Some(pixels) = &pixels {
            pixels.expect_channels(self.input_shape()[0])?;
        }
        Ok(pixels)
    }

    /// What the file says is done to images of another size; nothing if it says nothing.
    ///
    /// # Errors
    /// [`Error::SizeProperty`], [`Error::CropOutside`] if it says something that makes no sense.
    pub fn preprocessing(&self) -> Result<Preprocessing> {
        Preprocessing::from_metadata(&self.file.metadata)
    }

    /// The network, with its pixels encoded as `pixels` says, whatever the file says. Images of another size are
    /// refused until it is told what is done to them, [`Network::with_preprocessing`].
    ///
    /// # Errors
    /// [`Error::PixelChannels`] if the encoding is for another number of channels.
    pub fn into_network(self, pixels: PixelEncoding) -> Result<Network> {
        pixels.expect_channels(self.input_shape()[0])?;
        let OnnxFile { graph, outputs, metadata } = self.file;
        let mut network = Network::new(graph, outputs[0], pixels);
        network.outputs = outputs;
        network.metadata = metadata;
        Ok(network)
    }
}

impl Network {
    /// Reads a network from an ONNX file that says which pixels it expects.
    ///
    /// # Errors
    /// [`Error::ReadFile`]; those of [`Network::from_onnx`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).map_err(|source| Error::ReadFile { path: path.to_owned(), source })?;
        let options = ReadOptions { folder: Some(folder_of(path)), ..ReadOptions::default() };
        described(NetworkFile::read_with(&bytes, &options)?)
    }

    /// The network in the bytes of an ONNX file that says which pixels it expects.
    ///
    /// # Errors
    /// [`Error::UnknownPixels`] if it does not say it ([`NetworkFile`] can be told); those of [`NetworkFile::read`],
    /// [`NetworkFile::pixels`], [`NetworkFile::preprocessing`] and [`Network::with_preprocessing`].
    pub fn from_onnx(bytes: &[u8]) -> Result<Self> {
        described(NetworkFile::read(bytes)?)
    }

    /// The bytes of an ONNX file with this network, which says which pixels it expects
    /// ([`PixelEncoding::to_metadata`]), what is done to images of another size ([`Preprocessing::to_metadata`]), and
    /// keeps the other properties of the file that the network was read from. The same network gives the same bytes.
    pub fn to_onnx(&self) -> Vec<u8> {
        let mut metadata = self.pixels.to_metadata().to_vec();
        metadata.extend(self.preprocessing.to_metadata());
        let own = metadata.len();
        for (key, value) in &self.metadata {
            // What the file said of the size of images is not kept where the network says nothing of it any more.
            let is_replaced = preprocessing::PROPERTIES.contains(&key.as_str());
            if !is_replaced && metadata[..own].iter().all(|(known, _)| known != key) {
                metadata.push((key.clone(), value.clone()));
            }
        }
        write(&self.graph, &self.outputs, &metadata)
    }
}

/// The network of a file that says which pixels it expects.
fn described(file: NetworkFile) -> Result<Network> {
    let pixels = file.pixels()?.ok_or(Error::UnknownPixels)?;
    let preprocessing = file.preprocessing()?;
    file.into_network(pixels)?.with_preprocessing(preprocessing)
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
