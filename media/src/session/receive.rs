//! What becomes of a datagram.

use std::net::SocketAddr;
use std::time::Instant;

use super::formats::Kind;
use super::reports::Port;
use super::{DropReason, MediaEvent, Received, Session};
use crate::codec::{Codec, LONGEST_PAYLOAD};
use crate::comfort::Noise;
use crate::dtmf::KeyChange;
use crate::packets::Content;
use crate::rtp::source::{Judgement, Trace};
use crate::rtp::{RtpHeader, RtpPacket, is_rtcp};
use crate::stream::{Taken, Window};
use crate::uplink::Uplink;

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
        let (kind, codec) = self.formats.of(now, packet.header.payload_type).ok_or(DropReason::PayloadType)?;
        if !self.negotiated.direction.receives() {
            return Err(DropReason::Direction);
        }
        let content = content(kind, codec, packet.payload).ok_or(DropReason::Size)?;
        let RtpHeader { sequence, timestamp, .. } = packet.header;
        let trace =
            Trace { audio: kind == Kind::Audio, authentic, sequence, timestamp, clock_rate: codec.clock_rate() };
        self.judge_source(now, from, trace)?;
        let reordered = self.put_in_place(now, codec, content, &packet.header)?;
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
    fn put_in_place(
        &mut self,
        now: Instant,
        codec: Codec,
        content: Content<'_>,
        header: &RtpHeader,
    ) -> Result<bool, DropReason> {
        let clock = self.clock(now);
        let heard = self.jitter.place();
        let window = self.window(heard);
        match self.stream.take(now, clock, window, header, codec.units(), content) {
            Taken::Accepted { end, reordered, begins } => {
                if let Some(sequence) = begins {
                    self.keys_in.reset();
                    self.jitter.restart();
                    if let Some(uplink) = &mut self.uplink {
                        uplink.restart(sequence);
                    }
                } else if content.is_audio() && heard.is_some_and(|heard| end <= heard) {
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
            Taken::Discontinuity if matches!(content, Content::Keys) => Ok(false),
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

/// What is in a packet; `None` when it is longer than any, or no audio although it should be.
fn content(kind: Kind, codec: Codec, payload: &[u8]) -> Option<Content<'_>> {
    match kind {
        Kind::Audio => {
            let payload = Some(payload).filter(|payload| payload.len() <= LONGEST_PAYLOAD)?;
            Some(Content::Audio { codec, payload, samples: codec.samples_in(payload)? })
        }
        Kind::ComfortNoise => Some(Content::Noise(Noise::parse(payload))),
        Kind::Keys => Some(Content::Keys),
    }
}
