//! What is done to many contacts at once, and undone.

use axum::body::Body;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    many_are_held_let_go_and_taken_out,
    each_is_refused_by_itself,
    whoever_is_blocked_is_started_over,
    what_was_done_is_undone,
    what_has_happened_since_is_kept,
    many_more_than_one_answer_waits_for_are_done_behind_it,
);

struct Scene {
    client: Client,
    campaign: String,
}

impl Scene {
    /// A draft with `count` contacts, every second with the offer A.
    async fn new(db: TestDb, count: usize) -> Self {
        let client = Client::new(db).await;
        let campaign = client.campaign().await;
        let mut sheet = "name;phone;offer\n".to_owned();
        for index in 1..count {
            sheet.push_str(&format!("N{index};+44207947{index:04};{}\n", if index % 2 == 0 { "A" } else { "B" }));
        }
        let made = client.send("POST", "/api/v1/contacts/import", Some("text/csv"), Body::from(sheet)).await;
        let scene = Self { client, campaign };
        let added = scene.client.post(&scene.path("contacts"), json!({"contact_ids": made.json["contact_ids"]})).await;
        assert_eq!(added.json["added"], json!(count - 1), "{}", added.json);
        scene
    }

    fn path(&self, verb: &str) -> String {
        format!("/api/v1/campaigns/{}/{verb}", self.campaign)
    }

    async fn bulk(&self, body: Value) -> Answer {
        self.client.post(&self.path("contacts/bulk"), body).await
    }

    async fn undo(&self, bulk: &Answer) -> Answer {
        self.client.post(&format!("/api/v1/bulk/{}/undo", bulk.json["id"].as_str().expect("an id")), json!({})).await
    }

    /// How many contacts are in each state.
    async fn states(&self) -> Value {
        self.client.get(&self.path("progress")).await.json["by_state"].clone()
    }

    async fn targets(&self, query: &str) -> Vec<Value> {
        let listed = self.client.get(&format!("{}?limit=1000&{query}", self.path("contacts"))).await;
        listed.json["items"].as_array().expect("contacts").clone()
    }
}

fn outcomes(answer: &Answer) -> Value {
    let outcomes = answer.json["outcomes"].as_array().expect("outcomes").iter();
    outcomes
        .map(|one| (one["outcome"].as_str().unwrap_or("").to_owned(), one["contacts"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn many_are_held_let_go_and_taken_out(db: TestDb) {
    let scene = Scene::new(db, 9).await;
    for (body, states) in [
        (json!({"act": "suspend", "filter": {"variable": "offer:A"}}), json!({"suspended": 4, "waiting": 5})),
        (json!({"act": "suspend", "filter": {"state": "suspended"}}), json!({"suspended": 4, "waiting": 5})),
        (
            json!({"act": "resume", "filter": {"state": ["suspended"], "search": "N2"}}),
            json!({"suspended": 3, "waiting": 6}),
        ),
        (json!({"act": "reject", "filter": {"search": "n1"}}), json!({"suspended": 3, "waiting": 5, "rejected": 1})),
        (json!({"act": "approve", "filter": {"state": "rejected"}}), json!({"suspended": 3, "waiting": 6})),
        (json!({"act": "remove", "filter": {}}), json!({"removed": 9})),
    ] {
        let done = scene.bulk(body.clone()).await;
        assert_eq!(
            (done.status, &done.json["state"], &done.json["left"]),
            (200, &json!("done"), &json!(0)),
            "{}",
            done.json
        );
        assert_eq!(scene.states().await, states, "{body}: {}", done.json);
    }
    let one = scene.targets("sort=name").await[0]["id"].clone();
    let first = scene.bulk(json!({"act": "priority", "ids": [one], "priority": 7})).await;
    assert_eq!(outcomes(&first), json!({"not_allowed_in_state": 1}), "it was taken out");
}

async fn whoever_is_blocked_is_started_over(db: TestDb) {
    let scene = Scene::new(db, 4).await;
    for contact in scene.targets("search=N").await {
        scene.client.create("/api/v1/suppressions", json!({"phone": contact["phone"]})).await;
    }
    assert_eq!(scene.client.post(&scene.path("start"), json!({})).await.status, 200);
    let dialing = callwright::store::dialing::Dialing::new(&scene.client.db.db, std::time::Duration::from_secs(30));
    dialing.promote(scene.campaign.parse().expect("an id"), 10).await.expect("promoted");
    let blocked = scene.states().await["blocked"].as_u64().expect("some are blocked");
    assert!(blocked >= 3, "{blocked}");
    let done = scene.bulk(json!({"act": "restart", "filter": {"state": "blocked"}})).await;
    assert_eq!(outcomes(&done), json!({"changed": blocked}), "{}", done.json);
    assert_eq!(scene.states().await.get("blocked"), None);
    let again = scene.targets("search=N").await;
    assert!(again.iter().all(|target| target["round"] == 2), "a new round: {again:?}");
}

async fn each_is_refused_by_itself(db: TestDb) {
    let scene = Scene::new(db, 4).await;
    let all = scene.targets("sort=name").await;
    let id = |index: usize| all[index]["id"].as_str().expect("an id").to_owned();
    scene.client.post(&format!("/api/v1/targets/{}/suspend", id(0)), json!({})).await;
    let stranger = "0190f3c4-7b1a-7000-8000-000000000001";
    let ids = json!([id(0), id(1), stranger, id(1)]);
    let done = scene.bulk(json!({"act": "suspend", "ids": ids})).await;
    assert_eq!(outcomes(&done), json!({"changed": 1, "not_allowed_in_state": 1, "not_found": 1}), "{}", done.json);
    assert_eq!((&done.json["seen"], &done.json["changed"]), (&json!(3), &json!(1)));
    let refused =
        done.json["outcomes"].as_array().expect("outcomes").iter().find(|one| one["outcome"] == "not_allowed_in_state");
    assert_eq!(refused.expect("it")["reason"], "a target that is suspended cannot suspend");
    let path = format!("/api/v1/bulk/{}", done.json["id"].as_str().expect("an id"));
    assert_eq!(scene.client.get(&path).await.json, done.json);
    let told = scene.client.get(&format!("{path}/contacts?outcome=not_allowed_in_state")).await.json;
    assert_eq!(
        told["items"],
        json!([{"target_id": id(0), "outcome": "not_allowed_in_state", "reason": "a target that is suspended cannot suspend"}])
    );
    assert_eq!(
        scene.client.get(&format!("{path}/contacts?limit=2")).await.json["items"].as_array().expect("two").len(),
        2
    );

    let call = scene.bulk(json!({"act": "call", "ids": [id(1)]})).await;
    let told = &call.json["outcomes"][0];
    assert_eq!(
        (&told["outcome"], &told["reason"]),
        (&json!("not_allowed_in_state"), &json!("a campaign that is draft places no call"))
    );
    let undone = scene.undo(&call).await;
    assert_eq!((undone.status, undone.json["code"].as_str()), (409, Some("no_undo")), "{}", undone.json);
    for (body, pointer, code) in [
        (json!({"act": "suspend"}), "/filter", "missing_field"),
        (json!({"act": "suspend", "ids": [], "filter": {}}), "/filter", "too_many"),
        (json!({"act": "priority", "filter": {}}), "/priority", "missing_field"),
        (json!({"act": "suspend", "filter": {}, "priority": 1}), "/priority", "unknown_field"),
        (json!({"act": "priority", "filter": {}, "priority": 1001}), "/priority", "rule"),
        (json!({"act": "suspend", "filter": {}, "start": true}), "/start", "unknown_field"),
        (json!({"act": "suspend", "filter": {"colour": "red"}}), "/filter/colour", "unknown_field"),
        (json!({"act": "dance", "filter": {}}), "/act", "unknown_value"),
    ] {
        let refused = scene.bulk(body.clone()).await;
        let error = &refused.json["errors"][0];
        assert_eq!((refused.status, &error["pointer"], &error["code"]), (422, &json!(pointer), &json!(code)), "{body}");
    }
    scene.client.post(&scene.path("start"), json!({})).await;
    scene.client.post(&scene.path("cancel"), json!({})).await;
    assert_eq!(scene.bulk(json!({"act": "remove", "filter": {}})).await.status, 409, "it is over");
    assert_eq!(scene.undo(&done).await.status, 409);
}

async fn what_was_done_is_undone(db: TestDb) {
    let scene = Scene::new(db, 6).await;
    let all = scene.targets("sort=name").await;
    let id = |index: usize| all[index]["id"].as_str().expect("an id").to_owned();
    scene.client.put(&format!("/api/v1/targets/{}/callback", id(1)), json!({"at": "2099-01-15T12:00:00Z"})).await;
    scene.client.post(&format!("/api/v1/targets/{}/suspend", id(2)), json!({})).await;
    scene.client.post(&format!("/api/v1/targets/{}/reject", id(3)), json!({})).await;
    let before = scene.targets("sort=name").await;
    for body in [
        json!({"act": "remove", "filter": {}}),
        json!({"act": "suspend", "filter": {}}),
        json!({"act": "reject", "filter": {}}),
        json!({"act": "approve", "filter": {}}),
        json!({"act": "priority", "filter": {}, "priority": 9}),
    ] {
        let done = scene.bulk(body.clone()).await;
        assert_ne!(scene.targets("sort=name").await, before, "{body}");
        let undone = scene.undo(&done).await;
        assert_eq!((undone.status, &undone.json["state"]), (200, &json!("undone")), "{body}: {}", undone.json);
        assert_eq!(outcomes(&undone)["restored"], done.json["changed"], "{body}: {}", undone.json);
        assert_eq!(scene.targets("sort=name").await, before, "{body}: all is as before");
        assert_eq!(scene.undo(&done).await.status, 409, "once");
    }
    let done = scene.bulk(json!({"act": "remove", "filter": {}})).await;
    scene.client.db.db.shift_clock(3_601_000_000);
    let late = scene.undo(&done).await;
    assert_eq!((late.status, late.json["code"].as_str()), (409, Some("no_undo")), "{}", late.json);
    assert!(late.json["detail"].as_str().is_some_and(|detail| detail.contains("within an hour")), "{}", late.json);
}

async fn what_has_happened_since_is_kept(db: TestDb) {
    let scene = Scene::new(db, 3).await;
    let all = scene.targets("sort=name").await;
    let first = all[0]["id"].as_str().expect("an id").to_owned();
    let held = scene.bulk(json!({"act": "suspend", "filter": {}})).await;
    assert_eq!(held.json["changed"], 3);
    scene.client.post(&format!("/api/v1/targets/{first}/resume"), json!({})).await;
    scene.client.put(&format!("/api/v1/targets/{first}/callback"), json!({"at": "2099-01-15T12:00:00Z"})).await;
    let undone = scene.undo(&held).await;
    assert_eq!(outcomes(&undone), json!({"restored": 2, "kept": 1}), "{}", undone.json);
    assert_eq!(scene.states().await, json!({"callback": 1, "waiting": 2}));
}

async fn many_more_than_one_answer_waits_for_are_done_behind_it(db: TestDb) {
    let scene = Scene::new(db, 1100).await;
    let begun = scene.bulk(json!({"act": "suspend", "filter": {}})).await;
    assert_eq!((begun.status, &begun.json["state"]), (202, &json!("running")), "{}", begun.json);
    assert_eq!((&begun.json["seen"], &begun.json["left"]), (&json!(1000), &json!(100)));
    assert_eq!(scene.undo(&begun).await.status, 409, "it is not finished");
    // Added meanwhile: it is not for them.
    let late = scene.client.create("/api/v1/contacts", json!({"name": "Late"})).await;
    scene.client.post(&scene.path("contacts"), json!({"contact_ids": [late]})).await;
    callwright::app::clerk::round(&scene.client.db.db, &scene.client.recordings).await.expect("a round");
    let path = format!("/api/v1/bulk/{}", begun.json["id"].as_str().expect("an id"));
    let done = scene.client.get(&path).await;
    assert_eq!(
        (&done.json["state"], &done.json["seen"], &done.json["left"]),
        (&json!("done"), &json!(1100), &json!(0))
    );
    assert_eq!(scene.states().await, json!({"suspended": 1100, "waiting": 1}));
    let undoing = scene.undo(&done).await;
    assert_eq!((undoing.status, &undoing.json["state"], &undoing.json["left"]), (202, &json!("undoing"), &json!(100)));
    callwright::app::clerk::round(&scene.client.db.db, &scene.client.recordings).await.expect("a round");
    assert_eq!(scene.states().await, json!({"waiting": 1101}));
    scene.client.delete(&format!("/api/v1/campaigns/{}", scene.campaign)).await;
    while scene.client.get(&format!("/api/v1/campaigns/{}", scene.campaign)).await.status != 404 {
        callwright::app::clerk::round(&scene.client.db.db, &scene.client.recordings).await.expect("a round");
    }
    assert_eq!(scene.client.get(&path).await.status, 404, "it goes with its campaign");
}
