//! Session timers (RFC 4028): who refreshes the session, how often, and when it is given up.

use crate::message::header::{MinSe, Refresher, Require, SessionExpires, Supported};
use crate::message::{HeaderName, Headers};
use std::time::Duration;

/// The smallest interval there is (RFC 4028 section 4.1). A peer that names less is taken at this.
pub(crate) const SMALLEST: u32 = 90;

/// What two sides settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    /// The session interval in seconds.
    pub(crate) seconds: u32,
    /// Whether we refresh; else they do.
    pub(crate) ours: bool,
}

impl SessionTimer {
    /// When the refresher sends its refresh: "once half the session interval has elapsed" (section 7.2).
    pub(crate) fn refresh_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds)) / 2
    }

    /// When the session is given up: "slightly before" the interval ends, by the lesser of 32 seconds and a third
    /// of it (section 10).
    pub(crate) fn expire_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds - 32.min(self.seconds / 3)))
    }

    /// What a 2xx to our request settles. `None` if the far side wants no timer: then the session has none.
    pub(crate) fn from_response(headers: &Headers) -> Option<Self> {
        let expires: SessionExpires = headers.try_typed().ok().flatten()?;
        let ours = match expires.refresher {
            Some(Refresher::Uac) | None => true,
            Some(Refresher::Uas) => false,
        };
        Some(Self { seconds: expires.seconds.max(SMALLEST), ours })
    }
}

/// How a request of theirs is to be answered as far as timers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    seconds: u32,
    refresher: Refresher,
    /// Whether the far side knows timers at all.
    supported: bool,
}

impl Grant {
    /// Judges the Session-Expires of a request. `wanted` is what we would ask for if they do not.
    ///
    /// # Errors
    /// The interval is below `min_se` and they would understand a 422 (section 9): the smallest one we accept.
    pub(crate) fn judge(headers: &Headers, min_se: u32, wanted: Option<u32>) -> Result<Option<Self>, MinSe> {
        let min_se = min_se.max(SMALLEST);
        let supported = supports_timer(headers);
        let theirs = headers.try_typed::<SessionExpires>().ok().flatten();
        let Some(theirs) = theirs else {
            let least = headers.try_typed::<MinSe>().ok().flatten().map_or(SMALLEST, |MinSe(seconds)| seconds);
            let refresher = Refresher::Uas;
            return Ok(wanted.map(|seconds| Self { seconds: seconds.max(least).max(min_se), refresher, supported }));
        };
        if theirs.seconds < min_se && supported {
            return Err(MinSe(min_se));
        }
        // Table 2 of section 9: a peer without timers cannot refresh; else its wish counts, and without one it refreshes.
        let refresher = if supported { theirs.refresher.unwrap_or(Refresher::Uac) } else { Refresher::Uas };
        Ok(Some(Self { seconds: theirs.seconds.max(min_se), refresher, supported }))
    }

    /// Writes the grant into a 2xx.
    pub(crate) fn print(&self, headers: &mut Headers) {
        headers.set_typed(&SessionExpires { seconds: self.seconds, refresher: Some(self.refresher) });
        if self.refresher == Refresher::Uac && self.supported {
            headers.set(HeaderName::Require, "timer");
        }
    }

    /// The timer it makes.
    pub(crate) fn timer(&self) -> SessionTimer {
        SessionTimer { seconds: self.seconds, ours: self.refresher == Refresher::Uas }
    }
}

/// Asks for a timer in a request of ours.
pub(crate) fn ask(headers: &mut Headers, seconds: u32, min_se: u32, refresher: Option<Refresher>) {
    headers.set_typed(&SessionExpires { seconds: seconds.max(min_se).max(SMALLEST), refresher });
    headers.set_typed(&MinSe(min_se.max(SMALLEST)));
}

/// The interval to ask for after a 422 that names a minimum above what we asked for; `None` if asking again is useless.
pub(crate) fn after_refusal(headers: &Headers, asked: u32) -> Option<u32> {
    let MinSe(least) = headers.try_typed().ok().flatten()?;
    (least > asked).then_some(least)
}

fn supports_timer(headers: &Headers) -> bool {
    let named = |supported: Option<Supported>| supported.is_some_and(|list| list.contains("timer"));
    let required = |required: Option<Require>| required.is_some_and(|list| list.contains("timer"));
    named(headers.try_typed().ok().flatten()) || required(headers.try_typed().ok().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.push(name.clone(), value);
        }
        headers
    }

    #[test]
    fn a_peer_that_knows_timers_is_granted_its_wish() {
        let request = headers(&[(HeaderName::SessionExpires, "120;refresher=uas"), (HeaderName::Supported, "timer")]);
        let grant = Grant::judge(&request, 90, None).expect("above the minimum").expect("asked for");
        assert_eq!(grant.timer(), SessionTimer { seconds: 120, ours: true });
    }

    #[test]
    fn a_peer_without_timers_never_refreshes() {
        let request = headers(&[(HeaderName::SessionExpires, "120;refresher=uac")]);
        let grant = Grant::judge(&request, 90, None).expect("above the minimum").expect("asked for");
        assert!(grant.timer().ours);
        let mut response = Headers::new();
        grant.print(&mut response);
        assert!(!response.has(&HeaderName::Require));
    }

    #[test]
    fn too_small_is_refused_only_where_it_is_understood() {
        let knows = headers(&[(HeaderName::SessionExpires, "30"), (HeaderName::Supported, "timer")]);
        assert_eq!(Grant::judge(&knows, 60, None), Err(MinSe(SMALLEST)));
        let ignorant = headers(&[(HeaderName::SessionExpires, "30")]);
        assert!(Grant::judge(&ignorant, 60, None).is_ok());
    }

    #[test]
    fn expiry_comes_shortly_before_the_end() {
        assert_eq!(SessionTimer { seconds: 90, ours: false }.expire_after(), Duration::from_secs(60));
        assert_eq!(SessionTimer { seconds: 1800, ours: false }.expire_after(), Duration::from_secs(1768));
    }
}
