//! One side of ICE without checks of its own (RFC 8445 section 2.5, "lite"), pure.
//!
//! The browser checks our one candidate and names the pair that counts; we answer, and believe it. Whoever does not know the
//! password of the session gets no answer, and leaves nothing behind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message};
use rtc_stun::xoraddr::XorMappedAddress;

/// Letters of user fragments and passwords (`ice-char` of RFC 8839 section 5.4).
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Length of our user fragments and passwords: 48 and 144 bits of chance (at least 24 and 128 are asked for).
const UFRAG: usize = 8;
const PASSWORD: usize = 24;
/// Addresses of the browser's that have shown the password and are remembered; the oldest goes.
const PROVED: usize = 16;

/// The user fragment and the password of one side. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user fragment.
    pub ufrag: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.ufrag)
    }
}

impl Credentials {
    /// Fresh ones.
    #[must_use]
    pub fn generate() -> Self {
        let mut rng = rand::rng();
        let mut text =
            |length| (0..length).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect::<String>();
        Self { ufrag: text(UFRAG), password: text(PASSWORD) }
    }
}

/// What a check of the browser's comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    /// To be sent back to where the check came from.
    pub reply: Vec<u8>,
    /// The address that media goes to is another one from now on.
    pub moved: bool,
}

/// Our side.
pub struct Lite {
    local: Credentials,
    /// `ours:theirs`, which every check has to name.
    username: String,
    crypto: Arc<dyn RTCCryptoProvider>,
    proved: Vec<SocketAddr>,
    selected: Option<SocketAddr>,
    heard: Option<Instant>,
}

impl Lite {
    /// Our side with these credentials, towards a browser with that user fragment.
    #[must_use]
    pub fn new(local: Credentials, remote_ufrag: &str, crypto: Arc<dyn RTCCryptoProvider>) -> Self {
        let username = format!("{}:{remote_ufrag}", local.ufrag);
        Self { local, username, crypto, proved: Vec::new(), selected: None, heard: None }
    }

    /// Takes a datagram of STUN. Nothing comes of what is no check of the browser's.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Option<Checked> {
        let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
        message.decode().ok()?;
        if message.typ != BINDING_REQUEST || message.raw.len() != datagram.len() {
            return None;
        }
        FINGERPRINT.check(&message).ok()?;
        let user = covered(&message, ATTR_USERNAME)?;
        if user != self.username.as_bytes() {
            return None;
        }
        MessageIntegrity::check(&mut message, self.local.password.as_bytes(), self.crypto.crypto()).ok()?;
        // A browser that holds itself to be controlled would wait for our checks for ever: with a lite side it leads (RFC 8445
        // section 6.1.1).
        if covered(&message, ATTR_ICE_CONTROLLED).is_some() {
            return None;
        }
        let reply = self.reply(&message, from)?;
        self.heard = Some(now);
        self.prove(from);
        let named = covered(&message, ATTR_USE_CANDIDATE).is_some() && self.selected != Some(from);
        if named {
            self.selected = Some(from);
        }
        Some(Checked { reply, moved: named })
    }

    /// Where media goes.
    #[must_use]
    pub const fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Whether checks with the password have come from there.
    #[must_use]
    pub fn is_proved(&self, from: SocketAddr) -> bool {
        self.proved.contains(&from)
    }

    /// The address that has shown the password last for the first time.
    #[must_use]
    pub fn latest(&self) -> Option<SocketAddr> {
        self.proved.last().copied()
    }

    /// When the last check came.
    #[must_use]
    pub const fn heard(&self) -> Option<Instant> {
        self.heard
    }

    fn prove(&mut self, from: SocketAddr) {
        if !self.is_proved(from) {
            if self.proved.len() == PROVED {
                let oldest = self.proved.iter().position(|at| Some(*at) != self.selected).unwrap_or(0);
                self.proved.remove(oldest);
            }
            self.proved.push(from);
        }
    }

    fn reply(&self, request: &Message, to: SocketAddr) -> Option<Vec<u8>> {
        let password = self.local.password.clone();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password, self.crypto.crypto());
        let mut reply = Message::new();
        reply
            .build(&[
                Box::new(request.clone()),
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip: to.ip(), port: to.port() }),
                Box::new(integrity),
                Box::new(FINGERPRINT),
            ])
            .ok()?;
        Some(reply.raw)
    }
}

/// An attribute that the integrity covers: what follows it anybody may have added (RFC 8489 section 14.5).
fn covered(message: &Message, wanted: AttrType) -> Option<&[u8]> {
    let mut attributes = message.attributes.0.iter().take_while(|attribute| attribute.typ != ATTR_MESSAGE_INTEGRITY);
    attributes.find(|attribute| attribute.typ == wanted).map(|attribute| attribute.value.as_slice())
}

#[cfg(test)]
mod tests;
