//! Calls over bad networks, written down for `scripts/bench-quality` to judge, and what a packet of them costs.
//!
//!     quality calls VOICES OUT    every WAV of VOICES (8 kHz, mono) through every codec and network; files and a table in OUT
//!     quality cost                nanoseconds of CPU a packet, as a table on the standard output
#![allow(clippy::print_stdout, reason = "a program for the command line")]

mod call;
mod cost;
mod network;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use callwright_media::clip::decode_wav;
use callwright_media::codec::{Codec, OpusTerms};
use network::NETWORKS;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["calls", voices, out] => calls(Path::new(voices), Path::new(out)),
        ["cost"] => cost::print(),
        _ => Err(io::Error::other("quality calls VOICES OUT | quality cost")),
    }
}

fn calls(voices: &Path, out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    let mut files: Vec<_> =
        fs::read_dir(voices)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wav"));
    files.sort();
    let mut table =
        String::from("voice\tcodec\tnetwork\tloss\tburst\tjitter_ms\tdelay_mean_ms\tdelay_p95_ms\tdelay_max_ms\t");
    table += "concealed_ms\tstretched_ms\tshortened_ms\tlate\n";
    for file in &files {
        let name = file.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| io::Error::other("a strange name"))?;
        let voice = decode_wav(&fs::read(file)?).map_err(io::Error::other)?;
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus(OpusTerms::OURS)] {
            for (seed, network) in NETWORKS.iter().enumerate() {
                let outcome = call::run(&voice, codec, network, seed as u64).map_err(io::Error::other)?;
                let codec = codec.encoding_name().to_ascii_lowercase();
                for (what, wav) in outcome.files()? {
                    fs::write(out.join(format!("{name}-{codec}-{}-{what}.wav", network.name)), wav)?;
                }
                let _ = write!(table, "{name}\t{codec}\t{}\t{}\t{}\t", network.name, network.loss, network.burst);
                let _ = writeln!(table, "{}\t{}", network.jitter.as_millis(), outcome.figures());
            }
        }
    }
    fs::write(out.join("calls.tsv"), table)
}
