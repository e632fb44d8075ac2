//! [`Filter`]: which layers a pattern means.

use lots_network::Layer;

/// A pattern of `--filter`. With `*` (any characters) or `?` (any one) it is the whole of a layer's name, of its
/// tensor's or of its operator; without them it is a part of one. Upper and lower case are the same.
#[derive(Debug)]
pub(super) struct Filter(Vec<char>);

impl Filter {
    pub(super) fn new(pattern: &str) -> Self {
        let pattern = pattern.to_lowercase();
        let whole = if pattern.contains(is_wildcard) { pattern } else { format!("*{pattern}*") };
        Self(whole.chars().collect())
    }

    pub(super) fn matches(&self, layer: &Layer) -> bool {
        [layer.name.as_str(), layer.tensor.as_str(), layer.op].iter().any(|text| self.is_pattern_of(text))
    }

    /// Goes back to the last `*` only, and lets it take one character more, wherever the rest does not fit: an earlier
    /// one need not be tried again. So there are at most as many steps as characters in the pattern times those in the
    /// text, whatever a file calls its layers.
    fn is_pattern_of(&self, text: &str) -> bool {
        let Self(pattern) = self;
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let (mut at, mut read) = (0, 0);
        let mut last_star = None;
        while read < text.len() {
            match pattern.get(at) {
                Some('*') => {
                    last_star = Some((at, read));
                    at += 1;
                }
                Some(&wanted) if wanted == '?' || wanted == text[read] => {
                    at += 1;
                    read += 1;
                }
                _ => {
                    let Some((star, taken)) = last_star else { return false };
                    last_star = Some((star, taken + 1));
                    (at, read) = (star + 1, taken + 1);
                }
            }
        }
        pattern[at..].iter().all(|&wanted| wanted == '*')
    }
}

/// What a pattern says literally, for a search of names that are near.
pub(super) fn without_wildcards(pattern: &str) -> String {
    pattern.replace(is_wildcard, "")
}

fn is_wildcard(character: char) -> bool {
    matches!(character, '*' | '?')
}

#[cfg(test)]
mod tests {
    use lots_network::Shape;

    use super::*;

    #[test]
    fn a_pattern_is_a_part_or_with_wildcards_the_whole() {
        let table = [
            ("layer3", "/layer3/layer3.0/conv1/Conv", true),
            ("LAYER3.0", "/layer3/layer3.0/conv1/Conv", true),
            ("conv", "/layer3/layer3.0/Conv", true),
            ("layer4", "/layer3/layer3.0/conv1/Conv", false),
            ("layer3*", "/layer3/layer3.0/conv1/Conv", false),
            ("/layer3/*", "/layer3/layer3.0/conv1/Conv", true),
            ("/layer3/*/conv?/*", "/layer3/layer3.0/conv1/Conv", true),
            ("*conv1", "/layer3/layer3.0/conv1/Conv", false),
            ("47?", "471", true),
            ("47?", "47", false),
            ("47?", "4711", false),
            ("*", "", true),
            ("?", "", false),
            ("**1", "conv1", true),
            ("*ab*ab", "abaab", true),
            ("*ab*ab", "aab", false),
            ("größe?", "GRÖSSE1", false),
            ("GRÖ?e1", "größe1", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(Filter::new(pattern).is_pattern_of(text), expected, "{pattern} of {text}");
        }
    }

    #[test]
    fn names_that_would_take_for_ever_by_trial_do_not() {
        let pattern = format!("{}b", "a*".repeat(200));
        assert!(!Filter::new(&pattern).is_pattern_of(&"a".repeat(20_000)));
    }

    #[test]
    fn the_name_the_tensor_and_the_operator_are_looked_at() {
        let layer = Layer {
            name: "ip1".to_owned(),
            tensor: "471".to_owned(),
            op: "Gemm",
            output_shape: Shape::from([500]),
            parameter_count: 0,
            position: None,
        };
        for pattern in ["ip", "47?", "gemm"] {
            assert!(Filter::new(pattern).matches(&layer), "{pattern}");
        }
        assert!(!Filter::new("500").matches(&layer));
    }

    #[test]
    fn wildcards_are_no_part_of_a_name() {
        assert_eq!(without_wildcards("/layer?/*conv1*"), "/layer/conv1");
    }
}
