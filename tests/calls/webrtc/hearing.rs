//! A real browser listens to a telephone call.

use callwright::store::{Page, audit};
use callwright::time;

use super::talking::browser;
use super::*;
use crate::phone::Phone;
use crate::talker::{Talker, tone};

const NUMBER: &str = "+4930901821";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_hears_both_sides_of_a_telephone_call() {
    let studio = Studio::open(60_400).await;
    let key = studio.desk.key.clone();
    let mut browser = browser(&studio).await;
    let mut phone = Phone::new(Udp, 61_600).await;
    let order = studio.office.order(phone.address(), NUMBER);
    let call = order.call;
    let attempt = studio.office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);

    // In two channels with a key, in one with a token, and by the websocket.
    let begun = browser
        .run(&format!("return session('ear', '/api/v1/calls/{call}/whep?channels=stereo', '{key}', 'recvonly')"))
        .await;
    assert_eq!((&begun["status"], begun["call"].as_str()), (&json!(201), Some(call.to_string().as_str())), "{begun}");
    let token = |made: Reply| made.json()["token"].as_str().expect("a token").to_owned();
    let once = token(studio.send("POST", &format!("/api/v1/calls/{call}/listen"), &key, "", "").await);
    let mixed = browser
        .run(&format!("return session('both', '/api/v1/calls/{call}/whep?channels=mixed', '{once}', 'recvonly')"))
        .await;
    assert_eq!(mixed["status"], 201, "{mixed}");
    let once = token(studio.send("POST", &format!("/api/v1/calls/{call}/listen"), &key, "", "").await);
    let opened =
        browser.run(&format!("return socket('wire', '/api/v1/calls/{call}/listen?token={once}', {HUM})")).await;
    assert_eq!(opened, true, "the websocket is open");
    let live = studio.send("GET", &format!("/api/v1/calls/{call}/live"), &key, "", "").await.json();
    assert_eq!(live["listeners"], 3, "{live}");

    // The agent has greeted and asked; then the caller makes themselves known.
    let whistled =
        browser.run("return until(() => sessions.ear.tones['1:600'] && sessions.both.tones['0:600'], 8000)").await;
    assert_eq!(
        whistled,
        true,
        "the agent is heard: {}",
        browser.run("return [sessions.ear.tones, sessions.both.tones]").await
    );
    caller.hears_silence(0, Duration::from_millis(500)).await;
    let began = time::now().wall.as_millisecond();
    caller.says(tone(HUM, Duration::from_millis(600))).await;
    let heard = "sessions.ear.tones['0:1900'] && sessions.both.tones['0:1900'] && sessions.wire.heard";
    let so = browser.run(&format!("return until(() => {heard}, 5000)")).await;
    sleep(Duration::from_millis(400)).await;
    let tones = browser.run("return [sessions.ear.tones, sessions.both.tones, sessions.wire.heard]").await;
    assert_eq!(so, true, "the caller is heard: {tones}");
    let after = |first: &Value| first.as_f64().map_or(i64::MAX, |first| first as i64) - began;
    let delays = [after(&tones[0]["0:1900"]["first"]), after(&tones[1]["0:1900"]["first"]), after(&tones[2])];
    assert!(delays.iter().all(|delay| (0..300).contains(delay)), "{delays:?} ms");
    // Opus lets a little through where a sound begins.
    let times = |tone: &str| tones[0][tone]["times"].as_u64().unwrap_or(0);
    assert!(5 * times("1:1900") < times("0:1900"), "the caller is on the left: {tones}");
    assert!(5 * times("0:600") < times("1:600"), "the agent is on the right: {tones}");

    let counted = browser.run("return stats('ear')").await;
    let inbound = &counted["inbound-rtp"];
    assert!(inbound["packetsReceived"].as_u64().is_some_and(|packets| packets > 50), "{counted}");
    assert_eq!(inbound["packetsLost"], 0, "{counted}");

    // One stops, the other hears the end.
    let location = begun["location"].as_str().expect("a session");
    assert_eq!(studio.send("DELETE", location, &key, "", "").await.status, 200);
    assert_eq!(studio.send("POST", &format!("/api/v1/calls/{call}/hang_up"), &key, "", "").await.status, 200);
    attempt.ends().await;
    studio.is_deserted().await;
    let refused = studio.send("POST", &format!("/api/v1/calls/{call}/whep"), &key, "application/sdp", "v=0").await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("call_over")));

    let mut log = Vec::new();
    for _ in 0..100 {
        let mut tx = studio.db.db.read().await.expect("a transaction");
        let entries = audit::list(&mut tx, studio.org(), ("call", call.to_string()), Page::first(50)).await;
        log = entries.expect("a page").items.into_iter().map(|entry| entry.action).collect();
        if log.iter().filter(|action| *action == "call.listened").count() == 3 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let times = |action: &str| log.iter().filter(|entry| *entry == action).count();
    assert_eq!((times("call.listen"), times("call.listened"), times("call.hang_up")), (3, 3, 1), "{log:?}");
}
