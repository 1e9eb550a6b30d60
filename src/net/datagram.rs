//! Datagrams of a socket, with what the kernel has had to drop of them.

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, cmsg_space, recvmsg, setsockopt, sockopt};

/// What a socket has lost because nobody read it in time. The kernel tells it with the next datagram.
#[derive(Debug, Default)]
pub(super) struct Overrun(Cell<u32>);

impl Overrun {
    /// Begins to count on a socket. A kernel that cannot count leaves it at none.
    pub(super) fn of(socket: &impl AsFd) -> Self {
        let _ = setsockopt(socket, sockopt::RxqOvfl, &1);
        Self::default()
    }

    /// Datagrams dropped since the socket was opened, as far as is known.
    pub(super) fn dropped(&self) -> u64 {
        self.0.get().into()
    }

    /// Reads a datagram. IPv4 addresses that come in the form of IPv6 are told as IPv4.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is none, and what the kernel says of the socket.
    pub(super) fn receive(&self, socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut parts = [IoSliceMut::new(buffer)];
        let mut control = [0_u8; cmsg_space::<u32>()];
        let message =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
        for said in message.cmsgs()? {
            if let ControlMessageOwned::RxqOvfl(dropped) = said {
                self.0.set(dropped);
            }
        }
        let from = message.address.as_ref().and_then(told).ok_or(io::ErrorKind::InvalidData)?;
        Ok((message.bytes, from))
    }
}

fn told(address: &SockaddrStorage) -> Option<SocketAddr> {
    let four = address.as_sockaddr_in().map(|four| SocketAddr::from(*four));
    let from = four.or_else(|| address.as_sockaddr_in6().map(|six| SocketAddr::from(*six)))?;
    Some(SocketAddr::new(from.ip().to_canonical(), from.port()))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_was_lost_is_told_with_the_next_datagram() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket");
        let overrun = Overrun::of(&socket);
        let peer = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let to = socket.local_addr().expect("bound");
        let send = |times| (0..times).for_each(|_| drop(peer.send_to(&[7; 1_000], to)));
        let mut buffer = [0; 2_048];
        let mut read = || {
            let mut count = 0_u64;
            while let Ok((length, from)) = overrun.receive(&socket, &mut buffer) {
                assert_eq!((length, from), (1_000, peer.local_addr().expect("bound")));
                count += 1;
            }
            count
        };
        send(10);
        assert_eq!((read(), overrun.dropped()), (10, 0));
        send(2_000);
        let got = read();
        assert!((1..2_000).contains(&got), "the kernel keeps some hundred KiB: {got}");
        send(1);
        assert_eq!((read(), overrun.dropped()), (1, 2_000 - got));
        assert_eq!(overrun.receive(&socket, &mut buffer).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn callers_of_both_families_are_told_as_what_they_are() {
        let socket = UdpSocket::bind("[::]:0").expect("a port");
        let port = socket.local_addr().expect("bound").port();
        let overrun = Overrun::of(&socket);
        for (from, to) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
            let peer = UdpSocket::bind(from).expect("a port");
            peer.send_to(b"hello", (to, port)).expect("sent");
            let (length, told) = overrun.receive(&socket, &mut [0; 64]).expect("a datagram");
            assert_eq!((length, told), (5, peer.local_addr().expect("bound")));
        }
    }
}
