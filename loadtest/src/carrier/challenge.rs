//! A carrier that asks for credentials first: every INVITE without them gets a 407, statelessly.

use std::collections::BTreeSet;

use callwright_sip::message::header::{CSeq, CallId, From};
use callwright_sip::message::{HeaderName, Message, Method, Request, Response, StatusCode, parse};

/// Marks the responses, so that their ACKs are told from others.
const TAG: &[u8] = b"challenged";

/// The side of the switch that faces strangers.
#[derive(Debug, Default)]
pub(crate) struct Doorman {
    /// What was challenged already: a repetition is answered again and not logged.
    seen: BTreeSet<(String, u32)>,
}

/// What a datagram is to the doorman.
pub(crate) enum Arrival {
    /// Nothing of his.
    Other,
    /// An INVITE without credentials.
    Stranger {
        /// The 407.
        answer: Vec<u8>,
        /// Call-ID, dialed and calling number, when it is not a repetition.
        news: Option<[String; 3]>,
    },
    /// The ACK of one of his answers.
    Settled,
}

impl Doorman {
    /// Looks at a datagram before the switch does.
    pub(crate) fn look(&mut self, bytes: &[u8]) -> Arrival {
        let Ok(Message::Request(request)) = parse(bytes) else { return Arrival::Other };
        let knows = request.headers.get(&HeaderName::ProxyAuthorization).is_some();
        if request.method == Method::Invite && !knows {
            return self.challenge(&request);
        }
        let settled = request.method == Method::Ack && to_tag(&request).is_some_and(|to| contains(to, TAG));
        if settled { Arrival::Settled } else { Arrival::Other }
    }

    fn challenge(&mut self, request: &Request) -> Arrival {
        let to = request.headers.get(&HeaderName::To).map(<[u8]>::to_vec).unwrap_or_default();
        if contains(&to, b";tag=") {
            // Within a dialog: whoever is in it has shown who they are.
            return Arrival::Other;
        }
        let Some(status) = StatusCode::new(407) else { return Arrival::Other };
        let mut response = Response::answering(&request.headers, status);
        response.headers.remove(&HeaderName::To);
        response.headers.push(HeaderName::To, [&to[..], b";tag=", TAG].concat());
        let call_id = request.headers.typed::<CallId>().map(|id| id.to_string()).unwrap_or_default();
        let ask = format!("Digest realm=\"carrier\", nonce=\"{}\", qop=\"auth\", algorithm=SHA-256", nonce(&call_id));
        response.headers.push(HeaderName::ProxyAuthenticate, ask.into_bytes());
        let cseq = request.headers.typed::<CSeq>().map_or(0, |cseq| cseq.number);
        let from =
            request.headers.typed::<From>().ok().and_then(|from| from.0.uri.user_text().map(|user| user.into_owned()));
        let text = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        let dialed = text(request.uri.user_text().map(|user| user.into_owned()));
        let news = self.seen.insert((call_id.clone(), cseq)).then(|| [call_id, dialed, text(from)]);
        Arrival::Stranger { answer: response.to_bytes(), news }
    }
}

fn to_tag(request: &Request) -> Option<&[u8]> {
    request.headers.get(&HeaderName::To)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Differs from call to call; nobody here tries to guess it.
fn nonce(call_id: &str) -> String {
    call_id.bytes().filter(u8::is_ascii_alphanumeric).map(char::from).take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:+4930100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\n\
                          From: <sip:+4930200@127.0.0.1>;tag=a\r\nTo: <sip:+4930100@127.0.0.1>\r\nCall-ID: one@host\r\n\
                          CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn strangers_are_asked_once_and_let_in_when_they_answer() {
        let mut doorman = Doorman::default();
        let Arrival::Stranger { answer, news } = doorman.look(INVITE.as_bytes()) else { panic!("no credentials") };
        let text = String::from_utf8(answer).expect("text");
        assert!(text.starts_with("SIP/2.0 407 ") && text.contains("Digest realm=\"carrier\""), "{text}");
        assert_eq!(news, Some(["one@host", "+4930100", "+4930200"].map(str::to_owned)));
        let Arrival::Stranger { news, .. } = doorman.look(INVITE.as_bytes()) else { panic!("repeated") };
        assert_eq!(news, None, "a repetition is answered and not logged");
        let ack =
            INVITE.replace("INVITE", "ACK").replace("To: <sip:+4930100@127.0.0.1>", "To: <sip:x@y>;tag=challenged");
        assert!(matches!(doorman.look(ack.as_bytes()), Arrival::Settled));
        let known = INVITE.replace("CSeq: 1", "Proxy-Authorization: Digest username=\"u\"\r\nCSeq: 2");
        assert!(matches!(doorman.look(known.as_bytes()), Arrival::Other));
    }
}
