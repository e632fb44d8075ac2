//! [`Identities`]: folders with a folder for each identity, of its images.

use std::path::{Path, PathBuf};

use lots::Image;
use lots::data::folder;
use lots_network::Network;
use sha2::{Digest, Sha256};

use crate::failure::{About, Failure, Result};
use crate::images::Fitted;

/// All pairs of more images than these take minutes and gigabytes.
const MOST_IMAGES: usize = 5000;

/// Whose faces there are.
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) names: Vec<String>,
    /// In the size that the network takes, identity by identity.
    pub(super) images: Vec<Image>,
    /// Of each image: its folder and file.
    pub(super) image_names: Vec<String>,
    /// Of each image: its identity.
    pub(super) of: Vec<usize>,
}

impl Identities {
    /// # Errors
    /// If a folder has no folders of pictures, an identity is in two, or a picture cannot be used.
    pub(super) fn load(folders: &[PathBuf], network: &Network) -> Result<Self> {
        let mut found =
            Self { names: Vec::new(), images: Vec::new(), image_names: Vec::new(), of: Vec::new() };
        for folder in folders {
            let before = found.names.len();
            for name in folders_in(folder)? {
                found.add(&folder.join(&name), name, network)?;
            }
            if found.names.len() == before {
                return Err(Failure::new(format!(
                    "there are no folders of pictures in `{}`",
                    folder.display()
                ))
                .with_hint(
                    "put the aligned faces of each identity into a folder of its own: FACES/NAME/*.png",
                ));
            }
        }
        Ok(found)
    }

    fn add(&mut self, folder: &Path, name: String, network: &Network) -> Result<()> {
        let pictures = match folder::list(folder) {
            Ok(pictures) => pictures,
            Err(lots::Error::EmptyFolder { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if self.names.contains(&name) {
            return Err(Failure::new(format!("the identity `{name}` is in two folders"))
                .with_hint("rename one of them, or put all of its images into one"));
        }
        let identity = self.names.len();
        for (path, file) in pictures.paths.iter().zip(&pictures.names) {
            if self.images.len() == MOST_IMAGES {
                return Err(Failure::new(format!("there are more than {MOST_IMAGES} images"))
                    .with_hint("leave out some identities, or some images of each"));
            }
            let image = Image::open(path)?;
            self.images.push(Fitted::new(&image, "face", network).about("face", path.display())?.image);
            self.image_names.push(format!("{name}/{file}"));
            self.of.push(identity);
        }
        self.names.push(name);
        Ok(())
    }

    /// # Errors
    /// The first of these names that no identity has.
    pub(super) fn expect<'n>(&self, mut names: impl Iterator<Item = &'n String>) -> Result<()> {
        match names.find(|name| !self.names.contains(name)) {
            Some(name) => {
                let some: Vec<String> = self.names.iter().take(12).map(|name| format!("`{name}`")).collect();
                Err(Failure::new(format!("there is no identity `{name}`"))
                    .with_hint(format!("there are {}", some.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// The images of an identity.
    pub(super) fn images_of(&self, identity: usize) -> Vec<usize> {
        (0..self.images.len()).filter(|&image| self.of[image] == identity).collect()
    }

    /// Those that are asked for by name; else so many, drawn. In the order of the folders.
    pub(super) fn drawn(&self, names: &[String], count: usize, seed: u64) -> Vec<usize> {
        let mut drawn: Vec<usize> = (0..self.names.len()).collect();
        if names.is_empty() {
            drawn.sort_by_key(|&identity| lot(seed, &["identity", &self.names[identity]]));
            drawn.truncate(count);
            drawn.sort_unstable();
        } else {
            drawn.retain(|&identity| names.contains(&self.names[identity]));
        }
        drawn
    }
}

/// A number that follows from a seed and words, as if drawn: who else takes part does not matter to it.
pub(super) fn lot(seed: u64, words: &[&str]) -> u64 {
    let mut hash = Sha256::new_with_prefix(seed.to_le_bytes());
    for word in words {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word.as_bytes());
    }
    hash.finalize().iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The names of the folders in a folder, sorted, `s2` before `s10`.
fn folders_in(folder: &Path) -> Result<Vec<String>> {
    let failed = |reason| Failure::file("read", folder, &reason);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && folder.join(&name).is_dir() {
            names.push(name);
        }
    }
    names.sort_by_key(|name| natural(name));
    Ok(names)
}

/// Letters, then the number at the end, then the name for names that are alike.
fn natural(name: &str) -> (String, u64, String) {
    let letters = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = name[letters.len()..].parse().unwrap_or(0);
    (letters.to_owned(), number, name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let mut names = ["s10", "s2", "obama", "s1", "99999999999999999999999", "7"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["99999999999999999999999", "7", "obama", "s1", "s2", "s10"]);
    }

    #[test]
    fn what_is_drawn_follows_from_the_seed_and_no_neighbour() {
        let names = |count: usize| (0..count).map(|number| format!("s{number}")).collect();
        let of = |count| Identities { names: names(count), images: vec![], image_names: vec![], of: vec![] };
        assert_eq!(of(40).drawn(&[], 40, 1), (0..40).collect::<Vec<_>>());
        assert_ne!(of(40).drawn(&[], 5, 1), of(40).drawn(&[], 5, 2));
        let few = of(39).drawn(&[], 10, 3);
        let kept = of(40).drawn(&[], 10, 3).iter().filter(|identity| few.contains(identity)).count();
        assert!(kept >= 9);
        assert_eq!(of(40).drawn(&["s7".to_owned(), "s3".to_owned()], 10, 1), [3, 7]);
    }
}
