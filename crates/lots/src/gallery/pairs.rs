//! How alike the templates of a gallery are, pair by pair.

use lots_network::{Gallery, Metric};
use rayon::prelude::*;

use crate::criterion::{cosine_similarity, euclidean_distance};

/// So many templates are compared with each other at most: eight million pairs. Of more, these many are taken, evenly
/// spread.
pub const MOST_COMPARED: usize = 4096;

/// Two templates and how alike they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Indices of the templates, the smaller first.
    pub templates: [usize; 2],
    /// Their cosine, or their negated Euclidean distance: larger means more alike.
    pub similarity: f64,
}

/// All pairs of templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// Those of the same identity.
    pub genuine: Vec<f64>,
    /// Those of different identities.
    pub impostor: Vec<f64>,
    /// The most alike of different identities, the first of equals.
    pub nearest_impostors: Option<Pair>,
}

/// The similarities of all pairs of templates, in the order of their indices.
///
/// - `metric`: how they are compared, that of the gallery or the other one.
///
/// # Example
/// ```
/// use lots_network::{Gallery, GalleryHeader, Metric, Template};
/// let template = |identity: &str, values: [f32; 2]| Template { identity: identity.into(), values: values.into() };
/// let templates = vec![template("a", [1.0, 0.0]), template("b", [0.0, 2.0]), template("a", [3.0, 4.0])];
/// let gallery = Gallery::new(GalleryHeader::at_layer("fc7"), templates)?;
/// let pairs = lots::gallery::pairs(&gallery, Metric::Cosine);
/// assert_eq!((pairs.genuine, pairs.impostor), (vec![0.6], vec![0.0, 0.8]));
/// assert_eq!(pairs.nearest_impostors.unwrap().templates, [1, 2]);
/// # Ok::<(), lots_network::Error>(())
/// ```
pub fn pairs(gallery: &Gallery, metric: Metric) -> Pairs {
    let templates: Vec<&[f32]> = gallery.templates().collect();
    let rows = evenly_spread(templates.len(), MOST_COMPARED);
    let compare = |a: &[f32], b: &[f32]| match metric {
        Metric::Cosine => cosine_similarity(a, b),
        Metric::Euclidean => -euclidean_distance(a, b),
    };
    let compared: Vec<Vec<Pair>> = (0..rows.len())
        .into_par_iter()
        .map(|place| {
            let (first, others) = (rows[place], &rows[place + 1..]);
            let pair = |&second: &usize| Pair {
                templates: [first, second],
                similarity: compare(templates[first], templates[second]),
            };
            others.iter().map(pair).collect()
        })
        .collect();
    let mut pairs = Pairs::default();
    for pair in compared.into_iter().flatten() {
        let [first, second] = pair.templates.map(|row| gallery.classes()[row]);
        if first == second {
            pairs.genuine.push(pair.similarity);
            continue;
        }
        pairs.impostor.push(pair.similarity);
        if pairs.nearest_impostors.is_none_or(|nearest| pair.similarity > nearest.similarity) {
            pairs.nearest_impostors = Some(pair);
        }
    }
    pairs
}

/// All of `count` indices, or `most` of them.
fn evenly_spread(count: usize, most: usize) -> Vec<usize> {
    let taken = count.min(most);
    (0..taken).map(|place| place * count / taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_templates_some_are_taken_from_beginning_to_end() {
        assert_eq!(evenly_spread(3, 5), [0, 1, 2]);
        assert_eq!(evenly_spread(10, 5), [0, 2, 4, 6, 8]);
        assert_eq!(evenly_spread(7, 3), [0, 2, 4]);
        assert!(evenly_spread(0, 5).is_empty());
    }
}
