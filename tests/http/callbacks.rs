//! The agenda of callbacks, through the API.

use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(callbacks_of_all_campaigns_stand_in_one_agenda);

async fn callbacks_of_all_campaigns_stand_in_one_agenda(db: TestDb) {
    let client = Client::new(db).await;
    let spring = client.campaign().await;
    let read = client.get(&format!("/api/v1/campaigns/{spring}")).await.json;
    let autumn = json!({"name": "Autumn", "assistant_id": read["assistant_id"], "trunk_id": read["trunk_id"]});
    let autumn = client.create("/api/v1/campaigns", autumn).await;
    let contact = json!({"name": "Bo", "phone": "+442079460002", "time_zone": "Europe/London"});
    let contact = client.create("/api/v1/contacts", contact).await;
    client.post(&format!("/api/v1/campaigns/{autumn}/contacts"), json!({"contact_ids": [contact]})).await;
    let planned = async |campaign: &str, at: &str| {
        let contacts = client.get(&format!("/api/v1/campaigns/{campaign}/contacts")).await.json;
        let target = contacts["items"][0]["id"].as_str().expect("an id").to_owned();
        let set = client.put(&format!("/api/v1/targets/{target}/callback"), json!({ "at": at })).await;
        assert_eq!(set.status, 200, "{}", set.json);
        target
    };
    let first = planned(&autumn, "2099-01-15T12:00:00Z").await;
    let second = planned(&spring, "2099-01-15T23:00:00Z").await;
    assert_eq!(client.post(&format!("/api/v1/campaigns/{spring}/start"), json!({})).await.status, 200);

    let agenda = async |query: &str| {
        let answer = client.get(&format!("/api/v1/callbacks?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.json);
        answer.json
    };
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["target_id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = agenda("").await;
    assert_eq!(ids(&all), [first.clone(), second.clone()]);
    let (draft, running) = (&all["items"][0], &all["items"][1]);
    assert_eq!(
        (&draft["name"], &draft["campaign_name"], &draft["phone"]),
        (&json!("Bo"), &json!("Autumn"), &json!("+442079460002"))
    );
    assert_eq!((&draft["fits"], &draft["reason"]), (&json!(false), &json!("campaign_draft")));
    assert_eq!((&running["fits"], &running["reason"]), (&json!(true), &Value::Null));
    assert_eq!(
        (&running["asked_at"], &running["planned_at"]),
        (&json!("2099-01-15T23:00:00Z"), &json!("2099-01-16T08:00:00Z"))
    );
    assert_eq!(all["missed"], json!([]));

    let page = agenda("limit=1").await;
    let rest = agenda(&format!("limit=1&after={}", page["next"].as_str().expect("there is more"))).await;
    assert_eq!((ids(&page), ids(&rest), rest.get("next")), (vec![first.clone()], vec![second.clone()], None));
    assert_eq!(ids(&agenda("from=2099-01-16T00:00:00Z").await), std::slice::from_ref(&second));
    assert_eq!(ids(&agenda("before=2099-01-16T00:00:00Z").await), std::slice::from_ref(&first));
    assert_eq!(ids(&agenda(&format!("campaign_id={spring}")).await), std::slice::from_ref(&second));

    // The campaign's period comes to end before it, and so does its hour.
    let mut body = read.as_object().expect("a campaign").clone();
    let keep = ["name", "assistant_id", "trunk_id", "schedule"];
    body.retain(|name, _| keep.contains(&name.as_str()));
    let mut narrow = body.clone();
    narrow["schedule"]["runs"][0]["slots"] = json!([{"start_min": 600, "end_min": 660}]);
    assert_eq!(client.put(&format!("/api/v1/campaigns/{spring}"), Value::Object(narrow)).await.status, 200);
    let held = agenda(&format!("campaign_id={spring}")).await["items"][0].clone();
    assert_eq!((&held["fits"], &held["reason"]), (&json!(false), &json!("outside_hours")), "{held}");
    assert_eq!(held["next_at"], "2099-01-16T10:00:00Z");
    body["schedule"]["period_end"] = json!("2098-12-31");
    assert_eq!(client.put(&format!("/api/v1/campaigns/{spring}"), Value::Object(body)).await.status, 200);
    let held = agenda(&format!("campaign_id={spring}")).await["items"][0].clone();
    assert_eq!((&held["fits"], &held["reason"], &held["next_at"]), (&json!(false), &json!("expired"), &Value::Null));

    let mut tx = client.db.db.begin().await.expect("a transaction");
    let sql = "UPDATE target SET status = 'waiting', callback_at = NULL, callback_missed_at = 7000000 WHERE id = $1";
    tx.execute(sql, callwright::args![first]).await.expect("missed");
    tx.commit().await.expect("a commit");
    let missed = agenda("").await;
    assert_eq!(ids(&missed), [second]);
    let missed = &missed["missed"][0];
    assert_eq!((&missed["target_id"], &missed["missed_at"]), (&json!(first), &json!("1970-01-01T00:00:07Z")));
    assert_eq!((&missed["planned_at"], &missed["fits"]), (&Value::Null, &json!(false)));
    let bad = client.get("/api/v1/callbacks?limit=0").await;
    assert_eq!((bad.status, &bad.json["errors"][0]["pointer"]), (422, &json!("?limit")));
}
