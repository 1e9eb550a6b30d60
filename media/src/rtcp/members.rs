//! Whom reports came from.

use std::time::{Duration, Instant};

use super::ntp::{NtpTime, short};

/// Sources kept; a further one takes the place of the one that has been silent longest.
const PLACES: usize = 8;

/// Silence after which a source is taken to be gone, in least intervals (RFC 3550 section 6.3.5).
const GONE_AFTER: u32 = 5;

/// The peer's sources, few and of bounded number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Members([Option<Member>; PLACES]);

#[derive(Clone, Copy, Debug)]
struct Member {
    ssrc: u32,
    heard: Instant,
    /// Its last sender report: the middle of its time, and when it came.
    report: Option<(u32, Instant)>,
}

impl Members {
    /// A report of a source came.
    pub(crate) fn note(&mut self, now: Instant, ssrc: u32, sent: Option<NtpTime>) {
        let known = self.0.iter().position(|place| place.is_some_and(|member| member.ssrc == ssrc));
        let oldest = || (0..PLACES).min_by_key(|&place| self.0[place].map(|member| member.heard)).unwrap_or(0);
        let place = known.unwrap_or_else(oldest);
        let before = self.0[place].filter(|member| member.ssrc == ssrc).and_then(|member| member.report);
        let report = sent.map(|time| (time.middle(), now)).or(before);
        self.0[place] = Some(Member { ssrc, heard: now, report });
    }

    /// A source said that it leaves.
    pub(crate) fn leave(&mut self, ssrc: u32) {
        for place in &mut self.0 {
            place.take_if(|member| member.ssrc == ssrc);
        }
    }

    /// The last sender report of a source, as a block refers to it: its time, and how long ago it came. Zeros when there
    /// was none.
    pub(crate) fn last_report(&self, now: Instant, ssrc: u32) -> (u32, u32) {
        let member = self.0.iter().flatten().find(|member| member.ssrc == ssrc);
        let report = member.and_then(|member| member.report);
        report.map_or((0, 0), |(time, came)| (time, short(now.saturating_duration_since(came))))
    }

    /// How many there are, the silent ones left out.
    pub(crate) fn count(&self, now: Instant, minimum: Duration) -> u32 {
        let lively = |member: &&Member| now.saturating_duration_since(member.heard) < minimum * GONE_AFTER;
        self.0.iter().flatten().filter(lively).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_report_fall_silent_and_leave() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let minimum = Duration::from_secs(5);
        let mut members = Members::default();
        members.note(at(0), 1, Some(NtpTime(0x1234_5678_9abc_def0)));
        members.note(at(2), 1, None);
        members.note(at(2), 2, None);
        assert_eq!(members.count(at(2), minimum), 2);
        assert_eq!(
            members.last_report(at(3), 1),
            (0x5678_9abc, 3 << 16),
            "a receiver report in between changes nothing"
        );
        assert_eq!(members.last_report(at(3), 2), (0, 0));
        members.note(at(20), 2, None);
        assert_eq!(members.count(at(30), minimum), 1, "the first has been silent for 28 s");
        members.leave(2);
        assert_eq!(members.count(at(30), minimum), 0);
    }

    #[test]
    fn a_crowd_takes_no_more_places_than_there_are() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let start = Instant::now();
        let mut members = Members::default();
        for ssrc in 0..1_000 {
            members.note(start + Duration::from_millis(u64::from(ssrc)), ssrc, Some(NtpTime(u64::from(ssrc) << 16)));
        }
        let now = start + Duration::from_secs(1);
        assert_eq!(members.count(now, Duration::from_secs(5)), PLACES as u32);
        assert_eq!(members.last_report(now, 999).0, 999, "the newest are kept");
        assert_eq!(members.last_report(now, 999 - PLACES as u32), (0, 0));
    }
}
