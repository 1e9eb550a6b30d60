//! Answers of the DNS, for as long as they hold.

use super::{Answer, LocatorConfig, Naptr, Question, Srv};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Records of one answer that are looked at.
const MOST_RECORDS: usize = 64;

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Records {
    Naptr(Vec<Naptr>),
    Srv(Vec<Srv>),
    Addresses(Vec<IpAddr>),
    /// There are none.
    Nothing,
    /// Nobody knows.
    Failed,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) records: Records,
    pub(super) expires: Instant,
    /// Until then it stands in where nobody answers any more.
    stale: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: BTreeMap<Question, Entry>,
}

impl Cache {
    /// What is known and has not expired.
    pub(super) fn fresh(&self, now: Instant, question: &Question) -> Option<&Entry> {
        self.entries.get(question).filter(|entry| now < entry.expires)
    }

    pub(super) fn put(&mut self, now: Instant, question: Question, answer: Answer, config: &LocatorConfig) {
        let bounded = |ttl: Duration, most: Duration| now + ttl.clamp(config.least_ttl, most.max(config.least_ttl));
        let (records, expires) = match (&question, answer) {
            (Question::Naptr(_), Answer::Naptr(mut records, ttl)) if !records.is_empty() => {
                records.sort_by_key(|record| (record.order, record.preference));
                records.truncate(MOST_RECORDS);
                (Records::Naptr(records), bounded(ttl, config.most_ttl))
            }
            (Question::Srv(_), Answer::Srv(mut records, ttl)) if !records.is_empty() => {
                records.sort_by_key(|record| record.priority);
                records.truncate(MOST_RECORDS);
                (Records::Srv(records), bounded(ttl, config.most_ttl))
            }
            (Question::A(_) | Question::Aaaa(_), Answer::Addresses(mut addresses, ttl)) => {
                let wants_v4 = matches!(question, Question::A(_));
                addresses.retain(|address| address.is_ipv4() == wants_v4);
                addresses.truncate(MOST_RECORDS);
                let some = !addresses.is_empty();
                let records = if some { Records::Addresses(addresses) } else { Records::Nothing };
                (records, bounded(ttl, if some { config.most_ttl } else { config.most_negative_ttl }))
            }
            (_, Answer::Naptr(_, ttl) | Answer::Srv(_, ttl) | Answer::Addresses(_, ttl) | Answer::Nothing(ttl)) => {
                (Records::Nothing, bounded(ttl, config.most_negative_ttl))
            }
            (_, Answer::Failed) => return self.fail(now, question, config),
        };
        self.entries.insert(question, Entry { records, expires, stale: expires + config.stale });
    }

    /// Nobody answered: what was known last stands for a while, and else that nobody knows.
    fn fail(&mut self, now: Instant, question: Question, config: &LocatorConfig) {
        let expires = now + config.retry;
        match self.entries.get_mut(&question) {
            Some(entry) if now < entry.stale => entry.expires = expires,
            Some(_) | None => {
                self.entries.insert(question, Entry { records: Records::Failed, expires, stale: now });
            }
        }
    }

    /// Makes room: of what is not needed goes first what expires first.
    pub(super) fn trim(&mut self, most: usize, needed: impl Fn(&Question) -> bool) {
        let excess = self.entries.len().saturating_sub(most);
        if excess == 0 {
            return;
        }
        let mut idle: Vec<(Instant, Question)> = self
            .entries
            .iter()
            .filter(|(question, _)| !needed(question))
            .map(|(question, entry)| (entry.expires, question.clone()))
            .collect();
        idle.sort();
        for (_, question) in idle.into_iter().take(excess) {
            self.entries.remove(&question);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
