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
        "campaign.state draft>in_progress",
        "campaign.round ->-",
        "target.state waiting>suspended",
        "campaign.state in_progress>paused",
    ];
    let (told, next) = read(&client, "", 4).await;
    assert_eq!(told, all);
    assert_eq!(read(&client, "&kind=target.state", 1).await.0, [all[2]]);
    assert_eq!(
        read(&client, &format!("&campaign_id={campaign}&kind=campaign.state,campaign.round&limit=1"), 3).await.0,
        [all[0], all[1], all[3]]
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
