//! Messages for the tests of what is made of them.

use super::*;

/// A message that was sent from port 5060 of one address to that of another.
pub(super) fn sent(at_us: u64, text: &str) -> Message {
    seen(at_us, Way::Sent, text).redacted()
}

/// One that came.
pub(super) fn received(at_us: u64, text: &str) -> Message {
    seen(at_us, Way::Received, text).redacted()
}

pub(super) fn seen(at_us: u64, way: Way, text: &str) -> Seen {
    Seen {
        at_us,
        way,
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().expect("an address"),
        peer: "198.51.100.7:5070".parse().expect("an address"),
        bytes: text.as_bytes().to_vec(),
    }
}

#[test]
fn nothing_of_a_message_prints() {
    let seen = seen(0, Way::Sent, "INVITE sip:+442079460001@example.org SIP/2.0\r\n\r\n");
    assert_eq!(format!("{seen:?}"), "Sent 48 bytes over UDP");
    assert!(!format!("{:?}", seen.redacted()).contains("4420"));
}

#[test]
fn ends_are_of_one_family() {
    let ends = |local: &str, peer: &str| {
        let end = |text: &str| text.parse().expect("an address");
        let (from, to) = Seen { local: end(local), peer: end(peer), ..seen(0, Way::Sent, "") }.redacted().ends();
        format!("{from} {to}")
    };
    assert_eq!(ends("192.0.2.1:1", "192.0.2.2:2"), "192.0.2.1:1 192.0.2.2:2");
    assert_eq!(ends("192.0.2.1:1", "[::ffff:192.0.2.2]:2"), "192.0.2.1:1 192.0.2.2:2");
    assert_eq!(ends("[::]:1", "[::ffff:192.0.2.2]:2"), "[::]:1 [::ffff:192.0.2.2]:2");
    assert_eq!(ends("[2001:db8::1]:1", "[2001:db8::2]:2"), "[2001:db8::1]:1 [2001:db8::2]:2");
}
