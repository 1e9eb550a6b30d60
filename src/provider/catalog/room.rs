//! Whether a call that is made now would be served.

use std::time::Instant;

use super::service::{Unknown, Wanted};
use super::{Catalog, Stage};
use crate::id::OrgId;

/// How many calls could be made now.
#[derive(Clone, Debug, PartialEq)]
pub enum Room {
    /// So many, as far as vendors are concerned.
    Free(usize),
    /// None.
    None(NoRoom),
}

/// Why no call should be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoRoom {
    /// Every vendor of a stage is left alone for a while: they fail, or limit us.
    #[error("no {stage} provider answers: {error}")]
    Failing {
        /// The stage.
        stage: Stage,
        /// How the first of them fails.
        error: String,
        /// When one of them is tried again.
        until: Option<Instant>,
    },
    /// Every vendor of a stage serves as many calls as it may.
    #[error("every {stage} provider serves as many calls as it may")]
    Full {
        /// The stage.
        stage: Stage,
    },
    /// Calls that are about to be made take all that is free.
    #[error("calls that are about to be made take all that the providers have free")]
    OnTheWay,
    /// A vendor is not there, or is set up wrongly.
    #[error(transparent)]
    Unknown(#[from] Unknown),
}

impl Room {
    /// The same, but not more than so many.
    #[must_use]
    pub fn most(self, most: usize) -> Self {
        match self {
            Self::Free(free) => Self::Free(free.min(most)),
            Self::None(why) => Self::None(why),
        }
    }
}

impl Catalog {
    /// How many calls that want these vendors could be made now.
    #[must_use]
    pub fn room(&self, org: OrgId, wanted: &Wanted) -> Room {
        let tts: Vec<String> = wanted.tts.iter().map(|(name, _)| name.clone()).collect();
        let s2s: Vec<String> = wanted.s2s.iter().map(|(name, _)| name.clone()).collect();
        let bot: Vec<String> = wanted.bot.iter().cloned().collect();
        let stages = [
            (Stage::Stt, &wanted.stt),
            (Stage::Llm, &wanted.llm),
            (Stage::Tts, &tts),
            (Stage::S2s, &s2s),
            (Stage::Bot, &bot),
        ];
        let mut least = usize::MAX;
        for (stage, names) in stages.into_iter().filter(|(_, names)| !names.is_empty()) {
            match self.stage_room(org, stage, names) {
                Ok(free) => least = least.min(free),
                Err(why) => return Room::None(why),
            }
        }
        Room::Free(least)
    }

    fn stage_room(&self, org: OrgId, stage: Stage, names: &[String]) -> Result<usize, NoRoom> {
        let entries = self.usable(org, stage, names.iter().map(|name| (name, ())))?;
        let free: usize = entries.iter().map(|(entry, ())| entry.free()).fold(0, usize::saturating_add);
        if free > 0 {
            return Ok(free);
        }
        if entries.iter().any(|(entry, ())| entry.health.admits()) {
            return Err(NoRoom::Full { stage });
        }
        let reports: Vec<_> = entries.iter().map(|(entry, ())| entry.health.report()).collect();
        let error = reports.iter().find_map(|report| report.error.as_ref()).map(ToString::to_string);
        let until = entries.iter().filter_map(|(entry, ())| entry.health.poll_timeout()).min();
        Err(NoRoom::Failing { stage, error: error.unwrap_or_default(), until })
    }
}
