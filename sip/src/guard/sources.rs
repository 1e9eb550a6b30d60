//! What is remembered of senders: a bounded table from which the one heard of longest ago gives way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};
use super::network::Source;

/// Something for which a sender is banned when it does it too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// Sent what is no SIP message.
    Malformed,
    /// Gave a wrong name or password.
    Digest,
    /// Wanted to register though it is of no trunk.
    Register,
    /// Sent more than it may.
    Flood,
}

/// So often within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How often, at least 1.
    pub times: u32,
    /// Within how long, counted from the first time.
    pub within: Duration,
}

/// One sender.
#[derive(Debug)]
pub(super) struct Seen {
    tick: u64,
    pub(super) bucket: Bucket,
    offences: [Option<(Instant, u32)>; 4],
    /// Somebody there has proved to be a trunk's; holds until then.
    pub(super) vouched: Option<Instant>,
}

impl Seen {
    /// Counts an offence; whether that was one too many, which begins the count anew.
    pub(super) fn offend(&mut self, now: Instant, offence: Offence, limit: Limit) -> bool {
        let slot = &mut self.offences[offence as usize];
        let (since, count) = match *slot {
            Some((since, count)) if now.saturating_duration_since(since) <= limit.within => (since, count + 1),
            Some(_) | None => (now, 1),
        };
        let beyond = count >= limit.times;
        *slot = (!beyond).then_some((since, count));
        beyond
    }

    pub(super) fn forgive(&mut self) {
        self.offences = [None; 4];
    }
}

/// All senders that are remembered.
#[derive(Debug)]
pub(super) struct Sources {
    most: usize,
    of: BTreeMap<Source, Seen>,
    by_tick: BTreeMap<u64, Source>,
    tick: u64,
}

impl Sources {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), of: BTreeMap::new(), by_tick: BTreeMap::new(), tick: 0 }
    }

    /// The sender, who was heard of just now.
    pub(super) fn touch(&mut self, now: Instant, source: Source, rate: Rate) -> &mut Seen {
        if !self.of.contains_key(&source)
            && self.of.len() >= self.most
            && let Some((_, oldest)) = self.by_tick.pop_first()
        {
            self.of.remove(&oldest);
        }
        let seen = self.of.entry(source).or_insert_with(|| Seen {
            tick: 0,
            bucket: Bucket::full(rate, now),
            offences: [None; 4],
            vouched: None,
        });
        // Somebody who sends without a pause is the latest already.
        if seen.tick == 0 || seen.tick != self.tick {
            self.by_tick.remove(&seen.tick);
            self.tick += 1;
            seen.tick = self.tick;
            self.by_tick.insert(self.tick, source);
        }
        seen
    }

    pub(super) fn len(&self) -> usize {
        debug_assert_eq!(self.of.len(), self.by_tick.len(), "each has its place in the order");
        self.of.len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const RATE: Rate = Rate { per_second: 1, burst: 1 };

    fn source(last: u8) -> Source {
        Source::of(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn the_one_heard_of_longest_ago_gives_way() {
        let now = crate::tests::epoch();
        let mut sources = Sources::new(3);
        for last in [1, 2, 3] {
            assert!(sources.touch(now, source(last), RATE).bucket.take(RATE, now));
        }
        sources.touch(now, source(1), RATE);
        sources.touch(now, source(4), RATE);
        assert_eq!(sources.len(), 3);
        assert!(!sources.touch(now, source(1), RATE).bucket.take(RATE, now), "1 is remembered");
        assert!(sources.touch(now, source(2), RATE).bucket.take(RATE, now), "2 was forgotten");
        assert_eq!(sources.len(), 3);
    }

    #[test]
    fn offences_count_within_their_time() {
        let mut now = crate::tests::epoch();
        let limit = Limit { times: 3, within: Duration::from_secs(10) };
        let mut sources = Sources::new(3);
        let seen = sources.touch(now, source(1), RATE);
        let mut offend = |now, offence| seen.offend(now, offence, limit);
        assert!(!offend(now, Offence::Digest) && !offend(now, Offence::Digest) && !offend(now, Offence::Register));
        now += Duration::from_secs(11);
        assert!(!offend(now, Offence::Digest) && !offend(now, Offence::Digest), "the first two are long ago");
        assert!(offend(now, Offence::Digest));
        assert!(!offend(now, Offence::Digest), "the count began anew");
    }
}
