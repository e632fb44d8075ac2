//! [`ClassNames`]: what the classes of a network are called, where they are named and where they are shown.

use std::collections::BTreeMap;
use std::path::Path;

use lots::data::{class_names, labels};
use lots_network::Network;

use crate::failure::{Failure, Result, listed};
use crate::network::{FEATURES, read_at_most};
use crate::terminal::plain;

/// So many names are in a hint.
const MOST_NAMED: usize = 12;

/// The names of all classes in the order of the logits, or none at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassNames {
    names: Vec<String>,
    known: class_names::ClassNames,
}

impl ClassNames {
    /// The names in a text file, one a line; without a file those that the network knows, from a gallery.
    ///
    /// # Errors
    /// If the file cannot be read or is longer than labels in text are, or has another number of lines than the network has
    /// classes.
    pub(crate) fn open(path: Option<&Path>, network: &Network) -> Result<Self> {
        let class_count = network.class_count();
        let Some(path) = path else { return Ok(Self::of_network(network)) };
        let bytes = read_at_most(path, "list of class names", labels::MOST_TEXT)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = || text.trim_end().lines();
        let (shown, got) = (path.display(), lines().count());
        if got == class_count {
            return Ok(Self::new(lines().map(|name| name.trim().to_owned()).collect()));
        }
        let lines = if got == 1 { "line" } else { "lines" };
        Err(Failure::new(format!(
            "`{shown}` has {got} {lines}, expected {class_count}, one a class of the network"
        ))
        .with_hint(format!(
            "the first line is the name of class 0, in the order of the network's logits; {}",
            Self::of_network(network).hint()
        )))
    }

    /// The names that the network knows, from a gallery.
    pub(crate) fn of_network(network: &Network) -> Self {
        Self::new(network.class_names().into_iter().map(str::to_owned).collect())
    }

    fn new(names: Vec<String>) -> Self {
        Self { known: class_names::ClassNames::new(&names), names }
    }

    /// The name of a class, or its number, for a terminal or a picture.
    pub(crate) fn of(&self, class: usize) -> String {
        self.name(class).map_or_else(|| class.to_string(), |name| plain(name).into_owned())
    }

    /// The name of a class, if it has one, as it is.
    pub(crate) fn name(&self, class: usize) -> Option<&str> {
        self.names.get(class).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// What the mean of a class is called as a target: `centroid-anna`, `centroid-3`.
    pub(crate) fn centroid(&self, class: usize) -> String {
        self.name(class).map_or_else(|| format!("centroid-{class}"), |name| format!("centroid-{name}"))
    }

    /// The names of these classes, those that have one.
    pub(crate) fn of_these(&self, classes: impl IntoIterator<Item = usize>) -> BTreeMap<usize, String> {
        classes.into_iter().filter_map(|class| Some((class, self.name(class)?.to_owned()))).collect()
    }

    /// The class that a text means, by its name or its number.
    ///
    /// # Errors
    /// If no class of the network is meant, or several are.
    pub(crate) fn class(&self, text: &str, network: &Network) -> Result<usize> {
        let last = network.class_count() - 1;
        let failure = match self.known.meant_by(text).as_slice() {
            &[class] => return self.expect(class, network).map(|()| class),
            [] if self.names.is_empty() => {
                Failure::new(format!("class `{text}` is not in the network, expected 0 to {last}"))
            }
            [] => Failure::new(format!("no class of the network is called `{text}`")),
            several => {
                return Err(Failure::new(format!("the classes {} are all called `{text}`", listed(several)))
                    .with_hint("say which of them by its number"));
            }
        };
        let nearest = self.known.nearest(text).map(|name| format!("did you mean `{name}`? "));
        Err(failure.with_hint(nearest.unwrap_or_default() + &self.hint()))
    }

    /// # Errors
    /// If the network has no such class.
    pub(crate) fn expect(&self, class: usize, network: &Network) -> Result<()> {
        let last = network.class_count() - 1;
        if class <= last {
            return Ok(());
        }
        Err(Failure::new(format!("class {class} is not in the network, expected 0 to {last}"))
            .with_hint(self.hint()))
    }

    /// What someone may not know who has asked for a class that is not there.
    pub(crate) fn hint(&self) -> String {
        if self.names.is_empty() {
            return FEATURES.to_owned();
        }
        let some: Vec<String> = self.names.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
        let more = if self.names.len() > MOST_NAMED { ", …" } else { "" };
        format!("its classes are called {}{more}", some.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use lots_network::Vgg16;

    use super::*;

    fn network(classes: usize) -> Network {
        Vgg16 { extent: 32, channels: [1; 5], features: 2, classes }.network(0)
    }

    #[test]
    fn classes_without_a_name_are_numbers() {
        let names = ClassNames::new(vec!["tabby".to_owned(), String::new()]);
        assert_eq!([0, 1, 2].map(|class| names.of(class)), ["tabby", "1", "2"]);
        assert_eq!(names.of_these([1, 0, 0]), BTreeMap::from([(0, "tabby".to_owned())]));
    }

    #[test]
    fn a_class_is_named_or_numbered() {
        let names = ["anna", "bob", "carol", "bob"].map(str::to_owned).to_vec();
        let (people, network) = (ClassNames::new(names), network(4));
        assert_eq!(people.class("carol", &network).unwrap(), 2);
        assert_eq!(people.class("3", &network).unwrap(), 3);
        let told = |names: &ClassNames, text: &str| {
            let failure = names.class(text, &network).unwrap_err();
            (failure.message().to_owned(), failure.hint().unwrap().to_owned())
        };
        let called = "its classes are called `anna`, `bob`, `carol`, `bob`";
        assert_eq!(
            told(&people, "Anne"),
            ("no class of the network is called `Anne`".to_owned(), format!("did you mean `anna`? {called}"))
        );
        assert_eq!(
            told(&people, "4"),
            ("class 4 is not in the network, expected 0 to 3".to_owned(), called.to_owned())
        );
        assert_eq!(told(&people, "bob").0, "the classes `1` and `3` are all called `bob`");
        let (message, hint) = told(&ClassNames::default(), "anna");
        assert_eq!(message, "class `anna` is not in the network, expected 0 to 3");
        assert_eq!(hint, FEATURES);
    }

    #[test]
    fn names_of_strangers_are_found_as_they_are_and_shown_plainly() {
        let names = ClassNames::new(vec!["a\u{202e}b".to_owned(), "c".to_owned()]);
        assert_eq!(names.class("a\u{202e}b", &network(2)).unwrap(), 0);
        assert_eq!(names.of(0), "a\\u{202e}b");
    }

    #[test]
    fn there_must_be_a_line_for_each_class() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        std::fs::write(&path, "tabby\r\n tiger cat\n").unwrap();
        let names = ClassNames::open(Some(&path), &network(2)).unwrap();
        assert_eq!([0, 1].map(|class| names.of(class)), ["tabby", "tiger cat"]);
        let failure = ClassNames::open(Some(&path), &network(3)).unwrap_err();
        assert!(failure.message().ends_with("has 2 lines, expected 3, one a class of the network"));
    }

    #[test]
    fn a_list_that_is_longer_than_any_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        std::fs::File::create(&path).unwrap().set_len(17 << 30).unwrap();
        let failure = ClassNames::open(Some(&path), &network(2)).unwrap_err();
        let sentence = "the list of class names has 18253611008 bytes, expected at most 134217728: `";
        assert!(failure.message().starts_with(sentence), "{}", failure.message());
        assert!(failure.hint().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_list_that_never_ends_is_refused() {
        let failure = ClassNames::open(Some(Path::new("/dev/zero")), &network(2)).unwrap_err();
        assert_eq!(failure.message(), "not a regular file but a pipe or a device: `/dev/zero`");
    }
}
