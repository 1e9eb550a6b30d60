//! Dialogs (RFC 3261 section 12): what two sides of a call agree on, and the requests that follow from it.

pub(crate) mod auth;
mod route;
pub(crate) mod session_timer;
mod snapshot;

pub use snapshot::DialogSnapshot;

use crate::endpoint::Flow;
use crate::message::header::{CSeq, CallId, Contact, NameAddr, Tag};
use crate::message::{HeaderName, Headers, Method, Request, Response, Scheme, Uri};
use route::Plan;

/// One side's view of a dialog. Our own CSeq belongs to the session, which may have several early dialogs and
/// counts through all of them.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) call_id: CallId,
    pub(crate) local_tag: Tag,
    pub(crate) remote_tag: Tag,
    /// Our From, without tag.
    pub(crate) local: NameAddr,
    /// Their From or To, without tag.
    pub(crate) remote: NameAddr,
    /// Their Contact.
    pub(crate) remote_target: Uri,
    /// Route header values in the order in which they are sent.
    pub(crate) route_set: Vec<Vec<u8>>,
    /// CSeq of their latest request.
    pub(crate) remote_cseq: Option<u32>,
    /// Where the messages that made the dialog went or came from.
    pub(crate) flow: Flow,
    /// Whether their Allow header names UPDATE.
    pub(crate) allows_update: bool,
}

/// Most Route entries kept of a peer's Record-Route; a longer one is no route but an attack.
const MAX_ROUTES: usize = 64;

impl Dialog {
    /// The dialog a response to our INVITE makes (RFC 3261 12.1.2). `None` for a 1xx without To tag; in a 2xx a missing
    /// tag, as RFC 2543 peers have it, counts as an empty one. A response without Contact, which a 1xx may lack in
    /// practice, leaves the Request-URI as target.
    pub(crate) fn as_caller(invite: &Request, response: &Response, flow: Flow) -> Option<Self> {
        let from: crate::message::header::From = invite.headers.typed().ok()?;
        let to: crate::message::header::To = response.headers.typed().ok()?;
        let local_tag = from.tag()?;
        let remote_tag = match to.tag() {
            Some(tag) => tag,
            None if response.status.is_success() => Tag::from_bytes([]),
            None => return None,
        };
        let mut route_set = record_routes(&response.headers);
        route_set.reverse();
        if route_set.is_empty() && !response.headers.has(&HeaderName::RecordRoute) {
            // Routes we were told to use stay in force for proxies that do not record themselves.
            route_set = preloaded_routes(&invite.headers);
        }
        Some(Self {
            call_id: invite.headers.typed().ok()?,
            local_tag,
            remote_tag,
            local: untagged(&from),
            remote: untagged(&to),
            remote_target: contact(&response.headers).unwrap_or_else(|| invite.uri.clone()),
            route_set,
            remote_cseq: None,
            flow,
            allows_update: allows_update(&response.headers),
        })
    }

    /// The dialog our answer to an INVITE makes (RFC 3261 12.1.1). `None` without Contact, which is mandatory here.
    /// A missing From tag, as RFC 2543 senders have it, counts as an empty one.
    pub(crate) fn as_callee(invite: &Request, local_tag: Tag, flow: Flow) -> Option<Self> {
        let from: crate::message::header::From = invite.headers.typed().ok()?;
        let to: crate::message::header::To = invite.headers.typed().ok()?;
        Some(Self {
            call_id: invite.headers.typed().ok()?,
            local_tag,
            remote_tag: from.tag().unwrap_or_else(|| Tag::from_bytes([])),
            local: untagged(&to),
            remote: untagged(&from),
            remote_target: contact(&invite.headers)?,
            route_set: record_routes(&invite.headers),
            remote_cseq: invite.headers.typed::<CSeq>().ok().map(|cseq| cseq.number),
            flow,
            allows_update: allows_update(&invite.headers),
        })
    }

    /// The scheme of our Contact in answers to the INVITE for this address: `sips` where that, the top Record-Route, or
    /// without one the Contact of the far end is (RFC 3261 12.1.1).
    pub(crate) fn scheme(&self, asked_for: &Uri) -> Scheme {
        let first = self.route_set.first().and_then(|route| NameAddr::parse(route).ok()).map(|route| route.uri.scheme);
        let secure = [asked_for.scheme.clone(), first.unwrap_or_else(|| self.remote_target.scheme.clone())];
        if secure.contains(&Scheme::Sips) { Scheme::Sips } else { Scheme::Sip }
    }

    /// A request within the dialog, all but Via (RFC 3261 12.2.1.1), and where it is sent.
    pub(crate) fn request(&self, method: Method, cseq: u32) -> (Request, Flow) {
        let plan = Plan::new(&self.remote_target, &self.route_set);
        let flow = plan.flow(self.flow);
        let mut request = Request::new(method, plan.uri);
        for route in plan.routes {
            request.headers.push(HeaderName::Route, route);
        }
        request.headers.push(HeaderName::MaxForwards, "70");
        let tagged = |address: &NameAddr, tag: &Tag| {
            let mut out = Vec::new();
            if tag.as_bytes().is_empty() { address.clone() } else { address.clone().with_tag(tag) }.print(&mut out);
            out
        };
        request.headers.push(HeaderName::From, tagged(&self.local, &self.local_tag));
        request.headers.push(HeaderName::To, tagged(&self.remote, &self.remote_tag));
        request.headers.push_typed(&self.call_id);
        request.headers.push_typed(&CSeq { number: cseq, method: request.method.clone() });
        (request, flow)
    }

    /// Where the next hop listens, if that is another address than the one of `flow`, which failed.
    pub(crate) fn listening_flow(&self, flow: Flow) -> Option<Flow> {
        let peer = Plan::new(&self.remote_target, &self.route_set).address(&flow)?;
        (peer != flow.peer).then_some(Flow { peer, ..flow })
    }

    /// Takes over a new Contact: the target is refreshed by INVITE and UPDATE and their 2xx (RFC 3261 12.2, RFC 3311).
    pub(crate) fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.remote_target = target;
        }
        if headers.has(&HeaderName::Allow) {
            self.allows_update = allows_update(headers);
        }
    }

    /// What recovery needs to know of it.
    pub(crate) fn snapshot(&self, local_cseq: u32) -> DialogSnapshot {
        DialogSnapshot::of(self, local_cseq)
    }
}

/// The far side's address. Headers in it are left out: it becomes a Request-URI, which has none (RFC 3261 19.1.1).
fn contact(headers: &Headers) -> Option<Uri> {
    let mut uri = headers.typed_all::<Contact>().ok()?.into_iter().next()?.0.uri;
    uri.headers = None;
    Some(uri)
}

fn record_routes(headers: &Headers) -> Vec<Vec<u8>> {
    list(headers, &HeaderName::RecordRoute)
}

fn preloaded_routes(headers: &Headers) -> Vec<Vec<u8>> {
    list(headers, &HeaderName::Route)
}

fn list(headers: &Headers, name: &HeaderName) -> Vec<Vec<u8>> {
    let elements = headers.all(name).flat_map(crate::message::split_list);
    elements.map(|(_, element)| element.to_vec()).take(MAX_ROUTES).collect()
}

fn untagged(address: &NameAddr) -> NameAddr {
    let mut address = address.clone();
    address.params.remove("tag");
    address
}

fn allows_update(headers: &Headers) -> bool {
    let names = headers.all(&HeaderName::Allow).flat_map(crate::message::split_list);
    names.into_iter().any(|(_, name)| name == b"UPDATE")
}
