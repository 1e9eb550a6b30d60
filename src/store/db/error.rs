//! What can go wrong between the server and its database, and whose fault it is.

use std::path::PathBuf;

use sqlx::error::{DatabaseError, ErrorKind};

/// Every failure of the store.
///
/// `NotFound`, `Conflict` and `Stale` are answers a caller acts upon; the others are faults of the database, of its
/// configuration or of a program that wrote rows this one cannot read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row asked for does not exist in this organisation.
    #[error("no such row")]
    NotFound,
    /// A constraint of the schema refused the write.
    #[error("the database refused the write: {0}")]
    Conflict(Constraint),
    /// A compare-and-set found another state or version than the caller saw: read again, then decide again.
    #[error("the row has changed since it was read")]
    Stale,
    /// Another process has this SQLite database open.
    #[error("{} is in use by another process: it holds {}", .database.display(), .lock.display())]
    InUse {
        /// The database file.
        database: PathBuf,
        /// The lock file beside it.
        lock: PathBuf,
    },
    /// The address of the database is none that can be opened.
    #[error("database address: {0}")]
    Address(String),
    /// The lock file cannot be created or locked for another reason than a second process.
    #[error("lock file {}: {source}", .path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The schema cannot be brought up to date.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A column holds text that its type does not accept: written by a newer version or by hand.
    #[error("column {column} holds a value this version cannot read")]
    Corrupt {
        /// Name of the column.
        column: &'static str,
    },
    /// The database failed or cannot be reached.
    #[error("database: {0}")]
    Db(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the database did not answer, and may later: nothing is wrong with what was asked.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Db(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::RowNotFound) {
            return Self::NotFound;
        }
        match error.as_database_error().and_then(Constraint::violated_by) {
            Some(constraint) => Self::Conflict(constraint),
            None => Self::Db(error),
        }
    }
}

macro_rules! constraints {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $columns:literal;)*) => {
        /// The constraints a caller can run into.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Constraint {
            $($(#[$doc])* $variant,)*
            /// A row that another one refers to is missing, or is still referred to.
            Reference,
            /// Any other unique, check or not-null constraint: a bug of the caller.
            Other,
        }

        impl Constraint {
            /// PostgreSQL reports the name of the constraint; SQLite lists the columns of the index.
            const TABLE: &[(Self, &'static str, &'static str)] = &[$((Self::$variant, $name, $columns),)*];
        }
    };
}

constraints! {
    /// A key with the same hash exists.
    ApiKeyHash = "api_key_hash", "api_key.key_hash";
    /// A user has this e-mail address already.
    UserEmail = "user_account_email", "user_account.email";
    /// The number is on the organisation's suppression list already.
    SuppressionNumber = "suppression_number", "suppression.org_id, suppression.phone_hash";
    /// The organisation has a suppression list of this name.
    SuppressionListName = "suppression_list_name", "suppression_list.org_id, suppression_list.name";
    /// The organisation has a trunk of this name.
    TrunkName = "trunk_name", "trunk.org_id, trunk.name";
    /// The organisation has a group of trunks of this name.
    TrunkGroupName = "trunk_group_name", "trunk_group.org_id, trunk_group.name";
    /// The organisation has a route for this prefix.
    RoutePrefix = "prefix_route_prefix", "prefix_route.org_id, prefix_route.prefix";
    /// The organisation has a provider of this name.
    ProviderName = "provider_name", "provider.org_id, provider.name";
    /// The organisation has an assistant of this name.
    AssistantName = "assistant_name", "assistant.org_id, assistant.name";
    /// The assistant has this version already: two editors saved at once.
    AssistantVersion = "assistant_version_number", "assistant_version.assistant_id, assistant_version.version";
    /// Another run of the campaign has this day.
    RunDay = "run_day_once", "run_day.campaign_id, run_day.day_key";
    /// The contact is in the campaign already.
    TargetContact = "target_contact", "target.campaign_id, target.contact_id";
    /// A dial number of a round was used twice.
    AttemptDial = "attempt_dial", "attempt.target_id, attempt.round, attempt.dial_no";
    /// The target has a live attempt already.
    AttemptLiveTarget = "attempt_live_target", "attempt.target_id";
    /// The number is being rung already, by this or another campaign.
    AttemptLivePhone = "attempt_live_phone", "attempt.org_id, attempt.phone_hash";
    /// Another contact of the organisation has this id of elsewhere.
    ContactExternal = "contact_external", "contact.org_id, contact.external_id";
    /// The organisation has a tag of this name.
    TagName = "tag_name", "tag.org_id, tag.name_key";
    /// The organisation has a case type or state of this name.
    CaseLabelName = "case_label_name", "case_label.org_id, case_label.kind, case_label.name_key";
    /// Another case of the organisation has this id of elsewhere.
    CaseExternal = "client_case_external", "client_case.org_id, client_case.external_id";
    /// The organisation has a list of this name.
    ListName = "people_list_name", "people_list.org_id, people_list.name_key";
    /// The organisation has a mapping of this name.
    MappingName = "import_mapping_name", "import_mapping.org_id, import_mapping.name_key";
    /// The call has a record already.
    CallAttempt = "call_attempt", "call.attempt_id";
}

impl Constraint {
    fn violated_by(error: &dyn DatabaseError) -> Option<Self> {
        match error.kind() {
            ErrorKind::UniqueViolation => Some(Self::unique(error)),
            ErrorKind::ForeignKeyViolation => Some(Self::Reference),
            ErrorKind::NotNullViolation | ErrorKind::CheckViolation | ErrorKind::ExclusionViolation => {
                Some(Self::Other)
            }
            ErrorKind::Other | _ => None,
        }
    }

    fn unique(error: &dyn DatabaseError) -> Self {
        let found = match error.constraint() {
            Some(name) => Self::TABLE.iter().find(|(_, known, _)| *known == name),
            None => {
                let columns = error.message().rsplit_once("failed: ").map_or("", |(_, columns)| columns);
                Self::TABLE.iter().find(|(_, _, known)| *known == columns)
            }
        };
        found.map_or(Self::Other, |(constraint, _, _)| *constraint)
    }
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = Self::TABLE.iter().find(|(constraint, _, _)| constraint == self);
        f.write_str(
            known.map_or(if *self == Self::Reference { "reference" } else { "constraint" }, |(_, name, _)| name),
        )
    }
}
