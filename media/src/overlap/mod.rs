//! What comes from the caller while the agent speaks: somebody who wants the word, somebody who listens, or no one.
//!
//! A voice over the agent's is watched from its onset. Where it comes from what left shortly before, it is [echo] and no
//! voice at all. Of the rest, numbers are taken frame by frame ([moment], [sound]): loudness, the shape of the spectrum and
//! how fast it changes, pitch, whether it is a voice's at all. Talk changes fast and goes on; a remark fades after one or
//! two syllables; laughs repeat themselves; coughs and music lack a voice's shape. A small recurrent [network] listens to
//! them, and the verdict falls within half a second of the onset ([judge]); it is revised when the sound turns out
//! otherwise.

mod echo;
mod judge;
mod levinson;
mod moment;
mod network;
mod sound;

use crate::frame::FRAME_8K;
use crate::vad::Verdict;
use echo::{Echo, Found, SEARCH_FRAMES};
use judge::Judgement;
use moment::Moment;
use sound::Sound;

/// What a sound over the agent's voice is taken for. Later verdicts on the same sound replace earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overlap {
    /// There is a voice, and more of it is needed: a verdict follows within 480 ms of its onset.
    Undecided,
    /// Speech that wants the word.
    Speech,
    /// A short remark of a listener: "mhm", "yeah", "okay".
    BackChannel,
    /// A cough, a laugh, a breath, noise or music on the line.
    Noise,
    /// The agent's own voice, come back.
    Echo,
}

/// What the detector says of 20 ms of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whether there is a voice that is not the agent's.
    pub voiced: bool,
    /// Whether they are nothing but the agent's voice, come back.
    pub echo: bool,
    /// A new verdict on the sound that is going on, or has just ended.
    pub verdict: Option<Overlap>,
}

/// So long after its last sound the agent still counts as speaking, in frames: pauses between sentences, and echoes on
/// their way.
const AGENT_LINGERS: u32 = 35;

/// Missed ticks that are counted: what lies before is of no interest any more.
const MOST_SKIPPED: u32 = 50;

/// Frames of the agent quieter than this are silence, in mean square.
const AGENT_SILENT: f32 = 400.0;

/// Frames of the caller quieter than this hold neither voice nor echo that matters.
const CALLER_SILENT_DBFS: f32 = -60.0;

/// Frames before the first one with voice that may belong to the same sound: the breath of an "h", the hiss of an "s".
const LOOK_BACK: usize = 16;

/// Frames kept: those, the one before them and the newest.
const RECENT: usize = LOOK_BACK + 2;

/// Quieter frames in between that do not break the sound: the closure of a "t" or "k", with a weak "s" behind it.
const CLOSURE: usize = 5;

/// So far above the noise of the line a frame belongs to the sound.
const ABOVE_FLOOR_DB: f32 = 8.0;

/// So far under the first frame with voice it does not.
const UNDER_VOICE_DB: f32 = 30.0;

/// Frames without voice that end a sound.
const GAP: u32 = 15;

/// Frames of echo in a row that end it as well: longer than a closure, in which what comes back is all that is heard.
const ECHOED: u32 = 6;

/// Frames, from the onset, after which the agent's own voice is looked for. The second time lies before the first
/// verdict; the later ones correct it.
const SEARCHES: [u32; 4] = [SEARCH_FRAMES as u32, 17, 23, 36];

/// Last frames of a sound that are looked at once more before it is taken for talk: it may have turned into echo.
const LAST_LOOK: usize = 17;

/// Frames of sound, over the agent's, after which its own voice is looked for although nothing sounds like a voice.
/// Twice as many each time that nothing is found: whoever has no echo has none later.
const FIRST_LOOK: u32 = 24;

/// Ticks after which what has not come is missing: packets come between two of them, one more or less.
const LATE: u32 = 2;

/// A sound that has ended within so many frames was too short to want the word after all.
const SHORT: u32 = 30;

/// The detector of one call.
pub struct OverlapDetector {
    echo: Echo,
    /// Frames since the agent was last heard.
    agent_silent: u32,
    /// The last frames of the caller, the newest last.
    /// A ring: see [`recent`](Self::recent).
    recent: [Recent; RECENT],
    /// Where the newest one lies in it.
    newest: usize,
    /// Level of the line's noise.
    floor: f32,
    /// Frames in a row without a voice.
    unvoiced: u32,
    /// Frames in a row that were a voice, but the agent's.
    echoed: u32,
    watch: Option<Watch>,
    sound: Sound,
    /// Ticks since something came from the caller.
    unheard: u32,
    /// Nothing is judged.
    listens_only: bool,
    /// Frames of sound since the agent's own voice was looked for, and how many there must be.
    unlooked: u32,
    next_look: u32,
}

/// A frame of the caller.
#[derive(Clone, Copy)]
struct Recent {
    samples: [f32; FRAME_8K],
    verdict: Verdict,
    echo: bool,
}

/// A sound being watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Watch {
    /// Frames since the onset, up to the present one and up to the last one with voice.
    frames: u32,
    voiced: u32,
    verdict: Overlap,
    /// The sound is to be judged from here on anew.
    judged: bool,
}

impl std::fmt::Debug for OverlapDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OverlapDetector")
            .field("watch", &self.watch)
            .field("floor", &self.floor)
            .finish_non_exhaustive()
    }
}

impl Default for OverlapDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl OverlapDetector {
    /// A detector that has heard nothing. About 30 KiB.
    #[must_use]
    pub fn new() -> Self {
        let silence = Verdict { voiced: false, probability: 0.0, level_dbfs: -96.0, spectrum: None };
        Self {
            echo: Echo::new(),
            agent_silent: AGENT_LINGERS + 1,
            recent: [Recent { samples: [0.0; FRAME_8K], verdict: silence, echo: false }; RECENT],
            newest: 0,
            floor: CALLER_SILENT_DBFS,
            unvoiced: GAP,
            echoed: 0,
            watch: None,
            sound: Sound::new(),
            unheard: 0,
            listens_only: false,
            unlooked: 0,
            next_look: FIRST_LOOK,
        }
    }

    /// One that takes nothing for talk, so that what it hears can be learnt from ([`Self::told`]).
    #[must_use]
    pub fn learning() -> Self {
        Self { listens_only: true, ..Self::new() }
    }

    /// What was told to the network of the sound that is going on, frame by frame: since its onset, or, once it has been
    /// judged, since then.
    pub fn told(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        let told = if self.watch.is_some() { self.sound.told() } else { &[] };
        told.iter().map(|inputs| &inputs[..])
    }

    /// Takes the 20 ms that leave for the caller at a tick, after so many ticks that were missed. Where packets of the
    /// caller do not come although it is time for a verdict, it falls without them.
    pub fn said(&mut self, frame: &[i16; FRAME_8K], skipped: u32) -> Option<Overlap> {
        self.unheard = self.unheard.saturating_add(1);
        for _ in 0..skipped.min(MOST_SKIPPED) {
            self.echo.said(&[0; FRAME_8K]);
        }
        let power: f32 = frame.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
        let silent = power < AGENT_SILENT * FRAME_8K as f32;
        self.agent_silent = if silent { self.agent_silent.saturating_add(1) } else { 0 };
        self.echo.said(frame);
        let watch = self.watch.filter(|watch| self.unheard >= LATE && watch.verdict == Overlap::Undecided)?;
        self.conclude(watch)
    }

    /// The present verdict on the sound that is going on, if the agent speaks and there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<Overlap> {
        self.watch.map(|watch| watch.verdict)
    }

    /// Frames since the onset of the sound that is going on, if the agent speaks and there is one.
    #[must_use]
    pub fn frames(&self) -> Option<u32> {
        self.watch.map(|watch| watch.frames)
    }

    /// Takes the next 20 ms of the caller with what [`Vad::push`](crate::vad::Vad::push) said of them. Does not allocate.
    pub fn heard(&mut self, frame: &[i16; FRAME_8K], verdict: Verdict) -> Heard {
        self.unheard = 0;
        let samples: [f32; FRAME_8K] = std::array::from_fn(|n| f32::from(frame[n]));
        let agent_speaks = self.agent_silent <= AGENT_LINGERS;
        let audible = verdict.level_dbfs > CALLER_SILENT_DBFS;
        let echo = if agent_speaks && audible {
            self.echo.heard(&samples)
        } else {
            self.echo.skip();
            false
        };
        let voiced = verdict.voiced && !echo;
        self.newest = (self.newest + 1) % RECENT;
        self.recent[self.newest] = Recent { samples, verdict: Verdict { voiced, ..verdict }, echo };
        if !voiced {
            self.floor = verdict.level_dbfs.min(self.floor + 0.1).max(-75.0);
        }
        let gap = self.unvoiced;
        self.unvoiced = if voiced { 0 } else { gap.saturating_add(1) };
        self.echoed = if verdict.voiced && echo { self.echoed + 1 } else { 0 };
        if self.echoed >= ECHOED {
            // Whatever comes next is a sound of its own.
            self.unvoiced = GAP;
        }
        let change = match &self.watch {
            _ if !agent_speaks => {
                self.watch = None;
                None
            }
            None if voiced && gap >= GAP => {
                self.begin();
                None
            }
            None => self.look(audible),
            Some(_) => self.go_on(voiced),
        };
        Heard { voiced, echo, verdict: change }
    }

    /// Looks for an echo so weak that it does not sound like a voice: it would be heard behind the next cough, and a good
    /// recogniser may have heard it.
    fn look(&mut self, audible: bool) -> Option<Overlap> {
        self.unlooked = if self.echo.is_known() { 0 } else { self.unlooked + u32::from(audible) };
        if self.unlooked >= self.next_look {
            self.unlooked = 0;
            self.next_look = self.next_look.saturating_mul(2);
            return Some(Overlap::Echo).filter(|_| self.echo.search(FIRST_LOOK as usize) == Found::Echo);
        }
        None
    }

    /// A sound begins, a little before its first frame with voice.
    fn begin(&mut self) {
        let newest = self.recent(LOOK_BACK + 1).verdict.level_dbfs;
        let least = (self.floor + ABOVE_FLOOR_DB).max(newest - UNDER_VOICE_DB);
        let (mut before, mut closed) = (0, 0);
        for (n, recent) in (1..=LOOK_BACK).rev().map(|n| self.recent(n)).enumerate() {
            if recent.echo || closed == CLOSURE {
                break;
            }
            closed = if recent.verdict.level_dbfs > least { 0 } else { closed + 1 };
            if closed == 0 {
                before = n + 1;
            }
        }
        self.sound.begin(false);
        for n in LOOK_BACK + 1 - before..=LOOK_BACK + 1 {
            self.sound.push(self.moment(n), self.floor);
        }
        let frames = before as u32 + 1;
        self.watch = Some(Watch { frames, voiced: frames, verdict: Overlap::Undecided, judged: false });
    }

    /// A frame by its age, the oldest first: [`LOOK_BACK`]` + 1` is the newest.
    fn recent(&self, n: usize) -> &Recent {
        &self.recent[(self.newest + 1 + n) % RECENT]
    }

    fn moment(&self, n: usize) -> Moment {
        let mut window = [0.0; 2 * FRAME_8K];
        window[..FRAME_8K].copy_from_slice(&self.recent(n - 1).samples);
        window[FRAME_8K..].copy_from_slice(&self.recent(n).samples);
        Moment::of(&window, &self.recent(n).verdict)
    }

    /// The sound goes on, or has ended.
    fn go_on(&mut self, voiced: bool) -> Option<Overlap> {
        let mut watch = self.watch?;
        watch.frames = watch.frames.saturating_add(1);
        if voiced {
            watch.voiced = watch.frames;
        }
        let before = watch.verdict;
        if self.unvoiced >= GAP {
            self.watch = None;
            let last = self.verdict_at_end(watch);
            return Some(last).filter(|last| *last != before);
        }
        if SEARCHES.contains(&watch.frames) && self.echo.search(watch.frames as usize) == Found::Echo {
            return self.echo_found(before);
        }
        if watch.verdict == Overlap::Speech {
            self.watch = Some(watch);
            return None;
        }
        if std::mem::take(&mut watch.judged) {
            self.sound.begin(true);
        }
        self.sound.push(self.moment(LOOK_BACK + 1), self.floor);
        if self.echoed > 0 {
            self.watch = Some(watch);
            return None;
        }
        self.conclude(watch)
    }

    /// What is made of the sound so far, if it is time.
    fn conclude(&mut self, mut watch: Watch) -> Option<Overlap> {
        let before = watch.verdict;
        let missing = self.unheard.saturating_sub(LATE - 1) as usize;
        let judgement = judge::judge(&self.sound, missing);
        watch.judged = judgement != Judgement::Open;
        if judgement == Judgement::Speech && !self.listens_only {
            match self.search(watch.frames as usize) {
                Found::Echo => return self.echo_found(before),
                Found::Maybe if judge::may_wait(&self.sound) => watch.judged = false,
                Found::Maybe | Found::Nothing => watch.verdict = Overlap::Speech,
            }
        } else if watch.judged {
            watch.verdict = quiet(judgement);
        }
        self.watch = Some(watch);
        Some(watch.verdict).filter(|verdict| *verdict != before)
    }

    /// Whether what is about to be taken for talk is the agent's after all, or has turned into it.
    fn search(&mut self, frames: usize) -> Found {
        match self.echo.search(frames) {
            found @ (Found::Maybe | Found::Nothing) if frames > LAST_LOOK => match self.echo.search(LAST_LOOK) {
                Found::Echo => Found::Echo,
                Found::Maybe | Found::Nothing => found,
            },
            found @ (Found::Echo | Found::Maybe | Found::Nothing) => found,
        }
    }

    /// The sound is the agent's: whatever comes next is a sound of its own.
    fn echo_found(&mut self, before: Overlap) -> Option<Overlap> {
        (self.watch, self.unvoiced) = (None, GAP);
        Some(Overlap::Echo).filter(|last| *last != before)
    }

    /// What the sound was, now that it is over.
    fn verdict_at_end(&self, watch: Watch) -> Overlap {
        if self.echoed >= ECHOED {
            return Overlap::Echo;
        }
        match watch.verdict {
            Overlap::Speech if watch.voiced > SHORT => Overlap::Speech,
            Overlap::Undecided | Overlap::Speech => quiet(judge::quiet(self.sound.opinion())),
            other @ (Overlap::BackChannel | Overlap::Noise | Overlap::Echo) => other,
        }
    }
}

/// A verdict of no talk.
fn quiet(judgement: Judgement) -> Overlap {
    match judgement {
        Judgement::Remark => Overlap::BackChannel,
        Judgement::Open | Judgement::Speech | Judgement::Noise => Overlap::Noise,
    }
}

#[cfg(test)]
mod tests;
