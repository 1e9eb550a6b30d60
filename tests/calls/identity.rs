//! Who vouches for a caller, on the wire.

use std::path::PathBuf;
use std::sync::Arc;

use callwright::call::call::CallConfig;
use callwright::call::outcome::Failover;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::phone::E164;
use callwright::config::IdentityConfig;
use callwright::config::SipTransport::Udp;
use callwright::pii::Pii;
use callwright::stir::examine::Facts;
use callwright::stir::passport::Attestation;
use callwright::stir::service::{IdentityService, unix};
use callwright::stir::signer::{Signer, Vouching};
use callwright::stir::verdict::{IdentityPolicy, IdentityStatus, Verdict};
use callwright::stir::verifier::{CertificateSource, Fetched, Fetching};
use callwright::time;

use callwright_sip::message::header::Identity;
use callwright_sip::message::{HeaderName, Headers};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::office::Office;
use crate::phone::Phone;

const OURS: &str = "+493012345678";
const CERTIFICATE: &str = "https://certs.example.com/1234.pem";

/// A provider's key and certificate, and the root above it, in files.
struct Provider {
    folder: PathBuf,
    key: String,
    certificate: String,
}

impl Provider {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("callwright-identity-{:x}", rand::random::<u64>()));
        let roots = folder.join("roots");
        std::fs::create_dir_all(&roots).expect("a folder");
        let root_key = KeyPair::generate().expect("a key");
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name.push(DnType::CommonName, "Root");
        std::fs::write(roots.join("root.pem"), root.self_signed(&root_key).expect("a root").pem()).expect("written");
        let issuer = Issuer::new(root, root_key);
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // SEQUENCE { [0] { IA5String "1234" } } as TNAuthList: the provider 1234.
        let list =
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], b"\x30\x08\xa0\x06\x16\x041234".to_vec());
        params.custom_extensions = vec![list];
        let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
        std::fs::write(folder.join("certificate.pem"), &certificate).expect("written");
        Self { folder, key: key.serialize_pem(), certificate }
    }

    /// A server that signs with this key and trusts this root.
    fn service(&self) -> Arc<IdentityService> {
        let config = IdentityConfig {
            key: Some(self.folder.join("key.pem")),
            certificate: Some(self.folder.join("certificate.pem")),
            certificate_url: Some(CERTIFICATE.to_owned()),
            origid: None,
            roots: Some(self.folder.join("roots")),
        };
        let source = Served(self.certificate.clone());
        Arc::new(IdentityService::load(config, Arc::new(source)).expect("files that can be used"))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The certificate at its address, and nothing elsewhere.
struct Served(String);

impl CertificateSource for Served {
    fn fetch(&self, address: &str) -> Fetching {
        let chain = (address == CERTIFICATE).then(|| self.0.clone().into_bytes());
        Box::pin(async { chain.map(|chain| Fetched { chain, max_age: None }) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_ours_is_signed_and_a_refusal_of_the_signature_ends_it() {
    let provider = Provider::new();
    let office = Office::new(Udp, 21_000, CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 22_000).await;
    office.calls.set_identity(provider.service());
    let mut order = office.order(phone.address(), "+493012340001");
    let number = |number: &Pii<E164>| number.expose().clone();
    let (caller, callee) = (order.from.as_ref().map(number).expect("a number"), number(&order.to));
    order.invite.attest = Some(Vouching { level: Attestation::A, caller, callee });
    let attempt = office.place(order);

    let ringing = phone.rings().await;
    let invite = ringing.invite();
    assert!(invite.headers.has(&HeaderName::Date));
    let verdict = provider.service().check(&Facts::of(invite), IdentityPolicy::Require, unix(time::now())).await;
    let Some(Verdict::Verified(voucher)) = verdict else { panic!("{verdict:?}") };
    assert_eq!((voucher.attestation, voucher.signer.as_str()), (Some(Attestation::A), "1234"));
    ringing.refuse(438, None).await;

    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::TelephonyProviderPermissionDenied);
    assert_eq!((report.outcome.sip_code, report.outcome.failover), (Some(438), Failover::Never));
    assert!(report.outcome.misconfigured);
    let identity = report.identity.expect("we signed");
    assert_eq!((identity.status, identity.attestation), (IdentityStatus::Signed, Some(Attestation::A)));
    assert!(phone.stays_quiet(std::time::Duration::from_millis(300)).await, "it is not sent again without signature");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_not_to_be_signed_is_not() {
    let provider = Provider::new();
    let office = Office::new(Udp, 23_000, CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 24_000).await;
    office.calls.set_identity(provider.service());
    let attempt = office.place(office.order(phone.address(), "+493012340001"));
    let ringing = phone.rings().await;
    assert_eq!(ringing.invite().headers.try_typed::<Identity>(), Ok(None));
    ringing.refuse(486, None).await;
    assert_eq!(attempt.ends().await.1.identity, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_in_with_a_signature_that_holds_or_as_the_trunk_says() {
    let provider = Provider::new();
    let mut office = Office::new(Udp, 25_000, CallConfig::default(), 100).await;
    let phone = Phone::new(Udp, 26_000).await;
    office.calls.set_identity(provider.service());
    let signed = |certificate: &str, at: u64| {
        let signer = Signer::new(provider.key.as_bytes(), provider.certificate.as_bytes(), certificate);
        let (from, to) = phone.ends(office.address, OURS);
        let mut headers = Headers::default();
        let said = (Attestation::B, "some-name");
        signer.expect("usable").vouch(&mut headers, (&from, &to), said, at).expect("signed");
        headers
    };
    let now = unix(time::now());

    office.open_for(100, IdentityPolicy::Require);
    assert_eq!(phone.calls(office.address, OURS, 1).await.err(), Some(428), "unsigned");
    let stale = phone.calls_with(office.address, OURS, 2, signed(CERTIFICATE, now - 300)).await;
    assert_eq!(stale.err(), Some(403), "signed long ago");
    let unknown = phone.calls_with(office.address, OURS, 3, signed("https://certs.example.com/other.pem", now)).await;
    assert_eq!(unknown.err(), Some(436), "a certificate that nobody has");
    let line = phone.calls_with(office.address, OURS, 4, signed(CERTIFICATE, now)).await.expect("answered");
    line.hangs_up().await;
    let identity = office.inbound_report().await.identity.expect("looked at");
    assert_eq!((identity.status, identity.attestation), (IdentityStatus::Verified, Some(Attestation::B)));
    assert_eq!((identity.origid.as_deref(), identity.signer.as_deref()), (Some("some-name"), Some("1234")));

    office.open_for(100, IdentityPolicy::Record);
    phone.calls(office.address, OURS, 5).await.expect("answered").hangs_up().await;
    let identity = office.inbound_report().await.identity.expect("looked at");
    assert_eq!(identity.status, IdentityStatus::Absent);
    office.open_for(100, IdentityPolicy::Off);
    phone.calls(office.address, OURS, 6).await.expect("answered").hangs_up().await;
    assert_eq!(office.inbound_report().await.identity, None);
}
