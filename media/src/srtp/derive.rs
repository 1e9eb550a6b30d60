//! Session keys out of a master key (RFC 3711 section 4.3, with a key derivation rate of 0).

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::key::{KEY, MasterKey};

/// What a session key is for: the labels of section 4.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// A session key of `N` bytes: the keystream of AES in counter mode that begins at the label under the master salt. A
/// salt of 12 bytes counts as one of 14 that ends in zeros (RFC 7714 section 11).
pub(super) fn derive<const N: usize>(master: &MasterKey, label: Label) -> Zeroizing<[u8; N]> {
    let (key, salt) = master.parts();
    let mut start = [0; 16];
    start[..salt.len()].copy_from_slice(salt);
    start[7] ^= label as u8;
    let mut derived = Zeroizing::new([0; N]);
    counter_mode(&cipher(key), start, &mut derived[..]);
    derived
}

/// A key for [`counter_mode`], of 16 bytes.
pub(super) fn cipher(key: &[u8]) -> EncryptingKey {
    debug_assert_eq!(key.len(), KEY);
    let key = UnboundCipherKey::new(&AES_128, key).expect("16 bytes are a key of AES-128");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

/// Encrypts or decrypts in place.
pub(super) fn counter_mode(key: &EncryptingKey, start: [u8; 16], data: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(start));
    key.less_safe_encrypt(data, context).expect("counter mode takes data of any length");
}
