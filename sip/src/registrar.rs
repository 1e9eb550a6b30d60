//! Registration as a registrar (RFC 3261 section 10.3): what a REGISTER asks for, and the bindings that follow from it.
//!
//! The endpoint tells of a REGISTER by [`Event::Register`](crate::endpoint::Event::Register) and sends what
//! [`answer_register`](crate::endpoint::Endpoint::answer_register) is given. Whose bindings a request may touch is for
//! the shell to decide; [`Bindings`] are those of one owner.

use crate::endpoint::{AccountId, Flow, Transport};
use crate::message::header::{CSeq, CallId, Contact, Expires, To};
use crate::message::{HeaderName, Headers, Request, Scheme, StatusCode, Uri};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The shortest binding that is granted, in seconds; shorter ones get 423.
pub const MIN_EXPIRES: u32 = 60;
/// The longest binding that is granted, in seconds; longer ones are cut to it.
pub const MAX_EXPIRES: u32 = 3600;
/// What is granted to a request that names no time, in seconds.
pub const DEFAULT_EXPIRES: u32 = 600;

/// The longest address that is kept, in bytes.
const LONGEST_URI: usize = 512;

/// One REGISTER that came in and waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterId(pub u64);

/// A REGISTER that came in.
#[derive(Debug, Clone)]
pub struct IncomingRegister {
    /// Where it came from.
    pub flow: Flow,
    /// The request.
    pub request: Request,
    /// Who proved to have sent it, where that was asked ([`Callers`](crate::endpoint::Callers)).
    pub account: Option<AccountId>,
}

/// How a REGISTER is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterAnswer {
    /// 200, with what is bound to the address of record now.
    Bound {
        /// Each binding with the seconds it still lasts.
        contacts: Vec<(Uri, u32)>,
        /// The longest time granted to the contacts of this request, in seconds; `None` when it bound none.
        granted: Option<u32>,
    },
    /// 423: the request asked for less than this many seconds.
    TooBrief(u32),
    /// A refusal, 300 to 699.
    Refused(StatusCode),
}

/// Where an owner can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The address it gave.
    pub contact: Uri,
    /// How requests get there: to the contact's address when that is the one the REGISTER came from, else, and over TLS and
    /// websockets in any case, back the way of the REGISTER. A binding never leads to another host than the one that made it.
    pub flow: Flow,
    /// When the binding ends.
    pub until: Instant,
}

/// The bindings of one owner, at most [`Bindings::MOST`]; the one refreshed longest ago gives way.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// In the order in which they were refreshed.
    kept: Vec<Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    aor: Uri,
    call_id: CallId,
    cseq: u32,
    location: Location,
}

/// What a REGISTER asks for one contact.
struct Wish {
    contact: Uri,
    expires: u32,
}

impl Bindings {
    /// The most bindings of one owner.
    pub const MOST: usize = 16;

    /// Carries out a REGISTER, as a whole or not at all.
    pub fn register(&mut self, now: Instant, register: &IncomingRegister) -> RegisterAnswer {
        self.kept.retain(|kept| kept.location.until > now);
        match self.carry_out(now, register) {
            Ok(granted) => RegisterAnswer::Bound { contacts: self.contacts(now, register), granted },
            Err(answer) => answer,
        }
    }

    /// The binding refreshed last that still lasts.
    #[must_use]
    pub fn latest(&self, now: Instant) -> Option<&Location> {
        self.kept.iter().rev().map(|kept| &kept.location).find(|location| location.until > now)
    }

    /// Forgets bindings that lead to a host for which `stays` is false.
    pub fn retain_hosts(&mut self, stays: impl Fn(IpAddr) -> bool) {
        self.kept.retain(|kept| stays(kept.location.flow.peer.ip().to_canonical()));
    }

    /// Whether there is none, ended ones included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn carry_out(&mut self, now: Instant, register: &IncomingRegister) -> Result<Option<u32>, RegisterAnswer> {
        let bad = || RegisterAnswer::Refused(StatusCode::BAD_REQUEST);
        let headers = &register.request.headers;
        let aor = address_of_record(headers).ok_or_else(bad)?;
        let call_id: CallId = headers.typed().map_err(|_| bad())?;
        let cseq = headers.typed::<CSeq>().map_err(|_| bad())?.number;
        // Step 7: a request that is older than the binding it would change fails as a whole.
        let outdated = |kept: &Kept| kept.call_id == call_id && kept.cseq >= cseq;
        let stale = RegisterAnswer::Refused(StatusCode::SERVER_INTERNAL_ERROR);
        if is_everything(headers) {
            if headers.try_typed::<Expires>().ok().flatten() != Some(Expires(0)) {
                return Err(bad());
            }
            if self.kept.iter().any(|kept| kept.aor.equivalent(&aor) && outdated(kept)) {
                return Err(stale);
            }
            self.kept.retain(|kept| !kept.aor.equivalent(&aor));
            return Ok(None);
        }
        let wishes = wishes(headers).ok_or_else(bad)?;
        if wishes.iter().any(|wish| (1..MIN_EXPIRES).contains(&wish.expires)) {
            return Err(RegisterAnswer::TooBrief(MIN_EXPIRES));
        }
        let is =
            |kept: &Kept, wish: &Wish| kept.aor.equivalent(&aor) && kept.location.contact.equivalent(&wish.contact);
        if wishes.iter().any(|wish| self.kept.iter().any(|kept| is(kept, wish) && outdated(kept))) {
            return Err(stale);
        }
        let mut granted = None;
        for wish in wishes {
            self.kept.retain(|kept| !is(kept, &wish));
            if wish.expires == 0 {
                continue;
            }
            let seconds = wish.expires.min(MAX_EXPIRES);
            granted = granted.max(Some(seconds));
            let flow = flow_to(register.flow, &wish.contact);
            let until = now + Duration::from_secs(u64::from(seconds));
            let location = Location { contact: wish.contact, flow, until };
            self.kept.push(Kept { aor: aor.clone(), call_id: call_id.clone(), cseq, location });
        }
        let beyond = self.kept.len().saturating_sub(Self::MOST);
        self.kept.drain(..beyond);
        Ok(granted)
    }

    /// Step 8: what is bound to the address of record of a request, with the seconds left.
    fn contacts(&self, now: Instant, register: &IncomingRegister) -> Vec<(Uri, u32)> {
        let Some(aor) = address_of_record(&register.request.headers) else { return Vec::new() };
        let left = |until: Instant| {
            let left = until.saturating_duration_since(now);
            u32::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(u32::MAX)
        };
        let ours = self.kept.iter().filter(|kept| kept.aor.equivalent(&aor));
        ours.map(|kept| (kept.location.contact.clone(), left(kept.location.until))).collect()
    }
}

/// The URI of To without parameters (step 5).
fn address_of_record(headers: &Headers) -> Option<Uri> {
    let To(to) = headers.typed().ok()?;
    let mut uri = to.uri;
    // RFC 3261 10.2: nothing else is one.
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return None;
    }
    uri.params = crate::message::Params::new();
    uri.headers = None;
    (uri.to_string().len() <= LONGEST_URI).then_some(uri)
}

/// `Contact: *`, alone (step 6).
fn is_everything(headers: &Headers) -> bool {
    let mut lines = headers.all(&HeaderName::Contact);
    lines.next().is_some_and(|line| line.trim_ascii() == b"*") && lines.next().is_none()
}

/// What is asked for each contact; `None` when the request cannot be understood or asks for too much.
fn wishes(headers: &Headers) -> Option<Vec<Wish>> {
    let of_request = match headers.try_typed::<Expires>() {
        Ok(expires) => expires.map(|Expires(seconds)| seconds),
        // Malformed times count as an hour (RFC 3261 section 10.2.1.1).
        Err(_) => Some(MAX_EXPIRES),
    };
    let contacts = headers.typed_all::<Contact>().ok()?;
    if contacts.len() > Bindings::MOST {
        return None;
    }
    let wish = |Contact(contact): Contact| {
        let own = contact.params.text("expires");
        let own = own.map(|text| std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()));
        let expires = own.map_or(of_request.unwrap_or(DEFAULT_EXPIRES), |own| own.unwrap_or(MAX_EXPIRES));
        (contact.uri.to_string().len() <= LONGEST_URI).then_some(Wish { contact: contact.uri, expires })
    };
    contacts.into_iter().map(wish).collect()
}

/// See [`Location::flow`].
fn flow_to(came: Flow, contact: &Uri) -> Flow {
    let named = contact.params.value("transport");
    let transport = named.is_some_and(|name| name.eq_ignore_ascii_case(came.transport.name().as_bytes()));
    let same_transport = transport || (named.is_none() && came.transport == Transport::Udp);
    match contact.host.ip() {
        // Nobody proves at another connection to be who made this one (RFC 5923 section 8.1).
        // Nor is there another way to the far end of a websocket (RFC 7118 section 5).
        _ if came.transport.is_secure() || came.transport.is_websocket() => came,
        Some(ip) if same_transport && ip.to_canonical() == came.peer.ip().to_canonical() => {
            Flow { peer: SocketAddr::new(came.peer.ip(), contact.port.unwrap_or(5060)), ..came }
        }
        Some(_) | None => came,
    }
}
