//! What the rows of each list can be picked by. All wishes of a filter hold together.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Clause, OneOf, Variable};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{
    AnsweredBy, AttemptState, BlockedReason, CampaignState, EndedBy, PauseReason, TargetState,
};
use crate::id::{AssistantId, CampaignId, CaseLabelId, ContactId, ImportId, ListId, RunId, TagId, TrunkId};
use crate::store::attempt::AttemptKind;
use crate::store::call::Direction;

/// Picks campaigns.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct CampaignFilter {
    /// In one of these states, such as `in_progress,paused`.
    #[param(value_type = Option<Vec<CampaignState>>, style = Form)]
    pub state: OneOf<CampaignState>,
    /// Paused for one of these reasons.
    #[param(value_type = Option<Vec<PauseReason>>, style = Form)]
    pub pause_reason: OneOf<PauseReason>,
    /// Part of the name or the description, in any case.
    pub search: Option<String>,
    /// With this assistant.
    pub assistant_id: Option<AssistantId>,
    /// With this trunk as its own.
    pub trunk_id: Option<TrunkId>,
    /// That have this contact.
    pub contact_id: Option<ContactId>,
    /// Made from then on.
    pub created_from: Option<Timestamp>,
    /// Made before then.
    pub created_before: Option<Timestamp>,
    /// Changed from then on.
    pub updated_from: Option<Timestamp>,
    /// Changed before then.
    pub updated_before: Option<Timestamp>,
    /// Started first from then on.
    pub started_from: Option<Timestamp>,
    /// Started first before then.
    pub started_before: Option<Timestamp>,
}

/// Picks contacts of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TargetFilter {
    /// In one of these states, such as `failed,blocked`.
    #[serde(skip_serializing_if = "OneOf::is_empty")]
    #[param(value_type = Option<Vec<TargetState>>, style = Form)]
    #[schema(value_type = Option<Vec<TargetState>>)]
    pub state: OneOf<TargetState>,
    /// Blocked for one of these reasons.
    #[serde(skip_serializing_if = "OneOf::is_empty")]
    #[param(value_type = Option<Vec<BlockedReason>>, style = Form)]
    #[schema(value_type = Option<Vec<BlockedReason>>)]
    pub blocked_reason: OneOf<BlockedReason>,
    /// Whose last call ended for one of these reasons.
    #[serde(skip_serializing_if = "OneOf::is_empty")]
    #[param(value_type = Option<Vec<DisconnectionReason>>, style = Form)]
    #[schema(value_type = Option<Vec<DisconnectionReason>>)]
    pub last_reason: OneOf<DisconnectionReason>,
    /// Part of the name or number, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// A variable of the contact with its value: `name:value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    #[schema(value_type = Option<String>)]
    pub variable: Option<Variable>,
    /// In this round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// With at least this many calls in the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dials_min: Option<u32>,
    /// With at most this many calls in the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dials_max: Option<u32>,
    /// With at least this priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_min: Option<i32>,
    /// With at most this priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_max: Option<i32>,
    /// Whether a person has ever answered in this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<bool>,
    /// Whether one of their calls was marked as a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_success: Option<bool>,
    /// Whether they broke off their last call before its script was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<bool>,
    /// Whether a callback was missed that is still to be made up for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_missed: Option<bool>,
    /// Last called from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_call_from: Option<Timestamp>,
    /// Last called before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_call_before: Option<Timestamp>,
    /// To be called from then on, in the states that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_from: Option<Timestamp>,
    /// To be called before then, in the states that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_before: Option<Timestamp>,
    /// Changed from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_from: Option<Timestamp>,
    /// Changed before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_before: Option<Timestamp>,
}

/// Picks callbacks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AgendaFilter {
    /// Planned from then on.
    pub from: Option<Timestamp>,
    /// Planned before then.
    pub before: Option<Timestamp>,
    /// Of this campaign.
    pub campaign_id: Option<CampaignId>,
}

/// Picks contacts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ContactFilter {
    /// Part of the name, a number, an e-mail address or the external id, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Whether they have a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_phone: Option<bool>,
    /// A variable with its value: `name:value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    #[schema(value_type = Option<String>)]
    pub variable: Option<Variable>,
    /// With at least one of these tags, by their ids.
    #[serde(skip_serializing_if = "OneOf::is_empty")]
    #[param(value_type = Option<Vec<TagId>>, style = Form)]
    #[schema(value_type = Option<Vec<TagId>>)]
    pub tag_any: OneOf<TagId>,
    /// With all of these tags, by their ids.
    #[serde(skip_serializing_if = "OneOf::is_empty")]
    #[param(value_type = Option<Vec<TagId>>, style = Form)]
    #[schema(value_type = Option<Vec<TagId>>)]
    pub tag_all: OneOf<TagId>,
    /// Whether neither a zone was given nor the number tells one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_missing: Option<bool>,
    /// Whether one of their numbers is on the organisation's own suppression list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opted_out: Option<bool>,
    /// With this id of elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// In this list of contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<ListId>,
    /// Made by this import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_id: Option<ImportId>,
    /// In this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// Not in this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_in_campaign_id: Option<CampaignId>,
    /// Made from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_from: Option<Timestamp>,
    /// Made before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Timestamp>,
    /// Changed from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_from: Option<Timestamp>,
    /// Changed before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_before: Option<Timestamp>,
}

/// Picks cases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct CaseFilter {
    /// Part of the external id, a detail, or the name or number of the primary contact, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// With this id of elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Of one of these types, by their ids.
    #[serde(skip_serializing_if = "OneOf::is_empty")]
    #[param(value_type = Option<Vec<CaseLabelId>>, style = Form)]
    #[schema(value_type = Option<Vec<CaseLabelId>>)]
    pub type_id: OneOf<CaseLabelId>,
    /// In one of these states, by their ids.
    #[serde(skip_serializing_if = "OneOf::is_empty")]
    #[param(value_type = Option<Vec<CaseLabelId>>, style = Form)]
    #[schema(value_type = Option<Vec<CaseLabelId>>)]
    pub status_id: OneOf<CaseLabelId>,
    /// A detail with its value: `name:value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    #[schema(value_type = Option<String>)]
    pub detail: Option<Variable>,
    /// Whose primary contact is this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// Whether they have a primary contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_contact: Option<bool>,
    /// In this list of cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<ListId>,
    /// Made by this import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_id: Option<ImportId>,
    /// Put into this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// Made from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_from: Option<Timestamp>,
    /// Made before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Timestamp>,
}

/// Picks attempts of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AttemptFilter {
    /// In one of these states, such as `ended,unknown`.
    #[param(value_type = Option<Vec<AttemptState>>, style = Form)]
    pub state: OneOf<AttemptState>,
    /// Ended for one of these reasons.
    #[param(value_type = Option<Vec<DisconnectionReason>>, style = Form)]
    pub reason: OneOf<DisconnectionReason>,
    /// Refused by the gate for one of these reasons.
    #[param(value_type = Option<Vec<BlockedReason>>, style = Form)]
    pub blocked_reason: OneOf<BlockedReason>,
    /// Answered by one of these.
    #[param(value_type = Option<Vec<AnsweredBy>>, style = Form)]
    pub answered_by: OneOf<AnsweredBy>,
    /// First dials, retries or callbacks.
    #[param(value_type = Option<Vec<AttemptKind>>, style = Form)]
    pub kind: OneOf<AttemptKind>,
    /// Of this contact.
    pub contact_id: Option<ContactId>,
    /// On a day of this run.
    pub run_id: Option<RunId>,
    /// Over this trunk.
    pub trunk_id: Option<TrunkId>,
    /// Whether it was answered.
    pub answered: Option<bool>,
    /// Decided from then on.
    pub claimed_from: Option<Timestamp>,
    /// Decided before then.
    pub claimed_before: Option<Timestamp>,
}

/// Picks calls.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct CallFilter {
    /// Of this campaign.
    pub campaign_id: Option<CampaignId>,
    /// On a day of this run.
    pub run_id: Option<RunId>,
    /// With this contact.
    pub contact_id: Option<ContactId>,
    /// Over this trunk.
    pub trunk_id: Option<TrunkId>,
    /// Who called whom.
    #[param(value_type = Option<Vec<Direction>>, style = Form)]
    pub direction: OneOf<Direction>,
    /// Ended for one of these reasons.
    #[param(value_type = Option<Vec<DisconnectionReason>>, style = Form)]
    pub reason: OneOf<DisconnectionReason>,
    /// Ended by one of these.
    #[param(value_type = Option<Vec<EndedBy>>, style = Form)]
    pub ended_by: OneOf<EndedBy>,
    /// Answered by one of these.
    #[param(value_type = Option<Vec<AnsweredBy>>, style = Form)]
    pub answered_by: OneOf<AnsweredBy>,
    /// Whether it was answered.
    pub answered: Option<bool>,
    /// Whether it was recorded.
    pub recorded: Option<bool>,
    /// Part of the calling or the called number.
    pub search: Option<String>,
    /// That lasted at least so long after the answer, milliseconds.
    pub duration_ms_min: Option<i64>,
    /// That lasted at most so long after the answer, milliseconds.
    pub duration_ms_max: Option<i64>,
    /// That began from then on.
    pub started_from: Option<Timestamp>,
    /// That began before then.
    pub started_before: Option<Timestamp>,
}

impl CampaignFilter {
    pub(in crate::store) fn add(&self, clause: &mut Clause) {
        clause.one_of("state", &self.state);
        clause.one_of("pause_reason", &self.pause_reason);
        clause.contains("search", self.search.as_deref());
        clause.is("assistant_id", self.assistant_id.as_ref());
        clause.is("trunk_id", self.trunk_id.as_ref());
        if let Some(contact) = &self.contact_id {
            let contact = clause.bind(contact);
            clause.and(&format!("id IN (SELECT campaign_id FROM target WHERE contact_id = {contact})"));
        }
        clause.within("created_at", self.created_from, self.created_before);
        clause.within("updated_at", self.updated_from, self.updated_before);
        clause.within("started_at", self.started_from, self.started_before);
    }
}

impl TargetFilter {
    /// On `target t JOIN contact c`.
    pub(in crate::store) fn add(&self, clause: &mut Clause) {
        self.add_ranges(clause);
        self.add_others(clause);
    }

    /// On `target t`: what the ranges of its indexes are made by.
    pub(in crate::store) fn add_ranges(&self, clause: &mut Clause) {
        clause.one_of("t.status", &self.state);
        clause.is("t.call_success", self.call_success.as_ref());
        clause.is("t.interrupted", self.interrupted.as_ref());
    }

    /// Whether there are other wishes than those.
    pub(in crate::store) fn has_others(&self) -> bool {
        let (state, call_success, interrupted) = (self.state.clone(), self.call_success, self.interrupted);
        *self != Self { state, call_success, interrupted, ..Self::default() }
    }

    /// Whether one of the other wishes is about the contact itself.
    pub(in crate::store) const fn asks_contact(&self) -> bool {
        self.search.is_some() || self.variable.is_some()
    }

    /// The other wishes; on `target t`, with `contact c` where [`asks_contact`](Self::asks_contact).
    pub(in crate::store) fn add_others(&self, clause: &mut Clause) {
        clause.one_of("t.blocked_reason", &self.blocked_reason);
        clause.one_of("t.last_reason", &self.last_reason);
        clause.contains("c.search", self.search.as_deref());
        clause.variable("c.variables", self.variable.as_ref());
        clause.is("t.round", self.round.as_ref());
        clause.between("t.dials", self.dials_min.map(i64::from), self.dials_max.map(i64::from));
        clause.between("t.base_priority", self.priority_min.map(i64::from), self.priority_max.map(i64::from));
        clause.is("t.answered", self.answered.as_ref());
        clause.is_there("t.callback_missed_at", self.callback_missed);
        clause.within("t.last_call_at", self.last_call_from, self.last_call_before);
        if self.next_from.is_some() || self.next_before.is_some() {
            clause.and("t.status IN ('waiting', 'ready', 'callback')");
        }
        clause.within("COALESCE(t.callback_at, t.next_at)", self.next_from, self.next_before);
        clause.within("t.updated_at", self.updated_from, self.updated_before);
    }
}

impl AgendaFilter {
    /// On `target t`.
    pub(in crate::store) fn add(&self, clause: &mut Clause) {
        clause.is("t.campaign_id", self.campaign_id.as_ref());
        clause.within("t.callback_at", self.from, self.before);
    }
}

impl ContactFilter {
    /// The wishes that need no second look; [`narrowed`](crate::store::contact) adds the others.
    pub(in crate::store) fn add(&self, clause: &mut Clause) {
        clause.is_there("phone", self.has_phone);
        clause.variable("variables", self.variable.as_ref());
        clause.is("external_id", self.external_id.as_ref());
        clause.is("import_id", self.import_id.as_ref());
        clause.within("created_at", self.created_from, self.created_before);
        clause.within("updated_at", self.updated_from, self.updated_before);
    }
}

impl CaseFilter {
    /// On `client_case k LEFT JOIN contact c`.
    pub(in crate::store) fn add(&self, clause: &mut Clause) {
        if let Some(words) = self.search.as_deref().filter(|words| !words.is_empty()) {
            let words = clause.bind(&super::containing(words));
            clause.and(&format!("(k.search LIKE {words} ESCAPE '!' OR c.search LIKE {words} ESCAPE '!')"));
        }
        clause.is("k.external_id", self.external_id.as_ref());
        clause.one_of("k.type_id", &self.type_id);
        clause.one_of("k.status_id", &self.status_id);
        clause.variable("k.details", self.detail.as_ref());
        clause.is("k.contact_id", self.contact_id.as_ref());
        clause.is_there("k.contact_id", self.has_contact);
        clause.is("k.import_id", self.import_id.as_ref());
        if let Some(list) = &self.list_id {
            let list = clause.bind(list);
            clause.and(&format!("k.id IN (SELECT member_id FROM people_list_member WHERE list_id = {list})"));
        }
        if let Some(campaign) = &self.campaign_id {
            let campaign = clause.bind(campaign);
            clause.and(&format!(
                "k.id IN (SELECT case_id FROM target WHERE campaign_id = {campaign} AND case_id IS NOT NULL)"
            ));
        }
        clause.within("k.created_at", self.created_from, self.created_before);
    }
}

impl AttemptFilter {
    pub(in crate::store) fn add(&self, clause: &mut Clause) {
        clause.one_of("state", &self.state);
        clause.one_of("disconnection_reason", &self.reason);
        clause.one_of("blocked_reason", &self.blocked_reason);
        clause.one_of("answered_by", &self.answered_by);
        clause.one_of("kind", &self.kind);
        clause.is("contact_id", self.contact_id.as_ref());
        clause.is("run_id", self.run_id.as_ref());
        clause.is("trunk_id", self.trunk_id.as_ref());
        clause.is_there("answered_at", self.answered);
        clause.within("claimed_at", self.claimed_from, self.claimed_before);
    }
}

impl CallFilter {
    pub(in crate::store) fn add(&self, clause: &mut Clause) {
        clause.is("campaign_id", self.campaign_id.as_ref());
        if let Some(run) = &self.run_id {
            let run = clause.bind(run);
            clause.and(&format!(
                "EXISTS (SELECT 1 FROM attempt WHERE attempt.id = call.attempt_id AND attempt.run_id = {run})"
            ));
        }
        clause.is("contact_id", self.contact_id.as_ref());
        clause.is("trunk_id", self.trunk_id.as_ref());
        clause.one_of("direction", &self.direction);
        clause.one_of("disconnection_reason", &self.reason);
        clause.one_of("ended_by", &self.ended_by);
        clause.one_of("answered_by", &self.answered_by);
        clause.is_there("answered_at", self.answered);
        clause.is_there("recording_path", self.recorded);
        if let Some(words) = &self.search {
            let words = clause.bind(&super::containing(words));
            clause.and(&format!("(from_number LIKE {words} ESCAPE '!' OR to_number LIKE {words} ESCAPE '!')"));
        }
        let micros = |ms: Option<i64>| ms.map(|ms| ms.saturating_mul(1000));
        let (from, to) = (micros(self.duration_ms_min), micros(self.duration_ms_max).map(|to| to.saturating_add(999)));
        clause.between("COALESCE(ended_at - answered_at, 0)", from, to);
        clause.within("started_at", self.started_from, self.started_before);
    }
}
