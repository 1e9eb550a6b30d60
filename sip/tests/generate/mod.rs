//! Well-formed messages for property tests, as text whose parts are known.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// How these tests are run: failing seeds are printed and kept beside the test.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let seeds = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::default() }
}

/// A message in its parts. Every part is text as it stands on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Method and Request-URI, or nothing for a response.
    pub(crate) request: Option<(String, String)>,
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) vias: Vec<String>,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) contact: String,
    /// Headers nobody looks into.
    pub(crate) others: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Sample {
    pub(crate) fn method(&self) -> &str {
        self.request.as_ref().map_or("INVITE", |(method, _)| method)
    }

    pub(crate) fn start_line(&self) -> String {
        match &self.request {
            Some((method, uri)) => format!("{method} {uri} SIP/2.0"),
            None => format!("SIP/2.0 {} {}", self.status, self.reason),
        }
    }

    /// Names and values, Content-Length last.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = self.vias.iter().map(|via| ("Via".to_owned(), via.clone())).collect();
        headers.push(("From".to_owned(), self.from.clone()));
        headers.push(("To".to_owned(), self.to.clone()));
        headers.push(("Call-ID".to_owned(), self.call_id.clone()));
        headers.push(("CSeq".to_owned(), format!("{} {}", self.cseq, self.method())));
        headers.push(("Contact".to_owned(), self.contact.clone()));
        headers.extend(self.others.iter().cloned());
        headers.push(("Content-Length".to_owned(), self.body.len().to_string()));
        headers
    }

    /// The message written plainly.
    pub(crate) fn text(&self) -> String {
        let headers: String = self.headers().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}\r\n{}", self.start_line(), self.body)
    }
}

/// Messages of the shape every SIP implementation should read alike.
///
/// Left out, because `rsip` 0.4 is known not to read it: compact header names and folded lines, several values in one
/// Via, IPv6 in Via and Contact, methods it does not list, headers in URIs, bytes that are not UTF-8, angle brackets in display names, and white space
/// around the separators of parameters. Transports in URIs are in upper case, as `rsip` prints them so.
pub(crate) fn plain() -> impl Strategy<Value = Sample> {
    let head = (
        prop_oneof![3 => (method(), uri()).prop_map(Some), 1 => Just(None)],
        100..=699u16,
        "[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8})?",
        prop::collection::vec(via(), 1..4),
    );
    let ids = (name_addr("tag"), name_addr("tag"), "[a-z0-9]{1,20}(@[a-z]{1,10}\\.example)?", 0..(1u32 << 31));
    let rest = (name_addr("expires"), prop::collection::vec(other(), 0..6), "[ -~]{0,40}");
    (head, ids, rest).prop_map(
        |((request, status, reason, vias), (from, to, call_id, cseq), (contact, others, body))| Sample {
            request,
            status,
            reason,
            vias,
            from,
            to,
            call_id,
            cseq,
            contact,
            others,
            body,
        },
    )
}

fn method() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "INVITE",
        "ACK",
        "CANCEL",
        "BYE",
        "OPTIONS",
        "REGISTER",
        "INFO",
        "PRACK",
        "UPDATE",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
        "MESSAGE",
        "PUBLISH",
    ])
    .prop_map(str::to_owned)
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9]{0,8}(\\.[a-z][a-z0-9]{0,6}){0,2}",
        (1..=223u8, any::<u8>(), any::<u8>()).prop_map(|(a, b, c)| format!("{a}.{b}.{c}.1")),
    ]
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), (1..=u16::MAX).prop_map(|port| format!(":{port}"))]
}

fn uri() -> impl Strategy<Value = String> {
    let params = prop::sample::select(vec!["", ";transport=TCP", ";lr", ";user=phone", ";x=y;lr", ";maddr=192.0.2.7"]);
    ("sips?", "(\\+?[0-9]{3,12}|[a-z][a-z0-9._-]{0,10})", host(), port(), params)
        .prop_map(|(scheme, user, host, port, params)| format!("{scheme}:{user}@{host}{port}{params}"))
}

fn via() -> impl Strategy<Value = String> {
    let transport = prop::sample::select(vec!["UDP", "TCP", "TLS", "WS"]);
    let extra =
        prop::sample::select(vec!["", ";rport", ";received=192.0.2.9", ";rport=5062;received=192.0.2.9", ";alias"]);
    (transport, host(), port(), "[a-zA-Z0-9.]{1,16}", extra).prop_map(|(transport, host, port, branch, extra)| {
        format!("SIP/2.0/{transport} {host}{port};branch=z9hG4bK{branch}{extra}")
    })
}

fn name_addr(param: &'static str) -> impl Strategy<Value = String> {
    let display = prop_oneof![
        Just(String::new()),
        "[A-Z][a-z]{1,8} ".prop_map(|word| word),
        "[A-Za-z ,;@]{1,12}".prop_map(|text| format!("\"{text}\" ")),
    ];
    let value = prop_oneof![Just(String::new()), "[0-9]{1,6}".prop_map(move |value| format!(";{param}={value}"))];
    (display, uri(), value).prop_map(|(display, uri, value)| format!("{display}<{uri}>{value}"))
}

fn other() -> impl Strategy<Value = (String, String)> {
    let name = prop::sample::select(vec!["Subject", "User-Agent", "X-Account", "P-Charging-Vector", "Organization"]);
    (name.prop_map(str::to_owned), "[!-~]([ -~]{0,30}[!-~])?")
}
