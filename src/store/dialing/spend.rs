//! The cap on what an organisation's calls of a day cost: reserved in the claim, put right when the call is over.
//!
//! One row for each organisation and day. Claims read it under the lock of their organisation's limiter, so two of them
//! never pass the cap together; ends only ever lower it.

use std::time::Duration;

use jiff::Timestamp;

use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::spend::{SpendRules, cost};
use crate::dialer::pacing::{Limited, Scope};
use crate::id::{AttemptId, OrgId, TrunkId};
use crate::store::db::ToArg;
use crate::store::{StoreError, Tx};

/// What a call reserves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reserved {
    day: String,
    per_minute: i64,
    amount: i64,
}

/// Whether what a call may cost at most fits under the cap of the day. To be asked under the lock of the organisation's
/// limiter.
pub(super) async fn room(
    tx: &mut Tx,
    org: OrgId,
    rules: &SpendRules,
    number: &E164,
    trunk: TrunkId,
    longest: Duration,
    now: Timestamp,
) -> Result<Result<Reserved, Limited>, StoreError> {
    let per_minute = rules.per_minute(number, trunk);
    let amount = cost(per_minute, longest);
    let (day, next) = rules.day(now);
    let day = day.to_string();
    let sql = "SELECT amount FROM spend WHERE org_id = $1 AND day = $2";
    let spent: i64 = match tx.optional(sql, args![org, day]).await? {
        Some(row) => row.get("amount")?,
        None => 0,
    };
    if spent.unsigned_abs().saturating_add(amount) > rules.daily_cap {
        return Ok(Err(Limited { scope: Scope::Spend, until: next }));
    }
    let whole = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    Ok(Ok(Reserved { day, per_minute: whole(per_minute), amount: whole(amount) }))
}

/// What an attempt reserves when it goes on over another trunk: what that one costs, in the place of what it has reserved
/// over the trunk before, and for the same day. To be asked under the lock of the organisation's limiter.
pub(super) async fn room_again(
    tx: &mut Tx,
    org: OrgId,
    rules: &SpendRules,
    number: &E164,
    trunk: TrunkId,
    attempt: AttemptId,
    now: Timestamp,
) -> Result<Result<Again, Limited>, StoreError> {
    let sql = "SELECT cost, spend_day, max_call_duration_s FROM attempt WHERE id = $1";
    let row = tx.one(sql, args![attempt]).await?;
    let (before, day): (Option<i64>, Option<String>) = (row.get("cost")?, row.get("spend_day")?);
    let longest = Duration::from_secs(row.get::<u32>("max_call_duration_s")?.into());
    let (Some(before), Some(day)) = (before, day) else {
        let reserved = room(tx, org, rules, number, trunk, longest, now).await?;
        return Ok(reserved.map(|reserved| Again { more: reserved.amount, reserved }));
    };
    let per_minute = rules.per_minute(number, trunk);
    let amount = cost(per_minute, longest);
    let sql = "SELECT amount AS value FROM spend WHERE org_id = $1 AND day = $2";
    let others = tx.value::<i64>(sql, args![org, day]).await? - before;
    if others.unsigned_abs().saturating_add(amount) > rules.daily_cap {
        return Ok(Err(Limited { scope: Scope::Spend, until: rules.day(now).1 }));
    }
    let whole = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    let reserved = Reserved { day, per_minute: whole(per_minute), amount: whole(amount) };
    Ok(Ok(Again { more: reserved.amount - before, reserved }))
}

/// What an attempt reserves over another trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Again {
    reserved: Reserved,
    /// So much more than before; less when negative.
    more: i64,
}

/// Writes it down.
pub(super) async fn reserve_again(
    tx: &mut Tx,
    org: OrgId,
    attempt: AttemptId,
    again: &Again,
) -> Result<(), StoreError> {
    let Again { reserved: Reserved { day, per_minute, amount }, more } = again;
    let sql = "UPDATE attempt SET cost = $2, cost_per_minute = $3, spend_day = $4 WHERE id = $1";
    tx.execute(sql, args![attempt, *amount, *per_minute, *day]).await?;
    let sql = "INSERT INTO spend (org_id, day, amount) VALUES ($1, $2, $3) \
               ON CONFLICT (org_id, day) DO UPDATE SET amount = spend.amount + $3";
    tx.execute(sql, args![org, *day, *more]).await?;
    Ok(())
}

/// Which row a call is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Attempt,
    Leg,
}

/// Writes a reservation down.
pub(super) async fn reserve<I: ToArg>(
    tx: &mut Tx,
    org: OrgId,
    of: Of,
    id: I,
    reserved: &Reserved,
) -> Result<(), StoreError> {
    let sql = match of {
        Of::Attempt => "UPDATE attempt SET cost = $2, cost_per_minute = $3, spend_day = $4 WHERE id = $1",
        Of::Leg => "UPDATE leg SET cost = $2, cost_per_minute = $3, spend_day = $4 WHERE id = $1",
    };
    tx.execute(sql, args![id, reserved.amount, reserved.per_minute, reserved.day]).await?;
    let sql = "INSERT INTO spend (org_id, day, amount) VALUES ($1, $2, $3) \
               ON CONFLICT (org_id, day) DO UPDATE SET amount = spend.amount + $3";
    tx.execute(sql, args![org, reserved.day, reserved.amount]).await?;
    Ok(())
}

/// Puts in the place of a reservation what the call came to: nothing where nobody answered. A call that reserved nothing is
/// left alone, and so is one whose talk is not known.
pub(super) async fn settle<I: ToArg + Copy>(
    tx: &mut Tx,
    of: Of,
    id: I,
    talked: Option<Duration>,
) -> Result<(), StoreError> {
    let (read, write) = match of {
        Of::Attempt => (
            "SELECT org_id, cost, cost_per_minute, spend_day FROM attempt WHERE id = $1 AND cost IS NOT NULL",
            "UPDATE attempt SET cost = $2 WHERE id = $1",
        ),
        Of::Leg => (
            "SELECT org_id, cost, cost_per_minute, spend_day FROM leg WHERE id = $1 AND cost IS NOT NULL",
            "UPDATE leg SET cost = $2 WHERE id = $1",
        ),
    };
    let Some(row) = tx.optional(read, args![id]).await? else { return Ok(()) };
    let (org, reserved): (OrgId, i64) = (row.get("org_id")?, row.get("cost")?);
    let (per_minute, day): (i64, String) = (row.get("cost_per_minute")?, row.get("spend_day")?);
    let came_to = cost(per_minute.unsigned_abs(), talked.unwrap_or_default());
    let came_to = i64::try_from(came_to).unwrap_or(i64::MAX);
    tx.execute(write, args![id, came_to]).await?;
    let sql = "UPDATE spend SET amount = amount + $3 WHERE org_id = $1 AND day = $2";
    tx.execute(sql, args![org, day, came_to - reserved]).await?;
    Ok(())
}
