//! Websockets against a driver with real sockets, and against one connection alone.

use std::net::{Ipv4Addr, SocketAddr};

use callwright_sip::endpoint::{
    Body, Conduct, Config, EndedBy, Event, Flow, Invite, LegKey, ListenerId, TransmitId, Transport,
};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{Headers, HostPort, Uri};
use callwright_sip::registrar::Bindings;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{ListenerConfig, SipGuardConfig, SipTransport, TlsFiles};
use crate::net::sip_driver::{Doors, Protection, SipService, start_tapped};
use crate::net::sip_stream::ConnectionId;
use crate::net::sip_tls::SipTls;
use crate::net::sip_tls::tests::Authority;
use crate::time::{self, Latest};

const SOON: Duration = Duration::from_secs(10);
const PAGE: &str = "https://phone.example.org";

/// A server with one listener for websockets at `/sip`, for pages of [`PAGE`].
struct Server {
    service: SipService,
    secure: Option<SipTls>,
    stop: CancellationToken,
}

impl Server {
    async fn open() -> Self {
        Self::start(&TlsFiles::default(), None, Protection::off()).await
    }

    /// One that proves to be `localhost`.
    async fn secure(authority: &Authority) -> Self {
        let trusting = SipTls::new(&authority.trusting()).expect("usable files");
        Self::start(&authority.issue("localhost"), Some(trusting), Protection::off()).await
    }

    async fn start(files: &TlsFiles, secure: Option<SipTls>, protection: Protection) -> Self {
        let transport = if secure.is_some() { SipTransport::Wss } else { SipTransport::Ws };
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport, bind, external: None, external_media: None };
        let websocket = WebsocketConfig { path: "/sip".to_owned(), origins: vec![PAGE.to_owned()] };
        let doors = Doors { tls: SipTls::new(files).expect("usable files"), websocket };
        let config = Config { registrar: true, ..Config::default() };
        let stop = CancellationToken::new();
        let service = start_tapped(&[listener], doors, config, protection, [4; 32], None, stop.clone()).await;
        Self { service: service.expect("loopback binds"), secure, stop }
    }

    fn address(&self) -> SocketAddr {
        self.service.bound[0].local
    }

    /// A connection on which nothing has been said.
    async fn connection(&self) -> Box<dyn Bytes> {
        let stream = TcpStream::connect(self.address()).await.expect("it listens");
        match &self.secure {
            Some(tls) => {
                let name = tls.names().learn("localhost").expect("a name");
                Box::new(tls.connect(name, stream).await.expect("it proves its name"))
            }
            None => Box::new(stream),
        }
    }

    async fn browser(&self) -> Browser {
        let mut request = format!("ws://{}/sip?page=1", self.address()).into_client_request().expect("an address");
        let headers = request.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("other, sip"));
        headers.insert(header::ORIGIN, HeaderValue::from_static(PAGE));
        let (socket, response) = client_async(request, self.connection().await).await.expect("it is let in");
        let agreed = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        assert_eq!(agreed.map(HeaderValue::as_bytes), Some(&b"sip"[..]));
        Browser { socket, via: self.service.bound[0].transport.name() }
    }

    /// What is answered to a request in HTTP: its head.
    async fn told(&self, request: &str) -> String {
        let mut stream = self.connection().await;
        stream.write_all(request.as_bytes()).await.expect("it is open");
        let mut heard = Vec::new();
        // Only one that is let in stays open.
        while !(heard.starts_with(b"HTTP/1.1 101") && heard.ends_with(b"\r\n\r\n")) {
            let mut chunk = [0; 1_024];
            let read = timeout(SOON, stream.read(&mut chunk)).await.expect("an answer in time");
            let Ok(length @ 1..) = read else { break };
            heard.extend_from_slice(&chunk[..length]);
        }
        String::from_utf8(heard).expect("text")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A page that speaks SIP.
struct Browser {
    socket: Websocket,
    via: &'static str,
}

impl Browser {
    async fn says(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.expect("it is open");
    }

    /// The next message.
    async fn hears(&mut self) -> String {
        loop {
            match timeout(SOON, self.socket.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("a message in a frame of text, not {other:?}"),
            }
        }
    }

    /// How the connection ends.
    async fn ends(&mut self) -> Option<CloseCode> {
        loop {
            match timeout(SOON, self.socket.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// A request outside of calls we were asked for, or within the one that it began: without an address of its own, and
    /// without a length where it has no body.
    fn request(&self, method: &str, cseq: u32, to_tag: &str, more: &str) -> String {
        let body = if method == "INVITE" {
            "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
        } else {
            "\r\n"
        };
        format!(
            "{method} sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{} nowhere.invalid;branch=z9hG4bK{cseq}{method}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:page@127.0.0.1>;tag=page\r\nTo: <sip:desk@127.0.0.1>{to_tag}\r\n\
             Call-ID: of-the-page\r\nCSeq: {cseq} {method}\r\nContact: <sip:page@nowhere.invalid;transport=ws>\r\n{more}{body}",
            self.via
        )
    }

    /// An answer to a request of theirs.
    fn answer(&self, request: &str, body: &str) -> String {
        let repeated = ["Via", "From", "Call-ID", "CSeq"].map(|name| line(request, name)).concat();
        let to = line(request, "To").trim_end().to_owned();
        let tag = if to.contains(";tag=") { "" } else { ";tag=theirs" };
        format!(
            "SIP/2.0 200 OK\r\n{repeated}{to}{tag}\r\nContact: <sip:page@nowhere.invalid;transport=ws>\r\n{body}\r\n"
        )
    }
}

/// A header line of a message.
fn line(message: &str, name: &str) -> String {
    let found = message.split_inclusive("\r\n").find(|line| line.starts_with(&format!("{name}:")));
    found.unwrap_or_else(|| panic!("no {name} in {message}")).to_owned()
}

fn to_tag(message: &str) -> String {
    let to = line(message, "To");
    let (_, tag) = to.trim_end().split_once(";tag=").expect("a tag");
    format!(";tag={tag}")
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    timeout(SOON, events.recv()).await.expect("an event in time").expect("the session has events")
}

fn sdp() -> Body {
    Body::sdp(b"v=0\r\n".to_vec())
}

/// The page registers, is called on its connection, and calls itself.
async fn a_page_is_called_and_calls(mut server: Server) {
    let mut page = server.browser().await;
    page.says(page.request("REGISTER", 1, "", "Expires: 300\r\n")).await;
    let request = timeout(SOON, server.service.registers.recv()).await.expect("in time").expect("a REGISTER");
    let (mut bindings, now) = (Bindings::default(), time::now().mono);
    let answer = bindings.register(now, &request.incoming);
    let location = bindings.latest(now).expect("it is bound").clone();
    server.service.handle.answer_register(request.register, answer).await.expect("running");
    assert!(page.hears().await.starts_with("SIP/2.0 200"));

    let us = NameAddr::new(Uri::sip(Some(b"desk"), HostPort::from(server.address())));
    let invite = Invite {
        key: LegKey([8; 32]),
        flow: location.flow,
        uri: location.contact.clone(),
        from: us.clone(),
        to: NameAddr::new(location.contact.clone()),
        headers: Headers::default(),
        body: sdp(),
        credentials: None,
        session_expires: None,
        conduct: Conduct::default(),
    };
    let handle = server.service.handle.clone();
    let (session, mut events) = handle.invite(invite, Latest::at(now + SOON)).await.expect("it is tried");
    let invite = page.hears().await;
    assert!(invite.starts_with("INVITE sip:page@nowhere.invalid"), "{invite}");
    assert!(line(&invite, "Via").starts_with(&format!("Via: SIP/2.0/{} 127.0.0.1:", page.via)), "{invite}");
    page.says(page.answer(&invite, "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0")).await;
    assert!(matches!(next(&mut events).await, Event::Answered { .. }));
    assert!(page.hears().await.starts_with("ACK "));
    handle.hang_up(session, None).await.expect("running");
    let bye = page.hears().await;
    assert!(bye.starts_with("BYE "), "{bye}");
    page.says(page.answer(&bye, "")).await;
    assert!(matches!(next(&mut events).await, Event::Ended { by: EndedBy::Local, .. }));

    page.says(page.request("INVITE", 2, "", "")).await;
    let mut call = timeout(SOON, server.service.incoming.recv()).await.expect("in time").expect("a call");
    assert_eq!(call.invite.flow, location.flow);
    handle.accept(call.session, sdp()).await.expect("running");
    assert!(page.hears().await.starts_with("SIP/2.0 100"));
    let tag = to_tag(&page.hears().await);
    page.says(page.request("ACK", 2, &tag, "")).await;
    assert!(matches!(next(&mut call.events).await, Event::Acknowledged { .. }));
    // Frames of bytes are as good as frames of text.
    let bye = page.request("BYE", 3, &tag, "").into_bytes();
    page.socket.send(Message::binary(bye)).await.expect("it is open");
    assert!(page.hears().await.starts_with("SIP/2.0 200"));
    assert!(matches!(next(&mut call.events).await, Event::Ended { by: EndedBy::Remote, .. }));
    page.says("\r\n\r\n".to_owned()).await;
    assert_eq!(page.hears().await, "\r\n");
}

#[tokio::test]
async fn a_page_registers_is_called_and_calls() {
    a_page_is_called_and_calls(Server::open().await).await;
}

#[tokio::test]
async fn a_page_registers_is_called_and_calls_over_tls() {
    let authority = Authority::new();
    let server = Server::secure(&authority).await;
    assert_eq!(server.service.bound[0].transport, Transport::Wss);
    a_page_is_called_and_calls(server).await;
}

#[tokio::test]
async fn without_a_certificate_nobody_listens_for_secure_websockets() {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = ListenerConfig { transport: SipTransport::Wss, bind, external: None, external_media: None };
    let tls = SipTls::new(&TlsFiles::default()).expect("no files are named");
    let (config, stop) = (Config::default(), CancellationToken::new());
    let started = start_tapped(&[listener], tls, config, Protection::off(), [4; 32], None, stop.clone()).await;
    assert!(!started.expect("nothing is bound").bound[0].listens);
    stop.cancel();
}

#[tokio::test]
async fn who_does_not_ask_as_it_should_is_told_why_not() {
    let server = Server::open().await;
    let upgrade = |path: &str, more: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        )
    };
    let sip = "Sec-WebSocket-Protocol: sip\r\n";
    let from = |page: &str| format!("{sip}Origin: {page}\r\n");
    let cases = [
        (upgrade("/sip", sip), "101", "Sec-WebSocket-Protocol: sip"),
        (upgrade("/sip?x=1", &from(PAGE)), "101", "Sec-WebSocket-Protocol: sip"),
        (upgrade("/", sip), "404", "no SIP at this path"),
        (upgrade("/sip", &from("https://elsewhere.example")), "403", "of this origin"),
        (upgrade("/sip", &from("null")), "403", "of this origin"),
        (upgrade("/sip", ""), "400", "ask for the subprotocol sip"),
        (upgrade("/sip", "Sec-WebSocket-Protocol: chat, sips\r\n"), "400", "ask for the subprotocol sip"),
        ("GET /sip HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "426", "Upgrade: websocket"),
        (upgrade("/sip", sip).replace("Version: 13", "Version: 8"), "426", "Sec-WebSocket-Version: 13"),
        (upgrade("/sip", sip).replace("Sec-WebSocket-Key", "Other"), "400", "Connection: close"),
        (upgrade("/sip", sip).replace("GET", "POST"), "405", "Allow: GET"),
        ("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/WS x\r\n\r\n".to_owned(), "400", "Connection: close"),
        (upgrade("/sip", sip) + "too soon", "400", "Connection: close"),
    ];
    for (request, status, what) in cases {
        let told = server.told(&request).await.to_ascii_lowercase();
        assert!(told.starts_with(&format!("http/1.1 {status}")), "{request} got {told}");
        assert!(told.contains(&what.to_ascii_lowercase()), "{request} got {told}");
    }
}

/// A frame as it is on the wire (RFC 6455 section 5.2), with a mask of zeros.
fn raw(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut frame = vec![first, mask | 127];
    frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    frame.extend_from_slice(if masked { &[0; 4] } else { &[] });
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test]
async fn broken_frames_cost_their_connection_and_nothing_else() {
    let mut server = Server::open().await;
    let mut announced = raw(0x81, true, b"");
    announced[2..10].copy_from_slice(&(MAX_MESSAGE as u64 + 1).to_be_bytes());
    let cases = [
        (raw(0x81, false, b"OPTIONS"), CloseCode::Protocol),
        (raw(0x83, true, b"OPTIONS"), CloseCode::Protocol),
        (raw(0xf1, true, b"OPTIONS"), CloseCode::Protocol),
        (raw(0x80, true, b"goes on from nothing"), CloseCode::Protocol),
        (raw(0x81, true, b"\xff\xfe"), CloseCode::Invalid),
        (announced, CloseCode::Size),
        ([raw(0x01, true, &[b'x'; 40_000]), raw(0x80, true, &[b'x'; 40_000])].concat(), CloseCode::Size),
    ];
    for (number, (frame, told)) in cases.into_iter().enumerate() {
        let mut page = server.browser().await;
        page.socket.get_mut().write_all(&frame).await.expect("it is open");
        assert_eq!(page.ends().await, Some(told), "case {number}");
    }
    // What is no SIP is no fault of the frame.
    let mut page = server.browser().await;
    page.says("no SIP at all".to_owned()).await;
    page.says(page.request("INVITE", 1, "", "")).await;
    assert!(page.hears().await.starts_with("SIP/2.0 100"));
    assert!(timeout(SOON, server.service.incoming.recv()).await.expect("in time").is_some(), "the server still works");
}

#[tokio::test]
async fn whoever_is_banned_is_sent_away_and_not_let_in_again() {
    let protection = SipGuardConfig::default().protection();
    let server = Server::start(&TlsFiles::default(), None, protection).await;
    let mut page = server.browser().await;
    let banned = server.service.handle.ban(Ipv4Addr::LOCALHOST.into(), None).await.expect("running");
    assert!(banned.is_ok(), "it is no trunk");
    page.says(page.request("OPTIONS", 1, "", "")).await;
    page.ends().await;
    let mut again = server.browser().await;
    assert!(
        timeout(SOON, again.socket.next())
            .await
            .expect("an end in time")
            .is_none_or(|frame| { frame.is_err() || matches!(frame, Ok(Message::Close(_))) })
    );
}

#[tokio::test]
async fn a_page_that_leaves_ends_what_waits_for_it() {
    let mut server = Server::open().await;
    let mut page = server.browser().await;
    page.says(page.request("INVITE", 1, "", "")).await;
    let call = timeout(SOON, server.service.incoming.recv()).await.expect("in time").expect("a call");
    let flow = call.invite.flow;
    let name = NameAddr::new(Uri::sip(None, HostPort::from(flow.peer)));
    let invite = Invite {
        key: LegKey([8; 32]),
        flow,
        uri: name.uri.clone(),
        from: name.clone(),
        to: name,
        headers: Headers::default(),
        body: sdp(),
        credentials: None,
        session_expires: None,
        conduct: Conduct::default(),
    };
    let soon = Latest::at(time::now().mono + SOON);
    let (_, mut events) = server.service.handle.invite(invite.clone(), soon).await.expect("it is tried");
    while !page.hears().await.starts_with("INVITE ") {}
    page.socket.close(None).await.expect("it is open");
    page.ends().await;
    assert!(matches!(next(&mut events).await, Event::Failed { .. }));
    // It cannot be connected to.
    let again = Invite { key: LegKey([9; 32]), ..invite };
    let (_, mut events) = server.service.handle.invite(again, soon).await.expect("it is tried");
    assert!(matches!(next(&mut events).await, Event::Failed { .. }));
}

/// A connection of somebody who was let in, and what is heard of it.
async fn alone(silence: Silence) -> (Websocket, mpsc::Sender<Transmit>, mpsc::Receiver<StreamEvent>, Life) {
    let (ours, theirs) = tokio::io::duplex(8 * 1024);
    let socket = |end, role| WebSocketStream::from_raw_socket(Box::new(end) as Box<dyn Bytes>, role, Some(limits()));
    let (ours, theirs) = (socket(ours, Role::Server).await, socket(theirs, Role::Client).await);
    let (events, heard) = mpsc::channel(8);
    let (outgoing, messages) = mpsc::channel(8);
    let peer = SocketAddr::from(([192, 0, 2, 1], 5060));
    let flow = Flow { listener: ListenerId(0), transport: Transport::Ws, peer };
    let life = || Life { flow, id: ConnectionId(1), closer: CancellationToken::new(), events: events.clone() };
    let served = life();
    tokio::spawn(async move { converse(&served, ours, messages, silence).await });
    (theirs, outgoing, heard, life())
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn who_opens_a_websocket_and_says_nothing_is_sent_away() {
    let silence = Silence { first: 10 * SHORT, quiet: LONG, asked: LONG };
    let (mut theirs, _outgoing, _heard, _life) = alone(silence).await;
    // Pings are no reason to stay.
    theirs.send(Message::Ping(Payload::new())).await.expect("it is open");
    let ended = timeout(SOON, async { while let Some(Ok(_)) = theirs.next().await {} }).await;
    assert!(ended.is_ok());
}

#[tokio::test]
async fn a_far_end_that_answers_pings_stays_and_one_that_does_not_goes() {
    let silence = Silence { first: LONG, quiet: SHORT, asked: LONG };
    let (mut theirs, outgoing, mut heard, _life) = alone(silence).await;
    theirs.send(Message::text("first")).await.expect("it is open");
    for _ in 0..3 {
        let ping = timeout(SOON, theirs.next()).await.expect("a ping in time");
        assert!(matches!(ping, Some(Ok(Message::Ping(_)))), "{ping:?}");
        theirs.flush().await.expect("the library answers");
    }
    assert!(matches!(heard.recv().await, Some(StreamEvent::Bytes { bytes, .. }) if bytes == b"first"));
    assert!(!outgoing.is_closed());

    let silence = Silence { first: LONG, quiet: SHORT, asked: SHORT };
    let (mut theirs, outgoing, _heard, _life) = alone(silence).await;
    theirs.send(Message::text("first")).await.expect("it is open");
    // It is there, and does nothing any more.
    assert!(timeout(SOON, outgoing.closed()).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_written_is_told() {
    let silence = Silence { first: LONG, quiet: LONG, asked: LONG };
    let (theirs, outgoing, mut heard, life) = alone(silence).await;
    drop(theirs);
    let transmit = Transmit { flow: life.flow, bytes: vec![b'x'; 10], id: TransmitId(7) };
    outgoing.send(transmit).await.expect("nobody has seen the end yet");
    let Some(StreamEvent::NotSent { id, .. }) = heard.recv().await else { panic!("it is told") };
    assert_eq!(id, TransmitId(7));
}
