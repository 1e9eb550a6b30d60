//! A recorder of somebody else's hears a call: its INVITE, both voices, a pause, the end.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callwright::call::call::CallConfig;
use callwright::config::SipTransport::Udp;
use callwright::id::TrunkId;
use callwright::net::media_leg::MediaCommand;
use callwright::net::ports::RtpPorts;
use callwright::siprec::Recorders;
use callwright::trunk::route::Router;
use callwright_media::codec::g711::Law;
use callwright_media::level::rms_dbfs;
use callwright_media::rtp::RtpPacket;
use callwright_media::session::ClipId;
use callwright_sip::message::{HeaderName, Message, Method, Request, Uri, parse};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::office::{Office, PATIENCE};
use crate::phone::Phone;

/// A recorder by hand: no endpoint of ours takes calls that require `siprec`.
struct Recorder {
    sip: UdpSocket,
    rtp: [UdpSocket; 2],
    peer: SocketAddr,
}

impl Recorder {
    async fn new() -> Self {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let rtp = [bind().await.expect("a port"), bind().await.expect("a port")];
        let sip = bind().await.expect("a port");
        Self { peer: sip.local_addr().expect("an address"), sip, rtp }
    }

    fn uri(&self) -> Uri {
        let address = self.sip.local_addr().expect("an address");
        Uri::parse(format!("sip:recorder@{address}").as_bytes()).expect("a URI")
    }

    /// The next request with this method; others and responses are passed over.
    async fn gets(&mut self, method: &Method) -> Request {
        let wait = async {
            let mut buffer = vec![0; 65_536];
            loop {
                let (length, from) = self.sip.recv_from(&mut buffer).await.expect("a datagram");
                if let Ok(Message::Request(request)) = parse(&buffer[..length])
                    && request.method == *method
                {
                    self.peer = from;
                    return request;
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {method:?} in time"))
    }

    async fn answers(&self, request: &Request, status: &str, body: &str) {
        let header = |name: HeaderName| {
            let value = request.headers.get(&name).unwrap_or_default();
            format!("{name}: {}\r\n", String::from_utf8_lossy(value))
        };
        let same: String =
            [HeaderName::Via, HeaderName::From, HeaderName::CallId, HeaderName::CSeq].map(header).concat();
        let to = header(HeaderName::To);
        let to = if to.contains("tag=") { to } else { to.replace("\r\n", ";tag=recorder\r\n") };
        let contact = self.sip.local_addr().expect("an address");
        let head = format!("SIP/2.0 {status}\r\n{same}{to}Contact: <sip:recorder@{contact}>\r\n");
        let rest = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.sip.send_to(format!("{head}{rest}").as_bytes(), self.peer).await.expect("sent");
    }

    /// Our description: both streams in this direction.
    fn description(&self, direction: &str) -> String {
        let port = |socket: &UdpSocket| socket.local_addr().expect("an address").port();
        let stream =
            |socket| format!("m=audio {} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na={direction}\r\n", port(socket));
        let head = "v=0\r\no=recorder 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
        format!("{head}{}{}", stream(&self.rtp[0]), stream(&self.rtp[1]))
    }

    /// A request of ours within the dialog of their INVITE.
    async fn asks(&self, invite: &Request, method: &str, number: u32, body: &str) {
        let header =
            |name: HeaderName| String::from_utf8_lossy(invite.headers.get(&name).expect("it is there")).into_owned();
        let (us, them) = (self.sip.local_addr().expect("an address"), self.peer);
        let request = format!(
            "{method} sip:callwright@{them} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKr{number}\r\nMax-Forwards: 70\r\n\
             From: {};tag=recorder\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\nContact: <sip:recorder@{us}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            header(HeaderName::To),
            header(HeaderName::From),
            header(HeaderName::CallId),
            body.len(),
        );
        self.sip.send_to(request.as_bytes(), self.peer).await.expect("sent");
    }

    /// Whether packets of a stream come within this time, and whether one of them is loud: then it returns at once.
    async fn hears(&self, stream: usize, wait: Duration) -> (bool, bool) {
        let mut any = false;
        let mut buffer = [0; 2_048];
        let listen = async {
            loop {
                let (length, _) = self.rtp[stream].recv_from(&mut buffer).await.expect("a datagram");
                let packet = RtpPacket::parse(&buffer[..length]).expect("RTP");
                assert_eq!((packet.header.payload_type, packet.payload.len()), (8, 160));
                let mut samples = [0; 160];
                Law::A.decode(packet.payload, &mut samples);
                any = true;
                if rms_dbfs(&samples) > -30.0 {
                    return;
                }
            }
        };
        let loud = timeout(wait, listen).await.is_ok();
        (any, loud)
    }

    /// Forgets what has arrived.
    fn forgets(&self) {
        let mut buffer = [0; 2_048];
        for socket in &self.rtp {
            while socket.try_recv(&mut buffer).is_ok() {}
        }
    }
}

fn text(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_hears_both_voices_pauses_and_is_told_the_end() {
    let office = Office::new(Udp, 37_000, CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 38_000).await;
    let mut recorder = Recorder::new().await;
    let listeners = vec![office.bound.clone()];
    let router = Router { listeners: listeners.clone(), ..Router::default() };
    let ports = RtpPorts::new(Ipv4Addr::LOCALHOST.into(), 38_500..=38_598, 1);
    let recorders = Recorders::new(office.sip.clone(), router, listeners, ports);
    office.calls.set_recorders(recorders.clone());
    recorders.set_targets([(TrunkId::from_u128(2), recorder.uri())].into());

    let order = office.order(phone.address(), "+493012340001");
    let session = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, order.call.as_bytes());
    let attempt = office.place(order);
    let line = phone.rings().await.answer().await;

    let invite = recorder.gets(&Method::Invite).await;
    assert_eq!(invite.headers.get(&HeaderName::Require), Some(&b"siprec"[..]));
    let contact = String::from_utf8_lossy(invite.headers.get(&HeaderName::Contact).expect("a contact")).into_owned();
    assert!(contact.ends_with(";+sip.src"), "{contact}");
    let body = text(&invite);
    for expected in ["a=label:1", "a=label:2", "tel:+493012340001", "tel:+493012345678", &session] {
        assert!(body.contains(expected), "{expected} in {body}");
    }
    recorder.answers(&invite, "200 OK", &recorder.description("recvonly")).await;
    recorder.gets(&Method::Ack).await;

    // The assistant whistles; the phone is silent, then speaks.
    assert_eq!(recorder.hears(1, PATIENCE).await, (true, true), "what we say");
    assert_eq!(recorder.hears(0, Duration::from_millis(300)).await, (true, false), "the other side is silent");
    recorder.forgets();
    let tone: Arc<[i16]> = (0..16_000).map(|n| ((f64::from(n) * 0.3).sin() * 8_000.0) as i16).collect();
    line.media.control.send(MediaCommand::Play { clip: ClipId(1), pcm: tone, from: 0 }).await.expect("media runs");
    assert_eq!(recorder.hears(0, PATIENCE).await, (true, true), "what the other side says");

    recorder.asks(&invite, "INVITE", 1, &recorder.description("inactive")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    recorder.forgets();
    assert_eq!(recorder.hears(1, Duration::from_millis(300)).await, (false, false), "nothing while it pauses");
    recorder.asks(&invite, "ACK", 1, "").await;
    recorder.asks(&invite, "INVITE", 2, &recorder.description("recvonly")).await;
    assert!(recorder.hears(1, Duration::from_secs(1)).await.0, "it goes on");
    recorder.asks(&invite, "ACK", 2, "").await;

    line.hangs_up().await;
    let bye = recorder.gets(&Method::Bye).await;
    recorder.answers(&bye, "200 OK", "").await;
    attempt.ends().await;
    recorders.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_without_its_recorder_which_is_asked_again() {
    let office = Office::new(Udp, 39_000, CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 40_000).await;
    let mut recorder = Recorder::new().await;
    let listeners = vec![office.bound.clone()];
    let router = Router { listeners: listeners.clone(), ..Router::default() };
    let ports = RtpPorts::new(Ipv4Addr::LOCALHOST.into(), 40_500..=40_598, 1);
    let recorders = Recorders::new(office.sip.clone(), router, listeners, ports);
    office.calls.set_recorders(recorders.clone());
    recorders.set_targets([(TrunkId::from_u128(2), recorder.uri())].into());
    let attempt = office.place(office.order(phone.address(), "+493012340001"));
    let mut line = phone.rings().await.answer().await;
    let invite = recorder.gets(&Method::Invite).await;
    recorder.answers(&invite, "503 Service Unavailable", "").await;
    assert!(line.hears_a_tone().await, "the call goes on");
    let again = recorder.gets(&Method::Invite).await;
    assert_ne!(again.headers.get(&HeaderName::CallId), invite.headers.get(&HeaderName::CallId));
    recorder.answers(&again, "486 Busy Here", "").await;
    line.hangs_up().await;
    attempt.ends().await;
    recorders.drain().await;
}
