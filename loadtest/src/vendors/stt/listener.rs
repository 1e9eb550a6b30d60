//! What all simulated recognisers share: a query that is checked, and an ear behind an encoding.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use serde_json::{Value, json};

use crate::vendors::connection::Connection;
use crate::vendors::hearing::{Ear, Heard, Word};
use crate::vendors::server::Shared;
use crate::vendors::sound::Encoding;

/// The parameters of a query, each of them to be looked at.
#[derive(Debug)]
pub(in crate::vendors) struct Parameters(BTreeMap<String, Vec<String>>);

impl Parameters {
    /// Reads a query whose names are all known.
    ///
    /// # Errors
    /// What is wrong with it, for a 400.
    pub(in crate::vendors) fn read(target: &Uri, known: &[&str]) -> Result<Self, String> {
        let pairs: Query<Vec<(String, String)>> =
            Query::try_from_uri(target).map_err(|error| format!("the query is broken: {error}"))?;
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs.0 {
            if !known.contains(&name.as_str()) {
                return Err(format!("unknown parameter {name}"));
            }
            parameters.entry(name).or_default().push(value);
        }
        Ok(Self(parameters))
    }

    /// A parameter as text.
    pub(in crate::vendors) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    /// Whether a parameter is `true`.
    ///
    /// # Errors
    /// When it is neither `true` nor `false`.
    pub(in crate::vendors) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.text(name) {
            Some("true") => Ok(true),
            Some("false") | None => Ok(false),
            Some(other) => Err(format!("{name} is {other}, not true or false")),
        }
    }

    /// A number within its range.
    ///
    /// # Errors
    /// When it is no number or outside.
    pub(in crate::vendors) fn number(&self, name: &str, least: f64, most: f64) -> Result<Option<f64>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => Err(format!("{name} is {text}, not a number from {least} to {most}")),
        }
    }
}

/// An encoding by its name at the vendor, and its rate.
///
/// # Errors
/// When there is no such encoding, or no rate.
pub(in crate::vendors) fn encoding(
    parameters: &Parameters,
    names: &[(&str, Encoding)],
    default: Option<Encoding>,
) -> Result<(Encoding, u32), String> {
    let encoding = match parameters.text("encoding") {
        Some(name) => names.iter().find(|(known, _)| *known == name).map(|(_, encoding)| *encoding),
        None => default,
    };
    let encoding = encoding.ok_or("unknown encoding")?;
    let rate = parameters.number("sample_rate", 8_000.0, 48_000.0)?.ok_or("sample_rate is missing")?;
    Ok((encoding, rate as u32))
}

/// An ear behind an encoding.
#[derive(Debug)]
pub(super) struct Listener {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    encoding: Encoding,
    pub(super) rate: u32,
    ear: Ear,
    samples: Vec<i16>,
    /// Bytes of audio that came.
    bytes: u64,
    hasty: bool,
}

impl Listener {
    pub(super) fn new(shared: Arc<Shared>, connection: Arc<Connection>, encoding: Encoding, rate: u32) -> Self {
        let ear = Ear::new(rate);
        Self { shared, connection, encoding, rate, ear, samples: Vec::new(), bytes: 0, hasty: false }
    }

    /// Takes audio as it came.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.samples.clear();
        self.encoding.decode(bytes, &mut self.samples);
        self.bytes += bytes.len() as u64;
        self.connection.heard(&self.samples, self.rate, bytes.len());
        self.ear.hear(&self.shared.script.hearing, &self.shared.lines_begun, &self.samples)
    }

    pub(super) fn words(&self) -> &[Word] {
        self.ear.words()
    }

    pub(super) fn quiet_ms(&self) -> Option<u64> {
        self.ear.quiet_ms()
    }

    /// Ends the utterance: all its words.
    pub(super) fn finish(&mut self) -> Vec<Word> {
        self.ear.finish(&self.shared.script.hearing, &self.shared.lines_begun)
    }

    /// What was heard so far, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.at(self.ear.position())
    }

    /// A sample of the connection in seconds, to the millisecond.
    pub(super) fn at(&self, sample: u64) -> f64 {
        (sample as f64 / f64::from(self.rate) * 1_000.0).round() / 1_000.0
    }

    /// Writes down, once, that audio came faster than this multiple of real time; half a second of it may.
    pub(super) fn mind_pace(&mut self, limit: f64) {
        let elapsed = self.connection.began.elapsed() + Duration::from_millis(500);
        if !self.hasty && self.seconds() > elapsed.as_secs_f64() * limit {
            self.hasty = true;
            self.connection.complain("audio comes faster than it may");
        }
    }
}

/// The words of an utterance as one text.
pub(super) fn text(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Words as Deepgram has them: times in seconds.
pub(super) fn words_in_seconds(listener: &Listener, words: &[Word]) -> Value {
    let word = |word: &Word| {
        json!({
            "word": word.text,
            "punctuated_word": word.text,
            "start": listener.at(word.start),
            "end": listener.at(word.end),
            "confidence": 0.97,
        })
    };
    words.iter().map(word).collect()
}
