//! The ladder of a call as programs get it.

use callwright_sip::trace::Start;
use callwright_sip::trace::ladder::{Ladder, Leg, Step};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::LegTrace;
use crate::pii::Pii;

/// The SIP messages of a call, without their secrets, in the order in which they passed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SipLadder {
    /// Who takes part: `callwright`, then the address of each far side in the order in which they came in.
    participants: Vec<String>,
    /// The Call-ID of each leg.
    legs: Vec<String>,
    /// When the first message passed.
    began_at: Option<Timestamp>,
    /// Whether all messages are here: the call is over and has come to rest.
    complete: bool,
    /// Messages in the middle of a leg that were left out, because it had too many.
    left_out: u64,
    /// The messages.
    messages: Vec<SipMessage>,
}

/// One message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SipMessage {
    /// When it passed.
    at: Timestamp,
    /// Microseconds since the first message.
    offset_us: u64,
    /// Who sent it: an index of `participants`.
    from: usize,
    /// Who got it.
    to: usize,
    /// To which leg it belongs: an index of `legs`.
    leg: usize,
    /// What it is, in a few words.
    #[schema(examples("407 Proxy Authentication Required (INVITE)"))]
    label: String,
    /// The method of a request.
    method: Option<String>,
    /// The status of a response.
    status: Option<u16>,
    /// Number and method of the transaction.
    #[schema(examples("1 INVITE"))]
    cseq: Option<String>,
    /// `UDP`, `TCP` or `TLS`.
    transport: &'static str,
    /// Our address.
    local: String,
    /// The far side's address.
    peer: String,
    /// Whether it had passed before, byte by byte.
    repeated: bool,
    /// Messages of its leg that were left out just before it.
    left_out_before: u64,
    /// Head and body. Each byte of a secret is an `x`; what is no UTF-8 is shown as U+FFFD.
    #[schema(value_type = String)]
    text: Pii<String>,
}

impl SipLadder {
    /// The ladder of these legs.
    #[must_use]
    pub fn of(legs: &[LegTrace], complete: bool) -> Self {
        let legs: Vec<Leg<'_>> = legs.iter().map(leg).collect();
        let ladder = Ladder::of(&legs);
        Self {
            participants: ladder.participants.iter().map(ToString::to_string).collect(),
            began_at: ladder.steps.first().map(|_| time(ladder.began_us)),
            complete,
            left_out: ladder.left_out,
            messages: ladder.steps.iter().map(message).collect(),
            legs: ladder.legs,
        }
    }

    /// Whether no further message is expected.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// The ladder of these legs in plain text.
#[must_use]
pub fn text(legs: &[LegTrace]) -> String {
    let legs: Vec<Leg<'_>> = legs.iter().map(leg).collect();
    Ladder::of(&legs).to_string()
}

fn leg(leg: &LegTrace) -> Leg<'_> {
    Leg { call_id: &leg.call_id, trace: &leg.trace }
}

fn message(step: &Step<'_>) -> SipMessage {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (method, status) = match step.outline.start {
        Start::Request(method) => (Some(lossy(method)), None),
        Start::Response { code, .. } => (None, Some(code)),
        Start::Unreadable => (None, None),
    };
    SipMessage {
        at: time(step.message.at_us()),
        offset_us: step.offset_us,
        from: step.from,
        to: step.to,
        leg: step.leg,
        label: step.label.clone(),
        method,
        status,
        cseq: step.outline.cseq.map(lossy),
        transport: step.message.transport().name(),
        local: step.message.local().to_string(),
        peer: step.message.peer().to_string(),
        repeated: step.repeated,
        left_out_before: step.left_out_before,
        text: Pii::new(lossy(step.message.bytes())),
    }
}

fn time(us: u64) -> Timestamp {
    i64::try_from(us).ok().and_then(|us| Timestamp::from_microsecond(us).ok()).unwrap_or(Timestamp::MAX)
}
