use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::cipher::{Gcm, Place, StreamCipher};
use super::derive::{Label, cipher, counter_mode, derive};
use super::*;
use crate::rtp::{HEADER_LENGTH, RtpHeader, RtpPacket};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(byte).collect()
}

fn master(suite: Suite, seed: u64) -> MasterKey {
    MasterKey::generate(suite, &mut StdRng::seed_from_u64(seed))
}

fn remote(key: &MasterKey) -> RemoteKey {
    RemoteKey { key: key.clone(), mki: None }
}

/// A packet with so many bytes of payload, and room for its protection.
fn packet(ssrc: u32, sequence: u16, payload: usize) -> (Vec<u8>, usize) {
    let mut packet = vec![sequence as u8; HEADER_LENGTH + payload + MAX_OVERHEAD];
    let header = packet.first_chunk_mut().expect("it is longer than a header");
    RtpHeader { marker: false, payload_type: 8, sequence, timestamp: u32::from(sequence) * 160, ssrc }.write(header);
    (packet, HEADER_LENGTH + payload)
}

/// A line between two sides with one key: what the sender wrote, and what came of it.
struct Line {
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Line {
    fn new(suite: Suite) -> Self {
        let key = master(suite, 1);
        Self { sender: SrtpSender::new(&key), receiver: SrtpReceiver::new(&remote(&key)) }
    }

    fn protect(&mut self, index: u64) -> Vec<u8> {
        let (mut packet, length) = packet(7, index as u16, 160);
        let length = self.sender.protect(&mut packet, length, (index >> 16) as u32).expect("a fresh number");
        packet.truncate(length);
        packet
    }

    /// Whether the packet with this index is opened.
    fn carry(&mut self, index: u64) -> Result<(), UnprotectError> {
        let protected = self.protect(index);
        self.open(&protected)
    }

    fn open(&mut self, protected: &[u8]) -> Result<(), UnprotectError> {
        let opened = self.receiver.unprotect(protected)?;
        let sequence = RtpPacket::parse(opened).expect("as it was written").header.sequence;
        let (clear, length) = packet(7, sequence, 160);
        assert_eq!(opened, &clear[..length]);
        Ok(())
    }
}

#[test]
fn keystream_of_rfc_3711_appendix_b_2() {
    let key = cipher(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    let start: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().expect("16 bytes");
    let mut stream = [0; 48];
    counter_mode(&key, start, &mut stream);
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
                    41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(stream[..], hex(expected));
}

#[test]
fn session_keys_of_rfc_3711_appendix_b_3() {
    let material = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &material).expect("a key and its salt");
    assert_eq!(derive::<16>(&master, Label::RtpEncryption)[..], hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive::<14>(&master, Label::RtpSalt)[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
    let expected = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098 \
                    6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2DC68";
    assert_eq!(derive::<96>(&master, Label::RtpAuthentication)[..], hex(expected));
}

/// Session key, salt and packets of RFC 7714 sections 16.1 and 17.1.
#[test]
fn packets_of_rfc_7714() {
    let key: [u8; 16] = hex("000102030405060708090a0b0c0d0e0f").try_into().expect("16 bytes");
    let salt: [u8; 12] = hex("517569642070726f2071756f").try_into().expect("12 bytes");
    let cipher = Gcm::with(&key, salt.into());

    let place = Place { ssrc: 0x5501_a0b2, index: 0xf17b };
    let header = hex("8040f17b 8041f8d3 5501a0b2");
    let clear = hex("47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573");
    let mut payload = clear.clone();
    let tag = cipher.seal(place, &header, &mut payload);
    assert_eq!(payload, hex("f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833"));
    assert_eq!(tag[..], hex("899d7f27 beb16a91 52cf765e e4390cce"));
    let mut opened = vec![0; clear.len()];
    assert!(cipher.open(place, &header, &payload, &tag, &mut opened));
    assert_eq!(opened, clear);

    let place = Place { ssrc: 0x4d61_7273, index: 0x5d4 };
    let header = hex("81c8000d 4d617273 800005d4");
    let clear = "4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef";
    let mut report = hex(clear);
    let tag = cipher.seal(place, &header, &mut report);
    let sealed = "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b";
    assert_eq!(report, hex(sealed));
    assert_eq!(tag[..], hex("c84aa458 96cf4d2f c5abf872 45d9eade"));
}

/// The packets with which libsrtp checks itself, under the master key of RFC 3711 appendix B.3.
#[test]
fn packets_of_libsrtp() {
    let material = hex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6");
    let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &material).expect("a key and its salt");
    let mut sender = SrtpSender::new(&master);
    let mut rtp = hex("800f1234decafbadcafebabe abababababababababababababababab");
    rtp.resize(28 + MAX_OVERHEAD, 0);
    let length = sender.protect(&mut rtp, 28, 0).expect("the first packet");
    let expected = "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb";
    assert_eq!(rtp[..length], hex(expected));
    let mut rtcp = hex("81c8000bcafebabe abababababababababababababababab");
    rtcp.resize(24 + MAX_OVERHEAD, 0);
    let length = sender.protect_rtcp(&mut rtcp, 24).expect("the first report");
    let expected = "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798";
    assert_eq!(rtcp[..length], hex(expected));
}

#[test]
fn packets_are_carried_over_many_turns_of_their_numbers() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        for index in (0x7ff0..0x5_0000).step_by(0x1fff) {
            assert_eq!(line.carry(index), Ok(()), "{suite:?} {index:x}");
        }
    }
}

#[test]
fn a_packet_is_taken_once_and_none_that_is_too_late_to_tell() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        let late: Vec<_> = (0xff00..0xff80).map(|index| line.protect(index)).collect();
        assert_eq!(line.carry(0xff90), Ok(()));
        assert_eq!(line.open(&late[0x7f]), Ok(()), "a little late");
        assert_eq!(line.open(&late[0x7f]), Err(UnprotectError::Replayed));
        assert_eq!(line.carry(0x1_0002), Ok(()), "the number came round");
        assert_eq!(line.open(&late[0x7e]), Err(UnprotectError::Replayed), "132 behind");
        assert_eq!(line.carry(0x1_0003), Ok(()));
    }
}

#[test]
fn whoever_listens_late_finds_the_rollover_counter() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        assert_eq!(line.carry(0x1_0042), Ok(()), "the first 32768 of the second turn");
        assert_eq!(line.carry(0x1_0043), Ok(()));
        let mut line = Line::new(suite);
        assert_eq!(line.carry(0x1_9000), Err(UnprotectError::Unauthentic), "further on it cannot be known");
        let mut line = Line::new(suite);
        assert_eq!(line.carry(0xffff), Ok(()));
        assert_eq!(line.carry(0x1_0000), Ok(()), "the second packet is the first of a turn");
    }
}

#[test]
fn another_key_goes_on_or_begins_anew() {
    for (suite, next) in
        [(Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm), (Suite::AeadAes128Gcm, Suite::AeadAes128Gcm)]
    {
        for restarts in [false, true] {
            let mut line = Line::new(suite);
            assert_eq!((line.carry(0x8000), line.carry(0xfff0), line.carry(0x1_7000)), (Ok(()), Ok(()), Ok(())));
            let old = line.protect(0x1_7001);
            let key = master(next, 2);
            line.sender = SrtpSender::new(&key);
            line.receiver.rekey(&remote(&key));
            assert_eq!(line.open(&old), Err(UnprotectError::Unauthentic), "the key before");
            let turn = if restarts { 0 } else { 0x1_0000 };
            assert_eq!(line.carry(turn + 0x7002), Ok(()), "{suite:?} {restarts}");
            assert_eq!(line.carry(turn + 0x7003), Ok(()), "{suite:?} {restarts}");
            assert_eq!(line.receiver.sources(), 1);
        }
    }
}

#[test]
fn nothing_is_kept_of_strangers_and_few_of_the_peers_sources() {
    let key = master(Suite::AesCm128HmacSha1_80, 1);
    let mut receiver = SrtpReceiver::new(&remote(&key));
    let mut strange = SrtpSender::new(&master(Suite::AesCm128HmacSha1_80, 2));
    for sequence in 0..500 {
        let (mut packet, length) = packet(7, sequence, 160);
        let length = strange.protect(&mut packet, length, 0).expect("a fresh number");
        packet[8..12].copy_from_slice(&u32::from(sequence).to_be_bytes());
        assert_eq!(receiver.unprotect(&packet[..length]), Err(UnprotectError::Unauthentic));
        assert_eq!(receiver.unprotect_rtcp(&packet[..length]), Err(UnprotectError::Unauthentic));
    }
    assert_eq!(receiver.sources(), 0);
    for ssrc in 0..40 {
        let (mut packet, length) = packet(ssrc, 1, 160);
        let length = SrtpSender::new(&key).protect(&mut packet, length, 0).expect("a fresh number");
        assert!(receiver.unprotect(&packet[..length]).is_ok());
        assert_eq!(receiver.unprotect(&packet[..length]), Err(UnprotectError::Replayed), "the newest are known");
    }
    assert_eq!(receiver.sources(), 16);
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        let protected = line.protect(1);
        for bit in 0..protected.len() * 8 {
            let mut changed = protected.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(line.open(&changed).is_err(), "{suite:?} bit {bit}");
        }
        assert_eq!(line.open(&protected), Ok(()), "it was not lost by that");
        let mut other = SrtpReceiver::new(&remote(&master(suite, 9)));
        assert_eq!(other.unprotect(&protected), Err(UnprotectError::Unauthentic));
    }
}

#[test]
fn reports_are_carried_once_and_encrypted_or_not_at_all() {
    for suite in Suite::ALL {
        let key = master(suite, 1);
        let (mut sender, mut receiver) = (SrtpSender::new(&key), SrtpReceiver::new(&remote(&key)));
        let mut clear = hex("80c80006 0000002a 0102030405060708090a0b0c0d0e0f101112131415161718");
        let length = clear.len();
        clear.resize(length + MAX_OVERHEAD, 0);
        for _ in 0..300 {
            let mut report = clear.clone();
            let protected = sender.protect_rtcp(&mut report, length).expect("a fresh report");
            assert_eq!(receiver.unprotect_rtcp(&report[..protected]), Ok(&clear[..length]), "{suite:?}");
            assert_eq!(receiver.unprotect_rtcp(&report[..protected]), Err(UnprotectError::Replayed));
        }
        assert_eq!(receiver.unprotect_rtcp(&clear[..length]), Err(UnprotectError::Unauthentic), "{suite:?}");
        sender.skip_reports(u32::MAX >> 1);
        let mut report = clear.clone();
        let protected = sender.protect_rtcp(&mut report, length).expect("the last report");
        assert_eq!(receiver.unprotect_rtcp(&report[..protected]), Ok(&clear[..length]));
        assert_eq!(sender.protect_rtcp(&mut clear.clone(), length), Err(ProtectError::UsedUp));
    }
}

#[test]
fn a_number_is_never_used_twice() {
    let mut line = Line::new(Suite::AesCm128HmacSha1_80);
    line.protect(5);
    let (mut again, length) = packet(7, 5, 160);
    assert_eq!(line.sender.protect(&mut again, length, 0), Err(ProtectError::Reused));
    let (mut other, length) = packet(8, 6, 160);
    assert_eq!(line.sender.protect(&mut other, length, 0), Err(ProtectError::Reused));
    let (mut next, length) = packet(7, 6, 160);
    assert_eq!(line.sender.protect(&mut next[..length + MAX_OVERHEAD - 1], length, 0), Err(ProtectError::NoRoom));
    assert_eq!(line.sender.protect(&mut [0; 40], 8, 0), Err(ProtectError::Malformed));
    assert_eq!(line.sender.protect_rtcp(&mut [0; 40], 4), Err(ProtectError::Malformed));
    assert_eq!(line.sender.protect(&mut next, length, 0), Ok(length + 10));
}

#[test]
fn the_peers_name_of_its_key_is_taken_off() {
    for suite in Suite::ALL {
        let key = master(suite, 1);
        let mki = Mki::new(0x0102, 4);
        let mut receiver = SrtpReceiver::new(&RemoteKey { key: key.clone(), mki });
        let (clear, length) = packet(7, 1, 160);
        let mut protected = clear.clone();
        let end = SrtpSender::new(&key).protect(&mut protected, length, 0).expect("the first packet");
        protected.truncate(end);
        assert_eq!(receiver.unprotect(&protected), Err(UnprotectError::Unauthentic), "it is missing");
        let tag = StreamCipher::rtp(&key).tag();
        protected.splice(end - tag..end - tag, [0, 0, 1, 2]);
        assert_eq!(receiver.unprotect(&protected), Ok(&clear[..length]), "{suite:?}");
    }
    assert_eq!(Mki::new(256, 1), None);
    assert_eq!((Mki::new(1, 0), Mki::new(1, 9)), (None, None));
}

#[test]
fn keys_have_their_length_and_do_not_print() {
    for suite in Suite::ALL {
        assert_eq!(Suite::from_name(suite.name()), Some(suite));
        assert!(MasterKey::new(suite, &[7; 29]).is_none());
        let key = MasterKey::new(suite, &vec![7; suite.material()]).expect("the right length");
        assert_eq!(key.expose(), vec![7; suite.material()]);
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", suite.name()));
    }
    assert_eq!(Suite::from_name("AES_CM_128_NULL_AUTH"), None);
    let keys = LocalKeys::generate(&mut StdRng::seed_from_u64(1));
    assert_eq!(keys.iter().map(MasterKey::suite).collect::<Vec<_>>(), Suite::ALL);
    assert_eq!(Suite::ALL.map(|suite| keys.of(suite).suite()), Suite::ALL);
    assert_ne!(keys, LocalKeys::generate(&mut StdRng::seed_from_u64(2)));
}

/// The same key in the hands of another implementation.
fn second_opinion(key: &MasterKey) -> Context {
    let profile = match key.suite() {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
    };
    let provider = rtc_crypto::default_provider().expect("one is built in");
    let (key, salt) = key.expose().split_at(16);
    Context::new(key, salt, profile, None, None, provider.crypto()).expect("lengths fit the profile")
}

fn any_suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

proptest! {
    /// Both implementations write the same bytes and read each other's.
    #[test]
    fn another_implementation_agrees(
        suite in any_suite(), seed in any::<u64>(), ssrc in any::<u32>(), start in 0u16..0x8000, payload in 0usize..400,
    ) {
        let key = master(suite, seed);
        let (mut ours, mut theirs) = (SrtpSender::new(&key), second_opinion(&key));
        let (mut receiver, mut second) = (SrtpReceiver::new(&remote(&key)), second_opinion(&key));
        let mut rng = StdRng::seed_from_u64(seed);
        let mut index = u64::from(start);
        for _ in 0..30 {
            let (mut protected, length) = packet(ssrc, index as u16, payload);
            let clear = protected[..length].to_vec();
            let end = ours.protect(&mut protected, length, (index >> 16) as u32).expect("a fresh number");
            prop_assert_eq!(&protected[..end], &theirs.encrypt_rtp(&clear).expect("a packet")[..]);
            prop_assert_eq!(receiver.unprotect(&protected[..end]), Ok(&clear[..]));
            prop_assert_eq!(&second.decrypt_rtp(&protected[..end]).expect("authentic")[..], &clear[..]);
            index += rng.random_range(1..0x4000);
        }
        let mut report = vec![0x5a; 8 + payload + MAX_OVERHEAD];
        report[..8].copy_from_slice(&[0x80, 200, 0, 6, 0, 0, 0, 42]);
        let clear = report[..8 + payload].to_vec();
        let end = ours.protect_rtcp(&mut report, clear.len()).expect("a fresh report");
        prop_assert_eq!(&report[..end], &theirs.encrypt_rtcp(&clear).expect("a report")[..]);
        prop_assert_eq!(receiver.unprotect_rtcp(&report[..end]), Ok(&clear[..]));
    }

    #[test]
    fn any_bytes_are_a_strangers(suite in any_suite(), bytes in prop::collection::vec(any::<u8>(), 0..2_200)) {
        let mut receiver = SrtpReceiver::new(&RemoteKey { key: master(suite, 3), mki: Mki::new(1, 1) });
        prop_assert!(receiver.unprotect(&bytes).is_err());
        prop_assert!(receiver.unprotect_rtcp(&bytes).is_err());
        prop_assert_eq!(receiver.sources(), 0);
    }
}
