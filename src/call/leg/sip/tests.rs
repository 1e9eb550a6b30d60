use std::time::Duration;

use callwright_media::codec::Codec;
use callwright_media::negotiated::Direction;
use callwright_media::sdp::Encryption;
use callwright_media::srtp::LocalKeys;
use callwright_sip::endpoint::{Flow, ListenerId, SessionId, Transport};
use callwright_sip::message::{Headers, Response};

use super::*;
use crate::time;

fn local(port: u16) -> LocalMedia {
    LocalMedia {
        address: "192.0.2.1".parse().expect("an address"),
        port,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        dtmf: true,
        session_id: 7,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        encryption: Encryption::Off,
    }
}

fn dialog(remote_tag: &str) -> Box<DialogSnapshot> {
    Box::new(DialogSnapshot {
        call_id: "c".into(),
        local_tag: "l".into(),
        remote_tag: remote_tag.into(),
        local_uri: "<sip:a@b>".into(),
        remote_uri: "<sip:c@d>".into(),
        remote_target: "sip:c@192.0.2.2".into(),
        route_set: Vec::new(),
        local_cseq: 1,
        remote_cseq: None,
        flow: Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            peer: "192.0.2.2:5060".parse().expect("an address"),
        },
    })
}

/// The description of a peer with this RTP port.
fn description(port: u16, direction: Direction) -> Body {
    Body::sdp(sdp::offer(&LocalMedia { direction, ..local(port) }))
}

fn provisional(tag: &str, port: Option<u16>) -> Event {
    Event::Provisional {
        session: SessionId(1),
        status: StatusCode::new(183).expect("a status"),
        dialog: Some(dialog(tag)),
        body: port.map(|port| description(port, Direction::SendRecv)),
        at: time::now().mono,
    }
}

fn answered(tag: &str, port: Option<u16>) -> Event {
    Event::Answered {
        session: SessionId(1),
        dialog: dialog(tag),
        body: port.map(|port| description(port, Direction::SendRecv)),
        request_cseq: 1,
        cancel_crossed: false,
        at: time::now().mono,
    }
}

fn remote_port(leg: &SipLeg) -> Option<u16> {
    Some(leg.negotiated()?.remote?.port())
}

#[test]
fn an_answer_without_description_takes_that_of_its_own_early_dialog() {
    let (mut leg, _) = SipLeg::outbound(local(4_000));
    leg.handle(provisional("one", Some(5_000)));
    leg.handle(provisional("two", Some(6_000)));
    assert_eq!(remote_port(&leg), Some(6_000), "the latest early media is listened to");
    let news = leg.handle(answered("one", None));
    assert_eq!(news.event, Some(LegEvent::Answered { media: true }));
    assert_eq!(remote_port(&leg), Some(5_000));
    assert_eq!(leg.dialog().map(|dialog| dialog.remote_tag.as_str()), Some("one"));
}

#[test]
fn an_answer_of_a_fork_without_any_description_has_no_media() {
    let (mut leg, _) = SipLeg::outbound(local(4_000));
    leg.handle(provisional("one", Some(5_000)));
    assert_eq!(leg.handle(answered("two", None)).event, Some(LegEvent::Answered { media: false }));
}

#[test]
fn a_reoffer_is_answered_and_a_hold_is_seen() {
    let (mut leg, _) = SipLeg::outbound(local(4_000));
    leg.handle(answered("one", Some(5_000)));
    let hold = description(5_000, Direction::Inactive);
    let news = leg.handle(Event::Reoffer { session: SessionId(1), body: Some(hold) });
    assert_eq!(news.event, Some(LegEvent::Renegotiated { receives: false }));
    assert!(matches!(news.reoffer, Some(Ok(body)) if body.is_sdp()));
    let garbage = Body::sdp(b"v=1".to_vec());
    let news = leg.handle(Event::Reoffer { session: SessionId(1), body: Some(garbage) });
    assert_eq!((news.event, news.reoffer), (None, Some(Err(StatusCode::NOT_ACCEPTABLE_HERE))));
    assert_eq!(remote_port(&leg), Some(5_000), "what was agreed stays");
}

#[test]
fn a_late_offer_is_ours_and_the_ack_answers_it() {
    let (mut leg, body) = SipLeg::inbound(local(4_000), *dialog("one"), None).expect("an offer can be made");
    assert!(body.is_sdp());
    assert_eq!(leg.negotiated(), None);
    let answer = Some(description(5_000, Direction::SendRecv));
    let news = leg.handle(Event::Acknowledged { session: SessionId(1), dialog: dialog("one"), body: answer });
    assert_eq!(news.event, Some(LegEvent::Renegotiated { receives: true }));
    assert_eq!(remote_port(&leg), Some(5_000));
}

/// A side whose audio has to be encrypted.
fn secret(port: u16) -> LocalMedia {
    LocalMedia { encryption: Encryption::Required(Box::new(LocalKeys::generate(&mut rand::rng()))), ..local(port) }
}

#[test]
fn an_answer_in_the_clear_is_not_taken_where_it_has_to_be_encrypted() {
    let (mut leg, offer) = SipLeg::outbound(secret(4_000));
    let news = leg.handle(provisional("one", Some(5_000)));
    assert_eq!(news.event, Some(LegEvent::Provisional { status: 183, media: false }), "nor early media");
    let news = leg.handle(answered("one", Some(5_000)));
    assert_eq!((news.event, news.fault), (Some(LegEvent::Answered { media: false }), Some(SdpError::PlainMedia)));
    assert_eq!(leg.negotiated(), None);
    let (mut leg, _) = SipLeg::outbound(local(4_000));
    let news = leg.handle(Event::Reoffer { session: SessionId(1), body: Some(offer) });
    assert_eq!((news.fault, leg.negotiated()), (Some(SdpError::SecureMedia), None));
    let inbound = SipLeg::inbound(secret(4_000), *dialog("one"), Some(&description(5_000, Direction::SendRecv)));
    assert_eq!(inbound.err(), Some(SdpError::PlainMedia));
}

#[test]
fn a_reoffer_brings_new_keys_and_no_call_is_led_into_the_open() {
    let first = Body::sdp(sdp::offer(&secret(5_000)));
    let (mut leg, answer) = SipLeg::inbound(secret(4_000), *dialog("one"), Some(&first)).expect("an offer we can take");
    assert!(String::from_utf8_lossy(&answer.bytes).contains("RTP/SAVP"));
    let before = leg.negotiated().and_then(|agreed| agreed.srtp.clone()).expect("it is encrypted");
    let second = Body::sdp(sdp::offer(&secret(5_000)));
    let news = leg.handle(Event::Reoffer { session: SessionId(1), body: Some(second) });
    assert!(matches!(news.reoffer, Some(Ok(_))), "{news:?}");
    let after = leg.negotiated().and_then(|agreed| agreed.srtp.clone()).expect("it is encrypted");
    assert_eq!(before.local, after.local);
    assert_ne!(before.remote, after.remote);
    let open = description(5_000, Direction::SendRecv);
    let news = leg.handle(Event::Reoffer { session: SessionId(1), body: Some(open) });
    assert_eq!(news.reoffer, Some(Err(StatusCode::NOT_ACCEPTABLE_HERE)));
    assert_eq!(leg.negotiated().and_then(|agreed| agreed.srtp.clone()), Some(after), "what was agreed stays");
}

#[test]
fn descriptions_and_their_keys_do_not_print() {
    let (leg, offer) = SipLeg::outbound(secret(4_000));
    let inline = String::from_utf8_lossy(&offer.bytes);
    let key = inline.split("inline:").nth(1).and_then(|rest| rest.lines().next()).expect("a key").to_owned();
    let event = answered("one", Some(5_000));
    let printed = format!("{leg:?} {offer:?} {event:?}");
    assert!(!printed.contains(&key) && !printed.contains("inline") && printed.contains("application/sdp"), "{printed}");
}

#[test]
fn keys_come_by_info() {
    let (mut leg, _) = SipLeg::outbound(local(4_000));
    let mut key = |kind: &str, text: &str| {
        let body = Some(Body { content_type: kind.into(), bytes: text.into() });
        leg.handle(Event::Info { session: SessionId(1), body }).digit.map(Digit::as_char)
    };
    assert_eq!(key("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), Some('5'));
    assert_eq!(key("application/dtmf-relay", "signal = #\r\n"), Some('#'));
    assert_eq!(key("Application/DTMF; x=y", " 9 "), Some('9'));
    assert_eq!(key("application/dtmf-relay", "Duration=160\r\n"), None);
    assert_eq!(key("application/dtmf", "12"), None);
    assert_eq!(key("text/plain", "5"), None);
}

#[test]
fn a_refusal_keeps_its_evidence() {
    let mut headers = Headers::default();
    headers.push(HeaderName::Reason, "SIP ;cause=603 ;text=\"Network Blocked\"");
    headers.push(HeaderName::Reason, "Q.850 ;cause=21 ;text=\"v=analytics1\"");
    headers.push(HeaderName::CallInfo, "<https://block.example.net/x>;purpose=jwscard");
    let reason = Reason::q850(&headers);
    let status = StatusCode::new(603).expect("a status");
    let response = Response { status, reason: b"Decline".to_vec(), headers, body: Vec::new() };
    let failure = Failure {
        cause: FailureCause::Response,
        status: Some(status),
        reason,
        retry_after: Some(Duration::from_secs(9)),
        phrase: b"Decline".to_vec(),
        provisional_seen: true,
        ringing_seen: false,
        invites: 1,
        response: Some(Box::new(response)),
    };
    let read = dial_failure(&failure);
    assert_eq!((read.status, read.q850, read.jcard), (Some(603), Some(21), true));
    assert!(String::from_utf8_lossy(&read.reason_text).contains("analytics1"));
    assert_eq!(read.retry_after, Some(Duration::from_secs(9)));
}

#[test]
fn another_dialog_takes_the_place_of_a_leg_in_the_clear() {
    let offer = |port| Some(Body::sdp(sdp::offer(&local(port))));
    let (mut leg, _) = SipLeg::inbound(local(4_000), *dialog("first"), offer(5_000).as_ref()).expect("an answer");
    let tag = |leg: &SipLeg| leg.dialog().map(|dialog| dialog.remote_tag.clone());
    let news = leg.taken_over(*dialog("second"), offer(6_000));
    assert!(matches!(news.reoffer, Some(Ok(_))), "{news:?}");
    assert_eq!(news.event, Some(LegEvent::Renegotiated { receives: true }));
    assert_eq!(tag(&leg).as_deref(), Some("second"));
    let broken = Body { content_type: "application/sdp".to_owned(), bytes: b"v=0\r\n".to_vec() };
    let news = leg.taken_over(*dialog("third"), Some(broken));
    assert!(matches!(news.reoffer, Some(Err(StatusCode::NOT_ACCEPTABLE_HERE))), "{news:?}");
    assert_eq!(tag(&leg).as_deref(), Some("second"), "the leg is as it was");
    let keys = Box::new(LocalKeys::generate(&mut rand::rng()));
    let secret = LocalMedia { encryption: Encryption::Offered(keys), ..local(4_000) };
    let (mut leg, _) = SipLeg::inbound(secret, *dialog("first"), offer(5_000).as_ref()).expect("an answer");
    let news = leg.taken_over(*dialog("second"), offer(6_000));
    assert!(matches!(news.reoffer, Some(Err(StatusCode::NOT_ACCEPTABLE_HERE))), "our key is known to the first");
    assert_eq!(tag(&leg).as_deref(), Some("first"));
}
