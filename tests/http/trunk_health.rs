//! How a trunk is doing, seen through the API: OPTIONS and registrations over real sockets, with carriers written by hand.

use std::net::Ipv4Addr;

use callwright_sip::message::Method;
use serde_json::{Value, json};

use crate::db::TestDb;
use crate::on_both;
use crate::registrations::{Node, Peer};

on_both!(
    a_trunk_whose_server_is_silent_is_left_alone_until_it_answers,
    a_trunk_that_is_not_registered_is_left_alone_and_says_so,
    a_trunk_that_nothing_is_known_of_is_up,
);

impl Node {
    async fn health(&self, trunk: &str) -> Value {
        let answer = self.client.get(&format!("/api/v1/trunks/{trunk}/health")).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }
}

async fn a_trunk_whose_server_is_silent_is_left_alone_until_it_answers(db: TestDb) {
    let node = Node::new(db).await;
    let carrier = Peer::at(Ipv4Addr::LOCALHOST).await;
    let body = json!({
        "name": "Carrier", "host": "127.0.0.1", "port": carrier.port(), "caller_ids": ["+442079460999"],
        "options_s": 5, "calls_per_minute": 120,
    });
    let id = node.client.create("/api/v1/trunks", body).await;
    let asked = carrier.answer(Method::Options, 200).await;
    assert_eq!(asked.uri.host.to_string(), "127.0.0.1");
    let health = node.health(&id).await;
    assert_eq!(
        (&health["state"], &health["reason"], &health["host_fault"]),
        (&json!("up"), &Value::Null, &Value::Null)
    );
    assert_eq!(health["options"]["interval_s"], 5);
    assert!(health["kept_by"]["node_id"].is_string(), "{health}");
    // 503 is its own word that it cannot: three in a row.
    for _ in 0..3 {
        carrier.answer(Method::Options, 503).await;
    }
    node.shows(&id, "/breaker/cause", &json!("silent")).await;
    let health = node.health(&id).await;
    assert_eq!((&health["state"], &health["options"]["state"]), (&json!("down"), &json!("down")), "{health}");
    assert_eq!(health["reason"], "no server of the trunk answers OPTIONS");
    assert!(health["until"].is_string(), "{health}");
    let server = &health["servers"][0];
    assert_eq!((&server["options"], &server["options_status"]), (&json!("down"), &json!(503)), "{health}");
    assert_eq!((&server["transport"], &server["reachable"]), (&json!("udp"), &json!(true)));
    assert_eq!(
        (&health["rate"]["calls_per_minute"], &health["rate"]["allowed_per_minute"]),
        (&json!(120), &json!(60.0))
    );
    carrier.answer(Method::Options, 200).await;
    node.shows(&id, "/breaker/state", &json!("half_open")).await;
    let health = node.health(&id).await;
    assert_eq!((&health["state"], &health["until"]), (&json!("trying"), &Value::Null), "one call may: {health}");
}

async fn a_trunk_that_is_not_registered_is_left_alone_and_says_so(db: TestDb) {
    let node = Node::new(db).await;
    let registrar = Peer::at(Ipv4Addr::LOCALHOST).await;
    let body = json!({
        "name": "Carrier", "host": "127.0.0.1", "port": registrar.port(), "caller_ids": ["+442079460999"],
        "username": "4930123", "password": "secret", "register": true,
    });
    let id = node.client.create("/api/v1/trunks", body).await;
    registrar.register(403).await;
    node.shows(&id, "/breaker/cause", &json!("unregistered")).await;
    let health = node.health(&id).await;
    assert_eq!((&health["state"], &health["registration"]["status"]), (&json!("down"), &json!(403)), "{health}");
    assert_eq!(health["reason"], "the trunk's carrier does not register us any more");
    // Granted on the next try, it may carry calls again: one finds out.
    let mut body = node.client.get(&format!("/api/v1/trunks/{id}")).await.json;
    for shown in ["id", "version", "has_password", "registration", "bound_until", "breaker", "created_at", "updated_at"]
    {
        body.as_object_mut().expect("an object").remove(shown);
    }
    body["password"] = json!("another");
    assert_eq!(node.client.put(&format!("/api/v1/trunks/{id}"), body).await.status, 200);
    tokio::spawn(async move {
        loop {
            registrar.register(200).await;
        }
    });
    node.shows(&id, "/registration/state", &json!("registered")).await;
    for _ in 0..100 {
        if node.health(&id).await["state"] != "down" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it is registered, and left alone all the same: {}", node.health(&id).await);
}

async fn a_trunk_that_nothing_is_known_of_is_up(db: TestDb) {
    let node = Node::new(db).await;
    let body =
        json!({ "name": "Carrier", "host": "carrier.invalid", "caller_ids": ["+442079460999"], "max_channels": 7 });
    let id = node.client.create("/api/v1/trunks", body).await;
    let health = node.health(&id).await;
    assert_eq!((&health["state"], &health["kept_by"], &health["servers"]), (&json!("up"), &Value::Null, &json!([])));
    assert!(health["host_fault"].as_str().is_some_and(|fault| fault.contains("host name")), "{health}");
    assert_eq!((&health["options"]["state"], &health["registration"]["state"]), (&json!("unknown"), &json!("off")));
    assert_eq!(health["channels"], json!({ "live": 0, "most": 7 }));
    let nothing = json!({ "dials": 0, "answered": 0, "asr_percent": null, "acd_s": null, "pdd_p50_ms": null,
                          "pdd_p95_ms": null, "since": null });
    assert_eq!((&health["last_hour"], &health["last_day"]), (&nothing, &nothing));
    let other = node.client.get("/api/v1/trunks/018f0000-0000-7000-8000-000000000000/health").await;
    assert_eq!(other.status, 404);
}
