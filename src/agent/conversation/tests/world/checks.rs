//! What must hold at any time, whoever calls and whatever fails.

use super::*;
use crate::provider::llm::Message;

/// Nobody waits longer than this for any sound when it is our turn.
const SILENCE: Duration = Duration::from_millis(4_000);

impl World {
    /// Carries out what the conversation asks for, and checks that it may.
    pub(super) fn drain(&mut self) {
        while let Some(action) = self.conversation.poll_action() {
            assert!(self.ended.is_none(), "nothing follows the end: {}", brief(&action));
            self.log.push((self.now.saturating_duration_since(self.begin), action.clone()));
            match action {
                Action::Prepare { prompt, text } => {
                    let samples = text.expose().len() as u64 * SAMPLES_A_BYTE;
                    let text = text.into_inner();
                    let marks = word_ends(&text)
                        .map(|end| crate::provider::tts::WordMark {
                            text_end: end,
                            sample_end: end as u64 * SAMPLES_A_BYTE,
                        })
                        .collect();
                    assert!(self.texts.insert(prompt, text).is_none(), "a text is asked for once");
                    self.later(ms(30), Input::Prepared { prompt, samples, marks });
                }
                Action::Say { utterance, text } => {
                    assert!(!self.is_forgotten(utterance), "nothing is added to what was forgotten");
                    self.synthesise(utterance, text.expose());
                    self.replan(&Source::Utterance(utterance));
                }
                Action::SayNoMore { utterance } => self.finish_utterance(utterance),
                Action::Forget { utterance, .. } => {
                    let playing = self.playing.as_ref().map(|playing| &playing.source);
                    assert_ne!(playing, Some(&Source::Utterance(utterance)), "what is heard is cut first");
                    self.utterances.entry(utterance).or_default().forgotten = true;
                }
                Action::Speak { reply, source, from } => self.play(reply, source, from),
                Action::StopSpeaking { reply, fade } => {
                    let now = self.now;
                    let playing = self.playing.as_mut().expect("only what plays is stopped");
                    assert!(playing.reply == reply && playing.stop.is_none(), "a reply is stopped once");
                    playing.stop = Some(now + if playing.started.is_some() { fade } else { ms(0) });
                }
                Action::Listen { turn, .. } => self.turn = Some(turn),
                Action::EndTurn { turn } => {
                    assert_eq!(self.turn, Some(turn), "only an open turn is ended");
                    self.recognise(turn);
                }
                Action::AbandonTurn { .. } => self.forget_words(),
                Action::LookUp { generation, question, .. } => {
                    self.questions.push(question.into_inner());
                    let (delay, passages) = self.found.clone();
                    if let Some(delay) = delay {
                        self.later(delay, Input::LookedUp { generation, passages });
                    }
                }
                Action::Generate { generation, request } => {
                    self.check_request(&request);
                    self.requests.push(request);
                    self.think(generation);
                }
                Action::CancelGeneration { generation } => self.stop_thinking(generation),
                Action::RunTool { run, name, .. } => self.run_tool(run, &name),
                Action::SendDtmf { digits } => self.later(ms(200 * digits.expose().len() as u64), Input::DtmfSent),
                Action::Transfer(_) => self.transfer(),
                Action::Transcribed(line) => self.check_line(&line),
                Action::End(ending) => self.ended = Some(ending),
                Action::Patience(_)
                | Action::CancelTool { .. }
                | Action::CancelTransfer
                | Action::Native(_)
                | Action::External(_)
                | Action::Record(_)
                | Action::OptOut { .. }
                | Action::Answered(_)
                | Action::Replied(_) => {}
            }
        }
    }

    fn is_forgotten(&self, id: UtteranceId) -> bool {
        self.utterances.get(&id).is_some_and(|utterance| utterance.forgotten)
    }

    fn play(&mut self, reply: ReplyId, source: Source, from: u64) {
        assert!(self.playing.is_none(), "one reply at a time");
        if let Source::Utterance(id) = &source {
            assert!(!self.is_forgotten(*id), "what was forgotten is not played");
        }
        let text = self.text(&source);
        let resumed = self.truth.iter_mut().rev().find(|spoken| spoken.source == source && from > 0);
        match resumed {
            Some(spoken) => spoken.open = true,
            None => self.truth.push(Spoken { source: source.clone(), text, heard: 0, open: true }),
        }
        let (asked, since) = (self.now, self.now);
        self.playing =
            Some(Playing { reply, source, from, asked, started: None, played: 0, since, starved: false, stop: None });
    }

    /// What plays has more words now.
    fn replan(&mut self, source: &Source) {
        let text = self.text(source);
        if let Some(spoken) = self.truth.iter_mut().rev().find(|spoken| spoken.source == *source) {
            spoken.text = text;
        }
    }

    /// A reply was played up to a sample of its source: the words that were wholly heard by then.
    pub(super) fn heard(&mut self, source: &Source, until: u64) {
        let text = self.text(source);
        let bytes = usize::try_from(until / SAMPLES_A_BYTE).expect("short");
        let heard = if bytes >= text.len() {
            text.len()
        } else {
            word_ends(&text).take_while(|end| *end <= bytes).last().unwrap_or(0)
        };
        let spoken = self.truth.iter_mut().rev().find(|spoken| spoken.source == *source).expect("it was spoken");
        (spoken.heard, spoken.open, spoken.text) = (heard.max(spoken.heard), false, text);
    }

    /// The request can be answered by any vendor, and says what was heard and nothing else.
    fn check_request(&self, request: &LlmRequest) {
        let mut owed: Vec<&str> = Vec::new();
        for message in request.messages.iter() {
            if let Message::Tool { call, .. } = message {
                assert!(owed.contains(&call.as_str()), "a result without its call: {call}");
                owed.retain(|id| id != call);
                continue;
            }
            assert!(owed.is_empty(), "calls without results: {owed:?}\n{}", show(request).join("\n"));
            if let Message::Assistant { calls, text } = message {
                assert!(!calls.is_empty() || !text.expose().is_empty(), "an empty message");
                owed = calls.iter().map(|call| call.id.as_str()).collect();
            }
        }
        assert!(owed.is_empty(), "calls without results: {owed:?}");
        if self.marks {
            self.check_heard(request);
        }
    }

    fn check_heard(&self, request: &LlmRequest) {
        let told: Vec<&str> = request
            .messages
            .iter()
            .filter_map(|message| match message {
                Message::Assistant { text, .. } => Some(text.expose().as_str()),
                _ => None,
            })
            .collect();
        let told = words(&told.join(" ").replace('—', " "));
        // What was cut for a filler, or by a noise, goes on behind it.
        let mouth = &self.conversation.mouth;
        let to_come = mouth.open.iter().map(|reply| &reply.saying).chain(&mouth.queue);
        let to_come: Vec<&Source> = to_come
            .filter(|saying| saying.from > 0 || matches!(saying.source, Source::Utterance(_)))
            .map(|saying| &saying.source)
            .collect();
        let is_last = |at: usize| !self.truth[at + 1..].iter().any(|later| later.source == self.truth[at].source);
        let goes_on = |at: usize, spoken: &Spoken| {
            spoken.heard > 0 && spoken.heard < spoken.text.len() && to_come.contains(&&spoken.source) && is_last(at)
        };
        let upto = |(at, spoken): (usize, &Spoken)| match spoken.open || goes_on(at, spoken) {
            true => spoken.text.len(),
            false => spoken.heard,
        };
        let heard: Vec<&str> =
            self.truth.iter().enumerate().map(|(at, spoken)| &spoken.text[..upto((at, spoken))]).collect();
        let heard = words(&heard.join(" "));
        let begun = |source: &Source| self.truth.iter().any(|spoken| spoken.source == *source && !is_unheard(spoken));
        let planned: Vec<String> = self
            .utterances
            .iter()
            .filter(|(id, utterance)| {
                let source = Source::Utterance(**id);
                let known = self.truth.iter().any(|spoken| spoken.source == source);
                !utterance.forgotten && !begun(&source) && (!known || to_come.contains(&&source))
            })
            .map(|(_, utterance)| utterance.text.clone())
            .collect();
        let planned = words(&planned.join(" "));
        let all: Vec<String> = heard.iter().chain(&planned).cloned().collect();
        assert!(
            told == heard || told == all,
            "the model is told\n  {}\nbut what was heard is\n  {}\nand to come\n  {}\n{}",
            told.join(" "),
            heard.join(" "),
            planned.join(" "),
            self.story()
        );
    }

    /// What the transcript says was heard is what was played.
    fn check_line(&self, line: &Line) {
        assert!(line.from_ms <= line.to_ms, "{line:?}");
        if line.speaker != Speaker::Agent || !self.marks || line.text.expose().starts_with('[') {
            return;
        }
        let said = words(line.text.expose());
        let known = self.truth.iter().any(|spoken| {
            let heard = if spoken.open { &spoken.text } else { &spoken.text[..spoken.heard] };
            words(heard).windows(said.len()).any(|window| *window == said)
        });
        assert!(known || said.is_empty(), "never heard: {:?}\n{}", line.text.expose(), self.story());
    }

    /// Between events: nothing is waited for without end, and nobody waits in silence for us.
    pub(super) fn check(&mut self) {
        if self.ended.is_some() {
            assert_eq!(self.conversation.poll_timeout(), None, "nothing is waited for after the end");
            return;
        }
        let owed = self.conversation.owes_something()
            && self.conversation.caller_is_quiet()
            && !self.conversation.tools.is_listening()
            && !self.conversation.muted;
        if !owed || self.is_heard() || matches!(self.conversation.lead, Lead::Native(_)) {
            self.owed_since = None;
        } else {
            let since = *self.owed_since.get_or_insert(self.now);
            let silent = self.now.saturating_duration_since(since);
            assert!(silent <= SILENCE, "{silent:?} of silence while something is owed\n{}", self.story());
        }
    }

    /// Moves the clock, measuring how long the caller waits in silence.
    pub(super) fn set_now(&mut self, now: Instant) {
        if self.is_heard() || self.ended.is_some() {
            self.waits_since = None;
        } else if let Some(since) = self.waits_since {
            self.longest_silence = self.longest_silence.max(now.saturating_duration_since(since));
        }
        self.now = self.now.max(now);
    }

    /// From here on the caller waits for an answer.
    pub(in super::super) fn waits(&mut self) {
        self.waits_since = Some(self.now);
    }

    /// The caller has not met a silence that was too long.
    pub(in super::super) fn never_waited_in_silence(&self) {
        assert!(self.longest_silence <= SILENCE, "{:?} of silence\n{}", self.longest_silence, self.story());
    }

    /// The words of the agent's that were really heard.
    pub(in super::super) fn heard_words(&self) -> Vec<String> {
        self.truth
            .iter()
            .map(|spoken| spoken.text[..spoken.heard].trim().to_owned())
            .filter(|text| !text.is_empty())
            .collect()
    }
}

fn is_unheard(spoken: &Spoken) -> bool {
    spoken.heard == 0 && !spoken.open
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Where words end.
pub(super) fn word_ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    let ends = text.char_indices().filter(|(at, c)| c.is_whitespace() && !text[..*at].ends_with(char::is_whitespace));
    ends.map(|(at, _)| at).filter(|at| *at > 0).chain((!text.is_empty()).then_some(text.len()))
}

/// Messages but the first one, as `role: words`.
pub(in super::super) fn show(request: &LlmRequest) -> Vec<String> {
    let show = |message: &Message| match message {
        Message::System { text } => format!("system: {}", text.expose()),
        Message::User { text } => format!("user: {}", text.expose()),
        Message::Assistant { text, calls } => {
            let calls: Vec<String> = calls.iter().map(|call| format!("[{}]", call.name)).collect();
            format!("assistant: {}{}", text.expose(), calls.concat())
        }
        Message::Tool { result, .. } => format!("tool: {}", result.expose()),
    };
    request.messages.iter().skip(1).map(show).collect()
}

pub(super) fn brief(action: &Action) -> String {
    match action {
        Action::Generate { generation, request } => format!("Generate {generation:?} {:?}", show(request)),
        Action::Say { utterance, text } => format!("Say {utterance:?} {:?}", text.expose()),
        Action::Prepare { prompt, text } => format!("Prepare {prompt:?} {:?}", text.expose()),
        Action::Listen { turn, .. } => format!("Listen {turn:?}"),
        Action::Transcribed(line) => format!("Transcribed {:?} {:?} {}", line.speaker, line.text.expose(), line.cut),
        other => format!("{other:?}"),
    }
}
