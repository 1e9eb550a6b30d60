use std::collections::BTreeMap;

use super::super::tests::{received, seen, sent};
use super::super::{Seen, Way};
use super::*;
use crate::endpoint::PeerName;

/// Reads a packet as the specification has it: vendor and type to value.
fn read(packet: &[u8]) -> BTreeMap<(u16, u16), Vec<u8>> {
    let number = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    assert_eq!((&packet[..4], usize::from(number(4))), (&b"HEP3"[..], packet.len()));
    let (mut at, mut chunks) = (6, BTreeMap::new());
    while at < packet.len() {
        let length = usize::from(number(at + 4));
        assert!(length >= 6, "the length counts its header");
        let before = chunks.insert((number(at), number(at + 2)), packet[at + 6..at + length].to_vec());
        assert!(before.is_none(), "each chunk once");
        at += length;
    }
    assert_eq!(at, packet.len());
    chunks
}

#[test]
fn a_message_over_ipv4() {
    let agent = Agent { id: 2001, key: Some(b"myHep".to_vec()) };
    let message = sent(1_433_719_443_000_979, "BYE sip:a SIP/2.0\r\n\r\n");
    let chunks = read(&encode(&message, &agent, b"x@y").expect("it is short"));
    let expected: [(u16, &[u8]); 13] = [
        (0x01, &[2]),
        (0x02, &[17]),
        (0x03, &[192, 0, 2, 1]),
        (0x04, &[198, 51, 100, 7]),
        (0x07, &[0x13, 0xc4]),
        (0x08, &[0x13, 0xce]),
        (0x09, &1_433_719_443_u32.to_be_bytes()),
        (0x0a, &979_u32.to_be_bytes()),
        (0x0b, &[1]),
        (0x0c, &2001_u32.to_be_bytes()),
        (0x0e, b"myHep"),
        (0x0f, b"BYE sip:a SIP/2.0\r\n\r\n"),
        (0x11, b"x@y"),
    ];
    let expected = expected.map(|(kind, value)| ((0, kind), value.to_vec()));
    assert_eq!(chunks, BTreeMap::from(expected));
    assert!(!format!("{agent:?}").contains("myHep"));
}

#[test]
fn a_message_that_came_over_tls_and_ipv6() {
    let transport = Transport::Tls(PeerName::NONE);
    let end = |text: &str| text.parse().expect("an address");
    let (local, peer) = (end("[2001:db8::1]:5061"), end("[2001:db8::2]:40000"));
    let message = Seen { transport, local, peer, ..seen(0, Way::Received, "SIP/2.0 200 OK\r\n\r\n") }.redacted();
    let chunks = read(&encode(&message, &Agent::default(), b"").expect("it is short"));
    let of = |kind| chunks.get(&(0, kind)).map(Vec::as_slice);
    assert_eq!((of(1), of(2), of(3), of(4), of(14)), (Some(&[10][..]), Some(&[6][..]), None, None, None));
    let address = |last: u8| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    assert_eq!((of(5), of(6)), (Some(&address(2)[..]), Some(&address(1)[..])), "from the peer to us");
    assert_eq!((of(7), of(8)), (Some(&40_000_u16.to_be_bytes()[..]), Some(&5_061_u16.to_be_bytes()[..])));
}

#[test]
fn what_does_not_fit_into_a_datagram_is_refused() {
    let fits = encode(&received(0, &"a".repeat(LONGEST - 200)), &Agent::default(), b"c").expect("it fits");
    assert!(fits.len() <= LONGEST);
    for length in [LONGEST - 50, LONGEST, 70_000] {
        assert_eq!(encode(&received(0, &"a".repeat(length)), &Agent::default(), b"c"), None);
    }
}
