//! What happens every 20 ms.

use std::net::SocketAddr;
use std::time::Instant;

use super::{MAX_PACKET, MediaEvent, STALL_AFTER, Session, Tick};
use crate::convert::narrowed;
use crate::frame::PcmFrame;
use crate::mix::mix;
use crate::rtp::{HEADER_LENGTH, RtpHeader};
use crate::srtp::MAX_OVERHEAD;

impl Session {
    /// The leg's next 20 ms: takes the caller's from the jitter buffer, and writes what leaves into `packet`.
    ///
    /// A packet leaves at every tick, silence when nothing is played, as long as the negotiated direction lets this side
    /// send and an address is known. Where the peer wants packets longer than 20 ms, some ticks have none; where it wants
    /// them shorter, [`poll_transmit`](Self::poll_transmit) has more. `now` should be the deadline's own time, 20 ms after the last; after a stall of
    /// more than a frame the missed frames are skipped, not sent in a burst (see [`Tick::skipped`]).
    pub fn tick(&mut self, now: Instant, packet: &mut [u8; MAX_PACKET]) -> Tick {
        let clock = self.clock(now);
        let skipped = self.send_clock.tick(now);
        self.counted.skipped += u64::from(skipped);
        self.advance_uplink(now, clock);
        let mut heard = PcmFrame::silence(self.rate);
        self.jitter.pull(clock, skipped, &self.stream, heard.samples_mut());
        self.watch_for_stall(now);

        let destination = self.source.destination().filter(|_| self.negotiated.direction.sends());
        let mut said = PcmFrame::silence(self.rate);
        let outbox = &mut self.outbox;
        let held = destination.is_none() || self.echo || self.keys_out.is_busy();
        self.playout.next(now, held, said.samples_mut(), &mut |event| outbox.push(event));
        if self.echo && destination.is_some() {
            said = heard.clone();
        }
        if self.joint.as_mut().is_some_and(|joint| !joint.exchange(&heard, &mut said)) {
            self.part();
            self.outbox.push(MediaEvent::Parted { at: now });
        }
        let mut leaves = said.clone();
        if let Some(music) = self.hold.next(self.playout.is_busy() || self.joint.is_some()) {
            match &mut self.wide {
                Some(wide) => mix(leaves.samples_mut(), wide.music.convert(&music)),
                None => mix(leaves.samples_mut(), &music),
            }
        }
        if let Some(voice) = &mut self.voice {
            let outbox = &mut self.outbox;
            let narrow = narrowed(self.wide.as_mut().map(|wide| &mut wide.leaves), leaves.samples());
            voice.said(now, narrow, skipped, |event| outbox.push(event));
            voice.tick(now, |event| outbox.push(event));
        }
        let transmit = match destination {
            Some(to) => self.write(leaves.samples(), packet).map(|length| (to, length)),
            None => {
                self.send_clock.pause();
                self.packer.clear();
                None
            }
        };
        if self.keys_owed && !self.keys_out.is_busy() {
            self.keys_owed = false;
            self.outbox.push(MediaEvent::DtmfSent { at: now });
        }
        Tick { heard, said, transmit, skipped }
    }

    /// The next packet of this tick after [`Tick::transmit`]: where to send it and how many bytes of the buffer it takes.
    /// There are such packets where the peer wants them of 10 ms.
    pub fn poll_transmit(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<(SocketAddr, usize)> {
        let to = self.source.destination().filter(|_| self.negotiated.direction.sends())?;
        self.write_audio(packet).map(|length| (to, length))
    }

    /// Writes this tick's packet: a key that is down, otherwise audio. `None` when there is too little for one, or it must
    /// not leave.
    fn write(&mut self, audio: &[i16], packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
        // A key goes down at the end of a packet.
        let key = if self.packer.is_empty() { self.keys_out.next(self.send_clock.timestamp()) } else { None };
        if let (Some(key), Some(payload_type)) = (key, self.negotiated.dtmf) {
            let (_, payload) = split(packet);
            payload[..key.payload.len()].copy_from_slice(&key.payload);
            let (number, _) = self.send_clock.number();
            return self.finish(packet, number, (key.marker, key.timestamp, payload_type), key.payload.len());
        }
        self.packer.push(audio);
        self.write_audio(packet)
    }

    fn write_audio(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
        let (age, bytes) = self.packer.next(split(packet).1)?;
        if bytes == 0 {
            return None;
        }
        let timestamp = self.send_clock.timestamp_before_end(age);
        let (number, marker) = self.send_clock.number();
        self.finish(packet, number, (marker, timestamp, self.negotiated.payload_type), bytes)
    }

    /// Puts the header before a payload and protects both.
    fn finish(
        &mut self,
        packet: &mut [u8; MAX_PACKET],
        number: u64,
        (marker, timestamp, payload_type): (bool, u32, u8),
        payload: usize,
    ) -> Option<usize> {
        let (sequence, ssrc) = (number as u16, self.ssrc);
        RtpHeader { marker, payload_type, sequence, timestamp, ssrc }.write(split(packet).0);
        let length = HEADER_LENGTH + payload;
        let length = match &mut self.protection {
            Some(protection) => protection.seal(packet, length, number)?,
            None => length,
        };
        self.counted.sent += 1;
        self.counted.sent_bytes += payload as u64;
        Some(length)
    }

    fn watch_for_stall(&mut self, now: Instant) {
        if !self.negotiated.direction.receives() {
            self.heard_at = now;
        }
        if !self.stalled && now.saturating_duration_since(self.heard_at) >= STALL_AFTER {
            self.stalled = true;
            self.outbox.push(MediaEvent::Stalled { since: self.heard_at });
        }
    }
}

/// The header of a packet and the room for its payload, with that for what protects it left out.
fn split(packet: &mut [u8; MAX_PACKET]) -> (&mut [u8; HEADER_LENGTH], &mut [u8]) {
    let (header, payload) = packet.split_first_chunk_mut().expect("a packet is longer than a header");
    let room = payload.len() - MAX_OVERHEAD;
    (header, &mut payload[..room])
}
