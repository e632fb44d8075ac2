//! Pictures of which their folder says whom they show: `anna/1.png`, `bob/a.jpg`.
//!
//! Identities are names, not class indices; which class each becomes is decided by who counts them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{class_index, is_picture, name_of, names};
use crate::error::{Error, Result};

/// A picture and whom it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPicture {
    /// Where it is.
    pub path: PathBuf,
    /// The name of its folder.
    pub identity: String,
}

/// The pictures at a path, without opening them: one picture, the folder of one identity, or a folder of such folders.
/// Whatever the path, the identity is the name of the folder that a picture lies in. Hidden files and folders without
/// pictures are left alone. Identities come in the order of [`compare`], their pictures in that of their names.
///
/// # Errors
/// [`Error::NoSuchFile`], [`Error::File`]; [`Error::EmptyFolder`] if there is no picture; [`Error::MixedFolder`] if a
/// folder has pictures and folders of pictures in it; [`Error::NoIdentity`] if the folder of a picture has no name.
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// for (identity, picture) in [("bob", "2.png"), ("anna", "1.png"), ("bob", "1.png")] {
///     std::fs::create_dir_all(folder.path().join(identity))?;
///     std::fs::write(folder.path().join(identity).join(picture), b"")?;
/// }
/// let pictures = lots::data::identities::list(folder.path())?;
/// let identities: Vec<&str> = pictures.iter().map(|picture| picture.identity.as_str()).collect();
/// assert_eq!(identities, ["anna", "bob", "bob"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn list(path: impl AsRef<Path>) -> Result<Vec<IdentityPicture>> {
    let path = path.as_ref();
    if !path.is_dir() {
        fs::metadata(path).map_err(|reason| Error::file("read", path, reason))?;
        return Ok(vec![picture(path.to_owned())?]);
    }
    let entries = names(path)?;
    let own: Vec<&String> = entries.iter().filter(|name| is_picture(&path.join(name))).collect();
    let mut folders: Vec<(&String, Vec<PathBuf>)> = Vec::new();
    for name in entries.iter().filter(|name| path.join(name).is_dir()) {
        let folder = path.join(name);
        let pictures = names(&folder)?.into_iter().map(|name| folder.join(name));
        let pictures: Vec<PathBuf> = pictures.filter(|path| is_picture(path)).collect();
        if !pictures.is_empty() {
            folders.push((name, pictures));
        }
    }
    folders.sort_by(|(a, _), (b, _)| compare(a, b));
    match (own.first(), folders.first()) {
        (Some(picture), Some((class, _))) => Err(Error::MixedFolder {
            picture: (*picture).clone(),
            class: (*class).clone(),
            path: path.to_owned(),
        }),
        (None, None) => Err(Error::EmptyFolder { path: path.to_owned() }),
        _ => {
            let own = own.into_iter().map(|name| path.join(name));
            own.chain(folders.into_iter().flat_map(|(_, pictures)| pictures)).map(picture).collect()
        }
    }
}

/// Pictures of which each is there once, and each identity in one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinctPictures {
    /// The pictures in their order.
    pub pictures: Vec<IdentityPicture>,
    /// How many were left out because they had come before, under the same name or another.
    pub repeated: usize,
}

/// Each picture once, where it comes first.
///
/// # Errors
/// [`Error::TwoFolders`] if folders in two places are named like one identity; [`Error::File`].
///
/// # Example
/// ```
/// use lots::data::identities::{distinct, list};
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir(folder.path().join("anna"))?;
/// std::fs::write(folder.path().join("anna/1.png"), b"")?;
/// let twice = [list(folder.path())?, list(folder.path().join("anna/1.png"))?].concat();
/// let found = distinct(twice)?;
/// assert_eq!((found.pictures.len(), found.repeated), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn distinct(pictures: impl IntoIterator<Item = IdentityPicture>) -> Result<DistinctPictures> {
    let canonical = |path: &Path| path.canonicalize().map_err(|reason| Error::file("read", path, reason));
    let mut found = DistinctPictures::default();
    let mut known = BTreeSet::new();
    // Where each identity's pictures lie, as it is on the disk and as it was named.
    let mut folders: BTreeMap<String, (PathBuf, PathBuf)> = BTreeMap::new();
    for picture in pictures {
        let named = match picture.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let place = canonical(&named)?;
        let (first, first_named) =
            folders.entry(picture.identity.clone()).or_insert_with(|| (place.clone(), named.clone()));
        if *first != place {
            let folders = [first_named.clone(), named];
            return Err(Error::TwoFolders { identity: picture.identity, folders });
        }
        if known.insert(canonical(&picture.path)?) {
            found.pictures.push(picture);
        } else {
            found.repeated += 1;
        }
    }
    Ok(found)
}

/// The order of identities: numbers by what they are and before names, names byte by byte.
///
/// # Example
/// ```
/// let mut identities = ["10", "bob", "9", "anna"];
/// identities.sort_by(|a, b| lots::data::identities::compare(a, b));
/// assert_eq!(identities, ["9", "10", "anna", "bob"]);
/// ```
pub fn compare(a: &str, b: &str) -> Ordering {
    match (class_index(a), class_index(b)) {
        (Some(left), Some(right)) => left.cmp(&right).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

fn picture(path: PathBuf) -> Result<IdentityPicture> {
    match path.parent().and_then(name_of) {
        Some(identity) => Ok(IdentityPicture { path, identity }),
        None => Err(Error::NoIdentity { path }),
    }
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

    fn listed(folder: &Path) -> Vec<(String, String)> {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let pictures = list(folder).unwrap();
        pictures.iter().map(|picture| (picture.identity.clone(), name(&picture.path))).collect()
    }

    #[test]
    fn a_folder_of_folders_a_folder_and_a_picture_name_the_same_identity() {
        let root =
            make(&["bob/b.png", "bob/a.jpg", "anna/1.png", "anna/notes.txt", "empty/x.txt", ".git/z.png"]);
        let all = [("anna", "1.png"), ("bob", "a.jpg"), ("bob", "b.png")];
        let all = all.map(|(identity, name)| (identity.to_owned(), name.to_owned()));
        assert_eq!(listed(root.path()), all);
        assert_eq!(listed(&root.path().join("bob")), all[1..]);
        assert_eq!(listed(&root.path().join("bob/b.png")), all[2..]);
    }

    #[test]
    fn a_picture_counts_once_and_an_identity_has_one_folder() {
        let root = make(&["a/anna/1.png", "a/anna/2.png", "b/anna/1.png", "b/bob/1.png"]);
        let all = |places: &[&str]| {
            let listed = places.iter().map(|place| list(root.path().join(place)).unwrap());
            distinct(listed.collect::<Vec<_>>().concat())
        };
        let found = all(&["a/anna/2.png", "a", "a/../a/anna/1.png", "b/bob"]).unwrap();
        let names: Vec<_> =
            found.pictures.iter().map(|it| it.path.strip_prefix(root.path()).unwrap()).collect();
        assert_eq!(names, ["a/anna/2.png", "a/anna/1.png", "b/bob/1.png"].map(Path::new));
        assert_eq!(found.repeated, 2);
        let error = all(&["a", "b"]).unwrap_err();
        assert!(error.to_string().starts_with("the identity `anna` is in two folders, `"), "{error}");
        assert!(error.hint().unwrap().contains("rename one of them"));
    }

    #[test]
    fn folders_without_a_clear_meaning_are_refused() {
        let mixed = list(make(&["a.png", "bob/b.png"]).path()).unwrap_err();
        assert!(
            mixed.to_string().starts_with("a picture `a.png` lies beside the class folder `bob`"),
            "{mixed}"
        );
        assert!(matches!(list(make(&["a.txt"]).path()), Err(Error::EmptyFolder { .. })));
        assert!(matches!(list("no/such/folder"), Err(Error::NoSuchFile { .. })));
    }
}
