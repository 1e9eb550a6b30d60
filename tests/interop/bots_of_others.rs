//! A bot of others: pipecat, with its own serializer for Twilio's messages.

use std::sync::Arc;
use std::time::Duration;

use callwright::agent::action::Ending;
use callwright::call::call::CallConfig;
use callwright::call::tools::NoTools;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::Udp;
use callwright::net::media_leg::MediaCommand;
use callwright_media::digit::Digit;
use serde_json::json;

use crate::bots::{led, staff};
use crate::office::{Office, version};
use crate::phone::Phone;
use crate::program::{Program, free_ports};
use crate::talker::{Talker, tone};

/// Of the environment that `scripts/setup test` makes.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/pipecat/bin/python");
const BOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/pipecat_bot.py");

/// The share of the power that lies at a frequency.
fn share(samples: &[i16], hz: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (sin, cos) = (n as f64 * hz * std::f64::consts::TAU / 8_000.0).sin_cos();
        let sample = f64::from(sample);
        (re, im, all) = (re + sample * cos, im + sample * sin, all + sample * sample);
    }
    if all == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / (all * samples.len() as f64) }
}

/// Waits until 100 ms behind `from` are a tone; where they begin.
async fn hears(caller: &Talker, from: usize, hz: f64) -> usize {
    let mut at = None;
    caller
        .until("a tone", |heard| {
            let heard = heard.get(from..).unwrap_or_default();
            at = heard.chunks_exact(800).position(|chunk| share(chunk, hz) > 0.8).map(|chunk| from + chunk * 800);
            at.is_some()
        })
        .await;
    at.expect("it was heard")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipecat_hears_speaks_is_interrupted_and_hangs_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_ports(1);
    let mut program = Program::start(PYTHON, folder, &[BOT, &port.to_string()]);
    program.says("bot is ready").await;
    let staff = staff(&format!("ws://127.0.0.1:{port}/"), json!({}));
    let office = Office::staffed(Udp, 11_000, CallConfig::default(), 10, staff, Arc::new(NoTools)).await;
    let mut phone = Phone::new(Udp, 12_000).await;
    let mut order = office.order(phone.address(), "+4930901820");
    order.assistant = version(led());
    let attempt = office.place(order);
    let line = phone.rings().await.answer().await;
    let keys = line.media.control.clone();
    let press = async |key: char| {
        let digit = Digit::from_char(key).expect("a key");
        keys.send(MediaCommand::SendDtmf(vec![digit])).await.expect("media runs");
    };
    let mut caller = Talker::new(line);
    let greeted = hears(&caller, 0, 440.0).await;
    let done = caller.hears_silence(greeted, Duration::from_millis(300)).await;

    // It says back what it hears.
    caller.says(tone(1_000.0, Duration::from_millis(800))).await;
    let echoed = hears(&caller, done, 1_000.0).await;
    let done = caller.hears_silence(echoed, Duration::from_millis(400)).await;

    // A long tone, and its interruption.
    press('1').await;
    let long = hears(&caller, done, 700.0).await;
    caller.until("half a second of it", |heard| heard.len() > long + 4_000).await;
    press('2').await;
    program.says("key 2").await;
    let cut = caller.hears_silence(long, Duration::from_millis(400)).await;
    assert!(cut - long < 4 * 8_000, "{} ms of six seconds", (cut - long) / 8);

    press('9').await;
    assert!(caller.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::AgentHangup);
    assert_eq!(report.conversation.ending, Some(Ending::Completed { reason: "bot_hung_up".to_owned() }));
    assert!(!report.outcome.technical);
}
