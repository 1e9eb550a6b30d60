//! The copies of both sides on their way to a recorder.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

use callwright_media::frame::PcmFrame;
use callwright_media::rtp::{COPY_PACKET, RtpCopy};
use callwright_media::sdp::{RecordingStreams, SIDES};

use crate::net::media_leg::FrameSink;

/// Which way the streams go, as the session's task says and the media worker reads.
pub(super) type Ways = Arc<Mutex<RecordingStreams>>;

/// Sends both sides of a leg to a recorder, from inside the media worker.
pub(super) struct CopySink {
    sockets: [UdpSocket; SIDES],
    copies: [RtpCopy; SIDES],
    ways: Ways,
}

impl CopySink {
    /// `sockets` do not block.
    pub(super) fn new(sockets: [UdpSocket; SIDES], ways: Ways) -> Self {
        let copies = std::array::from_fn(|_| RtpCopy::new(rand::random(), rand::random(), rand::random()));
        Self { sockets, copies, ways }
    }
}

impl FrameSink for CopySink {
    fn frame(&mut self, skipped: u32, caller: &PcmFrame, agent: &PcmFrame) {
        // Who changes the ways holds them for a moment only; the frame of that moment is passed over.
        let ways = self.ways.try_lock().map_or([None; SIDES], |ways| *ways);
        let sides = self.sockets.iter().zip(&mut self.copies).zip(ways).zip([caller, agent]);
        for (((socket, copy), way), frame) in sides {
            let Some(way) = way else {
                copy.pass(skipped.saturating_add(1));
                continue;
            };
            let mut packet = [0; COPY_PACKET];
            let length = copy.packet((way.law, way.payload_type), skipped, frame, &mut packet);
            // A full send buffer or a recorder that is gone costs this packet; the call goes on.
            let _ = socket.send_to(&packet[..length], way.to);
        }
    }
}
