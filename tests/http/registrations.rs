//! Registrations in both directions over real sockets, with a registrar written by hand, seen through the API.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use callwright::config::{ListenerConfig, SipTransport};
use callwright::id::NodeId;
use callwright::net::sip_driver;
use callwright::shutdown::Shutdown;
use callwright::store::trunk;
use callwright::time;
use callwright::trunk::keeper;
use callwright::trunk::route::Router;
use callwright_sip::endpoint::Config;
use callwright_sip::message::{HeaderName, Message, Method, Request, Response, StatusCode, parse};
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

const PATIENCE: Duration = Duration::from_secs(10);

on_both!(a_trunk_is_registered_as_long_as_it_asks_for_it, who_registers_from_a_trunk_gets_its_calls);

/// The parts of a server that keep trunks.
pub(crate) struct Node {
    pub(crate) client: Client,
    router: Router,
    sip: SocketAddr,
    shutdown: Shutdown,
    keeper: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn new(db: TestDb) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None };
        let shutdown = Shutdown::default();
        let config = Config { registrar: true, ..Config::default() };
        let sip = sip_driver::start(&[listener], config, [7; 32], shutdown.stop.clone()).await.expect("loopback binds");
        let router = Router { listeners: sip.bound.clone(), ..Router::default() };
        let client = Client::over(db, router.clone()).await;
        tokio::spawn(keeper::answer(sip.registers, sip.handle.clone(), router.status.clone()));
        let (expires, node) = (Duration::from_secs(600), NodeId::generate());
        let parts = keeper::Parts { db: client.db.db.clone(), sip: sip.handle, router: router.clone(), expires, node };
        let keeper = tokio::spawn(keeper::keep(parts, shutdown.clone()));
        Self { client, router, sip: sip.bound[0].local, shutdown, keeper }
    }

    /// Waits until a field of the trunk, by its JSON pointer, has this value.
    pub(crate) async fn shows(&self, trunk: &str, pointer: &str, wanted: &Value) -> Value {
        let mut shown = Value::Null;
        for _ in 0..400 {
            shown = self.client.get(&format!("/api/v1/trunks/{trunk}")).await.json;
            if shown.pointer(pointer) == Some(wanted) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{pointer} is not {wanted}: {shown}");
    }

    async fn replace(&self, trunk: &str, body: &Value) {
        let answer = self.client.put(&format!("/api/v1/trunks/{trunk}"), body.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.stop.cancel();
    }
}

/// A socket that speaks SIP by hand.
pub(crate) struct Peer {
    socket: UdpSocket,
}

impl Peer {
    pub(crate) async fn at(host: Ipv4Addr) -> Self {
        Self { socket: UdpSocket::bind((host, 0)).await.expect("loopback binds") }
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().expect("bound").port()
    }

    async fn hear(&self) -> (Message, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        let heard = timeout(PATIENCE, self.socket.recv_from(&mut buffer)).await.expect("a message in time");
        let (length, from) = heard.expect("the socket lives");
        (parse(&buffer[..length]).expect("SIP"), from)
    }

    /// The next request, which is this one, answered with `status`.
    pub(crate) async fn answer(&self, method: Method, status: u16) -> Request {
        let (Message::Request(request), from) = self.hear().await else { panic!("a request is expected") };
        assert_eq!(request.method, method);
        let response = Response::answering(&request.headers, StatusCode::new(status).expect("a status"));
        self.socket.send_to(&response.to_bytes(), from).await.expect("sent");
        request
    }

    /// The next REGISTER, answered with `status` once it carries credentials.
    pub(crate) async fn register(&self, status: u16) -> Request {
        loop {
            let (Message::Request(request), from) = self.hear().await else { panic!("a request is expected") };
            assert_eq!(request.method, Method::Register);
            let authorised = request.headers.has(&HeaderName::Authorization);
            let status = StatusCode::new(if authorised { status } else { 401 }).expect("a status");
            let mut response = Response::answering(&request.headers, status);
            if !authorised {
                let challenge = "Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";
                response.headers.push(HeaderName::WwwAuthenticate, challenge);
            } else if status == StatusCode::OK {
                response.headers.push(HeaderName::Expires, "300");
            }
            self.socket.send_to(&response.to_bytes(), from).await.expect("sent");
            if authorised {
                return request;
            }
        }
    }

    /// Registers with the server; the response.
    async fn ask(&self, server: SocketAddr, cseq: u32, lines: &str) -> Response {
        let here = self.socket.local_addr().expect("bound");
        let text = format!(
            "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{cseq}\r\nMax-Forwards: 70\r\n\
             From: <sip:pbx@{server}>;tag=1\r\nTo: <sip:pbx@{server}>\r\nCall-ID: of-{here}\r\nCSeq: {cseq} REGISTER\r\n\
             {lines}Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(text.as_bytes(), server).await.expect("sent");
        let (Message::Response(response), _) = self.hear().await else { panic!("a response is expected") };
        response
    }
}

fn text<'a>(request: &'a Request, name: &HeaderName) -> &'a str {
    request.headers.get(name).map_or("", |value| std::str::from_utf8(value).expect("text in this test"))
}

async fn a_trunk_is_registered_as_long_as_it_asks_for_it(db: TestDb) {
    let mut node = Node::new(db).await;
    let registrar = Peer::at(Ipv4Addr::LOCALHOST).await;
    let mut body = json!({
        "name": "Carrier", "host": "127.0.0.1", "port": registrar.port(), "caller_ids": ["+442079460999"],
        "username": "4930123", "password": "secret",
    });
    let id = node.client.create("/api/v1/trunks", body.clone()).await;
    let off = json!({"state": "off", "status": null, "since": null, "until": null});
    node.shows(&id, "/registration", &off).await;
    body["register"] = json!(true);
    node.replace(&id, &body).await;
    let register = registrar.register(200).await;
    assert_eq!(register.uri.to_string(), format!("sip:127.0.0.1:{}", registrar.port()));
    assert_eq!(text(&register, &HeaderName::To), "<sip:4930123@127.0.0.1>");
    assert_eq!(text(&register, &HeaderName::Contact), format!("<sip:4930123@{}>", node.sip));
    assert_eq!(text(&register, &HeaderName::Expires), "600");
    assert!(text(&register, &HeaderName::Authorization).contains("username=\"4930123\""));
    let shown = node.shows(&id, "/registration/state", &json!("registered")).await;
    assert!(shown["registration"]["until"].is_string() && shown["registration"]["since"].is_string(), "{shown}");

    // What does not concern the registration leaves it alone; the next message is that of the new password.
    body["max_channels"] = json!(7);
    node.replace(&id, &body).await;
    body["password"] = json!("another");
    node.replace(&id, &body).await;
    assert_eq!(text(&registrar.register(200).await, &HeaderName::Expires), "0", "the earlier one is taken back first");
    assert_ne!(text(&registrar.register(403).await, &HeaderName::CallId), text(&register, &HeaderName::CallId));
    let shown = node.shows(&id, "/registration/state", &json!("failing")).await;
    assert_eq!((&shown["registration"]["status"], &shown["registration"]["until"]), (&json!(403), &Value::Null));

    body["enabled"] = json!(false);
    node.replace(&id, &body).await;
    assert_eq!(text(&registrar.register(200).await, &HeaderName::Expires), "0");
    node.shows(&id, "/registration", &off).await;
    body["enabled"] = json!(true);
    node.replace(&id, &body).await;
    registrar.register(200).await;
    node.shows(&id, "/registration/state", &json!("registered")).await;

    node.shutdown.drain.cancel();
    assert_eq!(text(&registrar.register(200).await, &HeaderName::Expires), "0");
    timeout(PATIENCE, &mut node.keeper).await.expect("it ends in time").expect("it does not panic");
}

async fn who_registers_from_a_trunk_gets_its_calls(db: TestDb) {
    let node = Node::new(db).await;
    let exchange = Peer::at(Ipv4Addr::LOCALHOST).await;
    let contact = "Contact: <sip:pbx@127.0.0.1:5099>\r\nExpires: 300\r\n";
    assert_eq!(exchange.ask(node.sip, 1, contact).await.status, StatusCode::FORBIDDEN, "there is no trunk");
    let body = json!({"name": "Exchange", "host": "127.0.0.1", "port": 5098, "caller_ids": ["+442079460999"]});
    let id = node.client.create("/api/v1/trunks", body.clone()).await;
    let known = async {
        for cseq in 2.. {
            let response = exchange.ask(node.sip, cseq, contact).await;
            if response.status == StatusCode::OK {
                return (cseq, response);
            }
        }
        unreachable!("it ends by the time limit")
    };
    let (cseq, response) = timeout(PATIENCE, known).await.expect("the trunk is known in time");
    assert_eq!(response.headers.get(&HeaderName::Contact), Some(b"<sip:pbx@127.0.0.1:5099>;expires=300".as_slice()));
    let stranger = Peer::at(Ipv4Addr::new(127, 0, 0, 2)).await;
    assert_eq!(stranger.ask(node.sip, 1, contact).await.status, StatusCode::FORBIDDEN);

    let shown = node.client.get(&format!("/api/v1/trunks/{id}")).await.json;
    assert!(shown["bound_until"].is_string(), "{shown}");
    let mut tx = node.client.db.db.read().await.expect("a transaction");
    let trunks = trunk::list(&mut tx, None, callwright::store::Page::first(1)).await.expect("readable").items;
    drop(tx);
    let route = async || {
        let route = node.router.route(time::now(), &trunks[0]).await.expect("reachable");
        (route.flow.peer.port(), route.domain.to_string())
    };
    assert_eq!(route().await, (5099, "127.0.0.1:5099".to_owned()));
    let removed = exchange.ask(node.sip, cseq + 1, "Contact: *\r\nExpires: 0\r\n").await;
    assert_eq!((removed.status, removed.headers.has(&HeaderName::Contact)), (StatusCode::OK, false));
    assert_eq!(route().await, (5098, "127.0.0.1:5098".to_owned()));
    node.shows(&id, "/bound_until", &Value::Null).await;
}
