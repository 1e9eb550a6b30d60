//! What every request must say before anything is done with it: who sent it, to which call, and where answers go.

use super::flow::Flow;
use crate::digest::server::AccountId;
use crate::message::header::{CSeq, CallId, From, Rport, Tag, To, TypedHeader, Via};
use crate::message::{HeaderName, Headers, Method, Request};
use std::net::{IpAddr, SocketAddr};

/// The parts of a request that name its transaction and dialog.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) via: Via,
    pub(crate) call_id: CallId,
    pub(crate) from_tag: Option<Tag>,
    pub(crate) to_tag: Option<Tag>,
    pub(crate) cseq: u32,
    /// Where it came from.
    pub(crate) source: Flow,
    /// Where responses go (RFC 3261 18.2.2, RFC 3581 section 4).
    pub(crate) response_flow: Flow,
    /// Who sent it, where that was proved.
    pub(crate) account: Option<AccountId>,
    /// Call-ID, tags, Request-URI and top Via of an RFC 2543 request, which has no branch that names it.
    legacy: Option<Vec<u8>>,
}

impl Envelope {
    /// Reads the envelope and notes in the top Via where the request came from.
    ///
    /// # Errors
    /// What is missing or unreadable. [`parse`](crate::message::parse) has refused most of that before.
    pub(crate) fn read(flow: Flow, request: &mut Request) -> Result<Self, &'static str> {
        let headers = &mut request.headers;
        let mut via = top_via(headers).ok_or("Via")?;
        let response_flow = note_source(&mut via, flow);
        replace_top_via(headers, &via);
        let call_id: CallId = headers.typed().map_err(|_| "Call-ID")?;
        let from: From = headers.typed().map_err(|_| "From")?;
        let to: To = headers.typed().map_err(|_| "To")?;
        let cseq: CSeq = headers.typed().map_err(|_| "CSeq")?;
        if cseq.method != request.method {
            return Err("CSeq");
        }
        let has_branch = via.branch.as_ref().is_some_and(crate::message::header::Branch::is_unique);
        let legacy = (!has_branch).then(|| {
            let mut key = Vec::new();
            request.uri.print(&mut key);
            via.print(&mut key);
            key
        });
        let (from_tag, to_tag) = (from.tag(), to.tag());
        Ok(Self {
            via,
            call_id,
            from_tag,
            to_tag,
            cseq: cseq.number,
            source: flow,
            response_flow,
            account: None,
            legacy,
        })
    }

    /// The envelope with who has proved to be its sender.
    pub(crate) fn of(self, account: Option<AccountId>) -> Self {
        Self { account, ..self }
    }

    /// What a server transaction is found by (RFC 3261 17.2.3): branch, sent-by and method, where an ACK looks for
    /// its INVITE. Without a branch that names it, RFC 2543's rule: Request-URI, Call-ID, From, CSeq number, top Via.
    pub(crate) fn server_key(&self, method: &Method) -> Vec<u8> {
        let mut key = Vec::with_capacity(96);
        match &self.legacy {
            None => {
                if let Some(branch) = &self.via.branch {
                    key.extend(branch.as_bytes().iter().map(u8::to_ascii_lowercase));
                }
                key.push(b' ');
                let start = key.len();
                self.via.sent_by.print(&mut key);
                key[start..].make_ascii_lowercase();
            }
            Some(legacy) => {
                key.extend_from_slice(legacy);
                key.push(b' ');
                key.extend_from_slice(&self.origin_key(&Method::Invite));
            }
        }
        key.push(b' ');
        let method = if *method == Method::Ack { &Method::Invite } else { method };
        key.extend_from_slice(method.as_str().as_bytes());
        key
    }

    /// What merged requests share (RFC 3261 8.2.2.2): From tag, Call-ID and CSeq with its method.
    pub(crate) fn origin_key(&self, method: &Method) -> Vec<u8> {
        let mut key = self.call_id.as_bytes().to_vec();
        key.push(b' ');
        if let Some(tag) = &self.from_tag {
            key.extend_from_slice(tag.as_bytes());
        }
        key.extend_from_slice(format!(" {} {method}", self.cseq).as_bytes());
        key
    }
}

impl Envelope {
    /// Notes the source in the top Via of a malformed request, and tells where its 400 goes.
    pub(crate) fn response_flow(flow: Flow, headers: &mut Headers) -> Option<Flow> {
        let mut via = top_via(headers)?;
        let response_flow = note_source(&mut via, flow);
        replace_top_via(headers, &via);
        Some(response_flow)
    }
}

/// The topmost Via.
pub(crate) fn top_via(headers: &Headers) -> Option<Via> {
    let first = headers.get(&HeaderName::Via)?;
    let (_, element) = crate::message::split_list(first).next()?;
    Via::parse(element).ok()
}

/// The CSeq number; 0 where there is none.
pub(crate) fn cseq_of(headers: &Headers) -> u32 {
    headers.typed::<CSeq>().map_or(0, |cseq| cseq.number)
}

/// Puts a changed top Via back. Further values, of the same line or not, keep their order.
fn replace_top_via(headers: &mut Headers, via: &Via) {
    let lines: Vec<Vec<u8>> = headers.all(&HeaderName::Via).map(<[u8]>::to_vec).collect();
    let Some((line, others)) = lines.split_first() else { return };
    let mut out = Vec::with_capacity(line.len() + 32);
    via.print(&mut out);
    for (_, rest) in crate::message::split_list(line).skip(1) {
        out.extend_from_slice(b", ");
        out.extend_from_slice(rest);
    }
    headers.set(HeaderName::Via, out);
    for other in others {
        headers.push(HeaderName::Via, other);
    }
}

/// Fills in `received` and `rport` and tells where responses go: over a stream back on it; over UDP to the source
/// port if `rport` was asked for, else to the port of sent-by.
fn note_source(via: &mut Via, flow: Flow) -> Flow {
    let source = flow.peer;
    let named: Option<IpAddr> = via.sent_by.host.ip();
    if named != Some(source.ip()) || via.rport.is_some() {
        via.received = Some(source.ip());
    }
    let mut peer = source;
    if via.rport.is_some() {
        via.rport = Some(Rport::Port(source.port()));
    } else if !flow.transport.is_reliable() {
        peer = SocketAddr::new(source.ip(), via.sent_by.port.unwrap_or(5060));
    }
    Flow { peer, ..flow }
}
