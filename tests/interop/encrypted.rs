//! baresip over TLS, with the keys of its audio in the descriptions (RFC 4568), and somebody who listens on the wire.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callwright::call::place::CallReport;
use callwright::config::SipTransport::Tls;
use callwright::net::sip_tls::SipTls;
use callwright::stir::verdict::IdentityPolicy;
use callwright::trunk::callers::Wording;
use callwright::trunk::media::{MediaTerms, SrtpPolicy};
use callwright_media::codec::g711::Law;
use callwright_media::rtp::is_rtcp;
use callwright_sip::endpoint::Transport;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UdpSocket;

use crate::agents::{patient, seat, seated};
use crate::baresip::{Account, Baresip, Secure, TONE, WHISTLE, strength};
use crate::kamailio::Authority;
use crate::office::{Office, Seat};
use crate::phones::was_a_talk;

const NUMBER: &str = "+493090180001";
const OURS: &str = "+493012345678";
/// A while in which both sides speak.
const TALK: Duration = Duration::from_millis(1_500);
/// Where our audio is said to be: the listener on the wire passes it on.
const WIRE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Bytes of an RTP packet with 20 ms of G.711.
const PLAIN: usize = 172;
/// The tag of AES_CM_128_HMAC_SHA1_80, the suite that both sides have in front.
const TAG: usize = 10;

/// An office over TLS and the settings of telephones that trust it.
struct Scene {
    office: Office,
    authority: Authority,
    _folder: TempDir,
}

impl Scene {
    async fn new(srtp: SrtpPolicy) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new(folder.path());
        let tls = SipTls::new(&authority.issue("office")).expect("usable files");
        let callee = tls.names().learn("127.0.0.1").expect("an address");
        let seat = Seat { media: Some(WIRE), ..seat(Tls, Ipv4Addr::LOCALHOST.into(), tls) };
        let mut office = seated(seat, &patient()).await;
        office.open_as(patient(), 20, IdentityPolicy::Record, (terms(srtp), Wording::default()));
        // Whom we call has to prove its address.
        office.transport = Transport::Tls(callee);
        Self { office, authority, _folder: folder }
    }

    async fn phone(&self, media: &'static str) -> Baresip {
        let secure = Some(Secure { media, files: self.authority.issue("phone") });
        Baresip::start(Account { codecs: "PCMA", secure, ..Account::alone(NUMBER) }).await
    }

    /// The telephone calls, and hangs up after a talk.
    async fn is_called(&mut self, mut phone: Baresip) {
        phone.dials(&format!("sip:{OURS}@{};transport=tls", self.office.address)).await;
        phone.tells("CALL_ESTABLISHED").await;
        let wire = Wire::of(&phone).await;
        talks(&mut phone).await;
        let report = self.office.inbound_report().await;
        was_private(&self.office, &report, &phone, &wire);
    }

    /// We call the telephone, which hangs up after a talk.
    async fn calls(&self, mut phone: Baresip, srtp: SrtpPolicy) {
        let mut order = self.office.order(phone.secure_address(), NUMBER);
        order.invite.media = terms(srtp);
        let attempt = self.office.place(order);
        phone.answers().await;
        let wire = Wire::of(&phone).await;
        talks(&mut phone).await;
        let (seen, report) = attempt.ends().await;
        assert_eq!(seen[..2], ["ringing", "answered"]);
        was_private(&self.office, &report, &phone, &wire);
    }
}

fn terms(srtp: SrtpPolicy) -> MediaTerms {
    MediaTerms { srtp, ..MediaTerms::default() }
}

async fn talks(phone: &mut Baresip) {
    phone.hears_the_agent().await;
    tokio::time::sleep(TALK).await;
    phone.does("hangup", "").await;
}

/// Stands before our RTP port, at the address that the descriptions name, and keeps what passes in both directions.
struct Wire {
    theirs: Arc<Mutex<Vec<Vec<u8>>>>,
    ours: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    /// On the wire of a call that this telephone has just begun.
    async fn of(phone: &Baresip) -> Self {
        let log = phone.program.log();
        let described = log.rsplit(&format!("c=IN IP4 {WIRE}")).next().expect("our description");
        let port = described.split("m=audio ").nth(1).and_then(|line| line.split(' ').next()).expect("audio");
        let office = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().expect("a port")));
        let socket = UdpSocket::bind((WIRE, office.port())).await.expect("all of 127/8 is loopback");
        let wire = Self { theirs: Arc::default(), ours: Arc::default() };
        let (theirs, ours) = (Arc::clone(&wire.theirs), Arc::clone(&wire.ours));
        tokio::spawn(async move {
            let (mut buffer, mut phone) = ([0; 2_048], None);
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let packet = &buffer[..length];
                let (to, seen) = if from == office {
                    (phone, &ours)
                } else {
                    phone = Some(from);
                    (Some(office), &theirs)
                };
                if !is_rtcp(packet) {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(packet.to_vec());
                }
                if let Some(to) = to {
                    let _ = socket.send_to(packet, to).await;
                }
            }
        });
        wire
    }
}

/// How strong the tone is in what a listener without the key would hear, in dBFS: in its strongest 100 ms.
fn overheard(packets: &[Vec<u8>], hertz: f64) -> f64 {
    let mut sound = Vec::new();
    for packet in packets {
        let mut samples = [0; PLAIN - 12];
        Law::A.decode(&packet[12..PLAIN], &mut samples);
        sound.extend(samples);
    }
    sound.chunks_exact(800).map(|piece| strength(piece, hertz)).fold(f64::MIN, f64::max)
}

/// Both sides heard each other, every packet was made with a key, and nobody between heard either of them.
fn was_private(office: &Office, report: &CallReport, phone: &Baresip, wire: &Wire) {
    was_a_talk(office, report);
    let quality = report.quality.as_ref().expect("there was audio");
    assert!(quality.encrypted && quality.codec == "PCMA", "{quality:?}");
    assert_eq!(report.media.as_ref().map(|media| media.dropped.unauthentic), Some(0));
    let log = phone.program.log();
    assert!(log.contains("SRTP is Enabled (cryptosuite=AES_CM_128_HMAC_SHA1_80)"), "by its own account too");
    assert!(log.matches(" AES_CM_128_HMAC_SHA1_80 inline:").count() >= 2, "in the offer and in the answer");
    for (packets, hertz) in [(&wire.theirs, TONE), (&wire.ours, WHISTLE)] {
        let packets = packets.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(packets.len() > 40, "{} packets at {hertz} Hz", packets.len());
        assert!(packets.iter().all(|packet| packet.len() == PLAIN + TAG), "each has its tag");
        assert!(overheard(&packets, hertz) < -20.0, "{} dBFS at {hertz} Hz", overheard(&packets, hertz));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_that_always_encrypts_calls_and_is_called_over_tls() {
    let mut scene = Scene::new(SrtpPolicy::Required).await;
    let phone = scene.phone("srtp-mand").await;
    scene.is_called(phone).await;
    let phone = scene.phone("srtp-mand").await;
    scene.calls(phone, SrtpPolicy::Required).await;
}

/// Keys in RTP/AVP, which each side takes of the other because it can (RFC 8643).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_that_encrypts_where_it_can_does_so_with_us() {
    let mut scene = Scene::new(SrtpPolicy::Offered).await;
    let phone = scene.phone("srtp").await;
    scene.is_called(phone).await;
    let phone = scene.phone("srtp").await;
    scene.calls(phone, SrtpPolicy::Offered).await;
}

/// A trunk that has to be encrypted takes nobody in the clear.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_in_the_clear_is_refused_where_encryption_is_a_must() {
    let scene = Scene::new(SrtpPolicy::Required).await;
    let mut phone = Baresip::start(Account { codecs: "PCMA", ..Account::alone(NUMBER) }).await;
    phone.dials(&format!("sip:{OURS}@{};transport=tls", scene.office.address)).await;
    let closed = phone.tells("CALL_CLOSED").await;
    assert_eq!(closed["param"], json!("488 Not Acceptable Here"), "{closed}");
}
