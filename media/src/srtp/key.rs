//! Suites and master keys. Keys do not print, and are wiped when they are dropped.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Bytes of a master key without its salt; the same in every suite here.
pub(super) const KEY: usize = 16;

/// The longest master key with its salt.
const LONGEST: usize = KEY + 14;

/// How packets are encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-128 in counter mode with 80 bits of HMAC-SHA1: what every peer has (RFC 4568 section 6.2.1).
    AesCm128HmacSha1_80,
    /// AES-128 in Galois/counter mode with a tag of 128 bits (RFC 7714).
    AeadAes128Gcm,
    /// AES-128 in counter mode with 32 bits of HMAC-SHA1 for RTP and 80 for RTCP (RFC 4568 section 6.2.2).
    AesCm128HmacSha1_32,
}

impl Suite {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::AesCm128HmacSha1_80, Self::AeadAes128Gcm, Self::AesCm128HmacSha1_32];

    /// The name in `a=crypto`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Bytes of a master key and its salt together: 30, or 28 with AEAD.
    #[must_use]
    pub const fn material(self) -> usize {
        KEY + match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::AeadAes128Gcm => 12,
        }
    }
}

/// A master key with its salt. `Debug` shows the suite only; the bytes are wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    bytes: Zeroizing<[u8; LONGEST]>,
}

impl MasterKey {
    /// Key and salt, one behind the other; `None` when they are not as long as the suite's.
    #[must_use]
    pub fn new(suite: Suite, material: &[u8]) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; LONGEST]);
        bytes.get_mut(..suite.material()).filter(|place| place.len() == material.len())?.copy_from_slice(material);
        Some(Self { suite, bytes })
    }

    /// A fresh one.
    #[must_use]
    pub fn generate(suite: Suite, rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; LONGEST]);
        rng.fill_bytes(&mut bytes[..suite.material()]);
        Self { suite, bytes }
    }

    /// The suite it is for.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Key and salt, one behind the other: for a description and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes[..self.suite.material()]
    }

    /// Key and salt.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        self.expose().split_at(KEY)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.suite.name())
    }
}

/// This side's keys for one leg, one for each suite: a key is never used with two suites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalKeys([MasterKey; 3]);

impl LocalKeys {
    /// Fresh ones.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::new(|suite| MasterKey::generate(suite, rng))
    }

    /// Those that `key` gives; each has to be for the suite asked for.
    #[must_use]
    pub fn new(key: impl FnMut(Suite) -> MasterKey) -> Self {
        let keys = Suite::ALL.map(key);
        debug_assert_eq!(keys.each_ref().map(MasterKey::suite), Suite::ALL);
        Self(keys)
    }

    /// All of them, in the order of [`Suite::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.0.iter()
    }

    /// The key of a suite.
    #[must_use]
    pub fn of(&self, suite: Suite) -> &MasterKey {
        let [sha1_80, gcm, sha1_32] = &self.0;
        match suite {
            Suite::AesCm128HmacSha1_80 => sha1_80,
            Suite::AeadAes128Gcm => gcm,
            Suite::AesCm128HmacSha1_32 => sha1_32,
        }
    }
}

/// A name of a master key that each packet repeats before its tag (RFC 3711 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Mki {
    /// Longest one accepted, in bytes. The RFC allows 128; what peers announce is 1 to 4.
    pub const LONGEST: usize = 8;

    /// `value` in `length` bytes; `None` when it does not fit or there are more than [`LONGEST`](Self::LONGEST).
    #[must_use]
    pub fn new(value: u64, length: usize) -> Option<Self> {
        let bytes = value.to_be_bytes();
        let start = Self::LONGEST.checked_sub(length).filter(|_| length > 0)?;
        bytes[..start].iter().all(|byte| *byte == 0).then_some(Self { bytes, length })
    }

    /// As it stands in a packet.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[Self::LONGEST - self.length..]
    }
}

/// A peer's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteKey {
    /// The key.
    pub key: MasterKey,
    /// What the peer's packets repeat; not authenticated.
    pub mki: Option<Mki>,
}

/// What one leg's packets are protected with, as its descriptions agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtpKeys {
    /// For what we send. Its suite is that of the peer's key.
    pub local: MasterKey,
    /// For what the peer sends.
    pub remote: RemoteKey,
}
