//! The link to one browser: ICE finds the way, DTLS agrees on the keys of SRTP (RFC 5764) and tells of the end. Pure.
//!
//! ```text
//!   Waiting ──pair named, handshake over──► Up ──closed, or silent──► Over
//!      └──────────── not within its time, or refused ────────────────►┘
//! ```

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use callwright_media::srtp::{MasterKey, RemoteKey, SrtpKeys, Suite};
use rtc_dtls::config::{
    ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig, VerifyPeerCertificateFn,
};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State as DtlsState;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error as DtlsError;

use super::ice::{Credentials, Lite};
use super::identity::{Fingerprint, Identity};

/// DTLS knows one peer by one address, wherever the way leads: a browser may change networks in the middle of a call.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
/// STUN begins with 0 to 3, DTLS with 20 to 63 (RFC 7983).
const STUN: u8 = 4;
const DTLS: std::ops::Range<u8> = 20..64;
/// Records of DTLS are kept to what passes everywhere.
const MTU: usize = 1_200;
/// The label of the keys (RFC 5764 section 4.2).
const LABEL: &str = "EXTRACTOR-dtls_srtp";
/// Bytes of each side's key, before the salts.
const KEY: usize = 16;

/// What a link is made of.
#[derive(Debug)]
pub struct LinkConfig {
    /// Our certificate.
    pub identity: Arc<Identity>,
    /// Our side of ICE.
    pub local: Credentials,
    /// The browser's user fragment.
    pub remote_ufrag: String,
    /// The certificate that the browser has to prove to hold.
    pub fingerprint: Fingerprint,
    /// The link is given up when it is not up so long after its beginning.
    pub connect_within: Duration,
    /// The browser is gone when its checks have stopped for so long.
    pub gone_after: Duration,
}

/// What a link tells.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// Media can flow: protected with these keys, to that address.
    Up {
        /// The keys of SRTP and SRTCP.
        keys: Box<SrtpKeys>,
        /// Where the browser receives.
        remote: SocketAddr,
    },
    /// The browser receives elsewhere from now on.
    Moved {
        /// Where.
        remote: SocketAddr,
    },
    /// It is over; nothing follows.
    Over(LinkEnd),
}

/// How a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// We were asked to end it.
    Asked,
    /// The browser said goodbye.
    Closed,
    /// The browser has gone without a word.
    Silent,
    /// It never came up.
    NotConnected,
    /// The handshake failed: another certificate than the one described, or no cipher in common.
    Refused,
}

/// Why a link wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTimer {
    /// It may have to be given up: not connected in time, or nothing heard for long.
    Patience,
    /// A flight of the handshake is sent again.
    Handshake,
}

/// The link to one browser.
pub struct Link {
    config: LinkConfig,
    ice: Lite,
    dtls: Endpoint,
    begun: Instant,
    keys: Option<Box<SrtpKeys>>,
    state: State,
    transmits: VecDeque<(SocketAddr, BytesMut)>,
    events: VecDeque<LinkEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Up,
    Over,
}

/// The crypto library refuses our own settings.
#[derive(Debug, thiserror::Error)]
#[error("no link to a browser can be made: {0}")]
pub struct NoLink(String);

impl Link {
    /// A link that waits for the browser.
    ///
    /// # Errors
    /// The crypto library refuses the certificate: ours to mend.
    pub fn new(now: Instant, config: LinkConfig) -> Result<Self, NoLink> {
        let server = handshake(&config).map_err(|error| NoLink(error.to_string()))?;
        let ours = SocketAddr::new(PEER.ip(), 2);
        Ok(Self {
            ice: Lite::new(config.local.clone(), &config.remote_ufrag, Arc::clone(&config.identity.crypto)),
            dtls: Endpoint::new(ours, TransportProtocol::UDP, Some(Arc::new(server))),
            config,
            begun: now,
            keys: None,
            state: State::Waiting,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// Takes a datagram that [belongs to it](super::is_links). What is neither STUN nor DTLS, and DTLS from where no check came,
    /// is passed over.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        if self.state == State::Over {
            return;
        }
        match datagram.first() {
            Some(first) if *first < STUN => self.handle_check(now, from, datagram),
            Some(first) if DTLS.contains(first) && self.ice.is_proved(from) => self.handle_dtls(now, datagram),
            Some(_) | None => {}
        }
        self.send_dtls();
        self.come_up();
    }

    /// Runs every clock that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == State::Over {
            return;
        }
        if self.patience() <= now {
            let end = if self.state == State::Up { LinkEnd::Silent } else { LinkEnd::NotConnected };
            return self.end(end);
        }
        if self.dtls.handle_timeout(PEER, now).is_err() && self.dtls.get_connection_state(PEER).is_some() {
            self.end(LinkEnd::Refused);
        }
        self.send_dtls();
    }

    /// When it wants to be woken, and why; `None` after its end.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, LinkTimer)> {
        if self.state == State::Over {
            return None;
        }
        let patience = (self.patience(), LinkTimer::Patience);
        let handshake = self.dtls.poll_timeout(&PEER).map(|at| (at, LinkTimer::Handshake));
        Some(handshake.filter(|(at, _)| *at < patience.0).unwrap_or(patience))
    }

    /// The next datagram to be sent.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, BytesMut)> {
        self.transmits.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// Ends it: says goodbye where there is somebody to say it to.
    pub fn close(&mut self, now: Instant) {
        if self.state != State::Over {
            let _ = self.dtls.close(now);
            self.send_dtls();
            self.end(LinkEnd::Asked);
        }
    }

    /// Until when it waits for a sign of life.
    fn patience(&self) -> Instant {
        match (self.state, self.ice.heard()) {
            (State::Up, Some(heard)) => heard + self.config.gone_after,
            (State::Up | State::Waiting | State::Over, _) => self.begun + self.config.connect_within,
        }
    }

    fn handle_check(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(checked) = self.ice.handle(now, from, datagram) else { return };
        self.transmits.push_back((from, BytesMut::from(&checked.reply[..])));
        if checked.moved && self.state == State::Up {
            self.events.push_back(LinkEvent::Moved { remote: from });
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) {
        let Ok(events) = self.dtls.read(now, PEER, None, BytesMut::from(datagram)) else {
            // What cannot be read may be a stranger's, or come twice: before the keys are there a fatal fault shows in that the
            // handshake goes no further, and its time runs out.
            return;
        };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.keys = self.dtls.get_connection_state(PEER).and_then(keys_of);
                    if self.keys.is_none() {
                        return self.end(LinkEnd::Refused);
                    }
                }
                EndpointEvent::PeerClosed => {
                    self.send_dtls();
                    return self.end(LinkEnd::Closed);
                }
                // Nobody agreed on data channels.
                EndpointEvent::ApplicationData(_) => {}
                _ => {}
            }
        }
    }

    /// Media may flow once there are keys and the browser has named the way.
    fn come_up(&mut self) {
        if self.state == State::Waiting
            && let Some(remote) = self.ice.selected()
            && let Some(keys) = self.keys.take()
        {
            self.state = State::Up;
            self.events.push_back(LinkEvent::Up { keys, remote });
        }
    }

    fn send_dtls(&mut self) {
        let to = self.ice.selected().or_else(|| self.ice.latest());
        while let Some(transmit) = self.dtls.poll_transmit() {
            if let Some(to) = to {
                self.transmits.push_back((to, transmit.message));
            }
        }
    }

    fn end(&mut self, how: LinkEnd) {
        self.state = State::Over;
        self.events.push_back(LinkEvent::Over(how));
    }
}

fn handshake(config: &LinkConfig) -> Result<HandshakeConfig, DtlsError> {
    let wanted = config.fingerprint;
    let verify: VerifyPeerCertificateFn = Arc::new(move |certificates, _| match certificates.first() {
        Some(certificate) if Fingerprint::of(certificate) == wanted => Ok(()),
        Some(_) => Err(DtlsError::ErrNoMatchingCertificateFingerprint),
        None => Err(DtlsError::ErrNonCertificate),
    });
    ConfigBuilder::default()
        .with_crypto_provider(Arc::clone(&config.identity.crypto))
        .with_certificates(vec![config.identity.certificate.clone()])
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ])
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // There is no chain to verify: the certificate has to be the one in the offer.
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(verify))
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_mtu(MTU)
        .build(false, None)
}

/// The keys that a handshake came to: the client's key, the server's, the client's salt, the server's (RFC 5764 section 4.2).
fn keys_of(state: &DtlsState) -> Option<Box<SrtpKeys>> {
    let suite = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Suite::AeadAes128Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Suite::AesCm128HmacSha1_80,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32
        | SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm
        | SrtpProtectionProfile::Unsupported
        | _ => return None,
    };
    let salt = suite.material().checked_sub(KEY)?;
    let material = state.export_keying_material(LABEL, &[], 2 * suite.material()).ok()?;
    let material: &[u8] = material.as_ref();
    let (keys, salts) = material.split_at_checked(2 * KEY)?;
    let side = |number: usize| {
        let key = zeroize::Zeroizing::new([&keys[number * KEY..][..KEY], &salts[number * salt..][..salt]].concat());
        MasterKey::new(suite, &key)
    };
    let (client, server) = (side(0)?, side(1)?);
    Some(Box::new(SrtpKeys { local: server, remote: RemoteKey { key: client, mki: None } }))
}

#[cfg(test)]
mod tests;
