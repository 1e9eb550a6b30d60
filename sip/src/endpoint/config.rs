//! What an endpoint can be told about itself.

use crate::identity::InstanceId;
use crate::transaction::Intervals;
use std::time::Duration;

/// Knobs of an [`Endpoint`](super::Endpoint). `Config::default()` suits a public network.
#[derive(Debug, Clone)]
pub struct Config {
    /// Printed in `User-Agent` and `Server`.
    pub user_agent: String,
    /// User part of our Contact where the request names none.
    pub contact_user: String,
    /// T1, T2, T4.
    pub intervals: Intervals,
    /// Session interval we ask for in calls to us, in seconds (RFC 4028); `None` asks for none. The far side may
    /// still ask. Default 1800, as RFC 4028 section 4.2 recommends.
    pub session_expires: Option<u32>,
    /// Smallest session interval we accept, in seconds. At least 90 (RFC 4028 section 4.1).
    pub min_se: u32,
    /// A leg that is neither answered nor refused is ended after this long: a guard behind the shell's own ring
    /// timeout. Default 300 s, above the 180 s of a proxy's timer C.
    pub early_limit: Duration,
    /// How long an INVITE given up (timer B, or no final response to our CANCEL) still finds somebody to CANCEL its
    /// late 1xx and to ACK and BYE its late 2xx. Default 32 s.
    pub linger: Duration,
    /// Who we are to registrars (RFC 5626): registrations over connections then say that calls have to come back on them, and a
    /// later one takes the place of an earlier one. Default none: they do not.
    pub instance: Option<InstanceId>,
    /// Whether connections over TLS that we open are offered to the far end for requests of its own, by `alias` in Via (RFC
    /// 5923 section 8.1). It heeds that only where our certificate proves who we are. Default no.
    pub reusable: bool,
    /// Whether REGISTER requests are told to the shell by [`Event::Register`](super::Event::Register) instead of being
    /// refused with 405. Default no.
    pub registrar: bool,
    /// Whether a REFER within a call is accepted and told to the shell by [`Event::Referred`](super::Event::Referred)
    /// instead of being refused with 405. Default no: whoever speaks on a call does not let itself be sent elsewhere.
    pub referable: bool,
    /// Whether an INVITE with Replaces (RFC 3891) may take the place of a call of ours: it is told to the shell with the call
    /// that it would replace, which ends when the new one is accepted. Otherwise it is refused with 603. Default no.
    pub replaceable: bool,
    /// How long the shell may take over a re-INVITE or UPDATE before it is refused with 500, over a REGISTER before it is
    /// put off with 503, and over a redirection before the call ends by it. Default 5 s.
    pub reoffer_limit: Duration,
    /// Transactions at one time, client and server together. Default 65,536.
    pub max_transactions: usize,
    /// Sessions at one time, ringing or up. Default 8,192.
    pub max_sessions: usize,
    /// Peers that are watched at one time. Default 1,024.
    pub max_watches: usize,
    /// TCP connections whose framing state is kept. Default 1,024.
    pub max_streams: usize,
    /// Early dialogs of one INVITE that are told apart; forks beyond are ignored. Default 16.
    pub max_forks: usize,
    /// `Retry-After` of the 503 sent when a limit is reached. Default 5 s.
    pub overload_retry_after: Duration,
    /// Events that wait for [`poll_event`](super::Endpoint::poll_event). When full, a new call is refused with 503 and
    /// progress events are dropped and counted; what ends a session is always kept. Default 65,536.
    pub max_events: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            user_agent: concat!("Callwright/", env!("CARGO_PKG_VERSION")).to_owned(),
            contact_user: "callwright".to_owned(),
            intervals: Intervals::default(),
            session_expires: Some(1800),
            min_se: 90,
            early_limit: Duration::from_secs(300),
            linger: Duration::from_secs(32),
            instance: None,
            reusable: false,
            registrar: false,
            referable: false,
            replaceable: false,
            reoffer_limit: Duration::from_secs(5),
            max_transactions: 65_536,
            max_sessions: 8_192,
            max_watches: 1_024,
            max_streams: 1_024,
            max_forks: 16,
            overload_retry_after: Duration::from_secs(5),
            max_events: 65_536,
        }
    }
}
