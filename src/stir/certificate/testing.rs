//! Roots, chains and keys for tests. Each call makes new ones.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm, date_time_ymd,
};

use super::Roots;

/// SEQUENCE { [0] { IA5String "1234" } }: the provider 1234.
pub(in crate::stir) const PROVIDER: &[u8] = b"\x30\x08\xa0\x06\x16\x041234";
/// 2025-06-01, within the validity of everything made here.
pub(in crate::stir) const NOW: u64 = 1_748_736_000;

/// A root, an authority under it, and a signer under that.
pub(in crate::stir) struct Chain {
    pub(in crate::stir) root: String,
    /// The signer's certificate, then the authority's.
    pub(in crate::stir) pem: String,
    pub(in crate::stir) der: Vec<u8>,
    pub(in crate::stir) key: KeyPair,
}

/// What can be other than it should be.
pub(in crate::stir) struct Wanted {
    pub(in crate::stir) list: Option<&'static [u8]>,
    pub(in crate::stir) algorithm: &'static SignatureAlgorithm,
    pub(in crate::stir) usage: KeyUsagePurpose,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { list: Some(PROVIDER), algorithm: &PKCS_ECDSA_P256_SHA256, usage: KeyUsagePurpose::DigitalSignature }
    }
}

impl Wanted {
    pub(in crate::stir) fn p384() -> Self {
        Self { algorithm: &PKCS_ECDSA_P384_SHA384, ..Self::default() }
    }

    pub(in crate::stir) fn make(self) -> Chain {
        let key = |algorithm| KeyPair::generate_for(algorithm).expect("a key");
        let authority = |name: &str| {
            let mut params = params(name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let root_key = key(&PKCS_ECDSA_P256_SHA256);
        let root = authority("Root").self_signed(&root_key).expect("a root");
        let root_issuer = Issuer::new(authority("Root"), root_key);
        let middle_key = key(&PKCS_ECDSA_P256_SHA256);
        let middle = authority("Authority").signed_by(&middle_key, &root_issuer).expect("an authority");
        let middle_issuer = Issuer::new(authority("Authority"), middle_key);
        let signer_key = key(self.algorithm);
        let mut signer = params("SHAKEN 1234");
        signer.key_usages = vec![self.usage];
        if let Some(list) = self.list {
            let oid = [1, 3, 6, 1, 5, 5, 7, 1, 26];
            signer.custom_extensions = vec![CustomExtension::from_oid_content(&oid, list.to_vec())];
        }
        let signer = signer.signed_by(&signer_key, &middle_issuer).expect("a signer");
        Chain {
            root: root.pem(),
            pem: format!("{}{}", signer.pem(), middle.pem()),
            der: signer.der().to_vec(),
            key: signer_key,
        }
    }
}

impl Chain {
    pub(in crate::stir) fn roots(&self) -> Roots {
        let mut roots = Roots::default();
        roots.add_pem(self.root.as_bytes()).expect("a root");
        roots
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 1);
    params
}
