use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HeaderName, Method, Request};

use super::*;
use crate::stir::certificate::testing::{Chain, NOW, Wanted};
use crate::stir::passport::Attestation;
use crate::stir::signer::Signer;

const ADDRESS: &str = "https://cert.example.org/1234.pem";

/// Chains by address; an address without chain never answers.
#[derive(Default)]
struct Shelf {
    chains: BTreeMap<String, Option<Vec<u8>>>,
    asked: AtomicUsize,
}

impl CertificateSource for Shelf {
    fn fetch(&self, address: &str) -> Fetching {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.chains.get(address) {
            Some(chain) => {
                let fetched = chain.clone().map(|chain| Fetched { chain, max_age: None });
                Box::pin(async {
                    tokio::task::yield_now().await;
                    fetched
                })
            }
            None => Box::pin(std::future::pending()),
        }
    }
}

struct Scene {
    chain: Chain,
    shelf: Arc<Shelf>,
    verifier: Verifier,
}

impl Scene {
    fn new(wanted: Wanted) -> Self {
        let chain = wanted.make();
        let gone = ("https://cert.example.org/gone".to_owned(), None);
        let chains = BTreeMap::from([(ADDRESS.to_owned(), Some(chain.pem.clone().into_bytes())), gone]);
        let shelf = Arc::new(Shelf { chains, ..Shelf::default() });
        let verifier = Verifier::new(Arc::clone(&shelf) as _);
        verifier.set_roots(chain.roots());
        Self { chain, shelf, verifier }
    }

    /// What does not come at once does not come: no test waits.
    fn impatient() -> Self {
        let mut scene = Self::new(Wanted::default());
        scene.verifier.patience = Duration::ZERO;
        scene
    }

    fn asked(&self) -> usize {
        self.shelf.asked.load(Ordering::Relaxed)
    }

    async fn verify(&self, invite: &Request) -> Verdict {
        self.verifier.verify(&Facts::of(invite), NOW).await
    }
}

/// An INVITE signed with a chain's key, its certificate at an address.
fn signed(chain: &Chain, address: &str) -> Request {
    let signer = Signer::new(chain.key.serialize_pem().as_bytes(), chain.pem.as_bytes(), address).expect("usable");
    let name = |uri: &str| NameAddr::new(uri.parse().expect("a URI"));
    let (from, to) = (name("sip:+12155550121@a.example"), name("sip:+12155550131@b.example"));
    let mut invite = Request::new(Method::Invite, to.uri.clone());
    signer.vouch(&mut invite.headers, (&from, &to), (Attestation::B, "x"), NOW).expect("signed");
    invite.headers.push(HeaderName::From, "<sip:+12155550121@a.example>;tag=1");
    invite.headers.push(HeaderName::To, "<sip:+12155550131@b.example>");
    invite
}

/// Changes the Identity header.
fn change(invite: &mut Request, change: impl FnOnce(String) -> String) {
    let value = invite.headers.get(&HeaderName::Identity).expect("an Identity");
    let value = String::from_utf8(value.to_vec()).expect("ASCII");
    invite.headers.set(HeaderName::Identity, change(value));
}

fn voucher() -> Voucher {
    Voucher { attestation: Some(Attestation::B), origid: Some("x".into()), signer: "1234".into() }
}

#[tokio::test]
async fn a_sound_signature_is_verified_and_its_certificate_fetched_once() {
    let scene = Scene::new(Wanted::default());
    let invite = signed(&scene.chain, ADDRESS);
    for _ in 0..3 {
        assert_eq!(scene.verify(&invite).await, Verdict::Verified(voucher()));
    }
    assert_eq!(scene.asked(), 1);
    let hour_later = scene.verifier.verify(&Facts::of(&invite), NOW + 3_600).await;
    assert_eq!(hour_later, Verdict::Failed(IdentityFault::Stale));
    assert_eq!(scene.asked(), 1, "a bad header costs no fetch");
}

#[tokio::test]
async fn a_call_without_signature_costs_nothing() {
    let scene = Scene::new(Wanted::default());
    let mut invite = signed(&scene.chain, ADDRESS);
    invite.headers.remove(&HeaderName::Identity);
    assert_eq!(scene.verify(&invite).await, Verdict::Absent);
    assert_eq!(scene.asked(), 0);
}

#[tokio::test]
async fn a_tampered_token_does_not_hold() {
    let scene = Scene::new(Wanted::default());
    let mut invite = signed(&scene.chain, ADDRESS);
    // The same claims but for a better attestation, with the signature over the others.
    let other = {
        let signer = Signer::new(scene.chain.key.serialize_pem().as_bytes(), scene.chain.pem.as_bytes(), ADDRESS);
        let name = |uri: &str| NameAddr::new(uri.parse().expect("a URI"));
        let mut headers = callwright_sip::message::Headers::new();
        let ends = (&name("tel:+12155550121"), &name("tel:+12155550131"));
        signer.expect("usable").vouch(&mut headers, ends, (Attestation::A, "x"), NOW).expect("signed");
        String::from_utf8(headers.get(&HeaderName::Identity).expect("an Identity").to_vec()).expect("ASCII")
    };
    let (better, _) = other.split_once(';').and_then(|(token, _)| token.rsplit_once('.')).expect("a token");
    change(&mut invite, |value| {
        let (token, tail) = value.split_once(';').expect("parameters");
        let (_, signature) = token.rsplit_once('.').expect("a signature");
        format!("{better}.{signature};{tail}")
    });
    assert_eq!(scene.verify(&invite).await, Verdict::Failed(IdentityFault::Signature));
    let mut short = signed(&scene.chain, ADDRESS);
    change(&mut short, |value| value.replacen(";info", "AAAA;info", 1));
    assert_eq!(scene.verify(&short).await, Verdict::Failed(IdentityFault::Signature), "of another length");
}

#[tokio::test]
async fn somebody_elses_key_does_not_hold() {
    let scene = Scene::new(Wanted::default());
    let other = Wanted::default().make();
    assert_eq!(scene.verify(&signed(&other, ADDRESS)).await, Verdict::Failed(IdentityFault::Signature));
}

#[tokio::test]
async fn a_certificate_for_other_numbers_does_not_hold() {
    let list: &[u8] = b"\x30\x0f\xa2\x0d\x16\x0b12155550199";
    let scene = Scene::new(Wanted { list: Some(list), ..Wanted::default() });
    let verdict = scene.verify(&signed(&scene.chain, ADDRESS)).await;
    assert_eq!(verdict, Verdict::Failed(IdentityFault::NumberNotCovered));
}

#[tokio::test]
async fn untrusted_chains_do_not_hold_and_trust_can_be_given_and_taken() {
    let scene = Scene::new(Wanted::default());
    let invite = signed(&scene.chain, ADDRESS);
    scene.verifier.set_roots(Wanted::default().make().roots());
    assert_eq!(scene.verify(&invite).await, Verdict::Failed(IdentityFault::CertificateUntrusted));
    scene.verifier.set_roots(scene.chain.roots());
    assert_eq!(scene.verify(&invite).await, Verdict::Verified(voucher()));
    scene.verifier.set_roots(Roots::default());
    assert!(!scene.verifier.trusts_anybody());
    let asked = scene.asked();
    assert_eq!(scene.verify(&invite).await, Verdict::Failed(IdentityFault::CertificateUntrusted));
    assert_eq!(scene.asked(), asked, "without roots nothing is fetched");
}

#[tokio::test]
async fn what_is_no_certificate_is_untrusted() {
    let mut scene = Scene::new(Wanted::default());
    let shelf = Shelf { chains: BTreeMap::from([(ADDRESS.to_owned(), Some(b"<html>".to_vec()))]), ..Shelf::default() };
    scene.verifier = Verifier::new(Arc::new(shelf));
    scene.verifier.set_roots(scene.chain.roots());
    let verdict = scene.verify(&signed(&scene.chain, ADDRESS)).await;
    assert_eq!(verdict, Verdict::Failed(IdentityFault::CertificateUntrusted));
}

#[tokio::test]
async fn a_certificate_that_does_not_come_is_given_up_and_not_asked_for_again_at_once() {
    let scene = Scene::impatient();
    for address in ["https://cert.example.org/gone", "https://slow.example.org/c"] {
        let invite = signed(&scene.chain, address);
        let before = scene.asked();
        for _ in 0..3 {
            assert_eq!(scene.verify(&invite).await, Verdict::Failed(IdentityFault::CertificateUnreachable));
        }
        assert_eq!(scene.asked(), before + 1, "{address}");
    }
}

#[tokio::test]
async fn calls_that_come_together_fetch_a_certificate_once() {
    let scene = Scene::new(Wanted::default());
    let invite = signed(&scene.chain, ADDRESS);
    let verdicts = futures_util::future::join_all((0..20).map(|_| scene.verify(&invite))).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Verified(voucher())), "{verdicts:?}");
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn slow_servers_hold_no_more_than_there_are_places_and_give_them_back() {
    let scene = Scene::impatient();
    let invite = |number: usize| signed(&scene.chain, &format!("https://slow.example.org/{number}"));
    let invites: Vec<_> = (0..FETCHES + 30).map(invite).collect();
    let verdicts = futures_util::future::join_all(invites.iter().map(|invite| scene.verify(invite))).await;
    assert!(verdicts.iter().all(|it| *it == Verdict::Failed(IdentityFault::CertificateUnreachable)));
    assert_eq!(scene.asked(), FETCHES);
    assert!(scene.verifier.fetching.lock().expect("nobody panicked").is_empty());
    scene.verify(&invites[FETCHES]).await;
    assert_eq!(scene.asked(), FETCHES + 1, "one that found no place is not remembered as unreachable");
}

#[tokio::test]
async fn of_two_signatures_one_that_holds_is_enough() {
    let scene = Scene::new(Wanted::default());
    let mut invite = signed(&scene.chain, "https://cert.example.org/gone");
    let second = signed(&scene.chain, ADDRESS);
    invite.headers.push(HeaderName::Identity, second.headers.get(&HeaderName::Identity).expect("an Identity"));
    assert_eq!(scene.verify(&invite).await, Verdict::Verified(voucher()));
}
