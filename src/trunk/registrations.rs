//! Our registrations with carriers, pure: which trunk is to be registered, and how that goes.

use std::collections::BTreeMap;
use std::time::Duration;

use callwright_sip::endpoint::{Credential, External, Flow, LegKey, Registration, RegistrationState};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HostPort, Uri};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::id::TrunkId;

/// How long one way after the other is tried before the first one's turn comes again.
const ROUND: Duration = Duration::from_secs(60);

/// What a trunk asks for: one registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Ways to the carrier, the best first. A registration stays on its way while that is among them.
    pub flows: Vec<Flow>,
    /// The carrier's domain, as configured.
    pub domain: HostPort,
    /// Name and password. The name is the user of the address of record and of our Contact.
    pub credential: Credential,
    /// How long to ask for.
    pub expires: Duration,
    /// Where the carrier sees us, if not at the address that the listener advertises.
    pub external: Option<External>,
}

/// What has to be done for the registrations to be as they should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Take the trunk's registration back.
    Leave(TrunkId),
    /// Register the trunk, after its earlier registration was taken back.
    Register {
        /// The trunk.
        trunk: TrunkId,
        /// Counts registrations; [`Registrations::note`] wants it back.
        generation: u64,
        /// The way to the carrier.
        flow: Flow,
        /// What is asked for.
        wanted: Box<Wanted>,
    },
}

/// How the registration of a trunk goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RegistrationStanding)]
pub enum Standing {
    /// The trunk is not to be registered, or is not enabled.
    #[default]
    Off,
    /// Asked for, and not answered yet.
    Trying,
    /// The carrier knows where we are.
    Registered,
    /// Refused, unanswered, or the carrier's host has no address; tried again without end.
    Failing,
}

/// The registration of a trunk, as it can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How it goes.
    pub standing: Standing,
    /// SIP status of the latest refusal while it fails; none when nobody answered.
    pub status: Option<u16>,
    /// Since when it stands like this; none while it is off.
    pub since: Option<Timestamp>,
    /// When the carrier forgets us, unless it is refreshed before.
    pub until: Option<Timestamp>,
}

/// The registrations of all trunks, at most one of each.
#[derive(Debug, Default)]
pub struct Registrations {
    of: BTreeMap<TrunkId, Entry>,
    generations: u64,
}

#[derive(Debug)]
struct Entry {
    running: Option<Running>,
    report: Report,
    /// It failed, and has not been granted since.
    failing: bool,
    /// When what was granted last runs out.
    granted_until: Option<Timestamp>,
    /// Ways on which nobody answered, or only that he cannot, since it was granted last.
    tried: Vec<Flow>,
    /// When the first of them was.
    round: Option<Timestamp>,
}

#[derive(Debug)]
struct Running {
    generation: u64,
    flow: Flow,
    wanted: Wanted,
}

impl Registrations {
    /// Brings the registrations in line with what the trunks ask for. `None` stands for a trunk whose host has no
    /// address now: what runs goes on.
    pub fn follow(&mut self, now: Timestamp, wanted: BTreeMap<TrunkId, Option<Wanted>>) -> Vec<Step> {
        let mut steps = Vec::new();
        self.of.retain(|trunk, entry| {
            let stays = wanted.contains_key(trunk);
            if !stays && entry.running.is_some() {
                steps.push(Step::Leave(*trunk));
            }
            stays
        });
        for (trunk, wanted) in wanted {
            let entry = self.of.entry(trunk).or_insert_with(|| Entry {
                running: None,
                report: Report { standing: Standing::Failing, since: Some(now), ..Report::default() },
                failing: false,
                granted_until: None,
                tried: Vec::new(),
                round: None,
            });
            let Some(wanted) = wanted else { continue };
            if !entry.moves_on(now, &wanted) && entry.running.as_ref().is_some_and(|running| running.serves(&wanted)) {
                continue;
            }
            let untried = wanted.flows.iter().find(|flow| !entry.tried.contains(flow));
            let Some(flow) = untried.or(wanted.flows.first()).copied() else { continue };
            if entry.running.is_some() {
                steps.push(Step::Leave(trunk));
            }
            self.generations += 1;
            let generation = self.generations;
            entry.running = Some(Running { generation, flow, wanted: wanted.clone() });
            entry.report = Report { standing: Standing::Trying, since: Some(now), ..Report::default() };
            steps.push(Step::Register { trunk, generation, flow, wanted: Box::new(wanted) });
        }
        steps
    }

    /// Notes what the endpoint says; the report when it differs by more than a refresh from the one before. News of an
    /// earlier registration of the trunk are no news.
    pub fn note(
        &mut self,
        now: Timestamp,
        trunk: TrunkId,
        generation: u64,
        state: &RegistrationState,
    ) -> Option<Report> {
        let (standing, status, until) = match state {
            RegistrationState::Registered { expires } => (Standing::Registered, None, Some(now + *expires)),
            RegistrationState::Failed { status, .. } => (Standing::Failing, status.map(|status| status.code()), None),
            RegistrationState::Unregistered => return None,
        };
        let entry = self.current(trunk, generation)?;
        match (standing, &entry.running) {
            (Standing::Registered, _) => {
                (entry.failing, entry.granted_until, entry.round) = (false, until, None);
                entry.tried.clear();
            }
            (Standing::Failing, Some(running)) => {
                entry.failing = true;
                // RFC 3263 section 4.3: another server may do what this one cannot.
                if matches!(status, None | Some(408 | 503 | 504)) && !entry.tried.contains(&running.flow) {
                    entry.round.get_or_insert(now);
                    entry.tried.push(running.flow);
                }
            }
            (Standing::Failing | Standing::Off | Standing::Trying, _) => {}
        }
        let before = entry.report;
        let same = (before.standing, before.status) == (standing, status);
        entry.report = Report { standing, status, until, since: if same { before.since } else { Some(now) } };
        (!same).then_some(entry.report)
    }

    /// The registration could not even be asked for: it is asked for again at the next [`follow`](Self::follow).
    pub fn give_up(&mut self, now: Timestamp, trunk: TrunkId, generation: u64) {
        if let Some(entry) = self.current(trunk, generation) {
            entry.running = None;
            entry.failing = true;
            entry.report = Report { standing: Standing::Failing, since: Some(now), ..Report::default() };
        }
    }

    /// Whether a trunk that asks for a registration has none: the last one has run out and cannot be renewed, or there was
    /// none and it is refused. One that is asked for the first time is not lost.
    #[must_use]
    pub fn is_lost(&self, now: Timestamp, trunk: TrunkId) -> bool {
        let lost = |entry: &Entry| entry.failing && entry.granted_until.is_none_or(|until| until <= now);
        self.of.get(&trunk).is_some_and(lost)
    }

    /// How the registration of a trunk goes.
    #[must_use]
    pub fn report(&self, trunk: TrunkId) -> Report {
        self.of.get(&trunk).map(|entry| entry.report).unwrap_or_default()
    }

    fn current(&mut self, trunk: TrunkId, generation: u64) -> Option<&mut Entry> {
        let entry = self.of.get_mut(&trunk)?;
        entry.running.as_ref().is_some_and(|running| running.generation == generation).then_some(entry)
    }
}

impl Entry {
    /// Whether the registration is to go another way: where nobody answered on this one, and not on all within a while.
    fn moves_on(&mut self, now: Timestamp, wanted: &Wanted) -> bool {
        let Some(running) = self.running.as_ref().filter(|running| self.tried.contains(&running.flow)) else {
            return false;
        };
        if wanted.flows.iter().all(|flow| self.tried.contains(flow)) {
            if self.round.is_some_and(|since| now < since + ROUND) {
                return false;
            }
            (self.tried, self.round) = (vec![running.flow], Some(now));
        }
        wanted.flows.iter().any(|flow| !self.tried.contains(flow))
    }
}

impl Running {
    fn serves(&self, wanted: &Wanted) -> bool {
        let same = |wanted: &Wanted| Wanted { flows: Vec::new(), ..wanted.clone() };
        wanted.flows.contains(&self.flow) && same(wanted) == same(&self.wanted)
    }
}

impl Wanted {
    /// The registration as the endpoint wants it. `key` is a fresh secret each time: a registrar refuses the CSeq of a
    /// process that starts anew under an old Call-ID.
    #[must_use]
    pub fn registration(&self, flow: Flow, key: LegKey) -> Registration {
        let user = self.credential.username.as_bytes();
        Registration {
            key,
            flow,
            registrar: Uri::sip(None, self.domain.clone()),
            aor: NameAddr::new(Uri::sip(Some(user), HostPort { port: None, ..self.domain.clone() })),
            contact_user: self.credential.username.clone(),
            credentials: Some(self.credential.clone()),
            expires: self.expires,
            external: self.external,
        }
    }
}

#[cfg(test)]
mod tests;
