use super::*;

/// A callee in virtual time.
struct Line {
    answering: Answering,
    now: Instant,
}

impl Line {
    fn new(leaves_message: bool) -> Self {
        Self { answering: Answering::new(Language::English, leaves_message), now: crate::time::now().mono }
    }

    fn detected(&mut self, party: Party) -> Step {
        self.answering.detected(self.now, party)
    }

    fn heard(&mut self, text: &str) -> Step {
        self.answering.heard(self.now, text)
    }

    /// The callee speaks for so long.
    fn speaks(&mut self, ms: u64) -> Vec<Step> {
        self.answering.voice_started(self.now);
        let steps = self.pass(ms);
        self.answering.voice_stopped(self.now);
        steps
    }

    /// Time passes; what happens meanwhile.
    fn pass(&mut self, ms: u64) -> Vec<Step> {
        let end = self.now + Duration::from_millis(ms);
        let mut steps = Vec::new();
        while let Some(at) = self.answering.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            let step = self.answering.handle_timeout(self.now);
            if step == Step::Nothing && self.answering.poll_timeout().is_some_and(|at| at <= self.now) {
                panic!("a timeout that changes nothing comes again: {:?}", self.answering);
            }
            steps.push(step);
        }
        self.now = end;
        steps
    }
}

#[test]
fn a_machine_is_hung_up_on_without_a_word() {
    let mut line = Line::new(false);
    assert_eq!(line.detected(Party::Machine), Step::BeSilent);
    assert!(line.answering.is_with_machine());
    assert_eq!(line.pass(1_499), []);
    assert_eq!(line.pass(1), [Step::HangUp]);
    assert_eq!(line.detected(Party::Beep), Step::Nothing, "it is over");
}

#[test]
fn a_mailbox_that_says_so_is_hung_up_on_at_once() {
    let mut line = Line::new(false);
    assert_eq!(line.heard("You have reached"), Step::Nothing);
    assert_eq!(line.heard("You have reached Peter. Please leave a message after the tone"), Step::HangUp);
    let mut line = Line::new(false);
    assert_eq!(line.detected(Party::Beep), Step::HangUp);
}

#[test]
fn a_person_taken_for_a_machine_is_talked_to() {
    let mut line = Line::new(false);
    line.detected(Party::Machine);
    line.pass(700);
    assert_eq!(line.heard("Hello? Who is there?"), Step::GoOn);
    assert!(!line.answering.is_with_machine());
    assert_eq!(line.pass(10_000), []);
    let mut line = Line::new(true);
    line.detected(Party::Machine);
    assert_eq!(line.detected(Party::Human), Step::GoOn);
}

#[test]
fn who_answered_a_question_stays_a_person() {
    let mut line = Line::new(false);
    assert_eq!(line.answering.is_person(), Step::Nothing);
    assert_eq!(line.detected(Party::Machine), Step::Nothing);
    assert_eq!(line.detected(Party::Beep), Step::Nothing);
    assert_eq!(line.heard("please leave a message after the tone"), Step::Nothing);
    assert_eq!(line.pass(60_000), []);
}

#[test]
fn a_message_is_left_after_the_beep() {
    let mut line = Line::new(true);
    assert_eq!(line.detected(Party::Machine), Step::BeSilent);
    assert_eq!(line.speaks(6_000), [Step::Nothing]);
    assert_eq!(line.detected(Party::Beep), Step::Nothing);
    assert_eq!(line.pass(299), []);
    assert_eq!(line.pass(1), [Step::LeaveMessage]);
    assert_eq!(line.pass(9_000), []);
    assert_eq!(line.answering.message_said(), Step::Left);
}

#[test]
fn a_message_is_left_when_the_greeting_ends_without_a_beep() {
    let mut line = Line::new(true);
    line.answering.voice_started(line.now);
    assert_eq!(line.heard("please leave a message"), Step::BeSilent);
    line.pass(3_000);
    line.answering.voice_stopped(line.now);
    assert_eq!(line.pass(1_999), []);
    assert_eq!(line.pass(1), [Step::LeaveMessage]);
}

#[test]
fn a_pause_in_the_greeting_is_not_its_end() {
    let mut line = Line::new(true);
    line.answering.voice_started(line.now);
    line.heard("please leave a message");
    line.pass(2_000);
    line.answering.voice_stopped(line.now);
    assert_eq!(line.pass(1_500), []);
    assert_eq!(line.speaks(3_000), []);
    assert_eq!(line.pass(2_000), [Step::LeaveMessage]);
}

#[test]
fn a_machine_that_speaks_on_gets_the_message_anew() {
    let mut line = Line::new(true);
    line.heard("please leave a message");
    assert_eq!(line.pass(2_000), [Step::LeaveMessage]);
    line.pass(1_000);
    assert_eq!(line.speaks(4_000), [Step::BeSilent]);
    assert_eq!(line.detected(Party::Beep), Step::Nothing);
    assert_eq!(line.pass(300), [Step::LeaveMessage]);
    assert_eq!(line.speaks(4_000), [], "after the beep nothing it says matters");
    assert_eq!(line.answering.message_said(), Step::Left);
}

#[test]
fn a_beep_in_the_message_begins_it_anew() {
    let mut line = Line::new(true);
    line.heard("please leave a message");
    assert_eq!(line.pass(2_000), [Step::LeaveMessage]);
    assert_eq!(line.detected(Party::Beep), Step::BeSilent);
    assert_eq!(line.pass(300), [Step::LeaveMessage]);
    assert_eq!(line.detected(Party::Beep), Step::Nothing);
}

#[test]
fn a_machine_without_end_is_hung_up_on() {
    let mut line = Line::new(true);
    line.answering.voice_started(line.now);
    line.heard("please leave a message");
    assert_eq!(line.pass(44_999), []);
    assert_eq!(line.pass(1), [Step::HangUp]);
    let mut line = Line::new(true);
    line.heard("please leave a message");
    for _ in 0..5 {
        line.pass(2_000);
        line.speaks(2_000);
    }
    assert_eq!(line.answering.message_said(), Step::Left, "begun anew twice, then left");
}

#[test]
fn a_person_who_takes_the_phone_over_the_greeting_is_talked_to() {
    let mut line = Line::new(true);
    line.heard("please leave a message after the tone");
    line.pass(500);
    assert_eq!(line.heard("hello? sorry I am here"), Step::GoOn);
    assert_eq!(line.pass(60_000), []);
}

#[test]
fn mailboxes_are_known_by_their_words() {
    let greets = |language, text| super::greets(language, &crate::agent::words::words(text));
    for text in [
        "Hi, this is Anna. I can't come to the phone right now.",
        "Your call has been forwarded to an automated voice messaging system.",
        "The person you are trying to reach is not available. At the tone, please record your message.",
        "The mailbox is full and cannot accept messages.",
        "Leave your name and number and I'll get back to you.",
    ] {
        assert!(greets(Language::English, text), "{text}");
    }
    for text in [
        "Guten Tag, hier ist der Anrufbeantworter von Familie Krause.",
        "Der Teilnehmer ist vorübergehend nicht erreichbar.",
        "Ich bin leider gerade nicht erreichbar, Nachrichten bitte nach dem Piepton.",
    ] {
        assert!(greets(Language::German, text), "{text}");
    }
    for text in ["Hello, who is this?", "Sorry, I am in a meeting right now, what is it about?", "Yes, speaking."] {
        assert!(!greets(Language::English, text), "{text}");
    }
    for text in ["Ja hallo?", "Moment, ich verbinde.", "Ich habe gerade keine Zeit, rufen Sie später an."] {
        assert!(!greets(Language::German, text), "{text}");
    }
}

proptest::proptest! {
    /// Whatever happens, it ends: with a person, or with a hang-up.
    #[test]
    fn every_machine_is_done_with(events in proptest::collection::vec((0_u8..7, 0_u64..4_000), 0..40), leaves in proptest::bool::ANY) {
        let mut line = Line::new(leaves);
        for (event, ms) in events {
            match event {
                0 => { line.detected(Party::Machine); }
                1 => { line.detected(Party::Beep); }
                2 => { line.detected(Party::Human); }
                3 => { line.heard("please leave a message"); }
                4 => { line.heard("hello"); }
                5 => { line.answering.voice_started(line.now); }
                _ => { line.answering.voice_stopped(line.now); }
            }
            line.pass(ms);
        }
        line.answering.voice_stopped(line.now);
        line.pass(60_000);
        line.answering.message_said();
        proptest::prop_assert!(!line.answering.is_with_machine(), "{:?}", line.answering);
    }
}
