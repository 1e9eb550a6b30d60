//! The dial: the second of the two commits before an INVITE.

use jiff::Timestamp;
use serde_json::Value;

use super::finish::withdraw;
use super::node::{self, Node};
use super::terms::Book;
use super::writer::{Done, Job};
use super::{Dialing, breaker, one_row};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::{AttemptState, BlockedReason, CampaignState};
use crate::dialer::claim::{DialRefusal, DialView, may_dial};
use crate::dialer::gate::Held;
use crate::dialer::pacing::Scope;
use crate::id::{AttemptId, CampaignId, LegId, NodeId, OrgId, SuppressionListId, TargetId, TrunkId};
use crate::pii::Pii;
use crate::store::consent::consents;
use crate::store::suppression::SuppressionSource;
use crate::store::suppression_list::{self, listed};
use crate::store::{StoreError, Tx};

/// A claimed attempt about to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct DialRequest {
    /// The attempt.
    pub attempt: AttemptId,
    /// The node that claimed it.
    pub node: Node,
    /// The leg's new id: Call-ID, From tag and branch derive from it.
    pub leg: LegId,
    /// The INVITE as far as it is needed to CANCEL it after a crash; opaque here. Kept as JSON.
    pub invite: Value,
}

impl Dialing {
    /// Makes a claimed attempt DIALING and puts its leg on disk, if the claim still holds, the campaign is in progress, the
    /// number is not suppressed, its hours, its consent and the organisation's policy still allow it, and its trunk is not
    /// to be left alone since. When this returns `Ok(Ok(()))` the commit is durable and the INVITE may leave, provided that
    /// [`still_fresh`](crate::dialer::claim::still_fresh) says so.
    ///
    /// On a refusal the attempt is NOT_PLACED and the target has gone where [`DialRefusal`] says, unless the lease was
    /// lost: then nothing was touched.
    ///
    /// # Errors
    /// When the database fails. A commit whose connection was lost may have taken place: do not dial.
    pub async fn commit_dial(&self, request: DialRequest) -> Result<Result<(), DialRefusal>, StoreError> {
        match self.writer.write(Job::Dial(request)).await? {
            Done::Dialed(decided) => Ok(decided),
            Done::Written | Done::Ended(_) => unreachable!("a dial is answered as one"),
        }
    }
}

/// What the dial's transaction has read.
pub(super) struct Claimed {
    pub(super) org: OrgId,
    target: TargetId,
    trunk: TrunkId,
    /// The imported list that has the number.
    list: Option<SuppressionListId>,
    pub(super) view: DialView,
}

pub(super) async fn dial(
    tx: &mut Tx,
    book: &Book,
    request: &DialRequest,
) -> Result<Result<(), DialRefusal>, StoreError> {
    let Some(mut claimed) = read(tx, request.attempt, &request.node).await? else {
        return Ok(Err(DialRefusal::LeaseLost));
    };
    if claimed.view.mine {
        let (shut, refused) = recheck(tx, book, request.attempt, claimed.view.now).await?;
        claimed.view.shut = shut;
        claimed.view.suppression = claimed.view.suppression.or(refused);
    }
    let now = claimed.view.now;
    if let Err(refusal) = may_dial(&claimed.view) {
        withdraw(tx, request.attempt, claimed.target, refusal, now).await?;
        if matches!(refusal, DialRefusal::Suppressed(_)) {
            suppression_list::blame(tx, claimed.target, request.attempt, claimed.list).await?;
        }
        return Ok(Err(refusal));
    }
    tx.execute(
        "INSERT INTO leg (id, org_id, attempt_id, trunk_id, state, invite, sent_at) \
         VALUES ($1, $2, $3, $4, 'sent', $5, $6)",
        args![request.leg, claimed.org, request.attempt, claimed.trunk, request.invite, now],
    )
    .await?;
    let sql = "UPDATE attempt SET state = $2, dialing_at = $3 WHERE id = $1 AND epoch = $4 AND state = $5";
    let (from, to) = (AttemptState::Claimed, AttemptState::Dialing);
    one_row(tx.execute(sql, args![request.attempt, to, now, request.node.epoch, from]).await?)?;
    tx.execute("UPDATE target SET last_call_at = $2, sort_called = $2 WHERE id = $1", args![claimed.target, now])
        .await?;
    Ok(Ok(()))
}

/// What the campaign's rules say at the moment of the dial: what keeps the contact shut, and why it may not be called at
/// all.
async fn recheck(
    tx: &mut Tx,
    book: &Book,
    attempt: AttemptId,
    now: Timestamp,
) -> Result<(Option<Held>, Option<BlockedReason>), StoreError> {
    const CONTACT: &str = concat!(
        "SELECT a.campaign_id, a.send_at, COALESCE(a.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone, ",
        consents!("a.phone_hash", "a.org_id", "$2"),
        " AS consents FROM attempt a JOIN contact c ON c.id = a.contact_id \
         LEFT JOIN further_phone p ON p.contact_id = a.contact_id AND p.ordinal = a.number AND p.phone_hash = a.phone_hash \
         WHERE a.id = $1"
    );
    let row = tx.one(CONTACT, args![attempt, now]).await?;
    let (campaign, zone): (CampaignId, Option<String>) = (row.get("campaign_id")?, row.get("zone")?);
    let (phone, send_at): (Option<Pii<E164>>, Timestamp) = (row.get("phone")?, row.get("send_at")?);
    let rules = &book.ready(tx, campaign).await?.rules;
    let Some(number) = phone.as_ref().map(Pii::expose) else { return Ok((None, None)) };
    let agreed = !rules.settings.require_consent || row.get::<i64>("consents")? > 0;
    let refused = rules.hours.bounds().refuses(number).or((!agreed).then_some(BlockedReason::NoConsent));
    let shut = rules.zones(zone.as_deref(), number).and_then(|zones| rules.shut(&zones, now.max(send_at)));
    Ok((shut, refused))
}

macro_rules! read_attempt {
    () => {
        concat!(
            "SELECT a.org_id, a.target_id, a.trunk_id, a.state, a.node_id, a.epoch, a.lease_until, a.send_by, s.source, \
             l.breaker, ",
            listed!("a.phone_hash", "a.org_id", "a.campaign_id"),
            " AS list FROM attempt a LEFT JOIN suppression s ON s.org_id = a.org_id AND s.phone_hash = a.phone_hash \
             LEFT JOIN limiter l ON l.scope = $2 AND l.scope_id = a.trunk_id WHERE a.id = $1"
        )
    };
}

/// Locks and reads an attempt of this node, its campaign first; none when the node or the attempt is gone.
pub(super) async fn read(tx: &mut Tx, attempt: AttemptId, holder: &Node) -> Result<Option<Claimed>, StoreError> {
    // The campaign first, and held until the commit: who pauses it waits for dials under way, and none comes after.
    let campaign = tx.pick(
        "SELECT c.state AS campaign_state FROM campaign c JOIN attempt a ON a.campaign_id = c.id WHERE a.id = $1",
        "SELECT c.state AS campaign_state FROM campaign c JOIN attempt a ON a.campaign_id = c.id WHERE a.id = $1 \
         FOR SHARE OF c",
    );
    let sql = tx.pick(read_attempt!(), concat!(read_attempt!(), " FOR UPDATE OF a"));
    let Some(campaign) = tx.optional(campaign, args![attempt]).await? else {
        return Ok(None);
    };
    let row = tx.one(sql, args![attempt, Scope::Trunk]).await?;
    let Some(node_lease) = node::lease_until(tx, holder).await? else {
        return Ok(None);
    };
    let state: CampaignState = campaign.get("campaign_state")?;
    let (node, epoch): (NodeId, i64) = (row.get("node_id")?, row.get("epoch")?);
    let claim_lease: Timestamp = row.get("lease_until")?;
    let source: Option<SuppressionSource> = row.get("source")?;
    let list: Option<SuppressionListId> = row.get("list")?;
    let now = tx.now().await?;
    let view = DialView {
        now,
        attempt: row.get("state")?,
        mine: node == holder.id && epoch == holder.epoch,
        lease_until: claim_lease,
        node_lease_until: node_lease,
        campaign: state,
        suppression: SuppressionSource::strongest(source, list.is_some()),
        shut: None,
        trunk_shut: breaker::of_row(&row)?.keeps_back(&attempt.to_string()),
        send_by: row.get("send_by")?,
    };
    Ok(Some(Claimed {
        org: row.get("org_id")?,
        target: row.get("target_id")?,
        trunk: row.get("trunk_id")?,
        list: list.filter(|_| source.is_none()),
        view,
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Db;
    use crate::store::db::Settings;
    use crate::store::dialing::Dialing;

    /// A dial that power loss could take back would be a second ring.
    #[tokio::test]
    async fn the_commit_of_a_dial_is_synced_and_that_of_a_claim_is_not() {
        let folder = std::env::temp_dir().join(format!("callwright-synced-{}", std::process::id()));
        let address = format!("sqlite:{}", folder.join("test.db").display());
        let db = Db::open(&Settings::new(address)).await.expect("a fresh database");
        let dialing = Dialing::new(&db, Duration::from_secs(30));
        let node = dialing.register(NodeId::generate()).await.expect("a node");
        let before = db.syncs();
        let request = || DialRequest {
            attempt: AttemptId::generate(),
            node,
            leg: LegId::generate(),
            invite: serde_json::json!({}),
        };
        // Of no attempt there is; its transaction is the one in which dials are decided.
        let refused = dialing.commit_dial(request()).await.expect("no fault");
        assert_eq!(refused, Err(DialRefusal::LeaseLost));
        assert_eq!(db.syncs(), before + 1);
        dialing.renew(&node).await.expect("a lease");
        assert_eq!(db.syncs(), before + 1, "what may be repeated is not waited for");
        drop((dialing, db));
        // A leftover in the temporary folder is no reason to fail.
        let _ = std::fs::remove_dir_all(folder);
    }
}
