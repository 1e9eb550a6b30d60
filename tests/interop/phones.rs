//! baresip and we, with nothing between.

use std::net::Ipv6Addr;
use std::time::Duration;

use callwright::call::place::{CallReport, PlaceCall};
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::transfer::TransferWay;
use callwright::config::SipTransport::{self, Tcp, Udp};
use callwright::config::TlsFiles;
use callwright::net::sip_tls::SipTls;
use callwright::stir::verdict::IdentityPolicy;
use callwright::trunk::callers::Wording;
use callwright::trunk::media::{MediaTerms, TrunkCodec};
use serde_json::json;

use crate::agents::{Referrals, heard, office, patient, presser, referrer, seat, seated};
use crate::baresip::{Account, Baresip};
use crate::office::Office;

const NUMBER: &str = "+493090180001";
const OURS: &str = "+493012345678";

/// A while in which both sides speak.
const TALK: Duration = Duration::from_millis(800);

/// The call ended as the telephone wanted, and each heard the other.
pub(crate) fn was_a_talk(office: &Office, report: &CallReport) {
    assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::UserHangup, false));
    assert!(heard(office, report) >= TALK / 2, "we heard {:?}", heard(office, report));
    assert!(report.media.as_ref().is_some_and(|media| media.received > 20), "{:?}", report.media);
}

async fn is_called(office: &mut Office, mut phone: Baresip, transport: &str) {
    phone.dials(&format!("sip:{OURS}@{}{transport}", office.address)).await;
    phone.tells("CALL_ESTABLISHED").await;
    phone.hears_the_agent().await;
    tokio::time::sleep(TALK).await;
    phone.does("hangup", "").await;
    let report = office.inbound_report().await;
    was_a_talk(office, &report);
    assert_eq!(report.ours.map(|number| number.expose().to_string()).as_deref(), Some(OURS));
}

async fn calls(office: &Office, phone: Baresip) {
    let order = office.order(phone.address, NUMBER);
    talks(office, phone, order).await;
}

async fn talks(office: &Office, mut phone: Baresip, order: PlaceCall) {
    let attempt = office.place(order);
    phone.answers().await;
    phone.hears_the_agent().await;
    tokio::time::sleep(TALK).await;
    phone.does("hangup", "").await;
    let (seen, report) = attempt.ends().await;
    assert_eq!(seen[..2], ["ringing", "answered"]);
    was_a_talk(office, &report);
}

async fn both_ways(transport: SipTransport, parameter: &str) {
    let mut office = office(transport, &patient()).await;
    is_called(&mut office, Baresip::start(Account::alone(NUMBER)).await, parameter).await;
    calls(&office, Baresip::start(Account::alone(NUMBER)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_and_is_called_over_udp() {
    both_ways(Udp, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_and_is_called_over_tcp() {
    both_ways(Tcp, ";transport=tcp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_and_is_called_over_ipv6() {
    let tls = SipTls::new(&TlsFiles::default()).expect("no files are named");
    let mut office = seated(seat(Udp, Ipv6Addr::LOCALHOST.into(), tls), &patient()).await;
    let account = || Account { host: Ipv6Addr::LOCALHOST.into(), ..Account::alone(NUMBER) };
    is_called(&mut office, Baresip::start(account()).await, "").await;
    calls(&office, Baresip::start(account()).await).await;
}

/// It asks for the only codec it has, which is the second of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_with_one_codec_is_understood() {
    for codecs in ["PCMU", "PCMA"] {
        let mut office = office(Udp, &patient()).await;
        let account = || Account { codecs, ..Account::alone(NUMBER) };
        is_called(&mut office, Baresip::start(account()).await, "").await;
        calls(&office, Baresip::start(account()).await).await;
    }
}

/// Telephones that speak nothing but a wideband codec, over trunks that have it: both sides are heard, both ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_is_understood_in_g722_and_opus() {
    for (codecs, codec) in [("G722", TrunkCodec::G722), ("opus", TrunkCodec::Opus)] {
        let media = MediaTerms { codecs: vec![codec, TrunkCodec::Pcmu], ..MediaTerms::default() };
        let mut office = office(Udp, &patient()).await;
        office.open_as(patient(), 20, IdentityPolicy::Record, (media.clone(), Wording::default()));
        let account = || Account { codecs, ..Account::alone(NUMBER) };
        is_called(&mut office, Baresip::start(account()).await, "").await;
        let phone = Baresip::start(account()).await;
        let mut order = office.order(phone.address, NUMBER);
        order.invite.media = media;
        talks(&office, phone, order).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_refuses_and_we_give_up() {
    let office = office(Udp, &patient()).await;
    let mut phone = Baresip::start(Account::alone(NUMBER)).await;
    let attempt = office.place(office.order(phone.address, NUMBER));
    phone.tells("CALL_INCOMING").await;
    phone.does("hangup", "").await;
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::DialBusy, "baresip says 486");

    let order = office.order(phone.address, NUMBER);
    let call = order.call;
    let attempt = office.place(order);
    phone.tells("CALL_INCOMING").await;
    assert!(office.calls.hang_up(call));
    let closed = phone.tells("CALL_CLOSED").await;
    assert_eq!(closed["direction"], json!("incoming"));
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.answered_at, None);
}

/// By a re-INVITE with `a=sendonly`, and another one with `a=sendrecv`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_holds_and_resumes() {
    let mut office = office(Udp, &patient()).await;
    let mut phone = Baresip::start(Account::alone(NUMBER)).await;
    phone.dials(&format!("sip:{OURS}@{}", office.address)).await;
    phone.tells("CALL_ESTABLISHED").await;
    phone.hears_the_agent().await;
    assert!(phone.hears_in(TALK).await > 30, "packets come, with or without words");
    phone.does("hold", "").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(phone.hears_in(TALK).await, 0, "nothing is sent to who does not want it");
    phone.does("resume", "").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(phone.hears_in(TALK).await > 30, "and again it is");
    phone.does("hangup", "").await;
    let report = office.inbound_report().await;
    was_a_talk(&office, &report);
}

/// RFC 4733 both ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_go_both_ways() {
    let mut office = office(Udp, &presser("59#")).await;
    let mut phone = Baresip::start(Account::alone(NUMBER)).await;
    phone.dials(&format!("sip:{OURS}@{}", office.address)).await;
    phone.tells("CALL_ESTABLISHED").await;
    for key in ["5", "9", "#"] {
        let pressed = phone.tells("CALL_DTMF_START").await;
        assert_eq!(pressed["param"], json!(key));
    }
    phone.does("sndcode", "1").await;
    phone.tells("CALL_CLOSED").await;
    let report = office.inbound_report().await;
    assert_eq!(report.outcome.reason, Reason::AgentHangup, "it has its answer, and says goodbye");
    let answers = serde_json::to_value(&report.conversation.answers).expect("answers are written");
    let given = json!([answers[0]["name"], answers[0]["value"], answers[0]["channel"]]);
    assert_eq!(given, json!(["open", { "choice": "yes" }, "dtmf"]), "{answers}");
}

/// REFER from us: baresip dials on by itself and tells how that goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_is_transferred() {
    let office = office(Udp, &patient()).await;
    office.calls.set_desk(std::sync::Arc::new(Referrals));
    let (mut phone, mut desk) =
        (Baresip::start(Account::alone(NUMBER)).await, Baresip::start(Account::alone("desk")).await);
    let mut order = office.order(phone.address, NUMBER);
    order.assistant = referrer(desk.address);
    let attempt = office.place(order);
    phone.answers().await;
    phone.hears_the_agent().await;
    desk.answers().await;
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::CallTransfer);
    let transfer = report.transfer.expect("the record tells of it");
    assert_eq!(transfer.way, TransferWay::Refer);
    let talks = desk.does("listcalls", "").await;
    assert!(talks.contains("ESTABLISHED"), "they talk without us: {talks}");
}

/// REFER to us: an agent does not let itself be sent elsewhere. baresip hangs up when it is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_cannot_send_the_agent_elsewhere() {
    let mut office = office(Udp, &patient()).await;
    let mut phone = Baresip::start(Account::alone(NUMBER)).await;
    phone.dials(&format!("sip:{OURS}@{}", office.address)).await;
    phone.tells("CALL_ESTABLISHED").await;
    phone.hears_the_agent().await;
    tokio::time::sleep(TALK).await;
    phone.does("transfer", "sip:elsewhere@127.0.0.1:9").await;
    phone.program.says("transfer failed: 405 Method Not Allowed").await;
    let report = office.inbound_report().await;
    was_a_talk(&office, &report);
    assert_eq!(report.transfer, None);
}
