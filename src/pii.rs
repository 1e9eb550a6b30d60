//! A wrapper for personal data that does not print.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Personal data: a phone number, a name, a transcript, a prompt.
///
/// `Debug` and `Display` print `[redacted]`, so a log line cannot leak it; serialising writes the value, because
/// answers of the API and rows of the database are where it belongs.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the place that really needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, to be changed in its place.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// The value, unwrapped.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_does_not_print() {
        let number = Pii::new("+4915112345678".to_owned());
        assert_eq!(format!("{number} {number:?}"), "[redacted] [redacted]");
        assert_eq!(serde_json::to_string(&number).expect("a string serialises"), "\"+4915112345678\"");
    }
}
