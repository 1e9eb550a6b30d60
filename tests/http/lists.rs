//! Cases, lists, and what is done to many people at once.

use callwright::store::dialing::{ClaimRequest, Dialing};
use serde_json::{Value, json};

use crate::client::{Client, assistant, trunk};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_case_has_a_type_a_state_and_a_contact,
    many_are_tagged_at_once_and_the_rest_is_told,
    a_list_is_a_snapshot_of_whoever_fits,
    a_list_of_cases_says_what_should_be_looked_at,
    a_list_comes_into_a_campaign_with_its_names,
    contacts_that_nothing_knows_can_be_deleted_together,
);

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn contact(client: &Client, name: &str, last: u32) -> String {
    client.create("/api/v1/contacts", json!({"name": name, "phone": format!("+4420794600{last:02}")})).await
}

async fn made(client: &Client, body: Value) -> Value {
    let made = client.post("/api/v1/lists", body).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.json
}

async fn a_case_has_a_type_a_state_and_a_contact(db: TestDb) {
    let client = Client::new(db).await;
    let ada = contact(&client, "Ada", 1).await;
    let body = json!({"external_id": "AZ-1", "contact_id": ada, "case_type": "Claim", "case_status": "Open",
                      "details": {"incident": "Köln"}});
    let case = client.post("/api/v1/cases", body).await;
    assert_eq!(case.status, 201, "{}", case.json);
    assert_eq!((&case.json["case_type"]["name"], &case.json["contact"]["name"]), (&json!("Claim"), &json!("Ada")));
    client.create("/api/v1/cases", json!({"external_id": "AZ-2", "case_type": "claim", "case_status": "Closed"})).await;
    let types = client.get("/api/v1/case-types").await.json;
    assert_eq!(types["items"].as_array().map(Vec::len), Some(1), "{types}");
    assert_eq!(types["items"][0]["cases"], json!(2));
    let kind = id(&types["items"][0]);
    let open = id(&case.json["case_status"]);
    for (query, want) in [
        (format!("type_id={kind}&sort=external_id"), vec!["AZ-1", "AZ-2"]),
        (format!("status_id={open}"), vec!["AZ-1"]),
        ("search=k%C3%B6ln".to_owned(), vec!["AZ-1"]),
        ("search=ada".to_owned(), vec!["AZ-1"]),
        ("search=az-2".to_owned(), vec!["AZ-2"]),
        ("has_contact=false".to_owned(), vec!["AZ-2"]),
        ("detail=incident:K%C3%B6ln".to_owned(), vec!["AZ-1"]),
        (format!("contact_id={ada}"), vec!["AZ-1"]),
    ] {
        let found = client.get(&format!("/api/v1/cases?{query}")).await.json;
        let found: Vec<_> = found["items"].as_array().expect("cases").iter().map(|case| &case["external_id"]).collect();
        assert_eq!(found, want, "{query}");
    }
    let path = format!("/api/v1/cases/{}", id(&case.json));
    let replaced = client.put(&path, json!({"external_id": "AZ-1", "contact_id": ada})).await.json;
    assert_eq!((&replaced["case_type"], &replaced["details"]), (&Value::Null, &json!({})));
    let taken = client.post("/api/v1/cases", json!({"external_id": "AZ-1"})).await;
    assert_eq!((taken.status, &taken.json["code"]), (409, &json!("external_id_taken")));
    assert_eq!(client.delete(&format!("/api/v1/contacts/{ada}")).await.status, 409, "a case has the contact");
    assert_eq!(client.delete(&format!("/api/v1/case-types/{kind}")).await.status, 409, "a case has the type");
    let unknown = client.post("/api/v1/cases", json!({"contact_id": "0190f3c4-7b1a-7000-8000-000000000001"})).await;
    assert_eq!(unknown.json["errors"][0]["pointer"], "/contact_id");
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.delete(&format!("/api/v1/contacts/{ada}")).await.status, 204);
}

/// More than one piece: the rest is done behind the answer.
async fn many_are_tagged_at_once_and_the_rest_is_told(db: TestDb) {
    let client = Client::new(db).await;
    let mut file = "name,phone\n".to_owned();
    (0..1100).for_each(|number| file.push_str(&format!("N{number},+4420{}\n", 30_000_000 + number)));
    let done = client.send("POST", "/api/v1/contacts/import", Some("text/csv"), file.into()).await;
    assert_eq!(done.json["created"], json!(1100));
    let first = id(&client.get("/api/v1/contacts?limit=1").await.json["items"][0]);
    let gone = "0190f3c4-7b1a-7000-8000-000000000001";
    let some = json!({"act": "tag", "ids": [first, gone], "tags": ["A", "B"]});
    let some = client.post("/api/v1/contacts/bulk", some).await;
    assert_eq!((some.status, &some.json["changed"]), (200, &json!(1)), "{}", some.json);
    assert_eq!(some.json["skipped"], json!({"there is no such record": 1}));
    let all = client.post("/api/v1/contacts/bulk", json!({"act": "tag", "filter": {}, "tags": ["a"]})).await;
    assert_eq!((all.status, &all.json["seen"], &all.json["done"]), (202, &json!(1000), &json!(false)), "{}", all.json);
    callwright::app::clerk::round(&client.db.db, &client.recordings).await.expect("a round");
    let job = client.get(&format!("/api/v1/people-jobs/{}", id(&all.json))).await.json;
    assert_eq!((&job["done"], &job["changed"]), (&json!(true), &json!(1099)));
    assert_eq!(job["skipped"], json!({"it has the tags already": 1}));
    let tags = client.get("/api/v1/tags?sort=name").await.json;
    let (a, b) = (&tags["items"][0], &tags["items"][1]);
    assert_eq!((&a["contacts"], &b["contacts"]), (&json!(1100), &json!(1)));
    let filter = json!({"tag_any": [b["id"]]});
    let off = client.post("/api/v1/contacts/bulk", json!({"act": "untag", "filter": filter, "tags": ["a"]})).await;
    assert_eq!((off.status, &off.json["changed"]), (200, &json!(1)), "{}", off.json);
    for (body, pointer) in [
        (json!({"act": "tag", "filter": {}}), "/tags"),
        (json!({"act": "add_to_list", "filter": {}}), "/list_id"),
        (json!({"act": "suppress"}), "/filter"),
        (json!({"act": "suppress", "filter": {}, "ids": []}), "/filter"),
        (json!({"act": "add_to_list", "filter": {}, "list_id": gone}), "/list_id"),
    ] {
        let refused = client.post("/api/v1/contacts/bulk", body).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", refused.json);
    }
}

async fn a_list_is_a_snapshot_of_whoever_fits(db: TestDb) {
    let client = Client::new(db).await;
    let (ada, bo) = (contact(&client, "Ada", 1).await, contact(&client, "Bo", 2).await);
    let body = json!({"name": "Spring", "kind": "contacts", "obo": true, "who": {"contact_filter": {"search": "ada"}}});
    let spring = made(&client, body).await;
    assert_eq!((&spring["list"]["members"], &spring["filling"]["changed"]), (&json!(1), &json!(1)));
    let path = format!("/api/v1/lists/{}", id(&spring["list"]));
    contact(&client, "Ada Two", 3).await;
    assert_eq!(client.get(&path).await.json["members"], json!(1), "nobody comes in by itself");
    let members = |act: &str, ids: &[&String]| json!({"act": act, "who": {"contact_ids": ids}});
    let added = client.post(&format!("{path}/members"), members("add", &[&ada, &bo])).await.json;
    assert_eq!((&added["changed"], &added["skipped"]), (&json!(1), &json!({"it is in the list already": 1})));
    let listed = client.get(&format!("/api/v1/contacts?list_id={}&sort=name", id(&spring["list"]))).await.json;
    let names: Vec<_> = listed["items"].as_array().expect("contacts").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["Ada", "Bo"]);
    let out = client.post(&format!("{path}/members"), members("remove", &[&bo])).await.json;
    assert_eq!(out["changed"], json!(1));
    assert_eq!(client.delete(&format!("/api/v1/contacts/{ada}")).await.status, 204);
    assert_eq!(client.get(&path).await.json["members"], json!(0), "whoever is gone is gone from lists");
    let taken = client.post("/api/v1/lists", json!({"name": "SPRING", "kind": "cases"})).await;
    assert_eq!((taken.status, &taken.json["code"]), (409, &json!("name_taken")));
    let wrong = json!({"name": "C", "kind": "cases", "who": {"contact_filter": {}}});
    let wrong = client.post("/api/v1/lists", wrong).await;
    assert_eq!((wrong.status, &wrong.json["errors"][0]["code"]), (422, &json!("wrong_kind")), "{}", wrong.json);
    assert_eq!(client.get("/api/v1/lists?search=C").await.json["items"], json!([]), "and no list was made");
    let renamed = client.put(&path, json!({"name": "Summer", "case_type": " "})).await;
    assert_eq!((&renamed.json["name"], &renamed.json["case_type"]), (&json!("Summer"), &Value::Null));
    assert_eq!(client.delete(&path).await.status, 204);
}

async fn a_list_of_cases_says_what_should_be_looked_at(db: TestDb) {
    let client = Client::new(db).await;
    let ada = contact(&client, "Ada", 1).await;
    let twin = contact(&client, "Twin", 1).await;
    let nowhere = client.create("/api/v1/contacts", json!({"name": "No", "phone": "+881612345678"})).await;
    for (contact, kind) in [(Some(&ada), "A"), (Some(&twin), "B"), (Some(&nowhere), "A"), (None, "A")] {
        client.create("/api/v1/cases", json!({"contact_id": contact, "case_type": kind})).await;
    }
    client.create("/api/v1/suppressions", json!({"phone": "+881612345678"})).await;
    let list = made(&client, json!({"name": "All", "kind": "cases", "who": {"case_filter": {}}})).await;
    let quality = client.get(&format!("/api/v1/lists/{}/quality", id(&list["list"]))).await.json;
    for (field, want) in [
        ("members", 4),
        ("without_contact", 1),
        ("same_phone", 2),
        ("without_time_zone", 1),
        ("opted_out", 1),
        ("case_types", 2),
        ("in_active_campaign", 0),
    ] {
        assert_eq!(quality[field], json!(want), "{field} in {quality}");
    }
    assert_eq!(quality["warnings"].as_array().map(Vec::len), Some(5), "{quality}");
}

async fn a_list_comes_into_a_campaign_with_its_names(db: TestDb) {
    let client = Client::new(db).await;
    noon(&client).await;
    let ada = client.create(
        "/api/v1/contacts",
        json!({"name": "Ada", "phone": "+442079460001",
                                                       "variables": {"offer": "C", "colour": "red"}}),
    );
    let ada = ada.await;
    let case = json!({"external_id": "AZ-1", "contact_id": ada, "case_type": "Claim", "case_status": "Open",
                      "details": {"colour": "blue"}});
    client.create("/api/v1/cases", case).await;
    client.create("/api/v1/cases", json!({"external_id": "AZ-2"})).await;
    let list = json!({"name": "Spring", "kind": "cases", "company_name": "Example Ltd", "who": {"case_filter": {}}});
    let list = id(&made(&client, list).await["list"]);
    let trunk = client.create("/api/v1/trunks", trunk("Carrier")).await;
    let assistant = client.create("/api/v1/assistants", assistant("Survey")).await;
    let body = json!({"name": "Spring", "assistant_id": assistant, "trunk_id": trunk});
    let campaign = client.create("/api/v1/campaigns", body).await;
    let put = json!({"list_id": list, "overwrites": {"offer": "Z"}});
    let put = client.post(&format!("/api/v1/campaigns/{campaign}/lists"), put).await;
    assert_eq!((put.status, &put.json["filling"]["changed"]), (200, &json!(1)), "{}", put.json);
    assert_eq!(put.json["filling"]["skipped"], json!({"the case has no contact": 1}));
    let used = client.get(&format!("/api/v1/lists/{list}/quality")).await.json;
    assert_eq!(used["campaigns"][0]["id"], json!(campaign));
    let listed = client.get(&format!("/api/v1/lists?campaign_id={campaign}")).await.json;
    assert_eq!(id(&listed["items"][0]), list);
    assert_eq!(client.delete(&format!("/api/v1/lists/{list}")).await.json["code"], "in_use");
    let started = client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await;
    assert_eq!(started.status, 200, "{}", started.json);
    // Names that change now hold in the next call.
    let path = format!("/api/v1/lists/{list}");
    client.put(&path, json!({"name": "Spring", "company_name": "Other Ltd", "case_type": "Injury"})).await;
    let variables = claimed(&client, &campaign).await;
    for (name, want) in [
        ("company_name", "Other Ltd"),
        ("case_type", "Injury"),
        ("case_status", "Open"),
        ("case_id", "AZ-1"),
        ("colour", "blue"),
        ("offer", "Z"),
    ] {
        assert_eq!(variables.get(name).map(String::as_str), Some(want), "{name} in {variables:?}");
    }
}

/// The variables of the next call.
async fn claimed(client: &Client, campaign: &str) -> std::collections::BTreeMap<String, String> {
    let dialing = Dialing::new(&client.db.db, std::time::Duration::from_secs(30));
    let campaign = campaign.parse().expect("an id");
    dialing.promote(campaign, 10).await.expect("promoted");
    let node = dialing.register(callwright::id::NodeId::generate()).await.expect("a node");
    let headroom = std::time::Duration::from_secs(20);
    let picked = dialing.claim(&ClaimRequest { node, campaign, headroom }).await.expect("a claim");
    let claimed = picked.result.expect("somebody to call");
    claimed.variables.into_inner()
}

async fn noon(client: &Client) {
    let now = client.db.db.read().await.expect("a transaction").now().await.expect("a clock");
    let here = now.in_tz("Europe/London").expect("a zone");
    let noon = here.with().hour(12).minute(0).second(0).subsec_nanosecond(0).build().expect("a time");
    client.db.db.shift_clock(noon.timestamp().as_microsecond() - now.as_microsecond());
}

async fn contacts_that_nothing_knows_can_be_deleted_together(db: TestDb) {
    let client = Client::new(db).await;
    client.campaign().await;
    contact(&client, "Bo", 2).await;
    let two = json!({"name": "Cy", "phones": [{"number": "+442079460003"}, {"number": "+442079460004"}]});
    client.create("/api/v1/contacts", two).await;
    let filter = json!({"search": "cy"});
    let done = client.post("/api/v1/contacts/bulk", json!({"act": "suppress", "filter": filter})).await.json;
    assert_eq!(done["changed"], json!(1));
    assert_eq!(client.get("/api/v1/suppressions").await.json["items"].as_array().map(Vec::len), Some(2));
    let again = client.post("/api/v1/contacts/bulk", json!({"act": "suppress", "filter": filter})).await.json;
    assert_eq!(again["skipped"], json!({"it has no number, or all are suppressed": 1}));
    let gone = client.post("/api/v1/contacts/bulk", json!({"act": "delete", "filter": {}})).await.json;
    assert_eq!((&gone["changed"], &gone["skipped"]), (&json!(2), &json!({"a campaign, a case or a call knows it": 1})));
    let left = client.get("/api/v1/contacts").await.json;
    assert_eq!((left["items"].as_array().map(Vec::len), &left["items"][0]["name"]), (Some(1), &json!("Ada")));
}
