//! [`NetworkInput`]: what templates depend on besides the network's weights.

use crate::error::{Error, Result};
use crate::network::Network;
use crate::pixels::PixelEncoding;
use crate::preprocessing::Preprocessing;

/// Which images a network takes and what becomes of their pixels: the same weights see something else in the same image
/// where one of these is another.
///
/// # Example
/// ```
/// use lots_network::{ChannelOrder, Network, PixelEncoding};
/// let network = Network::lenet(0);
/// let input = network.input();
/// assert_eq!(input.size, [28, 28]);
/// let other = network.with_pixels(PixelEncoding::from_word("0-255", ChannelOrder::Grey)?)?;
/// assert!(input.expect(&other.input()).is_err());
/// # Ok::<(), lots_network::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkInput {
    /// Height and width of the images.
    pub size: [usize; 2],
    /// How pixels become the network's input.
    pub pixels: PixelEncoding,
    /// What is done to images of another size.
    pub preprocessing: Preprocessing,
}

impl NetworkInput {
    /// Checks that a network that takes images like this fits templates that were made with `self`.
    ///
    /// # Errors
    /// [`Error::GalleryInput`] with the first difference.
    pub fn expect(&self, got: &Self) -> Result<()> {
        let size = |[height, width]: [usize; 2]| format!("{height}×{width}");
        let differs = |what, expected: String, got: String| Err(Error::GalleryInput { what, expected, got });
        if self.size != got.size {
            return differs("size of the images", size(self.size), size(got.size));
        }
        if self.pixels != got.pixels {
            return differs("encoding of the pixels", self.pixels.to_string(), got.pixels.to_string());
        }
        if self.preprocessing != got.preprocessing {
            let [expected, got] = [self.preprocessing, got.preprocessing].map(|it| it.to_string());
            return differs("preprocessing", expected, got);
        }
        Ok(())
    }
}

impl Network {
    /// Which images it takes and what becomes of their pixels.
    pub fn input(&self) -> NetworkInput {
        let [_, height, width] = self.input_shape();
        let (pixels, preprocessing) = (self.pixels().clone(), self.preprocessing());
        NetworkInput { size: [height, width], pixels, preprocessing }
    }
}
