//! One RTP leg inside a media worker: its socket, its session, and what goes in and out of them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::bridge::Joint;
use callwright_media::detect::greeting::GreetingConfig;
use callwright_media::detect::phrases::PhraseBook;
use callwright_media::digit::Digit;
use callwright_media::frame::PcmFrame;
use callwright_media::negotiated::Negotiated;
use callwright_media::session::{ClipId, MAX_PACKET, Port, ReportOut, Session, Stats};
use mio::net::UdpSocket;
use tokio::sync::mpsc;

use super::datagram::Overrun;
use super::media_ring::{CloseCause, Pushed, RingSender};
use super::ports::{PortLease, RtpSocket};
use super::webrtc::driver::Stray;
use super::webrtc::is_links;
use crate::pii::Pii;

/// Packets of one leg read at a time, so that a flood on one port does not hold up the others.
const READ_BATCH: usize = 16;

/// Takes both sides of a leg, 20 ms at a time and at the leg's rate, in step: a recorder. It runs inside the media worker: it must neither
/// wait nor allocate for each frame. Dropping it ends the recording.
pub trait FrameSink: Send {
    /// `skipped` frames of silence on both sides, then what the caller said and what we said.
    fn frame(&mut self, skipped: u32, caller: &PcmFrame, agent: &PcmFrame);

    /// Nobody wants more of it: the leg lets it go.
    fn is_over(&self) -> bool {
        false
    }
}

/// What a call asks of its leg.
pub enum MediaCommand {
    /// Another description is in force.
    Renegotiate(Negotiated),
    /// Play samples at 8 kHz after what is queued, beginning at sample `from`.
    Play {
        /// Its name in the events that follow.
        clip: ClipId,
        /// The audio.
        pcm: Arc<[i16]>,
        /// The first sample played.
        from: usize,
    },
    /// Play a clip that is appended to while it plays, after what is queued.
    Open {
        /// Its name in the events that follow.
        clip: ClipId,
        /// The number of its first sample, from which its events count.
        first: u64,
    },
    /// Append samples at 8 kHz to an open clip. One that takes no more, because it was stopped, ignores them.
    Append {
        /// The clip.
        clip: ClipId,
        /// The audio.
        pcm: Arc<[i16]>,
        /// The first sample of it that is played.
        from: usize,
        /// Nothing follows.
        last: bool,
    },
    /// Stop playing, with a fade.
    Stop {
        /// How long the sound may take to die away.
        fade: Duration,
    },
    /// Send keys as RFC 4733 events.
    SendDtmf(Vec<Digit>),
    /// Send the caller's own voice back.
    Echo(bool),
    /// Silence what is played, and stop its clock, or go on with it. A joined leg is still heard.
    Mute(bool),
    /// Join the leg with another one, in place of an earlier joint.
    Join(Box<Joint>),
    /// Undo [`Join`](Self::Join); the other leg is told.
    Part,
    /// Play music at 8 kHz in a loop while nothing else is played and the leg is not joined; `None` ends it.
    Hold(Option<Arc<[i16]>>),
    /// Find out who has just answered.
    DetectCallee(GreetingConfig),
    /// Find out what the network plays before that.
    DetectProgress,
    /// What the callee says, as far as it is known, for whoever finds out who has answered.
    CalleeSaid {
        /// The phrases of the language.
        book: &'static PhraseBook,
        /// The words.
        words: Pii<String>,
    },
    /// Record from now on.
    Record(Box<dyn FrameSink>),
    /// Send both sides to somebody else as well, in place of whoever got them before; `None` ends it.
    Copy(Option<Box<dyn FrameSink>>),
    /// Let somebody listen as long as they want to, in place of whoever did before.
    Listen(Box<dyn FrameSink>),
    /// Record silence of both sides in the place of what is said, or again what is said.
    OffRecord(bool),
    /// Close the leg.
    Close,
}

impl std::fmt::Debug for MediaCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Renegotiate(_) => "Renegotiate",
            Self::Play { .. } => "Play",
            Self::Open { .. } => "Open",
            Self::Append { .. } => "Append",
            Self::Stop { .. } => "Stop",
            Self::SendDtmf(_) => "SendDtmf",
            Self::Echo(_) => "Echo",
            Self::Mute(_) => "Mute",
            Self::Join(_) => "Join",
            Self::Part => "Part",
            Self::Hold(_) => "Hold",
            Self::DetectCallee(_) => "DetectCallee",
            Self::DetectProgress => "DetectProgress",
            Self::CalleeSaid { .. } => "CalleeSaid",
            Self::Record(_) => "Record",
            Self::Copy(_) => "Copy",
            Self::Listen(_) => "Listen",
            Self::OffRecord(_) => "OffRecord",
            Self::Close => "Close",
        })
    }
}

/// What became of a turn of work on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// All is done for now.
    Done,
    /// There may be more to read.
    More,
    /// The leg is to be closed.
    Close(CloseCause),
}

/// The sockets of a leg, and its hold on their ports.
pub(super) struct Sockets {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    /// They take IPv4 as well, which comes with addresses in the form of IPv6.
    dual: bool,
    /// What the kernel has dropped on the socket of RTP.
    overrun: Overrun,
    aside: Option<mpsc::Sender<Stray>>,
    _lease: PortLease,
}

impl From<RtpSocket> for Sockets {
    fn from(RtpSocket { socket, rtcp, lease, aside }: RtpSocket) -> Self {
        let dual = socket.local_addr().is_ok_and(|local| local.is_ipv6());
        let overrun = Overrun::of(&socket);
        Self { rtp: UdpSocket::from_std(socket), rtcp: UdpSocket::from_std(rtcp), dual, overrun, aside, _lease: lease }
    }
}

impl Sockets {
    fn of(&self, port: Port) -> &UdpSocket {
        match port {
            Port::Rtp => &self.rtp,
            Port::Rtcp => &self.rtcp,
        }
    }

    fn receive(&self, port: Port, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match port {
            Port::Rtp => self.overrun.receive(&self.rtp, buffer),
            Port::Rtcp => {
                let (length, from) = self.rtcp.recv_from(buffer)?;
                Ok((length, SocketAddr::new(from.ip().to_canonical(), from.port())))
            }
        }
    }

    /// Puts aside what is not media; whether it was.
    fn put_aside(&self, at: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        let Some(aside) = self.aside.as_ref().filter(|_| is_links(datagram)) else { return false };
        let _ = aside.try_send(Stray { at, from, bytes: datagram.into() });
        true
    }

    /// A full send buffer or an unreachable peer costs this packet; the clock goes on.
    fn send(&self, port: Port, to: SocketAddr, packet: &[u8]) {
        let to = match to.ip() {
            IpAddr::V4(ip) if self.dual => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            IpAddr::V4(_) | IpAddr::V6(_) => to,
        };
        let _ = self.of(port).send_to(packet, to);
    }
}

/// One leg.
pub(super) struct Leg {
    pub(super) sockets: Sockets,
    session: Session,
    ring: RingSender,
    /// The call is to be woken for the audio that waits.
    audio_due: bool,
    recorder: Option<Box<dyn FrameSink>>,
    copy: Option<Box<dyn FrameSink>>,
    listener: Option<Box<dyn FrameSink>>,
    off_record: bool,
}

impl Leg {
    pub(super) fn new(sockets: Sockets, session: Session, ring: RingSender) -> Self {
        Self { sockets, session, ring, audio_due: false, recorder: None, copy: None, listener: None, off_record: false }
    }

    /// Reads what has arrived on one of its ports.
    pub(super) fn read(&mut self, now: Instant, port: Port, buffer: &mut [u8]) -> Turn {
        self.guarded(|leg| {
            for _ in 0..READ_BATCH {
                match leg.sockets.receive(port, buffer) {
                    Ok((length, from)) => match port {
                        Port::Rtp if leg.sockets.put_aside(now, from, &buffer[..length]) => {}
                        Port::Rtp => drop(leg.session.receive(now, from, &buffer[..length])),
                        Port::Rtcp => drop(leg.session.receive_report(now, from, &buffer[..length])),
                    },
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return leg.report(now),
                    // An ICMP answer to a packet of ours, or an interruption; there may be packets behind it.
                    Err(_) => {}
                }
            }
            match leg.report(now) {
                Turn::Done => Turn::More,
                other @ (Turn::More | Turn::Close(_)) => other,
            }
        })
    }

    /// Does the work of one 20 ms interval: one frame of both sides, its packets out, and now and then a report.
    pub(super) fn tick(&mut self, now: Instant, packet: &mut [u8; MAX_PACKET]) -> Turn {
        if self.ring.is_abandoned() {
            return Turn::Close(CloseCause::Stopped);
        }
        self.guarded(|leg| {
            let tick = leg.session.tick(now, packet);
            let mut transmit = tick.transmit;
            while let Some((to, length)) = transmit {
                leg.sockets.send(Port::Rtp, to, &packet[..length]);
                transmit = leg.session.poll_transmit(packet);
            }
            if let Some(ReportOut { to, from, length }) = leg.session.poll_report(now, packet) {
                leg.sockets.send(from, to, &packet[..length]);
            }
            let silence = PcmFrame::silence(leg.session.rate());
            let (caller, agent) = if leg.off_record { (&silence, &silence) } else { (&tick.heard, &tick.said) };
            for sink in leg.recorder.iter_mut().chain(&mut leg.copy).chain(&mut leg.listener) {
                sink.frame(tick.skipped, caller, agent);
            }
            leg.listener.take_if(|listener| listener.is_over());
            leg.report(now)
        })
    }

    /// Wakes the call when audio for it is due.
    pub(super) fn hand_over(&mut self) {
        if std::mem::take(&mut self.audio_due) {
            self.ring.wake();
        }
    }

    pub(super) fn command(&mut self, now: Instant, command: MediaCommand) -> Turn {
        self.guarded(|leg| {
            match command {
                MediaCommand::Renegotiate(negotiated) => leg.session.renegotiate(now, negotiated),
                MediaCommand::Play { clip, pcm, from } => drop(leg.session.play_from(clip, pcm, from)),
                MediaCommand::Open { clip, first } => drop(leg.session.open(clip, first)),
                MediaCommand::Append { clip, pcm, from, last } => drop(leg.session.append(clip, pcm, from, last)),
                MediaCommand::Stop { fade } => leg.session.stop(fade),
                MediaCommand::SendDtmf(digits) => drop(leg.session.send_dtmf(&digits)),
                MediaCommand::Echo(on) => leg.session.set_echo(on),
                MediaCommand::Mute(on) => leg.session.set_muted(on),
                MediaCommand::Join(joint) => leg.session.join(*joint),
                MediaCommand::Part => leg.session.part(),
                MediaCommand::Hold(music) => leg.session.hold(music),
                MediaCommand::DetectCallee(config) => leg.session.detect_callee(now, config),
                MediaCommand::DetectProgress => leg.session.detect_progress(now),
                MediaCommand::CalleeSaid { book, words } => leg.session.callee_said(now, book, words.expose()),
                MediaCommand::Record(sink) => leg.recorder = Some(sink),
                MediaCommand::Copy(sink) => leg.copy = sink,
                MediaCommand::Listen(sink) => leg.listener = Some(sink),
                MediaCommand::OffRecord(off) => leg.off_record = off,
                MediaCommand::Close => return Turn::Close(CloseCause::Stopped),
            }
            leg.report(now)
        })
    }

    /// Says goodbye to the peer, ends the recording and says the last word.
    pub(super) fn close(mut self, now: Instant, cause: CloseCause, packet: &mut [u8; MAX_PACKET]) {
        if cause != CloseCause::Panicked {
            self.guarded(|leg| {
                if let Some(ReportOut { to, from, length }) = leg.session.goodbye(now, packet) {
                    leg.sockets.send(from, to, &packet[..length]);
                }
                Turn::Done
            });
        }
        let recorder = (self.recorder.take(), self.copy.take(), self.listener.take());
        // Ending a recording runs the sink's code; a bug in it is still this leg's alone.
        let ended = catch_unwind(AssertUnwindSafe(|| drop(recorder)));
        let cause = if ended.is_ok() { cause } else { CloseCause::Panicked };
        self.ring.close(cause, Stats { overrun: self.sockets.overrun.dropped(), ..self.session.stats() });
    }

    /// Passes on what the session says.
    fn report(&mut self, now: Instant) -> Turn {
        while let Some(event) = self.session.poll_event() {
            match self.ring.push(now, event) {
                Ok(Pushed::Done) => {}
                Ok(Pushed::AudioDue) => self.audio_due = true,
                Err(_) => return Turn::Close(CloseCause::Overrun),
            }
        }
        Turn::Done
    }

    /// A panic in one leg's processing is a bug that ends this leg only.
    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> Turn) -> Turn {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or(Turn::Close(CloseCause::Panicked))
    }
}
