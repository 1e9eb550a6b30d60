//! A real browser talks to an assistant.

use callwright::agent::record::{AnswerStatus, Channel};
use callwright::campaign::disconnection::DisconnectionReason;

use super::*;
use crate::chromium::{Chromium, write_wav};

/// A browser on the studio's page whose microphone hums.
pub(super) async fn browser(studio: &Studio) -> Chromium {
    let hum = |n| ((f64::from(n) * HUM * std::f64::consts::TAU / 48_000.0).sin() * 8_000.0) as i16;
    browser_that(studio, &(0..96_000).map(hum).collect::<Vec<_>>()).await
}

/// A browser on the studio's page whose microphone says this over and over, at 48 kHz.
pub(super) async fn browser_that(studio: &Studio, says: &[i16]) -> Chromium {
    let folder = tempfile::tempdir().expect("a folder");
    let microphone = folder.path().join("microphone.wav");
    write_wav(&microphone, says);
    Chromium::open(&format!("http://{}/page", studio.address), &microphone, folder).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_talks_to_an_assistant_and_either_hangs_up() {
    let mut studio = Studio::open(59_200).await;
    let (key, assistant) = (studio.desk.key.clone(), studio.assistant().await);
    let path = format!("/api/v1/assistants/{assistant}/talk");
    let mut browser = browser(&studio).await;

    // It answers with a key, and the agent says goodbye and hangs up.
    let begun = browser.run(&format!("return session('one', '{path}', '{key}', 'sendrecv')")).await;
    assert_eq!(begun["status"], 201, "{begun}");
    let call = begun["call"].as_str().expect("a call").to_owned();
    let whistled = browser.run("return until(() => sessions.one.tones['0:600'], 8000)").await;
    let tones = browser.run("return sessions.one.tones").await;
    assert_eq!(whistled, true, "the agent is heard: {tones}");
    let live = studio.send("GET", &format!("/api/v1/calls/{call}/live"), &key, "", "").await.json();
    assert_eq!((&live["speaks"], &live["trunk_id"]), (&json!("agent"), &Value::Null), "{live}");
    sleep(Duration::from_millis(2_500)).await;
    // Until a report of ours has reached it.
    let counted = browser.run("return reported('one')").await;
    browser.run("sessions.one.sender.dtmf.insertDTMF('1', 150)").await;
    let over = browser.run("return until(() => sessions.one.sender.transport.state === 'closed', 15000)").await;
    assert_eq!(over, true, "the agent hangs up");
    let (inbound, outbound) = (&counted["inbound-rtp"], &counted["outbound-rtp"]);
    assert!(inbound["packetsReceived"].as_u64().is_some_and(|packets| packets > 100), "{counted}");
    assert_eq!(inbound["packetsLost"], 0, "{counted}");
    assert!(outbound["packetsSent"].as_u64().is_some_and(|packets| packets > 100), "{counted}");
    assert!(counted["remote-inbound-rtp"]["roundTripTime"].is_number(), "our reports reach it: {counted}");

    let report = studio.office.inbound_report().await;
    assert_eq!((report.call.to_string(), report.trunk, report.org), (call, None, studio.org()));
    assert_eq!(report.outcome.reason, DisconnectionReason::AgentHangup, "{:?}", report.outcome);
    let answer = &report.conversation.answers[0];
    assert_eq!((answer.status, answer.channel), (AnswerStatus::Answered, Some(Channel::Dtmf)), "{answer:?}");
    assert!(!report.conversation.transcript.is_empty());
    let media = report.media.expect("the leg has counted");
    assert!(media.received > 100 && media.lost == 0, "{media:?}");
    let recording = report.recording.expect("it was recorded");
    let [left, right] = sides(&studio.office.recordings.join(&recording.path));
    assert!(sounding(&left, HUM) > 50 && sounding(&left, WHISTLE) == 0, "the browser is on the left");
    assert!(sounding(&right, WHISTLE) > 50 && sounding(&right, HUM) == 0, "the agent is on the right");

    // The browser goes.
    let begun = browser.run(&format!("return session('two', '{path}', '{key}', 'sendrecv')")).await;
    assert_eq!(begun["status"], 201, "{begun}");
    assert_eq!(browser.run("return until(() => sessions.two.tones['0:600'], 8000)").await, true);
    browser.run("sessions.two.pc.close()").await;
    let report = studio.office.inbound_report().await;
    assert_eq!(report.outcome.reason, DisconnectionReason::UserHangup, "{:?}", report.outcome);

    // It hangs up over HTTP.
    let begun = browser.run(&format!("return session('three', '{path}', '{key}', 'sendrecv')")).await;
    let location = begun["location"].as_str().expect("a session");
    assert_eq!(browser.run("return until(() => sessions.three.tones['0:600'], 8000)").await, true);
    assert_eq!(studio.send("DELETE", location, &key, "", "").await.status, 200);
    let report = studio.office.inbound_report().await;
    assert_eq!(report.outcome.reason, DisconnectionReason::UserHangup, "{:?}", report.outcome);
    studio.is_deserted().await;
}
