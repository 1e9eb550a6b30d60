//! A ladder: who said what to whom when, one arrow a message.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::{Message, Outline, Start, Trace, Way};

/// The most characters that a peer's own words may have in a label.
const WORDS: usize = 48;

/// A dialog and what became of it: the messages of one Call-ID.
#[derive(Debug, Clone, Copy)]
pub struct Leg<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// Its messages.
    pub trace: &'a Trace,
}

/// The messages of a call, of all its legs, in the order in which they passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder<'a> {
    /// Who takes part: we first, then every address that a message came from or went to, in their order.
    pub participants: Vec<Participant>,
    /// The Call-IDs of the legs, as far as they are text.
    pub legs: Vec<String>,
    /// When the first message passed, in microseconds since 1970 UTC.
    pub began_us: u64,
    /// The messages.
    pub steps: Vec<Step<'a>>,
    /// How many messages of all legs were left out, because a leg had too many.
    pub left_out: u64,
}

/// One who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Participant {
    /// This server.
    Us,
    /// The far side, by its address.
    Peer(SocketAddr),
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// Since the first message, in microseconds.
    pub offset_us: u64,
    /// Who sent it: an index of [`Ladder::participants`].
    pub from: usize,
    /// Who got it.
    pub to: usize,
    /// To which leg it belongs: an index of [`Ladder::legs`].
    pub leg: usize,
    /// Whether it had been there before, byte by byte.
    pub repeated: bool,
    /// How many messages of its leg were left out just before it.
    pub left_out_before: u64,
    /// What it is, in a few words.
    pub label: String,
    /// What it is, in parts.
    pub outline: Outline<'a>,
    /// The message.
    pub message: &'a Message,
}

impl<'a> Ladder<'a> {
    /// The ladder of a call.
    #[must_use]
    pub fn of(legs: &[Leg<'a>]) -> Self {
        let mut steps: Vec<Step<'a>> = Vec::new();
        for (leg, Leg { trace, .. }) in legs.iter().enumerate() {
            leg_steps(leg, trace, &mut steps);
        }
        // Stable: what passed in the same microsecond stays in its order.
        steps.sort_by_key(|step| step.message.at_us());
        let began_us = steps.first().map_or(0, |step| step.message.at_us());
        let mut places = BTreeMap::new();
        let mut participants = vec![Participant::Us];
        for step in &mut steps {
            let peer = step.message.peer();
            let place = *places.entry(peer).or_insert_with(|| {
                participants.push(Participant::Peer(peer));
                participants.len() - 1
            });
            (step.from, step.to) = match step.message.way() {
                Way::Received => (place, 0),
                Way::Sent => (0, place),
            };
            step.offset_us = step.message.at_us().saturating_sub(began_us);
        }
        let left_out = legs.iter().map(|leg| leg.trace.left_out()).sum();
        let legs = legs.iter().map(|leg| words(leg.call_id)).collect();
        Self { participants, legs, began_us, steps, left_out }
    }
}

/// The messages of one leg; who they are from and to, and when, is not known yet.
fn leg_steps<'a>(leg: usize, trace: &'a Trace, steps: &mut Vec<Step<'a>>) {
    let gap = trace.parts().0.len();
    let mut before = BTreeSet::new();
    for (index, message) in trace.messages().enumerate() {
        let outline = Outline::of(message.bytes());
        let repeated = !before.insert((message.way() == Way::Sent, message.bytes()));
        steps.push(Step {
            offset_us: 0,
            from: 0,
            to: 0,
            leg,
            repeated,
            left_out_before: if index == gap { trace.left_out() } else { 0 },
            label: label(&outline),
            outline,
            message,
        });
    }
}

/// `INVITE (in dialog, SDP)`, `407 Proxy Authentication Required (INVITE)`.
fn label(outline: &Outline<'_>) -> String {
    let mut notes: Vec<String> = Vec::new();
    let name = match outline.start {
        Start::Request(method) => {
            if outline.in_dialog && outline.is_request("INVITE") {
                notes.push("in dialog".to_owned());
            }
            words(method)
        }
        Start::Response { code, phrase } => {
            let method = outline.cseq.and_then(|cseq| cseq.rsplit(|byte| *byte == b' ').next());
            notes.extend(method.map(words));
            format!("{code} {}", words(phrase)).trim_end().to_owned()
        }
        Start::Unreadable => "unreadable".to_owned(),
    };
    if outline.credentials {
        notes.push("credentials".to_owned());
    }
    if !outline.body.is_empty() {
        notes.push(match outline.content_type {
            Some(_) if outline.is_of_type("application/sdp") => "SDP".to_owned(),
            Some(kind) => words(kind),
            None => "body".to_owned(),
        });
    }
    if notes.is_empty() { name } else { format!("{name} ({})", notes.join(", ")) }
}

/// Words of a peer's, for a terminal: at most [`WORDS`] characters, none of which steers it.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(WORDS * 4)]);
    text.chars().take(WORDS).map(|character| if is_harmless(character) { character } else { '?' }).collect()
}

/// Neither steers a terminal nor turns the order of what is read.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
