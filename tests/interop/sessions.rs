//! Sessions as sipp leads them: early media, reliable ringing, other codecs in the middle of a call, session timers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::Udp;

use crate::agents::{office, patient, talkative};
use crate::program::free_ports;
use crate::sipp::{Sipp, listening, next_report};

/// sipp takes one call by this scenario; we hang up after `talk`.
async fn takes_our_call(scenario: &str, talk: Duration) {
    let office = office(Udp, &patient()).await;
    let (port, media) = (free_ports(1), free_ports(6));
    let mut sipp = Sipp::start(scenario, Udp, port, media, &["-m", "1"]);
    listening(&mut sipp, Udp, port).await;
    let mut order = office.order(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "+493090180001");
    order.max_duration = Duration::from_secs(300);
    order.assistant = talkative(80);
    let call = order.call;
    let attempt = office.place(order);
    let deadline = tokio::time::Instant::now() + talk;
    while tokio::time::Instant::now() < deadline {
        sipp.still_runs().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(office.calls.hang_up(call), "the call is still up");
    let (seen, report) = attempt.ends().await;
    assert_eq!(seen[..2], ["ringing", "answered"]);
    assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::AgentHangup, false));
    assert!(report.media.as_ref().is_some_and(|media| media.received > 50), "{:?}", report.media);
    sipp.succeeds().await;
}

/// 183 with a description that has to be acknowledged by PRACK, then 180, then 200; a re-INVITE that moves the call from PCMA
/// to PCMU and asks for a session timer; and the UPDATE by which sipp refreshes that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_media_is_acknowledged_and_the_codec_changes_in_mid_call() {
    takes_our_call("progress_server.xml", Duration::from_secs(5)).await;
}

/// The 200 says that we are to refresh a session of 90 s: after half of that an UPDATE of ours comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_refreshed_by_us_at_half_its_interval() {
    takes_our_call("timer_server.xml", Duration::from_secs(48)).await;
}

/// A caller that requires reliable ringing, changes from PCMA to PCMU, holds by the older `c=0.0.0.0`, comes back, and
/// refreshes its session timer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_may_require_reliable_ringing_and_change_its_session() {
    let mut office = office(Udp, &patient()).await;
    let target = office.address.to_string();
    let (port, media) = (free_ports(1), free_ports(6));
    let mut sipp = Sipp::start("reliable_client.xml", Udp, port, media, &["-m", "1", &target]);
    let report = next_report(&mut office, &mut sipp).await;
    assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::UserHangup, false));
    assert!(report.media.as_ref().is_some_and(|media| media.sent > 50 && media.received > 50), "{:?}", report.media);
    sipp.succeeds().await;
}
