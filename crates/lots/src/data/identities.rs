//! Pictures of which their folder says whom they show: `anna/1.png`, `bob/a.jpg`.
//!
//! Identities are names, not class indices; which class each becomes is decided by who counts them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{class_index, is_named_like_a_picture, is_picture, name_of, names, some_of};
use crate::error::{Error, Result};

/// A picture and whom it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPicture {
    /// Where it is.
    pub path: PathBuf,
    /// The name of its folder.
    pub identity: String,
}

/// The pictures at a path, and what lies among them and is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The pictures in their order.
    pub pictures: Vec<IdentityPicture>,
    /// What somebody might miss among them.
    pub left_out: NoPictures,
}

/// What lies where pictures are looked for and is none, each by its path. Hidden files, and files that are not named like
/// pictures, do not count.
///
/// ```
/// use lots::data::identities::NoPictures;
/// let left_out = NoPictures { empty: vec!["people/carol".into()], ..NoPictures::default() };
/// assert_eq!(left_out.sentences(), ["1 folder without a picture: `people/carol`"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoPictures {
    /// What is named like a picture and is no file: a device, a pipe, a link to one or to nothing.
    pub not_files: Vec<String>,
    /// Folders in the folder of an identity.
    pub nested: Vec<String>,
    /// Folders of identities without a picture.
    pub empty: Vec<String>,
}

/// The pictures at a path, without opening them: one picture, the folder of one identity, or a folder of such folders.
/// Whatever the path, the identity is the name of the folder that a picture lies in. Hidden files are left alone; what
/// else is there and no picture is listed apart. Identities come in the order of [`compare`], their pictures in that of
/// their names.
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
/// std::fs::create_dir(folder.path().join("carol"))?;
/// let found = lots::data::identities::list(folder.path())?;
/// let identities: Vec<&str> = found.pictures.iter().map(|picture| picture.identity.as_str()).collect();
/// assert_eq!(identities, ["anna", "bob", "bob"]);
/// assert!(found.left_out.empty[0].ends_with("carol"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn list(path: impl AsRef<Path>) -> Result<Listed> {
    let path = path.as_ref();
    if !path.is_dir() {
        fs::metadata(path).map_err(|reason| Error::file("read", path, reason))?;
        return Ok(Listed { pictures: vec![picture(path.to_owned())?], left_out: NoPictures::default() });
    }
    let Entries { pictures: own, folders: inner, not_files } = Entries::of(path)?;
    let mut left_out = NoPictures { not_files, ..NoPictures::default() };
    let (mut folders, mut nested) = (Vec::new(), Vec::new());
    for folder in inner {
        let Entries { pictures, folders: deeper, not_files } = Entries::of(&folder)?;
        left_out.not_files.extend(not_files);
        nested.extend(deeper.iter().map(|path| shown(path)));
        if pictures.is_empty() {
            left_out.empty.push(shown(&folder));
        } else {
            folders.push((name_of(&folder).unwrap_or_default(), pictures));
        }
    }
    folders.sort_by(|(a, _), (b, _)| compare(a, b));
    match (own.first(), folders.first()) {
        (Some(picture), Some((class, _))) => Err(Error::MixedFolder {
            picture: picture.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            class: class.clone(),
            path: path.to_owned(),
        }),
        (None, None) => Err(Error::EmptyFolder { path: path.to_owned() }),
        (Some(_), None) => {
            // The folder is that of an identity, so what is in it is no folder of another.
            left_out.nested = std::mem::take(&mut left_out.empty);
            Ok(Listed { pictures: own.into_iter().map(picture).collect::<Result<_>>()?, left_out })
        }
        (None, Some(_)) => {
            left_out.nested = nested;
            let pictures = folders.into_iter().flat_map(|(_, pictures)| pictures);
            Ok(Listed { pictures: pictures.map(picture).collect::<Result<_>>()?, left_out })
        }
    }
}

/// What lies in a folder, in the order of the names.
struct Entries {
    pictures: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    not_files: Vec<String>,
}

impl Entries {
    fn of(folder: &Path) -> Result<Self> {
        let mut found = Self { pictures: Vec::new(), folders: Vec::new(), not_files: Vec::new() };
        for path in names(folder)?.into_iter().map(|name| folder.join(name)) {
            if path.is_dir() {
                found.folders.push(path);
            } else if is_picture(&path) {
                found.pictures.push(path);
            } else if is_named_like_a_picture(&path) {
                found.not_files.push(shown(&path));
            }
        }
        Ok(found)
    }
}

impl NoPictures {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.not_files.is_empty() && self.nested.is_empty() && self.empty.is_empty()
    }

    /// Adds what lies at another path.
    pub fn extend(&mut self, other: Self) {
        self.not_files.extend(other.not_files);
        self.nested.extend(other.nested);
        self.empty.extend(other.empty);
    }

    /// A sentence of each kind that there is: `1 folder without a picture: people/carol`, of many the first.
    pub fn sentences(&self) -> Vec<String> {
        let kinds = [
            (
                &self.not_files,
                [
                    "thing that is named like a picture and is no file",
                    "things that are named like pictures and are no files",
                ],
            ),
            (&self.nested, ["folder in the folder of an identity", "folders in folders of identities"]),
            (&self.empty, ["folder without a picture", "folders without a picture"]),
        ];
        let told = kinds.into_iter().filter(|(paths, _)| !paths.is_empty());
        let told = told.map(|(paths, [one, many])| {
            let what = if paths.len() == 1 { one } else { many };
            format!("{} {what}: {}", paths.len(), some_of(paths))
        });
        told.collect()
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
/// let twice = [list(folder.path())?.pictures, list(folder.path().join("anna/1.png"))?.pictures].concat();
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

fn shown(path: &Path) -> String {
    path.display().to_string()
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
        let pictures = list(folder).unwrap().pictures;
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

    #[cfg(unix)]
    #[test]
    fn what_is_no_picture_among_them_is_listed_apart() {
        let root =
            make(&["bob/b.png", "bob/raw/c.png", "bob/notes.txt", "anna/1.png", "carol/x.txt", ".git/z.png"]);
        fs::create_dir(root.path().join("anna/deep")).unwrap();
        for (link, to) in
            [("bob/camera.png", "/dev/null"), ("bob/gone.jpg", "nowhere"), ("bob/log", "/dev/null")]
        {
            std::os::unix::fs::symlink(to, root.path().join(link)).unwrap();
        }
        let paths =
            |names: &[&str]| names.iter().map(|name| shown(&root.path().join(name))).collect::<Vec<_>>();
        let left_out = list(root.path()).unwrap().left_out;
        let expected = NoPictures {
            not_files: paths(&["bob/camera.png", "bob/gone.jpg"]),
            nested: paths(&["anna/deep", "bob/raw"]),
            empty: paths(&["carol"]),
        };
        assert_eq!(left_out, expected);
        assert_eq!(left_out.sentences().len(), 3);
        // The folder of an identity has no identities in it.
        let anna = list(root.path().join("anna")).unwrap().left_out;
        assert_eq!(anna, NoPictures { nested: paths(&["anna/deep"]), ..NoPictures::default() });
    }

    #[test]
    fn a_picture_counts_once_and_an_identity_has_one_folder() {
        let root = make(&["a/anna/1.png", "a/anna/2.png", "b/anna/1.png", "b/bob/1.png"]);
        let all = |places: &[&str]| {
            let listed = places.iter().map(|place| list(root.path().join(place)).unwrap().pictures);
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
