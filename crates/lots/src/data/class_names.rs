//! [`ClassNames`]: classes by what they are called.
//!
//! A class has a number, its place among the logits. Where somebody has named the classes, as a gallery does with its
//! identities, it has a name as well, and a text may mean it by either.

use std::collections::BTreeMap;
use std::path::Path;

use super::folder::class_index;
use crate::error::{Error, MOST_TOLD};

/// What the classes of a network are called.
///
/// A text means a class by its name or by its number, counted from 0. Where classes are called by numbers, as in a gallery
/// of digits, a number is a name and nothing else, so that it never means two classes.
///
/// # Example
/// ```
/// use lots::data::class_names::ClassNames;
/// let people = ClassNames::new(["anna", "bob", "carol", "bob"]);
/// assert_eq!(people.meant_by("carol"), [2]);
/// assert_eq!(people.meant_by("0"), [0]);
/// assert_eq!(people.meant_by("bob"), [1, 3], "two are called so");
/// assert_eq!(people.nearest("karol"), Some("carol"));
///
/// let digits = ClassNames::new(["1", "9"]);
/// assert_eq!(digits.meant_by("9"), [1]);
/// assert!(digits.meant_by("0").is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassNames {
    classes: BTreeMap<String, Vec<usize>>,
    are_numbers: bool,
}

impl ClassNames {
    /// The names of the classes in their order; none where nobody knows them. A class with an empty name has none.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut known = Self::default();
        for (class, name) in names.into_iter().enumerate() {
            let name = name.into();
            known.are_numbers |= class_index(&name).is_some();
            if !name.is_empty() {
                known.classes.entry(name).or_default().push(class);
            }
        }
        known
    }

    /// The classes that a text means: one, none, or several that share a name. A number may be that of no class.
    pub fn meant_by(&self, text: &str) -> Vec<usize> {
        let named = self.classes.get(text).cloned().unwrap_or_default();
        match class_index(text) {
            Some(class) if named.is_empty() && !self.are_numbers => vec![class],
            _ => named,
        }
    }

    /// The first names, at most `most`, in the order of their classes.
    ///
    /// # Example
    /// ```
    /// use lots::data::class_names::ClassNames;
    /// assert_eq!(ClassNames::new(["carol", "anna", "bob"]).first(2), ["carol", "anna"]);
    /// ```
    pub fn first(&self, most: usize) -> Vec<&str> {
        let named =
            self.classes.iter().flat_map(|(name, classes)| classes.iter().map(move |class| (class, name)));
        let in_order: BTreeMap<_, _> = named.collect();
        in_order.into_values().take(most).map(String::as_str).collect()
    }

    /// The error for a text that means no class, or several.
    ///
    /// - `place`: where it stands in the file, "line 3".
    pub(crate) fn unknown(&self, text: &str, place: String, path: &Path) -> Error {
        Error::UnknownClass {
            place: place.into(),
            // A file that names no classes may have very long lines.
            got: text.chars().take(40).collect(),
            namesakes: self.meant_by(text).len(),
            nearest: self.nearest(text).map(str::to_owned),
            known: self.first(MOST_TOLD + 1).into_iter().map(str::to_owned).collect(),
            path: path.to_owned(),
        }
    }

    /// The name that is most like a text; none if all are quite another.
    pub fn nearest(&self, text: &str) -> Option<&str> {
        let wanted = text.to_lowercase();
        let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
        let nearest = self.classes.keys().map(|name| (likeness(name), name.as_str()));
        let nearest = nearest.max_by(|(a, _), (b, _)| a.total_cmp(b));
        // 0.7 keeps names that share little more than a letter from being suggested, as with methods.
        nearest.filter(|(likeness, _)| *likeness > 0.7).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_names_a_class_is_its_number() {
        let nobody = ClassNames::default();
        assert_eq!(nobody.meant_by("7"), [7]);
        for text in ["", "+7", "-1", "7 ", "seven", "99999999999999999999999"] {
            assert!(nobody.meant_by(text).is_empty(), "{text:?}");
        }
        assert_eq!(nobody.nearest("seven"), None);
    }

    #[test]
    fn a_class_with_an_empty_name_is_meant_by_its_number() {
        let some = ClassNames::new(["tabby", ""]);
        assert!(some.meant_by("").is_empty());
        assert_eq!(some.meant_by("1"), [1]);
    }

    #[test]
    fn names_that_are_quite_another_are_not_suggested() {
        let people = ClassNames::new(["obama", "biden"]);
        assert_eq!(people.nearest("Obana"), Some("obama"));
        assert_eq!(people.nearest("x"), None);
    }
}
