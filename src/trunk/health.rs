//! Whether a trunk can take calls, as far as is known without dialing, pure: what its servers answer to OPTIONS, and whether
//! it has us registered where it asks for it.

use std::collections::BTreeMap;

use callwright_sip::endpoint::{Flow, Health};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::breaker::BreakerCause;
use crate::id::TrunkId;

/// What is known of a server, or of all servers of a trunk together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OptionsStanding)]
pub enum Standing {
    /// It answers.
    Up,
    /// It is not asked, or has neither answered nor failed often enough.
    #[default]
    Unknown,
    /// It was down and answers again: one call may try.
    HalfOpen,
    /// It does not answer, or says 503 or 408.
    Down,
}

/// What a server's answers come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answering {
    /// Whether it answers.
    pub standing: Standing,
    /// The status that decided; none where there was no answer.
    pub status: Option<u16>,
    /// Since when.
    pub since: Timestamp,
}

/// What the servers of all trunks answer to OPTIONS.
#[derive(Debug, Default)]
pub struct Healths {
    of: BTreeMap<(TrunkId, Flow), Answering>,
}

impl Healths {
    /// A server is asked from now on.
    pub fn ask(&mut self, now: Timestamp, trunk: TrunkId, server: Flow) {
        self.of.insert((trunk, server), Answering { standing: Standing::Unknown, status: None, since: now });
    }

    /// A server answers otherwise than before. News of one that is not asked any more are no news.
    pub fn note(&mut self, now: Timestamp, trunk: TrunkId, server: Flow, health: Health, status: Option<u16>) {
        let Some(known) = self.of.get_mut(&(trunk, server)) else { return };
        let standing = Standing::of(health);
        let since = if known.standing == standing { known.since } else { now };
        *known = Answering { standing, status, since };
    }

    /// A server is not asked any more.
    pub fn forget(&mut self, trunk: TrunkId, server: Flow) {
        self.of.remove(&(trunk, server));
    }

    /// What a server answers; none for one that is not asked.
    #[must_use]
    pub fn of(&self, trunk: TrunkId, server: &Flow) -> Option<Answering> {
        self.of.get(&(trunk, *server)).copied()
    }

    /// Whether a server does not answer.
    #[must_use]
    pub fn is_down(&self, trunk: TrunkId, server: &Flow) -> bool {
        self.of(trunk, server).is_some_and(|answering| answering.standing == Standing::Down)
    }

    /// How the trunk stands: as the best of its servers does.
    #[must_use]
    pub fn standing(&self, trunk: TrunkId) -> Standing {
        let servers = self.of.iter().filter(|((of, _), _)| *of == trunk);
        servers.map(|(_, answering)| answering.standing).min().unwrap_or_default()
    }
}

impl Standing {
    const fn of(health: Health) -> Self {
        match health {
            Health::Unknown => Self::Unknown,
            Health::Up => Self::Up,
            Health::HalfOpen => Self::HalfOpen,
            Health::Down => Self::Down,
        }
    }
}

/// Why a trunk is to be left alone, if it is: a registration that is lost counts before silence.
#[must_use]
pub fn down(registration_lost: bool, servers: Standing) -> Option<BreakerCause> {
    match servers {
        _ if registration_lost => Some(BreakerCause::Unregistered),
        Standing::Down => Some(BreakerCause::Silent),
        Standing::Up | Standing::Unknown | Standing::HalfOpen => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callwright_sip::endpoint::{ListenerId, Transport};

    use super::*;

    const TRUNK: TrunkId = TrunkId::from_u128(1);
    const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn server(host: u8) -> Flow {
        Flow { listener: ListenerId(0), transport: Transport::Udp, peer: ([192, 0, 2, host], 5060).into() }
    }

    #[test]
    fn a_trunk_stands_as_the_best_of_its_servers() {
        let mut healths = Healths::default();
        assert_eq!(healths.standing(TRUNK), Standing::Unknown, "nobody is asked");
        healths.ask(START, TRUNK, server(1));
        let mut stands = |host, health| {
            healths.note(START, TRUNK, server(host), health, None);
            healths.standing(TRUNK)
        };
        assert_eq!(stands(1, Health::Down), Standing::Down);
        assert_eq!(stands(2, Health::Up), Standing::Down, "the other one is not asked");
        healths.ask(START, TRUNK, server(2));
        assert_eq!(healths.standing(TRUNK), Standing::Unknown, "it may answer yet");
        let mut stands = |host, health| {
            healths.note(START, TRUNK, server(host), health, None);
            healths.standing(TRUNK)
        };
        assert_eq!(stands(2, Health::Down), Standing::Down);
        assert_eq!(stands(1, Health::HalfOpen), Standing::HalfOpen);
        assert_eq!(stands(2, Health::Up), Standing::Up);
        healths.forget(TRUNK, server(2));
        assert_eq!(healths.standing(TRUNK), Standing::HalfOpen);
        assert_eq!(healths.standing(TrunkId::from_u128(2)), Standing::Unknown);
    }

    #[test]
    fn a_verdict_keeps_its_time_until_it_changes() {
        let mut healths = Healths::default();
        let later = START + Duration::from_secs(60);
        healths.ask(START, TRUNK, server(1));
        healths.note(START, TRUNK, server(1), Health::Down, None);
        healths.note(later, TRUNK, server(1), Health::Down, Some(503));
        let down = Answering { standing: Standing::Down, status: Some(503), since: START };
        assert_eq!(healths.of(TRUNK, &server(1)), Some(down));
        healths.note(later, TRUNK, server(1), Health::HalfOpen, Some(200));
        assert_eq!(healths.of(TRUNK, &server(1)).map(|answering| answering.since), Some(later));
    }

    #[test]
    fn silence_and_a_lost_registration_leave_a_trunk_alone() {
        assert_eq!(down(false, Standing::Down), Some(BreakerCause::Silent));
        assert_eq!(down(true, Standing::Up), Some(BreakerCause::Unregistered));
        for standing in [Standing::Up, Standing::Unknown, Standing::HalfOpen] {
            assert_eq!(down(false, standing), None);
        }
    }
}
