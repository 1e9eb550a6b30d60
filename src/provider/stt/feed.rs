//! The caller's voice on its way to a vendor: in pieces of a size it likes, never faster than it likes, and kept until its
//! words are certain, so that a new connection can hear it again.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callwright_media::codec::g711::{ULAW_TO_LINEAR, encode_ulaw};

/// Samples, which are bytes of μ-law, in a millisecond.
const PER_MS: usize = 8;
/// What may be sent at once, on top of the pace.
const BURST: Duration = Duration::from_millis(400);
/// Amplitude from which on audio is sound.
const LOUD: u16 = 300;
/// After so much silence without an open word, nothing before it is wanted again.
const SETTLED_BY_SILENCE: Duration = Duration::from_secs(3);
/// Of a pause, so much is sent to a vendor that is behind: enough for it to see the end of speech.
const PAUSE: Duration = Duration::from_millis(500);

/// How a vendor wants its audio.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Milliseconds of a piece. Audio waits until there is so much, and is parted when there is more.
    pub piece: RangeInclusive<usize>,
    /// The most, as a multiple of real time.
    pub speed: f64,
    /// How much is kept for another connection.
    pub keep: Duration,
}

/// One caller's audio.
#[derive(Debug)]
pub struct Feed {
    pace: Pace,
    /// Too little for a piece.
    rest: Vec<u8>,
    unsent: VecDeque<Piece>,
    /// Pieces that were sent and may be wanted again, each with the position of its end.
    sent: VecDeque<(Piece, u64)>,
    /// Samples sent on this connection.
    position: u64,
    /// Samples that may be sent now, as of `counted`.
    credit: f64,
    counted: Instant,
    /// Samples of silence at the end.
    quiet: usize,
    /// Samples that were let go unsent.
    lost: u64,
}

#[derive(Debug)]
struct Piece {
    audio: Bytes,
    loud: bool,
}

impl Feed {
    /// A feed that has heard nothing.
    #[must_use]
    pub fn new(now: Instant, pace: Pace) -> Self {
        Self {
            pace,
            rest: Vec::new(),
            unsent: VecDeque::new(),
            sent: VecDeque::new(),
            position: 0,
            credit: samples(BURST) as f64,
            counted: now,
            quiet: 0,
            lost: 0,
        }
    }

    /// Takes audio, 8 kHz.
    pub fn push(&mut self, audio: &[i16]) {
        let loud = audio.iter().rposition(|sample| sample.unsigned_abs() >= LOUD);
        self.quiet = loud.map_or(self.quiet + audio.len(), |last| audio.len() - 1 - last);
        self.rest.extend(audio.iter().map(|sample| encode_ulaw(*sample)));
        while self.rest.len() >= *self.pace.piece.start() * PER_MS {
            let most = *self.pace.piece.end() * PER_MS;
            let rest = self.rest.split_off(self.rest.len().min(most));
            let piece = Piece::new(std::mem::replace(&mut self.rest, rest));
            if piece.loud || self.pause_at_end() < samples(PAUSE) {
                self.unsent.push_back(piece);
            }
        }
        self.let_go();
    }

    /// Makes a piece of what is too little for one, with silence after it.
    pub fn complete(&mut self) {
        if !self.rest.is_empty() {
            let least = *self.pace.piece.start() * PER_MS;
            self.rest.resize(self.rest.len().max(least), encode_ulaw(0));
            self.unsent.push_back(Piece::new(std::mem::take(&mut self.rest)));
        }
    }

    /// The next piece, when it is time for one.
    pub fn next(&mut self, now: Instant) -> Option<Bytes> {
        self.count(now);
        let length = self.unsent.front()?.audio.len();
        if (length as f64) > self.credit {
            return None;
        }
        let piece = self.unsent.pop_front()?;
        let audio = piece.audio.clone();
        self.credit -= length as f64;
        self.position += length as u64;
        self.sent.push_back((piece, self.position));
        self.let_go();
        Some(audio)
    }

    /// When it is time for the next piece; none when there is none.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        let missing = self.unsent.front()?.audio.len() as f64 - self.credit;
        let wait = (missing / (self.pace.speed * 1_000.0 * PER_MS as f64)).max(0.0);
        // A nanosecond more, so that the credit is there in spite of rounding.
        Some(self.counted + Duration::from_secs_f64(wait) + Duration::from_nanos(1_000))
    }

    /// Whether everything was sent that makes a piece.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Seconds of audio sent on this connection.
    #[must_use]
    pub fn position(&self) -> f64 {
        self.position as f64 / (1_000 * PER_MS) as f64
    }

    /// Seconds of silence at the end of what was taken.
    #[must_use]
    pub fn quiet(&self) -> f64 {
        self.quiet as f64 / (1_000 * PER_MS) as f64
    }

    /// The words of this connection's audio are certain up to here, in seconds.
    pub fn settled(&mut self, until: f64) {
        // Vendors count in milliseconds, so the end of a piece may be a little later than they say.
        let until = until * (1_000 * PER_MS) as f64 + (2 * PER_MS) as f64;
        while self.sent.front().is_some_and(|(_, end)| *end as f64 <= until) {
            self.sent.pop_front();
        }
    }

    /// No word is waited for: after enough silence nothing is wanted again.
    pub fn forget_silence(&mut self) {
        if self.quiet >= samples(SETTLED_BY_SILENCE) {
            self.sent.clear();
        }
    }

    /// A new connection stands: what may be wanted again is sent again, before what was not sent yet, and long pauses in
    /// it are cut, so that the vendor is soon back in the present.
    pub fn again(&mut self, now: Instant) {
        while let Some((piece, _)) = self.sent.pop_back() {
            self.unsent.push_front(piece);
        }
        let mut pause = 0;
        self.unsent.retain(|piece| {
            pause = if piece.loud { 0 } else { pause + piece.audio.len() };
            pause <= samples(PAUSE)
        });
        self.position = 0;
        self.credit = samples(BURST) as f64;
        self.counted = now;
    }

    /// Samples that were let go before they were ever sent: the vendor was away for longer than audio is kept.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Samples of silence at the end of what is not sent.
    fn pause_at_end(&self) -> usize {
        self.unsent.iter().rev().take_while(|piece| !piece.loud).map(|piece| piece.audio.len()).sum()
    }

    fn kept(&self) -> usize {
        let sent: usize = self.sent.iter().map(|(piece, _)| piece.audio.len()).sum();
        sent + self.unsent.iter().map(|piece| piece.audio.len()).sum::<usize>()
    }

    /// Lets the oldest go until no more is kept than shall be.
    fn let_go(&mut self) {
        let mut kept = self.kept();
        while kept > samples(self.pace.keep) {
            let piece = match self.sent.pop_front() {
                Some((piece, _)) => piece,
                None => match self.unsent.pop_front() {
                    Some(piece) => {
                        self.lost += piece.audio.len() as u64;
                        piece
                    }
                    None => return,
                },
            };
            kept -= piece.audio.len();
        }
    }

    fn count(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.credit += passed * self.pace.speed * (1_000 * PER_MS) as f64;
        // Nothing is saved up for later, but a piece must fit.
        let most = samples(BURST).max(*self.pace.piece.end() * PER_MS) as f64;
        self.credit = self.credit.min(most);
        self.counted = self.counted.max(now);
    }
}

impl Piece {
    fn new(audio: Vec<u8>) -> Self {
        let loud = audio.iter().any(|byte| ULAW_TO_LINEAR[usize::from(*byte)].unsigned_abs() >= LOUD);
        Self { audio: audio.into(), loud }
    }
}

/// μ-law as signed 16 bit, little-endian: for vendors that take nothing else.
#[must_use]
pub fn linear16(mulaw: &[u8]) -> Vec<u8> {
    mulaw.iter().flat_map(|byte| ULAW_TO_LINEAR[usize::from(*byte)].to_le_bytes()).collect()
}

fn samples(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX / PER_MS) * PER_MS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pace() -> Pace {
        Pace { piece: 40..=100, speed: 1.25, keep: Duration::from_secs(6) }
    }

    fn feed() -> (Instant, Feed) {
        let now = crate::time::now().mono;
        (now, Feed::new(now, pace()))
    }

    fn sound(ms: usize) -> Vec<i16> {
        vec![5_000; ms * PER_MS]
    }

    /// Everything that is sent until `end`, as (milliseconds from the beginning, milliseconds of audio).
    fn sent(feed: &mut Feed, from: Instant, end: Duration) -> Vec<(u128, usize)> {
        let (mut now, mut sent) = (from, Vec::new());
        loop {
            while let Some(piece) = feed.next(now) {
                sent.push(((now - from).as_millis(), piece.len() / PER_MS));
            }
            match feed.next_at() {
                Some(next) if next <= from + end => now = next,
                Some(_) | None => return sent,
            }
        }
    }

    #[test]
    fn pieces_have_the_size_that_the_vendor_likes() {
        let (now, mut feed) = feed();
        feed.push(&sound(30));
        assert_eq!(feed.next(now), None, "too little");
        feed.push(&sound(30));
        assert_eq!(feed.next(now).map(|piece| piece.len()), Some(60 * PER_MS));
        feed.push(&sound(250));
        assert_eq!(sent(&mut feed, now, Duration::ZERO), [(0, 100), (0, 100), (0, 50)]);
        feed.push(&sound(10));
        feed.complete();
        let last = feed.next(now + 100 * MS).expect("a piece");
        assert_eq!((last.len(), last[79], last[80]), (40 * PER_MS, encode_ulaw(5_000), encode_ulaw(0)));
        feed.complete();
        assert!(feed.is_live());
    }

    #[test]
    fn a_new_connection_hears_what_is_not_certain_at_the_pace_of_the_vendor() {
        let (now, mut feed) = feed();
        for _ in 0..40 {
            feed.push(&sound(100));
        }
        assert_eq!(sent(&mut feed, now, 20_000 * MS).len(), 40);
        assert!((feed.position() - 4.0).abs() < 1e-9);
        feed.settled(0.999);
        let later = now + 60_000 * MS;
        feed.again(later);
        let again = sent(&mut feed, later, 20_000 * MS);
        assert_eq!(again.len(), 30, "the first second was certain");
        for (at, _) in &again {
            let before: usize = again.iter().filter(|(other, _)| other <= at).map(|(_, ms)| ms).sum();
            assert!(before as f64 <= 400.0 + 1.25 * *at as f64 + 2.0, "{before} ms by {at}");
        }
        let (last, _) = again.last().expect("something was sent");
        assert!((2_050..=2_100).contains(last), "(3000 - 400) / 1.25 = 2080, not {last}");
    }

    #[test]
    fn a_vendor_that_stays_away_costs_the_oldest_and_no_memory() {
        let (_, mut feed) = feed();
        for _ in 0..1_000 {
            feed.push(&sound(60));
        }
        assert!(feed.kept() <= 6_000 * PER_MS);
        assert_eq!(feed.lost() as usize + feed.kept(), 60_000 * PER_MS);
    }

    #[test]
    fn a_pause_is_not_caught_up_with() {
        let (now, mut feed) = feed();
        feed.push(&sound(1_000));
        assert_eq!(sent(&mut feed, now, 20_000 * MS).len(), 10);
        for _ in 0..40 {
            feed.push(&[0; 100 * PER_MS]);
        }
        feed.push(&sound(200));
        feed.again(now);
        let again: usize = sent(&mut feed, now, 20_000 * MS).iter().map(|(_, ms)| ms).sum();
        assert_eq!(again, 1_000 + 500 + 200);
        assert_eq!(feed.lost(), 0);
    }

    #[test]
    fn after_silence_nothing_is_wanted_again() {
        let (now, mut feed) = feed();
        feed.push(&sound(1_000));
        let mut live = now;
        for _ in 0..30 {
            sent(&mut feed, live, 100 * MS);
            feed.forget_silence();
            live += 100 * MS;
            feed.push(&[0; 100 * PER_MS]);
        }
        assert!(feed.kept() >= 3_900 * PER_MS, "words may be on their way for three seconds");
        feed.forget_silence();
        assert!(feed.kept() <= 500 * PER_MS, "{}", feed.kept());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_reordered_while_the_vendor_is_there(
            pushes in prop::collection::vec((1_usize..2_000, 0_u64..200), 1..40),
        ) {
            let (mut now, mut feed) = feed();
            let (mut expected, mut got) = (Vec::new(), Vec::new());
            for (number, (length, pause)) in pushes.into_iter().enumerate() {
                let audio = vec![ULAW_TO_LINEAR[number]; length];
                expected.extend(audio.iter().map(|sample| encode_ulaw(*sample)));
                feed.push(&audio);
                now += Duration::from_millis(pause);
                while let Some(piece) = feed.next(now) {
                    got.extend_from_slice(&piece);
                }
            }
            feed.complete();
            while let Some(next) = feed.next_at() {
                now = now.max(next);
                while let Some(piece) = feed.next(now) {
                    got.extend_from_slice(&piece);
                }
            }
            let (length, lost) = (expected.len(), usize::try_from(feed.lost()).expect("it is small"));
            if lost == 0 {
                prop_assert!(got.len() < length + 40 * PER_MS);
                prop_assert_eq!(&got[..length], &expected[..]);
            } else {
                prop_assert!(length > 6_000 * PER_MS, "only what is older than it is kept for");
            }
        }
    }
}
