//! Tokens for browsers: each lets somebody begin one thing once, in place of a key.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::api::auth::Caller;
use crate::id::{AssistantId, CallId, WebRtcSessionId};

/// How long a token serves.
pub const LIFE: Duration = Duration::from_secs(30);
/// Tokens that wait to be used. With more nobody gets one until some have expired.
const MOST: usize = 1_024;

/// The tokens of this node: those that wait to be used, and those of sessions that go on. Only their hashes are kept, in
/// memory.
#[derive(Debug, Default)]
pub struct Tickets {
    kept: Mutex<BTreeMap<[u8; 32], Ticket>>,
    held: Mutex<BTreeMap<[u8; 32], (WebRtcSessionId, Caller)>>,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// To listen to a call.
    Listen(CallId),
    /// To take a call over.
    TakeOver(CallId),
    /// To talk to an assistant.
    Talk(AssistantId),
}

/// Which token a request came with that began a session.
#[derive(Clone, Copy, Debug)]
pub struct Pass([u8; 32]);

#[derive(Clone, Copy, Debug)]
struct Ticket {
    subject: Subject,
    caller: Caller,
    until: Instant,
}

impl Tickets {
    /// A token for whoever asks; none when too many wait.
    pub(in crate::api) fn issue(&self, now: Instant, subject: Subject, caller: Caller) -> Option<String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, ticket| ticket.until > now);
        if kept.len() >= MOST {
            return None;
        }
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        kept.insert(hash(&token), Ticket { subject, caller, until: now + LIFE });
        Some(token)
    }

    /// Who may do this with the token. It serves nobody any more, whatever comes of it.
    pub(in crate::api) fn redeem(&self, now: Instant, token: &str, subject: Subject) -> Option<Caller> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = kept.remove(&hash(token))?;
        (ticket.until > now && ticket.subject == subject).then_some(ticket.caller)
    }

    /// The token goes on to serve for a session that it began, and for nothing else, as long as the session is live.
    pub(in crate::api) fn hold(
        &self,
        pass: Pass,
        session: WebRtcSessionId,
        caller: Caller,
        is_live: impl Fn(WebRtcSessionId) -> bool,
    ) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, (session, _)| is_live(*session));
        held.insert(pass.0, (session, caller));
    }

    /// Whose session it is that a token began.
    pub(in crate::api) fn holder(&self, token: &str, session: WebRtcSessionId) -> Option<Caller> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&hash(token)).filter(|(of, _)| *of == session).map(|(_, caller)| *caller)
    }
}

impl Pass {
    pub(in crate::api) fn of(token: &str) -> Self {
        Self(hash(token))
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::auth::Who;
    use crate::api::scopes::Scopes;
    use crate::id::{ApiKeyId, OrgId};
    use crate::time;

    fn caller() -> Caller {
        Caller { org: OrgId::from_u128(1), who: Who::Key(ApiKeyId::from_u128(2)), scopes: Scopes::default() }
    }

    #[test]
    fn a_token_serves_once_for_its_call_and_not_for_long() {
        let (tickets, now) = (Tickets::default(), time::now().mono);
        let (one, two) = (Subject::Listen(CallId::from_u128(1)), Subject::Listen(CallId::from_u128(2)));
        let issue = |call| tickets.issue(now, call, caller()).expect("there is room");
        let token = issue(one);
        assert_eq!(tickets.redeem(now, &token, one).map(|caller| caller.who), Some(caller().who));
        assert!(tickets.redeem(now, &token, one).is_none(), "it was used");
        let token = issue(one);
        assert!(tickets.redeem(now, &token, two).is_none(), "another call");
        assert!(tickets.redeem(now, &token, one).is_none(), "and not tried again");
        let token = issue(one);
        assert!(tickets.redeem(now + LIFE, &token, one).is_none(), "too late");
    }

    #[test]
    fn a_token_that_began_a_session_serves_for_it_while_it_lasts() {
        let tickets = Tickets::default();
        let (one, two) = (WebRtcSessionId::from_u128(1), WebRtcSessionId::from_u128(2));
        tickets.hold(Pass::of("one"), one, caller(), |_| true);
        assert!(tickets.holder("one", one).is_some());
        assert!(tickets.holder("one", two).is_none() && tickets.holder("two", one).is_none());
        tickets.hold(Pass::of("two"), two, caller(), |session| session == two);
        assert!(tickets.holder("one", one).is_none(), "the session is over");
    }

    #[test]
    fn a_token_to_listen_is_none_to_talk() {
        let (tickets, now) = (Tickets::default(), time::now().mono);
        let token = tickets.issue(now, Subject::Listen(CallId::from_u128(1)), caller()).expect("there is room");
        assert!(tickets.redeem(now, &token, Subject::Talk(AssistantId::from_u128(1))).is_none());
    }

    #[test]
    fn so_many_wait_and_expired_ones_make_room() {
        let (tickets, now) = (Tickets::default(), time::now().mono);
        let call = Subject::Listen(CallId::from_u128(1));
        assert!((0..MOST).all(|_| tickets.issue(now, call, caller()).is_some()));
        assert!(tickets.issue(now, call, caller()).is_none());
        assert!(tickets.issue(now + LIFE, call, caller()).is_some());
    }
}
