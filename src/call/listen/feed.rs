//! The sound of a call on its way from the media worker to its listeners.

use std::sync::Arc;

use bytes::Bytes;
use callwright_media::convert::Converter;
use callwright_media::frame::{PcmFrame, Rate};
use tokio::sync::{broadcast, mpsc};

use super::Listeners;
use crate::net::media_leg::FrameSink;

/// Bytes of the position before the samples.
pub const POSITION: usize = 8;
/// Frames that wait between the media worker and whoever puts the sides together. One more is dropped: positions show
/// the gap.
const WAITING: usize = 16;

/// Takes frames inside a media worker. It is over when nobody listens any more.
pub(in crate::call) struct Feed {
    /// What listeners get.
    rate: Rate,
    /// Samples since the answer.
    position: u64,
    frames: mpsc::Sender<Frame>,
    /// Of each side, for a leg of another rate.
    converters: [Option<Converter>; 2],
}

struct Frame {
    position: u64,
    caller: PcmFrame,
    agent: PcmFrame,
}

/// A sink whose sound goes to everybody who listens, at this rate, its first sample at this position.
pub(in crate::call) fn to_listeners(
    listeners: &Arc<Listeners>,
    (sound, rate): (broadcast::Sender<Bytes>, Rate),
    position: u64,
) -> Feed {
    let (frames, waiting) = mpsc::channel(WAITING);
    tokio::spawn(put_together(Arc::clone(listeners), waiting, sound));
    Feed { rate, position, frames, converters: [None, None] }
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
        let samples = self.rate.samples() as u64;
        self.position += u64::from(skipped) * samples;
        let [of_caller, of_agent] = &mut self.converters;
        let caller = converted(caller, self.rate, of_caller);
        let agent = converted(agent, self.rate, of_agent);
        let frame = Frame { position: self.position, caller, agent };
        self.position += samples;
        let _ = self.frames.try_send(frame);
    }

    fn is_over(&self) -> bool {
        self.frames.is_closed()
    }
}

impl Frame {
    fn message(&self) -> Bytes {
        let (caller, agent) = (self.caller.samples(), self.agent.samples());
        let mut message = Vec::with_capacity(POSITION + 4 * caller.len());
        message.extend_from_slice(&self.position.to_le_bytes());
        for (caller, agent) in caller.iter().zip(agent) {
            message.extend_from_slice(&caller.to_le_bytes());
            message.extend_from_slice(&agent.to_le_bytes());
        }
        message.into()
    }
}

/// A frame at this rate.
fn converted(frame: &PcmFrame, rate: Rate, converter: &mut Option<Converter>) -> PcmFrame {
    if frame.rate() == rate {
        return frame.clone();
    }
    let converter = converter.get_or_insert_with(|| Converter::new(frame.rate(), rate));
    PcmFrame::from_samples(rate, converter.convert(frame.samples())).unwrap_or(PcmFrame::silence(rate))
}
