//! Records of calls: what remains when a call is over.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::db::value::text_columns;
use super::db::{Listing, Page, Row};
use super::filter::{CallFilter, Clause, Cursor, Orders, Sheet};
use super::{StoreError, Tx, Wake, event, quota, recording};
use crate::agent::manners::disclosure::Disclosed;
use crate::agent::record::{Answer, Line, Speaker, TurnTiming};
use crate::args;
use crate::call::quality::MediaQuality;
use crate::call::record::RecordingFault;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::{AnsweredBy, EndedBy};
use crate::campaign::transfer::TransferWay;
use crate::campaign::wire::wire_enum;
use crate::id::{AssistantVersionId, AttemptId, CallId, CampaignId, ContactId, OrgId, TargetId, TrunkId};
use crate::pii::Pii;
use crate::stir::passport::Attestation;
use crate::stir::verdict::{CallerIdentity, IdentityFault, IdentityStatus};
use crate::trunk::callers::{Arrival, Diversion};

wire_enum! {
    /// Who called whom.
    pub enum Direction is "direction" {
        /// We called.
        Outbound = "outbound",
        /// We were called.
        Inbound = "inbound",
        /// Somebody talked to an assistant from a browser.
        Browser = "browser",
    }
}

text_columns!(Direction, TransferWay, IdentityStatus, IdentityFault, Attestation);

/// A call that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Whose it is.
    pub org: OrgId,
    /// Who called whom.
    pub direction: Direction,
    /// The campaign, target, attempt and contact it belongs to, if it does.
    pub campaign: Option<CampaignId>,
    /// The target.
    pub target: Option<TargetId>,
    /// The attempt.
    pub attempt: Option<AttemptId>,
    /// The contact.
    pub contact: Option<ContactId>,
    /// What the assistant said.
    pub assistant_version: Option<AssistantVersionId>,
    /// Over which trunk.
    pub trunk: Option<TrunkId>,
    /// The calling number.
    pub from: Pii<String>,
    /// The called number.
    pub to: Pii<String>,
    /// When the INVITE was sent or came.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why.
    pub reason: DisconnectionReason,
    /// Final status of the INVITE.
    pub sip_code: Option<u16>,
    /// Q.850 cause.
    pub q850: Option<u8>,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// What answered.
    pub answered_by: Option<AnsweredBy>,
    /// It was marked as a success.
    pub success: bool,
    /// The contact hung up or said goodbye before the script was complete.
    pub interrupted: bool,
    /// Where the recording lies, relative to the folder of recordings.
    pub recording: Option<Recording>,
    /// Why the recording does not hold the whole call, or is not there.
    pub recording_fault: Option<RecordingFault>,
    /// Where the file lies that runs the call again, relative to the folder of recordings.
    pub replay: Option<String>,
    /// To whom the caller was handed over, if they were.
    pub transfer: Option<Transfer>,
    /// Who vouches for the caller, where that was looked at or done.
    pub identity: Option<CallerIdentity>,
    /// By which way it came in. The caller's number stands in `from`.
    pub arrival: Arrival,
    /// How good its audio was; `None` when there was none, and for calls from before this was kept.
    pub quality: Option<MediaQuality>,
}

/// A caller who was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// To which number or address.
    pub to: Pii<String>,
    /// How.
    pub way: TransferWay,
    /// When.
    pub at: Timestamp,
}

/// A recording of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its file, relative to the folder of recordings.
    pub path: String,
    /// Its length in milliseconds.
    pub ms: i64,
}

/// What was said in a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// Who said what when.
    pub transcript: Vec<Line>,
    /// The answers to the assistant's questions.
    pub answers: Vec<Answer>,
    /// How fast the agent replied.
    pub turns: Vec<TurnTiming>,
    /// What everybody is told first, as far as it was heard.
    pub disclosed: Disclosed,
}

const SELECT: &str = "SELECT id, org_id, direction, campaign_id, target_id, attempt_id, contact_id, \
                      assistant_version_id, trunk_id, from_number, to_number, started_at, answered_at, ended_at, \
                      disconnection_reason, sip_code, q850, ended_by, answered_by, recording_path, recording_ms, \
                      transferred_to, transfer_way, transferred_at, replay_path, identity_status, identity_attestation, \
                      identity_fault, identity_origid, identity_signer, caller_withheld, diversion_reason, first_called, \
                      quality, recording_fault, success, interrupted FROM call";

/// Keeps the record of a call.
///
/// # Errors
/// [`StoreError::Conflict`] when its attempt has a record, or when the database fails.
pub async fn insert(tx: &mut Tx, call: &Call, conversation: &Conversation) -> Result<(), StoreError> {
    // Who tries out an assistant spends no minutes of the plan.
    if let Some(answered) = call.answered_at.filter(|_| call.direction != Direction::Browser) {
        quota::count(tx, call.org, answered, call.ended_at).await?;
    }
    let (path, ms) = call.recording.as_ref().map(|recording| (recording.path.clone(), recording.ms)).unzip();
    let transfer = call.transfer.as_ref();
    let identity = call.identity.as_ref();
    let diversion = call.arrival.diversion.as_ref();
    let quality = call.quality.as_ref().map(|quality| serde_json::to_string(quality).expect("numbers are JSON"));
    let disclosed = (conversation.disclosed != Disclosed::default())
        .then(|| serde_json::to_string(&conversation.disclosed).expect("three numbers are JSON"));
    tx.execute(
        "INSERT INTO call (id, org_id, direction, campaign_id, target_id, attempt_id, contact_id, \
         assistant_version_id, trunk_id, from_number, to_number, started_at, answered_at, ended_at, \
         disconnection_reason, sip_code, q850, ended_by, answered_by, recording_path, recording_ms, transferred_to, \
         transfer_way, transferred_at, replay_path, disclosed, silent_start, identity_status, identity_attestation, \
         identity_fault, identity_origid, identity_signer, caller_withheld, diversion_reason, first_called, quality, \
         recording_fault, success, interrupted) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
         $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39)",
        args![
            call.id,
            call.org,
            call.direction,
            call.campaign,
            call.target,
            call.attempt,
            call.contact,
            call.assistant_version,
            call.trunk,
            call.from,
            call.to,
            call.started_at,
            call.answered_at,
            call.ended_at,
            call.reason,
            call.sip_code,
            call.q850,
            call.ended_by,
            call.answered_by,
            path,
            ms,
            transfer.map(|transfer| transfer.to.expose().clone()),
            transfer.map(|transfer| transfer.way),
            transfer.map(|transfer| transfer.at),
            call.replay,
            disclosed,
            is_silent_start(call, conversation),
            identity.map(|identity| identity.status),
            identity.and_then(|identity| identity.attestation),
            identity.and_then(|identity| identity.fault),
            identity.and_then(|identity| identity.origid.clone()),
            identity.and_then(|identity| identity.signer.clone()),
            call.arrival.withheld,
            diversion.map(|diversion| diversion.reason.clone()),
            diversion.and_then(|diversion| diversion.first_called.as_ref().map(|number| number.expose().to_string())),
            quality,
            call.recording_fault,
            call.success,
            call.interrupted
        ],
    )
    .await?;
    if call.recording.is_some() {
        recording::insert(tx, call.id).await?;
        // Whoever works recordings up.
        tx.wake(Wake::Room);
    }
    if let Some(fault) = call.recording_fault {
        event::recording_fault(tx, call, fault).await?;
    }
    insert_conversation(tx, call.id, conversation).await
}

impl Call {
    /// Whether a person answered.
    #[must_use]
    pub const fn is_with_a_person(&self) -> bool {
        self.answered_at.is_some() && matches!(self.answered_by, None | Some(AnsweredBy::Human | AnsweredBy::Unknown))
    }
}

/// How long somebody who answered may hear nothing from us.
const SILENT_START: Duration = Duration::from_secs(2);

/// Whether the far side answered and stayed for longer than [`SILENT_START`] without a sound from us. Only calls we made
/// count: whoever calls us is not abandoned by us.
fn is_silent_start(call: &Call, conversation: &Conversation) -> bool {
    let Some(answered) = call.answered_at.filter(|_| call.direction == Direction::Outbound) else { return false };
    let stayed = Duration::try_from(call.ended_at.duration_since(answered)).unwrap_or_default();
    let mut ours = conversation.transcript.iter().filter(|line| line.speaker == Speaker::Agent);
    let spoke = ours.next().map(|line| Duration::from_millis(line.from_ms));
    stayed > SILENT_START && spoke.is_none_or(|spoke| spoke > SILENT_START)
}

/// One call.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: CallId) -> Result<Call, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The calls of an organisation, or those of them of one campaign.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    campaign: Option<CampaignId>,
    page: Page<CallId>,
) -> Result<Listing<Call, CallId>, StoreError> {
    let (select, args) = match campaign {
        Some(campaign) => (format!("{SELECT} WHERE org_id = $1 AND campaign_id = $2"), args![org, campaign]),
        None => (format!("{SELECT} WHERE org_id = $1"), args![org]),
    };
    tx.page(&select, args, "id", page, read, |call| call.id).await
}

/// What calls can be ordered by.
pub const ORDERS: Orders = &[
    ("created_at", None),
    ("started_at", Some("started_at")),
    ("ended_at", Some("ended_at")),
    ("duration_ms", Some("COALESCE(ended_at - answered_at, 0)")),
];

/// The calls of an organisation that a filter lets through, in an order.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    filter: &CallFilter,
    sheet: &Sheet,
) -> Result<Listing<Call, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, format!("{SELECT} WHERE org_id = $1"), args![org]);
    filter.add(&mut clause);
    clause.page(tx, "id", sheet, read).await
}

/// What was said in a call; empty for one that was not answered.
///
/// # Errors
/// When the database fails.
pub async fn conversation(tx: &mut Tx, id: CallId) -> Result<Conversation, StoreError> {
    const LINES: &str =
        "SELECT speaker, words, from_ms, to_ms, cut, keys, passages FROM transcript WHERE call_id = $1 ORDER BY seq";
    const ANSWERS: &str = "SELECT name, status, value, channel, confidence, attempts, at_ms FROM answer \
                           WHERE call_id = $1 ORDER BY seq";
    const TURNS: &str = "SELECT at_ms, decided_us, understood_us, replied_us, first_token_us, \
                         first_sentence_us, first_audio_us, talk_over_us, look_up, looked_up_us FROM turn_latency \
                         WHERE call_id = $1 ORDER BY seq";
    const DISCLOSED: &str = "SELECT disclosed FROM call WHERE id = $1";
    Ok(Conversation {
        transcript: tx.all(LINES, args![id]).await?.iter().map(read_line).collect::<Result<_, _>>()?,
        answers: tx.all(ANSWERS, args![id]).await?.iter().map(read_answer).collect::<Result<_, _>>()?,
        turns: tx.all(TURNS, args![id]).await?.iter().map(read_turn).collect::<Result<_, _>>()?,
        disclosed: match tx.all(DISCLOSED, args![id]).await?.first() {
            Some(row) => read_disclosed(row)?,
            None => Disclosed::default(),
        },
    })
}

async fn insert_conversation(tx: &mut Tx, id: CallId, conversation: &Conversation) -> Result<(), StoreError> {
    for (seq, line) in (0_i64..).zip(&conversation.transcript) {
        let speaker = wire_name(&line.speaker);
        let passages = (!line.passages.is_empty()).then(|| Value::from(line.passages.clone()));
        tx.execute(
            "INSERT INTO transcript (call_id, seq, speaker, words, from_ms, to_ms, cut, keys, passages) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            args![id, seq, speaker, line.text, signed(line.from_ms), signed(line.to_ms), line.cut, line.keys, passages],
        )
        .await?;
    }
    for (seq, answer) in (0_i64..).zip(&conversation.answers) {
        let value = answer.value.as_ref().map(|value| serde_json::to_string(value).expect("an answer is JSON"));
        let channel = answer.channel.as_ref().map(wire_name);
        let confidence = answer.confidence.map(f64::from);
        tx.execute(
            "INSERT INTO answer (call_id, seq, name, status, value, channel, confidence, attempts, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            args![
                id,
                seq,
                answer.name,
                wire_name(&answer.status),
                value,
                channel,
                confidence,
                answer.attempts,
                signed(answer.at_ms)
            ],
        )
        .await?;
    }
    for (seq, turn) in (0_i64..).zip(&conversation.turns) {
        tx.execute(
            "INSERT INTO turn_latency (call_id, seq, at_ms, decided_us, understood_us, replied_us, first_token_us, \
             first_sentence_us, first_audio_us, talk_over_us, look_up, looked_up_us) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            args![
                id,
                seq,
                signed(turn.at_ms),
                micros(turn.decided),
                micros(turn.understood),
                micros(turn.replied),
                turn.first_token.map(micros),
                turn.first_sentence.map(micros),
                turn.first_audio.map(micros),
                turn.talk_over.map(micros),
                turn.look_up.as_ref().map(wire_name),
                turn.looked_up.map(micros)
            ],
        )
        .await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Call, StoreError> {
    let (path, ms): (Option<String>, Option<i64>) = (row.get("recording_path")?, row.get("recording_ms")?);
    let transfer: (Option<Pii<String>>, Option<TransferWay>, Option<Timestamp>) =
        (row.get("transferred_to")?, row.get("transfer_way")?, row.get("transferred_at")?);
    Ok(Call {
        id: row.get("id")?,
        org: row.get("org_id")?,
        direction: row.get("direction")?,
        campaign: row.get("campaign_id")?,
        target: row.get("target_id")?,
        attempt: row.get("attempt_id")?,
        contact: row.get("contact_id")?,
        assistant_version: row.get("assistant_version_id")?,
        trunk: row.get("trunk_id")?,
        from: row.get("from_number")?,
        to: row.get("to_number")?,
        started_at: row.get("started_at")?,
        answered_at: row.get("answered_at")?,
        ended_at: row.get("ended_at")?,
        reason: row.get("disconnection_reason")?,
        sip_code: row.get("sip_code")?,
        q850: row.get("q850")?,
        ended_by: row.get("ended_by")?,
        answered_by: row.get("answered_by")?,
        success: row.get("success")?,
        interrupted: row.get("interrupted")?,
        recording: path.map(|path| Recording { path, ms: ms.unwrap_or(0) }),
        recording_fault: row.get("recording_fault")?,
        replay: row.get("replay_path")?,
        transfer: match transfer {
            (Some(to), Some(way), Some(at)) => Some(Transfer { to, way, at }),
            (Some(_) | None, Some(_) | None, Some(_) | None) => None,
        },
        identity: read_identity(row)?,
        arrival: read_arrival(row)?,
        quality: read_quality(row)?,
    })
}

fn read_identity(row: &Row) -> Result<Option<CallerIdentity>, StoreError> {
    let status: Option<IdentityStatus> = row.get("identity_status")?;
    let Some(status) = status else { return Ok(None) };
    Ok(Some(CallerIdentity {
        status,
        attestation: row.get("identity_attestation")?,
        fault: row.get("identity_fault")?,
        origid: row.get("identity_origid")?,
        signer: row.get("identity_signer")?,
    }))
}

/// But for the caller, who stands in a column of its own.
fn read_arrival(row: &Row) -> Result<Arrival, StoreError> {
    let (reason, first_called): (Option<String>, Option<Pii<E164>>) =
        (row.get("diversion_reason")?, row.get("first_called")?);
    let diversion = reason.map(|reason| Diversion { first_called, reason });
    Ok(Arrival { caller: None, withheld: row.get("caller_withheld")?, diversion })
}

fn read_quality(row: &Row) -> Result<Option<MediaQuality>, StoreError> {
    let value: Option<Value> = row.get("quality")?;
    value.map(serde_json::from_value).transpose().map_err(|_| StoreError::Corrupt { column: "quality" })
}

fn read_disclosed(row: &Row) -> Result<Disclosed, StoreError> {
    let value: Option<Value> = row.get("disclosed")?;
    let read = value.map(serde_json::from_value).transpose();
    Ok(read.map_err(|_| StoreError::Corrupt { column: "disclosed" })?.unwrap_or_default())
}

fn read_line(row: &Row) -> Result<Line, StoreError> {
    let passages: Option<Value> = row.get("passages")?;
    let passages = passages.map(serde_json::from_value).transpose();
    Ok(Line {
        speaker: named(row.get("speaker")?, "speaker")?,
        text: row.get("words")?,
        from_ms: unsigned(row, "from_ms")?,
        to_ms: unsigned(row, "to_ms")?,
        cut: row.get("cut")?,
        keys: row.get("keys")?,
        passages: passages.map_err(|_| StoreError::Corrupt { column: "passages" })?.unwrap_or_default(),
    })
}

fn read_answer(row: &Row) -> Result<Answer, StoreError> {
    let value: Option<Value> = row.get("value")?;
    let channel: Option<String> = row.get("channel")?;
    let confidence: Option<f64> = row.get("confidence")?;
    Ok(Answer {
        name: row.get("name")?,
        status: named(row.get("status")?, "status")?,
        value: value.map(serde_json::from_value).transpose().map_err(|_| StoreError::Corrupt { column: "value" })?,
        channel: channel.map(|channel| named(channel, "channel")).transpose()?,
        #[expect(clippy::cast_possible_truncation, reason = "it was a single before")]
        confidence: confidence.map(|confidence| confidence as f32),
        attempts: row.get("attempts")?,
        at_ms: unsigned(row, "at_ms")?,
    })
}

fn read_turn(row: &Row) -> Result<TurnTiming, StoreError> {
    let duration = |column| unsigned(row, column).map(Duration::from_micros);
    let stage = |column: &'static str| -> Result<Option<Duration>, StoreError> {
        let micros = row.get::<Option<i64>>(column)?.map(u64::try_from).transpose();
        Ok(micros.map_err(|_| StoreError::Corrupt { column })?.map(Duration::from_micros))
    };
    let look_up: Option<String> = row.get("look_up")?;
    Ok(TurnTiming {
        at_ms: unsigned(row, "at_ms")?,
        decided: duration("decided_us")?,
        understood: duration("understood_us")?,
        replied: duration("replied_us")?,
        first_token: stage("first_token_us")?,
        first_sentence: stage("first_sentence_us")?,
        first_audio: stage("first_audio_us")?,
        talk_over: stage("talk_over_us")?,
        look_up: look_up.map(|name| named(name, "look_up")).transpose()?,
        looked_up: stage("looked_up_us")?,
    })
}

/// The name that an enumeration of the agent has in JSON.
fn wire_name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        other => unreachable!("an enumeration without fields is a string in JSON, not {other:?}"),
    }
}

fn named<T: DeserializeOwned>(name: String, column: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(name)).map_err(|_| StoreError::Corrupt { column })
}

/// Offsets within a call, which lasts an hour at most.
fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    row.get::<i64>(column)?.try_into().map_err(|_| StoreError::Corrupt { column })
}
