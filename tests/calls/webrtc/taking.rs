//! A supervisor takes a telephone call over with a real browser, and hands it back to the agent.

use std::sync::Arc;

use callwright::call::tools::NoTools;
use callwright::store::{Page, audit};

use super::talking::browser_that;
use super::*;
use crate::office::version;
use crate::phone::Phone;
use crate::supervision::{assistant, requests, script};
use crate::talker::{Talker, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901822";
const PAUSE: Duration = Duration::from_millis(700);

/// Speech for a second and silence for three, over and over, at 48 kHz.
fn speech() -> Vec<i16> {
    let mut said = voice(Duration::from_millis(1_100)).to_vec();
    said.resize(4 * 8_000, 0);
    said.iter().flat_map(|sample| [*sample; 6]).collect()
}

impl Studio {
    async fn live(&self, call: &str) -> Value {
        self.send("GET", &format!("/api/v1/calls/{call}/live"), &self.desk.key, "", "").await.json()
    }

    async fn speaks(&self, call: &str, who: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.live(call).await["speaks"] != who {
            assert!(tokio::time::Instant::now() < until, "{who} speaks: {}", self.live(call).await);
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_takes_a_call_over_and_hands_it_back_to_an_agent_that_knows_what_was_said() {
    let vendors = Vendors::start(script()).await;
    let office = Office::staffed(Udp, 62_000, CallConfig::default(), 10, vendors.staff(), Arc::new(NoTools)).await;
    let studio = Studio::over(office).await;
    let key = studio.desk.key.clone();
    let mut browser = browser_that(&studio, &speech()).await;
    let mut phone = Phone::new(Udp, 63_200).await;
    let mut order = studio.office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let call = order.call.to_string();
    let attempt = studio.office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);
    let greeted = caller.hears_silence(0, PAUSE).await;

    let path = format!("/api/v1/calls/{call}/take_over");
    let begun = browser.run(&format!("return session('one', '{path}', '{key}', 'sendrecv')")).await;
    assert_eq!((&begun["status"], &begun["call"]), (&json!(201), &json!(call)), "{begun}");
    studio.speaks(&call, "supervisor").await;
    let asked = requests(&vendors).len();
    // Each hears the other, and the model is asked nothing.
    let supervisor = caller.hears_sound(greeted + 1).await;
    caller.says(voice(Duration::from_millis(900))).await;
    let heard = browser.run("return until(() => Object.keys(sessions.one.tones).length > 0, 5000)").await;
    assert_eq!(heard, true, "the caller is heard");
    caller.until("five seconds", |heard| heard.len() > supervisor + 40_000).await;
    assert_eq!(requests(&vendors).len(), asked, "{:?}", requests(&vendors));
    for (step, body) in [("mute", r#"{"on":false}"#), ("take_over", "v=0")] {
        let kind = if step == "mute" { "application/json" } else { "application/sdp" };
        let refused = studio.send("POST", &format!("/api/v1/calls/{call}/{step}"), &key, kind, body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("taken_over")), "{step}");
    }
    let counted = browser.run("return stats('one')").await;
    assert_eq!(counted["inbound-rtp"]["packetsLost"], 0, "{counted}");
    assert!(counted["inbound-rtp"]["packetsReceived"].as_u64().is_some_and(|packets| packets > 150), "{counted}");

    // The agent answers what the caller said last, and knows what the supervisor said.
    let back = studio.send("POST", &format!("/api/v1/calls/{call}/hand_back"), &key, "", "").await;
    assert_eq!((back.status, &back.json()["speaks"]), (200, &json!("agent")), "{}", back.json());
    let until = tokio::time::Instant::now() + PATIENCE;
    while requests(&vendors).len() == asked {
        assert!(tokio::time::Instant::now() < until, "the model is asked again");
        sleep(Duration::from_millis(20)).await;
    }
    let request = requests(&vendors).pop().expect("a request");
    let is_colleagues = |message: &&Value| {
        let text = message["content"].as_str().unwrap_or_default();
        message["role"] == "system" && text.starts_with("A colleague of yours has taken the call over")
    };
    assert!(request.iter().any(|message| is_colleagues(&message)), "{request:?}");
    assert!(request.iter().any(|message| message["role"] == "user"), "{request:?}");
    let gone = browser.run("return until(() => sessions.one.sender.transport.state === 'closed', 5000)").await;
    assert_eq!(gone, true, "the supervisor's session is over");
    let none = studio.send("POST", &format!("/api/v1/calls/{call}/hand_back"), &key, "", "").await;
    assert_eq!((none.status, &none.json()["code"]), (409, &json!("not_taken_over")));

    // One who goes hands it back, too.
    let begun = browser.run(&format!("return session('two', '{path}', '{key}', 'sendrecv')")).await;
    assert_eq!(begun["status"], 201, "{begun}");
    studio.speaks(&call, "supervisor").await;
    browser.run("sessions.two.pc.close()").await;
    studio.speaks(&call, "agent").await;
    assert_eq!(studio.send("POST", &format!("/api/v1/calls/{call}/hang_up"), &key, "", "").await.status, 200);
    attempt.ends().await;
    studio.is_deserted().await;

    let mut tx = studio.db.db.read().await.expect("a transaction");
    let entries = audit::list(&mut tx, studio.org(), ("call", call.clone()), Page::first(50)).await;
    let log: Vec<String> = entries.expect("a page").items.into_iter().map(|entry| entry.action).collect();
    let times = |action: &str| log.iter().filter(|entry| *entry == action).count();
    assert_eq!((times("call.take_over"), times("call.handed_back"), times("call.hang_up")), (2, 2, 1), "{log:?}");
}
