//! What a peer may send within a call and outside: good, early, twice, too much, and nonsense.

use crate::endpoint::{Config, EndedBy, Event, FailureCause, Rejection, Transport};
use crate::message::{HeaderName, Method, StatusCode};
use crate::tests::pair::sdp;
use crate::tests::puppet::{Puppet, header, request, request_with, to_tag};
use std::time::Duration;

#[test]
fn options_is_answered_and_the_rest_is_refused_by_name() {
    let mut puppet = Puppet::new();
    for (method, status) in [
        ("OPTIONS", 200),
        ("BYE", 481),
        ("INFO", 481),
        ("UPDATE", 481),
        ("MESSAGE", 405),
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("FROBNICATE", 501),
    ] {
        puppet.say(request(method, &format!("z9hG4bK{method}"), &format!("{status} {method}"), "", ""));
        let response = puppet.response(status);
        let allowed = header(&response.headers, &HeaderName::Allow).contains("INVITE");
        assert_eq!(allowed, status != 481, "{method}");
    }
    for method in ["BYE", "INFO", "INVITE", "UPDATE"] {
        puppet.say(request(method, &format!("z9hG4bKx{method}"), &format!("9 {method}"), "stranger", ""));
        puppet.response(481);
    }
    puppet.say(request("ACK", "z9hG4bKstray", "1 ACK", "stranger", ""));
    puppet.expect_clean();
}

#[test]
fn a_request_that_comes_again_gets_the_same_answer() {
    let mut puppet = Puppet::new();
    for _ in 0..3 {
        puppet.say(request("OPTIONS", "z9hG4bKsame", "1 OPTIONS", "", ""));
    }
    let tags: Vec<String> = (0..3).map(|_| to_tag(&puppet.response(200))).collect();
    assert_eq!(tags[0], tags[1]);
    assert_eq!(tags[0], tags[2]);
    puppet.expect_clean();
}

#[test]
fn a_request_merged_by_a_fork_is_482() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKpath1", "1 INVITE", "", "offer"));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.say(request("INVITE", "z9hG4bKpath2", "1 INVITE", "", "offer"));
    puppet.response(482);
    puppet.say(request("ACK", "z9hG4bKpath2", "1 ACK", "", ""));
    assert!(puppet.event().is_none());
    puppet.act(|endpoint, now| endpoint.hang_up(now, session, None)).expect("it rings");
    puppet.response(480);
    puppet.say(request("ACK", "z9hG4bKpath1", "1 ACK", "", ""));
    assert_eq!(puppet.expect_failure().cause, FailureCause::Rejected);
    puppet.expect_clean();
}

#[test]
fn our_own_request_coming_back_is_482() {
    let mut puppet = Puppet::new();
    let (_, mut invite) = puppet.call();
    invite.headers.insert_first(HeaderName::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKloop");
    puppet.say(invite.to_bytes());
    puppet.response(482);
    puppet.run_for(Duration::from_secs(100));
    puppet.expect_failure();
    puppet.expect_clean();
}

#[test]
fn what_must_be_known_and_is_not_is_420() {
    let mut puppet = Puppet::new();
    let required = "Require: timer, histinfo, 100rel\r\nRequire: precondition\r\n";
    puppet.say(request_with("INVITE", "z9hG4bKreq", "1 INVITE", "", required, "offer"));
    let response = puppet.response(420);
    assert_eq!(header(&response.headers, &HeaderName::Unsupported), "histinfo, precondition");
    assert!(puppet.event().is_none());
    puppet.expect_clean();
}

#[test]
fn a_body_that_nobody_reads_is_415_unless_it_is_optional() {
    let isup = "Content-Type: application/isup;version=nxv3\r\n";
    let with = |method: &str, branch: &str, cseq: u32, tag: &str, more: &str| {
        request_with(method, branch, &format!("{cseq} {method}"), tag, &format!("{isup}{more}"), "")
            .replace("Content-Length: 0\r\n\r\n", "Content-Length: 4\r\n\r\nbits")
    };
    let mut puppet = Puppet::new();
    puppet.say(with("INVITE", "z9hG4bKone", 1, "", ""));
    let refused = puppet.response(415);
    assert_eq!(header(&refused.headers, &HeaderName::Accept), "application/sdp");
    puppet.say(request("ACK", "z9hG4bKone", "1 ACK", &to_tag(&refused), ""));
    assert!(puppet.event().is_none(), "nobody was told of it");

    puppet.say(with("INVITE", "z9hG4bKtwo", 2, "", "Content-Disposition: signal ; Handling = optional\r\n"));
    puppet.response(100);
    let (session, body) = puppet.expect(|event| {
        if let Event::Incoming { session, invite } = event { Some((*session, invite.body.clone())) } else { None }
    });
    assert_eq!(body, None, "it is a call without offer");
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("offer"))).expect("it rings");
    let tag = to_tag(&puppet.response(200));
    puppet.say(request("ACK", "z9hG4bKack", "2 ACK", &tag, "answer"));
    puppet.ignore();
    for (method, cseq) in [("UPDATE", 3), ("INVITE", 4)] {
        puppet.say(with(method, &format!("z9hG4bK{cseq}"), cseq, &tag, ""));
        puppet.response(415);
    }
    puppet.say(request("ACK", "z9hG4bK4", "4 ACK", &tag, ""));
    puppet.say(request("BYE", "z9hG4bKbye", "5 BYE", &tag, ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), EndedBy::Remote, "the call went on as it was");
    puppet.expect_clean();
}

#[test]
fn the_target_of_a_call_is_the_contact_without_its_headers() {
    let mut puppet = Puppet::new();
    let invite = request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer");
    puppet.say(invite.replace("<sip:peer@192.0.2.9:5060>", "<sip:peer@192.0.2.9:5060?Subject=x>"));
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.response(100);
    let tag = to_tag(&puppet.response(200));
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:peer@192.0.2.9:5060");
    puppet.answer(&bye, 200, "peer");
    puppet.expect_clean();
}

#[test]
fn a_malformed_request_gets_400_and_the_connection_lives_on() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut puppet = Puppet::new();
        puppet.transport = transport;
        let broken = request("OPTIONS", "z9hG4bKbroken", "1 OPTIONS", "", "");
        puppet.say(broken.replace("us@198.51.100.1 SIP/2.0", "[bad SIP/2.0"));
        puppet.response(400);
        puppet.expect(|event| matches!(event, Event::Malformed { .. }).then_some(()));
        puppet.say(request("OPTIONS", "z9hG4bKgood", "1 OPTIONS", "", ""));
        puppet.response(200);
        assert_eq!(puppet.endpoint.counters().malformed, 1);
        puppet.expect_clean();
    }
}

#[test]
fn garbage_and_keep_alives_leave_no_trace() {
    let mut puppet = Puppet::new();
    puppet.say("\r\n\r\n");
    assert!(puppet.event().is_none());
    for garbage in ["\0\0\0\0", "SIP/2.0 200 OK\r\n\r\n", "INVITE\r\n\r\n", "ACK sip:x SIP/2.0\r\n\r\n"] {
        puppet.say(garbage);
        puppet.expect_quiet();
    }
    puppet.expect_clean();
}

#[test]
fn a_response_nobody_waits_for_is_counted() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    let mut stray = crate::tests::puppet::response(&invite, 200, "x");
    stray.headers.set(HeaderName::Via, "SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKother");
    puppet.say(stray.to_bytes());
    puppet.expect_quiet();
    assert_eq!(puppet.endpoint.counters().stray_responses, 1);
    // RFC 3261 8.1.3.3: "if there is more than one Via header field value in a response, the UAC SHOULD discard the message".
    for second in ["SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKx", "SIP/2.0/TCP 198.51.100.1;branch=z9hG4bKy"] {
        let mut misrouted = crate::tests::puppet::response(&invite, 200, "x");
        misrouted.headers.push(HeaderName::Via, second);
        puppet.say(misrouted.to_bytes());
    }
    puppet.expect_quiet();
    assert_eq!(puppet.endpoint.counters().stray_responses, 3);
}

#[test]
fn responses_go_where_the_request_came_from() {
    // RFC 3581 with rport; RFC 3261 18.2.2 without: the port of sent-by, or 5060.
    for (via, port) in [
        ("10.9.8.7:7777;branch=z9hG4bKa;rport", 6000),
        ("10.9.8.7:7777;branch=z9hG4bKb", 7777),
        ("pbx.example.org;branch=z9hG4bKc", 5060),
    ] {
        let mut puppet = Puppet::new();
        let text = request("OPTIONS", "z9hG4bKv", "1 OPTIONS", "", "");
        let text = text.replace("192.0.2.9:5060;branch=z9hG4bKv;rport", via);
        let source = std::net::SocketAddr::from(([203, 0, 113, 5], 6000));
        let listener = puppet.flow().listener;
        puppet.endpoint.handle_datagram(puppet.now, listener, source, text.as_bytes());
        let transmit = puppet.endpoint.poll_transmit().expect("an answer");
        assert_eq!(transmit.flow.peer, std::net::SocketAddr::new(source.ip(), port));
        let answer = String::from_utf8(transmit.bytes).expect("text in this test");
        assert!(answer.contains(";received=203.0.113.5"), "{answer}");
        assert_eq!(answer.contains(";rport=6000"), via.ends_with("rport"), "{answer}");
    }
}

#[test]
fn limits_turn_calls_away_with_503_and_keep_the_ones_that_are_up() {
    let mut puppet = Puppet::with(Config { max_sessions: 1, ..Config::default() });
    let (_, tag) = puppet.call_in();
    let second = request("INVITE", "z9hG4bKsecond", "1 INVITE", "", "offer").replace("call-of-the-peer", "another");
    puppet.say(&second);
    let response = puppet.response(503);
    assert_eq!(header(&response.headers, &HeaderName::RetryAfter), "5");
    puppet.say(&second);
    assert_eq!(to_tag(&puppet.response(503)), to_tag(&response), "a stateless answer is the same again");
    assert_eq!(puppet.endpoint.counters().overloaded, 2);
    let invite = puppet.invitation();
    let full = puppet.act(|endpoint, now| endpoint.invite(now, invite));
    assert_eq!(full, Err(crate::endpoint::CommandError::Full));
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tag, ""));
    puppet.response(200);
    puppet.expect_clean();
}

#[test]
fn a_flood_of_requests_is_bounded_by_the_limit_of_transactions() {
    let mut puppet = Puppet::with(Config { max_transactions: 50, ..Config::default() });
    for flood in 0..1_000 {
        puppet.say(request("OPTIONS", &format!("z9hG4bKflood{flood}"), &format!("{flood} OPTIONS"), "", ""));
    }
    assert_eq!(puppet.endpoint.transactions(), 50);
    assert_eq!(puppet.endpoint.counters().overloaded, 950);
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn events_nobody_fetches_are_bounded() {
    let mut puppet = Puppet::with(Config { max_events: 10, ..Config::default() });
    let (_, tag) = puppet.call_in();
    for info in 0..100 {
        let text = request("INFO", &format!("z9hG4bKinfo{info}"), &format!("{} INFO", info + 2), &tag, "Signal=1");
        let flow = puppet.flow();
        puppet.endpoint.handle_datagram(puppet.now, flow.listener, flow.peer, text.as_bytes());
    }
    assert_eq!(puppet.endpoint.counters().events_dropped, 90);
    let bye = request("BYE", "z9hG4bKbye", "200 BYE", &tag, "");
    puppet.say(bye);
    assert_eq!(puppet.expect_end(), EndedBy::Remote, "what ends a session is never dropped");
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn a_call_nobody_answers_is_refused_by_the_guard() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.ring(now, session, StatusCode::RINGING, None)).expect("it rings");
    puppet.run_for(Duration::from_secs(299));
    // Once at the command, and each minute (RFC 3261 13.3.1.1).
    for _ in 0..5 {
        puppet.response(180);
    }
    puppet.expect_quiet();
    puppet.run_for(Duration::from_secs(1));
    puppet.response(480);
    assert_eq!(puppet.expect_failure().cause, FailureCause::Rejected);
    puppet.expect_clean();
}

#[test]
fn an_answer_without_ack_is_repeated_then_hung_up() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.response(100);
    puppet.run_for(Duration::from_millis(31_900));
    let mut answers = 0;
    while answers < 11 {
        puppet.response(200);
        answers += 1;
    }
    // 0, 0.5, 1.5, 3.5, then every 4 s up to 31.5 s.
    puppet.expect_quiet();
    puppet.run_for(Duration::from_millis(100));
    puppet.request(&Method::Bye);
    assert_eq!(puppet.expect_end(), EndedBy::Error);
    puppet.expect_clean();
}

#[test]
fn a_caller_that_never_acknowledged_may_hang_up_after_five_seconds() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.response(100);
    puppet.run_for(Duration::from_secs(5));
    // 0, 0.5, 1.5, 3.5 s.
    let tags: Vec<String> = (0..4).map(|_| to_tag(&puppet.response(200))).collect();
    puppet.expect_quiet();
    assert!(puppet.event().is_none(), "the call is up");
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tags[0], ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    puppet.run_for(Duration::from_secs(60));
    puppet.expect_quiet();
    puppet.expect_clean();
}

#[test]
fn a_callee_that_hangs_up_before_the_ack_waits_for_it() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.response(100);
    let answer = puppet.response(200);
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    puppet.expect_quiet();
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &to_tag(&answer), ""));
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "peer");
    puppet.expect_clean();
}

#[test]
fn a_caller_may_end_an_early_dialog_by_bye() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.ring(now, session, StatusCode::RINGING, None)).expect("it rings");
    let tag = to_tag(&puppet.response(180));
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tag, ""));
    puppet.response(200);
    assert_eq!(to_tag(&puppet.response(487)), tag);
    puppet.expect(|event| matches!(event, Event::Cancelled { .. }).then_some(()));
    let reject = puppet.act(|endpoint, now| endpoint.reject(now, session, StatusCode::BUSY_HERE, Rejection::default()));
    assert!(reject.is_err());
    puppet.expect_clean();
}

#[test]
fn an_old_sender_without_magic_cookie_is_served() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "1", "1 INVITE", "", "offer"));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.say(request("INVITE", "1", "1 INVITE", "", "offer"));
    puppet.response(100);
    assert!(puppet.event().is_none(), "a retransmission is no new call");
    puppet
        .act(|endpoint, now| endpoint.reject(now, session, StatusCode::BUSY_HERE, Rejection::default()))
        .expect("it rings");
    puppet.response(486);
    puppet.say(request("ACK", "1", "1 ACK", "", ""));
    puppet.run_for(Duration::from_secs(10));
    puppet.expect_quiet();
    puppet.expect_clean();
}

#[test]
fn the_route_of_a_call_that_came_through_proxies_leads_back() {
    let mut puppet = Puppet::new();
    let routes = "Record-Route: <sip:192.0.2.9;lr>\r\nRecord-Route: <sip:far.example.org;lr>\r\n";
    puppet.say(request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", routes, "offer"));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.ring(now, session, StatusCode::RINGING, None)).expect("it rings");
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    for status in [180, 200] {
        let response = puppet.response(status);
        let recorded: Vec<_> = response.headers.all(&HeaderName::RecordRoute).collect();
        assert_eq!(recorded, [b"<sip:192.0.2.9;lr>".as_slice(), b"<sip:far.example.org;lr>"]);
        if status == 200 {
            puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &to_tag(&response), ""));
        }
    }
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    let routes: Vec<_> = bye.headers.all(&HeaderName::Route).collect();
    assert_eq!(routes, [b"<sip:192.0.2.9;lr>".as_slice(), b"<sip:far.example.org;lr>"], "as recorded, not reversed");
    assert_eq!(bye.uri.to_string(), "sip:peer@192.0.2.9:5060");
    puppet.answer(&bye, 200, "peer");
    puppet.ignore();
    puppet.expect_clean();
}
