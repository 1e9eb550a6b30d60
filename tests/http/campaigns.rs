//! Campaigns over their whole life, and what people do to single contacts of theirs.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    contacts_are_taken_in_held_and_started_over,
    a_completed_campaign_takes_contacts_and_opens_again,
    a_campaign_is_deleted,
    starts_are_scheduled_on_a_clock_on_the_wall,
    runs_are_listed_and_kept,
    callbacks_are_arranged_moved_and_dropped,
    everything_stops_at_once,
    a_diagnosis_names_what_holds_whom,
    campaigns_are_copied_and_merged,
    the_dials_of_a_run_are_exported,
);

fn codes(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.json["errors"].as_array().expect("faults");
    errors.iter().map(|e| (e["pointer"].as_str().unwrap_or(""), e["code"].as_str().unwrap_or(""))).collect()
}

async fn state(client: &Client, target: &str) -> String {
    let read = client.get(&format!("/api/v1/targets/{target}")).await;
    read.json["state"].as_str().expect("a state").to_owned()
}

async fn contacts_are_taken_in_held_and_started_over(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let contact = client.create("/api/v1/contacts", json!({"name": "Bo", "phone": "+442079460002"})).await;
    let path = format!("/api/v1/campaigns/{campaign}/contacts");
    let added = client.post(&path, json!({"contact_ids": [contact], "for_approval": true, "priority": 5})).await;
    assert_eq!((added.status, &added.json["campaign"]["state"]), (200, &json!("draft")), "{}", added.json);
    let listed = client.get(&format!("{path}?state=new")).await;
    let target = listed.json["items"][0]["id"].as_str().expect("a contact").to_owned();
    let over = |verb: &str| format!("/api/v1/targets/{target}/{verb}");
    for (verb, want) in [
        ("reject", "rejected"),
        ("approve", "waiting"),
        ("suspend", "suspended"),
        ("resume", "waiting"),
        ("remove", "removed"),
    ] {
        let done = client.post(&over(verb), json!({})).await;
        assert_eq!((done.status, done.json["state"].as_str()), (200, Some(want)), "{verb}: {}", done.json);
    }
    let again = client.post(&over("restart"), json!({})).await;
    assert_eq!((again.status, again.json["code"].as_str()), (409, Some("not_allowed_in_state")), "{}", again.json);
    assert_eq!(state(&client, &target).await, "removed");
    assert_eq!(client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await.status, 200);
    assert_eq!(client.post(&format!("/api/v1/campaigns/{campaign}/cancel"), json!({})).await.status, 200);
    let other = client.get(&format!("{path}?state=waiting")).await.json["items"][0]["id"].clone();
    let late = client.post(&format!("/api/v1/targets/{}/suspend", other.as_str().expect("an id")), json!({})).await;
    assert_eq!(late.status, 409, "a cancelled campaign's contacts stay as they are: {}", late.json);
    assert_eq!(client.get("/api/v1/targets/00000000-0000-7000-8000-000000000000").await.status, 404);
}

async fn a_completed_campaign_takes_contacts_and_opens_again(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    assert_eq!(client.post(&path("start"), json!({})).await.status, 200);
    let first = client.get(&path("contacts")).await.json["items"][0]["id"].as_str().expect("an id").to_owned();
    client.post(&format!("/api/v1/targets/{first}/remove"), json!({})).await;
    let dialing = callwright::store::dialing::Dialing::new(&client.db.db, std::time::Duration::from_secs(30));
    assert!(dialing.complete_if_done(campaign.parse().expect("an id")).await.expect("an answer"));

    let empty = client.post(&path("resume"), json!({})).await;
    assert_eq!((empty.status, codes(&empty)), (409, vec![("", "no_eligible_contact")]));
    let contact = client.create("/api/v1/contacts", json!({"name": "Bo", "phone": "+442079460002"})).await;
    let added = client.post(&path("contacts"), json!({"contact_ids": [contact]})).await;
    assert_eq!(added.json["campaign"]["state"], "completed", "a person is asked: {}", added.json);
    let resumed = client.post(&path("resume"), json!({})).await;
    assert_eq!((resumed.status, &resumed.json["state"]), (200, &json!("in_progress")), "{}", resumed.json);
    assert_eq!(resumed.json["ended_at"], Value::Null);

    let second = client.get(&format!("{}?state=waiting", path("contacts"))).await;
    let second = second.json["items"][0]["id"].as_str().expect("an id").to_owned();
    client.post(&format!("/api/v1/targets/{second}/remove"), json!({})).await;
    assert!(dialing.complete_if_done(campaign.parse().expect("an id")).await.expect("an answer"));
    let third = client.create("/api/v1/contacts", json!({"name": "Cy", "phone": "+442079460003"})).await;
    let started = client.post(&path("contacts"), json!({"contact_ids": [third], "start": true})).await;
    assert_eq!(started.json["campaign"]["state"], "in_progress", "a trigger starts it: {}", started.json);
}

async fn a_campaign_is_deleted(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}");
    assert_eq!(client.post(&format!("{path}/start"), json!({})).await.status, 200);
    for _ in 0..2 {
        let gone = client.delete(&path).await;
        assert_eq!((gone.status, &gone.json["state"]), (202, &json!("deleting")), "{}", gone.json);
    }
    assert_eq!(client.post(&format!("{path}/resume"), json!({})).await.status, 409);
    callwright::app::clerk::round(&client.db.db, &client.recordings).await.expect("a round");
    assert_eq!(client.get(&path).await.status, 404);
    assert_eq!(client.delete(&path).await.status, 404);
}

async fn starts_are_scheduled_on_a_clock_on_the_wall(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}");
    let read = client.get(&path).await.json;
    let put = |start: Value| {
        let body = json!({
            "name": "Spring", "assistant_id": read["assistant_id"], "trunk_id": read["trunk_id"],
            "schedule": {"time_zone": "Europe/Berlin"}, "scheduled_start": start,
        });
        client.put(&path, body)
    };
    let past = put(json!({"at": "2020-01-01T09:00:00"})).await;
    assert_eq!((past.status, codes(&past)), (422, vec![("/scheduled_start/at", "in_past")]));
    let nowhere = put(json!({"at": "2099-01-01T09:00:00", "time_zone": "Moon/Base"})).await;
    assert_eq!(codes(&nowhere), [("/scheduled_start/time_zone", "unknown_zone")]);
    for (wish, instant) in [
        (json!({"at": "2099-01-15T09:00:00"}), "2099-01-15T08:00:00Z"),
        (json!({"at": "2099-01-15T09:00:00", "time_zone": "America/New_York"}), "2099-01-15T14:00:00Z"),
        // The clocks skip from two to three: the next time there is.
        (json!({"at": "2099-03-29T02:30:00"}), "2099-03-29T01:00:00Z"),
        // They show it twice: the first time.
        (json!({"at": "2099-10-25T02:30:00"}), "2099-10-25T00:30:00Z"),
    ] {
        let kept = put(wish.clone()).await;
        assert_eq!((kept.status, kept.json["scheduled_start_at"].as_str()), (200, Some(instant)), "{wish}");
    }
    assert_eq!(client.post(&format!("{path}/start"), json!({})).await.status, 200);
    let late = put(json!({"at": "2099-01-15T09:00:00"})).await;
    assert_eq!((late.status, codes(&late)), (409, vec![("/scheduled_start", "fixed")]));
}

async fn runs_are_listed_and_kept(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}");
    let read = client.get(&path).await.json;
    let put = |runs: Value| {
        let body = json!({
            "name": "Spring", "assistant_id": read["assistant_id"], "trunk_id": read["trunk_id"],
            "schedule": {"time_zone": "UTC", "runs": runs},
        });
        client.put(&path, body)
    };
    let wrong = put(json!([
        {"days": {"weekdays": ["mon"]}, "channels": ["messaging"]},
        {"days": {"weekdays": ["tue"]}, "audience": "incomplete_tasks"},
        {"days": {"weekdays": ["wed"]}, "max_retries": 21, "callbacks": {"max_per_contact": 0}},
    ]))
    .await;
    let places: Vec<_> = codes(&wrong).into_iter().map(|(pointer, _)| pointer.to_owned()).collect();
    assert_eq!(
        places,
        [
            "/schedule/runs/0/channels",
            "/schedule/runs/1/audience",
            "/schedule/runs/2/max_retries",
            "/schedule/runs/2/callbacks/max_per_contact"
        ],
        "{}",
        wrong.json
    );
    let today = callwright::time::now().wall.to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |ahead: i32| today.checked_add(jiff::Span::new().days(ahead)).expect("a day").to_string();
    let runs = json!([
        {"days": {"dates": ["2000-01-03", day(2)]}},
        {"days": {"dates": [day(4)]}, "audience": "never_answered", "max_retries": 1},
    ]);
    let kept = put(runs.clone()).await;
    assert_eq!(kept.status, 200, "{}", kept.json);
    let ids = |answer: &Answer| -> Vec<Value> {
        let runs = answer.json["schedule"]["runs"].as_array().expect("runs");
        runs.iter().map(|run| run["id"].clone()).collect()
    };
    let again = put(runs).await;
    assert_eq!(ids(&kept), ids(&again), "runs in the same place are the same runs");
    let listed = client.get(&format!("{path}/runs")).await.json;
    assert_eq!((&listed["items"][1]["id"], &listed["items"][1]["state"]), (&ids(&kept)[1], &json!("upcoming")));
    assert_eq!((&listed["items"][1]["first_day"], &listed["items"][1]["max_retries"]), (&json!(day(4)), &json!(1)));
    assert_eq!(client.post(&format!("{path}/start"), json!({})).await.status, 200);
    let rewritten = put(json!([{"days": {"dates": ["2000-01-04", day(2)]}}])).await;
    assert_eq!(
        (rewritten.status, codes(&rewritten)),
        (409, vec![("/schedule/runs", "fixed")]),
        "days that have passed"
    );
    let added = put(json!([
        {"days": {"dates": ["2000-01-03", day(2)]}}, {"days": {"dates": [day(5)]}},
        {"days": {"dates": [day(6)]}},
    ]))
    .await;
    assert_eq!(added.status, 200, "runs can be added and moved later: {}", added.json);
}

async fn callbacks_are_arranged_moved_and_dropped(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let contacts = client.get(&format!("/api/v1/campaigns/{campaign}/contacts")).await.json;
    let target = contacts["items"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/targets/{target}/callback");
    let past = client.put(&path, json!({"at": "2020-01-01T12:00:00Z"})).await;
    assert_eq!((past.status, codes(&past)), (422, vec![("/at", "in_past")]));
    // The contact is in London, where it is winter.
    for (asked, planned) in
        [("2099-01-15T12:00:00Z", "2099-01-15T12:00:00Z"), ("2099-01-15T23:00:00Z", "2099-01-16T08:00:00Z")]
    {
        let set = client.put(&path, json!({"at": asked})).await;
        let got =
            (set.json["state"].as_str(), set.json["callback_at"].as_str(), set.json["callback_asked_at"].as_str());
        assert_eq!(got, (Some("callback"), Some(planned), Some(asked)), "{}", set.json);
    }
    let dropped = client.delete(&path).await;
    assert_eq!((&dropped.json["state"], &dropped.json["callback_at"]), (&json!("waiting"), &Value::Null));
    assert_eq!(client.delete(&path).await.status, 409);
}

async fn everything_stops_at_once(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    assert_eq!(client.post(&path("stop"), json!({})).await.status, 409, "a draft does not dial");
    let contacts = client.get(&path("contacts")).await.json;
    let contact = contacts["items"][0]["contact_id"].clone();
    let call = client.post(&path("call"), json!({"contact_id": contact})).await;
    assert_eq!((call.status, call.json["code"].as_str()), (409, Some("not_allowed_in_state")), "{}", call.json);
    client.post(&path("start"), json!({})).await;
    let stopped = client.post(&path("stop"), json!({})).await;
    assert_eq!(stopped.json, json!({"campaigns": [campaign], "live_calls": 0}));
    let read = client.get(&format!("/api/v1/campaigns/{campaign}")).await.json;
    assert_eq!((&read["state"], &read["pause_reason"]), (&json!("paused"), &json!("user")));
    let again = client.post(&path("stop"), json!({"end_calls": true})).await;
    assert_eq!((again.status, &again.json["campaigns"]), (200, &json!([])));
    client.post(&path("resume"), json!({})).await;
    let all = client.post("/api/v1/emergency-stop", json!({})).await;
    assert_eq!(all.json["campaigns"], json!([campaign]));
    let read = client.get(&format!("/api/v1/campaigns/{campaign}")).await.json;
    assert_eq!((&read["state"], &read["pause_reason"]), (&json!("paused"), &json!("admin")));
}

async fn a_diagnosis_names_what_holds_whom(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    let told = async || client.get(&path("diagnosis")).await.json;
    let hold = |json: &Value| (json["holds"][0]["code"].clone(), json["holds"][0]["contacts"].clone());
    assert_eq!(hold(&told().await), (json!("not_started"), json!(1)));
    client.post(&path("start"), json!({})).await;
    let due = told().await;
    assert_eq!((&due["activity"], &due["holds"]), (&json!("dialing"), &json!([])), "somebody is next: {due}");
    let contacts = client.get(&path("contacts")).await.json;
    let target = contacts["items"][0]["id"].as_str().expect("an id").to_owned();
    client.put(&format!("/api/v1/targets/{target}/callback"), json!({"at": "2099-01-15T12:00:00Z"})).await;
    let callback = told().await;
    assert_eq!(hold(&callback), (json!("callback"), json!(1)));
    assert_eq!(
        (&callback["activity"], &callback["next_at"]),
        (&json!("waiting_retry"), &json!("2099-01-15T12:00:00Z"))
    );
    client.post(&format!("/api/v1/targets/{target}/suspend"), json!({})).await;
    let suspended = told().await;
    assert_eq!(hold(&suspended), (json!("suspended"), json!(1)));
    assert_eq!((&suspended["activity"], &suspended["next_at"]), (&json!("waiting_person"), &Value::Null));
    client.post(&path("pause"), json!({})).await;
    assert_eq!(hold(&told().await), (json!("user"), json!(1)));
    client.post(&path("cancel"), json!({})).await;
    assert_eq!(hold(&told().await), (json!("over"), json!(1)));
}

async fn campaigns_are_copied_and_merged(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = |id: &str, verb: &str| format!("/api/v1/campaigns/{id}/{verb}");
    let copied = async |with: bool| {
        let body = json!({"name": "Again", "with_contacts": with});
        let copy = client.create(&path(&campaign, "duplicate"), body).await;
        let contacts = client.get(&path(&copy, "contacts")).await.json;
        (copy, contacts["items"].as_array().expect("contacts").len())
    };
    let ((copy, with), (empty, without)) = (copied(true).await, copied(false).await);
    assert_eq!((with, without), (1, 0));
    let nameless = client.post(&path(&campaign, "duplicate"), json!({"name": ""})).await;
    assert_eq!((nameless.status, codes(&nameless)), (422, vec![("/name", "rule")]));

    let merge = async |into: &str, from: &str| client.post(&path(into, "merge"), json!({"from": from})).await;
    for (into, from) in
        [(&campaign, &campaign), (&empty, &client.create("/api/v1/campaigns", other(&client).await).await)]
    {
        let refused = merge(into, from).await;
        assert_eq!((refused.status, refused.json["code"].as_str()), (409, Some("not_mergeable")), "{}", refused.json);
    }
    for (into, moved) in [(&empty, 1), (&campaign, 0)] {
        let from = if moved == 1 { &copy } else { &empty };
        let merged = merge(into, from).await;
        assert_eq!((merged.status, &merged.json["moved"]), (200, &json!(moved)), "{}", merged.json);
        assert_eq!(client.get(&format!("/api/v1/campaigns/{from}")).await.json["state"], "cancelled");
    }
    assert_eq!(merge(&campaign, &copy).await.status, 409, "it is over");
}

/// A campaign like the client's, with another assistant.
async fn other(client: &Client) -> Value {
    let assistant = client.create("/api/v1/assistants", crate::client::assistant("Other")).await;
    let trunks = client.get("/api/v1/trunks").await.json;
    json!({"name": "Other", "assistant_id": assistant, "trunk_id": trunks["items"][0]["id"]})
}

async fn the_dials_of_a_run_are_exported(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    let contact = client.create("/api/v1/contacts", json!({"name": "=1+1; \"Bo\"", "phone": "+442079460002"})).await;
    client.post(&path("contacts"), json!({"contact_ids": [contact]})).await;
    assert_eq!(client.post(&path("start"), json!({})).await.status, 200);
    let runs = client.get(&path("runs")).await.json;
    let run = runs["items"][0]["id"].as_str().expect("an id").to_owned();
    let sheet = async |run: &str| client.get(&path(&format!("runs/{run}/attempts.csv"))).await;
    let head = sheet(&run).await;
    assert_eq!((head.status, head.content_type.as_str()), (200, "text/csv; charset=utf-8"));
    assert!(head.header("content-disposition").is_some_and(|name| name.contains(&run)), "a file with a name");
    assert_eq!(String::from_utf8_lossy(&head.bytes).lines().count(), 1, "nobody was dialed");
    // Two dials of two contacts on a day of the run, and one that belongs to none.
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let listed = client.get(&format!("{}?sort=name", path("contacts"))).await.json;
    for (index, of_run) in [(0, Some(run.as_str())), (1, Some(run.as_str())), (1, None)] {
        let target = &listed["items"][index];
        let kept = callwright::store::db::Arg::Text(of_run.map(ToOwned::to_owned));
        let text = |value: &str| callwright::store::db::Arg::Text(Some(value.to_owned()));
        let id = callwright::id::AttemptId::generate().to_string();
        let dial = callwright::store::db::Arg::Int(Some(if of_run.is_some() { 1 } else { 2 }));
        let args = vec![
            text(&id),
            text(&client.org.to_string()),
            text(&campaign),
            text(target["id"].as_str().expect("an id")),
            text(target["contact_id"].as_str().expect("an id")),
            kept,
            dial,
        ];
        tx.execute(
            "INSERT INTO attempt (id, org_id, campaign_id, target_id, contact_id, run_id, dial_no, round, kind, state, live, node_id, \
             epoch, lease_until, trunk_id, caller_id, phone_hash, assistant_version_id, ring_timeout_s, max_call_duration_s, \
             send_at, send_by, claimed_at, answered_at, ended_at, disconnection_reason, immediate, technical, consumes_retry) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 'first', 'ended', FALSE, '00000000-0000-7000-8000-000000000000', 1, 0, \
             '00000000-0000-7000-8000-000000000000', '+442079460999', 'h', '00000000-0000-7000-8000-000000000000', 30, 300, 0, 0, \
             1000000, 2000000, 5500000, 'user_hangup', FALSE, FALSE, TRUE)",
            args,
        )
        .await
        .expect("a dial");
    }
    tx.commit().await.expect("a commit");
    let rows = String::from_utf8(sheet(&run).await.bytes).expect("text");
    let lines: Vec<_> = rows.lines().collect();
    assert_eq!(lines.len(), 3, "{rows}");
    assert!(lines[0].starts_with("attempt_id,contact_id,name,phone,contact_state,round,dial_no,kind,state,reason"));
    assert!(lines[1].contains("\"'=1+1; \"\"Bo\"\"\",+442079460002"), "{}", lines[1]);
    assert!(
        lines[2].contains("Ada") && lines[2].ends_with("1970-01-01T00:00:02Z,1970-01-01T00:00:05.5Z,3500"),
        "{}",
        lines[2]
    );
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert_eq!(sheet(nobody).await.status, 404);
    assert_eq!(sheet("x").await.status, 404);
}
