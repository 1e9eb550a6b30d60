//! Drives one link: its socket, until the media worker reads it, and its clock.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::is_links;
use super::link::{Link, LinkEnd, LinkEvent};
use crate::time;

/// Datagrams of the link that wait between the media worker and the driver. One more is dropped: STUN and DTLS send again.
pub const ASIDE: usize = 64;
/// The longest datagram that is read.
const DATAGRAM: usize = 2_048;

/// A datagram that belongs to the link, read by the media worker.
#[derive(Debug)]
pub struct Stray {
    /// When it came.
    pub at: Instant,
    /// From where.
    pub from: SocketAddr,
    /// Its bytes.
    pub bytes: Box<[u8]>,
}

/// A link with its socket.
pub struct LinkDriver {
    link: Link,
    source: Source,
    /// The same socket, for what is sent.
    sender: std::net::UdpSocket,
    /// It takes IPv4 as well, which comes with addresses in the form of IPv6.
    dual: bool,
    buffer: Box<[u8; DATAGRAM]>,
    /// Somebody wants it to end.
    stop: CancellationToken,
    over: bool,
}

enum Source {
    Socket(UdpSocket),
    Aside(mpsc::Receiver<Stray>),
}

impl LinkDriver {
    /// Drives a link over a socket, which stays the caller's, until `stop` is cancelled.
    ///
    /// # Errors
    /// The operating system has no further descriptor.
    pub fn new(link: Link, socket: &std::net::UdpSocket, stop: CancellationToken) -> io::Result<Self> {
        let dual = socket.local_addr()?.is_ipv6();
        let source = Source::Socket(UdpSocket::from_std(socket.try_clone()?)?);
        let buffer = Box::new([0; DATAGRAM]);
        Ok(Self { link, source, sender: socket.try_clone()?, dual, buffer, stop, over: false })
    }

    /// Lets somebody else read the socket, from whom comes what belongs to the link.
    pub fn leave_socket(&mut self, aside: mpsc::Receiver<Stray>) {
        self.source = Source::Aside(aside);
    }

    /// What happens next; [`LinkEvent::Over`] is the last. Giving up the wait loses nothing.
    pub async fn next(&mut self) -> LinkEvent {
        loop {
            self.flush();
            if let Some(event) = self.link.poll_event() {
                self.over |= matches!(event, LinkEvent::Over(_));
                return event;
            }
            if self.over {
                return LinkEvent::Over(LinkEnd::Asked);
            }
            let wake = self.link.poll_timeout().map_or_else(|| time::now().mono, |(at, _)| at);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => self.link.close(time::now().mono),
                () = receive(&mut self.source, &mut self.link, &mut self.buffer) => {}
                () = sleep_until(wake.into()) => self.link.handle_timeout(time::now().mono),
            }
        }
    }

    /// Ends the link: says goodbye.
    pub fn close(&mut self) {
        self.link.close(time::now().mono);
        self.flush();
    }

    /// Sends a packet of media. A full buffer or an unreachable peer costs this packet.
    pub fn send(&self, to: SocketAddr, packet: &[u8]) {
        let to = match to.ip() {
            IpAddr::V4(ip) if self.dual => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            IpAddr::V4(_) | IpAddr::V6(_) => to,
        };
        let _ = self.sender.send_to(packet, to);
    }

    fn flush(&mut self) {
        while let Some((to, datagram)) = self.link.poll_transmit() {
            self.send(to, &datagram);
        }
    }
}

async fn receive(source: &mut Source, link: &mut Link, buffer: &mut [u8; DATAGRAM]) {
    match source {
        Source::Socket(socket) => {
            // An error is the ICMP answer to a packet of ours.
            let Ok((length, from)) = socket.recv_from(buffer).await else { return };
            let from = SocketAddr::new(from.ip().to_canonical(), from.port());
            // Who reads here sends only: what comes beside the link are reports, and early packets of media.
            if is_links(&buffer[..length]) {
                link.handle(time::now().mono, from, &buffer[..length]);
            }
        }
        Source::Aside(aside) => match aside.recv().await {
            Some(Stray { at, from, bytes }) => link.handle(at, from, &bytes),
            // The media worker has let the leg go: the call is over.
            None => link.close(time::now().mono),
        },
    }
}
