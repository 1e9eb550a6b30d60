use std::fs;

use callwright_sip::endpoint::{Body, Conduct, Flow, LegKey, ListenerId, Transport};
use callwright_sip::message::header::{Identity, NameAddr};
use callwright_sip::message::{Headers, Method, Request};

use super::*;
use crate::stir::certificate::testing::{Chain, NOW, Wanted};
use crate::stir::passport::Attestation;
use crate::stir::verdict::IdentityFault;
use crate::stir::verifier::{Fetched, Fetching};

const ADDRESS: &str = "https://cert.example.org/1234.pem";

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("callwright-stir-{:x}", rand::random::<u64>()));
        fs::create_dir_all(folder.join("roots")).expect("a folder");
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn with(&self, chain: &Chain) -> IdentityConfig {
        self.write("roots/root.pem", &chain.root);
        IdentityConfig {
            key: Some(self.write("key.pem", &chain.key.serialize_pem())),
            certificate: Some(self.write("certificate.pem", &chain.pem)),
            certificate_url: Some(ADDRESS.to_owned()),
            origid: None,
            roots: Some(self.0.join("roots")),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Serves one chain at every address.
struct Served(String);

impl CertificateSource for Served {
    fn fetch(&self, _: &str) -> Fetching {
        let chain = self.0.clone().into_bytes();
        Box::pin(async { Some(Fetched { chain, max_age: None }) })
    }
}

fn load(config: IdentityConfig, chain: &Chain) -> Result<IdentityService, IdentityError> {
    IdentityService::load(config, Arc::new(Served(chain.pem.clone())))
}

fn invite() -> Invite {
    let name = |uri: &str| NameAddr::new(uri.parse().expect("a URI"));
    let to = name("sip:+12155550131@192.0.2.1");
    Invite {
        key: LegKey([1; 32]),
        flow: Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            peer: "192.0.2.1:5060".parse().expect("an address"),
        },
        uri: to.uri.clone(),
        from: name("sip:+12155550121@192.0.2.1"),
        to,
        headers: Headers::default(),
        body: Body::sdp(Vec::new()),
        credentials: None,
        session_expires: None,
        conduct: Conduct::default(),
    }
}

fn vouching() -> Vouching {
    let number = |text: &str| text.parse().expect("a number");
    Vouching { level: Attestation::A, caller: number("+12155550121"), callee: number("+12155550131") }
}

fn vouch(service: &IdentityService, org: u128) -> Option<Identity> {
    let mut invite = invite();
    let vouched = service.vouch(&mut invite, &vouching(), OrgId::from_u128(org), &[7; 32], NOW);
    let identity = invite.headers.try_typed::<Identity>().expect("readable");
    assert_eq!(vouched, identity.is_some());
    identity
}

/// What the other side finds in an INVITE that we signed.
async fn found(service: &IdentityService, policy: IdentityPolicy) -> Option<Verdict> {
    let mut invite = invite();
    service.vouch(&mut invite, &vouching(), OrgId::from_u128(1), &[7; 32], NOW);
    let mut request = Request::new(Method::Invite, invite.uri);
    request.headers = invite.headers;
    request.headers.push(callwright_sip::message::HeaderName::From, "<sip:+12155550121@192.0.2.1>;tag=1");
    service.check(&Facts::of(&request), policy, NOW).await
}

#[tokio::test]
async fn what_it_signs_it_verifies() {
    let (folder, chain) = (Folder::new(), Wanted::default().make());
    let service = load(folder.with(&chain), &chain).expect("usable");
    for policy in [IdentityPolicy::Record, IdentityPolicy::Require] {
        let Some(Verdict::Verified(voucher)) = found(&service, policy).await else { panic!("verified") };
        assert_eq!((voucher.attestation, voucher.signer.as_str()), (Some(Attestation::A), "1234"));
        let origid: Uuid = voucher.origid.expect("a name").parse().expect("a UUID");
        assert_eq!(origid, super::origid(&[7; 32], OrgId::from_u128(1)));
    }
    assert_eq!(found(&service, IdentityPolicy::Off).await, None);
}

#[tokio::test]
async fn without_files_nobody_vouches_and_nobody_is_trusted() {
    let chain = Wanted::default().make();
    let service = load(IdentityConfig::default(), &chain).expect("nothing to load");
    assert_eq!(vouch(&service, 1), None);
    assert_eq!(found(&service, IdentityPolicy::Record).await, None, "nobody looks");
    assert_eq!(found(&service, IdentityPolicy::Require).await, Some(Verdict::Absent));
    let folder = Folder::new();
    let signing = IdentityConfig { roots: None, ..folder.with(&chain) };
    let service = load(signing, &chain).expect("usable");
    let verdict = found(&service, IdentityPolicy::Require).await;
    assert_eq!(verdict, Some(Verdict::Failed(IdentityFault::CertificateUntrusted)));
}

#[test]
fn organisations_are_told_apart_by_a_name_that_says_nothing() {
    let one = origid(&[7; 32], OrgId::from_u128(1));
    assert_eq!(one, origid(&[7; 32], OrgId::from_u128(1)));
    assert_ne!(one, origid(&[7; 32], OrgId::from_u128(2)));
    assert_ne!(one, origid(&[8; 32], OrgId::from_u128(1)));
    assert_eq!(one.get_version_num(), 4);
}

#[test]
fn changed_files_are_read_again_and_bad_ones_change_nothing() {
    let (folder, chain) = (Folder::new(), Wanted::default().make());
    let service = load(folder.with(&chain), &chain).expect("usable");
    assert!(matches!(service.reload_signer(), Ok(false)), "nothing has changed");
    assert!(matches!(service.reload_roots(), Ok(false)));
    let before = vouch(&service, 1).expect("signed");
    folder.write("certificate.pem", "rubbish");
    assert!(matches!(service.reload_signer(), Err(IdentityError::Signer(_))));
    assert!(matches!(service.reload_signer(), Ok(false)), "said once");
    assert_eq!(vouch(&service, 1).expect("with the old key").info, before.info);
    let new = Wanted::default().make();
    folder.with(&new);
    assert!(matches!(service.reload_signer(), Ok(true)));
    assert!(matches!(service.reload_roots(), Ok(true)));
    folder.write("roots/other.pem", "rubbish");
    let error = service.reload_roots().expect_err("no root").to_string();
    assert!(error.contains("sip.identity.roots") && error.contains("other.pem"), "{error}");
    assert!(service.verifier.trusts_anybody(), "the old roots stay");
}

#[test]
fn faults_name_the_field_and_the_file() {
    let (folder, chain) = (Folder::new(), Wanted::default().make());
    let fault = |change: fn(&mut IdentityConfig)| {
        let mut config = folder.with(&chain);
        change(&mut config);
        load(config, &chain).map(|_| ()).expect_err("a fault").to_string()
    };
    let missing = fault(|config| config.key = Some("/nowhere/key.pem".into()));
    assert!(missing.contains("sip.identity.key") && missing.contains("/nowhere/key.pem"), "{missing}");
    let swapped = fault(|config| std::mem::swap(&mut config.key, &mut config.certificate));
    assert!(swapped.contains("sip.identity.key") && swapped.contains("openssl"), "{swapped}");
    let nowhere = fault(|config| config.roots = Some("/nowhere".into()));
    assert!(nowhere.contains("sip.identity.roots"), "{nowhere}");
    let empty = Folder::new();
    let config = IdentityConfig { roots: Some(empty.0.clone()), ..folder.with(&chain) };
    let error = load(config, &chain).map(|_| ()).expect_err("no roots").to_string();
    assert!(error.contains(".pem"), "{error}");
}
