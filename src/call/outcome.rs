//! How a call ended, and the table that reads it from SIP evidence.

use std::time::{Duration, Instant};

use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{AnsweredBy, EndedBy};

/// The end of one call. Every call has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// Why it ended.
    pub reason: DisconnectionReason,
    /// The final status of the INVITE, if one came.
    pub sip_code: Option<u16>,
    /// The Q.850 cause the far side gave, in its final response or its BYE.
    pub q850: Option<u8>,
    /// How long the carrier asked us to stay away.
    pub retry_after: Option<Duration>,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Who took the call, as far as it was noticed. `None` when nobody did.
    pub answered_by: Option<AnsweredBy>,
    /// The contact hung up within the early hang-up time after answering.
    pub immediate: bool,
    /// We ended it because something of ours failed.
    pub technical: bool,
    /// The far side was rung: a 180 or 183 came.
    pub rang: bool,
    /// The cause is a setting of ours or of the trunk that a person has to mend.
    pub misconfigured: bool,
    /// Whether another trunk may be tried for the same dial.
    pub failover: Failover,
    /// When the call was answered.
    pub answered_at: Option<Instant>,
    /// When it ended: when the last party hung up, not when the leg was torn down.
    pub ended_at: Instant,
}

impl CallOutcome {
    /// What tests begin with: a dial that the carrier ended with this status, now, before anybody was rung.
    #[cfg(test)]
    pub(crate) fn refused(reason: DisconnectionReason, sip_code: u16, failover: Failover) -> Self {
        Self {
            reason,
            sip_code: Some(sip_code),
            q850: None,
            retry_after: None,
            ended_by: EndedBy::Carrier,
            answered_by: None,
            immediate: false,
            technical: false,
            rang: false,
            misconfigured: false,
            failover,
            answered_at: None,
            ended_at: crate::time::now().mono,
        }
    }

    /// Time between answer and end; zero for a call that was not answered.
    #[must_use]
    pub fn talk_time(&self) -> Duration {
        self.answered_at.map_or(Duration::ZERO, |answered| self.ended_at.saturating_duration_since(answered))
    }
}

/// What is known about an INVITE that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialFailure {
    /// How it failed.
    pub cause: DialFault,
    /// The final status, when one came.
    pub status: Option<u16>,
    /// The reason phrase of the final response, as received.
    pub phrase: Vec<u8>,
    /// The Q.850 cause of its Reason header (RFC 3326), if any.
    pub q850: Option<u8>,
    /// The text parameters of its Reason headers, as received.
    pub reason_text: Vec<u8>,
    /// It carries a call-blocking analysis in a Call-Info jCard (RFC 8688).
    pub jcard: bool,
    /// Its Retry-After.
    pub retry_after: Option<Duration>,
    /// Any 1xx came before it, 100 included.
    pub provisional_seen: bool,
    /// A 180 or 183 came before it.
    pub rang: bool,
    /// From sending the INVITE to this failure.
    pub after: Duration,
}

/// How an INVITE failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DialFault {
    /// A final response says so.
    Response,
    /// The INVITE was written and nothing came back (timer B).
    Silence,
    /// Provably nothing was written: connection refused, TLS refused.
    NotSent,
    /// The connection was lost after the first byte.
    ConnectionLost,
    /// Something of ours failed: no port, no body, an unusable answer.
    Local,
}

/// What the network plays in the place of a final response (ITU-T E.180).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkTone {
    /// Engaged tone.
    Engaged,
    /// Congestion tone; North American reorder or no circuit.
    Congested,
    /// The three tones that say in North America that a number is vacant or was changed.
    NoSuchNumber,
    /// The three tones before an announcement; which, is not known.
    Announcement,
}

/// The disconnection reason of a dial, or of an answer that was none, to which a tone was played. What an announcement
/// says is not guessed: it may be about the number or about the network.
#[must_use]
pub const fn tone_reason(tone: NetworkTone) -> DisconnectionReason {
    match tone {
        NetworkTone::Engaged => DisconnectionReason::DialBusy,
        NetworkTone::Congested => DisconnectionReason::TelephonyProviderUnavailable,
        NetworkTone::NoSuchNumber => DisconnectionReason::InvalidPhoneNumber,
        NetworkTone::Announcement => DisconnectionReason::DialFailed,
    }
}

/// What is known about the trunk when a failure is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrunkEvidence {
    /// The trunk answers 480 to far more dials than usual: it is refusing, not reporting.
    pub raised_480: bool,
}

/// Whether a failed dial may be sent again at once over another trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failover {
    /// Another ring is possible: never.
    Never,
    /// Nothing was written, or the carrier itself gave up before ringing anybody.
    Allowed,
    /// The number is said not to exist: one other trunk may confirm it.
    ConfirmOnce,
}

/// The disconnection reason of a dial that was not answered.
///
/// A blocking note outranks everything, then a Q.850 cause that says something about the callee or the network, then
/// the status. Statuses that are not listed count as the `x00` of their class (RFC 3261 section 8.1.3.2).
#[must_use]
pub fn dial_reason(failure: &DialFailure, trunk: TrunkEvidence) -> DisconnectionReason {
    use DisconnectionReason as R;
    match failure.cause {
        DialFault::Response => {}
        DialFault::NotSent => return R::TelephonyProviderUnavailable,
        DialFault::Silence | DialFault::ConnectionLost | DialFault::Local => return R::DialFailed,
    }
    let Some(status) = failure.status else { return R::DialFailed };
    if status == 603 && says_blocked(failure) {
        return R::MarkedAsSpam;
    }
    failure.q850.and_then(q850_reason).unwrap_or_else(|| status_reason(status, failure, trunk))
}

/// Whether the failure points at a setting that a person has to mend, rather than at the callee or the carrier's day.
#[must_use]
pub fn is_misconfiguration(failure: &DialFailure) -> bool {
    // 428 and 436 to 438: the carrier wants the caller signed for, or does not accept how (RFC 8224 section 6.2.2). A dial
    // is never sent again without signature: that would only hide what is wrong.
    matches!((failure.cause, failure.status), (DialFault::Response, Some(416 | 428 | 436..=438)))
}

/// Whether the dial may go out again over another trunk without risking a second ring.
#[must_use]
pub fn failover(failure: &DialFailure) -> Failover {
    match failure.cause {
        DialFault::NotSent => Failover::Allowed,
        DialFault::Silence | DialFault::ConnectionLost | DialFault::Local => Failover::Never,
        DialFault::Response if failure.rang || matches!(failure.q850, Some(17..=21)) => Failover::Never,
        DialFault::Response => match failure.status {
            Some(500 | 502 | 503 | 504 | 488) => Failover::Allowed,
            Some(404 | 604) => Failover::ConfirmOnce,
            Some(_) | None => Failover::Never,
        },
    }
}

/// What a Q.850 cause says by itself; `None` for causes that say nothing (16 normal clearing, 31 normal unspecified,
/// 127 interworking) and for unlisted ones of the "normal" and "interworking" classes: there the status stands.
fn q850_reason(cause: u8) -> Option<DisconnectionReason> {
    use DisconnectionReason as R;
    match cause {
        // Unallocated, number changed, address incomplete.
        1 | 22 | 28 => Some(R::InvalidPhoneNumber),
        // No route to the transit network or the destination, destination out of order: the network's, not the
        // number's fault.
        2 | 3 | 27 => Some(R::DialFailed),
        17 => Some(R::DialBusy),
        // No user responding, no answer, subscriber absent.
        18..=20 => Some(R::DialNoAnswer),
        21 => Some(R::UserDeclined),
        // No circuit, network out of order, temporary failure, congestion, resources unavailable unspecified.
        34 | 38 | 41 | 42 | 47 => Some(R::TelephonyProviderUnavailable),
        // Barred or not authorised.
        52 | 53 | 55 | 57 | 87 => Some(R::TelephonyProviderPermissionDenied),
        // Other resource causes; service not available, not implemented, invalid message, protocol error (102 is
        // the recovery on timer expiry).
        32..=111 => Some(R::DialFailed),
        0..=31 | 112..=255 => None,
    }
}

fn status_reason(status: u16, failure: &DialFailure, trunk: TrunkEvidence) -> DisconnectionReason {
    use DisconnectionReason as R;
    match status {
        401 | 402 | 403 | 407 | 428 | 433 | 436..=438 => R::TelephonyProviderPermissionDenied,
        404 | 410 | 484 | 604 => R::InvalidPhoneNumber,
        408 if failure.provisional_seen => R::DialNoAnswer,
        408 => R::TelephonyProviderUnavailable,
        480 if !failure.rang && trunk.raised_480 && failure.after < Duration::from_secs(1) => {
            R::TelephonyProviderUnavailable
        }
        480 => R::DialNoAnswer,
        // Ended by somebody between us and the callee; our own CANCEL is settled before this table is asked.
        487 if failure.rang => R::DialNoAnswer,
        486 => R::DialBusy,
        502 | 504 => R::TelephonyProviderUnavailable,
        503 if failure.retry_after.is_some() => R::TelephonyProviderUnavailable,
        603 => R::UserDeclined,
        607 | 608 => R::MarkedAsSpam,
        606 => R::DialFailed,
        600..=699 => R::DialBusy,
        _ => R::DialFailed,
    }
}

/// A 603 that was sent by blocking analytics rather than by a person: its phrase or Reason text says "network
/// blocked" or carries an analytics tag, or it has a jCard that names whom to ask.
fn says_blocked(failure: &DialFailure) -> bool {
    failure.jcard
        || contains_ignoring_case(&failure.phrase, b"network blocked")
        || contains_ignoring_case(&failure.reason_text, b"network blocked")
        || contains_ignoring_case(&failure.reason_text, b"v=analytics")
}

fn contains_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
