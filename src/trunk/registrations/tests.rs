use callwright_sip::endpoint::{ListenerId, Transport};
use callwright_sip::message::StatusCode;

use super::*;

const TRUNK: TrunkId = TrunkId::from_u128(1);

fn flow(host: u8) -> Flow {
    Flow { listener: ListenerId(0), transport: Transport::Udp, peer: ([192, 0, 2, host], 5060).into() }
}

fn wanted(hosts: &[u8], password: &str) -> Wanted {
    Wanted {
        flows: hosts.iter().map(|host| flow(*host)).collect(),
        domain: HostPort::parse(b"carrier.example:5080").expect("a domain"),
        credential: Credential { username: "4930123".into(), password: password.into(), realm: None },
        expires: Duration::from_secs(600),
        external: None,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn only(wanted: Option<Wanted>) -> BTreeMap<TrunkId, Option<Wanted>> {
    [(TRUNK, wanted)].into()
}

/// The generation and the host of the one registration that is to be made, after `before`.
fn made(steps: &[Step], before: &[Step]) -> (u64, Flow) {
    let (last, others) = steps.split_last().expect("a step");
    assert_eq!(others, before);
    let Step::Register { trunk: TRUNK, generation, flow, .. } = last else { panic!("{last:?}") };
    (*generation, *flow)
}

#[test]
fn a_trunk_has_one_registration_until_it_changes_or_goes() {
    let mut all = Registrations::default();
    assert_eq!(all.report(TRUNK), Report::default());
    let (first, way) = made(&all.follow(at(0), only(Some(wanted(&[1, 2], "a")))), &[]);
    assert_eq!((way, all.report(TRUNK).standing), (flow(1), Standing::Trying));
    assert_eq!(all.follow(at(1), only(Some(wanted(&[1, 2], "a")))), []);
    assert_eq!(all.follow(at(2), only(Some(wanted(&[2, 1], "a")))), [], "the resolver turns its answers round");
    assert_eq!(all.follow(at(3), only(None)), [], "the resolver fails");
    let (second, way) = made(&all.follow(at(4), only(Some(wanted(&[2], "a")))), &[Step::Leave(TRUNK)]);
    assert_eq!(way, flow(2), "its address is gone");
    let (third, _) = made(&all.follow(at(5), only(Some(wanted(&[2], "b")))), &[Step::Leave(TRUNK)]);
    assert!(first < second && second < third);
    assert_eq!(all.follow(at(6), BTreeMap::new()), [Step::Leave(TRUNK)]);
    assert_eq!(all.follow(at(7), BTreeMap::new()), []);
    assert_eq!(all.report(TRUNK), Report::default());
}

#[test]
fn changes_are_told_once_and_refreshes_are_not() {
    let mut all = Registrations::default();
    let (generation, _) = made(&all.follow(at(0), only(Some(wanted(&[1], "a")))), &[]);
    let mut note = |second, state| all.note(at(second), TRUNK, generation, &state);
    let refused =
        |status| RegistrationState::Failed { status: StatusCode::new(status), retry_in: Duration::from_secs(30) };
    let granted = RegistrationState::Registered { expires: Duration::from_secs(300) };
    let failing = Report { standing: Standing::Failing, status: Some(403), since: Some(at(1)), until: None };
    assert_eq!(note(1, refused(403)), Some(failing));
    assert_eq!(note(2, refused(403)), None);
    assert_eq!(note(3, refused(503)).and_then(|report| report.status), Some(503));
    let bound = Report { standing: Standing::Registered, status: None, since: Some(at(4)), until: Some(at(304)) };
    assert_eq!(note(4, granted.clone()), Some(bound));
    assert_eq!(note(200, granted), None);
    assert_eq!(note(201, RegistrationState::Unregistered), None);
    assert_eq!(all.report(TRUNK), Report { until: Some(at(500)), ..bound });
}

#[test]
fn what_an_earlier_registration_says_is_no_news() {
    let mut all = Registrations::default();
    let (old, _) = made(&all.follow(at(0), only(Some(wanted(&[1], "a")))), &[]);
    let (new, _) = made(&all.follow(at(1), only(Some(wanted(&[1], "b")))), &[Step::Leave(TRUNK)]);
    let granted = RegistrationState::Registered { expires: Duration::from_secs(300) };
    assert_eq!(all.note(at(2), TRUNK, old, &granted), None);
    all.give_up(at(2), TRUNK, old);
    assert_eq!(all.report(TRUNK).standing, Standing::Trying);
    all.give_up(at(3), TRUNK, new);
    assert_eq!(all.report(TRUNK).standing, Standing::Failing);
    made(&all.follow(at(4), only(Some(wanted(&[1], "b")))), &[]);
}

#[test]
fn a_host_without_address_fails_until_it_has_one() {
    let mut all = Registrations::default();
    assert_eq!(all.follow(at(0), only(None)), []);
    assert_eq!(all.report(TRUNK).standing, Standing::Failing);
    assert_eq!(all.follow(at(1), only(Some(wanted(&[], "a")))), [], "no listener reaches it");
    made(&all.follow(at(2), only(Some(wanted(&[1], "a")))), &[]);
}

#[test]
fn a_registration_names_the_account() {
    let registration = wanted(&[1], "a").registration(flow(1), LegKey([1; 32]));
    assert_eq!(registration.registrar.to_string(), "sip:carrier.example:5080");
    assert_eq!(registration.aor.uri.to_string(), "sip:4930123@carrier.example");
    assert_eq!(registration.contact_user, "4930123");
}

#[test]
fn a_registration_moves_on_where_nobody_answers_and_comes_round() {
    let mut all = Registrations::default();
    let both = || only(Some(wanted(&[1, 2], "a")));
    let failed = |status: Option<u16>| RegistrationState::Failed {
        status: status.and_then(StatusCode::new),
        retry_in: Duration::from_secs(30),
    };
    let (first, _) = made(&all.follow(at(0), both()), &[]);
    all.note(at(1), TRUNK, first, &failed(Some(403)));
    assert_eq!(all.follow(at(1), both()), [], "the carrier has answered: no other server says otherwise");
    all.note(at(2), TRUNK, first, &failed(None));
    let (second, way) = made(&all.follow(at(2), both()), &[Step::Leave(TRUNK)]);
    assert_eq!(way, flow(2));
    all.note(at(34), TRUNK, second, &failed(Some(503)));
    assert_eq!(all.follow(at(34), both()), [], "all were tried just now");
    let (third, way) = made(&all.follow(at(62), both()), &[Step::Leave(TRUNK)]);
    assert_eq!(way, flow(1));
    all.note(at(63), TRUNK, third, &RegistrationState::Registered { expires: Duration::from_secs(300) });
    assert_eq!(all.follow(at(200), both()), [], "it stays where it is granted");
}

#[test]
fn a_registration_is_lost_when_what_was_granted_has_run_out() {
    let mut all = Registrations::default();
    let failed = RegistrationState::Failed { status: None, retry_in: Duration::from_secs(30) };
    assert!(!all.is_lost(at(0), TRUNK), "none is asked for");
    let (generation, _) = made(&all.follow(at(0), only(Some(wanted(&[1], "a")))), &[]);
    assert!(!all.is_lost(at(0), TRUNK), "it is being asked for");
    all.note(at(1), TRUNK, generation, &failed);
    assert!(all.is_lost(at(1), TRUNK));
    all.note(at(2), TRUNK, generation, &RegistrationState::Registered { expires: Duration::from_secs(300) });
    assert!(!all.is_lost(at(2), TRUNK));
    all.note(at(150), TRUNK, generation, &failed);
    assert!(!all.is_lost(at(301), TRUNK), "the carrier still knows us");
    assert!(all.is_lost(at(302), TRUNK));
    // Another way is tried: that alone is no registration.
    made(&all.follow(at(303), only(Some(wanted(&[2], "a")))), &[Step::Leave(TRUNK)]);
    assert!(all.is_lost(at(303), TRUNK));
}
