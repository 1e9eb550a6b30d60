use super::*;

fn uri(text: &str) -> Uri {
    Uri::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn fault(text: &str) -> ParseFault {
    match Uri::parse(text.as_bytes()) {
        Err(error) => error.what,
        Ok(uri) => panic!("{text} was read as {uri:?}"),
    }
}

#[test]
fn parts_of_a_sip_uri() {
    let read = uri("SIPS:alice:pw@[2001:db8::1]:5061;transport=tcp;lr?Subject=x&Priority=urgent");
    assert_eq!(read.scheme, Scheme::Sips);
    assert_eq!(read.user.as_deref(), Some(&b"alice"[..]));
    assert_eq!(read.password.as_deref(), Some(&b"pw"[..]));
    assert_eq!(read.host_port().to_string(), "[2001:db8::1]:5061");
    assert_eq!(read.params.value("Transport"), Some(&b"tcp"[..]));
    assert!(read.params.has("lr"));
    assert_eq!(read.to_string(), "sips:alice:pw@[2001:db8::1]:5061;transport=tcp;lr?Subject=x&Priority=urgent");
}

#[test]
fn tel_and_other_schemes() {
    let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!(tel.user.as_deref(), Some(&b"+1-201-555-0123"[..]));
    assert_eq!(tel.to_string(), "tel:+1-201-555-0123;phone-context=example.com");
    let urn = uri("URN:service:sos");
    assert_eq!(urn.to_string(), "urn:service:sos");
}

#[test]
fn what_is_refused() {
    assert_eq!(fault(""), ParseFault::Uri);
    assert_eq!(fault("sip"), ParseFault::Uri);
    assert_eq!(fault("1sip:a"), ParseFault::Uri);
    assert_eq!(fault("sip:@example.com"), ParseFault::Uri);
    assert_eq!(fault("sip:a b@example.com"), ParseFault::Uri);
    assert_eq!(fault("sip:a@exa\u{e4}mple.com"), ParseFault::Host);
    assert_eq!(fault("sip:a@b@c"), ParseFault::Host);
    assert_eq!(fault("sip:a@"), ParseFault::Host);
    assert_eq!(fault("sip:a@[::1"), ParseFault::Host);
    assert_eq!(fault("sip:a@[::1]x"), ParseFault::Port);
    assert_eq!(fault("sip:a@b:"), ParseFault::Port);
    assert_eq!(fault("sip:a@b:65536"), ParseFault::Port);
    assert_eq!(fault("sip:a@b;"), ParseFault::Param);
    assert_eq!(fault("sip:a@b;;lr"), ParseFault::Param);
    assert_eq!(fault("tel:;x"), ParseFault::Uri);
}

/// The examples of RFC 3261 section 19.1.4.
#[test]
fn equivalence_of_the_rfc() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ] {
        assert!(uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)), "{a} {b}");
    }
    for (a, b) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:b"),
    ] {
        assert!(!uri(a).equivalent(&uri(b)) && !uri(b).equivalent(&uri(a)), "{a} {b}");
    }
}

#[test]
fn fields_cannot_break_out_of_the_uri() {
    let host = HostPort { host: Host::Name("example.com".to_owned()), port: None };
    let built = Uri::sip(Some(b"a b@c>\r\n%41"), host.clone());
    assert_eq!(built.to_string(), "sip:a%20b%40c%3E%0D%0A%2541@example.com");
    assert_eq!(uri(&built.to_string()).user_text().expect("user"), &b"a b@c>\r\n%41"[..]);
    let mut raw = Uri::sip(None, host);
    raw.user = Some(b"x@evil;p".to_vec());
    raw.params.set("maddr", Some(b"a;b"));
    assert_eq!(uri(&raw.to_string()).host.to_string(), "example.com");
}
