//! RTCP of a leg: ours at its times, the peer's taken and weighed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::stats::{FarSide, RoundTrip};
use super::{DropReason, MAX_PACKET, Received, Session, Stats};
use crate::negotiated::RtcpPath;
use crate::rtcp::members::Members;
use crate::rtcp::schedule::{MINIMUM, Population, Schedule};
use crate::rtcp::{
    Block, Cname, Compound, MAX_COMPOUND, NtpClock, NtpTime, Packet, Reporting, SenderInfo, from_short, write,
};
use crate::stream::Reception;

/// A longer way there and back is a mistake of somebody's clock.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);

/// What a leg's reports are begun with.
#[derive(Clone, Copy, Debug)]
pub struct ReportConfig {
    /// The wall clock now.
    pub time: NtpTime,
    /// Name of our source.
    pub cname: Cname,
    /// Decides by how much the intervals vary.
    pub seed: u64,
    /// Least interval before it is varied: 5 s, or the reduced one of RFC 3550 section 6.2.
    pub minimum: Duration,
}

impl ReportConfig {
    /// Reports every 5 s, more or less.
    #[must_use]
    pub const fn new(time: NtpTime, cname: Cname, seed: u64) -> Self {
        Self { time, cname, seed, minimum: MINIMUM }
    }
}

/// Which of a leg's two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// That of RTP.
    Rtp,
    /// That of RTCP, one above.
    Rtcp,
}

/// A report to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportOut {
    /// Where to.
    pub to: SocketAddr,
    /// From which port.
    pub from: Port,
    /// Bytes of the buffer it takes.
    pub length: usize,
}

/// The reports of one leg.
#[derive(Debug)]
pub(super) struct Reports {
    clock: NtpClock,
    cname: Cname,
    minimum: Duration,
    schedule: Schedule,
    members: Members,
    /// Where RTCP of the peer comes from on a port of its own, and when it last did.
    heard: Option<(SocketAddr, Instant)>,
    /// What the block of the last report counted.
    told: Option<Reception>,
    /// Packets that had been sent at the last report, and at the one before.
    sent: [u64; 2],
    /// What was counted before our source had the number it has.
    earlier: Earlier,
}

/// Counts of the numbers that our source had before.
#[derive(Clone, Copy, Debug)]
struct Earlier {
    /// The number that it has.
    ssrc: u32,
    sent: u64,
    bytes: u64,
    /// Lost by the peer's account.
    lost: u64,
}

impl Reports {
    /// A new description is in force: RTCP may come from elsewhere, and our source may have another number.
    pub(super) fn renegotiate(&mut self, ssrc: u32, counted: &Stats) {
        self.heard = None;
        if ssrc != self.earlier.ssrc {
            let lost = counted.far.map_or(0, |far| far.lost);
            self.earlier = Earlier { ssrc, sent: counted.sent, bytes: counted.sent_bytes, lost };
        }
    }
}

impl Session {
    /// Begins to exchange RTCP with the peer (RFC 3550 section 6); before, and without it, none is sent and what comes is
    /// only counted. Called again, it begins again.
    pub fn report(&mut self, now: Instant, config: ReportConfig) {
        let ReportConfig { time, cname, seed, minimum } = config;
        self.reports = Some(Box::new(Reports {
            clock: NtpClock::new(now, time),
            cname,
            minimum,
            schedule: Schedule::new(now, minimum, seed),
            members: Members::default(),
            heard: None,
            told: None,
            sent: [self.counted.sent; 2],
            earlier: Earlier { ssrc: self.ssrc, sent: 0, bytes: 0, lost: 0 },
        }));
    }

    /// Writes a report if one is due; to be called after each tick. Reports leave whatever the direction of the stream
    /// is, as long as an address is known.
    pub fn poll_report(&mut self, now: Instant, packet: &mut [u8; MAX_PACKET]) -> Option<ReportOut> {
        // Looked at in every tick of every leg: who is there is counted only once the timer has run out.
        if !self.reports.as_ref()?.schedule.rings(now) {
            return None;
        }
        let population = self.population(now)?;
        if !self.reports.as_mut()?.schedule.is_due(now, population) {
            return None;
        }
        self.write_report(now, false, packet)
    }

    /// Writes the report that says goodbye; nothing may be sent afterwards. `None` when the peer has never heard of us
    /// (RFC 3550 section 6.3.7) or no address is known.
    pub fn goodbye(&mut self, now: Instant, packet: &mut [u8; MAX_PACKET]) -> Option<ReportOut> {
        if self.counted.sent == 0 && self.counted.rtcp_sent == 0 {
            return None;
        }
        self.write_report(now, true, packet)
    }

    /// Takes a datagram that arrived on the leg's RTCP port. On the RTP port [`receive`](Self::receive) tells RTCP from
    /// RTP by itself.
    pub fn receive_report(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Received {
        let mut protection = self.protection.take();
        let opened = protection.as_mut().map_or(Ok(datagram), |protection| protection.open_report(datagram));
        let received = opened.and_then(|clear| self.take_report(now, from, Port::Rtcp, clear)).map(|()| Received::Rtcp);
        self.protection = protection;
        self.account(received)
    }

    /// Takes RTCP in the clear.
    pub(super) fn take_report(
        &mut self,
        now: Instant,
        from: SocketAddr,
        port: Port,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        if self.reports.is_none() {
            self.counted.rtcp += 1;
            return Ok(());
        }
        if !self.is_reporter(now, from, port) {
            return Err(DropReason::ReportSource);
        }
        let compound = Compound::parse(datagram).map_err(|_| DropReason::ReportMalformed)?;
        let ours = |packet| match packet {
            Packet::Sender { ssrc, .. } | Packet::Receiver { ssrc, .. } => ssrc == self.ssrc,
            Packet::Goodbye(mut gone) => gone.any(|ssrc| ssrc == self.ssrc),
            Packet::Other => false,
        };
        // Our own packets, sent back: nothing in them is about the way to the peer (RFC 3550 section 8.2).
        if compound.packets().any(ours) {
            return Err(DropReason::ReportMalformed);
        }
        self.counted.rtcp += 1;
        let Some(reports) = &mut self.reports else { return Ok(()) };
        if port == Port::Rtcp {
            reports.heard = Some((from, now));
        }
        reports.schedule.note_size(datagram.len());
        for packet in compound.packets() {
            match packet {
                Packet::Sender { ssrc, info, .. } => reports.members.note(now, ssrc, Some(info.ntp)),
                Packet::Receiver { ssrc, .. } => reports.members.note(now, ssrc, None),
                Packet::Goodbye(gone) => gone.for_each(|ssrc| reports.members.leave(ssrc)),
                Packet::Other => {}
            }
        }
        for packet in compound.packets() {
            match packet {
                Packet::Sender { blocks, .. } | Packet::Receiver { blocks, .. } => {
                    blocks.for_each(|block| self.take_block(now, block));
                }
                Packet::Goodbye(_) | Packet::Other => {}
            }
        }
        Ok(())
    }

    /// Whether RTCP from there is the peer's. On a port of its own it may come by another port of the peer's host than
    /// was said, as behind address translation; whoever reported from there is believed until he falls silent.
    fn is_reporter(&self, now: Instant, from: SocketAddr, port: Port) -> bool {
        match port {
            Port::Rtp => self.source.is_peer(from),
            Port::Rtcp => self.may_report(from) && self.reporter(now).is_none_or(|reporter| reporter == from),
        }
    }

    /// Where the peer reports from on a port of its own.
    fn reporter(&self, now: Instant) -> Option<SocketAddr> {
        let reports = self.reports.as_ref()?;
        let (from, at) = reports.heard?;
        let lasts = now.saturating_duration_since(at) < reports.minimum * 5;
        (lasts && self.may_report(from)).then_some(from)
    }

    /// Whether it is where the peer said that it takes RTCP, or the host of its RTP.
    fn may_report(&self, from: SocketAddr) -> bool {
        let host = self.source.destination().map(|peer| peer.ip());
        self.negotiated.rtcp == RtcpPath::At(from) || host == Some(from.ip())
    }

    /// What the peer says of our stream.
    fn take_block(&mut self, now: Instant, block: Block) {
        if block.ssrc != self.ssrc {
            return;
        }
        let rate = u64::from(self.negotiated.codec.clock_rate());
        let jitter = Duration::from_micros(u64::from(block.jitter) * 1_000_000 / rate);
        let Some(reports) = &self.reports else { return };
        let before = self.counted.far.unwrap_or_default();
        self.counted.far = Some(FarSide {
            reports: before.reports + 1,
            lost: reports.earlier.lost + u64::from(block.lost.max(0).unsigned_abs()),
            worst_fraction: before.worst_fraction.max(block.fraction),
            jitter,
            jitter_peak: before.jitter_peak.max(jitter),
        });
        // RFC 3550 section 6.4.1: the time now, less that of our report, less what the peer took to reply.
        let passed = reports.clock.at(now).middle().wrapping_sub(block.last_report).wrapping_sub(block.delay);
        let time = from_short(passed);
        if block.last_report != 0 && time <= LONGEST_ROUND_TRIP {
            self.counted.round_trip = Some(RoundTrip::with(self.counted.round_trip, time));
        }
    }

    /// Who shares the bandwidth of RTCP; `None` without reports.
    fn population(&self, now: Instant) -> Option<Population> {
        let reports = self.reports.as_ref()?;
        let hears = self.heard_any && now.saturating_duration_since(self.heard_at) < reports.minimum * 2;
        let we_sent = self.counted.sent > reports.sent[1];
        let others = reports.members.count(now, reports.minimum).max(u32::from(hears));
        Some(Population { members: 1 + others, senders: u32::from(we_sent) + u32::from(hears), we_sent })
    }

    fn write_report(&mut self, now: Instant, goodbye: bool, packet: &mut [u8; MAX_PACKET]) -> Option<ReportOut> {
        let population = self.population(now)?;
        let (to, from) = self.report_path(now)?;
        let reception = self.stream.reception();
        self.counted.jitter_peak = self.counted.jitter_peak.max(self.stream.jitter());
        let block = reception.and_then(|reception| self.block(now, reception));
        let rate = self.negotiated.codec.clock_rate();
        let timestamp = self.send_clock.timestamp_at(now, rate);
        let reports = self.reports.as_mut()?;
        let sender = population.we_sent.then(|| SenderInfo {
            ntp: reports.clock.at(now),
            timestamp,
            // Both come round.
            packets: (self.counted.sent - reports.earlier.sent) as u32,
            octets: (self.counted.sent_bytes - reports.earlier.bytes) as u32,
        });
        let report = Reporting { ssrc: self.ssrc, cname: &reports.cname, sender, block, goodbye };
        let length = write(&report, packet.first_chunk_mut::<MAX_COMPOUND>()?);
        let length = match &mut self.protection {
            Some(protection) => protection.seal_report(packet, length)?,
            None => length,
        };
        reports.told = reception;
        reports.sent = [self.counted.sent, reports.sent[0]];
        reports.schedule.sent(now, length, population);
        self.counted.rtcp_sent += 1;
        Some(ReportOut { to, from, length })
    }

    /// What we got of the peer's stream; nothing to say when nothing came since the last report.
    fn block(&self, now: Instant, reception: Reception) -> Option<Block> {
        let reports = self.reports.as_ref()?;
        let before = reports.told.filter(|told| (told.ssrc, told.run) == (reception.ssrc, reception.run));
        let (expected, received) = before.map_or((0, 0), |told| (told.expected, told.received));
        if reception.received == received {
            return None;
        }
        let (last_report, delay) = reports.members.last_report(now, reception.ssrc);
        let rate = u128::from(self.negotiated.codec.clock_rate());
        Some(Block {
            ssrc: reception.ssrc,
            fraction: fraction(reception.expected - expected, reception.received - received),
            lost: (reception.expected - reception.received).clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest: reception.highest,
            jitter: u32::try_from(self.stream.jitter().as_nanos() * rate / 1_000_000_000).unwrap_or(u32::MAX),
            last_report,
            delay,
        })
    }

    /// Where a report goes, and from which port. What a peer behind address translation announces leads nowhere: before
    /// its own reports show the way, the port above that of its RTP is as good a guess as any.
    fn report_path(&self, now: Instant) -> Option<(SocketAddr, Port)> {
        let rtp = self.source.destination()?;
        let heard = self.reporter(now);
        let beside = || rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
        match self.negotiated.rtcp {
            RtcpPath::Muxed => Some((rtp, Port::Rtp)),
            RtcpPath::At(_) | RtcpPath::Beside if heard.is_some() => heard.map(|to| (to, Port::Rtcp)),
            RtcpPath::At(to) if self.source.is_as_announced() => Some((to, Port::Rtcp)),
            RtcpPath::At(_) | RtcpPath::Beside => beside().map(|to| (to, Port::Rtcp)),
        }
    }
}

/// The share of the packets expected that did not come, in 256ths (RFC 3550 appendix A.3).
fn fraction(expected: i64, received: i64) -> u8 {
    let lost = expected - received;
    if expected <= 0 || lost <= 0 {
        return 0;
    }
    u8::try_from((lost << 8) / expected).unwrap_or(u8::MAX)
}
