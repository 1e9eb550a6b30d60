//! Identifiers: one newtype per thing, a UUIDv7 inside, lower-case text with hyphens outside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier; its order follows the time of the call. Only shells make them: a core receives ids.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identifier with exactly these bits, for tests and for values derived from others.
            #[must_use]
            pub const fn from_u128(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }

            /// The sixteen bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
                let uuid = SchemaFormat::KnownFormat(KnownFormat::Uuid);
                ObjectBuilder::new().schema_type(Type::String).format(Some(uuid)).into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId)
            }
        }
    )*};
}

/// The text is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: expected a UUID such as 0190f3c4-7b1a-7000-8000-000000000001")]
pub struct InvalidId;

ids! {
    /// An organisation (tenant).
    OrgId;
    /// A key that programs authenticate with.
    ApiKeyId;
    /// A person who signs in.
    UserId;
    /// One sign-in of a user.
    UserSessionId;
    /// A person or business in the contact database.
    ContactId;
    /// A campaign.
    CampaignId;
    /// A run of a campaign: its days, windows and rules.
    RunId;
    /// A contact in a campaign.
    TargetId;
    /// One dial of a target.
    AttemptId;
    /// One SIP leg.
    LegId;
    /// A session with a browser.
    WebRtcSessionId;
    /// One call, inbound or outbound.
    CallId;
    /// A carrier's trunk.
    TrunkId;
    /// A group of trunks.
    TrunkGroupId;
    /// A route by the number called.
    RouteId;
    /// A vendor of speech or of a model.
    ProviderId;
    /// An assistant.
    AssistantId;
    /// One frozen version of an assistant.
    AssistantVersionId;
    /// One start of the server process.
    NodeId;
    /// A stored recording.
    RecordingId;
    /// An entry of a suppression list.
    SuppressionId;
    /// A record of consent.
    ConsentId;
    /// An imported suppression list.
    SuppressionListId;
    /// An entry of the audit log.
    AuditId;
    /// Something that is done to many contacts at once.
    BulkId;
    /// A document or web page that assistants look things up in.
    KnowledgeId;
    /// A tag of contacts.
    TagId;
    /// A case of a client.
    CaseId;
    /// A type or a state of cases.
    CaseLabelId;
    /// A list of contacts or cases.
    ListId;
    /// Something that is done to many contacts or cases at once.
    PeopleJobId;
    /// A file with contacts or cases.
    ImportId;
    /// Which column of a file is what, kept for others like it.
    MappingId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_garbage_is_refused() {
        let id = LegId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("leg-1".parse::<LegId>(), Err(InvalidId));
    }
}
