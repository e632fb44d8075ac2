//! Folders of pictures.
//!
//! A folder holds pictures, which then have no labels, or **class folders**: sub-folders named by a class index
//! (`0`, `1`, … or `007`), whose pictures have that label. Pictures are told by their extension; other files, hidden
//! ones and other sub-folders are left alone. The order is that of the class index and then of the name, byte by byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use serde::Serialize;

use super::identities::compare;
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
    /// What lies in folders that are named like no class, where classes have names.
    pub left_out: Option<LeftOut>,
}

/// Pictures in folders that are named like no class.
///
/// ```
/// use lots::data::folder::LeftOut;
/// let left_out = LeftOut { pictures: 1, folders: vec!["carol".to_owned()] };
/// assert_eq!(left_out.to_string(), "1 picture in a folder that is named like no class: `carol`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many there are, at least one.
    pub pictures: usize,
    /// The names of the folders that they lie in.
    pub folders: Vec<String>,
}

/// Lists the pictures of a folder without opening them.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`]; [`Error::EmptyFolder`] if there is no picture, [`Error::OtherClasses`] if there
/// are some in other sub-folders; [`Error::MixedFolder`] if there are pictures both beside class folders and in them.
pub fn list(folder: impl AsRef<Path>) -> Result<Folder> {
    let folder = folder.as_ref();
    match list_classes(folder, class_index) {
        Err(Error::EmptyFolder { path }) => Err(match left_out(folder, class_index)? {
            Some(left_out) => Error::OtherClasses { left_out, classes: Vec::new(), path },
            None => Error::EmptyFolder { path },
        }),
        found => found,
    }
}

/// As [`list`], without labels: pictures of whom or what nobody asks. Where there are none in the folder itself, those of
/// all its sub-folders count, whatever they are called, in the order of [`compare`].
///
/// # Errors
/// As [`list`].
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// for picture in ["bob/2.png", "anna/1.png", "10/0.png", "9/0.png"] {
///     std::fs::create_dir_all(folder.path().join(picture).parent().expect("it is in a folder"))?;
///     std::fs::write(folder.path().join(picture), b"")?;
/// }
/// let found = lots::data::folder::list_unlabelled(folder.path())?;
/// assert_eq!(found.names, ["9/0.png", "10/0.png", "anna/1.png", "bob/2.png"]);
/// assert_eq!(found.labels, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn list_unlabelled(folder: impl AsRef<Path>) -> Result<Folder> {
    let folder = folder.as_ref();
    let has_pictures = names(folder)?.iter().any(|name| is_picture(&folder.join(name)));
    let found = if has_pictures { list(folder)? } else { list_classes(folder, |_| Some(0))? };
    Ok(Folder { labels: None, ..found })
}

/// So many folders are named in a sentence.
const MOST_NAMED: usize = 5;

impl fmt::Display for LeftOut {
    /// `3 pictures in folders that are named like no class: carol, dave`, of many folders the first.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pictures = if self.pictures == 1 { "picture" } else { "pictures" };
        let folders = if self.folders.len() == 1 { "a folder that is" } else { "folders that are" };
        write!(
            formatter,
            "{} {pictures} in {folders} named like no class: {}",
            self.pictures,
            some_of(&self.folders)
        )
    }
}

/// `` `a`, `b` ``, of many names the first and how many more there are.
pub(super) fn some_of(names: &[String]) -> String {
    let mut some: Vec<String> =
        names.iter().take(MOST_NAMED).map(|name| format!("`{}`", name.escape_debug())).collect();
    if let Some(more) = names.len().checked_sub(MOST_NAMED + 1) {
        some.push(format!("{} more", more + 1));
    }
    some.join(", ")
}

/// As [`list`], with class folders that are named by what the classes are called, and no others. The folder may be one
/// of them itself.
///
/// - `names`: of the classes, in their order.
///
/// # Errors
/// As [`list`]; [`Error::OtherClasses`] if there are pictures, but all in folders that are named like no class.
pub fn list_named(folder: impl AsRef<Path>, names: &[String]) -> Result<Folder> {
    let places: BTreeMap<&str, usize> =
        names.iter().enumerate().map(|(class, name)| (name.as_str(), class)).collect();
    let folder = folder.as_ref();
    let class_of = |name: &str| places.get(name).copied();
    let left_out = left_out(folder, class_of)?;
    let mut found = match (list_classes(folder, class_of), left_out) {
        (Err(Error::EmptyFolder { path }), Some(left_out)) => {
            return Err(Error::OtherClasses { left_out, classes: names.to_vec(), path });
        }
        (found, left_out) => Folder { left_out, ..found? },
    };
    if found.labels.is_none()
        && let Some(class) = name_of(folder).as_deref().and_then(class_of)
    {
        found.labels = Some(vec![class; found.paths.len()]);
    }
    Ok(found)
}

/// What lies in folders that are named like no class.
fn left_out(folder: &Path, class_of: impl Fn(&str) -> Option<usize>) -> Result<Option<LeftOut>> {
    let mut left_out = LeftOut { pictures: 0, folders: Vec::new() };
    for name in names(folder)? {
        let inner = folder.join(&name);
        if class_of(&name).is_some() || !inner.is_dir() {
            continue;
        }
        let pictures = names(&inner)?.iter().filter(|name| is_picture(&inner.join(name))).count();
        if pictures > 0 {
            left_out.pictures += pictures;
            left_out.folders.push(name);
        }
    }
    Ok((left_out.pictures > 0).then_some(left_out))
}

/// What a folder is called: `.` and the folder of `1.png` have a name, too. `None` for the root.
pub(super) fn name_of(folder: &Path) -> Option<String> {
    let place = if folder.file_name().is_some() { None } else { folder.join(".").canonicalize().ok() };
    place.as_deref().unwrap_or(folder).file_name().map(|name| name.to_string_lossy().into_owned())
}

fn list_classes(folder: &Path, class_of: impl Fn(&str) -> Option<usize>) -> Result<Folder> {
    let entries = names(folder)?;
    let pictures: Vec<&String> = entries.iter().filter(|name| is_picture(&folder.join(name))).collect();
    let mut classes: Vec<(usize, &String)> = entries
        .iter()
        .filter(|name| folder.join(name).is_dir())
        .filter_map(|name| Some((class_of(name)?, name)))
        .collect();
    classes.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| compare(one, other)));
    if let (Some(picture), Some((_, class))) = (pictures.first(), classes.first()) {
        return Err(Error::MixedFolder {
            picture: (*picture).clone(),
            class: (*class).clone(),
            path: folder.to_owned(),
        });
    }
    let mut found = Folder { paths: Vec::new(), names: Vec::new(), labels: None, left_out: None };
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
    is_named_like_a_picture(path) && path.is_file()
}

pub(super) fn is_named_like_a_picture(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| picture::EXTENSIONS.contains(&extension.as_str()))
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
        let left_out = found.left_out.unwrap();
        assert_eq!(left_out.to_string(), "2 pictures in folders that are named like no class: `1`, `carol`");
    }

    #[test]
    fn a_folder_that_is_named_like_a_class_is_one() {
        let root = make(&["anna/2.png", "anna/1.png", "carol/1.png"]);
        let names = ["bob", "anna"].map(str::to_owned);
        let anna = list_named(root.path().join("anna"), &names).unwrap();
        assert_eq!((anna.names.len(), anna.labels, anna.left_out), (2, Some(vec![1, 1]), None));
        assert_eq!(list_named(root.path().join("carol"), &names).unwrap().labels, None);
        let error = list_named(root.path(), &["bob".to_owned()]).unwrap_err();
        let sentence = "there are no pictures of a class, but 3 pictures in folders that are named like no class: \
                        `anna`, `carol`: `";
        assert!(error.to_string().starts_with(sentence), "{error}");
        assert_eq!(error.hint().unwrap(), "the classes are called `bob`");
    }

    #[test]
    fn folders_without_a_clear_meaning_are_refused() {
        let empty = list(make(&["readme.txt", "cats/a.txt", "3/readme.txt"]).path()).unwrap_err();
        assert!(empty.to_string().starts_with("there are no pictures in the folder: `"), "{empty}");
        assert!(empty.hint().unwrap().contains("class index"));
        let other = list(make(&["readme.txt", "cats/a.png", "3/readme.txt"]).path()).unwrap_err();
        let sentence = "there are no pictures of a class, but 1 picture in a folder that is named like no class: `cats`: `";
        assert!(other.to_string().starts_with(sentence), "{other}");
        let hint = other.hint().unwrap();
        assert!(hint.contains("class index") && hint.contains("cats` names the pictures"), "{hint}");
        let mixed = list(make(&["a.png", "3/b.png"]).path()).unwrap_err();
        assert!(
            mixed.to_string().starts_with("a picture `a.png` lies beside the class folder `3`: `"),
            "{mixed}"
        );
        assert!(matches!(list("no/such/folder"), Err(Error::NoSuchFile { .. })));
    }
}
