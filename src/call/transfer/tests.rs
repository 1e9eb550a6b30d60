use super::*;
use crate::time;

use TransferAction as A;
use TransferFailure as Why;
use TransferInput as In;

/// A transfer on virtual time, with what it asked for so far.
struct Bench {
    transfer: Transfer,
    start: Instant,
    now: Instant,
    asked: Vec<TransferAction>,
}

impl Bench {
    fn new(manner: TransferManner, refer: bool) -> Self {
        let start = time::now().mono;
        let transfer = Transfer::new(start, TransferConfig::default(), manner, refer);
        let mut bench = Self { transfer, start, now: start, asked: Vec::new() };
        bench.drain();
        bench
    }

    /// A warm transfer whose target rings.
    fn ringing() -> Self {
        let mut bench = Self::new(TransferManner::Warm, true);
        bench.give(In::Placed);
        bench.wait(2);
        bench.give(In::Target(TargetEvent::Ringing));
        bench
    }

    /// A warm transfer whose target is being told.
    fn briefing() -> Self {
        let mut bench = Self::ringing();
        bench.wait(3);
        bench.give(In::Target(TargetEvent::Answered));
        bench
    }

    /// A warm transfer that came about.
    fn joined() -> Self {
        let mut bench = Self::briefing();
        bench.wait(8);
        bench.give(In::Decided(Decision::Accepted { by_key: true }));
        bench
    }

    /// A cold transfer that we bridge, answered.
    fn judging() -> Self {
        let mut bench = Self::new(TransferManner::Cold, false);
        bench.give(In::Placed);
        bench.give(In::Target(TargetEvent::Ringing));
        bench.give(In::Target(TargetEvent::Answered));
        bench
    }

    fn give(&mut self, input: TransferInput) {
        self.transfer.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass, firing clocks at their own moments.
    fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some((at, _)) = self.transfer.poll_timeout().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.transfer.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn drain(&mut self) {
        self.asked.extend(std::iter::from_fn(|| self.transfer.poll_action()));
    }

    /// What was asked for since the last look.
    fn asked(&mut self) -> Vec<TransferAction> {
        std::mem::take(&mut self.asked)
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}

fn failed(why: TransferFailure) -> TransferAction {
    A::News(TransferNews::Failed(why))
}

/// What a transfer asks for when it fails with a second leg.
fn gives_back(why: TransferFailure) -> Vec<TransferAction> {
    vec![A::HangUp, A::Hold(false), A::Tell(Handover::Failed), failed(why), A::Over]
}

/// The same once that leg is gone.
fn gives_back_alone(why: TransferFailure) -> Vec<TransferAction> {
    gives_back(why)[1..].to_vec()
}

#[test]
fn a_warm_transfer_rings_briefs_and_joins() {
    let mut bench = Bench::new(TransferManner::Warm, true);
    assert_eq!(bench.asked(), [A::Tell(Handover::Begun), A::Hold(true), A::Dial], "never by REFER");
    bench.give(In::Placed);
    bench.give(In::Target(TargetEvent::Ringing));
    bench.give(In::Target(TargetEvent::Ringing));
    assert_eq!(bench.asked(), [A::News(TransferNews::Ringing)], "once, whatever rings again");
    bench.give(In::Target(TargetEvent::Answered));
    assert_eq!(bench.asked(), [A::News(TransferNews::Briefing), A::Brief]);
    bench.give(In::Judged(TargetParty::Human));
    bench.give(In::Decided(Decision::Accepted { by_key: false }));
    let joins = [A::Hold(false), A::Join, A::Tell(Handover::Joined), A::News(TransferNews::Done)];
    assert_eq!(bench.asked(), joins);
    assert_eq!(bench.transfer.poll_timeout(), None, "the call's ceiling ends it");
    bench.wait(3_600);
    bench.give(In::Target(TargetEvent::Ended));
    assert_eq!(bench.asked(), [A::Part, A::Tell(Handover::Done), A::Over]);
}

#[test]
fn each_refusal_comes_back_to_the_agent_with_its_reason() {
    for why in [Why::Busy, Why::NoAnswer, Why::Declined, Why::Refused, Why::Broken] {
        let mut bench = Bench::ringing();
        bench.asked();
        bench.give(In::Target(TargetEvent::Failed(why)));
        assert_eq!(bench.asked(), gives_back_alone(why));
    }
    for (decision, why) in [
        (Decision::Declined, Why::Declined),
        (Decision::Silent, Why::NoAnswer),
        (Decision::Machine, Why::Voicemail),
        (Decision::Broken, Why::Broken),
    ] {
        let mut bench = Bench::briefing();
        bench.asked();
        bench.give(In::Decided(decision));
        assert_eq!(bench.asked(), gives_back(why));
        bench.give(In::Target(TargetEvent::Ended));
        assert_eq!(bench.asked(), [], "its end is the shell's affair");
    }
    let mut bench = Bench::briefing();
    bench.asked();
    bench.give(In::Target(TargetEvent::Ended));
    assert_eq!(bench.asked(), gives_back_alone(Why::Declined), "hung up while being told");
}

#[test]
fn nobody_waits_for_ever_for_a_target() {
    let config = TransferConfig::default();
    let mut bench = Bench::new(TransferManner::Warm, true);
    bench.asked();
    bench.wait(3_600);
    assert_eq!(bench.asked(), gives_back(Why::Broken), "no room for the call");

    let mut bench = Bench::new(TransferManner::Warm, true);
    bench.give(In::Placed);
    bench.asked();
    bench.wait(3_600);
    assert_eq!(bench.asked(), gives_back(Why::NoAnswer), "nothing rings");

    let mut bench = Bench::ringing();
    bench.asked();
    bench.wait(config.ring.as_secs() - 1);
    assert_eq!(bench.asked(), []);
    bench.wait(1);
    assert_eq!(bench.asked(), gives_back(Why::NoAnswer));
    assert_eq!(bench.elapsed(), Duration::from_secs(2) + config.ring);

    let mut bench = Bench::briefing();
    bench.asked();
    bench.wait(config.briefing.as_secs());
    assert_eq!(bench.asked(), gives_back(Why::NoAnswer));
}

#[test]
fn what_is_not_allowed_is_not_dialed() {
    for why in [Why::Refused, Why::Broken] {
        let mut bench = Bench::new(TransferManner::Warm, true);
        bench.asked();
        bench.wait(1);
        bench.give(In::NotPlaced(why));
        assert_eq!(bench.asked(), gives_back_alone(why));
        bench.give(In::Placed);
        assert_eq!(bench.asked(), []);
    }
}

#[test]
fn a_machine_never_gets_the_caller() {
    // While it is being told, at any time.
    for seconds in [0, 3, 15, 60] {
        let mut bench = Bench::briefing();
        bench.wait(seconds);
        bench.asked();
        bench.give(In::Judged(TargetParty::Machine));
        assert_eq!(bench.asked(), gives_back(Why::Voicemail));
    }
    // A greeting in which a recogniser hears a yes.
    let mut bench = Bench::briefing();
    bench.asked();
    bench.wait(1);
    bench.give(In::Decided(Decision::Accepted { by_key: false }));
    assert_eq!(bench.asked(), [], "the ear has not made up its mind");
    bench.wait(2);
    bench.give(In::Judged(TargetParty::Machine));
    assert_eq!(bench.asked(), gives_back(Why::Voicemail));
    // A person who says yes that early waits for the ear, but not longer than it may take.
    let mut bench = Bench::briefing();
    bench.wait(1);
    bench.give(In::Decided(Decision::Accepted { by_key: false }));
    bench.asked();
    bench.wait(3);
    assert_eq!(bench.asked().last(), Some(&A::News(TransferNews::Done)));
    // Once accepted by somebody it is theirs, whatever it sounds like.
    let mut bench = Bench::joined();
    bench.asked();
    bench.give(In::Judged(TargetParty::Machine));
    assert_eq!(bench.asked(), []);
}

#[test]
fn a_cold_transfer_leaves_it_to_the_callers_side() {
    let mut bench = Bench::new(TransferManner::Cold, true);
    assert_eq!(bench.asked(), [A::Tell(Handover::Begun), A::Hold(true), A::Refer]);
    bench.give(In::Refer(ReferNews::Accepted));
    assert_eq!(bench.asked(), [A::Tell(Handover::Accepted)]);
    bench.give(In::Refer(ReferNews::Result(200)));
    let done = [A::Hold(false), A::Tell(Handover::Done), A::News(TransferNews::Done), A::Over];
    assert_eq!(bench.asked(), done);
    // Many gateways hang up without a word when it has worked.
    let mut bench = Bench::new(TransferManner::Cold, true);
    bench.give(In::Refer(ReferNews::Accepted));
    bench.give(In::Refer(ReferNews::Silent));
    bench.asked();
    bench.wait(5);
    bench.give(In::CallerGone);
    assert_eq!(bench.asked(), [A::Over]);
}

#[test]
fn a_refused_or_silent_refer_falls_back_to_a_bridge() {
    let bridges = [A::Tell(Handover::Begun), A::Dial];
    for news in [ReferNews::Refused, ReferNews::Result(403), ReferNews::Result(404), ReferNews::Result(503)] {
        let mut bench = Bench::new(TransferManner::Cold, true);
        bench.asked();
        bench.give(In::Refer(news));
        assert_eq!(bench.asked(), bridges, "{news:?}");
        bench.give(In::Placed);
        bench.give(In::Target(TargetEvent::Answered));
        bench.give(In::Judged(TargetParty::Human));
        assert_eq!(bench.asked(), [A::Hold(false), A::Join, A::Tell(Handover::Joined)]);
    }
    for accepted in [false, true] {
        let mut bench = Bench::new(TransferManner::Cold, true);
        if accepted {
            bench.give(In::Refer(ReferNews::Accepted));
        }
        bench.asked();
        bench.wait(34);
        assert_eq!(bench.asked(), []);
        bench.wait(1);
        assert_eq!(bench.asked(), bridges);
    }
}

#[test]
fn a_target_that_was_rung_by_refer_is_not_rung_again() {
    for (status, why) in [
        (486, Why::Busy),
        (600, Why::Busy),
        (603, Why::Declined),
        (607, Why::Declined),
        (480, Why::NoAnswer),
        (408, Why::NoAnswer),
        (487, Why::NoAnswer),
    ] {
        let mut bench = Bench::new(TransferManner::Cold, true);
        bench.give(In::Refer(ReferNews::Accepted));
        bench.asked();
        bench.give(In::Refer(ReferNews::Result(status)));
        assert_eq!(bench.asked(), gives_back_alone(why), "{status}");
    }
}

#[test]
fn a_result_that_comes_late_takes_our_own_ring_back() {
    let mut bench = Bench::new(TransferManner::Cold, true);
    bench.give(In::Refer(ReferNews::Accepted));
    bench.wait(36);
    bench.give(In::Placed);
    bench.asked();
    bench.give(In::Refer(ReferNews::Result(200)));
    let done = [A::HangUp, A::Hold(false), A::Tell(Handover::Done), A::News(TransferNews::Done), A::Over];
    assert_eq!(bench.asked(), done);
}

#[test]
fn a_bridge_nobody_was_asked_about_waits_for_a_person_and_listens_on() {
    let joins = [A::Hold(false), A::Join, A::Tell(Handover::Joined)];
    // Whoever is not known to be a machine after 4 s counts as a person.
    let mut bench = Bench::judging();
    bench.asked();
    bench.wait(3);
    assert_eq!(bench.asked(), []);
    bench.wait(1);
    assert_eq!(bench.asked(), joins);
    // A beep later takes the caller back; the agent has not left yet.
    bench.wait(9);
    bench.give(In::Judged(TargetParty::Machine));
    let back = [A::Part, A::HangUp, A::Hold(false), A::Tell(Handover::Failed), failed(Why::Voicemail), A::Over];
    assert_eq!(bench.asked(), back);
    // A machine at once.
    let mut bench = Bench::judging();
    bench.asked();
    bench.give(In::Judged(TargetParty::Machine));
    assert_eq!(bench.asked(), gives_back(Why::Voicemail));
    // A person, and no beep for 20 s from the answer: the agent's part is over.
    let mut bench = Bench::judging();
    bench.wait(2);
    bench.give(In::Judged(TargetParty::Human));
    assert_eq!(bench.asked().last(), Some(&A::Tell(Handover::Joined)));
    bench.wait(18);
    assert_eq!(bench.asked(), [A::News(TransferNews::Done)]);
    bench.give(In::Judged(TargetParty::Machine));
    assert_eq!(bench.asked(), []);
    // They are done with each other within those 20 s.
    let mut bench = Bench::judging();
    bench.give(In::Judged(TargetParty::Human));
    bench.asked();
    bench.wait(6);
    bench.give(In::Target(TargetEvent::Ended));
    assert_eq!(bench.asked(), [A::News(TransferNews::Done), A::Part, A::Tell(Handover::Done), A::Over]);
}

#[test]
fn a_caller_who_hangs_up_ends_the_second_leg_at_once() {
    let placing = || Bench::new(TransferManner::Warm, true);
    let dialing = || {
        let mut bench = placing();
        bench.give(In::Placed);
        bench
    };
    for (name, bench) in [
        ("placing", placing()),
        ("dialing", dialing()),
        ("ringing", Bench::ringing()),
        ("briefing", Bench::briefing()),
        ("judging", Bench::judging()),
        ("joined", Bench::joined()),
    ] {
        let mut bench = bench;
        bench.asked();
        bench.give(In::CallerGone);
        assert_eq!(bench.asked(), [A::HangUp, A::Over], "{name}");
        bench.give(In::Target(TargetEvent::Answered));
        bench.wait(600);
        assert_eq!(bench.asked(), [], "{name}");
    }
    let mut bench = Bench::new(TransferManner::Cold, true);
    bench.asked();
    bench.give(In::CallerGone);
    assert_eq!(bench.asked(), [A::Over], "there is no second leg yet");
}

#[test]
fn a_transfer_that_is_called_off_says_no_more() {
    for bench in [Bench::new(TransferManner::Warm, true), Bench::ringing(), Bench::briefing(), Bench::judging()] {
        let mut bench = bench;
        bench.asked();
        bench.give(In::CalledOff);
        assert_eq!(bench.asked(), [A::HangUp, A::Hold(false), A::Tell(Handover::Failed), A::Over]);
    }
    let mut bench = Bench::new(TransferManner::Cold, true);
    bench.asked();
    bench.give(In::CalledOff);
    assert_eq!(bench.asked(), [A::Hold(false), A::Tell(Handover::Failed), A::Over], "a REFER cannot be taken back");
    let mut bench = Bench::joined();
    bench.asked();
    bench.give(In::CalledOff);
    assert_eq!(bench.asked(), [], "they talk");
}

/// Whatever comes in whatever order: one outcome at most, one end, no leg and no music left behind.
#[test]
fn random_inputs_leave_nothing_behind() {
    for seed in 0..2_000u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut dice = |sides: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % sides
        };
        let manner = if dice(2) == 0 { TransferManner::Cold } else { TransferManner::Warm };
        let mut bench = Bench::new(manner, dice(2) == 0);
        for _ in 0..dice(12) {
            let input = match dice(20) {
                0 => In::Refer(ReferNews::Accepted),
                1 => In::Refer(ReferNews::Result(200)),
                2 => In::Refer(ReferNews::Result(486)),
                3 => In::Refer(ReferNews::Refused),
                4 | 5 => In::Placed,
                6 => In::NotPlaced(Why::Refused),
                7 | 8 => In::Target(TargetEvent::Ringing),
                9 | 10 => In::Target(TargetEvent::Answered),
                11 => In::Target(TargetEvent::Failed(Why::Busy)),
                12 => In::Target(TargetEvent::Ended),
                13 => In::Judged(TargetParty::Human),
                14 => In::Judged(TargetParty::Machine),
                15 => In::Decided(Decision::Accepted { by_key: dice(2) == 0 }),
                16 => In::Decided(Decision::Declined),
                17 => In::CalledOff,
                _ => {
                    bench.wait(dice(30));
                    continue;
                }
            };
            bench.give(input);
        }
        bench.give(In::CallerGone);
        let asked = bench.asked();
        let count = |wanted: &dyn Fn(&TransferAction) -> bool| asked.iter().filter(|action| wanted(action)).count();
        let outcomes = count(&|a| matches!(a, A::News(TransferNews::Done | TransferNews::Failed(_))));
        assert!(outcomes <= 1, "seed {seed}: {asked:?}");
        assert_eq!(count(&|a| *a == A::Over), 1, "seed {seed}: {asked:?}");
        assert_eq!(asked.last(), Some(&A::Over), "seed {seed}: {asked:?}");
        assert!(count(&|a| *a == A::HangUp) <= count(&|a| *a == A::Dial), "seed {seed}: {asked:?}");
        assert!(count(&|a| *a == A::Dial) <= 1, "seed {seed}: nobody is rung twice");
        let joined = asked.iter().rposition(|a| *a == A::Join);
        let parted = asked.iter().rposition(|a| *a == A::Part);
        assert!(parted.is_none() || joined < parted, "seed {seed}: {asked:?}");
    }
}
