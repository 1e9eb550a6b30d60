//! What is done about machines: mailboxes, screening services, menus.

use std::time::{Duration, Instant};

use super::super::mouth::AfterCut;
use super::super::{Action, Conversation, Ending, Lead, NativeOrder, Stage, Timer};
use super::{Quiet, Told};
use crate::agent::input::Party;
use crate::agent::manners::disclosure;
use crate::agent::manners::{Speaks, ivr, screening, speaks, voicemail};
use crate::pii::Pii;

/// How long a call that was answered by a switch may ring: as long as one that was not.
const RINGS_ON: Duration = Duration::from_secs(30);

impl Conversation {
    /// Something was noticed by sound, or by words.
    pub(in crate::agent::conversation) fn party_detected(&mut self, now: Instant, party: Party) {
        if self.answered.is_none() {
            return;
        }
        match party {
            Party::Fax => return self.end(now, Ending::FaxReached),
            Party::Ringback => return self.rings_on(now),
            Party::Human | Party::Machine | Party::Beep => self.picked_up(now),
            // Their words are dealt with where words are.
            Party::Screening | Party::Menu => {}
        }
        let step = self.manners.answering.detected(now, party);
        self.answer_machine(now, step);
    }

    /// The callee's phone rings although the call was answered: nothing is said before somebody is there, and what is
    /// being said waits.
    fn rings_on(&mut self, now: Instant) {
        if self.rings_on || self.outcome.caller_reacted || self.closing {
            return;
        }
        self.rings_on = true;
        self.timers.insert(Timer::Greeting, now + RINGS_ON);
        if self.stage == Stage::Talking {
            self.fall_silent();
        }
    }

    /// Somebody, or something, has taken the call that rang on.
    pub(in crate::agent::conversation) fn picked_up(&mut self, now: Instant) {
        if !std::mem::take(&mut self.rings_on) {
            return;
        }
        self.timers.remove(&Timer::Greeting);
        match self.stage {
            Stage::Greeting => self.open(now),
            Stage::Talking => {
                self.rewind();
                self.go_on(now);
            }
            Stage::Ringing | Stage::Ended => {}
        }
    }

    /// The callee's voice begins or stops.
    pub(in crate::agent::conversation) fn manners_hear_voice(&mut self, now: Instant, begins: bool) {
        let answering = &mut self.manners.answering;
        let step = if begins { answering.voice_started(now) } else { answering.voice_stopped(now) };
        self.answer_machine(now, step);
    }

    /// The callee did what only a person does.
    pub(in crate::agent::conversation) fn met_person(&mut self, now: Instant) {
        let step = self.manners.answering.is_person();
        self.answer_machine(now, step);
    }

    /// The callee's words as far as they are known.
    pub(in crate::agent::conversation) fn words_so_far(&mut self, now: Instant, text: &str) {
        if let Some(card) = &mut self.manners.card {
            let step = card.heard(now, text, false);
            self.guard_card(step);
        }
        if self.manners.screener.is_some()
            && self.manners.quiet == Quiet::No
            && speaks(self.manners.language, text) == Speaks::Screening
        {
            // It is let finish; sound alone must not take it for a mailbox.
            self.manners.answering.is_person();
            return self.fall_silent();
        }
        let step = self.manners.answering.heard(now, text);
        self.answer_machine(now, step);
    }

    /// Does what is wanted about a mailbox.
    pub(super) fn answer_machine(&mut self, now: Instant, step: voicemail::Step) {
        match step {
            voicemail::Step::Nothing => {}
            voicemail::Step::BeSilent => self.fall_silent(),
            voicemail::Step::GoOn => self.go_on(now),
            voicemail::Step::LeaveMessage => self.leave_message(now),
            voicemail::Step::HangUp => self.end(now, Ending::VoicemailReached),
            voicemail::Step::Left => self.end(now, Ending::MessageLeft),
        }
    }

    /// Does what is wanted about a screening service that was heard to say `text`.
    pub(super) fn pass_screening(&mut self, now: Instant, step: screening::Step, text: &str) {
        match step {
            screening::Step::Nothing => {}
            screening::Step::State => {
                // Whatever it sounds like: it is no mailbox, and a person may be next.
                self.manners.answering.is_person();
                self.drop_everything(now);
                self.manners.quiet = Quiet::Telling;
                if let Some(statement) = self.manners.statement {
                    self.say_fixed(statement, Told::Statement);
                }
            }
            screening::Step::Talk => {
                self.manners.quiet = Quiet::No;
                self.cancel_native();
                if let (Lead::Model(model), false) = (&mut self.lead, text.is_empty()) {
                    model.context.caller(text);
                }
                self.take_the_floor(now);
            }
            screening::Step::Declined => self.end(now, Ending::Screened),
            screening::Step::Voicemail => {
                self.manners.answering =
                    voicemail::Answering::new(self.manners.language, self.manners.message.is_some());
                self.manners.quiet = Quiet::No;
                let step = self.manners.answering.heard(now, text);
                self.answer_machine(now, step);
            }
        }
    }

    /// A menu was heard: whoever leads chooses, and is told what was tried.
    pub(super) fn face_menu(&mut self, now: Instant, text: &str) {
        match self.manners.menus.heard(text) {
            ivr::Step::NotAMenu => {}
            ivr::Step::Choose { tried, .. } => {
                self.manners.menu = Some(text.to_owned());
                if !tried.is_empty() {
                    let tried = tried.join(", ");
                    let note =
                        format!("This menu was heard before. These keys led back to it, choose others: {tried}.");
                    self.note(Pii::new(note));
                }
            }
            ivr::Step::GiveUp => self.end(now, Ending::LostInMenus),
        }
    }

    /// These keys are pressed at the menu heard last.
    pub(in crate::agent::conversation) fn menu_answered(&mut self, keys: &str) {
        if let Some(menu) = &self.manners.menu {
            self.manners.menus.pressed(menu, keys);
        }
    }

    fn fall_silent(&mut self) {
        let telling = std::mem::replace(&mut self.manners.quiet, Quiet::Silent) == Quiet::Telling;
        if telling {
            return self.hush();
        }
        self.hold_native();
        self.stop_speaking(AfterCut::Hear);
    }

    /// It is a person after all.
    fn go_on(&mut self, now: Instant) {
        if std::mem::replace(&mut self.manners.quiet, Quiet::No) == Quiet::No {
            return;
        }
        if !self.caller_has_word() {
            self.resume(now);
        }
        if let Lead::Native(_) = self.lead
            && self.manners.opened
            && self.is_mouth_free()
        {
            self.native_go_on(now);
        }
    }

    fn leave_message(&mut self, now: Instant) {
        self.drop_everything(now);
        self.manners.quiet = Quiet::Telling;
        if self.manners.disclosing.next() == Some(disclosure::Line::Ai) {
            let (line, prompt) = self.manners.lines[0];
            self.say_fixed(prompt, Told::Disclosure(line));
        }
        if let Some(message) = self.manners.message {
            self.say_fixed(message, Told::Message);
        }
    }

    /// A speech-to-speech model that answers while it must not be heard is stopped.
    pub(in crate::agent::conversation) fn hold_native(&mut self) {
        self.refuse_calls();
        if let Lead::Native(native) = &mut self.lead {
            self.timers.remove(&Timer::Model);
            if native.hold() {
                self.actions.push_back(Action::Native(NativeOrder::Cancel));
            }
        }
    }
}
