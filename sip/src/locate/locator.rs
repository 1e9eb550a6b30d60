//! Targets that are kept located: what to ask, when to ask again, who is to be avoided.

use super::cache::Cache;
use super::order;
use super::walk::{Plan, Walk};
use super::{Answer, Candidate, LocateError, Protocol, Question, Target, Trouble};
use crate::identity::Random;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub u64);

/// Which addresses can be reached from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both, IPv4 first.
    V4First,
    /// Both, IPv6 first.
    V6First,
}

/// Knobs of a [`Locator`].
#[derive(Debug, Clone)]
pub struct LocatorConfig {
    /// What can be spoken here, the preferred first; it decides where a domain has no NAPTR records. Default UDP, TCP.
    pub protocols: Vec<Protocol>,
    /// Which addresses can be reached. Default [`Families::V4First`].
    pub families: Families,
    /// An answer holds at least this long, whatever it says. Default 10 s.
    pub least_ttl: Duration,
    /// An answer holds at most this long. Default 1 day.
    pub most_ttl: Duration,
    /// That there is nothing holds at most this long (RFC 2308). Default 60 s: a record just added is soon found.
    pub most_negative_ttl: Duration,
    /// The resolver may take this long; then it counts as [`Answer::Failed`]. Default 5 s.
    pub patience: Duration,
    /// When to ask again after it failed. Default 15 s.
    pub retry: Duration,
    /// How long an answer stands beyond its time while nobody answers. Default 1 day.
    pub stale: Duration,
    /// How long a server that failed is avoided where it does not say. Default 30 s.
    pub avoid: Duration,
    /// A Retry-After is obeyed up to here. Default 300 s.
    pub most_avoid: Duration,
    /// Targets at one time. Default 1,024.
    pub max_targets: usize,
    /// Answers that are kept beside those that targets need. Default 4,096.
    pub max_answers: usize,
}

impl Default for LocatorConfig {
    fn default() -> Self {
        Self {
            protocols: vec![Protocol::Udp, Protocol::Tcp],
            families: Families::V4First,
            least_ttl: Duration::from_secs(10),
            most_ttl: Duration::from_secs(86_400),
            most_negative_ttl: Duration::from_secs(60),
            patience: Duration::from_secs(5),
            retry: Duration::from_secs(15),
            stale: Duration::from_secs(86_400),
            avoid: Duration::from_secs(30),
            most_avoid: Duration::from_secs(300),
            max_targets: 1_024,
            max_answers: 4_096,
        }
    }
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocatorEvent {
    /// The target is located, or leads elsewhere than before: ask for its [`candidates`](Locator::candidates).
    Located(TargetId),
    /// The target leads nowhere (any more). It is looked up again.
    Lost(TargetId, LocateError),
}

/// Servers that are avoided at one time.
const MOST_AVOIDED: usize = 4_096;

/// See the module's text.
#[derive(Debug)]
pub struct Locator {
    config: LocatorConfig,
    random: Random,
    cache: Cache,
    targets: BTreeMap<TargetId, Watched>,
    /// Questions under way, with the time they are given up.
    pending: BTreeMap<Question, Instant>,
    questions: VecDeque<Question>,
    /// Targets that lead elsewhere than when they were last told of.
    changed: BTreeSet<TargetId>,
    avoided: BTreeMap<(Protocol, SocketAddr), Instant>,
    last_id: u64,
}

#[derive(Debug)]
struct Watched {
    target: Target,
    /// Where it leads, as far as was last known.
    place: Option<Result<Plan, LocateError>>,
    needs: BTreeSet<Question>,
    /// When to look again.
    wake: Option<Instant>,
}

impl Locator {
    /// A locator that knows nothing yet. `seed` decides the order among servers of one priority.
    #[must_use]
    pub fn new(config: LocatorConfig, seed: [u8; 32]) -> Self {
        Self {
            config,
            random: Random::new(seed),
            cache: Cache::default(),
            targets: BTreeMap::new(),
            pending: BTreeMap::new(),
            questions: VecDeque::new(),
            changed: BTreeSet::new(),
            avoided: BTreeMap::new(),
            last_id: 0,
        }
    }

    /// Locates a target, and keeps it located until [`forget`](Self::forget). A numeric host is located at once.
    ///
    /// # Errors
    /// [`LocateError::Full`], or [`LocateError::NotHere`] for a transport that is not among
    /// [`LocatorConfig::protocols`].
    pub fn watch(&mut self, now: Instant, target: Target) -> Result<TargetId, LocateError> {
        if self.targets.len() >= self.config.max_targets {
            return Err(LocateError::Full);
        }
        if let Err(LocateError::NotHere) = Walk::new(&self.cache, &self.config, now).plan(&target) {
            return Err(LocateError::NotHere);
        }
        self.last_id += 1;
        let id = TargetId(self.last_id);
        self.targets.insert(id, Watched { target, place: None, needs: BTreeSet::new(), wake: None });
        self.look(now, id);
        Ok(id)
    }

    /// The target is of no more interest. What was learnt for it stays while it holds and there is room.
    pub fn forget(&mut self, id: TargetId) {
        self.targets.remove(&id);
        self.trim();
    }

    /// Whether a target is located, or why it leads nowhere; `None` while nothing is known of it yet, and for one that is not
    /// watched.
    #[must_use]
    pub fn standing(&self, id: TargetId) -> Option<Result<(), LocateError>> {
        let place = self.targets.get(&id)?.place.as_ref()?;
        Some(place.as_ref().map(drop).map_err(|error| *error))
    }

    /// The servers of a target in the order in which they are to be tried, drawn anew each time (RFC 2782); those that
    /// failed lately come last. At most 32; none while it is not located.
    pub fn candidates(&mut self, now: Instant, id: TargetId) -> Vec<Candidate> {
        let Some(Some(Ok(plan))) = self.targets.get(&id).map(|watched| &watched.place) else { return Vec::new() };
        let mut found = order::candidates(plan, &mut self.random);
        for candidate in &mut found {
            let until = self.avoided.get(&(candidate.protocol, candidate.address)).copied();
            candidate.avoid_until = until.filter(|until| now < *until);
        }
        found.sort_by_key(|candidate| candidate.avoid_until);
        found
    }

    /// A server failed. It is avoided for [`LocatorConfig::avoid`], or as long as it asks for in a 503 (RFC 3261
    /// section 21.5.4).
    pub fn report(&mut self, now: Instant, candidate: &Candidate, trouble: Trouble) {
        let span = match trouble {
            Trouble::Unavailable { retry_after: Some(asked) } => asked.min(self.config.most_avoid),
            Trouble::Unavailable { retry_after: None } | Trouble::Unreachable | Trouble::Broken | Trouble::Silent => {
                self.config.avoid
            }
        };
        self.avoided.retain(|_, until| now < *until);
        if self.avoided.len() < MOST_AVOIDED {
            self.avoided.insert((candidate.protocol, candidate.address), now + span);
        }
    }

    /// A server answered: it is no longer avoided.
    pub fn cleared(&mut self, candidate: &Candidate) {
        self.avoided.remove(&(candidate.protocol, candidate.address));
    }

    /// An answer to a question of [`poll_question`](Self::poll_question). One that was not asked, or is answered, does
    /// nothing.
    pub fn handle_answer(&mut self, now: Instant, question: Question, answer: Answer) {
        if self.pending.remove(&question).is_none() {
            return;
        }
        self.cache.put(now, question.clone(), answer, &self.config);
        let concerned: Vec<TargetId> =
            self.targets.iter().filter(|(_, watched)| watched.needs.contains(&question)).map(|(id, _)| *id).collect();
        for id in concerned {
            self.look(now, id);
        }
        self.trim();
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come. Earlier calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late: Vec<Question> =
            self.pending.iter().filter(|(_, until)| **until <= now).map(|(question, _)| question.clone()).collect();
        for question in late {
            self.handle_answer(now, question, Answer::Failed);
        }
        let due: Vec<TargetId> = self
            .targets
            .iter()
            .filter(|(_, watched)| watched.wake.is_some_and(|wake| wake <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.look(now, id);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let wakes = self.targets.values().filter_map(|watched| watched.wake);
        self.pending.values().copied().chain(wakes).min()
    }

    /// The next question for the DNS. Each is asked once; the answer goes to [`handle_answer`](Self::handle_answer).
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    /// The next event. Of a target that changed several times the latest is told.
    pub fn poll_event(&mut self) -> Option<LocatorEvent> {
        while let Some(id) = self.changed.pop_first() {
            match self.targets.get(&id).map(|watched| &watched.place) {
                Some(Some(Ok(_))) => return Some(LocatorEvent::Located(id)),
                Some(Some(Err(error))) => return Some(LocatorEvent::Lost(id, *error)),
                Some(None) | None => {}
            }
        }
        None
    }

    /// Answers in memory.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.cache.len()
    }

    /// Looks where a target leads by what is known, and asks for what is not. Until that has come the last plan stands.
    fn look(&mut self, now: Instant, id: TargetId) {
        let Some(watched) = self.targets.get_mut(&id) else { return };
        let mut walk = Walk::new(&self.cache, &self.config, now);
        let place = walk.plan(&watched.target);
        let Walk { needs, missing, until, .. } = walk;
        watched.needs = needs;
        watched.wake = until.filter(|_| missing.is_empty());
        if missing.is_empty() {
            if watched.place.as_ref() != Some(&place) {
                self.changed.insert(id);
            }
            watched.place = Some(place);
            return;
        }
        for question in missing {
            if !self.pending.contains_key(&question) {
                self.pending.insert(question.clone(), now + self.config.patience);
                self.questions.push_back(question);
            }
        }
    }

    fn trim(&mut self) {
        if self.cache.len() <= self.config.max_answers {
            return;
        }
        let needed: BTreeSet<&Question> = self.targets.values().flat_map(|watched| &watched.needs).collect();
        self.cache.trim(self.config.max_answers, |question| needed.contains(question));
    }
}
