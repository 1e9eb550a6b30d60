//! Our reading of ordinary messages against that of `rsip`, a parser written by others from the same RFC.

mod generate;

use callwright_sip::message::header::{CSeq, CallId, Contact, From, NameAddr, To, Via};
use callwright_sip::message::{HeaderName, Headers, Message, TypedHeader, parse};
use generate::{Sample, config, plain};
use proptest::prelude::*;
use rsip::prelude::{HasHeaders, HeadersExt, ToTypedHeader, UntypedHeader};

/// What both readings say, in the same words.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    start: String,
    vias: Vec<(String, String, Option<String>)>,
    from: Address,
    to: Address,
    contact: Address,
    call_id: String,
    cseq: (u32, String),
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Address {
    uri: String,
    tag: Option<String>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn typed<H: TypedHeader>(headers: &Headers) -> H {
    headers.typed().unwrap_or_else(|error| panic!("{error}"))
}

fn ours(bytes: &[u8]) -> Reading {
    let message = parse(bytes).unwrap_or_else(|error| panic!("{error}"));
    let headers = message.headers();
    let start = match &message {
        Message::Request(request) => format!("{} {}", request.method, request.uri),
        Message::Response(response) => response.status.to_string(),
    };
    let vias = headers.typed_all::<Via>().unwrap_or_else(|error| panic!("{error}"));
    let address =
        |address: &NameAddr| Address { uri: address.uri.to_string(), tag: address.tag().map(|tag| tag.to_string()) };
    let cseq: CSeq = typed(headers);
    Reading {
        start,
        vias: vias
            .iter()
            .map(|via| {
                let branch = via.branch.as_ref().map(ToString::to_string);
                (via.transport.as_str().to_owned(), via.sent_by.to_string(), branch)
            })
            .collect(),
        from: address(&typed::<From>(headers)),
        to: address(&typed::<To>(headers)),
        contact: address(&typed::<Contact>(headers)),
        call_id: typed::<CallId>(headers).to_string(),
        cseq: (cseq.number, cseq.method.to_string()),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: message.body().to_vec(),
    }
}

fn theirs(bytes: &[u8]) -> Result<Reading, rsip::Error> {
    let message = rsip::SipMessage::try_from(bytes)?;
    let start = match &message {
        rsip::SipMessage::Request(request) => format!("{} {}", request.method, request.uri),
        rsip::SipMessage::Response(response) => response.status_code.code().to_string(),
    };
    let mut vias = Vec::new();
    let mut headers = Vec::new();
    for header in message.headers().iter() {
        if let rsip::Header::Via(via) = header {
            let via = via.clone().typed()?;
            let branch = via.branch().map(|branch| branch.value().to_owned());
            vias.push((via.transport.to_string(), via.uri.to_string(), branch));
        }
        let line = header.to_string();
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        if !name.eq_ignore_ascii_case("Content-Length") {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("it was one of ours");
            headers.push((name.to_string(), value.to_owned()));
        }
    }
    let from = message.from_header()?.clone().typed()?;
    let to = message.to_header()?.clone().typed()?;
    let contact = message.contact_header()?.clone().typed()?;
    let cseq = message.cseq_header()?.clone().typed()?;
    Ok(Reading {
        start,
        vias,
        from: Address { uri: from.uri.to_string(), tag: from.tag().map(|tag| tag.value().to_owned()) },
        to: Address { uri: to.uri.to_string(), tag: to.tag().map(|tag| tag.value().to_owned()) },
        contact: Address { uri: contact.uri.to_string(), tag: None },
        call_id: message.call_id_header()?.value().to_owned(),
        cseq: (cseq.seq, cseq.method.to_string()),
        headers,
        body: message.body().clone(),
    })
}

fn compare(sample: &Sample) -> Result<(), TestCaseError> {
    let wire = sample.text();
    let theirs = theirs(wire.as_bytes());
    let theirs = theirs.map_err(|error| TestCaseError::fail(format!("rsip does not read it: {error}\n{wire}")))?;
    prop_assert_eq!(ours(wire.as_bytes()), theirs, "{}", wire);
    Ok(())
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn both_read_the_same(sample in plain()) {
        compare(&sample)?;
    }
}
