//! What a whole endpoint does with the torture messages of RFC 4475 and RFC 5118: which statuses leave for it, if any. How
//! each is read stands in `sip/tests/torture.rs`.

use crate::endpoint::{Config, Endpoint, Event, Listener, ListenerId, Transport};
use crate::message::HostPort;
use crate::registrar::Bindings;
use crate::tests::epoch;
use crate::tests::puppet::PEER;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Nothing is said.
const SILENCE: &[u16] = &[];
/// A call rings.
const RINGS: &[u16] = &[100];

/// Each message, what leaves for it, and the section that asks for that: of RFC 4475, or of RFC 5118 section 4.
const TREATMENTS: [(&str, &[u16], &str); 61] = [
    ("wsinv", &[481], "3.1.1.1: its To has a tag, of a dialog that we do not have"),
    ("intmeth", &[501], "3.1.1.2: a method that nobody knows"),
    ("esc01", RINGS, "3.1.1.3: the user part is not a URI of its own"),
    ("escnull", &[200], "3.1.1.4"),
    ("esc02", &[501], "3.1.1.5: a method is never unescaped"),
    ("lwsdisp", &[200], "3.1.1.6"),
    ("longreq", RINGS, "3.1.1.7"),
    ("dblreq", &[200], "3.1.1.8: what follows the first request in its datagram is passed over"),
    ("semiuri", &[200], "3.1.1.9"),
    ("transports", &[200], "3.1.1.10"),
    ("mpart01", &[405], "3.1.1.11: MESSAGE is not built"),
    ("unreason", SILENCE, "3.1.1.12: a response to nothing of ours"),
    ("noreason", SILENCE, "3.1.1.13: a response to nothing of ours"),
    ("badinv01", SILENCE, "3.1.2.1: its Via does not say where to answer"),
    ("clerr", &[400], "3.1.2.2"),
    ("ncl", &[400], "3.1.2.3"),
    ("scalar02", &[400], "3.1.2.4"),
    ("scalarlg", SILENCE, "3.1.2.5: a response is dropped"),
    ("quotbal", &[400], "3.1.2.6"),
    ("ltgtruri", &[400], "3.1.2.7"),
    ("lwsruri", &[400], "3.1.2.8"),
    ("lwsstart", &[400], "3.1.2.9"),
    ("trws", &[400], "3.1.2.10"),
    ("escruri", &[400], "3.1.2.11"),
    ("baddate", RINGS, "3.1.2.12: the Date of a call does not matter"),
    ("regbadct", &[400], "3.1.2.13: what follows the question mark might be meant for the URI"),
    ("badaspec", &[400], "3.1.2.14"),
    ("baddn", &[400], "3.1.2.15"),
    ("badvers", &[505], "3.1.2.16"),
    ("mismatch01", &[400], "3.1.2.17"),
    ("mismatch02", &[400], "3.1.2.18: 400 or 501"),
    ("bigcode", SILENCE, "3.1.2.19: a response is dropped"),
    ("badbranch", &[200], "3.2.1: a branch of the cookie alone matches nothing else"),
    ("insuf", &[400], "3.3.1"),
    ("unkscm", &[416], "3.3.2"),
    ("novelsc", &[416], "3.3.3"),
    ("unksm2", &[400], "3.3.4: an address of record is a sip or sips URI"),
    ("bext01", &[420], "3.3.5"),
    ("invut", &[415], "3.3.6"),
    ("regaut01", &[200], "3.3.7: credentials that nobody asked for"),
    ("multi01", &[400], "3.3.8"),
    ("mcl01", &[400], "3.3.9"),
    ("bcast", SILENCE, "3.3.10: its Via is not ours"),
    ("zeromf", &[200], "3.3.11: Max-Forwards is for proxies"),
    ("cparam01", &[200], "3.3.12"),
    ("cparam02", &[200], "3.3.13"),
    ("regescrt", &[200], "3.3.14"),
    ("sdp01", RINGS, "3.3.15: its answer may be of another type than it accepts"),
    ("inv2543", &[400], "3.4.1: without Contact there is nowhere to send the BYE"),
    ("ipv6-good", &[200], "4.1"),
    ("ipv6-bad", &[400], "4.2"),
    ("port-ambiguous", &[200], "4.3: the digits are part of the address"),
    ("port-unambiguous", &[200], "4.4"),
    ("via-received-param-with-delim", &[481], "4.5"),
    ("via-received-param-no-delim", &[200], "4.5"),
    ("ipv6-in-sdp", RINGS, "4.6"),
    ("mult-ip-in-header", &[481], "4.7"),
    ("mult-ip-in-sdp", RINGS, "4.8"),
    ("ipv4-mapped-ipv6", RINGS, "4.9"),
    ("ipv6-bug-abnf-3-colons", &[200], "4.10"),
    ("ipv6-correct-abnf-2-colons", &[200], "4.10"),
];

/// The statuses of all responses to a message, by an endpoint that is a registrar too.
fn treatment(message: &[u8]) -> Vec<u16> {
    let now = epoch();
    let mut endpoint = Endpoint::new(Config { registrar: true, ..Config::default() }, [5; 32]);
    let advertised = HostPort::parse(b"198.51.100.1:5060").expect("an address of this test");
    endpoint.add_listener(Listener { id: ListenerId(0), transport: Transport::Udp, advertised });
    endpoint.handle_datagram(now, ListenerId(0), SocketAddr::from(PEER), message);
    while let Some(event) = endpoint.poll_event() {
        if let Event::Register { register, incoming } = event {
            let answer = Bindings::default().register(now, &incoming);
            endpoint.answer_register(now, register, &answer).expect("it waits");
        }
    }
    let mut statuses = Vec::new();
    while let Some(transmit) = endpoint.poll_transmit() {
        let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).expect("only responses leave");
        statuses.push(status.parse().expect("a number"));
    }
    statuses
}

#[test]
fn every_message_of_both_documents_gets_its_treatment() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut differences = BTreeMap::new();
    for (name, expected, why) in TREATMENTS {
        let path = folder.join(format!("{name}.dat"));
        let message = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = treatment(&message);
        if found != expected {
            differences.insert(name, (found, expected, why));
        }
    }
    assert!(differences.is_empty(), "found, expected, section: {differences:#?}");
    let files = std::fs::read_dir(&folder).expect("the folder is part of the package");
    let names = files.map(|file| file.expect("readable").file_name().to_string_lossy().into_owned());
    let messages = names.filter(|name| name.ends_with(".dat")).count();
    assert_eq!(messages, TREATMENTS.len(), "no message is left out");
}
