//! What arrives on the SIP socket from whoever wants to hurt, while calls go on.

#[path = "../support/dice.rs"]
mod dice;
#[allow(dead_code, reason = "nobody is dialed here")]
#[path = "../support/office.rs"]
mod office;
#[allow(dead_code, reason = "nobody is dialed here")]
#[path = "../support/phone.rs"]
mod phone;

mod attacker;

use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::Udp;
use callwright::stir::verdict::IdentityPolicy;
use callwright::time;
use callwright_sip::message::{Message, StatusCode, parse};

use crate::attacker::{Attacker, Flood, resident_kib};
use crate::office::Office;
use crate::phone::{Line, Phone};

const OURS: &str = "+493012345678";
const CALLS: u8 = 50;

/// So many calls that are up, each heard.
async fn calls(office: &Office, phone: &Phone) -> Vec<Line> {
    office.open_with(office::reader(), 1_000, IdentityPolicy::Record);
    let mut lines = Vec::new();
    for key in 0..CALLS {
        lines.push(phone.calls(office.address, OURS, key).await.expect("answered"));
    }
    for line in &mut lines {
        assert!(line.hears_a_tone().await);
    }
    assert_eq!(office.calls.len(), usize::from(CALLS));
    lines
}

/// Each call is up, and ends when its caller hangs up and not before.
async fn unharmed(office: &mut Office, lines: Vec<Line>) {
    assert_eq!(office.calls.len(), usize::from(CALLS), "no call has ended");
    assert_eq!(office.calls.panics(), 0);
    for mut line in lines {
        assert!(line.hears_a_tone().await);
        assert!(line.events.try_recv().is_err(), "its leg has nothing to say");
        line.hangs_up().await;
    }
    for _ in 0..CALLS {
        assert_eq!(office.inbound_report().await.outcome.reason, Reason::UserHangup);
    }
    assert!(office.calls.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_broken_messages_harm_no_call() {
    let mut office = Office::guarded(Udp, 51_000, 200).await;
    let phone = Phone::new(Udp, 52_000).await;
    let lines = calls(&office, &phone).await;
    let before = resident_kib();
    // One at the address of a trunk, whose messages are all read, and one at another.
    let mut insider = Attacker::at([127, 0, 0, 1], office.address, 1);
    let mut stranger = Attacker::at([127, 0, 0, 66], office.address, 2);
    let mut answers = Vec::new();
    for _ in 0..5_000 {
        insider.send_broken();
        stranger.send_broken();
        answers.extend(insider.hears());
    }
    let deadline = time::now().mono + office::PATIENCE;
    loop {
        let report = office.sip.guard().await.expect("SIP runs");
        if report.guard.seen >= 9_000 && report.queued == 0 || time::now().mono > deadline {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    answers.extend(insider.hears());
    assert_eq!(stranger.hears(), Vec::<Vec<u8>>::new(), "a stranger hears nothing");
    assert!(!answers.is_empty(), "the trunk is told");
    for answer in &answers {
        let Ok(Message::Response(response)) = parse(answer) else {
            // A refusal repeats the broken header for which it refuses.
            let refused = answer.starts_with(b"SIP/2.0 4") || answer.starts_with(b"SIP/2.0 5");
            assert!(refused && !answer.starts_with(b"SIP/2.0 500"), "{}", String::from_utf8_lossy(answer));
            continue;
        };
        assert_ne!(response.status, StatusCode::SERVER_INTERNAL_ERROR, "{response:?}");
    }
    let report = office.sip.guard().await.expect("SIP runs");
    assert!(report.endpoint.malformed > 500, "{report:?}");
    assert!(report.guard.garbage + report.guard.strangers + report.guard.limited + report.guard.banned > 1_000);
    assert!(report.bans.iter().all(|ban| ban.source.address() == std::net::IpAddr::from([127, 0, 0, 66])));
    let after = resident_kib();
    assert!(after <= before + before / 5, "{before} KiB before, {after} KiB after");
    unharmed(&mut office, lines).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_strangers_keeps_no_trunk_from_calling() {
    let mut office = Office::guarded(Udp, 53_000, 200).await;
    let phone = Phone::new(Udp, 54_000).await;
    let lines = calls(&office, &phone).await;
    let flood = Flood::begin(office.address, 20_000);
    // New calls come in while it goes on.
    for key in 100..110 {
        let line = phone.calls(office.address, OURS, key).await.expect("answered in the flood");
        line.hangs_up().await;
        assert_eq!(office.inbound_report().await.outcome.reason, Reason::UserHangup);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = flood.end();
    assert!(sent > 5_000, "{sent} messages are no flood");
    let report = office.sip.guard().await.expect("SIP runs");
    assert!(!report.bans.is_empty() && report.remembered <= 16_384, "{report:?}");
    assert_eq!(report.endpoint.malformed, 0, "nothing of it was parsed");
    unharmed(&mut office, lines).await;
}
