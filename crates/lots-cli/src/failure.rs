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
            _ => None,
        };
        Self { message, context: Vec::new(), hint }
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
