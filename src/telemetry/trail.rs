//! What is kept of a live call for its trace: when models, tools and replies began and ended. Pure, bounded, and
//! without a word of what was said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::agent::action::Action;
use crate::agent::input::{GenerationId, Input, ReplyId, ToolRunId};
use crate::agent::record::TurnTiming;
use crate::provider::error::ErrorKind;
use crate::provider::llm::FinishReason;
use crate::provider::witness::{Serving, Who, Witness};

/// Most of each that is kept of one call; what comes later is counted.
const MOST: usize = 1_000;

/// When what happened in a call.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// Who serves the call.
    witness: Witness,
    /// Answers of models, in the order in which they were asked for.
    pub generations: Vec<Generation>,
    /// Runs of tools.
    pub tools: Vec<ToolRun>,
    /// Look-ups in the assistant's knowledge.
    pub look_ups: Vec<LookUp>,
    /// Turns that were replied to.
    pub turns: Vec<Turn>,
    /// Replies that were told to stop.
    pub stops: Vec<Stop>,
    /// What was too much to be kept.
    pub dropped: u32,
    /// When the first packet of the reply that is spoken left.
    spoke: Option<Instant>,
}

/// An answer of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// Its number in the call.
    pub id: GenerationId,
    /// When the model was asked.
    pub asked: Instant,
    /// When the first piece of it came.
    pub first: Option<Instant>,
    /// When and how it ended; `None` when the call ended before.
    pub end: Option<(Instant, Generated)>,
    /// Whose it is, once the first piece has come.
    pub by: Option<Arc<Who>>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// It is complete.
    Complete(FinishReason),
    /// It failed.
    Failed(ErrorKind),
    /// Nobody wanted it any more.
    Cancelled,
}

/// A tool at work.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolRun {
    /// Its number in the call.
    pub run: ToolRunId,
    /// The tool.
    pub name: String,
    /// When it was asked for.
    pub asked: Instant,
    /// When its result came.
    pub end: Option<Instant>,
    /// The caller did not wait for it.
    pub cancelled: bool,
}

/// A look-up in the assistant's knowledge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookUp {
    /// The generation it was for.
    pub generation: GenerationId,
    /// When it was asked for.
    pub asked: Instant,
    /// When it was over, and how many passages it brought; `None` when it could not be done, or nobody waited for it.
    pub end: Option<(Instant, usize)>,
}

/// A turn that was replied to.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The last packet of the caller's voice, or the last key: what the timing counts from.
    pub since: Instant,
    /// The way to the reply.
    pub timing: TurnTiming,
    /// Who served when the reply began.
    pub by: Serving,
}

impl Turn {
    /// When this long had passed since the caller stopped.
    #[must_use]
    pub fn at(&self, after: Duration) -> Instant {
        self.since + after
    }

    /// When the first packet of the reply left.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.at(self.timing.replied)
    }
}

/// A reply that was told to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Which.
    pub reply: ReplyId,
    /// When it was told.
    pub asked: Instant,
    /// When the last of its sound left; `None` when it was over by itself.
    pub silent: Option<Instant>,
}

impl Trail {
    /// Of a call that is served by those.
    #[must_use]
    pub fn of(witness: Witness) -> Self {
        Self { witness, ..Self::default() }
    }

    /// The conversation is told something.
    pub fn told(&mut self, now: Instant, input: &Input) {
        let before = |ago: Duration| now.checked_sub(ago).unwrap_or(now);
        if let Input::SpeechStarted { ago, .. } = input {
            self.spoke = Some(before(*ago));
        } else if let Input::SpeechCut { reply, ago, .. } = input {
            if let Some(stop) = self.stops.iter_mut().rev().find(|stop| stop.reply == *reply) {
                stop.silent = Some(before(*ago).max(stop.asked));
            }
        } else if let Input::Token { generation, .. } | Input::ToolCalled { generation, .. } = input {
            let witness = self.witness.clone();
            if let Some(generation) = self.generation(*generation).filter(|generation| generation.first.is_none()) {
                generation.first = Some(now);
                generation.by = witness.serving().llm;
            }
        } else if let Input::Generated { generation, reason } = input {
            self.generated(now, *generation, Generated::Complete(*reason));
        } else if let Input::GenerationFailed { generation, kind } = input {
            self.generated(now, *generation, Generated::Failed(*kind));
        } else if let Input::LookedUp { generation, passages: Some(passages) } = input {
            let asked = self.generations.iter().any(|asked| asked.id == *generation);
            if let Some(look_up) = self.look_ups.iter_mut().rev().find(|look_up| look_up.generation == *generation)
                && !asked
            {
                look_up.end.get_or_insert((now, passages.len()));
            }
        } else if let Input::ToolResult { run, .. } = input
            && let Some(tool) = self.tool(*run)
        {
            tool.end.get_or_insert(now);
        }
    }

    /// The conversation asks for something.
    pub fn asked(&mut self, now: Instant, action: &Action) {
        let fits = if let Action::Generate { generation, .. } = action {
            push(&mut self.generations, Generation { id: *generation, asked: now, first: None, end: None, by: None })
        } else if let Action::RunTool { run, name, .. } = action {
            let name = name.clone();
            push(&mut self.tools, ToolRun { run: *run, name, asked: now, end: None, cancelled: false })
        } else if let Action::LookUp { generation, .. } = action {
            push(&mut self.look_ups, LookUp { generation: *generation, asked: now, end: None })
        } else if let Action::StopSpeaking { reply, .. } = action {
            push(&mut self.stops, Stop { reply: *reply, asked: now, silent: None })
        } else if let Action::Replied(timing) = action {
            let since = self.spoke.and_then(|spoke| spoke.checked_sub(timing.replied)).unwrap_or(now);
            let by = self.witness.serving();
            push(&mut self.turns, Turn { since, timing: *timing, by })
        } else {
            if let Action::CancelGeneration { generation } = action {
                self.generated(now, *generation, Generated::Cancelled);
            } else if let Action::CancelTool { run } = action
                && let Some(tool) = self.tool(*run)
            {
                tool.cancelled = true;
            }
            true
        };
        self.dropped += u32::from(!fits);
    }

    fn tool(&mut self, run: ToolRunId) -> Option<&mut ToolRun> {
        self.tools.iter_mut().rev().find(|tool| tool.run == run)
    }

    fn generation(&mut self, id: GenerationId) -> Option<&mut Generation> {
        self.generations.iter_mut().rev().find(|generation| generation.id == id)
    }

    fn generated(&mut self, now: Instant, id: GenerationId, how: Generated) {
        if let Some(generation) = self.generation(id) {
            generation.end.get_or_insert((now, how));
        }
    }
}

fn push<T>(list: &mut Vec<T>, item: T) -> bool {
    let fits = list.len() < MOST;
    if fits {
        list.push(item);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::llm::LlmRequest;
    use crate::time;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_turn_counts_from_the_callers_last_packet() {
        let (mut trail, begin) = (Trail::default(), time::now().mono);
        let timing = TurnTiming {
            at_ms: 0,
            decided: ms(300),
            understood: ms(320),
            replied: ms(900),
            first_token: None,
            first_sentence: None,
            first_audio: None,
            talk_over: None,
            look_up: None,
            looked_up: None,
        };
        // The packet left 5 ms before it is reported.
        trail.told(begin + ms(1_905), &Input::SpeechStarted { reply: ReplyId(1), ago: ms(5) });
        trail.asked(begin + ms(1_905), &Action::Replied(timing));
        assert_eq!((trail.turns[0].since, trail.turns[0].end()), (begin + ms(1_000), begin + ms(1_900)));
    }

    #[test]
    fn generations_tools_and_stops_have_their_ends() {
        let (mut trail, begin) = (Trail::default(), time::now().mono);
        let request =
            LlmRequest { messages: [].into(), tools: [].into(), max_tokens: 1, temperature: None, schema: None };
        for number in 0..3 {
            let generation = GenerationId(number);
            trail.asked(begin, &Action::Generate { generation, request: request.clone() });
        }
        let token = |number| Input::Token { generation: GenerationId(number), text: "a".to_owned().into() };
        trail.told(begin + ms(10), &token(1));
        trail.told(begin + ms(20), &token(1));
        trail.asked(begin + ms(30), &Action::CancelGeneration { generation: GenerationId(1) });
        trail.told(begin + ms(40), &Input::GenerationFailed { generation: GenerationId(2), kind: ErrorKind::TimedOut });
        let [open, cancelled, failed] = &trail.generations[..] else { panic!("three") };
        assert_eq!((open.first, open.end), (None, None));
        assert_eq!(cancelled.first, Some(begin + ms(10)));
        assert_eq!(cancelled.end, Some((begin + ms(30), Generated::Cancelled)));
        assert_eq!(failed.end, Some((begin + ms(40), Generated::Failed(ErrorKind::TimedOut))));

        trail.asked(begin, &Action::StopSpeaking { reply: ReplyId(4), fade: ms(15) });
        trail.told(begin + ms(35), &Input::SpeechCut { reply: ReplyId(4), heard: 9, ago: ms(5) });
        assert_eq!(trail.stops[0].silent, Some(begin + ms(30)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut trail, begin) = (Trail::default(), time::now().mono);
        for number in 0..1_003 {
            trail.asked(begin, &Action::StopSpeaking { reply: ReplyId(number), fade: ms(15) });
        }
        assert_eq!((trail.stops.len(), trail.dropped), (MOST, 3));
    }
}
