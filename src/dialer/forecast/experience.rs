//! How dials go: as those of the campaign went, or as it is assumed until there are enough of them.

use std::time::Duration;

use crate::campaign::disconnection::DisconnectionReason;

/// One dial, from its INVITE to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Why it ended.
    pub reason: DisconnectionReason,
    /// Whether our own side ended it for a technical cause.
    pub technical: bool,
    /// From the INVITE to the end.
    pub lasts: Duration,
    /// From the answer to the end; none when nobody answered.
    pub talked: Option<Duration>,
    /// What the far end asked to wait.
    pub retry_after: Option<Duration>,
    /// How long after the end they want to be called back, if they do.
    pub callback: Option<Duration>,
}

/// What is assumed of dials while too few are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumptions {
    /// Dials of a hundred that a person answers, 0 to 100.
    pub answered_percent: u32,
    /// Dials of a hundred that a mailbox answers, 0 to 100 together with those.
    pub voicemail_percent: u32,
    /// Seconds that a person is spoken to.
    pub talk_s: u32,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { answered_percent: 35, voicemail_percent: 15, talk_s: 60 }
    }
}

/// Dials from which on nothing has to be assumed.
pub const ENOUGH: usize = 30;
/// Seconds a phone rings before somebody takes it.
const RINGS: u64 = 8;

/// What dials are drawn from.
#[derive(Clone, Debug)]
pub struct Experience {
    own: Vec<Sample>,
    assumed: Assumptions,
    ring_timeout: Duration,
}

impl Experience {
    /// From dials that were made, and what is assumed in place of those missing to [`ENOUGH`].
    #[must_use]
    pub const fn new(own: Vec<Sample>, assumed: Assumptions, ring_timeout: Duration) -> Self {
        Self { own, assumed, ring_timeout }
    }

    /// How many dials are known.
    #[must_use]
    pub const fn known(&self) -> usize {
        self.own.len()
    }

    /// The dial that a number out of a good source of choices stands for.
    #[must_use]
    pub fn draw(&self, choice: u64) -> Sample {
        let size = self.own.len().max(ENOUGH);
        let at = usize::try_from(choice % size as u64).unwrap_or(0);
        self.own.get(at).copied().unwrap_or_else(|| self.assume(choice / size as u64))
    }

    fn assume(&self, choice: u64) -> Sample {
        let Assumptions { answered_percent, voicemail_percent, talk_s } = self.assumed;
        let (hundredth, spread) = (choice % 100, choice / 100 % 100);
        let (answered, taken) = (u64::from(answered_percent), u64::from(answered_percent + voicemail_percent));
        // Half as long to half as long again.
        let about = |seconds: u64| Duration::from_millis(seconds * (500 + spread * 10));
        let rings = Duration::from_secs(RINGS);
        let (reason, rings, talked) = match hundredth {
            0.. if hundredth < answered => (DisconnectionReason::AgentHangup, rings, Some(about(talk_s.into()))),
            0.. if hundredth < taken => (DisconnectionReason::VoicemailReached, rings * 2, Some(about(12))),
            // Of those who do not answer one in five is on the phone.
            _ if (choice / 10_000).is_multiple_of(5) => (DisconnectionReason::DialBusy, Duration::from_secs(3), None),
            _ => (DisconnectionReason::DialNoAnswer, self.ring_timeout + Duration::from_secs(2), None),
        };
        let lasts = rings + talked.unwrap_or_default();
        Sample { reason, technical: false, lasts, talked, retry_after: None, callback: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_assumed_gives_way_to_what_is_known() {
        let busy = Sample {
            reason: DisconnectionReason::DialBusy,
            technical: false,
            lasts: Duration::from_secs(1),
            talked: None,
            retry_after: None,
            callback: None,
        };
        let ring = Duration::from_secs(30);
        let assumed = Assumptions { answered_percent: 100, voicemail_percent: 0, talk_s: 20 };
        let answered = |known: usize| {
            let experience = Experience::new(vec![busy; known], assumed, ring);
            (0..30_000).filter(|&choice| experience.draw(choice).talked.is_some()).count()
        };
        assert_eq!(answered(0), 30_000);
        assert_eq!(answered(15), 15_000);
        assert_eq!(answered(ENOUGH), 0);
    }

    #[test]
    fn assumptions_have_their_shares() {
        let experience = Experience::new(Vec::new(), Assumptions::default(), Duration::from_secs(30));
        let drawn: Vec<_> = (0..60_000).map(|choice| experience.draw(choice * 7919)).collect();
        let percent = |reason| drawn.iter().filter(|sample| sample.reason == reason).count() / 600;
        assert!(percent(DisconnectionReason::AgentHangup).abs_diff(35) <= 1);
        assert!(percent(DisconnectionReason::VoicemailReached).abs_diff(15) <= 1);
        assert!(percent(DisconnectionReason::DialBusy).abs_diff(10) <= 1);
        let talks = drawn.iter().filter(|sample| sample.reason == DisconnectionReason::AgentHangup);
        let talked: f64 = talks.clone().filter_map(|sample| sample.talked).map(|talked| talked.as_secs_f64()).sum();
        let mean = talked / talks.count() as f64;
        assert!((mean - 60.0).abs() < 1.0, "they talk for {mean} s");
    }
}
