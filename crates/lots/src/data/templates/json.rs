//! Templates in JSON. A file that parses and holds something else is told by its template and its field, with what was
//! expected there and what stands there.
//!
//! Numbers are kept as such while the rest is read, of a list that is wrong no more than its first wrong element, of an
//! object no more keys than show that one is wrong.

use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Class, KIND, Written};
use crate::error::{Error, Result};

/// What they should hold, in [`Error::Unsupported`].
pub(crate) const KEYS: &str = "`values`, and `name` and `class` where they are known, each once";
pub(crate) const CLASSES: &str = "a whole number counted from 0, or what the class is called";
pub(crate) const NAMES: &str = "a text";
pub(crate) const NUMBERS: &str = "finite numbers of 32 bits";
pub(crate) const TEMPLATES: &str = "arrays of numbers, or objects with `name`, `class` and `values`";

/// There are three, so that one of these is unknown or there twice.
const MOST_KEYS: usize = 4;

/// An array of numbers, several of them, objects or one.
///
/// - `path`: of the file, for messages.
///
/// # Errors
/// [`Error::Unsupported`] with what stands where; [`Error::Damaged`] if it does not parse.
pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Vec<Written>> {
    let found = serde_json::from_slice(bytes).map_err(|error| not_parsed(bytes, &error, path))?;
    let written = match found {
        Json::List(items) => items
            .into_iter()
            .enumerate()
            .map(|(row, item)| template(item, &format!("template {row}")))
            .collect(),
        item => template(item, "template 0").map(|written| vec![written]),
    };
    written.map_err(|Fault { got, expected }| Error::Unsupported {
        kind: KIND,
        got,
        expected,
        path: path.to_owned(),
    })
}

/// What stands somewhere, and what should.
struct Fault {
    got: String,
    expected: &'static str,
}

fn fault<T>(got: String, expected: &'static str) -> std::result::Result<T, Fault> {
    Err(Fault { got, expected })
}

/// - `place`: "template 0".
fn template(item: Json, place: &str) -> std::result::Result<Written, Fault> {
    let entries = match item {
        Json::Object(entries) => entries,
        Json::Numbers(..) => {
            return Ok(Written { name: None, class: None, values: numbers(item, place)? });
        }
        other => return fault(format!("{} as {place}", other.told()), TEMPLATES),
    };
    let [mut name, mut class, mut values] = [None, None, None];
    for (key, value) in entries {
        let field = match key.as_str() {
            "name" => &mut name,
            "class" => &mut class,
            "values" => &mut values,
            other => return fault(format!("the key `{}` in {place}", shown(other)), KEYS),
        };
        if field.replace(value).is_some() {
            return fault(format!("`{key}` twice in {place}"), KEYS);
        }
    }
    let name = match name {
        None | Some(Json::Null) => None,
        Some(Json::Text(name)) => Some(name),
        Some(other) => return fault(format!("{} as `name` of {place}", other.told()), NAMES),
    };
    let class = match class {
        None | Some(Json::Null) => None,
        Some(Json::Whole(class)) => match usize::try_from(class) {
            Ok(class) => Some(Class::Number(class)),
            Err(_too_large) => return fault(format!("{class} as `class` of {place}"), CLASSES),
        },
        Some(Json::Text(name)) => Some(Class::Name(name)),
        Some(other) => return fault(format!("{} as `class` of {place}", other.told()), CLASSES),
    };
    let Some(values) = values else { return fault(format!("no `values` in {place}"), KEYS) };
    Ok(Written { name, class, values: numbers(values, &format!("`values` of {place}"))? })
}

fn numbers(value: Json, place: &str) -> std::result::Result<Vec<f32>, Fault> {
    match value {
        Json::Numbers(values, None) => Ok(values),
        Json::Numbers(values, Some(wrong)) => {
            fault(format!("{wrong} as number {} of {place}", values.len()), NUMBERS)
        }
        Json::List(items) => {
            let first = items.first().map(Json::told).unwrap_or_default();
            fault(format!("{first} as number 0 of {place}"), NUMBERS)
        }
        other => fault(format!("{} as {place}", other.told()), NUMBERS),
    }
}

/// Python writes NaN and Infinity, which JSON does not have; a number that 64 bits do not hold ends the reading as well.
fn not_parsed(bytes: &[u8], error: &serde_json::Error, path: &Path) -> Error {
    let reason = error.to_string();
    let (line, column) = (error.line(), error.column());
    let found = bytes.split(|&byte| byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    // The column is that of the word, of one of its letters, or of what stands before it.
    let near = &found[column.saturating_sub(2).min(found.len())..(column + 9).min(found.len())];
    let words = [("-Infinity", "Infinity"), ("Infinity", "Infinity"), ("NaN", "NaN")];
    let word = words
        .into_iter()
        .find(|(word, _)| near.windows(word.len()).take(3).any(|window| window == word.as_bytes()));
    let got = match word {
        Some((word, what)) => format!("`{word}` in line {line}, column {column}, and JSON has no {what}"),
        None if reason.starts_with("number out of range") => {
            format!("a number that is too large in line {line}, column {column}")
        }
        None => return Error::Damaged { kind: KIND, reason, path: path.to_owned() },
    };
    Error::Unsupported { kind: KIND, got, expected: NUMBERS, path: path.to_owned() }
}

/// A value, as much of it as tells a template or what is wrong with it.
enum Json {
    Null,
    Truth(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    /// As far as they are numbers of 32 bits, and what comes first that is none.
    Numbers(Vec<f32>, Option<Box<str>>),
    /// What does not begin with a number, as far as these are arrays of numbers or objects, and one more.
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// For messages.
    fn told(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Truth(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            // Of larger ones nobody wants to count the zeros.
            Self::Number(value) if value.abs() < 1e15 => value.to_string(),
            Self::Number(value) => format!("{value:e}"),
            Self::Text(text) => format!("the text `{}`", shown(text)),
            Self::Numbers(..) | Self::List(_) => "an array".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }

    /// Whether it is worth to be kept with others: of a list of what is none nothing is needed but the first.
    fn may_be_template(&self) -> bool {
        match self {
            Self::Numbers(values, wrong) => !values.is_empty() && wrong.is_none(),
            Self::Object(entries) => {
                let is_known = |key: &str| matches!(key, "name" | "class" | "values");
                !entries.is_empty() && entries.iter().all(|(key, _)| is_known(key))
            }
            _ => false,
        }
    }

    /// As 32 bits have it, if they do.
    fn number(&self) -> Option<f32> {
        let value = match *self {
            Self::Whole(value) => value as f32,
            Self::Number(value) => value as f32,
            _ => return None,
        };
        value.is_finite().then_some(value)
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(TEMPLATES)
    }

    fn visit_unit<E>(self) -> std::result::Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Json, E> {
        Ok(Json::Truth(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Json, E> {
        Ok(Json::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Json, A::Error> {
        let (mut values, mut list, mut wrong) = (Vec::new(), Vec::new(), None);
        while let Some(item) = items.next_element::<Json>()? {
            let is_number = matches!(item, Json::Whole(_) | Json::Number(_));
            match item.number() {
                Some(number) if list.is_empty() => values.push(number),
                None if values.is_empty() && !is_number => {
                    let goes_on = item.may_be_template();
                    list.push(item);
                    if goes_on {
                        continue;
                    }
                    break;
                }
                _ if list.is_empty() => {
                    wrong = Some(item.told().into());
                    break;
                }
                _ => {
                    list.push(item);
                    break;
                }
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        values.shrink_to_fit();
        Ok(if list.is_empty() { Json::Numbers(values, wrong) } else { Json::List(list) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Json, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MOST_KEYS
            && let Some(entry) = entries.next_entry::<String, Json>()?
        {
            kept.push(entry);
        }
        if kept.len() == MOST_KEYS {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        }
        kept.shrink_to_fit();
        Ok(Json::Object(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (String, String) {
        let error = read(text.as_bytes(), Path::new("t.json")).map(|_written| ()).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_is_told_with_its_template_and_its_field() {
        let cases = [
            (r#"{"class": -1, "values": [1]}"#, "-1 as `class` of template 0", CLASSES),
            (r#"[{"values": [1]}, {"class": 3.5, "values": [1]}]"#, "3.5 as `class` of template 1", CLASSES),
            (r#"{"class": [7], "values": [1]}"#, "an array as `class` of template 0", CLASSES),
            (r#"{"name": 7, "values": [1]}"#, "7 as `name` of template 0", NAMES),
            (r#"{"name": "a"}"#, "no `values` in template 0", KEYS),
            (r#"[{"values": [1]}, {"vlaues": [1]}]"#, "the key `vlaues` in template 1", KEYS),
            (r#"{"class": 1, "class": 2, "values": [1]}"#, "`class` twice in template 0", KEYS),
            (r#"{"values": [1], "a": 0, "b": 0, "c": 0, "d": 0}"#, "the key `a` in template 0", KEYS),
            (r#"{"values": [1, 2, 1e39]}"#, "1e39 as number 2 of `values` of template 0", NUMBERS),
            (r#"{"values": [null, 2]}"#, "null as number 0 of `values` of template 0", NUMBERS),
            (r#"{"values": "x"}"#, "the text `x` as `values` of template 0", NUMBERS),
            ("[[1], [2, -1e39]]", "-1e39 as number 1 of template 1", NUMBERS),
            ("[1e39]", "1e39 as number 0 of template 0", NUMBERS),
            (r#"[1, "2", 3]"#, "the text `2` as number 1 of template 0", NUMBERS),
            ("[[1], 2]", "2 as template 1", TEMPLATES),
            ("[true]", "true as template 0", TEMPLATES),
            ("[[[1]]]", "an array as template 0", TEMPLATES),
            (r#"[{"values": [1]}, {}, {"a": 0}]"#, "no `values` in template 1", KEYS),
            ("[[1], [1, true], [null]]", "true as number 1 of template 1", NUMBERS),
        ];
        for (text, got, expected) in cases {
            let (message, hint) = told(text);
            assert_eq!(message, format!("the file of templates holds {got}, expected {expected}: `t.json`"));
            assert!(!hint.is_empty() && !hint.contains("cut short"), "{text}: {hint}");
        }
    }

    #[test]
    fn json_has_no_nan_and_that_is_said() {
        for text in ["[NaN, 1]", "[1,\n NaN]", "{\"values\":[0.5,NaN]}", "[[1, 2], [NaN, 4]]"] {
            let (message, hint) = told(text);
            assert!(message.contains("`NaN` in line"), "{text}: {message}");
            assert!(message.contains("JSON has no NaN, expected finite numbers of 32 bits"), "{message}");
            assert!(hint.contains("leave it out"), "{hint}");
        }
        assert!(told("[1, Infinity]").0.contains("`Infinity` in line 1"));
        assert!(told("[1, -Infinity]").0.contains("`-Infinity` in line 1"));
        assert!(told("[1, 1e400]").0.contains("a number that is too large in line 1"));
    }

    #[test]
    fn only_what_does_not_parse_is_damaged() {
        for text in ["[1, 2", "{\"values\": [1]", "[1,, 2]", "[1] x"] {
            let (message, hint) = told(text);
            assert!(message.starts_with("the file of templates is damaged ("), "{text}: {message}");
            assert!(hint.contains("cut short"), "{hint}");
        }
    }
}
