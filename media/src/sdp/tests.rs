use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::codec::OpusTerms;
use crate::frame::Rate;
use crate::negotiated::{Negotiated, RtcpPath};

fn local() -> LocalMedia {
    LocalMedia {
        address: Ipv4Addr::new(203, 0, 113, 7).into(),
        port: 20_000,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        dtmf: true,
        session_id: 42,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        encryption: Encryption::Off,
    }
}

/// A description with this session part after `s=` and these lines of media, lines ended by CRLF.
fn sdp(lines: &[&str]) -> Vec<u8> {
    let mut text = "v=0\r\no=peer 1 1 IN IP4 198.51.100.1\r\ns=call\r\n".to_owned();
    lines.iter().for_each(|line| text.extend([line, "\r\n"]));
    text.into_bytes()
}

fn plain(media: &[&str]) -> Vec<u8> {
    let mut lines = vec!["c=IN IP4 198.51.100.1", "t=0 0"];
    lines.extend(media);
    sdp(&lines)
}

fn peer() -> Option<SocketAddr> {
    Some(SocketAddr::from(([198, 51, 100, 1], 4_000)))
}

fn answered(offer: &[u8]) -> (String, Negotiated) {
    let (body, negotiated) = answer(&local(), offer).expect("an offer we can take");
    (String::from_utf8(body).expect("we print ASCII"), negotiated)
}

fn media_lines(description: &str) -> Vec<&str> {
    description.lines().filter(|line| line.starts_with("m=")).collect()
}

#[test]
fn the_offer_lists_codecs_in_order_and_keys() {
    let offer = String::from_utf8(offer(&local())).expect("we print ASCII");
    assert_eq!(
        offer.replace("\r\n", "\n"),
        "v=0\no=- 42 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\nm=audio 20000 RTP/AVP 0 8 101\n\
         a=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\n\
         a=rtcp-mux\na=ptime:20\na=sendrecv\n"
    );
}

#[test]
fn the_offer_follows_the_configuration() {
    let media = LocalMedia {
        address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).into(),
        codecs: vec![Codec::Pcma],
        dtmf: false,
        direction: Direction::SendOnly,
        ..local()
    };
    let text = String::from_utf8(offer(&media)).expect("we print ASCII");
    assert!(text.contains("c=IN IP6 2001:db8::7\r\n"), "{text}");
    assert!(text.contains("m=audio 20000 RTP/AVP 8\r\n") && text.contains("a=sendonly\r\n"), "{text}");
    let nothing = offer(&LocalMedia { codecs: vec![], ..local() });
    assert_eq!(media_lines(std::str::from_utf8(&nothing).expect("ASCII")), ["m=audio 0 RTP/AVP 0"]);
}

#[test]
fn the_answer_takes_the_first_common_codec_of_the_offer() {
    let (text, negotiated) = answered(&plain(&[
        "m=audio 4000 RTP/AVP 9 8 0 101",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=rtcp-mux",
        "a=rtcp:4001",
    ]));
    assert_eq!(
        negotiated,
        Negotiated {
            codec: Codec::Pcma,
            payload_type: 8,
            dtmf: Some(101),
            remote: peer(),
            rtcp: RtcpPath::Muxed,
            direction: Direction::SendRecv,
            ptime_ms: 20,
            srtp: None
        }
    );
    assert_eq!(media_lines(&text), ["m=audio 20000 RTP/AVP 8 101"]);
    assert!(text.contains("a=rtcp-mux\r\n") && !text.contains("a=rtcp:"), "{text}");
}

#[test]
fn rtcp_goes_where_the_peer_says() {
    let path = |lines: &[&str]| {
        let mut media = vec!["m=audio 4000 RTP/AVP 8"];
        media.extend(lines);
        let (text, negotiated) = answered(&plain(&media));
        assert_eq!(
            text.contains("a=rtcp-mux"),
            negotiated.rtcp == RtcpPath::Muxed,
            "only who offers it gets it: {text}"
        );
        negotiated.rtcp
    };
    let at = |ip: [u8; 4], port| RtcpPath::At(SocketAddr::from((ip, port)));
    assert_eq!(path(&[]), RtcpPath::Beside);
    assert_eq!(path(&["a=rtcp-mux"]), RtcpPath::Muxed);
    assert_eq!(path(&["a=rtcp:53020"]), at([198, 51, 100, 1], 53_020));
    assert_eq!(path(&["a=rtcp:53020 IN IP4 203.0.113.4"]), at([203, 0, 113, 4], 53_020));
    let v6 = RtcpPath::At("[2001:db8::4]:7".parse().expect("an address"));
    assert_eq!(path(&["a=rtcp:7 IN IP6 2001:db8::4"]), v6);
    for nonsense in ["0", "x", "53020 IN", "53020 ATM x y", "7 IN IP4 0.0.0.0", "7 IN IP4 224.0.0.1", "7 IN IP4 phone"]
    {
        assert_eq!(path(&[&format!("a=rtcp:{nonsense}")]), RtcpPath::Beside, "{nonsense}");
    }
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    let (_, negotiated) = answered(&plain(&["m=audio 4000 RTP/AVP 18 0"]));
    assert_eq!((negotiated.codec, negotiated.payload_type, negotiated.dtmf), (Codec::Pcmu, 0, None));
}

#[test]
fn numbers_mean_what_the_rtpmap_says() {
    let (text, negotiated) = answered(&plain(&[
        "m=audio 4000 RTP/AVP 0 97 99 96",
        "a=rtpmap:0 opus/48000/2",
        "a=rtpmap:97 telephone-event/48000",
        "a=rtpmap:99 telephone-event/8000",
        "a=rtpmap:96 pcma/8000/1",
    ]));
    assert_eq!((negotiated.codec, negotiated.payload_type, negotiated.dtmf), (Codec::Pcma, 96, Some(99)));
    assert_eq!(media_lines(&text), ["m=audio 20000 RTP/AVP 96 99"]);
    assert!(text.contains("a=rtpmap:96 PCMA/8000\r\na=rtpmap:99 telephone-event/8000\r\na=fmtp:99 0-16\r\n"), "{text}");
}

#[test]
fn streams_we_do_not_take_are_declined_in_their_place() {
    let (text, negotiated) = answered(&plain(&[
        "m=video 5000 RTP/AVP 96 97",
        "a=rtpmap:96 VP8/90000",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4500 RTP/SAVP 0",
        "m=audio 4000 RTP/AVPF 8",
        "m=audio 4002 RTP/AVP 0",
        "m=x-whiteboard 7000 TCP/WB *",
    ]));
    assert_eq!(negotiated.remote, peer());
    assert_eq!(
        media_lines(&text),
        [
            "m=video 0 RTP/AVP 96 97",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 20000 RTP/AVPF 8",
            "m=audio 0 RTP/AVP 0",
            "m=x-whiteboard 0 TCP/WB *",
        ]
    );
}

#[test]
fn the_streams_own_address_comes_before_the_sessions() {
    let own = ["m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::5"];
    let remote = SocketAddr::new("2001:db8::5".parse().expect("an address"), 4_000);
    assert_eq!(answered(&plain(&own)).1.remote, Some(remote));
    assert_eq!(answered(&sdp(&own)).1.remote, Some(remote));
    assert_eq!(answer(&local(), &sdp(&own[..1])).err(), Some(SdpError::Connection));
}

#[test]
fn holds_of_every_kind_are_answered_in_kind() {
    let cases = [
        ("a=sendrecv", Direction::SendRecv, "a=sendrecv"),
        ("a=sendonly", Direction::RecvOnly, "a=recvonly"),
        ("a=recvonly", Direction::SendOnly, "a=sendonly"),
        ("a=inactive", Direction::Inactive, "a=inactive"),
    ];
    for (offered, ours, printed) in cases {
        let (text, negotiated) = answered(&plain(&["m=audio 4000 RTP/AVP 0", offered]));
        assert_eq!((negotiated.direction, negotiated.remote), (ours, peer()), "{offered}");
        assert!(text.contains(printed), "{offered}: {text}");
        // At session level it is the default for every stream.
        let session = sdp(&["c=IN IP4 198.51.100.1", "t=0 0", offered, "m=audio 4000 RTP/AVP 0"]);
        assert_eq!(answered(&session).1.direction, ours, "{offered}");
    }
    let (text, negotiated) = answered(&sdp(&["c=IN IP4 0.0.0.0", "t=0 0", "m=audio 4000 RTP/AVP 0"]));
    assert_eq!((negotiated.direction, negotiated.remote), (Direction::RecvOnly, None));
    assert!(text.contains("a=recvonly"), "{text}");
    let (_, negotiated) = answered(&sdp(&["c=IN IP4 0.0.0.0", "t=0 0", "m=audio 4000 RTP/AVP 0", "a=recvonly"]));
    assert_eq!(negotiated.direction, Direction::Inactive);
}

#[test]
fn what_we_do_not_want_to_send_is_not_agreed_on() {
    let silent = LocalMedia { direction: Direction::RecvOnly, ..local() };
    let (_, negotiated) = answer(&silent, &plain(&["m=audio 4000 RTP/AVP 0"])).expect("an offer we can take");
    assert_eq!(negotiated.direction, Direction::RecvOnly);
    let (_, negotiated) = answer(&silent, &plain(&["m=audio 4000 RTP/AVP 0", "a=recvonly"])).expect("an offer");
    assert_eq!(negotiated.direction, Direction::Inactive);
}

#[test]
fn packet_times_are_read_and_nonsense_is_not() {
    for (line, ptime_ms) in [("a=ptime:30", 30), ("a=ptime: 10", 10), ("a=ptime:0", 20), ("a=ptime:x", 20), ("a=x", 20)]
    {
        assert_eq!(answered(&plain(&["m=audio 4000 RTP/AVP 0", line])).1.ptime_ms, ptime_ms, "{line}");
    }
}

#[test]
fn sloppy_descriptions_are_understood() {
    // No s= and t=, attributes before c=, bare LF, lines of no type, a host name in o=, b= and i= in odd places.
    let body = b"v=0\no=root x y IN IP4 pbx.example\nb=AS:64\nfoo\nm=audio 4000 RTP/AVP 8 0\na=rtpmap:8 PCMA/8000\n\
                 i=what\nc=IN IP4 198.51.100.1\na=\nk=prompt\n=\n\xff\xfe=\xff\nx=late\n\n a=sendonly \n";
    let (_, negotiated) = answered(body);
    assert_eq!((negotiated.codec, negotiated.direction), (Codec::Pcma, Direction::RecvOnly));
    assert_eq!(negotiated.remote, peer());
}

#[test]
fn refusals_say_what_is_missing() {
    let cases: [(&[&str], SdpError); 11] = [
        (&[], SdpError::NoAudio),
        (&["m=video 5000 RTP/AVP 96"], SdpError::NoAudio),
        (&["m=audio 0 RTP/AVP 0"], SdpError::NoAudio),
        (&["m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"], SdpError::SecureMedia),
        (&["m=audio 9 UDP/TLS/RTP/SAVPF 0"], SdpError::SecureMedia),
        (&["m=audio 4000 udp 0"], SdpError::Transport),
        (&["m=audio 4000 RTP/AVP 9 18 101"], SdpError::NoCommonCodec),
        (&["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"], SdpError::NoCommonCodec),
        (&["m=audio 4000 RTP/AVP"], SdpError::MediaLine { index: 0 }),
        (&["m=audio 4000 RTP/AVP 0", "m=audio 99999 RTP/AVP 0"], SdpError::MediaLine { index: 1 }),
        (&["m=audio 4000 RTP//AVP 0"], SdpError::MediaLine { index: 0 }),
    ];
    for (media, fault) in cases {
        assert_eq!(answer(&local(), &plain(media)).err(), Some(fault), "{media:?}");
        assert_eq!(fault.is_malformed(), matches!(fault, SdpError::MediaLine { .. }), "{fault}");
    }
    for address in ["IP4 pbx.example", "IP4 224.2.1.1/127", "IP4 255.255.255.255", "IP6 ff02::1", "IP6 fe80::1%eth0"] {
        let offer = sdp(&[&format!("c=IN {address}"), "t=0 0", "m=audio 4000 RTP/AVP 0"]);
        assert_eq!(answer(&local(), &offer).err(), Some(SdpError::Address), "{address}");
    }
    assert_eq!(answer(&local(), b"").err(), Some(SdpError::NotSdp));
    assert_eq!(answer(&local(), b"hello").err(), Some(SdpError::NotSdp));
}

#[test]
fn sizes_are_bounded() {
    let long = plain(&[&"a=x".repeat(MAX_BYTES)]);
    assert_eq!(answer(&local(), &long).err(), Some(SdpError::TooLong { bytes: long.len() }));
    assert_eq!(answer(&local(), &plain(&["a=x"; MAX_LINES])).err(), Some(SdpError::TooManyLines));
    assert_eq!(answer(&local(), &plain(&["m=audio 0 RTP/AVP 0"; MAX_MEDIA + 1])).err(), Some(SdpError::TooManyMedia));
    assert_eq!(answer(&local(), &plain(&["m=audio 0 RTP/AVP 0"; MAX_MEDIA])).err(), Some(SdpError::NoAudio));
}

#[test]
fn answers_to_our_offer_are_accepted_with_the_peers_numbers() {
    let answer = plain(&["m=audio 4000 RTP/AVP 8 96", "a=rtpmap:96 telephone-event/8000", "a=ptime:30"]);
    assert_eq!(
        accept_answer(&local(), &answer),
        Ok(Negotiated {
            codec: Codec::Pcma,
            payload_type: 8,
            dtmf: Some(96),
            remote: peer(),
            rtcp: RtcpPath::Beside,
            direction: Direction::SendRecv,
            ptime_ms: 30,
            srtp: None
        })
    );
    let only_ulaw = LocalMedia { codecs: vec![Codec::Pcmu], ..local() };
    assert_eq!(accept_answer(&only_ulaw, &answer), Err(SdpError::NoCommonCodec));
    assert_eq!(accept_answer(&local(), &plain(&["m=audio 0 RTP/AVP 0"])), Err(SdpError::Rejected));
    assert_eq!(accept_answer(&local(), &plain(&["m=audio 4000 RTP/SAVP 0"])), Err(SdpError::SecureMedia));
    let without_keys = LocalMedia { dtmf: false, ..local() };
    assert_eq!(accept_answer(&without_keys, &answer).map(|negotiated| negotiated.dtmf), Ok(None));
}

/// Every codec there is, on our terms.
const ALL: [Codec; 6] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus(OpusTerms::OURS),
    Codec::L16(Rate::Hz8000),
    Codec::L16(Rate::Hz16000),
];

fn with(codecs: &[Codec]) -> LocalMedia {
    LocalMedia { codecs: codecs.to_vec(), ..local() }
}

#[test]
fn every_codec_is_offered_with_its_clock_its_terms_and_its_events() {
    let offer = String::from_utf8(offer(&with(&ALL))).expect("we print ASCII");
    assert_eq!(media_lines(&offer), ["m=audio 20000 RTP/AVP 0 8 9 111 98 97 101 110 113"]);
    for line in [
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;sprop-stereo=0;useinbandfec=1",
        "a=rtpmap:98 L16/8000",
        "a=rtpmap:97 L16/16000",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:113 telephone-event/16000",
        "a=fmtp:113 0-16",
    ] {
        assert!(offer.lines().any(|own| own == line), "{line} in {offer}");
    }
}

#[test]
fn an_offer_of_opus_is_answered_with_its_numbers_and_our_terms() {
    let description = plain(&[
        "m=audio 4000 RTP/AVP 96 9 0 97 98",
        "a=rtpmap:96 OPUS/48000/2",
        "a=fmtp:97 0-15",
        "a=fmtp:96 minptime=10;maxaveragebitrate=16000;useinbandfec=1;cbr=1;stereo=1",
        "a=rtpmap:97 telephone-event/8000",
        "a=rtpmap:98 telephone-event/48000",
    ]);
    let (body, negotiated) = answer(&with(&ALL), &description).expect("an offer we can take");
    let terms =
        OpusTerms { max_bitrate: Some(16_000), inband_fec: true, constant_bitrate: true, ..OpusTerms::default() };
    assert_eq!((negotiated.codec, negotiated.payload_type), (Codec::Opus(terms), 96));
    assert_eq!(negotiated.dtmf, Some(98), "events by the clock of the codec");
    let text = String::from_utf8(body).expect("we print ASCII");
    assert_eq!(media_lines(&text), ["m=audio 20000 RTP/AVP 96 98"]);
    assert!(text.contains("a=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxplaybackrate=16000;"), "{text}");
    assert!(text.contains(";stereo=0;") && !text.contains("maxaveragebitrate"), "our own terms: {text}");
}

#[test]
fn formats_that_only_look_like_ours_are_none_of_them() {
    for mapping in ["opus/48000", "opus/48000/1", "opus/16000/2", "L16/44100/2", "L16/16000/2", "G722/16000", "CN/8000"]
    {
        let lines = ["m=audio 4000 RTP/AVP 99", &format!("a=rtpmap:99 {mapping}")];
        assert_eq!(answer(&with(&ALL), &plain(&lines)).err(), Some(SdpError::NoCommonCodec), "{mapping}");
    }
    // Static numbers are those of RFC 3551, and ours mean nothing without a map.
    for (number, codec) in [(9, Some(Codec::G722)), (111, None), (97, None), (10, None), (11, None)] {
        let lines = [&*format!("m=audio 4000 RTP/AVP {number}")];
        let agreed = answer(&with(&ALL), &plain(&lines)).ok().map(|(_, negotiated)| negotiated.codec);
        assert_eq!(agreed, codec, "{number}");
    }
}

#[test]
fn comfort_noise_is_taken_where_it_is_offered() {
    let cases = [
        (vec!["m=audio 4000 RTP/AVP 0 13"], "m=audio 20000 RTP/AVP 0 13"),
        (vec!["m=audio 4000 RTP/AVP 9 13", "a=rtpmap:13 CN/8000"], "m=audio 20000 RTP/AVP 9 13"),
        (vec!["m=audio 4000 RTP/AVP 0 13", "a=rtpmap:13 foo/8000"], "m=audio 20000 RTP/AVP 0"),
        (vec!["m=audio 4000 RTP/AVP 13 0", "a=rtpmap:13 PCMA/8000"], "m=audio 20000 RTP/AVP 13"),
        (vec!["m=audio 4000 RTP/AVP 111 13", "a=rtpmap:111 opus/48000/2"], "m=audio 20000 RTP/AVP 111"),
    ];
    for (lines, expected) in cases {
        let (body, _) = answer(&with(&ALL), &plain(&lines)).expect("an offer we can take");
        let text = String::from_utf8(body).expect("we print ASCII");
        assert_eq!(media_lines(&text), [expected], "{lines:?}");
        assert_eq!(text.contains("a=rtpmap:13 CN/8000"), expected.ends_with(" 13") && !expected.ends_with("AVP 13"));
    }
}

#[test]
fn packets_are_no_longer_than_the_peer_can_take() {
    let cases: [(&[&str], u8); 5] = [
        (&["a=ptime:40", "a=maxptime:30"], 30),
        (&["a=maxptime:10"], 10),
        (&["a=maxptime:60"], 20),
        (&["a=ptime:60", "a=maxptime:x"], 60),
        (&["a=ptime:300", "a=maxptime:5"], 20),
    ];
    for (lines, ptime_ms) in cases {
        let lines: Vec<&str> = ["m=audio 4000 RTP/AVP 0"].iter().chain(lines).copied().collect();
        assert_eq!(answered(&plain(&lines)).1.ptime_ms, ptime_ms, "{lines:?}");
    }
}

fn any_local() -> impl Strategy<Value = LocalMedia> {
    let direction =
        prop::sample::select(vec![Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]);
    let codecs = prop::sample::subsequence(ALL.to_vec(), 1..=ALL.len()).prop_shuffle();
    (any::<u32>(), any::<bool>(), 1u16.., codecs, any::<bool>(), any::<u64>(), direction).prop_map(
        |(address, v6, port, codecs, dtmf, session_id, direction)| LocalMedia {
            address: if v6 {
                Ipv6Addr::from(0x2001_0db8u128 << 96 | u128::from(address)).into()
            } else {
                // 10.0.0.0/8: any of them is unicast.
                Ipv4Addr::from(0x0a00_0000 | address >> 8).into()
            },
            port,
            codecs,
            dtmf,
            session_id,
            version: 1,
            ptime_ms: 20,
            direction,
            encryption: Encryption::Off,
        },
    )
}

proptest! {
    /// Two of us understand each other: same codec and numbers, opposite directions, each other's addresses.
    #[test]
    fn both_sides_of_a_call_agree(caller in any_local(), callee in any_local()) {
        let common: Vec<Codec> = caller.codecs.iter().copied().filter(|codec| callee.codecs.contains(codec)).collect();
        match answer(&callee, &offer(&caller)) {
            Ok((body, at_callee)) => {
                let at_caller = accept_answer(&caller, &body).expect("our own answer");
                prop_assert!(at_callee.codec.is_same_format(common[0]), "the first of the caller's");
                prop_assert_eq!(at_caller.codec, at_callee.codec);
                prop_assert_eq!(at_caller.payload_type, at_callee.payload_type);
                prop_assert_eq!(at_caller.dtmf, at_callee.dtmf);
                prop_assert_eq!(at_caller.dtmf.is_some(), caller.dtmf && callee.dtmf);
                prop_assert_eq!(at_caller.direction, at_callee.direction.reversed());
                prop_assert_eq!(at_caller.remote, Some(SocketAddr::new(callee.address, callee.port)));
                prop_assert_eq!(at_callee.remote, Some(SocketAddr::new(caller.address, caller.port)));
            }
            Err(fault) => {
                prop_assert_eq!(fault, SdpError::NoCommonCodec);
                prop_assert!(common.is_empty());
            }
        }
    }

    /// Whatever comes, an answer has as many streams as the offer and can be read again.
    #[test]
    fn answers_mirror_the_streams_of_any_offer(lines in prop::collection::vec(any_line(), 0..30)) {
        let offer = plain(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        if let Ok((body, negotiated)) = answer(&with(&ALL), &offer) {
            prop_assert!(negotiated.payload_type < 128 && (10..=200).contains(&negotiated.ptime_ms));
            let text = String::from_utf8(body.clone()).expect("kinds and formats of the offer are text");
            let offered = lines.iter().filter(|line| line.starts_with("m=")).count();
            prop_assert_eq!(media_lines(&text).len(), offered);
            prop_assert_eq!(media_lines(&text).iter().filter(|line| line.contains(" 20000 ")).count(), 1);
            let again = accept_first_live(&body);
            prop_assert!(again.is_some_and(|again| again.codec.is_same_format(negotiated.codec)));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut description = b"v=0\r\n".to_vec();
        description.extend(&body);
        for bytes in [&body, &description] {
            let _ = accept_answer(&local(), bytes);
            let _ = answer(&local(), bytes);
        }
    }
}

/// Reads an answer as if its one stream that is switched on were the only one.
fn accept_first_live(body: &[u8]) -> Option<Negotiated> {
    answer(&with(&ALL), body).ok().map(|(_, negotiated)| negotiated)
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "m=(audio|video|image|x) (0|4000|5000/2) (RTP/AVP|RTP/SAVP|RTP/AVPF|udptl) (0|8|96|101)( (0|8|97|t38)){0,3}",
        "a=rtpmap:(0|8|96|97|101) (PCMU|pcma|opus|L16|G722|CN|telephone-event)/(8000|16000|48000)(/[12])?",
        "a=fmtp:(0|96|97|101) ((maxaveragebitrate|maxplaybackrate|cbr|useinbandfec|x)=[0-9]{0,7};?){0,4}",
        "a=(sendrecv|sendonly|recvonly|inactive|(max)?ptime:[0-9]{1,3}|rtcp-mux|crypto:1 x)",
        "c=IN (IP4 (198\\.51\\.100\\.9|0\\.0\\.0\\.0)|IP6 2001:db8::9)",
        "[a-z]=.{0,40}".prop_filter("media lines come from above", |line| !line.starts_with("m=")),
    ]
}
