//! The limiter rows: locked in one order, then read, counted under and written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::breaker;
use super::terms::{Book, Terms, TrunkTerms};
use crate::args;
use crate::dialer::claim::{ClaimDecision, admit};
use crate::dialer::pacing::{Limited, Limiter, Reservation, Scope, interval, slower};
use crate::dialer::share::{Paced, until};
use crate::id::{OrgId, TrunkId};
use crate::store::db::Row;
use crate::store::db::value::text_columns;
use crate::store::{StoreError, Tx};
use crate::trunk::breaker::{Breaker, Shut};

text_columns!(Scope);

/// The limiters of a campaign, locked until the transaction ends.
pub(super) struct Locked {
    org: String,
    campaign: String,
    caller_id: String,
    rows: BTreeMap<(Scope, String), Held>,
    /// Rows whose times are to be written.
    reserved: BTreeSet<(Scope, String)>,
    counted: Counted,
}

/// Live calls, counted once under the locks. Those of others can only end meanwhile; what this transaction claims is added.
#[derive(Default)]
struct Counted {
    /// Of the organisation and of each trunk.
    trunks: BTreeMap<TrunkId, (u32, u32)>,
    /// Of the campaign and of the caller ID.
    others: Option<(u32, u32)>,
    /// Dials of the day from the caller ID, as far as there is a cap on them.
    day: Option<u32>,
}

/// What a limiter's row holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) tat: Option<Timestamp>,
    /// Of a trunk.
    pub(super) breaker: Breaker,
}

/// The trunk that a dial goes over, and every limit it has to pass.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) trunk: TrunkTerms,
    pub(super) limiters: [Limiter; 4],
    /// The trunks of its priority that had room as far as they were asked, it among them.
    pub(super) among: Vec<TrunkTerms>,
}

/// No trunk has room.
#[derive(Debug)]
pub(super) struct NoChoice {
    pub(super) why: ClaimDecision,
    /// The breaker that is in the way, when one is.
    pub(super) shut: Option<Shut>,
}

/// Most trunks that a campaign can have: the statements name so many.
pub const MAX_TRUNKS: usize = 4;

/// Locks the limiter rows of organisation, trunks, campaign and caller ID, in this order; makes those that are missing.
pub(super) async fn lock(tx: &mut Tx, terms: &Terms) -> Result<Locked, StoreError> {
    let mut locked = Locked {
        org: terms.org.to_string(),
        campaign: terms.ready.campaign.id.to_string(),
        caller_id: format!("{}:{}", terms.org, terms.caller_id),
        rows: BTreeMap::new(),
        reserved: BTreeSet::new(),
        counted: Counted::default(),
    };
    let trunks: Vec<_> = terms.trunks.iter().map(|trunk| trunk.id.to_string()).collect();
    locked.read(tx, &trunks).await?;
    if locked.rows.len() < trunks.len() + 3 {
        let mut scopes = vec![(Scope::Organisation, &locked.org)];
        scopes.extend(trunks.iter().map(|trunk| (Scope::Trunk, trunk)));
        scopes.extend([(Scope::Campaign, &locked.campaign), (Scope::CallerId, &locked.caller_id)]);
        for (scope, id) in scopes {
            let sql = "INSERT INTO limiter (scope, scope_id) VALUES ($1, $2) ON CONFLICT (scope, scope_id) DO NOTHING";
            tx.execute(sql, args![scope, id]).await?;
        }
        locked.read(tx, &trunks).await?;
    }
    Ok(locked)
}

impl Locked {
    async fn read(&mut self, tx: &mut Tx, trunks: &[String]) -> Result<(), StoreError> {
        // PostgreSQL locks the rows in the order in which they come out of the sort.
        let sql = tx.pick(
            "SELECT scope, scope_id, tat, breaker FROM limiter WHERE (scope = $1 AND scope_id = $2) \
             OR (scope = $3 AND scope_id = $4) OR (scope = $5 AND scope_id = $6) \
             OR (scope = $7 AND scope_id IN ($8, $9, $10, $11))",
            "SELECT scope, scope_id, tat, breaker FROM limiter WHERE (scope = $1 AND scope_id = $2) \
             OR (scope = $3 AND scope_id = $4) OR (scope = $5 AND scope_id = $6) \
             OR (scope = $7 AND scope_id IN ($8, $9, $10, $11)) \
             ORDER BY CASE scope WHEN $1 THEN 1 WHEN $7 THEN 2 WHEN $3 THEN 3 ELSE 4 END, scope_id FOR UPDATE",
        );
        let (org, campaign, caller) = (Scope::Organisation, Scope::Campaign, Scope::CallerId);
        let trunk = |index: usize| trunks.get(index).or(trunks.first()).map_or("", String::as_str);
        let ids = [trunk(0), trunk(1), trunk(2), trunk(3)];
        let mut args = args![org, self.org, campaign, self.campaign, caller, self.caller_id, Scope::Trunk];
        args.extend(args![ids[0], ids[1], ids[2], ids[3]]);
        for row in tx.all(sql, args).await? {
            self.rows.insert((row.get("scope")?, row.get("scope_id")?), held(&row)?);
        }
        Ok(())
    }

    /// The trunk that one more dial goes over, with every limit counted: the first in the campaign's order that has room;
    /// of those with one priority, the one that is owed most by its weight; where `only` names some, of those. A statement of
    /// its own after the locks: within the locking one it would count on a snapshot from before it waited.
    pub(super) async fn choose(
        &mut self,
        tx: &mut Tx,
        book: &Book,
        terms: &Terms,
        only: Option<&[TrunkId]>,
        (now, headroom): (Timestamp, Duration),
    ) -> Result<Result<Choice, NoChoice>, StoreError> {
        let (campaign, state) = (terms.ready.campaign.id, terms.ready.rules.state);
        let mut none: Option<NoChoice> = None;
        let asked = |trunk: &&TrunkTerms| only.is_none_or(|only| only.contains(&trunk.id));
        for level in terms.trunks.chunk_by(|one, next| one.priority == next.priority) {
            let mut among: Vec<_> = level.iter().filter(asked).copied().collect();
            let mut paced = Paced::default();
            for trunk in book.order(campaign, &among) {
                let live = self.live(tx, terms, trunk.id).await?;
                let breaker = self.of(Scope::Trunk, &trunk.id.to_string()).breaker;
                let limiters = self.limiters(terms, &trunk, now, live);
                let why = match admit(now, headroom, state, &limiters) {
                    Ok(_) => {
                        return Ok(match self.day_is_over(tx, terms, now).await? {
                            Some(limited) => Err(NoChoice { why: ClaimDecision::Limited(limited), shut: None }),
                            None => Ok(Choice { trunk, limiters, among }),
                        });
                    }
                    Err(why @ ClaimDecision::Limited(Limited { scope: Scope::Trunk | Scope::CallerId, .. })) => why,
                    Err(why) => return Ok(Err(NoChoice { why, shut: None })),
                };
                among.retain(|other| other.id != trunk.id);
                let shut = breaker.shut(now);
                if shut.is_none() {
                    paced.note(&why, &limiters);
                }
                none = Some(sooner(none, NoChoice { why, shut }));
            }
            // Their turn comes: trunks that can carry the campaign are waited for. Slower ones leave the rest to the others.
            if let Some(why) = paced.carry() {
                return Ok(Err(NoChoice { why, shut: None }));
            }
        }
        Ok(Err(none.unwrap_or(NoChoice { why: ClaimDecision::Stopped, shut: None })))
    }

    /// Live calls of organisation, trunk, campaign and caller ID.
    async fn live(&mut self, tx: &mut Tx, terms: &Terms, trunk: TrunkId) -> Result<[u32; 4], StoreError> {
        let (org_live, trunk_live) = match self.counted.trunks.get(&trunk) {
            Some(counted) => *counted,
            None => {
                let counted = live(tx, terms.org, trunk).await?;
                *self.counted.trunks.entry(trunk).or_insert(counted)
            }
        };
        let (campaign_live, caller_live) = match self.counted.others {
            Some(counted) => counted,
            None => {
                let counted = self.count(tx, terms).await?;
                *self.counted.others.insert(counted)
            }
        };
        Ok([org_live, trunk_live, campaign_live, caller_live])
    }

    /// The cap on the dials of a day from the caller ID, where it is reached.
    async fn day_is_over(&mut self, tx: &mut Tx, terms: &Terms, now: Timestamp) -> Result<Option<Limited>, StoreError> {
        let Some(rules) = terms.ready.rules.hours.bounds().caller_numbers() else { return Ok(None) };
        let (begins, ends) = rules.day(now);
        let dials = match self.counted.day {
            Some(dials) => dials,
            None => {
                // No further than the cap: what it costs does not grow with the day.
                let sql = tx.pick(
                    "SELECT COUNT(*) AS value FROM (SELECT 1 FROM attempt INDEXED BY attempt_caller_day \
                     WHERE org_id = $1 AND caller_id = $2 AND claimed_at >= $3 AND state <> 'not_placed' LIMIT $4) \
                     AS dials",
                    "SELECT COUNT(*) AS value FROM (SELECT 1 FROM attempt \
                     WHERE org_id = $1 AND caller_id = $2 AND claimed_at >= $3 AND state <> 'not_placed' LIMIT $4) \
                     AS dials",
                );
                let most = i64::from(rules.daily_dials);
                let counted = tx.value(sql, args![terms.org, terms.caller_id, begins, most]).await?;
                *self.counted.day.insert(counted)
            }
        };
        Ok((dials >= rules.daily_dials).then_some(Limited { scope: Scope::CallerDay, until: ends }))
    }

    async fn count(&self, tx: &mut Tx, terms: &Terms) -> Result<(u32, u32), StoreError> {
        // Without statistics SQLite would take an index over all attempts there ever were.
        let sql = tx.pick(
            "SELECT (SELECT COUNT(*) FROM attempt INDEXED BY attempt_live_campaign WHERE live AND campaign_id = $1) \
             AS campaign_live, (SELECT COUNT(*) FROM attempt INDEXED BY attempt_live_caller \
             WHERE live AND org_id = $2 AND caller_id = $3) AS caller_live",
            "SELECT (SELECT COUNT(*) FROM attempt WHERE live AND campaign_id = $1) AS campaign_live, \
             (SELECT COUNT(*) FROM attempt WHERE live AND org_id = $2 AND caller_id = $3) AS caller_live",
        );
        let row = tx.one(sql, args![terms.ready.campaign.id, terms.org, terms.caller_id]).await?;
        Ok((row.get("campaign_live")?, row.get("caller_live")?))
    }

    fn limiters(&self, terms: &Terms, trunk: &TrunkTerms, now: Timestamp, live: [u32; 4]) -> [Limiter; 4] {
        let settings = &terms.ready.campaign.data.settings;
        let (org, campaign) = (terms.org_limits, settings.max_concurrent_calls);
        let limiter = |scope, id: &str, rate: Option<u32>, live, most_live| Limiter {
            scope,
            tat: self.of(scope, id).tat,
            interval: rate.map(interval),
            live,
            most_live,
            closed_until: None,
        };
        let trunk_id = trunk.id.to_string();
        let breaker = self.of(Scope::Trunk, &trunk_id).breaker;
        let [org_live, trunk_live, campaign_live, caller_live] = live;
        let over = limiter(Scope::Trunk, &trunk_id, None, trunk_live, Some(trunk.limits.most_live));
        [
            limiter(Scope::Organisation, &self.org, Some(org.calls_per_minute), org_live, Some(org.most_live)),
            guarded(over, trunk.limits.calls_per_minute, &breaker, now),
            limiter(Scope::Campaign, &self.campaign, Some(settings.calls_per_minute), campaign_live, Some(campaign)),
            limiter(Scope::CallerId, &self.caller_id, trunk.caller_id_rate, caller_live, trunk.caller_id_live),
        ]
    }

    /// Keeps the times that a granted claim has reserved, counts it, and makes it the one that tries an open trunk; whether
    /// it is. `by` names the claim. The times are written by [`Locked::write`].
    pub(super) async fn reserve(
        &mut self,
        tx: &mut Tx,
        trunk: TrunkId,
        reservation: &Reservation,
        by: &str,
    ) -> Result<bool, StoreError> {
        for (over, (org, live)) in &mut self.counted.trunks {
            *org += 1;
            *live += u32::from(*over == trunk);
        }
        if let Some(day) = &mut self.counted.day {
            *day += 1;
        }
        if let Some((campaign, caller)) = &mut self.counted.others {
            *campaign += 1;
            *caller += 1;
        }
        let trunk = trunk.to_string();
        for (scope, tat) in &reservation.tats {
            let id = match scope {
                Scope::Organisation => &self.org,
                Scope::Trunk => &trunk,
                Scope::Campaign => &self.campaign,
                Scope::CallerId => &self.caller_id,
                Scope::CallerDay | Scope::Spend | Scope::Node | Scope::Providers => continue,
            };
            let key = (*scope, id.clone());
            self.rows.entry(key.clone()).or_default().tat = *tat;
            self.reserved.insert(key);
        }
        let key = (Scope::Trunk, trunk);
        let breaker = &mut self.rows.entry(key.clone()).or_default().breaker;
        let trial = breaker.admit(reservation.send_at, by);
        if trial {
            breaker::write(tx, &key.1, breaker, reservation.send_at).await?;
        }
        Ok(trial)
    }

    /// Writes the times that were reserved.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        for key in &self.reserved {
            let (scope, id) = key;
            let sql = "UPDATE limiter SET tat = $3 WHERE scope = $1 AND scope_id = $2";
            tx.execute(sql, args![scope, id, self.rows[key].tat]).await?;
        }
        Ok(())
    }

    fn of(&self, scope: Scope, id: &str) -> Held {
        self.rows.get(&(scope, id.to_owned())).cloned().unwrap_or_default()
    }
}

/// A trunk's limiter with what its breaker leaves of it.
pub(super) fn guarded(limiter: Limiter, calls_per_minute: u32, breaker: &Breaker, now: Timestamp) -> Limiter {
    Limiter {
        interval: Some(slower(interval(calls_per_minute), breaker.share(now))),
        closed_until: breaker.shut(now).map(|shut| shut.until),
        ..limiter
    }
}

/// The one of two refusals that ends first; a free channel comes at a time that nobody knows.
fn sooner(before: Option<NoChoice>, this: NoChoice) -> NoChoice {
    let Some(before) = before else { return this };
    match (until(&this.why), until(&before.why)) {
        (Some(this_until), Some(before_until)) if this_until < before_until => this,
        (Some(_), None) => this,
        (Some(_) | None, _) => before,
    }
}

/// Locks one limiter row, making it where it is missing, and reads it. Several are to be locked in the order of
/// [`Scope`].
pub(super) async fn lock_one(tx: &mut Tx, scope: Scope, id: &str) -> Result<Held, StoreError> {
    let sql = "INSERT INTO limiter (scope, scope_id) VALUES ($1, $2) ON CONFLICT (scope, scope_id) DO NOTHING";
    tx.execute(sql, args![scope, id]).await?;
    let sql = tx.pick(
        "SELECT tat, breaker FROM limiter WHERE scope = $1 AND scope_id = $2",
        "SELECT tat, breaker FROM limiter WHERE scope = $1 AND scope_id = $2 FOR UPDATE",
    );
    held(&tx.one(sql, args![scope, id]).await?)
}

fn held(row: &Row) -> Result<Held, StoreError> {
    Ok(Held { tat: row.get("tat")?, breaker: breaker::of_row(row)? })
}

/// Live calls of an organisation and of a trunk: attempts, the second legs of transfers, and calls that came in. To be
/// asked after the locks.
pub(super) async fn live(tx: &mut Tx, org: OrgId, trunk: TrunkId) -> Result<(u32, u32), StoreError> {
    // Without statistics SQLite would take an index over all attempts there ever were.
    let sql = tx.pick(
        "SELECT (SELECT COUNT(*) FROM attempt INDEXED BY attempt_live_org WHERE live AND org_id = $1) \
         + (SELECT COUNT(*) FROM leg INDEXED BY leg_transfer_org WHERE transfer AND ended_at IS NULL AND org_id = $1) \
         + (SELECT COUNT(*) FROM inbound_live WHERE org_id = $1) AS org_live, \
         (SELECT COUNT(*) FROM attempt INDEXED BY attempt_live_trunk WHERE live AND trunk_id = $2) \
         + (SELECT COUNT(*) FROM leg INDEXED BY leg_transfer_trunk WHERE transfer AND ended_at IS NULL AND trunk_id = $2) \
         + (SELECT COUNT(*) FROM inbound_live WHERE trunk_id = $2) AS trunk_live",
        "SELECT (SELECT COUNT(*) FROM attempt WHERE live AND org_id = $1) \
         + (SELECT COUNT(*) FROM leg WHERE transfer AND ended_at IS NULL AND org_id = $1) \
         + (SELECT COUNT(*) FROM inbound_live WHERE org_id = $1) AS org_live, \
         (SELECT COUNT(*) FROM attempt WHERE live AND trunk_id = $2) \
         + (SELECT COUNT(*) FROM leg WHERE transfer AND ended_at IS NULL AND trunk_id = $2) \
         + (SELECT COUNT(*) FROM inbound_live WHERE trunk_id = $2) AS trunk_live",
    );
    let row = tx.one(sql, args![org, trunk]).await?;
    Ok((row.get("org_live")?, row.get("trunk_live")?))
}

/// Live calls over a trunk, in and out.
///
/// # Errors
/// When the database fails.
pub async fn live_over(tx: &mut Tx, org: OrgId, trunk: TrunkId) -> Result<u32, StoreError> {
    live(tx, org, trunk).await.map(|(_, over)| over)
}
