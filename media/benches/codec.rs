//! What a codec costs: time of one thread for 20 ms of a voice, at 8 and at 16 kHz. Figures go to
//! `target/bench/codec.json`.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use callwright_media::codec::g711::Law;
use callwright_media::codec::{Codec, Decoder, Encoder, LONGEST_PAYLOAD, OpusTerms};
use callwright_media::frame::Rate;
use callwright_media::resample::convert;

/// The shortest time that one figure is taken over.
const TAKEN_OVER: Duration = Duration::from_millis(300);

/// Times each figure is taken; the least counts, for what disturbs only adds.
const ROUNDS: u32 = 5;

const CODECS: [(&str, Codec); 6] = [
    ("PCMU", Codec::Pcmu),
    ("PCMA", Codec::Pcma),
    ("G722", Codec::G722),
    ("opus", Codec::Opus(OpusTerms::OURS)),
    ("L16/8000", Codec::L16(Rate::Hz8000)),
    ("L16/16000", Codec::L16(Rate::Hz16000)),
];

fn main() {
    let clip = include_bytes!("../tests/data/caller-man.ulaw");
    let mut narrow = vec![0; clip.len()];
    Law::Mu.decode(clip, &mut narrow);
    let mut figures = Vec::new();
    say(&format!("{:12} {:>8} {:>14} {:>14}", "codec", "rate", "encode, µs", "decode, µs"));
    for (name, codec) in CODECS {
        for rate in [Rate::Hz8000, Rate::Hz16000] {
            let voice = convert(&narrow, 8_000, rate.hertz()).expect("both rates are known");
            let frames: Vec<&[i16]> = voice.chunks_exact(rate.samples()).collect();
            let mut encoder = Encoder::new(codec, rate);
            let payloads: Vec<Vec<u8>> = frames.iter().map(|frame| encoded(&mut encoder, frame)).collect();
            let encode = least(frames.len(), |n| {
                black_box(encoder.encode(frames[n], &mut [0; LONGEST_PAYLOAD]));
            });
            let mut decoder = Decoder::new(codec, rate);
            let decode = least(payloads.len(), |n| {
                let decoded = decoder.decode(&payloads[n], black_box(&mut [0; 320]));
                assert_eq!(decoded, Ok(rate.samples()), "{name}");
            });
            say(&format!("{name:12} {:>8} {encode:>14.2} {decode:>14.2}", rate.hertz()));
            for (what, value) in [("encode", encode), ("decode", decode)] {
                let conditions = format!("{} Hz inside, one thread, least of {ROUNDS}", rate.hertz());
                figures.push(format!(
                    "    {{ \"name\": \"{name} {what}\", \"value\": {value:.3}, \"unit\": \"µs per 20 ms\", \
                     \"conditions\": \"{conditions}\" }}"
                ));
            }
        }
    }
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "../target".into(), std::path::PathBuf::from);
    write(&folder.join("bench"), &format!("{{\n  \"figures\": [\n{}\n  ]\n}}\n", figures.join(",\n")));
}

fn encoded(encoder: &mut Encoder, frame: &[i16]) -> Vec<u8> {
    let mut payload = vec![0; LONGEST_PAYLOAD];
    let length = encoder.encode(frame, &mut payload);
    payload.truncate(length);
    payload
}

/// Microseconds of one call, over and over again for as long as it takes.
fn least(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let began = now();
        let mut calls = 0u32;
        while now() - began < TAKEN_OVER {
            (0..count).for_each(&mut call);
            calls += u32::try_from(count).unwrap_or(u32::MAX);
        }
        (now() - began).as_secs_f64() * 1e6 / f64::from(calls)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "figures are for people too")]
fn say(line: &str) {
    println!("{line}");
}

fn write(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder).expect("the target folder is ours");
    std::fs::write(folder.join("codec.json"), text).expect("the target folder is ours");
}
