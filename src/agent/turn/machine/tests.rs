use super::*;
use crate::agent::turn::settings::TurnSettings;
use crate::pii::Pii;
use crate::provider::stt::Transcript;

mod caller;
mod interruption;
mod late;
mod random;
mod table;
mod vendor;

/// Asked afterwards, with a grammar.
const OFFLINE: Manner = Manner::TURN_BY_TURN;
/// Brings words on the way.
const WORDS: Manner = Manner { continuous: true, detects_turns: false, replies: true, lag: Duration::from_millis(400) };
/// Detects turns.
const VENDOR: Manner =
    Manner { continuous: true, detects_turns: true, replies: false, lag: Duration::from_millis(300) };

/// A machine on a clock of its own. Times are milliseconds since it began.
struct Bench {
    machine: TurnMachine,
    begin: Instant,
    now: u64,
    /// What was said and has not been looked at, with its time.
    said: Vec<String>,
    signals: Vec<TurnSignal>,
    last_turn: TurnId,
}

impl Bench {
    fn new(manner: Manner) -> Self {
        Self::with(manner, "en", &TurnSettings::default())
    }

    fn with(manner: Manner, language: &str, settings: &TurnSettings) -> Self {
        let machine = TurnMachine::new(Rules::new(language, settings), manner);
        Self {
            machine,
            begin: crate::time::now().mono,
            now: 0,
            said: Vec::new(),
            signals: Vec::new(),
            last_turn: TurnId(0),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.begin + Duration::from_millis(ms)
    }

    /// Lets the clock run to `ms`; every timer fires at its own time.
    fn until(&mut self, ms: u64) -> &mut Self {
        while let Some((at, _)) = self.machine.poll_timeout().filter(|(at, _)| *at <= self.at(ms)) {
            self.now = u64::try_from(at.duration_since(self.begin).as_millis()).expect("a test is short").max(self.now);
            self.machine.handle_timeout(at);
            self.drain();
        }
        self.now = ms;
        self
    }

    /// Tells the machine something at `ms`.
    fn tell(&mut self, ms: u64, input: TurnInput) -> &mut Self {
        self.until(ms);
        self.machine.handle(self.at(ms), input);
        self.drain();
        self
    }

    /// A voice from `from` to `to`, noticed 200 ms after each. Tells its beginning only, unless `to` is given.
    fn voice(&mut self, from: u64, to: Option<u64>) -> &mut Self {
        let since = self.at(from);
        self.tell(self.now.max(from + 200), TurnInput::VoiceStarted { since });
        if let Some(to) = to {
            self.silence(to);
        }
        self
    }

    fn silence(&mut self, from: u64) -> &mut Self {
        let last_voice = self.at(from);
        self.tell(self.now.max(from + 200), TurnInput::VoiceStopped { last_voice })
    }

    fn partial(&mut self, ms: u64, words: &str) -> &mut Self {
        self.tell(ms, TurnInput::Partial { words: Pii::new(words.to_owned()) })
    }

    fn ended(&mut self, ms: u64, words: &str) -> &mut Self {
        self.tell(ms, TurnInput::TurnEnded { words: Pii::new(words.to_owned()) })
    }

    fn eager(&mut self, ms: u64, words: &str) -> &mut Self {
        self.tell(ms, TurnInput::EagerEnd { words: Pii::new(words.to_owned()) })
    }

    /// Answers the turn that was closed last.
    fn answer(&mut self, ms: u64, words: &str) -> &mut Self {
        let turn = self.until(ms).last_turn;
        self.answer_to(ms, turn, words)
    }

    fn answer_to(&mut self, ms: u64, turn: TurnId, words: &str) -> &mut Self {
        self.tell(ms, TurnInput::Final { turn, transcript: spoken(words) })
    }

    fn agent(&mut self, ms: u64, guard: Guard) -> &mut Self {
        let at = self.at(ms);
        self.tell(ms, TurnInput::AgentStarted { at, guard })
    }

    /// What was said since the last look.
    #[track_caller]
    fn expect(&mut self, wanted: &[&str]) -> &mut Self {
        assert_eq!(std::mem::take(&mut self.said), wanted);
        self
    }

    fn drain(&mut self) {
        while let Some(signal) = self.machine.poll_signal() {
            if let TurnSignal::Close { turn } = &signal {
                self.last_turn = *turn;
            }
            self.said.push(format!("{} {}", self.now, self.describe(&signal)));
            self.signals.push(signal);
        }
    }

    fn describe(&self, signal: &TurnSignal) -> String {
        let ms = |at: Instant| at.saturating_duration_since(self.begin).as_millis();
        let turn = |name: &str, turn: &Turn| {
            let marks = [(turn.greeting, " greeting"), (turn.interrupted, " interrupted")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{name} {} {} at {}{marks}", turn.turn.0, told(&turn.transcript), ms(turn.last_voice))
        };
        match signal {
            TurnSignal::Started { turn, since } => format!("started {} at {}", turn.0, ms(*since)),
            TurnSignal::Reopened { was, turn, since } => format!("reopened {} as {} at {}", was.0, turn.0, ms(*since)),
            TurnSignal::Updated { words } => format!("updated '{}'", words.expose()),
            TurnSignal::EagerEnd { words } => format!("eager '{}'", words.expose()),
            TurnSignal::Resumed => "resumed".to_owned(),
            TurnSignal::Close { turn } => format!("close {}", turn.0),
            TurnSignal::Ended(ended) => turn("ended", ended),
            TurnSignal::Dismissed(ended) => turn("dismissed", ended),
            TurnSignal::Abandoned { turn } => format!("abandoned {}", turn.0),
            TurnSignal::Late { turn, words } => format!("late {} '{}'", turn.0, words.expose()),
            TurnSignal::Interrupt { since } => format!("interrupt from {}", ms(*since)),
            TurnSignal::Patience(patience) => format!("patience {patience:?}"),
        }
    }
}

fn spoken(words: &str) -> Transcript {
    if words.is_empty() {
        return Transcript::Nothing;
    }
    Transcript::Words { text: Pii::new(words.to_owned()), confidence: None }
}

fn told(transcript: &Transcript) -> String {
    match transcript {
        Transcript::Words { text, .. } => format!("'{}'", text.expose()),
        Transcript::OutOfGrammar => "strange".to_owned(),
        Transcript::Nothing => "nothing".to_owned(),
    }
}
