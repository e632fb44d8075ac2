//! Everything that can go wrong, with the facts in fields; the text of each message is here and nowhere else.

use std::io;
use std::path::{Path, PathBuf};

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, grouped by whose fault it is. [`Error::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The file.
    /// There is nothing at this path.
    #[error("there is no such file or folder: `{}`", path.display())]
    NoSuchFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The operating system refused to read or write.
    #[error("cannot {action} the file ({reason}): `{}`", path.display())]
    File {
        /// "read", "write".
        action: &'static str,
        /// What the operating system says.
        reason: io::Error,
        /// The file.
        path: PathBuf,
    },
    /// The contents are nothing that holds images.
    #[error("not a picture: `{}`", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The length of a file contradicts its header.
    #[error("the {kind} has the wrong length, expected {expected} bytes by its header, got {got}: `{}`", path.display())]
    FileLength {
        /// "IDX file", "`.npy` array".
        kind: &'static str,
        /// Bytes that the header promises, header included.
        expected: u64,
        /// Bytes that are there (after decompression; at least so many if more than expected).
        got: u64,
        /// The file.
        path: PathBuf,
    },
    /// The contents contradict their own format.
    #[error("the {kind} is damaged ({reason}): `{}`", path.display())]
    Damaged {
        /// "PNG picture", "IDX file", …
        kind: &'static str,
        /// What the decoder says.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A sound file of a kind that is not read or cannot be written.
    #[error("the {kind} holds {got}, expected {expected}: `{}`", path.display())]
    Unsupported {
        /// "PNG picture", "IDX file", …
        kind: &'static str,
        /// What it holds.
        got: String,
        /// What it should hold.
        expected: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Decoding would take more memory than any picture justifies.
    #[error("the picture has {width}×{height} pixels and takes {bytes} bytes, expected at most {limit}: `{}`", path.display())]
    TooLarge {
        /// Columns, by its header.
        width: u32,
        /// Rows, by its header.
        height: u32,
        /// Bytes when decoded.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
        /// The file.
        path: PathBuf,
    },
    /// No picture format that keeps every pixel has this extension.
    #[error("cannot tell a lossless picture format from the extension of `{}`", path.display())]
    UnknownExtension {
        /// The file that was to be written.
        path: PathBuf,
    },

    // The argument.
    /// Nothing was given to write.
    #[error("there are no images to write")]
    NoImages,
    /// More or fewer images than announced.
    #[error("expected {expected} images, got {got}")]
    ImageCount {
        /// Images given.
        got: usize,
        /// Images announced.
        expected: usize,
    },
    /// A label that the format cannot hold.
    #[error("label {label} is too large for the file, expected at most {limit}")]
    LabelRange {
        /// The label.
        label: usize,
        /// The largest label of the format.
        limit: usize,
    },
    /// Images that must come in pairs with their labels or names do not.
    #[error("{images} images have {got} {what}")]
    SetLength {
        /// "labels", "names".
        what: &'static str,
        /// How many images there are.
        images: usize,
        /// How many labels or names there are.
        got: usize,
    },
    /// An image of a set has another shape than the first.
    #[error(
        "`{name}` has {}×{}×{} pixels, expected {}×{}×{} like `{first}` (channels × height × width)",
        got[0], got[1], got[2], expected[0], expected[1], expected[2]
    )]
    MixedShapes {
        /// The first image that differs.
        name: String,
        /// Its `[channels, height, width]`.
        got: [usize; 3],
        /// The first image of the set.
        first: String,
        /// Its `[channels, height, width]`.
        expected: [usize; 3],
    },
    /// The number of pixels does not fit the shape.
    #[error("an image of {channels}×{height}×{width} cannot have {got} pixels")]
    PixelCount {
        /// Channels asked for.
        channels: usize,
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
        /// Pixels given.
        got: usize,
    },
    /// Two images that must have the same size do not.
    #[error(
        "the {role} has {}×{}×{} pixels, expected {}×{}×{} (channels × height × width)",
        got[0], got[1], got[2], expected[0], expected[1], expected[2]
    )]
    ImageSize {
        /// Which image it is: "target", "perturbed image", "origin".
        role: &'static str,
        /// Its `[channels, height, width]`.
        got: [usize; 3],
        /// The shape it must have.
        expected: [usize; 3],
    },
    /// No window of the structural similarity lies inside the image.
    #[error(
        "an image of {height}×{width} pixels has no valid window, expected at least {minimum}×{minimum} pixels"
    )]
    ImageTooSmall {
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
        /// Rows and columns of the window.
        minimum: usize,
    },
}

impl Error {
    /// What the user can do about it; `None` where the message says it all.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuchFile { .. } => {
                "paths are relative to the current folder; built in are `digits` (1,000 test digits) and \
                 `digits:targets` (ten, one a class)"
            }
            Self::UnknownFormat { .. } => {
                "PNG, JPEG, PGM/PPM, BMP and WebP pictures are read, and for many images IDX (gzipped or not) and \
                 `.npy` files; the contents decide, not the name"
            }
            Self::FileLength { expected, got, .. } if got < expected => {
                "the file was not copied or downloaded to its end; fetch it again"
            }
            Self::FileLength { .. } => "the file is damaged or is two files in one; fetch it again",
            Self::Damaged { .. } => "the file was cut short or changed on its way; fetch it again",
            Self::TooLarge { .. } => "make the picture smaller; no network looks at so many pixels",
            Self::UnknownExtension { path } if is_jpeg(path) => {
                "JPEG changes the pixels that were measured; use `.png`"
            }
            Self::UnknownExtension { .. } => "use `.png`, `.pgm`, `.ppm`, `.pnm`, `.bmp` or `.webp`",
            Self::ImageSize { got: [3, ..], expected: [1, ..], .. } => {
                "the picture is coloured; turn it to grey first"
            }
            Self::Unsupported { got, .. } if got == TRANSPARENT => {
                "what a transparent pixel looks like depends on the background; put the picture on one and save it \
                 without transparency"
            }
            Self::MixedShapes { .. } => "a network takes images of one size; crop or scale them alike first",
            Self::ImageTooSmall { .. } => {
                "compare with the full border, which continues the image as its mirror image"
            }
            Self::File { .. }
            | Self::Unsupported { .. }
            | Self::PixelCount { .. }
            | Self::ImageSize { .. }
            | Self::NoImages
            | Self::ImageCount { .. }
            | Self::LabelRange { .. }
            | Self::SetLength { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// The reason of the operating system with the file it is about; a missing file has a name of its own.
    pub(crate) fn file(action: &'static str, path: &Path, reason: io::Error) -> Self {
        if action == "read" && reason.kind() == io::ErrorKind::NotFound {
            Self::NoSuchFile { path: path.to_owned() }
        } else {
            Self::File { action, reason, path: path.to_owned() }
        }
    }
}

/// What a picture with an alpha channel holds, in [`Error::Unsupported`].
pub(crate) const TRANSPARENT: &str = "transparent pixels";

fn is_jpeg(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
    })
}
