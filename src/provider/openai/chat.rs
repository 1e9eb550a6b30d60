//! Chat completions: most vendors of models and every local server speak them.
//!
//! Options of the vendor: `organization`, `project` (headers), `first_token_ms`, `stall_ms` (patience), and those of the
//! request's body (see [`request`]).

mod answer;
mod request;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response};
use secrecy::ExposeSecret;
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::answer::{Answer, Ended, Fault};
use self::request::Template;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::http::{self, Refusal};
use crate::provider::llm::{EVENT_QUEUE, Generation, LanguageModel, LlmEvent, LlmRequest, Message};
use crate::provider::probe::{self, Failure, Probing, Step};
use crate::provider::sse::Events;
use crate::provider::vendor::Vendor;
use crate::time;

/// Where OpenAI is.
const PUBLIC: &str = "https://api.openai.com/v1";
/// The model when none is set.
const MODEL: &str = "gpt-4.1-mini";
/// Patience until the first piece of an answer. A hedge has long gone elsewhere.
const FIRST_TOKEN: Duration = Duration::from_secs(10);
/// Patience between two pieces. What was said so far is played meanwhile; more than this and the caller hears nothing.
const STALL: Duration = Duration::from_secs(3);
/// Patience for the usage once the answer is complete: the last sentence waits for it.
const USAGE: Duration = Duration::from_millis(250);
/// Bytes of one event of the stream.
const EVENT: usize = 1 << 20;
/// Bytes of one answer on the wire.
const STREAM: usize = 16 << 20;
/// A connection that was used this recently needs no warming.
const WARM: Duration = Duration::from_secs(30);

/// A model behind chat completions.
#[derive(Debug)]
pub struct Chat {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    vendor: Vendor,
    client: Client,
    url: String,
    models_url: String,
    headers: HeaderMap,
    template: Template,
    first_token: Duration,
    stall: Duration,
    /// When the connection was last used, in milliseconds since `born`; 0 is never.
    used: AtomicU64,
    born: OnceLock<Instant>,
}

/// A request that got no answer to read.
enum Unanswered {
    Interrupted(Error),
    Refused(Refusal),
}

impl Chat {
    /// The model of one vendor. Connects to nobody yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorised`] when OpenAI itself is meant and no key is set or it is no key,
    /// [`ErrorKind::Local`] when the machine cannot make a client.
    pub fn new(vendor: Vendor) -> Result<Self, Error> {
        if vendor.base_url.is_empty() {
            vendor.required_key()?;
        }
        let base = vendor.base_or(PUBLIC).to_owned();
        let patience = |option, default: Duration| {
            let millis = vendor.number(option).filter(|millis| (100.0..=120_000.0).contains(millis));
            millis.map_or(default, |millis| Duration::from_secs_f64(millis / 1000.0))
        };
        let shared = Shared {
            client: http::client(&vendor)?,
            url: format!("{base}/chat/completions"),
            models_url: format!("{base}/models"),
            headers: headers(&vendor)?,
            template: Template::new(&vendor, &base, MODEL),
            first_token: patience("first_token_ms", FIRST_TOKEN),
            stall: patience("stall_ms", STALL),
            used: AtomicU64::new(0),
            born: OnceLock::new(),
            vendor,
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl LanguageModel for Chat {
    fn generate(&self, request: LlmRequest) -> Generation {
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let (last, rest) = tokio::select! {
                biased;
                // Dropping the answer's body resets the stream: the vendor stops, and stops charging.
                () = sender.closed() => return,
                ended = shared.answer(&request, &sender) => ended,
            };
            drop(sender.send(last).await);
            if let Some(rest) = rest {
                read_out(rest).await;
            }
        });
        Generation { events }
    }

    fn warm(&self) {
        if self.shared.is_warm() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            // Whatever the answer is, the connection stands afterwards.
            let head = shared.client.head(&shared.models_url).headers(shared.headers.clone()).timeout(FIRST_TOKEN);
            if head.send().await.is_ok() {
                shared.note_use();
            }
        });
    }

    fn probe(&self) -> Probing<'_> {
        Box::pin(self.shared.try_out())
    }
}

impl Shared {
    /// Asks, passes text and calls on, and gives the last event and what is left of the body.
    async fn answer(&self, request: &LlmRequest, events: &mpsc::Sender<LlmEvent>) -> (LlmEvent, Option<Response>) {
        match self.stream(request, events).await {
            Ok((Ended { calls, reason, usage }, rest)) => {
                for call in calls {
                    // Nobody listens any more: the task ends by itself.
                    drop(events.send(LlmEvent::Call(call)).await);
                }
                (LlmEvent::Finished { reason, usage }, Some(rest))
            }
            Err(error) => (LlmEvent::Failed(error), None),
        }
    }

    async fn stream(&self, request: &LlmRequest, events: &mpsc::Sender<LlmEvent>) -> Result<(Ended, Response), Error> {
        let asked = timeout(self.first_token, self.ask(request)).await;
        let mut response = match asked.map_err(|_| self.late("no answer"))? {
            Ok(response) => response,
            Err(Unanswered::Interrupted(error)) => return Err(error),
            Err(Unanswered::Refused(refusal)) => return Err(refusal.error(&self.vendor)),
        };
        let id = http::request_id(response.headers());
        let ended = self.read(&mut response, events).await;
        self.note_use();
        let ended = ended.map_err(|error| Error { request: error.request.or(id), ..error })?;
        Ok((ended, response))
    }

    async fn ask(&self, request: &LlmRequest) -> Result<Response, Unanswered> {
        let post = self.client.post(&self.url).headers(self.headers.clone()).json(&self.template.body(request));
        let sent = post.send().await;
        let response = sent.map_err(|error| Unanswered::Interrupted(http::interrupted(&self.vendor, &error)))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(Unanswered::Refused(Refusal::read(response).await))
        }
    }

    async fn read(&self, response: &mut Response, events: &mpsc::Sender<LlmEvent>) -> Result<Ended, Error> {
        let fault = |fault: Fault| fault.error(&self.vendor);
        let mut reader = Reader::new(response);
        let (mut patience, mut received) = (self.first_token, 0);
        loop {
            if reader.answer.is_ended() {
                patience = USAGE;
            }
            let bytes = match timeout(patience, response.chunk()).await {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => return reader.end(events).await.map_err(fault),
                Ok(Err(_)) | Err(_) if reader.answer.is_ended() => return reader.answer.end(true).map_err(fault),
                Ok(Err(error)) => return Err(http::interrupted(&self.vendor, &error)),
                Err(_) => return Err(self.late("the answer does not go on")),
            };
            received += bytes.len();
            if received > STREAM {
                return Err(fault(Fault::TooLarge));
            }
            if reader.take(&bytes, events).await.map_err(fault)? {
                return reader.answer.end(true).map_err(fault);
            }
            patience = self.stall;
        }
    }

    fn late(&self, what: &str) -> Error {
        self.vendor.error(ErrorKind::TimedOut, what)
    }

    /// The smallest request there is, step by step.
    async fn try_out(&self) -> Result<(), Failure> {
        probe::reach(&self.vendor, &self.url).await?;
        let request = LlmRequest {
            messages: [Message::User { text: Pii::new("Say: yes".to_owned()) }].into(),
            tools: [].into(),
            max_tokens: 16,
            temperature: None,
            schema: None,
        };
        let mut response = match timeout(self.first_token, self.ask(&request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(Unanswered::Refused(refusal))) => return Err(refusal.failure(&self.vendor)),
            Ok(Err(Unanswered::Interrupted(error))) => return Err(Failure { step: Step::Format, error, said: None }),
            Err(_) => return Err(self.late("no answer").into()),
        };
        let (sender, mut events) = mpsc::channel(EVENT_QUEUE);
        let listening = async { while events.recv().await.is_some() {} };
        let reading = async {
            let ended = self.read(&mut response, &sender).await;
            drop(sender);
            ended
        };
        let (ended, ()) = tokio::join!(reading, listening);
        self.note_use();
        ended.map(drop).map_err(|error| Failure { step: Step::Format, error, said: None })
    }

    fn note_use(&self) {
        let now = time::now().mono;
        let born = *self.born.get_or_init(|| now);
        let millis = u64::try_from(now.saturating_duration_since(born).as_millis()).unwrap_or(u64::MAX);
        self.used.store(millis + 1, Ordering::Relaxed);
    }

    fn is_warm(&self) -> bool {
        let Some(born) = self.born.get() else { return false };
        let used = Duration::from_millis(self.used.load(Ordering::Relaxed));
        time::now().mono.saturating_duration_since(*born).saturating_sub(used) < WARM
    }
}

/// The body of an answer, read as it comes.
struct Reader {
    answer: Answer,
    events: Events,
    /// A server that does not stream answers with one JSON document.
    whole: Option<Vec<u8>>,
}

impl Reader {
    fn new(response: &Response) -> Self {
        let is_json = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/json"));
        Self { answer: Answer::new(rand::random()), events: Events::new(EVENT), whole: is_json.then(Vec::new) }
    }

    /// Takes bytes; true once the answer is complete.
    async fn take(&mut self, bytes: &[u8], events: &mpsc::Sender<LlmEvent>) -> Result<bool, Fault> {
        // Some call a stream a document.
        self.whole.take_if(|whole| whole.is_empty() && bytes.first().is_some_and(|&first| first != b'{'));
        if let Some(whole) = &mut self.whole {
            if whole.len() + bytes.len() > EVENT {
                return Err(Fault::TooLarge);
            }
            whole.extend_from_slice(bytes);
            return Ok(false);
        }
        let mut complete = Vec::new();
        self.events.push(bytes, &mut complete).map_err(|_| Fault::TooLarge)?;
        for data in complete {
            if data == b"[DONE]" {
                return Ok(true);
            }
            self.chunk(&data, events).await?;
        }
        Ok(self.answer.is_complete())
    }

    /// The body has ended.
    async fn end(mut self, events: &mpsc::Sender<LlmEvent>) -> Result<Ended, Fault> {
        if let Some(whole) = self.whole.take() {
            self.chunk(&whole, events).await?;
            return self.answer.end(false);
        }
        let last = std::mem::replace(&mut self.events, Events::new(0)).finish();
        let done = last.as_deref() == Some(b"[DONE]");
        if let Some(last) = last.filter(|_| !done) {
            self.chunk(&last, events).await?;
        }
        self.answer.end(done)
    }

    async fn chunk(&mut self, data: &[u8], events: &mpsc::Sender<LlmEvent>) -> Result<(), Fault> {
        if let Some(text) = self.answer.chunk(data)? {
            // A reader that is gone ends the task elsewhere.
            drop(events.send(LlmEvent::Text(text)).await);
        }
        Ok(())
    }
}

/// Reads what follows the answer, an empty line or a mark: a connection with HTTP/1.1 can only be used again when its
/// body was read to the end.
async fn read_out(mut rest: Response) {
    let mut received = 0;
    let reading = async {
        while let Ok(Some(bytes)) = rest.chunk().await {
            received += bytes.len();
            if received > EVENT {
                break;
            }
        }
    };
    // Late or not, nothing more is wanted of it.
    let _late = timeout(USAGE, reading).await.is_err();
}

fn headers(vendor: &Vendor) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    let mut insert = |name: HeaderName, value: &str, secret: bool| {
        let invalid = |_| vendor.error(ErrorKind::Unauthorised, format!("what is set for {name} cannot be sent"));
        let mut value = HeaderValue::from_str(value).map_err(invalid)?;
        value.set_sensitive(secret);
        headers.insert(name, value);
        Ok(())
    };
    insert(ACCEPT, "text/event-stream", false)?;
    if let Some(key) = vendor.key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty()) {
        insert(AUTHORIZATION, &format!("Bearer {key}"), true)?;
    }
    for (option, header) in [("organization", "openai-organization"), ("project", "openai-project")] {
        if let Some(value) = vendor.text(option) {
            insert(HeaderName::from_static(header), value, false)?;
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
