//! Embeddings as OpenAI and many local servers make them: `/embeddings`, some texts, a vector for each.
//!
//! Options: `dimensions` (where the model can be asked for fewer), `batch` (texts in one request), `min_similarity` (the
//! cosine below which nothing fits), `query_prefix` and `document_prefix` (for models that are told what a text is).

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::agent::knowledge::vector::{MAX_DIMENSIONS, Vector};
use crate::pii::Pii;
use crate::provider::embeddings::{Embedder, Embedding, Purpose};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::http::{self, Refusal};
use crate::provider::probe::{self, Failure, Probing, Step};
use crate::provider::vendor::Vendor;

/// Where OpenAI is.
const PUBLIC: &str = "https://api.openai.com/v1";
/// The model when none is set.
const MODEL: &str = "text-embedding-3-small";
/// Texts in one request when nobody says otherwise; the vendor takes 2048.
const BATCH: usize = 64;
const LARGEST_BATCH: usize = 2_048;
/// The usual cosine of texts that have nothing to do with each other is below this.
const LEAST: f32 = 0.25;
/// Patience with a whole answer; passages are embedded in the background.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const LARGEST: usize = 256 << 20;

/// A model of embeddings behind `/embeddings`.
#[derive(Debug)]
pub struct Embeddings {
    vendor: Vendor,
    client: Client,
    url: String,
    headers: HeaderMap,
    /// What vectors are told apart by.
    name: String,
    dimensions: Option<usize>,
    batch: usize,
    least: f32,
}

/// A request that got no answer to read.
enum Unanswered {
    Error(Error),
    Refused(Refusal),
}

impl Embeddings {
    /// The model of one vendor. Connects to nobody yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorised`] when OpenAI itself is meant and no key is set or it is no key,
    /// [`ErrorKind::Refused`] when an option is out of range, [`ErrorKind::Local`] when the machine cannot make a client.
    pub fn new(vendor: Vendor) -> Result<Self, Error> {
        if vendor.base_url.is_empty() {
            vendor.required_key()?;
        }
        let whole = |option: &'static str, most: usize| {
            let Some(value) = vendor.options.get(option) else { return Ok(None) };
            let value = value.as_u64().and_then(|value| usize::try_from(value).ok());
            let value = value.filter(|value| (1..=most).contains(value));
            value.map(Some).ok_or_else(|| vendor.error(ErrorKind::Refused, format!("{option} is from 1 to {most}")))
        };
        let (dimensions, batch) = (whole("dimensions", MAX_DIMENSIONS)?, whole("batch", LARGEST_BATCH)?);
        let least = match vendor.options.get("min_similarity") {
            None => LEAST,
            Some(value) => {
                let value = value.as_f64().filter(|value| (-1.0..=1.0).contains(value));
                value.ok_or_else(|| vendor.error(ErrorKind::Refused, "min_similarity is from -1 to 1"))? as f32
            }
        };
        let model = vendor.model_or(MODEL);
        let prefixed = ["document_prefix", "query_prefix"].map(|option| vendor.text(option).unwrap_or_default());
        let name = match (dimensions, prefixed) {
            (None, ["", ""]) => model.to_owned(),
            (Some(dimensions), ["", ""]) => format!("{model}@{dimensions}"),
            (dimensions, [document, _]) => format!("{model}@{}+{document}", dimensions.unwrap_or(0)),
        };
        let mut headers = HeaderMap::new();
        if let Some(key) = vendor.key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty()) {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| vendor.error(ErrorKind::Unauthorised, "what is set is no key"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self {
            client: http::client(&vendor)?,
            url: format!("{}/embeddings", vendor.base_or(PUBLIC)),
            headers,
            name,
            dimensions,
            batch: batch.unwrap_or(BATCH),
            least,
            vendor,
        })
    }

    fn body(&self, texts: &[Pii<String>], purpose: Purpose) -> Value {
        let prefix = self.vendor.text(match purpose {
            Purpose::Passage => "document_prefix",
            Purpose::Question => "query_prefix",
        });
        let input: Vec<String> =
            texts.iter().map(|text| format!("{}{}", prefix.unwrap_or_default(), text.expose())).collect();
        let mut body = json!({ "model": self.vendor.model_or(MODEL), "input": input, "encoding_format": "float" });
        if let Some(dimensions) = self.dimensions {
            body["dimensions"] = dimensions.into();
        }
        body
    }

    async fn ask(&self, texts: &[Pii<String>], purpose: Purpose) -> Result<Vec<Vector>, Unanswered> {
        let asking = async {
            let post = self.client.post(&self.url).headers(self.headers.clone()).json(&self.body(texts, purpose));
            let response = post.send().await.map_err(|error| Unanswered::Error(self.interrupted(&error)))?;
            if !response.status().is_success() {
                return Err(Unanswered::Refused(Refusal::read(response).await));
            }
            let id = http::request_id(response.headers());
            let read = self.read(response, texts.len()).await;
            read.map_err(|error| Unanswered::Error(Error { request: error.request.clone().or(id), ..error }))
        };
        let late = || Unanswered::Error(self.vendor.error(ErrorKind::TimedOut, "no answer"));
        timeout(PATIENCE, asking).await.map_err(|_| late())?
    }

    async fn read(&self, mut response: Response, count: usize) -> Result<Vec<Vector>, Error> {
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(|error| self.interrupted(&error))? {
            if body.len() + bytes.len() > LARGEST {
                return Err(self.broken("the answer is too large"));
            }
            body.extend_from_slice(&bytes);
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| self.broken("the answer is no embeddings"))?;
        let vectors = answer.in_order(count).map_err(|what| self.broken(what))?;
        if self.dimensions.is_some_and(|wanted| vectors.iter().any(|vector| vector.dimensions() != wanted)) {
            return Err(self.broken("vectors have other dimensions than were asked for"));
        }
        Ok(vectors)
    }

    fn interrupted(&self, error: &reqwest::Error) -> Error {
        http::interrupted(&self.vendor, error)
    }

    fn broken(&self, what: &str) -> Error {
        self.vendor.error(ErrorKind::Broken, what)
    }
}

impl Embedder for Embeddings {
    fn embed(&self, texts: Vec<Pii<String>>, purpose: Purpose) -> Embedding<'_> {
        Box::pin(async move {
            self.ask(&texts, purpose).await.map_err(|unanswered| match unanswered {
                Unanswered::Error(error) => error,
                Unanswered::Refused(refusal) => refusal.error(&self.vendor),
            })
        })
    }

    fn model(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn least(&self) -> f32 {
        self.least
    }

    fn warm(&self) {
        let head = self.client.head(&self.url).headers(self.headers.clone()).timeout(PATIENCE);
        // Whatever the answer is, the connection stands afterwards.
        tokio::spawn(async move { drop(head.send().await) });
    }

    fn probe(&self) -> Probing<'_> {
        Box::pin(async move {
            probe::reach(&self.vendor, &self.url).await?;
            match self.ask(&[Pii::new("yes".to_owned())], Purpose::Question).await {
                Ok(_) => Ok(()),
                Err(Unanswered::Refused(refusal)) => Err(refusal.failure(&self.vendor)),
                Err(Unanswered::Error(error)) => Err(Failure { step: Step::Format, error, said: None }),
            }
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    /// Some leave it out and keep the order.
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl Answer {
    /// One vector for each text, in the order of the texts.
    fn in_order(self, count: usize) -> Result<Vec<Vector>, &'static str> {
        if self.data.len() != count {
            return Err("there is not one vector for each text");
        }
        let mut places: Vec<Option<Vector>> = vec![None; count];
        for (at, one) in self.data.into_iter().enumerate() {
            let place = places.get_mut(one.index.unwrap_or(at)).filter(|place| place.is_none());
            let place = place.ok_or("vectors have wrong numbers")?;
            *place = Some(Vector::new(&one.embedding).ok_or("what is given is no vector")?);
        }
        let vectors: Vec<Vector> = places.into_iter().flatten().collect();
        let dimensions = vectors.first().map(Vector::dimensions);
        match vectors.iter().all(|vector| Some(vector.dimensions()) == dimensions) {
            true => Ok(vectors),
            false => Err("vectors differ in their dimensions"),
        }
    }
}

#[cfg(test)]
mod tests;
