//! Recordings after the call: worked up, heard, looked at, taken to an object store, removed.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use axum::body::Body;
use callwright::app::clerk;
use callwright::call::record::RecordingFault;
use callwright::config::RecordingFormat;
use callwright::id::{CallId, CampaignId};
use callwright::recording::keeper::{Counters, Keeper};
use callwright::recording::remote::Remote;
use callwright::recording::vault::Vault;
use callwright::recording::workers::Workers;
use callwright::store::call::{self, Call, Conversation, Recording};
use callwright::store::recording::{self, Parcel, RecordingState};
use callwright_media::frame::{PcmFrame, Rate};
use callwright_media::recording::{EncodedReader, StereoRecorder};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bucket::Bucket;
use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;
use crate::resources::record;

on_both!(
    a_recording_is_heard_in_parts_before_and_after_it_is_encoded,
    what_a_kill_left_behind_is_taken_up,
    a_call_that_was_not_recorded_to_its_end_says_so,
    recordings_go_to_the_object_store_and_are_heard_from_there,
    an_object_that_is_not_the_file_leaves_the_file_where_it_is
);

fn keeper(client: &Client, remote: Option<Remote>) -> Keeper {
    let format = RecordingFormat::Opus;
    Keeper {
        db: client.db.db.clone(),
        vault: Vault::new(client.recordings.clone(), remote),
        workers: Workers::start(1, &client.recordings, format).expect("a thread"),
        at_once: 1,
        format,
        counters: Counters::default(),
    }
}

/// A recording of 1.2 s: one side hums.
fn hum(file: &Path) {
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let mut recorder = StereoRecorder::new(BufWriter::new(File::create_new(file).expect("a file"))).expect("room");
    let hum: Vec<i16> = (0..160).map(|n| ((f64::from(n) * 0.3).sin() * 6_000.0) as i16).collect();
    let hum = PcmFrame::from_samples(Rate::Hz8000, &hum).expect("160 samples");
    for _ in 0..60 {
        recorder.push(&hum, &PcmFrame::silence(Rate::Hz8000)).expect("room");
    }
    recorder.finalize().expect("room");
}

/// A call of a campaign that was recorded, and its WAV.
async fn recorded(client: &Client, campaign: Option<CampaignId>) -> (Call, PathBuf) {
    let call = CallId::generate();
    let recording = Some(Recording { path: format!("2026-11-22/{call}.wav"), ms: 1200 });
    let made = record(client, |made| Call { id: call, campaign, recording, recording_fault: None, ..made }).await;
    let wav = client.recordings.join(format!("2026-11-22/{call}.wav"));
    hum(&wav);
    (made, wav)
}

async fn state(client: &Client, call: CallId) -> RecordingState {
    let mut tx = client.db.db.read().await.expect("a transaction");
    recording::of(&mut tx, client.org, call).await.expect("a call").expect("a recording").state
}

async fn a_recording_is_heard_in_parts_before_and_after_it_is_encoded(db: TestDb) {
    let client = Client::new(db).await;
    let (call, wav) = recorded(&client, None).await;
    let path = format!("/api/v1/calls/{}/recording", call.id);
    let before = client.get(&path).await;
    assert_eq!((before.status, before.content_type.as_str()), (200, "audio/wav"));
    assert_eq!(before.bytes, fs::read(&wav).expect("it is there"));
    let old = before.header("etag").expect("a tag").to_owned();
    let waveform = path.replace("/recording", "/waveform");
    let none = client.get(&waveform).await;
    assert!(none.status == 404 && none.json["detail"].as_str().is_some_and(|told| told.contains("minute")));
    assert_eq!(client.get("/api/v1/recordings").await.json["waiting"], 1);

    let keeper = keeper(&client, None);
    keeper.round().await.expect("a round");
    keeper.round().await.expect("nothing is left to do");
    assert_eq!((keeper.counters.tally().encoded, wav.exists()), (1, false));
    let read = client.get(&format!("/api/v1/calls/{}", call.id)).await.json;
    assert_eq!((&read["recording_format"], &read["recording_ms"]), (&json!("ogg"), &json!(1200)));
    let whole = client.get(&path).await;
    assert_eq!((whole.status, whole.content_type.as_str()), (200, "audio/ogg; codecs=opus"));
    let tag = whole.header("etag").expect("a tag").to_owned();
    assert!(tag != old && whole.header("accept-ranges") == Some("bytes"));
    assert_eq!(EncodedReader::new(std::io::Cursor::new(&whole.bytes)).expect("Opus").count(), 1_200 * 8);

    let ask = |headers: Vec<(&'static str, String)>, method: &'static str| {
        let (client, path) = (&client, &path);
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            client.send_with(&headers, method, path, None, Body::empty()).await
        }
    };
    let mut parts: Vec<u8> = Vec::new();
    for range in ["bytes=0-99", "bytes=100-1000", "bytes=1001-"] {
        let part = ask(vec![("range", range.to_owned()), ("if-range", tag.clone())], "GET").await;
        assert_eq!(part.status, 206, "{range}");
        let first = parts.len();
        parts.extend(&part.bytes);
        let place = format!("bytes {first}-{}/{}", parts.len() - 1, whole.bytes.len());
        assert_eq!(part.header("content-range"), Some(place.as_str()));
    }
    assert!(parts == whole.bytes, "the parts are the whole");
    let changed = ask(vec![("range", "bytes=0-9".to_owned()), ("if-range", old)], "GET").await;
    assert!(changed.status == 200 && changed.bytes == whole.bytes, "a part of the WAV is not continued with the Ogg");
    let beyond = ask(vec![("range", format!("bytes={}-", whole.bytes.len()))], "GET").await;
    assert_eq!((beyond.status, beyond.json["code"].as_str()), (416, Some("beyond_end")));
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{}", whole.bytes.len()).as_str()));
    assert_eq!(ask(vec![("if-none-match", tag)], "GET").await.status, 304);
    let head = ask(vec![("range", "bytes=0-9".to_owned())], "HEAD").await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(whole.bytes.len().to_string().as_str()));

    let shown = client.get(&waveform).await.json;
    assert_eq!((&shown["bucket_ms"], shown["heard"].as_array().map(Vec::len)), (&json!(20), Some(60)));
    assert!(shown["heard"][30].as_u64().is_some_and(|peak| peak > 40) && shown["said"][30] == 0, "{shown}");
    let key = client.post("/api/v1/api-keys", json!({"name": "k", "scopes": ["campaigns:read"]})).await;
    let key = key.json["secret"].as_str().expect("a key").to_owned();
    for path in [path.as_str(), waveform.as_str()] {
        assert_eq!(client.with_key(&key).send("GET", path, None, Body::empty()).await.status, 403);
    }
}

async fn what_a_kill_left_behind_is_taken_up(db: TestDb) {
    let client = Client::new(db).await;
    let keeper = keeper(&client, None);
    let (call, wav) = recorded(&client, None).await;
    // Killed between the record and the removal of the WAV.
    let copy = fs::read(&wav).expect("it is there");
    keeper.round().await.expect("a round");
    fs::write(&wav, copy).expect("a file");
    // Killed in mid-call: nothing is on record.
    let lost = client.recordings.join(format!("2026-11-22/{}.wav", CallId::generate()));
    hum(&lost);
    // One that is still being recorded, by another server on the same folder.
    let live = client.recordings.join(format!("2026-11-22/{}.wav", CallId::generate()));
    hum(&live);
    let writer = File::options().append(true).open(&live).expect("it is there");
    writer.lock().expect("nobody has it");
    keeper.adopt().await.expect("what is left");
    assert_eq!((wav.exists(), wav.with_extension("ogg").exists()), (false, true));
    assert_eq!((lost.exists(), lost.with_extension("ogg").exists()), (false, true));
    assert_eq!((live.exists(), live.with_extension("ogg").exists()), (true, false));
    let tally = keeper.counters.tally();
    assert_eq!((tally.encoded, tally.orphans, tally.put_off), (2, 1, 1));
    assert_eq!(state(&client, call.id).await, RecordingState::Kept);
}

async fn a_call_that_was_not_recorded_to_its_end_says_so(db: TestDb) {
    let client = Client::new(db).await;
    let fault = Some(RecordingFault::DiskFull);
    let cut = record(&client, |made| Call { recording_fault: fault, ..made }).await;
    let none = record(&client, |made| Call { recording: None, recording_fault: fault, ..made }).await;
    record(&client, |made| made).await;
    let events = client.get("/api/v1/events?kind=call.recording_fault").await.json;
    let told: Vec<_> = events["items"].as_array().expect("events").iter().map(|event| &event["call_id"]).collect();
    assert_eq!(told, [&json!(cut.id), &json!(none.id)]);
    assert_eq!(events["items"][0]["reason"], "disk_full");
    let read = client.get(&format!("/api/v1/calls/{}", none.id)).await.json;
    assert_eq!((&read["recording_fault"], &read["recording_format"]), (&json!("disk_full"), &json!(null)));
    let mut tx = client.db.db.read().await.expect("a transaction");
    assert_eq!(call::get(&mut tx, client.org, cut.id).await.expect("a call"), cut);
    assert!(call::conversation(&mut tx, cut.id).await.expect("nothing was said") == Conversation::default());
}

async fn recordings_go_to_the_object_store_and_are_heard_from_there(db: TestDb) {
    let bucket = Bucket::start().await;
    let client = Client::stored(db, bucket.remote()).await;
    let campaign = client.campaign().await;
    let (call, wav) = recorded(&client, campaign.parse().ok()).await;
    let keeper = keeper(&client, Some(bucket.remote()));
    keeper.round().await.expect("a round");
    let ogg = wav.with_extension("ogg");
    let sound = fs::read(&ogg).expect("encoded");

    // It refuses more often than one recording is tried: the file stays, and the next turn takes it.
    bucket.refuse(4);
    let refused = keeper.store(&bucket.remote()).await.expect("the database answers");
    assert!(refused.is_err() && ogg.exists() && bucket.objects().is_empty());
    assert_eq!((keeper.counters.tally().not_stored, state(&client, call.id).await), (1, RecordingState::Kept));
    bucket.refuse(2);
    keeper.store(&bucket.remote()).await.expect("the database answers").expect("it was tried again");
    let name = format!("of/us/2026-11-22/{}.ogg", call.id);
    assert_eq!(bucket.objects().get(&name), Some(&sound));
    assert_eq!((ogg.exists(), state(&client, call.id).await), (false, RecordingState::Stored));

    let path = format!("/api/v1/calls/{}/recording", call.id);
    let whole = client.get(&path).await;
    assert!(whole.status == 200 && whole.bytes == sound, "{}", whole.status);
    let part = client.send_with(&[("range", "bytes=50-149")], "GET", &path, None, Body::empty()).await;
    assert!(part.status == 206 && part.bytes == sound[50..150]);
    let asked = bucket.asked("GET");
    assert_eq!(client.send("HEAD", &path, None, Body::empty()).await.status, 200);
    assert_eq!(bucket.asked("GET"), asked, "what is on record is not asked for");
    bucket.refuse(u32::MAX);
    let away = client.get(&path).await;
    assert_eq!((away.status, away.json["code"].as_str()), (503, Some("store_unavailable")));
    bucket.refuse(0);

    let view = client.get("/api/v1/recordings").await.json;
    assert_eq!((&view["waiting"], &view["to_be_stored"]), (&json!(0), &json!(0)));
    assert_eq!(client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await.status, 200);
    assert_eq!(client.delete(&format!("/api/v1/campaigns/{campaign}")).await.status, 202);
    clerk::round(&client.db.db, &client.recordings).await.expect("a round");
    assert_eq!(client.get(&path).await.status, 404);
    assert_eq!(bucket.objects().len(), 1, "the clerk has no way to the store");
    keeper.store(&bucket.remote()).await.expect("the database answers").expect("it can be removed");
    assert!(bucket.objects().is_empty());
    let deletions = bucket.asked("DELETE");
    keeper.store(&bucket.remote()).await.expect("the database answers").expect("nothing is left to do");
    assert_eq!(bucket.asked("DELETE"), deletions);
}

async fn an_object_that_is_not_the_file_leaves_the_file_where_it_is(db: TestDb) {
    let bucket = Bucket::start().await;
    let client = Client::stored(db, bucket.remote()).await;
    let (call, wav) = recorded(&client, None).await;
    let (ogg, keeper) = (wav.with_extension("ogg"), keeper(&client, Some(bucket.remote())));
    keeper.round().await.expect("a round");
    bucket.damage(true);
    keeper.store(&bucket.remote()).await.expect("the database answers").expect("the store answers");
    assert_eq!((ogg.exists(), state(&client, call.id).await), (true, RecordingState::Kept));
    assert_eq!(keeper.counters.tally().not_stored, 1);
    bucket.damage(false);

    // A long one goes in parts, each read back.
    let long = client.recordings.join("long.wav");
    let bytes: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(&long, &bytes).expect("a file");
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let parcel = Parcel { call: call.id, path: "long.wav".to_owned(), bytes: bytes.len() as u64, sha256 };
    bucket.remote().store(&long, &parcel).await.expect("it is stored");
    assert_eq!((bucket.asked("PUT part"), bucket.objects().get("of/us/long.wav") == Some(&bytes)), (2, true));
}
