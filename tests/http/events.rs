//! What happens, asked for and told.

use axum::http::header;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_reader_that_takes_nothing_is_let_go_and_readers_are_bounded,
    a_reader_whose_key_is_revoked_is_let_go,
    contacts_that_are_added_are_told_with_their_number,
    what_happened_is_read_from_a_cursor_on,
    an_answer_waits_for_an_event,
    a_stream_goes_on_where_another_ended,
    what_kept_a_start_from_taking_place_is_told,
);

const EVENTS: &str = "/api/v1/events";

fn lines(answer: &Value) -> Vec<String> {
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let items = answer["items"].as_array().expect("events");
    items.iter().map(|event| format!("{} {}>{}", text(event, "kind"), text(event, "from"), text(event, "to"))).collect()
}

/// Reads until so many have come: on PostgreSQL transactions of other tests hold them back for a moment.
async fn read(client: &Client, query: &str, count: usize) -> (Vec<String>, String) {
    let (mut told, mut next) = (Vec::new(), String::new());
    for _ in 0..40 {
        let answer = client.get(&format!("{EVENTS}?wait=1{query}{next}")).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        told.extend(lines(&answer.json));
        next = format!("&after={}", answer.json["next"].as_str().expect("a cursor"));
        if told.len() >= count {
            break;
        }
    }
    (told, next)
}

async fn what_happened_is_read_from_a_cursor_on(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let verb = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    let target = client.get(&verb("contacts")).await.json["items"][0]["id"].as_str().expect("an id").to_owned();
    client.post(&verb("start"), json!({})).await;
    client.post(&format!("/api/v1/targets/{target}/suspend"), json!({})).await;
    client.post(&verb("pause"), json!({})).await;
    let all = [
        "campaign.contacts ->-",
        "campaign.state draft>in_progress",
        "campaign.round ->-",
        "target.state waiting>suspended",
        "campaign.state in_progress>paused",
    ];
    let (told, next) = read(&client, "", 5).await;
    assert_eq!(told, all);
    assert_eq!(read(&client, "&kind=target.state", 1).await.0, [all[3]]);
    assert_eq!(
        read(&client, &format!("&campaign_id={campaign}&kind=campaign.state,campaign.round&limit=1"), 3).await.0,
        [all[1], all[2], all[4]]
    );
    let rest = client.get(&format!("{EVENTS}?limit=1{next}")).await.json;
    assert_eq!((&rest["items"], &rest["more"]), (&json!([]), &json!(false)), "{rest}");
    let paused = client.get(&format!("{EVENTS}?kind=campaign.state&limit=2")).await.json["items"][1].clone();
    assert_eq!((&paused["reason"], &paused["campaign_id"]), (&json!("user"), &json!(campaign)), "{paused}");
    let from_now = client.get(&format!("{EVENTS}?after=latest")).await.json;
    assert_eq!(from_now["items"], json!([]));
    for (query, pointer) in [("after=x", "?after"), ("limit=0", "?limit"), ("wait=26", "?wait")] {
        let refused = client.get(&format!("{EVENTS}?{query}")).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{query}");
    }
    assert_eq!(client.get(&format!("{EVENTS}?kind=lunch")).await.status, 400);
    let plain = client.get(&format!("{EVENTS}/stream")).await;
    assert_eq!((plain.status, plain.json["code"].as_str()), (400, Some("malformed")), "{}", plain.json);
}

async fn an_answer_waits_for_an_event(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    // What came before has to be readable, lest it is what the reader waits for.
    read(&client, "", 1).await;
    let latest =
        client.get(&format!("{EVENTS}?after=latest")).await.json["next"].as_str().expect("a cursor").to_owned();
    let path = format!("{EVENTS}?after={latest}&wait=25");
    let start = async {
        // The reader is waiting by then; should it not be, it finds the event at once.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await
    };
    let (told, started) = tokio::join!(client.get(&path), start);
    assert_eq!(started.status, 200);
    assert_eq!(lines(&told.json)[0], "campaign.state draft>in_progress");
}

/// Listens until so many events have come; the cursor of the last.
async fn listen(address: &str, key: &str, after: &str, count: usize) -> (Vec<String>, String) {
    let mut request = format!("ws://{address}{EVENTS}/stream?after={after}").into_client_request().expect("a request");
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().expect("a header"));
    let (mut socket, _) = connect_async(request).await.expect("a websocket");
    let (mut told, mut cursor) = (Vec::new(), after.to_owned());
    while told.len() < count {
        let message = socket.next().await.expect("it goes on").expect("a message");
        // Pings are answered underneath.
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).expect("JSON");
        cursor = event["cursor"].as_str().expect("a cursor").to_owned();
        if event.get("kind").is_some() {
            told.extend(lines(&json!({ "items": [event] })));
        }
    }
    (told, cursor)
}

async fn a_stream_goes_on_where_another_ended(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = tokio::spawn(axum::serve(listener, client.router()).into_future());
    let verb = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    let latest =
        client.get(&format!("{EVENTS}?after=latest")).await.json["next"].as_str().expect("a cursor").to_owned();
    client.post(&verb("start"), json!({})).await;
    let (told, cursor) = listen(&address, client.key(), &latest, 2).await;
    assert_eq!(told, ["campaign.state draft>in_progress", "campaign.round ->-"]);
    // Nobody listens meanwhile.
    client.post(&verb("pause"), json!({})).await;
    let resume = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        client.post(&verb("resume"), json!({})).await
    };
    let ((told, _), _) = tokio::join!(listen(&address, client.key(), &cursor, 2), resume);
    assert_eq!(told, ["campaign.state in_progress>paused", "campaign.state paused>in_progress"], "each once");
    server.abort();
    let mut nobody = format!("ws://{address}{EVENTS}/stream").into_client_request().expect("a request");
    nobody.headers_mut().insert(header::AUTHORIZATION, "Bearer cw_wrong".parse().expect("a header"));
    assert!(connect_async(nobody).await.is_err(), "without a key there is no stream");
}

async fn what_kept_a_start_from_taking_place_is_told(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}");
    let read_back = client.get(&path).await.json;
    let target =
        client.get(&format!("{path}/contacts")).await.json["items"][0]["id"].as_str().expect("an id").to_owned();
    client.post(&format!("/api/v1/targets/{target}/remove"), json!({})).await;
    let body = json!({
        "name": "Spring", "assistant_id": read_back["assistant_id"], "trunk_id": read_back["trunk_id"],
        "scheduled_start": {"at": "2098-12-31T12:00:00"},
    });
    assert_eq!(client.put(&path, body).await.status, 200);
    let now = callwright::time::now().wall;
    let due: jiff::Timestamp = "2099-01-01T12:00:00Z".parse().expect("a time");
    client.db.db.shift_clock(due.as_microsecond() - now.as_microsecond());
    callwright::app::clerk::round(&client.db.db, &client.recordings).await.expect("a round");
    for _ in 0..40 {
        let failed = client.get(&format!("{EVENTS}?kind=campaign.start_failed&wait=1")).await.json;
        if let Some(event) = failed["items"].get(0) {
            assert_eq!(event["guards"], json!(["no_eligible_contact"]), "{event}");
            return;
        }
    }
    panic!("it was not told");
}

async fn contacts_that_are_added_are_told_with_their_number(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let mut contacts = Vec::new();
    for number in 2..5 {
        let body = json!({"name": "Bo", "phone": format!("+44207946000{number}")});
        contacts.push(client.create("/api/v1/contacts", body).await);
    }
    let path = format!("/api/v1/campaigns/{campaign}/contacts");
    for (added, ids) in [(3, &contacts[..]), (0, &contacts[1..])] {
        let answer = client.post(&path, json!({"contact_ids": ids})).await;
        assert_eq!((answer.status, &answer.json["added"]), (200, &json!(added)), "{}", answer.json);
    }
    let mut told = Value::Null;
    for _ in 0..40 {
        told = client.get(&format!("{EVENTS}?kind=campaign.contacts&wait=1")).await.json;
        if told["items"].as_array().is_some_and(|items| items.len() > 1) {
            break;
        }
    }
    let numbers: Vec<_> = told["items"].as_array().expect("events").iter().map(|event| &event["contacts"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(3)], "one for a request, none when nobody was new");
    assert!(told["items"].as_array().expect("events").iter().all(|event| event["campaign_id"] == json!(campaign)));
}

fn stream_of(address: &str, key: &str, after: &str) -> axum::http::Request<()> {
    let mut request = format!("ws://{address}{EVENTS}/stream?after={after}").into_client_request().expect("a request");
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().expect("a header"));
    request
}

async fn a_reader_that_takes_nothing_is_let_go_and_readers_are_bounded(db: TestDb) {
    let client = Client::new(db).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = tokio::spawn(axum::serve(listener, client.router()).into_future());
    // Far more than fits between a server and a reader that does not read.
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
                INSERT INTO event (org_id, at, kind, reason) SELECT $1, $2, 'campaign.round', $3 FROM n";
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    tx.execute(many, callwright::args![client.org, now, "x".repeat(2000)]).await.expect("events");
    tx.commit().await.expect("a commit");
    // Two places; the first reader takes all it is sent, the other nothing.
    let (mut good, _) = connect_async(stream_of(&address, client.key(), "latest")).await.expect("a websocket");
    let reading = tokio::spawn(async move {
        while let Some(Ok(message)) = good.next().await {
            if matches!(&message, Message::Text(text) if text.contains("campaign.contacts")) {
                return true;
            }
        }
        false
    });
    let (idle, _) = connect_async(stream_of(&address, client.key(), "0.0")).await.expect("a websocket");
    let refused = connect_async(stream_of(&address, client.key(), "latest")).await.expect_err("no place is left");
    let tokio_tungstenite::tungstenite::Error::Http(answer) = refused else { panic!("{refused}") };
    assert_eq!(answer.status().as_u16(), 503);
    let told: Value = serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).expect("a problem");
    assert_eq!(told["code"], "too_many_readers", "{told}");
    let free = async {
        loop {
            match connect_async(stream_of(&address, client.key(), "latest")).await {
                Ok((socket, _)) => return socket,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
        }
    };
    let taken = tokio::time::timeout(std::time::Duration::from_secs(60), free).await.expect("its place is free again");
    drop((idle, taken));
    // Nobody else was let go.
    client.campaign().await;
    let told = tokio::time::timeout(std::time::Duration::from_secs(60), reading).await.expect("in time");
    assert!(told.expect("no panic"), "whoever reads is not let go");
    server.abort();
}

async fn a_reader_whose_key_is_revoked_is_let_go(db: TestDb) {
    let client = Client::new(db).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = tokio::spawn(axum::serve(listener, client.router()).into_future());
    let made = client.post("/api/v1/api-keys", json!({"name": "reader", "scopes": ["admin"]})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let (id, secret) = (made.json["id"].as_str().expect("an id"), made.json["secret"].as_str().expect("a secret"));
    let (mut socket, _) = connect_async(stream_of(&address, secret, "latest")).await.expect("a websocket");
    assert!(client.delete(&format!("/api/v1/api-keys/{id}")).await.status < 300);
    let closed = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let frame = tokio::time::timeout(std::time::Duration::from_secs(60), closed).await.expect("in time");
    let frame = frame.expect("a reason");
    assert_eq!(u16::from(frame.code), 1008);
    assert!(frame.reason.contains('.'), "it has the cursor to go on from: {}", frame.reason);
    server.abort();
}
