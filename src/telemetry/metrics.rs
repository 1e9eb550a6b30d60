//! Figures of a server for Prometheus: what it does now, and what calls were like since it began.
//!
//! Labels are names of directions, sides, codecs and reasons, and never anybody's data: there are only so many series.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::call::place::CallReport;
use crate::call::quality::MediaQuality;
use crate::call::registry::Calls;

/// How often samples of histograms are put into their buckets when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

const SECONDS: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0];
const REPLIES: &[f64] = &[0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0];
const SCORES: &[f64] = &[1.5, 2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.3, 4.4];
const TIMES: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// The figures of this process.
#[derive(Clone, Debug)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to count. Servers of one process count together.
    ///
    /// # Errors
    /// Somebody else counts already.
    pub fn start() -> anyhow::Result<Self> {
        static STARTED: OnceLock<Metrics> = OnceLock::new();
        if let Some(metrics) = STARTED.get() {
            return Ok(metrics.clone());
        }
        let buckets = [
            ("callwright_call_seconds", SECONDS),
            ("callwright_reply_seconds", REPLIES),
            ("callwright_call_mos", SCORES),
            ("callwright_call_jitter_seconds", TIMES),
            ("callwright_call_round_trip_seconds", TIMES),
        ];
        let builder = buckets.into_iter().try_fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
            builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
        });
        let metrics = Self(builder?.install_recorder().context("figures are counted elsewhere")?);
        describe();
        Ok(STARTED.get_or_init(|| metrics).clone())
    }

    /// Serves `/metrics` until told to stop.
    pub async fn serve(self, listener: TcpListener, calls: Calls, stop: CancellationToken) {
        let upkeep = self.0.clone();
        let upkeep = async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                upkeep.run_upkeep();
            }
        };
        let service = Router::new().route("/metrics", get(read)).with_state((self, calls));
        let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
        tokio::select! {
            served = served.into_future() => if let Err(error) = served {
                tracing::error!(%error, "figures are not served any more");
            },
            () = upkeep => {}
        }
    }
}

/// Counts a call that has ended.
pub fn call_ended(report: &CallReport, direction: &'static str) {
    let outcome = &report.outcome;
    counter!("callwright_calls_ended_total", "direction" => direction, "reason" => outcome.reason.as_str())
        .increment(1);
    if let Some(answered) = outcome.answered_at {
        let talked = outcome.ended_at.saturating_duration_since(answered);
        histogram!("callwright_call_seconds", "direction" => direction).record(talked);
    }
    for turn in &report.conversation.turns {
        histogram!("callwright_reply_seconds").record(turn.replied);
    }
    if let Some(quality) = &report.quality {
        audio(quality);
    }
}

fn audio(quality: &MediaQuality) {
    let MediaQuality { codec, heard, said, round_trip, .. } = quality;
    let count = |name: &'static str, side: &'static str, value| counter!(name, "side" => side).increment(value);
    count("callwright_rtp_packets_total", "heard", heard.packets);
    count("callwright_rtp_lost_total", "heard", heard.lost);
    count("callwright_rtp_late_total", "heard", heard.late);
    count("callwright_rtp_foreign_total", "heard", heard.foreign);
    count("callwright_rtp_dropped_total", "heard", heard.dropped);
    count("callwright_rtp_overrun_total", "heard", heard.overrun);
    count("callwright_rtp_packets_total", "said", said.packets);
    let jitter = |side: &'static str, ms: f64| {
        histogram!("callwright_call_jitter_seconds", "side" => side).record(ms / 1_000.0);
    };
    if heard.packets > 0 {
        jitter("heard", heard.jitter_peak_ms);
    }
    if let Some(reported) = &said.reported {
        count("callwright_rtp_lost_total", "said", reported.lost);
        jitter("said", reported.jitter_peak_ms);
    }
    for (side, mos) in [("heard", heard.mos), ("said", said.mos)] {
        if let Some(mos) = mos {
            histogram!("callwright_call_mos", "side" => side, "codec" => codec.clone()).record(mos);
        }
    }
    if let Some(times) = round_trip {
        histogram!("callwright_call_round_trip_seconds").record(times.mean_ms / 1_000.0);
    }
}

async fn read(State((metrics, calls)): State<(Metrics, Calls)>) -> impl IntoResponse {
    let media = calls.media();
    gauge!("callwright_calls").set(calls.count() as f64);
    gauge!("callwright_media_legs").set(media.legs as f64);
    counter!("callwright_media_ticks_total").absolute(media.ticks);
    counter!("callwright_media_late_ticks_total").absolute(media.late);
    counter!("callwright_media_skipped_ticks_total").absolute(media.skipped);
    counter!("callwright_media_panics_total").absolute(media.panics);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.0.render())
}

fn describe() {
    describe_gauge!("callwright_calls", "Calls now, ringing ones included");
    describe_counter!("callwright_calls_ended_total", "Calls that ended, by direction and reason");
    describe_histogram!("callwright_call_seconds", "Time from answer to end of calls that were answered");
    describe_histogram!("callwright_reply_seconds", "Time from the caller's last word to the agent's first");
    describe_histogram!("callwright_call_mos", "Estimated opinion of a call's audio (ITU-T G.107), 1 to 4.5");
    describe_histogram!("callwright_call_jitter_seconds", "Highest interarrival jitter of a call");
    describe_histogram!("callwright_call_round_trip_seconds", "Mean time to the far side of a call and back");
    describe_counter!("callwright_rtp_packets_total", "RTP packets of calls that ended, heard and said");
    describe_counter!(
        "callwright_rtp_lost_total",
        "RTP packets that never came; of those said by the far side's account"
    );
    describe_counter!("callwright_rtp_late_total", "RTP packets that came too late to be heard");
    describe_counter!("callwright_rtp_foreign_total", "RTP packets that were not the far side's");
    describe_counter!("callwright_rtp_dropped_total", "RTP packets dropped for other reasons");
    describe_counter!("callwright_rtp_overrun_total", "Datagrams that the kernel dropped before they were read");
    describe_gauge!("callwright_media_legs", "Media legs now");
    describe_counter!("callwright_media_ticks_total", "20 ms intervals of legs that were served");
    describe_counter!("callwright_media_late_ticks_total", "Those served more than 2 ms late");
    describe_counter!("callwright_media_skipped_ticks_total", "Intervals passed over after stalls");
    describe_counter!("callwright_media_panics_total", "Legs that a fault of ours ended");
}
