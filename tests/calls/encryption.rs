//! Encrypted audio, with somebody listening on the wire.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::Udp;
use callwright::config::TlsFiles;
use callwright::net::media_ring::MediaNews;
use callwright::net::sip_tls::SipTls;
use callwright::stir::verdict::IdentityPolicy;
use callwright::time;
use callwright::trunk::media::{MediaTerms, SrtpPolicy};
use callwright_media::codec::g711::Law;
use callwright_media::negotiated::Negotiated;
use callwright_media::rtcp::Compound;
use callwright_media::rtp::is_rtcp;
use callwright_media::sdp::Encryption;
use callwright_media::session::Stats;
use callwright_media::srtp::{LocalKeys, MasterKey};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::office::{Office, PATIENCE};
use crate::phone::{Line, Phone};

const OURS: &str = "+493012345678";
/// Bytes of an RTP packet with 20 ms of G.711.
const PLAIN: usize = 172;
/// The same with a tag of 80 bits.
const SECRET: usize = PLAIN + 10;

fn terms(srtp: SrtpPolicy) -> MediaTerms {
    MediaTerms { srtp, ..MediaTerms::default() }
}

fn keys() -> Box<LocalKeys> {
    Box::new(LocalKeys::generate(&mut rand::rng()))
}

/// Certificates for `localhost`, for both sides.
fn files(folder: &Path) -> TlsFiles {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.distinguished_name.push(DnType::CommonName, folder.display().to_string());
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let own = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name").signed_by(&key, &authority);
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("it is written");
        Some(path)
    };
    TlsFiles {
        certificate: write("own.pem", own.expect("a certificate").pem()),
        key: write("own.key", key.serialize_pem()),
        trusted: write("authority.pem", authority.pem()),
        ..TlsFiles::default()
    }
}

/// Both sides of calls over TLS.
async fn over_tls(first_port: u16) -> (Office, Phone) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = files(folder.path());
    let tls = || SipTls::new(&files).expect("usable files");
    (Office::over_tls(tls(), first_port).await, Phone::over_tls(tls(), first_port + 1_000).await)
}

/// Stands between two RTP ports and keeps what passes.
struct Sniffer {
    socket: Arc<UdpSocket>,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Sniffer {
    async fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback binds");
        Self { socket: Arc::new(socket), seen: Arc::default() }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Passes on between these two, from now on.
    fn between(&self, one: SocketAddr, other: SocketAddr) {
        let (socket, seen) = (Arc::clone(&self.socket), Arc::clone(&self.seen));
        tokio::spawn(async move {
            let mut buffer = [0; 2_048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(buffer[..length].to_vec());
                let _ = socket.send_to(&buffer[..length], if from == one { other } else { one }).await;
            }
        });
    }

    /// The RTP packets seen, or the reports between them.
    fn packets(&self, reports: bool) -> Vec<Vec<u8>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|packet| is_rtcp(packet) == reports).cloned().collect()
    }

    /// How much of the purest packet seen is the whistle that the office speaks with, 0 to 1, when what follows the RTP
    /// header is taken for G.711.
    fn whistle(&self) -> f64 {
        let purest = |packet: &Vec<u8>| {
            let mut samples = [0; 160];
            Law::Mu.decode(&packet[12..PLAIN], &mut samples);
            let (mut re, mut im, mut energy) = (0.0, 0.0, 1.0);
            for (n, &sample) in (0..).zip(&samples) {
                let (sample, angle) = (f64::from(sample), 0.5 * f64::from(n));
                re += sample * angle.cos();
                im += sample * angle.sin();
                energy += sample * sample;
            }
            2.0 * (re * re + im * im) / (160.0 * energy)
        };
        self.packets(false).iter().filter(|packet| packet.len() >= PLAIN).map(purest).fold(0.0, f64::max)
    }
}

/// Answers the next call with the sniffer on its wire.
async fn answers(phone: &mut Phone, sniffer: &Sniffer, change: impl FnOnce(&mut Negotiated)) -> Line {
    let mut own = 0;
    let announced = |port| {
        own = port;
        sniffer.address().port()
    };
    let mut caller = None;
    let line = phone.rings().await.answer_as(announced, |negotiated| {
        caller = negotiated.remote.replace(sniffer.address());
        change(negotiated);
    });
    let line = line.await;
    sniffer.between(caller.expect("it says where it listens"), SocketAddr::from((Ipv4Addr::LOCALHOST, own)));
    line
}

/// Hangs up, and what the telephone's media counted.
async fn closes(mut line: Line) -> Stats {
    line.handle.hang_up(line.session, None).await.expect("SIP runs");
    line.media.control.send(callwright::net::media_leg::MediaCommand::Close).await.expect("media runs");
    loop {
        if let MediaNews::Closed(closed) = line.media.news.recv().await.expect("a last word") {
            return closed.stats;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_on_the_wire_hears_nothing_of_an_encrypted_call() {
    let (office, mut phone) = over_tls(52_000).await;
    phone.encryption = Encryption::Required(keys());
    let mut order = office.order(phone.address(), OURS);
    order.invite.media = terms(SrtpPolicy::Required);
    let attempt = office.place(order);
    let sniffer = Sniffer::new().await;
    let mut line = answers(&mut phone, &sniffer, |_| ()).await;
    assert!(line.hears_a_tone().await);
    // Each side's first report comes within 3.1 s.
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    let counted = closes(line).await;
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::UserHangup);
    let ours = report.media.expect("there was media");
    assert_eq!((ours.dropped.unauthentic, counted.dropped.unauthentic), (0, 0));
    assert!(ours.received > 20 && counted.received > 20, "both ways: {ours:?} {counted:?}");
    let packets = sniffer.packets(false);
    assert!(packets.len() > 40 && packets.iter().all(|packet| packet.len() == SECRET), "{}", packets.len());
    assert!(sniffer.whistle() < 0.3, "{}", sniffer.whistle());
    // Both sides report, over the same port, and nobody else can read that either.
    let reports = sniffer.packets(true);
    assert!(reports.len() >= 2 && ours.rtcp > 0 && counted.rtcp > 0, "{ours:?} {counted:?}");
    assert!(reports.iter().all(|report| Compound::parse(report).is_err()), "{reports:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_are_silence_on_both_sides_and_counted() {
    let (office, mut phone) = over_tls(52_200).await;
    phone.encryption = Encryption::Required(keys());
    let mut order = office.order(phone.address(), OURS);
    order.invite.media = terms(SrtpPolicy::Required);
    let attempt = office.place(order);
    let sniffer = Sniffer::new().await;
    let line = answers(&mut phone, &sniffer, |negotiated| {
        let keys = negotiated.srtp.as_mut().expect("it is encrypted");
        let suite = keys.local.suite();
        keys.local = MasterKey::generate(suite, &mut rand::rng());
        keys.remote.key = MasterKey::generate(suite, &mut rand::rng());
    });
    let line = line.await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let counted = closes(line).await;
    let (_, report) = attempt.ends().await;
    let ours = report.media.expect("there was media");
    assert_eq!((ours.received, counted.received), (0, 0));
    assert!(ours.dropped.unauthentic > 20 && counted.dropped.unauthentic > 20, "{ours:?} {counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_that_is_offered_to_a_telephone_without_it_leaves_a_plain_call() {
    let office = Office::new(Udp, 52_400, callwright::call::call::CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 53_400).await;
    let mut order = office.order(phone.address(), OURS);
    order.invite.media = terms(SrtpPolicy::Offered);
    let attempt = office.place(order);
    let sniffer = Sniffer::new().await;
    let mut line = answers(&mut phone, &sniffer, |_| ()).await;
    assert!(line.hears_a_tone().await);
    line.hangs_up().await;
    let (_, report) = attempt.ends().await;
    assert_eq!(report.media.expect("there was media").dropped.total(), 0);
    assert!(sniffer.packets(false).iter().all(|packet| packet.len() == PLAIN));
    assert!(sniffer.whistle() > 0.9, "{}", sniffer.whistle());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_come_in_follow_the_trunk() {
    let (mut office, mut phone) = over_tls(52_600).await;
    let open = |srtp| office.open_to(100, IdentityPolicy::Record, terms(srtp));
    let peer = office.address;
    open(SrtpPolicy::Required);
    assert_eq!(phone.calls(peer, OURS, 1).await.err(), Some(488), "in the clear");
    for (key, wish) in [(2, Encryption::Required(keys())), (3, Encryption::Offered(keys()))] {
        phone.encryption = wish;
        let mut line = phone.calls(peer, OURS, key).await.expect("answered");
        assert!(line.hears_a_tone().await);
        assert_eq!(closes(line).await.dropped.total(), 0);
    }
    open(SrtpPolicy::Off);
    phone.encryption = Encryption::Required(keys());
    assert_eq!(phone.calls(peer, OURS, 4).await.err(), Some(488), "we do not encrypt");
    for _ in 0..2 {
        let media = office.inbound_report().await.media.expect("there was media");
        assert!(media.received > 0, "{media:?}");
        assert_eq!(media.dropped.unauthentic, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_not_taken_from_the_open() {
    let office = Office::new(Udp, 52_800, callwright::call::call::CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 53_800).await;
    office.open_to(100, IdentityPolicy::Record, terms(SrtpPolicy::Required));
    phone.encryption = Encryption::Required(keys());
    assert_eq!(phone.calls(office.address, OURS, 1).await.err(), Some(488));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_that_answers_in_the_clear_is_hung_up() {
    let (office, mut phone) = over_tls(53_000).await;
    let mut order = office.order(phone.address(), OURS);
    order.invite.media = terms(SrtpPolicy::Required);
    let attempt = office.place(order);
    let ringing = phone.rings().await;
    let answer = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    assert!(tokio::time::timeout(PATIENCE, ringing.answers_with(answer.to_vec())).await.expect("in time"));
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::DialFailed, true));
    assert!(report.media.is_none(), "nothing was said");
}

/// Stands between two RTP ports, and can change the address that the office sees.
struct Relay {
    before: Arc<UdpSocket>,
    after: Arc<UdpSocket>,
    moved: Arc<AtomicBool>,
}

impl Relay {
    async fn new() -> Self {
        let socket = async || Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback binds"));
        Self { before: socket().await, after: socket().await, moved: Arc::default() }
    }

    /// Passes on between these two, and tells of each packet of the office that came to the new address.
    fn between(&self, office: SocketAddr, phone: SocketAddr) -> mpsc::Receiver<()> {
        let (told, tells) = mpsc::channel(1);
        for new in [false, true] {
            let (before, after) = (Arc::clone(&self.before), Arc::clone(&self.after));
            let (moved, told) = (Arc::clone(&self.moved), told.clone());
            tokio::spawn(async move {
                let socket = if new { &after } else { &before };
                let mut buffer = [0; 2_048];
                while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                    let packet = &buffer[..length];
                    let moved = moved.load(Ordering::Relaxed);
                    if from == phone {
                        let way = if moved { &after } else { &before };
                        let _ = way.send_to(packet, office).await;
                    } else if moved == new {
                        // Whoever has moved is not reached any more where it was.
                        let _ = before.send_to(packet, phone).await;
                    }
                    if new && !is_rtcp(packet) {
                        let _ = told.try_send(());
                    }
                }
            });
        }
        tells
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telephone_that_moves_is_followed_by_its_key_within_200_ms() {
    let (office, mut phone) = over_tls(53_200).await;
    phone.encryption = Encryption::Required(keys());
    let mut order = office.order(phone.address(), OURS);
    order.invite.media = terms(SrtpPolicy::Required);
    let attempt = office.place(order);
    let relay = Relay::new().await;
    let seen = relay.before.local_addr().expect("bound");
    let (mut own, mut caller) = (0, None);
    let announced = |port| {
        own = port;
        seen.port()
    };
    let line = phone.rings().await.answer_as(announced, |negotiated| caller = negotiated.remote.replace(seen));
    let mut line = line.await;
    let office_at = caller.expect("it says where it listens");
    let mut followed = relay.between(office_at, SocketAddr::from((Ipv4Addr::LOCALHOST, own)));
    assert!(line.hears_a_tone().await);
    relay.moved.store(true, Ordering::Relaxed);
    let moved = time::now().mono;
    tokio::time::timeout(PATIENCE, followed.recv()).await.expect("it is followed").expect("the relay runs");
    let took = time::now().mono.duration_since(moved);
    assert!(took < Duration::from_millis(200), "{took:?}");
    closes(line).await;
    let (_, report) = attempt.ends().await;
    let ours = report.media.expect("there was media");
    // The telephone's reports do not pass the relay.
    let unheard = ours.dropped.total() - ours.dropped.report_source;
    assert_eq!((unheard, ours.restarts), (0, 0), "every packet was heard: {ours:?}");
}
