//! What a call's record says of its audio.

use std::net::Ipv4Addr;
use std::time::Duration;

use callwright::call::call::CallConfig;
use callwright::call::quality::{MediaQuality, ReportedAudio};
use callwright::config::SipTransport::Udp;
use callwright::telemetry::metrics::Metrics;
use callwright_media::session::Stats;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::office::Office;
use crate::phone::Phone;

const OURS: &str = "+493012345678";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_says_how_both_sides_were_heard() {
    let office = Office::new(Udp, 46_000, CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 47_000).await;
    let attempt = office.place(office.order(phone.address(), OURS));
    let mut line = phone.rings().await.answer().await;
    assert!(line.hears_a_tone().await);
    // Our first report comes within 3.1 s, and the telephone's next one answers it.
    tokio::time::sleep(Duration::from_millis(3_700)).await;
    line.hangs_up().await;
    let (_, report) = attempt.ends().await;
    let Stats { rtcp, rtcp_sent, .. } = report.media.expect("there was media");
    assert!(rtcp >= 3 && rtcp_sent >= 2, "{rtcp} and {rtcp_sent}");
    let quality = report.quality.expect("there was media");
    let MediaQuality { codec, encrypted, heard, said, round_trip } = quality.clone();
    assert_eq!((codec.as_str(), encrypted), ("PCMU", false));
    assert!(heard.packets > 150 && said.packets > 150, "{quality:?}");
    assert!(heard.mos.is_some_and(|mos| mos > 3.8) && said.mos.is_some_and(|mos| mos > 3.8), "{quality:?}");
    let Some(ReportedAudio { lost, jitter_ms, .. }) = said.reported else { panic!("no report: {quality:?}") };
    assert!(lost < 5 && jitter_ms < 50.0, "{quality:?}");
    let round_trip = round_trip.expect("the telephone answered a report");
    assert!(round_trip.mean_ms <= round_trip.most_ms && round_trip.mean_ms < 100.0, "{quality:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_is_told_how_calls_went_and_nothing_about_anybody() {
    let metrics = Metrics::start().expect("figures");
    let office = Office::new(Udp, 46_200, CallConfig::default(), 100).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let stop = CancellationToken::new();
    let serving = tokio::spawn(metrics.serve(listener, office.calls.clone(), stop.clone()));
    let figures = || async move {
        let answer = reqwest::get(format!("http://{address}/metrics")).await.expect("an answer");
        answer.text().await.expect("text")
    };
    let mut phone = Phone::new(Udp, 47_200).await;
    let attempt = office.place(office.order(phone.address(), OURS));
    let mut line = phone.rings().await.answer().await;
    assert!(line.hears_a_tone().await);
    assert_eq!(value(&figures().await, "callwright_calls"), Some(1.0));
    line.hangs_up().await;
    let (_, report) = attempt.ends().await;
    let told = figures().await;
    assert_eq!(value(&told, "callwright_calls"), Some(0.0));
    let ended =
        format!("callwright_calls_ended_total{{direction=\"outbound\",reason=\"{}\"}}", report.outcome.reason.as_str());
    let at_least = |series: &str, least: f64| {
        let value = value(&told, series);
        assert!(value.is_some_and(|value| value >= least), "{series} is {value:?}:\n{told}");
    };
    at_least(&ended, 1.0);
    at_least("callwright_call_seconds_count{direction=\"outbound\"}", 1.0);
    at_least("callwright_rtp_packets_total{side=\"heard\"}", 10.0);
    at_least("callwright_rtp_packets_total{side=\"said\"}", 10.0);
    at_least("callwright_call_mos_count{side=\"heard\",codec=\"PCMU\"}", 1.0);
    at_least("callwright_media_ticks_total", 10.0);
    assert!(!told.contains(OURS), "{told}");
    stop.cancel();
    serving.await.expect("it ends");
}

/// The value of a series in Prometheus' text format.
fn value(told: &str, series: &str) -> Option<f64> {
    let line = told.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}
