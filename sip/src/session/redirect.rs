//! Redirections of an outgoing call (RFC 3261 8.1.3.4), where its [`Conduct`](crate::endpoint::Conduct) lets it be
//! redirected. Nobody is dialed until the shell says so: it knows which numbers may be called.

use super::{Calling, Cancel, Session, Stage, refused, silent};
use crate::callerid::history::{self, LeftTarget};
use crate::dialog::auth::Authenticator;
use crate::endpoint::core::{Core, Purpose};
use crate::endpoint::{
    CommandError, Event, Failure, FailureCause, Flow, Orphan, Redirection, SessionTimer as Deadline,
};
use crate::message::header::{CSeq, NameAddr};
use crate::message::{HeaderName, Headers, Method, Request, Response, Scheme, StatusCode, Uri};
use std::collections::VecDeque;
use std::time::Instant;

/// Contacts that are followed in one call.
const MOST_TARGETS: usize = 5;
/// Contacts of one response that are looked at.
const MOST_CONTACTS: usize = 32;

/// The target set of a call that may be redirected.
#[derive(Debug)]
pub(super) struct Redirects {
    /// Every URI that is or was in the set, the first Request-URI in front: none is dialed twice.
    seen: Vec<Uri>,
    /// Those not offered to the shell yet, the best first.
    waiting: VecDeque<Waiting>,
    /// What the shell is deciding about.
    offered: Option<Offered>,
}

#[derive(Debug)]
struct Waiting {
    /// Without what may not stand in a Request-URI.
    contact: NameAddr,
    /// What stood there, and whom it came from: the next INVITE tells of it.
    named: NameAddr,
    origin: LeftTarget,
}

#[derive(Debug)]
struct Offered {
    target: Waiting,
    /// The request that is sent again.
    request: Request,
    /// Where it went.
    flow: Flow,
    /// How the call ends if nobody else is dialed.
    failure: Failure,
}

impl Redirects {
    pub(super) fn new(uri: &Uri) -> Self {
        Self { seen: vec![uri.clone()], waiting: VecDeque::new(), offered: None }
    }

    /// Whether the shell is deciding.
    pub(super) fn is_open(&self) -> bool {
        self.offered.is_some()
    }

    /// Takes over the contacts of a redirection, by their `q`, which is 1 where it does not stand.
    fn learn(&mut self, headers: &Headers, origin: &LeftTarget) {
        let elements = headers.all(&HeaderName::Contact).flat_map(crate::message::split_list).take(MOST_CONTACTS);
        let mut contacts: Vec<(u32, NameAddr)> = elements
            .filter_map(|(_, element)| NameAddr::parse(element).ok())
            .map(|contact| (contact.params.value("q").and_then(thousandths).unwrap_or(1000), contact))
            .collect();
        contacts.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        for (_, named) in contacts {
            let mut contact = named.clone();
            contact.uri = request_uri(contact.uri);
            // "a client MUST NOT add any given URI to the target set more than once".
            let known = self.seen.iter().any(|uri| uri.equivalent(&contact.uri));
            if !known && self.may_lead_to(&contact.uri) && self.seen.len() <= MOST_TARGETS {
                self.seen.push(contact.uri.clone());
                self.waiting.push_back(Waiting { contact, named, origin: origin.clone() });
            }
        }
    }

    /// A call that was to be secure on every hop is not led to where it is not.
    fn may_lead_to(&self, uri: &Uri) -> bool {
        let secure = self.seen.first().is_some_and(|first| first.scheme == Scheme::Sips);
        match uri.scheme {
            Scheme::Sips => true,
            Scheme::Sip | Scheme::Tel => !secure,
            Scheme::Other(_) => false,
        }
    }
}

impl Session {
    /// A final refusal, or a request that provably did not leave: is somebody else to be asked for? `true` if the shell
    /// was asked.
    pub(super) fn look_elsewhere(
        &mut self,
        core: &mut Core,
        now: Instant,
        mut request: Request,
        flow: Flow,
        response: Option<Response>,
    ) -> bool {
        let Stage::Calling(calling) = &mut self.stage else { return false };
        let room = calling.sent < Orphan::MOST_INVITES;
        let Some(redirects) = &mut calling.redirects else { return false };
        if self.ended || calling.cancel != Cancel::No || !room {
            return false;
        }
        let origin = history::leave(&mut request, response.as_ref());
        if let Some(response) = &response {
            match response.status {
                // The others are no other addresses of the callee: 305 names a proxy, 380 another service.
                StatusCode::MULTIPLE_CHOICES | StatusCode::MOVED_PERMANENTLY | StatusCode::MOVED_TEMPORARILY => {
                    redirects.learn(&response.headers, &origin);
                }
                // A 6xx speaks for every address of the callee (section 21.6).
                status if status.code() >= 600 => redirects.waiting.clear(),
                _other => {}
            }
        }
        let failure = match response {
            Some(response) => refused(FailureCause::Response, response),
            None => silent(FailureCause::NotSent),
        };
        self.offer(core, now, request, flow, failure).is_none()
    }

    /// Offers the next target to the shell; gives back the failure if there is none.
    fn offer(
        &mut self,
        core: &mut Core,
        now: Instant,
        request: Request,
        flow: Flow,
        failure: Failure,
    ) -> Option<Failure> {
        let Stage::Calling(calling) = &mut self.stage else { return Some(failure) };
        let Calling { redirects: Some(redirects), invites, .. } = calling.as_mut() else { return Some(failure) };
        let Some(target) = redirects.waiting.pop_front() else { return Some(failure) };
        let redirection = Box::new(Redirection {
            target: target.contact.clone(),
            status: failure.status,
            left: redirects.waiting.len(),
        });
        redirects.offered = Some(Offered { target, request, flow, failure });
        invites.clear();
        self.set(core, now + core.config.reoffer_limit, Deadline::RedirectUnanswered);
        core.emit(Event::Redirected { session: self.id, redirection });
        None
    }

    /// The shell lets the call go on to the target that was offered.
    pub(crate) fn follow(&mut self, core: &mut Core, now: Instant, flow: Flow) -> Result<(), CommandError> {
        let offered = self.take_offered(core).ok_or(CommandError::WrongState(self.id))?;
        let mut request = offered.request;
        for name in [HeaderName::Via, HeaderName::Authorization, HeaderName::ProxyAuthorization] {
            request.headers.remove(&name);
        }
        if flow.peer.ip() != offered.flow.peer.ip() {
            // What another host asks for is not answered by the password that is meant for the first.
            self.auth = Authenticator::default();
        }
        self.attempts.remove(&Purpose::Invite);
        // To, From and Call-ID stay, the CSeq goes up, the branch follows from it.
        self.cseq += 1;
        history::go_on(&mut request, &offered.target.named, &offered.target.origin);
        request.uri = offered.target.contact.uri;
        self.scheme = request.uri.scheme.clone();
        request.headers.set_typed(&CSeq { number: self.cseq, method: Method::Invite });
        request.headers.set(HeaderName::Contact, self.contact(core, &flow));
        self.auth.apply(&mut request, &mut core.random);
        let transaction = self.send(core, now, request, flow, Purpose::Invite);
        if let Stage::Calling(calling) = &mut self.stage {
            calling.sent_again(transaction);
        }
        Ok(())
    }

    /// The shell does not want the target that was offered: the next one is offered, or the call ends with the response
    /// that redirected it.
    pub(crate) fn pass_over(&mut self, core: &mut Core, now: Instant) -> Result<(), CommandError> {
        let offered = self.take_offered(core).ok_or(CommandError::WrongState(self.id))?;
        if let Some(failure) = self.offer(core, now, offered.request, offered.flow, offered.failure) {
            self.give_up(core, failure);
            self.stage = Stage::Over;
        }
        Ok(())
    }

    /// The shell did not decide in time.
    pub(super) fn redirect_unanswered(&mut self, core: &mut Core) {
        if let Some(offered) = self.take_offered(core) {
            self.give_up(core, offered.failure);
            self.stage = Stage::Over;
        }
    }

    /// The call is given up while the shell decides: nothing is out that could be cancelled. `false` if it does not.
    pub(super) fn drop_offered(&mut self, core: &mut Core, cause: FailureCause) -> bool {
        if self.take_offered(core).is_none() {
            return false;
        }
        self.give_up(core, silent(cause));
        self.stage = Stage::Over;
        true
    }

    fn take_offered(&mut self, core: &mut Core) -> Option<Offered> {
        let Stage::Calling(calling) = &mut self.stage else { return None };
        let offered = calling.redirects.as_mut()?.offered.take()?;
        self.clear(core, Deadline::RedirectUnanswered);
        Some(offered)
    }
}

/// A Contact as Request-URI: without `method` and headers (RFC 3261 19.1.1). What the headers would put into the request
/// is not ours to say in somebody else's name.
fn request_uri(mut uri: Uri) -> Uri {
    uri.headers = None;
    uri.params.remove("method");
    uri
}

/// A qvalue (`0`, `0.7`, `1.000`) in thousandths.
fn thousandths(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    let whole: u32 = whole.parse().ok()?;
    (whole.checked_mul(1000)?.checked_add(part)? <= 1000).then_some(whole * 1000 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qvalues_are_read() {
        for (text, value) in [("1", 1000), ("0.7", 700), ("0.05", 50), ("1.000", 1000), ("0", 0), ("0.", 0)] {
            assert_eq!(thousandths(text.as_bytes()), Some(value), "{text}");
        }
        for bad in ["2", "1.001", "0.1234", "x", "", "-1", "0.x", "99999999999"] {
            assert_eq!(thousandths(bad.as_bytes()), None, "{bad}");
        }
    }
}
