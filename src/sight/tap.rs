//! Where the SIP driver shows its messages. It never waits: what finds no place is dropped and counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use callwright_sip::endpoint::Flow;
use callwright_sip::trace::Way;
use tokio::sync::mpsc;

/// Messages that wait to be looked at.
const WAITING: usize = 4_096;
/// Bytes of those messages.
const BYTES: usize = 16 << 20;
/// What is not longer is a keep-alive.
const KEEP_ALIVE: usize = 4;

/// The driver's end. Cloning shares the places.
#[derive(Clone, Debug)]
pub struct Tap {
    queue: mpsc::Sender<Tapped>,
    shared: Arc<Shared>,
}

/// The other end.
#[derive(Debug)]
pub struct Tapping {
    queue: mpsc::Receiver<Tapped>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// A message as the driver saw it, secrets and all.
pub struct Tapped {
    /// When.
    pub at: Instant,
    /// Which way it went.
    pub way: Way,
    /// Between whom.
    pub flow: Flow,
    /// Head and body.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} bytes", self.way, self.bytes.len())
    }
}

/// Both ends of a tap.
#[must_use]
pub fn tap() -> (Tap, Tapping) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let shared = Arc::new(Shared::default());
    (Tap { queue: sender, shared: Arc::clone(&shared) }, Tapping { queue: receiver, shared })
}

impl Tap {
    /// Shows a message.
    pub fn show(&self, at: Instant, way: Way, flow: Flow, bytes: &[u8]) {
        if bytes.len() <= KEEP_ALIVE {
            return;
        }
        let length = bytes.len();
        let waiting = self.shared.bytes.fetch_add(length, Ordering::Relaxed);
        let place = (waiting + length <= BYTES).then(|| self.queue.try_reserve().ok()).flatten();
        match place {
            Some(place) => place.send(Tapped { at, way, flow, bytes: bytes.to_vec() }),
            None => {
                self.shared.bytes.fetch_sub(length, Ordering::Relaxed);
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Tapping {
    /// The next messages, at most `most` of them; none when every tap is gone.
    pub async fn next(&mut self, messages: &mut Vec<Tapped>, most: usize) {
        let before = messages.len();
        self.queue.recv_many(messages, most).await;
        self.taken(&messages[before..]);
    }

    /// A message that waits already.
    pub fn waiting(&mut self) -> Option<Tapped> {
        let message = self.queue.try_recv().ok()?;
        self.taken(std::slice::from_ref(&message));
        Some(message)
    }

    /// How many messages found no place.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    fn taken(&self, messages: &[Tapped]) {
        let bytes = messages.iter().map(|message| message.bytes.len()).sum();
        self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use callwright_sip::endpoint::{ListenerId, Transport};

    use super::*;
    use crate::time;

    fn flow() -> Flow {
        let peer = ([192, 0, 2, 1], 5060).into();
        Flow { listener: ListenerId(0), transport: Transport::Udp, peer }
    }

    #[tokio::test]
    async fn what_finds_no_place_is_counted() {
        let (tap, mut tapping) = tap();
        let now = time::now().mono;
        tap.show(now, Way::Sent, flow(), b"\r\n\r\n");
        for _ in 0..WAITING + 3 {
            tap.show(now, Way::Received, flow(), b"INVITE sip:a SIP/2.0");
        }
        assert_eq!(tapping.dropped(), 3);
        let mut messages = Vec::new();
        tapping.next(&mut messages, 10).await;
        assert_eq!((messages.len(), messages[0].bytes.as_slice()), (10, &b"INVITE sip:a SIP/2.0"[..]));
        while tapping.waiting().is_some() {}
        assert_eq!(tapping.shared.bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn bytes_are_bounded_too() {
        let (tap, mut tapping) = tap();
        let message = vec![b'a'; 64 * 1024];
        for _ in 0..BYTES / message.len() + 2 {
            tap.show(time::now().mono, Way::Sent, flow(), &message);
        }
        assert_eq!(tapping.dropped(), 2);
        assert!(tapping.waiting().is_some());
        tap.show(time::now().mono, Way::Sent, flow(), &message);
        assert_eq!(tapping.dropped(), 2, "there is room again");
    }
}
