//! A SIP leg: what the endpoint says becomes [`LegEvent`]s, and descriptions are negotiated. Pure; the call's task sends
//! what comes out.

use std::collections::BTreeMap;

use callwright_media::digit::Digit;
use callwright_media::negotiated::Negotiated;
use callwright_media::sdp::{self, Encryption, LocalMedia, SdpError};
use callwright_sip::endpoint::{Body, DialogSnapshot, EndedBy, Event, Failure, FailureCause, ReferProgress};
use callwright_sip::message::header::Reason;
use callwright_sip::message::{HeaderName, StatusCode};

use crate::call::event::{LegEnd, LegEvent};
use crate::call::outcome::{DialFailure, DialFault};

/// What is known of one SIP leg.
#[derive(Debug)]
pub struct SipLeg {
    local: LocalMedia,
    /// The description in force.
    negotiated: Option<Negotiated>,
    /// Descriptions of early dialogs, by their remote tag: a forked INVITE has several, and the answer may come without
    /// one of its own.
    early: BTreeMap<String, Negotiated>,
    dialog: Option<Box<DialogSnapshot>>,
    /// We made the last offer in a 2xx, and the ACK brings the answer.
    offered: bool,
}

/// What follows from one event of the endpoint.
#[derive(Debug, Default)]
pub struct LegNews {
    /// For the call.
    pub event: Option<LegEvent>,
    /// A key pressed, told by INFO.
    pub digit: Option<Digit>,
    /// The answer to a re-INVITE or UPDATE, to be sent.
    pub reoffer: Option<Result<Body, StatusCode>>,
    /// How a REFER of ours goes.
    pub refer: Option<ReferProgress>,
    /// Why a description of the far side's was not taken.
    pub fault: Option<SdpError>,
}

impl LegNews {
    fn of(event: LegEvent) -> Self {
        Self { event: Some(event), ..Self::default() }
    }
}

impl SipLeg {
    /// A leg that we begin, and the offer for its INVITE.
    #[must_use]
    pub fn outbound(local: LocalMedia) -> (Self, Body) {
        let offer = Body::sdp(sdp::offer(&local));
        (Self::new(local), offer)
    }

    /// A leg that was offered to us, and the body of the 200 that takes it. An INVITE without description gets our
    /// offer, and its ACK brings the answer (RFC 3264 section 5).
    ///
    /// # Errors
    /// The offer cannot be taken: refuse it with 488.
    pub fn inbound(local: LocalMedia, dialog: DialogSnapshot, offer: Option<&Body>) -> Result<(Self, Body), SdpError> {
        let mut leg = Self::new(local);
        leg.dialog = Some(Box::new(dialog));
        let Some(offer) = offer else {
            leg.offered = true;
            let body = Body::sdp(sdp::offer(&leg.local));
            return Ok((leg, body));
        };
        let (answer, negotiated) = sdp::answer(&leg.local, &offer.bytes)?;
        leg.negotiated = Some(negotiated);
        Ok((leg, Body::sdp(answer)))
    }

    fn new(local: LocalMedia) -> Self {
        Self { local, negotiated: None, early: BTreeMap::new(), dialog: None, offered: false }
    }

    /// The description in force.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    /// The latest dialog, early or confirmed.
    #[must_use]
    pub fn dialog(&self) -> Option<&DialogSnapshot> {
        self.dialog.as_deref()
    }

    /// Takes one event of the endpoint.
    pub fn handle(&mut self, event: Event) -> LegNews {
        match event {
            Event::Provisional { status, dialog, body, .. } => {
                let media = self.early_media(dialog.as_deref(), body.as_ref());
                self.dialog = dialog.or(self.dialog.take());
                LegNews::of(LegEvent::Provisional { status: status.code(), media })
            }
            Event::Answered { dialog, body, .. } => {
                let (media, fault) = self.answered_media(&dialog, body.as_ref());
                self.dialog = Some(dialog);
                LegNews { fault, ..LegNews::of(LegEvent::Answered { media }) }
            }
            Event::Failed { failure, .. } => LegNews::of(LegEvent::Failed(dial_failure(&failure))),
            Event::Cancelled { reason, .. } => {
                LegNews::of(LegEvent::Ended { by: LegEnd::Remote, q850: reason.as_ref().and_then(q850) })
            }
            Event::Acknowledged { dialog, body, .. } => {
                self.dialog = Some(dialog);
                let answer = body.filter(|_| std::mem::take(&mut self.offered));
                answer.map_or_else(LegNews::default, |body| self.accept(&body))
            }
            Event::Reoffer { body, .. } => self.reoffer(body),
            Event::Reanswered { body, .. } => self.accept(&body),
            Event::Info { body, .. } => LegNews { digit: body.as_ref().and_then(key_of), ..LegNews::default() },
            Event::Refer { progress, .. } => LegNews { refer: Some(progress), ..LegNews::default() },
            Event::Ended { by, reason, .. } => {
                let by = match by {
                    EndedBy::Remote => LegEnd::Remote,
                    EndedBy::Local => LegEnd::Local,
                    EndedBy::SessionTimer | EndedBy::Error => LegEnd::Fault,
                };
                LegNews::of(LegEvent::Ended { by, q850: reason.as_ref().and_then(q850) })
            }
            // No leg makes new offers, and whether one goes on elsewhere is decided before it comes here.
            Event::Reoffered { .. }
            | Event::Redirected { .. }
            | Event::Incoming { .. }
            | Event::Referred { .. }
            | Event::Recovered { .. }
            | Event::ProbeResult { .. }
            | Event::Health { .. }
            | Event::Rebound { .. }
            | Event::Register { .. }
            | Event::RegistrationState { .. }
            | Event::Unproved { .. }
            | Event::Malformed { .. } => LegNews::default(),
        }
    }

    fn early_media(&mut self, dialog: Option<&DialogSnapshot>, body: Option<&Body>) -> bool {
        let Some(negotiated) = body.and_then(|body| sdp::accept_answer(&self.local, &body.bytes).ok()) else {
            return false;
        };
        if let Some(dialog) = dialog {
            self.early.insert(dialog.remote_tag.clone(), negotiated.clone());
        }
        self.negotiated = Some(negotiated);
        true
    }

    /// Whether the answered dialog has a description: in its 2xx, or in a 1xx of the same dialog. And why not, when that
    /// of the 2xx could not be taken.
    fn answered_media(&mut self, dialog: &DialogSnapshot, body: Option<&Body>) -> (bool, Option<SdpError>) {
        let answer = body.map(|body| sdp::accept_answer(&self.local, &body.bytes));
        let (negotiated, fault) = match answer {
            Some(Ok(negotiated)) => (Some(negotiated), None),
            Some(Err(fault)) => (None, Some(fault)),
            None => (self.early.get(&dialog.remote_tag).cloned(), None),
        };
        let found = negotiated.is_some();
        self.negotiated = negotiated.or(self.negotiated.take());
        (found, fault)
    }

    fn accept(&mut self, body: &Body) -> LegNews {
        let negotiated = match sdp::accept_answer(&self.local, &body.bytes) {
            Ok(negotiated) => negotiated,
            Err(fault) => return LegNews { fault: Some(fault), ..LegNews::default() },
        };
        let receives = negotiated.direction.receives();
        self.negotiated = Some(negotiated);
        LegNews::of(LegEvent::Renegotiated { receives })
    }

    /// Another dialog takes the place of this leg's (RFC 3891). Its offer, or the lack of one, is answered like a re-INVITE;
    /// [`LegNews::reoffer`] is the body of its 200, or the status that refuses it and leaves the leg as it was. Encrypted
    /// legs are not taken over: our key has been told to whom we talked to so far.
    pub fn taken_over(&mut self, dialog: DialogSnapshot, offer: Option<Body>) -> LegNews {
        if self.local.encryption != Encryption::Off {
            return LegNews { reoffer: Some(Err(StatusCode::NOT_ACCEPTABLE_HERE)), ..LegNews::default() };
        }
        let news = self.reoffer(offer);
        if let Some(Ok(_)) = news.reoffer {
            self.dialog = Some(Box::new(dialog));
        }
        news
    }

    fn reoffer(&mut self, offer: Option<Body>) -> LegNews {
        self.local.version += 1;
        let Some(offer) = offer else {
            self.offered = true;
            return LegNews { reoffer: Some(Ok(Body::sdp(sdp::offer(&self.local)))), ..LegNews::default() };
        };
        match sdp::answer(&self.local, &offer.bytes) {
            Ok((answer, negotiated)) => {
                let receives = negotiated.direction.receives();
                self.negotiated = Some(negotiated);
                let event = Some(LegEvent::Renegotiated { receives });
                LegNews { event, reoffer: Some(Ok(Body::sdp(answer))), ..LegNews::default() }
            }
            Err(fault) => {
                self.local.version -= 1;
                let reoffer = Some(Err(StatusCode::NOT_ACCEPTABLE_HERE));
                LegNews { reoffer, fault: Some(fault), ..LegNews::default() }
            }
        }
    }
}

fn dial_failure(failure: &Failure) -> DialFailure {
    let cause = match failure.cause {
        FailureCause::Response => DialFault::Response,
        FailureCause::Cancelled if failure.status.is_some() => DialFault::Response,
        FailureCause::NoResponse | FailureCause::Cancelled => DialFault::Silence,
        FailureCause::NotSent => DialFault::NotSent,
        FailureCause::ConnectionLost => DialFault::ConnectionLost,
        FailureCause::LocalError | FailureCause::Rejected => DialFault::Local,
    };
    let headers = failure.response.as_ref().map(|response| &response.headers);
    let values = |name: HeaderName| {
        let values =
            headers.into_iter().flat_map(move |headers| headers.all(&name).map(<[u8]>::to_vec).collect::<Vec<_>>());
        values.collect::<Vec<_>>().join(&b", "[..])
    };
    // RFC 8688 section 3.2.2: the jCard of a blocking analytics engine is named by this purpose.
    let jcard = values(HeaderName::CallInfo).windows(7).any(|window| window.eq_ignore_ascii_case(b"jwscard"));
    DialFailure {
        cause,
        status: failure.status.map(StatusCode::code),
        phrase: failure.phrase.clone(),
        q850: failure.reason.as_ref().and_then(q850),
        reason_text: values(HeaderName::Reason),
        jcard,
        retry_after: failure.retry_after,
        provisional_seen: failure.provisional_seen,
        rang: failure.ringing_seen,
        after: std::time::Duration::ZERO,
    }
}

fn q850(reason: &Reason) -> Option<u8> {
    reason.cause.filter(|_| reason.protocol.is("Q.850")).and_then(|cause| u8::try_from(cause).ok())
}

/// The key in a body of `application/dtmf-relay` ("Signal=5", then "Duration=160") or `application/dtmf` ("5").
fn key_of(body: &Body) -> Option<Digit> {
    let text = std::str::from_utf8(&body.bytes).ok()?;
    let kind = body.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let signal = match kind.as_str() {
        "application/dtmf-relay" => text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value.trim())
        })?,
        "application/dtmf" => text.trim(),
        _ => return None,
    };
    let mut characters = signal.chars();
    let digit = characters.next().and_then(Digit::from_char)?;
    characters.next().is_none().then_some(digit)
}

#[cfg(test)]
mod tests;
