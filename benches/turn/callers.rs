//! The callers: a process of its own that takes calls, listens, speaks, interrupts, and says how long it waited.
//!
//! All that is measured is seen from here, on the wire: from the last packet with voice that left to the first packet
//! with the agent's that came.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use callwright::config::{ListenerConfig, SipTransport};
use callwright::net::sip_driver::{self, IncomingCall, SipHandle};
use callwright::time;
use callwright_media::codec::Codec;
use callwright_media::codec::g711::Law;
use callwright_media::frame::{FRAME, FRAME_8K};
use callwright_media::negotiated::Direction;
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::sdp::{self, Encryption, LocalMedia};
use callwright_sip::endpoint::{Body, Config};
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// A caller speaks for so many frames: 1.36 s.
const SENTENCE: usize = 68;
/// Where the sentence lies in the clip, from its first frame with sound to a vowel.
const SENTENCE_AT: usize = 137;
/// An interrupted agent has stopped when it was silent for so long; the caller goes on speaking meanwhile.
const STOPPED: Duration = Duration::from_millis(400);
/// The agent has finished when it was silent for so long.
const FINISHED: Duration = Duration::from_millis(600);
/// The caller thinks for so long before it speaks, and a little longer with every turn and caller.
const THINKING: Duration = Duration::from_millis(400);
/// Every so many turns the caller interrupts, this long after the agent's first word.
const INTERRUPTED: u32 = 3;
const INTO: Duration = Duration::from_millis(900);
/// Who gets no answer for so long says it again.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the callers found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// From the last packet with the caller's voice to the first with the agent's, in microseconds.
    pub(crate) answers: Vec<u64>,
    /// From the first packet of an interruption to the end of the agent's last one with sound, in microseconds.
    pub(crate) interruptions: Vec<u64>,
    /// Interruptions that the agent spoke through.
    pub(crate) unheeded: u32,
    /// Turns that nobody answered.
    pub(crate) unanswered: u32,
    /// Calls that were taken.
    pub(crate) calls: u32,
}

/// Takes calls until a line comes on standard input, then prints what was found and goes on answering requests until
/// standard input is closed. The first line of its own tells the SIP address.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (lines, new_lines) = channel();
    let (ending, ended) = channel();
    let stop = CancellationToken::new();
    let service = runtime.block_on(sip_driver::start(
        &[ListenerConfig {
            transport: SipTransport::Udp,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            external: None,
            external_media: None,
        }],
        Config { max_sessions: 4_096, ..Config::default() },
        [8; 32],
        stop.clone(),
    ))?;
    writeln!(std::io::stdout(), "{}", service.bound[0].local)?;
    let handle = service.handle.clone();
    let mut incoming = service.incoming;
    runtime.spawn(async move {
        while let Some(call) = incoming.recv().await {
            match take(&handle, call).await {
                Ok(line) => drop(lines.send(line)),
                Err(error) => tracing::warn!(%error, "a caller could not take a call"),
            }
        }
    });
    std::thread::spawn(move || {
        let mut line = [0];
        while matches!(std::io::stdin().read(&mut line), Ok(1)) && ending.send(()).is_ok() {}
    });
    let findings = talk(&new_lines, &ended)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&findings)?)?;
    while ended.recv().is_ok() {}
    stop.cancel();
    Ok(())
}

/// A call that was taken.
struct Line {
    socket: UdpSocket,
    /// Keeps the call's signalling alive.
    _events: tokio::sync::mpsc::Receiver<callwright_sip::endpoint::Event>,
}

async fn take(handle: &SipHandle, call: IncomingCall) -> anyhow::Result<Line> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let local = LocalMedia {
        address: Ipv4Addr::LOCALHOST.into(),
        port: socket.local_addr()?.port(),
        codecs: vec![Codec::Pcmu],
        dtmf: true,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        encryption: Encryption::Off,
    };
    let offer = call.invite.body.as_ref().context("an offer")?;
    let (answer, negotiated) = sdp::answer(&local, &offer.bytes)?;
    socket.connect(negotiated.remote.context("an address in the offer")?)?;
    socket.set_nonblocking(true)?;
    handle.accept(call.session, Body::sdp(answer)).await?;
    Ok(Line { socket, _events: call.events })
}

/// One caller.
struct Caller {
    number: u32,
    socket: mio::net::UdpSocket,
    _line: Line,
    sequence: u16,
    turns: u32,
    state: State,
    /// The agent's latest packet with sound.
    loud: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The agent has the word. Since when it speaks.
    Listening { since: Option<Instant> },
    /// The caller will speak then.
    Thinking { until: Instant },
    /// The caller speaks. When an interruption began that the agent has not heeded yet.
    Speaking { frame: usize, interrupted: Option<Instant> },
    /// The caller has spoken and waits for an answer.
    Waiting { since: Instant },
}

fn talk(lines: &Receiver<Line>, ended: &Receiver<()>) -> anyhow::Result<Findings> {
    let voice = voice();
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(512);
    let mut callers: Vec<Caller> = Vec::new();
    let mut findings = Findings::default();
    let mut buffer = [0_u8; 2_048];
    let start = time::now().mono;
    for slot in 0_u64.. {
        let due = start + Duration::from_millis(slot);
        match ended.try_recv() {
            Ok(()) | Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {}
        }
        while let Ok(line) = lines.try_recv() {
            let mut socket = mio::net::UdpSocket::from_std(line.socket.try_clone()?);
            poll.registry().register(&mut socket, Token(callers.len()), Interest::READABLE)?;
            callers.push(Caller {
                number: callers.len() as u32,
                socket,
                _line: line,
                sequence: 0,
                turns: 0,
                state: State::Listening { since: None },
                loud: None,
            });
            findings.calls += 1;
        }
        loop {
            let wait = due.saturating_duration_since(time::now().mono);
            // Whole milliseconds are all that epoll can wait.
            if !wait.is_zero() {
                std::thread::park_timeout(wait);
            }
            poll.poll(&mut events, Some(Duration::ZERO))?;
            let now = time::now().mono;
            for event in &events {
                let caller = &mut callers[event.token().0];
                while let Ok(length) = caller.socket.recv(&mut buffer) {
                    caller.hears(now, is_loud(&buffer[..length]), &mut findings);
                }
            }
            if now >= due {
                break;
            }
        }
        let period = FRAME.as_millis() as u64;
        for caller in callers.iter_mut().filter(|caller| caller.phase() == slot % period) {
            caller.speaks(&voice, &mut findings);
        }
    }
    Ok(findings)
}

impl Caller {
    /// The millisecond of each 20 in which it speaks, by golden steps: in whatever order the server's own clocks were
    /// given out, all distances between the two occur equally often.
    fn phase(&self) -> u64 {
        let share = self.number.wrapping_mul(2_654_435_769);
        (u64::from(share) * FRAME.as_millis() as u64) >> 32
    }

    fn hears(&mut self, now: Instant, loud: bool, findings: &mut Findings) {
        if let (true, State::Waiting { since }) = (loud, self.state) {
            findings.answers.push(micros(now - since));
            self.state = State::Listening { since: Some(now) };
        } else if let (true, State::Listening { since: None }) = (loud, self.state) {
            self.state = State::Listening { since: Some(now) };
        }
        // Words have gaps between them: only a longer silence says that the agent has stopped, with its last sound.
        if let (State::Speaking { frame, interrupted: Some(since) }, Some(last)) = (self.state, self.loud)
            && now - last >= STOPPED
        {
            findings.interruptions.push(micros((last + FRAME).saturating_duration_since(since)));
            self.state = State::Speaking { frame, interrupted: None };
        }
        if loud {
            self.loud = Some(now);
        }
    }

    /// Sends the packet of these 20 ms.
    fn speaks(&mut self, voice: &[u8], findings: &mut Findings) {
        let now = time::now().mono;
        let quiet = self.loud.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        match self.state {
            State::Listening { since: Some(since) } if self.turns % INTERRUPTED == 2 && now - since >= INTO => {
                self.state = State::Speaking { frame: 0, interrupted: Some(now) };
            }
            State::Listening { since: Some(_) } if quiet >= FINISHED => {
                let longer = Duration::from_millis(u64::from((self.number * 37 + self.turns * 101) % 400));
                self.state = State::Thinking { until: now + THINKING + longer };
            }
            State::Thinking { until } if now >= until => {
                self.state = State::Speaking { frame: 0, interrupted: None };
            }
            State::Waiting { since } if now - since > PATIENCE => {
                findings.unanswered += 1;
                self.state = State::Thinking { until: now };
            }
            State::Listening { .. } | State::Thinking { .. } | State::Speaking { .. } | State::Waiting { .. } => {}
        }
        let mut packet = [0xff_u8; HEADER_LENGTH + FRAME_8K];
        if let State::Speaking { frame, interrupted } = self.state {
            packet[HEADER_LENGTH..].copy_from_slice(&voice[frame * FRAME_8K..(frame + 1) * FRAME_8K]);
            self.state = State::Speaking { frame: frame + 1, interrupted };
            if frame + 1 == SENTENCE {
                findings.unheeded += u32::from(interrupted.is_some());
                self.turns += 1;
                self.state = State::Waiting { since: now };
            }
        }
        self.sequence = self.sequence.wrapping_add(1);
        let (sequence, timestamp) = (self.sequence, u32::from(self.sequence).wrapping_mul(FRAME_8K as u32));
        let header = packet.first_chunk_mut().expect("a packet is longer than a header");
        RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc: self.number + 1 }.write(header);
        // A full buffer costs a packet.
        let _ = self.socket.send(&packet);
    }
}

/// Whether a packet has sound in it: µ-law bytes of more than a faint noise.
fn is_loud(packet: &[u8]) -> bool {
    packet.iter().skip(HEADER_LENGTH).filter(|byte| !**byte & 0x7f > 0x30).take(6).count() == 6
}

/// "I would like to know more…" as µ-law. Real speech: the server tells voices that want the word from other sounds.
fn voice() -> Vec<u8> {
    let clip = include_bytes!("../../media/tests/data/caller-man.ulaw");
    let mut payload = clip[SENTENCE_AT * FRAME_8K..][..SENTENCE * FRAME_8K].to_vec();
    let mut samples = vec![0; payload.len()];
    Law::Mu.decode(&payload, &mut samples);
    // No voice ends with a click.
    for (n, sample) in samples.iter_mut().rev().take(80).enumerate() {
        *sample = (i32::from(*sample) * n as i32 / 80) as i16;
    }
    Law::Mu.encode(&samples, &mut payload);
    payload
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
