//! Vendors' keys at rest: AES-256-GCM under a master key that is not in the database.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::id::{OrgId, ProviderId};
use crate::store::provider::SealedKey;

/// Bytes of a master key.
const LENGTH: usize = 32;
/// A key is sealed as `v1:` fingerprint of the master key `:` base64 of nonce and ciphertext.
const VERSION: &str = "v1";
/// Characters of a key that people may see, and how long it must be for that.
const SHOWN: usize = 4;
const LONG_ENOUGH: usize = 16;

/// Seals and opens keys.
#[derive(Debug)]
pub struct Sealer {
    key: RandomizedNonceKey,
    /// Tells master keys apart without telling anything of them.
    fingerprint: String,
}

/// The master key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// What is set is no key.
    #[error("CALLWRIGHT_MASTER_KEY must be 32 bytes in hexadecimal or base64, such as `openssl rand -hex 32` prints")]
    Malformed,
    /// Others may read the file.
    #[error("{0} can be read by others: run `chmod 600` on it")]
    TooOpen(String),
    /// The file holds something else.
    #[error("{0} holds no key: it must be 32 bytes in hexadecimal")]
    Damaged(String),
    /// The file cannot be read or made.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A sealed key cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopenable {
    /// It was sealed under another master key.
    #[error("the key was encrypted under another master key: enter it again")]
    OtherMaster,
    /// It was changed, or is another row's.
    #[error("the stored key is damaged: enter it again")]
    Damaged,
}

impl Sealer {
    /// Under this master key.
    ///
    /// # Panics
    /// Never: every 32 bytes are a key.
    #[must_use]
    pub fn new(master: [u8; LENGTH]) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &master).expect("32 bytes are a key of AES-256");
        let digest = Sha256::new_with_prefix(b"callwright master key\0").chain_update(master).finalize();
        Self { key, fingerprint: hex(&digest[..4]) }
    }

    /// Under the master key that is set, else the one in `file`, which is made when it is not there.
    ///
    /// # Errors
    /// [`MasterKeyError`] says what to do.
    pub fn open(set: Option<&SecretString>, file: &Path, fresh: [u8; LENGTH]) -> Result<Self, MasterKeyError> {
        match set {
            Some(set) => parse(set.expose_secret()).map(Self::new).ok_or(MasterKeyError::Malformed),
            None => read_or_make(file, fresh).map(Self::new),
        }
    }

    /// Seals the key of one provider.
    ///
    /// # Panics
    /// Never: only a key of more than 64 GiB cannot be sealed.
    #[must_use]
    pub fn seal(&self, org: OrgId, provider: ProviderId, key: &SecretString) -> SealedKey {
        let text = key.expose_secret();
        let mut bytes = text.as_bytes().to_vec();
        let nonce = self.key.seal_in_place_append_tag(Aad::from(owner(org, provider)), &mut bytes);
        let nonce = nonce.expect("a key is short");
        let sealed = STANDARD.encode([nonce.as_ref().as_slice(), &bytes].concat());
        let last4 = if text.chars().count() < LONG_ENOUGH { "" } else { last(text, SHOWN) };
        SealedKey { sealed: format!("{VERSION}:{}:{sealed}", self.fingerprint), last4: last4.to_owned() }
    }

    /// Opens the key of one provider.
    ///
    /// # Errors
    /// [`Unopenable`] says what to do.
    pub fn unseal(&self, org: OrgId, provider: ProviderId, key: &SealedKey) -> Result<SecretString, Unopenable> {
        let mut parts = key.sealed.split(':');
        let (Some(VERSION), Some(fingerprint), Some(sealed), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Unopenable::Damaged);
        };
        if fingerprint != self.fingerprint {
            return Err(Unopenable::OtherMaster);
        }
        let mut bytes = STANDARD.decode(sealed).map_err(|_| Unopenable::Damaged)?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(Unopenable::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopenable::Damaged)?;
        let owner = Aad::from(owner(org, provider));
        let text = self.key.open_in_place(nonce, owner, sealed).map_err(|_| Unopenable::Damaged)?;
        let text = std::str::from_utf8(text).map_err(|_| Unopenable::Damaged)?;
        Ok(SecretString::from(text))
    }
}

/// A sealed key is worth nothing in another row.
fn owner(org: OrgId, provider: ProviderId) -> [u8; 32] {
    let mut owner = [0; 32];
    owner[..16].copy_from_slice(org.as_bytes());
    owner[16..].copy_from_slice(provider.as_bytes());
    owner
}

fn read_or_make(file: &Path, fresh: [u8; LENGTH]) -> Result<[u8; LENGTH], MasterKeyError> {
    let path = || file.display().to_string();
    let failed = |source| MasterKeyError::Io { path: path(), source };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Ok(mut made) => {
            made.write_all(hex(&fresh).as_bytes()).and_then(|()| made.sync_all()).map_err(failed)?;
            Ok(fresh)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = File::open(file).map_err(failed)?;
            if there.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
                return Err(MasterKeyError::TooOpen(path()));
            }
            let mut text = String::new();
            there.take(1024).read_to_string(&mut text).map_err(failed)?;
            parse(&text).ok_or_else(|| MasterKeyError::Damaged(path()))
        }
        Err(error) => Err(failed(error)),
    }
}

fn parse(text: &str) -> Option<[u8; LENGTH]> {
    let text = text.trim();
    if text.len() == 2 * LENGTH && text.is_ascii() {
        let mut key = [0; LENGTH];
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        return Some(key);
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn last(text: &str, count: usize) -> &str {
    let from = text.char_indices().rev().nth(count - 1).map_or(0, |(at, _)| at);
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORG: OrgId = OrgId::from_u128(1);
    const ONE: ProviderId = ProviderId::from_u128(2);
    const TWO: ProviderId = ProviderId::from_u128(3);

    #[test]
    fn a_key_opens_only_where_it_belongs() {
        let sealer = Sealer::new([7; LENGTH]);
        let key = SecretString::from("sk-0123456789abcdef-WXYZ");
        let sealed = sealer.seal(ORG, ONE, &key);
        assert_eq!(sealed.last4, "WXYZ");
        assert!(!sealed.sealed.contains("0123456789"));
        assert_ne!(sealed, sealer.seal(ORG, ONE, &key), "never sealed alike twice");
        let opened = |sealer: &Sealer, org, id, sealed: &SealedKey| {
            sealer.unseal(org, id, sealed).map(|key| key.expose_secret().to_owned())
        };
        assert_eq!(opened(&sealer, ORG, ONE, &sealed).as_deref(), Ok(key.expose_secret()));
        assert_eq!(opened(&sealer, ORG, TWO, &sealed), Err(Unopenable::Damaged));
        assert_eq!(opened(&sealer, OrgId::from_u128(9), ONE, &sealed), Err(Unopenable::Damaged));
        assert_eq!(opened(&Sealer::new([8; LENGTH]), ORG, ONE, &sealed), Err(Unopenable::OtherMaster));
        for broken in ["", "v1", "v1:x:y:z", "v2:00:AAAA", &sealed.sealed[..sealed.sealed.len() - 8]] {
            let broken = SealedKey { sealed: broken.to_owned(), last4: String::new() };
            assert!(opened(&sealer, ORG, ONE, &broken).is_err(), "{broken:?}");
        }
        assert_eq!(
            sealer.seal(ORG, ONE, &SecretString::from("short")).last4,
            "",
            "of a short key too much would be seen"
        );
    }

    #[test]
    fn the_master_key_is_made_once_and_kept_to_oneself() {
        let folder = std::env::temp_dir().join(format!("callwright-seal-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("master.key");
        drop(std::fs::remove_file(&file));
        let first = Sealer::open(None, &file, [1; LENGTH]).expect("made");
        let second = Sealer::open(None, &file, [2; LENGTH]).expect("read");
        assert_eq!(first.fingerprint, second.fingerprint);
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("ours");
        assert!(matches!(Sealer::open(None, &file, [2; LENGTH]), Err(MasterKeyError::TooOpen(_))));
        let set = |text: &str| Sealer::open(Some(&text.into()), &file, [2; LENGTH]).map(|sealer| sealer.fingerprint);
        assert_eq!(set(&"01".repeat(32)).ok(), Some(first.fingerprint.clone()));
        assert_eq!(set(&STANDARD.encode([1; LENGTH])).ok(), Some(first.fingerprint));
        assert!(matches!(set("secret"), Err(MasterKeyError::Malformed)));
        std::fs::remove_dir_all(&folder).expect("ours");
    }
}
