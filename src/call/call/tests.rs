use super::*;
use crate::call::event::LegEnd;
use crate::call::outcome::{CallOutcome, DialFailure, DialFault, Failover};
use crate::time;

/// A call on virtual time, with what it asked for so far.
struct Bench {
    call: Call,
    start: Instant,
    now: Instant,
    actions: Vec<CallAction>,
}

impl Bench {
    fn outbound() -> Self {
        Self::new(|now| Call::outbound(now, CallConfig::default(), TrunkEvidence::default()))
    }

    fn inbound() -> Self {
        Self::new(|now| Call::inbound(now, CallConfig::default()))
    }

    fn ringing() -> Self {
        let mut bench = Self::outbound();
        bench.leg(LegEvent::Provisional { status: 180, media: false });
        bench
    }

    fn talking() -> Self {
        let mut bench = Self::ringing();
        bench.wait(4);
        bench.leg(LegEvent::Answered { media: true });
        bench
    }

    fn new(make: impl Fn(Instant) -> Call) -> Self {
        let start = time::now().mono;
        let mut bench = Self { call: make(start), start, now: start, actions: Vec::new() };
        bench.drain();
        bench
    }

    fn give(&mut self, input: CallInput) {
        self.call.handle(self.now, input);
        self.drain();
    }

    fn leg(&mut self, event: LegEvent) {
        self.give(CallInput::Leg(event));
    }

    fn media(&mut self, notice: MediaNotice) {
        self.give(CallInput::Media(notice));
    }

    fn wait(&mut self, seconds: u64) {
        self.wait_ms(seconds * 1_000);
    }

    /// Lets time pass, firing clocks at their own moments.
    fn wait_ms(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some((at, _)) = self.call.poll_timeout().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.call.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn drain(&mut self) {
        self.actions.extend(std::iter::from_fn(|| self.call.poll_action()));
    }

    fn seconds(&self, at: Instant) -> u64 {
        at.duration_since(self.start).as_secs()
    }

    fn count(&self, action: &CallAction) -> usize {
        self.actions.iter().filter(|seen| *seen == action).count()
    }

    fn outcome(&self) -> CallOutcome {
        let outcomes: Vec<_> = self
            .actions
            .iter()
            .filter_map(|action| if let CallAction::Ended(outcome) = action { Some(outcome) } else { None })
            .collect();
        assert_eq!(outcomes.len(), 1, "exactly one outcome");
        assert!(matches!(self.actions.last(), Some(CallAction::Ended(_))), "nothing follows the outcome");
        outcomes[0].clone()
    }
}

fn refusal(status: u16) -> DialFailure {
    DialFailure {
        cause: DialFault::Response,
        status: Some(status),
        phrase: Vec::new(),
        q850: None,
        reason_text: Vec::new(),
        jcard: false,
        retry_after: None,
        provisional_seen: false,
        rang: false,
        after: Duration::ZERO,
    }
}

fn bye() -> LegEvent {
    LegEvent::Ended { by: LegEnd::Remote, q850: Some(16) }
}

fn our_bye_settled() -> LegEvent {
    LegEvent::Ended { by: LegEnd::Local, q850: None }
}

#[test]
fn ring_timeout_counts_from_the_first_180_and_withdraws_the_dial() {
    let mut bench = Bench::outbound();
    bench.leg(LegEvent::Provisional { status: 100, media: false });
    bench.wait(9);
    bench.leg(LegEvent::Provisional { status: 180, media: false });
    bench.wait(5);
    bench.leg(LegEvent::Provisional { status: 183, media: true });
    bench.wait(24);
    assert_eq!(bench.count(&CallAction::HangUp), 0);
    bench.wait(1);
    assert_eq!(bench.count(&CallAction::HangUp), 1);
    bench.leg(LegEvent::Failed(refusal(487)));
    let outcome = bench.outcome();
    assert_eq!(outcome.reason, DisconnectionReason::DialNoAnswer);
    assert_eq!((outcome.sip_code, outcome.rang), (Some(487), true));
    assert_eq!(bench.seconds(outcome.ended_at), 39);
    assert_eq!(bench.count(&CallAction::Progress(Progress::Ringing)), 1);
}

#[test]
fn a_dial_that_hangs_after_100_is_withdrawn_by_the_setup_clock() {
    let mut bench = Bench::outbound();
    bench.leg(LegEvent::Provisional { status: 100, media: false });
    bench.wait(60);
    assert_eq!(bench.count(&CallAction::HangUp), 1);
    bench.wait(40);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.rang), (DisconnectionReason::DialNoAnswer, false));
}

#[test]
fn early_media_is_listened_to_and_kept_for_an_answer_without_a_body() {
    let mut bench = Bench::outbound();
    bench.leg(LegEvent::Provisional { status: 183, media: true });
    assert_eq!(bench.count(&CallAction::StartMedia), 1);
    assert_eq!(bench.count(&CallAction::Advise(Advice::Answered)), 0, "listening only");
    bench.leg(LegEvent::Answered { media: false });
    assert_eq!(bench.count(&CallAction::Advise(Advice::Answered)), 1);
}

#[test]
fn a_tone_of_the_network_stands_for_a_final_response() {
    use DisconnectionReason as R;
    let cases = [
        (NetworkTone::Engaged, R::DialBusy, EndedBy::Contact),
        (NetworkTone::Congested, R::TelephonyProviderUnavailable, EndedBy::Carrier),
        (NetworkTone::NoSuchNumber, R::InvalidPhoneNumber, EndedBy::Carrier),
        (NetworkTone::Announcement, R::DialFailed, EndedBy::Carrier),
    ];
    for (tone, reason, ended_by) in cases {
        let mut bench = Bench::outbound();
        bench.leg(LegEvent::Provisional { status: 183, media: true });
        bench.give(CallInput::Tone(tone));
        assert_eq!(bench.count(&CallAction::HangUp), 1, "it is withdrawn");
        bench.leg(LegEvent::Failed(refusal(487)));
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.ended_by), (reason, ended_by));
        assert_eq!((outcome.answered_by, outcome.failover), (None, Failover::Never));

        let mut bench = Bench::talking();
        bench.give(CallInput::Tone(tone));
        bench.leg(our_bye_settled());
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.answered_by), (reason, Some(AnsweredBy::FalseAnswer)));
    }
}

#[test]
fn what_crosses_the_withdrawal_for_a_tone_outranks_it() {
    let engaged = || {
        let mut bench = Bench::outbound();
        bench.leg(LegEvent::Provisional { status: 183, media: true });
        bench.give(CallInput::Tone(NetworkTone::Engaged));
        bench
    };
    let mut refused = engaged();
    refused.leg(LegEvent::Failed(refusal(404)));
    assert_eq!(refused.outcome().reason, DisconnectionReason::InvalidPhoneNumber);
    let mut answered = engaged();
    answered.leg(LegEvent::Answered { media: true });
    assert_eq!(answered.count(&CallAction::Advise(Advice::Answered)), 1, "it was somebody's music");
}

#[test]
fn an_answer_without_any_usable_description_is_hung_up() {
    let mut bench = Bench::ringing();
    bench.leg(LegEvent::Answered { media: false });
    assert_eq!(bench.count(&CallAction::HangUp), 1);
    bench.leg(our_bye_settled());
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.technical), (DisconnectionReason::DialFailed, true));
}

#[test]
fn a_200_that_crosses_our_ring_timeout_is_talked_to() {
    let mut bench = Bench::ringing();
    bench.wait(30);
    bench.leg(LegEvent::Answered { media: true });
    assert_eq!(bench.count(&CallAction::Advise(Advice::Answered)), 1);
    bench.media(MediaNotice::Flowing);
    bench.wait(20);
    bench.leg(bye());
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.immediate), (DisconnectionReason::UserHangup, false));
    assert_eq!(outcome.talk_time(), Duration::from_secs(20));
}

#[test]
fn a_200_that_crosses_a_persons_cancel_is_hung_up() {
    let mut bench = Bench::ringing();
    bench.give(CallInput::Withdraw(Withdrawal::Person));
    bench.leg(LegEvent::Answered { media: true });
    assert_eq!(bench.count(&CallAction::HangUp), 2, "CANCEL, then BYE");
    assert_eq!(bench.count(&CallAction::Advise(Advice::Answered)), 0);
    bench.leg(our_bye_settled());
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.answered_at), (DisconnectionReason::Cancelled, None));
}

#[test]
fn a_person_who_cancels_while_a_timeout_is_pending_is_obeyed() {
    let mut bench = Bench::ringing();
    bench.wait(30);
    bench.give(CallInput::Withdraw(Withdrawal::Person));
    bench.leg(LegEvent::Answered { media: true });
    bench.leg(our_bye_settled());
    assert_eq!(bench.outcome().reason, DisconnectionReason::Cancelled);
}

#[test]
fn a_refusal_that_crosses_our_cancel_is_believed() {
    let mut bench = Bench::ringing();
    bench.wait(30);
    bench.leg(LegEvent::Failed(refusal(486)));
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.ended_by), (DisconnectionReason::DialBusy, EndedBy::Contact));
}

#[test]
fn a_bye_within_the_early_time_is_immediate() {
    for (after_ms, immediate) in [(9_999, true), (10_000, false)] {
        let mut bench = Bench::talking();
        bench.media(MediaNotice::Flowing);
        bench.wait_ms(after_ms);
        bench.leg(bye());
        let outcome = bench.outcome();
        assert_eq!(outcome.reason, DisconnectionReason::UserHangup);
        assert_eq!(outcome.immediate, immediate, "after {after_ms} ms");
        assert_eq!(bench.count(&CallAction::Advise(Advice::HungUp { by_callee: true })), 1);
        assert_eq!(bench.count(&CallAction::HangUp), 0);
    }
}

#[test]
fn a_bye_of_the_network_is_not_a_person_hanging_up() {
    let mut bench = Bench::talking();
    bench.leg(LegEvent::Ended { by: LegEnd::Remote, q850: Some(38) });
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.technical), (DisconnectionReason::AgentHangup, true));
    assert_eq!((outcome.ended_by, outcome.q850), (EndedBy::Carrier, Some(38)));
}

#[test]
fn the_agent_is_told_to_close_and_then_the_call_ends_even_if_it_hangs() {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::Flowing);
    bench.wait_ms(279_999);
    assert_eq!(bench.count(&CallAction::Advise(Advice::TimeNearlyUp)), 0);
    bench.wait_ms(1);
    assert_eq!(bench.count(&CallAction::Advise(Advice::TimeNearlyUp)), 1);
    bench.wait(20);
    assert_eq!(bench.count(&CallAction::HangUp), 1);
    bench.wait(40);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.ended_by), (DisconnectionReason::MaxDurationReached, EndedBy::System));
    assert_eq!(outcome.talk_time(), Duration::from_secs(300), "the unanswered BYE is not talk");
}

#[test]
fn a_goodbye_in_time_ends_the_same_way() {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::Flowing);
    bench.wait(285);
    bench.give(CallInput::AgentEnded(Ending::TimeUp));
    bench.leg(our_bye_settled());
    assert_eq!(bench.outcome().reason, DisconnectionReason::MaxDurationReached);
}

#[test]
fn no_rtp_after_the_answer_ends_the_call() {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::Stalled { since: bench.now });
    bench.wait_ms(9_999);
    assert_eq!(bench.count(&CallAction::HangUp), 0);
    bench.wait_ms(1);
    bench.leg(our_bye_settled());
    assert_eq!(bench.outcome().reason, DisconnectionReason::ErrorNoAudioReceived);
}

#[test]
fn early_media_that_stops_at_the_answer_counts_as_none() {
    let mut bench = Bench::outbound();
    bench.leg(LegEvent::Provisional { status: 183, media: true });
    bench.media(MediaNotice::Flowing);
    bench.wait(5);
    bench.leg(LegEvent::Answered { media: true });
    let last = bench.now;
    bench.wait(2);
    bench.media(MediaNotice::Stalled { since: last });
    bench.wait(8);
    bench.leg(our_bye_settled());
    assert_eq!(bench.outcome().reason, DisconnectionReason::ErrorNoAudioReceived);
}

#[test]
fn rtp_that_stops_in_the_middle_gets_longer_and_may_come_back() {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::Flowing);
    bench.wait(30);
    let last = bench.now;
    bench.wait(2);
    bench.media(MediaNotice::Stalled { since: last });
    bench.wait(17);
    bench.media(MediaNotice::Flowing);
    bench.wait(60);
    assert_eq!(bench.count(&CallAction::HangUp), 0);
    bench.media(MediaNotice::Stalled { since: bench.now });
    bench.wait(20);
    assert_eq!(bench.count(&CallAction::HangUp), 1);
}

#[test]
fn a_hold_is_no_fault_and_its_end_gives_new_time() {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::Flowing);
    bench.leg(LegEvent::Renegotiated { receives: false });
    let last = bench.now;
    bench.wait(2);
    bench.media(MediaNotice::Stalled { since: last });
    bench.wait(100);
    bench.leg(LegEvent::Renegotiated { receives: true });
    bench.wait_ms(9_999);
    assert_eq!(bench.count(&CallAction::HangUp), 0);
    bench.wait_ms(1);
    assert_eq!(bench.count(&CallAction::HangUp), 1);
}

#[test]
fn the_conversations_ends_have_their_reasons() {
    use DisconnectionReason as R;
    let cases = [
        (Ending::Completed { reason: "done".into() }, R::AgentHangup, EndedBy::Agent, false),
        (Ending::CallerGoodbye, R::AgentHangup, EndedBy::Agent, false),
        (Ending::Inactivity, R::Inactivity, EndedBy::Agent, false),
        (Ending::MessageLeft, R::VoicemailReached, EndedBy::Agent, false),
        (Ending::Screened, R::CallScreened, EndedBy::Agent, false),
        (Ending::NotAnswered, R::DialNoAnswer, EndedBy::System, false),
        (Ending::FaxReached, R::InvalidPhoneNumber, EndedBy::Agent, false),
        (Ending::OptedOut, R::VoiceCallsOptedOut, EndedBy::Agent, false),
        (Ending::Transferred, R::CallTransfer, EndedBy::Agent, false),
        (Ending::ModelFailed, R::AgentHangup, EndedBy::System, true),
        (Ending::RecogniserFailed, R::AgentHangup, EndedBy::System, true),
        (Ending::VoicemailReached, R::VoicemailReached, EndedBy::Agent, false),
        (Ending::TimeUp, R::MaxDurationReached, EndedBy::System, false),
        (Ending::SpeechFailed, R::AgentHangup, EndedBy::System, true),
    ];
    for (ending, reason, ended_by, technical) in cases {
        let mut bench = Bench::talking();
        bench.give(CallInput::AgentEnded(ending.clone()));
        assert_eq!(bench.count(&CallAction::HangUp), 1, "{ending:?}");
        bench.leg(our_bye_settled());
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.ended_by, outcome.technical), (reason, ended_by, technical), "{ending:?}");
    }
}

#[test]
fn who_answered_is_judged_by_what_was_heard() {
    let answered_by = |prepare: &dyn Fn(&mut Bench)| {
        let mut bench = Bench::talking();
        prepare(&mut bench);
        bench.leg(bye());
        bench.outcome().answered_by
    };
    assert_eq!(answered_by(&|_| {}), Some(AnsweredBy::Unknown));
    assert_eq!(answered_by(&|bench| bench.media(MediaNotice::CallerSpoke)), Some(AnsweredBy::Human));
    let ivr = answered_by(&|bench| {
        bench.media(MediaNotice::CallerSpoke);
        bench.give(CallInput::AnsweredBy(AnsweredBy::Ivr));
    });
    assert_eq!(ivr, Some(AnsweredBy::Ivr));
}

#[test]
fn in_conversation_is_when_both_have_spoken_and_said_once() {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::CallerSpoke);
    assert_eq!(bench.count(&CallAction::Progress(Progress::InConversation)), 0);
    bench.media(MediaNotice::AgentSpoke);
    bench.media(MediaNotice::CallerSpoke);
    assert_eq!(bench.count(&CallAction::Progress(Progress::InConversation)), 1);
}

#[test]
fn an_inbound_call_is_taken_when_the_agent_is_ready_or_after_three_seconds() {
    let mut bench = Bench::inbound();
    assert_eq!(bench.actions, [CallAction::Ring]);
    bench.wait(1);
    bench.give(CallInput::AgentReady);
    let taken = [
        CallAction::Ring,
        CallAction::StartMedia,
        CallAction::Accept,
        CallAction::Advise(Advice::Answered),
        CallAction::Progress(Progress::Answered),
    ];
    assert_eq!(bench.actions, taken);

    let mut slow = Bench::inbound();
    slow.wait_ms(2_999);
    assert_eq!(slow.count(&CallAction::Accept), 0);
    slow.wait_ms(1);
    slow.give(CallInput::AgentReady);
    assert_eq!(slow.count(&CallAction::Accept), 1);
}

#[test]
fn an_inbound_caller_who_gives_up_first_is_no_answered_call() {
    let mut bench = Bench::inbound();
    bench.leg(LegEvent::Ended { by: LegEnd::Remote, q850: None });
    let outcome = bench.outcome();
    assert_eq!(
        (outcome.reason, outcome.answered_at, outcome.immediate),
        (DisconnectionReason::UserHangup, None, false)
    );
}

#[test]
fn a_shutdown_lets_the_agent_say_goodbye() {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::Flowing);
    bench.give(CallInput::Withdraw(Withdrawal::Shutdown));
    assert_eq!(bench.count(&CallAction::Advise(Advice::TimeNearlyUp)), 1);
    bench.wait(20);
    bench.leg(our_bye_settled());
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.technical), (DisconnectionReason::AgentHangup, true));
    assert_eq!(outcome.talk_time(), Duration::from_secs(20));
}

/// Draws random inputs and waits; whatever comes, the call ends once, in bounded time, and keeps its order.
#[test]
fn every_call_ends_exactly_once_whatever_happens() {
    for seed in 0..2_000_u64 {
        let mut random = Random(seed);
        let mut bench = if random.below(4) == 0 { Bench::inbound() } else { Bench::outbound() };
        for _ in 0..random.below(40) {
            let input = random.input(bench.now);
            bench.give(input);
            bench.wait_ms(random.below(20_000));
        }
        bench.wait(1_000);
        assert!(bench.call.is_ended(), "seed {seed}: still {:?}", bench.call.state);
        let outcome = bench.outcome();
        assert!(outcome.ended_at <= bench.now, "seed {seed}");
        assert!(outcome.answered_at.is_none_or(|answered| answered <= outcome.ended_at), "seed {seed}");
        assert!(outcome.talk_time() <= CallConfig::default().max_duration, "seed {seed}");
        assert_eq!(bench.count(&CallAction::StopMedia), 1, "seed {seed}: {:?}", bench.actions);
        let over =
            bench.actions.iter().filter(|action| matches!(action, CallAction::Advise(Advice::HungUp { .. }))).count();
        assert_eq!(over, 1, "seed {seed}: the conversation hears of the end once");
        let stop = bench.actions.iter().position(|action| *action == CallAction::StopMedia);
        let start = bench.actions.iter().rposition(|action| *action == CallAction::StartMedia);
        assert!(start < stop, "seed {seed}: audio does not start again after its stop: {:?}", bench.actions);
    }
}

/// A splitmix64 stream.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn input(&mut self, now: Instant) -> CallInput {
        let media = self.below(3) > 0;
        match self.below(16) {
            0 => CallInput::Leg(LegEvent::Provisional { status: 100, media: false }),
            1 => CallInput::Leg(LegEvent::Provisional { status: 180, media: false }),
            2 => CallInput::Leg(LegEvent::Provisional { status: 183, media }),
            3 | 4 => CallInput::Leg(LegEvent::Answered { media }),
            5 => CallInput::Leg(LegEvent::Failed(refusal([486, 487, 408, 503][self.below(4) as usize]))),
            6 => CallInput::Leg(bye()),
            7 => CallInput::Leg(our_bye_settled()),
            8 => CallInput::Leg(LegEvent::Renegotiated { receives: media }),
            9 => CallInput::Media(MediaNotice::Flowing),
            10 => CallInput::Media(MediaNotice::Stalled { since: now }),
            11 => CallInput::Media([MediaNotice::CallerSpoke, MediaNotice::AgentSpoke][self.below(2) as usize]),
            12 => CallInput::AgentReady,
            13 => CallInput::AgentEnded(
                [Ending::Inactivity, Ending::SpeechFailed, Ending::TimeUp, Ending::HungUp][self.below(4) as usize]
                    .clone(),
            ),
            14 => CallInput::Withdraw([Withdrawal::Person, Withdrawal::Shutdown][self.below(2) as usize]),
            _ => CallInput::Media(MediaNotice::Failed),
        }
    }
}

/// A call in the middle of a transfer.
fn transferring(handovers: &[Handover]) -> Bench {
    let mut bench = Bench::talking();
    bench.media(MediaNotice::Flowing);
    bench.wait(270);
    for handover in handovers {
        bench.give(CallInput::Handover(*handover));
    }
    bench
}

#[test]
fn the_longest_duration_waits_for_a_transfer_and_gives_way_to_one() {
    // It would have ended after 300 s.
    let mut bench = transferring(&[Handover::Begun]);
    bench.wait(200);
    assert!(!bench.call.is_ended());
    bench.give(CallInput::Handover(Handover::Joined));
    bench.wait(4 * 3_600 - 1);
    assert!(!bench.call.is_ended());
    bench.wait(1);
    bench.leg(LegEvent::Ended { by: LegEnd::Local, q850: None });
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.ended_by), (DisconnectionReason::CallTransfer, EndedBy::System));

    // A failed one leaves time for the agent to say so, and no more.
    let mut bench = transferring(&[Handover::Begun, Handover::Failed]);
    bench.wait(39);
    assert!(!bench.call.is_ended());
    assert!(bench.actions.contains(&CallAction::Advise(Advice::TimeNearlyUp)));
    bench.wait(1);
    bench.leg(LegEvent::Ended { by: LegEnd::Local, q850: None });
    assert_eq!(bench.outcome().reason, DisconnectionReason::MaxDurationReached);

    // Nor can one that never comes to an end keep a call for ever.
    let mut bench = transferring(&[Handover::Begun]);
    bench.wait(300);
    bench.leg(LegEvent::Ended { by: LegEnd::Local, q850: None });
    assert_eq!(bench.outcome().reason, DisconnectionReason::MaxDurationReached);
}

#[test]
fn a_call_that_was_handed_over_ends_as_a_transfer_however_it_ends() {
    use DisconnectionReason as R;
    let remote = || CallInput::Leg(LegEvent::Ended { by: LegEnd::Remote, q850: None });
    for (handovers, input, reason, ended_by) in [
        // The far side hangs up on us once it has sent the caller on.
        (&[Handover::Begun, Handover::Accepted][..], remote(), R::CallTransfer, EndedBy::Contact),
        (&[Handover::Begun], remote(), R::UserHangup, EndedBy::Contact),
        (&[Handover::Begun, Handover::Accepted, Handover::Begun], remote(), R::UserHangup, EndedBy::Contact),
        (&[Handover::Begun, Handover::Joined], remote(), R::CallTransfer, EndedBy::Contact),
        (&[Handover::Joined], CallInput::Withdraw(Withdrawal::Person), R::CallTransfer, EndedBy::System),
        (&[Handover::Joined], CallInput::Media(MediaNotice::Failed), R::CallTransfer, EndedBy::System),
        (&[Handover::Joined], CallInput::Handover(Handover::Done), R::CallTransfer, EndedBy::Agent),
        (&[Handover::Accepted], CallInput::Handover(Handover::Done), R::CallTransfer, EndedBy::Agent),
        (&[Handover::Begun, Handover::Failed], remote(), R::UserHangup, EndedBy::Contact),
    ] {
        let mut bench = transferring(handovers);
        bench.give(input.clone());
        bench.leg(LegEvent::Ended { by: LegEnd::Local, q850: None });
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.ended_by), (reason, ended_by), "{handovers:?}, {input:?}");
        assert!(!outcome.technical && !outcome.immediate);
    }
}

#[test]
fn what_the_agent_says_after_the_caller_is_gone_to_somebody_else_ends_nothing() {
    let mut bench = transferring(&[Handover::Joined]);
    for ending in [Ending::Transferred, Ending::Inactivity, Ending::SpeechFailed] {
        bench.give(CallInput::AgentEnded(ending));
    }
    assert!(!bench.actions.contains(&CallAction::HangUp));
    bench.give(CallInput::Withdraw(Withdrawal::Shutdown));
    bench.wait(20);
    assert!(bench.actions.contains(&CallAction::HangUp), "a server that stops ends it all the same");
}
