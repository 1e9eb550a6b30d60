//! Calls through kamailio: registered there, asked for passwords, forked, kept on the path, and over TLS.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::{Tcp, Tls, Udp};
use callwright::config::TlsFiles;
use callwright::id::LegId;
use callwright::net::sip_driver::OurRegistration;
use callwright::net::sip_tls::SipTls;
use callwright::trunk::plan::leg_key;
use callwright_sip::endpoint::{Credential, Flow, Registration, RegistrationState, Transport};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HostPort, Uri};
use tokio::time::timeout;

use crate::agents::{Referrals, office, patient, referrer, seat, seated};
use crate::baresip::{Account, Baresip};
use crate::kamailio::Kamailio;
use crate::office::{Attempt, Office, PATIENCE, SECRET};
use crate::phones::was_a_talk;

const NUMBER: &str = "+493090180001";
const TALK: Duration = Duration::from_millis(800);

fn credential(password: &str) -> Credential {
    Credential { username: "test".to_owned(), password: password.to_owned(), realm: None }
}

/// Binds `agent` at a registrar to this office.
async fn registers(office: &Office, at: Flow, password: &str) -> (OurRegistration, RegistrationState) {
    let registrar = HostPort::from(at.peer);
    let registration = Registration {
        key: leg_key(&SECRET, LegId::generate()),
        flow: at,
        registrar: Uri::sip(None, registrar.clone()),
        aor: NameAddr::new(Uri::sip(Some(b"agent"), registrar)),
        contact_user: "agent".to_owned(),
        credentials: Some(credential(password)),
        expires: Duration::from_secs(600),
        external: None,
    };
    let mut ours = office.sip.register(registration).await.expect("sent");
    let answered = ours.state.wait_for(Option::is_some);
    let state = timeout(PATIENCE, answered).await.expect("an answer in time").expect("it runs").clone();
    (ours, state.expect("it was waited for"))
}

/// The way from an office to one of kamailio's addresses.
fn flow(office: &Office, peer: SocketAddr) -> Flow {
    Flow { listener: office.listener, transport: office.transport, peer }
}

/// A call over `at`, with the password that its calls are asked for.
fn call(office: &Office, at: Flow) -> Attempt {
    let mut order = office.order(at.peer, NUMBER);
    order.invite.flow = at;
    order.credentials = Some(credential("secret"));
    office.place(order)
}

/// A telephone calls who has registered as `agent`, and hangs up.
async fn is_called(office: &mut Office, phone: &mut Baresip, at: SocketAddr) {
    phone.dials(&format!("sip:agent@{at}")).await;
    phone.tells("CALL_ESTABLISHED").await;
    phone.hears_the_agent().await;
    tokio::time::sleep(TALK).await;
    phone.does("hangup", "").await;
    let report = office.inbound_report().await;
    was_a_talk(office, &report);
}

/// We call a telephone that has registered, and it hangs up.
async fn calls(office: &Office, phone: &mut Baresip, at: Flow) {
    let attempt = call(office, at);
    phone.answers().await;
    phone.hears_the_agent().await;
    tokio::time::sleep(TALK).await;
    phone.does("hangup", "").await;
    let (seen, report) = attempt.ends().await;
    assert_eq!(seen[..2], ["ringing", "answered"]);
    was_a_talk(office, &report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registered_at_kamailio_we_are_called_and_call_over_udp() {
    let kamailio = Kamailio::start().await;
    let mut office = office(Udp, &patient()).await;
    let at = flow(&office, kamailio.address());
    let (_wrong, refused) = registers(&office, at, "guessed").await;
    assert!(matches!(refused, RegistrationState::Failed { status: Some(status), .. } if status.code() == 401));
    let (_kept, state) = registers(&office, at, "secret").await;
    assert!(matches!(state, RegistrationState::Registered { .. }), "{state:?}");
    let mut phone = Baresip::start(Account::at("phone", at.peer)).await;
    is_called(&mut office, &mut phone, at.peer).await;
    let mut phone = Baresip::start(Account::at(NUMBER, at.peer)).await;
    calls(&office, &mut phone, at).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registered_at_kamailio_we_are_called_and_call_over_tcp() {
    let kamailio = Kamailio::start().await;
    let mut office = office(Tcp, &patient()).await;
    let at = flow(&office, kamailio.address());
    let (_kept, state) = registers(&office, at, "secret").await;
    assert!(matches!(state, RegistrationState::Registered { .. }), "{state:?}");
    let mut phone = Baresip::start(Account::at("phone", at.peer)).await;
    is_called(&mut office, &mut phone, at.peer).await;
    let mut phone = Baresip::start(Account::at(NUMBER, at.peer)).await;
    calls(&office, &mut phone, at).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registered_at_kamailio_we_are_called_and_call_over_ipv6() {
    let kamailio = Kamailio::start().await;
    let tls = SipTls::new(&TlsFiles::default()).expect("no files are named");
    let mut office = seated(seat(Udp, Ipv6Addr::LOCALHOST.into(), tls), &patient()).await;
    let at = flow(&office, kamailio.address_v6());
    let (_kept, state) = registers(&office, at, "secret").await;
    assert!(matches!(state, RegistrationState::Registered { .. }), "{state:?}");
    let account = |user| Account { host: Ipv6Addr::LOCALHOST.into(), ..Account::at(user, at.peer) };
    let mut phone = Baresip::start(account("phone")).await;
    is_called(&mut office, &mut phone, at.peer).await;
    let mut phone = Baresip::start(account(NUMBER)).await;
    calls(&office, &mut phone, at).await;
}

/// kamailio takes telephones over UDP and leads them to us over TLS, both sides with certificates of one authority.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kamailio_is_an_edge_that_speaks_tls_to_us() {
    let kamailio = Kamailio::start().await;
    let tls = SipTls::new(&kamailio.ours).expect("usable files");
    let name = tls.names().learn("127.0.0.1").expect("an address");
    let mut office = seated(seat(Tls, Ipv4Addr::LOCALHOST.into(), tls), &patient()).await;
    let at = Flow { transport: Transport::Tls(name), ..flow(&office, kamailio.edge()) };
    let (_kept, state) = registers(&office, at, "secret").await;
    assert!(matches!(state, RegistrationState::Registered { .. }), "{state:?}");
    let mut phone = Baresip::start(Account::at("phone", kamailio.address())).await;
    is_called(&mut office, &mut phone, kamailio.address()).await;
    let mut phone = Baresip::start(Account::at(NUMBER, kamailio.address())).await;
    calls(&office, &mut phone, at).await;
    assert!(kamailio.program.log().contains("from tls:127.0.0.1"), "our requests came by TLS");
}

/// An edge that cannot prove its name gets nothing: our side leaves before a byte of SIP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_of_an_unknown_authority_is_not_spoken_to() {
    let kamailio = Kamailio::start().await;
    let tls = SipTls::new(&TlsFiles { trusted: None, ..kamailio.ours.clone() }).expect("usable files");
    let name = tls.names().learn("127.0.0.1").expect("an address");
    let office = seated(seat(Tls, Ipv4Addr::LOCALHOST.into(), tls), &patient()).await;
    let at = Flow { transport: Transport::Tls(name), ..flow(&office, kamailio.edge()) };
    let (_, state) = registers(&office, at, "secret").await;
    assert!(matches!(state, RegistrationState::Failed { status: None, .. }), "{state:?}");
    assert!(!kamailio.program.log().contains("REGISTER"), "nothing arrived");
}

/// Two telephones of one account ring; who answers has the call, and the other one stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kamailio_rings_two_telephones_and_the_first_answer_wins() {
    let kamailio = Kamailio::start().await;
    let office = office(Udp, &patient()).await;
    let at = flow(&office, kamailio.address());
    let mut quick = Baresip::start(Account::at(NUMBER, at.peer)).await;
    let mut slow = Baresip::start(Account::at(NUMBER, at.peer)).await;
    let attempt = call(&office, at);
    slow.tells("CALL_INCOMING").await;
    quick.answers().await;
    slow.tells("CALL_CLOSED").await;
    quick.hears_the_agent().await;
    tokio::time::sleep(TALK).await;
    quick.does("hangup", "").await;
    let (seen, report) = attempt.ends().await;
    assert_eq!(seen.iter().filter(|event| **event == "answered").count(), 1, "{seen:?}");
    was_a_talk(&office, &report);
}

/// Our BYE and re-INVITEs of the telephone go by the recorded route.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_within_a_call_keep_to_the_recorded_route() {
    let kamailio = Kamailio::start().await;
    let office = office(Udp, &patient()).await;
    let at = flow(&office, kamailio.address());
    let mut phone = Baresip::start(Account::at(NUMBER, at.peer)).await;
    let mut order = office.order(at.peer, NUMBER);
    order.credentials = Some(credential("secret"));
    let call = order.call;
    let attempt = office.place(order);
    phone.answers().await;
    phone.hears_the_agent().await;
    phone.does("hold", "").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(phone.hears_in(TALK).await, 0, "held");
    phone.does("resume", "").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(phone.hears_in(TALK).await > 30, "and back");
    assert!(office.calls.hang_up(call));
    phone.tells("CALL_CLOSED").await;
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::AgentHangup, false));
    let log = kamailio.program.log();
    assert!(log.contains(&format!("from udp:127.0.0.1:{}: BYE", office.address.port())), "our BYE came by there");
    assert!(log.contains(&format!("from udp:127.0.0.1:{}: ACK", office.address.port())), "and our ACK");
}

/// The REFER goes by the recorded route, and the telephone asks kamailio for whom it is sent to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telephone_behind_kamailio_is_transferred() {
    let kamailio = Kamailio::start().await;
    let office = office(Udp, &patient()).await;
    office.calls.set_desk(Arc::new(Referrals));
    let at = flow(&office, kamailio.address());
    let mut phone = Baresip::start(Account::at(NUMBER, at.peer)).await;
    let mut desk = Baresip::start(Account::at("desk", at.peer)).await;
    let mut order = office.order(at.peer, NUMBER);
    order.credentials = Some(credential("secret"));
    order.assistant = referrer(at.peer);
    let attempt = office.place(order);
    phone.answers().await;
    desk.answers().await;
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::CallTransfer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_at_kamailio_is_no_answer_of_a_person() {
    let kamailio = Kamailio::start().await;
    let office = office(Udp, &patient()).await;
    let attempt = call(&office, flow(&office, kamailio.address()));
    let (seen, report) = attempt.ends().await;
    assert_eq!(seen, Vec::<&str>::new());
    assert_eq!(report.outcome.answered_at, None);
    assert_eq!(report.outcome.reason, Reason::InvalidPhoneNumber, "404");
}
