//! Tokens that let somebody listen once who cannot send a header.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::api::auth::Caller;
use crate::id::CallId;

/// How long a token serves.
pub const LIFE: Duration = Duration::from_secs(30);
/// Tokens that wait to be used. With more nobody gets one until some have expired.
const MOST: usize = 1_024;

/// The tokens of this node that wait to be used. Only their hashes are kept, in memory.
#[derive(Debug, Default)]
pub struct Tickets {
    kept: Mutex<BTreeMap<[u8; 32], Ticket>>,
}

#[derive(Clone, Copy, Debug)]
struct Ticket {
    call: CallId,
    caller: Caller,
    until: Instant,
}

impl Tickets {
    /// A token for whoever asks, to listen to this call; none when too many wait.
    pub(in crate::api) fn issue(&self, now: Instant, call: CallId, caller: Caller) -> Option<String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, ticket| ticket.until > now);
        if kept.len() >= MOST {
            return None;
        }
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        kept.insert(hash(&token), Ticket { call, caller, until: now + LIFE });
        Some(token)
    }

    /// Who may listen to this call with the token. It serves nobody any more, whatever comes of it.
    pub(in crate::api) fn redeem(&self, now: Instant, token: &str, call: CallId) -> Option<Caller> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = kept.remove(&hash(token))?;
        (ticket.until > now && ticket.call == call).then_some(ticket.caller)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scopes::Scopes;
    use crate::id::{ApiKeyId, OrgId};
    use crate::time;

    fn caller() -> Caller {
        Caller { org: OrgId::from_u128(1), key: ApiKeyId::from_u128(2), scopes: Scopes::default() }
    }

    #[test]
    fn a_token_serves_once_for_its_call_and_not_for_long() {
        let (tickets, now) = (Tickets::default(), time::now().mono);
        let (one, two) = (CallId::from_u128(1), CallId::from_u128(2));
        let issue = |call| tickets.issue(now, call, caller()).expect("there is room");
        let token = issue(one);
        assert_eq!(tickets.redeem(now, &token, one).map(|caller| caller.key), Some(caller().key));
        assert!(tickets.redeem(now, &token, one).is_none(), "it was used");
        let token = issue(one);
        assert!(tickets.redeem(now, &token, two).is_none(), "another call");
        assert!(tickets.redeem(now, &token, one).is_none(), "and not tried again");
        let token = issue(one);
        assert!(tickets.redeem(now + LIFE, &token, one).is_none(), "too late");
    }

    #[test]
    fn so_many_wait_and_expired_ones_make_room() {
        let (tickets, now) = (Tickets::default(), time::now().mono);
        let call = CallId::from_u128(1);
        assert!((0..MOST).all(|_| tickets.issue(now, call, caller()).is_some()));
        assert!(tickets.issue(now, call, caller()).is_none());
        assert!(tickets.issue(now + LIFE, call, caller()).is_some());
    }
}
