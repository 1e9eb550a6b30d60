//! What must hold for any input. Shared by the fuzz targets and by the test that replays the corpus.
#![allow(dead_code, reason = "each fuzz target uses one of the two")]

use callwright_sip::ParseFault;
use callwright_sip::digest::{self, Credential};
use callwright_sip::message::header::{
    Allow, Authorization, CSeq, CallId, Challenge, Contact, ContentLength, ContentType, Diversion, EventPackage,
    Expires, From, MaxForwards, MinExpires, MinSe, PAssertedIdentity, ProxyAuthenticate, ProxyAuthorization,
    ProxyRequire, RAck, RSeq, Reason, RecordRoute, ReferSub, ReferTo, ReferredBy, Replaces, Require, RetryAfter, Route,
    SessionExpires, SubscriptionState, Supported, Timestamp, To, Unsupported, Via, WwwAuthenticate,
};
use callwright_sip::message::{
    Frame, FrameError, Headers, MAX_HEADERS, MAX_MESSAGE, Message, Method, Response, StreamFramer, TypedHeader, Uri,
    parse,
};

/// Reading one datagram: what is read prints to what reads the same, every typed header too, and what is refused can be
/// answered where it says so.
pub(crate) fn message(data: &[u8]) {
    match parse(data) {
        Ok(message) => {
            assert!(data.len() <= MAX_MESSAGE && message.headers().len() <= MAX_HEADERS);
            let printed = message.to_bytes();
            // Long forms of compact names may take a message over the limit that came in under it.
            if printed.len() <= MAX_MESSAGE / 2 {
                assert_eq!(parse(&printed).as_ref(), Ok(&message), "{}", String::from_utf8_lossy(&printed));
            }
            headers(message.headers());
            if let Message::Request(request) = &message {
                answer(&request.headers, &request.method, &request.uri);
            }
        }
        Err(error) => {
            assert!(error.at <= data.len());
            assert!(!error.to_string().is_empty());
            if let Some(answerable) = error.answerable {
                assert_ne!(answerable.method, Method::Ack);
                let response = Response::answering(&answerable.headers, error.what.status());
                assert!(response.headers.typed::<Via>().is_ok());
                let _ = parse(&response.to_bytes());
                headers(&answerable.headers);
            }
        }
    }
}

/// Framing a stream: how it is cut into pieces does not matter, and every frame stands alone. The first byte chooses the
/// size of the pieces.
pub(crate) fn stream(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else { return };
    let whole = frames(data, data.len().max(1));
    let pieces = frames(data, usize::from(size).max(1));
    assert_eq!(whole, pieces, "in pieces of {size}");
    for frame in whole {
        if let Err(FrameError::Malformed(error)) = &frame {
            assert_ne!(error.what, ParseFault::BodyTooShort, "framer and parser disagree on the length");
        }
        if let Ok(Frame::Message(message)) = frame {
            let printed = message.to_bytes();
            if printed.len() <= MAX_MESSAGE / 2 {
                assert_eq!(frames(&printed, 7), [Ok(Frame::Message(message))]);
            }
        }
    }
}

/// The frames of a stream without keep-alives: a ping cut in two is heard as pong and ping.
fn frames(data: &[u8], size: usize) -> Vec<Result<Frame, FrameError>> {
    let mut framer = StreamFramer::new();
    let mut frames = Vec::new();
    for piece in data.chunks(size) {
        framer.push(piece);
        while let Some(frame) = framer.next() {
            if !matches!(frame, Ok(Frame::Ping | Frame::Pong)) {
                frames.push(frame);
            }
        }
    }
    frames
}

fn answer(headers: &Headers, method: &Method, uri: &Uri) {
    let credential = Credential { username: "u".to_owned(), password: "p".to_owned(), realm: None };
    let challenges = Challenge::all(headers);
    if let Ok(answers) = digest::answer(&challenges, &credential, method, uri, b"body", "cnonce", 1) {
        let mut headers = Headers::new();
        for answer in &answers {
            answer.push_onto(&mut headers);
        }
        let read = headers.typed_all::<Authorization>().expect("our own credentials are readable");
        let read =
            read.len() + headers.typed_all::<ProxyAuthorization>().expect("our own credentials are readable").len();
        assert_eq!(read, answers.len());
    }
    let mut printed = Vec::new();
    uri.print(&mut printed);
    let again = Uri::parse(&printed).unwrap_or_else(|error| panic!("{error}: {uri}"));
    assert!(again.equivalent(uri) && uri.equivalent(&again), "{uri}");
}

fn headers(headers: &Headers) {
    macro_rules! typed {
        ($($header:ty)*) => { $(typed::<$header>(headers);)* };
    }
    typed!(
        Allow Authorization CSeq CallId Contact ContentLength ContentType Diversion EventPackage Expires From
        MaxForwards MinExpires MinSe PAssertedIdentity ProxyAuthenticate ProxyAuthorization ProxyRequire RAck RSeq Reason RecordRoute ReferSub
        ReferTo ReferredBy Replaces Require RetryAfter Route SessionExpires SubscriptionState Supported Timestamp To
        Unsupported Via
        WwwAuthenticate
    );
}

fn typed<H: TypedHeader>(headers: &Headers) {
    let _ = headers.try_typed::<H>();
    let _ = headers.typed_all::<H>();
    for value in headers.all(&H::NAME) {
        match H::parse(value) {
            Ok(header) => {
                let once = print(&header);
                let again =
                    H::parse(&once).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&once)));
                assert_eq!(print(&again), once);
            }
            Err(error) => assert!(error.at <= value.len()),
        }
    }
}

fn print<H: TypedHeader>(header: &H) -> Vec<u8> {
    let mut out = Vec::new();
    header.print(&mut out);
    out
}
