//! What a packet costs from the socket to the listener: taken, put in order, made whole, played.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use callwright_media::codec::Codec;
use callwright_media::frame::{FRAME, FRAME_8K};
use callwright_media::negotiated::{Direction, Negotiated};
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::session::{MAX_PACKET, MediaEvent, Session, SessionConfig};

use crate::network::{Fate, NETWORKS, Network};

/// Packets of a run: ten minutes.
const PACKETS: u32 = 30_000;

/// Runs of each kind; the quietest counts.
const ROUNDS: usize = 5;

/// Those whose cost is told.
const MEASURED: [&str; 5] = ["clean", "loss-5", "loss-20", "bursts-10", "jitter-60"];

/// Prints a table: network, nanoseconds a packet for a listener, and with a recogniser as well.
pub(crate) fn print() -> io::Result<()> {
    for network in NETWORKS.iter().filter(|network| MEASURED.contains(&network.name)) {
        let datagrams = datagrams(network);
        let mut quietest = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (quietest, uplink) in quietest.iter_mut().zip([false, true]) {
                *quietest = quietest.min(run(&datagrams, uplink)?);
            }
        }
        println!("{}\t{:.0}\t{:.0}", network.name, quietest[0], quietest[1]);
    }
    Ok(())
}

/// What arrives, in order of its arrival.
fn datagrams(network: &Network) -> Vec<(Duration, Vec<u8>)> {
    let mut fate = Fate::new(network, 1);
    let mut arriving = Vec::new();
    for n in 0..PACKETS {
        let sent = FRAME * n;
        let Some(late) = fate.next(sent) else { continue };
        let mut bytes = vec![0; HEADER_LENGTH + FRAME_8K];
        let (header, payload) = bytes.split_first_chunk_mut().expect("it was made longer");
        let (sequence, timestamp) = (n as u16, n * FRAME_8K as u32);
        RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc: 7 }.write(header);
        Codec::Pcmu.encode(&std::array::from_fn::<_, FRAME_8K, _>(|sample| voice(timestamp + sample as u32)), payload);
        arriving.push((sent + late, bytes));
    }
    arriving.sort_by_key(|&(at, _)| at);
    arriving
}

/// Half a second of a vowel of 120 Hz, and 0.3 s of faint noise.
fn voice(n: u32) -> i16 {
    let turn = |hertz: f32| (f64::from(n) / 8_000.0 * f64::from(hertz) * std::f64::consts::TAU).sin() as f32;
    match n % 6_400 {
        0..4_000 => {
            ((0.5 * turn(120.0) + 0.3 * turn(240.0) + 0.6 * turn(600.0) + 0.2 * turn(1_320.0)) * 5_000.0) as i16
        }
        _ => (n.wrapping_mul(2_654_435_761) >> 27) as i16 - 16,
    }
}

/// CPU time of a packet, in nanoseconds.
fn run(datagrams: &[(Duration, Vec<u8>)], uplink: bool) -> io::Result<f64> {
    let start = some_instant();
    let peer = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let negotiated = Negotiated {
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf: None,
        remote: Some(peer),
        // Nothing is sent, so that nothing is encoded.
        direction: Direction::RecvOnly,
        ptime_ms: 20,
        srtp: None,
    };
    let mut session =
        Session::new(start, SessionConfig { negotiated, ssrc: 1, sequence: 1, timestamp: 1, vad: None, uplink });
    let mut arriving = datagrams.iter().peekable();
    let mut packet = [0; MAX_PACKET];
    let before = cpu()?;
    for tick in 0..PACKETS {
        let at = FRAME * tick + Duration::from_millis(7);
        while let Some((arrives, bytes)) = arriving.next_if(|(arrives, _)| *arrives <= at) {
            session.receive(start + *arrives, peer, bytes);
        }
        std::hint::black_box(session.tick(start + at, &mut packet));
        while let Some(event) = session.poll_event() {
            std::hint::black_box(matches!(event, MediaEvent::Uplink(_)));
        }
    }
    Ok((cpu()? - before) as f64 / f64::from(PACKETS))
}

/// CPU time of this thread, by the scheduler's own count of nanoseconds.
fn cpu() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    text.split(' ').next().and_then(|first| first.parse().ok()).ok_or_else(|| io::Error::other("no CPU time there"))
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
fn some_instant() -> Instant {
    Instant::now()
}
