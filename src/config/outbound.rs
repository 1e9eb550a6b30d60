//! Settings of requests to addresses that people typed in: pages to read, webhooks to call.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Settings of outgoing HTTP requests to addresses that people typed in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundConfig {
    /// Hosts that may be asked although they are in a private network or on this machine, such as `crm.internal`;
    /// `*` allows all of them. Default: none, because whoever may set an address could otherwise reach what only this
    /// machine is meant to reach.
    pub private_hosts: Vec<String>,
    /// Secrets that requests of tools may carry, by the name that a tool calls them by: `{{ secrets.crm }}`. Such as
    /// `CALLWRIGHT_OUTBOUND__SECRETS__CRM=…`. Default: none.
    #[serde(skip_serializing)]
    pub secrets: BTreeMap<String, SecretString>,
}

impl OutboundConfig {
    /// Whether a host may be in a private network.
    #[must_use]
    pub fn may_be_private(&self, host: &str) -> bool {
        self.private_hosts.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(host))
    }
}
