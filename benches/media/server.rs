//! The three things measured.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use callwright::call::record::Recorder;
use callwright::net::media_leg::MediaCommand;
use callwright::net::media_ring::MediaNews;
use callwright::net::media_worker::{MediaLeg, MediaWorkers};
use callwright::net::ports::{RtpPorts, RtpSocket};
use callwright::time;
use callwright_media::codec::Codec;
use callwright_media::frame::Rate;
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::session::{ClipId, MediaEvent, Session, SessionConfig};
use callwright_media::vad::SegmenterConfig;
use mio::{Events, Interest, Poll, Token};

use crate::SETTLE;
use crate::cpu::Clocks;

/// What one run showed.
pub(crate) struct Run {
    /// CPU milliseconds per call-second of everything but the callers.
    pub(crate) cost: f64,
    /// Packets that came back, of those sent.
    pub(crate) returned: f64,
}

/// One thread that sends every datagram back: what the kernel alone costs.
pub(crate) fn bare_echo(calls: usize, measured: Duration) -> anyhow::Result<Run> {
    let ports = ports();
    let sockets: Vec<RtpSocket> = (0..calls).map(|_| ports.bind()).collect::<Result<_, _>>()?;
    let numbers: Vec<u16> = sockets.iter().map(|socket| socket.lease.port()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let thread = std::thread::spawn(move || echo_datagrams(sockets, &stopping));
    let run = measure(calls, &numbers, measured);
    stop.store(true, Ordering::Relaxed);
    thread.join().map_err(|_| anyhow::anyhow!("the bare echo panicked"))??;
    run
}

/// Legs that send back what they heard, through decoder, jitter buffer, playout and encoder.
pub(crate) fn echo(calls: usize, measured: Duration) -> anyhow::Result<Run> {
    let runtime = runtime()?;
    let workers = MediaWorkers::start(1)?;
    let ports = ports();
    let (mut legs, mut numbers) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let socket = ports.bind()?;
        numbers.push(socket.lease.port());
        let leg = runtime.block_on(workers.add(socket, session(None, false)))?;
        runtime.block_on(leg.control.send(MediaCommand::Echo(true)))?;
        legs.push(leg);
    }
    measure(calls, &numbers, measured)
}

/// Legs that play prompts from memory, look for speech, hand the caller's audio on and are recorded.
pub(crate) fn flow(calls: usize, measured: Duration) -> anyhow::Result<Run> {
    let runtime = runtime()?;
    let workers = MediaWorkers::start(1)?;
    let recorder = Recorder::start()?;
    let ports = ports();
    let folder = std::env::temp_dir().join(format!("callwright-bench-{}-{calls}", std::process::id()));
    let prompt: Arc<[i16]> = (0..24_000).map(|n| ((f64::from(n) * 0.3).sin() * 6_000.0) as i16).collect();
    let mut numbers = Vec::new();
    for number in 0..calls {
        let socket = ports.bind()?;
        numbers.push(socket.lease.port());
        let vad = Some(SegmenterConfig::default());
        let leg = runtime.block_on(workers.add(socket, session(vad, true)))?;
        let (sink, _) = recorder.begin(&folder.join(format!("{number}.wav")), Rate::Hz8000)?;
        runtime.block_on(leg.control.send(MediaCommand::Record(Box::new(sink))))?;
        runtime.spawn(converse(leg, Arc::clone(&prompt)));
    }
    let run = measure(calls, &numbers, measured);
    drop(runtime);
    let _ = std::fs::remove_dir_all(folder);
    run
}

/// Plays a prompt of three seconds again and again, and takes everything the leg says.
async fn converse(mut leg: MediaLeg, prompt: Arc<[i16]>) {
    let mut clip = 0;
    let mut play = true;
    loop {
        if std::mem::take(&mut play) {
            clip += 1;
            let command = MediaCommand::Play { clip: ClipId(clip), pcm: Arc::clone(&prompt), from: 0 };
            if leg.control.send(command).await.is_err() {
                return;
            }
        }
        match leg.news.recv().await {
            Some(MediaNews::Event(event)) => play = matches!(*event, MediaEvent::ClipFinished { .. }),
            Some(MediaNews::Audio { .. }) => {}
            Some(MediaNews::Closed(_)) | None => return,
        }
    }
}

/// Runs the callers and counts this process's CPU while they talk.
fn measure(calls: usize, ports: &[u16], measured: Duration) -> anyhow::Result<Run> {
    let mut callers = spawn_callers(ports)?;
    wait(SETTLE);
    let (before, started) = (Clocks::read()?, time::now().mono);
    wait(measured);
    let (after, ended) = (Clocks::read()?, time::now().mono);
    callers.stdin.take().context("the callers' input")?.write_all(b"\n")?;
    let mut counts = String::new();
    callers.stdout.take().context("the callers' output")?.read_to_string(&mut counts)?;
    ensure!(callers.wait()?.success(), "the callers failed");
    let (sent, received) = counts.trim().split_once(' ').context("the callers' counts")?;
    let (sent, received): (f64, f64) = (sent.parse()?, received.parse()?);
    let cost = after.since(&before).as_secs_f64() * 1_000.0 / (calls as f64 * (ended - started).as_secs_f64());
    Ok(Run { cost, returned: received / sent })
}

fn spawn_callers(ports: &[u16]) -> anyhow::Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg("callers")
        .args(ports.iter().map(u16::to_string))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the callers' process")
}

fn echo_datagrams(sockets: Vec<RtpSocket>, stop: &AtomicBool) -> std::io::Result<()> {
    let mut poll = Poll::new()?;
    let mut open = Vec::new();
    for (number, RtpSocket { socket, lease, .. }) in sockets.into_iter().enumerate() {
        let mut socket = mio::net::UdpSocket::from_std(socket);
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        open.push((socket, lease));
    }
    let mut events = Events::with_capacity(256);
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let (socket, _) = &open[event.token().0];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        }
    }
    Ok(())
}

fn session(vad: Option<SegmenterConfig>, uplink: bool) -> Session {
    let negotiated = Negotiated {
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf: None,
        remote: None,
        rtcp: RtcpPath::default(),
        direction: Direction::SendRecv,
        ptime_ms: 20,
        srtp: None,
    };
    let config = SessionConfig { negotiated, ssrc: 1, sequence: 1, timestamp: 1, vad, uplink };
    Session::new(time::now().mono, config)
}

/// Ports in an order of their own for each run: those of the run before may still be closing.
fn ports() -> RtpPorts {
    RtpPorts::new(Ipv4Addr::LOCALHOST.into(), 30_000..=39_998, rand::random())
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn wait(time: Duration) {
    std::thread::park_timeout(time);
}
