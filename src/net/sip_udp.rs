//! SIP over UDP: one socket a listener, read and written in batches.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use callwright_sip::endpoint::{ListenerId, Transmit, TransmitId};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Messages that wait while the kernel's send buffer is full; further ones are reported as not sent.
const OUTGOING: usize = 512;
/// Bytes that the kernel is asked to keep of what has arrived, so that a burst is not lost while others have the
/// processor. It gives as much as `net.core.rmem_max` allows.
const ARRIVED: usize = 4 * 1024 * 1024;

/// One UDP listener.
#[derive(Debug)]
pub(super) struct UdpListener {
    pub(super) id: ListenerId,
    socket: UdpSocket,
    outgoing: VecDeque<Transmit>,
}

impl UdpListener {
    pub(super) fn new(id: ListenerId, socket: UdpSocket) -> Self {
        #[cfg(unix)]
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, ARRIVED);
        Self { id, socket, outgoing: VecDeque::new() }
    }

    /// The next datagram, into `buffer`. Errors of single datagrams (an ICMP answer to an earlier one) are passed over.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<(SocketAddr, usize)> {
        const TRIES: usize = 16;
        for _ in 0..TRIES {
            let mut read = ReadBuf::new(buffer);
            if let Ok(peer) = ready!(self.socket.poll_recv_from(cx, &mut read)) {
                return Poll::Ready((peer, read.filled().len()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends now, or queues while the kernel cannot take more. `Err` names a message of which nothing left.
    pub(super) fn send(&mut self, transmit: Transmit) -> Result<(), TransmitId> {
        if self.outgoing.is_empty() {
            match self.socket.try_send_to(&transmit.bytes, transmit.flow.peer) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(transmit.id),
            }
        }
        if self.outgoing.len() >= OUTGOING {
            return Err(transmit.id);
        }
        self.outgoing.push_back(transmit);
        Ok(())
    }

    /// Sends what was queued, as far as the kernel takes it; `failed` gets the names of what it refuses.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, failed: &mut Vec<TransmitId>) {
        while let Some(transmit) = self.outgoing.front() {
            match self.socket.poll_send_to(cx, &transmit.bytes, transmit.flow.peer) {
                Poll::Pending => return,
                Poll::Ready(sent) => {
                    if sent.is_err() {
                        failed.push(transmit.id);
                    }
                    self.outgoing.pop_front();
                }
            }
        }
    }
}
