//! Card data: what looks like the number of a payment card, spoken or typed, is kept out of recording, transcript and
//! the log of keys.
//!
//! ```text
//!             11 digits that may be a card's            Luhn holds
//!  Recording ──────────────────────────────► Suspecting ──────────► Card ── 30 s without digits ──► Recording
//!      ▲                                          │ it was none        (code and expiry date follow)
//!      └──────────────────────────────────────────┘
//! ```
//!
//! A tool or a supervisor can pause as well; then only they, or ten minutes, end it.

use std::time::{Duration, Instant};

use crate::agent::flow::spoken::number::{Run, digit_runs};
use crate::agent::language::Language;
use crate::agent::words::words;

/// So many digits that may begin a card number are a suspicion.
const SUSPICIOUS: usize = 11;
/// Shortest and longest card number (ISO/IEC 7812).
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;
/// Silence of digits after which the card has been given, code and expiry date included.
const AFTER_CARD: Duration = Duration::from_secs(30);
/// Silence of digits after which a number that was begun is not gone on with.
const BETWEEN_GROUPS: Duration = Duration::from_secs(10);
/// The longest pause that nobody ends.
const LONGEST_HOLD: Duration = Duration::from_secs(600);
/// What stands where a card number was.
const NUMBER: &str = "[card number]";
/// What stands where its code, its date or a part of it was.
const DATA: &str = "[card data]";
/// Codes and dates of cards have so many digits.
const CODE: std::ops::RangeInclusive<usize> = 3..=8;

/// What the conversation shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Stop recording, and mask what is written.
    Pause {
        /// So many of the caller's lines before the present one hold the beginning of the number: mask them, too, with
        /// [`CardWatch::masked`].
        lines: usize,
    },
    /// Go on recording.
    Resume,
}

/// Watches one caller.
#[derive(Clone, Debug)]
pub struct CardWatch {
    language: Language,
    state: State,
    /// Digits at the end of the caller's last turns that a number may go on from, in how many lines, and until when.
    carried: Option<Carried>,
    keys: String,
    last_key: Option<Instant>,
    /// Until when digits may follow on those that were given last.
    digits_until: Option<Instant>,
    /// A number is asked for that is no card's: suspicion alone does not count.
    expects_number: bool,
}

#[derive(Clone, Debug)]
struct Carried {
    digits: String,
    lines: usize,
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Recording,
    Suspecting { until: Instant },
    Card { until: Instant },
    Held { until: Instant },
}

impl CardWatch {
    /// For one call.
    #[must_use]
    pub const fn new(language: Language) -> Self {
        Self {
            language,
            state: State::Recording,
            carried: None,
            keys: String::new(),
            last_key: None,
            digits_until: None,
            expects_number: false,
        }
    }

    /// Whether recording, transcript and the log of keys are paused.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        !matches!(self.state, State::Recording)
    }

    /// Whether a number that is surely a card's has been given, just now or a moment ago.
    #[must_use]
    pub const fn has_card(&self) -> bool {
        matches!(self.state, State::Card { .. })
    }

    /// Whether digits are being given that may turn out to be the beginning of a card's number.
    #[must_use]
    pub fn hears_digits(&self, now: Instant) -> bool {
        self.digits_until.is_some_and(|until| now <= until)
    }

    /// Whether a phone number or another number is being asked for: then only a number that is surely a card's counts,
    /// and what was only suspected is none.
    pub const fn expect_number(&mut self, expects: bool) {
        self.expects_number = expects;
        if let (true, State::Suspecting { .. }) = (expects, self.state) {
            self.state = State::Recording;
        }
    }

    /// The words of the caller's present turn so far; `whole` when the turn is over.
    pub fn heard(&mut self, now: Instant, text: &str, whole: bool) -> Step {
        let words = words(text);
        let runs = digit_runs(self.language, &words);
        if !runs.is_empty() {
            self.digits_until = Some(now + BETWEEN_GROUPS);
        }
        let carried = self.carried.clone().filter(|carried| carried.until >= now);
        let alone = runs.iter().map(|run| self.judge(&run.digits)).max().unwrap_or(Found::Nothing);
        let joined = match (runs.first(), &carried) {
            (Some(run), Some(carried)) => self.judge(&format!("{}{}", carried.digits, run.digits)),
            _ => Found::Nothing,
        };
        let lines = carried.as_ref().filter(|_| joined > alone).map_or(0, |carried| carried.lines);
        if whole {
            self.carry(now, &words, &runs, carried.as_ref());
        }
        let ended = whole && self.carried.is_none();
        self.conclude(now, alone.max(joined), !runs.is_empty(), ended, lines)
    }

    /// The caller pressed a key.
    pub fn key(&mut self, now: Instant, key: char) -> Step {
        if self.last_key.is_some_and(|last| now.saturating_duration_since(last) > BETWEEN_GROUPS) {
            self.keys.clear();
        }
        self.last_key = Some(now);
        let ended = !key.is_ascii_digit();
        if !ended {
            self.keys.push(key);
            self.digits_until = Some(now + BETWEEN_GROUPS);
        }
        let found = self.judge(&self.keys);
        if ended {
            self.keys.clear();
        }
        self.conclude(now, found, true, ended, 0)
    }

    /// A tool or a supervisor pauses.
    pub fn hold(&mut self, now: Instant) -> Step {
        let paused = self.is_paused();
        self.state = State::Held { until: now + LONGEST_HOLD };
        if paused { Step::Nothing } else { Step::Pause { lines: 0 } }
    }

    /// A tool or a supervisor ends every pause.
    pub fn release(&mut self) -> Step {
        self.carried = None;
        self.resume()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Recording => None,
            State::Suspecting { until } | State::Card { until } | State::Held { until } => Some(until),
        }
    }

    /// No more digits came.
    pub fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.poll_timeout().is_some_and(|at| at <= now) { self.resume() } else { Step::Nothing }
    }

    /// A line of the transcript as it may be written: card numbers are masked always, codes and dates and parts of
    /// numbers while a card is being given, everything while somebody holds the recording.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        if matches!(self.state, State::Held { .. }) && !text.trim().is_empty() {
            return DATA.to_owned();
        }
        let pieces: Vec<&str> = text.split_whitespace().collect();
        // Which of the words each piece between blanks holds.
        let mut counts = Vec::with_capacity(pieces.len());
        let mut all = Vec::new();
        for piece in &pieces {
            let before = all.len();
            all.extend(words(piece));
            counts.push(before..all.len());
        }
        let hidden: Vec<(Run, &str)> = digit_runs(self.language, &all)
            .into_iter()
            .filter_map(|run| self.mask(&run.digits).map(|mask| (run, mask)))
            .collect();
        if hidden.is_empty() {
            return text.to_owned();
        }
        let mut written: Vec<&str> = Vec::new();
        for (piece, range) in pieces.iter().zip(counts) {
            let run = hidden.iter().find(|(run, _)| range.start < run.words.end && run.words.start < range.end);
            match run {
                Some((run, mask)) if range.start <= run.words.start => written.push(mask),
                Some(_) => {}
                None => written.push(piece),
            }
        }
        written.join(" ")
    }

    /// Typed keys as they may be written.
    #[must_use]
    pub fn masked_keys(&self, keys: &str) -> String {
        let digits: String = keys.chars().filter(char::is_ascii_digit).collect();
        match (self.state, self.mask(&digits)) {
            (State::Held { .. }, _) => DATA.to_owned(),
            (_, Some(mask)) => mask.to_owned(),
            (State::Recording | State::Suspecting { .. } | State::Card { .. }, None) => keys.to_owned(),
        }
    }

    fn mask(&self, digits: &str) -> Option<&'static str> {
        let length = digits.len();
        match self.state {
            _ if is_card(digits) => Some(NUMBER),
            State::Card { .. } if CODE.contains(&length) || may_be_card(digits) => Some(DATA),
            State::Suspecting { .. } if length >= *CODE.start() && begins_like_card(digits) => Some(DATA),
            State::Recording | State::Suspecting { .. } | State::Card { .. } | State::Held { .. } => None,
        }
    }

    fn judge(&self, digits: &str) -> Found {
        if is_card(digits) {
            Found::Card
        } else if !self.expects_number && may_be_card(digits) {
            Found::Suspicion
        } else {
            Found::Nothing
        }
    }

    /// Keeps the digits that the turn ended with: the number may go on in the next one.
    fn carry(&mut self, now: Instant, words: &[String], runs: &[Run], before: Option<&Carried>) {
        let Some(last) = runs.last().filter(|run| run.words.end + 1 >= words.len()) else {
            self.carried = None;
            return;
        };
        let goes_on = runs.len() == 1 && last.words.start <= 1;
        let (digits, lines) = match before {
            Some(before) if goes_on => (format!("{}{}", before.digits, last.digits), before.lines + 1),
            Some(_) | None => (last.digits.clone(), 1),
        };
        let may_go_on = digits.len() < *LENGTHS.end() && begins_like_card(&digits) && !is_card(&digits);
        self.carried = may_go_on.then_some(Carried { digits, lines, until: now + BETWEEN_GROUPS });
    }

    fn conclude(&mut self, now: Instant, found: Found, digits: bool, ended: bool, lines: usize) -> Step {
        let paused = self.is_paused();
        match (found, self.state) {
            (_, State::Held { .. }) => return Step::Nothing,
            (Found::Card, _) => self.state = State::Card { until: now + AFTER_CARD },
            (_, State::Card { .. }) if digits => self.state = State::Card { until: now + AFTER_CARD },
            (Found::Suspicion, State::Recording | State::Suspecting { .. }) if !ended => {
                self.state = State::Suspecting { until: now + BETWEEN_GROUPS };
            }
            // The number is complete, and no card's.
            (Found::Nothing | Found::Suspicion, State::Suspecting { .. }) if ended => return self.resume(),
            (Found::Nothing | Found::Suspicion, State::Recording | State::Suspecting { .. } | State::Card { .. }) => {}
        }
        if self.is_paused() && !paused { Step::Pause { lines } } else { Step::Nothing }
    }

    fn resume(&mut self) -> Step {
        let paused = self.is_paused();
        self.state = State::Recording;
        if paused { Step::Resume } else { Step::Nothing }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    Suspicion,
    Card,
}

/// What stands where these digits were, which belong to a card.
#[must_use]
pub fn hidden(digits: &str) -> &'static str {
    if is_card(digits) { NUMBER } else { DATA }
}

/// Whether these digits are a card number: issuer, length and check digit fit.
fn is_card(digits: &str) -> bool {
    LENGTHS.contains(&digits.len()) && begins_like_card(digits) && length_fits(digits) && luhn(digits)
}

/// Whether these digits may become a card number.
fn may_be_card(digits: &str) -> bool {
    (SUSPICIOUS..=*LENGTHS.end()).contains(&digits.len()) && begins_like_card(digits)
}

/// The issuers: 2221–2720 and 51–55 Mastercard, 34 and 37 American Express, 30, 36, 38, 39 Diners Club, 35 JCB, 4 Visa,
/// 50 and 56–69 Maestro, Discover, UnionPay and others.
fn begins_like_card(digits: &str) -> bool {
    let value = |length: usize| digits.get(..length).and_then(|head| head.parse::<u32>().ok());
    match digits.bytes().next() {
        Some(b'2') => value(4).is_none_or(|head| (2221..=2720).contains(&head)),
        Some(b'3') => value(2).is_none_or(|head| !matches!(head, 31..=33)),
        Some(b'4'..=b'6') => true,
        _ => false,
    }
}

fn length_fits(digits: &str) -> bool {
    match digits.as_bytes() {
        [b'4', ..] => matches!(digits.len(), 13 | 16 | 19),
        [b'3', b'4' | b'7', ..] => digits.len() == 15,
        [b'3', b'0' | b'6' | b'8' | b'9', ..] => matches!(digits.len(), 14 | 16 | 19),
        [b'2', ..] | [b'5', b'1'..=b'5', ..] => digits.len() == 16,
        _ => digits.len() >= 16 || matches!(digits.len(), 13 | 15),
    }
}

/// The check digit of ISO/IEC 7812-1.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            match place % 2 {
                0 => digit,
                _ if digit > 4 => 2 * digit - 9,
                _ => 2 * digit,
            }
        })
        .sum();
    digits.bytes().all(|b| b.is_ascii_digit()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests;
