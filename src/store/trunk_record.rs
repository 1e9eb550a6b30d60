//! What the calls over a trunk have come to lately.

use std::time::Duration;

use jiff::Timestamp;

use super::{StoreError, Tx};
use crate::args;
use crate::id::TrunkId;
use crate::store::db::Row;

/// The latest calls of all trunks that are looked at for one answer: it costs the same however many there are.
const MOST: i64 = 20_000;

/// The calls over a trunk since some time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrunkRecord {
    /// Dials that are over or were answered.
    pub dials: u32,
    /// Those of them that were answered.
    pub answered: u32,
    /// From the answer to the end, on average over the answered ones that are over.
    pub talked: Option<Duration>,
    /// From the INVITE to the first ring, or to the answer where it came first: half of the dials take no longer.
    pub delay_p50: Option<Duration>,
    /// Nineteen of twenty take no longer.
    pub delay_p95: Option<Duration>,
    /// Since when dials are counted: later than asked for where there are more than are looked at.
    pub since: Option<Timestamp>,
}

/// What the calls over a trunk since then have come to.
///
/// # Errors
/// When the database fails.
pub async fn since(tx: &mut Tx, trunk: TrunkId, since: Timestamp) -> Result<TrunkRecord, StoreError> {
    // Ids follow the time: the latest ones stand at the end of the primary key.
    let sql = "SELECT l.trunk_id, l.ordinal, l.sent_at, a.send_at, l.ringing_at, l.answered_at, l.ended_at \
               FROM (SELECT id, attempt_id, trunk_id, ordinal, sent_at, ringing_at, answered_at, ended_at \
               FROM leg ORDER BY id DESC LIMIT $3) l LEFT JOIN attempt a ON a.id = l.attempt_id \
               WHERE l.trunk_id = $1 AND l.sent_at >= $2 AND (l.ended_at IS NOT NULL OR l.answered_at IS NOT NULL)";
    let rows = tx.all(sql, args![trunk, since, MOST]).await?;
    let dials: Vec<Dial> = rows.iter().map(Dial::read).collect::<Result<_, _>>()?;
    Ok(sum(&dials))
}

/// Dials over a trunk that were begun since then, whatever became of them.
///
/// # Errors
/// When the database fails.
pub async fn started(tx: &mut Tx, trunk: TrunkId, since: Timestamp) -> Result<u32, StoreError> {
    let sql = "SELECT COUNT(*) AS value FROM (SELECT trunk_id, sent_at FROM leg ORDER BY id DESC LIMIT $3) l \
               WHERE l.trunk_id = $1 AND l.sent_at >= $2";
    let count: i64 = tx.value(sql, args![trunk, since, MOST]).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

#[derive(Clone, Copy, Debug)]
struct Dial {
    sent: Timestamp,
    rang: Option<Timestamp>,
    answered: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl Dial {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let (written, ordinal): (Timestamp, i64) = (row.get("sent_at")?, row.get("ordinal")?);
        // The first leg is on disk a little before its moment; a further one has the moment of its own.
        let moment: Option<Timestamp> = row.get("send_at")?;
        let sent = moment.filter(|_| ordinal == 1).map_or(written, |moment| moment.max(written));
        let (rang, answered) = (row.get("ringing_at")?, row.get("answered_at")?);
        Ok(Self { sent, rang, answered, ended: row.get("ended_at")? })
    }
}

fn sum(dials: &[Dial]) -> TrunkRecord {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let span = |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
    let talks = dials.iter().filter_map(|dial| Some(span(dial.answered?, dial.ended?)));
    let (total, talks) = talks.fold((Duration::ZERO, 0_u32), |(total, talks), talk| (total + talk, talks + 1));
    let first = |dial: &Dial| match (dial.rang, dial.answered) {
        (Some(rang), Some(answered)) => Some(rang.min(answered)),
        (rang, answered) => rang.or(answered),
    };
    let mut delays: Vec<Duration> = dials.iter().filter_map(|dial| Some(span(dial.sent, first(dial)?))).collect();
    delays.sort_unstable();
    // The smallest that so many of a hundred do not exceed.
    let quantile = |percent: usize| delays.get((delays.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    TrunkRecord {
        dials: count(dials.len()),
        answered: count(dials.iter().filter(|dial| dial.answered.is_some()).count()),
        talked: total.checked_div(talks),
        delay_p50: quantile(50),
        delay_p95: quantile(95),
        since: dials.iter().map(|dial| dial.sent).min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    #[test]
    fn answers_talks_and_delays_are_summed_up() {
        assert_eq!(sum(&[]), TrunkRecord::default());
        let dial = |rang: Option<i64>, answered: Option<i64>, ended: Option<i64>| Dial {
            sent: at(0),
            rang: rang.map(at),
            answered: answered.map(at),
            ended: ended.map(at),
        };
        let mut dials: Vec<_> = (1..=18).map(|delay| dial(Some(delay), None, Some(40))).collect();
        dials.push(dial(None, Some(19), Some(49)));
        dials.push(dial(Some(20), Some(30), None));
        dials.push(dial(None, None, Some(1)));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let expected = TrunkRecord {
            dials: 21,
            answered: 2,
            talked: seconds(30),
            delay_p50: seconds(10),
            delay_p95: seconds(19),
            since: Some(at(0)),
        };
        assert_eq!(sum(&dials), expected);
    }
}
