//! The packets of one stream, ordered, and readers that walk along them.
//!
//! A recogniser wants every packet at once and a listener wants it at its time, so two [`Reader`]s at different places
//! walk along the same packets.

use std::time::Instant;

use crate::codec::Codec;
use crate::comfort::Noise;

/// Packets held. At the shortest packet time of 10 ms that is 640 ms.
pub(crate) const SLOTS: usize = 64;

/// Bytes of payload a slot holds without growing: 20 ms of G.711.
const USUAL_PAYLOAD: usize = 160;

/// One packet as it came.
#[derive(Debug)]
struct Packet {
    sequence: i64,
    /// Of its first sample, on the leg's time line.
    timestamp: i64,
    /// None for comfort noise and telephone events, which only use up a sequence number.
    codec: Option<Codec>,
    noise: Option<Noise>,
    samples: i64,
    arrived: Instant,
    payload: Vec<u8>,
}

/// What is in a packet to be put in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// A payload that lasts so many samples at 8 kHz.
    Audio { codec: Codec, payload: &'a [u8], samples: usize },
    /// Silence that sounds like this.
    Noise(Option<Noise>),
    /// A telephone event.
    Keys,
}

impl<'a> Content<'a> {
    pub(crate) const fn is_audio(&self) -> bool {
        matches!(self, Self::Audio { .. })
    }

    /// How many samples at 8 kHz it lasts.
    pub(crate) const fn samples(&self) -> i64 {
        match self {
            Self::Audio { samples, .. } => *samples as i64,
            Self::Noise(_) | Self::Keys => 0,
        }
    }

    fn audio(&self) -> Option<(Codec, &'a [u8])> {
        match *self {
            Self::Audio { codec, payload, .. } => Some((codec, payload)),
            Self::Noise(_) | Self::Keys => None,
        }
    }

    fn noise(&self) -> Option<Noise> {
        match *self {
            Self::Noise(noise) => noise,
            Self::Audio { .. } | Self::Keys => None,
        }
    }
}

/// The audio of one packet, and a place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coded<'a> {
    pub(crate) codec: Codec,
    /// All of it.
    pub(crate) payload: &'a [u8],
    /// Of its first sample, on the leg's time line.
    pub(crate) start: i64,
    /// How many samples it lasts.
    pub(crate) samples: usize,
    /// How many of them the reader has passed.
    pub(crate) read: usize,
}

impl Coded<'_> {
    /// Samples from the reader's place on.
    pub(crate) const fn left(&self) -> usize {
        self.samples - self.read
    }
}

/// The newest packets of a stream by sequence number.
#[derive(Debug)]
pub(crate) struct Packets {
    slots: Vec<Option<Packet>>,
    newest: Option<i64>,
}

impl Packets {
    pub(crate) fn new() -> Self {
        Self { slots: std::iter::repeat_with(|| None).take(SLOTS).collect(), newest: None }
    }

    /// Whether the packet is held, or was so recently that its place is still marked.
    pub(crate) fn contains(&self, sequence: i64) -> bool {
        self.get(sequence).is_some()
    }

    /// Whether `sequence` is older than anything that may still be held.
    pub(crate) fn too_old(&self, sequence: i64) -> bool {
        self.newest.is_some_and(|newest| sequence <= newest - SLOTS as i64)
    }

    /// Puts a packet in its place, over whatever was there 64 packets before. A slot's memory is used again.
    pub(crate) fn insert(&mut self, sequence: i64, timestamp: i64, arrived: Instant, content: Content<'_>) {
        debug_assert!(!self.too_old(sequence) && !self.contains(sequence), "the caller has looked");
        let slot = &mut self.slots[place(sequence)];
        let packet = slot.get_or_insert_with(|| Packet {
            sequence,
            timestamp,
            codec: None,
            noise: None,
            samples: 0,
            arrived,
            payload: Vec::with_capacity(USUAL_PAYLOAD),
        });
        packet.sequence = sequence;
        packet.timestamp = timestamp;
        packet.arrived = arrived;
        let audio = content.audio();
        packet.codec = audio.map(|(codec, _)| codec);
        packet.noise = content.noise();
        packet.samples = content.samples();
        packet.payload.clear();
        packet.payload.extend_from_slice(audio.map_or(&[], |(_, payload)| payload));
        self.newest = Some(self.newest.map_or(sequence, |newest| newest.max(sequence)));
    }

    /// Forgets all packets and keeps their memory.
    pub(crate) fn clear(&mut self) {
        for packet in self.slots.iter_mut().flatten() {
            packet.sequence = i64::MIN;
        }
        self.newest = None;
    }

    /// A reader at the oldest audio held.
    pub(crate) fn reader(&self) -> Option<Reader> {
        let oldest = self.held_from(i64::MIN).find(|packet| packet.samples > 0)?;
        Some(Reader { sequence: oldest.sequence, timestamp: oldest.timestamp, silent: false, noise: None })
    }

    fn get(&self, sequence: i64) -> Option<&Packet> {
        self.slots[place(sequence)].as_ref().filter(|packet| packet.sequence == sequence)
    }

    /// Packets held from `sequence` on, in order.
    fn held_from(&self, sequence: i64) -> impl Iterator<Item = &Packet> {
        let held = self.newest.map(|newest| sequence.max(newest - SLOTS as i64 + 1)..=newest);
        held.into_iter().flatten().filter_map(|sequence| self.get(sequence))
    }
}

fn place(sequence: i64) -> usize {
    sequence.rem_euclid(SLOTS as i64) as usize
}

/// What a reader finds at its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// Audio from the reader's place on, and when it came.
    Audio { coded: Coded<'a>, arrived: Instant },
    /// The peer sent nothing for so many samples, and nothing is missing.
    Pause { samples: i64 },
    /// So many samples are missing before `later`, the next packet there is. A later packet came first at `since`.
    Lost { samples: i64, later: Coded<'a>, since: Instant },
    /// No later packet has come.
    Nothing,
}

/// A place on a stream's time line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// The packet looked at; all before it are done with.
    sequence: i64,
    timestamp: i64,
    /// Whether the last packet stepped over had no sound: what follows is silence until the next one.
    silent: bool,
    /// What the peer said of that silence.
    noise: Option<Noise>,
}

impl Packet {
    fn coded(&self, codec: Codec, read: usize) -> Coded<'_> {
        Coded { codec, payload: &self.payload, start: self.timestamp, samples: self.samples as usize, read }
    }

    fn is_silent(&self) -> bool {
        self.codec.is_none_or(|codec| codec.is_silent(&self.payload))
    }
}

impl Reader {
    /// The same place on the time line, when packets are numbered anew.
    pub(crate) fn renumbered(self, sequence: i64) -> Self {
        Self { sequence, silent: false, noise: None, ..self }
    }

    /// Whether the peer said, by comfort noise, an empty frame or an event instead of audio, that it is silent.
    pub(crate) fn silent(self) -> bool {
        self.silent
    }

    /// What the silence sounds like, if the peer said so.
    pub(crate) fn noise(self) -> Option<Noise> {
        self.noise.filter(|_| self.silent)
    }

    /// The next sample's place on the time line.
    pub(crate) fn timestamp(self) -> i64 {
        self.timestamp
    }

    /// Moves on by so many samples, read or not.
    pub(crate) fn advance(&mut self, samples: i64) {
        self.timestamp += samples;
    }

    /// A reader so many samples further.
    pub(crate) fn after(self, samples: i64) -> Self {
        Self { timestamp: self.timestamp + samples, ..self }
    }

    /// What comes next. Steps over packets that hold nothing from here on.
    pub(crate) fn next<'a>(&mut self, packets: &'a Packets) -> Next<'a> {
        loop {
            if let Some(packet) = packets.get(self.sequence) {
                let codec = packet.codec.filter(|_| packet.timestamp + packet.samples > self.timestamp);
                let Some(codec) = codec else {
                    self.sequence += 1;
                    self.silent = packet.is_silent();
                    self.noise = packet.noise;
                    continue;
                };
                return match usize::try_from(self.timestamp - packet.timestamp) {
                    Ok(read) => Next::Audio { coded: packet.coded(codec, read), arrived: packet.arrived },
                    Err(_) => Next::Pause { samples: packet.timestamp - self.timestamp },
                };
            }
            let Some(later) = packets.held_from(self.sequence + 1).next() else { return Next::Nothing };
            let missing = later.timestamp - self.timestamp;
            let Some(codec) = later.codec.filter(|_| missing > 0) else {
                self.sequence = later.sequence;
                continue;
            };
            let since = packets.held_from(later.sequence).map(|packet| packet.arrived).min();
            let since = since.unwrap_or(later.arrived);
            return Next::Lost { samples: missing, later: later.coded(codec, 0), since };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn insert(packets: &mut Packets, at: Instant, sequence: i64, timestamp: i64, samples: usize) {
        let payload = vec![sequence as u8; samples];
        let audio = Content::Audio { codec: Codec::Pcmu, payload: &payload, samples };
        packets.insert(sequence, timestamp, at, if samples > 0 { audio } else { Content::Noise(None) });
    }

    /// What a reader finds: the audio left of a packet, or a gap.
    fn found(next: Next<'_>) -> (u8, i64, Instant) {
        match next {
            Next::Audio { coded, arrived } => (coded.payload[coded.read], coded.left() as i64, arrived),
            Next::Lost { samples, later, since } => (later.payload[0], -samples, since),
            Next::Pause { .. } | Next::Nothing => panic!("neither audio nor a gap: {next:?}"),
        }
    }

    #[test]
    fn a_reader_walks_over_packets_of_any_length_from_any_place() {
        let now = origin();
        let mut packets = Packets::new();
        insert(&mut packets, now, 1, 0, 160);
        insert(&mut packets, now, 2, 160, 80);
        insert(&mut packets, now, 3, 240, 480);
        let mut reader = packets.reader().expect("audio is there");
        reader.advance(100);
        assert_eq!(found(reader.next(&packets)), (1, 60, now));
        reader.advance(60);
        assert_eq!(found(reader.next(&packets)), (2, 80, now));
        reader.advance(100);
        assert_eq!(found(reader.next(&packets)), (3, 460, now));
        reader.advance(460);
        assert_eq!(reader.next(&packets), Next::Nothing);
    }

    #[test]
    fn a_missing_packet_is_told_from_a_pause() {
        let now = origin();
        let later = now + std::time::Duration::from_millis(5);
        let mut packets = Packets::new();
        insert(&mut packets, now, 1, 0, 160);
        insert(&mut packets, later, 3, 320, 160);
        insert(&mut packets, now, 4, 480, 160);
        insert(&mut packets, now, 5, 2_000, 160);
        let mut reader = packets.reader().expect("audio is there");
        reader.advance(160);
        assert_eq!(found(reader.next(&packets)), (3, -160, now), "packet 4 came before packet 3");
        insert(&mut packets, later, 2, 160, 160);
        assert_eq!(found(reader.next(&packets)), (2, 160, later));
        reader.advance(480);
        assert_eq!(reader.next(&packets), Next::Pause { samples: 1_360 });
    }

    #[test]
    fn packets_without_samples_only_use_up_their_number() {
        let now = origin();
        let mut packets = Packets::new();
        insert(&mut packets, now, 1, 0, 160);
        insert(&mut packets, now, 2, 160, 0);
        insert(&mut packets, now, 4, 160, 0);
        insert(&mut packets, now, 5, 960, 160);
        let mut reader = packets.reader().expect("audio is there");
        reader.advance(160);
        assert_eq!(reader.next(&packets), Next::Pause { samples: 800 });
    }

    #[test]
    fn a_reader_that_was_overtaken_finds_what_is_left() {
        let now = origin();
        let mut packets = Packets::new();
        insert(&mut packets, now, 0, 0, 160);
        let mut reader = packets.reader().expect("audio is there");
        for n in 1..200 {
            insert(&mut packets, now, n, n * 160, 160);
        }
        let left = 200 - SLOTS as i64;
        assert_eq!(found(reader.next(&packets)), (left as u8, -left * 160, now));
        assert!(packets.too_old(left - 1) && !packets.too_old(left));
        packets.clear();
        assert_eq!(reader.next(&packets), Next::Nothing);
        assert!(!packets.contains(199));
    }
}
