//! Folders of pictures.
//!
//! A folder holds pictures, which then have no labels, or **class folders**: sub-folders named by a class index
//! (`0`, `1`, … or `007`), whose pictures have that label. Pictures are told by their extension; other files, hidden
//! ones and other sub-folders are left alone. The order is that of the class index and then of the name, byte by byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::picture;
use crate::error::{Error, Result};

/// The pictures of a folder, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where they are.
    pub paths: Vec<PathBuf>,
    /// Their names within the folder: `four.png`, `3/photo.png`.
    pub names: Vec<String>,
    /// The class folder of each, if there are class folders.
    pub labels: Option<Vec<usize>>,
}

/// Lists the pictures of a folder without opening them.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`]; [`Error::EmptyFolder`] if there is no picture;
/// [`Error::MixedFolder`] if there are pictures both beside class folders and in them.
pub fn list(folder: impl AsRef<Path>) -> Result<Folder> {
    list_classes(folder.as_ref(), class_index)
}

/// As [`list`], with class folders that are named by what the classes are called, and no others.
///
/// - `names`: of the classes, in their order.
///
/// # Errors
/// As [`list`].
pub fn list_named(folder: impl AsRef<Path>, names: &[String]) -> Result<Folder> {
    let places: BTreeMap<&str, usize> =
        names.iter().enumerate().map(|(class, name)| (name.as_str(), class)).collect();
    list_classes(folder.as_ref(), |name| places.get(name).copied())
}

fn list_classes(folder: &Path, class_of: impl Fn(&str) -> Option<usize>) -> Result<Folder> {
    let entries = names(folder)?;
    let pictures: Vec<&String> = entries.iter().filter(|name| is_picture(&folder.join(name))).collect();
    let mut classes: Vec<(usize, &String)> = entries
        .iter()
        .filter(|name| folder.join(name).is_dir())
        .filter_map(|name| Some((class_of(name)?, name)))
        .collect();
    classes.sort();
    if let (Some(picture), Some((_, class))) = (pictures.first(), classes.first()) {
        return Err(Error::MixedFolder {
            picture: (*picture).clone(),
            class: (*class).clone(),
            path: folder.to_owned(),
        });
    }
    let mut found = Folder { paths: Vec::new(), names: Vec::new(), labels: None };
    for name in pictures {
        found.paths.push(folder.join(name));
        found.names.push(name.clone());
    }
    for (label, class) in classes {
        for name in names(&folder.join(class))? {
            let path = folder.join(class).join(&name);
            if is_picture(&path) {
                found.paths.push(path);
                found.names.push(format!("{class}/{name}"));
                found.labels.get_or_insert_default().push(label);
            }
        }
    }
    if found.paths.is_empty() {
        return Err(Error::EmptyFolder { path: folder.to_owned() });
    }
    Ok(found)
}

/// The names in a folder that are not hidden, sorted.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |reason| Error::file("read", folder, reason);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        // A name that is no text cannot stand in a report.
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

pub(super) fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| picture::EXTENSIONS.contains(&extension.as_str())) && path.is_file()
}

/// What a name that is a number says.
pub(super) fn class_index(name: &str) -> Option<usize> {
    // `parse` would also take a sign.
    name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        folder
    }

    #[test]
    fn pictures_are_listed_in_the_order_of_their_names() {
        let folder =
            make(&["b.png", "a.JPG", "c.txt", ".hidden.png", "notes/d.png", "e.webp", "B.pgm", "run.json"]);
        let found = list(folder.path()).unwrap();
        assert_eq!(found.names, ["B.pgm", "a.JPG", "b.png", "e.webp"]);
        assert_eq!(found.labels, None);
        assert_eq!(found.paths[1], folder.path().join("a.JPG"));
    }

    #[test]
    fn class_folders_are_labels_in_the_order_of_the_classes() {
        let folder =
            make(&["10/a.png", "9/b.png", "9/a.png", "007/x.bmp", "other/y.png", "9/deep/z.png", "list.csv"]);
        let found = list(folder.path()).unwrap();
        assert_eq!(found.names, ["007/x.bmp", "9/a.png", "9/b.png", "10/a.png"]);
        assert_eq!(found.labels, Some(vec![7, 9, 9, 10]));
    }

    #[test]
    fn class_folders_may_be_named_like_the_classes() {
        let folder = make(&["bob/a.png", "anna/x.png", "carol/y.png", "1/z.png"]);
        let found = list_named(folder.path(), &["bob", "anna"].map(str::to_owned)).unwrap();
        assert_eq!(found.names, ["bob/a.png", "anna/x.png"]);
        assert_eq!(found.labels, Some(vec![0, 1]));
    }

    #[test]
    fn folders_without_a_clear_meaning_are_refused() {
        let empty = list(make(&["readme.txt", "cats/a.png", "3/readme.txt"]).path()).unwrap_err();
        assert!(empty.to_string().starts_with("there are no pictures in the folder: `"), "{empty}");
        assert!(empty.hint().unwrap().contains("class index"));
        let mixed = list(make(&["a.png", "3/b.png"]).path()).unwrap_err();
        assert!(
            mixed.to_string().starts_with("a picture `a.png` lies beside the class folder `3`: `"),
            "{mixed}"
        );
        assert!(matches!(list("no/such/folder"), Err(Error::NoSuchFile { .. })));
    }
}
