//! Why connections to peers could not be made, for whoever wants to know what is wrong.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Peers whose latest fault is kept; the oldest makes room.
const MOST: usize = 1_024;

/// The latest fault of each peer that we could not connect to. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFaults(Arc<Mutex<BTreeMap<SocketAddr, ConnectionFault>>>);

/// A connection that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionFault {
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
}

impl ConnectionFaults {
    /// A connection could not be made.
    pub fn note(&self, peer: SocketAddr, fault: ConnectionFault) {
        let mut faults = self.lock();
        if faults.len() >= MOST
            && !faults.contains_key(&peer)
            && let Some(oldest) = faults.iter().min_by_key(|(_, fault)| fault.at).map(|(peer, _)| *peer)
        {
            faults.remove(&oldest);
        }
        faults.insert(peer, fault);
    }

    /// A connection was made: what was wrong is over.
    pub fn clear(&self, peer: SocketAddr) {
        self.lock().remove(&peer);
    }

    /// Why the latest connection to a peer was not made; none when it was, or was never tried.
    #[must_use]
    pub fn of(&self, peer: SocketAddr) -> Option<ConnectionFault> {
        self.lock().get(&peer).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, ConnectionFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_fault_of_a_peer_is_kept_until_it_is_over_and_the_oldest_makes_room() {
        let faults = ConnectionFaults::default();
        let peer = |port: u16| SocketAddr::from(([192, 0, 2, 7], port));
        let fault = |second: i64| ConnectionFault {
            at: Timestamp::from_second(second).expect("a time"),
            why: format!("refused at {second}"),
        };
        for port in 0..2_000 {
            faults.note(peer(port), fault(port.into()));
        }
        assert_eq!((faults.of(peer(975)), faults.of(peer(976))), (None, Some(fault(976))));
        faults.note(peer(1_999), fault(5_000));
        assert_eq!(faults.of(peer(1_999)), Some(fault(5_000)));
        assert_eq!(faults.of(peer(976)), Some(fault(976)), "nobody had to make room");
        faults.clear(peer(1_999));
        assert_eq!(faults.of(peer(1_999)), None);
    }
}
