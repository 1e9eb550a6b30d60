//! The callers: a process of its own that sends RTP to every call and counts what comes back.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::Context;
use callwright::time;
use callwright_media::codec::g711::Law;
use callwright_media::frame::{FRAME, FRAME_8K};

/// A caller talks for so many frames and listens for as many.
const TURN: usize = 75;

/// Sends to the ports given until standard input is closed, then prints how many packets went and came.
pub(crate) fn run(ports: &[String]) -> anyhow::Result<()> {
    let ports = ports.iter().map(|port| port.parse()).collect::<Result<Vec<u16>, _>>().context("ports")?;
    let mut sockets = Vec::new();
    for port in &ports {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    let (ending, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = io::stdin().read(&mut [0]);
        let _ = ending.send(());
    });
    let speech = speech();
    let (mut sent, mut received) = (0_u64, 0_u64);
    let start = time::now().mono;
    let mut packet = [0_u8; 12 + FRAME_8K];
    let mut buffer = [0_u8; 2_048];
    for slot in 0_u64.. {
        let due = start + Duration::from_millis(slot);
        if ended.recv_timeout(due.saturating_duration_since(time::now().mono)).is_ok() {
            break;
        }
        let period = FRAME.as_millis() as u64;
        let turn = (slot / period) as usize;
        for (number, socket) in sockets.iter().enumerate().skip((slot % period) as usize).step_by(period as usize) {
            while socket.recv(&mut buffer).is_ok() {
                received += 1;
            }
            packet[0] = 0x80;
            packet[2..4].copy_from_slice(&(turn as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(turn as u32 * FRAME_8K as u32).to_be_bytes());
            packet[8..12].copy_from_slice(&(number as u32).to_be_bytes());
            let frame = (turn + number * 7) % (2 * TURN);
            packet[12..].copy_from_slice(&speech[frame * FRAME_8K..(frame + 1) * FRAME_8K]);
            sent += u64::from(socket.send(&packet).is_ok());
        }
    }
    writeln!(io::stdout(), "{sent} {received}")?;
    Ok(())
}

/// A voice-like sound, then silence, as µ-law: a pulse train of 120 Hz that swells four times a second.
fn speech() -> Vec<u8> {
    let mut samples = vec![0_i16; 2 * TURN * FRAME_8K];
    for (n, sample) in samples[..TURN * FRAME_8K].iter_mut().enumerate() {
        let t = n as f64 / 8_000.0;
        let swell = 0.5 - 0.5 * (std::f64::consts::TAU * 4.0 * t).cos();
        let voice: f64 =
            (1..=12).map(|k| (std::f64::consts::TAU * 120.0 * f64::from(k) * t).sin() / f64::from(k)).sum();
        *sample = (voice * swell * 5_000.0) as i16;
    }
    let mut payload = vec![0; samples.len()];
    Law::Mu.encode(&samples, &mut payload);
    payload
}
