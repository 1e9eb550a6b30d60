use super::*;
use crate::codec::{Encoder, OpusTerms};
use crate::level::rms_dbfs;
use crate::packets::Content;
use crate::sounds::caller_man;

const OPUS: Codec = Codec::Opus(OpusTerms::OURS);

/// The packets of a voice, each of so many samples.
fn packets(codec: Codec, samples: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec, Rate::Hz8000);
    let encode = |frame: &[i16]| {
        let mut payload = vec![0; 1_200];
        let length = encoder.encode(frame, &mut payload);
        payload.truncate(length);
        payload
    };
    caller_man()[..16_000].chunks_exact(samples).map(encode).collect()
}

fn coded(codec: Codec, packets: &[Vec<u8>], number: usize, samples: usize, read: usize) -> Coded<'_> {
    Coded { codec, payload: &packets[number], start: (number * samples) as i64, samples, read }
}

/// Reads a stream in steps, with a look at each next step beforehand.
fn read(codec: Codec, length: usize, step: usize) -> Vec<i16> {
    let packets = packets(codec, length);
    let mut unpacker = Unpacker::new(Rate::Hz8000);
    let end = packets.len() * length;
    let mut heard = Vec::new();
    let mut piece = |place: usize, room: &mut [i16]| {
        unpacker.read(&coded(codec, &packets, place / length, length, place % length), room)
    };
    while heard.len() < end {
        let ahead = heard.len() + step;
        let mut room = vec![0; step];
        piece(heard.len(), &mut room);
        if ahead < end {
            piece(ahead, &mut vec![0; step]);
        }
        let count = piece(heard.len(), &mut room);
        assert!(count > 0);
        heard.extend_from_slice(&room[..count]);
    }
    heard
}

#[test]
fn a_stream_is_the_same_in_whatever_steps_it_is_read() {
    for codec in [Codec::Pcma, Codec::G722, OPUS, Codec::L16(Rate::Hz16000)] {
        for length in [80, 160, 240] {
            if usize::from(codec.packet_ms((length / 8) as u8)) * 8 != length {
                continue;
            }
            let whole = read(codec, length, length);
            for step in [length / 4, length / 2 + 3, 160.min(length)] {
                assert!(read(codec, length, step) == whole, "{codec:?}, packets of {length}, steps of {step}");
            }
        }
    }
}

#[test]
fn a_look_ahead_changes_nothing() {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
    let now = std::time::Instant::now();
    for codec in [Codec::Pcma, Codec::G722, OPUS, Codec::L16(Rate::Hz16000)] {
        for length in [80, 160] {
            let voice = packets(codec, length);
            let mut held = Packets::new();
            for (n, payload) in voice[..60].iter().enumerate() {
                held.insert(n as i64, (n * length) as i64, now, Content::Audio { codec, payload, samples: length });
            }
            let read = |looks: bool| {
                let mut unpacker = Unpacker::new(Rate::Hz8000);
                let mut reader = held.reader().expect("audio is there");
                let mut heard = vec![0; 60 * length];
                for step in heard.chunks_mut(75) {
                    let mut seen = [0; 280];
                    let known = if looks { unpacker.peek(reader, &held, &mut seen) } else { 0 };
                    let count = unpacker.follow(&mut reader, &held, step);
                    assert_eq!(count, step.len());
                    let known = known.min(count);
                    assert_eq!(seen[..known], step[..known], "{codec:?}");
                    assert!(!looks || known == count);
                }
                heard
            };
            assert!(read(true) == read(false), "{codec:?}, packets of {length}");
        }
    }
}

#[test]
fn nobody_looks_further_than_what_stays() {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
    let now = std::time::Instant::now();
    let mut held = Packets::new();
    let mut insert = |n: i64, codec, payload: &[u8], samples| {
        held.insert(n, n * 40, now, Content::Audio { codec, payload, samples });
    };
    (0..20).for_each(|n| insert(n, Codec::G722, &[0x5a; 40], 40));
    insert(20, Codec::Pcma, &[0x5a; 40], 40);
    let mut unpacker = Unpacker::new(Rate::Hz8000);
    let mut reader = held.reader().expect("audio is there");
    assert_eq!(unpacker.peek(reader, &held, &mut [0; 320]), 40 * (PIECES - 1));
    reader.advance(18 * 40 + 10);
    assert_eq!(unpacker.peek(reader, &held, &mut [0; 320]), 70, "another codec is not looked at");
    assert_eq!(unpacker.follow(&mut reader, &held, &mut [0; 320]), 110, "it is read");
}

#[test]
fn a_gap_is_filled_by_a_codec_that_can_and_read_in_steps() {
    let packets = packets(OPUS, 160);
    let mut unpacker = Unpacker::new(Rate::Hz8000);
    let mut samples = [0; 160];
    for number in 0..20 {
        unpacker.read(&coded(OPUS, &packets, number, 160, 0), &mut samples);
    }
    let before = rms_dbfs(&samples);
    let later = coded(OPUS, &packets, 22, 160, 0);
    let mut gap = Vec::new();
    for (place, step) in [(3_200, 100), (3_300, 160), (3_460, 60)] {
        let left = 3_520 - place;
        assert!(unpacker.recover(place, left, &later, &mut samples[..step]));
        gap.extend_from_slice(&samples[..step]);
    }
    assert!((rms_dbfs(&gap) - before).abs() < 12.0, "{} after {before}", rms_dbfs(&gap));
    unpacker.read(&later, &mut samples);
    // Long silence is made up by nobody, but the packet before the next one is in that.
    let far = coded(OPUS, &packets, 60, 160, 0);
    assert!(!unpacker.recover(3_680, 9_600 - 3_680, &far, &mut samples));
    assert!(unpacker.recover(9_440, 160, &far, &mut samples));
}

#[test]
fn codecs_without_a_memory_for_gaps_fill_none() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::L16(Rate::Hz8000)] {
        let packets = packets(codec, 160);
        let mut unpacker = Unpacker::new(Rate::Hz8000);
        let mut samples = [7; 160];
        unpacker.read(&coded(codec, &packets, 0, 160, 0), &mut samples);
        let before = samples;
        assert!(!unpacker.recover(160, 160, &coded(codec, &packets, 2, 160, 0), &mut samples), "{codec:?}");
        assert!(!unpacker.rest(&mut samples), "{codec:?}");
        assert_eq!(samples, before);
    }
}

#[test]
fn broken_packets_are_as_good_as_lost() {
    let mut packets = packets(OPUS, 160);
    // Its first byte says how long it is, and its second frame is longer than all of it.
    packets[20] = vec![0x0a, 250];
    let mut unpacker = Unpacker::new(Rate::Hz8000);
    let mut samples = [0; 160];
    for number in 0..packets.len().min(40) {
        let count = unpacker.read(&coded(OPUS, &packets, number, 160, 0), &mut samples);
        assert_eq!(count, 160, "{number}");
    }
    unpacker.reset();
    assert_eq!(unpacker.read(&coded(OPUS, &packets, 41, 160, 0), &mut samples), 160);
}
