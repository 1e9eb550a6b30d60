//! What encryption adds to a packet: protected by one side, opened by the other.

use std::thread;

use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::srtp::{LocalKeys, MAX_OVERHEAD, RemoteKey, SrtpReceiver, SrtpSender, Suite};

use crate::cpu::Clocks;
use crate::figures::{Cmp, Figure};

/// Packets of one run: a little more than an hour of one direction.
const PACKETS: u32 = 200_000;
/// Bytes of 20 ms of G.711.
const PAYLOAD: usize = 160;

/// A figure for each suite; of so many runs the quietest counts.
pub(crate) fn figures(rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let keys = LocalKeys::generate(&mut rand::rng());
    let mut figures = Vec::new();
    for suite in Suite::ALL {
        let mut quietest = f64::INFINITY;
        for _ in 0..rounds {
            let run = thread::scope(|scope| scope.spawn(|| run(&keys, suite)).join());
            quietest = quietest.min(run.map_err(|_| anyhow::anyhow!("the run panicked"))??);
        }
        figures.push(Figure {
            name: format!("protect + unprotect, {}", suite.name()),
            value: quietest,
            unit: "CPU us/packet",
            cmp: Cmp::AtMost,
            budget: 10.0,
            conditions: format!("{PACKETS} packets of {PAYLOAD} bytes of G.711, quietest of {rounds} runs, one thread"),
        });
    }
    Ok(figures)
}

/// CPU time of one packet, in µs.
fn run(keys: &LocalKeys, suite: Suite) -> anyhow::Result<f64> {
    let key = keys.of(suite);
    let mut sender = SrtpSender::new(key);
    let mut receiver = SrtpReceiver::new(&RemoteKey { key: key.clone(), mki: None });
    let mut packet = [0x55; HEADER_LENGTH + PAYLOAD + MAX_OVERHEAD];
    let before = Clocks::read()?;
    for number in 0..PACKETS {
        let header = packet.first_chunk_mut().expect("it is longer than a header");
        let (sequence, timestamp) = (number as u16, number.wrapping_mul(160));
        RtpHeader { marker: false, payload_type: 8, sequence, timestamp, ssrc: 7 }.write(header);
        let length = sender.protect(&mut packet, HEADER_LENGTH + PAYLOAD, number >> 16)?;
        receiver.unprotect(&packet[..length])?;
    }
    let used = Clocks::read()?.since(&before);
    Ok(used.as_secs_f64() * 1e6 / f64::from(PACKETS))
}
