//! What a trunk says about calls that come in, as it is set and shown.

use std::collections::{BTreeMap, BTreeSet};

use callwright_sip::guard::parse_net;
use garde::Validate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, FieldFault};
use crate::id::AssistantId;
use crate::pii::Pii;
use crate::store::trunk_inbound::{InboundAuth, TrunkInbound};
use crate::store::{StoreError, Tx, assistant};

/// A name and a password that calls come with.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "username": "branch", "password": "correct horse battery staple" }))]
pub struct InboundAuthInput {
    /// The name.
    #[garde(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    username: String,
    /// The password, 8 to 200 characters; never read back. Left out on an update under the same name it stays as it is.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
}

/// Who answers which numbers.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InboundNumber)]
pub struct InboundNumberInput {
    /// The called number with its country code, or its beginning: 1 to 15 digits, with or without a plus.
    #[garde(length(min = 1, max = 16))]
    #[schema(min_length = 1, max_length = 16, examples("+4420794601"))]
    number: String,
    /// Who answers.
    #[garde(skip)]
    assistant_id: AssistantId,
}

/// What proves a call to be the trunk's.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InboundAuthView {
    /// The name; the password is never read back.
    username: String,
}

/// What was asked for, and what was there before.
pub(super) struct Asked {
    pub(super) auth: Option<InboundAuthInput>,
    pub(super) sources: Vec<String>,
    pub(super) numbers: Vec<InboundNumberInput>,
    pub(super) reserve: u32,
    pub(super) max_channels: u32,
    pub(super) before: Option<InboundAuth>,
}

/// Reads what was asked for; what is wrong goes to `faults`.
pub(super) fn parse(asked: Asked, faults: &mut Vec<FieldFault>) -> TrunkInbound {
    let mut fault = |pointer: String, code: &str, reason: &str| {
        faults.push(FieldFault { pointer, code: code.to_owned(), reason: reason.to_owned() });
    };
    let mut sources = BTreeSet::new();
    for (index, text) in asked.sources.iter().enumerate() {
        let pointer = format!("/inbound_sources/{index}");
        match parse_net(text) {
            Some(net) if net.prefix_len() < 8 => {
                fault(pointer, "too_wide", "a network of less than 8 fixed bits: name narrower ones");
            }
            Some(net) if net.prefix_len() == net.max_prefix_len() => drop(sources.insert(net.addr().to_string())),
            Some(net) => drop(sources.insert(net.to_string())),
            None => fault(pointer, "invalid_address", "an address such as 192.0.2.1 or a network such as 192.0.2.0/24"),
        }
    }
    let mut numbers = BTreeMap::new();
    for (index, InboundNumberInput { number, assistant_id }) in asked.numbers.iter().enumerate() {
        let pointer = format!("/inbound_numbers/{index}/number");
        let digits = number.strip_prefix('+').unwrap_or(number);
        if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            fault(pointer, "invalid_phone", "1 to 15 digits, with or without a leading plus");
        } else if numbers.insert(Pii::new(digits.to_owned()), *assistant_id).is_some() {
            fault(pointer, "duplicate", "stands here twice");
        }
    }
    if asked.reserve >= asked.max_channels {
        fault(
            "/inbound_reserve".to_owned(),
            "too_high",
            "has to be less than `max_channels`, or nothing is dialed out",
        );
    }
    let auth = asked.auth.and_then(|InboundAuthInput { username, password }| {
        let before = asked.before.filter(|before| before.username == username).map(|before| before.password);
        let given = password.is_some();
        let Some(password) = password.or(before) else {
            fault("/inbound_auth/password".to_owned(), "missing_field", "a new name needs a password");
            return None;
        };
        let length = secrecy::ExposeSecret::expose_secret(&password).chars().count();
        if given && !(8..=200).contains(&length) {
            fault("/inbound_auth/password".to_owned(), "invalid_length", "8 to 200 characters");
        }
        Some(InboundAuth { username, password })
    });
    TrunkInbound { auth, sources: sources.into_iter().collect(), numbers, reserve: asked.reserve }
}

/// The assistants are there.
pub(super) async fn check(tx: &mut Tx, caller: Caller, inbound: &TrunkInbound) -> Result<(), ApiError> {
    let wanted: BTreeSet<_> = inbound.numbers.values().copied().collect();
    for id in wanted {
        match assistant::get(tx, caller.org, id).await {
            Ok(_) => {}
            Err(StoreError::NotFound) => {
                let reason = format!("there is no assistant {id}");
                return Err(ApiError::field("/inbound_numbers", "not_found", &reason));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What proves calls, as it is shown.
pub(super) fn auth_view(inbound: &TrunkInbound) -> Option<InboundAuthView> {
    inbound.auth.as_ref().map(|auth| InboundAuthView { username: auth.username.clone() })
}

/// Who answers which numbers, as it is shown.
pub(super) fn numbers_view(inbound: &TrunkInbound) -> Vec<InboundNumberInput> {
    let number = |(digits, assistant_id): (&Pii<String>, &AssistantId)| InboundNumberInput {
        number: format!("+{}", digits.expose()),
        assistant_id: *assistant_id,
    };
    inbound.numbers.iter().map(number).collect()
}
