//! How trunks write numbers and callers: kept, refused with the field, and shown without a call.

use serde_json::{Value, json};

use crate::client::{Client, trunk};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_preview_shows_what_the_carrier_would_read,
    rules_that_cannot_be_used_are_refused_with_their_field,
    a_preset_says_what_is_not_given,
);

fn german() -> Value {
    let mut body = trunk("Carrier");
    body["caller_ids"] = json!(["+4930901821", "+4930901822"]);
    body["numbers"] = json!({
        "country_code": "49",
        "tech_prefix": "77#",
        "called": { "form": "national", "rules": [{ "match": "+49115", "form": "e164", "strip": 3 }] },
        "caller": { "form": "e164_without_plus" },
        "incoming_caller": { "form": "national" }
    });
    body["callers"] = json!({ "identity": "p_asserted_identity", "display_name": "Acme", "from_host": "given",
                              "domain": "acme.example" });
    body
}

async fn a_preview_shows_what_the_carrier_would_read(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.create("/api/v1/trunks", german()).await;
    let path = format!("/api/v1/trunks/{id}");
    let read = client.get(&path).await.json;
    assert_eq!(read["numbers"]["called"]["rules"][0]["match"], "+49115");
    assert_eq!(read["callers"]["domain"], "acme.example");
    let preview = format!("{path}/preview");
    let asked = json!({"to": "+4930901820", "incoming_caller": "030901823", "incoming_called": "anonymous"});
    let shown = client.post(&preview, asked).await.json;
    assert_eq!(shown["request_uri"], "sip:77#030901820@127.0.0.1:5070", "{shown}");
    assert_eq!((&shown["called"], &shown["called_rule"]), (&json!("77#030901820"), &Value::Null));
    assert_eq!(shown["to"], "<sip:77#030901820@127.0.0.1>");
    assert_eq!(shown["from"], "\"Acme\" <sip:4930901821@acme.example>");
    assert_eq!(shown["p_asserted_identity"], "\"Acme\" <sip:4930901821@acme.example>");
    assert_eq!((&shown["p_preferred_identity"], &shown["privacy"]), (&Value::Null, &Value::Null));
    assert_eq!(shown["incoming_caller"]["number"], "+4930901823");
    assert_eq!(shown["incoming_called"], json!({"number": null, "rule": null}));
    let ruled = client.post(&preview, json!({"to": "+4911512345", "caller_id": "+4930901822"})).await.json;
    assert_eq!((&ruled["called"], &ruled["called_rule"]), (&json!("77#11512345"), &json!(0)), "{ruled}");
    assert_eq!(ruled["from"], "\"Acme\" <sip:4930901822@acme.example>");

    let mut hidden = german();
    hidden["callers"]["withhold"] = json!(true);
    assert_eq!(client.put(&path, hidden).await.status, 200);
    let shown = client.post(&preview, json!({"to": "+4930901820"})).await.json;
    assert_eq!(
        (&shown["from"], &shown["privacy"]),
        (&json!("\"Anonymous\" <sip:anonymous@anonymous.invalid>"), &json!("id"))
    );
    assert_eq!(shown["p_asserted_identity"], "\"Acme\" <sip:4930901821@acme.example>");

    let bad = client.post(&preview, json!({"to": "030901820"})).await;
    assert_eq!((bad.status, &bad.json["errors"][0]["pointer"]), (422, &json!("/to")));
    let nobodys = "/api/v1/trunks/0190f3c4-7b1a-7000-8000-000000000001/preview";
    assert_eq!(client.post(nobodys, json!({"to": "+4930901820"})).await.status, 404);
}

async fn a_preset_says_what_is_not_given(db: TestDb) {
    let client = Client::new(db).await;
    let presets = client.get("/api/v1/trunk_presets").await.json;
    for preset in presets["items"].as_array().expect("presets") {
        let id = preset["id"].as_str().expect("an id");
        let body = json!({ "name": id, "preset": id, "caller_ids": ["+4930901821"], "username": "1234567t0",
                           "password": "secret", "host": "sip.carrier.example" });
        let made = client.post("/api/v1/trunks", body).await;
        assert_eq!(made.status, 201, "{id}: {}", made.json);
        assert_eq!((&made.json["numbers"], &made.json["callers"]), (&preset["numbers"], &preset["callers"]), "{id}");
    }
    let body = json!({ "name": "Filled", "preset": "sipgate", "caller_ids": ["+4930901821"], "username": "1234567t0",
                       "password": "secret" });
    let made = client.post("/api/v1/trunks", body.clone()).await.json;
    assert_eq!((&made["host"], &made["transport"]), (&json!("sipconnect.sipgate.de"), &json!("udp")), "{made}");
    let preview = format!("/api/v1/trunks/{}/preview", made["id"].as_str().expect("an id"));
    let shown = client.post(&preview, json!({"to": "+442079460001"})).await.json;
    assert_eq!(shown["from"], "<sip:1234567t0@sipconnect.sipgate.de>");
    assert_eq!(shown["p_preferred_identity"], "<sip:4930901821@sipconnect.sipgate.de>");
    let mut own = body;
    (own["name"], own["callers"]) = (json!("Own"), json!({ "withhold": true }));
    let made = client.post("/api/v1/trunks", own).await.json;
    assert_eq!(made["callers"]["from_user"], "number", "what is given stands as a whole");
    let mut plain =
        json!({ "name": "UDP", "preset": "didww", "host": "fra.eu.out.didww.com", "caller_ids": ["+4930901821"] });
    let made = client.post("/api/v1/trunks", plain.clone()).await.json;
    assert_eq!((&made["transport"], &made["port"]), (&json!("udp"), &json!(5060)));
    (plain["name"], plain["transport"]) = (json!("TLS"), json!("tls"));
    let made = client.post("/api/v1/trunks", plain).await.json;
    assert_eq!((&made["transport"], &made["port"]), (&json!("tls"), &Value::Null), "a port belongs to its transport");
    let unknown = json!({ "name": "x", "preset": "nobody", "caller_ids": ["+4930901821"] });
    let unknown = client.post("/api/v1/trunks", unknown).await.json;
    let pointers: Vec<_> =
        unknown["errors"].as_array().expect("faults").iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(pointers, ["/preset", "/host"]);
}

async fn rules_that_cannot_be_used_are_refused_with_their_field(db: TestDb) {
    let client = Client::new(db).await;
    let mut body = german();
    body["numbers"] = json!({ "called": { "form": "national", "rules": [{ "match": "030" }] } });
    body["callers"] = json!({ "from_user": "account", "domain": "acme.example" });
    let refused = client.post("/api/v1/trunks", body).await;
    assert_eq!(refused.status, 422);
    let faults = refused.json["errors"].as_array().expect("faults");
    let pointers: Vec<_> = faults.iter().map(|fault| fault["pointer"].as_str().expect("a pointer")).collect();
    let expected = [
        "/numbers/called/form",
        "/numbers/called/rules/0/match",
        "/callers/domain",
        "/callers/from_user",
        "/callers/identity",
    ];
    assert_eq!(pointers, expected, "{}", refused.json);
    let mut body = german();
    body["numbers"] = json!({ "calles": {} });
    assert_eq!(client.post("/api/v1/trunks", body).await.json["errors"][0]["pointer"], "/numbers/calles");
}
