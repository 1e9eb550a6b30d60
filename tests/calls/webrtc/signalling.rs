//! Offers and answers over HTTP, without a browser.

use super::*;

/// An offer as a browser makes it, shortened to what matters.
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlcA\r\n\
a=fingerprint:sha-256 75:74:5A:A6:A4:E5:52:F4:A7:67:4C:01:C7:EE:91:3F:21:3D:A2:E3:53:7B:6F:30:86:F2:30:AA:65:FB:04:24\r\n\
a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\n";
const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

fn fragment(ufrag: &str) -> String {
    format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlcA\r\na=end-of-candidates\r\n")
}

#[tokio::test]
async fn a_session_is_answered_named_told_more_and_ended() {
    let studio = Studio::open(58_000).await;
    let (key, assistant) = (studio.desk.key.clone(), studio.assistant().await);
    let path = format!("/api/v1/assistants/{assistant}/talk");
    let reply = studio.send("POST", &path, &key, SDP, OFFER).await;
    assert_eq!((reply.status, reply.header(header::CONTENT_TYPE)), (201, SDP), "{}", reply.json());
    let answer = std::str::from_utf8(&reply.body).expect("text");
    assert!(answer.contains("a=ice-lite\r\n") && answer.contains(" 127.0.0.1 "), "{answer}");
    assert_eq!(reply.header(header::LINK), r#"<stun:stun.example.net>; rel="ice-server""#);
    assert!(reply.header("callwright-call").len() == 36);
    let (location, tag) = (reply.header(header::LOCATION).to_owned(), reply.header(header::ETAG).to_owned());
    assert!(location.starts_with(&format!("{path}/")) && tag.starts_with('"'), "{location} {tag}");

    let told = studio.send_if("PATCH", &location, &key, (FRAGMENT, Some(tag.as_str())), fragment("4ZcD")).await;
    assert_eq!(told.status, 204, "{}", told.json());
    let changed = studio.send_if("PATCH", &location, &key, (FRAGMENT, Some("\"other\"")), fragment("4ZcD")).await;
    assert_eq!((changed.status, changed.header(header::ETAG)), (412, tag.as_str()));
    let anew = studio.send("PATCH", &location, &key, FRAGMENT, fragment("EsAw")).await;
    assert_eq!((anew.status, &anew.json()["errors"][0]["code"]), (422, &json!("ice_restart")), "{}", anew.json());
    let none = studio.send("PATCH", &location, &key, FRAGMENT, "a=candidate:1").await;
    assert_eq!((none.status, &none.json()["errors"][0]["code"]), (422, &json!("fragment")), "{}", none.json());
    assert_eq!(studio.send("PATCH", &location, &key, "application/json", "{}").await.status, 415);

    let elsewhere = location.replace(&assistant, "0190f3c4-7b1a-7000-8000-000000000001");
    assert_eq!(studio.send("DELETE", &elsewhere, &key, SDP, "").await.status, 404, "not that assistant's");
    assert_eq!(studio.send("DELETE", &location, &key, SDP, "").await.status, 200);
    studio.is_deserted().await;
    assert_eq!(studio.send("DELETE", &location, &key, SDP, "").await.status, 404);
    assert_eq!(studio.send("PATCH", &location, &key, FRAGMENT, fragment("4ZcD")).await.status, 404);
    assert!(studio.office.calls.is_empty(), "nobody has connected");
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_a_remedy_and_places_are_limited() {
    let studio = Studio::open(58_400).await;
    let (key, assistant) = (studio.desk.key.clone(), studio.assistant().await);
    let path = format!("/api/v1/assistants/{assistant}/talk");
    let json = studio.send("POST", &path, &key, "application/json", "{}").await;
    assert_eq!((json.status, json.json()["detail"].to_string().contains(SDP)), (415, true), "{}", json.json());
    let deaf = OFFER.replace("sendrecv", "recvonly");
    for (offer, told) in [("hello", "line 1"), (deaf.as_str(), "sendrecv")] {
        let refused = studio.send("POST", &path, &key, SDP, offer.to_owned()).await;
        let reason = refused.json()["errors"][0]["reason"].to_string();
        assert_eq!((refused.status, reason.contains(told)), (422, true), "{reason}");
    }
    let unknown = "/api/v1/assistants/0190f3c4-7b1a-7000-8000-000000000001/talk";
    assert_eq!(studio.send("POST", unknown, &key, SDP, OFFER).await.status, 404);
    assert_eq!(studio.desk.api.webrtc.len(), 0, "none of these left a session");
    let mut locations = Vec::new();
    for _ in 0..8 {
        let taken = studio.send("POST", &path, &key, SDP, OFFER).await;
        assert_eq!(taken.status, 201);
        locations.push(taken.header(header::LOCATION).to_owned());
    }
    let full = studio.send("POST", &path, &key, SDP, OFFER).await;
    assert_eq!((full.status, &full.json()["code"]), (503, &json!("too_many_sessions")));
    assert_eq!(studio.send("DELETE", &locations[0], &key, SDP, "").await.status, 200);
    tokio::time::timeout(PATIENCE, async {
        while studio.desk.api.webrtc.len() == 8 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("a place is free again");
    assert_eq!(studio.send("POST", &path, &key, SDP, OFFER).await.status, 201);
}

#[tokio::test]
async fn a_page_gets_along_with_a_token_for_one_session() {
    let studio = Studio::open(58_800).await;
    let (key, assistant) = (studio.desk.key.clone(), studio.assistant().await);
    let path = format!("/api/v1/assistants/{assistant}/talk");
    let made = studio.send("POST", &format!("{path}/token"), &key, SDP, "").await;
    assert_eq!(made.status, 201, "{}", made.json());
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    let elsewhere = studio.send("GET", &format!("/api/v1/assistants/{assistant}"), &token, SDP, "").await;
    assert_eq!(elsewhere.status, 401, "it is no key");
    let begun = studio.send("POST", &path, &token, SDP, OFFER).await;
    assert_eq!(begun.status, 201, "{}", begun.json());
    assert_eq!(studio.send("POST", &path, &token, SDP, OFFER).await.status, 401, "it serves once");
    let location = begun.header(header::LOCATION).to_owned();
    assert_eq!(studio.send("PATCH", &location, &token, FRAGMENT, fragment("4ZcD")).await.status, 204);
    assert_eq!(studio.send("DELETE", &location, "no such token", SDP, "").await.status, 401);
    assert_eq!(studio.send("DELETE", &location, &token, SDP, "").await.status, 200);
    studio.is_deserted().await;
}
