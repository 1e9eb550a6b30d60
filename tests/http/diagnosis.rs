//! Why nothing is being dialed, over REST: guards, pauses, limits and holds with their numbers and times.

use std::time::Duration;

use callwright::dialer::status::Held;
use callwright::id::{CampaignId, NodeId};
use callwright::provider::catalog::NoRoom;
use callwright::store::dialing::{ClaimRequest, Dialing, Node, Refused};
use callwright::trunk::breaker::{News, Seen};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(
    what_keeps_a_campaign_from_dialing_is_told_with_remedies,
    a_full_limit_is_told_with_its_number_and_time,
    breakers_vendors_and_costs_are_told_with_their_times,
    holds_by_hours_and_by_the_gate_are_told,
);

async fn now(client: &Client) -> Timestamp {
    client.db.db.read().await.expect("a transaction").now().await.expect("the time")
}

/// Moves the database's clock to the next time of day, UTC, by which the campaigns of these tests go.
async fn at_hour(client: &Client, hour: i8) {
    let now = now(client).await;
    let here = now.in_tz("UTC").expect("a zone");
    let then = here.with().hour(hour).minute(0).second(0).subsec_nanosecond(0).build().expect("a time");
    let then = if then < here { then.tomorrow().expect("a day") } else { then };
    client.db.db.shift_clock(then.timestamp().as_microsecond() - now.as_microsecond());
}

/// A campaign that dials, with three contacts, and a node that claims for it.
struct Scene {
    client: Client,
    campaign: String,
    dialing: Dialing,
    node: Node,
}

impl Scene {
    async fn new(db: TestDb, hour: i8) -> Self {
        let client = Client::new(db).await;
        at_hour(&client, hour).await;
        let campaign = client.campaign().await;
        let mut contacts = Vec::new();
        for number in 2..4 {
            let body = json!({"name": "Bo", "phone": format!("+44207946000{number}")});
            contacts.push(client.create("/api/v1/contacts", body).await);
        }
        let added = json!({"contact_ids": contacts});
        client.post(&format!("/api/v1/campaigns/{campaign}/contacts"), added).await;
        let started = client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await;
        assert_eq!(started.status, 200, "{}", started.json);
        let dialing = Dialing::new(&client.db.db, Duration::from_secs(30));
        let node = dialing.register(NodeId::generate()).await.expect("a node");
        Self { client, campaign, dialing, node }
    }

    fn id(&self) -> CampaignId {
        self.campaign.parse().expect("an id")
    }

    /// Claims as a node does, which keeps what holds it.
    async fn claim(&self) -> Result<(), Refused> {
        self.dialing.promote(self.id(), 100).await.expect("a promotion");
        let request = ClaimRequest { node: self.node, campaign: self.id(), headroom: Duration::from_secs(20) };
        let picked = self.dialing.claim(&request).await.expect("a claim");
        self.client.dialer.after(self.id(), &picked);
        picked.result.map(|_| ())
    }

    async fn told(&self) -> Value {
        self.client.get(&format!("/api/v1/campaigns/{}/diagnosis", self.campaign)).await.json
    }
}

/// The one hold with this code: contacts and what ends it are as wanted, what can be done is said. Gives its time.
fn hold(told: &Value, code: &str, contacts: u64, waits_for: &str) -> Option<Timestamp> {
    let all: Vec<_> = told["holds"].as_array().expect("holds").iter().filter(|hold| hold["code"] == code).collect();
    let [hold] = all[..] else { panic!("{code}: {told}") };
    assert_eq!((&hold["contacts"], &hold["waits_for"]), (&json!(contacts), &json!(waits_for)), "{told}");
    assert!(waits_for == "time" || hold["remedy"].is_string(), "{told}");
    assert!(hold["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{told}");
    hold["next_at"].as_str().map(|at| at.parse().expect("a time"))
}

async fn what_keeps_a_campaign_from_dialing_is_told_with_remedies(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    let limits = json!({"calls_per_minute": 600, "max_concurrent_calls": 10, "max_active_campaigns": 0,
                        "minutes_per_month": 0});
    let set = client.put("/api/v1/organisation/limits", limits).await;
    assert_eq!(set.status, 200, "{}", set.json);
    let told = client.get(&path("diagnosis")).await.json;
    assert_eq!(hold(&told, "not_started", 1, "person"), None);
    assert_eq!(hold(&told, "plan_active_limit", 1, "campaign"), None);
    let month = hold(&told, "quota_minutes", 1, "time").expect("the next month");
    let month = month.in_tz("UTC").expect("a zone");
    assert_eq!((month.day(), month.hour(), month.minute()), (1, 0, 0));
    assert!(month.timestamp() > now(&client).await);
    let refused = client.post(&path("start"), json!({})).await;
    assert_eq!(refused.status, 409, "what is told is what a start is refused for: {}", refused.json);
}

async fn a_full_limit_is_told_with_its_number_and_time(db: TestDb) {
    let scene = Scene::new(db, 12).await;
    scene.claim().await.expect("the first");
    assert_eq!(scene.told().await["holds"], json!([]));
    let limits = json!({"calls_per_minute": 6000, "max_concurrent_calls": 1});
    let set = scene.client.put("/api/v1/organisation/limits", limits).await;
    assert_eq!(set.status, 200, "{}", set.json);
    scene.claim().await.expect_err("one call is all");
    let told = scene.told().await;
    let ends = hold(&told, "organisation_concurrency", 2, "call").expect("a call ends");
    let now = now(&scene.client).await;
    assert!(ends > now && ends <= now + Duration::from_secs(30 + 300 + 60), "{ends}");
    assert_eq!((&told["activity"], &told["next_at"]), (&json!("waiting_capacity"), &told["holds"][0]["next_at"]));
    let progress = scene.client.get(&format!("/api/v1/campaigns/{}/progress", scene.campaign)).await.json;
    assert_eq!(progress["held_by"]["code"], "organisation_concurrency", "{progress}");
}

async fn breakers_vendors_and_costs_are_told_with_their_times(db: TestDb) {
    let scene = Scene::new(db, 12).await;
    let policy = json!({"spend": {"daily_cap": 1, "time_zone": "UTC", "rates": [{"prefix": "44", "per_minute": 10}]}});
    assert_eq!(scene.client.put("/api/v1/calling-policy", policy).await.status, 200);
    scene.claim().await.expect_err("nothing may be spent");
    let told = scene.told().await;
    let midnight = hold(&told, "spend_cap", 3, "time").expect("a time").in_tz("UTC").expect("a zone");
    assert_eq!((midnight.hour(), midnight.minute(), midnight.second()), (0, 0, 0));
    let sent_at = now(&scene.client).await;
    let trunk = scene.client.get("/api/v1/trunks").await.json["items"][0]["id"].as_str().expect("an id").to_owned();
    let news = News::Fault { retry_after: Some(Duration::from_secs(120)) };
    let seen = Seen { news, number: 1, sent_at, jitter: 0.0 };
    scene.dialing.observe_trunk(trunk.parse().expect("an id"), &seen).await.expect("a breaker");
    scene.claim().await.expect_err("it is left alone");
    let until = hold(&scene.told().await, "trunk_breaker", 3, "time").expect("a time");
    assert!(until >= sent_at + Duration::from_secs(120), "{until}");
    let again = now(&scene.client).await + Duration::from_secs(2);
    scene.client.dialer.held(scene.id(), Held::by_vendors(&NoRoom::OnTheWay, again));
    assert_eq!(hold(&scene.told().await, "vendor", 3, "time"), Some(again));
}

async fn holds_by_hours_and_by_the_gate_are_told(db: TestDb) {
    let scene = Scene::new(db, 23).await;
    assert_eq!(scene.claim().await, Err(Refused::Empty));
    let told = scene.told().await;
    let opens = hold(&told, "outside_hours", 3, "time").expect("a time").in_tz("Europe/London").expect("a zone");
    assert_eq!((opens.hour(), &told["activity"]), (8, &json!("waiting_window")));
    let policy = json!({"allowed_countries": ["DE"]});
    assert_eq!(scene.client.put("/api/v1/calling-policy", policy).await.status, 200);
    at_hour(&scene.client, 12).await;
    let node = scene.dialing.register(NodeId::generate()).await.expect("a node");
    let scene = Scene { node, ..scene };
    while scene.claim().await == Err(Refused::Again) {}
    let told = scene.told().await;
    assert_eq!(hold(&told, "blocked_country_not_allowed", 3, "person"), None);
    assert_eq!((&told["next_at"], &told["activity"]), (&Value::Null, &Value::Null), "nothing happens by itself");
}
