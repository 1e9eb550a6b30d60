use super::*;
use crate::endpoint::{Body, Conduct, Flow, LegKey, ListenerId, Transport};
use crate::message::{HeaderName, Message, Method, parse};

fn request(lines: &[&str]) -> Request {
    let text = format!(
        "INVITE sip:us@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
         From: \"Claimed\" <sip:claimed@192.0.2.9>;tag=a\r\nTo: <sip:us@198.51.100.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
         {}\r\n\r\n",
        lines.join("\r\n")
    );
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn caller(lines: &[&str], trusted: bool) -> (String, bool, bool) {
    let caller = Caller::of(&request(lines), trusted).expect("there is a From");
    (caller.address.uri.to_string(), caller.asserted, caller.withheld)
}

/// RFC 3325 section 5: an identity asserted by somebody who is not trusted is not looked at.
#[test]
fn an_asserted_identity_counts_from_whom_it_may_come() {
    let asserted = "P-Asserted-Identity: \"Cullen\" <sip:fluffy@example.com>, <tel:+4930123456>";
    assert_eq!(caller(&[asserted], true), ("tel:+4930123456".to_owned(), true, false));
    assert_eq!(caller(&[asserted], false), ("sip:claimed@192.0.2.9".to_owned(), false, false));
    let broken = "P-Asserted-Identity: <sip:";
    assert_eq!(caller(&[broken], true), ("sip:claimed@192.0.2.9".to_owned(), false, false));
    let no_number = "P-Asserted-Identity: <sip:fluffy@example.com>";
    assert_eq!(caller(&[no_number], true).0, "sip:fluffy@example.com");
}

#[test]
fn privacy_is_heard_in_all_its_spellings() {
    for (line, withheld) in [
        ("Privacy: id", true),
        ("Privacy: USER ; critical", true),
        ("Privacy: header, session", true),
        ("Privacy: none", false),
        ("Privacy: session", false),
        ("Privacy: history", false),
        // Whoever says something that cannot be read wants something kept back.
        ("Privacy: ;;", true),
        ("Subject: x", false),
    ] {
        assert_eq!(caller(&[line], true).2, withheld, "{line}");
    }
    let mut anonymous = request(&[]);
    for from in ["\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a", "<sip:Anonymous@192.0.2.1>;tag=a"] {
        anonymous.headers.set(HeaderName::From, from);
        assert!(Caller::of(&anonymous, true).expect("there is a From").withheld, "{from}");
    }
}

fn stations(lines: &[&str]) -> Vec<(String, DiversionReason, bool)> {
    let told = Diverted::all(&request(lines).headers);
    told.into_iter().map(|station| (station.from.uri.to_string(), station.reason, station.withheld)).collect()
}

/// RFC 5806 section 5: the latest diversion stands on top.
#[test]
fn diversions_are_told_in_the_order_they_happened() {
    let told = stations(&[
        "Diversion: <sip:second@example.com>;reason=no-answer;counter=1;privacy=full",
        "Diversion: \"Bob\" <sip:first@example.com>;reason=\"user-busy\";privacy=off, broken",
    ]);
    let expected = [
        ("sip:first@example.com".to_owned(), DiversionReason::UserBusy, false),
        ("sip:second@example.com".to_owned(), DiversionReason::NoAnswer, true),
    ];
    assert_eq!(told, expected);
    assert_eq!(stations(&["Diversion: <tel:+1>;reason=because"])[0].1, DiversionReason::Unknown);
    assert!(stations(&[]).is_empty());
}

/// RFC 7044 with the causes of RFC 4458: busy at the first, then no answer at the second.
#[test]
fn history_tells_who_was_called_before() {
    let history = "History-Info: <sip:first@example.com?Reason=SIP%3Bcause%3D486>;index=1, \
                   <sip:second@example.com;cause=486?Privacy=history&Reason=SIP%3Bcause%3D408>;index=1.1;mp=1, \
                   <sip:third@example.com;cause=408>;index=1.2;mp=1.1, \
                   <sip:third@192.0.2.4>;index=1.2.1;rc=1.2";
    let expected = [
        ("sip:first@example.com".to_owned(), DiversionReason::UserBusy, false),
        ("sip:second@example.com".to_owned(), DiversionReason::NoAnswer, true),
    ];
    assert_eq!(stations(&[history]), expected);
    assert_eq!(stations(&[history, "Diversion: <sip:other@example.com>"]), expected, "History-Info tells more");
    assert!(stations(&[history, "Privacy: history"]).iter().all(|(_, _, withheld)| *withheld));
    // Without a cause the Reason in the entry that was left; with neither it is not known.
    let plain =
        "History-Info: <sip:a@x?Reason=Q.850%3Bcause%3D17%2CSIP%3Bcause%3D302>;index=1, <sip:b@x>;index=1.1;mp=1";
    assert_eq!(stations(&[plain]), [("sip:a@x".to_owned(), DiversionReason::Unconditional, false)]);
    // A call that only went through proxies was not diverted.
    assert!(stations(&["History-Info: <sip:a@x>;index=1, <sip:a@192.0.2.4>;index=1.1;rc=1"]).is_empty());
}

#[test]
fn histories_that_make_no_sense_do_no_harm() {
    for line in [
        "History-Info: <sip:a@x;cause=486>;index=1;mp=1",
        "History-Info: <sip:a@x;cause=99999999>;mp=9.9.9.9",
        "History-Info: <sip:a@x?Reason=%00%3B&Privacy=%3B>;index=x.y;mp=,",
        "History-Info: <sip:a@x;cause=486>",
    ] {
        assert!(stations(&[line]).len() <= 1, "{line}");
    }
    let many: Vec<String> = (0..500).map(|at| format!("<sip:{at}@x;cause=302>;index={at}")).collect();
    assert!(stations(&[&format!("History-Info: {}", many[..100].join(", "))]).len() <= 32);
    let deep = vec!["1"; 1000].join(".");
    assert!(stations(&[&format!("History-Info: <sip:a@x>;index={deep};mp={deep}")]).len() <= 1);
}

#[test]
fn a_station_is_told_to_a_peer() {
    let from = NameAddr::new(Uri::parse(b"tel:+4930123456").expect("a URI of this test"));
    let station = Diverted { from, reason: DiversionReason::NoAnswer, withheld: true };
    let mut headers = Headers::new();
    headers.push_typed(&station.header());
    assert_eq!(headers.get(&HeaderName::Diversion), Some(&b"<tel:+4930123456>;reason=no-answer;privacy=full"[..]));
    assert_eq!(Diverted::all(&headers), [station]);
}

/// RFC 3323 section 4.1.1.3, RFC 3325 section 9.3.
#[test]
fn a_caller_may_be_withheld() {
    let address = |text: &str| NameAddr::new(Uri::parse(text.as_bytes()).expect("a URI of this test"));
    for (trusted, name) in [(true, HeaderName::PAssertedIdentity), (false, HeaderName::PPreferredIdentity)] {
        let mut headers = Headers::new();
        headers.push(HeaderName::PAssertedIdentity, "<tel:+49111>");
        headers.push(HeaderName::RemotePartyId, "<sip:+49111@x>");
        headers.push(HeaderName::Privacy, "none");
        let mut invite = Invite {
            key: LegKey([1; 32]),
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                peer: "192.0.2.1:5060".parse().expect("an address"),
            },
            uri: address("sip:callee@example.org").uri,
            from: address("sip:+49111@example.org"),
            to: address("sip:callee@example.org"),
            headers,
            body: Body::sdp(Vec::new()),
            credentials: None,
            session_expires: None,
            conduct: Conduct::default(),
        };
        invite.withhold_caller(address("tel:+49111"), trusted);
        let mut sent = Request::new(Method::Invite, invite.uri.clone());
        sent.headers.push_typed(&From(invite.from.clone()));
        for (name, value) in invite.headers.iter() {
            sent.headers.push(name.clone(), value);
        }
        assert_eq!(invite.from.uri.to_string(), "sip:anonymous@anonymous.invalid");
        assert_eq!(sent.headers.get(&name), Some(&b"<tel:+49111>"[..]));
        assert_eq!(sent.headers.get(&HeaderName::Privacy), Some(&b"id"[..]));
        assert!(!sent.headers.has(&HeaderName::RemotePartyId));
        let text = String::from_utf8(sent.to_bytes()).expect("text");
        assert_eq!(text.matches("+49111").count(), 1, "{text}");
        let seen = Caller::of(&sent, true).expect("there is a From");
        assert!(seen.withheld && seen.asserted == trusted);
    }
}
