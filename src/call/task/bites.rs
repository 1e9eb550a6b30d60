//! The caller's audio in bites: long ones cost less, short ones arrive earlier.

use std::sync::Arc;

use callwright_media::frame::FRAME_8K;

/// Frames that make a bite: 80 ms, which is what recognisers that end turns ask for.
const BITE: usize = 4;

/// Puts frames of 20 ms together.
#[derive(Debug, Default)]
pub(super) struct Bites {
    samples: Vec<i16>,
    hurry: bool,
}

impl Bites {
    /// In a hurry every frame is a bite.
    pub(super) fn hurry(&mut self, hurry: bool) {
        self.hurry = hurry;
    }

    /// Adds a frame; the bite when it is complete.
    pub(super) fn push(&mut self, frame: &[i16; FRAME_8K]) -> Option<Arc<[i16]>> {
        if self.hurry && self.samples.is_empty() {
            return Some((&frame[..]).into());
        }
        self.samples.extend_from_slice(frame);
        if self.hurry || self.samples.len() >= BITE * FRAME_8K { self.take() } else { None }
    }

    /// What there is of a bite.
    pub(super) fn take(&mut self) -> Option<Arc<[i16]>> {
        let bite = (!self.samples.is_empty()).then(|| Arc::from(self.samples.as_slice()));
        self.samples.clear();
        bite
    }

    /// Forgets what there is of a bite.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_frames_are_a_bite_and_one_in_a_hurry() {
        let mut bites = Bites::default();
        let push = |bites: &mut Bites| bites.push(&[1; FRAME_8K]).map_or(0, |bite| bite.len());
        assert_eq!([(); 4].map(|()| push(&mut bites)), [0, 0, 0, 640]);
        assert_eq!(push(&mut bites), 0);
        bites.hurry(true);
        assert_eq!(push(&mut bites), 320, "nothing stays behind");
        assert_eq!(push(&mut bites), 160);
        bites.hurry(false);
        assert_eq!(push(&mut bites), 0);
        assert_eq!(bites.take().map(|rest| rest.len()), Some(160));
        assert_eq!(bites.take(), None);
    }
}
