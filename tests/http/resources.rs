//! Every resource: the good way, the refusals, what they say.

use std::fs;
use std::time::Duration;

use axum::body::Body;
use callwright::call::quality::MediaQuality;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::id::CallId;
use callwright::pii::Pii;
use callwright::stir::verdict::{CallerIdentity, IdentityFault, IdentityStatus};
use callwright::store::call::{self, Call, Conversation, Direction, Recording};
use callwright::store::dialing::Dialing;
use callwright::trunk::breaker::{News, Seen};
use callwright::trunk::callers::Arrival;
use serde_json::{Value, json};

use crate::client::{Answer, Client, assistant, trunk};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_key_is_needed,
    contacts_are_kept_found_and_refused,
    a_sheet_is_imported,
    assistants_have_versions,
    trunks_keep_their_secret,
    a_trunk_says_who_is_vouched_for_and_who_has_to_be,
    a_trunk_says_what_its_audio_is_like,
    a_trunk_says_how_it_signals,
    a_trunk_that_was_stopped_says_why_and_until_when,
    a_campaign_has_several_trunks_in_order,
    numbers_are_suppressed,
    campaigns_are_made_and_checked,
    campaigns_run_through_their_states,
    calls_are_read_and_heard,
    what_does_not_exist_is_said_so,
);

fn pointers(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.json["errors"].as_array().expect("faults");
    errors.iter().map(|e| (e["pointer"].as_str().unwrap_or(""), e["code"].as_str().unwrap_or(""))).collect()
}

async fn a_key_is_needed(db: TestDb) {
    let client = Client::new(db).await;
    for key in ["", "wrong"] {
        let answer = client.with_key(key).send("GET", "/api/v1/contacts", None, Body::empty()).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.content_type, "application/problem+json");
        assert_eq!(answer.json["code"], "unauthorized");
    }
    for open in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(client.with_key("").send("GET", open, None, Body::empty()).await.status, 200, "{open}");
    }
}

async fn contacts_are_kept_found_and_refused(db: TestDb) {
    let client = Client::new(db).await;
    let body = json!({"name": "Änne Öz", "phone": "020 7946 0001", "country": "GB", "variables": {"offer": "A"}});
    let id = client.create("/api/v1/contacts", body).await;
    let read = client.get(&format!("/api/v1/contacts/{id}")).await;
    assert_eq!(read.json["phone"], "+442079460001");
    assert_eq!(read.json["variables"]["offer"], "A");
    let found = client.get("/api/v1/contacts?search=%C3%B6z").await;
    assert_eq!(found.json["items"][0]["id"], id.as_str(), "{}", found.json);

    let bad = client.post("/api/v1/contacts", json!({"name": "x", "phone": "12", "time_zone": "Moon/Base"})).await;
    assert_eq!(bad.status, 422);
    assert_eq!(pointers(&bad), [("/phone", "invalid_phone"), ("/time_zone", "unknown_zone")]);
    let unknown = client.post("/api/v1/contacts", json!({"nmae": "x"})).await;
    assert_eq!(pointers(&unknown), [("/nmae", "unknown_field")]);
    let text = client.send("POST", "/api/v1/contacts", Some("text/plain"), Body::from("x")).await;
    assert_eq!((text.status, text.json["code"].as_str()), (415, Some("unsupported_type")));
    let large = client.post("/api/v1/contacts", json!({"name": "x".repeat(100 << 10)})).await;
    assert_eq!((large.status, large.json["code"].as_str()), (413, Some("too_large")));

    let changed = client.put(&format!("/api/v1/contacts/{id}"), json!({"name": "Anne"})).await;
    assert_eq!((changed.status, &changed.json["phone"]), (200, &Value::Null));
    for name in ["B", "C"] {
        client.create("/api/v1/contacts", json!({"name": name})).await;
    }
    let first = client.get("/api/v1/contacts?limit=2").await;
    let next = first.json["next"].as_str().expect("a second page");
    let second = client.get(&format!("/api/v1/contacts?limit=2&after={next}")).await;
    let names = |page: &Answer| -> Vec<String> {
        let items = page.json["items"].as_array().expect("items");
        items.iter().map(|item| item["name"].as_str().unwrap_or("").to_owned()).collect()
    };
    assert_eq!((names(&first), names(&second)), (vec!["Anne".to_owned(), "B".to_owned()], vec!["C".to_owned()]));
    assert_eq!(second.json.get("next"), None);
    assert_eq!(client.get("/api/v1/contacts?limit=0").await.status, 422);
    assert_eq!(client.get("/api/v1/contacts?colour=red").await.status, 400);
    assert_eq!(client.delete(&format!("/api/v1/contacts/{id}")).await.status, 204);
    assert_eq!(client.get(&format!("/api/v1/contacts/{id}")).await.status, 404);
}

async fn a_sheet_is_imported(db: TestDb) {
    let client = Client::new(db).await;
    client.create("/api/v1/contacts", json!({"name": "Old", "phone": "+442079460001"})).await;
    let sheet = "name;phone;offer\nAda;+442079460001;A\nBen;+442079460002;B\nEve;nonsense;C\n";
    let answer = client.send("POST", "/api/v1/contacts/import", Some("text/csv"), Body::from(sheet)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let counts: Vec<_> = ["total", "created", "skipped", "failed"].map(|name| answer.json[name].as_u64()).to_vec();
    assert_eq!(counts, [Some(3), Some(1), Some(1), Some(1)]);
    assert_eq!(answer.json["rows"][0]["line"], 2);
    assert_eq!(answer.json["rows"][1]["result"], "failed");
    let id = answer.json["contact_ids"][0].as_str().expect("an id");
    assert_eq!(client.get(&format!("/api/v1/contacts/{id}")).await.json["variables"]["offer"], "B");
}

async fn assistants_have_versions(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.create("/api/v1/assistants", assistant("Survey")).await;
    let mut changed = assistant("Survey");
    changed["flow"]["nodes"][0]["say"]["text"] = json!("Good day.");
    let second = client.put(&format!("/api/v1/assistants/{id}"), changed).await;
    assert_eq!(second.json["version"], 2, "{}", second.json);
    let taken = client.post("/api/v1/assistants", assistant("Survey")).await;
    assert_eq!((taken.status, taken.json["code"].as_str()), (409, Some("name_taken")));
    let mut broken = assistant("Broken");
    broken["flow"]["nodes"][0]["say"]["next"] = json!("nowhere");
    let refused = client.post("/api/v1/assistants", broken).await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    assert!(pointers(&refused).iter().any(|(pointer, _)| pointer.starts_with("/flow/nodes/0")), "{}", refused.json);
}

async fn trunks_keep_their_secret(db: TestDb) {
    let client = Client::new(db).await;
    let mut body = trunk("Carrier");
    body["username"] = json!("user");
    body["password"] = json!("open sesame");
    body["transport"] = json!("tls");
    let id = client.create("/api/v1/trunks", body.clone()).await;
    let read = client.get(&format!("/api/v1/trunks/{id}")).await;
    assert_eq!((&read.json["has_password"], &read.json["transport"]), (&json!(true), &json!("tls")));
    assert!(!String::from_utf8_lossy(&read.bytes).contains("sesame"));
    body.as_object_mut().expect("an object").remove("password");
    body["max_channels"] = json!(7);
    let kept = client.put(&format!("/api/v1/trunks/{id}"), body).await;
    assert_eq!((&kept.json["has_password"], &kept.json["max_channels"]), (&json!(true), &json!(7)), "{}", kept.json);
    let bad = json!({"name": "x", "host": "a b", "port": 0, "caller_ids": []});
    let bad = client.post("/api/v1/trunks", bad).await;
    assert_eq!(pointers(&bad).iter().map(|(p, _)| *p).collect::<Vec<_>>(), ["/caller_ids", "/host", "/port"]);
}

async fn a_trunk_says_who_is_vouched_for_and_who_has_to_be(db: TestDb) {
    let client = Client::new(db).await;
    let mut body = trunk("Carrier");
    let path = format!("/api/v1/trunks/{}", client.create("/api/v1/trunks", body.clone()).await);
    let identity = |trunk: &Value| (trunk["identity_policy"].clone(), trunk["attestation"].clone());
    assert_eq!(identity(&client.get(&path).await.json), (json!("record"), json!("A")));
    (body["identity_policy"], body["attestation"]) = (json!("require"), json!("none"));
    assert_eq!(identity(&client.put(&path, body.clone()).await.json), (json!("require"), json!("none")));
    assert_eq!(identity(&client.get(&path).await.json), (json!("require"), json!("none")));
    body["attestation"] = json!("D");
    let bad = client.put(&path, body).await;
    assert_eq!(bad.status, 422, "{}", bad.json);
}

async fn a_trunk_says_what_its_audio_is_like(db: TestDb) {
    let client = Client::new(db).await;
    let mut body = trunk("Carrier");
    let path = format!("/api/v1/trunks/{}", client.create("/api/v1/trunks", body.clone()).await);
    let media = |trunk: &Value| (trunk["srtp"].clone(), trunk["codecs"].clone());
    assert_eq!(media(&client.get(&path).await.json), (json!("off"), json!(["pcmu", "pcma"])));
    (body["srtp"], body["codecs"]) = (json!("required"), json!(["pcma"]));
    let open = client.put(&path, body.clone()).await;
    assert_eq!((open.status, pointers(&open)), (422, vec![("/srtp", "needs_tls")]), "{}", open.json);
    assert!(open.json.to_string().contains("set transport to tls"), "it names the remedy: {}", open.json);
    body["transport"] = json!("tls");
    assert_eq!(media(&client.put(&path, body.clone()).await.json), (json!("required"), json!(["pcma"])));
    assert_eq!(media(&client.get(&path).await.json), (json!("required"), json!(["pcma"])));
    (body["srtp"], body["transport"]) = (json!("offered"), json!("udp"));
    assert_eq!(media(&client.put(&path, body.clone()).await.json), (json!("offered"), json!(["pcma"])));
    body["codecs"] = json!(["pcma", "pcma"]);
    assert_eq!(pointers(&client.put(&path, body.clone()).await), [("/codecs/1", "duplicate")]);
    body["codecs"] = json!([]);
    assert_eq!(client.put(&path, body.clone()).await.status, 422);
    let all = json!(["opus", "g722", "pcma", "pcmu", "l16_16k", "l16_8k"]);
    body["codecs"] = all.clone();
    assert_eq!(media(&client.put(&path, body.clone()).await.json), (json!("offered"), all.clone()));
    assert_eq!(media(&client.get(&path).await.json), (json!("offered"), all));
    body["codecs"] = json!(["g729"]);
    assert_eq!(client.put(&path, body).await.status, 422);
}

async fn a_trunk_says_how_it_signals(db: TestDb) {
    let client = Client::new(db).await;
    let mut body = trunk("Carrier");
    let path = format!("/api/v1/trunks/{}", client.create("/api/v1/trunks", body.clone()).await);
    let said = |trunk: &Value| {
        ["large_over_tcp", "external_signalling", "external_media", "dtmf", "redirects", "replaces"]
            .map(|field| trunk[field].clone())
    };
    let plain = [json!(false), Value::Null, Value::Null, json!("auto"), json!(0), json!(false)];
    assert_eq!(said(&client.get(&path).await.json), plain);
    let wanted = [json!(true), json!("[2001:db8::7]:5070"), json!("203.0.113.7"), json!("info"), json!(2), json!(true)];
    let fields = ["large_over_tcp", "external_signalling", "external_media", "dtmf", "redirects", "replaces"];
    fields.iter().zip(&wanted).for_each(|(field, value)| body[field] = value.clone());
    assert_eq!(said(&client.put(&path, body.clone()).await.json), wanted);
    assert_eq!(said(&client.get(&path).await.json), wanted, "it is stored");
    body["transport"] = json!("tcp");
    (body["external_signalling"], body["external_media"]) = (json!("sip.example"), json!("203.0.113.7:4000"));
    let bad = client.put(&path, body.clone()).await;
    let expected = [("/external_media", "address"), ("/external_signalling", "address"), ("/large_over_tcp", "unused")];
    assert_eq!((bad.status, pointers(&bad)), (422, expected.to_vec()), "{}", bad.json);
    assert!(bad.json.to_string().contains("203.0.113.7:5070"), "it says what to write: {}", bad.json);
    body["redirects"] = json!(5);
    assert_eq!(client.put(&path, body.clone()).await.status, 422, "each redirection is an INVITE more");
    (body["redirects"], body["dtmf"]) = (json!(0), json!("morse"));
    assert_eq!(client.put(&path, body).await.status, 422);
    assert_eq!(said(&client.get(&path).await.json), wanted, "nothing was changed");
}

async fn a_trunk_that_was_stopped_says_why_and_until_when(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.create("/api/v1/trunks", trunk("Carrier")).await;
    let path = format!("/api/v1/trunks/{id}");
    let read = client.get(&path).await.json;
    let closed = json!({"state": "closed", "cause": null, "since": null, "until": null, "rate_percent": 100.0});
    assert_eq!(read["breaker"], closed);
    let dialing = Dialing::new(&client.db.db, Duration::from_secs(30));
    let sent_at = client.db.db.read().await.expect("a transaction").now().await.expect("a clock");
    for number in 1..=5 {
        let seen = Seen { news: News::Refused, number, sent_at, jitter: 0.0 };
        dialing.observe_trunk(id.parse().expect("an id"), &seen).await.expect("kept");
    }
    let stopped = &client.get(&path).await.json["breaker"];
    assert_eq!((&stopped["state"], &stopped["cause"]), (&json!("open"), &json!("refused")), "{stopped}");
    let at =
        |field: &str| stopped[field].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).expect("a time");
    assert_eq!(at("until").duration_since(at("since")).as_secs(), 300);
    assert_eq!(client.get("/api/v1/trunks").await.json["items"][0]["breaker"], *stopped);
    let resumed = client.post(&format!("{path}/resume"), json!({})).await;
    assert_eq!((resumed.status, &resumed.json["breaker"]), (200, &closed), "{}", resumed.json);
}

async fn a_campaign_has_several_trunks_in_order(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.campaign().await;
    let path = format!("/api/v1/campaigns/{id}/trunks");
    let own = client.get(&format!("/api/v1/campaigns/{id}")).await.json["trunk_id"].clone();
    let share =
        |trunk: &Value, priority: u32, weight: u32| json!({"trunk_id": trunk, "priority": priority, "weight": weight});
    assert_eq!(
        client.get(&path).await.json,
        json!({"trunk_ids": [own], "shares": [share(&own, 1, 1)], "trunk_group_id": null})
    );
    let second = client.create("/api/v1/trunks", trunk("Second")).await;
    let third = client.create("/api/v1/trunks", trunk("Third")).await;
    let set = client.put(&path, json!({"trunk_ids": [third, second]})).await;
    let (second_id, third_id) = (Value::from(second.clone()), Value::from(third.clone()));
    let shares = [share(&own, 1, 1), share(&third_id, 2, 1), share(&second_id, 3, 1)];
    let shown = json!({"trunk_ids": [own, third, second], "shares": shares, "trunk_group_id": null});
    assert_eq!((set.status, &set.json), (200, &shown));
    assert_eq!(client.get(&path).await.json, set.json);
    // With weights: the campaign's own trunk takes three of four dials, the second one the fourth.
    let shares = [share(&own, 1, 3), share(&second_id, 1, 1), share(&third_id, 2, 1)];
    let shared = client.put(&path, json!({"shares": shares})).await;
    let shown = json!({"trunk_ids": [own, second, third], "shares": shares, "trunk_group_id": null});
    assert_eq!((shared.status, &shared.json), (200, &shown), "{}", shared.json);
    let refused = client.put(&path, json!({"shares": [share(&own, 2, 1), share(&second_id, 0, 1)]})).await;
    assert_eq!((refused.status, pointers(&refused)[0].0), (422, "/shares/1/priority"), "{}", refused.json);
    let refused = client.put(&path, json!({"shares": [share(&own, 2, 1), share(&second_id, 1, 1)]})).await;
    assert_eq!((refused.status, pointers(&refused)), (422, vec![("/shares/0", "priority")]));
    let both = client.put(&path, json!({"shares": shares, "trunk_ids": [second]})).await;
    assert_eq!((both.status, pointers(&both)), (422, vec![("/shares", "exclusive")]));
    assert_eq!(client.put(&path, json!({})).await.status, 422);
    let set = client.put(&path, json!({"trunk_ids": [third, second]})).await;
    let mut strange = trunk("Strange");
    strange["caller_ids"] = json!(["+4930555555"]);
    let strange = client.create("/api/v1/trunks", strange).await;
    let nobody = "0190f3c4-7b1a-7000-8000-000000000001";
    let refused = client.put(&path, json!({"trunk_ids": [own, strange, nobody]})).await;
    let told = [("/trunk_ids/0", "duplicate"), ("/trunk_ids/1", "caller_id"), ("/trunk_ids/2", "not_found")];
    assert_eq!((refused.status, pointers(&refused)), (422, told.to_vec()));
    let many = client.put(&path, json!({"trunk_ids": [second, third, strange, nobody]})).await;
    assert_eq!((many.status, pointers(&many)[0].0), (422, "/trunk_ids"));
    assert_eq!(client.get(&path).await.json, set.json, "a refusal changes nothing");
    let used = client.delete(&format!("/api/v1/trunks/{third}")).await;
    assert_eq!(used.status, 409, "{}", used.json);
}

async fn numbers_are_suppressed(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.create("/api/v1/suppressions", json!({"phone": "+442079460001", "note": "asked by letter"})).await;
    let again = client.post("/api/v1/suppressions", json!({"phone": "+44 20 7946 0001"})).await;
    assert_eq!((again.status, again.json["code"].as_str()), (409, Some("number_suppressed")));
    let list = client.get("/api/v1/suppressions").await;
    assert_eq!(list.json["items"][0]["source"], "manual");
    assert!(!String::from_utf8_lossy(&list.bytes).contains("79460001"));
    assert_eq!(client.delete(&format!("/api/v1/suppressions/{id}")).await.status, 204);
    assert_eq!(client.delete(&format!("/api/v1/suppressions/{id}")).await.status, 404);
}

async fn campaigns_are_made_and_checked(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.campaign().await;
    let read = client.get(&format!("/api/v1/campaigns/{id}")).await;
    assert_eq!(read.json["state"], "draft");
    assert_eq!(read.json["caller_id"], "+442079460999");
    assert_eq!(read.json["settings"]["calls_per_minute"], 10);
    let mut body = json!({
        "name": "Spring", "assistant_id": read.json["assistant_id"], "trunk_id": read.json["trunk_id"],
        "settings": {"calls_per_minute": 0, "ring_timeout_s": 5}, "schedule": {"time_zone": "Moon/Base"},
    });
    let bad = client.put(&format!("/api/v1/campaigns/{id}"), body.clone()).await;
    let places: Vec<_> = pointers(&bad).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(places, ["/settings/calls_per_minute", "/settings/ring_timeout_s", "/schedule/time_zone"]);
    body["settings"] = json!({"calls_per_minute": 60, "max_concurrent_calls": 20});
    body["schedule"] = json!({"time_zone": "Europe/Berlin"});
    let good = client.put(&format!("/api/v1/campaigns/{id}"), body.clone()).await;
    assert_eq!((good.status, &good.json["settings"]["calls_per_minute"]), (200, &json!(60)), "{}", good.json);
    assert_eq!(
        good.json["disclosure"],
        json!({"ai": false, "recording": false}),
        "nothing is demanded unless asked for"
    );
    body["disclosure"] = json!({"ai": true, "ai_text": "Hi {{ name }}.", "recording_text": "We record."});
    let bad = client.put(&format!("/api/v1/campaigns/{id}"), body.clone()).await;
    assert_eq!(pointers(&bad), [("/disclosure/ai_text", "invalid"), ("/disclosure/recording_text", "invalid")]);
    body["disclosure"] = json!({"ai": true, "aloud": true});
    let bad = client.put(&format!("/api/v1/campaigns/{id}"), body.clone()).await;
    assert_eq!(pointers(&bad), [("/disclosure/aloud", "unknown_field")]);
    body["disclosure"] = json!({"ai": true, "ai_text": "A robot is speaking.", "recording": true});
    let good = client.put(&format!("/api/v1/campaigns/{id}"), body.clone()).await;
    assert_eq!((good.status, &good.json["disclosure"]), (200, &body["disclosure"]), "{}", good.json);
    body["caller_id"] = json!("+442079460998");
    let foreign = client.put(&format!("/api/v1/campaigns/{id}"), body).await;
    assert_eq!(pointers(&foreign), [("/caller_id", "not_of_trunk")]);
}

async fn campaigns_run_through_their_states(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.campaign().await;
    let path = |verb: &str| format!("/api/v1/campaigns/{id}/{verb}");
    let progress = client.get(&path("progress")).await;
    assert_eq!((progress.json["total"].as_u64(), progress.json["pending"].as_u64()), (Some(1), Some(1)));
    assert_eq!(client.post(&path("pause"), json!({})).await.json["code"], "not_allowed_in_state");
    for (verb, state) in
        [("start", "in_progress"), ("pause", "paused"), ("resume", "in_progress"), ("cancel", "cancelled")]
    {
        let moved = client.post(&path(verb), json!({})).await;
        assert_eq!((moved.status, moved.json["state"].as_str()), (200, Some(state)), "{verb}: {}", moved.json);
    }
    let over = client.post(&path("resume"), json!({})).await;
    assert_eq!((over.status, over.json["code"].as_str()), (409, Some("not_allowed_in_state")));
    assert_eq!(client.get("/api/v1/campaigns?state=cancelled").await.json["items"][0]["id"], id.as_str());
    assert_eq!(client.get(&path("attempts")).await.json["items"], json!([]));

    let read = client.get(&format!("/api/v1/campaigns/{id}")).await;
    let empty = json!({"name": "Empty", "assistant_id": read.json["assistant_id"], "trunk_id": read.json["trunk_id"],
                       "schedule": {"time_zone": "UTC", "period_end": "2020-01-01"}});
    let empty = client.create("/api/v1/campaigns", empty).await;
    let refused = client.post(&format!("/api/v1/campaigns/{empty}/start"), json!({})).await;
    assert_eq!((refused.status, refused.json["code"].as_str()), (409, Some("start_guards")));
    assert_eq!(pointers(&refused), [("", "no_eligible_contact"), ("/schedule/period_end", "period_over")]);
}

/// How good its audio was.
fn quality() -> MediaQuality {
    serde_json::from_value(json!({
        "codec": "PCMA", "encrypted": false,
        "heard": {
            "packets": 75, "lost": 1, "late": 0, "foreign": 0, "dropped": 0, "jitter_ms": 2.5, "jitter_peak_ms": 4.0,
            "buffer_ms": 20.0, "concealed_ms": 20, "mos": 4.2,
        },
        "said": { "packets": 75, "reported": null, "mos": null },
        "round_trip": { "mean_ms": 48.3, "most_ms": 60.1 },
    }))
    .expect("it is one")
}

/// The record of a call that is over.
pub(crate) async fn over(client: &Client) -> Call {
    record(client, |call| call).await
}

/// The record of a call that is over, as it is made of the usual one.
pub(crate) async fn record(client: &Client, make: impl FnOnce(Call) -> Call) -> Call {
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let now = tx.now().await.expect("a clock");
    let recorded = make(Call {
        id: CallId::generate(),
        org: client.org,
        direction: Direction::Inbound,
        campaign: None,
        target: None,
        attempt: None,
        contact: None,
        assistant_version: None,
        trunk: None,
        from: Pii::new("+442079460001".to_owned()),
        to: Pii::new("+442079460999".to_owned()),
        started_at: now,
        answered_at: Some(now),
        ended_at: now + jiff::SignedDuration::from_millis(1500),
        reason: DisconnectionReason::UserHangup,
        sip_code: Some(200),
        q850: None,
        ended_by: None,
        answered_by: None,
        recording: Some(Recording { path: "a/b.wav".to_owned(), ms: 1500 }),
        recording_fault: None,
        success: false,
        interrupted: false,
        replay: Some("a/b.replay.gz".to_owned()),
        transfer: None,
        identity: Some(CallerIdentity {
            status: IdentityStatus::Failed,
            attestation: None,
            fault: Some(IdentityFault::Stale),
            origid: None,
            signer: None,
        }),
        arrival: Arrival::default(),
        quality: Some(quality()),
    });
    call::insert(&mut tx, &recorded, &Conversation::default()).await.expect("kept");
    tx.commit().await.expect("committed");
    recorded
}

async fn calls_are_read_and_heard(db: TestDb) {
    let client = Client::new(db).await;
    let recorded = over(&client).await;

    let path = format!("/api/v1/calls/{}", recorded.id);
    let read = client.get(&path).await;
    assert_eq!((read.json["duration_ms"].as_i64(), read.json["reason"].as_str()), (Some(1500), Some("user_hangup")));
    assert_eq!(client.get(&format!("{path}/recording")).await.status, 404);
    fs::create_dir_all(client.recordings.join("a")).expect("a folder");
    fs::write(client.recordings.join("a/b.wav"), b"RIFFdata").expect("a file");
    let heard = client.get(&format!("{path}/recording")).await;
    assert_eq!((heard.status, heard.bytes.as_slice()), (200, b"RIFFdata".as_slice()));
    assert!(heard.content_type.contains("wav"), "{}", heard.content_type);
    assert_eq!(read.json["has_replay"], true);
    let identity = json!({"status": "failed", "attestation": null, "fault": "stale", "origid": null, "signer": null});
    assert_eq!(read.json["caller_identity"], identity);
    assert_eq!(read.json["quality"], serde_json::to_value(quality()).expect("JSON"), "all of it is kept");
    assert!(client.get("/api/v1/calls").await.json["items"][0].get("quality").is_none(), "lists are short");
    assert_eq!(client.get(&format!("{path}/replay")).await.status, 404);
    fs::write(client.recordings.join("a/b.replay.gz"), b"lines").expect("a file");
    let replay = client.get(&format!("{path}/replay")).await;
    assert_eq!((replay.status, replay.bytes.as_slice()), (200, b"lines".as_slice()));
    assert_eq!(replay.content_type, "application/gzip");
}

async fn what_does_not_exist_is_said_so(db: TestDb) {
    let client = Client::new(db).await;
    for path in ["/api/v1/contacts/nonsense", "/api/v1/calls/00000000-0000-7000-8000-000000000000", "/api/v1/nonsense"]
    {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (404, Some("not_found")), "{path}: {}", answer.json);
        assert_eq!(answer.content_type, "application/problem+json");
    }
    let wrong = client.delete("/api/v1/contacts").await;
    assert_eq!((wrong.status, wrong.json["code"].as_str()), (405, Some("method_not_allowed")));
}
