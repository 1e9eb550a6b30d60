use rcgen::KeyUsagePurpose;

use super::testing::{NOW, Wanted};
use super::*;

/// The last second of 2025, and the first after it.
const END: u64 = 1_767_225_600;

fn check(wanted: Wanted) -> Result<Credential, BadCertificate> {
    let chain = wanted.make();
    Credential::check(chain.pem.as_bytes(), &chain.roots(), NOW)
}

#[test]
fn a_chain_to_a_trusted_root_is_good() {
    let chain = Wanted::default().make();
    let credential = Credential::check(chain.pem.as_bytes(), &chain.roots(), NOW).expect("good");
    assert_eq!(credential.holder(), "1234");
    assert_eq!(credential.until(), END);
    assert!(credential.covers(&Party::number("12155550121").expect("a number")));
    assert_eq!(Credential::own(chain.pem.as_bytes()), Ok(credential));
}

#[test]
fn validity_is_kept_to() {
    let chain = Wanted::default().make();
    let at = |now| Credential::check(chain.pem.as_bytes(), &chain.roots(), now).map(|_| ());
    assert_eq!(at(END), Ok(()));
    assert_eq!(at(END + 1), Err(BadCertificate::Untrusted));
    assert_eq!(at(1_735_689_600 - 1), Err(BadCertificate::Untrusted), "not yet");
}

#[test]
fn roots_are_not_interchangeable() {
    let (chain, other) = (Wanted::default().make(), Wanted::default().make());
    let check = |roots: &Roots| Credential::check(chain.pem.as_bytes(), roots, NOW).map(|_| ());
    assert_eq!(check(&other.roots()), Err(BadCertificate::Untrusted));
    assert_eq!(check(&Roots::default()), Err(BadCertificate::Untrusted));
    let mut both = other.roots();
    both.add_pem(chain.root.as_bytes()).expect("a root");
    assert_eq!((check(&both), both.len()), (Ok(()), 2));
}

#[test]
fn a_missing_link_breaks_the_chain() {
    let chain = Wanted::default().make();
    assert_eq!(Credential::check(&chain.der, &chain.roots(), NOW), Err(BadCertificate::Untrusted));
    assert!(Credential::own(&chain.der).is_ok(), "as DER it is readable");
}

#[test]
fn only_certificates_for_numbers_are_taken() {
    assert_eq!(check(Wanted { list: None, ..Wanted::default() }), Err(BadCertificate::NoAuthority));
    assert_eq!(check(Wanted { list: Some(b"\x30\x00"), ..Wanted::default() }), Err(BadCertificate::NoAuthority));
    assert_eq!(check(Wanted::p384()), Err(BadCertificate::Key));
    let usage = KeyUsagePurpose::KeyAgreement;
    assert_eq!(check(Wanted { usage, ..Wanted::default() }), Err(BadCertificate::Usage));
    let list: &[u8] = b"\x30\x0f\xa2\x0d\x16\x0b12155550121";
    let one = check(Wanted { list: Some(list), ..Wanted::default() }).expect("good");
    assert_eq!(one.holder(), "SHAKEN 1234", "the subject, where no provider is named");
    assert!(!one.covers(&Party::number("12155550122").expect("a number")));
}

#[test]
fn a_root_is_no_signer() {
    let chain = Wanted::default().make();
    assert_eq!(Credential::check(chain.root.as_bytes(), &chain.roots(), NOW), Err(BadCertificate::Usage));
}

#[test]
fn rubbish_is_unreadable() {
    let chain = Wanted::default().make();
    let half = &chain.pem.as_bytes()[..200];
    let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    for bytes in [&b""[..], b"<html>", half, pem.as_bytes(), &chain.der[..100], b"\x30\x82", &[0x30; 65_536]] {
        assert_eq!(Credential::check(bytes, &chain.roots(), NOW), Err(BadCertificate::Unreadable));
        assert_eq!(Roots::default().add_pem(bytes), Err(BadCertificate::Unreadable));
    }
}

/// The example of RFC 7515 appendix A.3: ES256 as PASSporTs use it.
#[test]
fn the_example_of_rfc_7515_is_signed_as_it_says() {
    let key = concat!(
        "047fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445",
        "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"
    );
    let hex = |at: usize| u8::from_str_radix(&key[at..at + 2], 16).expect("hexadecimal");
    let key: Vec<u8> = (0..130).step_by(2).map(hex).collect();
    let credential = Credential { key, authority: Authority::default(), subject: String::new(), until: 0 };
    let signed = concat!(
        "eyJhbGciOiJFUzI1NiJ9.",
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    );
    let signature = "..DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let signature = crate::stir::passport::compact_signature(signature).expect("base64url");
    assert!(credential.has_signed(signed.as_bytes(), &signature));
    assert!(!credential.has_signed(&signed.as_bytes()[1..], &signature));
    let mut tampered = signature.clone();
    tampered[40] ^= 1;
    assert!(!credential.has_signed(signed.as_bytes(), &tampered));
    assert!(!credential.has_signed(signed.as_bytes(), &signature[..63]));
    assert!(!credential.has_signed(signed.as_bytes(), &[]));
    assert!(!credential.has_signed(signed.as_bytes(), &[0; 64]));
}
