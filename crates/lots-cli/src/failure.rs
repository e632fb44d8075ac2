//! [`Failure`]: why a command could not do its work, as the user reads it: a message, what it is about, what to do.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

/// The result of a command's parts.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A message, lines of context, a hint. Messages of the libraries arrive here unchanged.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    context: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure that the command itself found.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), context: Vec::new(), hint: None }
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a line that says what it is about: `network: lenet.onnx`.
    #[must_use]
    pub(crate) fn about(mut self, what: &str, which: impl fmt::Display) -> Self {
        self.context.push(format!("{what}: {which}"));
        self
    }

    /// A file or folder that the operating system refused.
    pub(crate) fn file(action: &str, path: &Path, reason: &std::io::Error) -> Self {
        let message = format!("cannot {action} `{}` ({reason})", path.display());
        let hint = match reason.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Some("free some space, or write to another disk".to_owned())
            }
            ErrorKind::NotADirectory => Some("one of the folders in its path is a file".to_owned()),
            ErrorKind::PermissionDenied if action == "write" => {
                Some("write to a folder of your own".to_owned())
            }
            _ => None,
        };
        Self { message, context: Vec::new(), hint }
    }

    /// Arguments that would change nothing.
    ///
    /// - `flags`: one or more, `--layer`.
    /// - `with`: what they change nothing of, as it stands behind "with".
    /// - `command`: the one whose help says what they are for.
    pub(crate) fn no_effect(flags: &[&str], with: &str, command: &str) -> Self {
        let names = listed(flags);
        let [have, them, are] = if flags.len() == 1 { ["has", "it", "is"] } else { ["have", "them", "are"] };
        Self::new(format!("{names} {have} no effect with {with}"))
            .with_hint(format!("leave {them} out; `lots {command} --help` says what {names} {are} for"))
    }

    /// The message alone.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The lines of context.
    pub(crate) fn context(&self) -> &[String] {
        &self.context
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// `` `a`, `b` and `c` ``
pub(crate) fn listed(names: &[impl fmt::Display]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
}

impl From<lots::Error> for Failure {
    fn from(error: lots::Error) -> Self {
        Self { message: error.to_string(), context: Vec::new(), hint: error.hint() }
    }
}

impl From<lots_network::Error> for Failure {
    fn from(error: lots_network::Error) -> Self {
        Self { message: error.to_string(), context: Vec::new(), hint: error.hint() }
    }
}

/// Adds to a failed result what it is about.
pub(crate) trait About<T> {
    /// Adds a line of context: `network: lenet.onnx`.
    fn about(self, what: &str, which: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Failure>> About<T> for Result<T, E> {
    fn about(self, what: &str, which: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().about(what, which))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_without_effect_is_named() {
        let told = |flags: &[&str]| {
            let failure = Failure::no_effect(flags, "`magnify`", "attack");
            (failure.message().to_owned(), failure.hint().unwrap_or_default().to_owned())
        };
        assert_eq!(
            told(&["--target"]),
            (
                "`--target` has no effect with `magnify`".to_owned(),
                "leave it out; `lots attack --help` says what `--target` is for".to_owned()
            )
        );
        assert_eq!(
            told(&["--target", "--max-step", "--mask"]),
            (
                "`--target`, `--max-step` and `--mask` have no effect with `magnify`".to_owned(),
                "leave them out; `lots attack --help` says what `--target`, `--max-step` and `--mask` are for".to_owned()
            )
        );
    }
}
