use super::*;
use crate::dialer::pacing::{Limited, Scope};
use crate::id::{OrgId, TrunkId};

/// An engine on a clock of its own, with every action it has asked for.
struct Bench {
    engine: Engine,
    now: Now,
}

const A: CampaignId = CampaignId::from_u128(1);
const B: CampaignId = CampaignId::from_u128(2);

fn campaign(campaign: CampaignId, weight: u32) -> CampaignInfo {
    CampaignInfo { campaign, org: OrgId::from_u128(1), trunks: vec![TrunkId::from_u128(1)], weight, period_end: None }
}

fn attempt(number: u128) -> AttemptId {
    AttemptId::from_u128(number)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    fn new() -> Self {
        let now = Now { mono: crate::time::now().mono, wall: Timestamp::constant(1_800_000_000, 0) };
        Self { engine: Engine::new(now, Config::default()), now }
    }

    /// With these campaigns loaded, the lease held and nobody claimed for yet.
    fn dialing(campaigns: &[CampaignInfo]) -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.tell(Input::Tick), [Action::RenewLease, Action::Reap, Action::Load]);
        bench.tell(Input::LeaseRenewed { held: true });
        bench.tell(Input::Reaped);
        let actions = bench.tell(Input::Campaigns(campaigns.to_vec()));
        assert!(matches!(actions[..], [Action::Promote { .. }, Action::Claim { .. }]), "{actions:?}");
        bench
    }

    fn tell(&mut self, input: Input) -> Vec<Action> {
        self.engine.handle(self.now, input);
        std::iter::from_fn(|| self.engine.poll_action()).collect()
    }

    fn after(&mut self, by: Duration) -> Vec<Action> {
        self.now = self.now.after(by);
        self.tell(Input::Tick)
    }

    /// Answers the claim under way with a dial in `ms` milliseconds.
    fn claimed(&mut self, campaign: CampaignId, number: u128, in_ms: u64) -> Vec<Action> {
        let send_at = self.now.wall + ms(in_ms);
        let dial = ClaimedDial { attempt: attempt(number), send_at, send_by: send_at + ms(500) };
        self.tell(Input::Claimed { campaign, result: ClaimResult::Dial(dial), next_due: None })
    }

    fn limited(&mut self, campaign: CampaignId, scope: Scope, until: Option<Duration>) -> Vec<Action> {
        let until = until.map(|after| self.now.wall + after);
        let result = ClaimResult::Limited(Limited { scope, until });
        self.tell(Input::Claimed { campaign, result, next_due: None })
    }

    /// A dial that is committed and placed.
    fn placed(campaigns: &[CampaignInfo]) -> Self {
        let mut bench = Self::dialing(campaigns);
        bench.claimed(A, 1, 0);
        bench.tell(Input::Committed { attempt: attempt(1), may_send: true });
        assert_eq!(bench.engine.live(), 1);
        bench
    }
}

fn claims(actions: &[Action]) -> Vec<CampaignId> {
    actions.iter().filter(|action| matches!(action, Action::Claim { .. })).filter_map(Action::campaign).collect()
}

#[test]
fn a_dial_is_committed_shortly_before_and_placed_at_its_moment() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    assert_eq!(claims(&bench.claimed(A, 1, 150)), [A], "the next claim begins at once");
    assert_eq!(bench.limited(A, Scope::Campaign, Some(Duration::from_secs(6))), []);
    let (commit_at, why) = bench.engine.poll_timeout().expect("a dial waits");
    assert_eq!(why, WakeReason::Dial);
    let lead = bench.now.mono + ms(150) - commit_at;
    assert!((ms(10)..ms(60)).contains(&lead), "committed {lead:?} ahead");
    assert_eq!(bench.after(ms(150) - lead - ms(1)), []);
    let actions = bench.after(ms(1));
    assert!(matches!(actions[..], [Action::Commit { attempt, .. }] if attempt == super::tests::attempt(1)));
    assert_eq!(bench.tell(Input::Committed { attempt: attempt(1), may_send: true }), []);
    let actions = bench.after(lead);
    let [Action::Place { attempt: placed, send_before }] = actions[..] else { panic!("{actions:?}") };
    assert_eq!((placed, send_before), (attempt(1), bench.now.mono + ms(500)));
}

#[test]
fn a_process_that_stood_still_after_the_commit_does_not_send() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    bench.claimed(A, 1, 30);
    bench.after(ms(25));
    bench.tell(Input::Committed { attempt: attempt(1), may_send: true });
    let actions = bench.after(Duration::from_secs(10));
    assert!(actions.contains(&Action::Unsend { attempt: attempt(1) }), "{actions:?}");
    assert!(!actions.iter().any(|action| matches!(action, Action::Place { .. })), "{actions:?}");
}

#[test]
fn a_dial_later_than_its_pace_allows_is_taken_back_and_asked_for_again() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    bench.claimed(A, 1, 100);
    bench.limited(A, Scope::Campaign, None);
    assert_eq!(bench.after(ms(601)), [Action::Unsend { attempt: attempt(1) }]);
    assert_eq!(claims(&bench.tell(Input::Unsent { attempt: attempt(1) })), [A]);
}

#[test]
fn dials_that_keep_coming_back_slow_the_campaign_down() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    for number in 1.. {
        let mut actions = bench.claimed(A, number, 0);
        actions.extend(bench.tell(Input::Committed { attempt: attempt(number), may_send: false }));
        if claims(&actions).is_empty() {
            assert!((3..=5).contains(&number), "paused after {number} dials");
            break;
        }
    }
    bench.tell(Input::Campaigns(vec![campaign(A, 5)]));
    let (wake, why) = bench.engine.poll_timeout().expect("a pause ends");
    assert_eq!(why, WakeReason::Paced, "the list of campaigns does not end the pause");
    assert_eq!(wake.duration_since(bench.now.mono), Duration::from_secs(2), "the second pause is longer");
}

#[test]
fn no_claim_without_a_lease_and_none_when_it_was_not_renewed_for_a_third() {
    let mut bench = Bench::new();
    bench.tell(Input::Tick);
    bench.tell(Input::Reaped);
    assert_eq!(claims(&bench.tell(Input::Campaigns(vec![campaign(A, 5)]))), [], "no lease yet");
    assert_eq!(claims(&bench.tell(Input::LeaseRenewed { held: true })), [A]);
    bench.claimed(A, 1, 100);
    bench.limited(A, Scope::Campaign, Some(Duration::from_secs(1)));
    bench.after(ms(70));
    bench.tell(Input::Committed { attempt: attempt(1), may_send: true });
    let actions = bench.after(Duration::from_secs(5));
    assert!(actions.contains(&Action::RenewLease));
    bench.tell(Input::StoreFailed(Action::RenewLease));
    let actions = bench.after(Duration::from_secs(6));
    assert_eq!(claims(&actions), []);
    assert!(!bench.engine.may_dial());
}

#[test]
fn dials_that_are_late_together_do_not_slow_the_campaign_down() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    for number in 1..=10 {
        bench.claimed(A, number, 100);
    }
    bench.limited(A, Scope::Campaign, None);
    // The machine stands still until all of them are too late.
    let late = bench.after(ms(700));
    assert_eq!(late.iter().filter(|action| matches!(action, Action::Unsend { .. })).count(), 10, "{late:?}");
    let mut actions = Vec::new();
    for number in 1..=10 {
        actions.extend(bench.tell(Input::Unsent { attempt: attempt(number) }));
    }
    assert_eq!(claims(&actions), [A]);
    let next = bench.tell(Input::Claimed { campaign: A, result: ClaimResult::TurnedAway, next_due: None });
    assert_eq!(claims(&next), [A], "no pause is in the way");
}

#[test]
fn a_lost_lease_takes_back_what_was_not_sent_and_leaves_live_calls_alone() {
    let mut bench = Bench::placed(&[campaign(A, 5)]);
    bench.claimed(A, 2, 100);
    bench.after(Duration::from_secs(5));
    let actions = bench.tell(Input::LeaseRenewed { held: false });
    assert!(!actions.iter().any(|action| matches!(action, Action::Place { .. })));
    assert_eq!(bench.engine.live(), 1);
    assert!(!bench.engine.may_dial());
}

#[test]
fn turns_follow_the_weights() {
    let mut bench = Bench::dialing(&[campaign(A, 15), campaign(B, 5)]);
    bench.tell(Input::Promoted { campaign: A, promoted: 100, next_due: None, open: true });
    let mut served = std::collections::BTreeMap::new();
    let mut turn = A;
    for number in 1..=40 {
        *served.entry(turn).or_insert(0) += 1;
        let next = claims(&bench.claimed(turn, number, 100));
        turn = *next.first().expect("the next claim");
    }
    assert_eq!(served, [(A, 30), (B, 10)].into());
}

#[test]
fn an_idle_campaign_saves_up_no_turns() {
    let mut bench = Bench::dialing(&[campaign(A, 5), campaign(B, 5)]);
    // B has nobody for a long time.
    let mut turn = A;
    for number in 1..=30 {
        let actions = if turn == B {
            bench.tell(Input::Claimed { campaign: B, result: ClaimResult::Empty, next_due: None })
        } else {
            bench.claimed(A, number, 100)
        };
        turn = *claims(&actions).first().expect("A goes on");
    }
    bench.tell(Input::Notice(Notice::Targets(B)));
    let mut turns = Vec::new();
    for number in 31..=40 {
        turns.extend(claims(&bench.claimed(turn, number, 100)));
        turn = *turns.last().expect("somebody has a turn");
    }
    let of_b = turns.iter().filter(|&&turn| turn == B).count();
    assert!((4..=6).contains(&of_b), "B had {of_b} of 10 turns");
}

#[test]
fn a_full_organisation_waits_for_an_end_without_asking() {
    let mut bench = Bench::placed(&[campaign(A, 5), campaign(B, 5)]);
    assert_eq!(bench.limited(B, Scope::Organisation, None), [], "A shares the limit and is not asked for");
    assert_eq!(claims(&bench.after(Duration::from_secs(3))), []);
    let ended = Input::Ended { attempt: attempt(1), next_at: None, back_off: None };
    assert_eq!(claims(&bench.tell(ended)), [B], "the one served least is first");
}

#[test]
fn a_node_without_room_asks_for_nobody() {
    let mut bench = Bench::placed(&[campaign(A, 5), campaign(B, 5)]);
    assert_eq!(bench.limited(B, Scope::Node, Some(Duration::from_secs(1))), [], "A calls from the same node");
    assert_eq!(claims(&bench.after(ms(999))), []);
    assert_eq!(claims(&bench.after(ms(1))).len(), 1);
}

#[test]
fn a_trunk_that_asks_for_peace_gets_it_even_when_the_campaigns_are_read_again() {
    let mut bench = Bench::placed(&[campaign(A, 5)]);
    bench.limited(A, Scope::Campaign, None);
    let back_off = Some(Duration::from_secs(4));
    assert_eq!(claims(&bench.tell(Input::Ended { attempt: attempt(1), next_at: None, back_off })), []);
    bench.tell(Input::Notice(Notice::Campaigns));
    assert_eq!(claims(&bench.tell(Input::Campaigns(vec![campaign(A, 5)]))), []);
    assert_eq!(claims(&bench.after(ms(3_999))), []);
    assert_eq!(claims(&bench.after(ms(1))), [A]);
}

#[test]
fn a_campaign_is_completed_when_nothing_is_live_or_waited_for() {
    let mut bench = Bench::placed(&[campaign(A, 5)]);
    bench.tell(Input::Claimed { campaign: A, result: ClaimResult::Empty, next_due: None });
    let live = Input::Promoted { campaign: A, promoted: 0, next_due: None, open: true };
    assert_eq!(bench.tell(live), [], "a call is up");
    let ended = bench.tell(Input::Ended { attempt: attempt(1), next_at: None, back_off: None });
    assert_eq!(ended, [Action::Promote { campaign: A, limit: 500 }]);
    let nothing = Input::Promoted { campaign: A, promoted: 0, next_due: None, open: false };
    assert_eq!(bench.tell(nothing), [Action::Complete { campaign: A }]);
    assert_eq!(bench.tell(Input::Completed(A, true)), []);
}

#[test]
fn a_period_ends_once() {
    let end = Timestamp::constant(1_800_000_003, 0);
    let mut bench = Bench::dialing(&[CampaignInfo { period_end: Some(end), ..campaign(A, 5) }]);
    bench.tell(Input::Claimed { campaign: A, result: ClaimResult::Empty, next_due: None });
    bench.tell(Input::Promoted { campaign: A, promoted: 0, next_due: Some(end + ms(100)), open: true });
    let actions = bench.after(Duration::from_secs(3));
    assert_eq!(actions, [Action::Expire { campaign: A }]);
    assert_eq!(bench.tell(Input::Expired(A)), [Action::Promote { campaign: A, limit: 500 }]);
}

#[test]
fn a_failing_store_is_asked_again_after_a_pause_and_nothing_uncertain_is_sent() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    bench.claimed(A, 1, 0);
    let send_by = bench.now.wall;
    assert_eq!(bench.tell(Input::StoreFailed(Action::Commit { attempt: attempt(1), send_by })), []);
    assert_eq!(bench.after(ms(999)), []);
    assert_eq!(bench.after(ms(1)), [Action::Unsend { attempt: attempt(1) }], "it may have been written");
}

#[test]
fn a_stopping_engine_takes_back_what_was_not_sent_and_waits_for_its_calls() {
    let mut bench = Bench::placed(&[campaign(A, 5)]);
    bench.claimed(A, 2, 100);
    assert_eq!(bench.tell(Input::Stop), [Action::Unsend { attempt: attempt(2) }]);
    bench.limited(A, Scope::Campaign, None);
    bench.tell(Input::Unsent { attempt: attempt(2) });
    assert!(!bench.engine.is_drained(), "a call is up");
    bench.tell(Input::Ended { attempt: attempt(1), next_at: None, back_off: None });
    assert!(bench.engine.is_drained());
    assert_eq!(claims(&bench.after(Duration::from_secs(1))), []);
}

#[test]
fn what_was_about_to_leave_for_a_halted_campaign_is_taken_back() {
    let mut bench = Bench::dialing(&[campaign(A, 5), campaign(B, 5)]);
    bench.claimed(A, 1, 400);
    let other = bench.claimed(B, 2, 400);
    assert!(!other.contains(&Action::Unsend { attempt: attempt(2) }));
    let halted = bench.tell(Input::Notice(Notice::Halt(A)));
    assert!(halted.contains(&Action::Unsend { attempt: attempt(1) }), "claimed: {halted:?}");
    bench.tell(Input::Unsent { attempt: attempt(1) });
    let later = bench.after(ms(500));
    assert!(later.iter().all(|action| action.campaign() != Some(A)), "{later:?}");

    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    bench.claimed(A, 1, 100);
    bench.after(ms(80));
    bench.tell(Input::Committed { attempt: attempt(1), may_send: true });
    let halted = bench.tell(Input::Notice(Notice::Halt(A)));
    assert!(halted.contains(&Action::Unsend { attempt: attempt(1) }), "committed: {halted:?}");
    assert_eq!(bench.engine.live(), 0, "nothing was placed");
}

#[test]
fn while_enough_are_ready_only_urgent_ones_are_looked_for_and_not_too_often() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    bench.limited(A, Scope::Campaign, None);
    let due = Some(bench.now.wall - ms(1));
    let promoted = Input::Promoted { campaign: A, promoted: 500, next_due: due, open: true };
    assert_eq!(bench.tell(promoted), [], "more are due, and enough are ready");
    let (at, why) = bench.engine.poll_timeout().expect("a look");
    assert_eq!((at.saturating_duration_since(bench.now.mono), why), (ms(1000), WakeReason::Due));
    let hurry = Action::Hurry { campaign: A, limit: 500 };
    assert_eq!(bench.after(ms(1000)), [hurry]);
    let urgent = Some(bench.now.wall + ms(1500));
    assert_eq!(bench.tell(Input::Hurried { campaign: A, promoted: 3, next: urgent }), []);
    assert_eq!(bench.after(ms(1499)), []);
    assert_eq!(bench.after(ms(1)), [hurry]);
    bench.tell(Input::Hurried { campaign: A, promoted: 0, next: None });
    assert_eq!(bench.tell(Input::Notice(Notice::Targets(A))), [], "a second has to pass");
    assert_eq!(bench.after(ms(1000)), [hurry]);
    assert_eq!(bench.tell(Input::StoreFailed(hurry)), []);
}

#[test]
fn a_claim_that_crossed_a_promotion_is_asked_for_again() {
    let mut bench = Bench::dialing(&[campaign(A, 1)]);
    // The claim found nobody before the promotion, and says so after it.
    bench.tell(Input::Promoted { campaign: A, promoted: 1, next_due: None, open: true });
    let actions = bench.tell(Input::Claimed { campaign: A, result: ClaimResult::Empty, next_due: None });
    assert_eq!(claims(&actions), [A], "whoever was promoted is waiting");
    let actions = bench.tell(Input::Claimed { campaign: A, result: ClaimResult::Empty, next_due: None });
    assert_eq!(claims(&actions), [], "now nobody is");
}

#[test]
fn room_that_was_made_while_a_claim_was_under_way_is_looked_at() {
    let mut bench = Bench::dialing(&[campaign(A, 1)]);
    bench.tell(Input::Notice(Notice::Room));
    assert_eq!(claims(&bench.limited(A, Scope::Organisation, None)), [A]);
    assert_eq!(claims(&bench.limited(A, Scope::Organisation, None)), [], "there is none");
}

#[test]
fn lost_news_is_made_up_for_by_looking_again() {
    let mut bench = Bench::dialing(&[campaign(A, 1)]);
    bench.limited(A, Scope::Organisation, None);
    let recheck = Config::default().recheck;
    assert_eq!(claims(&bench.after(recheck - ms(1000))), []);
    bench.tell(Input::LeaseRenewed { held: true });
    assert_eq!(claims(&bench.after(ms(1000))), [A], "a call may have ended unheard");
    // The same for somebody who became ready unheard.
    bench.tell(Input::Promoted { campaign: A, promoted: 0, next_due: None, open: true });
    bench.tell(Input::Claimed { campaign: A, result: ClaimResult::Empty, next_due: None });
    let again = Input::Promoted { campaign: A, promoted: 0, next_due: None, open: true };
    assert_eq!(claims(&bench.tell(again.clone())), [], "it was only just looked at");
    bench.after(recheck);
    bench.tell(Input::LeaseRenewed { held: true });
    assert_eq!(claims(&bench.tell(again)), [A]);
}

#[test]
fn a_claim_takes_several_when_nobody_else_waits() {
    let most = |actions: &[Action]| -> Vec<u32> {
        let most = |action: &Action| if let Action::Claim { most, .. } = action { Some(*most) } else { None };
        actions.iter().filter_map(most).collect()
    };
    let mut bench = Bench::dialing(&[campaign(A, 1), campaign(B, 1)]);
    assert_eq!(most(&bench.claimed(A, 1, 150)), [1], "two wait for their turn");
    let batch = Config::default().claim_batch;
    assert!(batch > 1);
    assert_eq!(most(&bench.limited(B, Scope::Campaign, Some(Duration::from_secs(6)))), [batch], "one is left");
    // What else the claim has taken counts before its answer does.
    let send_at = bench.now.wall + ms(160);
    let dial = ClaimedDial { attempt: attempt(2), send_at, send_by: send_at + ms(500) };
    assert_eq!(bench.tell(Input::Further { campaign: A, dial }), []);
    assert_eq!(bench.limited(A, Scope::Campaign, Some(Duration::from_secs(6))), []);
    let commits = bench.after(ms(150));
    let attempts: Vec<_> = commits.iter().filter(|action| matches!(action, Action::Commit { .. })).collect();
    assert_eq!(attempts.len(), 2, "{commits:?}");
}

#[test]
fn dials_that_are_near_each_other_are_committed_together() {
    let mut bench = Bench::dialing(&[campaign(A, 5)]);
    for (number, in_ms) in [(1, 150), (2, 160), (3, 199), (4, 260)] {
        bench.claimed(A, number, in_ms);
    }
    bench.limited(A, Scope::Campaign, Some(Duration::from_secs(6)));
    let (first, _) = bench.engine.poll_timeout().expect("a dial waits");
    let actions = bench.after(first.saturating_duration_since(bench.now.mono));
    let committed = |action: &Action| if let Action::Commit { attempt, .. } = action { Some(*attempt) } else { None };
    let attempts: Vec<_> = actions.iter().filter_map(committed).collect();
    assert_eq!(attempts, [attempt(1), attempt(2), attempt(3)], "the fourth is far behind");
}
