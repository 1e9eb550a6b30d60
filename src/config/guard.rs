//! Settings of the guard: who may send what to the SIP sockets, and when new calls are turned away.

use std::time::Duration;

use callwright_sip::guard::{GuardConfig, OverloadConfig, Rate};
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::net::sip_driver::Protection;

/// Settings of the guard. Addresses of trunks are never banned, and not limited unless `trunk_per_second` is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipGuardConfig {
    /// Whether strangers are told from trunks at all. Without it everybody is answered, and the limits, the bans and the
    /// shedding of calls are off. Default yes.
    pub enabled: bool,
    /// What is done about requests from addresses of no trunk: `silence`, so that who looks for servers finds none, or
    /// `answer`, as RFC 3261 has it. Default silence.
    pub strangers: Strangers,
    /// Messages a second from one address that is of no trunk (of IPv6: from one network of 64 bits), 1 to 100000; five
    /// times as many at once. Default 20.
    pub source_per_second: u32,
    /// Requests a second from all strangers together that would begin something, 1 to 100000; twice as many at once.
    /// Default 200.
    pub strangers_per_second: u32,
    /// Messages a second from one address of a trunk, 1 to 1000000; twice as many at once. Default: no limit.
    pub trunk_per_second: Option<u32>,
    /// How long a ban lasts, in seconds, 1 to 31536000. Default 3600.
    pub ban_s: u32,
    /// Beginnings of User-Agent values whose senders are banned at once, beside those of known scanners; at most 100.
    pub scanners: Vec<String>,
    /// The delay from which on new calls are turned away, in milliseconds, 5 to 5000. Default 50.
    pub target_delay_ms: u32,
    /// Calls that may wait at one time for their first answer; further ones get 503. 1 to 10000. Default 256.
    pub max_waiting_calls: u32,
}

/// What is done about requests from addresses of no trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strangers {
    /// Nothing.
    Silence,
    /// They are answered.
    Answer,
}

impl Default for SipGuardConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            strangers: Strangers::Silence,
            source_per_second: 20,
            strangers_per_second: 200,
            trunk_per_second: None,
            ban_s: 3_600,
            scanners: Vec::new(),
            target_delay_ms: 50,
            max_waiting_calls: 256,
        }
    }
}

impl SipGuardConfig {
    /// What the driver is told.
    #[must_use]
    pub fn protection(&self) -> Protection {
        if !self.enabled {
            return Protection::off();
        }
        let rate = |per_second: u32, times: u32| Rate { per_second, burst: per_second.saturating_mul(times) };
        let guard = GuardConfig {
            answers_strangers: self.strangers == Strangers::Answer,
            stranger: rate(self.source_per_second, 5),
            strangers: rate(self.strangers_per_second, 2),
            trunk: self.trunk_per_second.map(|per_second| rate(per_second, 2)),
            ban: Duration::from_secs(self.ban_s.into()),
            scanners: self.scanners.clone(),
            ..GuardConfig::default()
        };
        let overload = OverloadConfig {
            target: Duration::from_millis(self.target_delay_ms.into()),
            most_waiting: self.max_waiting_calls as usize,
            ..OverloadConfig::default()
        };
        Protection { enabled: true, guard, overload }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let within = |field, value: u32, least: u32, most: u32| {
            let problem = format!("must be {least} to {most}");
            if (least..=most).contains(&value) { Ok(()) } else { Err(ConfigError::Invalid { field, problem }) }
        };
        within("sip.guard.source_per_second", self.source_per_second, 1, 100_000)?;
        within("sip.guard.strangers_per_second", self.strangers_per_second, 1, 100_000)?;
        within("sip.guard.trunk_per_second", self.trunk_per_second.unwrap_or(1), 1, 1_000_000)?;
        within("sip.guard.ban_s", self.ban_s, 1, 31_536_000)?;
        within("sip.guard.target_delay_ms", self.target_delay_ms, 5, 5_000)?;
        within("sip.guard.max_waiting_calls", self.max_waiting_calls, 1, 10_000)?;
        if self.scanners.len() > 100 || self.scanners.iter().any(|name| name.trim().is_empty()) {
            let problem = "at most 100 names, none of them empty: an empty one would ban everybody".to_owned();
            return Err(ConfigError::Invalid { field: "sip.guard.scanners", problem });
        }
        Ok(())
    }
}
