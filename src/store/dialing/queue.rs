//! Who of those that wait is next: by priority, then the list or the retries, then each in its own order.
//!
//! Targets that were not called yet are taken by their place in the list, retries by the time they fell due. Every search is
//! a step in an index, so that it costs the same whatever the size of the list, how many of it are not due, and how much
//! stands before those that are: first the priorities there are, one step each, then those of each that are due.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::args;
use crate::campaign::settings::Settings;
use crate::id::{CampaignId, TargetId};
use crate::store::db::Row;
use crate::store::suppression_list::listed;
use crate::store::{StoreError, Tx};

/// How targets of one priority are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// By their place in the list.
    Listed,
    /// By the time they are due.
    Timed,
}

/// The priorities of those that wait, the highest first.
#[derive(Debug, Default)]
pub(super) struct Levels {
    /// When the first of a priority is due, by the way it is found.
    due: BTreeMap<(i64, Way), Timestamp>,
}

/// A target that is due.
pub(super) struct Due {
    /// Its row: id, contact_id, round, dials, further_phones, phone, phone_hash, zone, source, list.
    pub(super) row: Row,
    /// Where it stands among those that are READY with the same priority.
    pub(super) turn: i64,
}

/// Stands behind, or before, every place in a list.
pub(super) const BEHIND: i64 = i64::MAX;
pub(super) const BEFORE: i64 = -i64::MAX;
/// Openings of one priority that are looked at together. More than there are time zones in a campaign.
const OPENINGS: i64 = 64;

macro_rules! due_sql {
    ($index:literal, $found:literal, $order:literal, $lock:literal) => {
        concat!(
            "SELECT t.id, t.contact_id, t.round, t.dials, t.place, c.further_phones, COALESCE(p.phone, c.phone) AS phone, \
             COALESCE(p.phone_hash, c.phone_hash) AS phone_hash, COALESCE(p.zone, c.zone) AS zone, s.source, ",
            listed!("COALESCE(p.phone_hash, c.phone_hash)", "t.org_id", "t.campaign_id"),
            " AS list FROM target AS t ",
            $index,
            "JOIN contact c ON c.id = t.contact_id ",
            "LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number ",
            "LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = COALESCE(p.phone_hash, c.phone_hash) ",
            "WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.base_priority = $2 AND ",
            $found,
            " ORDER BY ",
            $order,
            " LIMIT $4",
            $lock
        )
    };
}

// Without statistics SQLite would take an index in which it has to look at all that wait.
macro_rules! levels_sql {
    ($index:literal, $way:literal, $due:literal) => {
        concat!(
            "WITH RECURSIVE level (priority) AS (SELECT (SELECT t.base_priority FROM target AS t",
            $index,
            " WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.",
            $way,
            " ORDER BY t.base_priority DESC LIMIT 1) ",
            "UNION ALL SELECT (SELECT t.base_priority FROM target AS t",
            $index,
            " WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.",
            $way,
            " AND t.base_priority < level.priority ORDER BY t.base_priority DESC LIMIT 1) FROM level ",
            "WHERE level.priority IS NOT NULL) SELECT priority, (SELECT t.",
            $due,
            " FROM target AS t",
            $index,
            " WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.",
            $way,
            " AND t.base_priority = level.priority ORDER BY t.",
            $due,
            " LIMIT 1) AS due FROM level WHERE priority IS NOT NULL"
        )
    };
}

macro_rules! moments_sql {
    ($index:literal) => {
        concat!(
            "WITH RECURSIVE moment (at) AS (SELECT (SELECT t.opens_at FROM target AS t",
            $index,
            " WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.base_priority = $2 AND t.opens_at <= $3 ",
            "ORDER BY t.opens_at LIMIT 1) UNION ALL SELECT (SELECT t.opens_at FROM target AS t",
            $index,
            " WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.base_priority = $2 AND t.opens_at > moment.at ",
            "AND t.opens_at <= $3 ORDER BY t.opens_at LIMIT 1) FROM moment WHERE moment.at IS NOT NULL) ",
            "SELECT at FROM moment WHERE at IS NOT NULL LIMIT $4"
        )
    };
}

impl Levels {
    /// Looks at all that wait in a campaign.
    pub(super) async fn of(tx: &mut Tx, campaign: CampaignId) -> Result<Self, StoreError> {
        let listed = tx.pick(
            levels_sql!(" INDEXED BY target_listed", "opens_at IS NOT NULL", "opens_at"),
            levels_sql!("", "opens_at IS NOT NULL", "opens_at"),
        );
        let timed = tx.pick(
            levels_sql!(" INDEXED BY target_timed", "opens_at IS NULL", "next_at"),
            levels_sql!("", "opens_at IS NULL", "next_at"),
        );
        let mut levels = Self::default();
        for (way, sql) in [(Way::Listed, listed), (Way::Timed, timed)] {
            for row in tx.all(sql, args![campaign]).await? {
                // Gone between the two looks, on PostgreSQL.
                if let Some(due) = row.get::<Option<Timestamp>>("due")? {
                    levels.due.insert((row.get("priority")?, way), due);
                }
            }
        }
        Ok(levels)
    }

    /// When the first of them is due.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        self.due.values().min().copied()
    }

    /// When the first is due whose priority is above `floor`.
    pub(super) fn first_above(&self, floor: i64) -> Option<Timestamp> {
        self.due.iter().filter(|((priority, _), _)| *priority > floor).map(|(_, due)| *due).min()
    }

    /// The highest priority of which one is due.
    pub(super) fn highest_due(&self, now: Timestamp) -> Option<i64> {
        self.due.iter().filter(|(_, due)| **due <= now).map(|((priority, _), _)| *priority).max()
    }

    /// Locks and reads at most `most` targets that are due and whose priority is above `floor`, in the order in which they
    /// are to be dialed.
    pub(super) async fn next(
        &self,
        tx: &mut Tx,
        campaign: CampaignId,
        settings: &Settings,
        now: Timestamp,
        floor: Option<i64>,
        most: i64,
    ) -> Result<Vec<Due>, StoreError> {
        let mut found = Vec::new();
        let mut priorities: Vec<i64> = self.due.keys().map(|(priority, _)| *priority).collect();
        priorities.dedup();
        for priority in priorities.into_iter().rev() {
            let ways = if settings.retries_first { [Way::Timed, Way::Listed] } else { [Way::Listed, Way::Timed] };
            for way in ways {
                let room = most - i64::try_from(found.len()).unwrap_or(most);
                let due = self.due.get(&(priority, way)).is_some_and(|due| *due <= now);
                if !due || room <= 0 || floor.is_some_and(|floor| priority <= floor) {
                    continue;
                }
                match way {
                    Way::Listed => found.extend(listed(tx, campaign, priority, now, room).await?),
                    Way::Timed => {
                        let turn = if settings.retries_first { BEFORE } else { BEHIND };
                        let sql = tx.pick(
                            due_sql!(
                                "INDEXED BY target_timed ",
                                "t.opens_at IS NULL AND t.next_at <= $3",
                                "t.next_at, t.id",
                                ""
                            ),
                            due_sql!(
                                "",
                                "t.opens_at IS NULL AND t.next_at <= $3",
                                "t.next_at, t.id",
                                " FOR UPDATE OF t SKIP LOCKED"
                            ),
                        );
                        let rows = tx.all(sql, args![campaign, priority, now, room]).await?;
                        found.extend(rows.into_iter().map(|row| Due { row, turn }));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Those of one priority whose hours have opened, in the order of the list. Hours open at the same moment for all of a time
/// zone, so there are few moments; of each the first are read, and what stands behind the last one read of any of them waits.
async fn listed(
    tx: &mut Tx,
    campaign: CampaignId,
    priority: i64,
    now: Timestamp,
    room: i64,
) -> Result<Vec<Due>, StoreError> {
    let moments = tx.pick(moments_sql!(" INDEXED BY target_listed"), moments_sql!(""));
    let moments = tx.all(moments, args![campaign, priority, now, OPENINGS]).await?;
    let each = match i64::try_from(moments.len()).unwrap_or(OPENINGS) {
        0 | 1 => room,
        several => (2 * room / several).clamp(16.min(room), room),
    };
    let sql = tx.pick(
        due_sql!("INDEXED BY target_listed ", "t.opens_at = $3", "t.place, t.id", ""),
        due_sql!("", "t.opens_at = $3", "t.place, t.id", " FOR UPDATE OF t SKIP LOCKED"),
    );
    let mut found: Vec<(i64, TargetId, Row)> = Vec::new();
    let mut seen_up_to: Option<(i64, TargetId)> = None;
    for moment in &moments {
        let opens_at: Timestamp = moment.get("at")?;
        let rows = tx.all(sql, args![campaign, priority, opens_at, each]).await?;
        let cut = i64::try_from(rows.len()) == Ok(each);
        let mut last = None;
        for row in rows {
            let key = (row.get("place")?, row.get("id")?);
            last = Some(key);
            found.push((key.0, key.1, row));
        }
        if let Some(last) = last.filter(|_| cut) {
            seen_up_to = Some(seen_up_to.map_or(last, |earlier| earlier.min(last)));
        }
    }
    found.sort_by_key(|(place, id, _)| (*place, *id));
    let known = |(place, id, _): &(i64, TargetId, Row)| seen_up_to.is_none_or(|last| (*place, *id) <= last);
    let room = usize::try_from(room).unwrap_or_default();
    Ok(found.into_iter().take_while(known).take(room).map(|(turn, _, row)| Due { row, turn }).collect())
}
