//! What the RTCP of a leg begins with.

use std::time::Duration;

use callwright_media::rtcp::{Cname, NtpTime};
use callwright_media::session::ReportConfig;

use crate::time::Now;

/// Reports of a leg that begins now, under a name that tells nothing.
#[must_use]
pub fn reports(now: Now) -> ReportConfig {
    let since = Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0));
    ReportConfig::new(NtpTime::from_unix(since), Cname::new(rand::random()), rand::random())
}
