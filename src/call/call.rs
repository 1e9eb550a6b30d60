//! One call, pure: how far it has come, which clocks run, and how it ends.
//!
//! ```text
//! outbound   Dialing ──18x──► Ringing ──200──► Talking ──► HangingUp ──► Ended
//!               │ 200 ───────────┼──────────────►▲  │ far side hung up ─────►▲
//!               └──── withdrawn or timed out ──► Withdrawing ── final ───────┤
//! inbound    Offered ──accepted──► Talking          │ 200 crossed a timeout ─► Talking
//! ```
//!
//! The call's task feeds [`Call::handle`], carries out [`Call::poll_action`] until it is empty, and wakes the call at
//! [`Call::poll_timeout`]. Whatever hangs outside (carrier, provider, agent), some clock here ends the call, and every
//! call ends in exactly one [`CallAction::Ended`].

mod ending;
mod verdict;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::verdict::Verdict;
use super::event::{Advice, CallAction, CallInput, CallTimer, LegEvent, MediaNotice, Progress, Withdrawal};
use super::outcome::{NetworkTone, TrunkEvidence};
use super::transfer::{Handover, TransferConfig};
use crate::agent::action::Ending;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{AnsweredBy, EndedBy};

/// The clocks of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallConfig {
    /// From the first 180 or 183 to our CANCEL.
    pub ring_timeout: Duration,
    /// From the INVITE to our CANCEL when something answers (100) but nobody rings. Where nothing answers at all the
    /// transaction's timer B ends the dial first.
    pub setup_timeout: Duration,
    /// From the answer to the end, whatever is being said.
    pub max_duration: Duration,
    /// How long before `max_duration` the agent is told to come to an end.
    pub closing: Duration,
    /// A BYE from the contact this soon after the answer counts as an immediate hang-up.
    pub early_hangup: Duration,
    /// From the answer to the end when no RTP comes at all.
    pub no_audio: Duration,
    /// From the last packet to the end when RTP stops in the middle of a call that is not on hold.
    pub audio_lost: Duration,
    /// How long an inbound call rings at most while the first words are prepared.
    pub accept_after: Duration,
    /// From our CANCEL or BYE to giving up on the far side's answer to it: longer than the 32 s of timers B and F.
    pub teardown: Duration,
    /// From the moment a caller is joined with somebody else to the end, in place of `max_duration`.
    pub transferred: Duration,
    /// How long a transfer is tried.
    pub transfer: TransferConfig,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            ring_timeout: Duration::from_secs(30),
            setup_timeout: Duration::from_secs(60),
            max_duration: Duration::from_secs(300),
            closing: Duration::from_secs(20),
            early_hangup: Duration::from_secs(10),
            no_audio: Duration::from_secs(10),
            audio_lost: Duration::from_secs(20),
            accept_after: Duration::from_secs(3),
            teardown: Duration::from_secs(40),
            transferred: Duration::from_secs(4 * 3600),
            transfer: TransferConfig::default(),
        }
    }
}

/// The core of one call.
#[derive(Debug)]
pub struct Call {
    config: CallConfig,
    started: Instant,
    state: State,
    /// Evidence that outlives the states it was seen in.
    seen: Seen,
    actions: VecDeque<CallAction>,
    outcomes: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    provisional: bool,
    rang: bool,
    media: bool,
    answered_at: Option<Instant>,
    answered_by: Option<AnsweredBy>,
    caller_spoke: bool,
    agent_spoke: bool,
    audio: Audio,
    trunk: TrunkEvidence,
    /// The conversation knows that the call is over, and the audio is stopped.
    over: bool,
}

/// What RTP does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Audio {
    /// Nothing has come yet.
    #[default]
    Absent,
    /// Packets come.
    Flowing,
    /// Packets came until then.
    Lost { since: Instant },
}

#[derive(Debug)]
enum State {
    /// Outbound: the INVITE is out, nobody rings yet.
    Dialing { until: Instant },
    /// Outbound: a 180 or 183 came.
    Ringing { until: Instant },
    /// Outbound: we sent CANCEL and wait for the final response.
    Withdrawing { why: Withdrawal, since: Instant, until: Instant },
    /// Inbound: rings while the agent gets ready.
    Offered { accept_at: Instant },
    /// Answered.
    Talking(Talking),
    /// We sent BYE, CANCEL or a refusal and wait for the leg to be over.
    HangingUp { verdict: Verdict, until: Instant },
    /// Over; the outcome is out.
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Talking {
    /// When the agent is told; `None` once it was.
    closing_at: Option<Instant>,
    /// When the call ends, and as what.
    hard_end: Instant,
    hard_reason: HardEnd,
    /// When the longest duration ends it, were there no transfer.
    agents_end: Instant,
    handover: Option<Handover>,
    /// The far side has put us on hold, or both agreed to silence: no RTP is no fault.
    held: bool,
    /// Since when audio is owed to us: the answer, or the end of a hold.
    audio_from: Instant,
}

/// The longest that a transfer is tried: all clocks of [`TransferConfig`] one after
/// another, with a ring timeout of two minutes.
const TRANSFERRING: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HardEnd {
    MaxDuration,
    Drained,
}

impl Call {
    /// A call we place; its first action is [`CallAction::Invite`].
    #[must_use]
    pub fn outbound(now: Instant, config: CallConfig, trunk: TrunkEvidence) -> Self {
        let state = State::Dialing { until: now + config.setup_timeout };
        let mut call = Self::new(now, config, state);
        call.seen.trunk = trunk;
        call.actions.push_back(CallAction::Invite);
        call
    }

    /// A call we were offered and mean to take; its first action is [`CallAction::Ring`].
    #[must_use]
    pub fn inbound(now: Instant, config: CallConfig) -> Self {
        let state = State::Offered { accept_at: now + config.accept_after };
        let mut call = Self::new(now, config, state);
        call.actions.push_back(CallAction::Ring);
        call
    }

    fn new(now: Instant, config: CallConfig, state: State) -> Self {
        Self { config, started: now, state, seen: Seen::default(), actions: VecDeque::new(), outcomes: 0 }
    }

    /// Takes one input. After the call has ended every input is ignored.
    pub fn handle(&mut self, now: Instant, input: CallInput) {
        if !self.is_ended() {
            match input {
                CallInput::Leg(event) => self.handle_leg(now, event),
                CallInput::Media(notice) => self.handle_media(now, notice),
                CallInput::AgentReady => self.handle_agent_ready(now),
                CallInput::AgentEnded(ending) => self.handle_ending(now, &ending),
                CallInput::AnsweredBy(party) => self.seen.answered_by = Some(party),
                CallInput::Tone(tone) => self.handle_tone(now, tone),
                CallInput::Handover(handover) => self.handle_handover(now, handover),
                CallInput::Withdraw(why) => self.handle_withdraw(now, why),
            }
        }
        self.check_invariants();
    }

    /// Runs every clock that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, timer)) = self.poll_timeout() {
            if at > now {
                break;
            }
            self.fire(now, timer);
            self.check_invariants();
        }
    }

    /// When the call wants to be woken, and why. `None` only after its end.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, CallTimer)> {
        match &self.state {
            State::Dialing { until } => Some((*until, CallTimer::Setup)),
            State::Ringing { until } => Some((*until, CallTimer::Ring)),
            State::Withdrawing { until, .. } | State::HangingUp { until, .. } => Some((*until, CallTimer::Teardown)),
            State::Offered { accept_at } => Some((*accept_at, CallTimer::Accept)),
            State::Talking(talking) => {
                let mut first = (talking.hard_end, CallTimer::HardEnd);
                for other in [
                    talking.closing_at.map(|at| (at, CallTimer::Closing)),
                    self.audio_deadline(talking).map(|at| (at, CallTimer::Audio)),
                ] {
                    first = other.filter(|(at, _)| *at < first.0).unwrap_or(first);
                }
                Some(first)
            }
            State::Ended => None,
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<CallAction> {
        self.actions.pop_front()
    }

    /// Whether the outcome is out.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// When the call was answered.
    #[must_use]
    pub fn answered_at(&self) -> Option<Instant> {
        self.seen.answered_at
    }

    fn handle_leg(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Provisional { status, media } => self.handle_provisional(now, status, media),
            LegEvent::Answered { media } => self.handle_answer(now, media),
            LegEvent::Renegotiated { receives } => self.handle_renegotiated(now, receives),
            LegEvent::Failed(failure) => self.handle_failure(now, &failure),
            LegEvent::Ended { by, q850 } => self.handle_leg_end(now, by, q850),
        }
    }

    fn handle_provisional(&mut self, now: Instant, status: u16, media: bool) {
        self.seen.provisional = true;
        let rings = matches!(status, 180 | 183);
        if rings && let State::Dialing { .. } = self.state {
            self.state = State::Ringing { until: now + self.config.ring_timeout };
            self.actions.push_back(CallAction::Progress(Progress::Ringing));
        }
        self.seen.rang |= rings;
        let listening = matches!(self.state, State::Dialing { .. } | State::Ringing { .. });
        if media && listening {
            self.seen.media = true;
            self.actions.push_back(CallAction::StartMedia);
        }
    }

    fn handle_answer(&mut self, now: Instant, media: bool) {
        match self.state {
            State::Dialing { .. } | State::Ringing { .. } => {}
            // A 200 that crossed our ring timeout is a person who has just said hello.
            State::Withdrawing { why: Withdrawal::TimedOut | Withdrawal::Tone(_), .. } => {}
            State::Withdrawing { why: Withdrawal::Person | Withdrawal::Shutdown | Withdrawal::Fault, .. } => {
                self.actions.push_back(CallAction::HangUp);
                return;
            }
            State::Offered { .. } | State::Talking(_) | State::HangingUp { .. } | State::Ended => return,
        }
        if !media && !self.seen.media {
            let verdict = Verdict::new(DisconnectionReason::DialFailed, EndedBy::System, now).technical();
            self.seen.answered_at = Some(now);
            self.hang_up(now, verdict);
            return;
        }
        if media {
            self.seen.media = true;
            self.actions.push_back(CallAction::StartMedia);
        }
        self.begin_talking(now);
    }

    fn begin_talking(&mut self, now: Instant) {
        self.seen.answered_at = Some(now);
        let hard_end = now + self.config.max_duration;
        self.state = State::Talking(Talking {
            closing_at: Some(now + self.config.max_duration.saturating_sub(self.config.closing)),
            hard_end,
            hard_reason: HardEnd::MaxDuration,
            agents_end: hard_end,
            handover: None,
            held: false,
            audio_from: now,
        });
        self.actions.push_back(CallAction::Advise(Advice::Answered));
        self.actions.push_back(CallAction::Progress(Progress::Answered));
    }

    fn handle_renegotiated(&mut self, now: Instant, receives: bool) {
        if self.seen.over {
            return;
        }
        self.seen.media = true;
        self.actions.push_back(CallAction::StartMedia);
        if let State::Talking(talking) = &mut self.state {
            if talking.held && receives {
                talking.audio_from = now;
            }
            talking.held = !receives;
        }
    }

    fn handle_media(&mut self, now: Instant, notice: MediaNotice) {
        match notice {
            MediaNotice::Flowing => self.seen.audio = Audio::Flowing,
            MediaNotice::Stalled { since } if self.seen.audio != Audio::Absent => {
                self.seen.audio = Audio::Lost { since };
            }
            MediaNotice::Stalled { .. } => {}
            MediaNotice::CallerSpoke => self.note_speech(|seen| &mut seen.caller_spoke),
            MediaNotice::AgentSpoke => self.note_speech(|seen| &mut seen.agent_spoke),
            MediaNotice::Failed => self.fail_technically(now),
        }
    }

    fn note_speech(&mut self, side: impl Fn(&mut Seen) -> &mut bool) {
        let talking = matches!(self.state, State::Talking(_));
        if talking && !std::mem::replace(side(&mut self.seen), true) && self.seen.caller_spoke && self.seen.agent_spoke
        {
            self.actions.push_back(CallAction::Progress(Progress::InConversation));
        }
    }

    fn handle_agent_ready(&mut self, now: Instant) {
        if let State::Offered { .. } = self.state {
            self.accept(now);
        }
    }

    fn accept(&mut self, now: Instant) {
        self.seen.media = true;
        self.actions.push_back(CallAction::StartMedia);
        self.actions.push_back(CallAction::Accept);
        self.begin_talking(now);
    }

    /// While a transfer is tried the longest duration waits, within bounds: whoever hears music is not cut off in the
    /// middle of it. Once the caller talks to somebody else the agent's clocks and wishes mean nothing any more.
    fn handle_handover(&mut self, now: Instant, handover: Handover) {
        let (closing, transferred) = (self.config.closing, self.config.transferred);
        let State::Talking(talking) = &mut self.state else { return };
        talking.handover = Some(handover);
        let drained = talking.hard_reason == HardEnd::Drained;
        match handover {
            Handover::Begun | Handover::Accepted if !drained => {
                talking.hard_end = talking.agents_end.max(now + TRANSFERRING);
                talking.closing_at = None;
            }
            Handover::Failed if !drained => {
                // Time enough for the agent to say so and to say goodbye.
                talking.hard_end = talking.agents_end.max(now + 2 * closing);
                talking.closing_at = Some(talking.hard_end.checked_sub(closing).unwrap_or(now));
                talking.handover = None;
            }
            Handover::Joined if !drained => talking.hard_end = now + transferred,
            Handover::Begun | Handover::Accepted | Handover::Failed | Handover::Joined => {}
            Handover::Done => {
                self.hang_up(now, Verdict::new(DisconnectionReason::CallTransfer, EndedBy::Agent, now));
            }
        }
    }

    fn handle_ending(&mut self, now: Instant, ending: &Ending) {
        if let State::Talking(Talking { handover: Some(Handover::Joined), .. }) = self.state {
            return;
        }
        let verdict = match ending {
            Ending::Completed { .. } | Ending::CallerGoodbye => {
                Verdict::new(DisconnectionReason::AgentHangup, EndedBy::Agent, now)
            }
            Ending::Inactivity => Verdict::new(DisconnectionReason::Inactivity, EndedBy::Agent, now),
            Ending::VoicemailReached | Ending::MessageLeft => {
                self.seen.answered_by = Some(AnsweredBy::Voicemail);
                Verdict::new(DisconnectionReason::VoicemailReached, EndedBy::Agent, now)
            }
            Ending::Screened => {
                self.seen.answered_by = Some(AnsweredBy::Screening);
                Verdict::new(DisconnectionReason::CallScreened, EndedBy::Agent, now)
            }
            Ending::LostInMenus => {
                self.seen.answered_by = Some(AnsweredBy::Ivr);
                Verdict::new(DisconnectionReason::CallScreened, EndedBy::Agent, now)
            }
            Ending::NotAnswered => {
                self.seen.answered_by = Some(AnsweredBy::FalseAnswer);
                Verdict::new(DisconnectionReason::DialNoAnswer, EndedBy::System, now)
            }
            // Nobody can be talked to there: another number of the contact's may do.
            Ending::FaxReached => {
                self.seen.answered_by = Some(AnsweredBy::Fax);
                Verdict::new(DisconnectionReason::InvalidPhoneNumber, EndedBy::Agent, now)
            }
            Ending::OptedOut => Verdict::new(DisconnectionReason::VoiceCallsOptedOut, EndedBy::Agent, now),
            Ending::Transferred => Verdict::new(DisconnectionReason::CallTransfer, EndedBy::Agent, now),
            Ending::TimeUp => Verdict::new(self.hard_reason(), EndedBy::System, now),
            Ending::SpeechFailed | Ending::ModelFailed | Ending::RecogniserFailed => return self.fail_technically(now),
            Ending::HungUp => return,
        };
        if let State::Talking(_) = self.state {
            self.hang_up(now, verdict);
        }
    }

    /// A dial is withdrawn, unless the far side has a word of its own yet; an answer with a tone behind it was a switch's.
    fn handle_tone(&mut self, now: Instant, tone: NetworkTone) {
        match self.state {
            State::Dialing { .. } | State::Ringing { .. } => self.withdraw(now, Withdrawal::Tone(tone)),
            State::Talking(_) => {
                self.seen.answered_by = Some(AnsweredBy::FalseAnswer);
                self.hang_up(now, Verdict::of_tone(tone, now));
            }
            State::Offered { .. } | State::Withdrawing { .. } | State::HangingUp { .. } | State::Ended => {}
        }
    }

    fn fail_technically(&mut self, now: Instant) {
        match self.state {
            State::Talking(_) | State::Offered { .. } => {
                let verdict = Verdict::new(DisconnectionReason::AgentHangup, EndedBy::System, now).technical();
                self.hang_up(now, verdict);
            }
            State::Dialing { .. } | State::Ringing { .. } => self.withdraw(now, Withdrawal::Fault),
            State::Withdrawing { .. } | State::HangingUp { .. } | State::Ended => {}
        }
    }

    fn handle_withdraw(&mut self, now: Instant, why: Withdrawal) {
        match &mut self.state {
            State::Dialing { .. } | State::Ringing { .. } => self.withdraw(now, why),
            // A person's word outranks a timeout: the 200 that may still cross is then not talked to.
            State::Withdrawing { why: earlier, .. } if why != Withdrawal::TimedOut => *earlier = why,
            State::Talking(talking) if why == Withdrawal::Shutdown => {
                let end = now + self.config.closing;
                if end < talking.hard_end {
                    talking.hard_end = end;
                    talking.hard_reason = HardEnd::Drained;
                }
                if talking.closing_at.take().is_some() {
                    self.actions.push_back(CallAction::Advise(Advice::TimeNearlyUp));
                }
            }
            State::Talking(_) | State::Offered { .. } => {
                self.hang_up(now, Verdict::new(DisconnectionReason::AgentHangup, EndedBy::System, now));
            }
            State::Withdrawing { .. } | State::HangingUp { .. } | State::Ended => {}
        }
    }

    /// CANCEL, or BYE should a 200 be on its way.
    fn withdraw(&mut self, now: Instant, why: Withdrawal) {
        self.state = State::Withdrawing { why, since: now, until: now + self.config.teardown };
        self.actions.push_back(CallAction::HangUp);
    }

    fn fire(&mut self, now: Instant, timer: CallTimer) {
        match timer {
            CallTimer::Setup | CallTimer::Ring => self.withdraw(now, Withdrawal::TimedOut),
            CallTimer::Accept => self.accept(now),
            CallTimer::Teardown => match self.state {
                State::Withdrawing { .. } => self.end_withdrawn(now),
                State::HangingUp { .. } => self.finish_hanging_up(None),
                State::Dialing { .. }
                | State::Ringing { .. }
                | State::Offered { .. }
                | State::Talking(_)
                | State::Ended => {}
            },
            CallTimer::Closing => {
                if let State::Talking(talking) = &mut self.state {
                    talking.closing_at = None;
                    self.actions.push_back(CallAction::Advise(Advice::TimeNearlyUp));
                }
            }
            CallTimer::HardEnd => {
                let verdict = Verdict::new(self.hard_reason(), EndedBy::System, now);
                let drained = self.hard_end() == HardEnd::Drained;
                self.hang_up(now, if drained { verdict.technical() } else { verdict });
            }
            CallTimer::Audio => {
                self.hang_up(now, Verdict::new(DisconnectionReason::ErrorNoAudioReceived, EndedBy::System, now));
            }
        }
    }

    fn hard_end(&self) -> HardEnd {
        match &self.state {
            State::Talking(talking) => talking.hard_reason,
            State::Dialing { .. }
            | State::Ringing { .. }
            | State::Withdrawing { .. }
            | State::Offered { .. }
            | State::HangingUp { .. }
            | State::Ended => HardEnd::MaxDuration,
        }
    }

    fn hard_reason(&self) -> DisconnectionReason {
        match self.hard_end() {
            HardEnd::MaxDuration => DisconnectionReason::MaxDurationReached,
            HardEnd::Drained => DisconnectionReason::AgentHangup,
        }
    }

    fn audio_deadline(&self, talking: &Talking) -> Option<Instant> {
        let from = talking.audio_from;
        match self.seen.audio {
            _ if talking.held => None,
            Audio::Flowing => None,
            Audio::Lost { since } if since > from => Some(since + self.config.audio_lost),
            Audio::Absent | Audio::Lost { .. } => Some(from + self.config.no_audio),
        }
    }

    fn check_invariants(&self) {
        debug_assert_eq!(self.outcomes, u32::from(self.is_ended()), "one outcome, at the end");
        debug_assert_eq!(self.poll_timeout().is_none(), self.is_ended(), "a live call always has a clock");
        if let State::Talking(talking) = &self.state {
            debug_assert!(self.seen.answered_at.is_some_and(|answered| answered <= talking.hard_end));
        }
    }
}

#[cfg(test)]
mod tests;
