//! Which payload types mean what, now and for a while after a change.

use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::negotiated::Negotiated;
use crate::rtp::COMFORT_NOISE;

/// How long packets of a format that was given up are still taken: those on their way, and those of a peer who goes over
/// to the new one a moment later (RFC 3264 section 8.3.2).
const GRACE: Duration = Duration::from_secs(2);

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    ComfortNoise,
    Keys,
}

/// The formats of a leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formats {
    now: Known,
    before: Option<(Known, Instant)>,
}

/// What one exchange agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    codec: Codec,
    audio: u8,
    keys: Option<u8>,
}

impl Known {
    const fn of(negotiated: &Negotiated) -> Self {
        Self { codec: negotiated.codec, audio: negotiated.payload_type, keys: negotiated.dtmf }
    }

    /// What a number means. A peer that answered our offer with numbers of its own may send by ours, and many send by
    /// theirs (RFC 3264 section 6.1): both are understood.
    fn kind(&self, number: u8) -> Option<Kind> {
        let is_keys = |number| self.keys.is_some() && number == self.codec.events_payload_type();
        match number {
            audio if audio == self.audio => Some(Kind::Audio),
            keys if Some(keys) == self.keys => Some(Kind::Keys),
            COMFORT_NOISE => Some(Kind::ComfortNoise),
            audio if audio == self.codec.payload_type() => Some(Kind::Audio),
            keys if is_keys(keys) => Some(Kind::Keys),
            _ => None,
        }
    }
}

impl Formats {
    pub(super) const fn new(negotiated: &Negotiated) -> Self {
        Self { now: Known::of(negotiated), before: None }
    }

    /// Goes over to what a later exchange agreed on.
    pub(super) fn renegotiate(&mut self, now: Instant, negotiated: &Negotiated) {
        let next = Known::of(negotiated);
        if next != self.now {
            self.before = Some((self.now, now + GRACE));
            self.now = next;
        }
    }

    /// What a packet with this payload type is, and of which codec's clock.
    pub(super) fn of(&self, now: Instant, number: u8) -> Option<(Kind, Codec)> {
        let known = |known: &Known| known.kind(number).map(|kind| (kind, known.codec));
        let before = || self.before.filter(|(_, until)| now < *until).and_then(|(before, _)| known(&before));
        known(&self.now).or_else(before)
    }
}
