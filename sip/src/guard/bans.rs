//! Senders that are not listened to, and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::network::Source;
use super::sources::Offence;

/// Why a sender is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BanCause {
    /// Did something too often.
    Offence(Offence),
    /// Named itself as a program that looks for servers to break into.
    Scanner,
    /// An operator said so.
    Operator,
}

impl BanCause {
    /// One word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offence(Offence::Malformed) => "malformed",
            Self::Offence(Offence::Digest) => "digest",
            Self::Offence(Offence::Register) => "register",
            Self::Offence(Offence::Flood) => "flood",
            Self::Scanner => "scanner",
            Self::Operator => "operator",
        }
    }
}

/// A sender that is not listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub source: Source,
    /// Why.
    pub cause: BanCause,
    /// Since when.
    pub since: Instant,
    /// Until when.
    pub until: Instant,
    /// Messages dropped since.
    pub dropped: u64,
}

/// The bans that last; when there are too many, the one that would end first gives way.
#[derive(Debug)]
pub(super) struct Bans {
    most: usize,
    of: BTreeMap<Source, Ban>,
    ends: BTreeSet<(Instant, Source)>,
}

impl Bans {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), of: BTreeMap::new(), ends: BTreeSet::new() }
    }

    /// Whether a sender is banned; counts what that drops.
    pub(super) fn stops(&mut self, now: Instant, source: Source) -> bool {
        self.expire(now);
        let Some(ban) = self.of.get_mut(&source) else { return false };
        ban.dropped += 1;
        true
    }

    /// Bans, or lets a ban last longer, never less long.
    pub(super) fn put(&mut self, now: Instant, source: Source, cause: BanCause, until: Instant) {
        self.expire(now);
        if let Some(ban) = self.of.get_mut(&source) {
            if ban.until < until {
                self.ends.remove(&(ban.until, source));
                self.ends.insert((until, source));
                (ban.until, ban.cause) = (until, cause);
            }
            return;
        }
        if self.of.len() >= self.most
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.of.remove(&first);
        }
        self.of.insert(source, Ban { source, cause, since: now, until, dropped: 0 });
        self.ends.insert((until, source));
    }

    /// Lifts a ban; whether there was one.
    pub(super) fn lift(&mut self, source: Source) -> bool {
        let Some(ban) = self.of.remove(&source) else { return false };
        self.ends.remove(&(ban.until, source));
        true
    }

    pub(super) fn lift_where(&mut self, which: impl Fn(Source) -> bool) {
        let lifted: Vec<_> = self.of.keys().copied().filter(|source| which(*source)).collect();
        for source in lifted {
            self.lift(source);
        }
    }

    pub(super) fn all(&mut self, now: Instant) -> Vec<Ban> {
        self.expire(now);
        self.of.values().copied().collect()
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(until, source)) = self.ends.first() {
            if until > now {
                return;
            }
            self.ends.pop_first();
            self.of.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;

    fn source(last: u8) -> Source {
        Source::of(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn bans_end_and_the_table_is_bounded() {
        let start = crate::tests::epoch();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut bans = Bans::new(2);
        bans.put(start, source(1), BanCause::Scanner, after(60));
        bans.put(start, source(2), BanCause::Operator, after(30));
        bans.put(start, source(1), BanCause::Operator, after(10));
        assert!(bans.stops(after(29), source(1)) && bans.stops(after(29), source(2)));
        assert!(!bans.stops(after(30), source(2)), "it has ended");
        let left = bans.all(after(30));
        assert_eq!(
            left.iter().map(|ban| (ban.source, ban.cause, ban.dropped)).collect::<Vec<_>>(),
            [(source(1), BanCause::Scanner, 1)]
        );
        bans.put(after(30), source(3), BanCause::Scanner, after(90));
        bans.put(after(30), source(4), BanCause::Scanner, after(90));
        let kept: Vec<_> = bans.all(after(31)).iter().map(|ban| ban.source).collect();
        assert_eq!(kept, [source(3), source(4)], "the one that would have ended first gave way");
        assert!(bans.lift(source(3)) && !bans.lift(source(3)));
        bans.lift_where(|banned| banned == source(4));
        assert!(bans.all(after(31)).is_empty() && bans.ends.is_empty());
    }
}
