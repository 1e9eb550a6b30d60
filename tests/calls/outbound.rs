use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use callwright::agent::record::AnswerStatus;
use callwright::call::call::CallConfig;
use callwright::call::outcome::Failover;
use callwright::call::place::PlaceCall;
use callwright::call::record::RecordingFault;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::states::EndedBy;
use callwright::config::SipTransport::{self, Tcp, Udp};
use callwright::id::CallId;
use callwright::time;
use callwright_media::recording::RecordingReader;

use crate::office::{Office, version};
use crate::phone::Phone;

const NUMBER: &str = "+4930901820";

async fn both(transport: SipTransport, ports: u16, clocks: CallConfig) -> (Office, Phone) {
    (Office::new(transport, ports, clocks, 100).await, Phone::new(transport, ports + 1_000).await)
}

async fn agent_speaks_and_callee_hangs_up(transport: SipTransport, ports: u16) {
    let (office, mut phone) = both(transport, ports, CallConfig::default()).await;
    let attempt = office.place(office.order(phone.address(), NUMBER));
    let ringing = phone.rings().await;
    assert_eq!(ringing.dialed(), NUMBER);
    assert_eq!(office.calls.len(), 1);
    let mut line = ringing.answer().await;
    assert!(line.hears_a_tone().await, "the agent speaks");
    line.hangs_up().await;

    let (seen, report) = attempt.ends().await;
    assert_eq!(seen, ["ringing", "answered"]);
    let outcome = &report.outcome;
    assert_eq!((outcome.reason, outcome.ended_by), (Reason::UserHangup, EndedBy::Contact));
    assert!(outcome.immediate, "a second after the answer");
    assert!(office.calls.is_empty(), "the channel is free when the end is reported");
    let recording = report.recording.expect("an answered call is recorded");
    assert_eq!(report.recording_fault, None);
    let difference = recording.duration.abs_diff(outcome.talk_time());
    assert!(difference < Duration::from_millis(150), "recording and call differ by {difference:?}");
    let file = File::open(office.recordings.join(&recording.path)).expect("the recording is there");
    let reader = RecordingReader::new(BufReader::new(file)).expect("it is a recording");
    let levels: Vec<_> = reader.levels(Duration::from_millis(100)).collect();
    assert!(levels.iter().any(|level| level.said > -40.0), "the agent's side has its voice");
    assert!(levels.iter().all(|level| level.heard < -40.0), "the silent callee's side is silent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_speaks_and_the_callee_hangs_up_over_udp() {
    agent_speaks_and_callee_hangs_up(Udp, 41_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_speaks_and_the_callee_hangs_up_over_tcp() {
    agent_speaks_and_callee_hangs_up(Tcp, 43_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_ends_the_recording_and_not_the_call() {
    // Room for half a second and some.
    let office = Office::cramped(47_000, 20_000).await;
    let mut phone = Phone::new(Udp, 48_000).await;
    let attempt = office.place(office.order(phone.address(), NUMBER));
    let mut line = phone.rings().await.answer().await;
    assert!(line.hears_a_tone().await, "greeting and question");
    assert!(line.hears_silence().await, "longer than there is room for");
    line.presses('1').await;
    assert!(line.hears_a_tone().await, "goodbye");
    assert!(line.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert!(report.conversation.flow_completed, "the call went on to its end");
    assert_eq!(report.recording_fault, Some(RecordingFault::DiskFull));
    let recording = report.recording.as_ref().expect("what there was room for is on record");
    assert!(recording.duration < report.outcome.talk_time(), "{recording:?}");
    let file = File::open(office.recordings.join(&recording.path)).expect("the recording is there");
    let heard = RecordingReader::new(BufReader::new(file)).expect("it can be played").count();
    assert!(heard <= 20_000 / 4, "{heard} samples");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_answers_the_question_and_the_agent_hangs_up() {
    let (office, mut phone) = both(Udp, 45_000, CallConfig::default()).await;
    let attempt = office.place(office.order(phone.address(), NUMBER));
    let mut line = phone.rings().await.answer().await;
    assert!(line.hears_a_tone().await, "greeting and question follow each other");
    assert!(line.hears_silence().await, "then it waits for an answer");
    line.presses('1').await;
    assert!(line.hears_a_tone().await, "goodbye");
    assert!(line.gets_hung_up().await);

    let (seen, report) = attempt.ends().await;
    assert_eq!(seen, ["ringing", "answered"]);
    assert_eq!((report.outcome.reason, report.outcome.ended_by), (Reason::AgentHangup, EndedBy::Agent));
    assert!(!report.outcome.technical);
    assert!(report.conversation.flow_completed);
    let answers: Vec<_> =
        report.conversation.answers.iter().map(|answer| (answer.name.as_str(), answer.status)).collect();
    assert_eq!(answers, [("open", AnswerStatus::Answered)]);
    assert!(report.media.is_some_and(|media| media.received > 100 && media.dropped.total() == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_their_reasons() {
    let (office, mut phone) = both(Udp, 47_000, CallConfig::default()).await;
    let cases = [
        (486, None, Reason::DialBusy),
        (603, None, Reason::UserDeclined),
        (607, None, Reason::MarkedAsSpam),
        (404, None, Reason::InvalidPhoneNumber),
        (503, Some(Duration::from_secs(7)), Reason::TelephonyProviderUnavailable),
    ];
    for (status, retry_after, reason) in cases {
        let attempt = office.place(office.order(phone.address(), NUMBER));
        phone.rings().await.refuse(status, retry_after).await;
        let (seen, report) = attempt.ends().await;
        assert_eq!(seen, ["ringing"], "{status}");
        assert_eq!((report.outcome.reason, report.outcome.sip_code), (reason, Some(status)));
        assert_eq!(report.outcome.retry_after, retry_after);
        assert!(report.recording.is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_rings_on_is_given_up() {
    let (office, mut phone) = both(Udp, 49_000, CallConfig::default()).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.ring_timeout = Duration::from_millis(300);
    let attempt = office.place(order);
    assert!(phone.rings().await.is_cancelled().await);
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.sip_code), (Reason::DialNoAnswer, Some(487)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_can_withdraw_a_ringing_call() {
    let (office, mut phone) = both(Udp, 51_000, CallConfig::default()).await;
    let order = office.order(phone.address(), NUMBER);
    let call = order.call;
    let attempt = office.place(order);
    let mut ringing = phone.rings().await;
    assert!(office.calls.hang_up(call));
    assert!(ringing.is_cancelled().await);
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::Cancelled);
    assert!(!office.calls.hang_up(call), "it is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_without_sound_is_hung_up() {
    let clocks = CallConfig { no_audio: Duration::from_secs(1), ..CallConfig::default() };
    let (office, mut phone) = both(Udp, 53_000, clocks).await;
    let attempt = office.place(office.order(phone.address(), NUMBER));
    let line = phone.rings().await.answer_mutely().await;
    assert!(line.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::ErrorNoAudioReceived);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_duration_ends_a_call() {
    let clocks = CallConfig { closing: Duration::from_millis(200), ..CallConfig::default() };
    let (office, mut phone) = both(Udp, 55_000, clocks).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.max_duration = Duration::from_millis(1_500);
    let attempt = office.place(order);
    assert!(phone.rings().await.answer().await.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.ended_by), (Reason::MaxDurationReached, EndedBy::System));
    assert_eq!(report.outcome.talk_time().as_millis() / 100, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_connection_is_the_carriers_and_may_go_elsewhere() {
    let office = Office::new(Tcp, 57_000, CallConfig::default(), 100).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback binds");
    let nobody = closed.local_addr().expect("bound");
    drop(closed);
    let (_, report) = office.place(office.order(nobody, NUMBER)).ends().await;
    assert_eq!(report.outcome.reason, Reason::TelephonyProviderUnavailable);
    assert_eq!(report.outcome.failover, Failover::Allowed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_in_time_or_at_all_never_leaves() {
    let (office, mut phone) = both(Udp, 59_000, CallConfig::default()).await;
    let mut late = office.order(phone.address(), NUMBER);
    late.send_before = time::Latest::at(time::now().mono);
    assert!(office.place(late).stays_unplaced().await.contains("in time"));
    let mut faulty = office.order(phone.address(), NUMBER);
    let mut definition = faulty.assistant.definition.clone();
    definition.language = "xx".to_owned();
    definition.name = String::new();
    faulty.assistant = version(definition);
    let why = office.place(faulty).stays_unplaced().await;
    assert!(why.contains("has 2 fault(s): /name: ") && why.contains("; /language: language `xx`"), "{why}");
    let twice = office.order(phone.address(), NUMBER);
    let first = office.place(twice.clone());
    let mut ringing = phone.rings().await;
    assert!(office.place(twice.clone()).stays_unplaced().await.contains("already"), "a call is made once");
    let renamed = PlaceCall { call: CallId::generate(), ..twice };
    assert!(office.place(renamed).stays_unplaced().await.contains("key"), "a leg is dialed once");
    office.calls.drain().await;
    assert!(ringing.is_cancelled().await);
    let (_, report) = first.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::DialFailed, true));
    let refused = office.place(office.order(phone.address(), NUMBER));
    assert!(refused.stays_unplaced().await.contains("no further calls"));
    assert!(phone.stays_quiet(Duration::from_millis(200)).await);
}
