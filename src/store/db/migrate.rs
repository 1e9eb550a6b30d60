//! The schema, carried inside the program. `migrations/README.md` says how a file there is written.

use std::borrow::Cow;
use std::ops::Deref;

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{Acquire, SqlStr};

use super::{Kind, StoreError};

/// Version, description and text of every migration, oldest first.
const MIGRATIONS: &[(i64, &str, Text)] = &[
    (1, "organisations", Text::Both(include_str!("../../../migrations/0001_organisations.sql"))),
    (2, "contacts", Text::Both(include_str!("../../../migrations/0002_contacts.sql"))),
    (3, "trunks and assistants", Text::Both(include_str!("../../../migrations/0003_trunks_assistants.sql"))),
    (4, "campaigns", Text::Both(include_str!("../../../migrations/0004_campaigns.sql"))),
    (5, "dialing", Text::Both(include_str!("../../../migrations/0005_dialing.sql"))),
    (6, "calls", Text::Both(include_str!("../../../migrations/0006_calls.sql"))),
    (7, "waterfall", Text::Both(include_str!("../../../migrations/0007_waterfall.sql"))),
    (8, "knowledge", Text::Both(include_str!("../../../migrations/0008_knowledge.sql"))),
    (
        9,
        "knowledge search",
        Text::Each {
            sqlite: include_str!("../../../migrations/0009_knowledge_search_sqlite.sql"),
            postgres: include_str!("../../../migrations/0009_knowledge_search_postgres.sql"),
        },
    ),
    (10, "arranged callbacks", Text::Both(include_str!("../../../migrations/0010_arranged_callbacks.sql"))),
    (11, "transfers", Text::Both(include_str!("../../../migrations/0011_transfers.sql"))),
    (12, "providers", Text::Both(include_str!("../../../migrations/0012_providers.sql"))),
    (13, "replays", Text::Both(include_str!("../../../migrations/0013_replays.sql"))),
    (14, "disclosure", Text::Both(include_str!("../../../migrations/0014_disclosure.sql"))),
    (15, "passages and vectors", Text::Both(include_str!("../../../migrations/0015_passages_and_vectors.sql"))),
    (
        16,
        "knowledge lookup",
        Text::Each {
            sqlite: include_str!("../../../migrations/0016_knowledge_lookup_sqlite.sql"),
            postgres: include_str!("../../../migrations/0016_knowledge_lookup_postgres.sql"),
        },
    ),
    (17, "campaign lifecycle", Text::Both(include_str!("../../../migrations/0017_campaign_lifecycle.sql"))),
    (18, "rounds", Text::Both(include_str!("../../../migrations/0018_rounds.sql"))),
    (19, "callbacks and holds", Text::Both(include_str!("../../../migrations/0019_callbacks_and_holds.sql"))),
    (20, "trunk failover", Text::Both(include_str!("../../../migrations/0020_trunk_failover.sql"))),
    (21, "inbound live", Text::Both(include_str!("../../../migrations/0021_inbound_live.sql"))),
    (22, "idempotency", Text::Both(include_str!("../../../migrations/0022_idempotency.sql"))),
    (24, "bulk", Text::Both(include_str!("../../../migrations/0024_bulk.sql"))),
    (
        25,
        "events",
        Text::Each {
            sqlite: include_str!("../../../migrations/0025_events_sqlite.sql"),
            postgres: include_str!("../../../migrations/0025_events_postgres.sql"),
        },
    ),
    (28, "calling policy", Text::Both(include_str!("../../../migrations/0028_calling_policy.sql"))),
    (
        29,
        "suppression lists",
        Text::Each {
            sqlite: include_str!("../../../migrations/0029_suppression_lists_sqlite.sql"),
            postgres: include_str!("../../../migrations/0029_suppression_lists_postgres.sql"),
        },
    ),
    (30, "consent", Text::Both(include_str!("../../../migrations/0030_consent.sql"))),
    (31, "spend", Text::Both(include_str!("../../../migrations/0031_spend.sql"))),
    (33, "list order", Text::Both(include_str!("../../../migrations/0033_list_order.sql"))),
    (34, "quotas", Text::Both(include_str!("../../../migrations/0034_quotas.sql"))),
    (37, "silent starts", Text::Both(include_str!("../../../migrations/0037_silent_starts.sql"))),
    (40, "trunk shares", Text::Both(include_str!("../../../migrations/0040_trunk_shares.sql"))),
    (43, "further phones", Text::Both(include_str!("../../../migrations/0043_further_phones.sql"))),
    (
        44,
        "lost calls and numbers of events",
        Text::Both(include_str!("../../../migrations/0044_lost_calls_and_numbers_of_events.sql")),
    ),
    (45, "file removals", Text::Both(include_str!("../../../migrations/0045_file_removals.sql"))),
    (50, "caller identity", Text::Both(include_str!("../../../migrations/0050_caller_identity.sql"))),
    (51, "trunk media", Text::Both(include_str!("../../../migrations/0051_trunk_media.sql"))),
    (52, "SIP traces", Text::Both(include_str!("../../../migrations/0052_sip_trace.sql"))),
    (53, "trunk wording", Text::Both(include_str!("../../../migrations/0053_trunk_wording.sql"))),
    (54, "trunk groups and routes", Text::Both(include_str!("../../../migrations/0054_trunk_groups_and_routes.sql"))),
    (56, "trunk health", Text::Both(include_str!("../../../migrations/0056_trunk_health.sql"))),
    (59, "trunk inbound", Text::Both(include_str!("../../../migrations/0059_trunk_inbound.sql"))),
    (62, "trunk recorder", Text::Both(include_str!("../../../migrations/0062_trunk_recorder.sql"))),
    (63, "trunk signalling", Text::Both(include_str!("../../../migrations/0063_trunk_signalling.sql"))),
    (64, "caller numbers", Text::Both(include_str!("../../../migrations/0064_caller_numbers.sql"))),
    (65, "trunk redirects", Text::Both(include_str!("../../../migrations/0065_trunk_redirects.sql"))),
    (68, "call quality", Text::Both(include_str!("../../../migrations/0068_call_quality.sql"))),
    (69, "trunk replaces", Text::Both(include_str!("../../../migrations/0069_trunk_replaces.sql"))),
    (70, "recordings", Text::Both(include_str!("../../../migrations/0070_recordings.sql"))),
    (71, "stored recordings", Text::Both(include_str!("../../../migrations/0071_stored_recordings.sql"))),
    (72, "users", Text::Both(include_str!("../../../migrations/0072_users.sql"))),
    (73, "user sessions", Text::Both(include_str!("../../../migrations/0073_user_sessions.sql"))),
    (74, "invitations", Text::Both(include_str!("../../../migrations/0074_invitations.sql"))),
    (
        75,
        "sign-in tries and preferences",
        Text::Both(include_str!("../../../migrations/0075_sign_in_tries_and_preferences.sql")),
    ),
    (
        76,
        "people",
        Text::Each {
            sqlite: include_str!("../../../migrations/0076_people_sqlite.sql"),
            postgres: include_str!("../../../migrations/0076_people_postgres.sql"),
        },
    ),
    (77, "cases and lists", Text::Both(include_str!("../../../migrations/0077_cases_and_lists.sql"))),
    (78, "imports", Text::Both(include_str!("../../../migrations/0078_imports.sql"))),
    (86, "campaign description", Text::Both(include_str!("../../../migrations/0086_campaign_description.sql"))),
    (87, "overwritten", Text::Both(include_str!("../../../migrations/0087_overwritten.sql"))),
    (88, "call success", Text::Both(include_str!("../../../migrations/0088_call_success.sql"))),
    (89, "callback agenda", Text::Both(include_str!("../../../migrations/0089_callback_agenda.sql"))),
    (90, "deleted assistants", Text::Both(include_str!("../../../migrations/0090_deleted_assistants.sql"))),
];

/// The version of the last one.
pub(super) const LATEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The statements of a migration.
enum Text {
    /// The same on both databases.
    Both(&'static str),
    /// What the two do in ways of their own.
    Each { sqlite: &'static str, postgres: &'static str },
}

impl Text {
    const fn of(&self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Both(text), Kind::Sqlite | Kind::Postgres)
            | (Self::Each { sqlite: text, .. }, Kind::Sqlite)
            | (Self::Each { postgres: text, .. }, Kind::Postgres) => text,
        }
    }
}

/// Brings the schema up to date; nodes that start together wait for each other.
pub(super) async fn run<'a, A>(connection: A, kind: Kind) -> Result<(), StoreError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    let migrations = MIGRATIONS
        .iter()
        .map(|(version, description, text)| {
            let sql = SqlStr::from_static(text.of(kind));
            Migration::new(*version, Cow::Borrowed(*description), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(migrations).run(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_migration_comes_first() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|(version, ..)| *version).collect();
        assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
        assert_eq!(versions.last(), Some(&LATEST));
    }
}
