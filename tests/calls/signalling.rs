//! What a trunk says of its calls, seen on the wire: where we are, and how keys are told.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::AssistantVersion;
use callwright::agent::record::AnswerStatus;
use callwright::call::call::CallConfig;
use callwright::call::inbound::{InboundRoute, InboundRoutes};
use callwright::call::place::{CallReport, PlaceCall};
use callwright::config::SipTransport::Udp;
use callwright::id::TrunkId;
use callwright::net::media_leg::MediaCommand;
use callwright::net::media_ring::MediaNews;
use callwright::stir::verdict::IdentityPolicy;
use callwright::trunk::callers::Wording;
use callwright::trunk::media::{DtmfMode, MediaTerms};
use callwright_media::digit::Digit;
use callwright_media::dtmf;
use callwright_media::session::{ClipId, MediaEvent};
use callwright_sip::endpoint::{External, Flow};
use callwright_sip::guard::Networks;
use callwright_sip::message::HostPort;
use serde_json::json;
use tokio::time::timeout;

use crate::office::{Office, PATIENCE, version};
use crate::phone::{Line, Phone};
use crate::sight::{Peer, description, lines, tail};

const NUMBER: &str = "+4930901820";
/// Where a NAT shows us.
const SEEN: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

async fn office(first_port: u16) -> Office {
    Office::new(Udp, first_port, CallConfig::default(), 100).await
}

/// The trunk of the office's calls, from this machine.
fn route(office: &Office) -> InboundRoute {
    InboundRoute {
        trunk: TrunkId::from_u128(2),
        org: office.org,
        sources: [Ipv4Addr::LOCALHOST.into()].into(),
        networks: Networks::default(),
        proves: false,
        numbers: BTreeMap::new(),
        otherwise: None,
        max_org_calls: 1,
        identity: IdentityPolicy::Record,
        media: MediaTerms::default(),
        wording: Wording::default(),
        external: None,
        replaces: false,
    }
}

/// Presses two keys, then asks a question that a key answers.
fn presser() -> Arc<AssistantVersion> {
    let definition = json!({
        "name": "Presser",
        "flow": { "start": "press", "nodes": [
            { "id": "press", "tool": { "name": "send_dtmf", "arguments": { "digits": "12" }, "next": "open" } },
            { "id": "open", "ask": { "text": "Are you open?", "answer": { "kind": "yes_no" }, "next": "bye" } },
            { "id": "bye", "end": { "text": "Goodbye.", "reason": "done" } },
        ] },
        "tools": [{ "kind": "builtin", "name": "send_dtmf" }],
    });
    version(serde_json::from_value(definition).expect("an assistant"))
}

fn order(office: &Office, peer: std::net::SocketAddr, dtmf: DtmfMode) -> PlaceCall {
    let mut order = office.order(peer, NUMBER);
    order.assistant = presser();
    order.invite.media = MediaTerms { dtmf, ..MediaTerms::default() };
    order
}

fn is_answered(report: &CallReport) -> bool {
    report.conversation.answers.iter().any(|answer| answer.name == "open" && answer.status == AnswerStatus::Answered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_told_by_info_and_heard_so() {
    let office = office(36_000).await;
    let mut peer = Peer::new(office.address).await;
    let attempt = office.place(order(&office, peer.address(), DtmfMode::Info));
    let invite = peer.hears("INVITE").await;
    assert!(!invite.contains("telephone-event"), "{invite}");
    peer.answers(&invite, "200 OK", "", &description(1)).await;
    for signal in ["Signal=1\r\n", "Signal=2\r\n"] {
        let info = peer.hears("INFO").await;
        assert_eq!(lines(&info, "Content-Type"), ["Content-Type: application/dtmf-relay"]);
        assert!(info.contains(signal), "{info}");
        peer.answers(&info, "200 OK", "", "").await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    peer.asks(&invite, "INFO", 8, "Content-Type: application/dtmf-relay\r\n", "Signal=1\r\nDuration=160\r\n").await;
    let bye = peer.hears("BYE").await;
    peer.answers(&bye, "200 OK", "", "").await;
    let (_, report) = attempt.ends().await;
    assert!(is_answered(&report), "{:?}", report.conversation);
}

/// The keys that a line hears until there are this many.
async fn hears_keys(line: &mut Line, many: usize) -> String {
    let mut heard = String::new();
    let listen = async {
        while let Some(news) = line.media.news.recv().await {
            if let MediaNews::Event(event) = news
                && let MediaEvent::DtmfReceived { digit, .. } = *event
            {
                heard.push(digit.as_char());
            }
            if heard.len() == many {
                return;
            }
        }
    };
    timeout(PATIENCE, listen).await.expect("keys in time");
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_told_as_sound_and_heard_so() {
    let office = office(37_000).await;
    let mut phone = Phone::new(Udp, 38_000).await;
    let attempt = office.place(order(&office, phone.address(), DtmfMode::Inband));
    let ringing = phone.rings().await;
    let offer = String::from_utf8_lossy(&ringing.invite().body).into_owned();
    assert!(!offer.contains("telephone-event"), "{offer}");
    let mut line = ringing.answer().await;
    assert_eq!(hears_keys(&mut line, 2).await, "12");
    assert!(line.hears_a_tone().await, "the question");
    assert!(line.hears_silence().await);
    let key = Digit::from_char('1').expect("a key");
    let played = MediaCommand::Play { clip: ClipId(1), pcm: dtmf::in_band(&[key]).into(), from: 0 };
    line.media.control.send(played).await.expect("media runs");
    assert!(line.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert!(is_answered(&report), "{:?}", report.conversation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_alone_count_where_the_trunk_says_so() {
    let office = office(39_000).await;
    let mut peer = Peer::new(office.address).await;
    let attempt = office.place(order(&office, peer.address(), DtmfMode::Rfc4733));
    let invite = peer.hears("INVITE").await;
    assert!(invite.contains("telephone-event"), "{invite}");
    peer.answers(&invite, "200 OK", "", &description(1)).await;
    peer.hears("ACK").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    // A carrier that tells keys in both ways would give each twice.
    peer.asks(&invite, "INFO", 8, "Content-Type: application/dtmf-relay\r\n", "Signal=1\r\nDuration=160\r\n").await;
    peer.hears("SIP/2.0 200").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    peer.asks(&invite, "BYE", 9, "", "").await;
    let (_, report) = attempt.ends().await;
    assert!(!is_answered(&report), "{:?}", report.conversation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_behind_a_nat_reads_where_it_sees_us() {
    let office = office(40_000).await;
    let mut peer = Peer::new(office.address).await;
    let mut order = office.order(peer.address(), NUMBER);
    order.invite.media.external = Some(SEEN);
    order.invite.conduct.external = Some(External { address: SEEN, port: Some(5070) });
    order.invite.sent_by = HostPort::parse(b"203.0.113.7:5070").ok();
    let attempt = office.place(order);
    let invite = peer.hears("INVITE").await;
    assert!(lines(&invite, "Via")[0].contains(" 203.0.113.7:5070;"), "{invite}");
    assert!(lines(&invite, "Contact")[0].contains("@203.0.113.7:5070>"), "{invite}");
    assert!(invite.contains("\r\nc=IN IP4 203.0.113.7\r\n"), "{invite}");
    peer.answers(&invite, "486 Busy Here", "", "").await;
    let ack = peer.hears("ACK").await;
    assert_eq!(lines(&ack, "Via"), lines(&invite, "Via"));
    attempt.ends().await;

    let route = InboundRoute {
        otherwise: Some(presser()),
        media: MediaTerms { external: Some(SEEN), ..MediaTerms::default() },
        external: Some(External { address: SEEN, port: None }),
        ..route(&office)
    };
    office.calls.set_inbound(InboundRoutes::new(vec![route]));
    let here = peer.address();
    let offer = description(1);
    let invite = format!(
        "INVITE sip:{NUMBER}@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKin\r\nMax-Forwards: 70\r\n\
         From: <sip:peer@{here}>;tag=peer\r\nTo: <sip:{NUMBER}@{0}>\r\nCall-ID: in\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:peer@{here}>\r\n{1}",
        office.address,
        tail(&offer)
    );
    peer.says(invite).await;
    let answer = peer.hears("SIP/2.0 200").await;
    let contact = format!("@203.0.113.7:{}>", office.address.port());
    assert!(lines(&answer, "Contact")[0].contains(&contact), "{answer}");
    assert!(answer.contains("\r\nc=IN IP4 203.0.113.7\r\n"), "{answer}");
}

/// A redirection to this number at the peer.
fn contact(peer: &Peer, number: &str) -> String {
    format!("Contact: <sip:{number}@{}>\r\n", peer.address())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_to_the_same_number_elsewhere_as_often_as_the_trunk_says() {
    let office = office(41_000).await;
    let (mut first, mut second) = (Peer::new(office.address).await, Peer::new(office.address).await);
    let mut order = office.order(first.address(), NUMBER);
    order.invite.conduct.redirects = 1;
    let mut attempt = office.place(order);
    let flow = Flow { listener: office.listener, transport: office.transport, peer: first.address() };
    attempt.onward = Some(flow);
    let ends = tokio::spawn(attempt.ends());
    let invite = first.hears("INVITE").await;
    // Another number would be another call: the gate has not seen it.
    let elsewhere = format!("{}{}", contact(&second, "+4930901821"), contact(&second, NUMBER));
    first.answers(&invite, "302 Moved Temporarily", &elsewhere, "").await;
    first.hears("ACK").await;
    let again = second.hears("INVITE").await;
    assert!(again.starts_with(&format!("INVITE sip:{NUMBER}@{} ", second.address())), "{again}");
    assert_eq!(lines(&again, "CSeq"), ["CSeq: 2 INVITE"]);
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(lines(&again, name), lines(&invite, name));
    }
    second.answers(&again, "302 Moved Temporarily", &contact(&first, NUMBER), "").await;
    second.hears("ACK").await;
    let (seen, report) = ends.await.expect("it ends");
    assert_eq!((seen, report.outcome.sip_code), (vec!["redirected"], Some(302)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_may_not_go_on_ends_by_the_redirection() {
    let office = office(42_000).await;
    let (mut first, second) = (Peer::new(office.address).await, Peer::new(office.address).await);
    let attempt = office.place(office.order(first.address(), NUMBER));
    let invite = first.hears("INVITE").await;
    first.answers(&invite, "302 Moved Temporarily", &contact(&second, NUMBER), "").await;
    first.hears("ACK").await;
    let (seen, report) = attempt.ends().await;
    assert_eq!((seen.len(), report.outcome.sip_code), (0, Some(302)));
}

/// An INVITE that is to take the place of the leg that this one of the office's began.
fn taking(office: &Office, peer: &Peer, call_id: &str, invite: &str) -> String {
    let (there, here) = (office.address, peer.address());
    let value = |name: &str| lines(invite, name)[0].split_once(':').expect("a header").1.trim().to_owned();
    let replaces = format!("{};to-tag={};from-tag=peer", value("Call-ID"), tag(&value("From")));
    format!(
        "INVITE sip:anybody@{there} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\n\
         From: <sip:desk@{here}>;tag=desk\r\nTo: <sip:anybody@{there}>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:desk@{here}>\r\nRequire: replaces\r\nReplaces: {replaces}\r\n{}",
        tail(&description(1))
    )
}

fn tag(address: &str) -> &str {
    address.split(";tag=").nth(1).expect("a tag")
}

/// A request within the dialog that this answer has made.
fn within(peer: &Peer, answer: &str, (cseq, method): (u32, &str), more: &str, body: &str) -> String {
    let here = peer.address();
    let head = ["From", "To", "Call-ID"].map(|name| lines(answer, name)[0].clone()).join("\r\n");
    let contact = &lines(answer, "Contact")[0];
    let target = contact.split(['<', '>']).nth(1).expect("an address");
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{cseq}\r\nMax-Forwards: 70\r\n{head}\r\n\
         CSeq: {cseq} {method}\r\n{more}{}",
        tail(body)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_is_taken_over_and_the_agent_goes_on_with_the_new_one() {
    let office = office(43_000).await;
    office.calls.set_inbound(InboundRoutes::new(vec![InboundRoute { replaces: true, ..route(&office) }]));
    let (mut first, mut second) = (Peer::new(office.address).await, Peer::new(office.address).await);
    let attempt = office.place(order(&office, first.address(), DtmfMode::Info));
    let invite = first.hears("INVITE").await;
    first.answers(&invite, "200 OK", "", &description(1)).await;
    for _ in ["1", "2"] {
        let info = first.hears("INFO").await;
        first.answers(&info, "200 OK", "", "").await;
    }
    second.says(taking(&office, &second, "taking", &invite)).await;
    let answer = second.hears("SIP/2.0 200").await;
    second.says(within(&second, &answer, (1, "ACK"), "", "")).await;
    let bye = first.hears("BYE").await;
    first.answers(&bye, "200 OK", "", "").await;
    assert_eq!(office.calls.len(), 1, "it is the same call");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let key = within(
        &second,
        &answer,
        (2, "INFO"),
        "Content-Type: application/dtmf-relay\r\n",
        "Signal=1\r\nDuration=160\r\n",
    );
    second.says(key).await;
    let bye = second.hears("BYE").await;
    second.answers(&bye, "200 OK", "", "").await;
    let (_, report) = attempt.ends().await;
    assert!(is_answered(&report), "{:?}", report.conversation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_is_not_taken_over_where_the_trunk_does_not_let_it() {
    let office = office(44_000).await;
    let (mut first, mut second) = (Peer::new(office.address).await, Peer::new(office.address).await);
    let attempt = office.place(order(&office, first.address(), DtmfMode::Info));
    let invite = first.hears("INVITE").await;
    let own = route(&office);
    let let_in = |route| office.calls.set_inbound(InboundRoutes::new(vec![route]));
    let_in(InboundRoute { replaces: true, ..own.clone() });
    first.answers(&invite, "180 Ringing", "", "").await;
    second.says(taking(&office, &second, "early", &invite)).await;
    second.hears("SIP/2.0 603").await;
    first.answers(&invite, "200 OK", "", &description(1)).await;
    first.hears("ACK").await;
    let_in(own.clone());
    second.says(taking(&office, &second, "unwanted", &invite)).await;
    second.hears("SIP/2.0 603").await;
    let_in(InboundRoute { replaces: true, trunk: TrunkId::from_u128(3), ..own });
    second.says(taking(&office, &second, "foreign", &invite)).await;
    second.hears("SIP/2.0 603").await;
    office.calls.set_inbound(InboundRoutes::default());
    second.says(taking(&office, &second, "stranger", &invite)).await;
    second.hears("SIP/2.0 403").await;
    first.asks(&invite, "BYE", 9, "", "").await;
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.sip_code, Some(200), "the leg was there to the end");
}
