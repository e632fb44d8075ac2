//! What to do about a file that cannot be used.

use std::io;
use std::path::Path;

use super::Error;
use crate::data::picture::TRANSPARENT;
use crate::data::templates::{self, json};
use crate::data::{array, labels};
use crate::mask;

const OTHER_FILE: &str = "this is another file than was meant";

/// The hint of an error about a file; `None` where the message says it all, and for all other errors.
pub(super) fn of(error: &Error) -> Option<&'static str> {
    let hint = match error {
        Error::NoSuchFile { .. } => "paths are relative to the current folder",
        Error::NoSuchImages { .. } => {
            "paths are relative to the current folder; built in are `digits` (1,000 test digits) and \
                 `digits:targets` (ten, one a class)"
        }
        Error::NotRegular { .. } => "write what it holds into a file first",
        Error::FileSize { kind: templates::KIND, .. } => {
            "this is another file than was meant, or many templates in text: a `.npy` array or a gallery takes a third \
             of the place"
        }
        Error::FileSize { .. } => OTHER_FILE,
        Error::UnknownFormat { .. } => {
            "PNG, JPEG, PGM/PPM, BMP and WebP pictures are read, and for many images IDX (gzipped or not) and \
                 `.npy` files; the contents decide, not the name"
        }
        Error::NotArray { .. } => "`numpy.save` writes one; the contents decide, not the name",
        Error::FileLength { expected, got, .. } if got < expected => {
            "the file was not copied or downloaded to its end; fetch it again"
        }
        Error::FileLength { .. } => "the file is damaged or is two files in one; fetch it again",
        Error::Damaged { .. } => "the file was cut short or changed on its way; fetch it again",
        Error::TooLarge { .. } => "make the picture smaller; no network looks at so many pixels",
        Error::UnknownExtension { path } if is_jpeg(path) => {
            "JPEG changes the pixels that were measured; use `.png`"
        }
        Error::UnknownExtension { .. } => "use `.png`, `.pgm`, `.ppm`, `.pnm`, `.bmp` or `.webp`",
        Error::File { action: "read", reason, .. } if reason.kind() == io::ErrorKind::IsADirectory => {
            "name a file in that folder"
        }
        Error::File { action: "write", reason, .. } => match reason.kind() {
            io::ErrorKind::NotFound => "make the folder first",
            io::ErrorKind::NotADirectory => "one of the folders in its path is a file",
            io::ErrorKind::PermissionDenied => "write to a folder of your own",
            io::ErrorKind::IsADirectory => "name a file in that folder",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                "free some space, or write to another disk"
            }
            _ => return None,
        },
        Error::Unsupported { got, expected, .. } => unsupported(got, expected)?,
        Error::EmptyFolder { .. } => {
            "put pictures into it, or class folders named by their class index (`0`, `1`, …); \
             PNG, JPEG, PGM/PPM, BMP and WebP are told by their extension"
        }
        Error::MixedFolder { .. } => "name the class folder, or move all pictures into class folders",
        Error::MnistMissing { .. } => "`lots fetch mnist --out FOLDER` brings the four files",
        Error::LabelText { .. } => {
            "a class is its index, counted from 0, or its name where classes have names, as behind a gallery"
        }
        Error::LabelCount { .. } => {
            "a label file has one label for each image of the whole file or folder; a range selects from both"
        }
        Error::LabelMissing { .. } => "its lines are `name,label`, where the name is that of the image file",
        Error::NoIdentity { .. } => "put it into a folder that is named like the identity",
        Error::TwoFolders { .. } => "rename one of them, or put all of its pictures into one",
        Error::NotGallery { .. } => "`lots gallery build` writes one",
        _ => return None,
    };
    Some(hint)
}

fn unsupported(got: &str, expected: &str) -> Option<&'static str> {
    let hint = match expected {
        _ if got == TRANSPARENT => {
            "what a transparent pixel looks like depends on the background; put the picture on one and save it \
             without transparency"
        }
        array::BYTES => "images are pixels 0–255: `array.round().clip(0, 255).astype(numpy.uint8)`",
        array::IMAGE_SHAPES => "channels come last: `array.transpose(0, 2, 3, 1)`",
        mask::TYPES | array::FLOATS => "`array.astype(numpy.float32)` before it is saved",
        array::C_ORDER => "`numpy.ascontiguousarray(array)` before it is saved",
        labels::AT_MOST => OTHER_FILE,
        mask::SHAPES => "`lots layers NETWORK` shows the shape of each layer",
        templates::EXPECTED => {
            "`lots represent NETWORK --layer NAME` writes templates of a layer; steer the layer that they are of"
        }
        json::KEYS | json::TEMPLATES => {
            "a template is an array of numbers or `{\"name\": \"anna\", \"class\": 3, \"values\": [0.5, …]}`"
        }
        json::CLASSES => "leave `class` out where it is not known",
        json::NAMES => "leave `name` out where there is none",
        json::NUMBERS => {
            "a template that is not finite everywhere points nowhere: leave it out, and look where its numbers come from"
        }
        _ => return None,
    };
    Some(hint)
}

fn is_jpeg(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
    })
}
