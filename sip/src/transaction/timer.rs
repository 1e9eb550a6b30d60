//! The timers of RFC 3261 section 17 (table 4 of the appendix), RFC 6026 and RFC 3581.

use std::time::Duration;

/// A timer of the transaction layer, by its letter in RFC 3261 table 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// INVITE request retransmission over UDP: starts at T1 and doubles.
    A,
    /// INVITE transaction timeout: 64*T1 without any response.
    B,
    /// Wait for retransmitted final responses to INVITE: 32 s over UDP, nothing over TCP.
    D,
    /// Non-INVITE request retransmission over UDP: starts at T1, doubles up to T2.
    E,
    /// Non-INVITE transaction timeout: 64*T1.
    F,
    /// INVITE final response (300 to 699) retransmission over UDP: starts at T1, doubles up to T2.
    G,
    /// Wait for the ACK of a final response (300 to 699): 64*T1.
    H,
    /// Wait for retransmitted ACKs: T4 over UDP, nothing over TCP.
    I,
    /// Wait for retransmitted non-INVITE requests: 64*T1 over UDP, nothing over TCP.
    J,
    /// Wait for retransmitted non-INVITE responses: T4 over UDP, nothing over TCP.
    K,
    /// Server side, accepted: wait for retransmitted INVITEs after a 2xx (RFC 6026), 64*T1.
    L,
    /// Client side, accepted: wait for retransmitted or forked 2xx responses (RFC 6026), 64*T1.
    M,
}

impl Timer {
    /// Every timer, for tables and tests.
    pub const ALL: [Self; 12] =
        [Self::A, Self::B, Self::D, Self::E, Self::F, Self::G, Self::H, Self::I, Self::J, Self::K, Self::L, Self::M];
}

/// The base intervals from which every timer follows (RFC 3261 section 17.1.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// Round-trip estimate. Default 500 ms; smaller values only on private networks.
    pub t1: Duration,
    /// Longest retransmission interval of non-INVITE requests and INVITE responses. Default 4 s.
    pub t2: Duration,
    /// Longest time a message stays in the network. Default 5 s.
    pub t4: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Intervals {
    /// 64*T1: the life of a transaction without an answer (timers B, F, H, J, L, M).
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.t1 * 64
    }

    /// Timer D: at least 32 s over UDP (RFC 3261 17.1.1.2); longer when 64*T1 is.
    #[must_use]
    pub fn absorb_invite_responses(&self) -> Duration {
        self.timeout()
    }

    /// The next interval of a retransmission that doubles up to T2.
    #[must_use]
    pub fn doubled(&self, interval: Duration) -> Duration {
        (interval * 2).min(self.t2)
    }
}
