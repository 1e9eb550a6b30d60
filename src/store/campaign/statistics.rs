//! What the calls of a campaign came to.

use std::time::Duration;

use super::progress;
use crate::args;
use crate::campaign::statistics::Rate;
use crate::id::CampaignId;
use crate::store::{StoreError, Tx};

/// What the calls of a campaign came to; what counts as what is said in [`crate::campaign::statistics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Contacts that count: all but rejected and removed ones.
    pub contacts: u64,
    /// Calls that were sent and are over.
    pub calls: u64,
    /// Those that a person answered.
    pub answered: u64,
    /// Those that a mailbox answered.
    pub voicemail: u64,
    /// How long a call with a person lasted on average, from its answer; none without one.
    pub average: Option<Duration>,
    /// Calls with a person that were marked as a success.
    pub success: Rate,
    /// Calls with a person that the contact broke off.
    pub interrupted: Rate,
}

/// What the calls of a campaign came to.
///
/// # Errors
/// When the database fails.
pub async fn statistics(tx: &mut Tx, id: CampaignId) -> Result<Statistics, StoreError> {
    macro_rules! in_person {
        () => {
            "answered_at IS NOT NULL AND (answered_by IS NULL OR answered_by IN ('human', 'unknown'))"
        };
    }
    const SQL: &str = concat!(
        "SELECT COUNT(*) AS calls, COUNT(CASE WHEN answered_by = 'voicemail' THEN 1 END) AS voicemail, COUNT(CASE WHEN ",
        in_person!(),
        " THEN 1 END) AS answered, COUNT(CASE WHEN success AND ",
        in_person!(),
        " THEN 1 END) AS success, COUNT(CASE WHEN interrupted AND ",
        in_person!(),
        " THEN 1 END) AS interrupted, CAST(COALESCE(SUM(CASE WHEN ",
        in_person!(),
        " THEN ended_at - answered_at END), 0) AS BIGINT) AS talked FROM call WHERE campaign_id = $1"
    );
    let contacts = progress(tx, id).await?.total;
    let row = tx.one(SQL, args![id]).await?;
    let count = |column| row.get::<i64>(column).map(i64::unsigned_abs);
    let (answered, talked) = (count("answered")?, count("talked")?);
    Ok(Statistics {
        contacts,
        calls: count("calls")?,
        answered,
        voicemail: count("voicemail")?,
        average: talked.checked_div(answered).map(Duration::from_micros),
        success: Rate { count: count("success")?, of: answered },
        interrupted: Rate { count: count("interrupted")?, of: answered },
    })
}
