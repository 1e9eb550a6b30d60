//! What happens every 20 ms.

use std::time::Instant;

use super::{MAX_PACKET, MediaEvent, STALL_AFTER, Session, Tick};
use crate::frame::{FRAME_8K, PcmFrame, Rate};
use crate::rtp::{HEADER_LENGTH, RtpHeader};

impl Session {
    /// The leg's next 20 ms: takes the caller's from the jitter buffer, and writes what leaves into `packet`.
    ///
    /// A packet leaves at every tick, silence when nothing is played, as long as the negotiated direction lets this side
    /// send and an address is known. `now` should be the deadline's own time, 20 ms after the last; after a stall of
    /// more than a frame the missed frames are skipped, not sent in a burst (see [`Tick::skipped`]).
    pub fn tick(&mut self, now: Instant, packet: &mut [u8; MAX_PACKET]) -> Tick {
        let clock = self.clock(now);
        let skipped = self.send_clock.tick(now);
        self.counted.skipped += u64::from(skipped);
        self.advance_uplink(now, clock);
        let mut heard = [0; FRAME_8K];
        self.jitter.pull(clock, skipped, &self.stream, &mut heard);
        self.watch_for_stall(now);

        let destination = self.source.destination().filter(|_| self.negotiated.direction.sends());
        let mut said = [0; FRAME_8K];
        let outbox = &mut self.outbox;
        let held = destination.is_none() || self.echo || self.keys_out.is_busy();
        self.playout.next(now, held, &mut said, &mut |event| outbox.push(event));
        if self.echo && destination.is_some() {
            said = heard;
        }
        if self.joint.as_mut().is_some_and(|joint| !joint.exchange(&heard, &mut said)) {
            self.part();
            self.outbox.push(MediaEvent::Parted { at: now });
        }
        let mut leaves = said;
        self.hold.next(self.playout.is_busy() || self.joint.is_some(), &mut leaves);
        if let Some(voice) = &mut self.voice {
            let outbox = &mut self.outbox;
            voice.said(now, &leaves, skipped, |event| outbox.push(event));
        }
        let transmit = match destination {
            Some(to) => self.write(&leaves, packet).map(|length| (to, length)),
            None => {
                self.send_clock.pause();
                None
            }
        };
        if self.keys_owed && !self.keys_out.is_busy() {
            self.keys_owed = false;
            self.outbox.push(MediaEvent::DtmfSent { at: now });
        }
        Tick { heard: frame(&heard), said: frame(&said), transmit, skipped }
    }

    /// Writes this tick's packet: a key that is down, otherwise audio. `None` when it must not leave.
    fn write(&mut self, audio: &[i16; FRAME_8K], packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
        let (header, payload) = packet.split_first_chunk_mut().expect("a packet is longer than a header");
        let (number, marker) = self.send_clock.number();
        let sequence = number as u16;
        let timestamp = self.send_clock.timestamp();
        let ssrc = self.ssrc;
        let key = self.keys_out.next(timestamp);
        let length = if let (Some(key), Some(payload_type)) = (key, self.negotiated.dtmf) {
            let (marker, timestamp) = (key.marker, key.timestamp);
            RtpHeader { marker, payload_type, sequence, timestamp, ssrc }.write(header);
            payload[..key.payload.len()].copy_from_slice(&key.payload);
            key.payload.len()
        } else {
            let payload_type = self.negotiated.payload_type;
            RtpHeader { marker, payload_type, sequence, timestamp, ssrc }.write(header);
            self.negotiated.codec.encode(audio, payload)
        };
        let payload = length as u64;
        let length = HEADER_LENGTH + length;
        let length = match &mut self.protection {
            Some(protection) => protection.seal(packet, length, number)?,
            None => length,
        };
        self.counted.sent += 1;
        self.counted.sent_bytes += payload;
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

fn frame(samples: &[i16; FRAME_8K]) -> PcmFrame {
    PcmFrame::from_samples(Rate::Hz8000, samples).expect("160 samples are a frame at 8 kHz")
}
