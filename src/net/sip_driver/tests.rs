//! Two drivers on loopback, with real sockets.

use std::net::Ipv4Addr;

use callwright_sip::endpoint::{Body, Conduct, EndedBy, FailureCause, Invite, LegKey, Registration};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HeaderName, Headers, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::net::sip_tls::tests::Authority;
use crate::time::Latest;

const PATIENCE: Duration = Duration::from_secs(10);

struct Side {
    service: SipService,
    stop: CancellationToken,
    /// Which name whoever is called over TLS has to prove.
    callee: PeerName,
}

impl Side {
    async fn new(transport: SipTransport, seed: u8) -> Self {
        Self::with(transport, seed, Config::default()).await
    }

    async fn with(transport: SipTransport, seed: u8, config: Config) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport, bind, external: None, external_media: None };
        let stop = CancellationToken::new();
        let service = start(&[listener], config, [seed; 32], stop.clone()).await.expect("loopback binds");
        Self { service, stop, callee: PeerName::NONE }
    }

    fn address(&self) -> SocketAddr {
        self.service.bound[0].local
    }

    /// The way from here to `peer`.
    fn flow(&self, peer: SocketAddr) -> Flow {
        let bound = &self.service.bound[0];
        let transport = match bound.transport {
            Transport::Tls(_) => Transport::Tls(self.callee),
            open @ (Transport::Udp | Transport::Tcp | Transport::Ws | Transport::Wss) => open,
        };
        Flow { listener: bound.id, transport, peer }
    }

    /// An INVITE from here to `peer`.
    fn invite(&self, peer: SocketAddr, key: u8) -> Invite {
        let uri = |user: &str, at: SocketAddr| Uri::sip(Some(user.as_bytes()), HostPort::from(at));
        let bound = &self.service.bound[0];
        Invite {
            key: LegKey([key; 32]),
            flow: self.flow(peer),
            uri: uri("callee", peer),
            from: NameAddr::new(uri("caller", bound.local)),
            to: NameAddr::new(uri("callee", peer)),
            headers: Headers::default(),
            body: Body::sdp(b"v=0\r\n".to_vec()),
            credentials: None,
            session_expires: None,
            conduct: Conduct::default(),
        }
    }
}

/// A side that speaks TLS with these files, and whose callees have to be `name`.
async fn secured(files: &TlsFiles, seed: u8, name: &str) -> Side {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = ListenerConfig { transport: SipTransport::Tls, bind, external: None, external_media: None };
    let stop = CancellationToken::new();
    let tls = SipTls::new(files).expect("usable files");
    let callee = tls.names().learn(name).expect("a name");
    let config = Config { registrar: true, ..Config::default() };
    let service = start_with(&[listener], tls, config, Protection::off(), [seed; 32], stop.clone()).await;
    Side { service: service.expect("loopback binds"), stop, callee }
}

/// Whether a call from these files to those, which have to prove this name, comes in.
async fn arrives(caller: &TlsFiles, callee: &TlsFiles, name: &str) -> bool {
    let (caller, mut callee) = (secured(caller, 1, name).await, secured(callee, 2, name).await);
    let invite = caller.invite(callee.address(), 1);
    let (_, mut heard) = caller.service.handle.invite(invite, soon()).await.expect("it is tried");
    tokio::select! {
        call = callee.service.incoming.recv() => {
            assert_eq!(call.expect("a call").invite.flow.transport, Transport::Tls(PeerName::NONE));
            true
        }
        event = next(&mut heard) => {
            let Event::Failed { failure, .. } = event else { panic!("{event:?}") };
            assert_eq!(failure.cause, FailureCause::NotSent, "nothing left: another trunk may be tried");
            false
        }
    }
}

fn soon() -> Latest {
    Latest::at(time::now().mono + PATIENCE)
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("the session has events")
}

async fn call_over(transport: SipTransport) {
    call_between(Side::new(transport, 1).await, Side::new(transport, 2).await).await;
}

async fn call_between(caller: Side, mut callee: Side) {
    let invite = caller.invite(callee.address(), 1);
    let (session, mut heard) = caller.service.handle.invite(invite, soon()).await.expect("sent");
    let mut incoming = timeout(PATIENCE, callee.service.incoming.recv()).await.expect("in time").expect("a call");
    assert_eq!(incoming.invite.body, Some(Body::sdp(b"v=0\r\n".to_vec())));
    let answer = &callee.service.handle;
    answer.ring(incoming.session, StatusCode::RINGING, None).await.expect("running");
    answer.accept(incoming.session, Body::sdp(b"v=0\r\n".to_vec())).await.expect("running");
    let mut event = next(&mut heard).await;
    let mut ringing = false;
    while let Event::Provisional { status, .. } = event {
        ringing |= status == StatusCode::RINGING;
        event = next(&mut heard).await;
    }
    assert!(ringing);
    assert!(matches!(event, Event::Answered { .. }), "{event:?}");
    assert!(matches!(next(&mut incoming.events).await, Event::Acknowledged { .. }));
    caller.service.handle.hang_up(session, None).await.expect("running");
    assert!(matches!(next(&mut heard).await, Event::Ended { by: EndedBy::Local, .. }));
    assert!(matches!(next(&mut incoming.events).await, Event::Ended { by: EndedBy::Remote, .. }));
    caller.stop.cancel();
    callee.stop.cancel();
    let _ = tokio::join!(caller.service.task, callee.service.task);
}

#[tokio::test]
async fn a_call_over_udp() {
    call_over(SipTransport::Udp).await;
}

#[tokio::test]
async fn a_call_over_tcp() {
    call_over(SipTransport::Tcp).await;
}

#[tokio::test]
async fn a_call_over_tls() {
    let authority = Authority::new();
    let files = authority.issue("localhost");
    call_between(secured(&files, 1, "localhost").await, secured(&files, 2, "localhost").await).await;
}

#[tokio::test]
async fn only_who_proves_its_name_is_called_over_tls() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (files, unknown) = (authority.issue("localhost"), stranger.issue("localhost"));
    let caller = authority.trusting();
    assert!(arrives(&caller, &files, "localhost").await, "no certificate of ours is needed to call");
    assert!(!arrives(&caller, &files, "sip.example.org").await, "the certificate names somebody else");
    assert!(!arrives(&caller, &unknown, "localhost").await, "nobody we trust has signed it");
    let closed = TlsFiles { client_trusted: Some(authority.path()), ..files.clone() };
    assert!(arrives(&files, &closed, "localhost").await, "who shows a certificate gets in");
}

#[tokio::test]
async fn one_address_under_two_names_is_two_connections() {
    let authority = Authority::new();
    let files = authority.issue("localhost");
    let (mut caller, mut callee) = (secured(&files, 1, "localhost").await, secured(&files, 2, "localhost").await);
    let proved = caller.invite(callee.address(), 1);
    let (_, _heard) = caller.service.handle.invite(proved, soon()).await.expect("sent");
    timeout(PATIENCE, callee.service.incoming.recv()).await.expect("in time").expect("a call");
    // The connection is up, but nobody has proved another name on it.
    caller.callee = PeerName::of("sip.example.org");
    let (_, mut heard) = caller.service.handle.invite(caller.invite(callee.address(), 2), soon()).await.expect("tried");
    let Event::Failed { failure, .. } = next(&mut heard).await else { panic!("it failed") };
    assert_eq!(failure.cause, FailureCause::NotSent);
}

#[tokio::test]
async fn who_registered_over_tls_is_called_on_its_connection() {
    let authority = Authority::new();
    // The one that registers cannot be connected to: it has no certificate.
    let mut client = secured(&authority.trusting(), 1, "localhost").await;
    assert!(!client.service.bound[0].listens);
    let mut registrar = secured(&authority.issue("localhost"), 2, "localhost").await;
    let _ours = client.service.handle.register(registration(&client, registrar.address())).await.expect("sent");
    let request = timeout(PATIENCE, registrar.service.registers.recv()).await.expect("in time").expect("a REGISTER");
    let mut bindings = callwright_sip::registrar::Bindings::default();
    let now = time::now().mono;
    let answer = bindings.register(now, &request.incoming);
    let location = bindings.latest(now).expect("it is bound").clone();
    assert_eq!(location.flow, request.incoming.flow, "back the way it came");
    registrar.service.handle.answer_register(request.register, answer).await.expect("running");
    let invite = Invite { flow: location.flow, ..registrar.invite(location.flow.peer, 3) };
    let (_, _heard) = registrar.service.handle.invite(invite, soon()).await.expect("sent");
    let call = timeout(PATIENCE, client.service.incoming.recv()).await.expect("in time").expect("a call");
    assert_eq!(call.invite.flow.peer, registrar.address());
}

/// Somebody at `ours` calls `theirs`, who calls back at the address that the Via names: over which transport that arrives, if it
/// does.
async fn called_back(mut ours: Side, mut theirs: Side) -> Option<Transport> {
    let (_, _first) = ours.service.handle.invite(ours.invite(theirs.address(), 1), soon()).await.expect("sent");
    let call = timeout(PATIENCE, theirs.service.incoming.recv()).await.expect("in time").expect("a call");
    let via = call.invite.request.headers.get(&HeaderName::Via).expect("it has one").to_vec();
    assert!(via.ends_with(b";alias"), "{}", String::from_utf8_lossy(&via));
    let (_, mut heard) = theirs.service.handle.invite(theirs.invite(ours.address(), 2), soon()).await.expect("tried");
    loop {
        tokio::select! {
            call = ours.service.incoming.recv() => return Some(call.expect("a call").invite.flow.transport),
            event = next(&mut heard) => if let Event::Failed { failure, .. } = event {
                assert_eq!(failure.cause, FailureCause::NotSent);
                return None;
            },
        }
    }
}

/// RFC 5923 sections 8.2 and 9.2.
#[tokio::test]
async fn who_connected_and_proved_its_name_is_called_on_its_connection() {
    let authority = Authority::new();
    let own = authority.issue("localhost");
    let asking = TlsFiles { client_trusted: Some(authority.path()), ..own.clone() };
    let ours = secured(&own, 1, "localhost").await;
    let opened = Transport::Tls(ours.callee);
    assert_eq!(called_back(ours, secured(&asking, 2, "localhost").await).await, Some(opened), "the one that we opened");
    // Who is not asked for a certificate proves nothing: there is another connection.
    let ours = secured(&own, 1, "localhost").await;
    let again = called_back(ours, secured(&own, 2, "localhost").await).await;
    assert_eq!(again, Some(Transport::Tls(PeerName::NONE)));
}

/// A certificate that is good, but for somebody else.
#[tokio::test]
async fn who_proved_another_name_is_not_called_on_its_connection() {
    let (authority, elsewhere) = (Authority::new(), Authority::new());
    let ours = TlsFiles { trusted: Some(authority.path()), ..elsewhere.issue("other.example") };
    let asking = TlsFiles { client_trusted: Some(elsewhere.path()), ..authority.issue("localhost") };
    let trusting = TlsFiles { trusted: Some(elsewhere.path()), ..asking.clone() };
    let (caller, callee) = (secured(&ours, 1, "localhost").await, secured(&trusting, 2, "localhost").await);
    assert_eq!(called_back(caller, callee).await, None, "it is not localhost, and proves so on no connection");
    // And one for the right name of an authority that we let connect, and do not trust to name whom we call.
    let ours = TlsFiles { trusted: Some(authority.path()), ..elsewhere.issue("localhost") };
    let (caller, callee) = (secured(&ours, 1, "localhost").await, secured(&asking, 2, "localhost").await);
    assert_eq!(called_back(caller, callee).await, None);
}

#[tokio::test]
async fn who_does_not_speak_tls_is_sent_away() {
    let authority = Authority::new();
    let callee = secured(&authority.issue("localhost"), 2, "localhost").await;
    for greeting in ["", "OPTIONS sip:x SIP/2.0\r\n\r\n"] {
        let mut stranger = TcpStream::connect(callee.address()).await.expect("it listens");
        let _ = stranger.write_all(greeting.as_bytes()).await;
        let mut rest = Vec::new();
        let _ = stranger.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"SIP"), "at most an alert of TLS, then the end");
    }
}

fn registration(from: &Side, registrar: SocketAddr) -> Registration {
    let uri = |user: Option<&str>| Uri::sip(user.map(str::as_bytes), HostPort::from(registrar));
    Registration {
        key: LegKey([1; 32]),
        flow: from.flow(registrar),
        registrar: uri(None),
        aor: NameAddr::new(uri(Some("trunk"))),
        contact_user: "trunk".to_owned(),
        credentials: None,
        expires: Duration::from_secs(600),
        external: None,
    }
}

/// The next state of a registration.
async fn changed(registration: &mut OurRegistration) -> RegistrationState {
    timeout(PATIENCE, registration.state.changed()).await.expect("a change in time").expect("it is not over");
    registration.state.borrow_and_update().clone().expect("it has a state")
}

async fn registers_over(transport: SipTransport) {
    let client = Side::new(transport, 1).await;
    let mut registrar = Side::with(transport, 2, Config { registrar: true, ..Config::default() }).await;
    let handle = &client.service.handle;
    let mut ours = handle.register(registration(&client, registrar.address())).await.expect("sent");
    let mut bindings = callwright_sip::registrar::Bindings::default();
    for expected in [true, false] {
        let request =
            timeout(PATIENCE, registrar.service.registers.recv()).await.expect("in time").expect("a REGISTER");
        let now = time::now().mono;
        let answer = bindings.register(now, &request.incoming);
        let latest = bindings.latest(now).map(|location| location.flow.peer);
        assert_eq!(latest, expected.then_some(client.address()), "where it listens, also over TCP");
        registrar.service.handle.answer_register(request.register, answer).await.expect("running");
        if expected {
            assert!(matches!(changed(&mut ours).await, RegistrationState::Registered { .. }));
            handle.unregister(ours.id).await.expect("running");
        }
    }
    assert_eq!(changed(&mut ours).await, RegistrationState::Unregistered);
}

#[tokio::test]
async fn a_registration_over_udp() {
    registers_over(SipTransport::Udp).await;
}

#[tokio::test]
async fn a_registration_over_tcp() {
    registers_over(SipTransport::Tcp).await;
}

#[tokio::test]
async fn a_registration_nobody_looks_at_is_taken_back() {
    let client = Side::new(SipTransport::Udp, 1).await;
    let mut registrar = Side::with(SipTransport::Udp, 2, Config { registrar: true, ..Config::default() }).await;
    drop(client.service.handle.register(registration(&client, registrar.address())).await.expect("sent"));
    for expires in ["600", "0"] {
        let request =
            timeout(PATIENCE, registrar.service.registers.recv()).await.expect("in time").expect("a REGISTER");
        let said = request.incoming.request.headers.get(&callwright_sip::message::HeaderName::Expires);
        assert_eq!(said, Some(expires.as_bytes()));
    }
}

#[tokio::test]
async fn a_refused_connection_is_known_not_to_have_sent_anything() {
    let caller = Side::new(SipTransport::Tcp, 1).await;
    let closed = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback binds");
    let nobody = closed.local_addr().expect("bound");
    drop(closed);
    let (_, mut events) = caller.service.handle.invite(caller.invite(nobody, 1), soon()).await.expect("accepted");
    let Event::Failed { failure, .. } = next(&mut events).await else { panic!("it failed") };
    assert_eq!(failure.cause, FailureCause::NotSent);
}

#[tokio::test]
async fn a_leg_whose_call_is_gone_is_hung_up() {
    let (caller, mut callee) = (Side::new(SipTransport::Udp, 1).await, Side::new(SipTransport::Udp, 2).await);
    let (_, heard) = caller.service.handle.invite(caller.invite(callee.address(), 1), soon()).await.expect("sent");
    let mut incoming = timeout(PATIENCE, callee.service.incoming.recv()).await.expect("in time").expect("a call");
    callee.service.handle.ring(incoming.session, StatusCode::RINGING, None).await.expect("running");
    drop(heard);
    assert!(matches!(next(&mut incoming.events).await, Event::Cancelled { .. }));
}

#[tokio::test]
async fn bytes_that_are_not_sip_cost_their_connection_and_nothing_else() {
    let mut callee = Side::new(SipTransport::Tcp, 2).await;
    let mut stranger = TcpStream::connect(callee.address()).await.expect("it listens");
    let garbage = vec![b'x'; 200_000];
    let _ = stranger.write_all(&garbage).await;
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, stranger.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection is closed");
    let caller = Side::new(SipTransport::Tcp, 1).await;
    let invite = caller.invite(callee.address(), 1);
    let (_, _heard) = caller.service.handle.invite(invite, soon()).await.expect("sent");
    let incoming = timeout(PATIENCE, callee.service.incoming.recv()).await.expect("in time");
    assert!(incoming.is_some(), "others still get through");
}

#[tokio::test]
async fn what_is_too_late_is_not_sent() {
    let (caller, mut callee) = (Side::new(SipTransport::Udp, 1).await, Side::new(SipTransport::Udp, 2).await);
    let passed = time::now().mono;
    let late = caller.service.handle.invite(caller.invite(callee.address(), 1), Latest::at(passed)).await;
    assert_eq!(late.err(), Some(InviteError::TooLate));
    let sent = caller.service.handle.invite(caller.invite(callee.address(), 2), soon()).await;
    let incoming = timeout(PATIENCE, callee.service.incoming.recv()).await.expect("in time").expect("a call");
    assert_eq!(incoming.invite.request.headers.get(&HeaderName::CallId), call_id(&caller, 2).as_deref());
    drop(sent);
}

fn call_id(side: &Side, key: u8) -> Option<Vec<u8>> {
    let host = side.address().ip().to_string();
    Some(LegKey([key; 32]).call_id(&host).as_bytes().to_vec())
}
