//! What becomes of a datagram.

use std::net::SocketAddr;
use std::time::Instant;

use super::reports::Port;
use super::{DropReason, MediaEvent, Received, Session};
use crate::dtmf::KeyChange;
use crate::rtp::source::{Judgement, Trace};
use crate::rtp::{COMFORT_NOISE, RtpHeader, RtpPacket, is_rtcp};
use crate::stream::{Taken, Window};
use crate::uplink::Uplink;

/// Longest audio payload: 120 ms, twice what is asked of a peer.
const MAX_PAYLOAD: usize = 960;

/// What a packet is, by its payload type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Audio,
    ComfortNoise,
    Keys,
}

impl Session {
    /// Takes a datagram that arrived on the leg's port. Events may be waiting afterwards.
    ///
    /// Comfort noise (payload type 13) counts as silence. Packets without it may pause as well; the timestamps tell.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Received {
        // Nothing of a datagram counts before it is known to be the peer's: neither its numbers nor where it came from.
        let mut protection = self.protection.take();
        let authentic = protection.is_some();
        let opened = protection.as_mut().map_or(Ok(datagram), |protection| protection.open(datagram));
        let received = opened.and_then(|clear| match is_rtcp(clear) {
            true => self.take_report(now, from, Port::Rtp, clear).map(|()| Received::Rtcp),
            false => self.take(now, from, authentic, clear).map(|()| Received::Accepted),
        });
        self.protection = protection;
        self.account(received)
    }

    /// Counts what was dropped.
    pub(super) fn account(&mut self, received: Result<Received, DropReason>) -> Received {
        received.unwrap_or_else(|reason| {
            self.counted.dropped.count(reason);
            Received::Dropped(reason)
        })
    }

    fn take(&mut self, now: Instant, from: SocketAddr, authentic: bool, datagram: &[u8]) -> Result<(), DropReason> {
        let packet = RtpPacket::parse(datagram).map_err(|_| DropReason::Malformed)?;
        let kind = self.kind(packet.header.payload_type).ok_or(DropReason::PayloadType)?;
        if !self.negotiated.direction.receives() {
            return Err(DropReason::Direction);
        }
        if kind == Kind::Audio && !(1..=MAX_PAYLOAD).contains(&packet.payload.len()) {
            return Err(DropReason::Size);
        }
        let RtpHeader { sequence, timestamp, .. } = packet.header;
        let clock_rate = self.negotiated.codec.clock_rate();
        let trace = Trace { audio: kind == Kind::Audio, authentic, sequence, timestamp, clock_rate };
        self.judge_source(now, from, trace)?;
        let reordered = self.put_in_place(now, kind, &packet)?;
        self.counted.reordered += u64::from(reordered);
        self.counted.received += 1;
        self.counted.received_bytes += datagram.len() as u64;
        self.note_heard(now);
        if kind == Kind::Keys {
            self.read_keys(now, &packet);
        }
        let clock = self.clock(now);
        self.advance_uplink(now, clock);
        Ok(())
    }

    fn kind(&self, payload_type: u8) -> Option<Kind> {
        match payload_type {
            audio if audio == self.negotiated.payload_type => Some(Kind::Audio),
            keys if Some(keys) == self.negotiated.dtmf => Some(Kind::Keys),
            COMFORT_NOISE => Some(Kind::ComfortNoise),
            _ => None,
        }
    }

    fn judge_source(&mut self, now: Instant, from: SocketAddr, trace: Trace) -> Result<(), DropReason> {
        let before = self.source.destination();
        let judgement = self.source.judge(now, from, trace);
        if let Some(to) = self.source.destination().filter(|_| self.source.destination() != before) {
            self.outbox.push(MediaEvent::SourceChanged { to });
        }
        match judgement {
            Judgement::Accept => Ok(()),
            Judgement::Learning => Err(DropReason::Learning),
            Judgement::Stranger => Err(DropReason::Source),
        }
    }

    /// Puts the packet in its place in the stream; whether it came after a later one.
    fn put_in_place(&mut self, now: Instant, kind: Kind, packet: &RtpPacket<'_>) -> Result<bool, DropReason> {
        let audio = (kind == Kind::Audio).then_some((self.negotiated.codec, packet.payload));
        let clock = self.clock(now);
        let heard = self.jitter.place();
        let window = self.window(heard);
        match self.stream.take(now, clock, window, &packet.header, audio) {
            Taken::Accepted { end, reordered, begins } => {
                if let Some(sequence) = begins {
                    self.keys_in.reset();
                    self.jitter.restart();
                    if let Some(uplink) = &mut self.uplink {
                        uplink.restart(sequence);
                    }
                } else if kind == Kind::Audio && heard.is_some_and(|heard| end <= heard) {
                    self.counted.late += 1;
                }
                Ok(reordered)
            }
            Taken::Late => {
                self.counted.late += 1;
                Err(DropReason::Late)
            }
            Taken::Duplicate => Err(DropReason::Duplicate),
            // Some gateways send keys under a source number of their own; they say nothing about the audio.
            Taken::Discontinuity if kind == Kind::Keys => Ok(false),
            Taken::Discontinuity => Err(DropReason::Discontinuity),
        }
    }

    /// What a report does not say, or says of something that is no key, is nobody's loss.
    fn read_keys(&mut self, now: Instant, packet: &RtpPacket<'_>) {
        let RtpHeader { timestamp, marker, .. } = packet.header;
        let outbox = &mut self.outbox;
        let understood = self.keys_in.receive(timestamp, marker, packet.payload, |change| match change {
            KeyChange::Down(digit) => outbox.push(MediaEvent::DtmfReceived { digit, at: now }),
            KeyChange::Up { .. } => {}
        });
        self.counted.strange_keys += u64::from(understood.is_err());
    }

    fn window(&self, heard: Option<i64>) -> Window {
        let recognised = self.uplink.as_ref().and_then(Uplink::place);
        let heard = heard.unwrap_or(i64::MIN);
        Window { from: recognised.map_or(heard, |place| place.min(heard)), to: recognised.unwrap_or(heard).max(heard) }
    }

    fn note_heard(&mut self, now: Instant) {
        self.heard_at = now;
        if !self.heard_any {
            self.heard_any = true;
            self.outbox.push(MediaEvent::FirstPacket { at: now });
        }
        if self.stalled {
            self.stalled = false;
            self.outbox.push(MediaEvent::Resumed { at: now });
        }
    }
}
