//! What breaks, how, and what makes no sense.

use callwright_loadtest::vendors::faults::{Fault, Injection, Moment, Vendor};

/// What a vendor does in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Hears,
    Thinks,
    Speaks,
    Converses,
}

use Part::{Converses, Hears, Speaks, Thinks};

/// Every simulated vendor.
pub(crate) const VENDORS: [(Vendor, Part, &str); 12] = [
    (Vendor::DeepgramListen, Hears, "Deepgram Nova"),
    (Vendor::DeepgramFlux, Hears, "Deepgram Flux"),
    (Vendor::Assemblyai, Hears, "AssemblyAI"),
    (Vendor::OpenaiTranscription, Hears, "OpenAI transcription"),
    (Vendor::ElevenlabsScribe, Hears, "ElevenLabs Scribe"),
    (Vendor::OpenaiChat, Thinks, "OpenAI chat"),
    (Vendor::DeepgramSpeak, Speaks, "Deepgram Aura"),
    (Vendor::DeepgramFluxSpeak, Speaks, "Deepgram Flux voice"),
    (Vendor::ElevenlabsSpeak, Speaks, "ElevenLabs voice"),
    (Vendor::Cartesia, Speaks, "Cartesia"),
    (Vendor::OpenaiSpeech, Speaks, "OpenAI speech"),
    (Vendor::OpenaiRealtime, Converses, "OpenAI Realtime"),
];

/// The faults of a vendor that does its part.
type Faults = fn(Vendor, Part) -> Vec<Injection>;
/// Why there are none.
type Nonsense = fn(Vendor, Part) -> Option<&'static str>;

/// A way to break, from the moment in which the caller begins to speak.
pub(crate) struct Trouble {
    pub(crate) name: &'static str,
    /// The faults, for a vendor.
    pub(crate) faults: Faults,
    /// Why it makes no sense with a vendor.
    pub(crate) nonsense: Nonsense,
    /// Whether somebody else who could take over makes a difference.
    pub(crate) backed: bool,
}

/// A call to be made.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) vendor: Vendor,
    pub(crate) part: Part,
    pub(crate) trouble: &'static Trouble,
    /// Whether the assistant names another vendor too.
    pub(crate) backed: bool,
}

impl Cell {
    pub(crate) fn all() -> Vec<Self> {
        let cells = VENDORS.iter().flat_map(|(vendor, part, _)| {
            TROUBLES.iter().filter(|trouble| (trouble.nonsense)(*vendor, *part).is_none()).flat_map(move |trouble| {
                // A model that hears and speaks by itself has nobody beside it.
                let both = trouble.backed && *part != Converses;
                let ways: &[bool] = if both { &[false, true] } else { &[false] };
                ways.iter().map(move |backed| Self { vendor: *vendor, part: *part, trouble, backed: *backed })
            })
        });
        cells.collect()
    }

    pub(crate) fn name(&self) -> String {
        let with = if self.backed { "with another" } else { "alone" };
        format!("{:?}, {}, {with}", self.vendor, self.trouble.name)
    }

    pub(crate) fn faults(&self) -> Vec<Injection> {
        (self.trouble.faults)(self.vendor, self.part)
    }
}

/// Vendors without a connection that stays.
const fn is_plain_http(vendor: Vendor) -> bool {
    matches!(vendor, Vendor::OpenaiChat | Vendor::OpenaiSpeech)
}

/// In the middle of the caller's words for those that hear; as soon as anything is asked of the others.
const fn early(part: Part) -> Moment {
    match part {
        Hears | Converses => Moment::after(300),
        Thinks | Speaks => Moment { after_ms: 0, after_sent: 0 },
    }
}

/// In the middle of a reply.
const fn late(part: Part) -> Moment {
    let after_sent = match part {
        Hears | Speaks => 4,
        Thinks => 5,
        // The turn is told in ten messages or so.
        Converses => 16,
    };
    Moment { after_ms: 0, after_sent }
}

fn once(vendor: Vendor, fault: Fault) -> Vec<Injection> {
    vec![Injection { times: Some(1), ..Injection::now(vendor, fault) }]
}

fn lasting(vendor: Vendor, fault: Fault) -> Vec<Injection> {
    vec![Injection::now(vendor, fault)]
}

/// The connection breaks, and every further one is refused like this.
fn refused(vendor: Vendor, part: Part, fault: Fault) -> Vec<Injection> {
    let mut all = vec![Injection::always(vendor, fault)];
    if !is_plain_http(vendor) {
        all.extend(once(vendor, Fault::Cut { when: early(part) }));
    }
    all
}

fn close(code: u16, when: Moment) -> Fault {
    Fault::Close { code, reason: "NET-0000".to_owned(), when }
}

const fn never(_: Vendor, _: Part) -> Option<&'static str> {
    None
}

const fn recognisers_only(_: Vendor, part: Part) -> Option<&'static str> {
    match part {
        Hears => None,
        Thinks | Speaks | Converses => Some("only of a recogniser: whoever speaks is bridged and given up by then"),
    }
}

const fn replies_only(_: Vendor, part: Part) -> Option<&'static str> {
    match part {
        Hears => Some("a recogniser gives no reply that could break off"),
        Thinks | Speaks | Converses => None,
    }
}

const fn sockets_only(vendor: Vendor, _: Part) -> Option<&'static str> {
    if is_plain_http(vendor) { Some("plain HTTP has no close code; see the broken connection") } else { None }
}

const fn finals_only(_: Vendor, part: Part) -> Option<&'static str> {
    match part {
        Hears | Converses => None,
        Thinks | Speaks => Some("it recognises nothing, so it has no final words"),
    }
}

const fn audio_only(_: Vendor, part: Part) -> Option<&'static str> {
    match part {
        Speaks | Converses => None,
        Hears | Thinks => Some("it sends no audio"),
    }
}

const fn base64_only(vendor: Vendor, part: Part) -> Option<&'static str> {
    match (part, vendor) {
        (Hears | Thinks, _) => Some("it sends no audio"),
        (_, Vendor::DeepgramSpeak | Vendor::DeepgramFluxSpeak | Vendor::OpenaiSpeech) => {
            Some("its audio is binary and not base64")
        }
        (Speaks | Converses, _) => None,
    }
}

const fn messages_only(vendor: Vendor, _: Part) -> Option<&'static str> {
    if matches!(vendor, Vendor::OpenaiSpeech) {
        return Some("its body is samples: nobody can tell some from others");
    }
    None
}

/// What is played where nobody stands in.
const fn alone(name: &'static str, nonsense: Nonsense, faults: Faults) -> Trouble {
    Trouble { name, faults, nonsense, backed: false }
}

/// What is played both where nobody stands in and where somebody does.
const fn backed(name: &'static str, nonsense: Nonsense, faults: Faults) -> Trouble {
    Trouble { name, faults, nonsense, backed: true }
}

/// Every way to break.
pub(crate) const TROUBLES: &[Trouble] = &[
    alone("all of it 0.3 s later", never, |vendor, _| lasting(vendor, Fault::Delay { ms: 300 })),
    backed("all of it 1.5 s later", never, |vendor, _| lasting(vendor, Fault::Delay { ms: 1_500 })),
    backed("all of it 3 s later", recognisers_only, |vendor, _| lasting(vendor, Fault::Delay { ms: 3_000 })),
    backed("401", never, |vendor, part| refused(vendor, part, Fault::Unauthorised)),
    alone("429", never, |vendor, part| refused(vendor, part, Fault::TooMany { retry_after: Some(30) })),
    alone("500", never, |vendor, part| refused(vendor, part, Fault::Refuse { status: 500 })),
    backed("taken and never answered", never, |vendor, part| refused(vendor, part, Fault::Hang)),
    alone("closed with 1001", sockets_only, |vendor, part| once(vendor, close(1001, early(part)))),
    alone("closed with 1011", sockets_only, |vendor, part| once(vendor, close(1011, early(part)))),
    alone("closed with 1011 again and again", sockets_only, |vendor, part| lasting(vendor, close(1011, early(part)))),
    alone("connection breaks", never, |vendor, part| once(vendor, Fault::Cut { when: early(part) })),
    backed("connection breaks again and again", never, |vendor, part| {
        lasting(vendor, Fault::Cut { when: early(part) })
    }),
    alone("connection breaks in the reply", replies_only, |vendor, part| once(vendor, Fault::Cut { when: late(part) })),
    backed("connection breaks in every reply", replies_only, |vendor, part| {
        lasting(vendor, Fault::Cut { when: late(part) })
    }),
    alone("half-open", never, |vendor, part| once(vendor, Fault::HalfOpen { when: early(part) })),
    backed("half-open again and again", never, |vendor, part| lasting(vendor, Fault::HalfOpen { when: early(part) })),
    alone("half-open in the reply", replies_only, |vendor, part| once(vendor, Fault::HalfOpen { when: late(part) })),
    backed("half-open in every reply", replies_only, |vendor, part| {
        lasting(vendor, Fault::HalfOpen { when: late(part) })
    }),
    backed("first byte 2 s later", never, |vendor, _| lasting(vendor, Fault::SlowFirstByte { ms: 2_000 })),
    alone("first byte 9 s later", never, |vendor, _| lasting(vendor, Fault::SlowFirstByte { ms: 9_000 })),
    alone("finals twice", finals_only, |vendor, _| lasting(vendor, Fault::DuplicateFinals)),
    backed("finals 25 s later", finals_only, |vendor, _| lasting(vendor, Fault::LateFinal { ms: 25_000 })),
    alone("audio at 100 times real time", audio_only, |vendor, _| lasting(vendor, Fault::Pace { factor: 100.0 })),
    alone("audio at 0.7 of real time", audio_only, |vendor, _| lasting(vendor, Fault::Pace { factor: 0.7 })),
    backed("no audio in the answers", audio_only, |vendor, _| lasting(vendor, Fault::EmptyAudio)),
    backed("base64 cut off", base64_only, |vendor, _| lasting(vendor, Fault::TruncatedBase64)),
    alone("garbage", messages_only, |vendor, part| once(vendor, Fault::Garbage { when: early(part) })),
    backed("garbage again and again", messages_only, |vendor, part| {
        lasting(vendor, Fault::Garbage { when: early(part) })
    }),
];
