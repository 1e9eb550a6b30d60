use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callwright::call::call::CallConfig;
use callwright::call::inbound::{Door, Entering, Entrance, InboundRoutes};
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::phone::E164;
use callwright::config::SipTransport::Udp;
use callwright::id::{CallId, OrgId, TrunkId};
use callwright::pii::Pii;
use callwright::stir::verdict::IdentityPolicy;
use callwright::trunk::callers::{CallerRules, Wording};
use callwright::trunk::media::MediaTerms;
use callwright_sip::endpoint::{Account, AccountId, Callers, Credential};
use callwright_sip::guard::Networks;
use callwright_sip::message::{HeaderName, Headers};

use crate::office::Office;
use crate::phone::Phone;

const OURS: &str = "+493012345678";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_and_played_to() {
    let mut office = Office::new(Udp, 31_000, CallConfig::default(), 100).await;
    let phone = Phone::new(Udp, 32_000).await;
    office.open(100);
    let mut lines = Vec::new();
    for key in 0..20 {
        lines.push(phone.calls(office.address, OURS, key).await.expect("answered"));
    }
    assert_eq!(office.calls.len(), 20);
    for line in &mut lines {
        assert!(line.hears_a_tone().await);
    }
    for line in lines {
        line.hangs_up().await;
    }
    for _ in 0..20 {
        let report = office.inbound_report().await;
        assert_eq!(report.outcome.reason, Reason::UserHangup);
        assert_eq!(report.ours.map(|number| number.expose().to_string()).as_deref(), Some(OURS));
        assert_eq!(report.contact.map(|number| number.expose().to_string()).as_deref(), Some("+493012340001"));
        assert!(report.attempt.is_none());
    }
    assert!(office.calls.is_empty());
    assert_eq!(office.calls.worker_stats().legs, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_say_why() {
    let mut office = Office::new(Udp, 33_000, CallConfig::default(), 2).await;
    let phone = Phone::new(Udp, 34_000).await;
    assert_eq!(phone.calls(office.address, OURS, 1).await.err(), Some(403), "nobody may call yet");
    office.open(1);
    let first = phone.calls(office.address, OURS, 2).await.expect("answered");
    assert_eq!(phone.calls(office.address, OURS, 3).await.err(), Some(486), "the organisation is at its cap");
    office.open(100);
    let second = phone.calls(office.address, OURS, 4).await.expect("answered");
    assert_eq!(phone.calls(office.address, OURS, 5).await.err(), Some(503), "the node is full");
    office.calls.set_inbound(InboundRoutes::default());
    first.hangs_up().await;
    second.hangs_up().await;
    for _ in 0..2 {
        assert!(office.inbound_report().await.outcome.talk_time() > Duration::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_without_an_address_proves_by_digest_that_a_call_is_its() {
    let mut office = Office::guarded(Udp, 37_000, 20).await;
    let mut phone = Phone::new(Udp, 38_000).await;
    let credential =
        |password: &str| Some(Credential { username: "branch".to_owned(), password: password.to_owned(), realm: None });
    let trunk = TrunkId::from_u128(2);
    let account = Account { id: AccountId(2), credential: credential("open sesame").expect("one") };
    office.open_proving(trunk);
    let callers = Callers { trusted: Networks::default(), accounts: vec![account] };
    office.sip.know(Networks::default(), callers).await.expect("SIP runs");
    assert_eq!(phone.calls(office.address, OURS, 1).await.err(), Some(401), "it has nothing to prove it by");
    phone.credentials = credential("guess");
    assert_eq!(phone.calls(office.address, OURS, 2).await.err(), Some(401));
    assert_eq!(office.sip.guard().await.expect("SIP runs").endpoint.unproved, 1);
    phone.credentials = credential("open sesame");
    for key in 3..6 {
        let mut line = phone.calls(office.address, OURS, key).await.expect("answered");
        assert!(line.hears_a_tone().await);
        line.hangs_up().await;
        assert_eq!(office.inbound_report().await.trunk, Some(trunk));
    }
    phone.credentials = credential("guess");
    for key in 10..20 {
        let refused = phone.calls(office.address, OURS, key).await.err();
        assert!(matches!(refused, Some(401 | 408)), "{refused:?}");
        if !office.sip.guard().await.expect("SIP runs").bans.is_empty() {
            return;
        }
    }
    panic!("who goes on guessing is banned");
}

/// A door that says what it is told to, and counts who went out again.
struct Porter {
    entrance: Entrance,
    gone: AtomicUsize,
}

impl Door for Porter {
    fn admit(&self, _: CallId, _: OrgId, _: TrunkId) -> Entering {
        let entrance = self.entrance;
        Box::pin(async move { entrance })
    }

    fn over(&self, _: CallId) {
        self.gone.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_counts_over_all_nodes_and_the_node_alone_when_it_does_not_know() {
    let mut office = Office::new(Udp, 35_000, CallConfig::default(), 2).await;
    let phone = Phone::new(Udp, 36_000).await;
    office.open(1);
    let porter = |entrance| Arc::new(Porter { entrance, gone: AtomicUsize::new(0) });
    let full = porter(Entrance::Full);
    office.calls.set_door(Arc::clone(&full) as Arc<dyn Door>);
    assert_eq!(phone.calls(office.address, OURS, 1).await.err(), Some(486), "full elsewhere");
    assert_eq!(full.gone.load(Ordering::SeqCst), 0, "it never came in");
    let away = porter(Entrance::Unknown);
    office.calls.set_door(Arc::clone(&away) as Arc<dyn Door>);
    let first = phone.calls(office.address, OURS, 2).await.expect("the database is away, the call is taken");
    assert_eq!(phone.calls(office.address, OURS, 3).await.err(), Some(486), "this node's own count says so");
    assert_eq!(away.gone.load(Ordering::SeqCst), 1);
    let open = porter(Entrance::Open);
    office.calls.set_door(Arc::clone(&open) as Arc<dyn Door>);
    let second = phone.calls(office.address, OURS, 4).await.expect("the door's word counts, not the node's");
    assert_eq!(phone.calls(office.address, OURS, 5).await.err(), Some(503), "the node is full");
    first.hangs_up().await;
    second.hangs_up().await;
    for _ in 0..2 {
        office.inbound_report().await;
    }
    assert_eq!(open.gone.load(Ordering::SeqCst), 2, "both are over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_want_to_be_known_stays_unknown_and_who_was_called_first_is_kept() {
    let mut office = Office::new(Udp, 48_000, CallConfig::default(), 100).await;
    let phone = Phone::new(Udp, 50_000).await;
    let callers = CallerRules { trust_asserted: true, ..CallerRules::default() };
    let wording = Wording { callers, ..Wording::default() };
    office.open_as(crate::office::survey(), 100, IdentityPolicy::Record, (MediaTerms::default(), wording));
    let mut headers = Headers::default();
    headers.push(HeaderName::PAssertedIdentity, "<sip:+493012340002@192.0.2.1>");
    headers.push(HeaderName::Diversion, "<sip:+493012340003@192.0.2.1>;reason=no-answer");
    let shown = phone.calls_with(office.address, OURS, 1, headers.clone()).await.expect("answered");
    shown.hangs_up().await;
    let text = |number: Option<Pii<E164>>| number.map(|number| number.expose().to_string());
    let report = office.inbound_report().await;
    assert_eq!(text(report.contact).as_deref(), Some("+493012340002"), "the network vouches for it");
    let diversion = report.arrival.diversion.expect("diverted");
    assert_eq!(text(diversion.first_called).as_deref(), Some("+493012340003"));
    assert_eq!(diversion.reason, "no-answer");
    headers.push(HeaderName::Privacy, "id");
    let hidden = phone.calls_with(office.address, OURS, 2, headers).await.expect("answered");
    hidden.hangs_up().await;
    let report = office.inbound_report().await;
    assert!(report.contact.is_none() && report.arrival.withheld);
}
