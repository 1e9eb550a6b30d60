//! Deepgram.

pub mod listen_v1;
pub mod listen_v2;
pub mod speak_v1;
pub mod speak_v2;

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::error::{Error, ErrorKind};
use super::socket::{Close, Closing, Endpoint, address, usual};
use super::stt::ListenRequest;
use super::stt::feed::Pace;
use super::stt::ledger::Word;
use super::vendor::Vendor;

/// Where Deepgram is.
pub const PUBLIC: &str = "https://api.deepgram.com";

/// Audio that is kept for another connection.
const KEEP: Duration = Duration::from_secs(6);

/// Languages that Deepgram tells apart by region; of any other only the language itself is sent.
const REGIONS: [&str; 17] = [
    "en-US", "en-AU", "en-GB", "en-IN", "en-NZ", "fr-CA", "de-CH", "nl-BE", "pt-BR", "pt-PT", "es-419", "zh-CN",
    "zh-TW", "zh-HK", "zh-Hans", "zh-Hant", "ko-KR",
];

/// Deepgram takes at most 1.25 times real time.
fn pace(least: usize) -> Pace {
    Pace { piece: least..=100, speed: 1.25, keep: KEEP }
}

fn endpoint<'a>(
    vendor: &Vendor,
    path: &str,
    query: impl IntoIterator<Item = (&'a str, String)>,
) -> Result<Endpoint, Error> {
    let key = vendor.required_key()?;
    let url: Url = address(vendor, vendor.base_or(PUBLIC), path, query)?;
    Ok(Endpoint::with_header(url, "authorization", format!("Token {key}")))
}

/// The language as Deepgram names it: the vendor's option, else what the call wants.
fn language(vendor: &Vendor, request: &ListenRequest) -> String {
    if let Some(language) = vendor.text("language") {
        return language.to_owned();
    }
    let known = REGIONS.iter().find(|known| known.eq_ignore_ascii_case(&request.language));
    let bare = || request.language.split('-').next().unwrap_or_default().to_lowercase();
    known.map_or_else(bare, |&known| known.to_owned())
}

/// The words that are likely, as parameters of a query.
fn keyterms<'a>(name: &'a str, request: &ListenRequest) -> Vec<(&'a str, String)> {
    request.keyterms.iter().take(50).map(|term| (name, term.expose().clone())).collect()
}

/// Deepgram's close frames: `DATA-0000` says that our audio cannot be decoded, `NET-0001` that none came for ten seconds.
fn judge(vendor: &Vendor, close: &Close) -> Closing {
    if close.reason.starts_with("NET-0001") {
        return Closing::Routine;
    }
    if close.code == 1008 {
        return Closing::Failed(close.error(vendor, ErrorKind::Refused));
    }
    usual(vendor, close)
}

#[derive(Debug, Deserialize)]
struct SpokenWord {
    word: String,
    #[serde(default)]
    punctuated_word: Option<String>,
    #[serde(default)]
    start: Option<f64>,
    #[serde(default)]
    end: Option<f64>,
    #[serde(default)]
    confidence: Option<f32>,
}

impl From<SpokenWord> for Word {
    fn from(spoken: SpokenWord) -> Self {
        let SpokenWord { word, punctuated_word, start, end, confidence } = spoken;
        let middle = start.zip(end).map(|(start, end)| f64::midpoint(start, end));
        Self { text: punctuated_word.unwrap_or(word), middle, confidence }
    }
}
