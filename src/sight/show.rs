//! `callwright sip trace`: the ladder of a call, through the REST API of a server.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// How often it is looked whether there is more.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is wanted.
#[derive(Debug)]
pub struct Options {
    /// The call, or the attempt.
    pub id: String,
    /// Whether it is an attempt.
    pub attempt: bool,
    /// Address of the server.
    pub server: String,
    /// A key with the scope `calls:read`.
    pub key: SecretString,
    /// Where the packets go instead of the ladder to the terminal.
    pub pcap: Option<PathBuf>,
    /// Whether to go on until the call is over.
    pub follow: bool,
}

/// What keeps a ladder from being shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The server did not answer.
    #[error("{server} does not answer: {cause}")]
    NoAnswer {
        /// The server that was asked.
        server: String,
        /// Why.
        cause: reqwest::Error,
    },
    /// The server refused.
    #[error("the server answers {status}: {detail}")]
    Refused {
        /// Its status.
        status: u16,
        /// Its reason.
        detail: String,
    },
    /// The ladder or the packets could not be written.
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the ladder to `out`, or the packets to their file.
///
/// # Errors
/// When the server is not to be had, refuses, or something cannot be written.
pub async fn run(options: &Options, out: &mut impl Write) -> Result<(), ShowError> {
    let client = Client::builder().timeout(PATIENCE).build().map_err(|cause| options.no_answer(cause))?;
    if let Some(file) = &options.pcap {
        let answer = options.get(&client, "sip.pcap").await?;
        let packets = answer.bytes().await.map_err(|cause| options.no_answer(cause))?;
        tokio::fs::write(file, packets).await?;
        return Ok(());
    }
    let mut shown = String::new();
    loop {
        // Asked first: what the text then has is all there is when this says so.
        let complete = !options.follow || options.is_complete(&client).await?;
        let answer = options.get(&client, "sip?format=text").await?;
        let text = answer.text().await.map_err(|cause| options.no_answer(cause))?;
        out.write_all(news(&shown, &text).as_bytes())?;
        out.flush()?;
        if complete {
            return Ok(());
        }
        shown = text;
        tokio::time::sleep(PAUSE).await;
    }
}

/// What was not shown yet: further lines, or everything again where the columns have moved.
fn news<'a>(shown: &str, text: &'a str) -> &'a str {
    text.strip_prefix(shown).unwrap_or(text)
}

impl Options {
    async fn is_complete(&self, client: &Client) -> Result<bool, ShowError> {
        let answer = self.get(client, "sip").await?;
        let ladder: Value = answer.json().await.map_err(|cause| self.no_answer(cause))?;
        Ok(ladder["complete"] == true)
    }

    async fn get(&self, client: &Client, what: &str) -> Result<Response, ShowError> {
        let kind = if self.attempt { "attempts" } else { "calls" };
        let address = format!("{}/api/v1/{kind}/{}/{what}", self.server.trim_end_matches('/'), self.id);
        let request = client.get(address).bearer_auth(self.key.expose_secret());
        let answer = request.send().await.map_err(|cause| self.no_answer(cause))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem: Value = answer.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or("no reason").to_owned();
        Err(ShowError::Refused { status: status.as_u16(), detail })
    }

    fn no_answer(&self, cause: reqwest::Error) -> ShowError {
        ShowError::NoAnswer { server: self.server.clone(), cause: cause.without_url() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_written_unless_the_columns_have_moved() {
        assert_eq!(news("", "head\na\n"), "head\na\n");
        assert_eq!(news("head\na\n", "head\na\nb\n"), "b\n");
        assert_eq!(news("head\na\n", "head\na\n"), "");
        assert_eq!(news("head\na\n", "wider head\na\n"), "wider head\na\n");
    }
}
