//! The schema, carried inside the program. `migrations/README.md` says how a file there is written.

use std::borrow::Cow;
use std::ops::Deref;

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{Acquire, SqlStr};

use super::StoreError;

/// Version, description and text of every migration, oldest first.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "organisations", include_str!("../../../migrations/0001_organisations.sql")),
    (2, "contacts", include_str!("../../../migrations/0002_contacts.sql")),
    (3, "trunks and assistants", include_str!("../../../migrations/0003_trunks_assistants.sql")),
    (4, "campaigns", include_str!("../../../migrations/0004_campaigns.sql")),
    (5, "dialing", include_str!("../../../migrations/0005_dialing.sql")),
    (6, "calls", include_str!("../../../migrations/0006_calls.sql")),
    (7, "waterfall", include_str!("../../../migrations/0007_waterfall.sql")),
];

/// Brings the schema up to date; nodes that start together wait for each other.
pub(super) async fn run<'a, A>(connection: A) -> Result<(), StoreError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    let migrations = MIGRATIONS
        .iter()
        .map(|&(version, description, sql)| {
            let sql = SqlStr::from_static(sql);
            Migration::new(version, Cow::Borrowed(description), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(migrations).run(connection).await?;
    Ok(())
}
