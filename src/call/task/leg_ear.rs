//! What a leg hears, as recognisers and models take it.

use callwright_media::convert::{Converter, narrowed};
use callwright_media::frame::{FRAME_8K, PcmFrame, Rate};

/// The rate of a leg, once it has begun, and what makes 8 kHz of its sound.
#[derive(Default)]
pub(super) struct LegEar {
    rate: Option<Rate>,
    narrow: Option<Converter>,
}

impl LegEar {
    /// Of a leg that works at this rate.
    pub(super) fn of(rate: Rate) -> Self {
        Self { rate: Some(rate), narrow: (rate == Rate::Hz16000).then(|| Converter::new(rate, Rate::Hz8000)) }
    }

    /// The leg's rate; nothing before it has begun.
    pub(super) const fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// The leg's next 20 ms at 8 kHz.
    pub(super) fn narrowed<'a>(&'a mut self, frame: &'a PcmFrame) -> &'a [i16; FRAME_8K] {
        narrowed(self.narrow.as_mut(), frame.samples())
    }
}
