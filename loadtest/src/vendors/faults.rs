//! How simulated vendors break, and on which connections.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A simulated vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Deepgram `/v1/listen`.
    DeepgramListen,
    /// Deepgram `/v2/listen`.
    DeepgramFlux,
    /// AssemblyAI `/v3/ws`.
    Assemblyai,
    /// OpenAI `/v1/realtime?intent=transcription`.
    OpenaiTranscription,
    /// ElevenLabs `/v1/speech-to-text/realtime`.
    ElevenlabsScribe,
    /// Deepgram `/v1/speak`.
    DeepgramSpeak,
    /// Deepgram `/v2/speak`.
    DeepgramFluxSpeak,
    /// ElevenLabs `/v1/text-to-speech/…`.
    ElevenlabsSpeak,
    /// Cartesia `/tts/websocket`.
    Cartesia,
    /// OpenAI `/v1/audio/speech`.
    OpenaiSpeech,
    /// OpenAI `/v1/chat/completions`.
    OpenaiChat,
    /// OpenAI `/v1/realtime`.
    OpenaiRealtime,
    /// OpenAI `/v1/embeddings`.
    OpenaiEmbeddings,
}

/// A fault and the connections (or requests) that it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// Whom it strikes.
    pub vendor: Vendor,
    /// What happens.
    pub fault: Fault,
    /// So many connections go through unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// So many connections are struck; all when it is left out.
    #[serde(default)]
    pub times: Option<u32>,
    /// Also strikes connections that are up when it is set, its times counted from then.
    #[serde(default)]
    pub live: bool,
}

impl Injection {
    /// Strikes every connection.
    #[must_use]
    pub const fn always(vendor: Vendor, fault: Fault) -> Self {
        Self { vendor, fault, skip: 0, times: None, live: false }
    }

    /// Strikes the next connection only.
    #[must_use]
    pub const fn once(vendor: Vendor, fault: Fault) -> Self {
        Self { vendor, fault, skip: 0, times: Some(1), live: false }
    }

    /// Strikes the connections that are up and those that follow.
    #[must_use]
    pub const fn now(vendor: Vendor, fault: Fault) -> Self {
        Self { vendor, fault, skip: 0, times: None, live: true }
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// All that goes out goes so much later.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// 401 instead of the upgrade or the answer.
    Unauthorised,
    /// 429 instead of the upgrade or the answer.
    TooMany {
        /// Seconds of `Retry-After`; no header when it is left out.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Another status instead of the upgrade or the answer.
    Refuse {
        /// 400 to 599.
        status: u16,
    },
    /// The request is taken and never answered.
    Hang,
    /// The connection is closed: with a close frame on a websocket, by breaking off on plain HTTP.
    Close {
        /// Close code.
        code: u16,
        /// Words of the close frame.
        #[serde(default)]
        reason: String,
        /// When.
        #[serde(default)]
        when: Moment,
    },
    /// The TCP connection ends without a word.
    Cut {
        /// When.
        #[serde(default)]
        when: Moment,
    },
    /// Nothing is read or written any more; the TCP connection stays open.
    HalfOpen {
        /// When.
        #[serde(default)]
        when: Moment,
    },
    /// The first byte of every answer (audio, token, result of an utterance) comes so much later.
    SlowFirstByte {
        /// Milliseconds.
        ms: u64,
    },
    /// Every final result is sent twice.
    DuplicateFinals,
    /// Every final result comes so much later, what follows does not.
    LateFinal {
        /// Milliseconds; 20 to 35 seconds were seen.
        ms: u64,
    },
    /// Audio goes out at this multiple of real time.
    Pace {
        /// 1 is real time; more is faster.
        factor: f32,
    },
    /// Answers have no audio in them.
    EmptyAudio,
    /// Base64 in messages is cut off in the middle.
    TruncatedBase64,
    /// One message is something that is not even JSON.
    Garbage {
        /// When.
        #[serde(default)]
        when: Moment,
    },
}

/// When a connection is struck: as soon as all of it is true. At once when all is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Moment {
    /// Milliseconds since the connection was made, or the fault was set on a live one.
    pub after_ms: u64,
    /// Messages (on plain HTTP: pieces) that went out before.
    pub after_sent: u32,
}

impl Moment {
    /// So long after the connection was made.
    #[must_use]
    pub const fn after(ms: u64) -> Self {
        Self { after_ms: ms, after_sent: 0 }
    }
}

impl Fault {
    /// Whether it holds for as long as the connection is up.
    pub(crate) const fn lasts(&self) -> bool {
        match self {
            Self::Delay { .. }
            | Self::SlowFirstByte { .. }
            | Self::DuplicateFinals
            | Self::LateFinal { .. }
            | Self::Pace { .. }
            | Self::EmptyAudio
            | Self::TruncatedBase64 => true,
            Self::Unauthorised
            | Self::TooMany { .. }
            | Self::Refuse { .. }
            | Self::Hang
            | Self::Close { .. }
            | Self::Cut { .. }
            | Self::HalfOpen { .. }
            | Self::Garbage { .. } => false,
        }
    }

    /// When it strikes, for one that strikes once in the life of a connection.
    const fn moment(&self) -> Option<Moment> {
        match self {
            Self::Close { when, .. } | Self::Cut { when } | Self::HalfOpen { when } | Self::Garbage { when } => {
                Some(*when)
            }
            Self::Delay { .. }
            | Self::Unauthorised
            | Self::TooMany { .. }
            | Self::Refuse { .. }
            | Self::Hang
            | Self::SlowFirstByte { .. }
            | Self::DuplicateFinals
            | Self::LateFinal { .. }
            | Self::Pace { .. }
            | Self::EmptyAudio
            | Self::TruncatedBase64 => None,
        }
    }
}

/// The faults that strike one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Adds what was set while the connection was up.
    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// How much later everything goes out.
    pub(crate) fn delay(&self) -> Duration {
        self.longest(|fault| if let Fault::Delay { ms } = fault { Some(*ms) } else { None })
    }

    /// How much later an answer begins.
    pub(crate) fn slow_first_byte(&self) -> Duration {
        self.longest(|fault| if let Fault::SlowFirstByte { ms } = fault { Some(*ms) } else { None })
    }

    /// How much later final results go out.
    pub(crate) fn late_final(&self) -> Duration {
        self.longest(|fault| if let Fault::LateFinal { ms } = fault { Some(*ms) } else { None })
    }

    /// Whether final results go out twice.
    pub(crate) fn duplicate_finals(&self) -> bool {
        self.0.contains(&Fault::DuplicateFinals)
    }

    /// The multiple of real time that audio goes out at.
    pub(crate) fn pace(&self) -> Option<f32> {
        self.0.iter().find_map(|fault| if let Fault::Pace { factor } = fault { Some(*factor) } else { None })
    }

    /// Whether audio is left out.
    pub(crate) fn empty_audio(&self) -> bool {
        self.0.contains(&Fault::EmptyAudio)
    }

    /// Whether base64 is cut off.
    pub(crate) fn truncated_base64(&self) -> bool {
        self.0.contains(&Fault::TruncatedBase64)
    }

    fn longest(&self, of: impl Fn(&Fault) -> Option<u64>) -> Duration {
        Duration::from_millis(self.0.iter().filter_map(of).max().unwrap_or(0))
    }
}

/// The faults of one connection that strike once each, at their moments.
#[derive(Debug, Default)]
pub(crate) struct Strikes(Vec<(Instant, u32, Fault)>);

impl Strikes {
    /// Adds faults whose moments count from `since`, when `sent` messages had gone out.
    pub(crate) fn add(&mut self, faults: &Faults, since: Instant, sent: u32) {
        let struck = faults.iter().filter_map(|fault| fault.moment().map(|moment| (moment, fault)));
        self.0.extend(struck.map(|(moment, fault)| {
            let at = since + Duration::from_millis(moment.after_ms);
            (at, sent.saturating_add(moment.after_sent), fault.clone())
        }));
    }

    /// The next fault that is due after `sent` messages.
    pub(crate) fn take(&mut self, now: Instant, sent: u32) -> Option<Fault> {
        let due = self.0.iter().position(|(at, after, _)| *at <= now && *after <= sent)?;
        Some(self.0.remove(due).2)
    }

    /// When to look again, if nothing goes out until then.
    pub(crate) fn next(&self, sent: u32) -> Option<Instant> {
        self.0.iter().filter(|(_, after, _)| *after <= sent).map(|(at, ..)| *at).min()
    }
}

/// All faults of all vendors. Tests and `POST /_faults` replace it while connections are up.
#[derive(Debug)]
pub(crate) struct Plan {
    injections: Mutex<Vec<Injection>>,
    /// Counts the replacements; `None` once the vendors stop.
    changes: watch::Sender<Option<u64>>,
}

impl Plan {
    pub(crate) fn new(injections: Vec<Injection>) -> Self {
        Self { injections: Mutex::new(injections), changes: watch::Sender::new(Some(0)) }
    }

    pub(crate) fn replace(&self, injections: Vec<Injection>) {
        *self.injections.lock().expect("nothing panics while it is held") = injections;
        self.changes.send_modify(|count| *count = count.map(|count| count + 1));
    }

    /// Ends every connection.
    pub(crate) fn stop(&self) {
        self.changes.send_replace(None);
    }

    /// Tells of replacements and of the end.
    pub(crate) fn changes(&self) -> watch::Receiver<Option<u64>> {
        self.changes.subscribe()
    }

    /// What strikes a new connection; counts it.
    pub(crate) fn strike(&self, vendor: Vendor) -> Faults {
        self.take(|injection| injection.vendor == vendor)
    }

    /// What strikes a connection that is up when the plan changes; counts it.
    pub(crate) fn strike_live(&self, vendor: Vendor) -> Faults {
        self.take(|injection| injection.vendor == vendor && injection.live)
    }

    fn take(&self, concerned: impl Fn(&Injection) -> bool) -> Faults {
        let mut injections = self.injections.lock().expect("nothing panics while it is held");
        let mut faults = Vec::new();
        for injection in injections.iter_mut().filter(|injection| concerned(injection)) {
            if injection.skip > 0 {
                injection.skip -= 1;
            } else if injection.times != Some(0) {
                injection.times = injection.times.map(|times| times - 1);
                faults.push(injection.fault.clone());
            }
        }
        Faults(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_after_those_it_skips_and_as_often_as_it_says() {
        let fault = Fault::Unauthorised;
        let injection = Injection { skip: 1, times: Some(2), ..Injection::always(Vendor::Cartesia, fault) };
        let plan = Plan::new(vec![injection]);
        let struck: Vec<usize> = (0..5).map(|_| plan.strike(Vendor::Cartesia).iter().count()).collect();
        assert_eq!(struck, [0, 1, 1, 0, 0]);
        assert_eq!(plan.strike(Vendor::OpenaiChat).iter().count(), 0, "others are not struck");
    }

    #[test]
    fn faults_are_written_as_json() {
        let text = r#"[
            {"vendor": "deepgram_listen", "fault": {"kind": "close", "code": 1011, "when": {"after_ms": 500}}, "times": 1},
            {"vendor": "openai_chat", "fault": {"kind": "too_many", "retry_after": 2}, "live": true}
        ]"#;
        let read: Vec<Injection> = serde_json::from_str(text).expect("these are faults");
        let close = Fault::Close { code: 1011, reason: String::new(), when: Moment::after(500) };
        assert_eq!(read[0], Injection::once(Vendor::DeepgramListen, close));
        assert_eq!(read[1], Injection::now(Vendor::OpenaiChat, Fault::TooMany { retry_after: Some(2) }));
    }
}
