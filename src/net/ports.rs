//! RTP ports: which one a leg gets, and how long one rests before another leg may have it.
//!
//! A port that has just been freed may still receive the last packets of its former caller, or those of a peer that
//! missed the BYE. It rests before it is given away again. Each comes with the odd one above it, for RTCP (RFC 3550
//! section 11).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::webrtc::driver::Stray;
use crate::time;

/// How long a freed port rests.
pub const REST: Duration = Duration::from_secs(30);

/// Binds sockets for RTP and RTCP out of one port range on one local address. Cloning shares the range.
#[derive(Clone, Debug)]
pub struct RtpPorts {
    address: IpAddr,
    pool: Arc<Mutex<PortPool>>,
}

impl RtpPorts {
    /// Serves ports of `range` on `address`, which may be a wildcard. `seed` shuffles the order, because ports that
    /// can be guessed invite packets from strangers.
    #[must_use]
    pub fn new(address: IpAddr, range: RangeInclusive<u16>, seed: u64) -> Self {
        Self { address, pool: Arc::new(Mutex::new(PortPool::new(range, REST, seed))) }
    }

    /// Binds the next pair of ports, without blocking mode. Pairs of which another program holds one are put to rest and
    /// passed over.
    ///
    /// # Errors
    /// [`PortError::Exhausted`] when no port is free, [`PortError::Bind`] when the address itself cannot be bound.
    pub fn bind(&self) -> Result<RtpSocket, PortError> {
        const TRIES: usize = 512;
        for _ in 0..TRIES {
            let port = self.lock().take(time::now().mono).ok_or(PortError::Exhausted)?;
            let lease = PortLease { port, pool: Arc::clone(&self.pool) };
            match self.pair(port) {
                Ok((socket, rtcp)) => return Ok(RtpSocket { socket, rtcp, lease, aside: None }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(PortError::Bind(error)),
            }
        }
        Err(PortError::Exhausted)
    }

    fn pair(&self, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
        let socket = UdpSocket::bind(SocketAddr::new(self.address, port))?;
        let rtcp = UdpSocket::bind(SocketAddr::new(self.address, port + 1))?;
        socket.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        Ok((socket, rtcp))
    }

    /// Ports held by legs now.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.lock().in_use
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PortPool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bound sockets of a leg together with their hold on the ports.
#[derive(Debug)]
pub struct RtpSocket {
    /// The socket of RTP, non-blocking.
    pub socket: UdpSocket,
    /// That of RTCP, one port above, non-blocking.
    pub rtcp: UdpSocket,
    /// Keep this as long as one of them is open.
    pub lease: PortLease,
    /// Who gets what comes on the socket of RTP and [belongs to a link](super::webrtc::is_links). When it is full, that is
    /// dropped.
    pub aside: Option<mpsc::Sender<Stray>>,
}

/// The hold on a pair of ports; dropping it lets them rest and then be used again.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    pool: Arc<Mutex<PortPool>>,
}

impl PortLease {
    /// The port of RTP, even.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        let now = time::now().mono;
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).release(now, self.port);
    }
}

/// Why there is no socket for a leg.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Every port of the range is in use or resting.
    #[error("no RTP port is free")]
    Exhausted,
    /// The operating system refused the address.
    #[error("cannot bind an RTP socket")]
    Bind(#[source] io::Error),
}

/// The pure allocator: even ports only (RFC 3550 section 11) whose odd neighbour is in the range as well, oldest free one
/// first.
#[derive(Debug)]
pub struct PortPool {
    rest: Duration,
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
    in_use: usize,
}

impl PortPool {
    /// A pool over the even ports of `range`, in an order that `seed` decides.
    #[must_use]
    pub fn new(range: RangeInclusive<u16>, rest: Duration, seed: u64) -> Self {
        let paired = |port: &u16| *port != 0 && port.is_multiple_of(2) && range.contains(&(port + 1));
        let mut ports: Vec<u16> = range.clone().filter(paired).collect();
        shuffle(&mut ports, seed);
        Self { rest, free: ports.into(), resting: VecDeque::new(), in_use: 0 }
    }

    /// The next port, or `None` when all are in use or resting.
    pub fn take(&mut self, now: Instant) -> Option<u16> {
        while let Some((since, port)) = self.resting.front().copied() {
            if now.saturating_duration_since(since) < self.rest {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(port);
        }
        let port = self.free.pop_front()?;
        self.in_use += 1;
        Some(port)
    }

    /// Gives a taken port back; it rests from `now`.
    pub fn release(&mut self, now: Instant, port: u16) {
        self.in_use = self.in_use.saturating_sub(1);
        self.resting.push_back((now, port));
    }
}

/// Fisher-Yates over a splitmix64 stream.
fn shuffle(ports: &mut [u16], seed: u64) {
    let mut state = seed;
    for last in (1..ports.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let pick = usize::try_from(z % (last as u64 + 1)).expect("below the length of a slice");
        ports.swap(last, pick);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    use super::*;

    fn pool() -> PortPool {
        PortPool::new(40_001..=40_010, REST, 7)
    }

    #[test]
    fn only_even_ports_with_their_neighbour_and_each_once() {
        let now = time::now().mono;
        let mut pool = pool();
        let taken: BTreeSet<u16> = std::iter::from_fn(|| pool.take(now)).collect();
        assert_eq!(taken, BTreeSet::from([40_002, 40_004, 40_006, 40_008]));
    }

    #[test]
    fn a_port_rests_thirty_seconds_before_it_is_given_again() {
        let start = time::now().mono;
        let mut pool = pool();
        let all: Vec<u16> = std::iter::from_fn(|| pool.take(start)).collect();
        pool.release(start, all[0]);
        assert_eq!(pool.take(start + REST - Duration::from_millis(1)), None);
        assert_eq!(pool.take(start + REST), Some(all[0]));
    }

    #[test]
    fn the_seed_decides_the_order() {
        let now = time::now().mono;
        let order = |seed| {
            let mut pool = PortPool::new(40_000..=40_200, REST, seed);
            std::iter::from_fn(move || pool.take(now)).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn a_port_held_by_another_program_is_passed_over() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let stranger = UdpSocket::bind((loopback, 0)).expect("loopback has a free port");
        let taken = stranger.local_addr().expect("a bound socket has an address").port();
        let even = taken & !1;
        let ports = RtpPorts::new(loopback, even..=even.saturating_add(9), 3);
        let mut got = Vec::new();
        while let Ok(socket) = ports.bind() {
            got.push(socket);
        }
        assert!(!got.is_empty());
        assert!(got.iter().all(|socket| socket.lease.port() != even), "whichever of the two is taken");
        for RtpSocket { socket, rtcp, lease, .. } in &got {
            let port = |socket: &UdpSocket| socket.local_addr().map_or(0, |address| address.port());
            assert_eq!((port(socket), port(rtcp)), (lease.port(), lease.port() + 1));
        }
        assert_eq!(ports.in_use(), got.len());
        drop(got);
        assert_eq!(ports.in_use(), 0);
    }
}
