//! Recognisers that break at random, by seed: as long as one of the two that are fed is well, every word is understood,
//! once and in order.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// A piece of audio, in milliseconds. A word is a piece that carries its number.
const PIECE: u64 = 100;
const TURNS: u32 = 5;

/// What is wrong with a recogniser, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Dies(u64),
    /// From then on it understands nothing and does not know it.
    Mute(u64),
    /// Its connection is lost and comes back, and hears again what it missed.
    Lost(u64, u64),
}

#[derive(Debug)]
struct Recogniser {
    fault: Fault,
    lag: u64,
    detects: bool,
    open: bool,
    /// Words that are not answered yet, and when they are understood.
    words: Vec<(u64, usize)>,
    quiet: u64,
    /// A turn whose answer is due.
    owed: Option<(u64, TurnId)>,
    told_fault: bool,
}

impl Recogniser {
    fn away(&self, now: u64) -> Option<u64> {
        match self.fault {
            Fault::None | Fault::Dies(_) => None,
            Fault::Mute(from) => (now >= from).then_some(u64::MAX),
            Fault::Lost(from, until) => (from..until).contains(&now).then_some(until),
        }
    }

    fn hears(&mut self, now: u64, word: usize) {
        let understood = self.away(now).map_or(now, |until| until.max(now));
        if word > 0 {
            self.words.push((understood.saturating_add(self.lag), word));
            self.quiet = 0;
        } else {
            self.quiet += PIECE;
        }
    }

    fn ends(&mut self, now: u64, turn: TurnId) {
        let due = if self.away(now).is_some() { now + 2_000 } else { now + self.lag };
        self.owed = Some((due, turn));
    }

    /// What it says now.
    fn says(&mut self, now: u64) -> Vec<SttEvent> {
        let mut events = Vec::new();
        match self.fault {
            Fault::Dies(at) if now >= at => {
                self.open = false;
                return vec![dead()];
            }
            Fault::Lost(from, _) if now >= from && !self.told_fault => {
                self.told_fault = true;
                events.push(SttEvent::Interrupted { error: error() });
            }
            Fault::None | Fault::Dies(_) | Fault::Mute(_) | Fault::Lost(..) => {}
        }
        let known = self.words.iter().take_while(|(at, _)| *at <= now).count();
        let text = |words: &[(u64, usize)]| text(&words.iter().map(|(_, word)| *word).collect::<Vec<_>>());
        let away = self.away(now).is_some();
        if let Some((_, turn)) = self.owed.take_if(|(due, _)| *due <= now) {
            let said: Vec<(u64, usize)> = self.words.drain(..known).collect();
            self.quiet = 0;
            let failed = said.is_empty() && away;
            let answer = || answer(turn.0, &text(&said));
            events.push(if failed { SttEvent::Failed { turn, error: error() } } else { answer() });
        } else if !away && self.words[..known].iter().any(|(at, _)| now - at < 20) {
            events.push(partial(&text(&self.words[..known])));
        } else if self.detects && self.owed.is_none() && !away && known > 0 && self.quiet > 500 + self.lag {
            let said: Vec<(u64, usize)> = self.words.drain(..known).collect();
            events.push(ended(&text(&said)));
        }
        events
    }
}

fn text(words: &[usize]) -> String {
    words.iter().map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ")
}

/// A call with its recognisers.
struct Call {
    ears: Ears,
    began: Instant,
    now: u64,
    sources: Vec<Recogniser>,
    admitted: Vec<bool>,
    answers: BTreeMap<u32, Vec<String>>,
    /// Words that the call was given for good.
    given: Vec<String>,
    ended: bool,
    dead: bool,
}

impl Call {
    fn new(sources: Vec<Recogniser>, warm: bool) -> Self {
        let manner = |source: &Recogniser| if source.detects { FLUX } else { NOVA };
        let manners: Vec<Manner> = sources.iter().map(manner).collect();
        let admitted = vec![true; sources.len()];
        let mut call = Self {
            ears: Ears::new(&manners, &admitted, warm),
            began: time::now().mono,
            now: 0,
            sources,
            admitted,
            answers: BTreeMap::new(),
            given: Vec::new(),
            ended: false,
            dead: false,
        };
        call.act();
        call
    }

    fn at(&self) -> Instant {
        self.began + Duration::from_millis(self.now)
    }

    fn tell(&mut self, input: SttInput) {
        self.ears.told(input);
        self.act();
    }

    fn act(&mut self) {
        while let Some(act) = self.ears.poll_act() {
            match act {
                Act::Open(at) => self.sources[at].open = true,
                Act::Close(at) => self.sources[at].open = false,
                Act::Tell(at, input) if self.sources[at].open => match input {
                    SttInput::Audio(samples) => self.sources[at].hears(self.now, samples[0].unsigned_abs().into()),
                    SttInput::End { turn } => self.sources[at].ends(self.now, turn),
                    SttInput::Begin { .. } | SttInput::Abandon { .. } | SttInput::Patience(_) => {}
                },
                Act::Tell(at, _) => panic!("{at} is told something though it is not open"),
                Act::Emit(event) => self.told(event),
                Act::Well(_) | Act::Failed(..) => {}
            }
        }
    }

    fn told(&mut self, event: SttEvent) {
        let mut give = |text: &str| self.given.extend(text.split_whitespace().map(str::to_owned));
        match event {
            SttEvent::Final { turn, transcript } => {
                let text = match transcript {
                    Transcript::Words { text, .. } => text.into_inner(),
                    Transcript::OutOfGrammar | Transcript::Nothing => String::new(),
                };
                give(&text);
                self.answers.entry(turn.0).or_default().push(text);
            }
            SttEvent::Failed { turn, .. } => self.answers.entry(turn.0).or_default().push("failed".to_owned()),
            SttEvent::TurnEnded { words } => {
                give(words.expose());
                self.ended = true;
            }
            SttEvent::Dead { .. } => self.dead = true,
            SttEvent::TurnStarted
            | SttEvent::Partial { .. }
            | SttEvent::EagerEnd { .. }
            | SttEvent::Resumed
            | SttEvent::Interrupted { .. } => {}
        }
    }

    /// 100 ms pass, in which the caller begins a word, or none.
    fn hear(&mut self, word: usize) {
        let sample = i16::try_from(word).expect("few words");
        self.tell(SttInput::Audio(vec![sample; 800].into()));
        for _ in 0..PIECE / 20 {
            self.now += 20;
            for at in 0..self.sources.len() {
                let events = if self.sources[at].open { self.sources[at].says(self.now) } else { Vec::new() };
                for event in events {
                    self.ears.said(self.at(), at, event, &self.admitted);
                    self.act();
                }
            }
            self.ears.tick(self.at(), &self.admitted);
            self.act();
            assert!(self.ears.poll_timeout().is_none_or(|at| at > self.at()), "it would be woken again at once");
        }
    }

    /// A turn of these words; how long its answer took.
    fn turn(&mut self, number: u32, words: std::ops::Range<usize>) -> u64 {
        let turn = TurnId(number);
        self.tell(SttInput::Begin { turn, grammar: Arc::default() });
        self.ended = false;
        for word in words {
            self.hear(word);
            self.hear(0);
            self.hear(0);
        }
        let detects = self.sources.iter().all(|source| source.detects);
        let patience = if detects { 2_500 } else { 500 };
        let mut waited = 0;
        while waited < patience && !self.ended {
            self.hear(0);
            waited += PIECE;
        }
        if self.ended {
            return 0;
        }
        self.tell(SttInput::End { turn });
        let end = self.now;
        while self.answers.get(&number).is_none_or(Vec::is_empty) && self.now < end + 10_000 {
            self.hear(0);
        }
        self.now - end
    }
}

fn run(seed: u64, detects: bool, warm: bool) {
    let mut dice = StdRng::seed_from_u64(seed);
    let count = dice.random_range(2..=3);
    let well = dice.random_range(0..2);
    let sources: Vec<Recogniser> = (0..count)
        .map(|at| {
            let when = dice.random_range(0..20_000);
            let back = when + dice.random_range(200..6_000);
            let fault = match dice.random_range(0..4) {
                _ if at == well => Fault::None,
                0 => Fault::None,
                1 if warm => Fault::Mute(when),
                2 if warm => Fault::Lost(when, back),
                _ => Fault::Dies(when),
            };
            let lag = dice.random_range(200..400);
            let (words, told_fault) = (Vec::new(), false);
            Recogniser { fault, lag, detects, open: false, words, quiet: 0, owed: None, told_fault }
        })
        .collect();
    let mut call = Call::new(sources, warm);
    let mut next = 1;
    for turn in 1..=TURNS {
        let count = dice.random_range(1..7);
        let waited = call.turn(turn, next..next + count);
        assert!(waited <= 3_000, "the answer to turn {turn} took {waited} ms");
        next += count;
        for _ in 0..dice.random_range(10..40) {
            call.hear(0);
        }
    }
    let twice = call.answers.values().any(|answers| answers.len() > 1);
    assert!(!twice && !call.dead, "{:?}", call.answers);
    let said: Vec<String> = (1..next).map(|word| format!("w{word}")).collect();
    assert_eq!(call.given, said, "{:?}", call.sources);
}

fn all(detects: bool, warm: bool) {
    for seed in 0..300 {
        let result = std::panic::catch_unwind(|| run(seed, detects, warm));
        assert!(result.is_ok(), "seed {seed}, detects turns: {detects}, warm: {warm}");
    }
}

#[test]
fn three_hundred_calls_lose_no_word_while_one_of_two_recognisers_is_well() {
    all(false, true);
}

#[test]
fn nor_do_they_where_the_recognisers_detect_turns() {
    all(true, true);
}

#[test]
fn nor_without_a_warm_spare_when_recognisers_die() {
    all(false, false);
}
