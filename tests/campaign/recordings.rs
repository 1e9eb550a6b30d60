//! Recordings against the wire: where a side spoke its channel has speech, where it did not its channel is silent.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use callwright::demo::wire::{Wire, WireCall, WireKind};
use callwright::store::call::{self, Call};
use callwright::store::db::Settings;
use callwright::store::{Db, Page, org};
use callwright_media::recording::{Levels, RecordingReader};

/// Resolution of the comparison.
const WINDOW: Duration = Duration::from_millis(20);
/// Speech is louder than this somewhere in each of its stretches.
const SPEECH_DBFS: f32 = -40.0;
/// What is quieter than this is silence: the noise floor of G.711 with nobody speaking.
const SILENCE_DBFS: f32 = -60.0;
/// Wire and recording may be apart by the way through the network, a jitter buffer and two clocks of one machine.
const SLACK: f64 = 0.30;

/// A stretch of time, in seconds from the answer.
type Span = (f64, f64);

/// Checks every answered call.
pub(crate) async fn hold_what_was_said(out: &Path, wire: &Wire) {
    let mut checked = 0;
    for recorded in calls(out).await {
        let Some(recording) = &recorded.recording else { continue };
        let on_wire =
            wire.calls.iter().find(|seen| is_same(seen, &recorded)).expect("an answered call was on the wire");
        let path = out.join("recordings").join(&recording.path);
        let file = BufReader::new(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        let levels: Vec<_> = RecordingReader::new(file).expect("a stereo recording").levels(WINDOW).collect();
        check(on_wire, &recorded, &levels);
        checked += 1;
    }
    assert!(checked >= 6, "only {checked} recordings");
}

async fn calls(out: &Path) -> Vec<Call> {
    let address = format!("sqlite:{}", out.join("callwright.db").display());
    let db = Db::open(&Settings::new(address)).await.expect("the demonstration's database opens");
    let mut tx = db.read().await.expect("a transaction");
    let org = org::ensure_default(&mut tx).await.expect("the organisation");
    call::list(&mut tx, org.id, None, Page::first(100)).await.expect("its calls").items
}

fn is_same(seen: &WireCall, recorded: &Call) -> bool {
    let answered = recorded.answered_at.map(|at| at.as_microsecond() as f64 / 1e6);
    let near = seen.answered.zip(answered).is_some_and(|(a, b)| (a - b).abs() < 2.0);
    near && seen.to.expose() == recorded.to.expose()
}

fn check(seen: &WireCall, recorded: &Call, levels: &[Levels]) {
    let persona = &seen.persona;
    let zero = recorded.answered_at.map(|at| at.as_microsecond() as f64 / 1e6).expect("answered");
    let length = levels.len() as f64 * WINDOW.as_secs_f64();
    let talked = recorded.ended_at.as_microsecond() as f64 / 1e6 - zero;
    assert!((length - talked).abs() < 0.5, "{persona}: {length:.2} s recorded of {talked:.2} s");
    let (callee, agent) = (spans(seen, zero, true), spans(seen, zero, false));
    for (name, spans, level) in [
        ("callee", &callee, (|window: &Levels| window.heard) as fn(&Levels) -> f32),
        ("agent", &agent, |window: &Levels| window.said),
    ] {
        for span in spans {
            let loudest = loudest(levels, *span, level);
            assert!(loudest > SPEECH_DBFS, "{persona}: {name} spoke in {span:?}, recorded at {loudest:.1} dBFS");
        }
        for span in gaps(spans, length) {
            let loudest = loudest(levels, span, level);
            assert!(loudest < SILENCE_DBFS, "{persona}: {name} was silent in {span:?}, recorded at {loudest:.1} dBFS");
        }
    }
}

/// When a side spoke: the callee as it says itself, the agent as the callee heard it.
fn spans(call: &WireCall, zero: f64, callee: bool) -> Vec<Span> {
    let spans = call.events.iter().filter_map(|event| match &event.kind {
        WireKind::Said { start, end, .. } if callee => Some((start - zero, end - zero)),
        WireKind::Heard { start, end } if !callee => Some((start - zero, end - zero)),
        WireKind::Said { .. }
        | WireKind::Heard { .. }
        | WireKind::Invite
        | WireKind::Ringing
        | WireKind::Answer
        | WireKind::Final { .. }
        | WireKind::Dtmf { .. }
        | WireKind::Cancel
        | WireKind::Bye { .. } => None,
    });
    spans.collect()
}

/// Where nobody spoke, without the slack around each stretch of speech. The last second is left out: what a callee was
/// saying when the call ended is not in its log.
fn gaps(spans: &[Span], length: f64) -> Vec<Span> {
    let mut sorted = spans.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut gaps = Vec::new();
    let mut from = 0.0_f64;
    for (start, end) in sorted {
        gaps.push((from, start - SLACK));
        from = from.max(end + SLACK);
    }
    gaps.push((from, length - 1.0));
    gaps.retain(|(from, to)| to - from > 0.1);
    gaps
}

fn loudest(levels: &[Levels], (from, to): Span, level: fn(&Levels) -> f32) -> f32 {
    let index = |at: f64| ((at.max(0.0) / WINDOW.as_secs_f64()) as usize).min(levels.len());
    levels[index(from)..index(to)].iter().map(level).fold(f32::NEG_INFINITY, f32::max)
}
