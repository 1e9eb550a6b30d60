//! The far side of an endpoint under operations: what it has heard, and what it says.

use std::net::SocketAddr;

use callwright_sip::endpoint::{Flow, ListenerId, PeerName, Transport};
use callwright_sip::message::header::{CSeq, From, RSeq, To};
use callwright_sip::message::{HeaderName, Headers, Message, Method, Request, Response, StatusCode};

use super::Play;

const PEER: ([u8; 4], u16) = ([192, 0, 2, 9], 5060);
const METHODS: [&str; 12] =
    ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "OPTIONS", "REGISTER", "STRANGE"];
/// Headers beyond those that every message has. `{rack}` and `{replaces}` stand for what fits what was heard.
const LINES: [&str; 24] = [
    "",
    "Require: 100rel\r\n",
    "Supported: timer, 100rel\r\n",
    "Session-Expires: 90;refresher=uac\r\nMin-SE: 90\r\n",
    "Session-Expires: 90;refresher=uas\r\n",
    "RAck: {rack}\r\n",
    "Replaces: {replaces}\r\n",
    "Replaces: {replaces};early-only\r\nRequire: replaces\r\n",
    "Allow: INVITE, ACK, CANCEL, BYE, UPDATE, PRACK\r\n",
    "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\n",
    "Event: refer\r\nSubscription-State: active;expires=60\r\n",
    "Refer-To: <sip:x@example.org>\r\n",
    "Record-Route: <sip:192.0.2.9;lr>\r\n",
    "Contact: <sip:elsewhere@192.0.2.99;transport=tcp>\r\n",
    "RSeq: 1\r\nRequire: 100rel\r\n",
    "RSeq: 2\r\nRequire: 100rel\r\n",
    "Retry-After: 3\r\n",
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n",
    "Proxy-Authenticate: Digest realm=\"r\", nonce=\"m\", algorithm=SHA-256, stale=true\r\n",
    "Min-SE: 400\r\n",
    "Contact: <sip:x@example.org>;q=0.5;rc=1, <sip:y@example.org?Privacy=history>\r\nDiversion: <sip:z@example.org>\r\n",
    "Contact: <sips:z@example.org>, <sip:z@example.org;transport=tls>;q=0.1\r\n",
    "Expires: 60\r\n",
    "Min-Expires: 90\r\n",
];
pub(super) const STATUSES: [u16; 20] =
    [100, 180, 183, 199, 200, 202, 301, 302, 401, 407, 408, 422, 423, 481, 486, 487, 491, 500, 503, 603];

/// What the peer has heard of us.
#[derive(Default)]
pub(super) struct Heard {
    asked: Vec<Request>,
    dialogs: Vec<Dialog>,
    /// RAck values that acknowledge what we said reliably.
    racks: Vec<String>,
}

/// Names of a dialog, early ones included.
#[derive(Clone)]
struct Dialog {
    call_id: String,
    ours: String,
    theirs: String,
}

impl Heard {
    /// A message of ours arrived.
    pub(super) fn takes(&mut self, message: Message) {
        match message {
            Message::Request(request) => self.asked.push(request),
            Message::Response(response) => {
                let Some(dialog) = answered(&response.headers) else { return };
                if let (Ok(rseq), Ok(cseq)) = (response.headers.typed::<RSeq>(), response.headers.typed::<CSeq>()) {
                    self.racks.push(format!("{} {} {}", rseq.0, cseq.number, cseq.method));
                }
                self.dialogs.push(dialog);
            }
        }
    }
}

/// The dialog of a response of ours.
fn answered(headers: &Headers) -> Option<Dialog> {
    let (to, from) = (headers.typed::<To>().ok()?, headers.typed::<From>().ok()?);
    Some(Dialog { call_id: call_id(headers), ours: to.tag()?.to_string(), theirs: from.tag()?.to_string() })
}

fn call_id(headers: &Headers) -> String {
    headers.get(&HeaderName::CallId).map(|id| String::from_utf8_lossy(id).into_owned()).unwrap_or_default()
}

/// A way between the peer and us, of any transport. Over TLS it connected to us, or we to it, under a name.
pub(super) fn flow(chosen: u8) -> Flow {
    let (listener, transport) = match chosen % 8 {
        0..=2 => (0, Transport::Udp),
        3 => (3, Transport::Ws),
        4 => (4, Transport::Wss),
        5 => (1, Transport::Tcp),
        6 => (2, Transport::Tls(PeerName::NONE)),
        _ => (2, Transport::Tls(PeerName(7))),
    };
    Flow { listener: ListenerId(listener), transport, peer: SocketAddr::from(PEER) }
}

impl Play<'_> {
    /// A request: within a dialog that was heard of, or of nothing known.
    pub(super) fn request(&mut self) {
        let method = METHODS[self.below(METHODS.len())];
        let dialog = match self.below(3) {
            0 => None,
            _ => self.dialog(),
        };
        let dialog = dialog.unwrap_or_else(|| {
            let call = self.below(4);
            Dialog { call_id: format!("call{call}"), ours: String::new(), theirs: format!("peer{call}") }
        });
        let (branch, cseq, scheme) = (self.below(16), self.below(8), ["sip", "sip", "sip", "sips"][self.below(4)]);
        let lines = self.lines() + &self.lines();
        let body = ["", "offer", "another"][self.below(3)];
        let content =
            if body.is_empty() || lines.contains("Content-Type") { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = if lines.contains("Contact:") { "" } else { "Contact: <sip:peer@192.0.2.9:5060>\r\n" };
        let Dialog { call_id, ours, theirs } = dialog;
        let to_tag = if ours.is_empty() { String::new() } else { format!(";tag={ours}") };
        self.say(
            format!(
                "{method} {scheme}:us@198.51.100.1 SIP/2.0\r\n\
                 Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{branch};rport;alias\r\nMax-Forwards: 70\r\n\
                 From: <sip:peer@192.0.2.9>;tag={theirs}\r\nTo: <sip:us@198.51.100.1>{to_tag}\r\n\
                 Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{contact}{lines}{content}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        );
    }

    /// A response to something that we asked, mostly of late.
    pub(super) fn response(&mut self) {
        let back = self.below(usize::MAX);
        let Some(last) = self.heard.asked.len().checked_sub(1) else { return };
        let request = self.heard.asked[last - back % (last + 1)].clone();
        let status = self.status();
        let fork = self.below(4);
        let lines = self.lines() + &self.lines();
        let body = if self.below(2) == 1 { "answer" } else { "" };
        let answer = Response::answering(&request.headers, status).to_bytes();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let theirs = format!("peer{fork}");
        let head: Vec<String> = answer
            .trim_end()
            .split("\r\n")
            .filter(|line| !line.starts_with("Content-Length"))
            .map(|line| match line.starts_with("To:") && !line.contains(";tag=") && fork > 0 {
                true => format!("{line};tag={theirs}"),
                false => line.to_owned(),
            })
            .collect();
        if request.method == Method::Invite && status.code() > 100 && fork > 0 {
            let ours = request.headers.typed::<From>().ok().and_then(|from| from.tag()).expect("we have a tag");
            self.heard.dialogs.push(Dialog { call_id: call_id(&request.headers), ours: ours.to_string(), theirs });
        }
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = if lines.contains("Contact:") { "" } else { "Contact: <sip:callee@192.0.2.9:5060>\r\n" };
        let head = head.join("\r\n");
        self.say(
            format!("{head}\r\n{contact}{lines}{content}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes(),
        );
    }

    /// Anything.
    pub(super) fn garble(&mut self) {
        let length = usize::from(self.byte().unwrap_or(0)).min(self.data.len());
        let (bytes, rest) = self.data.split_at(length);
        self.data = rest;
        self.say(bytes.to_vec());
    }

    /// A status that fits some response.
    pub(super) fn status(&mut self) -> StatusCode {
        StatusCode::new(STATUSES[self.below(STATUSES.len())]).expect("a status")
    }

    fn dialog(&mut self) -> Option<Dialog> {
        let back = self.below(usize::MAX);
        let last = self.heard.dialogs.len().checked_sub(1)?;
        Some(self.heard.dialogs[last - back % (last + 1)].clone())
    }

    fn lines(&mut self) -> String {
        let line = LINES[self.below(LINES.len())];
        if line.contains("{rack}") {
            let rack = self.heard.racks.last().map_or("1 1 INVITE", String::as_str);
            return line.replace("{rack}", rack);
        }
        if line.contains("{replaces}") {
            let replaces = self.dialog().map_or("call0;to-tag=a;from-tag=b".to_owned(), |dialog| {
                format!("{};to-tag={};from-tag={}", dialog.call_id, dialog.ours, dialog.theirs)
            });
            return line.replace("{replaces}", &replaces);
        }
        line.to_owned()
    }

    fn say(&mut self, mut bytes: Vec<u8>) {
        let flow = flow(self.byte().unwrap_or(0));
        // Now and then a byte is another one.
        if let Some(at) = self.byte().filter(|at| at % 4 == 0) {
            let (place, value) =
                (usize::from(self.byte().unwrap_or(0)) * 3 + usize::from(at), self.byte().unwrap_or(0));
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place % length) {
                *byte = value;
            }
        }
        if !flow.transport.is_reliable() {
            self.endpoint.handle_datagram(self.now, flow.listener, flow.peer, &bytes);
        } else if self.endpoint.handle_stream(self.now, flow, &bytes).is_err() {
            self.endpoint.handle_closed(self.now, flow);
        }
    }
}
