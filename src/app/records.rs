//! Records of calls: what a call leaves behind, as the store keeps it.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::agent::action::Ending;
use crate::agent::record::Outcome;
use crate::call::outcome::CallOutcome;
use crate::call::place::CallReport;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::AnsweredBy;
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

/// Whether a person hung up or said goodbye before the script was complete. Where there is no flow, nothing tells how far
/// the script has come but the mark of success.
fn is_interrupted(call: &CallOutcome, said: &Outcome, has_flow: bool) -> bool {
    let in_person = matches!(call.answered_by, None | Some(AnsweredBy::Human | AnsweredBy::Unknown));
    let broke_off = call.reason == DisconnectionReason::UserHangup || said.ending == Some(Ending::CallerGoodbye);
    let complete = if has_flow { said.flow_completed } else { said.success };
    call.answered_at.is_some() && in_person && broke_off && !complete
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
    let has_flow = report.assistant.definition.flow.is_some();
    let interrupted = is_interrupted(&report.outcome, &report.conversation, has_flow);
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
        success: report.conversation.success,
        interrupted,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::outcome::Failover;
    use crate::campaign::states::EndedBy;

    fn ended(reason: DisconnectionReason, answered_by: Option<AnsweredBy>) -> CallOutcome {
        let now = crate::time::now().mono;
        CallOutcome {
            reason,
            sip_code: Some(200),
            q850: None,
            retry_after: None,
            ended_by: EndedBy::Contact,
            answered_by,
            immediate: false,
            technical: false,
            rang: true,
            misconfigured: false,
            failover: Failover::Never,
            answered_at: Some(now),
            ended_at: now,
        }
    }

    #[test]
    fn who_hangs_up_before_the_end_of_the_script_interrupts() {
        let hung_up = ended(DisconnectionReason::UserHangup, Some(AnsweredBy::Human));
        let said = Outcome { ending: Some(Ending::HungUp), ..Outcome::default() };
        let complete = Outcome { flow_completed: true, ..said.clone() };
        let success = Outcome { success: true, ..said.clone() };
        assert!(is_interrupted(&hung_up, &said, true) && is_interrupted(&hung_up, &said, false));
        assert!(!is_interrupted(&hung_up, &complete, true), "it was complete");
        assert!(is_interrupted(&hung_up, &success, true), "a flow says where its end is");
        assert!(!is_interrupted(&hung_up, &success, false), "without one, the mark does");
        let goodbye = Outcome { ending: Some(Ending::CallerGoodbye), ..Outcome::default() };
        let ours = ended(DisconnectionReason::AgentHangup, Some(AnsweredBy::Unknown));
        assert!(is_interrupted(&ours, &goodbye, true), "whichever side sent the BYE");
        assert!(!is_interrupted(&ours, &said, true), "the agent ended it");
        let machine = ended(DisconnectionReason::UserHangup, Some(AnsweredBy::Voicemail));
        assert!(!is_interrupted(&machine, &said, true), "a mailbox interrupts nobody");
        let unanswered = CallOutcome { answered_at: None, answered_by: None, ..hung_up };
        assert!(!is_interrupted(&unanswered, &said, true));
    }
}
