//! Records of calls: what a call leaves behind, as the store keeps it.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::call::place::CallReport;
use crate::campaign::phone::E164;
use crate::pii::Pii;
use crate::store::call::{self, Call, Conversation, Direction, Recording, Transfer};
use crate::store::{Db, StoreError};

/// Tries to keep the record of a call that came in before it is given up.
const TRIES: u32 = 5;

/// Keeps the records of calls that nobody ordered, until the server ends.
pub(super) async fn keep_inbound(db: Db, mut reports: mpsc::Receiver<CallReport>, stop: CancellationToken) {
    loop {
        let report = tokio::select! {
            report = reports.recv() => report,
            () = stop.cancelled() => reports.try_recv().ok(),
        };
        let Some(report) = report else { return };
        let direction = if report.trunk.is_some() { Direction::Inbound } else { Direction::Browser };
        let (call, conversation) = record(report, direction);
        for attempt in 1..=TRIES {
            match insert(&db, &call, &conversation).await {
                Ok(()) => break,
                Err(error) if attempt == TRIES => {
                    tracing::error!(call = %call.id, %error, "the record of a call is lost")
                }
                Err(_) => tokio::time::sleep(std::time::Duration::from_secs(attempt.into())).await,
            }
        }
    }
}

async fn insert(db: &Db, call: &Call, conversation: &Conversation) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    call::insert(&mut tx, call, conversation).await?;
    tx.commit().await
}

/// A report as the store keeps it. What belongs to a campaign is left out: whoever ordered the call adds it.
#[must_use]
pub fn record(report: CallReport, direction: Direction) -> (Call, Conversation) {
    let text = |number: &Option<Pii<E164>>| {
        Pii::new(number.as_ref().map_or_else(String::new, |number| number.expose().as_str().to_owned()))
    };
    let (from, to) = match direction {
        Direction::Inbound | Direction::Browser => (text(&report.contact), text(&report.ours)),
        Direction::Outbound => (text(&report.ours), text(&report.contact)),
    };
    let call = Call {
        id: report.call,
        org: report.org,
        direction,
        campaign: None,
        target: None,
        attempt: report.attempt,
        contact: None,
        assistant_version: Some(report.assistant.id),
        trunk: report.trunk,
        from,
        to,
        started_at: report.started.wall,
        answered_at: report.outcome.answered_at.map(|at| report.wall(at)),
        ended_at: report.wall(report.outcome.ended_at),
        reason: report.outcome.reason,
        // What a call of a browser's has of SIP is the shape of its core.
        sip_code: report.outcome.sip_code.filter(|_| report.trunk.is_some()),
        q850: report.outcome.q850,
        ended_by: Some(report.outcome.ended_by),
        answered_by: report.outcome.answered_by,
        recording: report.recording.as_ref().map(|file| Recording {
            path: file.path.to_string_lossy().into_owned(),
            ms: i64::try_from(file.duration.as_millis()).unwrap_or(i64::MAX),
        }),
        recording_fault: report.recording_fault,
        replay: report.replay.as_ref().map(|path| path.to_string_lossy().into_owned()),
        transfer: report.transfer.as_ref().map(|transfer| Transfer {
            to: transfer.to.clone(),
            way: transfer.way,
            at: report.wall(transfer.at),
        }),
        identity: report.identity,
        arrival: report.arrival,
        quality: report.quality,
    };
    let conversation = Conversation {
        transcript: report.conversation.transcript,
        answers: report.conversation.answers,
        turns: report.conversation.turns,
        disclosed: report.conversation.disclosed,
    };
    (call, conversation)
}
