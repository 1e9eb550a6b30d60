use bytes::BytesMut;
use callwright_media::srtp::{SrtpReceiver, SrtpSender};
use rtc_crypto::default_provider;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

use super::*;
use crate::time;

const GONE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(20);

/// A browser made of the DTLS library, on a network that loses what it is told to.
struct Browser {
    identity: Identity,
    dtls: Endpoint,
    at: SocketAddr,
    done: bool,
    closed: bool,
}

impl Browser {
    fn new(profile: SrtpProtectionProfile) -> Self {
        let identity = Identity::generate().expect("a certificate");
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&identity.crypto))
            .with_certificates(vec![identity.certificate.clone()])
            .with_srtp_protection_profiles(vec![profile])
            .with_insecure_skip_verify(true)
            .build(true, None)
            .expect("a configuration");
        let at = "192.0.2.7:5000".parse().expect("an address");
        let mut dtls = Endpoint::new(at, TransportProtocol::UDP, None);
        dtls.connect(time::now().mono, PEER, Arc::new(config), None).expect("it begins");
        Self { identity, dtls, at, done: false, closed: false }
    }

    fn check(&self, local: &Credentials, named: bool) -> Vec<u8> {
        let crypto = default_provider().expect("a provider");
        let password = local.password.clone();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password, crypto.crypto());
        let mut message = Message::new();
        let setters: [Box<dyn Setter + '_>; 3] = [
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId([3; 12])),
            Box::new(TextAttribute::new(ATTR_USERNAME, format!("{}:theirs", local.ufrag))),
        ];
        message.build(&setters).expect("a message");
        if named {
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        integrity.add_to(&mut message).expect("an attribute");
        FINGERPRINT.add_to(&mut message).expect("an attribute");
        message.raw
    }

    /// Carries datagrams both ways until nobody has any.
    fn talk(&mut self, now: Instant, link: &mut Link) {
        loop {
            let mut quiet = true;
            while let Some(transmit) = self.dtls.poll_transmit() {
                quiet = false;
                link.handle(now, self.at, &transmit.message);
            }
            while let Some((to, datagram)) = link.poll_transmit() {
                quiet = false;
                assert_eq!(to, self.at);
                if datagram[0] >= 20 {
                    self.take(now, datagram);
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn take(&mut self, now: Instant, datagram: BytesMut) {
        for event in self.dtls.read(now, PEER, None, datagram).unwrap_or_default() {
            self.done |= matches!(event, EndpointEvent::HandshakeComplete);
            self.closed |= matches!(event, EndpointEvent::PeerClosed);
        }
    }

    fn keys(&self) -> SrtpKeys {
        let theirs = keys_of(self.dtls.get_connection_state(PEER).expect("a connection")).expect("keys");
        // What is the server's own is the client's to receive.
        SrtpKeys { local: theirs.remote.key, remote: RemoteKey { key: theirs.local, mki: None } }
    }
}

fn link(now: Instant, fingerprint: Fingerprint) -> (Link, Credentials) {
    let local = Credentials::generate();
    let config = LinkConfig {
        identity: Arc::new(Identity::generate().expect("a certificate")),
        local: local.clone(),
        remote_ufrag: "theirs".to_owned(),
        fingerprint,
        connect_within: CONNECT,
        gone_after: GONE,
    };
    (Link::new(now, config).expect("a link"), local)
}

fn connected(profile: SrtpProtectionProfile) -> (Browser, Link, Credentials, Instant, SrtpKeys) {
    let (mut browser, now) = (Browser::new(profile), time::now().mono);
    let (mut link, local) = link(now, browser.identity.fingerprint());
    link.handle(now, browser.at, &browser.check(&local, true));
    browser.talk(now, &mut link);
    assert!(browser.done);
    let Some(LinkEvent::Up { keys, remote }) = link.poll_event() else { panic!("it is up") };
    assert_eq!(remote, browser.at);
    (browser, link, local, now, *keys)
}

#[test]
fn both_sides_come_to_the_same_keys_under_either_profile() {
    for profile in [SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80] {
        let (browser, _, _, _, ours) = connected(profile);
        let theirs = browser.keys();
        for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
            let mut packet = [0; 256];
            packet[..16].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 9, 8, 7, 6]);
            let length = SrtpSender::new(&from.local).protect(&mut packet, 16, 0).expect("room");
            let mut receiver = SrtpReceiver::new(&to.remote);
            assert_eq!(receiver.unprotect(&packet[..length]).expect("authentic")[12..], [9, 8, 7, 6]);
        }
    }
}

#[test]
fn media_waits_until_the_browser_has_named_the_way() {
    let (mut browser, now) = (Browser::new(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm), time::now().mono);
    let (mut link, local) = link(now, browser.identity.fingerprint());
    browser.talk(now, &mut link);
    assert!(!browser.done, "nothing is answered before a check");
    link.handle(now, browser.at, &browser.check(&local, false));
    // What was lost is sent again.
    let later = now + Duration::from_secs(2);
    browser.dtls.handle_timeout(PEER, later).expect("it sends again");
    browser.talk(later, &mut link);
    assert!(browser.done && link.poll_event().is_none());
    link.handle(later, browser.at, &browser.check(&local, true));
    assert!(matches!(link.poll_event(), Some(LinkEvent::Up { .. })));
}

#[test]
fn another_certificate_than_the_one_described_gets_no_keys() {
    let (mut browser, now) = (Browser::new(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm), time::now().mono);
    let (mut link, local) = link(now, Fingerprint::of(b"somebody else's"));
    link.handle(now, browser.at, &browser.check(&local, true));
    browser.talk(now, &mut link);
    assert_eq!(link.poll_event(), None);
    link.handle_timeout(now + CONNECT);
    assert_eq!(link.poll_event(), Some(LinkEvent::Over(LinkEnd::NotConnected)));
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn a_browser_that_shows_no_sign_of_life_is_gone_and_one_that_does_is_not() {
    let (browser, mut link, local, now, _) = connected(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
    let later = now + GONE - Duration::from_millis(1);
    link.handle_timeout(later);
    assert_eq!(link.poll_event(), None);
    link.handle(later, browser.at, &browser.check(&local, false));
    link.handle_timeout(now + GONE);
    assert_eq!(link.poll_event(), None);
    assert_eq!(link.poll_timeout(), Some((later + GONE, LinkTimer::Patience)));
    link.handle_timeout(later + GONE);
    assert_eq!(link.poll_event(), Some(LinkEvent::Over(LinkEnd::Silent)));
}

#[test]
fn a_goodbye_ends_it_from_either_side() {
    let (mut browser, mut link, _, now, _) = connected(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
    browser.dtls.close(now).expect("it says goodbye");
    while let Some(transmit) = browser.dtls.poll_transmit() {
        link.handle(now, browser.at, &transmit.message);
    }
    assert_eq!(link.poll_event(), Some(LinkEvent::Over(LinkEnd::Closed)));

    let (mut browser, mut link, _, now, _) = connected(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80);
    link.close(now);
    browser.talk(now, &mut link);
    assert!(browser.closed);
    assert_eq!(link.poll_event(), Some(LinkEvent::Over(LinkEnd::Asked)));
}

#[test]
fn a_browser_that_changes_its_network_is_followed_without_a_new_handshake() {
    let (mut browser, mut link, local, now, _) = connected(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
    browser.at = "198.51.100.9:7".parse().expect("an address");
    link.handle(now, browser.at, &browser.check(&local, true));
    assert_eq!(link.poll_event(), Some(LinkEvent::Moved { remote: browser.at }));
    browser.dtls.close(now).expect("it says goodbye");
    browser.talk(now, &mut link);
    assert_eq!(link.poll_event(), Some(LinkEvent::Over(LinkEnd::Closed)));
}

#[test]
fn strangers_change_nothing() {
    let (_, mut link, _, now, _) = connected(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
    let stranger: SocketAddr = "203.0.113.5:1".parse().expect("an address");
    for datagram in
        [&[][..], &[0], &[22; 60], &[1; 40], &[63, 1, 2], &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0]]
    {
        link.handle(now, stranger, datagram);
    }
    assert_eq!((link.poll_event(), link.poll_transmit()), (None, None));
}
