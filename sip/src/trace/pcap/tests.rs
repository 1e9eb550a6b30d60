use super::super::tests::{received, seen, sent};
use super::super::{Seen, Way};
use super::*;
use crate::endpoint::Transport;

/// A packet as it stands in a file.
#[derive(Debug, PartialEq, Eq)]
struct Packet {
    time: (u32, u32),
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
}

/// Reads a file of our making and checks every length and every sum in it.
fn read(file: &[u8]) -> Vec<Packet> {
    let long = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((long(0), &file[4..8], long(16), long(20)), (0xa1b2_c3d4, &[2, 0, 4, 0][..], 65_535, 101));
    let (mut at, mut packets) = (24, Vec::new());
    while at < file.len() {
        let (time, length) = ((long(at), long(at + 4)), long(at + 8) as usize);
        assert_eq!(long(at + 12) as usize, length, "nothing was cut off when it was captured");
        let packet = &file[at + 16..at + 16 + length];
        packets.push(unpacked(time, packet));
        at += 16 + length;
    }
    packets
}

fn unpacked(time: (u32, u32), packet: &[u8]) -> Packet {
    let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    let ip = |from: usize, length: usize| -> IpAddr {
        match length {
            4 => <[u8; 4]>::try_from(&packet[from..from + 4]).expect("an address").into(),
            _ => <[u8; 16]>::try_from(&packet[from..from + 16]).expect("an address").into(),
        }
    };
    let (header, from, to, protocol) = match packet[0] >> 4 {
        4 => {
            assert_eq!((packet[0] & 15, usize::from(word(2))), (5, packet.len()));
            assert_eq!(sum(&packet[..20]), 0xffff, "the header's checksum");
            (20, ip(12, 4), ip(16, 4), packet[9])
        }
        6 => {
            assert_eq!(usize::from(word(4)), packet.len() - 40);
            (40, ip(8, 16), ip(24, 16), packet[6])
        }
        other => panic!("IP version {other}"),
    };
    assert_eq!(protocol, 17);
    let datagram = &packet[header..];
    assert_eq!(usize::from(word(header + 4)), datagram.len());
    let addresses = &packet[header - if header == 20 { 8 } else { 32 }..header];
    let pseudo = [addresses, &[0, 17], &datagram[4..6], datagram].concat();
    assert_ne!(word(header + 6), 0, "there is a checksum");
    assert_eq!(sum(&pseudo), 0xffff, "the datagram's checksum");
    Packet {
        time,
        from: SocketAddr::new(from, word(header)),
        to: SocketAddr::new(to, word(header + 2)),
        payload: datagram[8..].to_vec(),
    }
}

/// The sum in ones' complement with the checksum in it: all ones when it is right.
fn sum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for pair in bytes.chunks(2) {
        let (added, carry) = sum.overflowing_add(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        sum = added + u16::from(carry);
    }
    sum
}

#[test]
fn messages_become_datagrams_with_right_sums() {
    let messages =
        [sent(1_700_000_000_123_456, "INVITE sip:a SIP/2.0\r\n\r\n"), received(1_700_000_000_123_457, "odd")];
    let packets = read(&encode(&messages));
    let (us, peer) = (messages[0].local(), messages[0].peer());
    let time = (1_700_000_000, 123_456);
    assert_eq!(packets[0], Packet { time, from: us, to: peer, payload: b"INVITE sip:a SIP/2.0\r\n\r\n".to_vec() });
    assert_eq!((packets[1].from, packets[1].to, packets[1].time.1), (peer, us, 123_457));
    assert_eq!(packets.len(), 2);
}

#[test]
fn ipv6_and_streams_are_datagrams_too() {
    let end = |text: &str| text.parse().expect("an address");
    let (local, peer) = (end("[2001:db8::1]:5061"), end("[2001:db8::2]:5061"));
    let message = Seen { transport: Transport::Tcp, local, peer, ..seen(0, Way::Sent, "BYE") }.redacted();
    let packets = read(&encode([&message]));
    assert_eq!((packets[0].from, packets[0].to), (local, peer));
}

#[test]
fn what_is_longer_than_a_datagram_is_cut() {
    let long = "a".repeat(70_000);
    let v4 = received(0, &long);
    let v6 = Seen { peer: "[2001:db8::2]:1".parse().expect("an address"), ..seen(0, Way::Sent, &long) }.redacted();
    let packets = read(&encode([&v4]));
    assert_eq!(packets[0].payload.len(), 65_507);
    assert_eq!(packet(&v6).len(), 40 + 65_535, "the length is that of what follows the header");
}

#[test]
fn a_file_without_messages_is_a_header() {
    assert_eq!(encode([]).len(), 24);
}

#[test]
fn a_sum_of_zero_is_sent_as_ones() {
    // Two bytes that make the sum of everything else come out as all ones.
    let of = |payload: [u8; 2]| Seen { bytes: payload.to_vec(), ..seen(0, Way::Sent, "") }.redacted();
    let found =
        (0..=u16::MAX).map(|word| packet(&of(word.to_be_bytes()))).find(|packet| packet[26..28] == [0xff, 0xff]);
    assert_eq!(sum(&found.expect("there is one such payload")[..20]), 0xffff);
    assert!(!(0..=u16::MAX).any(|word| packet(&of(word.to_be_bytes()))[26..28] == [0, 0]));
}
