//! Three telephones: the server in the middle, its caller, and whoever is to take the caller over.

mod scene;

use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::time::Duration;

use callwright::agent::record::Speaker;
use callwright::call::place::CallReport;
use callwright::call::transfer::came::CameBy;
use callwright::call::transfer::desk::NotAdmitted;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::states::EndedBy;
use callwright::campaign::transfer::TransferWay;
use callwright::config::SipTransport::Udp;
use callwright::id::OrgId;
use callwright::pii::Pii;
use callwright::stir::verdict::IdentityPolicy;
use callwright::time;
use callwright::trunk::callers::Diversion;
use callwright::trunk::media::DtmfMode;
use callwright_loadtest::vendors::Script;
use callwright_media::codec::g711::Law;
use callwright_media::recording::RecordingReader;
use callwright_sip::endpoint::Config;
use callwright_sip::message::{HeaderName, Headers};
use tokio::time::timeout;

use self::scene::{
    ASK, CALLER, LEVEL, MESSAGE, NOTED, Scene, Staff, TARGET, agent, both_talk, clerk, is_alone, is_briefing, is_music,
    tone, whistling,
};
use crate::office::PATIENCE;
use crate::phone::Phone;
use crate::sight::{Peer, description};
use crate::talker::voice;
use crate::vendors::Vendors;

fn transferred(report: &CallReport, way: TransferWay) {
    assert_eq!(report.outcome.reason, Reason::CallTransfer);
    let transfer = report.transfer.as_ref().expect("the record tells of it");
    assert_eq!(transfer.way, way);
    assert!(transfer.to.expose().starts_with("sip:desk@127.0.0.1:"));
    let answered = report.outcome.answered_at.expect("it was answered");
    assert!(transfer.at >= answered && transfer.at <= report.outcome.ended_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_transfer_is_accepted_and_both_talk_beyond_the_longest_duration() {
    let mut scene = Scene::new(20_000).await;
    let longest = Duration::from_secs(12);
    let (attempt, mut caller) = scene.call("warm", longest).await;
    let answered = time::now().mono;
    let mut target = {
        let ringing = scene.target.rings().await;
        assert_eq!(ringing.dialed(), "desk");
        assert!(caller.hears(is_music).await, "music while it rings");
        caller.plays(tone(CALLER)).await;
        ringing.answer().await
    };
    let (briefed, meanwhile) = tokio::join!(target.hears(is_briefing), caller.listens(Duration::from_millis(1_200)));
    assert!(briefed, "the target is told, and hears nothing else");
    let heard: Vec<_> = meanwhile.chunks_exact(1_600).collect();
    assert!(heard.iter().all(|sound| whistling(sound) < -35.0), "the caller hears nothing of the briefing");
    assert!(heard.iter().filter(|sound| is_music(sound)).count() * 2 > heard.len(), "but music, if not without gaps");
    assert_eq!(scene.office.calls.len(), 2, "the second leg counts");
    assert!(scene.office.calls.list().iter().any(|call| call.second_of.is_some()));
    target.presses('1').await;
    both_talk(&mut caller, &mut target).await;
    caller.presses('7').await;
    assert_eq!(target.is_pressed().await, Some('7'), "keys go on to the target");
    target.presses('#').await;
    assert_eq!(caller.is_pressed().await, Some('#'), "and back");
    while time::now().mono - answered < longest + Duration::from_secs(2) {
        assert!(caller.hears(|sound| is_alone(sound, TARGET)).await);
    }
    caller.hangs_up().await;
    assert!(target.gets_hung_up().await, "the second leg ends with the caller's");
    let (seen, report) = attempt.ends().await;
    assert!(seen.starts_with(&["ringing", "answered"]), "{seen:?}");
    transferred(&report, TransferWay::Warm);
    assert_eq!(report.outcome.ended_by, EndedBy::Contact);
    assert!(report.outcome.talk_time() > longest);
    recorded(&scene, &report);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if scene.notes().last() == Some(&"over") {
            break;
        }
    }
    assert_eq!(scene.notes(), ["admitted", "ringing", "answered", "joined", "over"]);
}

/// The caller on the left; the agent, and from the merge on the target, on the right. Music is not recorded.
fn recorded(scene: &Scene, report: &CallReport) {
    let file = report.recording.as_ref().expect("a recording");
    let file = File::open(scene.office.recordings.join(&file.path)).expect("it is there");
    let reader = RecordingReader::new(BufReader::new(file)).expect("it is a recording");
    let levels: Vec<_> = reader.levels(Duration::from_millis(100)).collect();
    let joined = report.transfer.as_ref().expect("a transfer").at - report.outcome.answered_at.expect("an answer");
    let joined = usize::try_from(joined.as_millis() / 100).expect("small");
    let spoken = levels[..joined].iter().filter(|level| level.said > -40.0).count();
    assert!((5..30).contains(&spoken), "the agent's second or two, and no music: {spoken} of {joined}");
    let after = &levels[joined + 15..levels.len() - 5];
    // Packets may come late where many tests run at once.
    let said = after.iter().filter(|level| (f64::from(level.said) - LEVEL).abs() < 2.0).count();
    assert!(said * 10 > after.len() * 9, "the target on the right: {said} of {}", after.len());
    let heard = after.iter().filter(|level| (f64::from(level.heard) - LEVEL).abs() < 2.0).count();
    assert!(heard * 10 > after.len() * 8, "the caller on the left, but for the key: {heard} of {}", after.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_caller_comes_back_to_the_agent_and_goes_on_talking() {
    let mut script = Script::default();
    script.hearing.lines = vec![MESSAGE.to_owned()];
    let vendors = Vendors::start(script).await;
    let lineup =
        vendors.staff().lineup(OrgId::from_u128(1), &agent(SocketAddr::from(([127, 0, 0, 1], 9)), "warm").definition);
    let staff = Staff { ears: lineup.expect("vendors").stt, patient: true };
    let mut scene = Scene::with(21_600, Phone::new(Udp, 22_600).await, None, staff).await;
    let (attempt, mut caller) = scene.call("warm", Duration::from_secs(60)).await;
    let mut target = scene.target.rings().await.answer().await;
    assert!(target.hears(is_briefing).await, "the briefing");
    assert!(caller.hears(is_music).await);
    target.presses('2').await;
    assert!(target.gets_hung_up().await);
    assert!(caller.hears(|sound| whistling(sound) > -20.0).await, "the agent says that nobody is there");
    assert!(caller.hears_silence().await, "it has finished, and there is no music any more");
    caller.plays(voice(Duration::from_millis(1_200))).await;
    assert!(caller.hears(|sound| whistling(sound) > -20.0).await, "the agent answers");
    assert!(caller.gets_hung_up().await, "and is done");
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.transfer.as_ref()), (Reason::AgentHangup, None));
    let transcript = &report.conversation.transcript;
    let said: Vec<_> = transcript.iter().map(|line| (line.speaker, line.text.expose().as_str())).collect();
    let told = said.iter().position(|line| *line == (Speaker::Agent, ASK)).expect("the caller is told");
    assert_eq!(said[told + 1..], [(Speaker::Caller, MESSAGE), (Speaker::Agent, NOTED)]);
    assert_eq!(scene.notes(), ["admitted", "ringing", "answered", "over"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_that_its_server_gives_up_goes_on_by_another_way() {
    let (mut scene, mut other) = Scene::with_other(23_600).await;
    let mut server = Peer::new(scene.office.address).await;
    let (attempt, mut caller) = scene.call_for(server.address(), "warm", Duration::from_secs(60)).await;
    let invite = server.hears("INVITE").await;
    server.answers(&invite, "503 Service Unavailable", "", "").await;
    server.hears("ACK").await;
    let ringing = other.rings().await;
    caller.plays(tone(CALLER)).await;
    let mut target = ringing.answer().await;
    assert!(target.hears(is_briefing).await, "it is the same leg for the agent");
    target.presses('1').await;
    both_talk(&mut caller, &mut target).await;
    caller.hangs_up().await;
    assert!(target.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert!(report.transfer.is_some(), "{:?}", report.outcome);
    let notes = scene.notes();
    let times = |what| notes.iter().filter(|note| **note == what).count();
    assert_eq!(["admitted", "ringing", "joined"].map(times), [2, 1, 1], "{notes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_who_is_busy_is_not_tried_by_another_way() {
    let (mut scene, other) = Scene::with_other(24_000).await;
    drop(other);
    let mut server = Peer::new(scene.office.address).await;
    let (attempt, caller) = scene.call_for(server.address(), "warm", Duration::from_secs(60)).await;
    let invite = server.hears("INVITE").await;
    server.answers(&invite, "486 Busy Here", "", "").await;
    server.hears("ACK").await;
    assert!(caller.gets_hung_up().await, "the agent says that nobody is there, and is done");
    let (_, report) = attempt.ends().await;
    assert_eq!(report.transfer, None);
    let admitted = scene.notes().iter().filter(|note| **note == "admitted").count();
    assert_eq!(admitted, 1, "whoever is busy is busy by any way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_go_on_by_info_to_whom_has_them_so() {
    let mut scene = Scene::with_keys(24_400, DtmfMode::Info).await;
    let mut desk = Peer::new(scene.office.address).await;
    let (attempt, mut caller) = scene.call_for(desk.address(), "warm", Duration::from_secs(60)).await;
    let invite = desk.hears("INVITE").await;
    desk.answers(&invite, "200 OK", "", &description(1)).await;
    desk.hears("ACK").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let relay = "Content-Type: application/dtmf-relay\r\n";
    desk.asks(&invite, "INFO", 8, relay, "Signal=1\r\nDuration=160\r\n").await;
    let joined = async {
        while !scene.notes().contains(&"joined") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, joined).await.expect("a key accepts the caller");
    caller.presses('5').await;
    let info = desk.hears("INFO").await;
    assert!(info.contains("Signal=5\r\n"), "{info}");
    desk.answers(&info, "200 OK", "", "").await;
    desk.asks(&invite, "INFO", 9, relay, "Signal=7\r\nDuration=160\r\n").await;
    assert_eq!(caller.is_pressed().await, Some('7'));
    caller.hangs_up().await;
    let bye = desk.hears("BYE").await;
    desk.answers(&bye, "200 OK", "", "").await;
    attempt.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_left_with_a_voicemail() {
    let mut scene = Scene::new(23_200).await;
    let (attempt, caller) = scene.call("warm", Duration::from_secs(60)).await;
    let target = scene.target.rings().await.answer().await;
    let bytes = include_bytes!("../../media/tests/data/voicemail-greeting.ulaw");
    let mut greeting = vec![0; bytes.len()];
    Law::Mu.decode(bytes, &mut greeting);
    target.plays(greeting).await;
    assert!(target.gets_hung_up().await);
    assert!(caller.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.transfer.as_ref()), (Reason::AgentHangup, None));
    assert!(!scene.notes().contains(&"joined"), "{:?}", scene.notes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_does_not_answer_or_is_busy_or_forbidden_is_told_to_the_agent() {
    let mut scene = Scene::new(24_800).await;
    let (attempt, caller) = scene.call("warm", Duration::from_secs(60)).await;
    assert!(scene.target.rings().await.is_cancelled().await, "after the ring timeout");
    assert!(caller.gets_hung_up().await);
    assert_eq!(attempt.ends().await.1.outcome.reason, Reason::AgentHangup);

    let (attempt, caller) = scene.call("warm", Duration::from_secs(60)).await;
    scene.target.rings().await.refuse(486, None).await;
    assert!(caller.gets_hung_up().await);
    assert_eq!(attempt.ends().await.1.transfer, None);

    let phone = Phone::new(Udp, 27_600).await;
    let mut scene = Scene::with(26_400, phone, Some(NotAdmitted::Blocked), clerk()).await;
    let (attempt, caller) = scene.call("warm", Duration::from_secs(60)).await;
    assert!(caller.gets_hung_up().await);
    assert_eq!(attempt.ends().await.1.transfer, None);
    assert!(scene.target.stays_quiet(Duration::from_millis(500)).await, "nobody was rung");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_stops_the_ringing() {
    let mut scene = Scene::new(28_000).await;
    let (attempt, caller) = scene.call("warm", Duration::from_secs(60)).await;
    let mut ringing = scene.target.rings().await;
    let gave_up = time::now().mono;
    caller.hangs_up().await;
    assert!(ringing.is_cancelled().await);
    assert!(time::now().mono - gave_up < Duration::from_secs(1), "at once");
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.transfer.as_ref()), (Reason::UserHangup, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_transfer_leaves_it_to_the_callers_side() {
    let phone = Phone::with(Udp, 30_600, Config { referable: true, ..Config::default() }).await;
    let mut scene = Scene::with(29_600, phone, None, clerk()).await;
    let (attempt, mut caller) = scene.call("cold", Duration::from_secs(60)).await;
    assert_eq!(caller.is_referred().await, "desk");
    caller.notifies(180).await;
    caller.notifies(200).await;
    assert!(caller.gets_hung_up().await, "the server is of no more use");
    let (_, report) = attempt.ends().await;
    transferred(&report, TransferWay::Refer);
    assert_eq!(report.outcome.ended_by, EndedBy::Agent);
    assert!(scene.target.stays_quiet(Duration::from_millis(300)).await);
    assert_eq!(scene.notes(), Vec::<&str>::new(), "no leg of ours");

    // The other way that gateways tell: they accept, and hang up.
    let (attempt, mut caller) = scene.call("cold", Duration::from_secs(60)).await;
    caller.is_referred().await;
    caller.hangs_up().await;
    let (_, report) = attempt.ends().await;
    transferred(&report, TransferWay::Refer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_sent_by_refer_where_no_leg_of_ours_may_go() {
    let phone = Phone::with(Udp, 33_000, Config { referable: true, ..Config::default() }).await;
    let mut scene = Scene::with(32_000, phone, Some(NotAdmitted::Blocked), clerk()).await;
    let (attempt, caller) = scene.call("cold", Duration::from_secs(60)).await;
    assert!(caller.ends_unreferred().await);
    assert_eq!(attempt.ends().await.1.transfer, None);
    assert!(scene.target.stays_quiet(Duration::from_millis(300)).await, "nobody was rung");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_transfer_that_is_refused_is_bridged() {
    let mut scene = Scene::new(31_200).await;
    let (attempt, mut caller) = scene.call("cold", Duration::from_secs(60)).await;
    let mut target = scene.target.rings().await.answer().await;
    caller.plays(tone(CALLER)).await;
    both_talk(&mut caller, &mut target).await;
    target.hangs_up().await;
    assert!(caller.gets_hung_up().await, "they have finished");
    let (_, report) = attempt.ends().await;
    transferred(&report, TransferWay::Bridge);
    assert_eq!(report.outcome.ended_by, EndedBy::Agent);
}

/// By which way a caller came goes with the leg that takes them over; of a call that we made there is nothing to tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_leg_knows_by_which_way_the_caller_came() {
    let mut scene = Scene::new(33_600).await;
    scene.office.open_with(agent(scene.target.address(), "cold"), 20, IdentityPolicy::Record);
    let mut headers = Headers::default();
    headers.push(HeaderName::Diversion, "<sip:+493090180001@192.0.2.1>;reason=no-answer");
    let called = scene.caller.calls_with(scene.office.address, "+493012345678", 1, headers).await;
    let _line = called.expect("answered");
    let _target = scene.target.rings().await.answer().await;
    let number = |text: &str| Pii::new(text.parse().expect("a number"));
    let diversion = Diversion { first_called: Some(number("+493090180001")), reason: "no-answer".to_owned() };
    let came = CameBy { called: number("+493012345678"), diversion: Some(diversion) };
    assert_eq!(scene.came(), [Some(came)]);
    let (_attempt, _line) = scene.call("cold", Duration::from_secs(12)).await;
    let _second = scene.target.rings().await;
    assert_eq!(scene.came()[1..], [None]);
}
