//! The states of campaigns, of contacts in a campaign ("targets") and of attempts.

use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// Where a campaign stands. The moves between these are in [`transition`](super::transition).
    ///
    /// ```text
    /// DRAFT ──start──► IN_PROGRESS ◄──pause / resume──► PAUSED
    ///                     │ nothing left, or period over    │
    ///                     ▼                                 │
    ///                 COMPLETED        CANCELLED ◄──cancel──┴── IN_PROGRESS
    /// COMPLETED ──contacts added or restarted──► IN_PROGRESS, or PAUSED when a trunk or a number is missing
    /// DRAFT | PAUSED | COMPLETED | CANCELLED ──delete──► DELETING ──drained──► gone;  IN_PROGRESS is cancelled first
    /// ```
    pub enum CampaignState is "campaign state" {
        /// Being prepared; everything can be edited.
        Draft = "draft",
        /// Dialing, or waiting for a window, a retry or capacity.
        InProgress = "in_progress",
        /// Held; live calls go on, nothing new is dialed. A [`PauseReason`] says why.
        Paused = "paused",
        /// Nothing is left to dial. Opens again when contacts are added or restarted.
        Completed = "completed",
        /// Ended by a person. Terminal, data kept.
        Cancelled = "cancelled",
        /// Being removed with its data once live calls have ended.
        Deleting = "deleting",
    }
}

wire_enum! {
    /// Why a campaign is paused.
    pub enum PauseReason is "pause reason" {
        /// A person paused it.
        User = "user",
        /// The minutes of the plan are used up.
        QuotaMinutes = "quota_minutes",
        /// The plan allows no further active campaign.
        PlanActiveLimit = "plan_active_limit",
        /// No number to call from is left.
        NoPhoneNumber = "no_phone_number",
        /// The trunk refuses calls.
        TrunkDown = "trunk_down",
        /// Too many attempts failed in a row.
        FailureBreaker = "failure_breaker",
        /// A legal requirement is not met.
        Compliance = "compliance",
        /// An administrator of the installation paused it.
        Admin = "admin",
    }
}

wire_enum! {
    /// Where a contact stands in a campaign. The moves between these are in [`target`](super::target).
    pub enum TargetState is "target state" {
        /// Added, waiting for preselection or approval.
        New = "new",
        /// Refused by preselection or by a person.
        Rejected = "rejected",
        /// To be dialed at `next_at`.
        Waiting = "waiting",
        /// Due: may be claimed at any moment.
        Ready = "ready",
        /// An attempt is live.
        InProgress = "in_progress",
        /// Asked to be called back at `callback_at`.
        Callback = "callback",
        /// Finished with a call.
        Done = "done",
        /// Finished without one: retries spent, or a reason that is not retried.
        Failed = "failed",
        /// Held by a person.
        Suspended = "suspended",
        /// The gate refuses to dial; a [`BlockedReason`] says why.
        Blocked = "blocked",
        /// The campaign's period ended first.
        Expired = "expired",
        /// Taken out of the campaign.
        Removed = "removed",
    }
}

impl TargetState {
    /// Whether the target is finished for this round: nothing more happens to it by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Rejected | Self::Done | Self::Failed | Self::Blocked | Self::Expired | Self::Removed => true,
            Self::New | Self::Waiting | Self::Ready | Self::InProgress | Self::Callback | Self::Suspended => false,
        }
    }

    /// Whether a campaign with such a target still has something to dial or to wait for. Those that only a person can
    /// move on, NEW and SUSPENDED, count as pending: it waits for that person until its period ends.
    #[must_use]
    pub const fn keeps_campaign_open(self) -> bool {
        !self.is_final()
    }
}

wire_enum! {
    /// How far one dial has come.
    ///
    /// ```text
    /// CLAIMED ─► DIALING ─► RINGING ─► ANSWERED ─► IN_CONVERSATION ─► ENDED
    ///    │          └──────────┴───────────┴──────────────┴─────────► UNKNOWN (the node was lost)
    ///    └──────────┴─► NOT_PLACED (provably nothing was sent)   CANCELLED (withdrawn before an answer)
    /// ```
    pub enum AttemptState is "attempt state" {
        /// Limits, gate and contact are settled; nothing has been sent.
        Claimed = "claimed",
        /// The leg is on disk; from here an INVITE may have left.
        Dialing = "dialing",
        /// The far end rings.
        Ringing = "ringing",
        /// The call was answered.
        Answered = "answered",
        /// Both sides have spoken.
        InConversation = "in_conversation",
        /// Over, with a [`DisconnectionReason`].
        Ended = "ended",
        /// Refused by gate, trunk or a lost lease before an INVITE could leave.
        NotPlaced = "not_placed",
        /// Withdrawn by a person before the answer.
        Cancelled = "cancelled",
        /// The node was lost after an INVITE may have left; the outcome cannot be known.
        Unknown = "unknown",
    }
}

impl AttemptState {
    /// Whether the attempt holds a channel: counted against every concurrency limit.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Claimed | Self::Dialing | Self::Ringing | Self::Answered | Self::InConversation => true,
            Self::Ended | Self::NotPlaced | Self::Cancelled | Self::Unknown => false,
        }
    }

    /// Whether an INVITE may have left the box in this state.
    #[must_use]
    pub const fn may_have_rung(self) -> bool {
        match self {
            Self::Claimed | Self::NotPlaced => false,
            Self::Dialing
            | Self::Ringing
            | Self::Answered
            | Self::InConversation
            | Self::Ended
            | Self::Cancelled
            | Self::Unknown => true,
        }
    }

    /// Whether an attempt in this state may move to `next`. Progress may skip steps (an answer without ringing), and
    /// the owner of an attempt declared unknown may still write how it ended.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use AttemptState as S;
        match (self, next) {
            (S::Claimed, S::Dialing | S::NotPlaced) => true,
            (S::Dialing, S::Ringing | S::Answered | S::Ended | S::NotPlaced | S::Cancelled | S::Unknown) => true,
            (S::Ringing, S::Answered | S::Ended | S::Cancelled | S::Unknown) => true,
            (S::Answered, S::InConversation | S::Ended | S::Unknown) => true,
            (S::InConversation, S::Ended | S::Unknown) => true,
            (S::Unknown, S::Ended) => true,
            (
                S::Claimed
                | S::Dialing
                | S::Ringing
                | S::Answered
                | S::InConversation
                | S::Ended
                | S::NotPlaced
                | S::Cancelled
                | S::Unknown,
                S::Claimed
                | S::Dialing
                | S::Ringing
                | S::Answered
                | S::InConversation
                | S::Ended
                | S::NotPlaced
                | S::Cancelled
                | S::Unknown,
            ) => false,
        }
    }
}

wire_enum! {
    /// Why the gate refuses to dial a target at all. A reason that only postpones moves `next_at` instead.
    pub enum BlockedReason is "blocked reason" {
        /// The number is on a do-not-call list.
        Dnc = "dnc",
        /// The contact opted out of voice calls.
        OptedOut = "opted_out",
        /// The case was signed already.
        AlreadySigned = "already_signed",
        /// Nothing is left to ask.
        TasksComplete = "tasks_complete",
        /// The contact has no number.
        EmptyPhone = "empty_phone",
        /// The number cannot be dialed.
        InvalidNumber = "invalid_number",
        /// The contact's time zone is unknown and the campaign does not guess.
        InvalidTimezone = "invalid_timezone",
        /// Called as often as the frequency cap allows and no later time is left.
        FrequencyCap = "frequency_cap",
        /// No lawful calling time is left.
        Law = "law",
        /// The campaign asks for consent, and none is on record.
        NoConsent = "no_consent",
        /// The number is of a country that the organisation does not call.
        CountryNotAllowed = "country_not_allowed",
        /// A premium-rate number.
        PremiumNumber = "premium_number",
        /// A number of a satellite or international network.
        SatelliteNumber = "satellite_number",
    }
}

impl BlockedReason {
    /// The reason that the NOT_PLACED attempt of a blocked target carries.
    #[must_use]
    pub const fn disconnection(self) -> DisconnectionReason {
        match self {
            Self::Dnc | Self::OptedOut => DisconnectionReason::VoiceCallsOptedOut,
            Self::EmptyPhone => DisconnectionReason::EmptyPhone,
            Self::InvalidNumber => DisconnectionReason::InvalidPhoneNumber,
            Self::InvalidTimezone => DisconnectionReason::InvalidTimezone,
            Self::AlreadySigned
            | Self::TasksComplete
            | Self::FrequencyCap
            | Self::Law
            | Self::NoConsent
            | Self::CountryNotAllowed
            | Self::PremiumNumber
            | Self::SatelliteNumber => DisconnectionReason::Cancelled,
        }
    }
}

wire_enum! {
    /// Who ended a call.
    pub enum EndedBy is "side that ended the call" {
        /// The person called.
        Contact = "contact",
        /// Our agent.
        Agent = "agent",
        /// This server: a timer, a person, a shutdown.
        System = "system",
        /// The network between.
        Carrier = "carrier",
    }
}

wire_enum! {
    /// What answered a call.
    pub enum AnsweredBy is "answering party" {
        /// A person.
        Human = "human",
        /// An answering machine or voicemail.
        Voicemail = "voicemail",
        /// A call-screening assistant.
        Screening = "screening",
        /// A telephone menu.
        Ivr = "ivr",
        /// A fax machine.
        Fax = "fax",
        /// A 200 that carries ringback tone: nobody is there yet.
        FalseAnswer = "false_answer",
        /// Could not be told.
        Unknown = "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trips<T>(all: &[T])
    where
        T: Copy
            + std::fmt::Debug
            + std::fmt::Display
            + PartialEq
            + std::str::FromStr
            + serde::Serialize
            + serde::de::DeserializeOwned,
        T::Err: std::fmt::Debug,
    {
        for &value in all {
            let text = value.to_string();
            assert_eq!(text.parse::<T>().expect("own name parses"), value);
            let json = serde_json::to_string(&value).expect("serialises");
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<T>(&json).expect("own JSON parses"), value);
            assert!(text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{text} is snake_case");
        }
    }

    #[test]
    fn names_round_trip_through_text_and_json() {
        round_trips(CampaignState::ALL);
        round_trips(PauseReason::ALL);
        round_trips(TargetState::ALL);
        round_trips(AttemptState::ALL);
        round_trips(BlockedReason::ALL);
        round_trips(EndedBy::ALL);
        round_trips(AnsweredBy::ALL);
        round_trips(DisconnectionReason::ALL);
        assert_eq!("paused ".parse::<CampaignState>().expect_err("exact").to_string(), "not a known campaign state");
    }

    #[test]
    fn attempt_transitions() {
        let mut table = String::new();
        for &from in AttemptState::ALL {
            let to: Vec<_> =
                AttemptState::ALL.iter().filter(|&&to| from.may_become(to)).map(|to| to.as_str()).collect();
            table.push_str(&format!("{from:16} -> {}\n", to.join(" ")));
        }
        insta::assert_snapshot!(table, @r"
        claimed          -> dialing not_placed
        dialing          -> ringing answered ended not_placed cancelled unknown
        ringing          -> answered ended cancelled unknown
        answered         -> in_conversation ended unknown
        in_conversation  -> ended unknown
        ended            -> 
        not_placed       -> 
        cancelled        -> 
        unknown          -> ended
        ");
    }

    #[test]
    fn a_live_attempt_can_end_and_a_dead_one_stays_dead() {
        for &from in AttemptState::ALL {
            let exits = AttemptState::ALL.iter().filter(|&&to| !to.is_live() && from.may_become(to)).count();
            assert_eq!(from.is_live() || from == AttemptState::Unknown, exits > 0, "{from}");
            let back = AttemptState::ALL.iter().any(|&to| !from.is_live() && to.is_live() && from.may_become(to));
            assert!(!back, "{from} comes back to life");
        }
    }
}
