use std::f64::consts::TAU;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::frame::Rate;
use crate::resample::convert;
use crate::sounds::{caller_man, caller_woman, chord, white};

type Sample = (i16, i16);

fn encoded(rate: Rate, samples: &[Sample]) -> Vec<u8> {
    let mut file = Vec::new();
    assert_eq!(encode(rate, samples.iter().copied(), 7, &mut file).expect("in memory"), samples.len() as u64);
    file
}

fn decoded(file: &[u8]) -> Result<Vec<Sample>, DecodeError> {
    EncodedReader::new(Cursor::new(file))?.collect()
}

fn checked(rate: Rate, before: &[Sample], file: &[u8]) -> Result<Agreement, Disagreement> {
    verify(rate, before.iter().copied(), EncodedReader::new(Cursor::new(file))?)
}

/// A talk: the man is the caller, the woman the agent, who answers.
fn talk() -> Vec<Sample> {
    let (man, woman) = (caller_man(), caller_woman());
    let silence = vec![0; 4_000];
    let heard = [&man[..], &silence, &vec![0; woman.len()], &man].concat();
    let said = [&vec![0; man.len()][..], &silence, &woman, &vec![0; man.len()]].concat();
    heard.into_iter().zip(said).collect()
}

/// The same with a sample between each two.
fn wide(talk: &[Sample]) -> Vec<Sample> {
    let (heard, said): (Vec<_>, Vec<_>) = talk.iter().copied().unzip();
    let [heard, said] = [heard, said].map(|side| convert(&side, 8_000, 16_000).expect("both are rates of calls"));
    heard.into_iter().zip(said).collect()
}

/// By how many samples `after` is behind `before`, at most `most` either way.
fn lag(before: &[i16], after: &[i16], most: i64) -> i64 {
    let score = |lag: i64| -> f64 {
        let at = |n: usize| usize::try_from(n as i64 + lag).ok().and_then(|n| after.get(n)).copied().unwrap_or(0);
        before.iter().enumerate().map(|(n, sample)| f64::from(*sample) * f64::from(at(n))).sum()
    };
    (-most..=most).max_by(|a, b| score(*a).total_cmp(&score(*b))).expect("a range")
}

#[test]
fn headers_are_those_of_rfc_7845() {
    for (rate, hertz) in [(Rate::Hz8000, 8_000_u32), (Rate::Hz16000, 16_000)] {
        let file = encoded(rate, &vec![(0, 0); 3 * hertz as usize + 1]);
        let mut packets = ogg::PacketReader::new(Cursor::new(&file));
        let mut next = || packets.read_packet().expect("pages are whole");
        let head = next().expect("a header");
        assert!(head.first_in_stream() && head.last_in_page() && head.absgp_page() == 0);
        assert_eq!(&head.data[..10], b"OpusHead\x01\x02");
        let pre_skip = u16::from_le_bytes([head.data[10], head.data[11]]);
        // RFC 7845 section 4.2 wants what the codec needs to converge; libopus looks 6.5 ms ahead, at any rate.
        assert_eq!(pre_skip, 312);
        assert_eq!(head.data[12..16], hertz.to_le_bytes());
        assert_eq!(head.data[16..], [0, 0, 1, 2, 0, 0, 1]);
        let tags = next().expect("comments");
        assert!(tags.last_in_page() && tags.absgp_page() == 0);
        assert_eq!(tags.data, b"OpusTags\x0a\0\0\0callwright\0\0\0\0");
        let mut granules = Vec::new();
        while let Some(packet) = next() {
            if packet.last_in_page() {
                granules.push(packet.absgp_page());
            }
            assert_eq!(packet.last_in_stream(), granules.len() == 4, "the last page ends the stream");
        }
        // One page a second, and a last one that is cut where the sound ends.
        assert_eq!(granules, [48_000, 96_000, 144_000, u64::from(pre_skip) + u64::from(48_000 / hertz) + 144_000]);
    }
}

#[test]
fn the_length_is_right_to_the_sample() {
    let hiss: Vec<_> = white(1, 8_000.0, 1_100).into_iter().map(|sample| (sample, -sample)).collect();
    for length in [0, 1, 52, 107, 108, 109, 159, 160, 161, 268, 269, 320, 7_999, 8_000, 8_001] {
        let before = &hiss[..length];
        assert_eq!(decoded(&encoded(Rate::Hz8000, before)).expect("readable").len(), length);
        assert_eq!(decoded(&encoded(Rate::Hz16000, before)).expect("readable").len(), length);
    }
}

#[test]
fn a_talk_sounds_as_before_on_both_sides() {
    let narrow = talk();
    for (rate, before) in [(Rate::Hz8000, narrow.clone()), (Rate::Hz16000, wide(&narrow))] {
        let file = encoded(rate, &before);
        let agreement = checked(rate, &before, &file).expect("they agree");
        assert_eq!(agreement.samples, before.len() as u64);
        for side in [agreement.heard, agreement.said] {
            assert!(side.correlation > 0.99 && (side.before_dbfs - side.after_dbfs).abs() < 0.7, "{agreement:?}");
        }
        let bits = file.len() as f64 * 8.0 * f64::from(rate.hertz()) / before.len() as f64;
        assert!(bits < 40_000.0, "{bits:.0} bit/s");
        let after = decoded(&file).expect("readable");
        let speaks = |from: usize| from..from + rate.hertz() as usize;
        let (man, woman) = (caller_man().len(), caller_woman().len());
        let scale = rate.samples() / 160;
        for (side, span) in
            [(0, speaks(1_000)), (1, speaks((man + 8_000) * scale)), (0, speaks((man + woman + 5_000) * scale))]
        {
            let of = |samples: &[Sample]| -> Vec<i16> {
                samples[span.clone()].iter().map(|pair| if side == 0 { pair.0 } else { pair.1 }).collect()
            };
            let late = lag(&of(&before), &of(&after), 40);
            assert!(late.abs() <= 1, "side {side} is {late} samples late at {span:?}");
        }
    }
}

#[test]
fn what_one_side_says_leaves_nothing_in_the_other() {
    let before: Vec<_> = talk().into_iter().map(|(heard, _)| (heard, 0)).collect();
    let after = decoded(&encoded(Rate::Hz8000, &before)).expect("readable");
    assert!(after.iter().all(|(_, said)| said.abs() <= 1), "{:?}", after.iter().map(|(_, said)| said.abs()).max());
}

#[test]
fn tones_noise_and_silence_agree() {
    let side = |samples: Vec<i16>| -> Vec<Sample> { samples.into_iter().map(|sample| (sample, 0)).collect() };
    let sounds = [
        chord(&[697.0, 1_209.0], 12_000.0, 1_500),
        chord(&[425.0], 3_000.0, 1_500),
        white(3, 3_000.0, 1_500),
        white(4, 60.0, 1_500),
        white(5, 12.0, 1_500),
        vec![0; 12_000],
    ];
    // One word in two minutes of silence counts as much as a talk.
    let word = [vec![0; 960_000], caller_man()[4_000..8_000].to_vec()].concat();
    let (before, without) = (side(word), vec![(0, 0); 964_000]);
    let lost = checked(Rate::Hz8000, &before, &encoded(Rate::Hz8000, &without));
    assert!(matches!(lost, Err(Disagreement::Sound { .. })), "{lost:?}");
    for (number, sound) in sounds.into_iter().enumerate() {
        let before = side(sound);
        let agreement = checked(Rate::Hz8000, &before, &encoded(Rate::Hz8000, &before));
        assert!(agreement.is_ok(), "sound {number}: {agreement:?}");
    }
}

#[test]
fn another_sound_is_told_from_the_same() {
    let before = talk();
    let sound = |after: Vec<Sample>| {
        let file = encoded(Rate::Hz8000, &after);
        matches!(checked(Rate::Hz8000, &before, &file), Err(Disagreement::Sound { .. }))
    };
    assert!(sound(before.iter().map(|(heard, said)| (*said, *heard)).collect()), "sides were swapped");
    assert!(sound(before.iter().map(|(heard, said)| (heard / 2, *said)).collect()), "a side is quieter");
    assert!(sound(before.iter().map(|(heard, _)| (*heard, 0)).collect()), "a side is missing");
    let late = [&vec![(0, 0); 800][..], &before[..before.len() - 800]].concat();
    assert!(sound(late), "it is 100 ms late");
    let half = before.len() / 2;
    assert!(sound(before.iter().enumerate().map(|(at, (h, s))| if at < half { (*h, *s) } else { (0, *s) }).collect()));
    let shorter = encoded(Rate::Hz8000, &before[..before.len() - 1]);
    let told = checked(Rate::Hz8000, &before, &shorter);
    let lengths = (before.len() as u64, before.len() as u64 - 1);
    assert!(matches!(told, Err(Disagreement::Length { before, after }) if (before, after) == lengths), "{told:?}");
}

#[test]
fn a_damaged_file_is_no_recording() {
    let before = talk();
    let file = encoded(Rate::Hz8000, &before);
    let starts: Vec<usize> = (0..file.len() - 4).filter(|at| file[*at..].starts_with(b"OggS")).collect();
    assert!(starts.len() > 12);
    for (number, start) in starts.iter().enumerate().skip(2) {
        assert!(matches!(decoded(&file[..*start]), Err(DecodeError::Cut)), "cut before page {number}");
        let next = starts.get(number + 1).copied().unwrap_or(file.len());
        let without = [&file[..*start], &file[next..]].concat();
        assert!(decoded(&without).is_err(), "without page {number}");
        let mut flipped = file.clone();
        flipped[start + 60] ^= 4;
        assert!(decoded(&flipped).is_err(), "a bit of page {number}");
    }
    assert!(EncodedReader::new(Cursor::new(b"RIFF".repeat(40))).is_err());
}

/// An hour with a word each ten minutes, encoded, read back and compared.
#[test]
fn an_hour_does_not_drift() {
    let word: Vec<i16> = (0..1_600).map(|n| ((f64::from(n) * 0.04 * TAU).sin() * f64::from(n * 5)) as i16).collect();
    let hour = 3_600 * 8_000_usize;
    let sample = |at: usize| match at % (600 * 8_000) {
        n if n < word.len() => (word[n], word[word.len() - 1 - n]),
        _ => (0, 0),
    };
    let mut file = Vec::new();
    encode(Rate::Hz8000, (0..hour + 77).map(sample), 1, &mut file).expect("in memory");
    let last = hour - 600 * 8_000;
    let mut after = Vec::new();
    let reader = EncodedReader::new(Cursor::new(&file)).expect("readable").enumerate().map(|(at, sample)| {
        after.extend(sample.as_ref().ok().filter(|_| (last..last + 1_600).contains(&at)).map(|sample| sample.0));
        sample
    });
    let agreement = verify(Rate::Hz8000, (0..hour + 77).map(sample), reader).expect("they agree to the end");
    assert_eq!(agreement.samples, hour as u64 + 77);
    assert!(lag(&word, &after, 40).abs() <= 1, "{} samples late after 50 minutes", lag(&word, &after, 40));
}

fn waveform(rate: Rate, samples: impl Iterator<Item = Sample>) -> Waveform {
    let mut builder = WaveformBuilder::new(rate);
    samples.for_each(|(heard, said)| builder.add(heard, said));
    builder.finish()
}

#[test]
fn peaks_are_where_the_sound_is() {
    let frames = [(0, 0), (-32_768, 0), (0, 1), (16_384, 32_767)];
    let samples = frames.iter().flat_map(|frame| std::iter::repeat_n(*frame, 160));
    let shown = waveform(Rate::Hz8000, samples.chain([(0, 300)]));
    assert_eq!(shown, Waveform { bucket_ms: 20, heard: vec![0, 255, 0, 128, 0], said: vec![0, 0, 1, 255, 3] });
    assert_eq!(Waveform::from_bytes(&shown.to_bytes()), Ok(shown));
    assert_eq!(waveform(Rate::Hz16000, std::iter::empty()).heard, []);
}

#[test]
fn peaks_stay_few_however_long_the_call() {
    // Ten hours: one loud sample each hour, on one side or the other.
    let hour = 3_600 * 8_000;
    let loud = |at: usize| if at % hour == hour / 2 { i16::MAX } else { 0 };
    let shown = waveform(Rate::Hz8000, (0..10 * hour).map(|at| (loud(at), loud(at + hour / 4))));
    assert_eq!(shown.bucket_ms, 20 << 10);
    assert_eq!(shown.heard.len(), (10 * 3_600_000_usize).div_ceil(20 << 10));
    assert!(shown.to_bytes().len() <= 5 + 2 * MAX_BUCKETS);
    let at = |side: &[u8]| -> Vec<usize> { (0..side.len()).filter(|n| side[*n] == 255).collect() };
    let due = |part: usize| (0..10).map(|n| (n * 3_600_000 + part) / (20 << 10)).collect::<Vec<_>>();
    assert_eq!((at(&shown.heard), at(&shown.said)), (due(1_800_000), due(900_000)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..400), real in any::<bool>(), at in 0_usize..3_000) {
        let mut file = if real { encoded(Rate::Hz8000, &[(900, -900); 4_000]) } else { Vec::new() };
        let at = at.min(file.len());
        file.splice(at..(at + bytes.len()).min(file.len()), bytes.iter().copied());
        if let Ok(reader) = EncodedReader::new(Cursor::new(file)) {
            prop_assert!(reader.count() <= 5_000);
        }
        if let Ok(shown) = Waveform::from_bytes(&bytes) {
            prop_assert_eq!(shown.to_bytes(), bytes);
        }
    }
}
