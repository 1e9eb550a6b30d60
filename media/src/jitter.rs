//! The jitter buffer: turns packets that come when they come into 20 ms of audio every 20 ms.
//!
//! Its delay is how long after an undelayed packet's arrival that packet's audio is heard. It aims at the lateness that
//! 98 of 100 recent packets stay under. It grows when a packet is missing at its time and nothing later has come, by
//! waiting (what is heard meanwhile is made up); it shrinks by leaving out quiet frames and gaps that would have to be
//! made up. Audible frames are never left out, except when the delay runs away altogether. Changes are whole frames, so
//! that packets and frames stay aligned.

use crate::comfort::ComfortNoise;
use crate::conceal::Concealer;
use crate::frame::FRAME_8K;
use crate::level::rms_dbfs;
use crate::packets::{Next, Reader};
use crate::rtp::arrivals::Arrivals;
use crate::stream::Stream;
use crate::unpacker::Unpacker;

/// One frame in samples.
const FRAME: i64 = FRAME_8K as i64;

/// Least delay aimed at: 5 ms. With up to 20 ms until the next tick a clean network is heard after 5 to 25 ms.
const LEAST: i64 = 40;

/// Most delay aimed at: 180 ms.
const MOST: i64 = 1_440;

/// Delay up to which a packet is waited for: 200 ms. After that the time line goes on without it.
const WAIT: i64 = 1_600;

/// Delay above which even audible frames are left out: 400 ms.
const RUNAWAY: i64 = 3_200;

/// Delay above the target, besides a whole frame, before audio is left out: 5 ms.
const SLACK: i64 = 40;

/// A step between timestamps up to this is sloppiness of the sender, not a pause: 10 ms.
const SLOPPY: i64 = 80;

/// Frames over which the offset of packets in frames is looked at.
const OFFSET_FRAMES: u32 = 256;

/// The buffer of one listener.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    /// `None` until the first packet's time has come.
    reader: Option<Reader>,
    /// Where the stream before this one was left.
    passed: Option<i64>,
    target: i64,
    delay: i64,
    /// How far into a frame packets begin: that much later the frame is complete.
    offset: Offset,
    unpacker: Unpacker,
    concealer: Concealer,
    /// What is heard while the peer is silent.
    comfort: ComfortNoise,
    noise: NoiseFloor,
    /// Whether the last frame heard was quiet.
    quiet: bool,
    concealed: i64,
    shortened: i64,
    lengthened: i64,
}

impl JitterBuffer {
    pub(crate) fn new() -> Self {
        Self {
            reader: None,
            passed: None,
            target: LEAST,
            delay: 0,
            offset: Offset::default(),
            unpacker: Unpacker::default(),
            concealer: Concealer::new(),
            comfort: ComfortNoise::default(),
            noise: NoiseFloor::default(),
            quiet: true,
            concealed: 0,
            shortened: 0,
            lengthened: 0,
        }
    }

    /// Begins again with the packets there are: the stream is another.
    pub(crate) fn restart(&mut self) {
        self.passed = self.place();
        self.reader = None;
        self.unpacker.reset();
        self.target = LEAST;
        self.offset = Offset::default();
    }

    /// The place of the next sample heard; `None` while the first packet's time has not come.
    pub(crate) fn place(&self) -> Option<i64> {
        self.reader.map(Reader::timestamp).or(self.passed)
    }

    /// The delay at the last frame, in samples.
    pub(crate) fn delay(&self) -> i64 {
        self.delay
    }

    /// The delay aimed at, in samples.
    pub(crate) fn target(&self) -> i64 {
        self.target
    }

    /// Samples made up for lack of a packet.
    pub(crate) fn concealed(&self) -> i64 {
        self.concealed
    }

    /// Samples of audio left out.
    pub(crate) fn shortened(&self) -> i64 {
        self.shortened
    }

    /// Samples put in where it was quiet.
    pub(crate) fn lengthened(&self) -> i64 {
        self.lengthened
    }

    /// The next 20 ms. `clock` is the time in samples; `skipped` frames of it passed without a call.
    pub(crate) fn pull(&mut self, clock: i64, skipped: u32, stream: &Stream, frame: &mut [i16; FRAME_8K]) {
        let Some(arrivals) = stream.arrivals() else { return frame.fill(0) };
        self.aim(arrivals);
        let due = clock - arrivals.base();
        if self.reader.is_none() {
            self.reader = stream.packets().reader().filter(|reader| due - reader.timestamp() >= self.target);
            if let (Some(reader), Some(passed)) = (&mut self.reader, self.passed) {
                reader.advance((passed - reader.timestamp()).max(0));
            }
        }
        let Some(mut reader) = self.reader else { return self.concealer.conceal(frame) };
        if skipped > 0 {
            reader.advance(i64::from(skipped) * FRAME);
            self.concealer.cut();
        }
        self.fill(due, &mut reader, stream, frame);
        self.reader = Some(reader);
        let level = rms_dbfs(frame);
        self.quiet = self.noise.is_quiet(level);
        self.noise.note(level);
    }

    fn aim(&mut self, arrivals: &Arrivals) {
        self.target = (arrivals.usual_lateness().max(LEAST) + self.offset.largest()).min(MOST);
    }

    /// Fills a frame. `due` is the place on the time line that an undelayed packet has reached by now.
    fn fill(&mut self, due: i64, reader: &mut Reader, stream: &Stream, frame: &mut [i16; FRAME_8K]) {
        let mut filled = 0;
        let mut dropped = false;
        while filled < FRAME_8K {
            let rest = &mut frame[filled..];
            let next = reader.next(stream.packets());
            let delay = due + filled as i64 - reader.timestamp();
            match next {
                Next::Audio { coded, .. } => {
                    if filled == 0 {
                        self.delay = delay;
                        if !dropped && self.shorten(delay, reader, stream) {
                            dropped = true;
                            continue;
                        }
                        if delay < self.target && self.quiet {
                            self.lengthened += FRAME;
                            return self.concealer.conceal(rest);
                        }
                    }
                    let read = self.unpacker.read(&coded, rest);
                    self.concealer.real(&mut rest[..read]);
                    reader.advance(read as i64);
                    filled += read;
                    if read == coded.left() && filled < FRAME_8K {
                        self.offset.note(filled as i64);
                    }
                }
                Next::Pause { samples } if samples <= SLOPPY => reader.advance(samples),
                Next::Pause { samples } => {
                    // A pause is as long as it takes to have the wanted delay again at its end.
                    if filled == 0 && delay - samples >= self.target {
                        reader.advance(samples);
                    } else {
                        return self.be_silent(*reader, rest);
                    }
                }
                Next::Lost { samples, later, .. } => {
                    // The gap was made up already while nothing later had come.
                    let excess = whole_frames(delay - self.target).min(samples);
                    if excess > 0 {
                        reader.advance(excess);
                        self.concealer.cut();
                        continue;
                    }
                    let missing = usize::try_from(samples).unwrap_or(rest.len()).min(rest.len());
                    if self.unpacker.recover(reader.timestamp(), samples, &later, &mut rest[..missing]) {
                        self.concealer.real(&mut rest[..missing]);
                        self.concealed += missing as i64;
                    } else {
                        self.make_up(&mut rest[..missing]);
                    }
                    if delay >= self.target {
                        reader.advance(missing as i64);
                    }
                    filled += missing;
                }
                Next::Nothing if reader.silent() => return self.be_silent(*reader, rest),
                Next::Nothing => {
                    if delay > WAIT {
                        reader.advance(rest.len() as i64);
                    }
                    return self.make_up(rest);
                }
            }
        }
        self.offset.end_frame();
    }

    /// Leaves audio out when the delay is too large; whether it did.
    fn shorten(&mut self, delay: i64, reader: &mut Reader, stream: &Stream) -> bool {
        let excess = whole_frames(delay - self.target - SLACK);
        let step = if delay > RUNAWAY { excess } else { excess.min(FRAME) };
        if step == 0 || (delay <= RUNAWAY && !self.next_frame_is_quiet(*reader, stream)) {
            return false;
        }
        reader.advance(step);
        self.delay -= step;
        self.shortened += step;
        self.concealer.cut();
        true
    }

    fn next_frame_is_quiet(&mut self, mut probe: Reader, stream: &Stream) -> bool {
        let mut samples = [0; FRAME_8K];
        let mut read = 0;
        while read < FRAME_8K {
            let Next::Audio { coded, .. } = probe.next(stream.packets()) else { return false };
            let step = self.unpacker.read(&coded, &mut samples[read..]);
            probe.advance(step as i64);
            read += step;
        }
        self.noise.is_quiet(rms_dbfs(&samples))
    }

    fn make_up(&mut self, samples: &mut [i16]) {
        if self.concealer.audible() {
            self.concealed += samples.len() as i64;
        }
        self.concealer.conceal(samples);
    }

    /// The peer is silent: what is heard is the noise it describes, or what its codec makes of that.
    fn be_silent(&mut self, reader: Reader, samples: &mut [i16]) {
        match reader.noise() {
            Some(noise) => self.comfort.fill(&noise, samples),
            None if self.unpacker.rest(samples) => {}
            None => samples.fill(0),
        }
        self.concealer.real(samples);
    }
}

/// `samples` in whole frames, rounded towards zero; 0 for a negative number.
fn whole_frames(samples: i64) -> i64 {
    samples.max(0) / FRAME * FRAME
}

/// The largest offset of a packet's beginning in a frame, over the last 256 to 512 frames.
#[derive(Debug, Default)]
struct Offset {
    before: i64,
    current: i64,
    frames: u32,
}

impl Offset {
    fn note(&mut self, offset: i64) {
        self.current = self.current.max(offset);
    }

    fn end_frame(&mut self) {
        self.frames += 1;
        if self.frames == OFFSET_FRAMES {
            *self = Self { before: self.current, current: 0, frames: 0 };
        }
    }

    fn largest(&self) -> i64 {
        self.before.max(self.current)
    }
}

/// The level of the line when nobody speaks.
#[derive(Debug)]
struct NoiseFloor {
    dbfs: f32,
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self { dbfs: Self::ALWAYS_QUIET }
    }
}

impl NoiseFloor {
    /// Under this everything is quiet, over the other nothing.
    const ALWAYS_QUIET: f32 = -60.0;
    const NEVER_QUIET: f32 = -35.0;

    /// What a frame may lie above the floor.
    const MARGIN: f32 = 4.0;

    /// How fast the floor rises to meet a louder line: 1 dB a second.
    const RISE: f32 = 0.02;

    fn note(&mut self, dbfs: f32) {
        self.dbfs = (self.dbfs + Self::RISE).min(dbfs);
    }

    fn is_quiet(&self, dbfs: f32) -> bool {
        dbfs < (self.dbfs + Self::MARGIN).clamp(Self::ALWAYS_QUIET, Self::NEVER_QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_what_is_near_the_noise_of_the_line() {
        let mut noise = NoiseFloor::default();
        assert!(noise.is_quiet(-96.0) && !noise.is_quiet(-50.0));
        // Ten seconds of a line that hisses at -50 dBFS, and one of speech.
        (0..600).for_each(|_| noise.note(-50.0));
        assert!(noise.is_quiet(-47.0) && !noise.is_quiet(-45.0));
        (0..50).for_each(|_| noise.note(-20.0));
        assert!(noise.is_quiet(-47.0) && !noise.is_quiet(-40.0));
        // However loud the line, speech is not quiet.
        (0..10_000).for_each(|_| noise.note(-10.0));
        assert!(!noise.is_quiet(-34.0));
    }

    #[test]
    fn the_largest_offset_is_forgotten_after_512_frames() {
        let mut offset = Offset::default();
        offset.note(80);
        offset.note(40);
        (0..2 * OFFSET_FRAMES - 1).for_each(|_| offset.end_frame());
        assert_eq!(offset.largest(), 80);
        offset.end_frame();
        assert_eq!(offset.largest(), 0);
    }

    #[test]
    fn changes_are_whole_frames() {
        assert_eq!([-200, 0, 159, 160, 479].map(whole_frames), [0, 0, 0, 160, 320]);
    }
}
