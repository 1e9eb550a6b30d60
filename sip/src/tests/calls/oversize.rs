//! Requests of more than 1300 bytes (RFC 3261 18.1.1).

use crate::endpoint::{
    Body, CommandError, Conduct, EndedBy, Event, FailureCause, Invite, ListenerId, Transmit, Transport,
};
use crate::message::{HeaderName, Message, Method, Request};
use crate::tests::pair::{Pair, Side, credential, sdp};
use crate::tests::puppet::{Puppet, header, response};

const STREAM: ListenerId = ListenerId(1);

fn large() -> Body {
    Body::sdp(vec![b'x'; 1300])
}

fn invitation(puppet: &Puppet, body: Body) -> Invite {
    let conduct = Conduct { large_over: Some(STREAM), ..Conduct::default() };
    Invite { conduct, body, ..puppet.invitation() }
}

/// Places a call and takes what left as it left.
fn call(puppet: &mut Puppet, invite: Invite) -> Transmit {
    let now = puppet.now;
    puppet.endpoint.invite(now, invite).expect("there is room");
    let transmit = puppet.endpoint.poll_transmit().expect("the INVITE");
    assert!(puppet.endpoint.poll_transmit().is_none());
    transmit
}

fn request(transmit: &Transmit) -> Request {
    let message = crate::message::parse(&transmit.bytes).expect("we print what can be read");
    let Message::Request(request) = message else { panic!("{message:?}") };
    request
}

#[test]
fn a_large_invite_leaves_over_tcp_and_a_small_one_does_not() {
    let mut puppet = Puppet::new();
    let small = invitation(&puppet, sdp("offer"));
    let transmit = call(&mut puppet, small);
    assert_eq!((transmit.flow.transport, transmit.flow.listener), (Transport::Udp, ListenerId(0)));
    let mut puppet = Puppet::new();
    // One byte less and one more than fits, headers and all.
    let head = transmit.bytes.len() - "offer".len() + " 1".len();
    for (size, transport) in [(1300, Transport::Udp), (1301, Transport::Tcp)] {
        let mut invite = invitation(&puppet, Body::sdp(vec![b'x'; size - head]));
        invite.key = crate::endpoint::LegKey([u8::try_from(size % 256).expect("below 256"); 32]);
        let sent = call(&mut puppet, invite);
        assert_eq!(sent.flow.transport, transport, "{size}");
        if transport == Transport::Udp {
            assert_eq!(sent.bytes.len(), size);
        }
    }
}

/// "If this causes a change in the transport protocol from the one indicated in the top Via, the value in the top Via
/// MUST be changed."
#[test]
fn via_and_contact_name_the_transport_that_is_used() {
    let mut puppet = Puppet::new();
    let invite = invitation(&puppet, large());
    let transmit = call(&mut puppet, invite);
    let invite = request(&transmit);
    assert_eq!((transmit.flow.listener, transmit.flow.peer), (STREAM, puppet.flow().peer));
    assert!(header(&invite.headers, &HeaderName::Via).starts_with("SIP/2.0/TCP "));
    assert!(header(&invite.headers, &HeaderName::Contact).contains(";transport=tcp"));
    puppet.transport = Transport::Tcp;
    puppet.answer(&invite, 200, "callee");
    puppet.request(&Method::Ack);
    let flow = puppet.expect(|event| if let Event::Answered { dialog, .. } = event { Some(dialog.flow) } else { None });
    assert_eq!(flow, puppet.flow(), "the dialog stays on the connection");
}

/// "if the attempt to establish the connection generates either an ICMP Protocol Not Supported, or results in a TCP
/// reset, the element SHOULD retry the request, using UDP."
#[test]
fn where_nobody_takes_the_connection_it_leaves_over_udp_all_the_same() {
    let mut puppet = Puppet::new();
    let invite = invitation(&puppet, large());
    let transmit = call(&mut puppet, invite);
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, false));
    let invite = puppet.request(&Method::Invite);
    assert!(header(&invite.headers, &HeaderName::Via).starts_with("SIP/2.0/UDP "));
    assert!(!header(&invite.headers, &HeaderName::Contact).contains("transport"));
    assert_eq!(header(&invite.headers, &HeaderName::CSeq), "1 INVITE");
    assert!(puppet.event().is_none(), "nobody has to know");
    puppet.answer(&invite, 486, "callee");
    puppet.request(&Method::Ack);
    let failure = puppet.expect_failure();
    assert_eq!((failure.cause, failure.invites), (FailureCause::Response, 1));
    puppet.expect_clean();
}

#[test]
fn what_may_have_left_and_what_was_given_up_is_not_sent_again() {
    let mut puppet = Puppet::new();
    let invite = invitation(&puppet, large());
    let transmit = call(&mut puppet, invite);
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, true));
    puppet.expect_quiet();
    assert_eq!(puppet.expect_failure().cause, FailureCause::ConnectionLost);
    puppet.expect_clean();

    let mut puppet = Puppet::new();
    let invite = invitation(&puppet, large());
    let now = puppet.now;
    let session = puppet.endpoint.invite(now, invite).expect("there is room");
    let transmit = puppet.endpoint.poll_transmit().expect("the INVITE");
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it is not answered");
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, false));
    puppet.expect_quiet();
    assert_eq!(puppet.expect_failure().cause, FailureCause::NotSent);
    puppet.expect_clean();
}

/// What a challenge adds may be what makes it too large.
#[test]
fn credentials_may_make_it_too_large() {
    let mut puppet = Puppet::new();
    let mut invite = invitation(&puppet, Body::sdp(vec![b'x'; 750]));
    invite.credentials = Some(credential("u", "p"));
    let (_, invite) = puppet.call_with(invite);
    assert!(header(&invite.headers, &HeaderName::Via).starts_with("SIP/2.0/UDP "));
    let mut challenge = response(&invite, 401, "x");
    let nonce = "n".repeat(200);
    challenge.headers.push(HeaderName::WwwAuthenticate, format!("Digest realm=\"carrier\", nonce=\"{nonce}\""));
    puppet.say(challenge.to_bytes());
    puppet.request(&Method::Ack);
    let again = puppet.request(&Method::Invite);
    assert!(header(&again.headers, &HeaderName::Via).starts_with("SIP/2.0/TCP "));
}

/// A feature of ours is shown whichever way the INVITE takes.
#[test]
fn a_feature_stands_in_the_contact() {
    let mut puppet = Puppet::new();
    let mut invite = Invite { body: large(), ..puppet.invitation() };
    invite.conduct.feature = Some("+sip.src");
    let (_, invite) = puppet.call_with(invite);
    assert!(header(&invite.headers, &HeaderName::Contact).ends_with(">;+sip.src"));
    let mut puppet = Puppet::new();
    let mut invite = invitation(&puppet, large());
    invite.conduct.feature = Some("+sip.src");
    let transmit = call(&mut puppet, invite);
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, false));
    let invite = puppet.request(&Method::Invite);
    assert!(header(&invite.headers, &HeaderName::Contact).ends_with(">;+sip.src"));
}

#[test]
fn without_the_switch_everything_stays_on_udp_and_the_switch_wants_tcp() {
    let mut puppet = Puppet::new();
    let invite = Invite { body: large(), ..puppet.invitation() };
    assert_eq!(call(&mut puppet, invite).flow.transport, Transport::Udp);
    let mut puppet = Puppet::new();
    for wrong in [ListenerId(0), ListenerId(9)] {
        let conduct = Conduct { large_over: Some(wrong), ..Conduct::default() };
        let invite = Invite { conduct, ..puppet.invitation() };
        let refused = puppet.act(|endpoint, now| endpoint.invite(now, invite));
        assert_eq!(refused, Err(CommandError::UnknownListener(wrong)));
    }
}

#[test]
fn a_large_new_offer_takes_the_connection_too_and_the_dialog_stays_where_it_was() {
    for refused in [false, true] {
        let mut pair = Pair::new(1);
        let mut invite = pair.invitation();
        invite.conduct.large_over = Some(STREAM);
        let (caller, _) = pair.connect_with(invite);
        let now = pair.now;
        pair.a.reoffer(now, caller, large()).expect("it is up");
        let transmit = pair.a.poll_transmit().expect("the re-INVITE");
        assert_eq!(transmit.flow.transport, Transport::Tcp);
        assert!(!header(&request(&transmit).headers, &HeaderName::Contact).contains("transport"));
        // Nothing of it arrives: the caller is told so, or is left waiting.
        pair.act(Side::A, |a, now| a.handle_send_failed(now, transmit.id, !refused));
        if refused {
            let session = pair.expect(Side::B, |event| {
                if let Event::Reoffer { session, body: Some(_) } = event { Some(*session) } else { None }
            });
            pair.act(Side::B, |b, now| b.answer_reoffer(now, session, Ok(sdp("again"))).expect("it waits"));
        }
        let answer =
            pair.expect(
                Side::A,
                |event| {
                    if let Event::Reoffered { answer, .. } = event { Some(answer.clone()) } else { None }
                },
            );
        assert_eq!(answer.is_ok(), refused);
        pair.act(Side::A, |a, now| a.bye(now, caller, None).expect("it is up"));
        assert_eq!(pair.expect_end(Side::B), EndedBy::Remote);
        pair.expect_clean();
    }
}
