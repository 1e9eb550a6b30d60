//! The jitter buffer: turns packets that come when they come into 20 ms of audio every 20 ms.
//!
//! Its delay is how long after an undelayed packet's arrival that packet's audio is heard. It aims at the lateness that
//! 99 of 100 recent packets stay under. It grows when a packet is missing at its time and nothing later has come, by
//! waiting (what is heard meanwhile is made up); it grows by quiet frames put in, and shrinks by leaving out quiet frames
//! and gaps that would have to be made up. These changes are whole frames, so that packets and frames stay aligned: where
//! a packet ends in the middle of a frame, the frame is complete only when the next one is there.
//!
//! Where nobody falls silent for a second, speech itself is made shorter or longer by pitch periods. The frames this
//! leaves out of step come back into it in the next pause. Only when the delay runs away altogether are audible frames
//! left out.
//!
//! Places and lengths are counted at 8 kHz, whatever the rate at which its listener hears.

mod ahead;
mod offset;
mod quiet;

use crate::comfort::ComfortNoise;
use crate::conceal::Concealer;
use crate::frame::{FRAME_8K, MAX_FACTOR, MAX_SAMPLES, Rate};
use crate::level::rms_dbfs;
use crate::packets::{Next, Reader};
use crate::rtp::arrivals::Arrivals;
use crate::stream::Stream;
use crate::unpacker::Unpacker;
use ahead::Ahead;
use offset::Offset;
use quiet::NoiseFloor;

/// One frame in samples at 8 kHz, as all lengths here.
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

/// Frames for which a pause is waited for before speech is made shorter or longer: 1 s.
const PATIENCE: u32 = 50;

/// How alike two stretches of speech have to be for one of them to be left out or repeated; less with each second that
/// nothing was alike enough.
const ALIKE: f32 = 0.75;
const ALIKE_LOSS: f32 = 0.1;

/// Samples behind a gap that are looked at to fill it: 35 ms.
const FOLLOWING: usize = 280;

/// The buffer of one listener.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    rate: Rate,
    /// `None` until the first packet's time has come.
    reader: Option<Reader>,
    /// Where the stream before this one was left.
    passed: Option<i64>,
    target: i64,
    delay: i64,
    /// How far into a frame packets begin: that much later the frame is complete.
    offset: Offset,
    unpacker: Unpacker,
    /// What was read and not heard yet.
    ahead: Ahead,
    /// Frames for which the delay has been wrong while somebody spoke.
    waited: u32,
    /// Whether packets and frames are out of step because speech was made shorter or longer.
    out_of_step: bool,
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
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            reader: None,
            passed: None,
            target: LEAST,
            delay: 0,
            offset: Offset::default(),
            unpacker: Unpacker::new(rate),
            ahead: Ahead::new(rate),
            waited: 0,
            out_of_step: false,
            concealer: Concealer::at(rate),
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
        self.ahead.clear();
        self.waited = 0;
        self.out_of_step = false;
        self.target = LEAST;
        self.offset = Offset::default();
    }

    /// The place of the next sample heard; `None` while the first packet's time has not come.
    pub(crate) fn place(&self) -> Option<i64> {
        self.reader.map(|reader| reader.timestamp() - self.ahead.length()).or(self.passed)
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

    /// Samples put in.
    pub(crate) fn lengthened(&self) -> i64 {
        self.lengthened
    }

    /// The next 20 ms: as many samples as the rate has in them. `clock` is the time at 8 kHz; `skipped` frames of it passed
    /// without a call.
    pub(crate) fn pull(&mut self, clock: i64, skipped: u32, stream: &Stream, frame: &mut [i16]) {
        debug_assert_eq!(frame.len(), self.rate.samples());
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
        let heard = reader.timestamp() - self.ahead.length();
        if skipped > 0 {
            self.leave_out(i64::from(skipped) * FRAME, &mut reader);
        }
        self.scale(due, &mut reader, stream);
        self.fill(due, &mut reader, stream, frame);
        debug_assert!(reader.timestamp() - self.ahead.length() >= heard, "nothing is heard twice");
        debug_assert!((LEAST..=MOST).contains(&self.target) && self.delay <= RUNAWAY + 2 * FRAME, "{self:?}");
        self.reader = Some(reader);
        let level = rms_dbfs(frame);
        self.quiet = self.noise.is_quiet(level);
        self.noise.note(level);
    }

    fn aim(&mut self, arrivals: &Arrivals) {
        self.target = (arrivals.usual_lateness().max(LEAST) + self.offset.largest()).min(MOST);
    }

    /// Makes speech shorter or longer when the delay has been wrong for long, and brings packets and frames into step
    /// again where it is quiet.
    fn scale(&mut self, due: i64, reader: &mut Reader, stream: &Stream) {
        let delay = due + self.ahead.length() - reader.timestamp();
        let long = delay - self.target >= FRAME + SLACK;
        if !long && delay >= self.target {
            self.waited = 0;
        }
        if self.out_of_step && self.quiet && self.next_frame_is_quiet(*reader, stream) {
            let beyond = self.offset.off_grid();
            if beyond > 0 {
                self.leave_out(beyond, reader);
                self.shortened += beyond;
                self.offset = Offset::default();
            }
            self.out_of_step = false;
            return;
        }
        let speaks = matches!(reader.next(stream.packets()), Next::Audio { .. });
        if !speaks || self.quiet || (!long && delay >= self.target) {
            return;
        }
        self.waited += 1;
        if self.waited < PATIENCE {
            return;
        }
        let alike = ALIKE - ALIKE_LOSS * (self.waited / PATIENCE - 1) as f32;
        let wanted = if long { 2 * FRAME_8K } else { FRAME_8K };
        if !self.ahead.read(wanted, &mut self.unpacker, reader, stream) {
            return;
        }
        let change = if long { self.ahead.shorten(alike) } else { self.ahead.lengthen(alike) };
        self.shortened += change.min(0).abs();
        self.lengthened += change.max(0);
        if change != 0 {
            // What is alike in one frame is so in the next: its bound stays.
            self.waited -= 1;
            let mut rest = 0;
            if let Next::Audio { coded, .. } = reader.next(stream.packets()) {
                rest = coded.left() as i64;
            }
            self.offset = Offset::at((self.ahead.length() - FRAME + rest) % FRAME);
            self.out_of_step = true;
        }
    }

    /// Goes on without the next `samples`.
    fn leave_out(&mut self, samples: i64, reader: &mut Reader) {
        reader.advance(samples - self.ahead.drop(samples));
        self.concealer.cut();
    }

    /// Fills a frame. `due` is the place on the time line that an undelayed packet has reached by now.
    fn fill(&mut self, due: i64, reader: &mut Reader, stream: &Stream, frame: &mut [i16]) {
        let factor = self.rate.factor();
        let mut filled = self.ahead.take(frame);
        if filled > 0 {
            self.concealer.real(&mut frame[..filled]);
        }
        let mut begun = false;
        while filled < frame.len() {
            let left = (frame.len() - filled) / factor;
            let rest = &mut frame[filled..];
            let next = reader.next(stream.packets());
            let delay = due + (filled / factor) as i64 - reader.timestamp();
            match next {
                Next::Audio { coded, .. } => {
                    if !std::mem::replace(&mut begun, true) {
                        self.delay = delay;
                        if self.shorten(delay, reader, stream) {
                            continue;
                        }
                        if delay < self.target && self.quiet {
                            self.lengthened += left as i64;
                            return self.concealer.conceal(rest);
                        }
                    }
                    let read = self.unpacker.read(&coded, rest);
                    self.concealer.real(&mut rest[..read]);
                    reader.advance((read / factor) as i64);
                    filled += read;
                    if read == coded.left() * factor && filled < frame.len() {
                        self.offset.note((filled / factor) as i64);
                    }
                }
                Next::Pause { samples } if samples <= SLOPPY => reader.advance(samples),
                Next::Pause { samples } => {
                    // A pause is as long as it takes to have the wanted delay again at its end.
                    if !begun && delay - samples >= self.target {
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
                    let missing = usize::try_from(samples).unwrap_or(left).min(left);
                    let gap = &mut rest[..missing * factor];
                    if delay < self.target {
                        self.make_up(gap);
                    } else if self.unpacker.recover(reader.timestamp(), samples, &later, gap) {
                        self.concealer.real(gap);
                        self.concealed += missing as i64;
                        reader.advance(missing as i64);
                    } else {
                        reader.advance(missing as i64);
                        self.make_up_before(*reader, samples - missing as i64, stream, gap);
                    }
                    begun = true;
                    filled += missing * factor;
                }
                Next::Nothing if reader.silent() => return self.be_silent(*reader, rest),
                Next::Nothing => {
                    if delay > WAIT {
                        reader.advance(left as i64);
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

    fn next_frame_is_quiet(&mut self, reader: Reader, stream: &Stream) -> bool {
        let mut samples = [0; MAX_SAMPLES];
        let samples = &mut samples[..self.rate.samples()];
        let known = self.unpacker.peek(reader, stream.packets(), samples);
        known == samples.len() && self.noise.is_quiet(rms_dbfs(samples))
    }

    /// Makes up what is missing before `reader`, and `more` behind it.
    fn make_up_before(&mut self, reader: Reader, more: i64, stream: &Stream, samples: &mut [i16]) {
        if more > 0 {
            return self.make_up(samples);
        }
        let mut following = [0; MAX_FACTOR * FOLLOWING];
        let following = &mut following[..FOLLOWING * self.rate.factor()];
        let known = self.unpacker.peek(reader, stream.packets(), following);
        self.concealed += (samples.len() / self.rate.factor()) as i64;
        self.concealer.bridge(samples, &following[..known]);
    }

    fn make_up(&mut self, samples: &mut [i16]) {
        if self.concealer.audible() {
            self.concealed += (samples.len() / self.rate.factor()) as i64;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_whole_frames() {
        assert_eq!([-200, 0, 159, 160, 479].map(whole_frames), [0, 0, 0, 160, 320]);
    }
}
