use std::time::Duration;

use rtc_crypto::default_provider;
use rtc_stun::attributes::ATTR_ICE_CONTROLLING;
use rtc_stun::message::{Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

use super::*;
use crate::time;

const BROWSER: &str = "192.0.2.7:50000";

fn lite() -> Lite {
    let local = Credentials { ufrag: "ours".to_owned(), password: "a password of ours, long".to_owned() };
    Lite::new(local, "theirs", default_provider().expect("a provider"))
}

/// A check as a browser makes it, with more attributes before and after its integrity.
fn check(user: &str, password: &str, before: &[AttrType], after: &[AttrType]) -> Vec<u8> {
    let crypto = default_provider().expect("a provider");
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto.crypto());
    let mut message = Message::new();
    let setters: [Box<dyn Setter + '_>; 3] = [
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId([7; 12])),
        Box::new(TextAttribute::new(ATTR_USERNAME, user.to_owned())),
    ];
    message.build(&setters).expect("a message");
    before.iter().for_each(|attribute| message.add(*attribute, &[]));
    integrity.add_to(&mut message).expect("an attribute");
    after.iter().for_each(|attribute| message.add(*attribute, &[]));
    FINGERPRINT.add_to(&mut message).expect("an attribute");
    message.raw
}

const PASSWORD_OF_OURS: &str = "a password of ours, long";

fn browser() -> SocketAddr {
    BROWSER.parse().expect("an address")
}

#[test]
fn a_check_is_answered_with_where_it_came_from_and_names_no_pair_by_itself() {
    let (mut lite, now) = (lite(), time::now().mono);
    let asked = check("ours:theirs", PASSWORD_OF_OURS, &[ATTR_ICE_CONTROLLING], &[]);
    let checked = lite.handle(now, browser(), &asked).expect("an answer");
    assert!(!checked.moved && lite.selected().is_none() && lite.is_proved(browser()));
    assert_eq!(lite.heard(), Some(now));
    let mut reply = Message { raw: checked.reply, ..Message::default() };
    reply.decode().expect("a message");
    assert_eq!((reply.typ, reply.transaction_id), (BINDING_SUCCESS, TransactionId([7; 12])));
    let mut mapped = XorMappedAddress::default();
    mapped.get_from_as(&reply, rtc_stun::attributes::ATTR_XORMAPPED_ADDRESS).expect("an address");
    assert_eq!(SocketAddr::new(mapped.ip, mapped.port), browser());
    let crypto = default_provider().expect("a provider");
    MessageIntegrity::check(&mut reply, PASSWORD_OF_OURS.as_bytes(), crypto.crypto()).expect("it is ours");
    FINGERPRINT.check(&reply).expect("it is whole");
}

#[test]
fn the_browser_names_the_pair_and_another_one_later() {
    let (mut lite, now) = (lite(), time::now().mono);
    let named = check("ours:theirs", PASSWORD_OF_OURS, &[ATTR_USE_CANDIDATE], &[]);
    assert!(lite.handle(now, browser(), &named).is_some_and(|checked| checked.moved));
    assert!(lite.handle(now, browser(), &named).is_some_and(|checked| !checked.moved), "it is the same one");
    let other = "198.51.100.1:9".parse().expect("an address");
    let later = now + Duration::from_secs(3);
    assert!(lite.handle(later, other, &named).is_some_and(|checked| checked.moved));
    assert_eq!((lite.selected(), lite.heard()), (Some(other), Some(later)));
}

#[test]
fn whoever_does_not_know_the_password_gets_no_answer_and_leaves_nothing() {
    let (mut lite, now) = (lite(), time::now().mono);
    let good = check("ours:theirs", PASSWORD_OF_OURS, &[ATTR_USE_CANDIDATE], &[]);
    let mut torn = good.clone();
    torn.truncate(good.len() - 9);
    let mut bent = good.clone();
    bent[21] ^= 1;
    let wrong = [
        check("ours:theirs", "another password, as long", &[ATTR_USE_CANDIDATE], &[]),
        check("ours:others", PASSWORD_OF_OURS, &[ATTR_USE_CANDIDATE], &[]),
        // It would wait for checks of ours.
        check("ours:theirs", PASSWORD_OF_OURS, &[ATTR_ICE_CONTROLLED], &[]),
        torn,
        bent,
        vec![0; 20],
        vec![0, 1],
        Vec::new(),
    ];
    for datagram in wrong {
        assert_eq!(lite.handle(now, browser(), &datagram), None, "{datagram:02x?}");
    }
    assert!(!lite.is_proved(browser()) && lite.selected().is_none() && lite.heard().is_none());
}

#[test]
fn what_somebody_adds_behind_the_integrity_counts_for_nothing() {
    let (mut lite, now) = (lite(), time::now().mono);
    let asked = check("ours:theirs", PASSWORD_OF_OURS, &[], &[ATTR_USE_CANDIDATE]);
    assert!(lite.handle(now, browser(), &asked).is_some_and(|checked| !checked.moved));
    assert_eq!(lite.selected(), None);
}

#[test]
fn few_addresses_are_remembered_and_the_selected_one_stays() {
    let (mut lite, now) = (lite(), time::now().mono);
    let named = check("ours:theirs", PASSWORD_OF_OURS, &[ATTR_USE_CANDIDATE], &[]);
    lite.handle(now, browser(), &named).expect("an answer");
    let plain = check("ours:theirs", PASSWORD_OF_OURS, &[], &[]);
    for port in 1..100 {
        lite.handle(now, SocketAddr::new(browser().ip(), port), &plain).expect("an answer");
    }
    assert!(lite.is_proved(browser()) && lite.is_proved(SocketAddr::new(browser().ip(), 99)));
    assert_eq!(lite.proved.len(), PROVED);
}
