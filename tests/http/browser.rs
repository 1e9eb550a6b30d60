//! Somebody at a browser: keeps the cookie, and sends what goes with it.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::client::{Answer, Client};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "a long pass phrase";

/// A browser, signed in or not.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    pub(crate) client: &'a Client,
    /// Value of the cookie.
    pub(crate) cookie: Option<String>,
    /// The token against forged requests.
    pub(crate) csrf: Option<String>,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Where it asks from.
    pub(crate) from: Option<SocketAddr>,
}

/// Adds a user with [`PASSWORD`], who then is signed in.
pub(crate) async fn admit<'a>(client: &'a Client, email: &str, role: &str) -> Browser<'a> {
    let made = client.post("/api/v1/users", json!({"email": email, "name": "Ada", "role": role})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let path = made.json["invitation"]["path"].as_str().expect("a path");
    let mut browser = Browser::new(client);
    let accepted = browser.accept(path).await;
    assert_eq!(accepted.status, 200, "{}", accepted.json);
    browser
}

impl<'a> Browser<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client, cookie: None, csrf: None, headers: Vec::new(), from: None }
    }

    /// One that is signed in.
    pub(crate) async fn signed_in(client: &'a Client, email: &str, password: &str) -> Self {
        let mut browser = Self::new(client);
        let answer = browser.sign_in(email, password).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        browser
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.enter("/api/v1/session", json!({"email": email, "password": password})).await
    }

    /// Accepts the invitation with this path, with [`PASSWORD`].
    pub(crate) async fn accept(&mut self, path: &str) -> Answer {
        let token = path.strip_prefix("/invite/").expect("the path of an invitation");
        self.enter(&format!("/api/v1/invitations/{token}"), json!({"name": "Ada", "password": PASSWORD})).await
    }

    /// Sends what signs in, and keeps what it is answered.
    pub(crate) async fn enter(&mut self, path: &str, body: Value) -> Answer {
        let answer = self.post(path, body).await;
        if answer.status == 200 {
            let set = answer.header("set-cookie").expect("a cookie");
            let value = set.strip_prefix("callwright_session=").expect("its name");
            self.cookie = value.split(';').next().map(str::to_owned);
            self.csrf = answer.json["csrf"].as_str().map(str::to_owned);
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some("application/json"), Body::from(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some("application/json"), Body::from(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, Body::empty()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, kind: Option<&str>, body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("theme=dark; callwright_session={cookie}"));
        }
        if let Some(csrf) = &self.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(from) = self.from {
            request = request.extension(ConnectInfo(from));
        }
        let request = request.body(body).expect("a well-formed request");
        Answer::of(self.client.router().oneshot(request).await.expect("the router answers")).await
    }
}
