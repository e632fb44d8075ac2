//! [`UniqueNames`]: names of which no two are the same.

use std::collections::{BTreeMap, BTreeSet};

/// Names that are taken.
#[derive(Debug, Default)]
pub(crate) struct UniqueNames {
    taken: BTreeSet<String>,
    /// Where to go on counting for a name that was wanted more than once.
    next: BTreeMap<String, usize>,
}

impl UniqueNames {
    /// Takes `wanted`, or the first of `wanted_2`, `wanted_3`, … that is neither taken nor reserved.
    pub(crate) fn take(&mut self, wanted: &str, is_reserved: impl Fn(&str) -> bool) -> String {
        let mut name = wanted.to_owned();
        if self.taken.contains(wanted) || is_reserved(wanted) {
            let number = self.next.entry(wanted.to_owned()).or_insert(1);
            while self.taken.contains(&name) || is_reserved(&name) {
                *number += 1;
                name = format!("{wanted}_{number}");
            }
        }
        self.taken.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_where_they_are_taken() {
        let mut names = UniqueNames::default();
        let taken: Vec<String> = ["a", "b", "a", "a", "a_2", "c"]
            .iter()
            .map(|name| names.take(name, |name| name == "c"))
            .collect();
        assert_eq!(taken, ["a", "b", "a_2", "a_3", "a_2_2", "c_2"]);
    }
}
