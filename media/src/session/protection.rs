//! The keys of a session at work.

use super::{DropReason, MAX_PACKET};
use crate::rtp::is_rtcp;
use crate::srtp::{SrtpKeys, SrtpReceiver, SrtpSender, UnprotectError};

/// What protects one leg's packets, both ways.
#[derive(Debug)]
pub(super) struct Protection {
    keys: Box<SrtpKeys>,
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Protection {
    pub(super) fn new(keys: Box<SrtpKeys>) -> Self {
        Self { sender: SrtpSender::new(&keys.local), receiver: SrtpReceiver::new(&keys.remote), keys }
    }

    /// Goes over to the keys of a later description. A key that stays is used on: its numbers have gone far.
    pub(super) fn rekey(&mut self, keys: Box<SrtpKeys>) {
        if keys.local != self.keys.local {
            self.sender = SrtpSender::new(&keys.local);
        }
        if keys.remote != self.keys.remote {
            self.receiver.rekey(&keys.remote);
        }
        self.keys = keys;
    }

    /// The packet as the peer wrote it.
    pub(super) fn open(&mut self, datagram: &[u8]) -> Result<&[u8], DropReason> {
        if is_rtcp(datagram) {
            return self.open_report(datagram);
        }
        self.receiver.unprotect(datagram).map_err(|error| refusal(error, DropReason::Malformed))
    }

    /// The RTCP packet as the peer wrote it.
    pub(super) fn open_report(&mut self, datagram: &[u8]) -> Result<&[u8], DropReason> {
        self.receiver.unprotect_rtcp(datagram).map_err(|error| refusal(error, DropReason::ReportMalformed))
    }

    /// Protects the packet of this length and with this number in its place; `None` when it must not leave.
    pub(super) fn seal(&mut self, packet: &mut [u8; MAX_PACKET], length: usize, number: u64) -> Option<usize> {
        self.sender.protect(packet, length, u32::try_from(number >> 16).ok()?).ok()
    }

    /// Protects the RTCP packet of this length in its place; `None` when it must not leave.
    pub(super) fn seal_report(&mut self, packet: &mut [u8; MAX_PACKET], length: usize) -> Option<usize> {
        self.sender.protect_rtcp(packet, length).ok()
    }
}

fn refusal(error: UnprotectError, malformed: DropReason) -> DropReason {
    match error {
        UnprotectError::Malformed => malformed,
        UnprotectError::Unauthentic => DropReason::Unauthentic,
        UnprotectError::Replayed => DropReason::Replayed,
    }
}
