//! [`ClassNames`]: what the classes of a network are called in captions.

use std::path::Path;

use lots_network::Network;

use crate::failure::{Failure, Result};
use crate::network::FEATURES;
use crate::network::read_whole;
use crate::terminal::plain;

/// The names of all classes in the order of the logits, or none at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassNames(Vec<String>);

impl ClassNames {
    /// The names in a text file, one a line; without a file those that the network knows, from a gallery.
    ///
    /// # Errors
    /// If the file cannot be read, or has another number of lines than the network has classes.
    pub(crate) fn open(path: Option<&Path>, network: &Network) -> Result<Self> {
        let class_count = network.class_count();
        let Some(path) = path else {
            return Ok(Self(
                network.class_names().into_iter().map(|name| plain(name).into_owned()).collect(),
            ));
        };
        let bytes = read_whole(path, "list of class names")?;
        let text = String::from_utf8_lossy(&bytes);
        let names: Vec<String> =
            text.trim_end().lines().map(|name| plain(name.trim()).into_owned()).collect();
        if names.len() == class_count {
            return Ok(Self(names));
        }
        let (shown, got) = (path.display(), names.len());
        Err(Failure::new(format!(
            "`{shown}` has {got} lines, expected {class_count}, one a class of the network"
        ))
        .with_hint(format!(
            "the first line is the name of class 0, in the order of the network's logits; {FEATURES}"
        )))
    }

    /// The name of a class, or its number.
    pub(crate) fn of(&self, class: usize) -> String {
        self.0.get(class).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| class.to_string())
    }
}

#[cfg(test)]
mod tests {
    use lots_network::Vgg16;

    use super::*;

    #[test]
    fn classes_without_a_name_are_numbers() {
        let names = ClassNames(vec!["tabby".to_owned(), String::new()]);
        assert_eq!([0, 1, 2].map(|class| names.of(class)), ["tabby", "1", "2"]);
    }

    #[test]
    fn there_must_be_a_line_for_each_class() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        std::fs::write(&path, "tabby\r\n tiger cat\n").unwrap();
        let network = |classes| Vgg16 { extent: 32, channels: [1; 5], features: 2, classes }.network(0);
        let names = ClassNames::open(Some(&path), &network(2)).unwrap();
        assert_eq!([0, 1].map(|class| names.of(class)), ["tabby", "tiger cat"]);
        let failure = ClassNames::open(Some(&path), &network(3)).unwrap_err();
        assert!(failure.message().ends_with("has 2 lines, expected 3, one a class of the network"));
    }
}
