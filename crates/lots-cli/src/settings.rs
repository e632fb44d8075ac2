//! What the results of a run follow from: a run that was interrupted, or is complete, is only gone on with if it is the same.

use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Result};

/// Checks that what is gone on with was started with these settings. It may know more than the settings.
///
/// - `what`: `run`, `evaluation`.
///
/// # Errors
/// The first of the settings that differs.
pub(crate) fn expect_same(got: &Value, expected: &Value, what: &str, path: &Path) -> Result<()> {
    let Some((setting, old, new)) = difference(got, expected, String::new()) else { return Ok(()) };
    Err(Failure::new(format!(
        "the {what} in `{}` was started with other settings: {setting} was {old}, is {new}",
        path.display()
    ))
    .with_hint("repeat its command with `--resume`, or start anew with `--force`"))
}

fn difference(got: &Value, expected: &Value, path: String) -> Option<(String, Value, Value)> {
    match expected {
        Value::Object(expected) => expected.iter().find_map(|(key, expected)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            difference(got.get(key.as_str()).unwrap_or(&Value::Null), expected, path)
        }),
        _ if got == expected => None,
        _ => Some((path, got.clone(), expected.clone())),
    }
}
