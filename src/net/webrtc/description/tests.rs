use super::*;

/// An offer of Chromium's, shortened to what matters.
const CHROMIUM: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS x\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlcA\r\na=ice-options:trickle\r\n\
a=fingerprint:sha-256 75:74:5A:A6:A4:E5:52:F4:A7:67:4C:01:C7:EE:91:3F:21:3D:A2:E3:53:7B:6F:30:86:F2:30:AA:65:FB:04:24\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n\
a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\n";

fn parse(offer: &str, purpose: Purpose) -> Result<Offer, OfferError> {
    Offer::parse(offer.as_bytes(), purpose)
}

fn answer(offer: &Offer) -> String {
    let local = Credentials { ufrag: "ours".to_owned(), password: "p".repeat(24) };
    let candidate = "198.51.100.4:40002".parse().expect("an address");
    offer.answer(Ours { local: &local, fingerprint: Fingerprint::of(b"x"), candidate, session: 7 })
}

#[test]
fn chromium_is_answered_with_opus_and_keys_and_its_video_turned_down() {
    let offer = parse(CHROMIUM, Purpose::Talk).expect("an offer");
    assert_eq!(offer.remote.ufrag, "4ZcD");
    let agreed = offer.negotiated();
    assert!(matches!(agreed.codec, Codec::Opus(terms) if terms.inband_fec));
    assert_eq!((agreed.payload_type, agreed.dtmf, agreed.direction), (111, Some(110), Direction::SendRecv));
    let answer = answer(&offer);
    let lines: Vec<&str> = answer.lines().collect();
    for line in [
        "a=ice-lite",
        "a=group:BUNDLE 0",
        "m=audio 40002 UDP/TLS/RTP/SAVPF 111 110",
        "a=setup:passive",
        "a=rtcp-mux",
        "a=sendrecv",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:110 telephone-event/48000",
        "a=candidate:1 1 udp 2130706431 198.51.100.4 40002 typ host",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{answer}");
    }
    let (audio, video) = answer.split_once("m=video").expect("both");
    assert!(audio.contains("a=mid:0") && video.contains("a=mid:1") && !video.contains("candidate"));
}

#[test]
fn without_opus_it_is_the_first_of_g711_with_keys_at_its_clock() {
    let offer = parse(&CHROMIUM.replace(" 111 63 9 0 8", " 8 0"), Purpose::Talk).expect("an offer");
    let agreed = offer.negotiated();
    assert_eq!((agreed.codec, agreed.payload_type, agreed.dtmf), (Codec::Pcma, 8, Some(126)));
    let plain = CHROMIUM.replace(" 111 63 9 0 8 13 110 126", " 0").replace("a=rtpmap:0 PCMU/8000\r\n", "");
    let agreed = parse(&plain, Purpose::Talk).expect("an offer").negotiated();
    assert_eq!((agreed.codec, agreed.dtmf), (Codec::Pcmu, None));
}

#[test]
fn a_listener_is_sent_to_in_stereo_with_opus_alone() {
    let listens = CHROMIUM.replace("a=sendrecv", "a=recvonly");
    let offer = parse(&listens, Purpose::Listen { stereo: true }).expect("an offer");
    assert_eq!((offer.negotiated().direction, offer.negotiated().dtmf), (Direction::SendOnly, None));
    let told = answer(&offer);
    assert!(told.contains("a=fmtp:111 stereo=1;sprop-stereo=1\r\n") && told.contains("a=sendonly\r\n"), "{told}");
    let plain = listens.replace(" 111 63 9 0 8", " 0");
    assert_eq!(parse(&plain, Purpose::Listen { stereo: true }), Err(OfferError::NoStereo));
    assert!(parse(&plain, Purpose::Listen { stereo: false }).is_ok());
}

#[test]
fn what_cannot_be_taken_is_told_with_what_to_offer_instead() {
    let talk = |from: &str, to: &str| parse(&CHROMIUM.replace(from, to), Purpose::Talk).err();
    assert_eq!(talk("a=sendrecv", "a=recvonly"), Some(OfferError::NotBothWays));
    assert_eq!(talk("a=setup:actpass", "a=setup:passive"), Some(OfferError::Passive));
    assert_eq!(talk("a=rtcp-mux\r\n", ""), Some(OfferError::NotMuxed));
    assert_eq!(talk("sha-256", "sha-1"), Some(OfferError::NoFingerprint));
    assert_eq!(talk("a=ice-pwd:", "a=x:"), Some(OfferError::NoCredentials));
    assert_eq!(talk("m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio 9 RTP/AVP"), Some(OfferError::NotEncrypted));
    assert_eq!(talk("m=audio 9", "m=audio 0"), Some(OfferError::NoAudio));
    assert_eq!(talk(" 111 63 9 0 8 13", " 9 13"), Some(OfferError::NoCodec));
    let listen = parse(&CHROMIUM.replace("a=sendrecv", "a=sendonly"), Purpose::Listen { stereo: false });
    assert_eq!(listen.err(), Some(OfferError::NotReceiving));
}

#[test]
fn what_is_no_description_is_refused_by_its_line() {
    let fault = |text: &str| parse(text, Purpose::Talk).err();
    assert_eq!(fault(""), Some(OfferError::Unreadable(1)));
    assert_eq!(fault("v=1"), Some(OfferError::Unreadable(1)));
    assert_eq!(fault("v=0\r\nwhat is this"), Some(OfferError::Unreadable(2)));
    assert_eq!(fault("v=0\r\nm=audio\r\n"), Some(OfferError::Unreadable(2)));
    assert_eq!(fault("v=0\r\ns=-\r\n"), Some(OfferError::NoAudio));
    assert_eq!(Offer::parse(&[0xff; 8], Purpose::Talk).err(), Some(OfferError::Unreadable(1)));
    assert_eq!(fault(&format!("v=0\n{}", "a=x\n".repeat(3_000))), Some(OfferError::TooLong));
    assert_eq!(fault(&format!("v=0\n{}", "m=audio 9 RTP/AVP 0\n".repeat(100))), Some(OfferError::TooLong));
    assert_eq!(fault(&"a".repeat(MAX_BYTES + 1)), Some(OfferError::TooLong));
}

/// Whatever is offered, nothing panics, and what is taken is answered with lines of ours.
#[test]
fn a_bent_offer_is_taken_or_refused() {
    let mut state = 0x2545_f491_u32;
    let mut dice = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..3_000 {
        let mut bytes = CHROMIUM.as_bytes().to_vec();
        for _ in 0..dice() % 6 {
            let place = dice() % bytes.len();
            match dice() % 3 {
                0 => bytes[place] = u8::try_from(dice() % 256).expect("a byte"),
                1 => drop(bytes.remove(place)),
                _ => bytes.truncate(place.max(40)),
            }
        }
        match Offer::parse(&bytes, Purpose::Talk) {
            Ok(offer) => {
                taken += 1;
                assert!(answer(&offer).lines().all(|line| line.as_bytes().get(1) == Some(&b'=')));
            }
            Err(_) => refused += 1,
        }
    }
    assert!(taken > 300 && refused > 300, "{taken} taken, {refused} refused");
}

#[test]
fn a_fragment_names_its_side_of_ice() {
    let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
                a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
                a=end-of-candidates\r\n";
    assert_eq!(fragment(text.as_bytes()).map(|side| side.ufrag), Ok("EsAw".to_owned()));
    assert_eq!(fragment(b"a=candidate:1"), Err(OfferError::NoCredentials));
}
