//! Those who connect to us: how many, from where, and how long they may take to agree on TLS and a websocket.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callwright_sip::endpoint::{Flow, ListenerId, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use super::sip_alias::Shown;
use super::sip_driver::Doors;
use super::sip_stream::{CONNECT, StreamEvent, Wire, prepare};
use super::sip_tls::SipTls;
use super::sip_ws;

/// Connections that others have made at one time; further ones are closed at once.
const MOST: usize = 768;
/// Of those, the ones of one address (of IPv6, of one network of 64 bits).
const OF_ONE: usize = 128;
/// Those that are at one time about to agree on TLS and a websocket, which costs computing before anybody has proved anything.
const AGREEING: usize = 128;
/// Of those, the ones of one address.
const AGREEING_OF_ONE: usize = 16;

/// Counts who is in, over all listeners. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Doorman {
    inside: Arc<Count>,
    agreeing: Arc<Count>,
}

impl Default for Doorman {
    fn default() -> Self {
        Self { inside: Count::new(MOST, OF_ONE), agreeing: Count::new(AGREEING, AGREEING_OF_ONE) }
    }
}

impl Doorman {
    /// A door of one listener.
    pub(super) fn door(
        &self,
        id: ListenerId,
        transport: Transport,
        doors: Doors,
        events: mpsc::Sender<StreamEvent>,
    ) -> Door {
        Door { id, transport, doorman: self.clone(), doors, events }
    }
}

/// Where connections of one listener come in.
pub(super) struct Door {
    id: ListenerId,
    transport: Transport,
    doorman: Doorman,
    doors: Doors,
    events: mpsc::Sender<StreamEvent>,
}

impl Door {
    /// Lets in whoever there is a place for, until the driver is gone.
    pub(super) async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(place) = self.doorman.inside.enter(peer.ip()) else {
                        tracing::debug!(%peer, "no place for another connection");
                        continue;
                    };
                    prepare(&stream);
                    let flow = Flow { listener: self.id, transport: self.transport, peer };
                    if self.transport != Transport::Tcp {
                        self.agree(flow, stream, place);
                        continue;
                    }
                    let accepted = StreamEvent::Accepted { flow, stream: Wire::stream(stream), shown: None, place };
                    if self.events.send(accepted).await.is_err() {
                        return;
                    }
                }
                // Out of file descriptors, most likely: other work has to end first.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a SIP connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Agrees on TLS and a websocket in a task of its own: nobody waits for somebody else to make up his mind.
    fn agree(&self, flow: Flow, stream: TcpStream, place: Place) {
        let Some(agreeing) = self.doorman.agreeing.enter(flow.peer.ip()) else {
            tracing::debug!(peer = %flow.peer, "too many at a time want to agree on how to speak");
            return;
        };
        let (doors, events) = (self.doors.clone(), self.events.clone());
        tokio::spawn(async move {
            let agreed = timeout(CONNECT, open(&doors, flow.transport, stream)).await;
            drop(agreeing);
            match agreed {
                Ok(Ok((stream, shown))) => {
                    let _ = events.send(StreamEvent::Accepted { flow, stream, shown, place }).await;
                }
                Ok(Err(error)) => {
                    tracing::debug!(peer = %flow.peer, %error, "a peer does not speak as the listener does")
                }
                Err(_) => tracing::debug!(peer = %flow.peer, "a peer takes too long to agree on how to speak"),
            }
        });
    }
}

/// What has to be agreed on before SIP is spoken, and the certificates that were shown over plain TLS.
async fn open(doors: &Doors, transport: Transport, stream: TcpStream) -> io::Result<(Wire, Option<Shown>)> {
    let Doors { tls, websocket } = doors;
    let wire = match transport {
        Transport::Tls(_) => {
            let stream = tls.accept(stream).await?;
            let shown = SipTls::shown(&stream);
            return Ok((Wire::stream(stream), shown));
        }
        Transport::Ws => sip_ws::accept(stream, websocket).await?,
        Transport::Wss => sip_ws::accept(tls.accept(stream).await?, websocket).await?,
        Transport::Udp | Transport::Tcp => Wire::stream(stream),
    };
    Ok((wire, None))
}

#[derive(Debug)]
struct Count {
    all: Arc<Semaphore>,
    of_one: usize,
    by_source: Mutex<BTreeMap<IpAddr, usize>>,
}

impl Count {
    fn new(all: usize, of_one: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), of_one, by_source: Mutex::default() })
    }

    /// A place for somebody from there, unless all are taken, or too many by the same.
    fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let source = source(from);
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = by_source.entry(source).or_default();
        if *taken >= self.of_one {
            return None;
        }
        *taken += 1;
        drop(by_source);
        Some(Place { count: Arc::clone(self), source, _permit: permit })
    }

    fn leave(&self, source: IpAddr) {
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = by_source.get_mut(&source) {
            *taken -= 1;
            if *taken == 0 {
                by_source.remove(&source);
            }
        }
    }
}

/// A place that is taken as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    count: Arc<Count>,
    source: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count.leave(self.source);
    }
}

/// Who counts as one.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_for_each_source() {
        let count = Count::new(5, 2);
        let from = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut places: Vec<_> =
            [1, 1, 2].iter().map(|last| count.enter(from(*last)).expect("there is room")).collect();
        assert!(count.enter(from(1)).is_none(), "two of one address");
        assert!(count.enter("::ffff:192.0.2.1".parse().expect("an address")).is_none(), "nor in another notation");
        let network = |end: &str| format!("2001:db8:0:1::{end}").parse::<IpAddr>().expect("an address");
        places.extend(["1", "2"].map(|end| count.enter(network(end)).expect("there is room")));
        assert!(count.enter(network("3")).is_none());
        assert!(count.enter(from(3)).is_none(), "five in all");
        places.clear();
        assert!(count.by_source.lock().expect("no panic").is_empty(), "nothing is kept of those who left");
        assert!(count.enter(from(1)).is_some());
    }
}
