//! The limiter rows: locked in one order, then read, counted under and written.

use jiff::Timestamp;

use super::terms::Terms;
use crate::args;
use crate::dialer::pacing::{Limiter, Reservation, Scope, interval};
use crate::id::{OrgId, TrunkId};
use crate::store::db::value::text_columns;
use crate::store::{StoreError, Tx};

text_columns!(Scope);

/// The limiters of a campaign, locked until the transaction ends.
pub(super) struct Locked {
    scopes: [(Scope, String); 4],
    tats: Vec<(Scope, Option<Timestamp>)>,
}

/// Locks the limiter rows of organisation, trunk, campaign and caller ID, in this order; makes those that are missing.
pub(super) async fn lock(tx: &mut Tx, terms: &Terms) -> Result<Locked, StoreError> {
    let scopes = [
        (Scope::Organisation, terms.org.to_string()),
        (Scope::Trunk, terms.trunk.to_string()),
        (Scope::Campaign, terms.ready.campaign.id.to_string()),
        (Scope::CallerId, format!("{}:{}", terms.org, terms.caller_id)),
    ];
    let mut tats = read(tx, &scopes).await?;
    if tats.len() < scopes.len() {
        for (scope, id) in &scopes {
            let sql = "INSERT INTO limiter (scope, scope_id) VALUES ($1, $2) ON CONFLICT (scope, scope_id) DO NOTHING";
            tx.execute(sql, args![scope, id]).await?;
        }
        tats = read(tx, &scopes).await?;
    }
    Ok(Locked { scopes, tats })
}

impl Locked {
    /// Counts the live calls of each scope. A statement of its own after the locks: within the locking one it would
    /// count on a snapshot from before it waited.
    pub(super) async fn count(
        &self,
        tx: &mut Tx,
        terms: &Terms,
        trunk_closed_until: Option<Timestamp>,
    ) -> Result<[Limiter; 4], StoreError> {
        let (org_live, trunk_live) = live(tx, terms.org, terms.trunk).await?;
        // Without statistics SQLite would take an index over all attempts there ever were.
        let sql = tx.pick(
            "SELECT COUNT(*) AS value FROM attempt INDEXED BY attempt_live_campaign WHERE live AND campaign_id = $1",
            "SELECT COUNT(*) AS value FROM attempt WHERE live AND campaign_id = $1",
        );
        let campaign = &terms.ready.campaign;
        let campaign_live: u32 = tx.value(sql, args![campaign.id]).await?;
        let settings = &campaign.data.settings;
        let limiter = |scope, rate: Option<u32>, live, most_live| Limiter {
            scope,
            tat: self.tats.iter().find(|(of, _)| *of == scope).and_then(|(_, tat)| *tat),
            interval: rate.map(interval),
            live,
            most_live,
            closed_until: None,
        };
        let (org, trunk) = (terms.org_limits, terms.trunk_limits);
        Ok([
            limiter(Scope::Organisation, Some(org.calls_per_minute), org_live, Some(org.most_live)),
            Limiter {
                closed_until: trunk_closed_until,
                ..limiter(Scope::Trunk, Some(trunk.calls_per_minute), trunk_live, Some(trunk.most_live))
            },
            limiter(
                Scope::Campaign,
                Some(settings.calls_per_minute),
                campaign_live,
                Some(settings.max_concurrent_calls),
            ),
            limiter(Scope::CallerId, terms.caller_id_rate, 0, None),
        ])
    }

    /// Writes the times that a granted claim has reserved.
    pub(super) async fn reserve(&self, tx: &mut Tx, reservation: &Reservation) -> Result<(), StoreError> {
        for (scope, tat) in &reservation.tats {
            let Some((_, id)) = self.scopes.iter().find(|(of, _)| of == scope) else { continue };
            let sql = "UPDATE limiter SET tat = $3 WHERE scope = $1 AND scope_id = $2";
            tx.execute(sql, args![scope, id, tat]).await?;
        }
        Ok(())
    }
}

/// Locks one limiter row, making it where it is missing, and reads its time. Several are to be locked in the order of
/// [`Scope`].
pub(super) async fn lock_one(tx: &mut Tx, scope: Scope, id: &str) -> Result<Option<Timestamp>, StoreError> {
    let sql = "INSERT INTO limiter (scope, scope_id) VALUES ($1, $2) ON CONFLICT (scope, scope_id) DO NOTHING";
    tx.execute(sql, args![scope, id]).await?;
    let sql = tx.pick(
        "SELECT tat FROM limiter WHERE scope = $1 AND scope_id = $2",
        "SELECT tat FROM limiter WHERE scope = $1 AND scope_id = $2 FOR UPDATE",
    );
    tx.one(sql, args![scope, id]).await?.get("tat")
}

/// Live calls of an organisation and of a trunk: attempts, and the second legs of transfers. To be asked after the locks.
pub(super) async fn live(tx: &mut Tx, org: OrgId, trunk: TrunkId) -> Result<(u32, u32), StoreError> {
    // Without statistics SQLite would take an index over all attempts there ever were.
    let sql = tx.pick(
        "SELECT (SELECT COUNT(*) FROM attempt INDEXED BY attempt_live_org WHERE live AND org_id = $1) \
         + (SELECT COUNT(*) FROM leg INDEXED BY leg_transfer_org WHERE transfer AND ended_at IS NULL AND org_id = $1) \
         AS org_live, \
         (SELECT COUNT(*) FROM attempt INDEXED BY attempt_live_trunk WHERE live AND trunk_id = $2) \
         + (SELECT COUNT(*) FROM leg INDEXED BY leg_transfer_trunk WHERE transfer AND ended_at IS NULL AND trunk_id = $2) \
         AS trunk_live",
        "SELECT (SELECT COUNT(*) FROM attempt WHERE live AND org_id = $1) \
         + (SELECT COUNT(*) FROM leg WHERE transfer AND ended_at IS NULL AND org_id = $1) AS org_live, \
         (SELECT COUNT(*) FROM attempt WHERE live AND trunk_id = $2) \
         + (SELECT COUNT(*) FROM leg WHERE transfer AND ended_at IS NULL AND trunk_id = $2) AS trunk_live",
    );
    let row = tx.one(sql, args![org, trunk]).await?;
    Ok((row.get("org_live")?, row.get("trunk_live")?))
}

async fn read(tx: &mut Tx, scopes: &[(Scope, String); 4]) -> Result<Vec<(Scope, Option<Timestamp>)>, StoreError> {
    let [(org, org_id), (trunk, trunk_id), (campaign, campaign_id), (caller, caller_id)] = scopes;
    // PostgreSQL locks the rows in the order in which they come out of the sort.
    let sql = tx.pick(
        "SELECT scope, tat FROM limiter WHERE (scope = $1 AND scope_id = $2) OR (scope = $3 AND scope_id = $4) \
         OR (scope = $5 AND scope_id = $6) OR (scope = $7 AND scope_id = $8)",
        "SELECT scope, tat FROM limiter WHERE (scope = $1 AND scope_id = $2) OR (scope = $3 AND scope_id = $4) \
         OR (scope = $5 AND scope_id = $6) OR (scope = $7 AND scope_id = $8) \
         ORDER BY CASE scope WHEN $1 THEN 1 WHEN $3 THEN 2 WHEN $5 THEN 3 ELSE 4 END FOR UPDATE",
    );
    let args = args![org, org_id, trunk, trunk_id, campaign, campaign_id, caller, caller_id];
    let rows = tx.all(sql, args).await?;
    rows.iter().map(|row| Ok((row.get("scope")?, row.get("tat")?))).collect()
}
