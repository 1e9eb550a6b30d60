use super::*;
use crate::message::header::{Authorization, TypedHeader};
use crate::message::{HeaderName, Headers};

fn credential(username: &str, password: &str) -> Credential {
    Credential { username: username.to_owned(), password: password.to_owned(), realm: None }
}

fn challenges(lines: &[(HeaderName, &str)]) -> Vec<Challenge> {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.push(name.clone(), value);
    }
    Challenge::all(&headers)
}

fn www(value: &str) -> Vec<Challenge> {
    challenges(&[(HeaderName::WwwAuthenticate, value)])
}

/// The answer to one challenge for a request line such as the RFCs use, whose URI is not one of SIP.
fn response(challenge: &str, credential: &Credential, method: &str, uri: &str, cnonce: &str) -> String {
    let challenges = www(challenge);
    let scheme = Scheme::of(&challenges[0]).expect("supported");
    let request = Hashed { method, uri: uri.as_bytes(), body: b"", cnonce, nc: 1 };
    request.credentials(scheme, &challenges[0], credential).response
}

fn answer_all(challenges: &[Challenge]) -> Result<Vec<Credentials>, DigestError> {
    let uri = "sip:bob@example.com".parse().expect("a URI");
    answer(challenges, &credential("alice", "secret"), &Method::Invite, &uri, b"v=0\r\n", "0a4f113b", 1)
}

/// RFC 2617 section 3.5.
#[test]
fn md5_vector() {
    let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let answer = response(challenge, &credential("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", "0a4f113b");
    assert_eq!(answer, "6629fae49393a05397450978507c4ef1");
}

/// RFC 7616 section 3.9.1.
#[test]
fn sha256_and_md5_vectors() {
    let credential = credential("Mufasa", "Circle of Life");
    for (algorithm, expected) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let challenge = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        assert_eq!(response(&challenge, &credential, "GET", "/dir/index.html", cnonce), expected, "{algorithm}");
    }
}

/// RFC 7616 section 3.9.2, whose printed response is wrong; this is the one of erratum 4897.
#[test]
fn sha512_256_vector() {
    let challenge = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
        nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", \
        charset=UTF-8, userhash=true";
    let credential = credential("Jäsøn Doe", "Secret, or not?");
    let answer = response(challenge, &credential, "GET", "/doe.json", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v");
    assert_eq!(answer, "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
}

#[test]
fn session_variants_hash_the_nonces_into_the_secret() {
    let challenge = |algorithm: &str| format!("Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm={algorithm}");
    let credential = credential("u", "p");
    let hash = |text: &str| Algorithm::Md5.hash(&[text.as_bytes()]);
    let secret = hash(&format!("{}:n:c", hash("u:r:p")));
    let expected = hash(&format!("{secret}:n:00000001:c:auth:{}", hash("INVITE:sip:b")));
    assert_eq!(response(&challenge("MD5-sess"), &credential, "INVITE", "sip:b", "c"), expected);
    assert_ne!(response(&challenge("MD5"), &credential, "INVITE", "sip:b", "c"), expected);
    assert_eq!(response(&challenge("SHA-256-sess"), &credential, "INVITE", "sip:b", "c").len(), 64);
}

#[test]
fn without_qop_the_old_form_is_used() {
    let answers = answer_all(&www("Digest realm=\"r\", nonce=\"n\", opaque=\"\"")).expect("answered");
    let hash = |text: &str| Algorithm::Md5.hash(&[text.as_bytes()]);
    let expected = hash(&format!("{}:n:{}", hash("alice:r:secret"), hash("INVITE:sip:bob@example.com")));
    assert_eq!(answers[0].response, expected);
    let mut headers = Headers::new();
    answers[0].push_onto(&mut headers);
    let text = String::from_utf8_lossy(headers.get(&HeaderName::Authorization).expect("pushed")).into_owned();
    assert!(!text.contains("qop") && !text.contains("nc=") && !text.contains("cnonce"), "{text}");
    assert!(text.contains("opaque=\"\"") && !text.contains("algorithm"), "{text}");
}

#[test]
fn printed_as_carriers_want_it() {
    let challenge = "Digest realm=\"a \\\"b\\\"\",nonce=\"n==\",algorithm=SHA-256,qop=\"auth,auth-int\",opaque=\"o\"";
    let answers = answer_all(&www(challenge)).expect("answered");
    let mut headers = Headers::new();
    answers[0].push_onto(&mut headers);
    let text = String::from_utf8_lossy(headers.get(&HeaderName::Authorization).expect("pushed")).into_owned();
    let rest = text.strip_prefix("Digest username=\"alice\", realm=\"a \\\"b\\\"\", nonce=\"n==\", ").expect(&text);
    let rest = rest.strip_prefix("uri=\"sip:bob@example.com\", response=\"").expect(&text);
    assert_eq!(&rest[64..], "\", algorithm=SHA-256, cnonce=\"0a4f113b\", opaque=\"o\", qop=auth, nc=00000001");
    let read = headers.typed::<Authorization>().expect("readable");
    assert_eq!(read.0, answers[0]);
}

#[test]
fn auth_int_only_where_nothing_else_is_offered() {
    let answers = answer_all(&www("Digest realm=\"r\", nonce=\"n\", qop=auth-int")).expect("answered");
    let hash = |text: &str| Algorithm::Md5.hash(&[text.as_bytes()]);
    let request = hash(&format!("INVITE:sip:bob@example.com:{}", hash("v=0\r\n")));
    let expected = hash(&format!("{}:n:00000001:0a4f113b:auth-int:{request}", hash("alice:r:secret")));
    assert_eq!(answers[0].response, expected);
}

#[test]
fn strongest_algorithm_for_each_asker_and_realm() {
    let offered = challenges(&[
        (HeaderName::WwwAuthenticate, "Digest realm=\"a\", nonce=\"1\", algorithm=MD5"),
        (HeaderName::WwwAuthenticate, "Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256"),
        (HeaderName::WwwAuthenticate, "Digest realm=\"a\", nonce=\"3\", algorithm=SHA-512-256"),
        (HeaderName::WwwAuthenticate, "Digest realm=\"a\", nonce=\"4\", algorithm=SHA3-512"),
        (HeaderName::WwwAuthenticate, "Bearer realm=\"a\""),
        (HeaderName::ProxyAuthenticate, "Digest realm=\"a\", nonce=\"5\""),
        (HeaderName::ProxyAuthenticate, "Digest realm=\"b\", nonce=\"6\", Digest realm=\"b\", nonce=\"7\""),
    ]);
    let answers = answer_all(&offered).expect("answered");
    let chosen: Vec<_> = answers.iter().map(|answer| (answer.header_name(), answer.nonce.as_slice())).collect();
    assert_eq!(
        chosen,
        [
            (HeaderName::Authorization, &b"2"[..]),
            (HeaderName::ProxyAuthorization, &b"5"[..]),
            (HeaderName::ProxyAuthorization, &b"6"[..]),
        ]
    );
}

#[test]
fn a_flood_of_challenges_is_not_answered_in_full() {
    let flood: Vec<String> = (0..100).map(|realm| format!("Digest realm=\"{realm}\", nonce=\"n\"")).collect();
    let answers = answer_all(&www(&flood.join(", "))).expect("answered");
    assert_eq!(answers.len(), MAX_ANSWERS);
}

#[test]
fn what_cannot_be_answered_is_said() {
    assert_eq!(answer_all(&[]), Err(DigestError::NoChallenge));
    let unknown = www("Digest realm=\"r\", nonce=\"n\", algorithm=SHA3-512");
    assert_eq!(answer_all(&unknown), Err(DigestError::Unsupported));
    let protection = www("Digest realm=\"r\", nonce=\"n\", qop=\"auth-conf\"");
    assert_eq!(answer_all(&protection), Err(DigestError::Unsupported));
    let uri = "sip:bob@example.com".parse().expect("a URI");
    let mut elsewhere = credential("alice", "secret");
    elsewhere.realm = Some("other".to_owned());
    let offered = www("Digest realm=\"r\", nonce=\"n\"");
    let refused = answer(&offered, &elsewhere, &Method::Invite, &uri, b"", "c", 1);
    assert_eq!(refused, Err(DigestError::Realm));
}

#[test]
fn challenges_are_read_as_they_come() {
    let read =
        www("digest Realm=\"r\" , Nonce = \"a,b\\\"c\",stale=TRUE,qop=\"auth , auth-int\",domain=\"sip:x, sip:y\",");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].nonce, b"a,b\"c");
    assert!(read[0].stale);
    assert_eq!(read[0].qop, [b"auth".to_vec(), b"auth-int".to_vec()]);
    assert!(www("Digest nonce=\"n\"").is_empty());
    assert!(www("Digest realm=\"r, nonce=\"n\"").is_empty());
    assert!(www("NTLM TlRMTVNTUAAB==").is_empty());
    assert!(www("").is_empty());
    assert!(Authorization::parse(b"Digest username=\"a\"").is_err());
}

#[test]
fn a_credential_never_shows_its_password() {
    let shown = format!("{:?}", credential("alice", "secret"));
    assert!(!shown.contains("alice") && !shown.contains("secret"));
}
