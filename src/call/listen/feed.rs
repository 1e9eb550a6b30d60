//! The sound of a call on its way from the media worker to its listeners.

use std::sync::Arc;

use bytes::Bytes;
use callwright_media::frame::{FRAME_8K, PcmFrame, Rate};
use tokio::sync::{broadcast, mpsc};

use super::Listeners;
use crate::net::media_leg::FrameSink;

/// Samples a second of each side that listeners get.
pub const RATE: u32 = 8_000;
/// Bytes of the position before the samples.
pub const POSITION: usize = 8;
/// Frames that wait between the media worker and whoever puts the sides together. One more is dropped: positions show
/// the gap.
const WAITING: usize = 16;

/// Takes frames inside a media worker. It is over when nobody listens any more.
pub(in crate::call) struct Feed {
    /// Samples since the answer.
    position: u64,
    frames: mpsc::Sender<Frame>,
}

struct Frame {
    position: u64,
    caller: [i16; FRAME_8K],
    agent: [i16; FRAME_8K],
}

/// A sink whose sound goes to everybody who listens, its first sample at this position.
pub(in crate::call) fn to_listeners(
    listeners: &Arc<Listeners>,
    sound: broadcast::Sender<Bytes>,
    position: u64,
) -> Feed {
    let (frames, waiting) = mpsc::channel(WAITING);
    tokio::spawn(put_together(Arc::clone(listeners), waiting, sound));
    Feed { position, frames }
}

/// Makes one message of each frame, however many listen.
async fn put_together(listeners: Arc<Listeners>, mut frames: mpsc::Receiver<Frame>, sound: broadcast::Sender<Bytes>) {
    while let Some(frame) = frames.recv().await {
        // Whoever comes in the moment in which the last one goes is served.
        if sound.send(frame.message()).is_err() && !listeners.leave_off() {
            return;
        }
    }
    listeners.lost_leg();
}

impl FrameSink for Feed {
    fn frame(&mut self, skipped: u32, caller: &PcmFrame, agent: &PcmFrame) {
        self.position += u64::from(skipped) * FRAME_8K as u64;
        let frame = Frame { position: self.position, caller: narrow(caller), agent: narrow(agent) };
        self.position += FRAME_8K as u64;
        let _ = self.frames.try_send(frame);
    }

    fn is_over(&self) -> bool {
        self.frames.is_closed()
    }
}

impl Frame {
    fn message(&self) -> Bytes {
        let mut message = Vec::with_capacity(POSITION + 4 * FRAME_8K);
        message.extend_from_slice(&self.position.to_le_bytes());
        for (caller, agent) in self.caller.iter().zip(&self.agent) {
            message.extend_from_slice(&caller.to_le_bytes());
            message.extend_from_slice(&agent.to_le_bytes());
        }
        message.into()
    }
}

/// A frame at 8 kHz.
fn narrow(frame: &PcmFrame) -> [i16; FRAME_8K] {
    let mut samples = [0; FRAME_8K];
    match frame.rate() {
        Rate::Hz8000 => samples.copy_from_slice(frame.samples()),
        Rate::Hz16000 => samples.iter_mut().zip(frame.samples().chunks_exact(2)).for_each(|(to, pair)| *to = pair[0]),
    }
    samples
}
