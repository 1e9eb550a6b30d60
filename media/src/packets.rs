//! The packets of one stream, ordered, and readers that walk along them.
//!
//! A recogniser wants every packet at once and a listener wants it at its time, so two [`Reader`]s at different places
//! walk along the same packets.

use std::time::Instant;

use crate::codec::Codec;

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
    samples: i64,
    arrived: Instant,
    payload: Vec<u8>,
}

/// The audio of a packet to be put in its place; `None` for one without samples.
pub(crate) type Audio<'a> = Option<(Codec, &'a [u8])>;

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
    pub(crate) fn insert(&mut self, sequence: i64, timestamp: i64, arrived: Instant, audio: Audio<'_>) {
        debug_assert!(!self.too_old(sequence) && !self.contains(sequence), "the caller has looked");
        let slot = &mut self.slots[place(sequence)];
        let packet = slot.get_or_insert_with(|| Packet {
            sequence,
            timestamp,
            codec: None,
            samples: 0,
            arrived,
            payload: Vec::with_capacity(USUAL_PAYLOAD),
        });
        packet.sequence = sequence;
        packet.timestamp = timestamp;
        packet.arrived = arrived;
        packet.codec = audio.map(|(codec, _)| codec);
        packet.samples = audio.map_or(0, |(codec, payload)| codec.samples_in(payload.len()) as i64);
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
        Some(Reader { sequence: oldest.sequence, timestamp: oldest.timestamp, silent: false })
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
    /// Audio: the payload from the reader's place on, and when it came.
    Audio { codec: Codec, payload: &'a [u8], arrived: Instant },
    /// The peer sent nothing for so many samples, and nothing is missing.
    Pause { samples: i64 },
    /// So many samples are missing before the next packet there is. A later packet came first at `since`.
    Lost { samples: i64, since: Instant },
    /// No later packet has come.
    Nothing,
}

/// A place on a stream's time line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// The packet looked at; all before it are done with.
    sequence: i64,
    timestamp: i64,
    /// Whether the last packet stepped over had no samples: what follows is silence until the next one.
    silent: bool,
}

impl Reader {
    /// The same place on the time line, when packets are numbered anew.
    pub(crate) fn renumbered(self, sequence: i64) -> Self {
        Self { sequence, silent: false, ..self }
    }

    /// Whether the peer said, by comfort noise or an event instead of audio, that it is silent.
    pub(crate) fn silent(self) -> bool {
        self.silent
    }

    /// The next sample's place on the time line.
    pub(crate) fn timestamp(self) -> i64 {
        self.timestamp
    }

    /// Moves on by so many samples, read or not.
    pub(crate) fn advance(&mut self, samples: i64) {
        self.timestamp += samples;
    }

    /// Reads audio up to a gap or a pause, and returns how many samples were written. The reader moves on by them.
    pub(crate) fn read(&mut self, packets: &Packets, samples: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < samples.len()
            && let Next::Audio { codec, payload, .. } = self.next(packets)
        {
            let read = codec.decode(payload, &mut samples[filled..]);
            self.advance(read as i64);
            filled += read;
        }
        filled
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
                    self.silent = packet.codec.is_none();
                    continue;
                };
                // One byte is one sample in both laws of G.711, the only codec here.
                return match usize::try_from(self.timestamp - packet.timestamp) {
                    Ok(read) => Next::Audio { codec, payload: &packet.payload[read..], arrived: packet.arrived },
                    Err(_) => Next::Pause { samples: packet.timestamp - self.timestamp },
                };
            }
            let Some(later) = packets.held_from(self.sequence + 1).next() else { return Next::Nothing };
            let missing = later.timestamp - self.timestamp;
            if missing <= 0 || later.codec.is_none() {
                self.sequence = later.sequence;
                continue;
            }
            let since = packets.held_from(later.sequence).map(|packet| packet.arrived).min();
            return Next::Lost { samples: missing, since: since.unwrap_or(later.arrived) };
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
        packets.insert(sequence, timestamp, at, (samples > 0).then_some((Codec::Pcmu, &payload)));
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
        assert_eq!(reader.next(&packets), Next::Audio { codec: Codec::Pcmu, payload: &[1; 60], arrived: now });
        reader.advance(60);
        assert_eq!(reader.next(&packets), Next::Audio { codec: Codec::Pcmu, payload: &[2; 80], arrived: now });
        reader.advance(100);
        assert_eq!(reader.next(&packets), Next::Audio { codec: Codec::Pcmu, payload: &[3; 460], arrived: now });
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
        assert_eq!(reader.next(&packets), Next::Lost { samples: 160, since: now }, "packet 4 came before packet 3");
        insert(&mut packets, later, 2, 160, 160);
        assert_eq!(reader.next(&packets), Next::Audio { codec: Codec::Pcmu, payload: &[2; 160], arrived: later });
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
        assert_eq!(reader.next(&packets), Next::Lost { samples: left * 160, since: now });
        assert!(packets.too_old(left - 1) && !packets.too_old(left));
        packets.clear();
        assert_eq!(reader.next(&packets), Next::Nothing);
        assert!(!packets.contains(199));
    }
}
