//! The copy of an organisation that a forecast runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::campaign::{self, Campaign};
use super::consent::consents;
use super::suppression_list::listed;
use super::{StoreError, Tx, policy, prefix_route, quota, trunk, trunk_inbound};
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::{BlockedReason, CampaignState, TargetState};
use crate::dialer::forecast::experience::{Assumptions, Experience, Sample};
use crate::dialer::forecast::ledger::{Contact, Ledger, Target, Trunk};
use crate::dialer::forecast::{Extent, Minutes, Plan, Unreached, scale};
use crate::dialer::gate::Shut;
use crate::id::{CampaignId, ContactId, OrgId, SuppressionListId, TargetId, TrunkId};
use crate::pii::Pii;
use crate::store::attempt::AttemptKind;
use crate::store::db::Row;
use crate::store::suppression::SuppressionSource;
use crate::store::trunk::TrunkShare;
use crate::time::Now;

/// Dials from which it is learnt how calls go.
const LEARNT_FROM: i64 = 2_000;
/// A lease that outlasts every quiet night: nobody competes in a forecast.
const LEASE: Duration = Duration::from_secs(12 * 3600);
/// What an id's last three digits can be: they are random.
const PARTS: u64 = 4096;

/// What is asked about the future.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Question {
    /// Calls per minute instead of the campaign's own.
    pub calls_per_minute: Option<u32>,
    /// Simultaneous calls instead of the campaign's own.
    pub max_concurrent_calls: Option<u32>,
    /// What is assumed of calls while too few have been made.
    pub assumed: Assumptions,
    /// Simultaneous calls that the servers have room for.
    pub capacity: Option<u32>,
    /// How much is simulated.
    pub extent: Extent,
    /// As if the organisation's minutes had no limit.
    pub boundless_minutes: bool,
}

/// Copies a campaign, and those in progress that share its organisation's limits. A campaign that does not dial is copied as
/// if it were started now, or at its scheduled start. Of large ones a part is copied that stands for the whole.
///
/// # Errors
/// [`StoreError::NotFound`] when the organisation has no such campaign, or when the database fails.
pub async fn copy(tx: &mut Tx, org: OrgId, id: CampaignId, mono: Now, question: &Question) -> Result<Plan, StoreError> {
    let asked = campaign::get(tx, org, id).await?;
    let mut now = Now { wall: tx.now().await?, ..mono };
    if asked.state == CampaignState::Draft {
        now.wall = asked.data.scheduled_start_at.map_or(now.wall, |start| start.max(now.wall));
    }
    let mut campaigns = vec![asked];
    campaigns.extend(campaign::in_progress(tx).await?.into_iter().filter(|other| other.org == org && other.id != id));
    let sql = "SELECT calls_per_minute, max_concurrent_calls FROM org WHERE id = $1";
    let limits = tx.one(sql, args![org]).await?;
    let mut copy = Copy {
        ledger: Ledger::new(LEASE, limits.get("calls_per_minute")?, limits.get("max_concurrent_calls")?, Vec::new()),
        now: now.wall,
        trunks: BTreeMap::new(),
        caller_ids: BTreeMap::new(),
        contacts: BTreeMap::new(),
        numbers: BTreeMap::new(),
        unreached: BTreeMap::new(),
        windowless: BTreeSet::new(),
    };
    copy.ledger.node_max_calls = question.capacity;
    copy.ledger.routes = prefix_route::table(tx, org).await?;
    copy.spent(tx, org).await?;
    let mut experience = Vec::new();
    for mut other in campaigns {
        let most = if experience.is_empty() { question.extent.contacts } else { question.extent.others };
        if experience.is_empty() {
            let settings = &mut other.data.settings;
            settings.calls_per_minute = question.calls_per_minute.unwrap_or(settings.calls_per_minute);
            settings.max_concurrent_calls = question.max_concurrent_calls.unwrap_or(settings.max_concurrent_calls);
        }
        let ring = other.data.settings.ring_timeout();
        experience.push(Experience::new(samples(tx, other.id).await?, question.assumed, ring));
        copy.campaign(tx, &other, most).await?;
    }
    copy.standing(tx, id).await?;
    let usage = quota::show(tx, org).await?;
    let minutes = usage.minutes_per_month.filter(|_| !question.boundless_minutes);
    let minutes = minutes.map(|most| Minutes { most: Duration::from_secs(60) * most, used: usage.talked });
    let Copy { ledger, unreached, windowless, .. } = copy;
    let futures = question.extent.futures(ledger.targets.len());
    Ok(Plan { now, ledger, campaign: 0, experience, windowless, unreached, minutes, futures })
}

struct Copy {
    ledger: Ledger,
    now: Timestamp,
    trunks: BTreeMap<TrunkId, usize>,
    caller_ids: BTreeMap<E164, usize>,
    /// By the hash of their first number: who has the same one is the same contact here.
    contacts: BTreeMap<String, usize>,
    /// By their hash.
    numbers: BTreeMap<String, E164>,
    unreached: BTreeMap<Unreached, u64>,
    windowless: BTreeSet<usize>,
}

impl Copy {
    async fn campaign(&mut self, tx: &mut Tx, campaign: &Campaign, most: usize) -> Result<(), StoreError> {
        let (mut rules, _) = policy::rules(tx, campaign).await?;
        rules.state = CampaignState::InProgress;
        let look_back = self.now - rules.look_back();
        let levels = self.trunks(tx, campaign).await?;
        let most_calls = rules.settings.max_concurrent_calls;
        let &(first, _) = levels.first().and_then(|level| level.first()).ok_or(StoreError::NotFound)?;
        let index = self.ledger.add_campaign(rules, first);
        self.ledger.with_trunks(index, levels);
        let numbers = self.caller_ids.len();
        let caller_id = *self.caller_ids.entry(campaign.data.caller_id.clone()).or_insert(numbers);
        self.ledger.campaigns[index].caller_id = caller_id;
        let started = campaign.started_at.unwrap_or(self.now);
        self.ledger.with_history(index, campaign.data.schedule.clone(), started, campaign.rounds.clone());
        let several = campaign.data.schedule.runs.len() > 1;
        let states = if several { STATES_AND_FAILED } else { STATES };
        let sql = format!("SELECT COUNT(*) AS value FROM target WHERE campaign_id = $1 AND status IN ({states})");
        let rows = tx.all_built(sql, args![campaign.id]).await?;
        let all = rows.first().map_or(Ok(0), |row| row.get::<i64>("value"))?.unsigned_abs();
        let whom = Whom { campaign: campaign.id, states, among: among(tx, all, most) };
        let ends = whom.ends(tx).await?;
        let rows = whom.rows(tx, self.now).await?;
        // Before anybody is in a call: it decides how many channels one takes.
        let scale = scale(all, rows.len(), most_calls);
        self.ledger.set_scale(index, scale);
        let mut further = whom.further(tx).await?;
        let mut without_number = 0_u32;
        for row in rows {
            let phone: Option<Pii<E164>> = row.get("phone")?;
            let Some(number) = phone.map(Pii::into_inner) else {
                without_number += 1;
                continue;
            };
            let contact = self.contact(&row, number)?;
            let further = further.remove(&row.get("contact_id")?).unwrap_or_default();
            let next: u32 = row.get("number")?;
            let place = further.iter().position(|line| line.get("ordinal").is_ok_and(|at: u32| at == next));
            self.further(contact, &further)?;
            let ends = ends.get(&row.get::<TargetId>("id")?).cloned().unwrap_or_default();
            let number = place.map_or(0, |place| place + 1);
            self.target(target(&row, index, contact, number, ends)?, row.get("dialing_at")?);
        }
        if index == 0 && without_number > 0 {
            let contacts = (f64::from(without_number) * scale.dials).round() as u64;
            self.unreached.insert(Unreached::Blocked(BlockedReason::EmptyPhone), contacts);
        }
        for (hash, dials) in whom.dials(tx, look_back).await? {
            if let Some(number) = self.numbers.get(&hash) {
                self.ledger.remember(number.clone(), dials);
            }
        }
        Ok(())
    }

    /// What the gate knows of a number.
    fn number(&mut self, row: &Row, number: &E164) -> Result<(), StoreError> {
        let source: Option<SuppressionSource> = row.get("source")?;
        let list: Option<SuppressionListId> = row.get("list")?;
        if let Some(reason) = SuppressionSource::strongest(source, list.is_some()) {
            self.ledger.suppressed.insert(number.clone(), reason);
        }
        if let Some(hash) = row.get::<Option<String>>("phone_hash")? {
            self.numbers.insert(hash, number.clone());
        }
        Ok(())
    }

    /// What carriers have said of a contact's number.
    fn existing(&mut self, row: &Row, contact: usize, number: &E164) -> Result<(), StoreError> {
        if row.get::<Option<Timestamp>>("invalid_at")?.is_some() {
            self.ledger.mark_invalid(contact, number.clone());
        }
        Ok(())
    }

    /// Gives a contact its further numbers, in order. Each is taken to be in the contact's own time zone.
    fn further(&mut self, contact: usize, lines: &[Row]) -> Result<(), StoreError> {
        let mut numbers = Vec::with_capacity(lines.len());
        for line in lines {
            let number = line.get::<Pii<E164>>("phone")?.into_inner();
            self.number(line, &number)?;
            self.existing(line, contact, &number)?;
            numbers.push(number);
        }
        if !numbers.is_empty() {
            self.ledger.further.insert(contact, numbers);
        }
        Ok(())
    }

    /// The contact's position, with what the gate asks about its number.
    fn contact(&mut self, row: &Row, number: E164) -> Result<usize, StoreError> {
        self.number(row, &number)?;
        let hash: Option<String> = row.get("phone_hash")?;
        let zone: Option<String> = row.get("zone")?;
        let contacts = &mut self.ledger.contacts;
        let contact = *self.contacts.entry(hash.unwrap_or_default()).or_insert_with(|| {
            contacts.push(Contact { number: number.clone(), zone });
            contacts.len() - 1
        });
        self.existing(row, contact, &number)?;
        if row.get::<i64>("consents")? == 0 {
            self.ledger.without_consent.insert(contact);
        }
        Ok(contact)
    }

    fn target(&mut self, target: Target, dialing_at: Option<Timestamp>) {
        let rules = &self.ledger.campaigns[target.campaign].rules;
        let contact = &self.ledger.contacts[target.contact];
        let zones = rules.zones(contact.zone.as_deref(), &contact.number);
        let shut = zones.is_some_and(|zones| rules.opening(&zones, self.now) == Err(Shut::Expired));
        let (own, live) = (target.campaign == 0, target.state == TargetState::InProgress);
        let index = self.ledger.restore(target, dialing_at.unwrap_or(self.now));
        if own && shut && !live {
            self.windowless.insert(index);
        }
    }

    /// The campaign's trunks that are switched on with their weights, by priority; its own one when all are off.
    async fn trunks(&mut self, tx: &mut Tx, campaign: &Campaign) -> Result<Vec<Vec<(usize, u32)>>, StoreError> {
        let mut found = Vec::new();
        for TrunkShare { trunk: id, priority, weight } in trunk::shares(tx, campaign.id).await? {
            let data = trunk::get(tx, campaign.org, id).await?.data;
            let reserve = trunk_inbound::reserve(tx, id).await?;
            let trunks = &mut self.ledger.trunks;
            let index = *self.trunks.entry(id).or_insert_with(|| {
                trunks.push(Trunk {
                    id,
                    calls_per_minute: data.calls_per_minute,
                    max_channels: data.max_channels.saturating_sub(reserve),
                    caller_id_calls_per_minute: data.caller_id_calls_per_minute,
                    caller_id_max_calls: data.caller_id_max_calls,
                });
                trunks.len() - 1
            });
            found.push((priority, data.enabled, (index, weight)));
        }
        let any = found.iter().any(|(_, enabled, _)| *enabled);
        found.retain(|(_, enabled, (index, _))| {
            *enabled || !any && self.ledger.trunks[*index].id == campaign.data.trunk
        });
        let levels = found.chunk_by(|(one, ..), (next, ..)| one == next);
        Ok(levels.map(|level| level.iter().map(|(.., share)| *share).collect()).collect())
    }

    /// What the calls of today cost so far.
    async fn spent(&mut self, tx: &mut Tx, org: OrgId) -> Result<(), StoreError> {
        let sql = "SELECT day, amount FROM spend WHERE org_id = $1 ORDER BY day DESC LIMIT 3";
        for row in tx.all(sql, args![org]).await? {
            let day: String = row.get("day")?;
            let day: Date = day.parse().map_err(|_| StoreError::Corrupt { column: "day" })?;
            self.ledger.spent.insert(day, row.get::<i64>("amount")?.unsigned_abs());
        }
        Ok(())
    }

    /// Who stands where no dial comes to by itself: counted, not simulated.
    async fn standing(&mut self, tx: &mut Tx, id: CampaignId) -> Result<(), StoreError> {
        let sql = "SELECT status, blocked_reason, COUNT(*) AS contacts FROM target WHERE campaign_id = $1 \
                   AND status IN ('new', 'suspended', 'blocked') GROUP BY status, blocked_reason";
        for row in tx.all(sql, args![id]).await? {
            let blocked: Option<BlockedReason> = row.get("blocked_reason")?;
            let why = match (row.get::<TargetState>("status")?, blocked) {
                (TargetState::New, _) => Unreached::Preselection,
                (_, Some(reason)) => Unreached::Blocked(reason),
                (_, None) => Unreached::Suspended,
            };
            *self.unreached.entry(why).or_default() += row.get::<i64>("contacts")?.unsigned_abs();
        }
        Ok(())
    }
}

/// Who may still be dialed where no later run takes anybody in again.
const STATES: &str = "'waiting', 'ready', 'callback', 'in_progress'";
/// … and where one may.
const STATES_AND_FAILED: &str = "'waiting', 'ready', 'callback', 'in_progress', 'failed'";

/// A condition that leaves about `most` of all contacts of a campaign, told by their ids alone.
fn among(tx: &Tx, all: u64, most: usize) -> String {
    let part = (PARTS * most as u64).div_ceil(all.max(1)).min(PARTS);
    if part >= PARTS {
        return String::new();
    }
    let index = tx.pick("INDEXED BY target_page ", "");
    format!(
        "AND t.id IN (SELECT p.id FROM target AS p {index}WHERE p.campaign_id = $1 AND substr(p.id, 34, 3) < '{part:03x}')"
    )
}

/// Those of a campaign that are copied.
struct Whom {
    campaign: CampaignId,
    states: &'static str,
    among: String,
}

impl Whom {
    async fn rows(&self, tx: &mut Tx, now: Timestamp) -> Result<Vec<Row>, StoreError> {
        let Self { states, among, .. } = self;
        let listed = listed!("c.phone_hash", "t.org_id", "t.campaign_id");
        let consents = consents!("c.phone_hash", "t.org_id", "$2");
        let sql = format!(
            "SELECT t.id, t.status, t.round, t.dials, t.next_at, t.callback_at, t.callback_missed_at, t.priority, \
             t.base_priority, t.place, t.turn, t.opens_at, t.run_seq, t.answered, t.last_ended_at, t.last_reason, \
             t.number, t.contact_id, c.phone, c.phone_hash, c.phone_invalid_at AS invalid_at, c.zone, s.source, {listed} AS list, {consents} AS consents, \
             (SELECT a.dialing_at FROM attempt a WHERE a.target_id = t.id AND a.live LIMIT 1) AS dialing_at \
             FROM target t JOIN contact c ON c.id = t.contact_id \
             LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = c.phone_hash \
             WHERE t.campaign_id = $1 AND t.status IN ({states}) {among} ORDER BY t.id"
        );
        tx.all_built(sql, args![self.campaign, now]).await
    }

    /// The further numbers of those that have some, in order.
    async fn further(&self, tx: &mut Tx) -> Result<BTreeMap<ContactId, Vec<Row>>, StoreError> {
        let Self { states, among, .. } = self;
        let listed = listed!("p.phone_hash", "t.org_id", "t.campaign_id");
        let sql = format!(
            "SELECT p.contact_id, p.ordinal, p.phone, p.phone_hash, p.invalid_at, s.source, {listed} AS list \
             FROM target t JOIN further_phone p ON p.contact_id = t.contact_id \
             LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = p.phone_hash \
             WHERE t.campaign_id = $1 AND t.status IN ({states}) {among} ORDER BY p.contact_id, p.ordinal"
        );
        let mut further: BTreeMap<ContactId, Vec<Row>> = BTreeMap::new();
        for row in tx.all_built(sql, args![self.campaign]).await? {
            further.entry(row.get("contact_id")?).or_default().push(row);
        }
        Ok(further)
    }

    /// How the dials of everybody's round ended: they bound what is left of its budget.
    async fn ends(&self, tx: &mut Tx) -> Result<BTreeMap<TargetId, Vec<(bool, DisconnectionReason)>>, StoreError> {
        let Self { states, among, .. } = self;
        let index = tx.pick("INDEXED BY attempt_dial ", "");
        let sql = format!(
            "SELECT a.target_id, a.kind, a.disconnection_reason FROM target t JOIN attempt a {index}\
             ON a.target_id = t.id AND a.round = t.round WHERE t.campaign_id = $1 AND t.status IN ({states}) \
             AND t.dials > 0 AND a.dialing_at IS NOT NULL AND a.state = 'ended' {among} ORDER BY a.id"
        );
        let mut ends: BTreeMap<TargetId, Vec<_>> = BTreeMap::new();
        for row in tx.all_built(sql, args![self.campaign]).await? {
            if let Some(reason) = row.get::<Option<DisconnectionReason>>("disconnection_reason")? {
                let callback = row.get::<AttemptKind>("kind")? == AttemptKind::Callback;
                ends.entry(row.get("target_id")?).or_default().push((callback, reason));
            }
        }
        Ok(ends)
    }

    /// When their numbers were dialed, by any campaign, as far back as a cap looks.
    async fn dials(&self, tx: &mut Tx, since: Timestamp) -> Result<BTreeMap<String, Vec<Timestamp>>, StoreError> {
        let Self { states, among, .. } = self;
        let index = tx.pick("INDEXED BY attempt_of_number ", "");
        let sql = format!(
            "SELECT a.phone_hash, a.dialing_at FROM (\
             SELECT t.org_id, c.phone_hash FROM target t JOIN contact c ON c.id = t.contact_id \
             WHERE t.campaign_id = $1 AND t.status IN ({states}) AND c.phone_hash IS NOT NULL {among} \
             UNION SELECT t.org_id, p.phone_hash FROM target t JOIN further_phone p ON p.contact_id = t.contact_id \
             WHERE t.campaign_id = $1 AND t.status IN ({states}) {among}) AS n \
             JOIN attempt a {index}ON a.org_id = n.org_id AND a.phone_hash = n.phone_hash AND a.claimed_at > $2 \
             WHERE a.dialing_at IS NOT NULL ORDER BY a.dialing_at"
        );
        let mut dials: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for row in tx.all_built(sql, args![self.campaign, since]).await? {
            dials.entry(row.get("phone_hash")?).or_default().push(row.get("dialing_at")?);
        }
        Ok(dials)
    }
}

/// A target as it is.
fn target(
    row: &Row,
    campaign: usize,
    contact: usize,
    number: usize,
    ends: Vec<(bool, DisconnectionReason)>,
) -> Result<Target, StoreError> {
    let opens_at: Option<i64> = row.get("opens_at")?;
    Ok(Target {
        campaign,
        contact,
        state: row.get("status")?,
        blocked: None,
        next_at: row.get("next_at")?,
        round: row.get("round")?,
        dials: row.get("dials")?,
        ends,
        callback_at: row.get("callback_at")?,
        hold: None,
        answered: row.get("answered")?,
        last_ended: row.get("last_ended_at")?,
        last_reason: row.get("last_reason")?,
        late: row.get::<Option<Timestamp>>("callback_missed_at")?.is_some(),
        priority: row.get("base_priority")?,
        rank: row.get("priority")?,
        place: row.get("place")?,
        listed: opens_at.is_some(),
        turn: row.get("turn")?,
        run_seq: usize::try_from(row.get::<i64>("run_seq")?).unwrap_or(1),
        number,
    })
}

/// How the campaign's latest dials went.
async fn samples(tx: &mut Tx, campaign: CampaignId) -> Result<Vec<Sample>, StoreError> {
    let sql = "SELECT disconnection_reason, technical, dialing_at, answered_at, ended_at, retry_after_s, callback_at FROM attempt \
               WHERE campaign_id = $1 AND state = 'ended' AND dialing_at IS NOT NULL AND ended_at IS NOT NULL \
               AND disconnection_reason IS NOT NULL ORDER BY id DESC LIMIT $2";
    let mut samples = Vec::new();
    for row in tx.all(sql, args![campaign, LEARNT_FROM]).await? {
        let (dialing, ended): (Timestamp, Timestamp) = (row.get("dialing_at")?, row.get("ended_at")?);
        let (answered, callback): (Option<Timestamp>, Option<Timestamp>) =
            (row.get("answered_at")?, row.get("callback_at")?);
        let since = |from: Timestamp| Duration::try_from(ended.duration_since(from)).unwrap_or(Duration::ZERO);
        samples.push(Sample {
            reason: row.get("disconnection_reason")?,
            technical: row.get("technical")?,
            lasts: since(dialing),
            talked: answered.map(since),
            retry_after: row.get::<Option<i64>>("retry_after_s")?.map(|s| Duration::from_secs(s.unsigned_abs())),
            callback: callback.and_then(|at| Duration::try_from(at.duration_since(ended)).ok()),
        });
    }
    Ok(samples)
}
