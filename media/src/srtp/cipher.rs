//! The session keys of one stream, RTP or RTCP, at work on one packet.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::derive::{Label, cipher, counter_mode, derive};
use super::key::{KEY, MasterKey, Suite};

/// Bytes of a tag of AES-GCM.
pub(super) const GCM_TAG: usize = 16;

/// Where a packet stands: no two packets under one key have the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    /// Rollover counter and sequence number, or the SRTCP index: 48 bits.
    pub(super) index: u64,
}

/// The session keys of one stream.
pub(super) enum StreamCipher {
    /// AES in counter mode and HMAC-SHA1.
    CounterMode(Box<CounterMode>),
    /// AES-GCM.
    Gcm(Gcm),
}

impl StreamCipher {
    /// For RTP.
    pub(super) fn rtp(master: &MasterKey) -> Self {
        let tag = match master.suite() {
            Suite::AeadAes128Gcm => return Self::Gcm(Gcm::new(master, Label::RtpEncryption, Label::RtpSalt)),
            Suite::AesCm128HmacSha1_80 => 10,
            Suite::AesCm128HmacSha1_32 => 4,
        };
        let labels = [Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt];
        Self::CounterMode(Box::new(CounterMode::new(master, labels, tag)))
    }

    /// For RTCP, whose tags are never the short ones.
    pub(super) fn rtcp(master: &MasterKey) -> Self {
        match master.suite() {
            Suite::AeadAes128Gcm => Self::Gcm(Gcm::new(master, Label::RtcpEncryption, Label::RtcpSalt)),
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => {
                let labels = [Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt];
                Self::CounterMode(Box::new(CounterMode::new(master, labels, 10)))
            }
        }
    }

    /// Bytes of its tags.
    pub(super) fn tag(&self) -> usize {
        match self {
            Self::CounterMode(cipher) => cipher.tag,
            Self::Gcm(_) => GCM_TAG,
        }
    }
}

/// AES in counter mode and HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1).
pub(super) struct CounterMode {
    cipher: EncryptingKey,
    salt: Zeroizing<[u8; 14]>,
    authentication: hmac::Key,
    /// Bytes of the tag.
    pub(super) tag: usize,
}

impl CounterMode {
    fn new(master: &MasterKey, [encryption, authentication, salt]: [Label; 3], tag: usize) -> Self {
        let authentication = derive::<20>(master, authentication);
        Self {
            cipher: cipher(&derive::<KEY>(master, encryption)[..]),
            salt: derive(master, salt),
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication[..]),
            tag,
        }
    }

    /// Encrypts or decrypts in place.
    pub(super) fn crypt(&self, place: Place, data: &mut [u8]) {
        let mut start = [0; 16];
        start[..14].copy_from_slice(&self.salt[..]);
        mix(&mut start, 4, place);
        counter_mode(&self.cipher, start, data);
    }

    /// The tag of these bytes is what its first bytes are.
    pub(super) fn sign(&self, data: &[u8]) -> hmac::Tag {
        hmac::sign(&self.authentication, data)
    }

    /// Whether `tag` is that of these bytes.
    pub(super) fn verify(&self, data: &[u8], tag: &[u8]) -> bool {
        let expected = self.sign(data);
        verify_slices_are_equal(&expected.as_ref()[..self.tag], tag).is_ok()
    }
}

/// AES-GCM (RFC 7714).
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: Zeroizing<[u8; NONCE_LEN]>,
}

impl Gcm {
    fn new(master: &MasterKey, encryption: Label, salt: Label) -> Self {
        Self::with(&derive::<KEY>(master, encryption), derive(master, salt))
    }

    /// With session keys that are known.
    pub(super) fn with(key: &[u8; KEY], salt: Zeroizing<[u8; NONCE_LEN]>) -> Self {
        let key = UnboundKey::new(&AES_128_GCM, key).expect("16 bytes are a key of AES-128");
        Self { key: LessSafeKey::new(key), salt }
    }

    /// Encrypts in place and returns the tag.
    pub(super) fn seal(&self, place: Place, header: &[u8], data: &mut [u8]) -> [u8; GCM_TAG] {
        let tag = self.key.seal_in_place_separate_tag(self.nonce(place), Aad::from(header), data);
        let tag = tag.expect("a datagram is far shorter than what AES-GCM takes");
        tag.as_ref().try_into().expect("a tag of AES-GCM has 16 bytes")
    }

    /// Decrypts into `out`, which is as long as `data`; false when the tag is another's.
    pub(super) fn open(&self, place: Place, header: &[u8], data: &[u8], tag: &[u8], out: &mut [u8]) -> bool {
        self.key.open_separate_gather(self.nonce(place), Aad::from(header), data, tag, out).is_ok()
    }

    fn nonce(&self, place: Place) -> Nonce {
        let mut nonce = *self.salt;
        mix(&mut nonce, 2, place);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Puts a packet's place over a salt: the source from `at` on, the index behind it.
fn mix(salt: &mut [u8], at: usize, place: Place) {
    let (ssrc, index) = (place.ssrc.to_be_bytes(), place.index.to_be_bytes());
    for (byte, with) in salt[at..].iter_mut().zip(ssrc.iter().chain(&index[2..])) {
        *byte ^= with;
    }
}
