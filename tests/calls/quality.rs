//! What a call's record says of its audio.

use std::time::Duration;

use callwright::call::call::CallConfig;
use callwright::call::quality::{MediaQuality, ReportedAudio};
use callwright::config::SipTransport::Udp;
use callwright_media::session::Stats;

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
