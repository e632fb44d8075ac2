//! [`Identities`]: folders with a folder for each identity, of its images.

use std::path::PathBuf;

use lots::Image;
use lots::data::identities::{self, DistinctPictures, IdentityPicture, Listed, NoPictures};
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
    /// What lies among the pictures and is none.
    pub(super) left_out: NoPictures,
}

impl Identities {
    /// # Errors
    /// If there are no pictures in a folder, an identity is in two, a picture is given twice, or a picture cannot be used.
    pub(super) fn load(folders: &[PathBuf], network: &Network) -> Result<Self> {
        let Listed { pictures, left_out } = listed(folders)?;
        let (names, images, image_names, of) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut found = Self { names, images, image_names, of, left_out };
        for IdentityPicture { path, identity } in pictures {
            if found.images.len() == MOST_IMAGES {
                return Err(Failure::new(format!("there are more than {MOST_IMAGES} images"))
                    .with_hint("leave out some identities, or some images of each"));
            }
            let image = Image::open(&path)?;
            found.images.push(Fitted::new(&image, "face", network).about("face", path.display())?.image);
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            found.image_names.push(format!("{identity}/{file}"));
            if found.names.last() != Some(&identity) {
                found.names.push(identity);
            }
            found.of.push(found.names.len() - 1);
        }
        Ok(found)
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

/// The pictures of all folders, identity by identity, `s2` before `s10`.
fn listed(folders: &[PathBuf]) -> Result<Listed> {
    let (mut pictures, mut left_out) = (Vec::new(), NoPictures::default());
    for folder in folders {
        let mut own = identities::list(folder).map_err(|error| match error {
            lots::Error::EmptyFolder { .. } => {
                Failure::new(format!("there are no folders of pictures in `{}`", folder.display())).with_hint(
                    "put the aligned faces of each identity into a folder of its own: FACES/NAME/*.png",
                )
            }
            error => error.into(),
        })?;
        own.pictures.sort_by_cached_key(|picture| natural(&picture.identity));
        pictures.extend(own.pictures);
        left_out.extend(own.left_out);
    }
    let DistinctPictures { pictures: mut distinct, repeated } = identities::distinct(pictures)?;
    if repeated > 0 {
        let pictures = if repeated == 1 { "picture is" } else { "pictures are" };
        return Err(Failure::new(format!("{repeated} {pictures} given more than once"))
            .with_hint("name each folder once"));
    }
    // Pictures of one identity may have been named apart.
    let mut first: Vec<String> = Vec::new();
    distinct.sort_by_cached_key(|IdentityPicture { identity, .. }| {
        first.iter().position(|known| known == identity).unwrap_or_else(|| {
            first.push(identity.clone());
            first.len() - 1
        })
    });
    Ok(Listed { pictures: distinct, left_out })
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
        let of = |count| Identities {
            names: names(count),
            images: vec![],
            image_names: vec![],
            of: vec![],
            left_out: NoPictures::default(),
        };
        assert_eq!(of(40).drawn(&[], 40, 1), (0..40).collect::<Vec<_>>());
        assert_ne!(of(40).drawn(&[], 5, 1), of(40).drawn(&[], 5, 2));
        let few = of(39).drawn(&[], 10, 3);
        let kept = of(40).drawn(&[], 10, 3).iter().filter(|identity| few.contains(identity)).count();
        assert!(kept >= 9);
        assert_eq!(of(40).drawn(&["s7".to_owned(), "s3".to_owned()], 10, 1), [3, 7]);
    }
}
