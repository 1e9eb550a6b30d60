use proptest::prelude::*;

use super::*;
use crate::level::rms_dbfs;
use crate::resample::convert;
use crate::sounds::{caller_man, caller_woman};

const ALL: [Codec; 6] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus(OpusTerms::OURS),
    Codec::L16(Rate::Hz8000),
    Codec::L16(Rate::Hz16000),
];

const RATES: [Rate; 2] = [Rate::Hz8000, Rate::Hz16000];

/// Two seconds of a telephone voice.
fn voice(rate: Rate) -> Vec<i16> {
    let narrow: Vec<i16> = caller_man().into_iter().chain(caller_woman()).take(16_000).collect();
    convert(&narrow, 8_000, rate.hertz()).expect("both rates are known")
}

/// What is heard of a signal that goes through in packets of so many ms.
fn passed(codec: Codec, rate: Rate, ms: u8, signal: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::new(codec, rate), Decoder::new(codec, rate));
    let mut heard = Vec::new();
    for packet in signal.chunks_exact(usize::from(ms) * rate.hertz() as usize / 1_000) {
        let mut payload = [0; LONGEST_PAYLOAD];
        let length = encoder.encode(packet, &mut payload);
        let lasts = codec.samples_in(&payload[..length]);
        assert_eq!(lasts, Some(usize::from(ms) * 8), "{codec:?} at {rate:?}, {ms} ms");
        let mut samples = [0; 2 * LONGEST];
        let count = decoder.decode(&payload[..length], &mut samples).expect("our own");
        assert_eq!(count, packet.len(), "{codec:?}");
        heard.extend_from_slice(&samples[..count]);
    }
    heard
}

/// By how many samples `heard` comes later, and how like the signal it is then, as a ratio to what is wrong in dB.
fn likeness(signal: &[i16], heard: &[i16], most: usize) -> (usize, f64) {
    let ratio = |late: usize| {
        let pairs = || signal.iter().zip(&heard[late..]).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let error: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
        10.0 * (pairs().map(|(a, _)| a * a).sum::<f64>() / error.max(1.0)).log10()
    };
    let ratios = (0..most).map(|late| (late, ratio(late)));
    ratios.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there is one")
}

/// What is heard is the voice, in time and at its level, whatever the length of packets.
#[test]
fn a_voice_passes_through_every_codec_in_packets_of_every_length() {
    for codec in ALL {
        // How like it must be in dB, and how late it may come in ms. Opus does not keep the form of the wave.
        let (least, most) = match codec {
            Codec::Pcmu | Codec::Pcma => (30.0, 4.5),
            Codec::L16(_) => (30.0, 4.5),
            Codec::G722 => (15.0, 3.0),
            Codec::Opus(_) => (6.0, 12.0),
        };
        for rate in RATES {
            // Up and down again costs what lies above 3.4 kHz, and half a sample.
            let least = if (codec, rate) == (Codec::L16(Rate::Hz16000), Rate::Hz8000) { 7.0 } else { least };
            let signal = voice(rate);
            let per_ms = rate.hertz() as usize / 1_000;
            for ms in [10, 20, 30, 40, 60].into_iter().filter(|ms| codec.packet_ms(*ms) == *ms) {
                let heard = passed(codec, rate, ms, &signal);
                let (late, ratio) = likeness(&signal, &heard, 20 * per_ms);
                let name = format!("{codec:?} at {rate:?}, {ms} ms: {late} samples late, {ratio:.1} dB");
                assert!(ratio > least, "{name}");
                assert!(late as f64 / per_ms as f64 <= most, "{name}");
                let louder = rms_dbfs(&heard) - rms_dbfs(&signal);
                assert!(louder.abs() < 1.5, "{name}, {louder} dB louder");
            }
        }
    }
}

#[test]
fn packets_are_as_long_as_the_peer_the_codec_and_a_datagram_allow() {
    let lengths = |codec: Codec| [0, 9, 10, 19, 20, 30, 40, 50, 60, 120, 255].map(|wanted| codec.packet_ms(wanted));
    assert_eq!(lengths(Codec::Pcmu), [10, 10, 10, 10, 20, 30, 40, 50, 60, 60, 60]);
    assert_eq!(lengths(Codec::Opus(OpusTerms::OURS)), [10, 10, 10, 10, 20, 20, 40, 40, 60, 60, 60]);
    assert_eq!(lengths(Codec::L16(Rate::Hz16000)), [10, 10, 10, 10, 20, 30, 30, 30, 30, 30, 30]);
    for codec in ALL {
        let (ms, mut payload) = (codec.packet_ms(255), [0; 1_000]);
        let length = Encoder::new(codec, Rate::Hz8000).encode(&vec![0; usize::from(ms) * 8], &mut payload);
        assert_eq!(codec.samples_in(&payload[..length]), Some(usize::from(ms) * 8), "{codec:?} fits");
    }
}

#[test]
fn linear_samples_travel_in_network_order() {
    let codec = Codec::L16(Rate::Hz8000);
    let mut payload = [0; 5];
    assert_eq!(Encoder::new(codec, Rate::Hz8000).encode(&[1, -2, 0x1234], &mut payload), 4);
    assert_eq!(payload, [0, 1, 0xff, 0xfe, 0]);
    assert_eq!(codec.samples_in(&payload), None, "half a sample");
}

/// With a copy of the frame before in each packet, a lost one sounds like itself; without, like what came before it.
#[test]
fn opus_fills_a_loss_from_the_packet_after_it() {
    let heard = |inband_fec: bool| {
        let codec = Codec::Opus(OpusTerms { inband_fec, ..OpusTerms::OURS });
        let (mut encoder, mut decoder) = (Encoder::new(codec, Rate::Hz8000), Decoder::new(codec, Rate::Hz8000));
        let mut packets = Vec::new();
        for frame in voice(Rate::Hz8000).chunks_exact(160) {
            let mut payload = vec![0; 1_000];
            let length = encoder.encode(frame, &mut payload);
            payload.truncate(length);
            packets.push(payload);
        }
        let mut heard = Vec::new();
        for (n, packet) in packets.iter().enumerate() {
            let mut samples = [0; 160];
            let count = if n % 5 == 3 {
                decoder.recover(packets.get(n + 1).map(Vec::as_slice), &mut samples)
            } else {
                decoder.decode(packet, &mut samples).expect("our own")
            };
            assert_eq!(count, 160);
            heard.extend(samples);
        }
        likeness(&voice(Rate::Hz8000), &heard, 160).1
    };
    let (with, without) = (heard(true), heard(false));
    assert!(with > without + 1.5, "{with} dB with copies, {without} dB without");
    assert_eq!(Decoder::new(Codec::G722, Rate::Hz8000).recover(None, &mut [0; 160]), 0);
}

#[test]
fn what_a_peer_wants_of_opus_is_kept() {
    let bytes = |terms: OpusTerms| {
        let mut encoder = Encoder::new(Codec::Opus(terms), Rate::Hz8000);
        let lengths: Vec<usize> =
            voice(Rate::Hz8000).chunks_exact(160).map(|frame| encoder.encode(frame, &mut [0; 1_000])).collect();
        (lengths.iter().sum::<usize>() / 2 * 8, lengths.iter().min() == lengths.iter().max())
    };
    let (usual, constant) = bytes(OpusTerms::default());
    assert!((10_000..30_000).contains(&usual) && !constant, "{usual} bit/s");
    let (little, _) = bytes(OpusTerms { max_bitrate: Some(8_000), ..OpusTerms::default() });
    assert!(little < 10_000, "{little} bit/s");
    let (_, constant) = bytes(OpusTerms { constant_bitrate: true, ..OpusTerms::default() });
    assert!(constant);
}

fn any_codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(ALL.to_vec())
}

proptest! {
    /// Torn and oversize payloads, streams that are none and rooms of any size.
    #[test]
    fn any_payload_is_harmless(
        codec in any_codec(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..6),
        stretch in 1usize..20,
        room in 0usize..2_000,
        wide in any::<bool>(),
    ) {
        let mut decoder = Decoder::new(codec, RATES[usize::from(wide)]);
        let mut samples = vec![0; room];
        for payload in payloads {
            let long = payload.repeat(stretch);
            prop_assert!(codec.samples_in(&long).is_none_or(|count| (1..=LONGEST).contains(&count)));
            if let Ok(count) = decoder.decode(&long, &mut samples) {
                prop_assert!(count <= room);
            }
            prop_assert!(decoder.recover(Some(&long), &mut samples) <= room);
            prop_assert!(decoder.recover(None, &mut samples) <= room);
        }
        decoder.reset();
        prop_assert!(decoder.decode(&[], &mut samples).is_ok_and(|count| count == 0) || matches!(codec, Codec::Opus(_)));
    }

    #[test]
    fn any_samples_are_encoded_into_what_room_there_is(
        codec in any_codec(),
        samples in prop::collection::vec(any::<i16>(), 0..700),
        room in 0usize..1_300,
        wide in any::<bool>(),
    ) {
        let mut encoder = Encoder::new(codec, RATES[usize::from(wide)]);
        let mut payload = vec![0; room];
        prop_assert!(encoder.encode(&samples, &mut payload) <= room);
    }
}
