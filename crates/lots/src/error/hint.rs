//! What to do about an error.

use super::{Error, MOST_TOLD, file_hint};
use crate::method::Method;

impl Error {
    /// What the user can do about it; `None` where the message says it all.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Network(error) => return error.hint(),
            Self::TrainingSet { .. } => "give the labels file that belongs to the images file",
            Self::Diverged { .. } => {
                "try a smaller learning rate, and look whether the labels belong to the images"
            }
            Self::Checkpoint { .. } => "delete it to start again, or repeat the command that wrote it",
            Self::ImageSize { .. }
            | Self::CropSize { .. }
            | Self::ResizedSize { .. }
            | Self::MixedShapes { .. }
            | Self::ImageTooSmall { .. } => self.hint_of_sizes()?,
            Self::UnknownMethod { .. }
            | Self::FewImpostors { .. }
            | Self::RangeOutside { .. }
            | Self::UnknownClass { .. }
            | Self::OtherClasses { .. } => {
                return self.hint_with_facts();
            }
            Self::RepresentationLength { .. }
            | Self::ClassRange { .. }
            | Self::Mask { .. }
            | Self::Targets { .. }
            | Self::Pairs { .. }
            | Self::ThresholdUseless { .. }
            | Self::ImpostorNotFinite { .. }
            | Self::PairNotFinite { .. } => self.hint_of_targets()?,
            Self::Memory { .. } => "allow more memory, or look at layers of a smaller network",
            Self::NotReproduced => "this is a fault of the network's computation; please report it",
            Self::UnknownCriterion { .. } => {
                "use `misclassified`, `class`, `distance<10` (Euclidean, any positive number) `similarity>0.3` \
                 (cosine, from -1 to below 1), or, with `--impostors`, `similarity@far=0.001` or `distance@far=0.001`"
            }
            Self::Objective { .. } => "write layers with their weights, `conv2*0.5+ip1*2`",
            Self::UnknownTransformation { .. } => {
                "use `png`, `webp`, `jpeg:95` (1 to 100), `resize:0.5` (to this part and back), `shift:1` (pixels), \
                 `blur:1` (standard deviation in pixels) or `bits:7` (1 to 8)"
            }
            Self::NoPairs { what: "genuine" } => "give at least two images of one identity",
            Self::NoPairs { .. } => "give images of at least two identities",
            Self::NoSuchFile { .. }
            | Self::NoSuchImages { .. }
            | Self::File { .. }
            | Self::NotRegular { .. }
            | Self::FileSize { .. }
            | Self::UnknownFormat { .. }
            | Self::NotArray { .. }
            | Self::FileLength { .. }
            | Self::Damaged { .. }
            | Self::Unsupported { .. }
            | Self::TooLarge { .. }
            | Self::UnknownExtension { .. }
            | Self::EmptyFolder { .. }
            | Self::MixedFolder { .. }
            | Self::MnistMissing { .. }
            | Self::LabelText { .. }
            | Self::LabelCount { .. }
            | Self::LabelMissing { .. }
            | Self::NoIdentity { .. }
            | Self::TwoFolders { .. }
            | Self::NotGallery { .. } => file_hint::of(self)?,
            Self::RangeSyntax { .. }
            | Self::ArrayLength { .. }
            | Self::PixelCount { .. }
            | Self::NoImages
            | Self::TooManyImages { .. }
            | Self::ImageCount { .. }
            | Self::LabelRange { .. }
            | Self::LineSearch { .. }
            | Self::MethodNeeds { .. }
            | Self::CriterionNeeds { .. }
            | Self::Interrupted
            | Self::SameClass { .. }
            | Self::NoDirection { .. }
            | Self::MaskText { .. }
            | Self::FalseAcceptRate { .. }
            | Self::FaceNetwork { .. }
            | Self::SetLength { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// What to do about what is moved toward, in which part of a layer and how near.
    fn hint_of_targets(&self) -> Option<&'static str> {
        Some(match self {
            Self::RepresentationLength { .. } => {
                "a template is of one layer: steer that one, or give images, which have a representation at every layer"
            }
            Self::ClassRange { .. } => "classes are counted from 0 in the order of the network's logits",
            Self::Mask { .. } => {
                "`lots layers NETWORK` shows the shape of each layer; channels, units, rows and columns are counted from 0"
            }
            Self::Targets { fault } => fault.hint(),
            Self::Pairs { .. } => "give as many targets as origins, or pair all with all",
            Self::ThresholdUseless { .. } => {
                "similarities are cosines from -1 to 1, distances are above 0; pairs of one picture, or of one identity, \
                 are no impostors"
            }
            Self::ImpostorNotFinite { .. } | Self::PairNotFinite { .. } => {
                "a representation of zeros has no similarity to another one; leave it out"
            }
            _ => return None,
        })
    }

    /// What to do about the size of an image.
    fn hint_of_sizes(&self) -> Option<&'static str> {
        Some(match self {
            Self::ImageSize { got: [3, ..], expected: [1, ..], .. } => {
                "the picture is coloured; turn it to grey first"
            }
            Self::CropSize { .. } => {
                "resize images first: `--resize` makes the shorter side long enough for the crop"
            }
            Self::ResizedSize { .. } => {
                "a picture that is thousands of times as long as wide is no photograph; cut it first"
            }
            Self::MixedShapes { .. } => "a network takes images of one size; crop or scale them alike first",
            Self::ImageTooSmall { .. } => {
                "compare with the full border, which continues the image as its mirror image"
            }
            _ => return None,
        })
    }

    /// The hints that name what there is or how much is needed.
    fn hint_with_facts(&self) -> Option<String> {
        Some(match self {
            Self::UnknownMethod { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownMethod { nearest: None, .. } => {
                let names = Method::ALL.map(|method| format!("`{method}`"));
                format!("there are {}", names.join(", "))
            }
            Self::FewImpostors { far, .. } => {
                format!("give at least {:.0} pairs, or a larger rate", (1.0 / far).ceil())
            }
            Self::OtherClasses { classes, left_out, path } if classes.is_empty() => {
                let first = left_out.folders.first().map(|name| path.join(name)).unwrap_or_default();
                format!(
                    "a class folder is named by its class index (`0`, `1`, …), or with a gallery by its identity; `{}` names \
                     the pictures of one folder",
                    first.display()
                )
            }
            Self::OtherClasses { classes, .. } => called(classes),
            Self::UnknownClass { namesakes: 1.., .. } => "say which of them by its number".to_owned(),
            Self::UnknownClass { known, .. } if known.is_empty() => {
                "a class is its number, counted from 0; classes have names behind a gallery, `--gallery FILE`"
                    .to_owned()
            }
            Self::UnknownClass { nearest, known, .. } => {
                let nearest =
                    nearest.as_ref().map(|name| format!("did you mean `{}`? ", name.escape_debug()));
                nearest.unwrap_or_default() + &called(known)
            }
            Self::RangeOutside { count, .. } => {
                format!("its images are counted from 0 to {}", count.saturating_sub(1))
            }
            _ => return None,
        })
    }
}

/// What classes are called, not too many of them.
fn called(names: &[String]) -> String {
    let some: Vec<String> =
        names.iter().take(MOST_TOLD).map(|name| format!("`{}`", name.escape_debug())).collect();
    let more = if names.len() > MOST_TOLD { ", …" } else { "" };
    format!("the classes are called {}{more}", some.join(", "))
}
