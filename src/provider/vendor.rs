//! How one vendor is reached: what an adapter is made from.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::error::{Error, ErrorKind};

/// One vendor as the settings or the database name it.
#[derive(Clone, Debug)]
pub struct Vendor {
    /// The name that the operator gave it; it stands in errors, logs and measurements.
    pub name: Arc<str>,
    /// Where it is, without a slash at the end. Empty: where the adapter's vendor publicly is. For those that speak
    /// like OpenAI it ends with the version, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key. Local servers need none.
    pub key: Option<SecretString>,
    /// The vendor's name of the model. Empty: the adapter's default.
    pub model: String,
    /// What only this kind of vendor knows; each adapter says what it reads.
    pub options: Map<String, Value>,
    /// Calls it may serve at once.
    pub capacity: usize,
}

impl Vendor {
    /// A vendor with a name and nothing else: public address, no key, default model.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            base_url: String::new(),
            key: None,
            model: String::new(),
            options: Map::new(),
            capacity: 100,
        }
    }

    /// Its address, or the public one.
    #[must_use]
    pub fn base_or<'a>(&'a self, public: &'a str) -> &'a str {
        if self.base_url.is_empty() { public } else { self.base_url.trim_end_matches('/') }
    }

    /// Its model, or the adapter's default.
    #[must_use]
    pub fn model_or<'a>(&'a self, default: &'a str) -> &'a str {
        if self.model.is_empty() { default } else { &self.model }
    }

    /// The key of a vendor that cannot do without.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorised`] when there is none.
    pub fn required_key(&self) -> Result<&str, Error> {
        let missing = || self.error(ErrorKind::Unauthorised, "no key is set");
        self.key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty()).ok_or_else(missing)
    }

    /// An error of this vendor.
    pub fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(self.name.to_string(), kind, detail)
    }

    /// An option that is a text.
    #[must_use]
    pub fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option).and_then(Value::as_str)
    }

    /// An option that is a number.
    #[must_use]
    pub fn number(&self, option: &str) -> Option<f64> {
        self.options.get(option).and_then(Value::as_f64)
    }

    /// An option that is true or false.
    #[must_use]
    pub fn flag(&self, option: &str) -> Option<bool> {
        self.options.get(option).and_then(Value::as_bool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_the_adapters_default() {
        let mut vendor = Vendor::named("local");
        assert_eq!((vendor.base_or("https://a/v1"), vendor.model_or("m")), ("https://a/v1", "m"));
        assert_eq!(vendor.required_key().map_err(|error| error.kind), Err(ErrorKind::Unauthorised));
        vendor.base_url = "http://127.0.0.1:8000/v1/".to_owned();
        vendor.key = Some("k".into());
        assert_eq!((vendor.base_or("https://a/v1"), vendor.required_key()), ("http://127.0.0.1:8000/v1", Ok("k")));
        assert!(!format!("{vendor:?}").contains("\"k\""), "a key does not print");
    }
}
